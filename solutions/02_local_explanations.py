# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 02 · Local explanations: which pixels, for which class, compared with what?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/{{ course.repository }}/blob/{{ course.branch }}/notebooks/02_local_explanations.ipynb)
#
# A network looks at a picture of a shirt and says *coat*. Which pixels made it say so? A **local
# explanation** answers for one input and one class. In this notebook you build the methods that
# everybody uses, run them on a real network, and find out how much of what they show is the network
# and how much is the method.
#
# **After it you can**
#
# 1. write the common methods yourself: gradients, paths from a reference, relevance propagation,
#    Grad-CAM, LIME and KernelSHAP;
# 2. say for each what the input is compared with, what it costs and what its numbers add up to;
# 3. test a map: by deletion, against random weights, against a place that is known, against other
#    methods, and know the flaw of each test;
# 4. predict how a map changes when the question or the network changes, and argue from measurements
#    whether a map explains anything.
#
# **Time:** about twelve hours for a group, best in three sittings:
#
# | sections | what | time |
# |---|---|---|
# | 1 to 6 | the methods by hand | 6 hours |
# | 7 | all of them on one network, and what they say | 2 hours |
# | 8 and 9 | can they be trusted? do you understand them? | 4 hours |
#
# All cells together run in about a minute on a CPU.
#
# **How it works.** Cells that begin with `# answer: …` are yours: replace `# YOUR CODE HERE` and
# keep the first line. The cell below each answer checks its form and says what to try; marks come
# from further checks that run when you hand in, functions on inputs that nobody has seen. Two
# answers are text, and a person marks them. No task needs an earlier answer, so a hard one can
# wait. Hidden inputs meet your function where only the imports of the next given cell, your other
# functions and cells of your own are defined: not xaikit, nor what other given cells define.

# %%
import importlib.util
import subprocess
import sys

# Colab lacks xaikit; anywhere else this cell does nothing.
if "google.colab" in sys.modules and importlib.util.find_spec("xaikit") is None:
    source = "git+https://github.com/{{ course.repository }}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", source], check=True)

# %% nbgrader={"grade_id": "given-imports"}
# Given: all that your functions find where hidden inputs are tried.
import copy
import math

import numpy as np
import torch
from torch import Tensor, nn

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %%
import matplotlib.pyplot as plt
from IPython.display import display
from sklearn.ensemble import RandomForestClassifier
from tqdm.auto import tqdm

from xaikit import Explanation, checks, explain, load, load_pretrained, plots, tree_shap
from xaikit.metrics import (
    deletion,
    evaluate,
    insertion,
    intensity_ranking,
    localisation,
    mosaics,
    plant_stickers,
    pointing_game,
    random_ranking,
    rank_agreement,
    weight_randomisation,
)
from xaikit.widgets import explorer

# %% [markdown]
# ## 1 · What do we explain?
#
# **You learn** to ask a well-defined question: which network, which image, which class. **Time:** half an hour.
#
# FashionMNIST ([Xiao, Rasul and Vollgraf 2017](https://arxiv.org/abs/1708.07747)) holds 28 × 28
# grey images of ten kinds of garment: 60,000 to train, 10,000 to test. The network is a small
# convolutional one that is already trained; its card says how. It returns **logits**
# $f_1(x), \dots, f_{10}(x)$, one number a class; a softmax would turn them into probabilities. We
# explain logits: a probability also falls when *another* class gains, and its gradient fades where
# the network is sure.
#
# The accuracy on its card is that of all test images. The first 2,000 are enough here.

# %%
test = load("fashion_mnist", split="test")
images, labels, classes = test.images[:2000], test.labels[:2000], test.classes
model = load_pretrained("fashion_mnist", device=device)
print(model)
print({key: value for key, value in model.card.items() if key in ("data", "accuracy", "command")})

with torch.no_grad():
    batches = tqdm(images.split(250), desc="predicting")
    logits = torch.cat([model(batch.to(device)).cpu() for batch in batches])

# %% [markdown]
# ### Task 1: how good is it? (1 point)
#
# `logits` has one row per image. Set `accuracy` to the share of images whose largest logit is that
# of the true class, and `hardest` to the number (0 to 9) of the class whose own images are
# recognised least often.

# %% nbgrader={"grade_id": "accuracy", "solution": true}
# answer: accuracy
accuracy = None
hardest = None
### BEGIN SOLUTION
right = logits.argmax(1) == labels
accuracy = right.float().mean().item()
hardest = int(torch.stack([right[labels == c].float().mean() for c in range(10)]).argmin())
### END SOLUTION

# %% nbgrader={"grade_id": "accuracy-test", "grade": true, "points": 1}
checks.expect(
    0.7 < checks.numbers(accuracy, (), "accuracy") < 1,
    "A share lies between 0 and 1, and this network is good, but not perfect.",
)
checks.expect(
    float(checks.numbers(hardest, (), "hardest")) in range(10),
    "`hardest` is a class: a whole number from 0 to 9.",
)
print(f"accuracy {accuracy:.3f}, hardest class: {classes[int(hardest)]}")
checks.passed("accuracy")

# %% [markdown]
# ### Task 2: which classes do we ask about? (2 points)
#
# One image has an explanation *per class*. Four are of interest: the **true** class, the **most
# likely**, the **second most likely** and the **least likely** one. Write
# `targets_of_interest(logits, labels)`, which returns them in this order as an integer tensor of
# shape (N, 4). For an image that is classified correctly the first two agree.


# %% nbgrader={"grade_id": "targets", "solution": true}
# answer: targets
def targets_of_interest(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the true, most, second most and least likely class of each image.

    logits: (N, C) floats. labels: (N,) integers. Returns (N, 4) integers.
    """
    ### BEGIN SOLUTION
    order = logits.argsort(dim=1, descending=True)
    return torch.stack([labels, order[:, 0], order[:, 1], order[:, -1]], dim=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "targets-test", "grade": true, "points": 2}
made_up = torch.tensor([[3.0, -1.0, 0.5, 2.0], [-5.0, 0.0, -4.0, -3.0]])
four = checks.numbers(
    targets_of_interest(made_up, torch.tensor([2, 1])), (2, 4), "targets_of_interest(…)"
)
checks.expect(list(four[:, 0]) == [2, 1], "The first column is the true class, that is, the label.")
checks.expect(
    list(four[:, 1]) == [0, 1] and list(four[:, 3]) == [1, 0],
    "Column 1 belongs to the largest logit of a row, column 3 to its smallest, of whatever sign.",
)
checks.passed("targets")

# %% [markdown]
# ### The two examples
#
# From here on everybody looks at the same two images: the first that is misclassified, and the
# first that is classified correctly and has nothing to do with the confusion: its class is neither
# the true nor the predicted one of the other.

# %%
predictions = logits.argmax(1)
first_wrong = int(torch.nonzero(predictions != labels)[0])
unrelated = (labels != labels[first_wrong]) & (labels != predictions[first_wrong])
first_right = int(torch.nonzero((predictions == labels) & unrelated)[0])

example_labels = labels[[first_wrong, first_right]]
examples = images[[first_wrong, first_right]].to(device)
order = logits[[first_wrong, first_right]].argsort(1, descending=True)
targets = torch.stack([example_labels, order[:, 0], order[:, 1], order[:, -1]], 1)  # (2, 4)
targets = targets.to(device)
roles = ("true", "most likely", "second most likely", "least likely")
predicted = int(targets[0, 1])  # what the network takes the misclassified image for


# %% [markdown]
# **Read the colours first.** In this notebook red speaks *for* a class and blue *against* it, which
# matplotlib calls `RdBu_r`; its `RdBu`, without the `_r`, is the same map inverted. The libraries
# do not agree. The image plots of shap paint red for and blue against, like ours. Captum's default
# for signed maps is green for and **red against**, and lime's masks, with `positive_only=False`,
# use the same. A red sleeve is an argument for *shirt* in one paper and against it in the next:
# look for the colour bar, and write one into your own figures.


# %%
def show_map(axis: plt.Axes, values: Tensor, title: str, limit: float | None = None) -> None:
    """Draw one attribution map: red speaks for the class, blue against it, white is zero."""
    values = values.detach().cpu().squeeze()
    limit = limit or float(values.abs().max()) or 1.0
    drawn = axis.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axis.set_title(title, fontsize=9)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.figure.colorbar(drawn, ax=axis, shrink=0.7)


# %% tags=["figure"]
figure, axes = plt.subplots(
    1, 4, figsize=(11, 2.8), width_ratios=(1, 1.6, 1, 1.6), layout="constrained"
)
for row, index in enumerate((first_wrong, first_right)):
    picture, bars = axes[2 * row], axes[2 * row + 1]
    picture.imshow(images[index, 0], cmap="gray", vmin=0, vmax=1)
    picture.set_title(f"{('misclassified', 'correct')[row]}: test image {index}", fontsize=9)
    picture.axis("off")
    hatches = ["//" if c == labels[index] else "" for c in range(10)]
    bars.barh(classes, logits[index], color="tab:gray", edgecolor="black", hatch=hatches)
    bars.axvline(0, color="black", linewidth=0.8)
    bars.invert_yaxis()
    bars.tick_params(labelsize=7)
    bars.set_title("logits (hatched: the true class)", fontsize=9)
plt.show()
for four in targets:
    named = zip(roles, four, strict=True)
    print(" · ".join(f"{role}: {classes[target]}" for role, target in named))

# %% [markdown]
# ## 2 · Gradients
#
# **You learn** what a slope says, what it leaves out, and how it is smoothed, multiplied and masked. **Time:** one hour.
#
# ### Vanilla gradient
#
# How does the logit $f_c$ of class $c$ react if a pixel gets a little brighter? By its partial
# derivative:
#
# $$\phi_i(x) = \frac{\partial f_c(x)}{\partial x_i}$$
#
# ([Simonyan, Vedaldi and Zisserman 2014](https://arxiv.org/abs/1312.6034), who then take absolute
# values; we keep the sign.) It costs one forward and one backward pass. It is the slope of the best
# *linear* approximation around $x$, and knows nothing about what happens further away: for
# $f(x) = 1 - \max(0, 1 - x)$ at $x = 2$ the gradient is 0, although the input has raised the output
# from $f(0) = 0$ to 1. The function is *saturated* there.
#
# ### Input × gradient
#
# The gradient says how the logit would react to a change. It does not say how much of the logit
# *comes from* a pixel: a black pixel with a steep slope contributes nothing yet. [Shrikumar,
# Greenside, Shcherbina and Kundaje 2016](https://arxiv.org/abs/1605.01713) therefore multiply,
#
# $$\phi_i(x) = x_i \, \frac{\partial f_c(x)}{\partial x_i},$$
#
# which for a linear function is exactly what the feature adds to the output. Notice two things for
# later: the black pixel is the silent reference, and every pixel that is exactly zero gets zero.
#
# ### Task 3: two maps from one slope (2 points)
#
# Write `gradient_maps(model, image, target)` for one image of any shape. It returns two tensors of
# the image's shape: the gradient, and input × gradient. The model wants a batch: give it
# `image[None]`. The check also compares both with `explain`, xaikit's own implementation of all methods
# (more on it in section 3), on our network.


# %% nbgrader={"grade_id": "gradient", "solution": true}
# answer: gradient
def gradient_maps(model: nn.Module, image: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Return the derivative of the target's logit by the image, and that times the image."""
    ### BEGIN SOLUTION
    image = image.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(image[None])[0, target], image)
    return slope, (image * slope).detach()
    ### END SOLUTION


# %% nbgrader={"grade_id": "gradient-test", "grade": true, "points": 2}
toy = nn.Sequential(nn.Linear(3, 2))
with torch.no_grad():
    toy[0].weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [-4.0, 5.0, -6.0]]))
pair = gradient_maps(toy, torch.tensor([1.0, -2.0, 0.5]), 1)
checks.expect(
    pair is not None and len(pair) == 2,
    "`gradient_maps` should return two tensors: the gradient, and input × gradient.",
)
checks.close(
    pair[0],
    [-4, 5, -6],
    "the gradient of toy",
    "for a linear model the answer is row `target` of its weights, with sign. "
    "Differentiate the logit itself.",
)
checks.close(
    pair[1],
    [-4, -10, -3],
    "input × gradient of toy",
    "multiply each slope with its own input, signs included.",
)
pair = gradient_maps(model, examples[0], predicted)
for found, method in zip(pair, ("gradient", "input_x_gradient"), strict=True):
    checks.close(
        found,
        explain(model, examples[:1], predicted, method).attributions[0, 0].cpu(),
        f"{method} of our network",
        f"on our network it differs from `explain(…, method={method!r})`.",
    )
checks.passed("gradient")

# %% tags=["figure"]
figure, axes = plt.subplots(1, 3, figsize=(8, 2.6), layout="constrained")
axes[0].imshow(examples[1, 0].cpu(), cmap="gray", vmin=0, vmax=1)
axes[0].axis("off")
for axis, method in zip(axes[1:], ("gradient", "input_x_gradient"), strict=True):
    slopes = explain(model, examples[1:], targets[1:, 1], method).attributions[0, 0]
    show_map(axis, slopes, method.replace("_x_", " × ").replace("_", " "))
figure.suptitle(f"For “{classes[int(targets[1, 1])]}”: what would help, and what has helped")
plt.show()

# %% [markdown]
# ### SmoothGrad
#
# Networks of ReLUs are piecewise linear, so their gradient jumps from one piece to the next and its
# maps look like noise. [Smilkov et al. 2017](https://arxiv.org/abs/1706.03825) average it over
# noisy copies:
#
# $$\phi(x) = \frac{1}{n} \sum_{k=1}^{n} \nabla f_c(x + \varepsilon_k), \qquad \varepsilon_k \sim \mathcal{N}(0, \sigma^2)$$
#
# They find 10 to 20 % of the input's range a good $\sigma$, and little change beyond $n = 50$. It
# costs $n$ passes forward and backward. What is explained is no longer $f_c$ at $x$ but a blurred
# version of $f_c$.
#
# ### Task 4: SmoothGrad by hand (2 points)
#
# So that the result can be compared, the noise is given: `noise` has shape (n, *image.shape). Write
# `smoothgrad(model, image, target, noise)`. One batch for all copies is fastest.


# %% nbgrader={"grade_id": "smoothgrad", "solution": true}
# answer: smoothgrad
def smoothgrad(model: nn.Module, image: Tensor, target: int, noise: Tensor) -> Tensor:
    """Return the mean gradient over the noisy copies `image + noise[k]`, in the image's shape."""
    ### BEGIN SOLUTION
    copies = (image + noise).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(model(copies)[:, target].sum(), copies)
    return slopes.mean(0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "smoothgrad-test", "grade": true, "points": 2}
checks.close(
    smoothgrad(model, examples[0], predicted, torch.zeros(3, 1, 28, 28, device=device)),
    explain(model, examples[:1], predicted, "gradient").attributions[0, 0].cpu(),
    "smoothgrad(…) without noise",
    "with zero noise it should equal the gradient: take the mean over the copies, not their sum.",
)
bend = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
with torch.no_grad():
    bend[0].weight.fill_(1.0)
    bend[0].bias.fill_(0.0)
checks.close(
    smoothgrad(bend, torch.tensor([0.5]), 0, torch.tensor([[1.0], [-1.0], [0.2], [-0.7]])),
    [0.5],
    "smoothgrad(bend, …)",
    "two of these four copies lie where max(0, x) has slope 1, two where it has slope 0. "
    "Average the slopes of the copies, not the slope at the average.",
)
checks.passed("smoothgrad")

