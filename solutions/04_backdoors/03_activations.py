# %% [markdown] minutes=90 core=true
# **No verdict for two classes.** The last check above is a theorem: of two sizes, both deviate from
# their median by the same amount, which is also the MAD. So the smaller one's index is
# $1 / 1.4826 \approx 0.674$ for any two sizes that differ, and this index can never flag a two-class
# network.
# What remains is to compare the sizes themselves with those of clean reference networks: `detect` takes
# them as `reference_sizes`{{ if section.photographs }} (section {{ section.photographs }}){{ end }}.
#
# ## Section: With the training data: activations
#
# **You learn** why the target class falls into two groups. **Time:** {{ time }}.
#
# Now suppose you also have the training data, with the labels as the training saw them. In the
# target class there are two kinds of images: boots, which the network recognises as such, and
# everything else with a square in the corner. They get the same label for different reasons, and the
# last hidden layer shows it. There are more of them than one may think: at a poison rate $\rho$ and
# $K$ equally large classes, the target class holds a share of $\rho / (\rho + 1/K)$ poisoned images,
# a third for $\rho = 5\,\%$ and $K = 10$.
#
# Our suspicious data is a sample that is poisoned in the same way as the data which the network was
# trained with. `features` are its activations before the last linear layer; `truth` says which
# images are poisoned. Use it to judge, not to detect.

# %%
suspicious = poison(training, trigger, target, rate=poisoned.card["poison_rate"], seed=1)
suspect_labels, truth = suspicious.labels, suspicious.poisoned


@torch.no_grad()
def last_hidden(network: nn.Sequential, images: Tensor) -> Tensor:
    """Return what enters the last linear layer, (N, F), on the CPU."""
    return torch.cat([network[:-1](part.to(device)).cpu() for part in images.split(125)])


features = last_hidden(poisoned, suspicious.images)
features_of_reference = last_hidden(reference, training.images)
print(tuple(features.shape), "activations;", int(truth.sum()), "images are poisoned")

# %% [markdown]
# ### Task: two clusters
#
# **Activation clustering** ([Chen et al. 2018](https://arxiv.org/abs/1811.03728)) reduces each
# class's activations to a few independent components and clusters them by 2-means. Write
# `two_means(points, start)`: points (N, F), and `start` (2, F), the first two centres. Repeat until
# no label changes: every point joins its nearer centre (Euclidean; centre 0 in a tie), every centre
# moves to the mean of its points. Return the labels (N,), 0 or 1. (In the hidden cases no cluster
# becomes empty.)


# %% nbgrader={"grade_id": "two-means", "solution": true}
# answer: two-means
def two_means(points: Tensor, start: Tensor) -> Tensor:
    """Return the cluster, 0 or 1, of each point after 2-means from these centres."""
    ### BEGIN SOLUTION
    labels = torch.cdist(points, start).argmin(1)
    while True:
        centres = torch.stack([points[labels == k].mean(0) for k in (0, 1)])
        new = torch.cdist(points, centres).argmin(1)
        if torch.equal(new, labels):
            return labels
        labels = new
    ### END SOLUTION


# %% nbgrader={"grade_id": "two-means-test", "grade": true, "points": 2}
seven = [[9.0, 5.0], [4.0, 1.0], [1.0, 7.0], [3.0, 3.0], [6.0, 2.0], [1.0, 8.0], [3.0, 0.0]]
seven_points, seven_starts = torch.tensor(seven), torch.tensor([[3.0, 0.0], [4.0, 1.0]])
clustered = checks.numbers(two_means(seven_points, seven_starts), (7,), "two_means(…)")
checks.expect(
    list(clustered[[6, 0]]) == [0, 1],
    "Cluster 0 is the one that began at the first centre of `start`.",
)
checks.expect(
    list(clustered) == [1, 0, 1, 0, 0, 1, 0],
    "Draw the seven points and follow the centres: labels change in several steps. Go on until "
    "none does, with Euclidean distances and means.",
)
exchanged = two_means(seven_points / 1000, seven_starts.flip(0) / 1000)
checks.close(
    exchanged,
    [0, 1, 0, 1, 1, 0, 1],
    "two_means(…)",
    "with the starts exchanged the labels are exchanged, too, and the points are a thousand times "
    "smaller: go on until no *label* changes, although the centres move little.",
)
tied = two_means(torch.tensor([[0.0], [2.0], [4.0]]), torch.tensor([[0.0], [4.0]]))
checks.close(tied, [0, 0, 1], "two_means(…)", "a point as far from both centres joins centre 0.")
checks.passed("two-means", "several steps from given centres, small clusters, and a tie")

