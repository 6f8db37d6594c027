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
# # 03 · Adversarial attacks: a small change, another answer, and what the explanations say
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/{{ course.repository }}/blob/{{ course.branch }}/notebooks/03_adversarial_attacks.ipynb)
#
# A network that recognises nine garments of ten loses nearly all of them to a change that hardly
# anybody sees, or to a sticker of five by five pixels. In this notebook you write these attacks,
# measure honestly how well they work, and then ask what the maps of notebook 02 say about an
# attacked image: do they point at the sticker? And would they, too, if the sticker were harmless?
#
# **After it you can**
#
# 1. write the attacks that everybody uses: FGSM, PGD in two norms, a patch, targeted or not;
# 2. say for a linear model *exactly* how much change it stands, and why many pixels make it little;
# 3. count success so that nobody is deceived, and recognise a defence that only hides its gradient;
# 4. measure what an attack does to an explanation against the two controls that it needs, equally
#    large noise and the share of the area;
# 5. train a network that withstands an attack, and say which one it withstands.
#
# **Time:** about nine hours for a group, best in three sittings:
#
# | sections | what | time |
# |---|---|---|
# | 1 to 4 | attacks on the whole image | 4 hours |
# | 5 and 6 | patches, and what happens to the explanations | 3 hours |
# | 7 | a defence, and how to read a claim | 2 hours |
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
from tqdm.auto import tqdm

from xaikit import attack, checks, explain, load, load_pretrained, plots
from xaikit.metrics import localisation, rank_agreement

line_colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # colour-blind readers tell them apart

# %% [markdown]
# ## 1 · What is attacked, and what counts as success?
#
# **You learn** to state a threat model and to count. **Time:** half an hour.
#
# An **adversarial example** ([Szegedy et al. 2014](https://arxiv.org/abs/1312.6199)) is an input
# $x'$ near an input $x$ of class $y$ that the network $f$ puts into another class, although a
# person would still say $y$. Before anything can be measured, four things have to be said, the
# **threat model**:
#
# - *How near?* Within a ball, $\lVert x' - x \rVert_p \le \varepsilon$: no pixel changes by more than
#   ε ($p = \infty$), or the change has at most the length ε ($p = 2$). Or only within a small part of
#   the image, but there by any amount (section 5). In any case pixels stay in $[0, 1]$.
# - *To what end?* **Untargeted**: any other class will do. **Targeted**: class $t$ is wanted.
# - *Knowing what?* Here everything, weights and gradients (**white box**). An attacker who knows only
#   the answers, or another network, has it harder (**black box**).
# - *For how many inputs at once?* One change an image, or one **universal** change for all.
#
# The networks: `model` is small, two convolutions, so that you can attack hundreds of images in
# seconds. `other` is the better one of notebook 02, which was trained on its own. `robust` has the
# architecture of `model` and was trained in another way; section 7 tells which.

# %%
test = load("fashion_mnist", split="test")
pictures, truth, classes = (
    test.images[:1000].to(device),
    test.labels[:1000].to(device),
    test.classes,
)
model = load_pretrained("lecture", device=device)
other = load_pretrained("fashion_mnist", device=device)
robust = load_pretrained("lecture_robust", device=device)


