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
# explanation** answers for one input and one class. In this notebook you build seven such methods,
# run them on a real network and find out how much of what they show is the network and how much is
# the method.
#
# **After it you can**
#
# 1. write vanilla gradient, SmoothGrad, Integrated Gradients, Grad-CAM, DeepLIFT, DeepSHAP and LIME
#    yourself;
# 2. say for each what the input is compared with, what it costs and what its numbers add up to;
# 3. measure how a map depends on the class, on the baseline, on the number of steps and on chance;
# 4. argue from measurements whether a map explains anything.
#
# **Time:** about six hours for a group: one to read, three for the functions by hand, two to
# measure and interpret. All cells together run in less than a minute on a CPU.
#
# **How it works.** Cells that begin with `# answer: …` are yours: replace `# YOUR CODE HERE` and
# keep the first line. The cell below each answer checks its form and says what to try; marks come
# from further checks that run when you hand in, functions on inputs that nobody has seen. One
# answer at the end is text, and a person marks it. No task needs an earlier answer, so a hard one
# can wait.

# %%
import importlib.util
import subprocess
import sys

# Colab lacks xaikit; anywhere else this cell does nothing.
if "google.colab" in sys.modules and importlib.util.find_spec("xaikit") is None:
    source = "git+https://github.com/{{ course.repository }}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", source], check=True)

# %% nbgrader={"grade_id": "given-imports"}
import math

import numpy as np
import torch
from torch import Tensor, nn

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %%
import matplotlib.pyplot as plt
from IPython.display import display
from tqdm.auto import tqdm

from xaikit import Explanation, checks, explain, load, load_pretrained, plots

# %% [markdown]
# ## 1 · What do we explain?
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
# ### Task 3: where is the network most wrong, and least right? (1 point)
#
# Let the **margin** of an image be its largest logit minus its second largest: how far the network
# is from a change of mind. Set `sure_mistake` to the index of the *misclassified* image with the
# largest margin, and `close_call` to the index of the *correctly* classified one with the smallest.

# %% nbgrader={"grade_id": "margins", "solution": true}
# answer: margins
sure_mistake = None
close_call = None
### BEGIN SOLUTION
best, second = logits.topk(2, dim=1).values.unbind(1)
margin = best - second
mistake = logits.argmax(1) != labels
sure_mistake = int(torch.where(mistake, margin, -math.inf).argmax())
close_call = int(torch.where(mistake, math.inf, margin).argmin())
### END SOLUTION

# %% nbgrader={"grade_id": "margins-test", "grade": true, "points": 1}
for name, index in (("sure_mistake", sure_mistake), ("close_call", close_call)):
    value = float(checks.numbers(index, (), name))
    checks.expect(
        value in range(len(images)), f"`{name}` is an index into `images`: a whole number."
    )
checks.expect(
    logits[int(sure_mistake)].argmax() != labels[int(sure_mistake)],
    "`sure_mistake` should be an image that the network gets wrong: first select those.",
)
checks.expect(
    logits[int(close_call)].argmax() == labels[int(close_call)],
    "`close_call` should be an image that the network gets right.",
)
figure, axes = plt.subplots(1, 2, figsize=(5, 2.7), layout="constrained")
for axis, index, name in zip(
    axes, (sure_mistake, close_call), ("sure mistake", "close call"), strict=True
):
    axis.imshow(images[int(index), 0], cmap="gray", vmin=0, vmax=1)
    true, found = classes[labels[int(index)]], classes[logits[int(index)].argmax()]
    axis.set_title(f"{name}\ntrue: {true}\npredicted: {found}", fontsize=9)
    axis.axis("off")
plt.show()
checks.passed("margins")

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


# %%
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
# ### Task 4: the gradient by hand (2 points)
#
# Write `vanilla_gradient(model, image, target)` for one image of any shape. The model wants a
# batch: give it `image[None]`. Return a tensor of the image's shape. The check also compares it
# with `explain` on our network.


