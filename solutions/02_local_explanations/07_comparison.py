# %% [markdown] minutes=120
# ## Section: All of them together
#
# **You learn** to say what exactly is explained, to compare methods on one scale, and to write down
# what maps say and what they do not. **Time:** {{ time }}.
#
# ### What is explained: a logit, a probability, a difference?
#
# A map explains *one number*. It need not be the logit $f_c$. With the softmax at the end, $p_c =
# e^{f_c} / \sum_k e^{f_k}$, the chain rule gives
#
# $$\nabla p_c = p_c \, \Bigl( \nabla f_c - \sum_k p_k \nabla f_k \Bigr):$$
#
# all classes enter, and where the network is sure, $p_c \to 1$, the bracket tends to 0: the map of
# a probability is smallest where the network is most certain. A **difference** $f_c - f_d$ answers
# "why $c$ *rather than* $d$?". What both classes share cancels out of it, which is often what one
# wants for two classes that look alike.
#
# ### Task: three questions about one image
#
# Write `three_gradients(model, image, c, d)`: the gradients by the image of the logit of class `c`,
# of the *probability* of class `c`, and of the logit of `c` minus that of `d`, as three tensors of
# the image's shape.


# %% nbgrader={"grade_id": "target-choice", "solution": true}
# answer: target-choice
def three_gradients(model: nn.Module, image: Tensor, c: int, d: int) -> list[Tensor]:
    """Return the gradients of logit c, probability c, and logit c minus logit d."""
    ### BEGIN SOLUTION
    point = image.clone().requires_grad_()
    scores = model(point[None])[0]
    asked = (scores[c], scores.softmax(0)[c], scores[c] - scores[d])
    return [torch.autograd.grad(each, point, retain_graph=True)[0] for each in asked]
    ### END SOLUTION


# %% nbgrader={"grade_id": "target-choice-test", "grade": true, "points": 2}
toy = nn.Sequential(nn.Linear(3, 3))
with torch.no_grad():  # for (1, 0, 1) the logits are log 2, 0 and 0, the probabilities ½, ¼ and ¼
    toy[0].weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [-4.0, 5.0, -6.0], [0.0, 1.0, 0.0]]))
    toy[0].bias.copy_(torch.tensor([math.log(2) - 4, 10.0, 0.0]))
three = three_gradients(toy, torch.tensor([1.0, 0.0, 1.0]), 1, 2)
checks.expect(
    hasattr(three, "__len__") and len(three) == 3, "`three_gradients` should return three tensors."
)
for found, expected, name, hint in (
    (three[0], [-4, 5, -6], "logit", "it is row c of toy's weights."),
    (
        three[1],
        [-0.875, 0.625, -1.5],
        "probability",
        "softmax over all classes first, then differentiate: all three rows of the weights enter.",
    ),
    (three[2], [-4, 4, -6], "difference", "it is row c minus row d of toy's weights."),
):
    checks.close(found, expected, f"the gradient of the {name}", hint, 1e-3)
figure, axes = plt.subplots(2, 4, figsize=(10.5, 5), layout="constrained")
for line, image, four, name_of_row in zip(
    axes, examples, targets.tolist(), ("misclassified", "correct"), strict=True
):
    line[0].imshow(image[0].cpu(), cmap="gray", vmin=0, vmax=1)
    line[0].set_ylabel(name_of_row, fontsize=9)
    line[0].set_xticks([])
    line[0].set_yticks([])
    found = three_gradients(model, image, four[1], four[2])
    names = ("logit", "probability", f"logit minus that of {classes[four[2]]}")
    for axis, values, name in zip(line[1:], found, names, strict=True):
        show_map(axis, torch.as_tensor(values), f"{classes[four[1]]}: {name}")
plt.show()
checks.passed("target-choice", "three gradients of a linear model with three classes")

