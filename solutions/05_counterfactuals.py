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
# # 05 · Counterfactuals: what would have to be different?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/{{ course.repository }}/blob/{{ course.branch }}/notebooks/05_counterfactuals.ipynb)
#
# The network says *shirt*. An attribution answers *because of these pixels*. A **counterfactual**
# answers another question: what is the smallest change after which it would say *dress*? Such an
# answer can be acted upon ("with 200 euros more income the loan would have been granted"), and it
# can be looked at: does the changed picture look like a dress, or only fool the network?
#
# **After it you can**
#
# 1. compute the counterfactual of a linear model in closed form, under two distances, also when
#    only some features may change;
# 2. write Wachter's method: its loss, the step that keeps most pixels exactly as they are, and the
#    search for its weight;
# 3. explain what prototypes and an actor that was trained by reinforcement learning add, and write
#    their core;
# 4. measure counterfactuals (validity, distance, sparsity, closeness to a class) and say what each
#    measure misses;
# 5. tell an adversarial example from a counterfactual, by measurement.
#
# **Time:** about six hours for a group: sections 1 to 2 two hours, 3 and 4 one hour and a half, 5
# to 7 two hours and a half. All cells together run in about a minute on a CPU.
#
# **How it works.** Cells that begin with `# answer: …` are yours: replace `# YOUR CODE HERE` and
# keep the first line. The cell below each answer checks its form and says what to try; marks come
# from further checks that run when you hand in, functions on inputs that nobody has seen. One
# answer is text, and a person marks it. No task needs an earlier answer, so a hard one can wait.
# Hidden inputs meet your function where only the imports of the next given cell, your other functions
# and cells of your own are defined: not xaikit, nor what other given cells define.

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
import math

import numpy as np
import torch
from torch import Tensor, nn

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %%
import matplotlib.pyplot as plt

from xaikit import attack, checks, counterfactual, load, load_pretrained
from xaikit.autoencoders import load_judges

print(f"Computing on the {device.type.upper()}.")

# %% [markdown]
# ## 1 · The nearest point on the other side
#
# **You learn** what "smallest change" means, where it can be computed exactly. **Time:** one hour.
#
# A linear classifier decides by the sign of $f(x) = w^\top x + b$. Its counterfactuals lie beyond
# the plane $f = 0$. The Euclidean-nearest point of that plane is the orthogonal projection
#
# $$x^\star = x - \frac{w^\top x + b}{w^\top w}\, w .$$
#
# *On* the plane nothing is decided yet, so one goes a little further: by a factor $1 + m$ of the way,
# with a small margin $m > 0$.
#
# ### Task 1: the projection (1 point)
#
# Write `nearest_l2(x, weight, bias, margin)`, which returns the point that lies $1 + m$ times as far
# from $x$ as the projection, in the same direction.


# %% nbgrader={"grade_id": "nearest-l2", "solution": true}
# answer: nearest-l2
def nearest_l2(x: Tensor, weight: Tensor, bias: float, margin: float) -> Tensor:
    """Return the counterfactual (D,) of x (D,) with the smallest Euclidean distance.

    The classifier is sign(weight @ x + bias), weight (D,).
    """
    ### BEGIN SOLUTION
    return x - (1 + margin) * (weight @ x + bias) / (weight @ weight) * weight
    ### END SOLUTION


# %% nbgrader={"grade_id": "nearest-l2-test", "grade": true, "points": 1}
moved = checks.numbers(
    nearest_l2(torch.tensor([3.0, 1.0]), torch.tensor([0.0, 2.0]), 0.0, 0.0),
    (2,),
    "nearest_l2(…)",
)
checks.expect(
    abs(moved[0] - 3) < 1e-5,
    "With w = (0, 2) only the second coordinate matters: the first should stay as it is.",
)
checks.expect(
    abs(moved[1]) < 1e-5, "With margin 0 the point lies on the plane: there w·x + b is zero."
)
checks.passed("nearest-l2")

# %% [markdown]
# ### Another distance, another answer
#
# Wachter, Mittelstadt and Russell ([2017](https://arxiv.org/abs/1711.00399)) prefer the
# **$L_1$ distance** $\sum_i |x_i - x_i'|$, because its solutions are *sparse*: most features keep
# their value, and an explanation that names one feature is easier to follow than one that changes
# all of them a little.
#
# ### Task 2: as few features as possible (2 points)
#
# Which point of the plane $w^\top x + b = 0$ is nearest in $L_1$? A step of size $t$ along coordinate
# $i$ changes $f$ by $w_i t$ and costs $|t|$: so all of the budget belongs to *one* coordinate. Write
# `nearest_l1(x, weight, bias, free)`, which returns that point, for the case that only the features
# with `free` true may change (nobody can lower their age). The others keep their values exactly.


# %% nbgrader={"grade_id": "nearest-l1", "solution": true}
# answer: nearest-l1
def nearest_l1(x: Tensor, weight: Tensor, bias: float, free: Tensor) -> Tensor:
    """Return the point (D,) of the plane that is nearest to x (D,) in L1, changing free features.

    weight (D,); free (D,) boolean, true somewhere.
    """
    ### BEGIN SOLUTION
    strength = torch.where(free, weight.abs(), torch.zeros_like(weight))
    most = int(strength.argmax())
    moved = x.clone()
    moved[most] -= (weight @ x + bias) / weight[most]
    return moved
    ### END SOLUTION


# %% nbgrader={"grade_id": "nearest-l1-test", "grade": true, "points": 2}
person = torch.tensor([1.0, 2.0, -1.0])
both = [
    checks.numbers(
        nearest_l1(person, torch.tensor([1.0, -2.0, 4.0]), 1.0, free), (3,), "nearest_l1(…)"
    )
    for free in (torch.tensor([True, True, True]), torch.tensor([True, True, False]))
]
for point in both:
    checks.expect(
        abs(point @ np.array([1.0, -2.0, 4.0]) + 1) < 1e-4,
        "The point should lie on the plane: weight @ x + bias is not zero there.",
    )
    checks.expect(
        (np.abs(point - person.numpy()) > 1e-6).sum() == 1,
        "In L1 it never pays to split the change: exactly one feature moves.",
    )
checks.expect(
    abs(both[1][2] - person[2]) < 1e-6, "A feature that is not free has to keep its value."
)
checks.passed("nearest-l1")