# %% nbgrader={"grade_id": "gradient", "solution": true}
# answer: gradient
def vanilla_gradient(model: nn.Module, image: Tensor, target: int) -> Tensor:
    """Return the derivative of the target's logit by the image, in the image's shape."""
    ### BEGIN SOLUTION
    image = image.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(image[None])[0, target], image)
    return slope
    ### END SOLUTION


# %% nbgrader={"grade_id": "gradient-test", "grade": true, "points": 2}
toy = nn.Sequential(nn.Linear(3, 2))
with torch.no_grad():
    toy[0].weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [-4.0, 5.0, -6.0]]))
checks.close(
    vanilla_gradient(toy, torch.tensor([1.0, -2.0, 0.5]), 1),
    [-4, 5, -6],
    "vanilla_gradient(toy, …)",
    "for a linear model the answer is row `target` of its weights, with sign. "
    "Differentiate the logit itself.",
)
checks.close(
    vanilla_gradient(model, examples[0], predicted),
    explain(model, examples[:1], predicted, "gradient").attributions[0, 0].cpu(),
    "vanilla_gradient(model, …)",
    "it differs from `explain`. Did you select the logit of `target`, and keep the image's shape?",
)
checks.passed("gradient")

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
# ### Task 5: SmoothGrad by hand (2 points)
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

# %%
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
# ## 3 · From a reference to the input
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
# and LRP fail). A computer replaces the integral by a sum; the paper finds 20 to 300 steps enough
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
# ### Task 7: how many steps? (2 points)
#
# From now on `explain(model, inputs, targets, method, **options)` does the work. It returns an
# `Explanation` whose `.attributions` have the shape (images, targets, 1, 28, 28). Its integral uses
# the Gauss-Legendre rule, which chooses places and weights of its steps more cleverly than the
# midpoint rule; the idea is the same.
#
# For the misclassified example `examples[0]`, its `predicted` class and the black baseline (zeros,
# the default), compute the **completeness gap** $\bigl|\sum_i \phi_i - (f_c(x) - f_c(x'))\bigr|$ of
# `integrated_gradients` with each number of steps in `all_steps` (option `steps`). Set `gaps` to
# the seven numbers.

# %% nbgrader={"grade_id": "gaps", "solution": true}
# answer: gaps
all_steps = (1, 2, 4, 8, 16, 64, 256)
gaps = None
### BEGIN SOLUTION
with torch.no_grad():
    rise = (model(examples[:1]) - model(torch.zeros_like(examples[:1])))[0, predicted]
gaps = []
for steps in all_steps:
    result = explain(model, examples[:1], predicted, "integrated_gradients", steps=steps)
    gaps.append(float((result.attributions.sum() - rise).abs()))
### END SOLUTION

# %% nbgrader={"grade_id": "gaps-test", "grade": true, "points": 2}
seven = checks.numbers(gaps, (7,), "gaps")
checks.expect((seven >= 0).all(), "A gap is a distance: take the absolute value.")
checks.expect(
    seven[-1] < 0.5 * seven.max() + 1e-3,
    "Many steps should close the gap. Is the black baseline used on both sides?",
)
figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.loglog(all_steps, np.maximum(seven, 1e-6), "o-", color="black")
axis.set(
    xlabel="steps",
    ylabel="completeness gap (logits)",
    title="Integrated Gradients approach completeness",
)
axis.grid(alpha=0.3)
plt.show()
checks.passed("gaps")