# %% [markdown]
# {{ if task.target-choice }}
# Look at the colour bars: for the image of which the network is sure, the probability's gradient is
# smaller by orders of magnitude. A library that explains `model(x)` explains a probability as soon
# as the model ends with a softmax; `explain` warns you.
#
# {{ end }}
# ### Task: what each method returns for a linear network
#
# Suppose the network is *linear*, $f_c(x) = w_c \cdot x + b_c$. Then every method can be worked out
# by hand. Which map does each return? $x'$ is the baseline or reference, $\bar x'$ the mean
# of the backgrounds or references. LIME and KernelSHAP have one segment a pixel and use many
# samples and no penalty; LIME hides a pixel by setting it to $x'_i$, KernelSHAP averages over the
# backgrounds. LRP-ε has ε → 0.
#
# Choose for each method `"w"`, `"w*x"`, `"w*(x-x')"`, `"w*(x-mean x')"` or `"undefined"`, which is for a
# method that needs a kind of layer that this network lacks. (A rule that only *changes* how a layer is
# passed changes nothing where there is no such layer.)

# %% nbgrader={"grade_id": "linear", "solution": true}
# answer: linear
on_linear = {
    "gradient": None,
    "input_x_gradient": None,
    "smoothgrad": None,
    "guided_backprop": None,
    "integrated_gradients": None,
    "expected_gradients": None,
    "deeplift": None,
    "deep_shap": None,
    "lrp": None,
    "grad_cam": None,
    "lime": None,
    "kernel_shap": None,
}
### BEGIN SOLUTION
on_linear = {
    "gradient": "w",
    "input_x_gradient": "w*x",
    "smoothgrad": "w",  # the gradient is the same everywhere, so noise changes nothing
    "guided_backprop": "w",  # no ReLU, no mask
    "integrated_gradients": "w*(x-x')",
    "expected_gradients": "w*(x-mean x')",
    "deeplift": "w*(x-x')",
    "deep_shap": "w*(x-mean x')",
    "lrp": "w*x",  # each contribution keeps its share, and so does the bias
    "grad_cam": "undefined",  # there is no convolution whose maps could be weighed
    "lime": "w*(x-x')",  # showing pixel i in place of x'_i changes the output by this much
    "kernel_shap": "w*(x-mean x')",
}
### END SOLUTION

# %% nbgrader={"grade_id": "linear-test", "grade": true, "points": 2}
by_slope = ("gradient", "input_x_gradient", "smoothgrad", "guided_backprop")
by_path_or_layer = ("integrated_gradients", "expected_gradients", "deeplift", "deep_shap", "lrp")
formulas = ("w", "w*x", "w*(x-x')", "w*(x-mean x')", "undefined")
asked = (*by_slope, *by_path_or_layer, "grad_cam", "lime", "kernel_shap")
checks.choices(on_linear, asked, formulas, "on_linear")
checks.passed("linear")

# %% [markdown]
# ### Task: the grid
#
# Now the picture that this notebook is about: eight methods × four targets × two examples.
#
# Set `grid` to a dictionary from each method's name to the attributions of both `examples` for all
# their `targets`, a tensor of shape (2, 4, 1, 28, 28). One call of `explain` a method suffices: it
# takes all targets at once. Pass the options in `options`, so that everybody sees the same.

# %%
options = {
    "gradient": {},
    "smoothgrad": {"samples": 50, "seed": 0},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 128},
    "deep_shap": {"background": background},
    "lrp": {"rule": "composite"},
    "grad_cam": {},
    "lime": {"segments": segments, "samples": 1000, "seed": 0},
}

# %% nbgrader={"grade_id": "grid", "solution": true}
# answer: grid
grid = None
### BEGIN SOLUTION
grid = {
    method: explain(model, examples, targets, method, **chosen).attributions
    for method, chosen in Bar(options.items(), "explaining")
}
### END SOLUTION

# %% nbgrader={"grade_id": "grid-test", "grade": true, "points": 2}
checks.expect(
    isinstance(grid, dict) and sorted(grid) == sorted(options),
    "`grid` should be a dictionary with the eight method names as keys.",
)
for method, values in grid.items():
    checks.numbers(values, (2, 4, 1, 28, 28), f"grid[{method!r}]")
mine = [
    Explanation(torch.as_tensor(grid[method]).detach().cpu(), targets.cpu(), None, method, 0.0)
    for method in ("gradient", "integrated_gradients", "lime")
]
display(plots.attribution_grid(mine, examples, classes=classes, roles=roles))
checks.passed("grid")

