# %% [markdown] minutes=45
# ## Section: Two heuristics, and why neither suffices
#
# **You learn** two quick tests of influence scores, what a score needs to pass them, and why a right
# score may fail them. **Time:** {{ time }}.
#
# To retrain a network without each example is too expensive. So people look for properties that "every
# good influence score should have". The lecture named two:
#
# 1. **Itself.** Ask about a training example: its top proponent should be *the example itself*.
# 2. **Same class.** Ask about a test image: its top proponents should be *of the same class*. (Hanawa,
#    Yokoi, Hara and Inui [2021](https://arxiv.org/abs/2006.04528) call this the identical class test, one
#    of three that they regard as minimal requirements of an explanation by similar examples.)
#
# Both cost nothing but the scores. First you measure them, then you build a training set for each
# in which the heuristic is wrong.
#
# ### Task: measure the two heuristics
#
# Write `heuristics(among, scores, labels, training_labels, k)`, which returns two shares:
#
# - *itself*: the share of training examples whose highest score in `among` is that of the example
#   itself. `among[i, j]` says what training on example $j$ does for example $i$.
# - *same class*: for each asked image take the `k` training examples with the highest scores, and count
#   the share that has the image's label; then take the mean over the images.
#
# No two scores of a row are equal.


# %% nbgrader={"grade_id": "heuristics", "solution": true}
# answer: heuristics
def heuristics(
    among: Tensor, scores: Tensor, labels: Tensor, training_labels: Tensor, k: int
) -> tuple[float, float]:
    """Return the shares of examples that pass the two heuristics.

    among: (N, N), scores of training examples for training examples. scores: (M, N), for asked
    images with labels (M,). training_labels: (N,).
    """
    ### BEGIN SOLUTION
    itself = among.argmax(dim=1) == torch.arange(len(among))
    top = scores.topk(k, dim=1).indices
    same = training_labels[top] == labels[:, None]
    return itself.float().mean().item(), same.float().mean().item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "heuristics-test", "grade": true, "points": 2}
checks.function(heuristics, "heuristics")
three_rows = torch.tensor([[0.5, -0.9, 0.1], [0.4, 0.3, 0.1], [0.1, 0.2, 0.4]])
two_rows = torch.tensor([[0.6, 0.9, 0.3, 0.1], [-2.0, -0.1, -0.5, -0.9]])
both_shares = checks.numbers(
    heuristics(three_rows, two_rows, torch.tensor([4, 5]), torch.tensor([4, 5, 5, 5]), 2),
    (2,),
    "heuristics(…)",
)
checks.close(
    both_shares[0],
    2 / 3,
    "the first share",
    "The rows belong to the asked examples. The first and the third are their own top proponents; the "
    "second is not. A large negative score is no proponent.",
)
checks.close(
    both_shares[1],
    0.75,
    "the second share",
    "The two top proponents of the first image are the examples 1 and 0, and one has its label; those of "
    "the second are 1 and 2, and both have it. Sort signed scores, also where all are negative.",
)
checks.passed("heuristics", "three examples for each other, and two images,")

# %% [markdown]
# ### A right score that is not itself
#
# A model that is simple enough to retrain: $f(x) = w x$ with one number as input, trained by ridge
# regression, so that the weight $w$ minimises $\sum_j (y_j - w x_j)^2 + w^2$. The next cell retrains it
# without each example. The result is no approximation: it *is* the influence of leaving out, the gold
# standard.


# %%
from sklearn.linear_model import Ridge


def leaving_out(inputs, targets, asked_input, asked_target) -> np.ndarray:
    """Return by how much the asked squared error rises if each example is left out: (N,)."""
    inputs, targets = (np.asarray(each, dtype=float) for each in (inputs, targets))

    def error(rows) -> float:
        line = Ridge(alpha=1, fit_intercept=False).fit(inputs[rows, None], targets[rows])
        return float((line.coef_[0] * asked_input - asked_target) ** 2)

    everyone = np.arange(len(inputs))
    return np.array([error(everyone != j) - error(everyone >= 0) for j in everyone])


print(leaving_out([1, 2, 3], [2, 1, 3], 1, 2).round(3))

# %% [markdown]
# ### Task: a counter-example to "itself"
#
# Build a training set of four examples, `own_inputs` (4,) and `own_targets` (4,), with numbers from −10
# to 10, so that *example 0* is not its own top proponent: if example 0 is left out, its own squared error changes by
# at most 0.1, but if some other example is left out, it rises by at least 1 more than that.
#
# Think first: for which examples does leaving them out change nothing?

# %% nbgrader={"grade_id": "not-itself", "solution": true}
# answer: not-itself
own_inputs = own_targets = None
### BEGIN SOLUTION
# Example 0 lies on the line that the others agree on: it adds nothing. Without one of them, though,
# that line is another one.
own_inputs, own_targets = [1.0, 2.0, 2.0, 2.0], [1.0, 8.0, -4.0, 3.0]
### END SOLUTION

