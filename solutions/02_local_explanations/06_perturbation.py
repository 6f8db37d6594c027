# %% [markdown] minutes=90
# ## Section: Perturb and ask
#
# **You learn** methods that need only the network's outputs, Shapley values by regression and in trees, and explanations by example. **Time:** {{ time }}.
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
# ### Task: LIME by hand
#
# Write `lime(masks, outputs, width, penalty)` for masks $z_s$ of zeros and ones (S, M) and the
# outputs $f_c(h(z_s))$ (S,). It weighs the samples by $\pi(z_s)$, where $\sigma$ is the `width` and
# the distance the **cosine distance** to the mask of ones,
# $d(z) = 1 - \frac{z \cdot \mathbf 1}{\lVert z \rVert\, \lVert \mathbf 1 \rVert}$ (1 for a mask
# that hides everything), and returns the coefficients $a$, shape (M,), of the weighted ridge
# regression with $\lambda$ = `penalty`. The intercept $a_0$ is fitted too, but *not* penalised. A
# hint if you solve it by hand: first subtract their weighted means from the columns of the masks,
# and the intercept has gone from the equations for $a$.


# %% nbgrader={"grade_id": "lime", "solution": true}
# answer: lime
def lime(masks: Tensor, outputs: Tensor, width: float, penalty: float) -> Tensor:
    """Return the coefficients (M,) of LIME's surrogate on masks (S, M) of zeros and ones."""
    ### BEGIN SOLUTION
    z = masks.double()
    # z·1 / (‖z‖ ‖1‖) is the root of the visible share
    weight = torch.exp(-(((1 - z.mean(1).sqrt()) / width) ** 2))
    share = weight / weight.sum()
    z = z - share @ z
    gram = z.T @ (weight[:, None] * z) + penalty * torch.eye(z.shape[1])
    return torch.linalg.solve(gram, z.T @ (weight * outputs))
    ### END SOLUTION


# %% nbgrader={"grade_id": "lime-test", "grade": true, "points": 3}
torch.manual_seed(0)
some_masks = (torch.rand(40, 5) < 0.5).float()
slopes = torch.tensor([1.0, -2.0, 0.5, 0.0, 3.0])
checks.close(
    lime(some_masks, 7 + some_masks @ slopes, 0.5, 0.0),
    slopes,
    "lime(…) without a penalty",
    "a function that is linear in the masks is recovered exactly if nothing is penalised, for any "
    "weights. Is there an intercept?",
    2e-3,
)
checks.close(
    lime(torch.tensor([[1.0], [0.0]]), torch.tensor([1.0, 0.0]), 1.0, 1.0),
    [0.2119],
    "lime(…) with one segment",
    "the mask that hides everything has distance 1 and so weight exp(−1) here. Each squared error "
    "is weighted once, and the penalty is added as it is.",
    2e-3,
)
checks.close(
    lime(torch.tensor([[1.0] * 4, [1.0, 0.0, 0.0, 0.0]]), torch.tensor([1.0, 0.0]), 0.25, 0.01),
    [0, 0.2812, 0.2812, 0.2812],
    "lime(…) with four segments",
    "the mask that shows one of four has the cosine 1 / (1 · 2), so its distance is ½. That is twice "
    "the width, and its weight exp(−4).",
    2e-3,
)
checks.passed("lime", "a linear function, and distances, kernel and penalty in two small examples,")

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
# `explain` are those of the authors' package.) How much is chance? Below, the first twelve test images
# are explained twice, with two seeds: the mean correlation between the two maps of an image, and half of
# its 95 % interval (with the standard deviation $s$ over the images, $2.2 \, s / \sqrt{12}$, by Student's
# $t$). As far as another seed gives another map, the map shows chance and not the network.

