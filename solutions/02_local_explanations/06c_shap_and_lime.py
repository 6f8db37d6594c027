# %% [markdown] minutes=90
# ## Section: shap and lime, and where a library is silently wrong
#
# **You learn** to give an image classifier to shap and lime, and to find out where a library's map is
# not what its name says. **Time:** {{ time }}.
#
# ### shap
#
# [shap](https://shap.readthedocs.io) is the package of the authors of SHAP. Its
# `KernelExplainer(function, background)` knows nothing of images: `function` takes rows of numbers
# and returns the outputs, and a feature is absent when it has the background's value. For superpixels the
# rows are masks: the function draws the image that a mask stands for, the background is one row of zeros
# (everything hidden), and the row to be explained is one of ones.
#
# `.shap_values(rows, nsamples=…, l1_reg=…)` evaluates `nsamples` masks; if so many suffice for all
# $2^M - 2$ of them, the values are exact. `l1_reg` chooses features before the regression. Its
# default is `"num_features(10)"`: all but ten values are set to 0, without a word. `l1_reg=0` keeps all.
#
# ### Task: KernelSHAP by shap
#
# Write `shap_of_segments(model, image, target, segments, baseline, samples)` for an image (C, H, W) and
# segments (H, W), numbered from 0. It returns the values (M,) of all segments for the target's logit, by
# shap's `KernelExplainer` with `samples` masks. A hidden segment shows the `baseline` (C, H, W).


# %% nbgrader={"grade_id": "shap-segments", "solution": true}
# answer: shap-segments
def shap_of_segments(
    model: nn.Module,
    image: Tensor,
    target: int,
    segments: Tensor,
    baseline: Tensor,
    samples: int,
) -> Tensor:
    """Return the Shapley values (M,) of the segments by shap's KernelExplainer."""
    ### BEGIN SOLUTION
    count = int(segments.max()) + 1

    def outputs(rows: np.ndarray) -> np.ndarray:
        visible = torch.as_tensor(rows, device=image.device).bool()[:, segments]  # (n, H, W)
        with torch.no_grad():
            return model(torch.where(visible[:, None], image, baseline))[:, target].cpu().numpy()

    explainer = shap.KernelExplainer(outputs, np.zeros((1, count)))
    values = explainer.shap_values(np.ones((1, count)), nsamples=samples, l1_reg=0, silent=True)
    return torch.as_tensor(values[0])
    ### END SOLUTION


# %% nbgrader={"grade_id": "shap-segments-test", "grade": true, "points": 3}
adding = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
with torch.no_grad():
    adding[1].weight.copy_(torch.stack([torch.zeros(12), torch.arange(12.0) - 3]))
    adding[1].bias.fill_(5.0)
each_alone = torch.arange(12).view(3, 4)
checks.close(
    shap_of_segments(adding, torch.full((1, 3, 4), 2.0), 1, each_alone, torch.ones(1, 3, 4), 5000),
    np.arange(12) - 3,
    "shap_of_segments(adding, …)",
    "in a linear function a segment's value is its weight × (image − baseline), for each of the twelve "
    "segments. Does l1_reg leave some out? Is a hidden segment filled with the baseline?",
    2e-3,
)
black = torch.zeros_like(examples[0])
by_shap = shap_of_segments(model, examples[1], int(targets[1, 1]), segments, black, 500)
by_shap = checks.numbers(by_shap, (49,), "shap_of_segments(model, …)")
with torch.no_grad():
    rise = float((model(examples[1:]) - model(black[None]))[0, int(targets[1, 1])])
checks.expect(
    abs(by_shap.sum() - rise) < 0.02 * abs(rise),
    "On our network the values should add up to f(x) − f(black): it is the target's logit.",
)
checks.passed("shap-segments", "a linear function of twelve segments, and the sum on our network")