@torch.no_grad()
def said(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return the classes (N,) that a network says to inputs (N, 1, 28, 28)."""
    return torch.cat([network(part).argmax(1) for part in inputs.split(250)])


for name, network in (("model", model), ("other", other), ("robust", robust)):
    share = float((said(network, pictures) == truth).float().mean())
    print(f"{name:7}{share:7.1%} of 1,000 test images right: {network.card['command']}")

# The images that are attacked: the first 250 that `model` gets right. The last 400 are kept apart.
right = torch.nonzero(said(model, pictures[:600]) == truth[:600])[:250, 0]
images, labels = pictures[right], truth[right]
hundred, hundred_labels = images[:100], labels[:100]

# %% [markdown]
# ### Task 1: count (2 points)
#
# An image that was misclassified *before* is no success of the attacker, and an attack that leaves a
# wrong answer wrong has shown nothing. So we count:
#
# - **clean accuracy**: the share of all images that are right before the attack;
# - **robust accuracy**: the share of all images that are right before *and* after it (the attacker may
#   also leave an image as it is);
# - **success rate**: among the images that are right *before*, the share that is wrong afterwards. With
#   `targets` (N,): among those that are right before *and whose label is not the target already*, the
#   share that is put into the target class afterwards.
#
# Write `attack_report(clean, attacked, labels, targets=None)`, which returns these three numbers.
# `clean` and `attacked` are logits (N, C), before and after.


# %% nbgrader={"grade_id": "count", "solution": true}
# answer: count
def attack_report(
    clean: Tensor, attacked: Tensor, labels: Tensor, targets: Tensor | None = None
) -> tuple[float, float, float]:
    """Return clean accuracy, robust accuracy and success rate."""
    ### BEGIN SOLUTION
    before, after = clean.argmax(1) == labels, attacked.argmax(1) == labels
    if targets is None:
        success = ~after[before]
    else:
        success = attacked.argmax(1)[before & (labels != targets)]
        success = success == targets[before & (labels != targets)]
    return tuple(each.float().mean().item() for each in (before, before & after, success))
    ### END SOLUTION


# %% nbgrader={"grade_id": "count-test", "grade": true, "points": 2}
# Five images of the classes 0, 1, 2, 0, 1 in the words of their logits: the last one is wrong
# before (and after), and the attack spoils the first two.
before = torch.eye(3)[[0, 1, 2, 0, 2]]
after = torch.eye(3)[[1, 2, 2, 0, 0]]
found = checks.numbers(attack_report(before, after, torch.tensor([0, 1, 2, 0, 1])), (3,), "report")
checks.expect(abs(found[0] - 4 / 5) < 1e-6, "Four of the five images are right before the attack.")
checks.expect(
    abs(found[1] - 2 / 5) < 1e-6,
    "Two of *all five* images are right before and after: robust accuracy has all in its denominator.",
)
checks.expect(
    abs(found[2] - 2 / 4) < 1e-6,
    "Four images could be lost, and two were: the one that was wrong before counts in neither number.",
)
wanted = torch.tensor([1, 1, 1, 1, 1])
found = checks.numbers(
    attack_report(before, after, torch.tensor([0, 1, 2, 0, 1]), wanted), (3,), "report for a target"
)
checks.expect(
    abs(found[2] - 1 / 3) < 1e-6,
    "With target 1, three images are right before and not of class 1 already; one of them ends there.",
)
checks.passed("count")

# %% [markdown]
# ## 2 · One step: FGSM
#
# **You learn** why a network of many inputs is easily moved, and to move it in one step. **Time:** one hour.
#
# ### The linear case, exactly
#
# For a linear model $f_k(x) = w_k \cdot x + b_k$ nothing has to be tried out. Class $j$ overtakes the
# true class $y$ once the **margin** $m_j(x) = f_y(x) - f_j(x)$ is gone. A change $\delta$ moves it by
# $(w_y - w_j) \cdot \delta$. Under $\lVert \delta \rVert_\infty \le \varepsilon$ the best that an attacker
# can do is to move every feature by ε against the sign of its weight *difference*, which costs the
# margin $\varepsilon \lVert w_y - w_j \rVert_1$; under $\lVert \delta \rVert_2 \le \varepsilon$ he goes
# straight against $w_y - w_j$, which costs $\varepsilon \lVert w_y - w_j \rVert_2$. The smallest ε at which *some*
# class draws level is therefore
#
# $$\varepsilon_\infty = \min_{j \ne y} \frac{f_y(x) - f_j(x)}{\lVert w_y - w_j \rVert_1}, \qquad
# \varepsilon_2 = \min_{j \ne y} \frac{f_y(x) - f_j(x)}{\lVert w_y - w_j \rVert_2}$$
#
# This is the explanation of [Goodfellow, Shlens and Szegedy
# 2015](https://arxiv.org/abs/1412.6572): for $d$ features with weights of a typical size $\bar w$ the
# $1$-norm is $d \, \bar w$. It grows with the number of pixels, while the change of a single pixel
# stays as small as one likes.
#
# ### Task 2: how much does a linear model stand? (3 points)
#
# Write `flip_distances(weight, bias, x, label)` for `weight` (C, d), `bias` (C,), `x` (d,), which is
# classified correctly. It returns $\varepsilon_\infty$ and $\varepsilon_2$, without regard to the
# limits of the pixels. Is it always the runner-up that overtakes first?


# %% nbgrader={"grade_id": "linear", "solution": true}
# answer: linear
def flip_distances(weight: Tensor, bias: Tensor, x: Tensor, label: int) -> tuple[float, float]:
    """Return the smallest change in the maximum norm, and in the Euclidean norm, that flips x."""
    ### BEGIN SOLUTION
    scores = weight @ x + bias
    others = [j for j in range(len(weight)) if j != label]
    margins = scores[label] - scores[others]
    ways = weight[label] - weight[others]
    return tuple((margins / ways.norm(p=p, dim=1)).min().item() for p in (1, 2))
    ### END SOLUTION


# %% nbgrader={"grade_id": "linear-test", "grade": true, "points": 3}
# Two classes: the margin is 1, the difference of the weights (3, −4).
found = checks.numbers(
    flip_distances(
        torch.tensor([[2.0, -3.0], [-1.0, 1.0]]), torch.zeros(2), torch.tensor([1.0, 0.5]), 0
    ),
    (2,),
    "flip_distances(…)",
)
checks.expect(
    abs(found[0] - 1 / 7) < 1e-5,
    "The margin is 1 and each feature can cost ε times the magnitude of its weight *difference*: "
    "which norm adds these up?",
)
checks.expect(abs(found[1] - 1 / 5) < 1e-5, "The second number has the Euclidean norm below.")
# Three classes: class 1 comes second, but class 2 is nearer.
found = checks.numbers(
    flip_distances(
        torch.tensor([[1.0, 0.0], [0.9, 0.0], [-9.0, 0.0]]),
        torch.tensor([6.0, 5.0, 1.0]),
        torch.zeros(2),
        0,
    ),
    (2,),
    "flip_distances(…)",
)
checks.expect(
    np.allclose(found, 0.5, atol=1e-5),
    "Try every other class: the smallest ratio decides, not the smallest margin.",
)
checks.passed("linear")

# %% [markdown]
# ### The fast gradient sign method
#
# A network is not linear, but piecewise it is, so Goodfellow, Shlens and Szegedy (2015) treat the
# **loss** $J(x, y) = -\log \operatorname{softmax}(f(x))_y$, the cross-entropy, as if it were:
#
# $$x' = \operatorname{clip}_{[0, 1]} \bigl(x + \varepsilon \operatorname{sign} \nabla_x J(x, y)\bigr)$$
#
# This *climbs* the loss of the true class. A targeted attack *descends* the loss of the wanted class
# $t$ instead: $x - \varepsilon \operatorname{sign} \nabla_x J(x, t)$. One forward and one backward pass.
#
# ### Task 3: FGSM by hand (3 points)
#
# Write `fgsm(model, images, labels, epsilon, targets=None)` for a batch of inputs (N, *shape) in
# [0, 1]. With `targets` (N,) the attack is targeted, and the labels do not matter. Move every image,
# also those that are misclassified already. The check tries it on `toy`, a linear model whose answers
# you can work out, and compares with `attack` on our network.

# %%
toy = nn.Sequential(nn.Linear(3, 2, bias=False))
with torch.no_grad():
    toy[0].weight.copy_(torch.tensor([[1.0, -2.0, 3.0], [-1.0, 1.0, 0.0]]))
middle = torch.tensor([[0.5, 0.5, 0.5]])


# %% nbgrader={"grade_id": "fgsm", "solution": true}
# answer: fgsm
def fgsm(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    targets: Tensor | None = None,
) -> Tensor:
    """Return the images after one signed step, in [0, 1]."""
    ### BEGIN SOLUTION
    x = images.detach().clone().requires_grad_()
    if targets is None:
        loss = nn.functional.cross_entropy(model(x), labels, reduction="sum")
    else:
        loss = -nn.functional.cross_entropy(model(x), targets, reduction="sum")
    (slope,) = torch.autograd.grad(loss, x)
    return (images + epsilon * slope.sign()).clamp(0, 1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "fgsm-test", "grade": true, "points": 3}
top = torch.tensor([[0.5, 0.0, 1.0]])
checks.close(
    fgsm(toy, middle, torch.tensor([0]), 0.1),
    [[0.4, 0.6, 0.4]],
    "fgsm(toy, …)",
    "climb the loss of class 0: every feature moves by ε so that class 0 loses.",
)
checks.close(
    fgsm(toy, top, torch.tensor([1]), 0.1),
    [[0.6, 0.0, 1.0]],
    "fgsm(toy, …) at the border",
    "pixels may not leave [0, 1]: clip after the step.",
)
checks.close(
    fgsm(toy, middle, torch.tensor([1]), 0.1, torch.tensor([0])),
    [[0.6, 0.4, 0.6]],
    "fgsm(toy, …, targets)",
    "with a target the loss of the *target* has to go down.",
)
by_hand = checks.numbers(
    fgsm(model, images[:20], labels[:20], 0.05), (20, 1, 28, 28), "fgsm on our network"
)
by_library = attack(model, images[:20], labels[:20], "fgsm", epsilon=0.05).adversarial.cpu().numpy()
# A slope that is nearly zero may have either sign, by rounding: a few pixels may differ.
checks.expect(
    (abs(by_hand - by_library) < 1e-4).mean() > 0.98,
    "On our network it differs from `attack(…, 'fgsm')`: the loss is the cross-entropy of the logits.",
)
checks.passed("fgsm")

# %% [markdown]
# How small is small? Below, the same five images at four radii; the title is what the network says.
# Noise of the same size, every pixel up or down by ε at random, is the control that belongs beside
# every adversarial example: if noise did the same, nobody would need a gradient.

# %%
epsilons = (0.02, 0.05, 0.1, 0.2)
signs = 2 * torch.randint(0, 2, images.shape, generator=torch.Generator().manual_seed(0)) - 1
signs = signs.to(images)  # −1 or 1 for every pixel of every image

# %% tags=["figure"]
chosen = [int(torch.nonzero(labels == c)[0]) for c in (0, 1, 5, 8, 9)]
figure, axes = plt.subplots(5, 6, figsize=(9.2, 8.6), layout="constrained")
rows = [("original", images), ("noise, ε = 0.1", (images + 0.1 * signs).clamp(0, 1))]
for epsilon in epsilons:
    moved = attack(model, images, labels, "fgsm", epsilon=epsilon).adversarial
    rows.append((f"FGSM, ε = {epsilon}", moved))
for column, (name, shown) in enumerate(rows):
    for row, index in enumerate(chosen):
        axis = axes[row, column]
        axis.imshow(shown[index, 0].cpu(), cmap="gray", vmin=0, vmax=1)
        answer = int(said(model, shown[index : index + 1])[0])
        right_still = answer == int(labels[index])
        axis.set_title(
            classes[answer] + ("" if right_still else " ✗"),
            fontsize=9,
            fontweight="normal" if right_still else "bold",
        )
        axis.axis("off")
        if row == 4:
            axis.text(0.5, -0.12, name, transform=axis.transAxes, ha="center", fontsize=9)
figure.suptitle("What the network says (bold, ✗: wrong)")
plt.show()

# %% [markdown]
# From here on `attack(network, images, labels, method, **options)` does the work. Its result has
# `.adversarial` (N, 1, 28, 28), `.predicted` (N,), `.success` (N,) and `.mask` (where a change was
# allowed). With `targets=` (a class, or (N,)) it is targeted. An image that is misclassified before
# counts as a success and stays as it is (only `"universal_patch"` changes all), so that
# `1 - result.success.float().mean()` of an untargeted attack is the robust accuracy. `help(attack)`
# lists the options.
#
# ## 3 · Many small steps: PGD
#
# **You learn** to stay inside a ball, and to find the mistakes that make an attack weak. **Time:** one and a half hours.
#
# FGSM trusts the gradient at $x$ for the whole way. **Projected gradient descent** ([Madry et al.
# 2018](https://arxiv.org/abs/1706.06083)) starts at a random point of the ball and goes many small
# steps; after each it returns to the nearest point of the ball:
#
# $$x_{k+1} = \operatorname{clip}_{[0, 1]} \Bigl( \Pi_{B_\varepsilon(x)} \bigl( x_k + \alpha \operatorname{sign} \nabla_x J(x_k, y) \bigr) \Bigr)$$
#
# ### Task 4: back into the ball (2 points)
#
# Write `project(moved, images, epsilon, norm)`. It returns for each of the `moved` points (N, *shape)
# the nearest point whose distance from its own original in `images` is at most `epsilon`, in the
# `norm` `"inf"` or `"2"`. Points inside stay where they are. Do not clip to [0, 1] here. (Think about
# it: can clipping *afterwards* push a point out of the ball again, if the original is in [0, 1]?)


# %% nbgrader={"grade_id": "project", "solution": true}
# answer: project
def project(moved: Tensor, images: Tensor, epsilon: float, norm: str) -> Tensor:
    """Return the nearest points of the balls of radius epsilon around the images."""
    ### BEGIN SOLUTION
    change = moved - images
    if norm == "inf":
        return images + change.clamp(-epsilon, epsilon)
    length = change.flatten(1).norm(dim=1).clamp(min=1e-12)
    shrunk = (epsilon / length).clamp(max=1)
    return images + change * shrunk.view(-1, *[1] * (images.ndim - 1))
    ### END SOLUTION


# %% nbgrader={"grade_id": "project-test", "grade": true, "points": 2}
here, there = torch.zeros(3, 2), torch.tensor([[3.0, 4.0], [0.3, -0.1], [0.0, 0.0]])
checks.close(
    project(there, here, 0.5, "inf"),
    [[0.5, 0.5], [0.3, -0.1], [0, 0]],
    "project(…, 'inf')",
    "each feature for itself comes back to at most ε from its original.",
)
checks.close(
    project(there, here, 0.5, "2"),
    [[0.3, 0.4], [0.3, -0.1], [0, 0]],
    "project(…, '2')",
    "the change of each *image* keeps its direction and is shortened to ε if it is longer; what is "
    "inside stays, and a change of nothing gives no nan.",
)
checks.close(
    project(there + 2, here + 2, 0.5, "2")[:1],
    [[2.3, 2.4]],
    "project around another point",
    "the ball lies around the original, not around zero.",
)
checks.passed("project")

# %% [markdown]
# ### Task 5: PGD by hand (3 points)
#
# Write `pgd(model, images, labels, epsilon, step, steps, start)` for the maximum norm, untargeted.
# So that the result can be compared, the random start is given: begin at `images + start`, clipped
# to [0, 1] (`start` has no value beyond ε). Each of the `steps` goes `step` along the sign of the
# gradient of the cross-entropy at the current point, then back into the ball around the *original*,
# then into [0, 1]. Return the last point.


# %% nbgrader={"grade_id": "pgd", "solution": true}
# answer: pgd
def pgd(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    step: float,
    steps: int,
    start: Tensor,
) -> Tensor:
    """Return the images after `steps` projected steps, none further than epsilon, in [0, 1]."""
    ### BEGIN SOLUTION
    now = (images + start).clamp(0, 1)
    for _ in range(steps):
        now = now.detach().requires_grad_()
        loss = nn.functional.cross_entropy(model(now), labels, reduction="sum")
        (slope,) = torch.autograd.grad(loss, now)
        now = now.detach() + step * slope.sign()
        now = images + (now - images).clamp(-epsilon, epsilon)
        now = now.clamp(0, 1)
    return now
    ### END SOLUTION


# %% nbgrader={"grade_id": "pgd-test", "grade": true, "points": 3}
still, toy_label = torch.zeros_like(middle), torch.tensor([0])
checks.close(
    pgd(toy, middle, toy_label, 0.1, 0.04, 1, still),
    [[0.46, 0.54, 0.46]],
    "pgd(toy, …) after one step",
    "one step is as long as `step`, not as ε.",
)
checks.close(
    pgd(toy, middle, toy_label, 0.1, 0.04, 5, still),
    [[0.4, 0.6, 0.4]],
    "pgd(toy, …) after five steps",
    "five steps would lead further than ε: each comes back into the ball around the original.",
)
nowhere = torch.zeros_like(hundred)
one, many = (
    torch.as_tensor(
        checks.numbers(
            pgd(model, hundred, hundred_labels, 0.03, s, n, nowhere), hundred.shape, "pgd(…)"
        )
    ).to(hundred)
    for s, n in ((0.03, 1), (0.006, 20))
)
checks.expect(
    float((many - hundred).abs().max()) < 0.0301
    and 0 <= float(many.min()) <= float(many.max()) <= 1,
    "All points lie in the ball of radius ε and in [0, 1].",
)
by_one, by_many = (
    float((said(model, moved) != hundred_labels).float().mean()) for moved in (one, many)
)
print(f"ε = 0.03: one step of ε fools {by_one:.0%}, twenty small ones {by_many:.0%}")
checks.expect(
    by_many > by_one,
    "Twenty small steps should fool more images than one: take the gradient anew at every point.",
)
checks.passed("pgd")

# %% [markdown]
# ### Task 6: find the errors (2 points)
#
# The function below is meant to be a *targeted* attack in the Euclidean norm: steps of length `step`
# along the gradient (not its sign), each image inside its own ball of radius `epsilon`, the loss of
# the target falling. It runs, it returns images, and it hardly ever succeeds; the authors of a defence
# that was tested with it were pleased. It holds **three** mistakes. Mend them in place, or write it
# anew below. (What would each do to an attack's success rate? One of them makes it depend on who
# else is in the batch.)


# %% nbgrader={"grade_id": "repair", "solution": true}
# answer: repair
def targeted_pgd(
    model: nn.Module, images: Tensor, targets: Tensor, epsilon: float, step: float, steps: int
) -> Tensor:
    """Return images that are moved towards the target classes, each within epsilon (Euclidean)."""
    now = images.clone()
    for _ in range(steps):
        now = now.detach().requires_grad_()
        loss = nn.functional.cross_entropy(model(now), targets, reduction="sum")
        (slope,) = torch.autograd.grad(loss, now)
        change = step * slope / slope.norm()
        # renorm shortens the rows whose Euclidean length is above the limit, to the limit.
        change = change.flatten(1).renorm(2, 0, epsilon).view_as(change)
        now = (now.detach() + change).clamp(0, 1)
    return now


### BEGIN SOLUTION
def targeted_pgd(
    model: nn.Module, images: Tensor, targets: Tensor, epsilon: float, step: float, steps: int
) -> Tensor:
    towards = images
    for _ in range(steps):
        point = towards.detach().clone().requires_grad_()
        wanted = model(point).log_softmax(1).gather(1, targets[:, None])
        uphill = torch.autograd.grad(wanted.sum(), point)[0].flatten(1)
        uphill = nn.functional.normalize(uphill).view_as(point)
        gone = point.detach() + step * uphill - images
        towards = (images + gone.flatten(1).renorm(2, 0, epsilon).view_as(gone)).clamp(0, 1)
    return towards


### END SOLUTION

# %% nbgrader={"grade_id": "repair-test", "grade": true, "points": 2}
pair = torch.tensor([[0.5, 0.5, 0.5], [0.4, 0.6, 0.5]])
goals = torch.tensor([1, 1])
moved = checks.numbers(targeted_pgd(toy, pair, goals, 1.0, 0.1, 1), (2, 3), "targeted_pgd(…)")
way = np.array([2.0, -3.0, 3.0]) / math.sqrt(22)  # from class 1 to class 0, of length 1
checks.expect(
    float((moved[0] - pair[0].numpy()) @ way) < 0,
    "After one step the first image is further from its target than before.",
)
checks.expect(
    abs(np.linalg.norm(moved[0] - pair[0].numpy()) - 0.1) < 1e-4,
    "Alone in a batch an image moves by `step`; in a batch of two it moves by less.",
)
moved = checks.numbers(targeted_pgd(toy, pair, goals, 0.15, 0.1, 3), (2, 3), "targeted_pgd(…)")
checks.expect(
    np.linalg.norm(moved - pair.numpy(), axis=1).max() < 0.1501,
    "After three steps of 0.1 an image is further than ε = 0.15 from its original.",
)
checks.passed("repair")

# %% [markdown]
# ### Task 7: robust accuracy against ε (3 points)
#
# One number at one ε says little; the **curve** shows more. Set `robust_accuracy`, a dictionary with
# a list of four shares for each key, one for each radius in `epsilons` (0.02, 0.05, 0.1, 0.2). As all
# 250 `images` are right before, robust accuracy is the share that is right after:
#
# - `"noise"`: `images + ε · signs`, clipped to [0, 1];
# - `"fgsm"`: `attack(model, images, labels, "fgsm", epsilon=ε)`;
# - `"pgd"`: `attack(…, "pgd", epsilon=ε, steps=20)`;
# - `"transfer"`: the images that *this* PGD made for `model`, shown to `other`, a network that the
#   attacker never saw: the share of those images that `other` puts into their true class. (`other`
#   gets some of them wrong without any attack: its curve begins there.)

# %% nbgrader={"grade_id": "curve", "solution": true}
# answer: curve
robust_accuracy = None
### BEGIN SOLUTION
robust_accuracy = {"noise": [], "fgsm": [], "pgd": [], "transfer": []}
for epsilon in epsilons:
    by_pgd = attack(model, images, labels, "pgd", epsilon=epsilon, steps=20).adversarial
    for name, network, moved in (
        ("noise", model, (images + epsilon * signs).clamp(0, 1)),
        ("fgsm", model, attack(model, images, labels, "fgsm", epsilon=epsilon).adversarial),
        ("pgd", model, by_pgd),
        ("transfer", other, by_pgd),
    ):
        share = (said(network, moved) == labels).float().mean().item()
        robust_accuracy[name].append(share)
### END SOLUTION

# %% nbgrader={"grade_id": "curve-test", "grade": true, "points": 3}
checks.expect(
    isinstance(robust_accuracy, dict)
    and sorted(robust_accuracy) == ["fgsm", "noise", "pgd", "transfer"],
    "`robust_accuracy` should be a dictionary with the keys 'noise', 'fgsm', 'pgd' and 'transfer'.",
)
curves = {
    name: checks.numbers(values, (4,), f"robust_accuracy[{name!r}]")
    for name, values in robust_accuracy.items()
}
for values in curves.values():
    checks.expect(0 <= values.min() <= values.max() <= 1, "A share lies between 0 and 1.")
checks.expect(
    (curves["pgd"] <= curves["fgsm"] + 0.02).all(),
    "PGD should leave no more than FGSM does: are these robust accuracies, or success rates?",
)
noise_other = [
    float((said(other, (images + radius * signs).clamp(0, 1)) == labels).float().mean())
    for radius in (0, *epsilons)
]
clean_other = noise_other[0]
figure, axis = plt.subplots(figsize=(7.8, 3.6), layout="constrained")
for (name, values), style, colour in zip(
    curves.items(), ("-", "--", "-.", ":"), line_colours, strict=False
):
    axis.plot(
        (0, *epsilons),
        (clean_other if name == "transfer" else 1, *values),
        style,
        color=colour,
        marker="o",
        label=name,
    )
axis.plot((0, *epsilons), noise_other, color="0.5", marker="x", label="noise, judged by `other`")
axis.set(xlabel="ε (maximum norm)", ylabel="robust accuracy", ylim=(-0.02, 1.02))
axis.set_xticks((0, *epsilons))
axis.set_title("Robust accuracy on images that `model` gets right", fontsize=11)
figure.legend(
    title="attack on `model`\n(transfer: judged by `other`)",
    frameon=False,
    loc="outside right upper",
)
plt.show()
checks.passed("curve")

# %% [markdown]
# Two things to notice. To `model`, random signs of the same size do little at the smaller radii: its
# adversarial examples are a matter less of the *amount* of change than of its direction. And what was
# made for one network also costs another one many images, which has other weights and another
# architecture. Has the direction been **transferred**? The control is noise on the *same* network, the
# grey curve: random signs cost `other` as much, and at the larger radii more. So here this is no
# evidence. On other networks it has been shown, with that control, and it makes attacks possible on
# networks whose weights are secret ([Papernot, McDaniel and Goodfellow
# 2016](https://arxiv.org/abs/1605.07277)).

# %% [markdown]
# ## 4 · A gradient that is not there
#
# **You learn** why "our defence withstands FGSM" is no evidence. **Time:** one hour.
#
# For the cross-entropy of logits $f$ and probabilities $p = \operatorname{softmax}(f)$,
#
# $$\nabla_x J(x, y) = \sum_k \bigl(p_k - [k = y]\bigr) \, \nabla_x f_k(x).$$
#
# Where the network is sure, $p_y = 1$ and all other $p_k = 0$: to the precision of the computer the
# gradient *vanishes*, and an attack that follows it stands still. That says nothing about the decision
# next door. [Carlini and Wagner 2017](https://arxiv.org/abs/1608.04644) therefore attack the
# **margin** of the logits, $\max_{j \ne y} f_j(x) - f_y(x)$, whose gradient does not fade. Defences that
# break the gradient instead of moving the boundary **mask** it; [Athalye, Carlini and Wagner
# 2018](https://arxiv.org/abs/1802.00420) examined those of one conference and circumvented most of them.
#
# Here is such a "defence", in one line:


# %%
class Sure(nn.Module):
    """The network with all of its logits multiplied by a thousand."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, 10) of images (N, 1, 28, 28)."""
        return 1000 * self.network(x)


sure = Sure(model).eval()

# %% [markdown]
# ### Task 8: unmask it (3 points)
#
# Which class is the largest does not depend on a factor, so `sure` says to every image what `model`
# says. Set
#
# - `apparent`: the robust accuracy of `sure` on `hundred` under `attack(sure, hundred,
#   hundred_labels, "pgd", epsilon=0.1, steps=20)`;
# - `unmasked`: 100 images, each within 0.1 of its original in `hundred` (maximum norm, pixels in
#   [0, 1]), at least 90 of which `sure` gets wrong. Any way of finding them is fair;
# - `suspicious`: for each observation in `observations`, `True` if it would have made you suspect a
#   masked gradient, `False` if it is what one expects of an honest evaluation.

# %%
observations = (
    "a single step fools more images than many small steps",
    "random noise of the same size fools more images than the attack",
    "with ε = 1, any image allowed, the attack still fails on some images",
    "the robust accuracy falls to zero as ε grows",
    "images made for another network fool it more often than its own gradient does",
    "more steps and more restarts find a few more adversarial examples",
)

# %% nbgrader={"grade_id": "masking", "solution": true}
# answer: masking
apparent = None
unmasked = None
suspicious = dict.fromkeys(observations)  # fill in True or False
### BEGIN SOLUTION
result = attack(sure, hundred, hundred_labels, "pgd", epsilon=0.1, steps=20)
apparent = 1 - result.success.float().mean().item()

unmasked = hundred.clone()
own = nn.functional.one_hot(hundred_labels, 10).bool()
for _ in range(20):
    x = unmasked.detach().requires_grad_()
    logits = sure(x)
    margin = logits.masked_fill(own, -torch.inf).amax(1) - logits[own]
    (slope,) = torch.autograd.grad(margin.sum(), x)
    step = 0.02 * slope.sign() * (margin < 0).view(-1, 1, 1, 1)
    unmasked = (hundred + (unmasked + step - hundred).clamp(-0.1, 0.1)).clamp(0, 1)

suspicious = {
    "a single step fools more images than many small steps": True,
    "random noise of the same size fools more images than the attack": True,
    "with ε = 1, any image allowed, the attack still fails on some images": True,
    "the robust accuracy falls to zero as ε grows": False,
    "images made for another network fool it more often than its own gradient does": True,
    "more steps and more restarts find a few more adversarial examples": False,
}
### END SOLUTION

# %% nbgrader={"grade_id": "masking-test", "grade": true, "points": 3}
checks.expect(
    0 <= checks.numbers(apparent, (), "apparent") <= 1, "`apparent` is a share: from 0 to 1."
)
found = torch.as_tensor(checks.numbers(unmasked, (100, 1, 28, 28), "unmasked")).to(hundred)
checks.expect(
    float((found - hundred).abs().max()) < 0.1001 and 0 <= found.min() <= found.max() <= 1,
    "`unmasked`: no pixel may be further than 0.1 from its original, or outside [0, 1].",
)
fooled = int((said(sure, found) != hundred_labels).sum())
print(
    f"robust accuracy of `sure`: {float(apparent):.0%} by the library's PGD, {100 - fooled} % by yours"
)
checks.expect(
    fooled >= 90,
    "`unmasked` fools too few: follow the gradient of something that does not saturate, or ask which "
    "other network has the same decisions.",
)
checks.choices(suspicious, observations, (True, False), "suspicious")
checks.passed("masking")

# %% [markdown]
# ## 5 · A sticker is enough
#
# **You learn** to attack a small part of the image only: one patch an image, and one for all.
# **Time:** one and a half hours.
#
# Small changes everywhere are hard to bring about in the world. A sticker is easy. [Brown et al.
# 2017](https://arxiv.org/abs/1712.09665) trained a patch that works on whatever image it is put on,
# and [Karmon, Zoran and Goldberg 2018](https://arxiv.org/abs/1801.02608) patches of about 2 % of one
# image, beside the main object. With a mask $m \in \{0, 1\}^{H \times W}$, which is 1 inside the patch,
#
# $$x' = (1 - m) \odot x + m \odot p, \qquad p \in [0, 1]^{C \times H \times W}$$
#
# Outside, the change is *exactly* zero; inside, anything goes. The pixels $p$ are found like before, by
# signed steps on the loss, only that the mask takes the place of the ball.
#
# ### Task 9: a patch by hand (3 points)
#
# Write `patch_attack(model, images, labels, mask, start, step, steps, targets=None)`. `mask` (H, W) is
# boolean, `start` (N, C, H, W) holds the pixels to begin with *inside* the mask. Each of the `steps`
# moves the pixels inside by `step` along the sign of the gradient that raises the cross-entropy of the
# label, or lowers that of the target, and clips to [0, 1]. Return the images with their patches.


# %% nbgrader={"grade_id": "patch", "solution": true}
# answer: patch
def patch_attack(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    mask: Tensor,
    start: Tensor,
    step: float,
    steps: int,
    targets: Tensor | None = None,
) -> Tensor:
    """Return the images, changed inside the mask only."""
    ### BEGIN SOLUTION
    now = torch.where(mask, start, images)
    for _ in range(steps):
        now = now.detach().requires_grad_()
        loss = nn.functional.cross_entropy(
            model(now), labels if targets is None else targets, reduction="sum"
        )
        (slope,) = torch.autograd.grad(loss, now)
        uphill = slope.sign() if targets is None else -slope.sign()
        now = torch.where(mask, (now.detach() + step * uphill).clamp(0, 1), images)
    return now
    ### END SOLUTION


# %% nbgrader={"grade_id": "patch-test", "grade": true, "points": 3}
centre = torch.zeros(28, 28, dtype=torch.bool, device=device)
centre[10:17, 10:17] = True
grey = torch.full_like(hundred, 0.5)
for steps, wanted in ((0, None), (30, None), (30, 8)):
    goal = None if wanted is None else torch.full_like(hundred_labels, wanted)
    moved = patch_attack(model, hundred, hundred_labels, centre, grey, 0.1, steps, goal)
    moved = torch.as_tensor(checks.numbers(moved, hundred.shape, "patch_attack(…)")).to(hundred)
    checks.expect(
        torch.equal(moved[..., ~centre], hundred[..., ~centre]),
        "Outside the mask not a single pixel may change, not even by a clip or a rounding.",
    )
    checks.expect(
        float(moved.min()) >= 0 and float(moved.max()) <= 1, "Pixels have to stay in [0, 1]."
    )
    if steps == 0:
        checks.expect(
            bool((moved[..., centre] == 0.5).all()),
            "Before the first step the patch shows `start`, whatever the image had there.",
        )
    answers = said(model, moved)
    if wanted is None:
        share = float((answers != hundred_labels).float().mean())
        print(f"7 × 7 in the centre, {steps} steps: {share:.0%} misclassified")
    else:
        asked = hundred_labels != wanted
        share = float((answers[asked] == wanted).float().mean())
        print(
            f"7 × 7 in the centre, {steps} steps, target {classes[wanted]}: {share:.0%} called so"
        )
    checks.expect(
        steps == 0 or share > (0.5 if wanted is None else 0.1),
        "The patch does too little: does each step raise the label's loss (or lower the target's)?",
    )
checks.passed("patch")

# %% [markdown]
# ### Which place?
#
# A patch does not do the same harm everywhere. Below, the share of the first forty images that
# a 5 × 5 patch fools at each of 36 *fixed* places, and three images, each with a patch at its own
# best place.

# %%
forty, forty_labels = images[:40], labels[:40]

# %% tags=["figure"]
corners = range(0, 24, 4)
by_place = torch.zeros(len(corners), len(corners))
for row, top in enumerate(tqdm(corners, desc="places")):
    for column, left in enumerate(corners):
        result = attack(model, forty, forty_labels, "patch", size=5, place=(top, left), steps=15)
        by_place[row, column] = result.success.float().mean()
figure, axes = plt.subplots(
    1, 4, figsize=(11, 3.3), width_ratios=(1.5, 1, 1, 1), layout="constrained"
)
drawn = axes[0].imshow(by_place, cmap="cividis", vmin=0, vmax=1)
axes[0].set_xticks(range(len(corners)), corners)
axes[0].set_yticks(range(len(corners)), corners)
axes[0].set(xlabel="left edge", ylabel="upper edge")
axes[0].set_title("share fooled at a fixed place", fontsize=9)
figure.colorbar(drawn, ax=axes[0], shrink=0.9)
one = attack(model, forty[:3], forty_labels[:3], "patch", size=5, place="best")
for axis, picture, answer, label in zip(
    axes[1:], one.adversarial, one.predicted, forty_labels, strict=False
):
    axis.imshow(picture[0].cpu(), cmap="gray", vmin=0, vmax=1)
    axis.set_title(
        f"best place: {classes[int(label)]}\ntaken for {classes[int(answer)]}", fontsize=9
    )
    axis.axis("off")
figure.suptitle("A 5 × 5 patch: which place?", fontsize=11)
plt.show()

# %% [markdown]
# ### Task 10: size and place (3 points)
#
# Set `patch_accuracy`, a dictionary with a list for each key: the robust accuracy of `model` on
# `forty` against a patch of each size in `sizes`,
#
# - `"fixed"`: `attack(model, forty, forty_labels, "patch", size=s, place=(14 - s // 2, 14 - s //
#   2), steps=30)`, all in the middle;
# - `"best"`: the same with `place="best", places=2`, each image at its own best place;
# - `"noise"`: at the same place in the middle the pixels of `scatter`, given below, with no attack:
#   `scatter` inside the square, the image outside.

# %%
sizes = (3, 4, 5, 7)
scatter = torch.rand(forty.shape, generator=torch.Generator().manual_seed(1)).round().to(device)

# %% nbgrader={"grade_id": "sizes", "solution": true}
# answer: sizes
patch_accuracy = None
### BEGIN SOLUTION
patch_accuracy = {"fixed": [], "best": [], "noise": []}
for size in tqdm(sizes, desc="sizes"):
    corner = 14 - size // 2
    for name, chosen_place in (
        ("fixed", {"place": (corner, corner)}),
        ("best", {"place": "best", "places": 2}),
    ):
        result = attack(model, forty, forty_labels, "patch", size=size, steps=30, **chosen_place)
        patch_accuracy[name].append(1 - result.success.float().mean().item())
    noisy = forty.clone()
    square = (..., slice(corner, corner + size), slice(corner, corner + size))
    noisy[square] = scatter[square]
    patch_accuracy["noise"].append((said(model, noisy) == forty_labels).float().mean().item())
### END SOLUTION

# %% nbgrader={"grade_id": "sizes-test", "grade": true, "points": 3}
checks.expect(
    isinstance(patch_accuracy, dict) and sorted(patch_accuracy) == ["best", "fixed", "noise"],
    "`patch_accuracy` should be a dictionary with the keys 'fixed', 'best' and 'noise'.",
)
curves = {
    name: checks.numbers(values, (4,), f"patch_accuracy[{name!r}]")
    for name, values in patch_accuracy.items()
}
for values in curves.values():
    checks.expect(0 <= values.min() <= values.max() <= 1, "A share lies between 0 and 1.")
checks.expect(
    (curves["best"] <= curves["fixed"] + 0.1).all(),
    "The best place should leave fewer images right than a fixed one: is it the robust accuracy?",
)
figure, axis = plt.subplots(figsize=(6.2, 3.4), layout="constrained")
for (name, values), style, colour in zip(
    curves.items(), ("-", "--", ":"), line_colours, strict=False
):
    label = {"fixed": "in the middle", "best": "best place", "noise": "noise in the middle"}[name]
    axis.plot((0, *sizes), (1, *values), style, color=colour, marker="o", label=label)
axis.set(xlabel="side of the patch (pixels)", ylabel="robust accuracy", ylim=(-0.02, 1.02))
axis.set_title("Robust accuracy against the size of a patch", fontsize=11)
axis.legend(frameon=False, fontsize=9)
plt.show()
checks.passed("sizes")

# %% [markdown]
# ### Task 11: everything is a bag (2 points)
#
# A targeted attack is harder. Set `bagged` to the 40 images in `not_bags`, each with a square of at most
# 8 × 8 pixels changed, at any place, one square an image and pixels in [0, 1], such that `model` says
# *bag* (class 8) to as many as you can. Full marks for 32 of the 40, none for 16, a share in between.
# (`attack(…, "patch", targets=8, size=8)` is a beginning.)

# %%
not_bags = images[labels != 8][:40]
not_bag_labels = labels[labels != 8][:40]

# %% nbgrader={"grade_id": "targeted", "solution": true}
# answer: targeted
bagged = None
### BEGIN SOLUTION
bagged = attack(
    model, not_bags, not_bag_labels, "patch", targets=8, size=8, steps=60, places=6
).adversarial
### END SOLUTION

# %% nbgrader={"grade_id": "targeted-test", "grade": true, "points": 2}
found = torch.as_tensor(checks.numbers(bagged, (40, 1, 28, 28), "bagged")).to(not_bags)
changed = (found - not_bags).abs().amax(1) > 1e-5
for index, touched in enumerate(changed):
    place = torch.nonzero(touched)
    checks.expect(
        len(place) == 0 or int((place.amax(0) - place.amin(0)).max()) < 8,
        f"Image {index} of `bagged` is changed in more than one square of 8 × 8.",
    )
checks.expect(float(found.min()) >= 0 and float(found.max()) <= 1, "Pixels have to stay in [0, 1].")
hits = int((said(model, found) == 8).sum())
print(f"{hits} of 40 are called bags")
checks.expect(
    hits >= 20, "Less than half are called bags: a larger square, more places, more steps?"
)
display(plots.image_row(found[:6].cpu(), [classes[int(c)] for c in said(model, found[:6])]))
checks.passed("targeted")

# %% [markdown]
# ### One sticker for all
#
# The patches so far know their image. A **universal** patch does not: its pixels are learned from *some*
# images, then it is put on others ([Moosavi-Dezfooli et al. 2017](https://arxiv.org/abs/1610.08401) did
# the same with a change of the whole image). One maximises the mean loss over a training set,
#
# $$\max_{p \in [0, 1]^{C \times s \times s}} \; \frac 1 n \sum_{i=1}^n J\bigl((1 - m) \odot x_i + m \odot p, \; y_i\bigr),$$
#
# and, as with any learning, judges it on images that it has not seen.
#
# ### Task 12: learn a sticker (3 points)
#
# Learn `sticker`, pixels of shape (1, 10, 10) in [0, 1], for the square whose upper left corner lies in
# row 9 and column 9. You may use `images` and `labels`. It is judged on *other* test images: put onto
# those of the last 400 that `model` gets right, it should fool at least 65 %; for less there is a
# share, as far as it beats random stickers. (Signed steps that become
# smaller, on a part of the images at a time, get there in a hundred steps. `attack(…,
# "universal_patch", …)` exists, too.)

# %%
held_out = pictures[600:][said(model, pictures[600:]) == truth[600:]]
held_out_labels = truth[600:][said(model, pictures[600:]) == truth[600:]]


def with_sticker(inputs: Tensor, pixels: Tensor) -> Tensor:
    """Return inputs (N, 1, 28, 28) with the pixels (1, 10, 10) in the square from (9, 9)."""
    stuck = inputs.clone()
    stuck[..., 9:19, 9:19] = pixels
    return stuck


# %% nbgrader={"grade_id": "universal", "solution": true}
# answer: universal
sticker = None
### BEGIN SOLUTION
pixels = torch.full((1, 10, 10), 0.5, device=device)
draw = torch.Generator().manual_seed(0)
for k in tqdm(range(100), desc="learning the sticker"):
    batch = torch.randperm(len(images), generator=draw)[:128]
    pixels.requires_grad_()
    loss = nn.functional.cross_entropy(model(with_sticker(images[batch], pixels)), labels[batch])
    (slope,) = torch.autograd.grad(loss, pixels)
    pixels = (pixels.detach() + (0.01 + 0.2 * (1 - k / 100)) * slope.sign()).clamp(0, 1)
sticker = pixels
### END SOLUTION

# %% nbgrader={"grade_id": "universal-test", "grade": true, "points": 3}
found = torch.as_tensor(checks.numbers(sticker, (1, 10, 10), "sticker")).to(pictures)
checks.expect(float(found.min()) >= 0 and float(found.max()) <= 1, "Pixels have to stay in [0, 1].")
noise_sticker = torch.rand(1, 10, 10, generator=torch.Generator().manual_seed(2)).round().to(device)
shares = {}
for name, each in (("sticker", found), ("noise", noise_sticker)):
    for which, some, true in (("seen", images, labels), ("unseen", held_out, held_out_labels)):
        answers = said(model, with_sticker(some, each))
        shares[name, which] = float((answers != true).float().mean())
        print(f"{name:8}on {which:7}images: {shares[name, which]:.0%} fooled")
display(
    plots.image_row(
        with_sticker(held_out[:6], found).cpu(),
        [classes[int(c)] for c in said(model, with_sticker(held_out[:6], found))],
    )
)
checks.expect(
    shares["sticker", "unseen"] > shares["noise", "unseen"],
    "It fools no more than noise: climb the mean loss over all images at once.",
)
if shares["sticker", "unseen"] < 0.65:
    print("Not yet 65 % of the unseen images, which full marks need.")
checks.passed("universal")

# %% [markdown]
# ## 6 · What do the explanations say?
#
# **You learn** to ask a map about an attack, with the two controls that make the answer mean something.
# **Time:** one and a half hours.
#
# The network was right, a sticker was put on, now it is wrong. A map of notebook 02 should tell us why.
# Two hopes are common: that the map of an attacked image *looks different*, and that it *points at the
# patch*. Both can be measured:
#
# - the **rank correlation** of the maps before and after (Spearman's, over all pixels);
# - the **share of positive mass** inside the patch (`localisation`, notebook 02).
#
# Neither number means anything by itself. Three things have to be held against it:
#
# 1. **One target.** Before and after, the network says different classes. Whoever explains "the
#    prediction" each time compares the maps of two questions. The target stays fixed: here we ask
#    both times for the *true* class and both times for the class that it is *fooled to*.
# 2. **The area.** A patch of 25 pixels is 3.2 % of the image. A map that knows nothing has that share
#    inside.
# 3. **Noise of the same size.** Any square that is pasted onto a garment changes the map, and a map
#    that multiplies by the input lights up wherever something bright lies on black ground. So we also
#    explain images with a *harmless* patch: the very pixels of the adversarial one, at the same place,
#    but shuffled, so that the network says the right class again.
#
# ### Task 13: three numbers for two maps (3 points)
#
# Write `compare_maps(clean, attacked, mask)` for two maps (H, W) of the same target and a boolean
# `mask` (H, W). It returns Spearman's rank correlation of the maps over all pixels (no two pixels of a
# map are equal), the share of `clean`'s positive mass that lies inside the mask, and that of
# `attacked`'s. Spearman's is Pearson's correlation of the ranks.


# %% nbgrader={"grade_id": "compare-maps", "solution": true}
# answer: compare-maps
def compare_maps(clean: Tensor, attacked: Tensor, mask: Tensor) -> tuple[float, float, float]:
    """Return the rank correlation and the share of positive mass inside, before and after."""
    ### BEGIN SOLUTION
    ranks = [each.flatten().argsort().argsort().double() for each in (clean, attacked)]
    first, second = (rank - rank.mean() for rank in ranks)
    correlation = (first * second).sum() / (first.norm() * second.norm())
    positive = [each.clamp(min=0) for each in (clean, attacked)]
    shares = [each[mask].sum() / each.sum() for each in positive]
    return correlation.item(), shares[0].item(), shares[1].item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "compare-maps-test", "grade": true, "points": 3}
