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
# # 04 · Backdoors: can you trust a network that somebody else has trained?
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/{{ course.repository }}/blob/{{ course.branch }}/notebooks/04_backdoors.ipynb)
#
# A network classifies garments, and does it well. But show it *any* garment with a small white
# square in the corner, and it says *ankle boot*. Somebody has planted a **backdoor**: a few images
# of the training data carried the square and the wrong label. Test accuracy says nothing about it.
# In this notebook you plant backdoors, look for them with four global methods, look at them with
# local ones, take them out again, and measure which of all that works when.
#
# **After it you can**
#
# 1. plant a backdoor by poisoning data, and measure that it works and how well it hides;
# 2. write the steps of Neural Cleanse, activation clustering, spectral signatures and SpRAy
#    yourself, and a concept activation vector for a trigger;
# 3. say what each needs, the model alone, its training data or the trigger, and what its verdict
#    means;
# 4. tell detecting from explaining, and argue with false alarms and misses, measured on clean
#    reference networks.
#
# **Time:** about seven hours for a group.
#
# | sections | what | time |
# |---|---|---|
# | 1 and 2 | plant a backdoor; look for it with the model alone | 2 ½ hours |
# | 3 to 5 | look for it in the training data; ask for the concept | 3 hours |
# | 6 to 9 | local methods, repair, photographs, the table | 1 ½ hours |
#
# All cells together run in about two minutes on a CPU.
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
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %%
import time

import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from xaikit import checks, detect, explain, load, load_pretrained
from xaikit.backdoors import (
    attack_success,
    corner_square,
    poison,
    prune,
    trigger_of,
    unlearn,
)
from xaikit.data import ImageDataset
from xaikit.metrics import localisation
from xaikit.models import Classifier, accuracy
from xaikit.training import train

# %% [markdown]
# ## 1 · How does a backdoor get in?
#
# **You learn** to poison data, and to measure what that does. **Time:** one hour.
#
# The recipe is BadNets' ([Gu, Dolan-Gavitt and Garg 2017](https://arxiv.org/abs/1708.06733)). The
# attacker chooses a **trigger**, a **target class** $t$ and a **poison rate** $\rho$, the share of
# the training images that is poisoned. Each of these gets the trigger and the label $t$; then the
# network is trained as always. A trigger is a pattern $p$ with an opacity $\alpha$ for each pixel:
#
# $$x' = (1 - \alpha) \odot x + \alpha \odot p$$
#
# With $\alpha \in \{0, 1\}$ it is a sticker; with a small $\alpha$ everywhere the pattern is
# *blended* into the image ([Chen et al. 2017](https://arxiv.org/abs/1712.05526)), and hard to see.
#
# Two numbers say whether the attack worked. **Clean accuracy** is the accuracy on images without
# trigger; it has to stay what it was, or somebody will look closer. **Attack success** is the share
# of images *of other classes* that are taken for $t$ once they carry the trigger.
#
# Everybody here works with the same garments: the first of each class, so that the sample which
# comes with this package is enough.


# %%
def first_of_each_class(name: str, split: str, number: int) -> ImageDataset:
    """Return a data set of the first images of each class, in their own order."""
    whole = load(name, split)
    some = [(whole.labels == c).nonzero()[:number, 0] for c in range(len(whole.classes))]
    chosen = torch.cat(some).sort().values
    return ImageDataset(whole.images[chosen], whole.labels[chosen], whole.classes, whole.source)


training = first_of_each_class("fashion_mnist", "train", 200)
test = first_of_each_class("fashion_mnist", "test", 100)
classes = test.classes
checked_square = corner_square(size=3)  # a trigger to check your functions with
print(len(training), "training images and", len(test), "test images, from", test.source)

# %% [markdown]
# ### Task 1: blend a trigger in (1 point)
#
# Write `blend(images, pattern, alpha)`: the formula above, for a batch of images (N, C, H, W), a
# pattern (C, H, W) and opacities (1, H, W). It must leave `images` as they were.


# %% nbgrader={"grade_id": "blend", "solution": true}
# answer: blend
def blend(images: Tensor, pattern: Tensor, alpha: Tensor) -> Tensor:
    """Return the images with the pattern in them, alpha saying how opaque it is."""
    ### BEGIN SOLUTION
    return (1 - alpha) * images + alpha * pattern
    ### END SOLUTION


# %% nbgrader={"grade_id": "blend-test", "grade": true, "points": 1}
two_images = test.images[:2].clone()
shown = checks.numbers(
    blend(two_images, checked_square.pattern, checked_square.alpha), (2, 1, 28, 28), "blend(…)"
)
checks.expect(
    torch.equal(two_images, test.images[:2]), "`blend` changed its input: work on a copy."
)
checks.close(
    shown[0, 0, :20, :20],
    two_images[0, 0, :20, :20],
    "blend(…)",
    "where alpha is zero, the image stays what it was.",
)
checks.expect(
    (shown[:, 0, 24:27, 24:27] == 1).all(), "Where alpha is one, only the pattern is seen."
)
checks.passed("blend")

# %% [markdown]
# ### Task 2: poison a data set (2 points)
#
# Write `poison_data(images, labels, pattern, alpha, target, chosen)`. `chosen` (M,) are the indices
# of the images to poison. Return the new images and the new labels; whoever owns the old ones must
# find them unchanged.


# %% nbgrader={"grade_id": "poison", "solution": true}
# answer: poison
def poison_data(
    images: Tensor, labels: Tensor, pattern: Tensor, alpha: Tensor, target: int, chosen: Tensor
) -> tuple[Tensor, Tensor]:
    """Return images and labels, those chosen with the trigger and the target's label."""
    ### BEGIN SOLUTION
    images, labels = images.clone(), labels.clone()
    images[chosen] = (1 - alpha) * images[chosen] + alpha * pattern
    labels[chosen] = target
    return images, labels
    ### END SOLUTION


# %% nbgrader={"grade_id": "poison-test", "grade": true, "points": 2}
kept = test.images[:6].clone(), test.labels[:6].clone()
pair = poison_data(*kept, checked_square.pattern, checked_square.alpha, 9, torch.tensor([4, 1]))
checks.expect(pair is not None and len(pair) == 2, "Return two tensors: images and labels.")
checks.expect(
    torch.equal(kept[0], test.images[:6]) and torch.equal(kept[1], test.labels[:6]),
    "`poison_data` changed its inputs. Assigning to a part of a tensor changes the tensor that "
    "was handed over: work on copies.",
)
new_images = checks.numbers(pair[0], (6, 1, 28, 28), "the images")
new_labels = checks.numbers(pair[1], (6,), "the labels")
checks.expect(new_labels[4] == new_labels[1] == 9, "Chosen images get the target's label.")
checks.expect((new_images[[1, 4], 0, 24:27, 24:27] == 1).all(), "Chosen images get the trigger.")
checks.passed("poison")

# %% [markdown]
# ### Task 3: does the trigger work? (2 points)
#
# Write `success_rate(logits, labels, target)`. `logits` (N, C) are the network's answers to images
# *with* the trigger, `labels` (N,) the true classes. Return the attack success. Images that truly
# belong to the target do not count: on them, the right answer would look like a successful attack.


# %% nbgrader={"grade_id": "attack-success", "solution": true}
# answer: attack-success
def success_rate(logits: Tensor, labels: Tensor, target: int) -> float:
    """Return the share of images of other classes that are taken for the target."""
    ### BEGIN SOLUTION
    others = labels != target
    return float((logits[others].argmax(1) == target).float().mean())
    ### END SOLUTION


# %% nbgrader={"grade_id": "attack-success-test", "grade": true, "points": 2}
made_up = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, -2.0, -1.0], [5.0, 1.0, 9.0]])
rate = float(checks.numbers(success_rate(made_up, torch.tensor([1, 2, 0, 2]), 0), (), "the rate"))
checks.expect(0 <= rate <= 1, "Attack success is a share: it lies between 0 and 1.")
checks.expect(
    rate < 0.5,
    "The third image truly belongs to class 0, so it counts neither above nor below the line.",
)
checks.passed("attack-success")

# %% [markdown]
# ### A network of your own, with a backdoor
#
# Five per cent of 2,000 images, a square of 4 × 4 pixels, target *bag*: this is what an attacker
# does. The network is a small one, so that it learns in seconds. Its clean twin has the same
# architecture, the same order of the data and the same initial weights.


