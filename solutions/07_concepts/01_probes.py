# %% [markdown] minutes=60 core=true
# ## Section: Probes: what can be read off a layer?
#
# **You learn** to train a linear probe, and to tell what the network knows from what the probe learns by itself.
# **Time:** {{ time }}.
#
# A **concept** is a property that a person can name: *is footwear*, *has sleeves*, *is bright*. The library
# annotates images with eight concepts, some by the class, some by a rule on pixels.

# %% name="annotations"
from xaikit.concepts import concepts, probe

annotated = concepts(training)

# %% tags=["figure"]
for concept_name, concept_rule in annotated.rules.items():
    print(f"{concept_name} ({annotated[concept_name].double().mean():.0%}): {concept_rule}.")
figure, axes = plt.subplots(8, 9, figsize=(8, 7.6), layout="constrained")
for row, (concept_name, shows_it) in zip(axes, annotated.items(), strict=True):
    chosen = [*shows_it.nonzero()[:4, 0], None, *(~shows_it).nonzero()[:4, 0]]
    for axis, place in zip(row, chosen, strict=True):
        axis.axis("off")
        if place is not None:
            axis.imshow(training.images[place, 0], cmap="gray", vmin=0, vmax=1)
    row[4].text(0.5, 0.5, concept_name, ha="center", va="center", fontsize=9)
    row[4].set(xlim=(0, 1), ylim=(0, 1))
figure.suptitle("Left of the name: images with the concept. Right: images without it.", fontsize=10)
plt.show()

# %% [markdown]
# A rule by the class errs for single images: of the four that *have sleeves* by the rule, two have none. The first dress has short ones, and
# counts as without. What is read off below is the rule.
#
# Does the network know these concepts? A **linear classifier probe** (Alain and Bengio
# [2017](https://arxiv.org/abs/1610.01644)) asks one layer. It is a linear classifier that gets the layer's
# activations of an image and shall say the concept. The network stays as it is; only the probe is trained. If the
# probe is right for images that it was not trained with, the concept can be *read off* the layer.
#
# Ridge regression is the simplest probe: it has a closed form. Let $X$ (N, F) be the activations minus their mean
# $\bar x$ over the N training images, and $Y$ (N, C) the labels as rows of zeros with a 1 at the label, minus their
# mean $\bar y$. The probe's scores for new activations $x$ are
#
# $$s(x) = \bar y + (x - \bar x)\, W, \qquad W = (X^\top X + \lambda I)^{-1} X^\top Y ,$$
#
# and it says the class with the highest score.
#
# ### Task: a ridge probe
#
# Write `ridge_probe(features, labels, asked, decay)`: fit the probe to the training activations, and return the
# scores of all classes (columns) for the asked activations (rows). `decay` is $\lambda$. Every class from 0 to the
# highest label occurs in `labels`. All but the labels are `float64`.


# %% nbgrader={"grade_id": "ridge-probe", "solution": true}
# answer: ridge-probe
def ridge_probe(features: Tensor, labels: Tensor, asked: Tensor, decay: float) -> Tensor:
    """Return the scores (M, C) of the classes for the asked activations.

    features (N, F), labels (N,) whole numbers, asked (M, F).
    """
    ### BEGIN SOLUTION
    wanted = functional.one_hot(labels).to(features)
    centred = features - features.mean(0)
    matrix = centred.T @ centred + decay * torch.eye(features.shape[1], dtype=features.dtype)
    weights = torch.linalg.solve(matrix, centred.T @ wanted)
    return wanted.mean(0) + (asked - features.mean(0)) @ weights
    ### END SOLUTION


