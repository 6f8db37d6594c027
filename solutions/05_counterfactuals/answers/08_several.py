# %% answer="diversity" kind="alternative"
# answer: diversity
def diversity(changed, spread):
    table, unit = changed.numpy().astype(float), spread.numpy().astype(float)
    kernel = np.array([[1 / (1 + np.mean(np.abs(u - v) / unit)) for v in table] for u in table])
    return np.linalg.det(kernel)


# %% answer="diversity" kind="wrong"
# answer: diversity
def diversity(changed, spread):
    # the mean distance of two, which two groups of equal ones can have, too
    return torch.pdist(changed / spread, p=1).mean() / len(spread)


# %% answer="stability" kind="alternative"
# answer: stability
def instability(x, near, made, made_near, found):
    largest = 0.0
    for k in range(len(near)):
        if found[k]:
            ratio = torch.dist(made_near[k], made) / torch.dist(near[k], x)
            largest = max(largest, float(ratio))
    return largest


# %% answer="stability" kind="wrong"
# answer: stability
def instability(x, near, made, made_near, found):
    # the largest distance over the largest distance: they may belong to different neighbours
    return (made_near - made).norm(dim=1).max() / (near - x).norm(dim=1).max()