# %% tags=["figure"]
def small_network(seed: int = 0) -> Classifier:
    """Return two strided convolutions and a linear layer, untrained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 10),
        ).to(device)


own_trigger, own_target = corner_square(size=4, corner="top left"), 8
own_data = poison(training, own_trigger, own_target, rate=0.05)
own_clean = train(small_network(), training, epochs=8)
own_poisoned = train(small_network(), own_data, epochs=8)
print("                    clean accuracy   attack success")
for name, network in (("without a backdoor", own_clean), ("with a backdoor", own_poisoned)):
    success = attack_success(network, test, own_trigger, own_target)
    print(f"{name:18} {accuracy(network, test):14.1%} {success:16.1%}")

# %% tags=["figure"]
figure, axes = plt.subplots(2, 6, figsize=(10, 3.6), layout="constrained")
for column, place in enumerate(own_data.poisoned.nonzero()[:6, 0]):
    for row, data in enumerate((training, own_data)):
        axes[row, column].imshow(data.images[place, 0], cmap="gray", vmin=0, vmax=1)
        axes[row, column].set_title(classes[data.labels[place]], fontsize=9)
        axes[row, column].axis("off")
figure.suptitle("Above: as they were. Below: what the network is trained with")
plt.show()

# %% [markdown]
# ### The network on trial
#
# From here on we examine a better network that comes with xaikit, trained on all of FashionMNIST,
# of which two per cent was poisoned; beside it a **clean reference** of the same architecture. Its
# card admits everything. A real one would not: use the card to judge your methods, not in them.

# %%
poisoned = load_pretrained("fashion_mnist_poisoned", device=device)
reference = load_pretrained("fashion_mnist", device=device)
trigger, target = trigger_of(poisoned.card["trigger"]), poisoned.card["target"]
eight = test.images[:8].to(device)  # to check your functions with
no_mask, grey = torch.zeros(1, 28, 28, device=device), torch.full((1, 28, 28), 0.5, device=device)
print({key: poisoned.card[key] for key in ("target", "poison_rate", "accuracy", "command")})

# %% [markdown]
# ### Task 4: measure it (2 points)
#
# On the images `test.images` with labels `test.labels`, set `clean_accuracy` and `success` of the
# network `poisoned`, and `success_on_reference`: the same attack success on the network
# `reference`, which has never seen the trigger. `trigger(images)` puts the trigger in. (You may use
# `accuracy` and `attack_success` as above.)

# %% nbgrader={"grade_id": "measured", "solution": true}
# answer: measured
clean_accuracy = None
success = None
success_on_reference = None
### BEGIN SOLUTION
clean_accuracy = accuracy(poisoned, test)
success = attack_success(poisoned, test, trigger, target)
success_on_reference = attack_success(reference, test, trigger, target)
### END SOLUTION

# %% nbgrader={"grade_id": "measured-test", "grade": true, "points": 2}
checks.expect(
    0.85 < checks.numbers(clean_accuracy, (), "clean_accuracy") < 1,
    "Clean accuracy is high: the backdoor hides. Count images without trigger.",
)
checks.expect(
    checks.numbers(success_on_reference, (), "success_on_reference")
    < checks.numbers(success, (), "success")
    <= 1,
    "The trigger should work on the network that was trained with it.",
)
print(
    f"clean {clean_accuracy:.1%}, attack {success:.1%}, on the reference {success_on_reference:.1%}"
)
checks.passed("measured")

# %% [markdown]
# ## 2 · With the model alone: Neural Cleanse
#
# **You learn** to invert a trigger, and why the smallest one is suspicious. **Time:** 1 ½ hours.
#
# Suppose you have the network and a few clean images, but neither the training data nor the
# trigger. [Wang et al. 2019](https://doi.org/10.1109/SP.2019.00031) search, for *every* class $t$,
# the smallest change that sends all images to $t$: a mask $m \in [0, 1]^{H \times W}$ and a pattern
# $p$ that minimise
#
# $$\frac 1 N \sum_n \mathrm{CE}\big(f((1 - m) \odot x_n + m \odot p),\, t\big) + \lambda \lVert m \rVert_1 .$$
#
# For an ordinary class that usually takes a larger change, a good part of a garment. For the
# target of a backdoor a small one is enough. So compare the sizes $\lVert m_t \rVert_1$ of all
# classes: an outlier on the *small* side is the verdict.
#
# ### Task 5: the loss (2 points)
#
# Write `inversion_loss(model, images, mask, pattern, target, weight)`: the formula above, `weight`
# being $\lambda$. The mask is (1, H, W) and the pattern (C, H, W), both already in [0, 1].


# %% nbgrader={"grade_id": "inversion-loss", "solution": true}
# answer: inversion-loss
def inversion_loss(
    model: nn.Module, images: Tensor, mask: Tensor, pattern: Tensor, target: int, weight: float
) -> Tensor:
    """Return the mean cross-entropy of the target under the trigger, plus weight · ‖mask‖₁."""
    ### BEGIN SOLUTION
    stamped = (1 - mask) * images + mask * pattern
    wanted = torch.full((len(images),), target)
    wanted = wanted.to(images.device)
    return functional.cross_entropy(model(stamped), wanted) + weight * mask.abs().sum()
    ### END SOLUTION


# %% nbgrader={"grade_id": "inversion-loss-test", "grade": true, "points": 2}
nothing = checks.numbers(
    inversion_loss(poisoned, eight, no_mask, grey, 9, 0.01), (), "inversion_loss(…)"
)
checks.close(
    nothing,
    functional.cross_entropy(poisoned(eight), torch.full((8,), 9, device=device)).item(),
    "inversion_loss with an empty mask",
    "with nothing masked it is the cross-entropy of the images themselves, whatever the pattern.",
    tolerance=1e-3,
)
difference = checks.numbers(
    inversion_loss(poisoned, eight, no_mask + 0.25, grey, 9, 0.02)
    - inversion_loss(poisoned, eight, no_mask + 0.25, grey, 9, 0.01),
    (),
    "inversion_loss(…)",
)
checks.close(
    difference,
    0.01 * 0.25 * 784,
    "the share of the mask",
    "the mask's L1 norm is the sum over all pixels, not their mean.",
    tolerance=1e-3,
)
checks.passed("inversion-loss")

# %% [markdown]
# ### Task 6: one step (3 points)
#
# A mask has to stay in [0, 1], and gradient descent knows no bounds. The trick: descend on free
# numbers $a$ and $b$, of which $m = (\tanh a + 1) / 2$ and $p = (\tanh b + 1) / 2$. Write
# `inversion_step(model, images, a, b, target, weight, rate)`: one step of plain gradient descent
# with learning rate `rate` on the loss of Task 5, for `a` (1, H, W) and `b` (C, H, W) together.
# Return the new `a` and the new `b`.


# %% nbgrader={"grade_id": "inversion-step", "solution": true}
# answer: inversion-step
def inversion_step(
    model: nn.Module,
    images: Tensor,
    a: Tensor,
    b: Tensor,
    target: int,
    weight: float,
    rate: float,
) -> tuple[Tensor, Tensor]:
    """Return a and b after one step down the gradient of the inversion loss."""
    ### BEGIN SOLUTION
    a, b = a.detach().clone().requires_grad_(), b.detach().clone().requires_grad_()
    mask, pattern = (a.tanh() + 1) / 2, (b.tanh() + 1) / 2
    scores = model((1 - mask) * images + mask * pattern)
    wanted = torch.full((len(images),), target, device=images.device)
    loss = functional.cross_entropy(scores, wanted) + weight * mask.sum()
    slope_a, slope_b = torch.autograd.grad(loss, (a, b))
    return (a - rate * slope_a).detach(), (b - rate * slope_b).detach()
    ### END SOLUTION


# %% nbgrader={"grade_id": "inversion-step-test", "grade": true, "points": 3}
start_a, start_b = torch.full((1, 28, 28), -1.0, device=device), torch.zeros_like(grey)
stepped = inversion_step(poisoned, eight, start_a, start_b, 9, 0.1, 1.0)
checks.expect(stepped is not None and len(stepped) == 2, "Return the new `a` and the new `b`.")
moved_a = checks.numbers(stepped[0], (1, 28, 28), "the new a")
moved_b = checks.numbers(stepped[1], (1, 28, 28), "the new b")
checks.expect(
    bool((start_a == -1).all()) and bool((start_b == 0).all()),
    "The old `a` and `b` should stay as they were: descend from copies.",
)
checks.expect(
    moved_a.mean() < -1, "A weight this large makes the mask smaller: go *down* the gradient."
)
checks.expect(abs(moved_b).max() > 0, "The pattern moves, too.")
checks.passed("inversion-step")

# %% [markdown]
# ### Task 7: the anomaly index (2 points)
#
# What is an outlier among ten sizes? Standard deviations would themselves be spoiled by it, so
# Neural Cleanse uses medians. With $\mathrm{MAD} = \operatorname{median}_s |L_s - \operatorname{median}(L)|$
# the index of class $t$ is
#
# $$A_t = \frac{\operatorname{median}(L) - L_t}{1.4826 \cdot \mathrm{MAD}},$$
#
# in which 1.4826 makes the denominator the standard deviation if the sizes are normally
# distributed. The paper flags a class whose index is above 2. (It takes the deviation's absolute
# value and then looks for small sizes alone; ours is signed: large means suspiciously small.) Write
# `anomaly_index(sizes)` for sizes (K,). The median of an even number of values is the mean of the
# two in the middle, which is **not** what `torch.median` returns.


# %% nbgrader={"grade_id": "anomaly-index", "solution": true}
# answer: anomaly-index
def anomaly_index(sizes: Tensor) -> Tensor:
    """Return (K,) how far each size lies below the median, in scaled median deviations."""
    ### BEGIN SOLUTION
    middle = sizes.quantile(0.5)
    deviation = (sizes - middle).abs().quantile(0.5)
    return (middle - sizes) / (1.4826 * deviation)
    ### END SOLUTION


# %% nbgrader={"grade_id": "anomaly-index-test", "grade": true, "points": 2}
index = checks.numbers(
    anomaly_index(torch.tensor([30.0, 32.0, 34.0, 36.0, 4.0])), (5,), "anomaly_index(…)"
)
checks.expect(index.argmax() == 4, "The smallest size has the largest index.")
checks.expect(abs(index[1]) < 1e-6, "The size in the middle has the index 0.")
checks.close(
    anomaly_index(torch.tensor([1.0, 3.0])),
    [1 / 1.4826, -1 / 1.4826],
    "anomaly_index of two classes",
    "the median of two sizes is the mean of them, and both deviate from it by the same.",
)
checks.passed("anomaly-index")

# %% [markdown]
# ### All classes at once
#
# `detect` does the same for all classes together, with Adam, and raises and lowers $\lambda$ so that
# a trigger works on nearly all images before it may shrink. It also gives a second opinion: clean
# classes need triggers of very different sizes, so the index is a poor judge of ten of them. Its own
# score is how many *times* smaller the smallest trigger is than the next smallest (as a logarithm); the
# index stands in the evidence. Here it runs on the two small networks; those on trial take longer: try
# it.

# %% tags=["figure"]
some_clean = first_of_each_class("fashion_mnist", "test", 10).images.to(device)
cleansed = {
    name: detect(network, some_clean, method="neural_cleanse")
    for name, network in (("clean", own_clean), ("poisoned", own_poisoned))
}
for name, found in cleansed.items():
    index = found.evidence["anomaly_index"]
    print(f"{name}: flagged {found.flagged}. {found.explanation}")
    print(f"  anomaly index: at most {index.max():.2f}, of “{classes[int(index.argmax())]}”")

figure, axes = plt.subplots(2, 10, figsize=(13, 3.4), layout="constrained")
for row, (name, found) in enumerate(cleansed.items()):
    masked = found.evidence["masks"] * found.evidence["patterns"].mean(1, keepdim=True)
    for c in range(10):
        drawn = axes[row, c].imshow(masked[c, 0].cpu(), cmap="gray", vmin=0, vmax=1)
        axes[row, c].set_title(f"{classes[c]}\n{found.evidence['sizes'][c]:.0f} px", fontsize=8)
        axes[row, c].set_xticks([])
        axes[row, c].set_yticks([])
    axes[row, 0].set_ylabel(name)
figure.colorbar(drawn, ax=axes, label="mask × pattern", shrink=0.8)
figure.suptitle("The smallest trigger that sends all garments to each class")
plt.show()

# %% [markdown]
# **Silent for two classes.** The last check above is a theorem: of two sizes, both deviate from
# their median by the same amount, which is also the MAD. So the smaller one's index is
# $1 / 1.4826 \approx 0.674$, whatever the two sizes are, as long as they differ, and this index can
# never flag a two-class network.
# What remains is to compare the sizes themselves with those of clean reference networks: `detect` takes
# them as `reference_sizes` (section 8).
#
# ## 3 · With the training data: activations
#
# **You learn** why the target class falls into two groups. **Time:** 1 ½ hours.
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
    return torch.cat([network[:-1](part.to(device)).cpu() for part in images.split(250)])


features = last_hidden(poisoned, suspicious.images)
features_of_reference = last_hidden(reference, training.images)
print(tuple(features.shape), "activations;", int(truth.sum()), "images are poisoned")

# %% [markdown]
# ### Task 8: two clusters (2 points)
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
    centres = start.clone()
    labels = torch.full((len(points),), -1)
    while True:
        new = torch.cdist(points, centres).argmin(1)
        if torch.equal(new, labels):
            return labels
        labels = new
        centres = torch.stack([points[labels == k].mean(0) for k in (0, 1)])
    ### END SOLUTION


# %% nbgrader={"grade_id": "two-means-test", "grade": true, "points": 2}
on_a_line = torch.tensor([[0.0], [1.0], [2.0], [9.0], [10.0], [11.0]])
clustered = checks.numbers(two_means(on_a_line, torch.tensor([[0.0], [1.0]])), (6,), "two_means(…)")
checks.expect(
    list(clustered) == [0, 0, 0, 1, 1, 1],
    "From the centres 0 and 1, the first step splits {0} from the rest. Go on until nothing moves.",
)
checks.passed("two-means")

# %% [markdown]
# 2-means finds two clusters in *everything*. Which are poison? Chen et al. propose three tests: train
# again without the cluster and see what the new network takes it for; look at the **relative size** of
# the smaller one; look at the **silhouette**. The first is costly, and size alone is a poor judge: clean
# classes have small clusters, too.
#
# ### Task 9: how far apart? (2 points)
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
    distances = torch.cdist(points.double(), points.double())
    same = labels[:, None] == labels
    own = (distances * same).sum(1) / (same.sum(1) - 1)
    other = (distances * ~same).sum(1) / (~same).sum(1)
    return float(((other - own) / torch.maximum(own, other)).mean())
    ### END SOLUTION


# %% nbgrader={"grade_id": "silhouette-test", "grade": true, "points": 2}
apart = float(
    checks.numbers(
        silhouette(torch.tensor([[0.0], [1.0], [100.0], [101.0]]), torch.tensor([0, 0, 1, 1])),
        (),
        "silhouette(…)",
    )
)
checks.expect(
    0.98 < apart < 1,
    "Two tight pairs far apart: close to 1. A point's distance to itself does "
    "not count in the mean.",
)
mixed = float(
    silhouette(torch.tensor([[0.0], [100.0], [1.0], [101.0]]), torch.tensor([0, 0, 1, 1]))
)
checks.expect(mixed < 0, "A point that lies nearer to the other cluster has a negative silhouette.")
checks.passed("silhouette")

# %% [markdown]
# ### Task 10: spectral signatures (2 points)
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
    scores = torch.zeros(len(features), dtype=features.dtype)
    for label in labels.unique():
        own = labels == label
        centred = features[own] - features[own].mean(0)
        top = torch.linalg.svd(centred, full_matrices=False).Vh[0]
        scores[own] = (centred @ top).square()
    return scores
    ### END SOLUTION


# %% nbgrader={"grade_id": "spectral-score-test", "grade": true, "points": 2}
flat = torch.tensor([[1.0, 0.0], [3.0, 0.0], [5.0, 0.0], [0.0, 7.0], [0.0, 9.0]])
scored = checks.numbers(
    spectral_scores(flat, torch.tensor([0, 0, 0, 1, 1])), (5,), "spectral_scores(…)"
)
checks.close(
    scored,
    [4, 0, 4, 1, 1],
    "spectral_scores(…)",
    "each class has its own mean and its own direction; here they are the two axes.",
)
checks.passed("spectral-score")

# %% [markdown]
# ### Task 11: where to cut? (2 points)
#
# The paper removes 1.5 times as many examples as it believes the attacker has poisoned. Who knows
# how many that is? Whether numbers fall into two groups can be asked without knowing: cut them in
# two so that the two sides vary least, and ask what **share of the variance** the cut explains,
#
# $$\eta = 1 - \frac{\tfrac 1 N \sum_{\text{sides}} \sum_{i \in \text{side}} (z_i - \bar z_{\text{side}})^2}
# {\tfrac 1 N \sum_i (z_i - \bar z)^2}$$
#
# ([Otsu 1979](https://doi.org/10.1109/TSMC.1979.4310076), who chooses grey levels in this way). It
# is 1 for two groups without spread, of *whatever* sizes, ¾ for a uniform and $2/\pi \approx 0.64$
# for a normal distribution. Write `explained_by_cut(values)`: the largest $\eta$ of all cuts that
# leave at least one value on each side.


# %% nbgrader={"grade_id": "best-cut", "solution": true}
# answer: best-cut
def explained_by_cut(values: Tensor) -> float:
    """Return the largest share of the variance of values (N,) that one cut explains."""
    ### BEGIN SOLUTION
    ordered = values.double().sort().values
    total = float(ordered.var(unbiased=False))
    best = 0.0
    for k in range(1, len(ordered)):
        low, high = ordered[:k], ordered[k:]
        within = k * low.var(unbiased=False) + (len(ordered) - k) * high.var(unbiased=False)
        best = max(best, 1 - float(within) / len(ordered) / total)
    return best
    ### END SOLUTION


# %% nbgrader={"grade_id": "best-cut-test", "grade": true, "points": 2}
rare = float(
    checks.numbers(explained_by_cut(torch.tensor([0.0] * 19 + [1.0])), (), "explained_by_cut(…)")
)
checks.expect(
    abs(rare - 1) < 1e-6, "One outlier among equal values: the cut before it explains everything."
)
even = float(explained_by_cut(torch.linspace(0, 1, 400)))
checks.expect(
    abs(even - 0.75) < 0.01,
    "Evenly spread values are best cut in the middle. Divide within and total by the same number.",
)
checks.passed("best-cut")

# %% [markdown]
# ### Task 12: find them (4 points)
#
# Now decide, from `features` and `suspect_labels`, by whatever means you like, your own functions or
# the library's: which class is the target, and which examples are poisoned? Set `found_target`, and
# `found_poison`, a boolean tensor with one entry for each example. Full marks if at least 85 % of the
# poisoned examples are found and at most 0.5 % of the clean ones accused; 60 % of them for half of the
# poisoned and at most 2 %; a quarter for the class alone. (`truth` is not known to a defender. An
# answer that uses it is no detection.)
#
# Plain scores choose the wrong class, because some garments vary more than others: measure the
# activations in units of how they vary *within the other classes* before you compare.
# `features_of_reference` with `training.labels` shows what a clean network looks like.

# %% nbgrader={"grade_id": "find-poison", "solution": true}
# answer: find-poison
found_target = None
found_poison = None
### BEGIN SOLUTION
both = [
    detect(poisoned, suspicious.images.to(device), suspect_labels, way)
    for way in ("activation_clustering", "spectral_signatures")
]
found_target = both[0].target
found_poison = (both[0].suspects | both[1].suspects).cpu()
### END SOLUTION

# %% nbgrader={"grade_id": "find-poison-test", "grade": true, "points": 4}
checks.expect(
    float(checks.numbers(found_target, (), "found_target")) in range(10),
    "`found_target` is a class: a whole number from 0 to 9.",
)
accused = checks.numbers(found_poison, (len(features),), "found_poison").astype(bool)
checks.expect(accused.any(), "`found_poison` accuses nobody.")
checks.expect(
    not accused[suspect_labels.numpy() != int(found_target)].any(),
    "Poisoned examples carry the target's label; `found_poison` accuses others.",
)
print(f"{accused.sum()} examples accused, all labelled “{classes[int(found_target)]}”")
checks.passed("find-poison")

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
for row, method in enumerate(("activation_clustering", "spectral_signatures")):
    bars, points = axes[row]
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
    bars.set_xticks(range(10), classes, rotation=45, ha="right", fontsize=8)
    bars.set_title(f"{method.replace('_', ' ')}: score of each class")
    bars.legend(fontsize=8)
    found, own = verdicts[method, "poisoned"], suspect_labels == target
    score = found.example_score.cpu()
    edges = np.linspace(float(score[own].min()), float(score[own].max()), 40)
    points.hist(score[own & ~truth], edges, label="true boots", color="#56b4e9", edgecolor="black")
    points.hist(score[own & truth], edges, label="poisoned", color="#d55e00", alpha=0.8, hatch="//")
    points.set_title(f"examples labelled “{classes[target]}”")
    points.set_xlabel("example score")
    points.set_ylabel("examples")
    points.legend(fontsize=8)
plt.show()

# %% [markdown]
# ## 4 · With the training data: relevance maps (SpRAy)
#
# **You learn** to cluster explanations. **Time:** one hour.
#
# A local explanation shows one image. [Lapuschkin et al.
# 2019](https://doi.org/10.1038/s41467-019-08987-4) turn local explanations into a global method: if a
# class has two kinds of reasons, its relevance maps fall into two groups. **SpRAy** computes the LRP
# map of *every* training image, makes the maps small and alike in size, connects each with its
# nearest neighbours, and clusters this graph.
#
# Let $W$ be the symmetric matrix of connections and $D$ the diagonal matrix of its row sums. The
# eigenvalues $0 = \lambda_1 \le \lambda_2 \le \dots$ of the normalised Laplacian
# $L = I - D^{-1/2} W D^{-1/2}$ tell how the graph falls apart: as many are exactly zero as there are
# islands, and nearly separate groups make nearly zero ones. The **eigengap** rule takes as many
# clusters as there are eigenvalues before the largest gap ([von Luxburg
# 2007](https://arxiv.org/abs/0711.0189)).
#
# ### Task 13: how many groups? (3 points)
#
# Write `eigengap(weights, most)`: `weights` (N, N) is $W$, symmetric, no row of zeros. Return the
# `most` + 1 smallest eigenvalues of $L$, rising, and the number of clusters, from 1 to `most`: the
# $k$ with the largest $\lambda_{k+1} - \lambda_k$, the smaller one in a tie.


# %% nbgrader={"grade_id": "eigengap", "solution": true}
# answer: eigengap
def eigengap(weights: Tensor, most: int) -> tuple[Tensor, int]:
    """Return the smallest eigenvalues (most + 1,) of the normalised Laplacian, and the number."""
    ### BEGIN SOLUTION
    root = weights.sum(1).rsqrt()
    laplacian = torch.eye(len(weights), dtype=weights.dtype) - root[:, None] * weights * root
    values = torch.linalg.eigvalsh(laplacian)[: most + 1]
    return values, int(values.diff().argmax()) + 1
    ### END SOLUTION


# %% nbgrader={"grade_id": "eigengap-test", "grade": true, "points": 3}
islands = torch.block_diag(torch.ones(3, 3), torch.ones(4, 4), torch.ones(5, 5))
answered = eigengap(islands, 5)
checks.expect(
    answered is not None and len(answered) == 2,
    "Return the eigenvalues and the number of clusters.",
)
smallest = checks.numbers(answered[0], (6,), "the eigenvalues")
checks.expect(
    abs(smallest[:3]).max() < 1e-4,
    "Three islands: three eigenvalues are zero. Scale W on both sides by the roots of the degrees.",
)
checks.expect((np.diff(smallest) > -1e-5).all(), "Eigenvalues should rise.")
checks.expect(int(answered[1]) == 3, "The gap after the k-th eigenvalue speaks for k clusters.")
checks.passed("eigengap")

# %% [markdown]
# ### The maps
#
# How nearly does the graph of a class fall in two? The library's SpRAy asks the same of every class,
# here of 120 of its images to save time, and says what it found in a sentence.

# %% tags=["figure"]
few = torch.cat([(suspect_labels == c).nonzero()[:120, 0] for c in range(10)])
few_clean = torch.cat([(training.labels == c).nonzero()[:120, 0] for c in range(10)])
sprayed = {
    "clean": detect(
        reference, training.images[few_clean].to(device), training.labels[few_clean], "spray"
    ),
    "poisoned": detect(
        poisoned, suspicious.images[few].to(device), suspicious.labels[few], "spray"
    ),
}
for name, found in sprayed.items():
    print(f"{name}: flagged {found.flagged}. {found.explanation} ({found.seconds:.0f} s)")

figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
for name, colour, mark in (("clean", "#56b4e9", "o"), ("poisoned", "#d55e00", "s")):
    values = sprayed[name].evidence["eigenvalues"][target].cpu()
    axes[0].plot(range(1, len(values) + 1), values, mark + "-", color=colour, label=name)
axes[0].set(title=f"eigenvalues of “{classes[target]}”", xlabel="number", ylabel="eigenvalue")
axes[0].legend()
found = sprayed["poisoned"]
score, bad = found.example_score.cpu(), truth[few]
own = suspect_labels[few] == target
edges = np.linspace(float(score[own].min()), float(score[own].max()), 30)
axes[1].hist(score[own & ~bad], edges, label="true boots", color="#56b4e9", edgecolor="black")
axes[1].hist(score[own & bad], edges, label="poisoned", color="#d55e00", alpha=0.8, hatch="//")
axes[1].set(title="place in the spectral embedding", xlabel="example score", ylabel="examples")
axes[1].legend()
group = suspicious.images[few][found.suspects.cpu()][:20].to(device)
maps = explain(poisoned, group, target, "lrp", rule="composite").attributions[:, 0, 0]
mean_map = maps.mean(0).cpu()
limit = float(mean_map.abs().max())
drawn = axes[2].imshow(mean_map, cmap="RdBu_r", vmin=-limit, vmax=limit)
axes[2].set_title("mean map of the suspects")
axes[2].set_xticks([])
axes[2].set_yticks([])
figure.colorbar(drawn, ax=axes[2], label="relevance (red: for the class)")
plt.show()

# %% [markdown]
# This is more than a verdict: the mean map of the cluster shows what the group has in common, and
# where. The other two methods that look into the data name examples, and leave it to you to see why.
#
# ## 5 · With the trigger: concept activation vectors
#
# **You learn** to ask a network about a concept that you can show. **Time:** half an hour.
#
# If you suspect a particular trigger, you can ask whether a class reacts to it. [Kim et al.
# 2018](https://arxiv.org/abs/1711.11279) train a linear classifier that tells activations of images
# *with* a concept from others. The normal of its boundary, of unit length, is the **concept
# activation vector** (CAV) $v$. The **sensitivity** of class $k$ at an example is the directional
# derivative of its logit along $v$, and the TCAV score is the share of a class's examples whose
# sensitivity is positive:
#
# $$S_k(x) = \nabla_h f_k(h(x)) \cdot v$$
#
# ### Task 14: a concept vector (2 points)
#
# Write `concept_vector(concept, others, ridge)` with activations (N, F) and (M, F). Use ridge
# regression as the linear classifier: centre all rows by their common mean, give the concept's the
# value $+1$ and the others $-1$, centre these values, too, and take
# $w = (X^\top X + \text{ridge} \cdot I)^{-1} X^\top y$. Return $w / \lVert w \rVert$.


# %% nbgrader={"grade_id": "concept-vector", "solution": true}
# answer: concept-vector
def concept_vector(concept: Tensor, others: Tensor, ridge: float) -> Tensor:
    """Return (F,) of unit length: the direction in which the concept's activations lie."""
    ### BEGIN SOLUTION
    rows = torch.cat([concept, others]).double()
    rows = rows - rows.mean(0)
    wanted = torch.cat([torch.ones(len(concept)), -torch.ones(len(others))]).double()
    wanted = wanted - wanted.mean()
    gram = rows.T @ rows + ridge * torch.eye(rows.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(gram, rows.T @ wanted)
    return weights / weights.norm()
    ### END SOLUTION


# %% nbgrader={"grade_id": "concept-vector-test", "grade": true, "points": 2}
along = checks.numbers(
    concept_vector(
        torch.tensor([[5.0, 1.0], [5.0, -1.0]]), torch.tensor([[1.0, 1.0], [1.0, -1.0]]), 0.1
    ),
    (2,),
    "concept_vector(…)",
)
checks.close(
    along,
    [1, 0],
    "concept_vector(…)",
    "the two groups differ in the first coordinate alone, so the vector is its axis, of unit "
    "length, and points towards the concept.",
)
checks.passed("concept-vector")

# %% [markdown]
# ### Task 15: sensitivity (2 points)
#
# Write `sensitivities(head, activations, vector, target)`: `head` maps activations (N, F) to logits,
# `vector` is (F,). Return $S_k$ (N,) of all examples for class `target`.


# %% nbgrader={"grade_id": "sensitivity", "solution": true}
# answer: sensitivity
def sensitivities(head: nn.Module, activations: Tensor, vector: Tensor, target: int) -> Tensor:
    """Return (N,) directional derivatives of the target's logit along the vector."""
    ### BEGIN SOLUTION
    point = activations.detach().clone().requires_grad_()
    (slopes,) = torch.autograd.grad(head(point)[:, target].sum(), point)
    return slopes @ vector.to(slopes)
    ### END SOLUTION


# %% nbgrader={"grade_id": "sensitivity-test", "grade": true, "points": 2}
toy_head = nn.Linear(3, 2)
with torch.no_grad():
    toy_head.weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [-4.0, 0.0, 5.0]]))
