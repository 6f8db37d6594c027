# %% [markdown] minutes=60 core=true
# ## Section: TCAV: does the class depend on the concept?
#
# **You learn** to test a concept, and to see when a significant score means nothing. **Time:** {{ time }}.
#
# The **TCAV score** of a concept for a class is the share of the class's images with $S_k(x) > 0$. Half of them is what we
# would expect by chance, on average. But *any* direction has a score. The figure shows those of random sets in the concept's
# place: 40 random images told from 40 other ones. Nobody would give such a set a name.
#
# Each of the twelve sets is told from twenty other random sets. These are its *runs*, and each run has a score.

# %% name="random-sets"
from xaikit.concepts import tcav

SHIRT, tested_layers = 6, ["4", "9"]
shirts = test.images[test.labels == SHIRT]
drawing = torch.Generator().manual_seed(7)
many_sets = training.images[torch.randperm(len(training), generator=drawing)[:1280]].split(40)
nonsense = {f"set {k}": each for k, each in enumerate(many_sets[:12])}
random_sets = list(many_sets[12:])

# %%
of_nonsense = tcav(network, shirts, SHIRT, nonsense, random_sets, layer=tested_layers)

# %% tags=["figure"]
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
for axis, layer, runs in zip(axes, tested_layers, of_nonsense.scores, strict=True):
    for place, scores_of_set in enumerate(runs):
        axis.plot([place] * 20, scores_of_set, "k.", markersize=3, alpha=0.5)
    axis.plot(range(12), runs.mean(1), "D", color="#d55e00", markersize=5, label="mean of its runs")
    axis.axhline(0.5, color="0.7", linewidth=1)
    axis.set(title=f"Layer {layer}", xlabel="random set in the concept's place")
axes[0].set_ylabel("TCAV score (points: its runs)")
axes[0].legend(fontsize=8, loc="upper left")
figure.suptitle("Scores of random sets for the class shirt", fontsize=10)
plt.show()

# %% [markdown]
# The runs of a set do not scatter around ½. They share the forty images of the concept, so they are high or low together. Kim et al. (2018)
# test whether the mean of the runs is ½, with a two-sided t-test as if the runs were independent:
#
# $$t = \frac{\bar s - \frac12}{\sigma_s / \sqrt R}, \qquad R - 1 \text{ degrees of freedom.}$$
#
# More runs make $t$ as large as you like, for the same forty images. The honest question is another one: does the concept's score
# differ from the scores that *random sets* have in its place? Let $r_1, \dots, r_m$ be theirs (each the mean of its runs). The concept is one new
# observation beside them, with
#
# $$t = \frac{\bar s - \bar r}{\sigma_r \sqrt{1 + 1/m}}, \qquad m - 1 \text{ degrees of freedom.}$$
#
# Both standard deviations $\sigma$ have the number minus 1 in the denominator. Two-sided means: how probable is a $|t|$ at
# least as large, by chance? `student.sf(t, df)`, given above, is the probability of more than $t$.
#
# ### Task: two tests
#
# Write `two_tests(runs, random_scores)`: `runs` (R,) are the scores of the concept's runs, `random_scores` (m,) those of random sets.
# Neither are all equal. Return two p-values: that of the t-test of the runs against ½, and that of one new observation.


# %% nbgrader={"grade_id": "two-tests", "solution": true}
# answer: two-tests
def two_tests(runs: Tensor, random_scores: Tensor) -> tuple[float, float]:
    """Return the p-values of the runs against 1/2, and of the concept beside random sets."""
    ### BEGIN SOLUTION
    number, many = len(runs), len(random_scores)
    first = (runs.mean() - 0.5) / (runs.std() / math.sqrt(number))
    second = (runs.mean() - random_scores.mean()) / (random_scores.std() * math.sqrt(1 + 1 / many))
    return (
        float(2 * student.sf(abs(float(first)), number - 1)),
        float(2 * student.sf(abs(float(second)), many - 1)),
    )
    ### END SOLUTION


