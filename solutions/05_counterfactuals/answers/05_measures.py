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