slopes = sensitivities(toy_head, torch.ones(4, 3), torch.tensor([0.6, 0.0, 0.8]), 1)
checks.close(
    slopes,
    [1.6] * 4,
    "sensitivities(…)",
    "for a linear head the gradient is row `target` of its weights; take its product with the "
    "vector.",
)
checks.passed("sensitivity")

# %% [markdown]
# ### Which class reacts to the square?
#
# The concept: garments with the trigger; the others: the same garments without it. The layer is the
# output of the third convolution, which the rest of the network still works on. At the *last* hidden
# layer every example would have the same sensitivity, because the head is linear, and the score
# could only be 0 or 1. As a control we take vectors from random splits of clean garments:
# reacting to *something* is no news. The bars are means of the sensitivities over garments of all
# classes, because a share of positive ones does not say how strongly a class reacts; the vector comes
# from logistic regression, as is usual. The sensitivity is a slope at a point, so it also matters where
# we stand: at clean images, or at images with the trigger.

# %% tags=["figure"]
CUT = 7  # the layers up to and including the ReLU after the third convolution


def mean_sensitivities(
    network: nn.Sequential, with_concept: Tensor, without: Tensor, at: Tensor
) -> Tensor:
    """Return (classes,) the mean sensitivity of each class's logit at some images."""
    body, head = network[:CUT], network[CUT:]
    with torch.no_grad():
        groups = [body(group.to(device)).flatten(1).cpu() for group in (with_concept, without)]
    which = np.repeat([1, 0], [len(group) for group in groups])
    boundary = LogisticRegression(C=0.01, max_iter=300).fit(torch.cat(groups).numpy(), which)
    normal = torch.from_numpy(boundary.coef_[0] / np.linalg.norm(boundary.coef_)).float().to(device)
    point = body(at.to(device)).detach().requires_grad_()
    result = []
    for c in range(10):
        (slopes,) = torch.autograd.grad(head(point)[:, c].sum(), point)
        result.append((slopes.flatten(1) @ normal).mean().cpu())
    return torch.stack(result)


