# %% answer="ridge-probe" kind="alternative"
# answer: ridge-probe
def ridge_probe(features, labels, asked, decay):
    """With as many unknowns as there are examples."""
    centre = features.mean(dim=0, keepdim=True)
    rows = features - centre
    shares = torch.stack([(labels == c).to(rows.dtype) for c in range(int(labels.max()) + 1)], 1)
    inner = rows @ rows.T
    inner.diagonal().add_(decay)
    return shares.mean(0) + (asked - centre) @ rows.T @ torch.linalg.inv(inner) @ shares


# %% answer="ridge-probe" kind="wrong"
# answer: ridge-probe
def ridge_probe(features, labels, asked, decay):
    """No intercept: neither activations nor labels lose their mean."""
    wanted = torch.nn.functional.one_hot(labels).to(features)
    matrix = features.T @ features + decay * torch.eye(features.shape[1], dtype=features.dtype)
    return asked @ torch.linalg.solve(matrix, features.T @ wanted)


# %% answer="control-task" kind="alternative"
# answer: control-task
def control_labels(groups, labels, seed):
    """A dictionary, filled as groups appear."""
    rng, told = np.random.default_rng(seed), {}
    for each in groups.tolist():
        if each not in told:
            told[each] = labels[rng.integers(len(labels))]
    return np.array([told[each] for each in groups.tolist()])


# %% answer="control-task" kind="wrong"
# answer: control-task
def control_labels(groups, labels, seed):
    """The labels shuffled: each image has its own."""
    return np.random.default_rng(seed).permutation(labels)


# %% answer="who-learned" kind="alternative"
# answer: who-learned
def who_learned(accuracy, random_weights, chance):
    """The conditions in a table."""
    table = {
        "lost": accuracy[2] < random_weights[1],
        "unreadable": not accuracy[1] > chance,
        "learned": accuracy[1] > random_weights[2],
        "untrained": True,
    }
    return next(word for word, holds in table.items() if holds)


# %% answer="who-learned" kind="wrong"
# answer: who-learned
def who_learned(accuracy, random_weights, chance):
    """Values in the place of intervals."""
    if accuracy[0] < random_weights[0]:
        return "lost"
    if accuracy[0] <= chance:
        return "unreadable"
    return "learned" if accuracy[0] > random_weights[0] else "untrained"
