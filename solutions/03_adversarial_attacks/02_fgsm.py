# %% [markdown] minutes=60 core=true
# ## Section: One step: FGSM
#
# **You learn** why a network of many inputs is easily moved, and to move it in one step. **Time:** {{ time }}.
#
# ### The linear case, exactly
#
# For a linear model $f_k(x) = w_k \cdot x + b_k$ everything can be computed. Class $j$ overtakes the
# true class $y$ once the **margin** $m_j(x) = f_y(x) - f_j(x)$ is gone. A change $\delta$ moves it by
# $(w_y - w_j) \cdot \delta$. Under $\lVert \delta \rVert_\infty \le \varepsilon$ the best that an attacker
# can do is to move every feature by ε against the sign of its weight *difference*, which costs the
# margin $\varepsilon \lVert w_y - w_j \rVert_1$; under $\lVert \delta \rVert_2 \le \varepsilon$ the best is
# to go straight against $w_y - w_j$, which costs $\varepsilon \lVert w_y - w_j \rVert_2$. The smallest ε
# at which the logit of *some* class equals that of $y$ is therefore
#
# $$\varepsilon_\infty = \min_{j \ne y} \frac{f_y(x) - f_j(x)}{\lVert w_y - w_j \rVert_1}, \qquad
# \varepsilon_2 = \min_{j \ne y} \frac{f_y(x) - f_j(x)}{\lVert w_y - w_j \rVert_2}$$
#
# This is the explanation of [Goodfellow, Shlens and Szegedy
# 2015](https://arxiv.org/abs/1412.6572): for $d$ features with weights of a typical size $\bar w$ the
# $1$-norm is $d \, \bar w$. It grows with the number of pixels, while the change of a single pixel
# stays as small as one likes.
#
# ### Task: how much does a linear model withstand?
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
# Four classes, and the label is 2. The margins to 0, 1 and 3 are 2.8, 2.5 and 1.
checks.close(
    flip_distances(
        torch.tensor([[-2.0, -2.0], [-4.0, 2.0], [1.0, 2.0], [0.0, 2.0]]),
        torch.tensor([3.2, 3.5, 1.0, 1.0]),
        torch.tensor([1.0, 0.5]),
        2,
    ),
    [0.4, 0.5],
    "flip_distances of four classes",
    "try every other class, for each norm anew: the smallest ratio decides, not the smallest margin. "
    "Does the bias count?",
)
checks.passed("linear", "a model of two classes and one of four")

# %% [markdown]
# ### The fast gradient sign method
#
# A network is only piecewise linear. Goodfellow, Shlens and Szegedy (2015) treat the **loss**
# $J(x, y) = -\log \operatorname{softmax}(f(x))_y$, the cross-entropy, as if it were linear:
#
# $$x' = \operatorname{clip}_{[0, 1]} \bigl(x + \varepsilon \operatorname{sign} \nabla_x J(x, y)\bigr)$$
#
# This *raises* the loss of the true class. A targeted attack *lowers* the loss of the wanted class
# $t$ instead: $x - \varepsilon \operatorname{sign} \nabla_x J(x, t)$. One forward and one backward pass.
#
# ### Task: FGSM by hand
#
# Write `fgsm(model, images, labels, epsilon, targets=None)` for a batch of inputs (N, *shape) in
# [0, 1]. With `targets` (N,) the attack is targeted, and the labels do not matter. Move every image,
# also those that are misclassified already. A pixel that makes no difference to the loss has the
# gradient 0, and the sign of 0 is 0: it stays. The check tries it on `toy` and `three`, linear models whose
# answers you can work out, and compares with `attack` on our network.

# %%
toy = nn.Sequential(nn.Linear(3, 2, bias=False))
with torch.no_grad():
    toy[0].weight.copy_(torch.tensor([[1.0, -2.0, 3.0], [-1.0, 1.0, 0.0]]))
middle = torch.tensor([[0.5, 0.5, 0.5]])

# Each of the three classes sees one feature of its own, and no class sees the fourth.
three = nn.Sequential(nn.Linear(4, 3))
with torch.no_grad():
    three[0].weight.copy_(4 * torch.eye(3, 4))
    three[0].bias.copy_(torch.tensor([1.0, 0.0, -1.0]))


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
    change = torch.zeros_like(images, requires_grad=True)
    scores = model(images + change)
    if targets is None:
        loss = nn.functional.cross_entropy(scores, labels)
    else:
        loss = -nn.functional.cross_entropy(scores, targets)
    (slope,) = torch.autograd.grad(loss, change)
    return (images + epsilon * slope.sign()).clamp(0, 1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "fgsm-test", "grade": true, "points": 3}
top = torch.tensor([[0.5, 0.0, 1.0]])
checks.close(
    fgsm(toy, middle, torch.tensor([0]), 0.1),
    [[0.4, 0.6, 0.4]],
    "fgsm(toy, …)",
    "raise the loss of class 0: every feature moves by ε so that class 0 loses.",
)
checks.close(
    fgsm(toy, top, torch.tensor([1]), 0.1),
    [[0.6, 0.0, 1.0]],
    "fgsm(toy, …) at the border",
    "pixels may not leave [0, 1]: clip after the step.",
)
two, two_labels = torch.tensor([[0.8, 0.2, 0.2, 0.5]] * 2), torch.tensor([2, 0])
checks.close(
    fgsm(three, two, two_labels, 0.1),
    [[0.9, 0.3, 0.1, 0.5], [0.7, 0.3, 0.3, 0.5]],
    "fgsm(three, …)",
    "a lower logit of the label raises the loss, and so does a higher one of *each* other class. What "
    "the network does not see stays. Is there one softmax only, that of the cross-entropy?",
)
checks.close(
    fgsm(three, two, two_labels, 0.1, torch.tensor([1, 2])),
    [[0.7, 0.3, 0.1, 0.5], [0.7, 0.1, 0.3, 0.5]],
    "fgsm(three, …, targets)",
    "with targets the loss of each image's own *target* has to go down; its label does not matter.",
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
checks.passed("fgsm", "two linear models, with and without targets, and our network")

# %% [markdown]
# How small is small? The figure below shows the same five images at four radii; the title is what the
# network says. Every adversarial example needs a control: noise of the same size, every pixel up or
# down by ε at random. If noise did the same, nobody would need a gradient.

# %% name="radii"
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
        answer = int(network_says(model, shown[index : index + 1])[0])
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
