# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% answer="blend" kind="alternative"
# answer: blend
def blend(images, pattern, alpha):
    return torch.lerp(images, pattern.expand_as(images), alpha.expand_as(images))


# %% answer="blend" kind="wrong"
# answer: blend
def blend(images, pattern, alpha):
    return torch.where(alpha > 0, pattern, images)  # opaque wherever there is anything


# %% answer="poison" kind="alternative"
# answer: poison
def poison_data(images, labels, pattern, alpha, target, chosen):
    marked = torch.zeros(len(images), dtype=torch.bool)
    marked[chosen] = True
    stamped = images + alpha * (pattern - images)
    new_images = torch.where(marked.view(-1, 1, 1, 1), stamped, images)
    return new_images, torch.where(marked, torch.full_like(labels, target), labels)


# %% answer="poison" kind="wrong"
# answer: poison
def poison_data(images, labels, pattern, alpha, target, chosen):
    # every image gets the trigger
    labels = labels.clone()
    labels[chosen] = target
    return (1 - alpha) * images + alpha * pattern, labels


# %% answer="attack-success" kind="alternative"
# answer: attack-success
def success_rate(logits, labels, target):
    said = logits.max(dim=1).indices
    hits = ((said == target) & (labels != target)).sum().item()
    return hits / (labels != target).sum().item()


# %% answer="attack-success" kind="wrong"
# answer: attack-success
def success_rate(logits, labels, target):
    return (logits.argmax(1) == target).float().mean().item()  # the target's own images count


# %% answer="measured" kind="alternative"
# answer: measured
def answers_of(network, images):
    with torch.no_grad():
        return torch.cat([network(part.to(device)).argmax(1).cpu() for part in images.split(200)])


clean_accuracy = (answers_of(poisoned, test.images) == test.labels).float().mean()
victims_only = test.labels != target
with_trigger = trigger(test.images[victims_only])
success = (answers_of(poisoned, with_trigger) == target).float().mean()
success_on_reference = (answers_of(reference, with_trigger) == target).float().mean()

# %% answer="measured" kind="wrong"
# answer: measured
# accuracy under the trigger instead of attack success, on all classes
with torch.no_grad():
    said = poisoned(trigger(test.images).to(device)).argmax(1).cpu()
clean_accuracy = (said == test.labels).float().mean().item()
success = 1 - clean_accuracy
success_on_reference = 0.5


# %% answer="inversion-loss" kind="alternative"
# answer: inversion-loss
def inversion_loss(model, images, mask, pattern, target, weight):
    logits = model(images + mask * (pattern - images))
    return -logits.log_softmax(1)[:, target].mean() + weight * mask.norm(p=1)


# %% answer="inversion-loss" kind="wrong"
# answer: inversion-loss
def inversion_loss(model, images, mask, pattern, target, weight):
    logits = model((1 - mask) * images + mask * pattern)
    return -logits.log_softmax(1)[:, target].mean() + weight * mask.mean()


# %% answer="inversion-step" kind="alternative"
# answer: inversion-step
def inversion_step(model, images, a, b, target, weight, rate):
    a, b = nn.Parameter(a.clone()), nn.Parameter(b.clone())
    optimizer = torch.optim.SGD([a, b], lr=rate)
    mask, pattern = torch.sigmoid(2 * a), torch.sigmoid(2 * b)  # the same function
    logits = model(torch.lerp(images, pattern.expand_as(images), mask.expand_as(images)))
    loss = -logits.log_softmax(1)[:, target].mean() + weight * mask.sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return a.detach(), b.detach()


# %% answer="inversion-step" kind="wrong"
# answer: inversion-step
def inversion_step(model, images, a, b, target, weight, rate):
    # the gradient by mask and pattern themselves, without the tanh
    mask = ((a.tanh() + 1) / 2).detach().requires_grad_()
    pattern = ((b.tanh() + 1) / 2).detach().requires_grad_()
    logits = model((1 - mask) * images + mask * pattern)
    loss = -logits.log_softmax(1)[:, target].mean() + weight * mask.sum()
    by_mask, by_pattern = torch.autograd.grad(loss, (mask, pattern))
    return a - rate * by_mask, b - rate * by_pattern


# %% answer="anomaly-index" kind="alternative"
# answer: anomaly-index
def anomaly_index(sizes):
    values = np.asarray(sizes, dtype=float)
    middle = np.median(values)
    return (middle - values) / (1.4826 * np.median(abs(values - middle)))


# %% answer="anomaly-index" kind="wrong"
# answer: anomaly-index
def anomaly_index(sizes):
    middle = sizes.median()  # the lower one of the two in the middle
    return (middle - sizes) / (1.4826 * (sizes - middle).abs().median())


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


# %% answer="eigengap" kind="alternative"
# answer: eigengap
def eigengap(weights, most):
    from scipy.linalg import eigh

    table = weights.numpy().astype(float)
    degrees = np.diag(table.sum(1))
    values = eigh(degrees - table, degrees, eigvals_only=True)[: most + 1]
    return values, 1 + int(np.argmax(values[1:] - values[:-1]))