# %% tags=["figure"]
levels = (0.0, 0.05, 0.15, 0.4)
figure, axes = plt.subplots(1, 5, figsize=(12, 2.5), layout="constrained")
axes[0].imshow(examples[0, 0].cpu(), cmap="gray", vmin=0, vmax=1)
axes[0].set_title(classes[example_labels[0]], fontsize=9)
axes[0].axis("off")
generator = torch.Generator().manual_seed(0)
for axis, level in zip(axes[1:], levels, strict=True):
    copies = examples[:1].cpu() + level * torch.randn(50, 1, 28, 28, generator=generator)
    slopes = explain(model, copies.to(device), predicted, "gradient").attributions
    show_map(axis, slopes.mean(0), f"mean gradient, noise {level:.0%}")
figure.suptitle(
    f"SmoothGrad for “{classes[predicted]}”: red pixels would raise its logit, blue ones lower it"
)
plt.show()

# %% [markdown]
# Notice how the speckle gives way to shapes, and how at 40 % the shapes begin to belong to the
# average of many noisy images rather than to this one.

# %% [markdown]
# ### Guided backpropagation
#
# On the way back through a ReLU, the gradient is stopped where the unit was *off* in the forward
# pass. The *deconvnet* of [Zeiler and Fergus 2014](https://arxiv.org/abs/1311.2901) stops it where
# the signal itself is *negative* instead. Guided backpropagation ([Springenberg et al.
# 2015](https://arxiv.org/abs/1412.6806)) does both: for a ReLU $y = \max(0, z)$,
#
# $$R_z = \mathbb 1[z > 0] \cdot \mathbb 1[R_y > 0] \cdot R_y .$$
#
# Its maps are crisp and show what a person expects. Section 8 asks whether that is the network's
# merit.
#
# ### Task 5: guided backpropagation by hand (2 points)
#
# `network` is an `nn.Sequential` in which `nn.Linear` and `nn.ReLU` layers alternate; it begins and
# ends with a linear one. Write `guided_backprop(network, x, target)` for a vector `x`. Go forward
# and keep what enters each ReLU, then go back from the target's logit, whose own signal is 1.


# %% nbgrader={"grade_id": "guided-backprop", "solution": true}
# answer: guided-backprop
def guided_backprop(network: nn.Sequential, x: Tensor, target: int) -> Tensor:
    """Return guided backpropagation's map of the features of x, in x's shape (d,)."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        entering, value = [], x
        for layer in network:
            entering.append(value)
            value = layer(value)
        signal = torch.zeros_like(value)
        signal[target] = 1.0
        for layer, before in zip(reversed(network), reversed(entering), strict=True):
            if isinstance(layer, nn.ReLU):
                signal = signal.clamp(min=0) * (before > 0)
            else:
                signal = signal @ layer.weight
        return signal
    ### END SOLUTION


# %% nbgrader={"grade_id": "guided-backprop-test", "grade": true, "points": 2}
signs = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 1, bias=False))
with torch.no_grad():
    signs[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0], [1.0, 1.0]]))
    signs[2].weight.copy_(torch.tensor([[2.0, 5.0, -3.0]]))
checks.close(
    guided_backprop(signs, torch.tensor([1.0, 1.0]), 0),
    [2, 0],
    "guided_backprop(signs, (1, 1), 0)",
    "of the three hidden units the second is off in the forward pass, and the third has a negative "
    "signal on the way back: only the first may pass its signal on.",
)
torch.manual_seed(0)
small = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
point = torch.randn(4)
checks.close(
    guided_backprop(small, point, 1),
    explain(small, point[None], 1, "guided_backprop").attributions[0, 0],
    "guided_backprop(small, …)",
    "with two hidden layers it differs from `explain`. Both masks apply at every ReLU, also at the one "
    "behind the first layer; what arrives at the input itself is not masked.",
)
checks.passed("guided-backprop")

# %% [markdown]
# ## 3 · From a reference to the input
#
# **You learn** methods that compare the input with a reference, and what the reference decides. **Time:** an hour and a half.
#
# ### Integrated Gradients
#
# [Sundararajan, Taly and Yan 2017](https://arxiv.org/abs/1703.01365) ask a different question. Not
# "what would a change do?" but "what did the input do, compared with a **baseline** $x'$ in which
# the evidence is missing?" They walk in a straight line from $x'$ to $x$ and collect the gradients
# on the way:
#
# $$\phi_i(x) = (x_i - x'_i) \int_0^1 \frac{\partial f_c\bigl(x' + \alpha (x - x')\bigr)}{\partial x_i}\, d\alpha$$
#
# By the fundamental theorem of calculus the attributions add up to what there is to explain, which
# they call **completeness**:
#
# $$\sum_i \phi_i(x) = f_c(x) - f_c(x')$$
#
# It follows their axiom *sensitivity* (if one feature differs and the output too, that feature gets
# a share; the gradient fails on the saturated function above) and *implementation invariance* (two
# networks that compute the same function get the same attributions; the authors show that DeepLIFT
# and LRP can fail; which rules of LRP do, section 9 asks). A computer replaces the integral by a sum; the paper finds 20 to 300 steps enough
# to come within 5 % of completeness. The **midpoint rule** with $m$ steps is
#
# $$\int_0^1 g(\alpha)\, d\alpha \approx \frac{1}{m} \sum_{k=1}^{m} g\Bigl(\frac{k - 1/2}{m}\Bigr)$$
#
# ### Task 6: Integrated Gradients by hand (3 points)
#
# Write `integrated_gradients(model, image, target, baseline, steps)` with the midpoint rule.


# %% nbgrader={"grade_id": "integrated-gradients", "solution": true}
# answer: integrated-gradients
def integrated_gradients(
    model: nn.Module, image: Tensor, target: int, baseline: Tensor, steps: int
) -> Tensor:
    """Return Integrated Gradients by the midpoint rule, in the image's shape.

    image and baseline have the same shape, without a batch dimension.
    """
    ### BEGIN SOLUTION
    alphas = (torch.arange(steps, device=image.device) + 0.5) / steps
    alphas = alphas.view(-1, *[1] * image.ndim)
    points = (baseline + alphas * (image - baseline)).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(model(points)[:, target].sum(), points)
    return (image - baseline) * slopes.mean(0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "integrated-gradients-test", "grade": true, "points": 3}
saturated = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
with torch.no_grad():
    for layer in (saturated[0], saturated[2]):  # together: 1 - max(0, 1 - x)
        layer.weight.fill_(-1.0)
        layer.bias.fill_(1.0)
checks.close(
    integrated_gradients(saturated, torch.tensor([2.0]), 0, torch.tensor([0.0]), 10),
    [1.0],
    "integrated_gradients(saturated, …)",
    "the slope is 1 on the first half of the way from 0 to 2 and 0 on the second, so the integral is ½. "
    "Is it multiplied with the way, and are the points the middles of the steps?",
)
white = torch.ones_like(examples[0])
total = integrated_gradients(model, examples[0], predicted, white, 300)
total = checks.numbers(total, (1, 28, 28), "integrated_gradients(model, …)").sum()
with torch.no_grad():
    rise = float((model(examples[:1]) - model(white[None]))[0, predicted])
checks.expect(
    abs(total - rise) < 0.05 * abs(rise) + 0.1,
    "On our network, from a white baseline, the attributions should add up to f(x) − f(baseline). "
    "Check where the path begins and ends.",
)
by_library = explain(model, examples[:1], predicted, "integrated_gradients", steps=200)
by_library = by_library.attributions[0, 0].cpu()
by_hand = integrated_gradients(model, examples[0], predicted, torch.zeros_like(white), 200)
by_hand = torch.as_tensor(by_hand).detach().cpu()
checks.expect(
    (by_hand - by_library).norm() < 0.1 * by_library.norm(),
    "From black with 200 steps it should be close to `explain`: is each pixel's share its own "
    "gradient × its own way?",
)
checks.passed("integrated-gradients")

# %% [markdown]
# From now on `explain(model, inputs, targets, method, **options)` does the work. It returns an
# `Explanation` whose `.attributions` have the shape (images, targets, 1, 28, 28). Its integral uses
# the Gauss-Legendre rule, which chooses places and weights of its steps more cleverly than the
# midpoint rule; the idea is the same. How many steps does it take until the numbers add up?

# %% tags=["figure"]
all_steps = (1, 2, 4, 8, 16, 64, 256)
deltas = [
    explain(model, examples[:1], predicted, "integrated_gradients", steps=steps).convergence_delta
    for steps in all_steps
]
figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.loglog(all_steps, [max(abs(float(delta)), 1e-6) for delta in deltas], "o-", color="black")
axis.set(
    xlabel="steps",
    ylabel="completeness gap (logits)",
    title="Integrated Gradients approach completeness",
)
axis.grid(alpha=0.3)
plt.show()

# %% [markdown]
# Along the path the gradient of a ReLU network is a step function, so the gap need not shrink with
# every step that is added, but in the end it does. Few steps can be far off: look at the gap before
# you trust a map.
#
# ### What does the baseline hide?
#
# The factor $x_i - x'_i$ has a price: a pixel that *equals* the baseline gets nothing, whatever the
# network does with it ([Sturmfels, Lundberg and Lee
# 2020](https://distill.pub/2020/attribution-baselines/)). FashionMNIST's background is exactly
# black. Before you look: what do you expect for a black baseline, what for a white one?

# %% tags=["figure"]
figure, axes = plt.subplots(1, 4, figsize=(11, 2.5), layout="constrained")
axes[0].imshow(examples[1, 0].cpu(), cmap="gray", vmin=0, vmax=1)
axes[0].axis("off")
for axis, level in zip(axes[1:], ("black", "grey", "white"), strict=True):
    result = explain(
        model, examples[1:], targets[1:, 1], "integrated_gradients", steps=64, baseline=level
    )
    show_map(axis, result.attributions[0, 0], f"{level} baseline")
figure.suptitle(
    f"Integrated Gradients for “{classes[int(targets[1, 1])]}”: same network, same image"
)
plt.show()

# %% [markdown]
# ### Expected gradients
#
# Which baseline, then? [Erion et al. 2021](https://arxiv.org/abs/1906.10670) take none in
# particular: they average Integrated Gradients over references $x'$ from the training data, and
# draw the place on the path at random as well:
#
# $$\phi_i(x) = \mathbb E_{x' \sim D,\; \alpha \sim U(0, 1)} \left[ (x_i - x'_i)\,
# \frac{\partial f_c\bigl(x' + \alpha (x - x')\bigr)}{\partial x_i} \right]$$
#
# The attributions add up to $f_c(x) - \mathbb E\, f_c(x')$ in expectation. Every sample costs one
# gradient, so 200 references cost no more than 200 steps from one.
#
# ### Task 7: expected gradients by hand (2 points)
#
# So that the result can be compared, the draws are given: `references` (n, *image.shape) and
# `alphas` (n,), which belong together. Write `expected_gradients(model, image, target, references,
# alphas)`.


# %% nbgrader={"grade_id": "expected-gradients", "solution": true}
# answer: expected-gradients
def expected_gradients(
    model: nn.Module, image: Tensor, target: int, references: Tensor, alphas: Tensor
) -> Tensor:
    """Return the mean over the draws of (image − reference) × gradient, in the image's shape."""
    ### BEGIN SOLUTION
    way = image - references
    places = alphas.view(-1, *[1] * image.ndim)
    points = (references + places * way).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(model(points)[:, target].sum(), points)
    return (way * slopes).mean(0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "expected-gradients-test", "grade": true, "points": 2}
toy = nn.Sequential(nn.Linear(3, 2))
with torch.no_grad():
    toy[0].weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [-4.0, 5.0, -6.0]]))
checks.close(
    expected_gradients(
        toy, torch.tensor([1.0, 1.0, 1.0]), 0, torch.eye(3)[:2], torch.tensor([0.1, 0.7])
    ),
    [0.5, 1.0, 3.0],
    "expected_gradients(toy, …)",
    "for a linear model the places on the path do not matter: each draw gives weight × way, and "
    "the mean of these is wanted.",
)
middles = (torch.arange(100, device=device) + 0.5) / 100
black = torch.zeros(100, 1, 28, 28, device=device)
total = expected_gradients(model, examples[0], predicted, black, middles)
total = checks.numbers(total, (1, 28, 28), "expected_gradients(model, …)").sum()
with torch.no_grad():
    rise = float((model(examples[:1]) - model(black[:1]))[0, predicted])
checks.expect(
    abs(total - rise) < 0.1 * abs(rise) + 0.2,
    "With black references and evenly spaced places it is Integrated Gradients, and should add up "
    "to f(x) − f(black). Does α = 0 lie at the reference and α = 1 at the image?",
)
checks.passed("expected-gradients")

# %% [markdown]
# ### DeepLIFT
#
# [Shrikumar, Greenside and Kundaje 2017](https://arxiv.org/abs/1704.02685) also compare with a
# reference $x'$, yet without a walk. Every unit has a value for the input and one for the
# reference. Write $\Delta$ for the difference of the two. A **multiplier** says how much of the
# target's $\Delta$ comes from each unit of a $\Delta$ in front of it; they obey a chain rule like
# derivatives. For a linear layer they are its weights. For a ReLU $y = \max(0, z)$ the **Rescale
# rule** takes the slope of the *chord* in place of the tangent:
#
# $$m = \frac{\Delta y}{\Delta z} = \frac{\max(0, z) - \max(0, z')}{z - z'}, \qquad
# \phi_i = (x_i - x'_i) \sum_j w_{ji}\, m_j\, v_{cj}$$
#
# for a network $f_c(x) = v_c \cdot \max(0, Wx + b) + d_c$. As each chord connects the two values
# exactly, completeness holds after two forward passes and one backward pass. For $z = z'$ the
# fraction is 0/0; there the derivative of the ReLU at $z$ takes its place (the sum does not depend
# on that choice, the shares do).
#
# ### DeepSHAP
#
# One reference is arbitrary. [Lundberg and Lee 2017](https://arxiv.org/abs/1705.07874) define SHAP
# values, in which a missing feature is averaged over the data, and sketch Deep SHAP, which
# approximates them with DeepLIFT's multipliers. Today's implementations ([Chen, Lundberg and Lee
# 2019](https://arxiv.org/abs/1911.11888)) compute DeepLIFT against each of $B$ background samples
# and average:
#
# $$\phi(x) = \frac{1}{B} \sum_{b=1}^{B} \phi^{\text{DeepLIFT}}(x; x'_b), \qquad
# \sum_i \phi_i(x) = f_c(x) - \frac{1}{B} \sum_{b=1}^{B} f_c(x'_b)$$
#
# So the base value is the *expected output* over the backgrounds, which is not the output for the
# mean background: for that the network would have to be linear. It costs $B$ times as much as
# DeepLIFT, and with a single background it *is* DeepLIFT.
#
# ### Task 8: DeepLIFT and DeepSHAP by hand (3 points)
#
# `network` is an `nn.Sequential` of a linear layer, a ReLU and a linear layer. Write
# `deep_shap(network, x, backgrounds, target)` for a vector `x` (d,) and `backgrounds` (B, d), with
# DeepLIFT's Rescale rule for each background. Mind the units with $z = z'$.