# %% [markdown]
# ### Features of different scale
#
# Is a year of age as far as a euro of income? Wachter et al. divide each feature by its **median
# absolute deviation** over the data, which hardly notices outliers:
#
# $$d(x, x') = \sum_k \frac{|x_k - x'_k|}{\mathrm{MAD}_k}, \qquad
#   \mathrm{MAD}_k = \operatorname*{median}_j \bigl|X_{jk} - \operatorname*{median}_l X_{lk}\bigr| .$$
#
# ### Task 3: a fair distance (1 point)
#
# Write `mad_distance(x, changed, data)` for `data` (N, D), no column of which is constant in more
# than half of its rows. (N is odd here, so that a median is one of the values.)


# %% nbgrader={"grade_id": "mad", "solution": true}
# answer: mad
def mad_distance(x: Tensor, changed: Tensor, data: Tensor) -> float:
    """Return the distance of x (D,) and changed (D,), each feature in units of its MAD in data."""
    ### BEGIN SOLUTION
    spread = (data - data.median(dim=0).values).abs().median(dim=0).values
    return ((x - changed).abs() / spread).sum().item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "mad-test", "grade": true, "points": 1}
people = torch.tensor([[20.0, 1000.0], [30.0, 2000.0], [40.0, 9000.0]])
distance = checks.numbers(
    mad_distance(people[0], torch.tensor([20.0, 2000.0]), people), (), "mad_distance(…)"
)
checks.expect(distance >= 0, "A distance is never negative.")
checks.close(
    mad_distance(people[0], people[0], people),
    0.0,
    "mad_distance(x, x, …)",
    "No change, no distance.",
)
checks.close(
    mad_distance(1000 * people[0], 1000 * people[1], 1000 * people),
    mad_distance(people[0], people[1], people),
    "mad_distance(…)",
    "In grams or in kilograms: the distance should not depend on the unit, so divide by the MAD.",
)
checks.passed("mad")

# %% [markdown]
# ## 2 · Wachter's method
#
# **You learn** to find counterfactuals of any differentiable model. **Time:** one hour.
#
# For a network there is no closed form. Wachter et al. minimise
#
# $$\mathcal L(x', \lambda) = \lambda\,\bigl(p_t(x') - y\bigr)^2 + d(x, x')$$
#
# over $x'$: $p_t$ is the probability of the desired class $t$, $y$ the probability that one wants it
# to have, $d$ the distance. Here $d$ is $L_1$.
#
# ### Task 4: the loss (1 point)
#
# Write `wachter_loss(network, changed, x, target, wanted, weight)` for one input. `network` maps a
# batch to *logits*.


# %% nbgrader={"grade_id": "wachter-loss", "solution": true}
# answer: wachter-loss
def wachter_loss(
    network: nn.Module, changed: Tensor, x: Tensor, target: int, wanted: float, weight: float
) -> Tensor:
    """Return Wachter's loss (a number) of `changed` (D,), a candidate for x (D,).

    weight is λ, wanted is y, target is t.
    """
    ### BEGIN SOLUTION
    probability = network(changed[None]).softmax(dim=1)[0, target]
    return weight * (probability - wanted) ** 2 + (changed - x).abs().sum()
    ### END SOLUTION


# %% nbgrader={"grade_id": "wachter-loss-test", "grade": true, "points": 1}
coin = nn.Linear(2, 2)  # the logits are the inputs themselves
with torch.no_grad():
    coin.weight.copy_(torch.eye(2))
    coin.bias.zero_()
start = torch.tensor([1.0, 1.0])
checks.close(
    wachter_loss(coin, start, start, 0, 0.5, 7.0),
    0.0,
    "wachter_loss(…)",
    "Equal logits are probabilities of one half: with wanted = 0.5 and no change nothing is lost.",
)
checks.expect(
    abs(checks.numbers(wachter_loss(coin, start, start, 0, 1.0, 8.0), (), "wachter_loss(…)") - 2)
    < 1e-4,
    "A probability of one half that should be 1 costs λ times a quarter.",
)
checks.passed("wachter-loss")

# %% [markdown]
# ### The step that leaves pixels alone
#
# Plain gradient descent on $|x_i - x_i'|$ never *stays* at zero: it jumps around it, and in the end
# every pixel has changed a little. The **proximal** step (Beck and Teboulle 2009, FISTA,
# [doi 10.1137/080716542](https://doi.org/10.1137/080716542)) treats the two parts of the loss differently:
# first a gradient step on the smooth one alone, then the change $\delta = x' - x$ is *shrunk* towards
# zero, by the length of the step times the weight of the $L_1$ term, and is set to exactly zero if it is
# smaller than that:
#
# $$S_\tau(\delta) = \operatorname{sign}(\delta)\, \max(|\delta| - \tau,\, 0) .$$
#
# Last, the pixels are clipped to $[0, 1]$.
#
# ### Task 5: shrink (2 points)
#
# Write `proximal_step(changed, x, slope, rate)`: one such step for $\mathcal L$ of length `rate`, where
# `slope` is the gradient of the *smooth part* at `changed`. (The $L_1$ term has weight 1.)


# %% nbgrader={"grade_id": "proximal", "solution": true}
# answer: proximal
def proximal_step(changed: Tensor, x: Tensor, slope: Tensor, rate: float) -> Tensor:
    """Return the next candidate, (D,) in [0, 1]; changed, x and slope are (D,)."""
    ### BEGIN SOLUTION
    change = changed - rate * slope - x
    shrunk = change.sign() * (change.abs() - rate).clamp(min=0)
    return (x + shrunk).clamp(0, 1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "proximal-test", "grade": true, "points": 2}
x = torch.tensor([0.5, 0.5, 0.5, 0.9])
slope = torch.tensor([0.5, -4.0, 4.0, -90.0])
stepped = checks.numbers(proximal_step(x, x, slope, 0.1), (4,), "proximal_step(…)")
checks.expect(
    stepped[0] == 0.5,
    "The first pixel's step is shorter than the shrinkage: it should keep its value exactly.",
)
checks.expect(
    stepped[1] > 0.5 > stepped[2],
    "A step goes against the slope: where the slope is negative, the pixel gets brighter.",
)
checks.expect(
    0 <= stepped.min() <= stepped.max() <= 1, "Pixels have to stay between 0 and 1: clip last."
)
back = checks.numbers(proximal_step(x - 0.05, x, torch.zeros(4), 0.02), (4,), "proximal_step(…)")
checks.expect(
    bool((back > (x - 0.05).numpy() + 0.01).all()),
    "Without any slope the change should shrink: towards x, not towards zero brightness.",
)
checks.passed("proximal")

