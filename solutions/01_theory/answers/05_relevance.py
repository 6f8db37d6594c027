# %% answer="lrp-epsilon" kind="alternative"
# answer: lrp-epsilon
def lrp_epsilon(x, W1, b1, W2, b2, target, epsilon, keep_bias):
    hidden = (W1 @ x + b1).clip(min=0)
    z = (W2[target] * hidden).sum() + (b2[target] if keep_bias else 0)
    z = z + epsilon if z >= 0 else z - epsilon
    R_hidden = W2[target] * hidden / z * (W2[target] @ hidden + b2[target])
    R = np.zeros(x.size)
    for j in range(hidden.size):
        z = W1[j] @ x + (b1[j] if keep_bias else 0)
        R += W1[j] * x * R_hidden[j] / (z + math.copysign(epsilon, z))
    return R


# %% answer="lrp-epsilon" kind="wrong"
# answer: lrp-epsilon
def lrp_epsilon(x, W1, b1, W2, b2, target, epsilon, keep_bias):
    if not keep_bias:  # taken out of the forward pass as well
        b1, b2 = np.zeros_like(b1), np.zeros_like(b2)
    hidden = np.maximum(W1 @ x + b1, 0)
    relevance = np.where(np.arange(len(b2)) == target, W2 @ hidden + b2, 0)
    for a, W, b in [(hidden, W2, b2), (x, W1, b1)]:
        z = W @ a + b
        relevance = a * (W.T @ (relevance / (z + epsilon * np.where(z >= 0, 1, -1))))
    return relevance


# %% answer="lrp-z-plus" kind="alternative"
# answer: lrp-z-plus
def lrp_z_plus(x, W1, b1, W2, b2, target):
    def back(a, W, R):
        result = np.zeros(len(a))
        for j in range(len(R)):
            v = a * W[j] * (W[j] > 0)
            if v.sum() != 0:
                result += v / v.sum() * R[j]
        return result

    h = np.maximum(W1 @ x + b1, 0)
    out = np.zeros(len(b2))
    out[target] = (W2 @ h + b2)[target]
    return back(x, W1, back(h, W2, out))


# %% answer="lrp-z-plus" kind="wrong"
# answer: lrp-z-plus
def lrp_z_plus(x, W1, b1, W2, b2, target):
    plus = [np.maximum(W, 0) for W in (W1, W2)]
    a = np.maximum(plus[0] @ x + b1, 0)  # negative weights cut off in the forward pass, too
    R = a * plus[1][target] / (plus[1][target] @ a) * (W2[target] @ a + b2[target])
    shares = plus[0] * x
    return (R / np.maximum(shares.sum(1), 1e-12)) @ shares


# %% answer="lrp-first-layer" kind="alternative"
# answer: lrp-first-layer
def first_layer(x, W, R, low, high, rule):
    relevance = np.zeros(len(x))
    for weights, to_share in zip(W, R):
        plus, minus = weights * (weights > 0), weights * (weights < 0)
        q = weights * weights if rule == "w2" else x * weights - low * plus - high * minus
        relevance += q / np.sum(q) * to_share
    return relevance


# %% answer="lrp-first-layer" kind="wrong"
# answer: lrp-first-layer
def first_layer(x, W, R, low, high, rule):
    if rule == "w2":
        q = W**2
    else:  # bounds exchanged
        q = x * W - high * np.maximum(W, 0) - low * np.minimum(W, 0)
    return (R / q.sum(1)) @ q


# %% answer="relu-pair" kind="alternative"
# answer: relu-pair
f_biases_ignored = np.array([3, -1]) / 2
g_biases_ignored = np.array([2, -1])
biases_kept = (3, -1)
integrated = torch.tensor([3.0, -1.0]) * 0.5


# %% answer="relu-pair" kind="wrong"
# answer: relu-pair
f_biases_ignored = [1.5, -0.5]
g_biases_ignored = [1.5, -0.5]  # as if LRP were implementation-invariant
biases_kept = [3.0, -1.0]
integrated = [1.5, -0.5]


# %% answer="gradient-times-input" kind="alternative"
# answer: gradient-times-input
def gradient_times_input(model, x, target):
    scale = torch.ones_like(x, requires_grad=True)  # d f(s x) / d s at s = 1
    model((scale * x)[None])[0, target].backward()
    return scale.grad


# %% answer="gradient-times-input" kind="wrong"
# answer: gradient-times-input
def gradient_times_input(model, x, target):
    x = x.clone().requires_grad_()
    model(x[None]).sum().backward()  # of all outputs together
    return x.detach() * x.grad