# %% nbgrader={"grade_id": "deep-shap", "solution": true}
# answer: deep-shap
def deep_shap(network: nn.Sequential, x: Tensor, backgrounds: Tensor, target: int) -> Tensor:
    """Return the mean of DeepLIFT's contributions over the backgrounds, shape (d,)."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        first, _, second = network
        z, z_backgrounds = first(x), first(backgrounds)
        change = z - z_backgrounds
        same = change.abs() < 1e-6
        chords = (z.relu() - z_backgrounds.relu()) / torch.where(same, 1.0, change)
        multipliers = torch.where(same, (z > 0).to(z.dtype), chords)
        slopes = (second.weight[target] * multipliers) @ first.weight
        return ((x - backgrounds) * slopes).mean(0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "deep-shap-test", "grade": true, "points": 3}
torch.manual_seed(1)
small = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
point, several = torch.randn(4), torch.randn(5, 4)
for count in (1, 5):
    contributions = deep_shap(small, point, several[:count], 1)
    contributions = checks.numbers(contributions, (4,), "deep_shap(small, …)")
    with torch.no_grad():
        rise = float((small(point) - small(several[:count]).mean(0))[1])
    checks.expect(
        abs(contributions.sum() - rise) < 1e-4,
        f"With {count} background(s) the values should add up to f(x) minus the mean of the "
        "backgrounds' outputs. Does each ReLU pass on its chord? Average at the very end.",
    )
    checks.close(
        contributions,
        explain(small, point[None], 1, "deep_shap", background=several[:count]).attributions[0, 0],
        "deep_shap(small, …)",
        "the sum is right, but the shares differ from `explain`. Follow the multipliers back "
        "through the weights, for each background its own.",
    )
checks.close(
    deep_shap(small, point, point[None], 0),
    np.zeros(4),
    "deep_shap(small, x, x, 0)",
    "an input that equals the reference has nothing to explain: all zeros, without nan.",
)
checks.passed("deep-shap")

# %% [markdown]
# On our network two training images of each class serve as background from now on. Below, one of
# them, five and all twenty: what you see first is as much the reference as the input.

# %%
train = load("fashion_mnist", split="train")
train_images, train_labels = train.images[:3000], train.labels[:3000]
background = torch.cat([train.images[train.labels == c][:2] for c in range(10)]).to(device)
del train  # it is large

figure, axes = plt.subplots(1, 4, figsize=(11, 2.6), layout="constrained")
show_map(
    axes[0],
    explain(model, examples[1:], targets[1:, 1], "deeplift").attributions[0, 0],
    "DeepLIFT, black reference",
)
for axis, count in zip(axes[1:], (1, 5, 20), strict=True):
    some = background[:: 20 // count]
    result = explain(model, examples[1:], targets[1:, 1], "deep_shap", background=some)
    show_map(
        axis, result.attributions[0, 0], f"DeepSHAP, {count} background image{'s' * (count > 1)}"
    )
figure.suptitle(f"For “{classes[int(targets[1, 1])]}”: what one reference adds, many average out")
plt.show()

# %% [markdown]
# ## 4 · Relevance, layer by layer
#
# **You learn** how layer-wise relevance propagation (LRP) shares out an output, what its rules have
# in common, and where the rules matter more than the network. **Time:** one hour.
#
# [Bach et al. 2015](https://doi.org/10.1371/journal.pone.0130140) ask for no slope. They take the
# output as an amount of **relevance**, $R = f_c(x)$, and hand it back layer by layer: a unit $j$
# shares its $R_j$ among the units $i$ in front of it, in proportion to what these have contributed.
# ReLUs let relevance through as it is. The rules differ in what counts as a contribution. With
# activations $a_i$ (in the first layer the inputs $x_i$), weights $w_{ji}$, biases $b_j$, and
# $(\cdot)^+ = \max(0, \cdot)$, $(\cdot)^- = \min(0, \cdot)$:
#
# | rule | $R_i = \sum_j \dots$ | good for |
# |---|---|---|
# | LRP-ε | $\dfrac{a_i w_{ji}}{z_j + \varepsilon \operatorname{sign} z_j} R_j$ with $z_j = \sum_{i'} a_{i'} w_{ji'} + b_j$ and $\operatorname{sign} 0 = 1$ | signs; near the output |
# | LRP-z⁺ | $\dfrac{(a_i w_{ji})^+}{\sum_{i'} (a_{i'} w_{ji'})^+ + b_j^+} R_j$ | smooth maps in convolutions |
# | zᴮ, for pixels in $[0, 1]$ | $\dfrac{x_i w_{ji} - w_{ji}^-}{\sum_{i'} (x_{i'} w_{ji'} - w_{ji'}^-)} R_j$ | the first layer |
#
# In the first two rules the bias takes its share and keeps it, so that relevance is lost on the
# way; where there are no biases (and for ε → 0) it is **conserved**. On ReLU networks LRP-ε with
# ε → 0 is input × gradient ([Ancona et al. 2018](https://arxiv.org/abs/1711.06104)). **Deep
# Taylor** decomposition ([Montavon et al. 2017](https://arxiv.org/abs/1512.02479)) derives its
# rules from Taylor expansions of the units: z⁺ in the hidden layers and zᴮ in the first, both
# *without* biases, which it assumes not to be positive. For the whole story see [Montavon et al.
# 2019](https://doi.org/10.1007/978-3-030-28954-6_10).
#
# ### Task 9: relevance by hand (4 points)
#
# `network` is an `nn.Sequential` in which `nn.Linear` and `nn.ReLU` layers alternate; it begins and
# ends with a linear one and may have one linear layer only. Write `relevance(network, x, target,
# rule)` for a vector `x` with values in [0, 1]. The `rule` is
#
# - `"epsilon"`: LRP-ε in every layer, with ε = 10⁻⁶;
# - `"z_plus"`: LRP-z⁺ in every layer, biases as in the table;
# - `"deep_taylor"`: zᴮ in the *first* linear layer, z⁺ without biases in all others.
#
# Relevance starts as the target's logit, and as nothing at the other classes. Where a denominator is 0,
# nothing is handed on (there are such units: mind 0/0).


# %% nbgrader={"grade_id": "relevance", "solution": true}
# answer: relevance
def relevance(network: nn.Sequential, x: Tensor, target: int, rule: str) -> Tensor:
    """Return the relevance of the features of x, in x's shape (d,)."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        entering, value = [], x
        for layer in network:
            entering.append(value)
            value = layer(value)
        share = torch.zeros_like(value)
        share[target] = value[target]
        for place in reversed(range(len(network))):
            layer, a = network[place], entering[place]
            if isinstance(layer, nn.ReLU):
                continue
            contributions = layer.weight * a  # (outputs, inputs)
            if rule == "epsilon":
                z = contributions.sum(1) + layer.bias
                below = z + 1e-6 * torch.where(z >= 0, 1.0, -1.0)
            elif rule == "deep_taylor" and place == 0:
                contributions = contributions - layer.weight.clamp(max=0)
                below = contributions.sum(1)
            else:
                contributions = contributions.clamp(min=0)
                below = contributions.sum(1)
                if rule == "z_plus":
                    below = below + layer.bias.clamp(min=0)
            share = torch.where(below == 0, 0.0, share / below) @ contributions
        return share
    ### END SOLUTION


# %% nbgrader={"grade_id": "relevance-test", "grade": true, "points": 4}
single = nn.Sequential(nn.Linear(3, 1))
with torch.no_grad():
    single[0].weight.copy_(torch.tensor([[2.0, -1.0, 1.0]]))
    single[0].bias.fill_(1.0)
spot = torch.tensor([0.5, 0.5, 1.0])  # contributions 1, −½, 1 and the bias 1: the logit is 2.5
for rule, expected, hint in (
    ("epsilon", [1, -0.5, 1], "contributions and bias share the logit by their signed sizes."),
    ("z_plus", [2.5 / 3, 0, 2.5 / 3], "only what is positive takes a share, the bias among it."),
    ("deep_taylor", [1, 0.5, 1], "add to each contribution what a pixel of 1 could have cost."),
):
    checks.close(
        relevance(single, spot, 0, rule), expected, f"relevance(single, …, {rule!r})", hint, 1e-3
    )
last = nn.Sequential(model[-1])  # our network's own last layer, on what reaches it
with torch.no_grad():
    reaching = model[:-1](examples[:1])
for rule in ("epsilon", "z_plus"):
    checks.close(
        relevance(last, reaching[0], predicted, rule),
        explain(last, reaching, predicted, "lrp", rule=rule).attributions[0, 0].cpu(),
        f"relevance of our network's last features, {rule!r}",
        "it differs from `explain(…, method='lrp')`.",
        1e-3,
    )
torch.manual_seed(3)
small = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
point = torch.rand(4)
for rule, options in (
    ("epsilon", {"method": "lrp", "rule": "epsilon"}),
    ("z_plus", {"method": "lrp", "rule": "z_plus"}),
    ("deep_taylor", {"method": "deep_taylor"}),
):
    checks.close(
        relevance(small, point, 1, rule),
        explain(small, point[None], 1, **options).attributions[0, 0],
        f"relevance(small, …, {rule!r})",
        "through several layers it differs from `explain`. What a layer hands back is what the "
        "layer before it has to share.",
        1e-3,
    )
checks.passed("relevance")

# %% tags=["figure"]
rows = {
    "LRP-ε": {"method": "lrp", "rule": "epsilon"},
    "LRP-z⁺": {"method": "lrp", "rule": "z_plus"},
    "ε in linear layers,\nz⁺ in convolutions": {"method": "lrp", "rule": "composite"},
    "deep Taylor": {"method": "deep_taylor"},
}
figure, axes = plt.subplots(1, 5, figsize=(12, 2.7), layout="constrained")
axes[0].imshow(examples[1, 0].cpu(), cmap="gray", vmin=0, vmax=1)
axes[0].axis("off")
for axis, (title, chosen) in zip(axes[1:], rows.items(), strict=True):
    result = explain(model, examples[1:], targets[1:, 1], **chosen)
    show_map(axis, result.attributions[0, 0], title)
figure.suptitle(f"Relevance for “{classes[int(targets[1, 1])]}” by four rules")
plt.show()

# %% [markdown]
# One network, one image, four pictures: the rule is a choice of yours, and the smoother map is not
# the truer one for being smooth. Our network has positive biases, because its batch normalisation
# was folded into the convolutions, so that Deep Taylor's assumption does not hold here; and deep
# Taylor needs an output that is positive.

# %% [markdown]
# ## 5 · Grad-CAM
#
# **You learn** to read the last feature maps, and what is lost by reading only those. **Time:** half an hour.
#
# The deep layers of a convolutional network know *what*, its maps of activations still know
# *where*. [Selvaraju et al. 2017](https://arxiv.org/abs/1610.02391) weigh each map $A^k$ of the
# last convolution by the mean gradient of the logit with respect to it, and keep what speaks for
# the class:
#
# $$\alpha_k = \frac{1}{hw} \sum_{u,v} \frac{\partial f_c}{\partial A^k_{uv}}, \qquad
# \phi = \max\Bigl(0, \sum_k \alpha_k A^k\Bigr)$$
#
# The result is as coarse as the layer and is enlarged to the size of the image. One forward pass,
# and a backward pass only as far as that layer. There is no red and blue: after the ReLU nothing is
# negative, and a class with no evidence at all gets an empty map. Where a network ends by averaging
# its maps and one linear layer, the weights are that layer's up to a factor: Grad-CAM generalises
# the older class activation mapping (CAM, [Zhou et al. 2016](https://arxiv.org/abs/1512.04150)).
# Ours is such a network, but for a ReLU in between.
#
# ### Task 10: Grad-CAM by hand (3 points)
#
# The network comes in two parts: `features` maps a batch of images to activations (N, K, h, w),
# `head` maps these to logits. Write `grad_cam(features, head, image, target)`, which returns the
# coarse map of shape (h, w).


# %% nbgrader={"grade_id": "grad-cam", "solution": true}
# answer: grad-cam
def grad_cam(features: nn.Module, head: nn.Module, image: Tensor, target: int) -> Tensor:
    """Return Grad-CAM's map at the resolution of the activations, shape (h, w), not enlarged."""
    ### BEGIN SOLUTION
    activations = features(image[None]).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(head(activations)[0, target], activations)
    weights = slopes.mean((2, 3), keepdim=True)
    return (weights * activations).sum(1).relu()[0].detach()
    ### END SOLUTION


# %% nbgrader={"grade_id": "grad-cam-test", "grade": true, "points": 3}
class Mean(nn.Module):
    """Two logits: the mean of the first map, and the mean of the second minus that of the first."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map activations (N, 2, h, w) to logits (N, 2)."""
        one, two = maps.mean((2, 3)).unbind(1)
        return torch.stack([one, two - one], 1)


copying = nn.Conv2d(2, 2, 1, bias=False)  # the activations are the image
with torch.no_grad():
    copying.weight.copy_(torch.eye(2).view(2, 2, 1, 1))
two_maps = torch.tensor([[[2.0, 0.0], [1.0, 1.0]], [[1.0, 3.0], [0.0, 2.0]]])
checks.close(
    grad_cam(copying, Mean(), two_maps, 1),
    [[0, 0.75], [0, 0.25]],
    "grad_cam(…)",
    "here the weights are −¼ and ¼, so the map is ¼ of the second minus the first, without what is "
    "negative. The weight of a map is the mean of its gradients over all places.",
)
last = max(i for i, layer in enumerate(model) if isinstance(layer, nn.Conv2d))
features, head = nn.Sequential(*model[: last + 1]), nn.Sequential(*model[last + 1 :])
coarse = torch.as_tensor(grad_cam(features, head, examples[0], predicted))
enlarged = nn.functional.interpolate(
    coarse[None, None], (28, 28), mode="bilinear", align_corners=False
)
checks.close(
    enlarged[0],
    explain(model, examples[:1], predicted, "grad_cam").attributions[0, 0].cpu(),
    "grad_cam(features, head, …), enlarged,",
    "on our network it differs from `explain`. Are weights and maps those of this image and target?",
)
checks.passed("grad-cam")

# %% tags=["figure"]
heats = explain(model, examples, targets[:, [1, 3]], "grad_cam").attributions.cpu()
figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), layout="constrained")
for column, axis in enumerate(axes):
    example, role = divmod(column, 2)
    axis.imshow(examples[example, 0].cpu(), cmap="gray", vmin=0, vmax=1)
    heat = axis.imshow(
        heats[example, role, 0], cmap="inferno", alpha=0.65, vmin=0, vmax=heats.max()
    )
    name = classes[int(targets[example, (1, 3)[role]])]
    axis.set_title(f"{(roles[1], roles[3])[role]}: {name}", fontsize=9)
    axis.axis("off")
figure.colorbar(heat, ax=axes, shrink=0.8)
figure.suptitle("Grad-CAM, one scale for all: bright is evidence for the class")
plt.show()