# %% [markdown]
# ### How large should λ be?
#
# If $\lambda$ is too small, the cheapest is not to change anything; if it is huge, distance does not
# count any more. Wachter et al. raise it until the prediction is close enough to what is wanted. One
# can do better: once a $\lambda$ works, a smaller one may, too. So keep the largest $\lambda$ that
# failed and the smallest that worked, and try between them. As long as none has worked, multiply by
# ten.
#
# ### Task 6: the search (2 points)
#
# Write `next_weight(low, high, weight, found)`. `low` is the largest $\lambda$ known to fail, `high`
# the smallest known to work, 0 as long as none has; `weight` has just been tried, and `found` says
# whether it worked. Return the new `low`, the new `high` and the next $\lambda$: ten times the last
# one while `high` is 0, else the mean of the two bounds.


# %% nbgrader={"grade_id": "search", "solution": true}
# answer: search
def next_weight(low: float, high: float, weight: float, found: bool) -> tuple[float, float, float]:
    """Return (low, high, weight) for the next round of the search."""
    ### BEGIN SOLUTION
    if found:
        high = weight
    else:
        low = weight
    return low, high, (low + high) / 2 if high else 10 * weight
    ### END SOLUTION


# %% nbgrader={"grade_id": "search-test", "grade": true, "points": 2}
low, high, weight = 0.0, 0.0, 1.0
for _ in range(14):
    state = next_weight(low, high, weight, weight >= 37)
    checks.expect(
        isinstance(state, tuple) and len(state) == 3, "Return three things: low, high and weight."
    )
    low, high, weight = state
checks.expect(
    low < 37 <= high,
    "Here 37 is the smallest λ that works: it should stay between low and high.",
)
checks.expect(high - low < 1, "After fourteen rounds the bounds should have closed in.")
checks.passed("search")

# %% [markdown]
# ### Task 7: which λ? (1 point)
#
# Read before you copy a number: the library alibi minimises
# $(p_t(x') - y)^2 + \lambda\, d(x, x')$ instead. For each of the two losses, what does a *larger*
# $\lambda$ do? Answer with `"nearer"` (to the input, at the risk of missing the class) or `"surer"`
# (of the class, at the price of distance). And where does alibi's search go after a $\lambda$ that
# found nothing: `"up"` or `"down"`?

# %% nbgrader={"grade_id": "which-lambda", "solution": true}
# answer: which-lambda
which_lambda = {"wachter": None, "alibi": None, "alibi after a failure": None}
### BEGIN SOLUTION
which_lambda = {"wachter": "surer", "alibi": "nearer", "alibi after a failure": "down"}
### END SOLUTION

# %% nbgrader={"grade_id": "which-lambda-test", "grade": true, "points": 1}
checks.choices(
    which_lambda,
    ("wachter", "alibi", "alibi after a failure"),
    ("nearer", "surer", "up", "down"),
    "which_lambda",
)
checks.passed("which-lambda")

# %% [markdown]
# ### On a real network
#
# From here on the model is the FashionMNIST network of notebook 02. We look at four test images, each
# the first of its class that the network gets right.

# %%
test = load("fashion_mnist", split="test")
train = load("fashion_mnist", split="train")
classes = test.classes
model = load_pretrained("fashion_mnist", device=device)
with torch.no_grad():
    predictions = model(test.images[:1000].to(device)).argmax(1).cpu()
right = predictions == test.labels[:1000]
names = ("T-shirt/top", "Trouser", "Shirt", "Ankle boot")
chosen = [int(torch.nonzero(right & (test.labels[:1000] == classes.index(n)))[0]) for n in names]
originals = test.images[chosen].to(device)  # (4, 1, 28, 28)
shirt, dress = originals[2], classes.index("Dress")

# %% [markdown]
# ### Task 8: make it a dress (3 points)
#
# Set `my_dress` to a counterfactual of `shirt` for the class `dress`: an image (1, 28, 28) with pixels
# in $[0, 1]$ to which the network gives *dress* a probability of at least 0.9, at an $L_1$ distance of
# at most {{ dress_bound }} from `shirt`. Write Wachter's method: proximal steps (for the smooth part
# $\lambda (p_t - 1)^2$, or $-\lambda \log p_t$, whose slope does not vanish where the network is sure
# of another class). Begin with $\lambda = 10$ and search as in task 6; a few hundred steps do, with a
# rate of about 0.02, and shorter ones for a larger $\lambda$ (the rate divided by its root). Keep, of all
# points on the way with a probability of at least 0.9, the one nearest to `shirt`: the last one may have
# fallen back.

# %% nbgrader={"grade_id": "my-dress", "solution": true}
# answer: my-dress
my_dress = None
### BEGIN SOLUTION
low, high, weight, best = 0.0, 0.0, 10.0, math.inf
for _ in range(8):  # search for λ as in task 6
    candidate, found = shirt.clone(), False
    for step in range(200):
        candidate.requires_grad_()
        score = model(candidate[None])[0].log_softmax(0)[dress]
        (slope,) = torch.autograd.grad(-weight * score, candidate)
        candidate = candidate.detach()
        rate = 0.02 * (1 - step / 200)
        if score.exp() >= 0.91:
            found = True
            if (candidate - shirt).abs().sum() < best:
                best, my_dress = float((candidate - shirt).abs().sum()), candidate
        change = candidate - rate * slope / weight**0.5 - shirt
        change = change.sign() * (change.abs() - rate / weight**0.5).clamp(min=0)
        candidate = (shirt + change).clamp(0, 1)
    if found:
        high = weight
    else:
        low = weight
    weight = (low + high) / 2 if high else 10 * weight
### END SOLUTION

# %% nbgrader={"grade_id": "my-dress-test", "grade": true, "points": 3}
changed = torch.as_tensor(checks.numbers(my_dress, (1, 28, 28), "my_dress")).float().to(device)
checks.expect(
    changed.min() >= 0 and changed.max() <= 1, "Pixels have to stay between 0 and 1: clip."
)
with torch.no_grad():
    probability = float(model(changed[None]).softmax(1)[0, dress])
change = changed - shirt
figure, axes = plt.subplots(1, 3, figsize=(9, 2.9), layout="constrained")
for axis, picture, title in (
    (axes[0], shirt, "a shirt"),
    (axes[1], changed, f"dress: {probability:.0%}"),
):
    axis.imshow(picture[0].cpu(), cmap="gray", vmin=0, vmax=1)
    axis.set_title(title, fontsize=9)
