# %% [markdown] minutes=45
# ## Section: Several answers, and how stable they are
#
# **You learn** to measure how much several counterfactuals of one input differ, and how much one of them
# changes when the input changes a little. **Time:** {{ time }}.
#
# An input has many counterfactuals, and a person may prefer one that is not the nearest. Mothilal, Sharma
# and Tan ([2020](https://arxiv.org/abs/1905.07697)) search for $k$ of them at once (their method is called
# DiCE), and add to the loss a term that rewards **diversity**, a determinant:
#
# $$\operatorname{diversity} = \det K, \qquad K_{ij} = \frac{1}{1 + d(c_i, c_j)}, \qquad
#   d(c, c') = \frac{1}{D} \sum_{p=1}^{D} \frac{|c_p - c'_p|}{s_p},$$
#
# where $s_p$ is the scale of feature $p$ (in their work its MAD{{ if task.mad }}, as in task {{ task.mad }}{{ end }}). If two counterfactuals are
# equal, two rows of $K$ are equal, and the determinant is 0. If all are far apart, $K$ is nearly the
# identity, and the determinant nearly 1.
#
# ### Task: diversity
#
# Write `diversity(changed, spread)` for $k$ counterfactuals of one input.
#
# The next cell searches for a dress near the T-shirt{{ if section.wachter }} of section {{ section.wachter }}{{ end }} six times, with Wachter's method. Each
# time only the pixels of one region may change: the network sees no other changes, so their slope is zero.
# The check of your answer shows the three of the six that differ most by your measure, and the three that
# differ least. The scale is the same for all pixels: the median distance of two real dresses.

# %%
rows, columns = torch.meshgrid(torch.arange(28), torch.arange(28), indexing="ij")
regions = {
    "anywhere": rows >= 0,
    "upper half": rows < 14,
    "lower half": rows >= 14,
    "left half": columns < 14,
    "right half": columns >= 14,
    "middle": (columns >= 7) & (columns < 21),
}
start = originals[:1]  # the T-shirt


class Within(nn.Module):
    """The network, to which pixels that are not free look as in the T-shirt."""

    def __init__(self, free: Tensor) -> None:
        super().__init__()
        self.network, self.free = model, free.to(device)

    def forward(self, x: Tensor) -> Tensor:
        return self.network(torch.where(self.free, x, start))


tries = [counterfactual(Within(free), start, dress, "wachter") for free in regions.values()]
pool = torch.cat([each.counterfactuals[0] for each in tries])  # (6, 1, 28, 28)
reached = torch.cat([each.found[0] for each in tries])
print(f"found in {int(reached.sum())} of {len(regions)} regions")
some = test.images[test.labels == dress][:40].flatten(1)
scale = torch.cdist(some, some, p=1)[torch.triu(torch.ones(40, 40), 1) > 0].median() / 784
spread = torch.full((784,), float(scale))


# %% nbgrader={"grade_id": "diversity", "solution": true}
# answer: diversity
def diversity(changed: Tensor, spread: Tensor) -> float:
    """Return det K of the counterfactuals `changed` (k, D), each feature in units of `spread` (D,)."""
    ### BEGIN SOLUTION
    apart = ((changed[:, None] - changed).abs() / spread).mean(dim=2)
    return torch.linalg.det(1 / (1 + apart)).item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "diversity-test", "grade": true, "points": 2}
import itertools

checks.function(diversity, "diversity")
equal = checks.numbers(diversity(torch.ones(2, 3), torch.ones(3)), (), "diversity(…)")
checks.expect(abs(equal) < 1e-5, "Two equal counterfactuals have no diversity: two equal rows.")
far = torch.tensor([[0.0, 0.0], [1e6, 1e6]])
checks.close(diversity(far, torch.ones(2)), 1.0, "diversity(…)", "Far apart, K is the identity.")
checks.close(
    diversity(torch.tensor([[1.0, 0.0], [-1.0, 12.0], [-1.0, -12.0]]), torch.tensor([2.0, 4.0])),
    37 / 48,
    "diversity(…)",
    "The first one is at d = 2 from both others (the mean of 2 / 2 and 12 / 4), and these are at d = 3 "
    "from each other: so K holds 1, 1/3 and 1/4.",
    tolerance=1e-3,
)
usable_trios = itertools.combinations(torch.nonzero(reached)[:, 0].tolist(), 3)
ranked = sorted(
    (float(diversity(pool[[*trio]].flatten(1).cpu(), spread)), trio) for trio in usable_trios
)
figure, axes = plt.subplots(2, 4, figsize=(8.5, 4.6), layout="constrained")
for line, (value, trio) in zip(axes, (ranked[0], ranked[-1]), strict=True):
    line[0].imshow(start[0, 0].cpu(), cmap="gray", vmin=0, vmax=1)
    line[0].set_title(f"the T-shirt; det K = {value:.3f}", fontsize=9)
    for axis, place in zip(line[1:], trio, strict=True):
        change = (pool[place] - start[0])[0].cpu()
        drawn = axis.imshow(change, cmap="RdBu_r", vmin=-1, vmax=1)
        axis.set_title(f"{[*regions][place]}: L1 {float(change.abs().sum()):.1f}", fontsize=9)
for axis in axes.flat:
    axis.axis("off")
figure.colorbar(drawn, ax=axes[:, 3], shrink=0.7, label="darker ← → brighter")
figure.suptitle(
    "changes that make it a dress: least diverse (above), most diverse (below)", fontsize=10
)
plt.show()
checks.passed("diversity", "equal ones, far ones, and three with features of two scales")