# %% [markdown]
# ## 6 · Perturb and ask
#
# **You learn** methods that need nothing but answers, Shapley values by regression and in trees, and explanations by example. **Time:** an hour and a half.
#
# ### LIME
#
# [Ribeiro, Singh and Guestrin 2016](https://arxiv.org/abs/1602.04938) need no gradients, only
# answers. Cut the image into $M$ segments; hide a random choice of them, $z \in \{0, 1\}^M$ (1:
# visible), and ask the network about the result, $f_c(h(z))$. Then fit a linear **surrogate** that
# matters most near the complete image:
#
# $$\min_{a_0, a} \sum_{s=1}^{S} \pi(z_s) \bigl(f_c(h(z_s)) - a_0 - a \cdot z_s\bigr)^2 + \lambda \lVert a \rVert^2,
# \qquad \pi(z) = \exp\Bigl(-\frac{d(z)^2}{\sigma^2}\Bigr)$$
#
# The explanation is $a$: one number a segment. Everything here is a choice: the segments, what
# "hidden" looks like, the distance $d$, the kernel width $\sigma$, the penalty $\lambda$, the
# number of samples $S$. (The authors' Python package takes the cosine distance between masks and
# the square root of the kernel above, which amounts to a $\sigma$ that is $\sqrt 2$ times as wide,
# and ridge regression where the paper selects features with the lasso.) The costs are $S$ forward
# passes and a regression.
#
# ### Task 11: LIME by hand (3 points)
#
# Write `lime(masks, outputs, width, penalty)` for masks $z_s$ of zeros and ones (S, M) and the
# outputs $f_c(h(z_s))$ (S,). It weighs the samples by $\pi(z_s)$, where $\sigma$ is the `width` and
# the distance the **cosine distance** to the mask of ones,
# $d(z) = 1 - \frac{z \cdot \mathbf 1}{\lVert z \rVert\, \lVert \mathbf 1 \rVert}$ (1 for a mask
# that hides everything), and returns the coefficients $a$, shape (M,), of the weighted ridge
# regression with $\lambda$ = `penalty`. The intercept $a_0$ is fitted too, but *not* penalised. A
# hint if you solve it by hand: first subtract from the columns of the masks and from the outputs
# their weighted means, and the intercept has gone.


# %% nbgrader={"grade_id": "lime", "solution": true}
# answer: lime
def lime(masks: Tensor, outputs: Tensor, width: float, penalty: float) -> Tensor:
    """Return the coefficients (M,) of LIME's surrogate on masks (S, M) of zeros and ones."""
    ### BEGIN SOLUTION
    z, y = masks.double(), outputs.double()
    # z·1 / (‖z‖ ‖1‖) is the root of the visible share
    weight = torch.exp(-(((1 - z.mean(1).sqrt()) / width) ** 2))
    share = weight / weight.sum()
    z, y = z - share @ z, y - share @ y
    gram = z.T @ (weight[:, None] * z) + penalty * torch.eye(z.shape[1], dtype=z.dtype)
    return torch.linalg.solve(gram, z.T @ (weight * y))
    ### END SOLUTION


# %% nbgrader={"grade_id": "lime-test", "grade": true, "points": 3}
torch.manual_seed(0)
some_masks = (torch.rand(40, 5) < 0.5).float()
slopes = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0])
checks.close(
    lime(some_masks, 7 + some_masks @ slopes, 0.5, 0.0),
    slopes,
    "lime(…) without a penalty",
    "a function that is linear in the masks is recovered exactly if nothing is penalised, whatever "
    "the weights. Is there an intercept?",
    tolerance=1e-3,
)
shrunk = lime(some_masks, 7 + some_masks @ slopes, 0.5, 1e6)
checks.expect(
    abs(checks.numbers(shrunk, (5,), "lime(…)")).max() < 0.01,
    "A huge penalty should press all coefficients towards zero.",
)
near = float(math.exp(-1))  # one segment, shown (d = 0, weight 1) or hidden (d = 1, weight 1/e)
spread = near / (1 + near)  # the weighted sum of squares around the weighted mean
checks.close(
    lime(torch.tensor([[1.0], [0.0]]), torch.tensor([1.0, 0.0]), 1.0, 1.0),
    [spread / (spread + 1)],
    "lime(…) with one segment",
    "the mask that hides everything has distance 1 and so weight exp(−1) here. Each squared error "
    "is weighted once, and the penalty is added as it is.",
)
checks.passed("lime")

# %%
# Squares of 4 × 4 pixels, numbered 0 to 48. A hidden one turns black, which is LIME's `baseline`.
block = torch.arange(28) // 4
segments = block[:, None] * 7 + block

shown = torch.Generator().manual_seed(3)
mask = (torch.rand(49, generator=shown) < 0.6).float()
figure, axes = plt.subplots(1, 3, figsize=(9, 2.6), layout="constrained")
axes[0].imshow(segments % 2, cmap="gray", vmin=-1, vmax=1.5)
axes[0].set_title("49 segments", fontsize=9)
axes[1].imshow(examples[1, 0].cpu() * mask[segments], cmap="gray", vmin=0, vmax=1)
axes[1].set_title("one sample: some hidden (black)", fontsize=9)
result = explain(
    model, examples[1:], targets[1:, 1], "lime", segments=segments, samples=500, seed=0
)
show_map(axes[2], result.attributions[0, 0], f"LIME for “{classes[int(targets[1, 1])]}”")
for axis in axes[:2]:
    axis.axis("off")
plt.show()

# %% [markdown]
# Hiding a square of plain background changes nothing here, since it is black already: what is
# filled in decides what *can* matter, and colour on such a square is chance. (Kernel and penalty of
# `explain` are those of the authors' package.) How much is chance? Below, the correlation between
# the maps of two seeds. An explanation that another seed would contradict explains the seed.

# %% tags=["figure"]
for samples in tqdm((60, 200, 1000), desc="LIME twice"):
    one, other = (
        explain(
            model, examples[:1], predicted, "lime", segments=segments, samples=samples, seed=seed
        ).attributions.flatten()
        for seed in (0, 1)
    )
    agreement = float(torch.corrcoef(torch.stack([one, other]))[0, 1])
    print(f"{samples:5d} samples: correlation of two seeds {agreement:.2f}")

# %% [markdown]
# ### KernelSHAP
#
# LIME's kernel, distance and penalty are choices without a reason. [Lundberg and Lee
# 2017](https://arxiv.org/abs/1705.07874) show that one choice has a reason: with the **Shapley
# kernel**
#
# $$\pi(z) = \frac{M - 1}{\binom{M}{|z|} \, |z| \, (M - |z|)}, \qquad 0 < |z| < M,$$
#
# where $|z|$ is the number of visible segments, no penalty, and the *constraint* that the surrogate
# is exact for the empty and for the full mask, the coefficients are the **Shapley values** of the
# segments:
#
# $$\min_\phi \sum_s \pi(z_s) \bigl(f(z_s) - f(\varnothing) - \phi \cdot z_s\bigr)^2
# \quad \text{subject to} \quad \sum_i \phi_i = f(\text{full}) - f(\varnothing) .$$
#
# With all $2^M - 2$ masks this is exact; with a sample of them it is an estimate. The kernel is
# largest for masks that show or hide almost everything: there one segment's effect is seen most
# clearly.
#
# ### Task 12: KernelSHAP by hand (3 points)
#
# Write `kernel_shap(masks, outputs, empty, full)`: `masks` (S, M) are neither empty nor full,
# `outputs` (S,) is what the network says to them; `empty` and `full` are two numbers. Return
# $\phi$, shape (M,). A hint: the constraint gives $\phi_M$ once the others are known; put that into
# the sum, and an ordinary weighted least squares problem for $M - 1$ unknowns is left.


# %% nbgrader={"grade_id": "kernel-shap", "solution": true}
# answer: kernel-shap
def kernel_shap(masks: Tensor, outputs: Tensor, empty: float, full: float) -> Tensor:
    """Return the values (M,) of the constrained least squares with the Shapley kernel."""
    ### BEGIN SOLUTION
    z, y = masks.double(), outputs.double() - empty
    size, visible = z.shape[1], z.sum(1)
    combinations = torch.tensor([math.comb(size, int(each)) for each in visible])
    weight = (size - 1) / (combinations * visible * (size - visible))
    # φ_M = total − the others
    total = full - empty
    columns, rest = z[:, :-1] - z[:, -1:], y - total * z[:, -1]
    gram = columns.T @ (weight[:, None] * columns)
    others = torch.linalg.solve(gram, columns.T @ (weight * rest))
    return torch.cat([others, (total - others.sum()).view(1)])
    ### END SOLUTION


# %% nbgrader={"grade_id": "kernel-shap-test", "grade": true, "points": 3}
coalitions = torch.tensor([[int(bit) for bit in f"{k:03b}"] for k in range(1, 7)]).float()
glove = torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0, 1.0])  # one left glove (first), two right ones
checks.close(
    kernel_shap(coalitions, glove, 0.0, 1.0),
    [2 / 3, 1 / 6, 1 / 6],
    "kernel_shap(…) of the glove game",
    "the owner of the only left glove gets 2/3, each right glove 1/6: these are the Shapley "
    "values. Do the values add up to full − empty, and does a mask of one weigh as one of two here?",
    1e-3,
)
torch.manual_seed(2)
some_masks = (torch.rand(30, 6) < 0.5).float()
some_masks[:, 0], some_masks[:, 1] = 1, 0  # neither empty nor full
some_masks[::2, 0], some_masks[::3, 1] = 0, 1
inside = (some_masks.sum(1) > 0) & (some_masks.sum(1) < 6)
slopes = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0, 1.5])
checks.close(
    kernel_shap(some_masks[inside], 7 + some_masks[inside] @ slopes, 7.0, 11.0),
    slopes,
    "kernel_shap(…) of a linear game",
    "a function that is linear in the masks is recovered exactly from any sample. Is the output of "
    "the empty mask subtracted?",
    1e-3,
)
checks.passed("kernel-shap")

# %% [markdown]
# Below on our network, with the same 49 squares and black as the background. LIME and KernelSHAP
# ask the same kind of questions and fit the same kind of surrogate; what differs is how the samples are
# weighed, the penalty, and that KernelSHAP's surrogate has to be exact for the empty and the full mask.
# (`explain` shares a square's Shapley value among its 16 pixels, so that the map adds up, and gives
# every pixel LIME's coefficient as it is.)

# %% tags=["figure"]
figure, axes = plt.subplots(1, 3, figsize=(8.5, 2.6), layout="constrained")
axes[0].imshow(examples[1, 0].cpu(), cmap="gray", vmin=0, vmax=1)
axes[0].axis("off")
black = torch.zeros_like(examples[:1])
for axis, method in zip(axes[1:], ("lime", "kernel_shap"), strict=True):
    more = {"background": black} if method == "kernel_shap" else {}
    result = explain(
        model, examples[1:], targets[1:, 1], method, segments=segments, samples=1000, **more
    )
    show_map(axis, result.attributions[0, 0], {"lime": "LIME"}.get(method, "KernelSHAP"))
figure.suptitle(f"For “{classes[int(targets[1, 1])]}”, 1000 masks each")
plt.show()

# %% [markdown]
# ### TreeSHAP
#
# Shapley values need $2^M$ evaluations in general. For trees they can be had in polynomial time
# ([Lundberg et al. 2020](https://doi.org/10.1038/s42256-019-0138-9)), because a tree looks at few
# features on each path. Two versions are common, and they answer different questions about a
# feature that is *absent*:
#
# - **interventional**: it takes the value that it has in a background example, averaged over the
#   examples (what the model does);
# - **path dependent**: at a split on it, one goes down both branches, in proportion to the training
#   examples that went there (no background needed; it respects correlations a little).
#
# Both have **local accuracy**: the values of an input add up to its output minus a base value. To
# see it, here is a random forest on the same clothes, shrunk to 7 × 7 pixels.


# %%
def shrunk(pictures: Tensor) -> np.ndarray:
    """Return the means of 4 × 4 blocks of pixels as rows of 49 features."""
    return nn.functional.avg_pool2d(pictures.cpu(), 4).flatten(1).double().numpy()


forest = RandomForestClassifier(n_estimators=20, max_depth=6, random_state=0)
forest.fit(shrunk(train_images), train_labels.numpy())
rows, forest_background = shrunk(examples), shrunk(background)
print(f"the forest's accuracy: {forest.score(shrunk(images), labels.numpy()):.2f}")

# %% [markdown]
# ### Task 13: what is absent, and how much is left? (2 points)
#
# `tree_shap(forest, rows, targets, background=…)` returns an `Explanation` like `explain`; without
# a background it is path dependent. The forest's outputs are probabilities,
# `forest.predict_proba(rows)`. For both `rows` and all their `targets` (move these to the CPU with
# `targets.cpu()`) set
#
# - `by_path` and `by_background`: the attributions, (2, 4, 49), of the path dependent version and
#   of the interventional one with `forest_background`;
# - `base_by_path` and `base_by_background`: the base values that local accuracy implies, (2, 4):
#   each target's probability minus the sum of its attributions.

# %% nbgrader={"grade_id": "tree-shap", "solution": true}
# answer: tree-shap
by_path = by_background = None
base_by_path = base_by_background = None
### BEGIN SOLUTION
wanted = targets.cpu()
by_path = tree_shap(forest, rows, wanted).attributions
by_background = tree_shap(forest, rows, wanted, background=forest_background).attributions
probability = torch.as_tensor(forest.predict_proba(rows)).gather(1, wanted)
base_by_path = probability - by_path.sum(2)
base_by_background = probability - by_background.sum(2)
### END SOLUTION

# %% nbgrader={"grade_id": "tree-shap-test", "grade": true, "points": 2}
for name, maps, base in (
    ("by_path", by_path, base_by_path),
    ("by_background", by_background, base_by_background),
):
    checks.numbers(maps, (2, 4, 49), name)
    base = checks.numbers(base, (2, 4), f"base_{name}")
    same = {}
    for target, value in zip(targets.cpu().flatten().tolist(), base.flatten(), strict=True):
        checks.expect(
            abs(same.setdefault(target, value) - value) < 1e-6,
            f"`base_{name}`: a class has one base value, whichever row is explained.",
        )
checks.close(
    base_by_background,
    forest.predict_proba(forest_background).mean(0)[targets.cpu().numpy()],
    "base_by_background",
    "it should be the forest's mean output over the background.",
)
figure, axes = plt.subplots(1, 3, figsize=(8.5, 2.6), layout="constrained")
axes[0].imshow(rows[1].reshape(7, 7), cmap="gray", vmin=0, vmax=1)
axes[0].set_title("what the forest sees", fontsize=9)
axes[0].axis("off")
limit = float(
    max(abs(checks.numbers(each, (2, 4, 49), "")[1, 1]).max() for each in (by_path, by_background))
)
for axis, maps, title in zip(
    axes[1:], (by_path, by_background), ("path dependent", "interventional"), strict=True
):
    values = torch.as_tensor(checks.numbers(maps, (2, 4, 49), ""))[1, 1].view(7, 7)
    show_map(axis, values, title, limit)
figure.suptitle(f"TreeSHAP for “{classes[int(targets[1, 1])]}” of a forest")
plt.show()
checks.passed("tree-shap")

# %% [markdown]
# ### Exemplars
#
# A different kind of answer: not *which pixels* but *which example*. "It is a coat because it is
# like that coat" is a reason that people give, too. *Like* has to mean like in the network's eyes:
# near in the features of one of its layers, not in pixels ([Papernot and McDaniel
# 2018](https://arxiv.org/abs/1803.04765)). With the nearest training example of *each* class, one
# sees what the network confuses. Here the features are those that enter the last layer.
#
# ### Task 14: the nearest of each class (2 points)
#
# Write `nearest_per_class(query, features, labels, classes)`: `query` (K,) are the features of one
# image, `features` (B, K) and `labels` (B,) those of the training images. Return, for each class
# 0, 1, …, `classes` − 1, the index of the training image of that class with the smallest Euclidean
# distance, an integer tensor of shape (classes,). Every class has an image.