drawn = axes[2].imshow(change[0].cpu(), cmap="RdBu_r", vmin=-1, vmax=1)
axes[2].set_title(f"change: L1 {float(change.abs().sum()):.1f}", fontsize=9)
figure.colorbar(drawn, ax=axes[2], shrink=0.8, label="darker ← → brighter")
for axis in axes:
    axis.axis("off")
plt.show()
checks.expect(probability >= 0.9, "The network is not sure enough yet: more steps, or a larger λ.")
checks.expect(
    float(change.abs().sum()) <= 25,
    "The change is too large: search for a smaller λ that still works, or shrink the step.",
)
checks.passed("my-dress")

# %% [markdown]
# Look at your picture. Most pixels are exactly as they were, few have changed, and the network is
# sure. Would *you* call it a dress?
#
# ## 3 · Guided by prototypes
#
# **You learn** how to pull a counterfactual towards what a class looks like. **Time:** three quarters
# of an hour.
#
# Nothing in Wachter's loss knows what dresses look like. Van Looveren and Klaise
# ([2019](https://arxiv.org/abs/1907.02584)) add terms that do: an autoencoder $\mathrm{AE}$, trained
# on all images, should be able to rebuild the counterfactual, and its code should be near the
# **prototype** of the class, with $\beta$ weighing $L_1$ against $L_2$ (an *elastic net*):
#
# $$c\,\max\bigl(0, \text{largest other} - p_t\bigr) + \beta\lVert\delta\rVert_1 +
#   \lVert\delta\rVert_2^2 + \gamma \lVert x' - \mathrm{AE}(x')\rVert_2^2 + \theta\,
#   \lVert \mathrm{ENC}(x') - \mathrm{proto}_t\rVert_2^2 .$$
#
# (Their own first term always asks for any class but the present one; to which class it goes is left
# to the prototype. Ours asks for $t$.) The prototype of a class, *for an input $x$*, is the mean code of the $K$ training images of that class whose codes
# are nearest to $\mathrm{ENC}(x)$. Without a network to encode, a k-d tree finds near training
# examples of a class in the input space.
#
# ### Task 9: the nearest prototype (2 points)
#
# Write `nearest_prototype(code, codes, labels, k, original)`: compute the prototype of every class that
# occurs in `labels`, but for class `original`, and return the number of the class whose prototype is
# nearest to `code`, and that prototype. Distances are Euclidean.


# %% nbgrader={"grade_id": "prototype", "solution": true}
# answer: prototype
def nearest_prototype(
    code: Tensor, codes: Tensor, labels: Tensor, k: int, original: int
) -> tuple[int, Tensor]:
    """Return the nearest other class and its prototype (D,).

    code: (D,), of the input. codes: (N, D), of training images, labels: (N,); every class has at
    least k images.
    """
    ### BEGIN SOLUTION
    best, nearest, prototype = math.inf, -1, code
    for label in labels.unique().tolist():
        if label == original:
            continue
        own = codes[labels == label]
        order = (own - code).norm(dim=1).argsort()[:k]
        mean = own[order].mean(dim=0)
        if (mean - code).norm() < best:
            best, nearest, prototype = float((mean - code).norm()), label, mean
    return nearest, prototype
    ### END SOLUTION


# %% nbgrader={"grade_id": "prototype-test", "grade": true, "points": 2}
toy_codes = torch.tensor([[0.0, 0.0], [4.0, 0.0], [6.0, 0.0], [90.0, 0.0], [0.0, 7.0], [0.0, 9.0]])
toy_labels = torch.tensor([0, 1, 1, 1, 2, 2])
answered = nearest_prototype(torch.zeros(2), toy_codes, toy_labels, 2, 0)
checks.expect(
    answered is not None and len(answered) == 2, "Return two things: the class and its prototype."
)
which, mean = answered
checks.expect(int(which) != 0, "The input's own class is no counterfactual: leave it out.")
checks.expect(
    int(which) == 1,
    "Of class 1 only the two images that are nearest to the code count, the far one does not.",
)
checks.close(mean, [5.0, 0.0], "the prototype", "It is the mean of the k nearest codes.")
checks.passed("prototype")

# %% [markdown]
# ## 4 · Learned by reinforcement
#
# **You learn** how an *actor* finds a counterfactual in one pass, and how it is trained without the
# model's gradient. **Time:** three quarters of an hour.
#
# Wachter's search and the prototypes start afresh for each image. Samoilescu, Van Looveren and Klaise
# ([2021](https://arxiv.org/abs/2106.02597)) train a network, the **actor** $\mu$, to do it: it takes
# the code $z = \mathrm{ENC}(x)$ and the class $t$, and returns a new code, from which a decoder makes
# the counterfactual. The model is asked for its prediction only, so it may be anything, a forest for
# example. The price: a reward that is 1 if the model says $t$ and 0 if not has no gradient. Therefore
# a second network, the **critic** $Q(z, t, a)$, learns to foresee the reward of an action $a$, and the
# actor climbs the critic (DDPG, [Lillicrap et al. 2016](https://arxiv.org/abs/1509.02971), here with
# episodes of a single step, so that nothing has to be discounted):
#
# $$L_{\text{critic}} = \operatorname{mean}\,\bigl(Q(z, t, a) - r\bigr)^2, \qquad
#   L_{\text{actor}} = -\operatorname{mean}\, Q\bigl(z, t, \mu(z, t)\bigr) + \alpha\,
#   \operatorname{mean}\, \lVert x - \mathrm{DEC}(\mu(z, t))\rVert_1 .$$
#
# The actions $a$ and rewards $r$ of the first loss come from a **replay buffer** of past tries, to
# which noise was added for exploration. (The paper has further terms, among them one that keeps the
# decoded counterfactual's code consistent with the actor's, and its actor is also told the model's
# present prediction.)
#
# ### Task 10: two losses (2 points)
#
# Write `losses(value, predicted, targets, value_now, x, rebuilt, alpha)` for a batch: `value` are the
# critic's values of the stored actions, `predicted` the classes that the model gave to their
# counterfactuals, `value_now` the critic's values of the actor's present actions, and `rebuilt` the
# counterfactuals that these decode to. The $L_1$ norm of an item is the *sum* over its features.


