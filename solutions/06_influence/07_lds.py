# %% [markdown] minutes=30
# ## Section: How good is a score?
#
# **You learn** to measure whether influence scores predict what retraining does, and compare all methods by
# it. **Time:** {{ time }}.
#
# Leaving out one example changes a network less than another random seed does. Leaving out *half* of the data changes
# it a lot. So Park, Georgiev, Ilyas, Leclerc and Madry ([2023](https://arxiv.org/abs/2303.14186)) train networks on
# random subsets $S_1, \dots, S_m$ of the training set. The scores $\tau(z, j)$ for a test image $z$ predict what the
# network that was trained on $S_i$ says of it, up to an order, by their sum:
#
# $$\hat{y}_i(z) = \sum_{j \in S_i} \tau(z, j) .$$
#
# The **linear datamodelling score** (LDS) of $z$ is Spearman's rank correlation of these predictions with the true outputs
# $y_i(z)$, over the $m$ subsets. The output is the *margin*: the logit of the right class minus the log-sum-exp
# of the others. The mean over test images is the method's score: 1 is perfect, 0 is chance.
#
# Spearman's correlation is Pearson's correlation of the ranks: replace each of $m$ numbers by its rank from 0 to
# $m - 1$, subtract the mean rank from both, and divide the sum of the products by the product of the two lengths.
#
# ### Task: the linear datamodelling score
#
# Write `datamodelling_score(scores, subsets, outputs, draws)` with torch or numpy. It returns three numbers: the mean over the
# test images, and the two ends of its 95 % bootstrap interval. `draws` (B, M) holds B random choices of M test
# images: each row gives one mean; the interval reaches from the 2.5th to the 97.5th percentile of these B means
# (interpolated linearly, as `np.percentile` does).
#
# The subsets need not be of one size. No two predictions or outputs of an image are equal.


# %% nbgrader={"grade_id": "lds", "solution": true}
# answer: lds
def datamodelling_score(
    scores: Tensor, subsets: Tensor, outputs: Tensor, draws: Tensor
) -> tuple[float, float, float]:
    """Return the mean rank correlation and its 95 % interval.

    scores: (M, N), of N training examples for M test images. subsets: (S, N) booleans. outputs:
    (S, M), what the network that was trained on subset s says. draws: (B, M) indices of test images.
    """
    ### BEGIN SOLUTION
    predicted = subsets.double() @ scores.double().T

    def centred_ranks(table: Tensor) -> Tensor:
        ranks = table.argsort(dim=0).argsort(dim=0).double()
        return ranks - ranks.mean(dim=0)

    a, b = centred_ranks(predicted), centred_ranks(outputs)
    each = (a * b).sum(dim=0) / (a.norm(dim=0) * b.norm(dim=0))
    low, high = np.percentile(each[draws].mean(dim=1).numpy(), (2.5, 97.5))
    return each.mean().item(), float(low), float(high)
    ### END SOLUTION


# %% nbgrader={"grade_id": "lds-test", "grade": true, "points": 3}
checks.function(datamodelling_score, "datamodelling_score")
toy_scores = torch.tensor([[5.0, 4.0, 1.5], [1.0, 5.0, 3.5]])
toy_subsets = torch.tensor([[1, 0, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1]]).bool()
toy_outputs = torch.tensor([[0.3, 8.5], [7.0, 1.0], [90.0, 7.5], [0.2, 9.5]])
toy_draws = torch.tensor([[0, 0], [0, 1], [1, 1], [0, 1]])
three_numbers = checks.numbers(
    datamodelling_score(toy_scores, toy_subsets, toy_outputs, toy_draws),
    (3,),
    "datamodelling_score(…)",
)
checks.close(
    three_numbers[0],
    0.1,
    "the mean",
    "The first image's predictions are 5, 5.5, 9 and 1.5: in the order of its outputs, so its correlation is 1. "
    "The second image's predictions 1, 8.5, 6 and 3.5 are nearly in the opposite order of its outputs: −0.8.",
)
checks.close(
    three_numbers[1:],
    [-0.7325, 0.9325],
    "the interval",
    "The four draws have the means 1, 0.1, −0.8 and 0.1: take percentiles of these four.",
)
checks.close(
    checks.numbers(
        datamodelling_score(toy_scores, toy_subsets, toy_outputs, toy_draws[:2]),
        (3,),
        "datamodelling_score(…)",
    )[0],
    0.1,
    "the mean, with the first two draws alone",
    "it is the mean over the test images, and no draw changes it.",
)
checks.passed("lds", "two images and four subsets of different sizes")