# %% nbgrader={"grade_id": "two-tests-test", "grade": true, "points": 3}
checks.function(two_tests, "two_tests")
some_runs, some_random = torch.tensor([0.1, 0.3]), torch.tensor([0.5, 0.5, 0.8])
both = checks.numbers(two_tests(some_runs, some_random), (2,), "two_tests(…)")
# With one degree of freedom P(T > t) is 1/2 − arctan(t)/π, with two 1/2 − t / (2 √(2 + t²)).
checks.close(
    both[0],
    1 - 2 * math.atan(3) / math.pi,
    "the first p-value",
    "the runs 0.1 and 0.3 have the mean 0.2 and the standard deviation 0.1414, so t is −3, with one degree of "
    "freedom. Are both sides counted?",
)
checks.close(
    both[1],
    1 - 2 / math.sqrt(6),
    "the second p-value",
    "the random scores have the mean 0.6 and the standard deviation 0.1 √3, and there are three: t is "
    "−0.4 / (0.1 √3 √(4/3)) = −2, with two degrees of freedom.",
)
alarms = np.zeros((2, 2), int)
for row, layer_runs in enumerate(of_nonsense.scores):
    for one_set in layer_runs:
        alarms[row] += np.array(two_tests(one_set, of_nonsense.random_scores[row])) < 0.05
figure, axis = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
for shift, (name, hatch, colour) in enumerate(
    (("t-test of the runs", "", "#d55e00"), ("one new observation", "//", "#0072b2"))
):
    bars = axis.bar(
        np.arange(2) + 0.4 * shift - 0.2,
        alarms[:, shift],
        0.38,
        color=colour,
        hatch=hatch,
        label=name,
    )
    axis.bar_label(bars, fontsize=9, padding=4)
axis.axhline(0.6, color="0.5", linewidth=1, linestyle="--", label="expected: 5 % of 12")
axis.set_xticks(range(2), [f"layer {layer}" for layer in tested_layers])
axis.set(title="Random sets called significant, of 12", ylim=(0, 16))
axis.set_yticks(range(0, 13, 4))
axis.legend(fontsize=8, ncols=3, loc="upper center")
plt.show()
checks.passed("two-tests", "two runs beside three random sets, by hand")

# %% [markdown]
# This is the first way in which a significant score means nothing: the t-test of the runs calls most *random* sets
# significant. The library uses the second test.
#
# ### Many questions
#
# With six concepts and five layers you ask thirty questions, and at a level of 5 % chance answers *yes* to one or two of them. The correction of Holm (1979) keeps
# the probability of *any* false alarm below the level, and finds more than Bonferroni's. Sort the $m$ p-values, the smallest
# first. Multiply the first by $m$, the second by $m - 1$, and so on to the last one, which is multiplied by 1. None may be smaller than the
# ones before it: then it gets the largest of those. And none is larger than 1.
#
# ### Task: Holm's correction
#
# Write `holm(p_values)` for a tensor of any shape, such as (layers, concepts): return the corrected p-values in the same
# shape, each in its own place.


# %% nbgrader={"grade_id": "holm", "solution": true}
# answer: holm
def holm(p_values: Tensor) -> Tensor:
    """Return p-values of any shape, corrected for their number."""
    ### BEGIN SOLUTION
    ordered, places = p_values.flatten().sort()
    factors = torch.arange(len(ordered), 0, -1)
    corrected = torch.zeros_like(ordered)
    corrected[places] = (ordered * factors).cummax(0).values.clamp_max(1)
    return corrected.view(p_values.shape)
    ### END SOLUTION