# %% nbgrader={"grade_id": "not-itself-test", "grade": true, "points": 2}
four_inputs = checks.numbers(own_inputs, (4,), "own_inputs")
four_targets = checks.numbers(own_targets, (4,), "own_targets")
checks.expect(
    max(abs(four_inputs).max(), abs(four_targets).max()) <= 10, "The numbers go from −10 to 10."
)
rises = leaving_out(four_inputs, four_targets, four_inputs[0], four_targets[0])
checks.expect(
    rises[0] < rises[1:].max(),
    f"Left out, the examples raise the error of example 0 by {rises.round(2).tolist()}: the first number "
    "is the largest. When does a line not need example 0?",
)
checks.expect(
    abs(rises[0]) <= 0.1,
    f"Left out, example 0 changes its own error by {rises[0]:.2f}: at most 0.1. Move it nearer to the line.",
)
checks.expect(
    rises[1:].max() - rises[0] >= 1,
    f"The right direction, but the lead is {rises[1:].max() - rises[0]:.2f}: it should be at least 1. "
    "Spread the other examples more.",
)
figure, axis = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
reach = np.array([-1, 1]) * max(abs(four_inputs).max(), 1)
needed = 1 + int(rises[1:].argmax())
for without, style, colour, width, label in (
    (-1, "-", "0.7", 4, "all examples"),
    (0, ":", "k", 1.5, "without example 0"),
    (needed, "--", "k", 1.2, f"without example {needed}"),
):
    kept_ones = np.arange(4) != without
    fitted = Ridge(alpha=1, fit_intercept=False).fit(
        four_inputs[kept_ones, None], four_targets[kept_ones]
    )
    axis.plot(reach, fitted.coef_[0] * reach, style, color=colour, linewidth=width, label=label)
axis.plot(four_inputs[1:], four_targets[1:], "s", color="0.5", label="examples 1 to 3")
axis.plot(four_inputs[:1], four_targets[:1], "*", color="#d55e00", markersize=13, label="example 0")
axis.set_xlabel("input")
axis.set_ylabel("target")
axis.set_title("Which line leads away from example 0?", fontsize=10)
axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
checks.passed("not-itself", "the range of the numbers, and what leaving out each example does,")

# %% [markdown]
# An example that the model fits has (nearly) no gradient, so leaving it out changes (nearly) nothing. In
# a network that was trained to the end this holds for most examples. The heuristic demands of a right
# score what is not true.
#
# The reverse happens as well: a score passes without knowing anything. Grad-Cos passes *always*, also with
# a network that was never trained: no vector has a larger cosine with $g_i$ than $g_i$ itself. And the
# nearest exemplar of an image is the image: its distance is zero.
#
# ### Task: a counter-example to "same class"
#
# Now $f(x) = w x$ is a classifier: the labels are −1 and 1, and the sign of $f$ is the class. Build a
# training set of four examples, `pair_inputs` (4,) from −10 to 10 and `pair_labels` (4,), two of each class,
# and set `asked_input`, an input of class 1, from −10 to 10, so that the top proponent of the asked input
# is of *the other class*:
#
# - if some example of class −1 is left out, the squared error $(f(x) - 1)^2$ of the asked input rises by at
#   least 0.1 more than if any example of class 1 is left out;
# - no label is a mistake: the model that was trained with all four says the class of every training example,
#   and of the asked input.

# %% nbgrader={"grade_id": "other-class", "solution": true}
# answer: other-class
pair_inputs = pair_labels = asked_input = None
### BEGIN SOLUTION
# What is far on the other side fixes the slope better than what lies near the border on this side.
pair_inputs, pair_labels = [-1.5, -0.1, 0.2, 0.1], [-1, -1, 1, 1]
asked_input = 1.2
### END SOLUTION

# %% nbgrader={"grade_id": "other-class-test", "grade": true, "points": 2}
places = checks.numbers(pair_inputs, (4,), "pair_inputs")
sides = checks.numbers(pair_labels, (4,), "pair_labels")
place = float(checks.numbers(asked_input, (), "asked_input"))
checks.expect(max(abs(places).max(), abs(place)) <= 10, "The inputs go from −10 to 10.")
checks.expect(
    sorted(sides.tolist()) == [-1, -1, 1, 1], "Two examples have the label −1, and two the label 1."
)
slope = float(Ridge(alpha=1, fit_intercept=False).fit(places[:, None], sides).coef_[0])
checks.expect(
    (slope * places * sides > 0).all(),
    f"The model (w = {slope:.2f}) gets a training example wrong. Which side of 0 should each class have?",
)
checks.expect(slope * place > 0, "The model says class −1 of the asked input: it should say 1.")
rises = leaving_out(places, sides, place, 1.0)
lead = rises[sides < 0].max() - rises[sides > 0].max()
checks.expect(
    lead > 0,
    f"Left out, the examples raise the error by {rises.round(3).tolist()}; the largest is one of class 1. "
    "Which examples fix the slope? Move those of class 1 nearer to 0.",
)
checks.expect(
    lead >= 0.1,
    f"The right direction, but the lead is {lead:.3f}: it should be at least 0.1. How large is the error of "
    "the asked input, with all examples and without the other class?",
)
figure, axis = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
colours = np.where(sides > 0, "#0072b2", "#e69f00")
axis.bar(range(4), rises, color=colours)
axis.axhline(0, color="k", linewidth=0.8)
names_of = [f"{x:g}, class {int(y)}" for x, y in zip(places, sides, strict=True)]
axis.set_xticks(range(4), names_of, fontsize=9)
axis.set_ylabel("rise of the error")
axis.set_title(f"Each example left out, asked: {place:g} of class 1", fontsize=10)
plt.show()
checks.passed("other-class", "classes and range, the model's answers, and what leaving out does,")