# %% [markdown]
# Along the path the gradient of a ReLU network is a step function, so the gap need not shrink with
# every step that is added, but in the end it does. Few steps can be far off: look at the gap before
# you trust a map.
#
# ### Task 8: what does the baseline hide? (2 points)
#
# The factor $x_i - x'_i$ has a price: a pixel that *equals* the baseline gets nothing, whatever the
# network does with it ([Sturmfels, Lundberg and Lee
# 2020](https://distill.pub/2020/attribution-baselines/)). FashionMNIST's background is exactly
# black. Before you compute: what do you expect for a black baseline, what for a white one?
#
# For each of the two `examples`, with its most likely class (`targets[:, 1]`) and 64 steps, compute
# which **share of the total absolute attribution** lies on background pixels, those with $x_i = 0$.
# Set `share_black` to the two numbers for the black baseline (zeros) and `share_white` to the two
# for the white one (ones); the option is called `baseline` and takes a tensor of one image's shape,
# (1, 28, 28).

# %% nbgrader={"grade_id": "baseline", "solution": true}
# answer: baseline
share_black = None
share_white = None
### BEGIN SOLUTION
shares = []
for baseline in (torch.zeros_like(examples[0]), torch.ones_like(examples[0])):
    result = explain(
        model, examples, targets[:, 1], "integrated_gradients", steps=64, baseline=baseline
    )
    size = result.attributions[:, 0].abs()
    shares.append((size * (examples == 0)).sum((1, 2, 3)) / size.sum((1, 2, 3)))
share_black, share_white = shares
### END SOLUTION

# %% nbgrader={"grade_id": "baseline-test", "grade": true, "points": 2}
for name, value in (("share_black", share_black), ("share_white", share_white)):
    pair = checks.numbers(value, (2,), name)
    checks.expect(((pair >= 0) & (pair <= 1)).all(), f"`{name}`: a share lies between 0 and 1.")
checks.expect(
    not np.allclose(checks.numbers(share_black, (2,), ""), checks.numbers(share_white, (2,), "")),
    "The two baselines give the same share: does the option `baseline` reach `explain`?",
)
figure, axes = plt.subplots(1, 4, figsize=(11, 2.5), layout="constrained")
axes[0].imshow(examples[1, 0].cpu(), cmap="gray", vmin=0, vmax=1)
axes[0].axis("off")
for axis, level, name in zip(axes[1:], (0.0, 0.5, 1.0), ("black", "grey", "white"), strict=True):
    flat = torch.full_like(examples[0], level)
    result = explain(
        model, examples[1:], targets[1:, 1], "integrated_gradients", steps=64, baseline=flat
    )
    show_map(axis, result.attributions[0, 0], f"{name} baseline")
figure.suptitle(
    f"Integrated Gradients for “{classes[int(targets[1, 1])]}”: same network, same image"
)
plt.show()
checks.passed("baseline")

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
# ### Task 9: DeepLIFT by hand (3 points)
#
# `network` is an `nn.Sequential` of a linear layer, a ReLU and a linear layer. Write
# `deeplift(network, x, reference, target)` for vectors `x` and `reference` with the Rescale rule.
# Mind the units with $z = z'$.