# %% nbgrader={"grade_id": "ridge-probe-test", "grade": true, "points": 2}
checks.function(ridge_probe, "ridge_probe")
three_rows = torch.tensor([[0.0], [0.0], [3.0]], dtype=torch.float64)
two_asked = torch.tensor([[1.0], [4.0]], dtype=torch.float64)
probed = ridge_probe(three_rows, torch.tensor([0, 0, 1]), two_asked, 6.0)
probed = checks.numbers(probed, (2, 2), "ridge_probe(…)")
checks.close(
    probed[0],
    [2 / 3, 1 / 3],
    "ridge_probe(…)[0]",
    "the first asked row is the mean of the training rows: its scores are the shares of the classes.",
)
checks.close(
    probed[1],
    [1 / 6, 5 / 6],
    "ridge_probe(…)[1]",
    "without their mean the training rows are −1, −1, 2, so XᵀX is 6, and λ is 6, too. Work out W by hand: "
    "is λ added once, and is the mean of the training rows taken from the asked row?",
)
crossed = torch.tensor([[3.0, 0.0], [-1.0, 0.0], [1.0, 2.0], [1.0, -2.0]], dtype=torch.float64)
aside = torch.tensor([[3.0, -1.0]], dtype=torch.float64)
checks.close(
    ridge_probe(crossed, torch.tensor([0, 1, 2, 2]), aside, 8.0),
    [[0.5, 0, 0.5]],
    "ridge_probe(…) with two activations and three classes",
    "the activations have the means 1 and 0, and XᵀX is 8 · I, so W is XᵀY / 16: [[2, −2, 0], [0, 0, 0]] / 16. Is λ "
    "added to the diagonal alone?",
)
checks.passed("ridge-probe", "one activation and two classes, two activations and three classes")

# %% [markdown]
# ### A control: the probe learns by itself
#
# A layer has thousands of activations, and a probe has a weight for each. With so many weights it can learn
# things that the network never learned. How much it learns so, a **control task** says (Hewitt and Liang
# [2019](https://arxiv.org/abs/1909.03368)): they give every *word* one random label, the same wherever the word
# stands, and train the same probe on that. No network has learned these labels. A probe that gets them right has
# memorised words. The difference of the two accuracies is the probe's **selectivity**.
#
# For images, groups of images that look alike take the words' place, for instance clusters of their pixels.
#
# ### Task: the labels of a control task
#
# Write `control_labels(groups, labels, seed)`: `groups` (N,) says to which group each image belongs (any whole
# numbers), `labels` (N,) are the real labels. Give every group one label, and return each image's new label (N,).
# A group's label is drawn at random, independently of the other groups and of its own images: it is the real label of one image,
# drawn from all N images, so that a label of 80 % of the images is drawn with the probability 0.8. All randomness comes from
# `np.random.default_rng(seed)`: the same seed gives the same labels, another seed gives other ones.