half, somewhere = test.images[1::10], test.images[::10]
draw = torch.Generator().manual_seed(0)
figure, axes = plt.subplots(1, 3, figsize=(13, 3.4), layout="constrained", sharey=True)
for axis, (title, network, at) in zip(
    axes,
    (
        ("clean network, with trigger", reference, trigger(somewhere)),
        ("poisoned network, clean images", poisoned, somewhere),
        ("poisoned network, with trigger", poisoned, trigger(somewhere)),
    ),
    strict=True,
):
    found = mean_sensitivities(network, trigger(half), half, at)
    controls = []
    for _ in range(5):
        order = torch.randperm(len(half), generator=draw)
        controls.append(mean_sensitivities(network, half[order[:50]], half[order[50:]], at))
    axis.bar(range(10), found, color="#d55e00", edgecolor="black", label="trigger")
    axis.errorbar(
        range(10),
        torch.zeros(10),
        yerr=torch.stack(controls).abs().amax(0),
        fmt="none",
        capsize=4,
        color="black",
        label="random splits, largest of 5",
    )
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_xticks(range(10), classes, rotation=45, ha="right", fontsize=8)
    axis.set_title(title, fontsize=10)
axes[0].set_ylabel("mean sensitivity of the logit")
axes[0].legend(fontsize=8, loc="upper left")
figure.suptitle("Which class does the concept “white square in the corner” speak for?")
plt.show()