# %% tags=["figure"]
first_twelve, asked_for = images[:12].to(device), predictions[:12].to(device)
for samples in Bar((60, 200, 600), "LIME twice"):
    one, other = (
        explain(
            model, first_twelve, asked_for, "lime", segments=segments, samples=samples, seed=seed
        ).attributions.flatten(1)
        for seed in (0, 1)
    )
    alike = [
        float(torch.corrcoef(torch.stack(pair))[0, 1]) for pair in zip(one, other, strict=True)
    ]
    half = 2.2 * np.std(alike, ddof=1) / 12**0.5
    print(f"{samples:5d} samples: correlation of two seeds {np.mean(alike):.2f} ± {half:.2f}")

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
# segments. With $f(z)$ for the output $f_c(h(z))$, and ∅ and "full" for the two masks:
#
# $$\min_\phi \sum_s \pi(z_s) \bigl(f(z_s) - f(\varnothing) - \phi \cdot z_s\bigr)^2
# \quad \text{subject to} \quad \sum_i \phi_i = f(\text{full}) - f(\varnothing) .$$
#
# With all $2^M - 2$ masks this is exact; with a sample of them it is an estimate. The kernel is
# largest for masks that show or hide almost everything: there one segment's effect is seen most
# clearly.
#
# ### Task: KernelSHAP by hand
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
    z, y = masks.double(), outputs - empty
    size, visible = z.shape[1], z.sum(1)
    combinations = torch.tensor([math.comb(size, int(each)) for each in visible])
    inverse = combinations * visible * (size - visible)  # 1 / π but for M − 1: no minimum moves
    # φ_M = total − the others
    total = full - empty
    columns, rest = z[:, :-1] - z[:, -1:], y - total * z[:, -1]
    gram = columns.T @ (columns / inverse[:, None])
    others = torch.linalg.solve(gram, columns.T @ (rest / inverse))
    return torch.cat([others, (total - others.sum()).view(1)])
    ### END SOLUTION


# %% nbgrader={"grade_id": "kernel-shap-test", "grade": true, "points": 3}
coalitions = torch.tensor([[int(bit) for bit in f"{k:04b}"] for k in range(1, 15)]).float()
pairs = torch.tensor([0.0] * 8 + [1.0] * 6)  # of gloves: one left (first), three right ones
checks.close(
    kernel_shap(coalitions, pairs, 0.0, 1.0),
    [3 / 4, 1 / 12, 1 / 12, 1 / 12],
    "kernel_shap(…) of the glove game",
    "the owner of the only left glove gets 3/4, each right glove 1/12: these are the Shapley values. "
    "Of four segments, a mask that shows one or three weighs twice as much as one that shows two.",
    2e-3,
)
checks.close(
    kernel_shap(
        torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
        torch.tensor([10.0, 10.0, 7.0]),
        7.0,
        13.0,
    ),
    [4, 2],
    "kernel_shap(…) of two segments, of which the first alone is drawn twice,",
    "above the empty mask's 7 the outputs are 3, 3 and 0, and all is 6. Among the pairs that add up to "
    "6 the best has errors of −1, −1 and −2: put the constraint in before you minimise.",
    2e-3,
)
checks.passed("kernel-shap", "the glove game and a small sample of masks")

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
        model, examples[1:], targets[1:, 1], method, segments=segments, samples=500, **more
    )
    show_map(axis, result.attributions[0, 0], {"lime": "LIME"}.get(method, "KernelSHAP"))
figure.suptitle(f"For “{classes[int(targets[1, 1])]}”, 500 masks each")
plt.show()

# %% [markdown]
# ### TreeSHAP
#
# Shapley values need $2^M$ evaluations in general. For trees they take polynomial time
# ([Lundberg et al. 2020](https://doi.org/10.1038/s42256-019-0138-9)), because a tree looks at few
# features on each path. Two versions are common, and they answer different questions about a
# feature that is *absent*:
#
# - **interventional**: it takes the value that it has in a background example, averaged over the
#   examples (it breaks the correlations between features, and shows what the model computes);
# - **path dependent**: at a split on it, one goes down both branches, in proportion to the training
#   examples that went there (no background needed; it keeps part of the correlations).
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
# ### Task: what is absent, and how much is left?
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
checks.passed("tree-shap", "shapes and base values")

# %% [markdown]
# ### Exemplars
#
# A different kind of answer: not *which pixels* but *which example*. "It is a coat because it is
# like that coat" is a reason that people give, too. *Like* has to mean alike for the network: near
# in the features of one of its layers, not in pixels ([Papernot and McDaniel
# 2018](https://arxiv.org/abs/1803.04765)). With the nearest training example of *each* class, one
# sees what the network confuses. Here the features are those that enter the last layer.
#
# ### Task: the nearest of each class
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
    distance = (features - query).norm(dim=1)
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
found = [checks.numbers(each, (10,), "nearest_per_class(…) on our network") for each in found]
found = torch.tensor(np.stack(found)).long().gather(1, targets.cpu())
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
checks.passed("exemplars", "five made-up images and our network")

# %% [markdown]
# What an exemplar cannot say is *what* makes the two alike. And people find a likeness of cut or
# length where the network may have used a pattern.