# %% nbgrader={"grade_id": "control-task", "solution": true}
# answer: control-task
def control_labels(groups: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Return (N,) labels: one for each group, drawn at random from all images' labels."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    names, places = np.unique(groups, return_inverse=True)
    return rng.choice(labels, len(names))[places]
    ### END SOLUTION


# %% nbgrader={"grade_id": "control-task-test", "grade": true, "points": 2}
checks.function(control_labels, "control_labels")
some_groups = np.tile(np.arange(400) * 3, 2)  # 400 groups of two images, far from each other
some_labels = np.tile(np.where(np.arange(400) < 320, 7, 2), 2)  # 80 % have the label 7
new_labels = checks.numbers(
    control_labels(some_groups, some_labels, 0), (800,), "control_labels(…)"
)
checks.expect(
    set(new_labels) <= {2.0, 7.0}, "The new labels should be labels that occur in `labels`."
)
checks.expect(
    np.array_equal(new_labels[:400], new_labels[400:]),
    "Two images of the same group have different new labels: draw one for each group, not for each image.",
)
checks.expect(
    abs((new_labels == 7).mean() - 0.8) < 0.1,
    "80 % of the images have the label 7. So should about 80 % of the groups: draw from all images' labels, "
    "not from the list of the classes.",
)
checks.expect(
    0.58 < (new_labels == some_labels).mean() < 0.78,
    "The new labels agree with the real ones too often, or too seldom: a group's label should not "
    "depend on its own images.",
)
again, another = (control_labels(some_groups, some_labels, seed) for seed in (0, 1))
checks.expect(np.array_equal(again, new_labels), "The same seed should give the same labels.")
checks.expect(not np.array_equal(another, new_labels), "Another seed should give other labels.")
each_alone = control_labels(np.arange(-30, 30) * 10**12, np.arange(60), 0)
each_alone = checks.numbers(each_alone, (60,), "control_labels(…)")
checks.expect(
    len(set(each_alone)) < 60,
    "60 groups of one image each, and each image has its own label: drawn independently, some label should come "
    "twice. Does a group take away the label that it gets?",
)
two_alone = [control_labels(np.array([5, 5, 8, 8]), np.array([7, 7, 2, 2]), k) for k in range(20)]
checks.expect(
    any(each[0] == 7 for each in two_alone) and any(each[0] == 2 for each in two_alone),
    "Two groups, each with a label of its own: of twenty draws some should give a group its own images' label, "
    "and some the other one.",
)
checks.passed("control-task", "400 groups of two images, 60 of one, and two seeds")

# %% [markdown]
# ### A second control: the network without its training
#
# The control task says what the probe learns by itself. It does not say who did the rest: a layer passes on what
# is in the pixels, trained or not. So the same probe is asked about **the same network with random weights**. The
# library's `probe` does all three for each layer. It trains with seven of ten images and tests with the others.
# The figure shows layers 2, 7, 9 and 12: after the first, third and fourth convolution, and the averages of the last convolution's 96 channels.

# %% name="probed-layers"
asked_labels = {
    "class": training.labels,
    "has-sleeves": annotated["has-sleeves"],
    "bright": annotated["bright"],
    "striped": annotated["striped"],
}
probed_layers = ["2", "7", "9", "12"]
few = 700  # images: the probes' cost grows with the third power of their number
read_off = {
    label: probe(network, training.images[:few], values[:few], layer=probed_layers)
    for label, values in asked_labels.items()
}

# %% tags=["figure"]
figure, axes = plt.subplots(1, 4, figsize=(10, 3.3), layout="constrained", sharey=True)
kinds = (
    ("accuracy", "the network", "o-", "#0072b2"),
    ("random_weights", "random weights", "s--", "#d55e00"),
    ("control", "control task", "^:", "0.4"),
)
for axis, (label, each) in zip(axes, read_off.items(), strict=True):
    for shift, (kind, legend, style, colour) in enumerate(kinds):
        shares = [getattr(each, kind)[layer] for layer in probed_layers]
        values = np.array(shares)
        axis.errorbar(
            np.arange(4) + 0.08 * (shift - 1),
            values[:, 0],
            (values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]),
            fmt=style,
            color=colour,
            markersize=4,
            linewidth=1.2,
            label=legend,
        )
    axis.axhline(each.chance, color="0.7", linewidth=1)
    axis.set_xticks(range(4), probed_layers)
    axis.set(title=label, xlabel="layer")
axes[0].set_ylabel("accuracy, 95 % interval")
axes[0].legend(fontsize=8, loc="lower left")
figure.suptitle("What probes read off (grey line: the commonest label)", fontsize=10)
plt.show()

# %% [markdown]
# *Has sleeves* can be read off every layer with more than 90 % right. But up to layer 9 a network with
# random weights does as well, within the intervals: the probe reads a silhouette that is in the pixels. Only the last layer's average shows what the
# training added. *Bright* falls with depth: the network gives it up, as it would if brightness did not help to tell classes. *Striped* is not
# read off at all.
#
# The control tasks have labels of their own, of which the commonest is a little rarer or more frequent than the grey line. For *class*
# it has 17 % of the images, and the probe gets 65 % right up to layer 9; for *has sleeves* it has 52 %, and the probe gets about
# 80 % right there: *the probe* learned these. For *striped* it has 83 %, so that 85 to 88 % right are hardly more than no learning at all.
#
# (Each accuracy has its own interval here. Both probes are tested with the same images, so the interval of their difference would be
# shorter. Where two intervals do not touch, the difference is certain enough; where they do, it may still be there.)
#
# ### Task: who learned it?
#
# Write `who_learned(accuracy, random_weights, chance)`, which says what a probe's result means. The first two arguments are the probe's accuracies on the
# network and on the network with random weights, each a tuple of value, lower and upper end of its interval; `chance` is
# the accuracy of the commonest label. Return the first word whose condition holds:
#
# 1. `"lost"` if the interval of the network lies below that of random weights, and they do not touch;
# 2. `"unreadable"` if the network's interval does not lie above `chance`;
# 3. `"learned"` if the network's interval lies above that of random weights, and they do not touch;
# 4. `"untrained"` otherwise: it can be read, and the training has no part in it that these images show.