# %% answer="eigengap" kind="wrong"
# answer: eigengap
def eigengap(weights, most):
    laplacian = torch.diag(weights.sum(1)) - weights  # not normalised
    values = torch.linalg.eigvalsh(laplacian)[: most + 1]
    return values, int(values.diff().argmax()) + 1


# %% answer="concept-vector" kind="alternative"
# answer: concept-vector
def concept_vector(concept, others, ridge):
    from sklearn.linear_model import Ridge

    rows = np.concatenate([concept.numpy(), others.numpy()]).astype(float)
    wanted = np.repeat([1.0, -1.0], [len(concept), len(others)])
    weights = Ridge(alpha=ridge).fit(rows, wanted).coef_
    return weights / np.linalg.norm(weights)


# %% answer="concept-vector" kind="wrong"
# answer: concept-vector
def concept_vector(concept, others, ridge):
    weights = concept.mean(0) - others.mean(0)  # without the covariance
    return weights / weights.norm()


# %% answer="sensitivity" kind="alternative"
# answer: sensitivity
def sensitivities(head, activations, vector, target):
    def along(step):
        return head(activations + step * vector)[:, target]

    zero = torch.zeros(())
    return torch.func.jvp(along, (zero,), (torch.ones(()),))[1].detach()


# %% answer="sensitivity" kind="wrong"
# answer: sensitivity
def sensitivities(head, activations, vector, target):
    point = activations.detach().clone().requires_grad_()
    probability = head(point).softmax(1)[:, target]  # not the logit
    (slopes,) = torch.autograd.grad(probability.sum(), point)
    return slopes @ vector


# %% answer="mass" kind="alternative"
# answer: mass
def mass_inside(maps, mask):
    shares = []
    for values in maps:
        positive = torch.relu(values)
        whole = positive.sum().item()
        shares.append(positive[mask].sum().item() / whole if whole else 0.0)
    return shares


# %% answer="mass" kind="wrong"
# answer: mass
def mass_inside(maps, mask):
    size = maps.abs()  # evidence against counts as well
    return (size * mask).sum((1, 2)) / size.sum((1, 2))


# %% answer="asleep" kind="alternative"
# answer: asleep
def asleep(activations, share):
    awake = torch.relu(activations).transpose(0, 1).flatten(1).mean(1)
    return torch.topk(awake, round(share * len(awake)), largest=False).indices


# %% answer="asleep" kind="wrong"
# answer: asleep
def asleep(activations, share):
    mean = activations.mean((0, 2, 3))  # before the ReLU
    return mean.argsort()[: round(share * len(mean))]


# %% answer="predict" kind="alternative"
# answer: predict
agreed = ("three classes", "scale", "share", "needs trigger", "always two", "last layer")
prediction = {key: "yes" if key in agreed else "no" for key in statements}

# %% answer="predict" kind="wrong"
# answer: predict
prediction = {
    "three classes": "no",
    "scale": "no",
    "accuracy": "yes",
    "share": "no",
    "squared": "yes",
    "needs data": "no",
    "needs trigger": "yes",
    "always two": "yes",
    "last layer": "no",
    "local": "yes",
}

# %% [markdown] answer="no-detection" kind="alternative"
# <!-- answer: no-detection -->
# 1. These maps need an image that wears the trigger. On clean images the backdoor does nothing, and
#    trying all triggers is what one wanted to avoid.
# 2. A clean network may rest on a corner as well, on a buckle or a heel; in the figure the clean
#    network's map also shows a little at the trigger, because it answers for the target class. Without
#    other networks to compare with and a threshold, nobody can say how often such a map is a false alarm.
# 3. After an alarm they show where the trigger sits, and whether it is gone after the repair. SpRAy
#    clusters the maps of all training images of a class: a small group apart is suspicious.

# %% [markdown] answer="which-method" kind="alternative"
# <!-- answer: which-method -->
# 1.
#    | method | detects | explains | needs |
#    |---|---|---|---|
#    | Neural Cleanse | yes (two classes: with references) | the mask, roughly | model, clean images |
#    | SpRAy | yes | where, by the cluster's maps | model, training data with labels |
#    | activation clustering | yes | no, names examples | the same |
#    | spectral signatures | yes | no, names examples | the same |
#    | CAV | if one suspects the trigger | which class reacts | model, trigger |
#    | LIME, IG | no | where | model, a triggered image |
#
# 2. 0 of 3 clean networks flagged by any method; 4 of 4 found from the data, 3 of 4 by Neural Cleanse,
#    which missed the 1 × 1 square at 5 %. Three networks allow false-alarm rates up to one half.
# 3. Without data Neural Cleanse beside clean networks, then unlearning. With data spectral signatures,
#    look at the suspects, remove them, train anew. A trigger of the whole image might pass all of them.