one = torch.tensor([[1.0, 2.0], [-3.0, 5.0]])
corner = torch.tensor([[True, False], [True, False]])
found = checks.numbers(compare_maps(one, one**3, corner), (3,), "compare_maps(…)")
checks.expect(
    abs(found[0] - 1) < 1e-6,
    "x³ keeps the order of the pixels, so the rank correlation is 1: correlate ranks, not values.",
)
checks.expect(
    abs(found[1] - 1 / 8) < 1e-6,
    "Of the positive mass 1 + 2 + 5, only the 1 lies inside: what is negative counts nowhere.",
)
checks.expect(abs(found[2] - 1 / 134) < 1e-6, "The third number is the second one of `attacked`.")
found = checks.numbers(compare_maps(one, -one, corner), (3,), "compare_maps(…)")
checks.expect(
    abs(found[0] + 1) < 1e-6,
    "The opposite order has the correlation −1: rank with sign, not by magnitude.",
)
checks.passed("compare-maps")

# %% [markdown]
# ### Task 14: predict, then run (3 points)
#
# A patch changes the pixels inside a mask, and nothing outside. Decide with a pencil, `"yes"` or
# `"no"`, for one *fixed* target unless said otherwise. `linear` means $f(x) = Wx + b$, `network` one of
# convolutions and ReLUs. "Can" asks whether it happens for some network and image.

