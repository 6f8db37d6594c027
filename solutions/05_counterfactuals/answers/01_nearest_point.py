# %% answer="nearest-l2" kind="alternative"
# answer: nearest-l2
def nearest_l2(x, weight, bias, margin):
    unit = weight / weight.norm()
    away = (torch.dot(weight, x) + bias) / weight.norm()
    return x - unit * away - margin * unit * away


# %% answer="nearest-l2" kind="wrong"
# answer: nearest-l2
def nearest_l2(x, weight, bias, margin):
    # divided by the norm, not by its square
    return x - (1 + margin) * (weight @ x + bias) / weight.norm() * weight


# %% answer="nearest-l1" kind="alternative"
# answer: nearest-l1
def nearest_l1(x, weight, bias, free):
    value = float(torch.dot(weight, x)) + bias
    cost = [abs(value / float(w)) if f else math.inf for w, f in zip(weight, free)]
    k = cost.index(min(cost))
    step = torch.zeros_like(x)
    step[k] = -value / weight[k]
    return x + step


# %% answer="nearest-l1" kind="wrong"
# answer: nearest-l1
def nearest_l1(x, weight, bias, free):
    # the largest weight, not the largest in absolute value
    strength = torch.where(free, weight, torch.full_like(weight, -torch.inf))
    k = strength.argmax()
    moved = x.clone()
    moved[k] -= (weight @ x + bias) / weight[k]
    return moved


# %% answer="mad" kind="alternative"
# answer: mad
def mad_distance(x, changed, data):
    table = data.numpy()
    spread = np.median(np.abs(table - np.median(table, axis=0)), axis=0)
    return float((np.abs(x.numpy() - changed.numpy()) / spread).sum())


# %% answer="mad" kind="wrong"
# answer: mad
def mad_distance(x, changed, data):
    # mean absolute deviation: the outlier decides
    spread = (data - data.mean(dim=0)).abs().mean(dim=0)
    return ((x - changed).abs() / spread).sum()