# %% [markdown]
# An example of the other class may teach the model where the border is, and so help the asked image more
# than its own class does. Whoever accepts only proponents of the same class throws such scores away.
#
# ### On the network
#
# How do the methods of the library fare? The next two cells measure both heuristics on {{ heuristics_count }} training
# images (20 of each class) and on the test images, for our network and for one that was *never trained*. A last
# method, *label*, looks at nothing but the labels: its score is 1 for the same class, and 2 for the image itself.

# %% tags=["figure"]
from xaikit.influence import influence

few = torch.cat([(training.labels == c).nonzero()[:20, 0] for c in range(len(classes))])
few_images, few_labels = training.images[few], training.labels[few]
torch.manual_seed(0)
untrained = nn.Sequential(
    nn.AvgPool2d(2), nn.Flatten(), nn.Linear(196, 32), nn.ReLU(), nn.Linear(32, 10)
)
steps_of = {"checkpoints": here.checkpoints, "learning_rates": here.learning_rates}
options_of = {
    "grad_dot": {},
    "grad_cos": {},
    "tracin": steps_of,
    "influence_function": {"damping": 0.005},
    "representer": {},
    "exemplar": {},
    "trak": {"checkpoints": here.checkpoints},
}
scores_of = {}  # of every test image and training image (200, 1000)
for name, options in options_of.items():
    scores_of[name] = influence(
        network, test.images, test.labels, training, method=name, **options
    ).scores

# %% tags=["figure"]
passed = {}
for kind, asked_network, names in (
    ("trained", network, options_of),
    ("never trained", untrained, ("grad_dot", "grad_cos", "exemplar")),
):
    for name in names:
        options = options_of[name]
        itself = influence(
            asked_network, few_images, few_labels, (few_images, few_labels), method=name, **options
        ).scores
        if kind == "trained":
            shown = scores_of[name]
        else:
            shown = influence(
                asked_network, test.images, test.labels, training, method=name, **options
            ).scores
        own = itself.argmax(dim=1) == torch.arange(len(few))
        nearest = training.labels[shown.argsort(dim=1, descending=True)[:, :5]]
        passed[name if kind == "trained" else f"{name}, untrained"] = (
            float(own.double().mean()),
            float((nearest == test.labels[:, None]).double().mean()),
        )
passed["label"] = (1.0, 1.0)
figure, axis = plt.subplots(figsize=(7.5, 4), layout="constrained")
rows = np.arange(len(passed))
for column, (marker, colour, label) in enumerate(
    (("o", "#0072b2", "itself"), ("s", "#d55e00", "same class, top 5"))
):
    values = [each[column] for each in passed.values()]
    axis.plot(values, rows + 0.3 * column - 0.15, marker, color=colour, label=label)
axis.set_yticks(rows, passed)
axis.invert_yaxis()
axis.set_xlim(-0.03, 1.03)
axis.grid(axis="y", color="0.9")
axis.set_xlabel("share that passes")
axis.set_title("The two heuristics, by method", fontsize=10)
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
plt.show()

# %% [markdown]
# Read the figure line by line.
#
# - *Itself*: Grad-Cos and the nearest exemplars pass, with the trained network and with the one that was never trained. TRAK passes, too{{ if section.lds }}
#   (section {{ section.lds }} says what it is){{ end }}. The influence function, which is derived from leaving out, fails for most images.
# - *Same class*: Grad-Dot and Grad-Cos pass, also with the network that was never trained. The gradient of the last layer
#   contains the residual $p - e_y$: two residuals of one label agree, whatever the network has learned. TracIn, the influence function and the
#   representer scores contain it, too. The nearest exemplars do not look at labels. They
#   agree as often as neighbours in feature space have one class, and that depends mostly on the images: training adds little.
# - *Label*, the trivial method, passes both, and does not know the network at all.
#
# So neither heuristic can say which score describes the *training*.{{ if section.lds }} Section {{ section.lds }} asks that directly.{{ end }}
