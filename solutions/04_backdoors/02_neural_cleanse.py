# %% [markdown] minutes=60
# ## Section: With the model alone: Neural Cleanse
#
# **You learn** to invert a trigger, and why the smallest one is suspicious. **Time:** {{ time }}.
#
# Suppose you have the network and a few clean images, but neither the training data nor the
# trigger. [Wang et al. 2019](https://doi.org/10.1109/SP.2019.00031) search, for *every* class $t$,
# the smallest change with which all images are taken for $t$: a mask $m \in [0, 1]^{H \times W}$
# and a pattern $p$ that minimise
#
# $$\frac 1 N \sum_n \mathrm{CE}\big(f((1 - m) \odot x_n + m \odot p),\, t\big) + \lambda \lVert m \rVert_1 .$$
#
# For an ordinary class that usually takes a larger change, a good part of a garment. For the
# target of a backdoor a small one is enough. So compare the sizes $\lVert m_t \rVert_1$ of all
# classes: an outlier on the *small* side is the verdict.
#
# ### Task: the loss
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
    return -model(stamped).log_softmax(1)[:, target].mean() + weight * mask.sum()
    ### END SOLUTION


# %% nbgrader={"grade_id": "inversion-loss-test", "grade": true, "points": 2}
nothing = inversion_loss(poisoned, eight, no_mask, grey, 9, 0.01)
checks.close(
    nothing,
    functional.cross_entropy(poisoned(eight), torch.full((8,), 9, device=device)).item(),
    "inversion_loss with an empty mask",
    "with nothing masked it is the cross-entropy of the images themselves, for any pattern.",
    tolerance=1e-3,
)
toy = nn.Sequential(nn.Flatten(), nn.Linear(4, 4)).to(device)  # its four logits are the pixels
nn.init.eye_(toy[1].weight)
nn.init.zeros_(toy[1].bias)
toys = torch.tensor([[0.0, 1.0, 0.4, 0.2], [1.0, 0.0, 0.2, 0.6]], device=device).view(2, 2, 1, 2)
toy_mask = torch.tensor([0.5, 0.25], device=device).view(1, 1, 2)
toy_pattern = torch.tensor([0.8, 1.0, 0.2, 0.4], device=device).view(2, 1, 2)
small, large = (
    checks.numbers(
        inversion_loss(toy, toys, toy_mask, toy_pattern, 2, each), (), "inversion_loss(…)"
    )
    for each in (0.1, 1.1)
)
checks.close(
    large - small,
    0.75,
    "the share of the mask",
    "the mask's L1 norm is the sum over its pixels, here ½ and ¼: not their mean, nor once for each "
    "channel.",
    tolerance=1e-3,
)
checks.close(
    small,
    1.737611,
    "inversion_loss(…)",
    "the network's logits are the pixels that it gets, here 0.4, 1, 0.3, 0.25 for the first image and "
    "0.9, 0.25, 0.2, 0.55 for the second. Compare these first, then the mean cross-entropy of class 2.",
    tolerance=1e-3,
)
checks.passed("inversion-loss", "an empty mask, the mask's share and two small images")

# %% [markdown]
# ### Task: one step
#
# A mask has to stay in [0, 1], but gradient descent keeps no bounds. So descend on free numbers $a$
# and $b$, of which $m = (\tanh a + 1) / 2$ and $p = (\tanh b + 1) / 2$. Write
# `inversion_step(model, images, a, b, target, weight, rate)`: one step of plain gradient descent
# with learning rate `rate` on that loss, for `a` (1, H, W) and `b` (C, H, W) together.
# Return the new `a` and the new `b`; leave the old ones as they were.


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
    a, b = nn.Parameter(a), nn.Parameter(b)
    mask, pattern = (a.tanh() + 1) / 2, (b.tanh() + 1) / 2
    scores = model((1 - mask) * images + mask * pattern)
    loss = -scores.log_softmax(1)[:, target].mean() + weight * mask.sum()
    slope_a, slope_b = torch.autograd.grad(loss, (a, b))
    with torch.no_grad():
        return a - rate * slope_a, b - rate * slope_b
    ### END SOLUTION


