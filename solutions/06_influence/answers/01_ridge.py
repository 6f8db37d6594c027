# %% answer="ridge-influence" kind="alternative"
# answer: ridge-influence
def ridge_influence(features, targets, decay, asked, asked_targets):
    x, y = features.numpy(), targets.numpy()
    inverse = np.linalg.inv(x.T @ x + len(x) * decay * np.identity(x.shape[1]))
    theta = inverse @ (x.T @ y)
    scores = np.empty((len(asked), len(x)))
    for m, (a, b) in enumerate(zip(asked.numpy(), asked_targets.numpy())):
        for n in range(len(x)):
            scores[m, n] = (a @ theta - b) * (a @ inverse @ x[n]) * (x[n] @ theta - y[n]) * len(x)
    return scores


# %% answer="ridge-influence" kind="wrong"
# answer: ridge-influence
def ridge_influence(features, targets, decay, asked, asked_targets):
    # the Hessian of the loss without the decay
    n = len(features)
    ridge = n * decay * torch.eye(features.shape[1], dtype=torch.float64)
    theta = torch.linalg.solve(features.T @ features + ridge, features.T @ targets)
    train = features * (features @ theta - targets)[:, None]
    new = asked * (asked @ theta - asked_targets)[:, None]
    return new @ torch.linalg.inv(features.T @ features / n) @ train.T


# %% answer="left-out" kind="alternative"
# answer: left-out
def left_out_change(features, targets, decay, asked, asked_targets):
    n, d = features.shape
    ridge = n * decay * torch.eye(d, dtype=torch.float64)

    def loss(keep):
        x, y = features[keep], targets[keep]
        theta = torch.linalg.inv(x.T @ x + ridge) @ (x.T @ y)
        return 0.5 * (asked @ theta - asked_targets).square()

    everything = torch.ones(n, dtype=torch.bool)
    columns = []
    for i in range(n):
        keep = everything.clone()
        keep[i] = False
        columns.append(loss(keep) - loss(everything))
    return torch.stack(columns, 1)


# %% answer="left-out" kind="wrong"
# answer: left-out
def left_out_change(features, targets, decay, asked, asked_targets):
    # the leverage, but the loss's tangent: no square of the change
    n, d = features.shape
    inverse = torch.linalg.inv(features.T @ features + n * decay * torch.eye(d).double())
    theta = inverse @ features.T @ targets
    h = torch.einsum("nd,de,ne->n", features, inverse, features)
    moved = asked @ inverse @ features.T * (features @ theta - targets) / (1 - h)
    return (asked @ theta - asked_targets)[:, None] * moved