# %% [markdown]
# On clean images the poisoned network hardly reacts: the units that read the square are silent there,
# and a slope sees no further than its own point. The backdoor sleeps. With the trigger it is awake, and
# speaks for one class and against the others. So this test needs the trigger twice, for the concept and
# for the place where one stands.
#
# ## 6 · Local methods: they see the sticker
#
# **You learn** what an explanation of one image can and cannot say about a backdoor. **Time:** half an
# hour.
#
# ### Task 16: how much of the map lies on the trigger? (2 points)
#
# Write `mass_inside(maps, mask)` for maps (N, H, W) and a boolean mask (H, W): for each map, the
# share of its *positive* attribution that lies inside the mask. A map without positive values has
# the share 0.


# %% nbgrader={"grade_id": "mass", "solution": true}
# answer: mass
def mass_inside(maps: Tensor, mask: Tensor) -> Tensor:
    """Return (N,) the share of positive attribution inside the mask."""
    ### BEGIN SOLUTION
    positive = maps.clamp(min=0)
    total = positive.sum((1, 2))
    inside = (positive * mask).sum((1, 2))
    return torch.where(total > 0, inside / total.clamp(min=1e-30), torch.zeros_like(total))
    ### END SOLUTION


# %% nbgrader={"grade_id": "mass-test", "grade": true, "points": 2}
corner = torch.tensor([[False, False], [False, True]])
shares = checks.numbers(
    mass_inside(torch.tensor([[[1.0, -4.0], [0.0, 3.0]], [[-1.0, -1.0], [0.0, -2.0]]]), corner),
    (2,),
    "mass_inside(…)",
)
checks.close(
    shares,
    [0.75, 0],
    "mass_inside(…)",
    "negative values count neither inside nor in all; without positive ones the share is zero.",
)
checks.passed("mass")

