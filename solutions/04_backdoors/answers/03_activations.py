# %% answer="two-means" kind="alternative"
# answer: two-means
def two_means(points, start):
    from sklearn.cluster import KMeans

    found = KMeans(2, init=start.numpy(), n_init=1, max_iter=1000, tol=0, algorithm="lloyd")
    return found.fit(points.numpy()).labels_


# %% answer="two-means" kind="wrong"
# answer: two-means
def two_means(points, start):
    return torch.cdist(points, start).argmin(1)  # a single step


# %% answer="silhouette" kind="alternative"
# answer: silhouette
def silhouette(points, labels):
    from sklearn.metrics import silhouette_score

    return silhouette_score(points.numpy(), labels.numpy())


# %% answer="silhouette" kind="wrong"
# answer: silhouette
def silhouette(points, labels):
    distances = torch.cdist(points, points)
    same = labels[:, None] == labels
    own = (distances * same).sum(1) / same.sum(1)  # the distance to itself counts
    other = (distances * ~same).sum(1) / (~same).sum(1)
    return float(((other - own) / torch.maximum(own, other)).mean())


# %% answer="spectral-score" kind="alternative"
# answer: spectral-score
def spectral_scores(features, labels):
    from sklearn.decomposition import PCA

    scores = np.zeros(len(features))
    for label in np.unique(labels.numpy()):
        own = labels.numpy() == label
        scores[own] = PCA(1, svd_solver="full").fit_transform(features.numpy()[own])[:, 0] ** 2
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
# by hand: whiten by the other classes' covariance, then a gap along the direction that is left
rows = features.double()
rows = rows - torch.stack([rows[suspect_labels == c].mean(0) for c in range(10)])[suspect_labels]
most_own = {}
for c in range(10):
    own = suspect_labels == c
    spread, axes = torch.linalg.eigh(torch.cov(rows[~own].T))
    white = rows[own] @ axes / (spread + 0.01 * spread.mean()).sqrt()
    along = white @ torch.linalg.svd(white, full_matrices=False).Vh[0]
    most_own[c] = (float(along.var()), along)
found_target = max(most_own, key=lambda c: most_own[c][0])
along = most_own[found_target][1]
cuts = torch.linspace(float(along.min()), float(along.max()), 60)[1:-1]
within = torch.stack(
    [
        (along > cut).sum() * along[along > cut].var(unbiased=False)
        + (along <= cut).sum() * along[along <= cut].var(unbiased=False)
        for cut in cuts
    ]
)
above = along > cuts[within.argmin()]
found_poison = torch.zeros(len(rows), dtype=torch.bool)
found_poison[suspect_labels == found_target] = above if above.double().mean() < 0.5 else ~above


# %% answer="find-poison" kind="wrong"
# answer: find-poison
# plain squared correlations, the class with the largest one
largest = torch.zeros(len(features))
for c in range(10):
    own = suspect_labels == c
    centred = features[own] - features[own].mean(0)
    largest[own] = (centred @ torch.linalg.svd(centred, full_matrices=False).Vh[0]).square()
found_target = 8  # bags differ most among each other
found_poison = (largest > largest[suspect_labels == 8].quantile(0.9)) & (suspect_labels == 8)