# %% [markdown]
# {{ if task.grid }}
# Three rows of your grid stand above. Below are all eight, as xaikit draws them: this is the
# {{ else }}
# Below are eight methods × four targets × two examples, as xaikit draws them: this is the
# {{ end }}
# picture that you interpret at the end of this section. Red speaks for a class, blue against it;
# all eight maps of a method share one colour scale, so that you can compare them.

# %% tags=["figure"]
shared = []
for method in Bar(options, "explaining"):
    shared.append(explain(model, examples, targets, method, **options[method]))
plots.attribution_grid(shared, examples, classes=classes, roles=roles)

# %% [markdown]
# ### A dozen images, and an interval
#
# Two images are examples. A statement on a *method* needs more of them, and has to say how much of it
# may be chance. From here on, measurements use `dozen`: the first twelve test images that the network
# classifies correctly, so that the true class is the most likely one. `interval` returns the mean over
# the images and half the width of its 95 % interval, $2.2 \, s / \sqrt{12}$ with the standard deviation
# $s$ (2.2 is Student's $t$ for 11 degrees of freedom; it takes the images for independent draws, and
# their numbers for roughly normal). Two methods are measured on the *same* images. So do not compare
# two intervals, but take the interval of the *difference*, image by image: if it holds 0, twelve images
# do not tell which of the two is better.

# %% name="dozen"
hits = torch.nonzero(predictions == labels)[:12, 0]
dozen = images[hits].to(device)
# The most likely (and true) class, the second most and the least likely one: (12, 3).
dozen_targets = logits[hits].argsort(1, descending=True)[:, [0, 1, -1]].to(device)