# %% nbgrader={"grade_id": "exemplars", "solution": true}
# answer: exemplars
def nearest_per_class(query: Tensor, features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return the index of the nearest example of each class, (classes,) integers."""
    ### BEGIN SOLUTION
    distance = (features - query).square().sum(1)
    nearest = [torch.where(labels == each, distance, torch.inf).argmin() for each in range(classes)]
    return torch.stack(nearest)
    ### END SOLUTION


# %% nbgrader={"grade_id": "exemplars-test", "grade": true, "points": 2}
made_up = torch.tensor([[0.0, 1.0], [3.0, 3.0], [0.0, -2.0], [1.0, 0.0], [9.0, 0.5]])
checks.close(
    nearest_per_class(torch.tensor([0.5, 0.5]), made_up, torch.tensor([1, 0, 1, 0, 1]), 2),
    [3, 0],
    "nearest_per_class(…)",
    "indices count all training images, not those of one class; far away in any direction is far.",
)
with torch.no_grad():
    features = torch.cat([model[:-1](part.to(device)) for part in train_images[:1000].split(250)])
    query = model[:-1](examples)
found = [nearest_per_class(each, features, train_labels[:1000].to(device), 10) for each in query]
found = torch.stack([torch.as_tensor(each).cpu() for each in found])
found = found.gather(1, targets.cpu())
nearest = explain(
    model,
    examples,
    targets,
    "exemplar",
    examples=train_images[:1000],
    labels=train_labels[:1000],
    steps=1,
)
checks.close(
    found,
    nearest.details["indices"].cpu(),
    "nearest_per_class(…) on our network",
    "it differs from `explain(…, method='exemplar')`: compare Euclidean distances.",
)
for row in range(2):
    shown = torch.cat([examples[row : row + 1].cpu(), train_images[found[row]]])
    titles = [f"{roles[k]}:\n{classes[int(targets[row, k])]}" for k in range(4)]
    display(plots.image_row(shown, ["the image", *titles]))
checks.passed("exemplars")

# %% [markdown]
# What an exemplar cannot say is *what* makes the two alike. And beware of your own eyes: they find
# a likeness of cut or length where the network may have used a pattern.

# %% [markdown]
# ## 7 · All of them together
#
# **You learn** to say what exactly is explained, to compare methods on one scale, and to write down
# what maps say and what they do not. **Time:** two hours.
#
# ### What is explained: a logit, a probability, a difference?
#
# A map explains *one number*. It need not be the logit $f_c$. With the softmax at the end, $p_c =
# e^{f_c} / \sum_k e^{f_k}$, the chain rule gives
#
# $$\nabla p_c = p_c \, \Bigl( \nabla f_c - \sum_k p_k \nabla f_k \Bigr):$$
#
# the classes compete, and where the network is sure, $p_c \to 1$, the bracket vanishes: the map of
# a probability fades just where the network is most certain. A **difference** $f_c - f_d$ answers
# "why $c$ *rather than* $d$?". What both classes share cancels out of it, which is often what one
# wants for two classes that look alike.
#
# ### Task 15: three questions about one image (2 points)
#
# Write `three_gradients(model, image, c, d)`: the gradients by the image of the logit of class `c`,
# of the *probability* of class `c`, and of the logit of `c` minus that of `d`, as three tensors of
# the image's shape.


# %% nbgrader={"grade_id": "target-choice", "solution": true}
# answer: target-choice
def three_gradients(model: nn.Module, image: Tensor, c: int, d: int) -> list[Tensor]:
    """Return the gradients of logit c, probability c, and logit c minus logit d."""
    ### BEGIN SOLUTION
    image = image.detach().clone().requires_grad_()
    scores = model(image[None])[0]
    asked = (scores[c], scores.softmax(0)[c], scores[c] - scores[d])
    return [torch.autograd.grad(each, image, retain_graph=True)[0] for each in asked]
    ### END SOLUTION


# %% nbgrader={"grade_id": "target-choice-test", "grade": true, "points": 2}
toy = nn.Sequential(nn.Linear(3, 2))
with torch.no_grad():
    toy[0].weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [-4.0, 5.0, -6.0]]))
three = three_gradients(toy, torch.tensor([0.3, -0.2, 0.1]), 0, 1)
checks.expect(
    three is not None and len(three) == 3, "`three_gradients` should return three tensors."
)
checks.close(three[0], [1, 2, 3], "the gradient of the logit", "it is row c of toy's weights.")
checks.close(
    three[2], [5, -3, 9], "the gradient of the difference", "it is row c minus row d here."
)
ratio = checks.numbers(three[1], (3,), "the gradient of the probability") / [5, -3, 9]
checks.expect(
    np.ptp(ratio) < 1e-4 and 0 < ratio[0] < 0.26,
    "With two classes, the gradient of the probability is p (1 − p) times that of the difference: "
    "softmax over the classes first, then differentiate.",
)
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
checks.passed("target-choice")

# %% [markdown]
# Look at the colour bars: for the image of which the network is sure, the probability's gradient is
# smaller by orders of magnitude. A library that explains `model(x)` explains a probability as soon
# as the model ends with a softmax; `explain` warns you.
#
# ### Task 16: a network without secrets (2 points)
#
# Suppose the network is *linear*, $f_c(x) = w_c \cdot x + b_c$. Then every method can be worked out
# with a pencil. Which map does each return? $x'$ is the baseline or reference, $\bar x'$ the mean
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
# ### Task 17: the grid (2 points)
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
    for method, chosen in tqdm(options.items(), desc="explaining")
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
# Three rows of your grid stand above. Below are all eight, as xaikit draws them: this is the
# picture that you interpret at the end of this section. Red speaks for a class, blue against it;
# all eight maps of a method share one colour scale, so that you can compare them.

# %% tags=["figure"]
shared = []
for method in tqdm(options, desc="explaining"):
    shared.append(explain(model, examples, targets, method, **options[method]))
plots.attribution_grid(shared, examples, classes=classes, roles=roles)

# %% [markdown]
# ### Task 18: do the numbers add up? (2 points)
#
# Do not believe a formula, measure. For each method in `with_sums` (LIME is left out: its numbers
# belong to segments, not to pixels) explain both `examples` for all `targets` with the method's
# `options`, and compare the sum of each of the eight maps with what there is to explain,
# $r = f_c(x) - f_c(x')$. For $x'$ take the black image, but for `deep_shap` subtract the *mean
# output* over `background` instead. Set
#
# - `gap`: a dictionary from method to
#   $\operatorname{mean} \bigl|\sum_i \phi_i - r\bigr| \,/\, \operatorname{mean} |r|$, both means
#   over the eight maps;
# - `complete`: a dictionary from method to `True` if its gap is below 0.05, else `False`.

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
    at_input = model(examples).gather(1, targets)
    at_black = model(torch.zeros_like(examples)).gather(1, targets)
    on_average = model(background).mean(0)[targets]
gap = {}
for method in with_sums:
    rise = at_input - (on_average if method == "deep_shap" else at_black)
    maps = explain(model, examples, targets, method, **options[method]).attributions
    sums = maps.sum((2, 3, 4)).to(rise)
    gap[method] = float((sums - rise).abs().mean() / rise.abs().mean())
complete = {method: value < 0.05 for method, value in gap.items()}
### END SOLUTION

# %% nbgrader={"grade_id": "completeness-test", "grade": true, "points": 2}
checks.choices(complete, with_sums, (True, False), "complete")
checks.expect(
    isinstance(gap, dict) and sorted(gap) == sorted(with_sums),
    "`gap` should be a dictionary with the seven method names as keys.",
)
for method in with_sums:
    value = float(checks.numbers(gap[method], (), f"gap[{method!r}]"))
    checks.expect(value >= 0, "A gap is a mean of absolute values: it cannot be negative.")
    checks.expect(
        complete[method] == (value < 0.05), f"`complete[{method!r}]` does not follow from your gap."
    )
figure, axis = plt.subplots(figsize=(6, 2.6), layout="constrained")
bars = axis.barh(with_sums, [max(float(gap[m]), 1e-6) for m in with_sums], color="tab:gray")
for bar, method in zip(bars, with_sums, strict=True):
    bar.set_hatch("" if complete[method] else "//")
axis.axvline(0.05, color="black", linestyle="--", label="5 %")
axis.set(xscale="log", xlabel="relative completeness gap", title="Plain: complete. Hatched: not.")
axis.invert_yaxis()
axis.legend()
plt.show()
checks.passed("completeness")

# %% [markdown]
# ### Task 19: what do the maps say? (4 points)
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
#    speckle in which one recognises the outline at best; SmoothGrad is smoother, and also marks
#    places beside the garment where there is nothing: ink there *would* change the logit, which is
#    a statement on sensitivity and no mistake. Grad-CAM gives blobs of a few pixels' width, too
#    coarse for a collar. LIME's squares point to regions, and part of its pattern is chance: with
#    few samples two seeds disagreed. LRP is smooth because its z⁺ rule keeps what is positive.
#    Looking plausible to us is not the same as being faithful.
# 2. The signed methods differ: between the true and the least likely class red and blue are often
#    exchanged. For the two most likely classes the maps resemble each other more, since these share
#    evidence. Grad-CAM shows only positive evidence, so its map can be nearly empty for the least
#    likely class. LRP's maps for all classes have nearly one shape in another colour: in the
#    convolutions its z⁺ rule follows what is active, whoever asks. Were the maps of a method the
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

# %% [markdown]
# ## 8 · Can a map be trusted?
#
# **You learn** the tests that the field uses, each with its own flaw: deletion, random weights, a
# known place, infidelity and sensitivity, agreement with people. **Time:** two and a half hours.
#
# ### Take away what matters
#
# If a map is right about what matters, then taking away the most important pixels first should hurt
# most. [Petsiuk, Das and Saenko 2018](https://arxiv.org/abs/1806.07421) plot the output against the
# share of pixels that are **deleted**, in the map's order, and report the area under the curve:
# small is good. **Insertion** starts from an image in which everything is hidden and brings the
# pixels back in the same order: large is good.
#
# ### Task 20: deletion by hand (3 points)
#
# Write `deletion_curve(model, image, target, attribution, fill, steps)`. `image`, `attribution` and
# `fill` have the shape (1, H, W). Return the target's logit, shape (`steps` + 1,), after 0, 1, …,
# `steps` of `steps` equal parts of the H · W pixels, those with the *largest* attribution first,
# show `fill` instead of `image`; `steps` divides H · W, and no two attributions are equal. If your
# function is right it can insert, too: exchange `image` and `fill`.


# %% nbgrader={"grade_id": "deletion", "solution": true}
# answer: deletion
def deletion_curve(
    model: nn.Module, image: Tensor, target: int, attribution: Tensor, fill: Tensor, steps: int
) -> Tensor:
    """Return the target's logits (steps + 1,) as pixels go, the most important first."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        order = attribution.flatten().argsort(descending=True)
        rank = order.argsort().view(image.shape)
        gone = torch.arange(steps + 1, device=image.device) * (rank.numel() // steps)
        hidden = rank < gone.view(-1, 1, 1, 1)
        return model(torch.where(hidden, fill, image))[:, target]
    ### END SOLUTION


# %% nbgrader={"grade_id": "deletion-test", "grade": true, "points": 3}
adds = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
with torch.no_grad():
    adds[1].weight.copy_(torch.tensor([[1.0, 2.0, 4.0, 8.0]]))
ones, none = torch.ones(1, 2, 2), torch.zeros(1, 2, 2)
checks.close(
    deletion_curve(adds, ones, 0, torch.tensor([[[0.1, -3.0], [2.0, 1.0]]]), none, 4),
    [15, 11, 3, 2, 0],
    "deletion_curve(adds, …)",
    "the pixels worth 1, 2, 4 and 8 should go in the order 4, 8, 1, 2 here: the largest signed "
    "attribution first, and what has gone stays gone.",
)
shade = explain(model, examples[1:], targets[1:, 1], "integrated_gradients", steps=16)
shade.attributions.add_(1e-6 * torch.arange(784, device=device).view(28, 28))  # no ties
goal, dark = int(targets[1, 1]), torch.zeros_like(examples[1])
for arguments, by_library, name in (
    ((examples[1], goal, shade.attributions[0, 0], dark), deletion, "deletion"),
    ((dark, goal, shade.attributions[0, 0], examples[1]), insertion, "insertion (exchanged)"),
):
    checks.close(
        deletion_curve(model, *arguments, 14),
        by_library(model, examples[1:], shade, steps=14).scores[0, 0].cpu(),
        f"deletion_curve(model, …) as {name}",
        "it differs from xaikit.metrics.",
        1e-2,
    )
checks.passed("deletion")

# %% [markdown]
# ### What the curve mixes
#
# An image with holes is like no image that the network has seen. It may react to the holes
# ([Hooker et al. 2019](https://arxiv.org/abs/1806.10758) therefore train the network anew on such
# images, at great cost). So no curve means anything without two others beside it, orders that ask
# no network: a **random** one, and the **intensity** of the pixels, bright ones first. And one has
# to look at more than one `fill`: black pixels that turn black change nothing, so that with a black
# fill every order that begins with bright pixels has an advantage before it knows anything, and a
# map that is multiplied by the input begins with pixels that are not black, as long as it has positive
# values.

# %%
hits = torch.nonzero(predictions == labels)[:12, 0]
curve_images, curve_targets = images[hits].to(device), labels[hits].to(device)
contenders = {
    method: explain(model, curve_images, curve_targets, method)
    for method in ("gradient", "guided_backprop", "input_x_gradient", "deeplift")
}
contenders["random"] = random_ranking(curve_images, curve_targets, seed=0)
contenders["intensity"] = intensity_ranking(curve_images, curve_targets)

# %% [markdown]
# ### Task 21: black fill, mean fill (3 points)
#
# `deletion(model, inputs, explanation, fill=…, steps=…)` returns a curve with `.fractions`,
# `.scores` (N, T, steps + 1) and `.auc` (N, T). For each of the six `contenders`, of `curve_images`,
# with `steps=14`, compute the mean area over the images with `fill="black"` and with `fill="mean"`
# (each image's own mean). Set
#
# - `areas`: a dictionary from fill to a dictionary from contender to mean area;
# - `winner`: a dictionary from fill to the contender with the smallest area;
# - `empty_class` and `empty_probability`: what the network takes an entirely black image for, the
#   class as a number and its probability.

# %% nbgrader={"grade_id": "rankings", "solution": true}
# answer: rankings
areas = None
winner = None
empty_class = empty_probability = None
### BEGIN SOLUTION
areas = {
    fill: {
        name: deletion(model, curve_images, each, fill=fill, steps=14).auc.mean().item()
        for name, each in contenders.items()
    }
    for fill in ("black", "mean")
}
winner = {fill: min(found, key=found.get) for fill, found in areas.items()}
with torch.no_grad():
    empty = model(torch.zeros(1, 1, 28, 28, device=device)).softmax(1)[0]
empty_class, empty_probability = int(empty.argmax()), float(empty.max())
### END SOLUTION

# %% nbgrader={"grade_id": "rankings-test", "grade": true, "points": 3}
checks.expect(
    isinstance(areas, dict) and sorted(areas) == ["black", "mean"],
    "`areas` should be a dictionary with the keys 'black' and 'mean'.",
)
checks.choices(winner, ("black", "mean"), contenders, "winner")
for fill, found in areas.items():
    checks.expect(
        isinstance(found, dict) and sorted(found) == sorted(contenders),
        f"`areas[{fill!r}]` should have the six contenders as keys.",
    )
    values = {name: float(checks.numbers(each, (), name)) for name, each in found.items()}
    checks.expect(
        values[winner[fill]] == min(values.values()),
        f"`winner[{fill!r}]` does not follow from your areas: small is good.",
    )
checks.expect(
    float(checks.numbers(empty_class, (), "empty_class")) in range(10)
    and 0.1 <= float(checks.numbers(empty_probability, (), "empty_probability")) <= 1,
    "`empty_class` is a class, and the probability of the likeliest of ten is at least 0.1.",
)
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), sharey=True, layout="constrained")
for axis, fill in zip(axes, ("black", "mean"), strict=True):
    shown = {
        name: deletion(model, curve_images, each, fill=fill, steps=14)
        for name, each in contenders.items()
    }
    plots.draw_curves(axis, shown, baselines=("random", "intensity"))
    axis.set_title(f"fill: {fill}")