# %%
questions = (
    "linear: the gradient changes inside the patch",
    "linear: input × gradient can change inside the patch",
    "linear: input × gradient can change outside the patch",
    "linear: integrated gradients from black can change outside the patch",
    "linear: the gradient of the *predicted* class can change",
    "network: the gradient can change outside the patch",
    "network: input × gradient can be other than zero at a black pixel",
    "network: a patch that changes no logit can change integrated gradients from black inside it",
    "network: integrated gradients from the original as baseline can be other than zero outside the patch",
    "network: multiplying all logits by 2 can change which images a given patch fools",
)

# %% nbgrader={"grade_id": "predict", "solution": true}
# answer: predict
prediction = dict.fromkeys(questions)  # fill in "yes" or "no" for each question
### BEGIN SOLUTION
prediction = dict(
    zip(
        questions,
        (
            "no",  # it is the row of the weights, everywhere
            "yes",  # weight times another pixel
            "no",  # weight times the same pixel
            "no",  # the same, weight times difference from black
            "yes",  # another class, another row of the weights
            "yes",  # other units are on
            "no",  # zero times something
            "yes",  # what pixels give, others may take: only the sum is fixed
            "no",  # there the difference from the baseline is zero: 100 % inside by construction
            "no",  # the largest stays the largest
        ),
        strict=True,
    )
)
### END SOLUTION