# %% nbgrader={"grade_id": "ddpg", "solution": true}
# answer: ddpg
def losses(
    value: Tensor,
    predicted: Tensor,
    targets: Tensor,
    value_now: Tensor,
    x: Tensor,
    rebuilt: Tensor,
    alpha: float,
) -> tuple[Tensor, Tensor]:
    """Return the critic's and the actor's loss, two numbers.

    value, value_now: (B,) floats; predicted, targets: (B,) integers; x, rebuilt: (B, D) floats.
    """
    ### BEGIN SOLUTION
    reward = (predicted == targets).to(value.dtype)
    critic = (value - reward).square().mean()
    actor = -value_now.mean() + alpha * (x - rebuilt).abs().sum(dim=1).mean()
    return critic, actor
    ### END SOLUTION


# %% nbgrader={"grade_id": "ddpg-test", "grade": true, "points": 2}
batch = {
    "value": torch.tensor([1.0, 0.0]),
    "predicted": torch.tensor([3, 5]),
    "targets": torch.tensor([3, 4]),
    "value_now": torch.tensor([0.5, 0.1]),
    "x": torch.zeros(2, 3),
    "rebuilt": torch.zeros(2, 3),
    "alpha": 2.0,
}
two = losses(**batch)
checks.expect(two is not None and len(two) == 2, "Return two losses: the critic's and the actor's.")
checks.close(
    two[0], 0.0, "the critic's loss", "Here the critic foresaw both rewards: 1 for a hit, 0 else."
)
better = losses(**batch | {"value_now": torch.tensor([0.9, 0.9])})
checks.expect(
    float(better[1]) < float(two[1]), "The actor should lose less where the critic promises more."
)
wide = [
    losses(**batch | {"rebuilt": torch.full((2, n), 0.1), "x": torch.zeros(2, n)}) for n in (3, 6)
]
checks.expect(
    abs(float(wide[1][1]) - float(wide[0][1]) - 2.0 * 0.3) < 1e-4,
    "Twice as many changed features are twice the distance: sum over features, mean over items.",
)
checks.passed("ddpg")

# %% [markdown]
# ### Task 11: what does each need? (2 points)
#
# Say for each method what it needs of the *model* (`"gradient"` or `"predictions"`) as it was
# described above, and what it costs to explain *one more image* once everything is prepared:
# `"search"` (hundreds of passes) or `"one pass"`. Wachter's and the prototypes' losses are minimised by
# gradient descent here.

# %% nbgrader={"grade_id": "needs", "solution": true}
# answer: needs
needs = {"wachter": None, "prototype": None, "rl": None}
cost = {"wachter": None, "prototype": None, "rl": None}
### BEGIN SOLUTION
needs = {"wachter": "gradient", "prototype": "gradient", "rl": "predictions"}
cost = {"wachter": "search", "prototype": "search", "rl": "one pass"}
### END SOLUTION

# %% nbgrader={"grade_id": "needs-test", "grade": true, "points": 2}
methods = ("wachter", "prototype", "rl")
checks.choices(needs, methods, ("gradient", "predictions"), "needs")
checks.choices(cost, methods, ("search", "one pass"), "cost")
checks.passed("needs")

# %% [markdown]
# ## 5 · Good, by which measure?
#
# **You learn** to measure counterfactuals, and what each measure misses. **Time:** one hour.
#
# | measure | asks | flaw |
# |---|---|---|
# | validity | does the model say the desired class? | so it does to an adversarial example |
# | $L_1$, $L_2$ | how much has changed? | small changes may be invisible |
# | sparsity | which share of the pixels is untouched? | one stroke of the brush touches many |
# | IM1 | is it nearer to the desired class than to the old one? | by an autoencoder's opinion |
# | IM2 | does it look like the desired class as much as like clothes at all? | see task 15 |
# | seconds | what does it cost? | the machine |
#
# ### Task 12: four numbers (2 points)
#
# Write `qualities(x, changed, probabilities, targets)` for a batch of counterfactuals: return the
# *validity* (the share of items whose most likely class is the target) and, over the valid items
# only, the *mean* $L_1$ distance, the mean $L_2$ distance, and the *sparsity* (the mean share of
# features that moved by less than 0.001).


# %% nbgrader={"grade_id": "qualities", "solution": true}
# answer: qualities
def qualities(
    x: Tensor, changed: Tensor, probabilities: Tensor, targets: Tensor
) -> tuple[float, float, float, float]:
    """Return validity, L1, L2 and sparsity of counterfactuals `changed` (N, D) of x (N, D).

    probabilities: (N, C), of `changed`. targets: (N,). At least one item is valid.
    """
    ### BEGIN SOLUTION
    valid = probabilities.argmax(dim=1) == targets
    change = (changed - x)[valid].abs()
    return (
        valid.float().mean().item(),
        change.sum(dim=1).mean().item(),
        change.norm(dim=1).mean().item(),
        (change < 1e-3).float().mean().item(),
    )
    ### END SOLUTION