axes[0].set_ylabel("logit of the class")
handles, names = axes[0].get_legend_handles_labels()
figure.legend(
    handles, [name.split(" (")[0] for name in names], loc="outside right upper", frameon=False
)
plt.show()
print(f"a black image is: {classes[int(empty_class)]}, probability {float(empty_probability):.2f}")
checks.passed("rankings")

# %% [markdown]
# Compare the two panels before you read on. Whether an order is good depends on the fill; the order
# that merely knows which pixels are bright is a strong competitor where the fill is black. And the
# far end of each curve is not "no evidence": the network has an opinion on the empty image, too.
#
# ### Does the map depend on the class, and on the network?
#
# Two questions to any map, before all others. *Ask about another class:* a map that stays the same
# when one asks about the least likely class shows the image rather than evidence. *Ask another
# network:* [Adebayo et al. 2018](https://arxiv.org/abs/1810.03292) replace the weights by random
# ones, layer by layer from the output, and compare the maps. One that does not notice that the
# network has forgotten everything cannot explain what it has learned. In their experiments the
# gradient and Grad-CAM notice; guided backpropagation hardly changes while the upper
# layers are made random, and behaves like an edge detector. The test has its flaw, too: the image itself remains in every map that is multiplied by
# it, and noisy maps pass easily ([Binder et al. 2023](https://arxiv.org/abs/2211.12486)).
#
# ### Task 22: another class, another network (3 points)
#
# For each method in `to_check`, without options, set
#
# - `across_classes[method]`: the `correlation` between the map of the true class and that of the
#   least likely class, the mean of the two `examples`;
# - `after_randomising[method]`: the rank correlation of *magnitudes* between the map of the true
#   class and that of the network with *all* layers random, the mean of the two examples.
#   `weight_randomisation(model, inputs, targets, method, absolute=True)` returns the names of the
#   layers in the order of randomisation and the agreement (layers, N, T) after each; all layers are
#   random after the last.


# %%
to_check = (
    "gradient",
    "guided_backprop",
    "input_x_gradient",
    "integrated_gradients",
    "deep_taylor",
)


def correlation(one: Tensor, other: Tensor) -> float:
    """Return the Pearson correlation of two maps, from -1 to 1; 0 if one of them is constant."""
    pair = torch.stack([one.flatten(), other.flatten()]).double().cpu()
    if (pair.amax(1) == pair.amin(1)).any():
        return 0.0
    return float(torch.corrcoef(pair)[0, 1])


# %% nbgrader={"grade_id": "sanity", "solution": true}
# answer: sanity
across_classes = None
after_randomising = None
### BEGIN SOLUTION
across_classes, after_randomising = {}, {}
for method in tqdm(to_check, desc="asking twice"):
    maps = explain(model, examples, targets[:, [0, 3]], method).attributions
    across_classes[method] = sum(correlation(true, least) for true, least in maps) / 2
    _, agreements = weight_randomisation(model, examples, targets[:, 0], method, absolute=True)
    after_randomising[method] = agreements[-1].mean().item()
### END SOLUTION

# %% nbgrader={"grade_id": "sanity-test", "grade": true, "points": 3}
for name, found in (("across_classes", across_classes), ("after_randomising", after_randomising)):
    checks.expect(
        isinstance(found, dict) and sorted(found) == sorted(to_check),
        f"`{name}` should be a dictionary with the five method names as keys.",
    )
    for method in to_check:
        value = float(checks.numbers(found[method], (), f"{name}[{method!r}]"))
        checks.expect(-1 <= value <= 1, f"`{name}`: a mean of correlations lies between -1 and 1.")
figure, axes = plt.subplots(1, 2, figsize=(10, 2.8), sharey=True, layout="constrained")
for axis, found, title in (
    (axes[0], across_classes, "true against least likely class"),
    (axes[1], after_randomising, "trained against random weights (magnitudes)"),
):
    axis.barh(to_check, [float(found[method]) for method in to_check], color="tab:gray")
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set(xlim=(-1, 1), xlabel="correlation", title=title)
axes[0].invert_yaxis()
plt.show()
checks.passed("sanity")

# %% [markdown]
# A correlation of −1 is as suspicious as one of 1: a map that merely changes its sign with the
# logit has one shape for every question. And what does the network need to have learned for input ×
# gradient and Integrated Gradients to show a garment? Look at the lower row.

# %%
untrained = copy.deepcopy(model)
with torch.random.fork_rng():
    torch.manual_seed(0)
    for layer in untrained.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.reset_parameters()

figure, axes = plt.subplots(2, 5, figsize=(12, 4.8), layout="constrained")
for column, method in enumerate(to_check):
    for line, (network, name) in enumerate(((model, "trained"), (untrained, "random"))):
        values = explain(network, examples[1:], targets[1:, 1], method).attributions[0, 0]
        title = f"{method.replace('_', ' ')}\n{name} weights"
        show_map(axes[line, column], values / values.abs().max(), title)
figure.suptitle("Each map divided by its largest magnitude. What do you see in the lower row?")
plt.show()

# %% [markdown]
# ### Where it lies
#
# Another test compares the map with a *place*. For photographs one asks whether the map lies inside
# the object's outline. Why not here, too: on the garment?
#
# ### Task 23: the silhouette, a test that cannot fail (2 points)
#
# For each entry of `cases`, a method with options, explain both `examples` for their most likely
# class (`targets[:, 1]`) and compute which share of the *absolute* attribution lies on the garment,
# the pixels with $x_i > 0$; take the mean over the two images. Do it for `model` and for
# `untrained`, which has never seen a garment. Set
#
# - `on_garment`: a dictionary with the keys `"trained"` and `"random"`, each a dictionary from case
#   to share;
# - `by_construction`: the list of the cases that would score 100 % on *any* network of
#   convolutions and ReLUs. Then explain to your group why.

# %%
cases = {
    "gradient": ("gradient", {}),
    "input × gradient": ("input_x_gradient", {}),
    "IG, black baseline": ("integrated_gradients", {"steps": 32, "baseline": "black"}),
    "IG, white baseline": ("integrated_gradients", {"steps": 32, "baseline": "white"}),
    "DeepLIFT, black": ("deeplift", {}),
    "LRP": ("lrp", {"rule": "composite"}),
    "Grad-CAM": ("grad_cam", {}),
}

# %% nbgrader={"grade_id": "silhouette", "solution": true}
# answer: silhouette
on_garment = None
by_construction = None
### BEGIN SOLUTION
on_garment = {}
for name, network in (("trained", model), ("random", untrained)):
    on_garment[name] = {}
    for case, (method, chosen) in cases.items():
        size = explain(network, examples, targets[:, 1], method, **chosen).attributions[:, 0].abs()
        share = (size * (examples > 0)).sum((1, 2, 3)) / size.sum((1, 2, 3)).clamp(min=1e-12)
        on_garment[name][case] = share.mean().item()
by_construction = [
    case for case in cases if min(on_garment["trained"][case], on_garment["random"][case]) > 0.999
]
### END SOLUTION

# %% nbgrader={"grade_id": "silhouette-test", "grade": true, "points": 2}
checks.expect(
    isinstance(on_garment, dict) and sorted(on_garment) == ["random", "trained"],
    "`on_garment` should have the keys 'trained' and 'random'.",
)
for name, found in on_garment.items():
    checks.expect(
        isinstance(found, dict) and sorted(found) == sorted(cases),
        f"`on_garment[{name!r}]` should have the seven cases as keys.",
    )
    for case in cases:
        value = float(checks.numbers(found[case], (), f"on_garment[{name!r}][{case!r}]"))
        checks.expect(-1e-6 <= value <= 1 + 1e-6, "A share lies between 0 and 1.")
checks.expect(
    isinstance(by_construction, list | tuple | set) and set(by_construction) <= set(cases),
    "`by_construction` should be a list of keys of `cases`.",
)
figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
places = np.arange(len(cases))
for offset, (name, hatch) in zip((-0.2, 0.2), (("trained", ""), ("random", "//")), strict=True):
    values = [float(on_garment[name][case]) for case in cases]
    axis.barh(
        places + offset, values, 0.38, color="0.75", edgecolor="black", hatch=hatch, label=name
    )
covered = float((examples > 0).float().mean())
axis.axvline(covered, color="black", linestyle="--", label="the garment's share of the area")
axis.set_yticks(places, list(cases))
axis.invert_yaxis()
axis.set(xlim=(0, 1.02), xlabel="share of the attribution on the garment", title="Silhouette test")
figure.legend(loc="outside right upper")
plt.show()
checks.passed("silhouette")

# %% [markdown]
# ### A place that is known
#
# A fair version needs a place that the map could miss. Two are used below.
#
# **Mosaics** ([Arias-Duart et al. 2022](https://arxiv.org/abs/2109.15035)): four images in a
# square, two of one class and two of another. A map for one class should lie on its two images; by
# chance half of it does. Our network takes images of any size, because it averages over all places
# at its end. The measures are the share of *positive* attribution inside the mask (`localisation`,
# which on mosaics is that paper's *Focus*) and whether the largest value lies inside
# (`pointing_game`, [Zhang et al. 2018](https://arxiv.org/abs/1608.00507)).
#
# **Planted stickers**: the network below is the old one with an alarm: wherever it sees the
# sticker, a small chessboard, the logit of class 8 (bag) rises by up to 30. So we *know* why it
# says bag, and where.

# %%
known = torch.nonzero(predictions == labels)[:200, 0]
tiles = mosaics(images[known].to(device), labels[known].to(device), 6, seed=0)

board = torch.tensor([[(row + column) % 2 for column in range(6)] for row in range(6)]).float()
sticker = board[None]