# %% nbgrader={"grade_id": "predict-test", "grade": true, "points": 3}
checks.choices(prediction, questions, ("yes", "no"), "prediction")
checks.passed("predict")

# %% [markdown]
# ### The three conditions
#
# For each image that a 5 × 5 patch at its best place fools, its pixels are shuffled inside the patch
# until the network says the right class again. Where forty attempts do not suffice (why could that be?),
# the image is left out. We take 350 images, so that more than 200 remain.

# %%
many = torch.nonzero(said(model, pictures[:600]) == truth[:600])[:350, 0]
found = attack(model, pictures[many], truth[many], "patch", size=5, places=2, steps=30)
was_fooled = torch.nonzero(found.success)[:, 0]
clean, attacked = pictures[many][was_fooled], found.adversarial[was_fooled]
masks = found.mask[was_fooled, 0]  # (N, 28, 28)
true, fooled_to = truth[many][was_fooled], found.predicted[was_fooled]

shuffler = torch.Generator().manual_seed(3)
inside_pixels = attacked[:, 0][masks].view(-1, 25)
harmless, is_harmless = clean.clone(), torch.zeros(len(clean), dtype=torch.bool, device=device)
for _ in tqdm(range(40), desc="shuffling"):
    order = torch.rand(inside_pixels.shape, generator=shuffler).argsort(1).to(device)
    shuffled = clean.clone()
    shuffled[:, 0][masks] = inside_pixels.gather(1, order).flatten()
    left = ~is_harmless
    harmless[left] = shuffled[left]
    is_harmless[left] = said(model, harmless[left]) == true[left]