# %% nbgrader={"grade_id": "deeplift", "solution": true}
# answer: deeplift
def deeplift(network: nn.Sequential, x: Tensor, reference: Tensor, target: int) -> Tensor:
    """Return DeepLIFT's contributions (Rescale rule) of the features of x, in x's shape (d,)."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        first, _, second = network
        z, z_reference = first(x), first(reference)
        change = z - z_reference
        same = change.abs() < 1e-7
        chord = (z.relu() - z_reference.relu()) / torch.where(same, 1.0, change)
        multiplier = torch.where(same, (z > 0).to(z.dtype), chord)
        return (x - reference) * ((second.weight[target] * multiplier) @ first.weight)
    ### END SOLUTION


# %% nbgrader={"grade_id": "deeplift-test", "grade": true, "points": 3}
torch.manual_seed(0)
small = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
point, reference = torch.randn(4), torch.randn(4)
contributions = checks.numbers(deeplift(small, point, reference, 2), (4,), "deeplift(small, …)")
with torch.no_grad():
    rise = float((small(point) - small(reference))[2])
checks.expect(
    abs(contributions.sum() - rise) < 1e-4,
    "The contributions should add up to f(x) − f(reference): does each ReLU pass on its chord?",
)
checks.close(
    contributions,
    explain(small, point[None], 2, "deeplift", baseline=reference).attributions[0, 0],
    "deeplift(small, …)",
    "the sum is right, but the shares differ from `explain`. Follow the multipliers back through "
    "the weights.",
)
checks.close(
    deeplift(small, point, point, 0),
    np.zeros(4),
    "deeplift(small, x, x, 0)",
    "an input that equals the reference has nothing to explain: all zeros, without nan.",
)
checks.passed("deeplift")

# %% [markdown]
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
# DeepLIFT.
#
# ### Task 10: DeepSHAP by hand (2 points)
#
# Write `deep_shap(network, x, backgrounds, target)` for the same kind of network; `backgrounds` has
# shape (B, d). The function stands alone: repeat what it needs of DeepLIFT inside it. No hidden
# unit has $z = z'$ here.


# %% nbgrader={"grade_id": "deep-shap", "solution": true}
# answer: deep-shap
def deep_shap(network: nn.Sequential, x: Tensor, backgrounds: Tensor, target: int) -> Tensor:
    """Return the mean of DeepLIFT's contributions over the backgrounds, shape (d,)."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        first, _, second = network
        z, z_backgrounds = first(x), first(backgrounds)
        chords = (z.relu() - z_backgrounds.relu()) / (z - z_backgrounds)
        slopes = (second.weight[target] * chords) @ first.weight
        return ((x - backgrounds) * slopes).mean(0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "deep-shap-test", "grade": true, "points": 2}
torch.manual_seed(1)
small = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
point, several = torch.randn(4), torch.randn(5, 4)
contributions = checks.numbers(deep_shap(small, point, several, 1), (4,), "deep_shap(small, …)")
with torch.no_grad():
    rise = float((small(point) - small(several).mean(0))[1])
checks.expect(
    abs(contributions.sum() - rise) < 1e-4,
    "The values should add up to f(x) minus the mean of the backgrounds' outputs. Average at the "
    "very end: the mean background is another reference.",
)
checks.close(
    contributions,
    explain(small, point[None], 1, "deep_shap", background=several).attributions[0, 0],
    "deep_shap(small, …)",
    "the sum is right, but the shares differ from `explain`. Is each chord that of its background?",
)
checks.passed("deep-shap")

# %% [markdown]
# On our network two training images of each class serve as background from now on. Below, one of
# them, five and all twenty: what you see first is as much the reference as the input.

# %%
train = load("fashion_mnist", split="train")
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
# ## 4 · Grad-CAM
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
# ### Task 11: Grad-CAM by hand (3 points)
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

# %%
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
# ## 5 · LIME
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
# ### Task 12: who is near? (1 point)
#
# Write `lime_kernel(masks, width)` for masks of shape (S, M): the weights $\pi(z_s)$ with the
# **cosine distance** to the mask of ones,
# $d(z) = 1 - \frac{z \cdot \mathbf 1}{\lVert z \rVert\, \lVert \mathbf 1 \rVert}$. A mask that
# hides everything has $d = 1$.


# %% nbgrader={"grade_id": "lime-kernel", "solution": true}
# answer: lime-kernel
def lime_kernel(masks: Tensor, width: float) -> Tensor:
    """Return the weights exp(-d² / width²), shape (S,), of masks (S, M) of zeros and ones."""
    ### BEGIN SOLUTION
    # z·1 / (‖z‖ ‖1‖) is the root of the visible share
    distance = 1 - masks.to(torch.float32).mean(1).sqrt()
    return torch.exp(-((distance / width) ** 2))
    ### END SOLUTION