# %% [markdown]
# For this T-shirt the nearest counterfactual, found with all pixels free, is not among the three that differ
# most: diversity costs distance (here an $L_1$ distance of 4.7 to 5.9 instead of 4.5; one image does not tell
# how much it costs in general), and DiCE weighs the one against the other.
# The number depends on $s$: with a larger scale all determinants come nearer to 0, so they can only be
# compared at one scale.
#
# ### Stability
#
# If two nearly equal shirts get very different answers, neither answer says much about the shirt. Slack,
# Hilgard, Lakkaraju and Singh ([2021](https://arxiv.org/abs/2106.02666)) show that a small change of the
# input can lead to a drastically different counterfactual. They train models that look fair to an auditor,
# but give one group of people much cheaper counterfactuals after a small perturbation. A measure of stability
# for any explanation is the local Lipschitz estimate of Alvarez-Melis and Jaakkola
# ([2018](https://arxiv.org/abs/1806.08049)), the largest ratio of the two changes over inputs
# $\tilde x$ near $x$:
#
# $$\max_{\tilde x}\ \frac{\lVert c(\tilde x) - c(x) \rVert_2}{\lVert \tilde x - x \rVert_2} .$$
#
# A ratio of 1 means that the counterfactual moves as much as the input does.
#
# ### Task: stability
#
# Write `instability(x, near, made, made_near, found)`, which returns this largest ratio. Leave out inputs
# `near` for which no counterfactual was found.
#
# The check applies your function to the twelve images{{ if section.comparison }} of section {{ section.comparison }}{{ end }}, each with three neighbours at the $L_2$
# distance 0.5 (noise that is hard to see), for the target *dress*.

# %%
noise = torch.randn((12, 3, 1, 28, 28), generator=torch.Generator().manual_seed(1)).to(device)
noise = 0.5 * noise / noise.flatten(2).norm(dim=2)[..., None, None, None]
family = torch.cat([twelve[:, None], (twelve[:, None] + noise).clamp(0, 1)], dim=1)
answers = {
    name: counterfactual(
        model, family.flatten(0, 1), dress, name, **({} if name == "rl" else {"steps": 60})
    )
    for name in methods
}


# %% nbgrader={"grade_id": "stability", "solution": true}
# answer: stability
def instability(x: Tensor, near: Tensor, made: Tensor, made_near: Tensor, found: Tensor) -> float:
    """Return the largest ratio of the counterfactuals' distance to the inputs' distance.

    x, made: (D,), an input and its counterfactual. near, made_near: (M, D), other inputs and theirs.
    found: (M,) booleans, true somewhere. No input of near equals x.
    """
    ### BEGIN SOLUTION
    ratios = (made_near - made).norm(dim=1) / (near - x).norm(dim=1)
    return ratios[found].max().item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "stability-test", "grade": true, "points": 2}
checks.function(instability, "instability")
toy = (
    torch.tensor([1.0, 2.0]),
    torch.tensor([[4.0, 6.0], [1.1, 2.0], [1.6, 2.8], [1.0, 2.5]]),
    torch.tensor([4.0, 0.0]),
    torch.tensor([[10.0, 8.0], [13.0, 9.0], [7.0, 0.0], [4.0, 1.0]]),
    torch.tensor([True, False, True, True]),
)
largest = checks.numbers(instability(*toy), (), "instability(…)")
checks.expect(largest < 50, "The second counterfactual was not found: it does not count.")
checks.close(
    largest,
    3.0,
    "instability(…)",
    "In L2 the inputs moved by 5, 1 and 0.5 (those found), and their counterfactuals by 10, 3 and 1: "
    "the third has the largest ratio, although the first moved farther.",
    tolerance=1e-3,
)
figure, axis = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
for row, name in enumerate(methods):
    found = answers[name].found.view(12, 4).cpu()
    images, made = (
        each.reshape(12, 4, -1).cpu() for each in (family, answers[name].counterfactuals)
    )
    ratios = [
        float(instability(x[0], x[1:], c[0], c[1:], ok[1:]))
        for x, c, ok in zip(images, made, found, strict=True)
        if ok[0] and ok[1:].any()
    ]
    draws = np.random.default_rng(0).choice(ratios, (1000, len(ratios)))
    ends = np.percentile(np.median(draws, axis=1), (2.5, 97.5))
    axis.plot(ratios, np.full(len(ratios), row + 0.15), "o", color="0.6", markersize=4)
    axis.plot(ends, (row, row), "k-", linewidth=1)
    axis.plot(np.median(ratios), row, "ko")
    print(f"{name:10} median {np.median(ratios):.2f}, 95 % interval {ends[0]:.2f} to {ends[1]:.2f}")
axis.axvline(1, color="0.8", linewidth=1, zorder=0)
axis.set_yticks(range(3), methods)
axis.set_ylim(2.5, -0.5)
axis.set_xlabel("largest ratio: change of the counterfactual / change of the input")
axis.set_title("grey: the images; black: median and its 95 % interval", fontsize=9)
plt.show()
checks.passed("stability", "three neighbours, and a fourth without a counterfactual")

# %% [markdown]
# On these twelve images Wachter's counterfactuals change about three times as much as the input does (median
# of the largest ratios 2.9, 95 % interval 2.4 to 3.1), those with prototypes 1.5 times (1.2 to 1.6), the
# actor's a third as much (0.3 to 0.4). The intervals do not overlap, so this order is more than chance.
# An $L_1$ search changes few pixels, and which ones depends on details of the input. The actor is a smooth
# function of a short code, in which most of the noise is lost: stable, but a stable answer is not a faithful
# one. An actor that always returned the same dress would have the ratio 0.