# %% [markdown]
# ### lime
#
# `LimeImageExplainer().explain_instance(image, classifier_fn, …)` of [lime](https://github.com/marcotcr/lime),
# the package of LIME's authors, takes an image in NumPy's order, (H, W) or (H, W, 3), and makes a grey
# one coloured. `classifier_fn` takes pictures (n, H, W, 3) and returns the outputs of all classes
# (n, classes). What is explained, and how, depends on
#
# - `labels`, the classes to be explained, unless `top_labels` (5 by default) chooses the most likely ones;
# - `segmentation_fn`, which takes the picture (H, W, 3) and returns the number of each pixel's segment;
#   by default it is quickshift with options that were chosen for photographs of a few hundred pixels;
# - `hide_color`, what a hidden segment shows: by default the segment's *mean* colour;
# - `num_samples`, how many masks are asked about; the first shows everything, the others are drawn.
#
# The result has `.segments`, and `.local_exp[label]` is a list of pairs (segment, weight), largest first.
#
# ### Task: LIME by lime
#
# Write `lime_of_segments(model, image, target, segments, samples)` for a grey image (1, H, W) and
# segments (H, W), numbered from 0. It returns two things: the weights (M,) for the target's logit, in the
# order of the segments' numbers, where hidden segments are *black*; and the number of segments into which
# lime cuts this image *by default*. The model takes batches (n, 1, H, W).


# %% nbgrader={"grade_id": "lime-segments", "solution": true}
# answer: lime-segments
def lime_of_segments(
    model: nn.Module, image: Tensor, target: int, segments: Tensor, samples: int
) -> tuple[Tensor, int]:
    """Return lime's weights (M,) of the segments, and how many segments its default finds."""

    ### BEGIN SOLUTION
    def outputs(pictures: np.ndarray) -> np.ndarray:
        batch = torch.as_tensor(pictures).to(image).movedim(-1, 1)[:, :1]
        with torch.no_grad():
            return model(batch).cpu().numpy()

    picture = image[0].double().cpu().numpy()
    explainer = LimeImageExplainer(random_state=0)
    found = explainer.explain_instance(
        picture,
        outputs,
        labels=(target,),
        top_labels=None,
        hide_color=0,
        num_samples=samples,
        segmentation_fn=lambda _: segments.cpu().numpy(),
    )
    weights = dict(found.local_exp[target])
    default = explainer.explain_instance(picture, outputs, num_samples=1)
    return (
        torch.tensor([weights[k] for k in range(len(weights))]),
        len(np.unique(default.segments)),
    )
    ### END SOLUTION


# %% nbgrader={"grade_id": "lime-segments-test", "grade": true, "points": 3}
fours = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(4, 7))
with torch.no_grad():
    fours[2].weight.zero_()
    fours[2].weight[6] = torch.tensor([3.0, -1.0, 0.0, 2.0])
    fours[2].bias.copy_(torch.tensor([90.0, 80, 70, 60, 50, 40, 0]))  # class 6 is the least likely
quarter = torch.arange(8) // 4
two = lime_of_segments(fours, torch.ones(1, 8, 8), 6, quarter[:, None] * 2 + quarter, 1000)
checks.expect(
    hasattr(two, "__len__") and len(two) == 2,
    "`lime_of_segments` should return two things: the weights, and the number of segments by default.",
)
checks.close(
    two[0],
    [3, -1, 0, 2],
    "lime_of_segments(fours, …)[0]",
    "the weights of a function that is linear in four white squares, in the order of their numbers. "
    "Do hidden squares turn black, and is the class explained that was asked for?",
    0.05,
)
checks.close(
    two[1],
    1,
    "lime_of_segments(fours, …)[1]",
    "an image of one colour is one segment by default. Count the different numbers in the `.segments` of "
    "a call that is given no `segmentation_fn`.",
)
weights, pieces = lime_of_segments(model, examples[1], int(targets[1, 1]), segments, 500)
weights = checks.numbers(weights, (49,), "lime_of_segments(model, …)[0]")
checks.expect(
    1 <= float(checks.numbers(pieces, (), "lime_of_segments(model, …)[1]")) <= 784,
    "The second thing that `lime_of_segments` returns is a number of segments.",
)
ours = explain(
    model, examples[1:], targets[1:, 1], "lime", segments=segments, samples=500
).attributions[0, 0]
figure, axes = plt.subplots(1, 2, figsize=(6, 2.7), layout="constrained")
show_map(axes[0], torch.as_tensor(weights)[segments], f"lime for “{classes[int(targets[1, 1])]}”")
show_map(axes[1], ours, "explain(…, 'lime')")
plt.show()
largest = float(abs(weights[segments] - ours[0].cpu().numpy()).max())
print(f"They differ by {largest:.2g} at most: other masks are drawn.")
print(f"By default lime finds {int(pieces)} segment(s) here.")
checks.passed("lime-segments", "a linear function of four squares of one colour")