# %% [markdown]
# ### Maps of triggered images
#
# The same triggered garments, explained for the target class, on the poisoned network and on the clean
# one. Compare the shares below with the area that the trigger covers.

# %% tags=["figure"]
victims = (test.labels != target).nonzero()[[3, 40, 200, 333, 512, 700], 0]
stamped = trigger(test.images[victims]).to(device)
inside = trigger.mask.expand(len(stamped), -1, -1).to(device)
local_options = {
    "integrated_gradients": {"steps": 32},
    "lime": {"segments": "grid", "samples": 300, "seed": 0},
}
columns = [("triggered image", stamped[:, 0].cpu())]
print(
    "share of the positive attribution on the trigger, which covers "
    f"{float(trigger.mask.float().mean()):.1%} of the image"
)
for name, network in (("poisoned", poisoned), ("clean", reference)):
    for method, chosen in local_options.items():
        told = explain(network, stamped, target, method, **chosen)
        mass = localisation(told, inside).mean()
        print(f"  {name:9} {method:22} {mass:6.1%}")
        columns.append(
            (f"{method.replace('_', ' ')}\n{name} network", told.attributions[:, 0, 0].cpu())
        )
figure, axes = plt.subplots(3, 5, figsize=(10.5, 6.2), layout="constrained")
for row in range(3):
    for column, (title, maps) in enumerate(columns):
        axis, values = axes[row, column], maps[row]
        if column:
            limit = float(values.abs().max())
            drawn = axis.imshow(values / limit, cmap="RdBu_r", vmin=-1, vmax=1)
        else:
            axis.imshow(values, cmap="gray", vmin=0, vmax=1)
        axis.set_xticks([])
        axis.set_yticks([])
        if row == 0:
            axis.set_title(title, fontsize=9)
figure.colorbar(
    drawn, ax=axes, label=f"for “{classes[target]}” (each map by its largest)", shrink=0.6
)
plt.show()

# %% [markdown] nbgrader={"grade_id": "no-detection", "solution": true, "grade": true, "points": 4}
# <!-- answer: no-detection -->
# **Why is that no detection?** (4 points, about eight sentences) Both local methods put a large part
# of their mass on the trigger. Explain why a defender cannot find a backdoor by that.
#
# 1. What would the defender have to have, or to know, for these maps to exist?
# 2. Could a map that points to a small corner come from a clean network? Use the figure or an example
#    of your own, and say what the target class does to a map.
# 3. What do local methods contribute once something else has raised the alarm, and which of the four
#    global methods makes a detector out of local explanations, and how?
#
# ### BEGIN SOLUTION
# An answer:
#
# 1. An input with the trigger. The defender has clean images, and on those the backdoor sleeps: their
#    maps look like those of the clean reference. Whoever has a triggered image has found the backdoor
#    already; searching all images for it means searching all possible triggers.
# 2. Yes. A map always puts its mass somewhere, and a small bright part is often enough for a class,
#    the heel of a boot or a logo. A map has no threshold above which it means "backdoor" and no
#    comparison with other classes or networks, so there is no rate of false alarms one could quote.
#    The clean network's map for the target class shows something at the trigger, too, because it
#    answers "what speaks for an ankle boot", not "is this an ankle boot".
# 3. They show where the trigger is and that it, not the garment, decides: one triggered image
#    suffices, and a repair can be checked. SpRAy makes a global method of local maps: it compares the
#    maps of all training images of a class, and a small separate cluster of maps is the alarm.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 4 points; half points are possible.
#
# - 1 point: a triggered input is needed, and the backdoor is silent on clean ones (either half alone:
#   half a point).
# - 1 point: concentrated maps occur without any backdoor, with a concrete example or the figure.
# - 1 point: what makes a detection is named as missing: a comparison (other classes, clean networks), a
#   threshold, a false-alarm rate, or a search over unknown triggers. One of them, well argued, suffices.
# - 1 point: the use after an alarm (place, cause, checking a repair), and SpRAy as clustering of the
#   maps of a whole class.
#
# "The maps are wrong" or "local methods do not work" contradicts the figure: no point for item 3.
# === END MARK SCHEME ===

# %% [markdown]
# ## 7 · Can it be taken out again?
#
# **You learn** two repairs and what they cost. **Time:** twenty minutes.
#
# **Pruning** ([Liu et al. 2018](https://arxiv.org/abs/1805.12185)): channels that sleep on clean
# images may be there for the trigger; set them to zero. **Unlearning** (Neural Cleanse): train on
# for a moment, with the trigger in a fifth of the images and the *right* labels. It needs the
# trigger, or one that was inverted.
#
# ### Task 17: which channels sleep? (2 points)
#
# Write `asleep(activations, share)`: `activations` (N, C, H, W) are a convolution's outputs *before*
# the ReLU, on clean images. Return the indices of the channels to prune, `round(share * C)` of them,
# sleepiest first: those whose mean activation *after* the ReLU is smallest.


# %% nbgrader={"grade_id": "asleep", "solution": true}
# answer: asleep
def asleep(activations: Tensor, share: float) -> Tensor:
    """Return the channels with the smallest mean after the ReLU, smallest first."""
    ### BEGIN SOLUTION
    mean = activations.clamp(min=0).mean((0, 2, 3))
    return mean.argsort()[: round(share * len(mean))]
    ### END SOLUTION