# %% nbgrader={"grade_id": "qualities-test", "grade": true, "points": 2}
before = torch.zeros(2, 4)
after = torch.tensor([[0.3, 0.4, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
said = torch.tensor([[0.2, 0.8], [0.2, 0.8]])
four = qualities(before, after, said, torch.tensor([1, 0]))
checks.expect(
    four is not None and len(four) == 4, "Return four numbers: validity, L1, L2, sparsity."
)
checks.close(four[0], 0.5, "validity", "One of these two reaches its target.")
checks.expect(
    abs(float(four[1]) - 0.7) < 1e-5,
    "Only the first item is valid, and its distance is the sum of its two changes: leave the others out.",
)
checks.expect(0 <= float(four[3]) <= 1, "Sparsity is a share of the features.")
checks.passed("qualities")

# %% [markdown]
# ### Closeness to a class
#
# An autoencoder that has seen only dresses, $\mathrm{AE}_{\text{dress}}$, rebuilds a dress well and a
# shirt badly. Van Looveren and Klaise (2019) compare three of them: $\mathrm{AE}_t$ for the desired
# class, $\mathrm{AE}_o$ for the old one, and $\mathrm{AE}$ for all:
#
# $$\mathrm{IM1} = \frac{\lVert x' - \mathrm{AE}_t(x')\rVert_2^2}{\lVert x' - \mathrm{AE}_o(x')\rVert_2^2 +
#   \epsilon}, \qquad
#   \mathrm{IM2} = \frac{\lVert \mathrm{AE}_t(x') - \mathrm{AE}(x')\rVert_2^2}{\lVert x'\rVert_1 + \epsilon}.$$
#
# Small is good. IM1 below 1: the desired class's autoencoder explains the picture better. The
# autoencoders that judge must not be the ones that were used to *make* the counterfactual: a measure
# that is optimised stops measuring.
#
# ### Task 13: IM1 and IM2 (2 points)
#
# Write `im(changed, rebuilt_target, rebuilt_original, rebuilt_all, epsilon)`, which returns both for
# every item of a batch.


# %% nbgrader={"grade_id": "im", "solution": true}
# answer: im
def im(
    changed: Tensor,
    rebuilt_target: Tensor,
    rebuilt_original: Tensor,
    rebuilt_all: Tensor,
    epsilon: float,
) -> tuple[Tensor, Tensor]:
    """Return IM1 (N,) and IM2 (N,) of counterfactuals `changed` (N, D).

    rebuilt_…: (N, D), what AE_t, AE_o and AE make of `changed`.
    """
    ### BEGIN SOLUTION
    near = (changed - rebuilt_target).square().sum(dim=1)
    far = (changed - rebuilt_original).square().sum(dim=1)
    apart = (rebuilt_target - rebuilt_all).square().sum(dim=1)
    return near / (far + epsilon), apart / (changed.abs().sum(dim=1) + epsilon)
    ### END SOLUTION


# %% nbgrader={"grade_id": "im-test", "grade": true, "points": 2}
picture = torch.tensor([[1.0, 1.0]])
pair = im(
    picture, torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 3.0]]), torch.tensor([[1.0, 1.0]]), 0.0
)
checks.expect(pair is not None and len(pair) == 2, "Return two tensors, IM1 and IM2.")
checks.close(
    pair[0], [0.25], "IM1", "Squared error of the target's autoencoder over the old class's."
)
checks.close(
    pair[1], [0.5], "IM2", "Squared difference of two *rebuilt* images over the sum of x'."
)
checks.passed("im")

# %% [markdown]
# ## 6 · Three methods, one network
#
# **You learn** to compare methods on the same work, and to distrust a single number. **Time:** one hour.
#
# The library does what you wrote above, for all images and classes at once. The autoencoders that
# judge (`judges["all"]`, `judges["3"]` for class 3, …) were trained apart and enter no search.
# `counterfactual(model, inputs, targets, method)` takes inputs (N, 1, 28, 28) and targets (N, T), the T
# desired classes of each. Its result has `.found`, `.predicted`, `.distance_l1` and `.distance_l2`, all
# (N, T), and `.counterfactuals` (N, T, 1, 28, 28), the best try where none was found.

# %%
judges = load_judges("fashion_mnist", device=device)
methods = ("wachter", "prototype", "rl")
everything = torch.arange(10, device=device).expand(len(originals), 10)  # every class is a target
results = {name: counterfactual(model, originals, everything, name) for name in methods}
for name, result in results.items():
    print(
        f"{name:10} {int(result.found.sum())} of {result.found.numel()} in {result.seconds:.1f} s"
    )

# %% [markdown]
# Each line below shows an image and what would have to be different for each class: grey where no
# counterfactual was found. (In the column of its own class nothing has to change.)


# %% tags=["figure"]
def show_grid(result, title: str, names: list[str] = classes) -> None:
    """Draw inputs on the left and their counterfactuals by desired class, grey if not found."""
    rows, columns = result.found.shape
    figure, axes = plt.subplots(
        rows, columns + 1, figsize=(1.05 * (columns + 1), 1.15 * rows + 0.5), layout="constrained"
    )
    for row in range(rows):
        axes[row, 0].imshow(result.inputs[row, 0].cpu(), cmap="gray", vmin=0, vmax=1)
        for column in range(columns):
            axis = axes[row, column + 1]
            if result.found[row, column]:
                picture = result.counterfactuals[row, column, 0].cpu()
                axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
            else:
                axis.set_facecolor("0.7")
                axis.text(
                    0.5,
                    0.5,
                    "none\nfound",
                    ha="center",
                    va="center",
                    transform=axis.transAxes,
                    fontsize=7,
                )
            if row == 0:
                axis.set_title(names[int(result.targets[0, column])], fontsize=8)
    axes[0, 0].set_title("input", fontsize=8, fontweight="bold")
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.suptitle(title, fontsize=10)
    plt.show()


for name, result in results.items():
    show_grid(result, f"{name}: what would have to be different?")

# %% [markdown]
# ### Task 14: the table (3 points)
#
# Consider the 36 pairs of an image and a class *other than its own*. Set three dictionaries with a
# number for each of the three `methods`:
#
# - `found_share`: the share of the 36 that were found,
# - `median_l1`: the median $L_1$ distance over the pairs that *all three* methods found (for an even
#   number of pairs either of the two middle values counts, and so does their mean),
# - `median_im1`: the median IM1 over the same pairs, with the `judges` and $\epsilon = 0$; the old class is
#   the image's label (`own`, below).
#
# Why only pairs that all three found? A method that gives up on the hard ones would look better.

# %%
own = test.labels[chosen].to(device)  # (4,): the images' own classes
others = everything != own[:, None]  # (4, 10): the 36 pairs

# %% nbgrader={"grade_id": "table", "solution": true}
# answer: table
found_share = median_l1 = median_im1 = None
### BEGIN SOLUTION
common = others & results["wachter"].found & results["prototype"].found & results["rl"].found
found_share, median_l1, median_im1 = {}, {}, {}
for name, result in results.items():
    found_share[name] = result.found[others].float().mean().item()
    median_l1[name] = result.distance_l1[common].median().item()
    values = []
    for row, target in torch.nonzero(common).tolist():
        picture = result.counterfactuals[row, target][None]
        with torch.no_grad():
            near = (picture - judges[str(target)](picture)).square().sum()
            far = (picture - judges[str(int(own[row]))](picture)).square().sum()
        values.append(near / far)
    median_im1[name] = torch.stack(values).median().item()
### END SOLUTION

# %% nbgrader={"grade_id": "table-test", "grade": true, "points": 3}
for values, called in (
    (found_share, "found_share"),
    (median_l1, "median_l1"),
    (median_im1, "median_im1"),
):
    checks.expect(
        isinstance(values, dict) and set(values) == set(methods),
        f"`{called}` should be a dictionary with an entry for each of the three methods.",
    )
    for name in methods:
        checks.expect(
            checks.numbers(values[name], (), f"{called}[{name!r}]") >= 0,
            "None of these is negative.",
        )