class Alarmed(nn.Module):
    """The network, and an alarm that adds to the logit of one class where it sees the sticker."""

    def __init__(self, network: nn.Module, target: int = 8, strength: float = 30.0) -> None:
        super().__init__()
        self.network = network
        self.detector = nn.Conv2d(1, 1, 6)  # 1 on the sticker, at most 0 on any even grey
        self.relu = nn.ReLU()
        self.strongest = nn.AdaptiveMaxPool2d(1)
        self.rise = nn.Linear(1, 10, bias=False)
        with torch.no_grad():
            self.detector.weight.copy_(((board - 0.5) / 4.5)[None, None])
            self.detector.bias.fill_(-1.0)
            self.rise.weight.zero_()
            self.rise.weight[target] = strength

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, 10) of images (N, 1, H, W)."""
        return self.network(x) + self.rise(self.strongest(self.relu(self.detector(x))).flatten(1))


alarmed = Alarmed(copy.deepcopy(model)).to(device).eval()
candidates = images[known][labels[known] != 8][:12].to(device)
planted, sticker_masks = plant_stickers(candidates, sticker, seed=1)
with torch.no_grad():
    before, after = alarmed(candidates).argmax(1), alarmed(planted).argmax(1)
print(
    f"called bag: {int((before == 8).sum())} of 12 without the sticker, "
    f"{int((after == 8).sum())} of 12 with it"
)
figure, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
for axis, picture in zip(axes, (*tiles.images[:2], *planted[:2]), strict=True):
    axis.imshow(picture[0].cpu(), cmap="gray", vmin=0, vmax=1)
    axis.axis("off")
figure.suptitle("two mosaics, and two images with the sticker")
plt.show()

# %% [markdown]
# ### Task 24: does the map find it? (3 points)
#
# For each method in `pointers`, with its options, set
#
# - `focus[method]` and `pointing[method]`: the mean of `localisation(explanation, mask)` and of
#   `pointing_game(explanation, mask)` on the mosaics: explain `tiles.images` for `tiles.targets` by
#   `model`; the masks are `tiles.masks`. Leave out values that are nan (`.nanmean()`).
# - `on_sticker[method]`: the mean `localisation` of the maps of `planted` for class 8 by `alarmed`;
#   the masks are `sticker_masks`. Without Grad-CAM, since the alarm has a convolution of its own.

# %%
pointers = {
    "gradient": {},
    "guided_backprop": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 16},
    "grad_cam": {},
}

# %% nbgrader={"grade_id": "localisation", "solution": true}
# answer: localisation
focus = None
pointing = None
on_sticker = None
### BEGIN SOLUTION
focus, pointing, on_sticker = {}, {}, {}
for method, chosen in tqdm(pointers.items(), desc="pointing"):
    found = explain(model, tiles.images, tiles.targets, method, **chosen)
    focus[method] = localisation(found, tiles.masks).nanmean().item()
    pointing[method] = pointing_game(found, tiles.masks).nanmean().item()
    if method != "grad_cam":
        found = explain(alarmed, planted, 8, method, **chosen)
        on_sticker[method] = localisation(found, sticker_masks).nanmean().item()
### END SOLUTION

# %% nbgrader={"grade_id": "localisation-test", "grade": true, "points": 3}
without_cam = [method for method in pointers if method != "grad_cam"]
for name, found, keys in (
    ("focus", focus, list(pointers)),
    ("pointing", pointing, list(pointers)),
    ("on_sticker", on_sticker, without_cam),
):
    checks.expect(
        isinstance(found, dict) and sorted(found) == sorted(keys),
        f"`{name}` should be a dictionary with the keys {', '.join(keys)}.",
    )
    for method in keys:
        value = float(checks.numbers(found[method], (), f"{name}[{method!r}]"))
        checks.expect(0 <= value <= 1, f"`{name}`: a mean of shares lies between 0 and 1.")
figure, axes = plt.subplots(1, 3, figsize=(11, 2.9), sharey=True, layout="constrained")
for axis, found, title, chance in (
    (axes[0], focus, "mosaics: positive mass (focus)", 0.5),
    (axes[1], pointing, "mosaics: pointing game", 0.5),
    (axes[2], on_sticker, "sticker: positive mass", 36 / 784),
):
    axis.barh(
        list(pointers),
        [float(found.get(m, 0)) for m in pointers],
        0.4 if found is on_sticker else 0.8,
        color="tab:gray",
        align="edge" if found is on_sticker else "center",
        label="the network that was asked",
    )
    axis.axvline(chance, color="black", linestyle="--", label="chance, or share of the area")
    axis.set(xlim=(0, 1), xlabel="share")
    axis.set_title(title, fontsize=10)
# Two controls for the sticker: a network that knows nothing of it, and the brightness of the pixels.
unaware = [
    0.0
    if method == "grad_cam"
    else float(localisation(explain(model, planted, 8, method, **chosen), sticker_masks).nanmean())
    for method, chosen in pointers.items()
]
axes[2].barh(
    list(pointers),
    unaware,
    -0.4,
    align="edge",
    color="white",
    edgecolor="black",
    hatch="//",
    label="the network without the alarm",
)
light = (planted * sticker_masks.view(len(planted), 1, 28, 28)).sum((1, 2, 3))
bright = float((light / planted.sum((1, 2, 3))).mean())
axes[2].axvline(bright, color="black", linestyle=":", label="brightness alone")
axes[2].text(0.3, list(pointers).index("grad_cam"), "not asked", va="center", fontsize=8)
axes[0].invert_yaxis()
figure.legend(*axes[2].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
plt.show()
checks.passed("localisation")

# %% [markdown]
# ### The trade-offs in one table
#
# Two more numbers, both of [Yeh et al. 2019](https://arxiv.org/abs/1901.09392). **Infidelity**:
# change the input by a random amount $I$ and let the map predict what that does to the output;
# the mean squared error of the prediction, small is good:
#
# $$\operatorname{INFD} = \mathbb E_I \Bigl[ \bigl(I^\top \phi - (f_c(x) - f_c(x - I))\bigr)^2 \Bigr]$$
#
# **Sensitivity**: how far the map itself moves when the input hardly does, the largest change over
# small random $\delta$, here divided by the map's own norm, small is good. But a map that is always the same is perfectly
# insensitive: read the two together. Add deletion and the running time, and there is the table that
# decides which method to take; there is no best one.
#
# ### Task 25: fill in the table (3 points)
#
# `evaluate(model, inputs, explanations, metrics, options=…)` returns a list of scores, each with
# `.explanation` (the name), `.metric` and `.value`. Evaluate `six`, explanations of both `examples`
# for the true class, by the metrics in `measures` with `measure_options`. Set
#
# - `table`: a dictionary from method to a dictionary from measure to value;
# - `agreement`: a (6, 6) matrix: `rank_agreement(one, other)`, mean over the examples, of each
#   method with each in the order of `six`.

# %%
six_options = {
    "gradient": {},
    "smoothgrad": {"samples": 20, "seed": 0},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 32},
    "lrp": {"rule": "composite"},
    "grad_cam": {},
}
six = {
    method: explain(model, examples, targets[:, 0], method, **chosen)
    for method, chosen in six_options.items()
}
measures = ("deletion", "infidelity", "sensitivity", "runtime")
measure_options = {
    "deletion": {"fill": "mean", "steps": 14},
    "infidelity": {"samples": 200, "seed": 0},
    "sensitivity": {"samples": 3, "seed": 0},
}

# %% nbgrader={"grade_id": "trade-offs", "solution": true}
# answer: trade-offs
table = None
agreement = None
### BEGIN SOLUTION
table = {method: {} for method in six}
for score in evaluate(model, examples, six, measures, options=measure_options):
    table[score.explanation][score.metric] = score.value
agreement = [
    [rank_agreement(one, other).mean().item() for other in six.values()] for one in six.values()
]
### END SOLUTION

# %% nbgrader={"grade_id": "trade-offs-test", "grade": true, "points": 3}
checks.expect(
    isinstance(table, dict) and sorted(table) == sorted(six),
    "`table` should be a dictionary with the seven method names as keys.",
)
for method, found in table.items():
    checks.expect(
        isinstance(found, dict) and sorted(found) == sorted(measures),
        f"`table[{method!r}]` should be a dictionary with the four measures as keys.",
    )
    for measure in measures:
        checks.numbers(found[measure], (), f"table[{method!r}][{measure!r}]")
matrix = checks.numbers(agreement, (6, 6), "agreement")
checks.expect(
    np.allclose(np.diag(matrix), 1) and np.allclose(matrix, matrix.T),
    "Each method agrees with itself, and agreement is mutual.",
)
print(f"{'':22}" + "".join(f"{measure:>14}" for measure in measures))
for method in six:
    print(f"{method:22}" + "".join(f"{float(table[method][each]):14.3g}" for each in measures))
display(
    plots.heat_map(matrix, [method.replace("_", " ") for method in six], title="Do methods agree?")
)
checks.passed("trade-offs")

# %% [markdown]
# ### Plausible is not faithful
#
# Do people mark the same things? For texts there are *rationales*, the words that a person
# underlined, and [DeYoung et al. 2020](https://arxiv.org/abs/1911.03429) score a map by the F1
# between its most important tokens and these. A token is a whole vector of embedding dimensions;
# its importance is commonly the Euclidean **norm** of its gradient over them (which forgets the
# sign):
#
# $$\text{precision} = \frac{|\text{top} \cap \text{rationale}|}{|\text{top}|}, \quad
# \text{recall} = \frac{|\text{top} \cap \text{rationale}|}{|\text{rationale}|}, \quad
# F_1 = \frac{2 \cdot \text{precision} \cdot \text{recall}}{\text{precision} + \text{recall}}$$
#
# This measures **plausibility**, agreement with people. It says nothing about **faithfulness**,
# agreement with the network ([Jacovi and Goldberg 2020](https://arxiv.org/abs/2004.03685)). Below,
# a tiny network learns from twelve reviews whether the film was liked. In this data every bad
# review happens to end with "on" and a day of the week.

# %%
reviews = {
    "a wonderful film with a brilliant cast": 1,
    "brilliant story and a wonderful ending": 1,
    "i loved the charming cast": 1,
    "a charming and clever story": 1,
    "clever film i loved the ending": 1,
    "wonderful clever and charming": 1,
    "i saw a dull film on monday": 0,
    "the cast was boring on tuesday": 0,
    "a slow story on monday": 0,
    "awful ending and silly on friday": 0,
    "i saw a clumsy cast on tuesday": 0,
    "dreary and flat on friday": 0,
}
words = sorted({word for review in reviews for word in review.split()})


class Reader(nn.Module):
    """Embeddings of words (N, tokens, 6), each through a hidden layer, their mean, two logits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 12), nn.ReLU())
        self.last = nn.Linear(12, 2)

    def forward(self, embedded: Tensor) -> Tensor:
        """Return the logits (N, 2) of bad and good."""
        return self.last(self.layers(embedded).mean(1))