# %% nbgrader={"grade_id": "holm-test", "grade": true, "points": 2}
checks.function(holm, "holm")
for values, wanted, hint in (
    ([[0.04, 0.01]], [[0.04, 0.02]], "the smaller one is multiplied by 2, the other one by 1."),
    (
        [[0.02], [0.015]],
        [[0.03], [0.03]],
        "0.02 · 1 is smaller than 0.015 · 2, which comes before it.",
    ),
    ([[0.6, 0.01, 0.7]], [[1, 0.03, 1]], "no p-value is larger than 1."),
    ([0.02, 0.022, 0.021, 0.001], [0.06, 0.06, 0.06, 0.004], "none is smaller than any before it."),
    ([[0.01, 0.5, 0.01]], [[0.03, 0.5, 0.03]], "two equal values are two."),
):
    found = holm(torch.tensor(values, dtype=torch.float64))
    found = checks.numbers(found, np.shape(wanted), "holm(…)")
    checks.close(found, wanted, f"holm({values})", hint)
checks.passed("holm", "the order, the running maximum, the limit of 1 and the shape")

# %% [markdown]
# ### The second way: the control is not like the concept
#
# The next cell asks for *has sleeves* and the class *dress*. This time the forty images of the concept come from a shop's catalogue. The score
# is clearly significant: the class *dress* depends on sleeves, it seems. Or does it? Look at the images.

# %% name="catalogue"
DRESS = 3
dresses = test.images[test.labels == DRESS]
with_sleeves = annotated["has-sleeves"].nonzero()[:, 0]
catalogue = training.images[with_sleeves[:40]].clamp_min(0.15)

# %%
reported = tcav(network, dresses, DRESS, {"has-sleeves": catalogue}, random_sets, layer="4")
print(
    f"Has sleeves, for dress: score {reported.score.item():.2f}, p = {reported.p_value.item():.4f}"
)
figure, axes = plt.subplots(2, 8, figsize=(8, 2.5), layout="constrained")
for axis, image in zip(axes.flat, [*catalogue[:8], *random_sets[0][:8]], strict=True):
    axis.imshow(image[0], cmap="gray", vmin=0, vmax=1)
    axis.axis("off")
figure.suptitle("Above: the concept, from the catalogue. Below: random images.", fontsize=10)
plt.show()

# %% [markdown]
# The shop prints on grey paper. Nothing of an image is darker than the paper, and what is brighter stays as it is. The random images have a black background.
# So the two sets differ in sleeves *and* in paper. A fair control is printed on the same paper.
#
# ### Task: a control that is fair
#
# Write `fair_control(concept, random_sets)`: `concept` (K, 1, H, W) are images printed on grey paper, whose brightness you do not know; at least one of them
# shows the paper. `random_sets` is a list of tensors (n, 1, H, W) whose background is black. Return the list of these sets as they would look on the
# same paper. The arguments stay as they are.


# %% nbgrader={"grade_id": "fair-control", "solution": true}
# answer: fair-control
def fair_control(concept: Tensor, random_sets: list[Tensor]) -> list[Tensor]:
    """Return the random sets as they would look on the concept's paper."""
    ### BEGIN SOLUTION
    paper = concept.min()
    return [torch.maximum(each, paper) for each in random_sets]
    ### END SOLUTION


# %% nbgrader={"grade_id": "fair-control-test", "grade": true, "points": 2}
checks.function(fair_control, "fair_control")
on_paper = torch.tensor([[0.5, 0.9], [0.5, 0.3]]).view(2, 1, 1, 2)  # the paper is 0.3
two_sets = [torch.tensor([[0.0, 0.6]]).view(1, 1, 1, 2), torch.tensor([0.2, 0.4, 0.0, 1.0])]
two_sets[1] = two_sets[1].view(2, 1, 1, 2)
kept_sets = [each.clone() for each in two_sets]
printed_sets = fair_control(on_paper, two_sets)
checks.expect(
    isinstance(printed_sets, (list, tuple)) and len(printed_sets) == 2,
    "`fair_control` should return a list with one tensor for each random set.",
)
for place, wanted in enumerate(([[0.3, 0.6]], [[0.3, 0.4], [0.3, 1.0]])):
    each = checks.numbers(printed_sets[place], (len(wanted), 1, 1, 2), f"fair_control(…)[{place}]")
    checks.close(
        each.reshape(-1, 2),
        wanted,
        f"fair_control(…)[{place}]",
        "the darkest pixel of all concept images is the paper, here 0.3. What is darker than the paper gets "
        "its brightness, and what is brighter stays as it is.",
    )