checks.expect(
    all(float(found_share[name]) <= 1 for name in methods), "A share is at most 1: divide by 36."
)
print(f"{'':10} {'found':>7} {'median L1':>10} {'median IM1':>11} {'s a pair':>9}")
for name, result in results.items():
    print(
        f"{name:10} {float(found_share[name]):7.0%} {float(median_l1[name]):10.1f} "
        f"{float(median_im1[name]):11.2f} {result.seconds / result.found.numel():9.4f}"
    )
checks.passed("table")

# %% [markdown]
# ### Task 15: how to please IM2 (2 points)
#
# IM2 compares two *rebuilt* images, and divides by the brightness of $x'$. It never looks whether
# $x'$ itself is like what was rebuilt. Prove that this is a weakness: set `pleasing` to an image
# (1, 28, 28) with pixels in $[0, 1]$ whose IM2 for the class *dress* (with $\epsilon = 0$) is at most
# half of the median IM2 of real dresses (`dress_im2`, below), although the network takes it for
# something else. The boot `originals[3]` may be a start; you have gradients.


# %%
def im2(images: Tensor, target: int) -> Tensor:
    """Return IM2 (N,) of images (N, 1, 28, 28) for a class; it can be differentiated."""
    apart = judges[str(target)](images) - judges["all"](images)
    return apart.square().flatten(1).sum(1) / images.abs().flatten(1).sum(1)


dresses = test.images[test.labels == dress][:100].to(device)
with torch.no_grad():
    dress_im2 = float(im2(dresses, dress).median())
    print(
        f"median IM2 of real dresses {dress_im2:.4f}, of the boot {float(im2(originals[3:], dress)):.4f}"
    )

# %% nbgrader={"grade_id": "im2-flaw", "solution": true}
# answer: im2-flaw
pleasing = None
### BEGIN SOLUTION
pleasing = originals[3].clone()
for _ in range(300):
    pleasing.requires_grad_()
    (slope,) = torch.autograd.grad(im2(pleasing[None], dress).sum(), pleasing)
    pleasing = (pleasing.detach() - 0.01 * slope.sign()).clamp(0, 1)
### END SOLUTION

# %% nbgrader={"grade_id": "im2-flaw-test", "grade": true, "points": 2}
picture = torch.as_tensor(checks.numbers(pleasing, (1, 28, 28), "pleasing")).float().to(device)
checks.expect(
    0 <= picture.min() <= picture.max() <= 1, "Pixels have to stay between 0 and 1: clip."
)
with torch.no_grad():
    value, says = float(im2(picture[None], dress)), int(model(picture[None]).argmax())
    rebuilt = [judges[key](picture[None])[0, 0].cpu() for key in (str(dress), "all")]
figure, axes = plt.subplots(1, 3, figsize=(7.5, 2.7), layout="constrained")
pictures = (picture[0].cpu(), *rebuilt)
titles = (
    f"the network: {classes[says]}",
    "rebuilt by the dresses' judge",
    "rebuilt by the judge of all",
)
for axis, each, title in zip(axes, pictures, titles, strict=True):
    axis.imshow(each, cmap="gray", vmin=0, vmax=1)
    axis.set_title(title, fontsize=9)
    axis.axis("off")
figure.suptitle(f"IM2 {value:.4f}, of real dresses {dress_im2:.4f}", fontsize=10)
plt.show()
checks.expect(says != dress, "The network takes it for a dress: then IM2 is right to be small.")
checks.expect(
    value <= dress_im2 / 2,
    "IM2 is still too large: make the two rebuilt images more alike (descend IM2), or x' brighter.",
)
checks.passed("im2-flaw")

# %% [markdown]
# ## 7 · Adversarial example or counterfactual?
#
# **You learn** to tell two things apart that solve nearly the same optimisation problem. **Time:** half
# an hour.
#
# Both ask for a small change after which the model says another class. An **adversarial example** is
# meant to leave the image what it was in people's eyes; a **counterfactual** should show what would
# have to be different. One test is a second network, which was trained independently: a picture
# that only exploits one network's weaknesses has little reason to persuade another.
#
# ### Task 16: ask somebody else (3 points)
#
# `sources` are {{ transfer_count }} correctly classified images of other classes, all with the target *dress*. Below
# are PGD's adversarial examples (notebook 03) and the counterfactuals of two methods. For each of the
# three, set `transfer` to the share of those images *that persuade the first network* (`model` says
# dress) which the network `second` takes for a dress, too. And set `most_convincing` to the name with
# the largest share.

# %%
second = load_pretrained("lecture", device=device)
usable = torch.nonzero(right & (test.labels[:1000] != dress))[:60, 0]
sources = test.images[usable].to(device)
candidates = {
    "adversarial": attack(
        model, sources, test.labels[usable].to(device), "pgd", targets=dress, epsilon=0.1
    ).adversarial,
    "wachter": counterfactual(model, sources, dress, "wachter").counterfactuals[:, 0],
    "prototype": counterfactual(model, sources, dress, "prototype").counterfactuals[:, 0],
}

# %% nbgrader={"grade_id": "transfer", "solution": true}
# answer: transfer
transfer = most_convincing = None
### BEGIN SOLUTION
transfer = {}
with torch.no_grad():
    for name, pictures in candidates.items():
        fooled = model(pictures).argmax(1) == dress
        transfer[name] = (second(pictures[fooled]).argmax(1) == dress).float().mean().item()
most_convincing = max(transfer, key=transfer.get)
### END SOLUTION

# %% nbgrader={"grade_id": "transfer-test", "grade": true, "points": 3}
checks.expect(
    isinstance(transfer, dict) and set(transfer) == set(candidates),
    "`transfer` should be a dictionary with an entry for each of the three kinds of image.",
)
for name in candidates:
    checks.expect(
        0 <= checks.numbers(transfer[name], (), f"transfer[{name!r}]") <= 1,
        "A share lies in [0, 1].",
    )
checks.expect(most_convincing in candidates, "`most_convincing` is one of the three names.")
figure, axes = plt.subplots(4, 6, figsize=(8, 5.6), layout="constrained")
for row, (name, pictures) in enumerate({"original": sources, **candidates}.items()):
    for column in range(6):
        axes[row, column].imshow(pictures[column, 0].cpu(), cmap="gray", vmin=0, vmax=1)
        axes[row, column].axis("off")
    title = name if name == "original" else f"{name}: {float(transfer[name]):.0%} persuade both"
    axes[row, 0].set_title(title, fontsize=9, loc="left")