# %% [markdown]
# ### Where a library is silently wrong
#
# Some methods need more than a function: they change what happens at a ReLU or at a pooling layer. captum
# and shap do this by *hooks* on modules. Below, `rewritten` is our network as many people write one: the
# same layers with the same weights, but ReLU and pooling are called as functions. The outputs are equal.

# %% name="rewritten"
from torch.nn import functional


class Rewritten(nn.Module):
    """The layers of a network, with ReLU and maximum pooling as functions."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.kinds = [type(layer).__name__ for layer in layers]
        kept = (nn.Conv2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Linear)
        self.layers = nn.ModuleList(layer for layer in layers if isinstance(layer, kept))

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits."""
        remaining = iter(self.layers)
        for kind in self.kinds:
            if kind == "ReLU":
                x = functional.relu(x)
            elif kind == "MaxPool2d":
                x = functional.max_pool2d(x, 2)
            else:
                x = next(remaining)(x)
        return x


# %%
rewritten = Rewritten(model).eval()
five_images = background[::4]  # five training images
with torch.no_grad():
    unequal = float((model(examples) - rewritten(examples)).abs().max())
print(f"largest difference of the two networks' logits: {unequal}")
try:
    shap.DeepExplainer(rewritten, five_images).shap_values(examples[:1])
except AssertionError as complaint:
    print("shap:", str(complaint)[:82])

# %% [markdown]
# shap complains, because it looks whether its values add up (`check_additivity=True`). captum complains
# about nothing. Which maps can you trust?
#
# ### Task: find what is wrong
#
# Explain `examples[:1]` for the class `predicted` by five methods on both networks: captum's
# `InputXGradient`, `IntegratedGradients`, `GuidedBackprop` and `DeepLift`, with their defaults (which are
# 50 steps and black baselines), and shap's `DeepExplainer` with the background `five_images` and
# `check_additivity=False`. (shap returns values of all classes, in the last dimension.) Set
#
# - `apart`: a dictionary from each method's name to the largest absolute difference between its two maps,
#   divided by the largest absolute value of the map of `model`;
# - `missing`: a tensor (2, 2) of $\bigl|\sum_i \phi_i - r\bigr| / |r|$ for `DeepLift` (first row) and
#   `DeepExplainer`, on `model` (first column) and `rewritten`. $r$ is $f_c(x) - f_c(0)$ for the
#   first, and for the second $f_c(x)$ minus the mean of $f_c$ over `five_images`;
# - `computed`: a dictionary that says what the map of `rewritten` *is*, for `"GuidedBackprop"`,
#   `"DeepLift"` and `"DeepExplainer"`: `"gradient"`, `"input x gradient"`, `"integrated gradients"`, or
#   `"none of these"`. Compare.