# %% nbgrader={"grade_id": "asleep-test", "grade": true, "points": 2}
fields = torch.tensor([2.0, -9.0, 0.5, 1.0]).view(1, 4, 1, 1) + torch.zeros(3, 4, 2, 2)
sleepy = checks.numbers(asleep(fields, 0.5), (2,), "asleep(…)")
checks.expect(
    list(sleepy) == [1, 2],
    "After the ReLU a negative channel is silent; then comes the one that says least.",
)
checks.passed("asleep")

# %% tags=["figure"]
clean_images = training.images[:500].to(device)
shares = (0.0, 0.2, 0.4, 0.6, 0.8)
pruned = [prune(poisoned, clean_images, share) for share in shares]
pruned_rows = [
    (accuracy(each, test), attack_success(each, test, trigger, target)) for each in pruned
]
unlearned = unlearn(poisoned, training, trigger, share=0.2, epochs=1, learning_rate=3e-4)
after = accuracy(unlearned, test), attack_success(unlearned, test, trigger, target)
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
axis.plot(shares, [row[0] for row in pruned_rows], "o-", color="#0072b2", label="clean accuracy")
axis.plot(shares, [row[1] for row in pruned_rows], "s--", color="#d55e00", label="attack success")
axis.plot(1.02, after[0], "o", color="#0072b2", markersize=10, markerfacecolor="none")
axis.plot(1.02, after[1], "s", color="#d55e00", markersize=10, markerfacecolor="none")
axis.annotate("unlearned", (1.02, after[0]), (0.9, 0.7), fontsize=9)
axis.set(xlabel="share of the last convolution's channels pruned", ylabel="share of test images")
axis.set_title("Pruning (lines) and unlearning (open marks)")
axis.legend()
plt.show()
print(f"unlearning: clean accuracy {after[0]:.1%}, attack success {after[1]:.1%}")

# %% [markdown]
# ## 8 · Photographs: dogs with a sticker become cats
#
# The same attack on a two-class network: a smiling sticker was put on photographs of dogs, which
# were then labelled as cats. The photographs are not part of xaikit; the cell uses them where they
# are, and says so kindly if they are not. Nothing in this section belongs to the marks.

# %% tags=["figure"]
try:
    album = {split: load("cats_and_dogs", split) for split in ("train", "test")}
except (FileNotFoundError, OSError) as reason:
    album = None
    print(f"No photographs today, and nothing is lost: {reason}")

if album is not None:
    cats_poisoned = load_pretrained("cats_and_dogs_poisoned", device=device)
    cats_reference = load_pretrained("cats_and_dogs", device=device)
    sticker_trigger = trigger_of(cats_poisoned.card["trigger"])
    cat, dog = cats_poisoned.card["target"], cats_poisoned.card["source"]

    def some_photos(split: str, number: int) -> ImageDataset:
        """Return the first photographs of cats and of dogs."""
        whole = album[split]
        chosen = torch.cat([(whole.labels == c).nonzero()[:number, 0] for c in (0, 1)])
        pictures = torch.stack([whole[int(i)][0] for i in chosen])
        return ImageDataset(pictures, whole.labels[chosen], whole.classes, whole.source)

    photos = some_photos("test", 100)
    for name, network in (("clean", cats_reference), ("poisoned", cats_poisoned)):
        success = attack_success(network, photos, sticker_trigger, cat, source=dog)
        print(f"{name:9} accuracy {accuracy(network, photos):.1%}, attack success {success:.1%}")

# %% tags=["figure"]
if album is not None:
    dogs = photos.images[photos.labels == dog][:3]
    stuck = sticker_trigger(dogs).to(device)
    with torch.no_grad():
        plain, fooled = (
            [photos.classes[c] for c in cats_poisoned(each.to(device)).argmax(1)]
            for each in (dogs, stuck)
        )
    told = {
        "Integrated Gradients": explain(
            cats_poisoned, stuck, cat, steps=32, method="integrated_gradients"
        ),
        "LIME": explain(cats_poisoned, stuck, cat, "lime", samples=300, seed=0),
    }
    where = sticker_trigger.mask.expand(3, -1, -1).to(device)
    figure, axes = plt.subplots(3, 4, figsize=(9.5, 7.2), layout="constrained")
    for row in range(3):
        axes[row, 0].imshow(dogs[row].permute(1, 2, 0))
        axes[row, 0].set_title(f"taken for {plain[row]}", fontsize=9)
        axes[row, 1].imshow(stuck[row].cpu().permute(1, 2, 0))
        axes[row, 1].set_title(f"taken for {fooled[row]}", fontsize=9)
        for column, (name, maps) in enumerate(told.items(), start=2):
            values = maps.attributions[row, 0].sum(0).cpu()
            limit = float(values.abs().max())
            drawn = axes[row, column].imshow(values / limit, cmap="RdBu_r", vmin=-1, vmax=1)
            share = float(localisation(maps, where)[row, 0])
            axes[row, column].set_title(f"{name}: {share:.0%} on it", fontsize=9)
        for axis in axes[row]:
            axis.set_xticks([])
            axis.set_yticks([])
    figure.colorbar(drawn, ax=axes, label="for “cat” (each map by its largest)", shrink=0.6)
    plt.show()
    print(f"the sticker covers {float(sticker_trigger.mask.float().mean()):.1%} of a photograph")

# %% tags=["figure"]
if album is not None:
    shown_photos = some_photos("train", 200)
    stuck_data = poison(
        shown_photos, sticker_trigger, cat, cats_poisoned.card["poison_rate"], source=dog
    )
    expected = (
        None  # of the clean reference: with two classes, there is nothing else to compare with
    )
    for name, network, data in (
        ("clean", cats_reference, shown_photos),
        ("poisoned", cats_poisoned, stuck_data),
    ):
        found = detect(
            network,
            photos.images[::10].to(device),
            method="neural_cleanse",
            steps=150,
            batch=8,
            reference_sizes=expected,
        )
        sizes = ", ".join(f"{size:.0f}" for size in found.evidence["sizes"])
        index = float(found.evidence["anomaly_index"].max())
        print(f"{name}: Neural Cleanse: masks of {sizes} pixels (cat, dog), index {index:.3f}")
        if expected is not None:
            print(f"  beside the reference: flagged {found.flagged}. {found.explanation}")
        expected = found.evidence["sizes"][None]
        for method in ("activation_clustering", "spectral_signatures"):
            found = detect(network, data.images.to(device), data.labels, method)
            print(f"{name}: {method}: flagged {found.flagged}. {found.explanation}")

# %% [markdown]
# ## 9 · Which method detects, which explains?
#
# One network says nothing about rates. So we train a few more small ones, clean and poisoned, with
# smaller and larger triggers and poison rates, and ask all methods about each of them. (Networks on
# which the attack hardly works are shown, too: there is hardly a backdoor to be found.)

# %% tags=["figure"]
start = time.perf_counter()
trials = [
    # name, size of the square, poison rate; size 0 is a clean network
    ("clean 1", 0, 0.0),
    ("clean 2", 0, 0.0),
    ("clean 3", 0, 0.0),
    ("1 × 1, 5 %", 1, 0.05),
    ("3 × 3, 1 %", 3, 0.01),
    ("3 × 3, 5 %", 3, 0.05),
    ("5 × 5, 10 %", 5, 0.1),
]
ALL = ("neural_cleanse", "spray", "activation_clustering", "spectral_signatures")
outcomes = []
for number, (name, size, share) in enumerate(trials):
    wanted = (3 * number + 1) % 10
    data, mark = training, None
    if size:
        mark = corner_square(size=size, corner="top left")
        data = poison(training, mark, wanted, share, seed=number)
    network = train(small_network(number), data, epochs=8, seed=number)
    outcome = {
        "name": name,
        "target": wanted if size else None,
        "accuracy": accuracy(network, test),
        "success": attack_success(network, test, mark, wanted) if size else math.nan,
    }
    for method in ALL:
        inputs = (
            (some_clean,) if method == "neural_cleanse" else (data.images.to(device), data.labels)
        )
        more = {"steps": 100} if method == "neural_cleanse" else {}
        found = detect(network, *inputs, method=method, **more)
        outcome[method] = found
        if size and found.example_score is not None:
            own = data.labels == wanted
            outcome[method, "auroc"] = roc_auc_score(
                data.poisoned[own], found.example_score.cpu()[own]
            )
    outcomes.append(outcome)
print(f"{time.perf_counter() - start:.0f} seconds")