clean, harmless, attacked = clean[is_harmless], harmless[is_harmless], attacked[is_harmless]
masks, true, fooled_to = masks[is_harmless], true[is_harmless], fooled_to[is_harmless]
both = torch.stack([true, fooled_to], 1)  # (N, 2): the two fixed targets
print(f"{len(was_fooled)} of {len(many)} images are fooled; {len(clean)} have a harmless twin")
for name, changed in (("adversarial", attacked), ("harmless", harmless)):
    length = float((changed - clean).flatten(1).norm(dim=1).mean())
    print(f"{name:12}mean Euclidean length of the change {length:.2f}")

judges = {
    "gradient": {},
    "guided_backprop": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 16},
    "lrp": {"rule": "composite"},
    "grad_cam": {},
}

# %% [markdown]
# Look before you count: three images, each clean, with the harmless and with the adversarial patch, and
# their maps for the class that the adversarial patch leads to. Could you say from the maps which is which?


# %% tags=["figure"]
def framed(axis: plt.Axes, mask: Tensor) -> None:
    """Draw a frame around the patch."""
    place = torch.nonzero(mask).cpu()
    (top, left), (bottom, right_edge) = place.amin(0) - 0.5, place.amax(0) + 0.5
    axis.plot(
        [left, right_edge, right_edge, left, left],
        [top, top, bottom, bottom, top],
        color="black",
        linewidth=1,
    )


shown_judges = ("gradient", "integrated_gradients", "lrp", "grad_cam")
shown = [int(torch.nonzero(true == c)[0]) for c in (1, 4, 9)]
figure, axes = plt.subplots(9, 5, figsize=(7.6, 13.6), layout="constrained")
for block, index in enumerate(shown):
    here = slice(index, index + 1)
    maps = {
        (name, method): explain(
            model, pixels[here], int(fooled_to[index]), method, **judges[method]
        ).attributions[0, 0, 0]
        for name, pixels in (("clean", clean), ("harmless", harmless), ("adversarial", attacked))
        for method in shown_judges
    }
    for line, (name, pixels) in enumerate(
        (("clean", clean), ("harmless", harmless), ("adversarial", attacked))
    ):
        row = axes[3 * block + line]
        row[0].imshow(pixels[index, 0].cpu(), cmap="gray", vmin=0, vmax=1)
        row[0].set_title(f"{name}: {classes[int(said(model, pixels[here])[0])]}", fontsize=8)
        for axis, method in zip(row[1:], shown_judges, strict=True):
            limit = max(
                float(maps[each, method].abs().max())
                for each in ("clean", "harmless", "adversarial")
            )
            drawn = axis.imshow(maps[name, method].cpu(), cmap="RdBu_r", vmin=-limit, vmax=limit)
            framed(axis, masks[index])
            if line == 0:
                axis.set_title(method.replace("_", " "), fontsize=8)
        for axis in row:
            axis.set_xticks([])
            axis.set_yticks([])
    for column in range(1, 5):
        bar = figure.colorbar(
            axes[3 * block, column].images[0],
            ax=axes[3 * block : 3 * block + 3, column],
            shrink=0.6,
        )
        bar.ax.tick_params(labelsize=6)
    axes[3 * block + 1, 0].set_ylabel(f"asked: why {classes[int(fooled_to[index])]}?", fontsize=9)
figure.suptitle("red: for the class asked for, blue: against it; frame: the patch", fontsize=10)
plt.show()

# %% [markdown]
# ### Task 15: measure it (4 points)
#
# For each method in `judges`, with its options, explain `clean`, `harmless` and `attacked` for `both`
# targets. With means over the images that leave out nan (`.nanmean(0)`), set three dictionaries from
# method to numbers:
#
# - `agreement[method]`, shape (2, 2): `rank_agreement` of the clean maps with the harmless ones (first
#   row) and with the attacked ones (second row); columns are the targets, true and fooled to;
# - `inside[method]`, shape (3, 2): `localisation` inside `masks` for clean, harmless, attacked (rows)
#   and the two targets (columns);
# - `told_apart[method]`: the share of images whose map for the class *fooled to* has a larger share of
#   its positive mass inside the mask under the adversarial patch than under the harmless one (a
#   comparison with nan counts as no). A coin scores one half.

# %% nbgrader={"grade_id": "measure", "solution": true}
# answer: measure
agreement = None
inside = None
told_apart = None
### BEGIN SOLUTION
agreement, inside, told_apart = {}, {}, {}
for method, chosen_options in tqdm(judges.items(), desc="measuring"):
    before, with_noise, after = (
        explain(model, pixels, both, method, **chosen_options)
        for pixels in (clean, harmless, attacked)
    )
    agreement[method] = torch.stack(
        [rank_agreement(before, each).nanmean(0) for each in (with_noise, after)]
    )
    masses = [localisation(each, masks) for each in (before, with_noise, after)]
    inside[method] = torch.stack([mass.nanmean(0) for mass in masses])
    told_apart[method] = (masses[2] > masses[1])[:, 1].float().mean().item()
### END SOLUTION

# %% nbgrader={"grade_id": "measure-test", "grade": true, "points": 4}
tables = {}
for name, found, shape in (
    ("agreement", agreement, (2, 2)),
    ("inside", inside, (3, 2)),
    ("told_apart", told_apart, ()),
):
    checks.expect(
        isinstance(found, dict) and sorted(found) == sorted(judges),
        f"`{name}` should be a dictionary with the six methods in `judges` as keys.",
    )
    tables[name] = {m: checks.numbers(found[m], shape, f"{name}[{m!r}]") for m in judges}
for method in judges:
    checks.expect(abs(tables["agreement"][method]).max() <= 1, "A correlation is at most 1.")
    for name in ("inside", "told_apart"):
        low, high = np.min(tables[name][method]), np.max(tables[name][method])
        checks.expect(0 <= low <= high <= 1, f"`{name}` holds shares: from 0 to 1.")
names = [method.replace("_", " ") for method in judges]
places = np.arange(len(judges))
figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), sharey=True, layout="constrained")
for row, (label, hatch, shade) in enumerate(
    (("clean", "", "0.95"), ("harmless patch", "..", "0.75"), ("adversarial patch", "//", "0.5"))
):
    style = {"color": shade, "edgecolor": "black", "hatch": hatch}
    values = [tables["inside"][m][row, 1] for m in judges]
    axes[1].barh(places + 0.27 * (row - 1), values, 0.27, label=label, **style)
    if row > 0:
        values = [tables["agreement"][m][row - 1, 1] for m in judges]
        axes[0].barh(places + 0.27 * (row - 1.5), values, 0.27, **style)
axes[2].barh(
    places, [tables["told_apart"][m] for m in judges], 0.5, color="0.75", edgecolor="black"
)
area = float(masks.float().mean())
axes[1].axvline(area, color="black", linestyle="--", label="share of the area")
axes[2].axvline(0.5, color="black", linestyle="--")
axes[0].set_yticks(places, names)
axes[0].invert_yaxis()
axes[0].set(xlim=(0, 1), xlabel="rank correlation with the clean map")
axes[1].set(xlabel="share of positive mass inside the patch")
axes[2].set(xlim=(0, 1), xlabel="adversarial beats harmless (dashed: a coin)")
axes[0].set_title("Does the map change?", fontsize=10)
axes[1].set_title("Does it point at the patch?", fontsize=10)
axes[2].set_title("Does it tell the two patches apart?", fontsize=10)
figure.legend(loc="outside lower center", ncols=4, frameon=False)
figure.suptitle(f"Maps for the class fooled to, mean of {len(clean)} images", fontsize=11)
plt.show()
checks.passed("measure")

