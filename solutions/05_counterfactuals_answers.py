# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

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


# %% answer="wachter-loss" kind="alternative"
# answer: wachter-loss
def wachter_loss(network, changed, x, target, wanted, weight):
    logits = network(changed.unsqueeze(0)).squeeze(0)
    p = (logits[target] - torch.logsumexp(logits, 0)).exp()
    return weight * (p - wanted).pow(2) + torch.linalg.vector_norm(changed - x, ord=1)


# %% answer="wachter-loss" kind="wrong"
# answer: wachter-loss
def wachter_loss(network, changed, x, target, wanted, weight):
    # alibi's λ: at the distance
    p = network(changed[None]).softmax(dim=1)[0, target]
    return (p - wanted) ** 2 + weight * (changed - x).abs().sum()


# %% answer="proximal" kind="alternative"
# answer: proximal
def proximal_step(changed, x, slope, rate):
    stepped = changed - rate * slope
    return torch.maximum(torch.minimum(x, stepped + rate), stepped - rate).clamp(0, 1)


# %% answer="proximal" kind="wrong"
# answer: proximal
def proximal_step(changed, x, slope, rate):
    # shrinks the pixel's brightness instead of its change
    stepped = changed - rate * slope
    return (stepped.sign() * (stepped.abs() - rate).clamp(min=0)).clamp(0, 1)


# %% answer="search" kind="alternative"
# answer: search
def next_weight(low, high, weight, found):
    low, high = (low, weight) if found else (weight, high)
    if high == 0:
        return low, high, weight * 10
    return low, high, low + (high - low) / 2


# %% answer="search" kind="wrong"
# answer: search
def next_weight(low, high, weight, found):
    # alibi's way round: a failure lowers λ
    low, high = (weight, high) if found else (low, weight)
    return low, high, 10 * weight if high == 0 else (low + high) / 2


# %% answer="which-lambda" kind="alternative"
# answer: which-lambda
which_lambda = dict(wachter="surer", alibi="nearer")
which_lambda["alibi after a failure"] = "down"

# %% answer="which-lambda" kind="wrong"
# answer: which-lambda
which_lambda = {"wachter": "surer", "alibi": "surer", "alibi after a failure": "up"}

# %% answer="my-dress" kind="alternative"
# answer: my-dress
# Few pixels, the best ones, as strongly as they like: greedy instead of shrinking.
candidate = shirt.clone()
my_dress = None
allowed = torch.zeros_like(shirt, dtype=torch.bool)
for round_ in range(40):
    for _ in range(10):
        candidate.requires_grad_()
        p = model(candidate[None])[0].log_softmax(0)[dress]
        (slope,) = torch.autograd.grad(p, candidate)
        candidate = candidate.detach()
        room = torch.where(slope > 0, 1 - candidate, candidate)
        if _ == 0:
            worth = (slope.abs() * room).masked_fill(allowed, -1)
            best = worth.flatten().topk(4).indices
            allowed.view(-1)[best] = True
        candidate = torch.where(allowed, (candidate + 0.1 * slope.sign()).clamp(0, 1), candidate)
        with torch.no_grad():
            sure = float(model(candidate[None]).softmax(1)[0, dress])
        if sure >= 0.9:
            my_dress = candidate
            break
    if my_dress is not None:
        break

# %% answer="my-dress" kind="wrong"
# answer: my-dress
# no L1 term: it is a dress, but everything has changed
candidate = shirt.clone()
for _ in range(60):
    candidate.requires_grad_()
    (slope,) = torch.autograd.grad(model(candidate[None])[0].log_softmax(0)[dress], candidate)
    candidate = (candidate.detach() + 0.02 * slope.sign()).clamp(0, 1)
my_dress = candidate


# %% answer="prototype" kind="alternative"
# answer: prototype
def nearest_prototype(code, codes, labels, k, original):
    others = [c for c in sorted(set(labels.tolist())) if c != original]
    prototypes = []
    for c in others:
        own = codes[labels == c]
        near = torch.cdist(code[None], own)[0].topk(k, largest=False).indices
        prototypes.append(own[near].mean(0))
    prototypes = torch.stack(prototypes)
    winner = int((prototypes - code).square().sum(1).argmin())
    return others[winner], prototypes[winner]


# %% answer="prototype" kind="wrong"
# answer: prototype
def nearest_prototype(code, codes, labels, k, original):
    # the mean of the whole class, far images included
    others = [c for c in labels.unique().tolist() if c != original]
    means = torch.stack([codes[labels == c].mean(0) for c in others])
    winner = int((means - code).norm(dim=1).argmin())
    return others[winner], means[winner]


# %% answer="ddpg" kind="alternative"
# answer: ddpg
def losses(value, predicted, targets, value_now, x, rebuilt, alpha):
    reward = torch.where(predicted == targets, 1.0, 0.0)
    distance = torch.linalg.vector_norm(x - rebuilt, ord=1, dim=1)
    return nn.functional.mse_loss(value, reward), (alpha * distance - value_now).mean()


# %% answer="ddpg" kind="wrong"
# answer: ddpg
def losses(value, predicted, targets, value_now, x, rebuilt, alpha):
    # the actor descends the critic instead of climbing it
    reward = (predicted == targets).float()
    critic = (value - reward).square().mean()
    return critic, value_now.mean() + alpha * (x - rebuilt).abs().sum(1).mean()


# %% answer="needs" kind="alternative"
# answer: needs
needs = {
    name: "predictions" if name == "rl" else "gradient" for name in ("wachter", "prototype", "rl")
}
cost = dict(wachter="search", prototype="search", rl="one pass")

