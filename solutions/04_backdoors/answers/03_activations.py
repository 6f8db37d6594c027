# %% answer="two-means" kind="alternative"
# answer: two-means
def two_means(points, start):
    rows, near, far = points.numpy(), *start.numpy()
    labels = None
    while True:
        now = [int(((r - far) ** 2).sum() < ((r - near) ** 2).sum()) for r in rows]
        if now == labels:
            return now
        labels = now
        near, far = (rows[np.array(labels) == k].mean(0) for k in (0, 1))


# %% answer="two-means" kind="wrong"
# answer: two-means
def two_means(points, start):
    return torch.cdist(points, start).argmin(1)  # a single step


# %% answer="silhouette" kind="alternative"
# answer: silhouette
def silhouette(points, labels):
    rows, own = points.numpy().astype(float), labels.numpy()
    far = np.sqrt(((rows[:, None] - rows) ** 2).sum(-1))
    same = own[:, None] == own
    a = (far * same).sum(1) / (same.sum(1) - 1)
    b = np.where(same, 0, far).sum(1) / (~same).sum(1)
    return np.mean((b - a) / np.maximum(a, b))


# %% answer="silhouette" kind="wrong"
# answer: silhouette
def silhouette(points, labels):
    distances = torch.cdist(points.double(), points.double())
    same = labels[:, None] == labels
    own = (distances * same).sum(1) / same.sum(1)  # the distance to itself counts
    other = (distances * ~same).sum(1) / (~same).sum(1)
    return float(((other - own) / torch.maximum(own, other)).mean())


# %% answer="spectral-score" kind="alternative"
# answer: spectral-score
def spectral_scores(features, labels):
    scores = np.zeros(len(features))
    for label in np.unique(labels.numpy()):
        own = labels.numpy() == label
        rows = features.numpy()[own].astype(float)
        values, vectors = np.linalg.eigh(np.cov(rows.T))
        scores[own] = ((rows - rows.mean(0)) @ vectors[:, values.argmax()]) ** 2
    return scores


# %% answer="spectral-score" kind="wrong"
# answer: spectral-score
def spectral_scores(features, labels):
    centred = features - features.mean(0)  # of all classes together
    top = torch.linalg.svd(centred, full_matrices=False).Vh[0]
    return (centred @ top).square()


# %% answer="best-cut" kind="alternative"
# answer: best-cut
def explained_by_cut(values):
    ordered = np.sort(values.numpy().astype(float))
    count = len(ordered)
    left = np.arange(1, count)
    sums = np.cumsum(ordered)[:-1]
    gap = sums / left - (ordered.sum() - sums) / (count - left)
    return float((left * (count - left) * gap**2 / count**2).max() / ordered.var())


# %% answer="best-cut" kind="wrong"
# answer: best-cut
def explained_by_cut(values):
    middle = values.median()  # cut in the middle, wherever the groups are
    low, high = values[values <= middle], values[values > middle]
    within = len(low) * low.var(unbiased=False) + len(high) * high.var(unbiased=False)
    return float(1 - within / len(values) / values.var(unbiased=False))


# %% answer="find-poison" kind="alternative"
# answer: find-poison
def find_poison(features, labels):
    # whiten each class by all others, cluster it in two along its own first direction
    x = features.numpy().astype(float)
    y = labels.numpy()
    gap, answer = -1.0, None
    centred = np.concatenate([x[y == c] - x[y == c].mean(0) for c in np.unique(y)])
    whose = np.concatenate([y[y == c] for c in np.unique(y)])
    places = np.concatenate([np.flatnonzero(y == c) for c in np.unique(y)])
    for c in np.unique(y):
        others = np.cov(centred[whose != c].T)
        root = np.linalg.cholesky(
            others + 0.01 * np.trace(others) / len(others) * np.eye(len(others))
        )
        white = np.linalg.solve(root, centred[whose == c].T).T
        values = white @ np.linalg.svd(white, full_matrices=False)[2][0]
        low, high = values.min(), values.max()
        for _ in range(50):
            upper = np.abs(values - high) < np.abs(values - low)
            low, high = values[~upper].mean(), values[upper].mean()
        if values.std() > gap:
            gap = values.std()
            fewer = upper if upper.mean() < 0.5 else ~upper
            answer = c, places[whose == c][fewer]
    poisoned_ones = np.zeros(len(y), dtype=bool)
    poisoned_ones[answer[1]] = True
    return int(answer[0]), poisoned_ones


# %% answer="find-poison" kind="wrong"
# answer: find-poison
def find_poison(features, labels):
    # plain squared correlations, the class with the largest mean
    largest = torch.zeros(len(features))
    for c in labels.unique():
        own = labels == c
        centred = features[own] - features[own].mean(0)
        largest[own] = (centred @ torch.linalg.svd(centred, full_matrices=False).Vh[0]).square()
    wildest = max(labels.unique().tolist(), key=lambda c: float(largest[labels == c].mean()))
    own = labels == wildest
    return wildest, (largest > largest[own].quantile(0.9)) & own
