# %% answer="finite-differences" kind="alternative"
# answer: finite-differences
def finite_differences(model, x, target, h):
    result = []
    for i in range(x.shape[0]):
        pair = []
        for sign in (1, -1):
            moved = x.clone()
            moved[i] += sign * h
            pair.append(model(moved.unsqueeze(0))[0][target].item())
        result.append((pair[0] - pair[1]) / h / 2)
    return result


# %% answer="finite-differences" kind="wrong"
# answer: finite-differences
def finite_differences(model, x, target, h):
    here = model(x[None])[0, target]
    moved = x + h * torch.eye(len(x))
    return (model(moved)[:, target] - here) / h


# %% answer="input-gradient" kind="alternative"
# answer: input-gradient
def input_gradient(x, W1, b1, W2, b2, target):
    gradient = np.zeros(len(x))
    for j in range(len(b1)):
        if W1[j].dot(x) + b1[j] > 0:
            gradient += W2[target, j] * W1[j]
    return gradient


# %% answer="input-gradient" kind="wrong"
# answer: input-gradient
def input_gradient(x, W1, b1, W2, b2, target):
    return W1.T @ (np.maximum(W1 @ x + b1, 0) * W2[target])  # the activation, not its derivative


# %% answer="multiply-adds" kind="alternative"
# answer: multiply-adds
def multiply_adds(widths):
    once = 0
    for i in range(1, len(widths)):
        once += widths[i - 1] * widths[i]
    return [once, once * 2, once * widths[0] * 2]


# %% answer="multiply-adds" kind="wrong"
# answer: multiply-adds
def multiply_adds(widths):
    weights = sum(n * m for n, m in zip(widths, widths[1:]))
    return weights, weights**2, 2 * widths[0] * weights


# %% answer="repair-guided" kind="alternative"
# answer: repair-guided
def guided_backpropagation(x, W1, b1, W2, b2, W3, target):
    z1 = W1 @ x + b1
    z2 = W2 @ np.maximum(z1, 0) + b2
    signal = W3[target]
    for W, z in [(W2, z2), (W1, z1)]:
        signal = W.T @ (signal * (signal > 0) * (z > 0))
    return signal


# %% answer="repair-guided" kind="wrong"
# answer: repair-guided
def guided_backpropagation(x, W1, b1, W2, b2, W3, target):
    z1 = W1 @ x + b1
    z2 = W2 @ np.maximum(z1, 0) + b2
    signal = W3[target]
    for W, z in [(W2, z2), (W1, z1)]:
        signal = W.T @ (signal * (z > 0))
    return signal


# %% answer="repair-cosine" kind="alternative"
# answer: repair-cosine
def cosine_distance(a, b):
    a, b = (torch.as_tensor(v).flatten().double() for v in (a, b))
    return 1.0 - float((a / a.norm()).dot(b / b.norm()))


# %% answer="repair-cosine" kind="wrong"
# answer: repair-cosine
def cosine_distance(a, b):
    a, b = np.ravel(a), np.ravel(b)
    return 1 - abs(a @ b) / (np.linalg.norm(a) * np.linalg.norm(b))