# %% [markdown] nbgrader={"grade_id": "interpret", "solution": true, "grade": true, "points": 5}
# <!-- answer: interpret -->
# **Do explanations reveal the attack?** Answer with your numbers and pictures (5 points, about ten
# sentences).
#
# 1. Does a low rank correlation with the clean map show that an image was attacked? Say what the
#    harmless patches do to it.
# 2. Does the map of the class fooled to point at the adversarial patch: against the share of the area,
#    against the map of the *true* class, against the harmless patch? Name a method that does best and
#    one that does worst by your table, and a reason in how each is computed.
# 3. A colleague proposes an alarm: "more than 10 % of the positive mass inside any 5 × 5 square". What
#    would it do on your three kinds of images, and what would an attacker do who knows of the alarm?
# 4. So what is an explanation of an attacked image good for?
#
# ### BEGIN SOLUTION
# An answer (235 images):
#
# 1. No. The rank correlation with the clean map falls to 0.5 to 0.8, depending on the method, and it
#    falls nearly as much under the harmless patches: to 0.66 against 0.64 for the gradient, 0.67 against
#    0.63 for LRP (class fooled to; for the true class LRP comes down further, 0.75 against 0.64). Any square that is pasted onto a garment does this. A low correlation says "something was
#    changed here", which we knew.
# 2. For the class fooled to, LRP has 28 % of its positive mass inside the adversarial patch, nine times
#    the patch's share of the area of 3.2 %, against 4 % on the clean image and 2 % for the true class.
#    So it points at the patch, and it points for the right class. But inside the *harmless* patch it is
#    23 %. In three of four images the adversarial one has more: LRP is best, at 0.76, Integrated
#    Gradients and input × gradient follow at 0.7. The plain gradient and Grad-CAM have less than twice
#    the area's share inside and tell the two apart like a coin. The gradient says what a small change *would* do; it lacks the
#    factor that says what the pixels *have* done, and a bright patch on dark ground has much of it, which
#    is also why harmless patches score high. Grad-CAM of this network knows 8 × 8 places, smeared over
#    28 × 28 pixels, and a patch of 5 × 5 is hardly one and a half of them wide.
# 3. With LRP it would ring for most of the adversarial and most of the harmless patches, since both
#    means are above 20 %, so it is an alarm for stickers, not for attacks; and as it looks at *every*
#    square, it would ring at a buckle or a logo of a clean image as well. With the gradient it would
#    hardly ring at all. An attacker who knows of it adds the map's mass inside the patch to his loss, as
#    Subramanya et al. did, or spreads a small change over the whole image, where there is no square.
# 4. If we *suspect* an image, the map of the wrong class shows a person where to look, and covering that
#    place tests the suspicion. It is no detector: it neither proves an attack nor excludes one.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 5 points; half points are possible. What is asked for is an argument from the student's own numbers;
# numbers that differ a little from the model answer's are fine.
#
# - 1 point: the rank correlation falls for harmless patches (nearly) as much as for adversarial ones, so
#   that its fall is no sign of an attack. Half a point if only the fall is described.
# - 2 points for pointing: the comparison with the area (half), with the true class or the clean image
#   (half), with the harmless patch (half), a best and a worst method with a reason from the formula, such
#   as the factor *input*, coarse maps of Grad-CAM, or that the gradient says what *would* help, not what
#   has (half).
# - 1 point: the alarm fires at harmless stickers or bright details as well, or misses attacks, shown
#   with numbers from the table; and an attacker can include the map in his loss, spread his change, or
#   use an attack without a patch (half a point each).
# - 1 point: a use that the numbers support, such as: *given* that an image is suspected, the map helps a
#   person to see what drives the wrong class; and a limit: it neither proves nor excludes an attack.
#
# No point for a part that claims what the student's table contradicts.
# === END MARK SCHEME ===

# %% [markdown]
# That an attacker can hide from the map is no theory: [Subramanya, Pillai and Pirsiavash
# 2019](https://arxiv.org/abs/1812.02843) train patches that fool the network *and* keep Grad-CAM away
# from themselves, and [Ghorbani, Abid and Zou 2019](https://arxiv.org/abs/1710.10547) change maps by
# small perturbations while the prediction stays, as you did in notebook 02.
#
# ## 7 · A defence, and how to read a claim
#
# **You learn** to train against an attack, to say what has been gained, and to review a claim.
# **Time:** two hours.
#
# ### Adversarial training
#
# Train on the worst image of the ball instead of the image ([Madry et al.
# 2018](https://arxiv.org/abs/1706.06083) with PGD; [Goodfellow, Shlens and Szegedy
# 2015](https://arxiv.org/abs/1412.6572) took one step, and kept the image itself beside it):
#
# $$\min_\theta \; \mathbb E_{(x, y)} \Bigl[ \max_{\lVert \delta \rVert_\infty \le \varepsilon} J_\theta(x + \delta, y) \Bigr]$$
#
# For *logistic regression* with $y \in \{-1, 1\}$ and $J = \log(1 + e^{-y (w \cdot x + b)})$, the inner
# maximum has a closed form, because the loss only depends on $y (w \cdot x + b)$, and section 2 says how
# far that can be pushed down.
#
# ### Task 16: the worst loss, exactly (2 points)
#
# Write `worst_logistic_loss(w, b, x, y, epsilon)`: the *mean* over the rows of `x` (N, d) of the largest
# logistic loss within ε (maximum norm, no limits of pixels). `w` (d,), `b` a number, `y` (N,) of −1
# and 1.


# %% nbgrader={"grade_id": "worst-loss", "solution": true}
# answer: worst-loss
def worst_logistic_loss(w: Tensor, b: float, x: Tensor, y: Tensor, epsilon: float) -> float:
    """Return the mean of the largest logistic losses within epsilon of each row of x."""
    ### BEGIN SOLUTION
    margins = y * (x @ w + b) - epsilon * w.abs().sum()
    return nn.functional.softplus(-margins).mean().item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "worst-loss-test", "grade": true, "points": 2}
line, points = torch.tensor([2.0, -1.0]), torch.tensor([[1.0, 1.0], [0.0, 1.0]])
sides = torch.tensor([1.0, -1.0])  # both have the margin 1
checks.close(
    worst_logistic_loss(line, 0.0, points, sides, 0.0),
    math.log(1 + math.exp(-1)),
    "worst_logistic_loss(…, 0)",
    "with ε = 0 it is the ordinary logistic loss, log(1 + exp(−margin)).",
)
checks.close(
    worst_logistic_loss(line, 0.0, points, sides, 1 / 3),
    math.log(2),
    "worst_logistic_loss(…, 1/3)",
    "both margins are 1, and ε = ⅓ can take exactly all of it, for either sign of y: every feature "
    "moves against y.",
)
checks.passed("worst-loss")

# %% [markdown]
# Goodfellow, Shlens and Szegedy (2015) compare this loss with an $L_1$ penalty on $w$: here the norm is
# taken off the margin *inside* the loss, so that it fades where the model is confident enough, instead
# of being added outside.
#
# ### Task 17: harden a network (4 points)
#
# Train a network of the architecture of `model` on `train_images` and `train_labels` such that it
# withstands more. Start from a copy of `model`; two or three passes in batches of 50 are enough, for
# instance with `torch.optim.Adam` and a rate of 0.003 that falls to a tenth. In each batch replace the
# images by adversarial ones within ε = 0.05, made for the network *as it is now*: one signed step from a
# random point of the ball does it ([Wong, Rice and Kolter 2020](https://arxiv.org/abs/2001.03994), who
# also show how that can fail suddenly: the network learns to resist the single step only. So test with
# many), or a few steps of PGD.
#
# Set `hardened` to the trained network's `state_dict()`. The check loads it and measures on the last
# 400 pictures, all of which count: 75 % should be right when clean, and 40 % under 20 steps within
# ε = 0.05, both of PGD and on the margin (section 4 says why). `model` has 90 % and 8 %.

# %%
train = load("fashion_mnist", split="train")
train_images, train_labels = train.images[:4000].to(device), train.labels[:4000].to(device)
del train  # it is large