# %% nbgrader={"grade_id": "lime-kernel-test", "grade": true, "points": 1}
some_masks = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
checks.close(
    lime_kernel(some_masks, 0.5),
    [1.0, math.exp(-1.0), math.exp(-4.0)],
    "lime_kernel(…)",
    "for four segments the distances of a full, a quarter and an empty mask are 0, ½ and 1.",
)
staircase = torch.tril(torch.ones(49, 49))  # 1, 2, …, 49 of 49 segments visible
figure, axis = plt.subplots(figsize=(5.5, 2.8), layout="constrained")
for width, style in ((0.1, ":"), (0.25, "-"), (1.0, "--")):
    axis.plot(
        staircase.mean(1),
        lime_kernel(staircase, width),
        style,
        color="black",
        label=f"width {width}",
    )
axis.set(xlabel="visible share of the segments", ylabel="weight", title="Who counts as near?")
figure.legend(loc="outside right upper")
plt.show()
checks.passed("lime-kernel")

# %% [markdown]
# ### Task 13: the surrogate (3 points)
#
# Write `lime_surrogate(masks, predictions, weights, penalty)`: the coefficients $a$, shape (M,), of
# the weighted ridge regression above, with $\pi(z_s)$ given as `weights` (S,), $f_c(h(z_s))$ as
# `predictions` (S,) and $\lambda$ as `penalty`. The intercept $a_0$ is fitted too, but *not*
# penalised. A hint if you solve it by hand: first subtract from the columns of the masks and from
# the predictions their weighted means, and the intercept has gone.


# %% nbgrader={"grade_id": "lime-surrogate", "solution": true}
# answer: lime-surrogate
def lime_surrogate(masks: Tensor, predictions: Tensor, weights: Tensor, penalty: float) -> Tensor:
    """Return the coefficients (M,) of the weighted ridge regression on masks (S, M)."""
    ### BEGIN SOLUTION
    z, y, weight = masks.double(), predictions.double(), weights.double()
    share = weight / weight.sum()
    z, y = z - share @ z, y - share @ y
    gram = z.T @ (weight[:, None] * z) + penalty * torch.eye(z.shape[1], dtype=z.dtype)
    return torch.linalg.solve(gram, z.T @ (weight * y))
    ### END SOLUTION


# %% nbgrader={"grade_id": "lime-surrogate-test", "grade": true, "points": 3}
torch.manual_seed(0)
some_masks = (torch.rand(40, 5) < 0.5).float()
slopes = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0])
checks.close(
    lime_surrogate(some_masks, 7 + some_masks @ slopes, torch.rand(40) + 0.1, 0.0),
    slopes,
    "lime_surrogate(…)",
    "a function that is linear in the masks is recovered exactly if nothing is penalised, whatever "
    "the weights. Is there an intercept?",
    tolerance=1e-3,
)
shrunk = checks.numbers(
    lime_surrogate(some_masks, 7 + some_masks @ slopes, torch.rand(40) + 0.1, 1e6),
    (5,),
    "lime_surrogate(…)",
)
checks.expect(
    abs(shrunk).max() < 0.01, "A huge penalty should press all coefficients towards zero."
)
checks.passed("lime-surrogate")

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
# `explain` are those of the authors' package.)
#
# ### Task 14: the luck of the draw (2 points)
#
# LIME draws its masks at random. Explain `examples[0]` with its `predicted` class on `segments`
# twice, with `seed=0` and with `seed=1`, for each number of `samples` in `all_samples`. Set
# `agreement` to a dictionary from the number of samples to the Pearson correlation between the two
# maps.

# %% nbgrader={"grade_id": "lime-luck", "solution": true}
# answer: lime-luck
all_samples = (60, 200, 1000)
agreement = None
### BEGIN SOLUTION
agreement = {}
for samples in all_samples:
    pair = [
        explain(
            model, examples[:1], predicted, "lime", segments=segments, samples=samples, seed=seed
        )
        for seed in (0, 1)
    ]
    maps = torch.stack([result.attributions.flatten() for result in pair])
    agreement[samples] = float(torch.corrcoef(maps)[0, 1])
### END SOLUTION