# %% answer="needs" kind="wrong"
# answer: needs
needs = {"wachter": "gradient", "prototype": "predictions", "rl": "gradient"}
cost = {"wachter": "one pass", "prototype": "one pass", "rl": "search"}


# %% answer="qualities" kind="alternative"
# answer: qualities
def qualities(x, changed, probabilities, targets):
    rows = [k for k in range(len(x)) if int(probabilities[k].argmax()) == int(targets[k])]
    deltas = [(changed[k] - x[k]).abs() for k in rows]

    def mean(values):
        return sum(float(v) for v in values) / len(values)

    return (
        len(rows) / len(x),
        mean([d.sum() for d in deltas]),
        mean([d.square().sum().sqrt() for d in deltas]),
        mean([(d < 0.001).double().mean() for d in deltas]),
    )


# %% answer="qualities" kind="wrong"
# answer: qualities
def qualities(x, changed, probabilities, targets):
    # distances over all items, also those that failed
    valid = probabilities.argmax(dim=1) == targets
    change = (changed - x).abs()
    return (
        valid.float().mean(),
        change.sum(1).mean(),
        change.norm(dim=1).mean(),
        (change < 1e-3).float().mean(),
    )


# %% answer="im" kind="alternative"
# answer: im
def im(changed, rebuilt_target, rebuilt_original, rebuilt_all, epsilon):
    def error(a, b):
        return torch.linalg.vector_norm(a - b, dim=1) ** 2

    one = error(changed, rebuilt_target) / (error(changed, rebuilt_original) + epsilon)
    return one, error(rebuilt_target, rebuilt_all) / (changed.abs().sum(1) + epsilon)


# %% answer="im" kind="wrong"
# answer: im
def im(changed, rebuilt_target, rebuilt_original, rebuilt_all, epsilon):
    # norms without the square
    near = (changed - rebuilt_target).norm(dim=1)
    far = (changed - rebuilt_original).norm(dim=1)
    return near / (far + epsilon), (rebuilt_target - rebuilt_all).norm(dim=1) / (
        changed.abs().sum(dim=1) + epsilon
    )


# %% answer="table" kind="alternative"
# answer: table
rows, columns = torch.nonzero(others, as_tuple=True)
found = {m: results[m].found[rows, columns] for m in methods}
all_three = torch.stack(list(found.values())).all(dim=0)
found_share = {m: float(found[m].double().mean()) for m in methods}
rows, columns = rows[all_three], columns[all_three]
median_l1, median_im1 = {}, {}
for m in methods:
    made = results[m].counterfactuals[rows, columns]
    median_l1[m] = np.sort((made - originals[rows]).abs().flatten(1).sum(1).cpu().numpy())[
        (len(rows) - 1) // 2
    ]
    ratio = []
    with torch.no_grad():
        for k in range(len(rows)):
            one = made[k : k + 1]
            errors = [
                float(((one - judges[str(int(c))](one)) ** 2).sum())
                for c in (columns[k], own[rows[k]])
            ]
            ratio.append(errors[0] / errors[1])
    median_im1[m] = sorted(ratio)[(len(ratio) - 1) // 2]

# %% answer="table" kind="wrong"
# answer: table
# all forty pairs, the image's own class among them, and each method over its own successes
found_share, median_l1, median_im1 = {}, {}, {}
for name, result in results.items():
    found_share[name] = 1 - result.found.float().mean().item()
    median_l1[name] = result.distance_l2[result.found].median().item()
    median_im1[name] = 1 + result.distance_l1[result.found].mean().item()

# %% answer="im2-flaw" kind="alternative"
# answer: im2-flaw
picture = originals[3].flip(2)
smallest = math.inf
for step in range(300):
    picture = picture.detach().requires_grad_()
    value = im2(picture[None], dress).sum()
    (slope,) = torch.autograd.grad(value, picture)
    with torch.no_grad():
        if model(picture[None]).argmax() != dress and value < smallest:
            smallest, pleasing = float(value), picture.detach()
        picture = (picture - 0.02 * (1 - step / 300) * slope.sign()).clamp(0, 1)

# %% answer="im2-flaw" kind="wrong"
# answer: im2-flaw
# a real dress: IM2 is small, and rightly so
pleasing = dresses[int(im2(dresses, dress).argmin())].detach()

# %% answer="transfer" kind="alternative"
# answer: transfer
transfer = {}
for name in candidates:
    with torch.no_grad():
        first = model(candidates[name]).argmax(1).eq(dress).cpu().numpy()
        other = second(candidates[name]).argmax(1).eq(dress).cpu().numpy()
    transfer[name] = (first & other).sum() / first.sum()
most_convincing = sorted(transfer, key=lambda name: -transfer[name])[0]

# %% answer="transfer" kind="wrong"
# answer: transfer
# the share that persuades the first network: that is validity, not transfer
with torch.no_grad():
    transfer = {
        name: float((model(each).argmax(1) == dress).float().mean() - 0.1)
        for name, each in candidates.items()
    }
most_convincing = "adversarial"

# %% [markdown] answer="judgement" kind="alternative"
# <!-- answer: judgement -->
# 1. Wachter's pictures: none looks like its class, the shirt "as a trouser" is the shirt with dots.
#    Of the prototypes' none quite; the T-shirt as trousers comes nearest, it has a gap between legs.
#    The actor's T-shirt as a bag is one, with a handle; its boot as a shirt is a grey blob with arms.
# 2. The L1 distance is smallest for Wachter and so is what I see: agreement. Validity says that all
#    methods are nearly perfect, my eyes do not: it asks the same network that was fooled.
# 3. For customers the actor, since a person has to recognise something. For developers Wachter, since
#    it shows on which few pixels the decision hangs, however silly.