# %% nbgrader={"grade_id": "silently-wrong", "solution": true}
# answer: silently-wrong
apart = None
missing = None
computed = {"GuidedBackprop": None, "DeepLift": None, "DeepExplainer": None}
### BEGIN SOLUTION
by_captum = (InputXGradient, IntegratedGradients, GuidedBackprop, DeepLift)
pairs = {
    each.__name__: [
        each(network).attribute(examples[:1], target=predicted).detach()
        for network in (model, rewritten)
    ]
    for each in by_captum
}
pairs["DeepExplainer"] = [
    torch.as_tensor(
        shap.DeepExplainer(network, five_images).shap_values(examples[:1], check_additivity=False)
    )[..., predicted].to(examples)
    for network in (model, rewritten)
]
apart = {kind: float((a - b).abs().max() / a.abs().max()) for kind, (a, b) in pairs.items()}
with torch.no_grad():
    at_input = model(examples[:1])[0, predicted]
    at_black = model(torch.zeros_like(examples[:1]))[0, predicted]
    at_few = model(five_images)[:, predicted].mean()
missing = torch.zeros(2, 2)
for row, (kind, start) in enumerate((("DeepLift", at_black), ("DeepExplainer", at_few))):
    for column in range(2):
        r = at_input - start
        missing[row, column] = ((pairs[kind][column].sum() - r) / r).abs()
computed = {
    "GuidedBackprop": "gradient",
    "DeepLift": "input x gradient",
    "DeepExplainer": "none of these",  # the slope at each background × the way from there
}
### END SOLUTION

# %% nbgrader={"grade_id": "silently-wrong-test", "grade": true, "points": 4}
suspects = ("InputXGradient", "IntegratedGradients", "GuidedBackprop", "DeepLift", "DeepExplainer")
checks.expect(
    isinstance(apart, dict) and sorted(map(str, apart)) == sorted(suspects),
    "`apart` should be a dictionary with the names of the five methods as keys.",
)
for name in suspects:
    checks.expect(
        checks.numbers(apart[name], (), f"apart[{name!r}]") >= 0, "A size is never negative."
    )
checks.expect(
    float(checks.numbers(apart["IntegratedGradients"], (), "apart")) < 1e-3,
    "Integrated Gradients look at the function only, and the two networks are the same function.",
)
gaps = checks.numbers(missing, (2, 2), "missing")
checks.expect(gaps.min() >= 0, "`missing` holds sizes: none of them is negative.")
kinds = ("gradient", "input x gradient", "integrated gradients", "none of these")
checks.choices(computed, suspects[2:], kinds, "computed")
figure, axes = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained", width_ratios=(3, 2))
axes[0].barh(suspects, [float(apart[name]) for name in suspects], color="0.75", edgecolor="black")
axes[0].invert_yaxis()
axes[0].set_title("how far apart the maps of two equal networks are", fontsize=9)
axes[0].set_xlabel("largest difference, by the map's size")
for column, (hatch, label) in enumerate((("", "model"), ("//", "rewritten"))):
    axes[1].bar(
        np.arange(2) + 0.4 * column - 0.2,
        gaps[:, column].clip(1e-7),
        0.4,
        color="0.75",
        edgecolor="black",
        hatch=hatch,
        label=label,
    )
axes[1].set_xticks(range(2), suspects[3:])
axes[1].set(yscale="log")
axes[1].set_title("what misses in the sum, relative", fontsize=9)
figure.legend(loc="outside right upper")
plt.show()
checks.passed("silently-wrong", "names, signs and shapes")

# %% [markdown]
# Two findings. Hooks do not see functions: what remains is another method under the old name
# ([captum's issue 1082](https://github.com/pytorch/captum/issues/1082)). And captum's `DeepLift` misses
# something on `model`, too, where every layer is a module: where maximum pooling follows a ReLU directly,
# the hook of the ReLU gets a signal that the pooling's hook has not changed yet
# ([issue 1104](https://github.com/pytorch/captum/issues/1104)). With a module in between that only copies,
# captum's map is complete; shap's is complete here without it. A sum costs nothing: ask for it wherever a method promises one (`return_convergence_delta=True` in captum). For guided
# backpropagation there is no sum; compare with a second implementation, or write ReLUs as modules, each
# used once. `explain(…, backend="captum")` refuses in these cases, and says why.