# %% nbgrader={"grade_id": "inversion-step-test", "grade": true, "points": 3}
toy = nn.Sequential(nn.Flatten(), nn.Linear(4, 4)).to(device)  # its four logits are the pixels
nn.init.eye_(toy[1].weight)
nn.init.zeros_(toy[1].bias)
toys = torch.tensor([[0.0, 1.0, 0.4, 0.2], [1.0, 0.0, 0.2, 0.6]], device=device).view(2, 2, 1, 2)
start_a = torch.tensor([0.0, 1.0], device=device).view(1, 1, 2)
start_b = torch.tensor([-1.0, 0.0, 2.0, 0.5], device=device).view(2, 1, 2)
given_a, given_b = start_a.clone(), start_b.clone()
stepped = inversion_step(toy, toys, given_a, given_b, 2, 0.1, 4.0)
checks.expect(
    isinstance(stepped, tuple | list) and len(stepped) == 2, "Return the new `a` and the new `b`."
)
moved_a = checks.numbers(stepped[0], (1, 1, 2), "the new a")
moved_b = checks.numbers(stepped[1], (2, 1, 2), "the new b")
checks.expect(
    torch.equal(given_a, start_a) and torch.equal(given_b, start_b),
    "The old `a` and `b` should stay as they were: descend from copies.",
)
for name, moved, wanted in (
    ("the new a", moved_a.ravel(), [0.991461, 0.844703]),
    ("the new b", moved_b.ravel(), [-1.084350, -0.419356, 2.051301, 0.102094]),
):
    checks.close(
        moved,
        wanted,
        name,
        "enlarge one number of the old `a` or `b` by 0.001: how much does the loss change? "
        "That times 1000 is nearly one entry of the gradient. Compare it with yours, then the step.",
        tolerance=1e-3,
    )
checks.passed("inversion-step", "copies, and one step on two small images")

# %% [markdown]
# ### Task: the anomaly index
#
# What is an outlier among ten sizes? It would enlarge a standard deviation itself, so Neural Cleanse
# uses medians. With $\mathrm{MAD} = \operatorname{median}_s |L_s - \operatorname{median}(L)|$
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
for made_up_sizes, wanted in (
    ([30.0, 32.0, 34.0, 36.0, 4.0], [0.67449, 0, -0.67449, -1.34898, 9.44287]),
    ([20.0, 2.0, 8.0, 4.0], [-3.14762, 0.89932, -0.44966, 0.44966]),
):
    checks.close(
        anomaly_index(torch.tensor(made_up_sizes)),
        wanted,
        f"anomaly_index of {made_up_sizes}",
        "work it out by hand. Both the sizes and their deviations need a median; sort each, and look "
        "how many there are (of an even number, `torch.median` returns one of the two in the middle). A "
        "size below the median has a positive index.",
    )
checks.close(
    anomaly_index(torch.tensor([1.0, 3.0])),
    [1 / 1.4826, -1 / 1.4826],
    "anomaly_index of two classes",
    "the median of two sizes is the mean of them, and both deviate from it by the same.",
)
checks.passed("anomaly-index", "five, four and two sizes")

# %% [markdown]
# ### All classes at once
#
# `detect` does the same for all classes together, with Adam, and raises and lowers $\lambda$ so that
# a trigger works on nearly all images before it may shrink. It also gives a second opinion: clean
# classes need triggers of very different sizes, so the index is a poor judge of ten of them. Its own
# score is how many *times* smaller the smallest trigger is than the next smallest (as a logarithm); the
# index stands in the evidence. Here it runs on the two small networks; the larger ones take longer:
# try it.

# %% tags=["figure"]
ten_of_each = first_of_each_class("fashion_mnist", "test", 10).images.to(device)
cleansed = {
    name: detect(network, ten_of_each, method="neural_cleanse", steps=100, chunk=160)
    for name, network in (("clean", own_clean), ("poisoned", own_poisoned))
}
for name, found in cleansed.items():
    index = found.evidence["anomaly_index"]
    print(f"{name}: flagged {found.flagged}. {found.explanation}")
    print(f"  anomaly index: at most {index.max():.2f}, of “{classes[int(index.argmax())]}”")

figure, axes = plt.subplots(2, 10, figsize=(11, 3.2), layout="constrained")
for row, (name, found) in enumerate(cleansed.items()):
    masked = found.evidence["masks"] * found.evidence["patterns"].mean(1, keepdim=True)
    for c in range(10):
        drawn = axes[row, c].imshow(masked[c, 0].cpu(), cmap="gray", vmin=0, vmax=1)
        axes[row, c].set_title(f"{classes[c]}\n{found.evidence['sizes'][c]:.0f} px", fontsize=8.5)
        axes[row, c].set_xticks([])
        axes[row, c].set_yticks([])
    axes[row, 0].set_ylabel(name)
figure.colorbar(drawn, ax=axes, label="mask × pattern", shrink=0.8)
figure.suptitle("The smallest trigger that sends all garments to each class")
plt.show()