# %% nbgrader={"grade_id": "harden", "solution": true}
# answer: harden
hardened = None
### BEGIN SOLUTION
draw = torch.Generator().manual_seed(0)
student = copy.deepcopy(model).train()
optimiser = torch.optim.Adam(student.parameters(), 3e-3)
slower = torch.optim.lr_scheduler.LinearLR(optimiser, 1, 0.1, 160)
for _ in tqdm(range(2), desc="hardening"):
    for batch in torch.randperm(len(train_images), generator=draw).split(50):
        x, y = train_images[batch], train_labels[batch]
        noise = (2 * torch.rand(x.shape, generator=draw) - 1).to(device)
        moved = (x + 0.05 * noise).requires_grad_()
        loss = nn.functional.cross_entropy(student(moved), y)
        (slope,) = torch.autograd.grad(loss, moved)
        change = moved.detach() + 0.06 * slope.sign() - x
        loss = nn.functional.cross_entropy(student((x + change.clamp(-0.05, 0.05)).clamp(0, 1)), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        slower.step()
hardened = student.eval().state_dict()
### END SOLUTION

# %% nbgrader={"grade_id": "harden-test", "grade": true, "points": 4}
checks.expect(
    isinstance(hardened, dict) and list(hardened) == list(model.state_dict()),
    "`hardened` should be the `state_dict()` of a network with the layers of `model`.",
)
candidate = copy.deepcopy(model)
candidate.load_state_dict(hardened)
last, last_truth = pictures[600:], truth[600:]
for name, network in (("model", model), ("hardened", candidate)):
    as_it_is = float((said(network, last) == last_truth).float().mean())
    result = attack(network, last, last_truth, "pgd", epsilon=0.05, steps=20)
    left = 1 - float(result.success.float().mean())
    print(f"{name:10}{as_it_is:.0%} right, {left:.0%} under PGD with ε = 0.05")
checks.expect(as_it_is >= 0.75, "Too many clean images are lost: fewer or gentler steps?")
checks.expect(
    left >= 0.4,
    "It does not withstand PGD yet: are the adversarial images made anew in every batch, for the "
    "network as it is then?",
)
checks.passed("harden")

# %% [markdown]
# ### The robust twin, trained for longer
#
# `robust` was trained from scratch in this way, with four steps of PGD a batch, for twelve passes over
# all 60,000 images, with ε = 0.1.
#
# ### Task 18: what has been gained, and what not? (2 points)
#
# Set `kept`, a dictionary with an entry for `"model"` and one for `"robust"`, each a dictionary with two
# lists: robust accuracies on `sample`, *all* of its images counted, each network attacked by images that
# are made for *it*, under
#
# - `"pgd"`: PGD with 20 steps at each radius in `radii`, of which 0 means no attack;
# - `"patch"`: a patch in the middle (`place=(14 - s // 2, 14 - s // 2)`, 30 steps) of each size in `sides_of_patch`.

# %%
sample, sample_labels = pictures[:100], truth[:100]
radii, sides_of_patch = (0.0, 0.02, 0.05, 0.1, 0.2), (3, 5, 7)

# %% nbgrader={"grade_id": "gain", "solution": true}
# answer: gain
kept = None
### BEGIN SOLUTION
kept = {}
for name, network in (("model", model), ("robust", robust)):
    by_pgd = [
        attack(network, sample, sample_labels, "pgd", epsilon=radius, steps=20) for radius in radii
    ]
    by_patch = [
        attack(
            network,
            sample,
            sample_labels,
            "patch",
            size=side,
            place=(14 - side // 2, 14 - side // 2),
            steps=30,
        )
        for side in sides_of_patch
    ]
    kept[name] = {
        "pgd": [1 - result.success.float().mean().item() for result in by_pgd],
        "patch": [1 - result.success.float().mean().item() for result in by_patch],
    }
### END SOLUTION

# %% nbgrader={"grade_id": "gain-test", "grade": true, "points": 2}
checks.expect(
    isinstance(kept, dict) and sorted(kept) == ["model", "robust"],
    "`kept` should be a dictionary with the keys 'model' and 'robust'.",
)
for name, found in kept.items():
    checks.expect(
        isinstance(found, dict) and sorted(found) == ["patch", "pgd"],
        f"`kept[{name!r}]` should be a dictionary with the keys 'pgd' and 'patch'.",
    )
    for kind, length in (("pgd", 5), ("patch", 3)):
        values = checks.numbers(found[kind], (length,), f"kept[{name!r}][{kind!r}]")
        checks.expect(0 <= values.min() <= values.max() <= 1, "A share lies between 0 and 1.")
figure, axes = plt.subplots(1, 2, figsize=(9, 3.3), sharey=True, layout="constrained")
for (name, found), style, colour in zip(kept.items(), ("-", "--"), line_colours, strict=False):
    axes[0].plot(radii, found["pgd"], style, color=colour, marker="o", label=name)
    axes[1].plot(
        (0, *sides_of_patch),
        (found["pgd"][0], *found["patch"]),
        style,
        color=colour,
        marker="o",
        label=name,
    )
axes[0].set(xlabel="ε of PGD (maximum norm)", ylabel="robust accuracy", ylim=(-0.02, 1.02))
axes[1].set(xlabel="side of the patch in the middle")
axes[0].set_xticks(radii)
axes[0].tick_params(labelsize=8)
axes[0].axvline(0.1, color="0.5", linestyle=":", linewidth=1)
axes[0].set_title("PGD (dotted: the ε that `robust` was trained with)", fontsize=10)
axes[1].set_title("a patch, which neither was trained against", fontsize=10)
axes[0].legend(frameon=False)
plt.show()
checks.passed("gain")

# %% [markdown]
# Robustness is robustness *against something*. Beyond the ε of its training the curve falls steeply;
# against the patch, which nobody promised, it has gained here, too, but other pairs of changes are known
# to stand in each other's way ([Tramèr and Boneh 2019](https://arxiv.org/abs/1904.13000)), so one has
# to measure. And it costs: training time, and clean accuracy, with which it can be at odds ([Tsipras et
# al. 2019](https://arxiv.org/abs/1805.12152)). It also changes the maps: Tsipras et al. (2019) observe
# that the gradients of robust networks look more like what people see. Judge for yourself.

# %% tags=["figure"]
figure, axes = plt.subplots(3, 6, figsize=(10.5, 5.4), layout="constrained")
for column, index in enumerate(int(torch.nonzero(labels == c)[1]) for c in (0, 1, 3, 5, 8, 9)):
    axes[0, column].imshow(images[index, 0].cpu(), cmap="gray", vmin=0, vmax=1)
    axes[0, column].set_title(classes[int(labels[index])], fontsize=9)
    for row, (name, network) in enumerate((("model", model), ("robust", robust)), start=1):
        slopes = explain(network, images[index : index + 1], int(labels[index]), "gradient")
        values = slopes.attributions[0, 0, 0].cpu()
        values = values / values.abs().max()
        drawn = axes[row, column].imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
        axes[row, 0].set_ylabel(f"gradient of `{name}`", fontsize=9)
    for axis in axes[:, column]:
        axis.set_xticks([])
        axis.set_yticks([])
bar = figure.colorbar(drawn, ax=axes[1:], shrink=0.6)
bar.set_label("for (red), against (blue)", fontsize=8)
figure.suptitle("Gradients of the true class, each divided by its largest magnitude")
plt.show()

# %% [markdown] nbgrader={"grade_id": "review", "solution": true, "grade": true, "points": 4}
# <!-- answer: review -->
# **Review a claim.** An (invented) abstract reads:
#
# > *We propose TempShield, which divides the temperature of the network's softmax by 500. On FashionMNIST its robust accuracy under FGSM with ε = 0.1 rises from 15 % to 97 %, under
# > PGD with 10 steps it is 98 %. The attack success rate, measured on all test images, falls to 11 %;
# > the clean accuracy is 89 %. Saliency maps on attacked images are unchanged (rank correlation 0.99),
# > which confirms that the network's reasoning is protected. TempShield makes image classifiers robust.*
#
# Write a review (4 points, about eight sentences): name at least **four** things that are wrong or missing, say for
# each which experiment of this notebook would show it, and end with one sentence that the authors
# *could* claim.
#
# ### BEGIN SOLUTION
# An answer:
#
# 1. *Masked gradients.* Dividing the temperature by 500 multiplies the logits by it; no decision changes, but the
#    gradient of the cross-entropy vanishes (task 8). Attack the margin, or the network without the factor,
#    and show that copy's adversarial images to TempShield: they fool both alike.
# 2. *A warning sign in their own numbers.* PGD leaves 98 % and the single step of FGSM 97 %: many steps
#    should find more than one. No curve up to ε = 1 is shown, where an attack that works has to
#    reach 100 %.
# 3. *The wrong denominator.* With a clean accuracy of 89 %, 11 % are wrong without any attack: a "success
#    rate" of 11 % over all images is that of an attack that does nothing. And a robust accuracy of 97 or
#    98 % is more than the clean one, so it must have been counted on the images that were right, and with
#    another denominator than the success rate (task 1).
# 4. *The maps prove nothing.* If the attack leaves the image as it was, its map is the same, too. Maps of
#    attacked images should be compared where the attack succeeds, and with harmless noise (task 15).
# 5. *Robust against what?* One norm, one radius; no Euclidean ball, no patch, no transfer (tasks 7, 10,
#    18), no attacker who knows of the defence.
#
# What they could claim: "Scaling the logits by 500 makes attacks that follow the gradient of the
# cross-entropy fail; it does not move the decision boundary, so the robustness against an attacker who
# knows of it is that of the unscaled network."
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 4 points; half points are possible.
#
# - 3 points for four flaws, each with an experiment that would show it (¾ point each, rounded to the next
#   half in total; a flaw without experiment counts half). Accept: masked gradients; PGD no stronger than
#   FGSM, or another sign of masking; success over all images, or 11 % = 100 − 89; robust above clean
#   accuracy; unchanged maps because the images hardly changed, or no harmless control; a single ε, norm or
#   attack; no adaptive, transfer or patch attack; one data set against "image classifiers".
# - 1 point: a last sentence that the evidence supports, with its limits. "Robust against FGSM and PGD" is
#   half a point: it is so only for attacks by the cross-entropy's gradient.
#
# General praise or "more data sets" alone: no point.
# === END MARK SCHEME ===

# %% [markdown]
# ## 8 · Summary
#
# | attack | may change | knows | cost an image | finds | beware |
# |---|---|---|---|---|---|
# | random signs | all pixels by ε | nothing | 1 forward | little: the control | – |
# | FGSM | all pixels by ε | gradient | 1 forward + 1 backward | the optimum of a linear model of two classes | trusts one gradient for the whole way |
# | PGD | the ball, any norm | gradient | steps × (forward + backward) | more, from several starts | projects around the original; a failure is no proof |
# | on the margin | the same | gradient of the logits | the same | also where the softmax is saturated | – |
# | transfer | the same | another network | that of the other network | less, without access | depends on how alike the two are |
# | patch | a small square, by anything | gradient | steps × places | much, visibly | the place matters |
# | universal patch | the same square of all images | gradient, other images | once for all | less per image, more in the world | judge it on unseen images |
#
# | question | measure | control |
# |---|---|---|
# | does the attack work? | success rate among images that were right | noise of the same size |
# | is the network robust? | robust accuracy against ε, down to zero | attack on the margin, transfer, ε = 1 |
# | does the map change? | rank correlation, target fixed | a harmless patch |
# | does the map find the patch? | positive mass inside, target fixed | the area; a harmless patch |
# | is the defence worth it? | robust *and* clean accuracy | an attack that it was not trained on |
#
# **Read on**
#
# - N. Carlini et al. 2019, [On Evaluating Adversarial
#   Robustness](https://arxiv.org/abs/1902.06705): a check list for whoever claims a defence.
# - F. Croce and M. Hein 2020, [Reliable evaluation of adversarial robustness with an ensemble of diverse
#   parameter-free attacks](https://arxiv.org/abs/2003.01690): AutoAttack, the usual yardstick.
# - A. Ilyas et al. 2019, [Adversarial Examples Are Not Bugs, They Are
#   Features](https://arxiv.org/abs/1905.02175): why do they exist, and why do they transfer?
# - J. Cohen, E. Rosenfeld and Z. Kolter 2019, [Certified Adversarial Robustness via Randomized
#   Smoothing](https://arxiv.org/abs/1902.02918): a defence with a proof, in the Euclidean norm.
# - A. Subramanya, V. Pillai and H. Pirsiavash 2019, [Fooling Network Interpretation in Image
#   Classification](https://arxiv.org/abs/1812.02843): patches that hide from the map.

# %% [markdown]
# ## Hand in
#
# Save the notebook, then run the cell below: it looks at the saved file and says whether grading
# will find all your answers in it. In a terminal `python -m xaikit check
# 03_adversarial_attacks.ipynb` does the same. What you hand in is the file
# `03_adversarial_attacks.ipynb` itself.

# %% tags=["hand-in"]
checks.upload("03_adversarial_attacks.ipynb")