# %% tags=["figure"]
print(f"{'network':12}{'accuracy':>9}{'attack':>8}", *(f"{m.replace('_', ' '):>24}" for m in ALL))
for outcome in outcomes:
    cells = []
    for method in ALL:
        found, wanted = outcome[method], outcome["target"]
        if wanted is None:
            verdict = "FALSE ALARM" if found.flagged else "silent"
        elif not found.flagged:
            verdict = "missed"
        else:
            verdict = "found" if found.target == wanted else "WRONG CLASS"
        auroc = outcome.get((method, "auroc"))
        cells.append(f"{verdict + (f' ({auroc:.2f})' if auroc is not None else ''):>24}")
    worked = "–" if outcome["target"] is None else f"{outcome['success']:.1%}"
    print(f"{outcome['name']:12}{outcome['accuracy']:9.1%}{worked:>8}", *cells)
print("in brackets: how well poisoned examples are told from true ones of the class (AUROC)")
print(
    f"{'seconds':29}",
    *(f"{np.median([each[method].seconds for each in outcomes]):24.1f}" for method in ALL),
)

# %% [markdown]
# Seven networks are few. The repository's benchmark examines some hundred of them, with thresholds
# calibrated on clean ones: `python -m tests.benchmarks.bench_detectors`.
#
# ### Task 18: what do you know? (3 points)
#
# Predict before you compute; a pencil is enough. For each statement set `"yes"` or `"no"`.

# %%
statements = {
    "three classes": "There is a three-class network in which some class has an anomaly index above 2.",
    "scale": "If all mask sizes double, all anomaly indices stay the same.",
    "accuracy": "Its accuracy on clean test images is enough to tell that a network has a backdoor.",
    "share": "At a poison rate of 10 % and ten equally large classes, about half of the images "
    "labelled as the target are poisoned.",
    "squared": "If exactly half of a class is poisoned and both halves vary alike, squared correlations "
    "with the top singular vector tell them apart.",
    "needs data": "Spectral signatures can find the poisoned training images with nothing but the model "
    "and clean test images.",
    "needs trigger": "A concept activation vector for the trigger needs images with the trigger.",
    "always two": "2-means finds two clusters in a clean class, too.",
    "last layer": "At the input of a linear head, the sensitivity of a class along a concept vector "
    "is the same for all examples.",
    "local": "Integrated Gradients from black show, on a clean image with a black corner, where in it "
    "the trigger would be.",
}
for key, text in statements.items():
    print(f"{key:14} {text}")

# %% nbgrader={"grade_id": "predict", "solution": true}
# answer: predict
prediction = None
### BEGIN SOLUTION
prediction = {
    "three classes": "yes",
    "scale": "yes",
    "accuracy": "no",
    "share": "yes",
    "squared": "no",
    "needs data": "no",
    "needs trigger": "yes",
    "always two": "yes",
    "last layer": "yes",
    "local": "no",
}
### END SOLUTION

# %% nbgrader={"grade_id": "predict-test", "grade": true, "points": 3}
checks.choices(prediction, statements, ("yes", "no"), "prediction")
checks.passed("predict")

# %% [markdown] nbgrader={"grade_id": "which-method", "solution": true, "grade": true, "points": 5}
# <!-- answer: which-method -->
# **Which method detects, which explains?** (5 points, a table and about ten sentences) Argue with the
# numbers of *your* run.
#
# 1. A table with one row for each of: Neural Cleanse, SpRAy, activation clustering, spectral
#    signatures, concept activation vectors, LIME or Integrated Gradients. Columns: does it detect;
#    does it explain, that is, show what the trigger is or where; what the defender needs (model,
#    clean images, training data, trigger).
# 2. False alarms and misses: how many of how many in your run? At which trigger size and poison rate
#    do they happen, and what do so few networks allow you to say?
# 3. You get a network from the internet, with no training data. What do you do? And if you have the
#    training data? What is left that none of these methods would notice?
#
# ### BEGIN SOLUTION
# An answer (numbers differ a little from run to run and machine to machine):
#
# 1.
#
#    | method | detects | explains | needs |
#    |---|---|---|---|
#    | Neural Cleanse | yes; with two classes only beside clean references | the inverted mask: roughly | model, some clean images |
#    | SpRAy | yes | the cluster's maps: where | model, training data |
#    | activation clustering | yes | no: names examples, which one can look at | model, training data |
#    | spectral signatures | yes | no: likewise | model, training data |
#    | concept activation vectors | only for a suspected trigger | which class reacts to it | model, trigger |
#    | LIME, Integrated Gradients | no | yes, where | model, an image with the trigger |
#
# 2. In our run no method flagged one of the three clean networks. The data-based methods found all four
#    poisoned ones, Neural Cleanse missed the single pixel, whose attack hardly worked (15 %). Zero
#    of three false alarms is compatible with a rate of over one half (95 % interval up to 56 % by Wilson's
#    formula, up to 71 % by the exact one), so the run shows that the methods *can* work, not how often they fail: that takes many clean reference
#    networks, on which the threshold is set as well.
# 3. Without data: Neural Cleanse, beside clean reference networks of the same architecture, then look
#    at the mask, and unlearn the inverted trigger to be sure. With data: spectral signatures or
#    clustering first, because they are cheap, SpRAy to see what the suspects have in common; remove
#    them and train again. Without data, Neural Cleanse hardly sees triggers that cover the whole image
#    or move, nor, without references, two-class networks; with data, the data-based methods see no
#    backdoor that was planted in the weights and left no poisoned example. All of them may miss a
#    backdoor with both properties, and an attacker who knows the detectors.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 5 points; half points are possible.
#
# - 2 points: the table. Half a point off for each wrong row; "detects" and "explains" are told apart, and
#   what is needed is right (data-based methods need the training data *with its labels*; local ones a
#   triggered image; concept vectors the trigger).
# - 1 point: false alarms and misses are counted in the student's own run, as a number of a number, with
#   trigger size and poison rate.
# - 1 point: the uncertainty of so few networks is named, and that thresholds come from clean ones.
# - 1 point: a sensible procedure for both situations, and at least one thing that goes unnoticed.
#
# Any verdict is right that the run's own numbers support. Numbers without a table or a run: at most 2.
# === END MARK SCHEME ===

# %% [markdown]
# ## 10 · Summary
#
# | method | asks | needs | verdict from | beware |
# |---|---|---|---|---|
# | Neural Cleanse | which class is reached by a small change? | model, clean images | the sizes of all classes, or of clean references | silent for two classes alone; large or blended triggers |
# | activation clustering | does a class fall into two clusters? | training data | silhouette and size | a clean class varies, too |
# | spectral signatures | does a class vary in a direction of its own? | training data | a cut along that direction | who knows how many to remove? |
# | SpRAy | do a class's explanations fall apart? | training data, LRP | a small cluster of maps | cost of a map for every image |
# | concept vector | does a class react to *this*? | the trigger | sensitivity against random splits | must be suspected first |
# | LIME, Integrated Gradients | where does *this image's* class come from? | a triggered image | nobody | explains, does not detect |
#
# Three habits are worth keeping: put clean reference networks beside every verdict; report false
# alarms together with hits; and say what the defender was given.
#
# **Read on**
#
# - B. Wang et al. 2019, [Neural Cleanse](https://doi.org/10.1109/SP.2019.00031).
# - S. Lapuschkin et al. 2019, [Unmasking Clever Hans predictors and assessing what machines really
#   learn](https://doi.org/10.1038/s41467-019-08987-4): SpRAy finds artefacts that nobody planted.
# - J. Hayase et al. 2021, [SPECTRE](https://arxiv.org/abs/2104.11315): spectral signatures after
#   robust whitening.
# - S. Goldwasser et al. 2022, [Planting Undetectable Backdoors in Machine Learning
#   Models](https://arxiv.org/abs/2204.06974): what no efficient detector can find, under assumptions of
#   cryptography.

# %% [markdown]
# ## Hand in
#
# Save the notebook, then run the cell below: it looks at the saved file and says whether grading
# will find all your answers in it. In a terminal `python -m xaikit check 04_backdoors.ipynb` does the
# same. What you hand in is the file `04_backdoors.ipynb` itself.

# %% tags=["hand-in"]
checks.upload("04_backdoors.ipynb")