checks.expect(
    all(torch.equal(*pair) for pair in zip(two_sets, kept_sets, strict=True)),
    "Your function changed the random sets that it was given: return new tensors.",
)
bags = training.images[annotated["bag"].nonzero()[:40, 0]].clamp_min(0.15)
tested = {
    "sleeves, beside\nrandom images": (catalogue, random_sets),
    "sleeves, beside\nyour control": (
        catalogue,
        [torch.as_tensor(each).float() for each in fair_control(catalogue, random_sets)],
    ),
    "bags, beside\nrandom images": (bags, random_sets),
}
figure, axis = plt.subplots(figsize=(6.5, 3), layout="constrained")
for column, (concept_images, controls) in enumerate(tested.values()):
    result = tcav(network, dresses, DRESS, concept_images, controls, layer="4")
    axis.plot(column + np.linspace(-0.2, 0.2, 20), result.random_scores[0], "k.", alpha=0.5)
    axis.plot(column, result.score.item(), "D", color="#d55e00", markersize=7)
    axis.text(column + 0.27, 0.5, f"p = {result.p_value.item():.2g}", fontsize=9, va="center")
axis.plot([], [], "D", color="#d55e00", label="the concept, from the catalogue")
axis.plot([], [], "k.", label="control sets in its place")
axis.set_xticks(range(3), tested)
axis.set(
    title="Does 'dress' depend on sleeves?", ylabel="TCAV score", xlim=(-0.5, 2.8), ylim=(0, 1.2)
)
axis.legend(fontsize=8, ncols=2, loc="upper center")
plt.show()
checks.passed("fair-control", "two small sets on the paper of two images")

# %% [markdown]
# Beside a fair control nothing is left. And bags from the catalogue, which have no sleeves at all, are as significant as sleeves were: the vector told grey paper from black. A control has to be like the concept's
# images in everything but the concept. For two concepts one can do without random images: a **relative** concept vector leads from the one to
# the other (*sleeves* against *no sleeves*, both from the same source): `tcav(…, against=…)`.
#
# ### The third way: behind the layer all is linear
#
# Layer 11 is the last one that is not linear. Behind it come averages and a linear layer, so a class's gradient has
# the same direction for all images, and all derivatives have the same sign.

# %% tags=["figure"]
with torch.no_grad():
    weights_of_shirt = network[14].weight[SHIRT]
directions = nn.functional.normalize(torch.randn(200, 96, generator=drawing), dim=1)
always_same = (directions @ weights_of_shirt > 0).double()  # at layer 12, for each image
figure, axes = plt.subplots(1, 2, figsize=(7.5, 2.8), layout="constrained", sharey=True)
axes[0].hist(always_same, bins=20, range=(0, 1), color="#0072b2")
axes[0].set(title="Layer 12: 200 random vectors", xlabel="TCAV score", ylabel="vectors")
axes[1].hist(of_nonsense.scores[0].flatten(), bins=20, range=(0, 1), color="#0072b2")
axes[1].set(title="Layer 4: 240 runs of random sets", xlabel="TCAV score")
plt.show()
try:
    tcav(network, shirts, SHIRT, catalogue, random_sets, layer="12")
except ValueError as refusal:
    print("The library says:", refusal)

# %% [markdown]
# At such a layer every score is 0 or 1, for any vector. If all runs agree, their variance is 0, and the t-test of the runs
# divides by zero. A score of 1 there looks certain, and it says no more than the sign of one number.