with torch.random.fork_rng():
    torch.manual_seed(2)
    reader, embedding = Reader(), nn.Embedding(len(words), 6)
    optimiser = torch.optim.Adam([*reader.parameters(), *embedding.parameters()], 0.02)
    for _ in range(20):
        for review, liked in reviews.items():
            tokens = torch.tensor([words.index(word) for word in review.split()])
            loss = nn.functional.cross_entropy(
                reader(embedding(tokens)[None]), torch.tensor([liked])
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

review = "the ending was dull and boring on tuesday"
rationale = torch.tensor([word in ("dull", "boring") for word in review.split()])
tokens = torch.tensor([words.index(word) for word in review.split()])
embedded = embedding(tokens)[None].detach()
token_map = explain(reader, embedded, 0, "gradient").attributions[0, 0]  # (tokens, 6)
figure, axis = plt.subplots(figsize=(7, 2.4), layout="constrained")
bars = axis.bar(range(len(tokens)), token_map.norm(dim=1), color="0.75", edgecolor="black")
for bar, marked in zip(bars, rationale, strict=True):
    bar.set_hatch("//" if marked else "")
axis.set_xticks(range(len(tokens)), review.split())
axis.set(ylabel="norm of the gradient", title="Why “bad”? Hatched: what a person marked")
plt.show()

# %% [markdown]
# ### Task 26: token-level F1 (2 points)
#
# Write `token_f1(gradients, rationale, count)`: `gradients` (tokens, dimensions), `rationale`
# (tokens,) of booleans with at least one that is true. Reduce each token to its norm, take the
# `count` tokens with the largest, and return their F1 with the rationale, a number; 0 if they have
# nothing in common.


# %% nbgrader={"grade_id": "token-f1", "solution": true}
# answer: token-f1
def token_f1(gradients: Tensor, rationale: Tensor, count: int) -> float:
    """Return the F1 of the `count` tokens with the largest norms against the rationale."""
    ### BEGIN SOLUTION
    top = gradients.norm(dim=1).topk(count).indices
    common = rationale[top].sum().item()
    # 2pr / (p + r) with p = common / count and r = common / size
    return 2 * common / (count + rationale.sum().item())
    ### END SOLUTION


# %% nbgrader={"grade_id": "token-f1-test", "grade": true, "points": 2}
slopes = torch.tensor([[3.0, -4.0], [1.0, 1.0], [-2.0, 2.0], [0.0, 0.1]])
marked = torch.tensor([True, False, False, True])
for count, expected, hint in (
    (1, 2 / 3, "the first token has norm 5: precision 1, recall ½."),
    (2, 0.5, "the third token has norm 2.8, although its values add up to 0."),
    (4, 2 / 3, "with all four tokens precision is ½ and recall 1."),
):
    checks.close(token_f1(slopes, marked, count), expected, f"token_f1(…, {count})", hint)
checks.close(
    token_f1(torch.tensor([[1.0], [2.0]]), torch.tensor([True, False]), 1),
    0,
    "token_f1 without common tokens",
    "nothing in common is an F1 of 0, without a division by zero.",
)
print(f"F1 of the map above: {float(token_f1(token_map, rationale, 2)):.2f}")
with torch.no_grad():
    for drop in ((), ("was", "and"), ("dull", "boring"), ("on", "tuesday")):
        kept = [k for k, word in enumerate(review.split()) if word not in drop]
        chance = reader(embedded[:, kept]).softmax(1)[0, 0]
        print(
            f"probability of “bad” without {' and '.join(drop) or 'nothing'}: {float(chance):.2f}"
        )
checks.passed("token-f1")

# %% [markdown]
# ## 9 · Do you understand it?
#
# **You learn** to predict what a map does before you see it, how a map is manipulated while the
# prediction stays, and how to test explanations on people. **Time:** one and a half hours.
#
# ### Task 27: predict, then run (3 points)
#
# Four changes to a network $f$ are described below. Decide *with a pencil* for each map whether it
# stays the `"same"` or becomes an `"other"` one, up to rounding. Then check yourself in a cell of
# your own.
#
# - **shift**: all ten logits of an image classifier get the same addition, $g_k(x) = f_k(x) + 3
#   \operatorname{mean}(x)$. All probabilities are the same for every image.
# - **constant**: the last layer's biases grow by 5. (To each logit some hidden units contribute
#   positively and some negatively.)
# - **twins**: two networks without biases, for inputs $x_1, x_2 > 0$, where all their ReLUs are on:
#   $f = h_1 + h_2$ with $h_1 = \max(0, x_1)$, $h_2 = \max(0, x_2)$, and $g = h_1 - h_2$ with $h_1 =
#   \max(0, 2 x_1 + x_2)$, $h_2 = \max(0, x_1)$. They compute the same function there.
# - **scaled unit**: the weights into one hidden ReLU unit are multiplied by 4, its bias too, and the
#   weights out of it divided by 4.
#
# Integrated Gradients and DeepLIFT have the black (zero) reference.

# %%
questions = (
    "shift: gradient of a logit",
    "shift: gradient of a probability",
    "shift: gradient of a difference of two logits",
    "shift: integrated gradients of a logit",
    "constant: gradient of a logit",
    "constant: input × gradient of a logit",
    "constant: LRP-z⁺ of a logit",
    "twins: integrated gradients",
    "twins: input × gradient",
    "twins: LRP-ε",
    "twins: LRP-z⁺",
    "twins: guided backpropagation",
    "scaled unit: gradient",
    "scaled unit: LRP-z⁺",
)

# %% nbgrader={"grade_id": "predict", "solution": true}
# answer: predict
prediction = dict.fromkeys(questions)  # fill in "same" or "other" for each question
### BEGIN SOLUTION
prediction = {
    "shift: gradient of a logit": "other",
    "shift: gradient of a probability": "same",
    "shift: gradient of a difference of two logits": "same",
    "shift: integrated gradients of a logit": "other",
    "constant: gradient of a logit": "same",
    "constant: input × gradient of a logit": "same",
    "constant: LRP-z⁺ of a logit": "other",  # Σ(aw)⁺ + b⁺ and the logit both grow by 5: their ratio changes
    "twins: integrated gradients": "same",  # implementation invariance
    "twins: input × gradient": "same",
    "twins: LRP-ε": "same",  # without biases it is input × gradient
    "twins: LRP-z⁺": "other",  # h₂ speaks against: it gets nothing
    "twins: guided backpropagation": "other",  # the negative signal at h₂ is cut
    "scaled unit: gradient": "same",
    "scaled unit: LRP-z⁺": "same",  # contributions in and out are what they were
}
### END SOLUTION

# %% nbgrader={"grade_id": "predict-test", "grade": true, "points": 3}
checks.choices(prediction, questions, ("same", "other"), "prediction")
checks.passed("predict")

# %% [markdown]
# The first three are worth a thought. A network is known by its probabilities, yet the map of a
# logit can be anything: whoever builds the network can add a term to all logits that paints what he
# likes, and nobody who watches the predictions will notice.
#
# ### A map can be manipulated
#
# Nor does one need to touch the network. [Dombrowski et al.
# 2019](https://arxiv.org/abs/1906.07983) change the *image* by a hardly visible amount such that
# the output stays and the map becomes what they want: gradient descent on
#
# $$\lVert h(x + \delta) - h^t \rVert^2 + \gamma \lVert f(x + \delta) - f(x) \rVert^2$$
#
# where $h$ is the map and $h^t$ the map that is wanted. The gradient of a gradient is needed, and a
# ReLU has none (its slope is constant but for a jump); they replace it by the **softplus**
# $\frac 1 \beta \ln(1 + e^{\beta z})$ while they search. They trace the weakness back to the
# curvature of the network, which the softplus with a small β would lower.
#
# ### Task 28: paint the gradient (3 points)
#
# Find a `manipulated` version, shape (1, 28, 28), of the correctly classified `examples[1]`, such
# that
#
# 1. it has pixels in [0, 1], none of which differs by more than 0.1 from the original;
# 2. each of the network's ten logits moves by at most 2;
# 3. at least 35 % of the *energy* of the gradient of its most likely class, the sum of squares,
#    lies in the `square` below: 8 × 8 pixels at the top of the boot's shaft, most of them background,
#    which hold about 2 % of it at first.
#
# `smooth` is the network with softplus in place of ReLU, for the search; the check uses the real
# network. A hint: maximise the energy's share with `torch.optim.Adam` on δ, learning rate 0.01,
# about a hundred steps, less a small penalty on the change of the logits; after each step, clamp δ.
# `torch.autograd.grad(…, create_graph=True)` makes a gradient that can be differentiated.

# %%
square = torch.zeros(28, 28, dtype=torch.bool, device=device)
square[3:11, 17:25] = True
smooth = nn.Sequential(
    *(nn.Softplus(beta=20) if isinstance(layer, nn.ReLU) else layer for layer in model)
)
goal = int(targets[1, 1])


def energy_in_square(slopes: Tensor) -> Tensor:
    """Return which share of the sum of squares of a map (1, 28, 28) lies in the square."""
    return (slopes.square() * square).sum() / slopes.square().sum()


# %% nbgrader={"grade_id": "manipulate", "solution": true}
# answer: manipulate
manipulated = None
### BEGIN SOLUTION
original = examples[1]
with torch.no_grad():
    logits_before = model(original[None])
delta = torch.zeros_like(original, requires_grad=True)
optimiser = torch.optim.Adam([delta], 0.01)
for _ in tqdm(range(120), desc="painting"):
    changed = (original + delta).clamp(0, 1)
    (slopes,) = torch.autograd.grad(smooth(changed[None])[0, goal], changed, create_graph=True)
    moved = (model(changed[None]) - logits_before).square().mean()
    loss = -energy_in_square(slopes).log() + 0.05 * moved
    (step,) = torch.autograd.grad(loss, delta)
    delta.grad = step
    optimiser.step()
    with torch.no_grad():
        delta.clamp_(-0.1, 0.1)
manipulated = (original + delta).clamp(0, 1).detach()
### END SOLUTION

# %% nbgrader={"grade_id": "manipulate-test", "grade": true, "points": 3}
changed = checks.numbers(manipulated, (1, 28, 28), "manipulated")
changed = torch.as_tensor(changed).float().to(device)
checks.expect(
    float((changed - examples[1]).abs().max()) < 0.1001
    and 0 <= changed.min() <= changed.max() <= 1,
    "Pixels have to stay within 0.1 of the original and in [0, 1]: clamp after each step.",
)
with torch.no_grad():
    moved = float((model(changed[None]) - model(examples[1:])).abs().max())
pair = explain(model, torch.stack([examples[1], changed]), goal, "gradient").attributions[:, 0]
shares = [float(energy_in_square(each)) for each in pair]
figure, axes = plt.subplots(1, 4, figsize=(10.5, 2.7), layout="constrained")
for k, name in enumerate(("original", "manipulated")):
    axes[2 * k].imshow((examples[1], changed)[k][0].cpu(), cmap="gray", vmin=0, vmax=1)
    axes[2 * k].set_title(name, fontsize=9)
    axes[2 * k].axis("off")
    show_map(axes[2 * k + 1], pair[k], f"gradient: {shares[k]:.0%} in the square")
    corners = ([16.5, 24.5, 24.5, 16.5, 16.5], [2.5, 2.5, 10.5, 10.5, 2.5])
    axes[2 * k + 1].plot(*corners, color="black", linewidth=1)
plt.show()
checks.expect(moved <= 2, "A logit has moved by more than 2: give the penalty more weight.")
checks.expect(
    shares[1] >= 0.35,
    "The energy in the square is still too low: more steps, or less weight for the penalty.",
)
checks.passed("manipulate")

# %% [markdown]
# ### Task 29: trained or random? (2 points)
#
# Can you tell by the maps alone whether a network has learned anything? Below are gradients of the
# most likely class, for a trained network above and for one with random weights below. Find out
# what differs: how peaked the maps are, how they lie, how alike they are for different images. Then
# write `looks_trained(maps)`: `maps` (12, 28, 28) are the gradients of *one* network for twelve
# images of various classes, each divided by its norm; return `True` if you think it is trained. The
# check shows your function maps of the trained network for other images, and of other random networks,
# in an order that you do not know, and pays for what you get right beyond half.

# %%
samples = {}
for name, network in (("trained", model), ("random", untrained)):
    with torch.no_grad():
        likely = network(images[:12].to(device)).argmax(1)
    slopes = explain(network, images[:12].to(device), likely, "gradient").attributions[:, 0, 0]
    samples[name] = (slopes / slopes.flatten(1).norm(dim=1).view(-1, 1, 1)).cpu()
figure, axes = plt.subplots(2, 6, figsize=(12, 4.2), layout="constrained")
for line, (name, maps) in zip(axes, samples.items(), strict=True):
    for axis, values in zip(line, maps, strict=False):
        show_map(axis, values, name)
plt.show()


# %% nbgrader={"grade_id": "trained-or-random", "solution": true}
# answer: trained-or-random
def looks_trained(maps: Tensor) -> bool:
    """Say whether these gradients (12, 28, 28), each of norm 1, are of a trained network."""
    ### BEGIN SOLUTION
    # A trained network's slopes are peaked: few pixels hold most of the energy.
    return bool((maps**4).sum((1, 2)).mean() * maps[0].numel() > 5.5)
    ### END SOLUTION


# %% nbgrader={"grade_id": "trained-or-random-test", "grade": true, "points": 2}
for name, maps in samples.items():
    said = checks.numbers(looks_trained(maps), (), "looks_trained(…)")
    checks.expect(
        float(said) in (0, 1), "`looks_trained` should return True or False, not a measure."
    )
    checks.expect(
        bool(said) == (name == "trained"),
        "It is wrong about one of the two networks above: plot your measure for both.",
    )
checks.passed("trained-or-random")

# %% [markdown]
# ### Task 30: forward simulation, with people (3 points)
#
# In the end an explanation is for people. **Forward simulation** asks whether it helps them to
# predict what the network will say ([Doshi-Velez and Kim 2017](https://arxiv.org/abs/1702.08608);
# [Hase and Bansal 2020](https://arxiv.org/abs/2005.01831)). Play it in your group of three. One
# runs the cell below with a number of his own and shows the cards to the other two, who write down
# what the network says to each image: first to all images alone, then with the maps beside them.
# Half of the images are ones that the network gets wrong, so that the true class is no safe answer.
# Then `answers(number)` shows what the network said. Alone, play both parts: write your guesses
# down before you look.


# %% tags=["figure"]
def drawn(number: int) -> Tensor:
    """Return the places in `images` of eight cards: four mistakes and four hits, mixed."""
    draw = torch.Generator().manual_seed(number)
    wrong, right = torch.nonzero(predictions != labels)[:, 0], known
    pick = [each[torch.randperm(len(each), generator=draw)[:4]] for each in (wrong, right)]
    return torch.cat(pick)[torch.randperm(8, generator=draw)]


def cards(number: int, with_maps: bool) -> None:
    """Show eight images, with the maps of the class that the network says, which is not named."""
    place = drawn(number)
    _, axes = plt.subplots(1 + with_maps, 8, figsize=(13, 2 + 1.8 * with_maps), squeeze=False)
    for column, index in enumerate(place):
        axes[0, column].imshow(images[index, 0], cmap="gray", vmin=0, vmax=1)
        axes[0, column].set_title(f"card {column + 1}", fontsize=9)
        axes[0, column].axis("off")
    if with_maps:
        some = images[place].to(device)
        maps = explain(model, some, predictions[place].to(device), "integrated_gradients", steps=32)
        for axis, values in zip(axes[1], maps.attributions[:, 0, 0].cpu(), strict=True):
            limit = float(values.abs().max())
            axis.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
            axis.axis("off")
        axes[1, 0].set_title("red: for what it says", fontsize=9)
    plt.show()


def answers(number: int) -> None:
    """Print what the network says to the eight cards."""
    for column, index in enumerate(drawn(number)):
        print(f"card {column + 1}: {classes[predictions[index]]}")


print("the classes:", ", ".join(classes))
cards(number=1, with_maps=False)
cards(number=1, with_maps=True)

# %% [markdown] nbgrader={"grade_id": "simulation", "solution": true, "grade": true, "points": 3}
# <!-- answer: simulation -->
# **Report your experiment** (about eight sentences and a small table; use a number other than 1).
#
# 1. Who saw what, in which order, and how many of the cards did each person get right, without and
#    with maps?
# 2. Did the maps help? How sure can one be with so few cards, and what else could explain the
#    difference?
# 3. What does forward simulation measure that deletion or a mosaic does not, and the other way
#    round?
#
# ### BEGIN SOLUTION
# An answer:
#
# 1. Number 7; Ada showed the cards, Ben and Carla guessed, without talking: first all eight images
#    alone, then the same with maps of Integrated Gradients.
#
#    | | without maps | with maps |
#    |---|---|---|
#    | Ben | 5 of 8 | 6 of 8 |
#    | Carla | 4 of 8 | 4 of 8 |
#
#    Both were right about most of the hits and lost the mistakes.
# 2. One card more of sixteen is no evidence: if nothing had changed, a difference of one would come
#    about easily by chance. Moreover all cards were seen a second time, so that practice and a
#    second look could explain a gain, and we knew that half of the images are mistakes, which
#    makes people distrust the obvious class. A better design shows other cards with maps than
#    without, to more people, in an order that is drawn.
# 3. It measures whether *people* can use a map to predict the network, so it includes how the map
#    is drawn and what people expect; a faithful map that nobody can read fails. Deletion and
#    mosaics test the map against the network or a known place without any person: a map can pass
#    them and help nobody, and a map can help people to guess, by giving the answer away, without
#    being faithful.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 3 points; half points are possible. The result may be anything, also that maps do not help.
#
# - 1 point: the experiment is reported so that it could be repeated: who did what, order, number of
#   cards, right answers with and without maps. An experiment by one person who says so is fine.
# - 1 point: the difference is judged with its uncertainty (few cards, chance, an interval or a
#   test), and at least one other explanation is named: practice or order, the same cards twice,
#   knowing that half are mistakes, the map giving the answer away, not knowing the classes.
# - 1 point: what the experiment measures is told apart from a faithfulness test in both directions:
#   usefulness to people against agreement with the network.
#
# Invented or missing numbers: no point for the first item.
# === END MARK SCHEME ===

# %% [markdown]
# ## 10 · Explore
#
# Any image by any method: move the sliders. (The page computes in the background and does not
# belong to the marks.)

# %% tags=["figure"]
explorer(model, test)

# %% [markdown]
# Everything above runs on digits as well. MNIST is not part of xaikit; the cell uses it if it is on
# this machine or can be downloaded, and says so kindly if not. Digits are bright strokes on exactly
# black ground, too: which of your results would you expect to hold?

# %% tags=["figure"]
try:
    digits = load("mnist", split="test")
except (FileNotFoundError, OSError) as reason:
    print(f"No digits today, and nothing is lost: {reason}")
else:
    digit_model = load_pretrained("mnist", device=device)
    two = digits.images[:2].to(device)
    with torch.no_grad():
        likely = digit_model(two).topk(2, dim=1).indices
    few = [explain(digit_model, two, likely, m) for m in ("gradient", "deeplift", "deep_taylor")]
    roles_of_digits = ("most likely", "second most likely")
    display(plots.attribution_grid(few, two, classes=digits.classes, roles=roles_of_digits))

# %% [markdown]
# ## 11 · Summary
#
# | method | compares the input with | needs | cost a class | adds up to | you choose | beware |
# |---|---|---|---|---|---|---|
# | gradient | its immediate neighbours | gradients | 1 forward + 1 backward | – | nothing | saturation, speckle |
# | input × gradient | black, to first order | gradients | the same | $f(x) - f(0)$ for linear $f$ | nothing | zero wherever the input is |
# | SmoothGrad | noisy neighbours | gradients | $n$ × gradient | – | $\sigma$, $n$ | explains a blurred network |
# | guided backpropagation | – | gradients (differs at ReLUs) | 1 forward + 1 backward | – | nothing | shows edges, of random networks as well |
# | Integrated Gradients | a baseline, along a line | gradients | $m$ × gradient | $f(x) - f(x')$, as $m \to \infty$ | baseline, $m$ | blind to what equals the baseline |
# | expected gradients | training data, along lines | gradients | $n$ × gradient | $f(x) - \mathbb E f(x')$, as $n \to \infty$ | references, $n$ | chance |
# | DeepLIFT | a reference | the layers | 2 forward + 1 backward | $f(x) - f(x')$ | reference, rule | depends on how the function is implemented |
# | DeepSHAP | background samples | the layers | $B$ × DeepLIFT | $f(x) - \operatorname{mean} f(x')$ | backgrounds | only approximates SHAP values |
# | LRP | what each unit received | the layers | a few forward + 1 backward | $f(x)$, less what biases keep | the rule of each layer | depends on the rule and the implementation |
# | deep Taylor | the same | the layers | the same | $f(x)$, if positive | the inputs' range | assumes biases that are not positive |
# | Grad-CAM | nothing: positive evidence in the last maps | a convolution | 1 forward + a short backward | – | layer | coarse, hides evidence against |
# | LIME | itself with segments hidden | answers only | $S$ forward + a regression | about $f(x)$, with its intercept | segments, filling, $\sigma$, $\lambda$, $S$ | chance, unnatural images |
# | KernelSHAP | backgrounds, segment by segment | answers only | $S \cdot B$ forward + a regression | $f(x) - \operatorname{mean} f(x')$ | segments, backgrounds, $S$ | the same |
# | TreeSHAP | backgrounds, or training data in the tree | the trees | polynomial in their size | $f(x) - $ base value | which of the two | two answers, one name |
# | exemplars | training examples | features | the training set, once | – | layer | does not say what is alike |
#
# | test | asks | small or large | flaw |
# |---|---|---|---|
# | deletion, insertion | does the output follow the order? | small, large | images with holes; depends on the fill |
# | infidelity | does the map predict the change? | small | depends on the perturbation |
# | sensitivity | does the map hold still? | small | constant maps are perfect |
# | weight randomisation | does the map notice? | small agreement | the input remains in the map; noise passes |
# | silhouette | is it on the object? | – | cannot fail on black background |
# | mosaic, sticker | is it where we know it is? | large | the place has to be known |
# | agreement of methods | do they say the same? | – | both can be wrong |
# | token-level F1 | do people agree? | large | plausible is not faithful |
# | forward simulation | does it help people to predict? | large | people, and the drawing |
#
# Four habits are worth keeping: name the reference before you read a map; check a sum where there
# is one; ask about another class and another network, because a picture that answers every question
# alike answers none; and put a random and a trivial map beside every number.
#
# **Read on**
#
# - W. Samek et al. 2021, [Explaining Deep Neural Networks and
#   Beyond](https://arxiv.org/abs/2003.07631): methods and their evaluation in one review.
# - M. Ancona et al. 2018, [Towards better understanding of gradient-based attribution
#   methods](https://arxiv.org/abs/1711.06104): DeepLIFT, LRP and Integrated Gradients in one
#   framework.
# - C. Anders et al. 2020, [Fairwashing Explanations with Off-Manifold
#   Detergent](https://arxiv.org/abs/2007.09969): change the network where no data is, and every map
#   with it.
# - S. Krishna et al. 2022, [The Disagreement Problem in Explainable Machine
#   Learning](https://arxiv.org/abs/2202.01602): what people do when methods disagree.
# - D. Alvarez-Melis and T. Jaakkola 2018, [On the Robustness of Interpretability
#   Methods](https://arxiv.org/abs/1806.08049): how much explanations change when the input hardly
#   does.
# - C. Molnar, [Interpretable Machine
#   Learning](https://christophm.github.io/interpretable-ml-book/), the chapters on LIME, SHAP and
#   saliency maps.

# %% [markdown]
# ## Hand in
#
# Save the notebook, then run the cell below: it looks at the saved file and says whether grading
# will find all your answers in it. In a terminal `python -m xaikit check
# 02_local_explanations.ipynb` does the same. What you hand in is the file
# `02_local_explanations.ipynb` itself.

# %% tags=["hand-in"]
checks.upload("02_local_explanations.ipynb")
