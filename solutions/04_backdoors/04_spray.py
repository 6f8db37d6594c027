# %% [markdown] minutes=30
# ## Section: With the training data: relevance maps (SpRAy)
#
# **You learn** to cluster explanations. **Time:** {{ time }}.
#
# A local explanation shows one image. [Lapuschkin et al.
# 2019](https://doi.org/10.1038/s41467-019-08987-4) turn local explanations into a global method: if a
# class has two kinds of reasons, its relevance maps fall into two groups. **SpRAy** computes the LRP
# map of *every* training image, makes the maps small and alike in size, connects each with its
# nearest neighbours, and clusters this graph.
#
# Let $W$ be the symmetric matrix of connections and $D$ the diagonal matrix of its row sums. The
# eigenvalues $0 = \lambda_1 \le \lambda_2 \le \dots$ of the normalised Laplacian $L = I - D^{-1/2}
# W D^{-1/2}$ tell how nearly the graph is in several parts: as many are exactly zero as there are
# connected components, and nearly separate groups make nearly zero ones. The **eigengap** rule
# takes as many clusters as there are eigenvalues before the largest gap ([von Luxburg
# 2007](https://arxiv.org/abs/0711.0189)).
#
# ### Task: how many groups?
#
# Write `eigengap(weights, most)`: `weights` (N, N) is $W$, symmetric, no row of zeros. Return the
# `most` + 1 smallest eigenvalues of $L$, rising, and the number of clusters, from 1 to `most`: the
# $k$ with the largest gap $\lambda_{k+1} - \lambda_k$. (In the hidden cases one gap is clearly the
# largest of these; beyond `most` there may be a larger one.)


# %% nbgrader={"grade_id": "eigengap", "solution": true}
# answer: eigengap
def eigengap(weights: Tensor, most: int) -> tuple[Tensor, int]:
    """Return the smallest eigenvalues (most + 1,) of the normalised Laplacian, and the number."""
    ### BEGIN SOLUTION
    root = weights.sum(1).rsqrt()
    laplacian = torch.eye(len(weights)) - root[:, None] * weights * root
    values = torch.linalg.eigvalsh(laplacian)[: most + 1]
    return values, values.diff().argmax().item() + 1
    ### END SOLUTION


# %% nbgrader={"grade_id": "eigengap-test", "grade": true, "points": 3}
two_parts = torch.block_diag(
    torch.tensor([[1.0, 1.0], [1.0, 3.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
)
for most, wanted, number in ((3, [0, 0, 0.75, 2], 3), (2, [0, 0, 0.75], 2), (1, [0, 0], 1)):
    answered = eigengap(two_parts, most)
    checks.expect(
        isinstance(answered, tuple | list) and len(answered) == 2,
        "Return the eigenvalues and the number of clusters.",
    )
    checks.close(
        answered[0],
        wanted,
        f"the eigenvalues for most={most}",
        "two connected components: two eigenvalues are zero. The others are 0.75 and 2: divide W on both "
        "sides by the square roots of the row sums; rising, the smallest `most` + 1 of them.",
    )
    checks.expect(
        checks.numbers(answered[1], (), "the number of clusters") == number,
        f"If the largest gap follows the k-th eigenvalue, there are k clusters. Here most={most}: look "
        "no further than that.",
    )
checks.passed("eigengap", "a graph of two parts, with three bounds on the number,")

# %% [markdown]
# ### The maps
#
# How nearly is the graph of a class in two parts? The library's SpRAy computes this for every class,
# here with 80 of its images to save time, and says what it found in a sentence.

# %% tags=["figure"]
few = torch.cat([(suspect_labels == c).nonzero()[:80, 0] for c in range(10)])
few_clean = torch.cat([(training.labels == c).nonzero()[:80, 0] for c in range(10)])
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