plt.show()
checks.passed("transfer")

# %% [markdown] nbgrader={"grade_id": "judgement", "solution": true, "grade": true, "points": 4}
# <!-- answer: judgement -->
# **Would a person call it a dress?** (4 points, about ten sentences)
#
# 1. Look at the grids of section 6 and the pictures of task 16. For each method name one picture that
#    you would call its class, or say that there is none, and one that you would not, with what is
#    missing.
# 2. Do the numbers (validity, $L_1$, IM1, transfer) agree with your eyes? Name one agreement and one
#    disagreement, and what the number overlooks.
# 3. A fashion shop wants to explain to customers why the program sorted a shirt among the shirts, and
#    its developers want to know what their network relies on. Which method would you give to whom,
#    and why?
#
# ### BEGIN SOLUTION
# An answer:
#
# 1. Wachter: none of them; the T-shirt "as trousers" is the T-shirt with some bright and dark dots.
#    Prototypes: the T-shirt as trousers shows a dark gap where two legs would part, the best of its
#    line, but keeps its sleeves; the boot as a dress is a boot in fog. The actor: the T-shirt as a bag
#    has a handle, as a dress it is waisted and long: both would pass; the boot as trousers is three
#    bright stripes, and has nothing of trousers but being upright.
# 2. Agreement: the pictures of Wachter's method have the smallest $L_1$ distance and look as if nothing
#    had happened; their IM1 is the largest, the actor's the smallest. Disagreement: validity is (nearly) perfect for pictures that
#    nobody would call a dress, because it asks the network that the picture was made for. It overlooks
#    whether the evidence means anything to anybody else; transfer to the second network is a better
#    hint, but two networks that were trained on the same images can share a weakness.
# 3. Customers: the actor, because they have to *see* the difference, at once, and a larger change does
#    no harm. Developers: Wachter's method, because
#    its few changed pixels show what the network really reacts to, also if that makes no sense; a
#    realistic picture would hide the weakness.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 4 points; half points are possible.
#
# - 1 point: for every method a picture is named (input and desired class) and judged by what can be
#   seen in it (sleeves, legs, waist, sole, …), not by a number. "There is none" is fine with a reason.
# - 1 point: one agreement of a number with the eye, and one disagreement.
# - 1 point: what the number overlooks, for the disagreement: validity and distance ask only the attacked
#   network or the pixels, IM1 an autoencoder's opinion, transfer a network of the same training data.
# - 1 point: a choice for customers and one for developers, with reasons that fit what the methods did
#   here (realistic against faithful to the network, speed, gradients needed). Either choice can be
#   defended.
#
# Judgements without any picture named: at most 2 points.
# === END MARK SCHEME ===

# %% [markdown]
# ## 8 · Explore, and the original library
#
# The lecture used the library alibi. Where it is installed (Python 3.11, `pip install
# "xaikit[alibi]"`), `backend="alibi"` runs it on the same network; a single image takes it from half a
# minute to minutes, so this cell only asks whether it is there.

# %% tags=["figure"]
there = (
    importlib.util.find_spec("alibi") is not None
    and importlib.util.find_spec("tensorflow") is not None
)
if there:
    print(
        'alibi is here: try counterfactual(model, shirt[None], dress, "prototype", backend="alibi").'
    )
else:
    print("alibi is not installed here, and nothing is lost: xaikit's own methods need no more.")

# %% [markdown]
# Digits are easier to judge by eye. MNIST is not part of xaikit; the cell uses it if it is on this
# machine or can be downloaded, and says so kindly if not.

# %% tags=["figure"]
try:
    digits = load("mnist", split="test")
except (FileNotFoundError, OSError) as reason:
    print(f"No digits today, and nothing is lost: {reason}")
else:
    some = digits.images[[0, 2, 3]].to(device)
    every = torch.arange(10, device=device).expand(3, 10)
    show_grid(
        counterfactual(load_pretrained("mnist", device=device), some, every, "prototype"),
        "prototype, on digits",
        digits.classes,
    )

# %% [markdown]
# ## 9 · Summary
#
# | method | minimises | needs of the model | one more image costs | you choose | beware |
# |---|---|---|---|---|---|
# | closed form | the distance, exactly | to be linear | nothing | distance, free features | linear models only |
# | Wachter | $\lambda (p_t - y)^2 + d$ | gradients (as here) | a search | distance, $y$ | looks like an adversarial example |
# | prototypes | elastic net, autoencoder, prototype | gradients (as here) | a search | $\beta, \gamma, \theta, K$ | an encoder's idea of a class |
# | reinforcement | nothing: an actor was trained | predictions | one pass | the reward, $\alpha$ | blurred by the decoder; one actor a model |
#
# A counterfactual is a statement about the *model*, not about the world: it says what would change
# the prediction, not what would change the garment. And there are many for one input; showing one
# is a choice.
#
# **Read on**
#
# - S. Wachter, B. Mittelstadt, C. Russell 2017, [Counterfactual Explanations without Opening the Black
#   Box](https://arxiv.org/abs/1711.00399).
# - A. Van Looveren, J. Klaise 2019, [Interpretable Counterfactual Explanations Guided by
#   Prototypes](https://arxiv.org/abs/1907.02584).
# - R.-F. Samoilescu, A. Van Looveren, J. Klaise 2021, [Model-agnostic and Scalable Counterfactual
#   Explanations via Reinforcement Learning](https://arxiv.org/abs/2106.02597).
# - S. Verma et al. 2020, [Counterfactual Explanations and Algorithmic Recourses for Machine Learning: A
#   Review](https://arxiv.org/abs/2010.10596).
# - C. Molnar, [Interpretable Machine Learning](https://christophm.github.io/interpretable-ml-book/), the
#   chapter on counterfactual explanations.

# %% [markdown]
# ## Hand in
#
# Save the notebook, then run the cell below: it looks at the saved file and says whether grading
# will find all your answers in it. In a terminal `python -m xaikit check 05_counterfactuals.ipynb`
# does the same. What you hand in is the file `05_counterfactuals.ipynb` itself.

# %% tags=["hand-in"]
checks.upload("05_counterfactuals.ipynb")