# %% nbgrader={"grade_id": "lime-luck-test", "grade": true, "points": 2}
checks.expect(
    isinstance(agreement, dict) and set(agreement) == set(all_samples),
    "`agreement` should be a dictionary with the numbers of samples as keys: 60, 200 and 1000.",
)
for samples, value in agreement.items():
    value = float(checks.numbers(value, (), f"agreement[{samples}]"))
    checks.expect(
        -1 <= value < 0.99999,
        "Two seeds should give two different maps, and a correlation up to 1.",
    )
    print(f"{samples:5d} samples: correlation {value:.2f}")
checks.passed("lime-luck")

# %% [markdown]
# ## 6 · All of them together
#
# ### Task 15: a network without secrets (2 points)
#
# Suppose the network is *linear*, $f_c(x) = w_c \cdot x + b_c$. Then every method can be worked out
# with a pencil. Which map does each return? $x'$ is the baseline or reference, $\bar x'$ the mean
# of the backgrounds; LIME has one segment a pixel, hides a pixel by setting it to $x'_i$, and uses
# many samples and no penalty.
#
# Choose for each method `"w"`, `"w*x"`, `"w*(x-x')"`, `"w*(x-mean x')"` or `"undefined"`.

# %% nbgrader={"grade_id": "linear", "solution": true}
# answer: linear
on_linear = {
    "gradient": None,
    "smoothgrad": None,
    "integrated_gradients": None,
    "grad_cam": None,
    "deeplift": None,
    "deep_shap": None,
    "lime": None,
}
### BEGIN SOLUTION
on_linear = {
    "gradient": "w",
    "smoothgrad": "w",  # the gradient is the same everywhere, so noise changes nothing
    "integrated_gradients": "w*(x-x')",
    "grad_cam": "undefined",  # there is no convolution whose maps could be weighed
    "deeplift": "w*(x-x')",
    "deep_shap": "w*(x-mean x')",
    "lime": "w*(x-x')",  # showing pixel i in place of x'_i changes the output by this much
}
### END SOLUTION

# %% nbgrader={"grade_id": "linear-test", "grade": true, "points": 2}
gradients = ("gradient", "smoothgrad", "integrated_gradients", "grad_cam")
formulas = ("w", "w*x", "w*(x-x')", "w*(x-mean x')", "undefined")
checks.choices(on_linear, (*gradients, "deeplift", "deep_shap", "lime"), formulas, "on_linear")
checks.passed("linear")

# %% [markdown]
# ### Task 16: the grid (3 points)
#
# Now the picture that this notebook is about: seven methods × four targets × two examples.
#
# Set `grid` to a dictionary from each method's name to the attributions of both `examples` for all
# their `targets`, a tensor of shape (2, 4, 1, 28, 28). One call of `explain` a method suffices: it
# takes all targets at once. Pass the options in `options`, so that everybody sees the same. The
# cell below draws it: red speaks for a class, blue against it, and all eight maps of a method share
# one colour scale, so that you can compare them.