def interval(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the means over the last dimension, twelve images, and half their 95 % intervals."""
    values = torch.as_tensor(values).detach().cpu().double()
    return values.mean(-1), 2.2 * values.std(-1) / 12**0.5


# %% [markdown]
# ### Task: do the numbers add up?
#
# Do not believe a formula, measure. For each method in `with_sums` (LIME is left out: its numbers
# belong to segments, not to pixels) explain the `dozen` for all `dozen_targets` with the method's
# `options`, and compare the sum of each map with what there is to explain, $r = f_c(x) - f_c(x')$. For
# $x'$ take the black image, but for `deep_shap` subtract the *mean output* over `background` instead.
# Set
#
# - `gap`: a tensor (7, 12), for each method in the order of `with_sums` and each image
#   $\operatorname{mean} \bigl|\sum_i \phi_i - r\bigr| \,/\, \operatorname{mean} |r|$, both means over
#   the three targets;
# - `complete`: a dictionary from method to `True` if its mean gap is below 0.05, else `False`.

# %%
with_sums = (
    "gradient",
    "smoothgrad",
    "input_x_gradient",
    "integrated_gradients",
    "deep_shap",
    "lrp",
    "grad_cam",
)

# %% nbgrader={"grade_id": "completeness", "solution": true}
# answer: completeness
gap = None
complete = None
### BEGIN SOLUTION
with torch.no_grad():
    at_input = model(dozen).gather(1, dozen_targets)
    at_black = model(torch.zeros_like(dozen)).gather(1, dozen_targets)
    on_average = model(background).mean(0)[dozen_targets]
gap = torch.zeros(len(with_sums), 12)
for line, method in enumerate(with_sums):
    rise = at_input - (on_average if method == "deep_shap" else at_black)
    maps = explain(model, dozen, dozen_targets, method, **options[method]).attributions
    sums = maps.sum((2, 3, 4)).to(rise)
    gap[line] = ((sums - rise).abs().mean(1) / rise.abs().mean(1)).cpu()
complete = {method: bool(gap[k].mean() < 0.05) for k, method in enumerate(with_sums)}
### END SOLUTION

# %% nbgrader={"grade_id": "completeness-test", "grade": true, "points": 2}
checks.choices(complete, with_sums, (True, False), "complete")
gaps = checks.numbers(gap, (7, 12), "gap")
checks.expect(gaps.min() >= 0, "A gap is a mean of absolute values: it cannot be negative.")
for method, value in zip(with_sums, gaps.mean(1), strict=True):
    checks.expect(
        complete[method] == (value < 0.05), f"`complete[{method!r}]` does not follow from your gap."
    )
figure, axis = plt.subplots(figsize=(6.5, 2.8), layout="constrained")
shown = torch.as_tensor(gaps).clamp(min=1e-6)
middle = shown.median(1).values
bars = axis.barh(with_sums, middle, color="0.75", edgecolor="black")
spread = torch.stack([middle - shown.amin(1), shown.amax(1) - middle])
axis.errorbar(middle, range(7), xerr=spread, fmt="none", ecolor="black", capsize=3)
for bar, method in zip(bars, with_sums, strict=True):
    bar.set_hatch("" if complete[method] else "//")
axis.axvline(0.05, color="black", linestyle="--", label="5 %")
axis.set(
    xscale="log", xlabel="relative completeness gap: median, smallest and largest of 12 images"
)
axis.set_title("Plain: complete. Hatched: not.")
axis.invert_yaxis()
figure.legend(loc="outside right upper")
plt.show()
checks.passed("completeness", "shapes, and the words that follow from your gaps,")

# %% [markdown]
# ### Task: what do the maps say?
#
# The answer is text: put it in place of YOUR ANSWER HERE and keep the first line of the cell. A
# person marks it, for the argument and not for its length, and sees the grid that stands above.

# %% [markdown] nbgrader={"grade_id": "interpret-grid", "solution": true, "grade": true, "points": 4}
# <!-- answer: interpret-grid -->
# **Interpret the grid** (about ten sentences; refer to methods, classes and places in the image,
# and to your measurements).
#
# 1. Are the explanations meaningful? Where do they name parts of the garment that a person would
#    name, where not? What could make a map look meaningful although it says little about the
#    network?
# 2. Are they different for different targets? For which methods, and what follows for a method
#    whose maps hardly differ?
# 3. Why was the one image misclassified? What do the maps say, and how sure can one be?
#
# ### BEGIN SOLUTION
# An answer:
#
# 1. Partly. Integrated Gradients and input × gradient put their values on the garment and its
#    outline, and the red and blue patches of a class often coincide with parts that have a name,
#    such as sleeves, collar, sole or handle. But with a black reference they *cannot* mark the
#    background, which is exactly black, so that "it looks at the garment" is built into the method:
#    with a white baseline a good part of the attribution moved to the background. The gradient is
#    noise in which one recognises the outline at best; SmoothGrad is smoother, and also marks
#    places beside the garment where there is nothing: a bright pixel there *would* change the logit, which is
#    a statement on sensitivity and no mistake. Grad-CAM gives blobs of a few pixels' width, too
#    coarse for a collar. LIME's squares point to regions, and part of its pattern is chance: with
#    few samples two seeds disagreed. LRP is smooth because LRP-α₁β₀ keeps what is positive.
#    Looking plausible to us is not the same as being faithful.
# 2. The signed methods differ: between the true and the least likely class red and blue are often
#    exchanged. For the two most likely classes the maps resemble each other more, since these share
#    evidence. Grad-CAM shows only positive evidence, so its map can be nearly empty for the least
#    likely class. LRP's maps for all classes have nearly one shape in another colour: in the
#    convolutions LRP-α₁β₀ follows what is active, for every target. Were the maps of a method the
#    same for all classes, it would work as an edge detector and could not justify *this*
#    prediction.
# 3. In the misclassified image some regions are red for the predicted class and blue or pale for
#    the true class: they say where the wrong logit got its lead. It remains a hypothesis: different
#    methods stress different regions, and maps add up to logits, not to reasons. A test would be to
#    change such a region and to watch the two logits.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 4 points; half points are possible. Judge the argument, not the length, and not whether the
# student likes the methods. The grid stands in the notebook, under the task "the grid".
#
# - 1 point: *meaningful* is answered with concrete evidence: at least two methods, with places in
#   the images.
# - 1 point: a reason why a plausible map may say little (reference hides the background, outline of
#   the image, colour scale, chance, our expectation), tied to a measurement of this notebook or an
#   observation in the grid.
# - 1 point: *different targets* is answered per method, consistent with the grid, with a
#   consequence for methods that hardly differ (or for Grad-CAM's missing negative evidence).
# - 1 point: a reading of the misclassification that compares the true and the predicted class's
#   maps, stated as a hypothesis, with its uncertainty or a test of it.
#
# General text that would fit any data set earns at most 1 point altogether.
# === END MARK SCHEME ===