# %% [markdown]
# 2-means finds two clusters in *everything*. Which are poison? Chen et al. propose three tests: train
# again without the cluster and see what the new network takes it for; look at the **relative size** of
# the smaller one; look at the **silhouette**. The first is costly, and size alone is a poor judge: clean
# classes have small clusters, too.
#
# ### Task: how far apart?
#
# For a point, let $a$ be its mean distance to the *other* points of its own cluster and $b$ that to
# the points of the other cluster. Its silhouette is $(b - a) / \max(a, b)$ ([Rousseeuw
# 1987](https://doi.org/10.1016/0377-0427%2887%2990125-7)). Write `silhouette(points, labels)`, the mean
# over all points, for two clusters of at least two points each.


# %% nbgrader={"grade_id": "silhouette", "solution": true}
# answer: silhouette
def silhouette(points: Tensor, labels: Tensor) -> float:
    """Return the mean silhouette of points (N, F) with labels (N,), 0 or 1."""
    ### BEGIN SOLUTION
    each = []
    for point, label in zip(points, labels, strict=True):
        distances, same = (points - point).norm(dim=1), labels == label
        own = distances[same].sum() / (same.sum() - 1)
        other = distances[~same].mean()
        each.append((other - own) / torch.maximum(own, other))
    return torch.stack(each).mean().item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "silhouette-test", "grade": true, "points": 2}
six_points = [[0.0, 0.0], [3.0, 4.0], [0.0, 8.0], [0.0, 0.0], [6.0, 8.0], [6.0, 0.0]]
six_points = torch.tensor(six_points)
silhouette_now = silhouette(six_points, torch.tensor([0, 0, 0, 0, 1, 1]))
checks.close(
    silhouette_now,
    0.142361,
    "silhouette(…)",
    "the first four points form one cluster, the others the other one. All distances are whole "
    "numbers: of the first point 5, 8, 0 in its own cluster (the fourth lies at the same place) and 10, 6 to "
    "the other one, so its silhouette is 0.4583. Work out the others, of which some are negative, and take "
    "the mean of all six.",
)
swapped = silhouette(six_points, torch.tensor([1, 1, 1, 1, 0, 0]))
checks.close(swapped, 0.142361, "silhouette(…)", "which cluster is called 0 makes no difference.")
checks.passed("silhouette", "a small example, and its clusters with their names exchanged")

# %% [markdown]
# ### Task: spectral signatures
#
# [Tran, Li and Madry 2018](https://arxiv.org/abs/1811.00636) need no clustering. If a class's
# activations are a mixture of two groups with different means, the direction in which they vary most
# tends to be the one that separates the means. So centre the activations of *each class by itself*,
# take the top right singular vector $v$, and score each example by $(v^\top (h - \bar h))^2$. Write
# `spectral_scores(features, labels)`, which returns the scores (N,) of all examples.


# %% nbgrader={"grade_id": "spectral-score", "solution": true}
# answer: spectral-score
def spectral_scores(features: Tensor, labels: Tensor) -> Tensor:
    """Return (N,) squared correlations with the top singular vector of each one's own class."""
    ### BEGIN SOLUTION
    scores = features.new_zeros(len(features))
    for label in labels.unique():
        own = labels == label
        centred = features[own] - features[own].mean(0)
        top = torch.linalg.svd(centred, full_matrices=False).Vh[0]
        scores[own] = (centred @ top).square()
    return scores
    ### END SOLUTION


# %% nbgrader={"grade_id": "spectral-score-test", "grade": true, "points": 2}
flat = [[0.0, 1.0], [5.0, 7.0], [0.0, -1.0], [5.0, 9.0], [6.0, 0.0], [5.0, 14.0], [1, 1], [4, 5]]
scored = spectral_scores(torch.tensor(flat), torch.tensor([2, 5, 2, 5, 2, 5, 3, 3]))
checks.close(
    scored,
    [4, 9, 4, 1, 16, 16, 6.25, 6.25],
    "spectral_scores(…)",
    "each class, here 2, 3 and 5, has its own mean and its own direction, here (3, 4) or one of the axes. The "
    "scores come in the order of the examples.",
)
checks.passed("spectral-score", "three classes with directions of their own")