# %%
options = {
    "gradient": {},
    "smoothgrad": {"samples": 50, "seed": 0},
    "integrated_gradients": {"steps": 128},
    "grad_cam": {},
    "deeplift": {},
    "deep_shap": {"background": background},
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

# %% nbgrader={"grade_id": "grid-test", "grade": true, "points": 3}
checks.expect(
    isinstance(grid, dict) and sorted(grid) == sorted(options),
    "`grid` should be a dictionary with the seven method names as keys.",
)
for method, values in grid.items():
    checks.numbers(values, (2, 4, 1, 28, 28), f"grid[{method!r}]")
rows = [
    Explanation(torch.as_tensor(grid[method]).detach().cpu(), targets.cpu(), None, method, 0.0)
    for method in options
]
display(plots.attribution_grid(rows, examples, classes=classes, roles=roles))
checks.passed("grid")

# %% [markdown]
# ### Task 17: do the numbers add up? (2 points)
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

# %% nbgrader={"grade_id": "completeness", "solution": true}
# answer: completeness
with_sums = ("gradient", "smoothgrad", "integrated_gradients", "grad_cam", "deeplift", "deep_shap")
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
    "`gap` should be a dictionary with the six method names as keys.",
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
# ### Task 18: does the map depend on the question? (2 points)
#
# A map that hardly changes when you ask about the *opposite* class shows the image rather than
# evidence for a class. For each of the seven methods (with its `options`) compute the `correlation`
# between the map of the true class and that of the least likely class, for each of the two
# examples, and average the two. Set
#
# - `similarity`: a dictionary from method to that mean;
# - `verdict`: a dictionary from method to `"alike"` (the mean is above 0.9), `"opposed"` (below 0)
#   or `"mixed"`.


# %%
def correlation(one: Tensor, other: Tensor) -> float:
    """Return the Pearson correlation of two maps, from -1 to 1; 0 if one of them is constant."""
    pair = torch.stack([one.flatten(), other.flatten()]).double().cpu()
    if (pair.amax(1) == pair.amin(1)).any():
        return 0.0
    return float(torch.corrcoef(pair)[0, 1])


# %% nbgrader={"grade_id": "similarity", "solution": true}
# answer: similarity
similarity = None
verdict = None
### BEGIN SOLUTION
similarity = {}
for method, chosen in options.items():
    maps = explain(model, examples, targets[:, [0, 3]], method, **chosen).attributions
    similarity[method] = sum(correlation(true, least) for true, least in maps) / 2
verdict = {
    method: "alike" if value > 0.9 else "opposed" if value < 0 else "mixed"
    for method, value in similarity.items()
}
### END SOLUTION

# %% nbgrader={"grade_id": "similarity-test", "grade": true, "points": 2}
checks.choices(verdict, options, ("alike", "opposed", "mixed"), "verdict")
checks.expect(
    isinstance(similarity, dict) and sorted(similarity) == sorted(options),
    "`similarity` should be a dictionary with the seven method names as keys.",
)
for method in options:
    value = float(checks.numbers(similarity[method], (), f"similarity[{method!r}]"))
    checks.expect(-1 <= value <= 1, "A mean of correlations lies between -1 and 1.")
    follows = {"alike": value > 0.9, "opposed": value < 0, "mixed": 0 <= value <= 0.9}
    checks.expect(
        follows[verdict[method]], f"`verdict[{method!r}]` does not follow from your similarity."
    )
figure, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
axis.barh(list(options), [float(similarity[method]) for method in options], color="tab:gray")
axis.axvline(0, color="black", linewidth=0.8)
axis.axvline(0.9, color="black", linestyle="--")
axis.set(xlim=(-1, 1), xlabel="correlation (dashed: 0.9)", title="True against least likely class")
axis.invert_yaxis()
plt.show()
checks.passed("similarity")

# %% [markdown]
# ### Task 19: what do the maps say? (4 points)
#
# The answer is text: put it in place of YOUR ANSWER HERE and keep the first line of the cell. A
# person marks it, for the argument and not for its length.

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
# 1. Partly. Integrated Gradients, DeepLIFT and DeepSHAP put their values on the garment and its
#    outline, and the red and blue patches of a class often coincide with parts that have a name,
#    such as sleeves, collar, sole or handle. But with a black reference they *cannot* mark the
#    background, which is exactly black, so that "it looks at the garment" is built into the method:
#    with a white baseline a good part of the attribution moved to the background. The gradient is
#    speckle in which one recognises the outline at best; SmoothGrad is smoother, and also marks
#    places beside the garment where there is nothing: ink there *would* change the logit, which is
#    a statement on sensitivity and no mistake. Grad-CAM gives blobs of a few pixels' width, too
#    coarse for a collar. LIME's squares point to regions, and part of its pattern is chance: with
#    few samples two seeds disagreed. Looking plausible to us is not the same as being faithful.
# 2. The signed methods differ: between the true and the least likely class red and blue are often
#    exchanged, and their correlation is far below 0.9. For the two most likely classes the maps
#    resemble each other more, since these share evidence. Grad-CAM shows only positive evidence, so
#    its map can be nearly empty for the least likely class. Were the maps of a method the same for
#    all classes, it would work as an edge detector and could not justify *this* prediction.
# 3. In the misclassified image some regions are red for the predicted class and blue or pale for
#    the true class: they say where the wrong logit got its lead. It remains a hypothesis: different
#    methods stress different regions, and maps add up to logits, not to reasons. A test would be to
#    change such a region and to watch the two logits.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 4 points; half points are possible. Judge the argument, not the length, and not whether the
# student likes the methods.
#
# - 1 point: *meaningful* is answered with concrete evidence: at least two methods, with places in
#   the images.
# - 1 point: a reason why a plausible map may say little (reference hides the background, outline of
#   the image, colour scale, chance, our expectation), tied to a measurement of this notebook or an
#   observation in the grid.
# - 1 point: *different targets* is answered per method, consistent with the student's own
#   `similarity` numbers or grid, with a consequence for methods that hardly differ (or for
#   Grad-CAM's missing negative evidence).
# - 1 point: a reading of the misclassification that compares the true and the predicted class's
#   maps, stated as a hypothesis, with its uncertainty or a test of it.
#
# General text that would fit any data set earns at most 1 point altogether.
# === END MARK SCHEME ===

# %% [markdown]
# ## 7 · Summary
#
# | method | compares the input with | needs | cost a class | adds up to | you choose | beware |
# |---|---|---|---|---|---|---|
# | gradient | its immediate neighbours | gradients | 1 forward + 1 backward | – | nothing | saturation, speckle |
# | SmoothGrad | noisy neighbours | gradients | $n$ × gradient | – | $\sigma$, $n$ | explains a blurred network |
# | Integrated Gradients | a baseline, along a line | gradients | $m$ × gradient | $f(x) - f(x')$, as $m \to \infty$ | baseline, $m$ | blind to what equals the baseline |
# | DeepLIFT | a reference | the layers | 2 forward + 1 backward | $f(x) - f(x')$ | reference, rule | depends on how the function is implemented |
# | DeepSHAP | background samples | the layers | $B$ × DeepLIFT | $f(x) - \operatorname{mean} f(x')$ | backgrounds | only approximates SHAP values |
# | Grad-CAM | nothing: positive evidence in the last maps | a convolution | 1 forward + a short backward | – | layer | coarse, hides evidence against |
# | LIME | itself with segments hidden | answers only | $S$ forward + a regression | about $f(x)$, with its intercept | segments, filling, $\sigma$, $\lambda$, $S$ | chance, unnatural images |
#
# Three habits are worth keeping: name the reference before you read a map; check a sum where there
# is one; and ask about another class, because a picture that answers every question alike answers
# none.
#
# **Read on**
#
# - J. Adebayo et al. 2018, [Sanity Checks for Saliency Maps](https://arxiv.org/abs/1810.03292):
#   randomise the weights, and see which maps do not notice. Gradients and Grad-CAM pass, Guided
#   Backpropagation does not.
# - M. Ancona et al. 2018, [Towards better understanding of gradient-based attribution
#   methods](https://arxiv.org/abs/1711.06104): DeepLIFT, LRP and Integrated Gradients in one
#   framework.
# - P. Sturmfels, S. Lundberg and S.-I. Lee 2020, [Visualizing the Impact of Feature Attribution
#   Baselines](https://distill.pub/2020/attribution-baselines/).
# - D. Alvarez-Melis and T. Jaakkola 2018, [On the Robustness of Interpretability
#   Methods](https://arxiv.org/abs/1806.08049): how much explanations change when the input hardly
#   does.
# - C. Molnar, [Interpretable Machine
#   Learning](https://christophm.github.io/interpretable-ml-book/), the chapters on LIME, SHAP and
#   saliency maps.