# %% [markdown]
# ### Every method, by the library's `lds`
#
# The library's function does what yours does, and gives equal numbers the same rank. The scores{{ if section.heuristics }} are those of section
# {{ section.heuristics }}, for{{ else }} are of{{ end }} the same test images. **TRAK**, by the same authors, projects the gradients of all layers to a few random
# directions, and takes an influence function there. The table has it as the library's default (512 directions, no damping), with 128
# directions, and with damping 0.1.

# %% tags=["figure"]
from xaikit.influence.lds import lds

by_label = (test.labels[:, None] == training.labels).double()
by_chance = torch.randn(by_label.shape, generator=torch.Generator().manual_seed(0))
compared = scores_of | {"label": by_label, "random": by_chance}
for name, option in (("trak, 128", {"dimension": 128}), ("trak, damping", {"damping": 0.1})):
    compared[name] = influence(
        network,
        test.images,
        test.labels,
        training,
        method="trak",
        checkpoints=here.checkpoints,
        **option,
    ).scores
found_scores = {}
for name, each in compared.items():
    library = lds(each, here.subsets, here.outputs)
    found_scores[name] = (library.score, *library.interval)
agree = {
    name: float((training.labels[each.topk(5).indices] == test.labels[:, None]).double().mean())
    for name, each in compared.items()
}
ordered = sorted(found_scores, key=lambda name: -found_scores[name][0])
print(f"{'':20} {'LDS':>6} {'95 % interval':>16} {'same class, top 5':>19}")
for name in ordered:
    mean, low, high = found_scores[name]
    print(f"{name:20} {mean:6.3f} {low:8.3f} to {high:.3f} {agree[name]:16.0%}")
figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.6), layout="constrained", sharey=True)
for row, name in enumerate(ordered):
    mean, low, high = found_scores[name]
    axes[0].plot((low, high), (row, row), "k-", linewidth=1)
    axes[0].plot(mean, row, "o", color="#0072b2")
    axes[1].plot(agree[name], row, "s", color="#d55e00")
for axis, title in zip(axes, ("LDS, with 95 % interval", "Same class, top 5"), strict=True):
    axis.set_title(title, fontsize=10)
    axis.grid(axis="y", color="0.9")
axes[0].axvline(0, color="0.7", zorder=0)
axes[0].set_yticks(range(len(ordered)), ordered)
axes[0].invert_yaxis()
axes[1].set_xlim(-0.03, 1.03)
figure.suptitle("200 test images, 64 random halves of the training set", fontsize=10)
plt.show()

# %% [markdown]
# The influence function of the last layer (damping 0.005, the weight decay) and TRAK with damping predict these halves best. Grad-Dot, Grad-Cos, TracIn and the
# representer scores, which use no Hessian, lie together at about 0.3, and *label* is not far below: to know that a class has lost examples is
# worth something, but not much. The nearest exemplars predict little, whatever they look like. TRAK without damping is far worse than
# with it: a matrix of 512 × 512 that is estimated from 1,000 gradients has tiny eigenvalues, and its inverse amplifies
# their noise.{{ if section.fragile }} You know this from section {{ section.fragile }}.{{ end }} Fewer directions help, too, but less.
#
# Now compare the columns. Same class is nearly perfect for methods with an LDS from 0.27 (*label*) to 0.70, and TRAK, which often fails it,
# predicts better than most that pass. And the influence function fails
# {{ if section.heuristics }}the first heuristic of section {{ section.heuristics }}{{ else }}the same-class test{{ end }} for most images. The heuristics do not order these methods as retraining does.
#
# What the interval does not say: it draws *test images* again. The 64 halves, the network and its one training recipe stay the same,
# and each output is the mean of ten networks. The score of another data set may order the methods differently.