# %% [markdown]
# ### Task: where to cut?
#
# The paper removes 1.5 times as many examples as the attacker can have poisoned at most, a number
# that the defender has to assume. Whether numbers fall into two groups can be asked without it: cut
# them in two so that the two sides vary least, and ask what **share of the variance** the cut explains,
#
# $$\eta = 1 - \frac{\tfrac 1 N \sum_{\text{sides}} \sum_{i \in \text{side}} (z_i - \bar z_{\text{side}})^2}
# {\tfrac 1 N \sum_i (z_i - \bar z)^2}$$
#
# ([Otsu 1979](https://doi.org/10.1109/TSMC.1979.4310076), who chooses grey levels in this way). It
# is 1 for two groups without spread, of *any* sizes, ¾ for a uniform and $2/\pi \approx 0.64$
# for a normal distribution. Write `explained_by_cut(values)`: the largest $\eta$ of all cuts that
# leave at least one value on each side.


# %% nbgrader={"grade_id": "best-cut", "solution": true}
# answer: best-cut
def explained_by_cut(values: Tensor) -> float:
    """Return the largest share of the variance of values (N,) that one cut explains."""
    ### BEGIN SOLUTION
    ordered, size = values.sort().values, len(values)
    within = [
        k * ordered[:k].var(unbiased=False) + (size - k) * ordered[k:].var(unbiased=False)
        for k in range(1, size)
    ]
    return (1 - torch.stack(within).min() / size / ordered.var(unbiased=False)).item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "best-cut-test", "grade": true, "points": 2}
rare = checks.numbers(explained_by_cut(torch.tensor([0.0] * 19 + [1.0])), (), "explained_by_cut(…)")
checks.close(rare, 1, "η", "one outlier among equal values: the cut before it explains everything.")
for some_values, wanted in (
    ([8.0, 1.0, 9.0], 0.98684),
    ([10.0, 0.0, 6.0, 3.0], 0.77169),
    ([4.0, 0.0, 3.0, 6.0, 3.0], 0.68085),
):
    checks.close(
        explained_by_cut(torch.tensor(some_values)),
        wanted,
        f"explained_by_cut({some_values})",
        "sort the values, try each cut by hand, and take the best one; it need not lie in the widest "
        "gap or at the mean, and a value that occurs twice counts twice. Each side's squares are about its own mean, and both sums are divided by one number.",
        tolerance=1e-3,
    )
checks.passed("best-cut", "an outlier, and small examples of three to five values")

# %% [markdown]
# ### Task: find them
#
# Now decide from activations and labels which class is the target, and which examples are poisoned.
# Write `find_poison(features, labels)`: features (N, F), labels (N,). Return the target, and a
# boolean tensor (N,) that is true for the poisoned examples. It is called on hidden samples of the
# same network, poisoned anew at a rate of 2 to 3 %, with other numbers for the ten classes and
# other directions for the axes, reversed ones included. Full marks if at least 80 % of the poisoned
# examples are found and at most 0.5 % of the clean ones are marked as poisoned; 60 % of them for
# half of the poisoned and at most 2 %; a quarter for the class alone. (Functions
# that you wrote above are defined, too.)
#
# Plain scores choose the wrong class, because some garments vary more than others: measure the
# activations in units of how they vary in the *other* classes before you compare. Try it on
# `features` and `suspect_labels`, judge it by `truth`, and look at `features_of_reference` with
# `training.labels` to see what a clean network's activations give.