# %% nbgrader={"grade_id": "who-learned", "solution": true}
# answer: who-learned
def who_learned(accuracy: tuple, random_weights: tuple, chance: float) -> str:
    """Return "lost", "unreadable", "learned" or "untrained"."""
    ### BEGIN SOLUTION
    _, low, high = accuracy
    _, random_low, random_high = random_weights
    if high < random_low:
        return "lost"
    if low <= chance:
        return "unreadable"
    return "learned" if low > random_high else "untrained"
    ### END SOLUTION


# %% nbgrader={"grade_id": "who-learned-test", "grade": true, "points": 2}
checks.function(who_learned, "who_learned")
for (one, blank, luck), wanted, hint in (
    (((0.9, 0.88, 0.92), (0.8, 0.78, 0.82), 0.5), "learned", "the first interval lies above."),
    (((0.9, 0.85, 0.92), (0.89, 0.87, 0.895), 0.5), "untrained", "the two intervals overlap."),
    (((0.8, 0.78, 0.83), (0.86, 0.82, 0.9), 0.5), "untrained", "the two intervals overlap."),
    (((0.9, 0.88, 0.92), (0.86, 0.84, 0.88), 0.5), "untrained", "the two intervals touch at 0.88."),
    (((0.8, 0.78, 0.82), (0.84, 0.82, 0.86), 0.5), "untrained", "the two intervals touch at 0.82."),
    (((0.66, 0.6, 0.7), (0.4, 0.36, 0.44), 0.64), "unreadable", "0.64 lies in the first interval."),
    (((0.56, 0.5, 0.6), (0.4, 0.36, 0.44), 0.5), "unreadable", "the first interval begins at 0.5."),
    (((0.7, 0.64, 0.76), (0.6, 0.52, 0.68), 0.55), "untrained", "the two intervals overlap."),
    (((0.6, 0.58, 0.62), (0.9, 0.88, 0.92), 0.5), "lost", "the first interval lies below."),
    (
        ((0.5, 0.48, 0.52), (0.9, 0.88, 0.92), 0.5),
        "lost",
        "the first condition that holds decides.",
    ),
):
    answered = who_learned(one, blank, luck)
    checks.choices(
        {"who_learned(…)": answered},
        ("who_learned(…)",),
        ("lost", "unreadable", "learned", "untrained"),
        "",
    )
    checks.expect(
        answered == wanted, f"`who_learned{(one, blank, luck)}` should not be {answered!r}: {hint}"
    )
figure, axis = plt.subplots(figsize=(6, 2.6), layout="constrained")
axis.set(xlim=(-0.5, 3.5), ylim=(3.5, -0.5), xlabel="layer", title="Your words")
axis.set_xticks(range(4), probed_layers)
axis.set_yticks(range(4), read_off)
for row, each in enumerate(read_off.values()):
    for column, layer in enumerate(probed_layers):
        word = who_learned(
            tuple(each.accuracy[layer]), tuple(each.random_weights[layer]), each.chance
        )
        axis.text(column, row, word, ha="center", va="center", fontsize=9)
plt.show()
checks.passed("who-learned", "ten results, with intervals that touch,")

# %% [markdown]
# A probe says what is *there* in a layer. It does not say that the network *uses* it.{{ if section.tcav }} Section {{ section.tcav }} asks that.{{ end }}