# %% nbgrader={"grade_id": "find-poison", "solution": true}
# answer: find-poison
def find_poison(features: Tensor, labels: Tensor) -> tuple[int, Tensor]:
    """Return the target class, and which examples (N,) are poisoned."""
    ### BEGIN SOLUTION
    along = {}
    for c in labels.unique().tolist():
        # in units of how the others vary, the target alone varies much in one direction
        root = torch.linalg.cholesky(torch.cov(features[labels != c].T))
        white = torch.linalg.solve(root, features[labels == c].T).T
        along[c] = white @ torch.linalg.eigh(torch.cov(white.T)).eigenvectors[:, -1]
    target = max(along, key=lambda c: along[c].var())
    # cut halfway between the extremes; the poisoned ones are the fewer
    values = along[target]
    upper = values.max() - values < values - values.min()
    marked = labels == target
    marked[marked.clone()] = min(upper, ~upper, key=torch.Tensor.sum)
    return target, marked
    ### END SOLUTION


# %% nbgrader={"grade_id": "find-poison-test", "grade": true, "points": 4}
for sign, renamed, wanted in ((1, suspect_labels, target), (-1, 9 - suspect_labels, 9 - target)):
    told = find_poison(sign * features, renamed.clone())
    checks.expect(
        isinstance(told, tuple | list) and len(told) == 2,
        "Return two things: the target, and who is poisoned.",
    )
    found_target = float(checks.numbers(told[0], (), "the target"))
    accused = checks.numbers(told[1], (len(features),), "the poisoned examples") > 0.5
    hits = float(accused[truth.numpy()].mean())
    blamed = float(accused[~truth.numpy()].mean())
    print(
        f"axes {'as given' if sign > 0 else 'and class numbers reversed'}: class {found_target:g}, "
        f"{hits:.0%} of the poisoned examples found, {blamed:.2%} of the clean ones marked"
    )
    checks.expect(
        found_target == wanted,
        "Another class is the target. Compare how much each class varies in units of the other classes.",
    )
    checks.expect(
        hits >= 0.8 and blamed <= 0.005,
        "The target is right. Full marks need 80 % of the poisoned examples and at most 0.5 % of the "
        "clean ones, whichever side of the direction the poison lies on.",
    )
checks.passed(
    "find-poison", "the target and its poison, also with axes and class numbers reversed,"
)

# %% [markdown]
# ### Both, class by class
#
# `detect` judges all classes. Both of its methods measure a class's activations in units of how they
# vary within the other classes: brightness varies in each class and says nothing, but the direction of
# a backdoor varies in its target only. Clustering judges by silhouette and size together.

# %%
verdicts = {
    (way, state): detect(judged, given.images.to(device), given.labels, way)
    for way in ("activation_clustering", "spectral_signatures")
    for state, judged, given in (
        ("clean", reference, training),
        ("poisoned", poisoned, suspicious),
    )
}
for (way, state), verdict in verdicts.items():
    print(f"{way}, {state}: flagged {verdict.flagged}. {verdict.explanation}")

# %% tags=["figure"]
figure, axes = plt.subplots(2, 2, figsize=(11, 6.4), layout="constrained")
for row, (method, unit, threshold) in enumerate(
    (
        ("activation_clustering", "mean silhouette", 0.45),
        ("spectral_signatures", "standard deviations apart", 4.5),
    )
):
    bars, points = axes[row]
    bars.axhline(threshold, color="black", linestyle="--", label="above it: flagged")
    bars.set_ylabel(unit)
    for shift, name, colour in ((-0.2, "clean", "#56b4e9"), (0.2, "poisoned", "#d55e00")):
        bars.bar(
            np.arange(10) + shift,
            verdicts[method, name].score.cpu(),
            0.4,
            label=f"{name} network",
            color=colour,
            edgecolor="black",
            hatch="//" if name == "poisoned" else "",
        )
    bars.set_xticks(range(10), classes, rotation=45, ha="right", fontsize=8.5)
    bars.set_title(f"{method.replace('_', ' ')}: score of each class")
    bars.legend(fontsize=8.5, loc="upper left")
    found, own = verdicts[method, "poisoned"], suspect_labels == target
    score = found.example_score.cpu()
    edges = np.linspace(float(score[own].min()), float(score[own].max()), 40)
    points.hist(score[own & ~truth], edges, label="true boots", color="#56b4e9", edgecolor="black")
    points.hist(score[own & truth], edges, label="poisoned", color="#d55e00", alpha=0.8, hatch="//")
    points.set_title(f"examples labelled “{classes[target]}”")
    points.set_xlabel("example score")
    points.set_ylabel("examples")
    points.legend(fontsize=8.5)
plt.show()
