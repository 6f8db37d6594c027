# %% [markdown] minutes=75 core=true
# ## Section: The Hessian without the Hessian
#
# **You learn** to compute influence functions of models with many weights. **Time:** {{ time }}.
#
# A classifier with $P$ weights has a Hessian of $P \times P$ numbers. In single precision, that of a network
# with a million weights takes 4 TB. But $H^{-1} v$ needs no matrix. Iterative solvers only ask for *products*
# $Hv$, and a product costs only a few times as much as a gradient (Pearlmutter
# [1994](https://doi.org/10.1162/neco.1994.6.1.147)): $v$ is constant, so
#
# $$H v = \nabla_\theta \bigl(\nabla_\theta L(\theta)^\top v\bigr) .$$
#
# ### Task: the Hessian-vector product
#
# Write `hessian_vector(network, inputs, labels, vector)`: the product of the Hessian of the *mean*
# cross-entropy with `vector` (P,). It holds a number for each parameter: all numbers of the first tensor of
# `network.parameters()`, row by row, then those of the next. Return (P,) in the same order. Do not build the
# Hessian. In `torch.autograd.grad`, `create_graph=True` lets you differentiate a gradient again.


# %% nbgrader={"grade_id": "hvp", "solution": true}
# answer: hvp
def hessian_vector(network: nn.Module, inputs: Tensor, labels: Tensor, vector: Tensor) -> Tensor:
    """Return the product (P,) of the mean loss's Hessian with a vector (P,).

    inputs (N, D), labels (N,).
    """
    ### BEGIN SOLUTION
    parameters = list(network.parameters())
    loss = functional.cross_entropy(network(inputs), labels)
    slopes = torch.autograd.grad(loss, parameters, create_graph=True)
    along = torch.cat([slope.flatten() for slope in slopes]) @ vector
    return torch.cat([each.flatten() for each in torch.autograd.grad(along, parameters)])
    ### END SOLUTION


# %% nbgrader={"grade_id": "hvp-test", "grade": true, "points": 2}
checks.function(hessian_vector, "hessian_vector")
checks.without(
    hessian_vector,
    *("torch.autograd.functional.hvp", "torch.autograd.functional.vhp"),
    *("torch.autograd.functional.hessian", "torch.func.hessian"),
)
coin = nn.Linear(1, 2)  # the classes have the probabilities 3/4 and 1/4, whatever the input is
with torch.no_grad():
    coin.weight.zero_()
    coin.bias.copy_(torch.tensor([math.log(3), 0.0]))
two_inputs, two_labels = torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1])
# The weights' part of the Hessian is 3/16 · (1 + 9)/2 · [[1, −1], [−1, 1]], the biases' part
# 3/16 · [[1, −1], [−1, 1]], and what joins them 3/16 · (1 + 3)/2 · [[1, −1], [−1, 1]].
for vector, wanted, hint in (
    (
        [1, 0, 0, 0],
        [0.9375, -0.9375, 0.375, -0.375],
        "the loss is the mean over the examples, not a sum.",
    ),
    (
        [0, 0, 1, 0],
        [0.375, -0.375, 0.1875, -0.1875],
        "weights come first, then biases, in one row.",
    ),
    ([1, 1, 2, 2], [0, 0, 0, 0], "the same change for both classes changes no probability."),
):
    product = hessian_vector(coin, two_inputs, two_labels, torch.tensor(vector).float())
    checks.close(product, wanted, f"hessian_vector(…) for the vector {vector}", hint)
even_odds = nn.Linear(2, 2, bias=False)  # like the chain below, it says ½ for each class
nn.init.zeros_(even_odds.weight)
chain = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 2, bias=False))
nn.init.constant_(chain[0].weight, 2.0), nn.init.zeros_(chain[1].weight)
class_0, along_one = torch.tensor([0]), torch.eye(4)
product = hessian_vector(even_odds, torch.tensor([[1.0, 2.0]]), class_0, along_one[1])
hint = "the numbers of a matrix come row by row: all of the first class, then those of the second."
checks.close(product, [0.5, 1, -0.5, -1], "hessian_vector(…) for a 2 × 2 matrix of weights", hint)
product = hessian_vector(chain, torch.ones(1, 1), class_0, along_one[0, :3])
hint = "the logits are no linear function of the first layer's weight: differentiate all of the gradient."
checks.close(product, [0, -0.5, 0.5], "hessian_vector(…) for two layers", hint)
checks.passed("hvp", "five vectors, on models of one layer and of two")

# %% [markdown]
# ### Conjugate gradients
#
# To solve $A x = b$ with a symmetric, positive definite $A$, of which only products are known, Hestenes and
# Stiefel ([1952](https://doi.org/10.6028/jres.049.044)) walk along directions $d$ that do not disturb each
# other ($d_i^\top A d_j = 0$). Begin with $x = 0$, the residual $r = b$ and $d = r$. A step is
#
# $$\alpha = \frac{r^\top r}{d^\top A d}, \quad x \leftarrow x + \alpha d, \quad r' = r - \alpha A d, \quad
#   d \leftarrow r' + \frac{r'^\top r'}{r^\top r}\, d, \quad r \leftarrow r' .$$
#
# After $k$ steps, $x$ is the best approximation, in the norm of $A$, that $k$ products allow. $P$ steps
# solve the system but for rounding; usually far fewer are enough.
#
# ### Task: conjugate gradients in ten lines
#
# Write `conjugate_gradients(product, right, steps)`: `product(v)` returns $A v$, `right` is $b$ (P,).
# Return $x$ after so many steps; stop before, if the residual is exactly zero. `right` stays
# as it is.


# %% nbgrader={"grade_id": "cg", "solution": true}
# answer: cg
@torch.no_grad()
def conjugate_gradients(product, right: Tensor, steps: int) -> Tensor:
    """Return x (P,) after so many steps for product(x) = right, from x = 0."""
    ### BEGIN SOLUTION
    x, residual, direction = torch.zeros_like(right), right, right
    for _ in range(steps):
        length = residual @ residual
        if length == 0:
            break
        image = product(direction)
        alpha = length / (direction @ image)
        x = x + alpha * direction
        residual = residual - alpha * image
        direction = residual + residual @ residual / length * direction
    return x
    ### END SOLUTION


# %% nbgrader={"grade_id": "cg-test", "grade": true, "points": 2}
checks.function(conjugate_gradients, "conjugate_gradients")
stretch, goal = torch.tensor([[2.0, 1.0], [1.0, 3.0]]), torch.tensor([3.0, 4.0])
for steps, wanted, hint in (
    (0, [0, 0], "without any step it is where the search begins."),
    (1, [5 / 6, 10 / 9], "the first step goes along b itself, by α."),
    (2, [1, 1], "two steps solve two equations. Take the second direction conjugate to the first."),
    (9, [1, 1], "more steps than needed should change nothing."),
):
    found = conjugate_gradients(lambda v: stretch @ v, goal, steps)
    checks.close(found, wanted, f"conjugate_gradients(…) after {steps} steps", hint, 1e-3)
scale = torch.tensor([1.0, 2.0, 4.0])
found = conjugate_gradients(lambda v: scale * v, torch.ones(3), 2)
checks.close(
    found,
    [29 / 35, 22 / 35, 8 / 35],
    "conjugate_gradients(…) after two steps for the three equations x₁ = 1, 2 x₂ = 1, 4 x₃ = 1",
    "r is (4, 1, −5)/7 and d (6, 3, −3)/7 before the second step, so its α is 7/15: the length of r counts "
    "above the fraction, not that of d. Are there exactly two steps?",
    1e-3,
)
found = conjugate_gradients(lambda v: 4 * v, goal, 3)
checks.close(found, goal / 4, "conjugate_gradients(…)", "here the first step solves all: stop.")
found = conjugate_gradients(lambda v: stretch @ v, 0 * goal, 3)
checks.close(found, [0, 0], "conjugate_gradients(…)", "b may be zero: then there is nothing to do.")
# A spectrum as that of a network: a few large eigenvalues and many that are almost zero.
spectrum = torch.logspace(1, -5, 300, dtype=torch.float64)
ones = torch.ones(300, dtype=torch.float64)
figure, axis = plt.subplots(figsize=(5, 3.2), layout="constrained")
for extra, style in ((1e-4, "k:"), (1e-2, "k--"), (1.0, "k-")):
    errors = []
    for steps in range(0, 61, 4):
        found = conjugate_gradients(lambda v, extra=extra: (spectrum + extra) * v, ones, steps)
        gone_wrong = found - ones / (spectrum + extra)
        share = (gone_wrong**2 * (spectrum + extra)).sum() / (1 / (spectrum + extra)).sum()
        errors.append(max(math.sqrt(share), 1e-16))
    axis.semilogy(range(0, 61, 4), errors, style, label=f"damping {extra:g}")
axis.set(
    title="Your solver on 300 equations", xlabel="steps", ylabel="error in the norm of A, relative"
)
axis.legend(fontsize=8)
plt.show()
checks.passed("cg", "two and three equations, one step that solves all, and b = 0")

# %% [markdown]
# ### Damping
#
# The number of steps depends on the ratio of the largest to the smallest eigenvalue. Of a network's
# Hessian most eigenvalues are almost zero, and far from a minimum some are negative: then $H^{-1}$ is
# meaningless, or not there. So one adds **damping** $\delta > 0$ and uses $(H + \delta I)^{-1}$. It is
# the second derivative of a penalty $\frac\delta2\lVert\theta - \hat\theta\rVert^2$: the weights must
# not move far. It is a choice that changes the scores, not a detail of the solver: with a large
# $\delta$ the matrix is nearly $\delta I$, and the Hessian no longer counts.
#
# ### The last layer alone
#
# For the last layer the Hessian can be written down. Let $x$ be the features that enter the layer (a 1
# among them stands for the bias), $W$ (C, F) its weights, $p = \operatorname{softmax}(W x)$ and $e_y$
# the unit vector of the label. The gradient of an example's cross-entropy by $W$ is the outer product
# $(p - e_y)\, x^\top$, and its second derivative is
#
# $$\frac{\partial^2 \ell}{\partial W_{af}\, \partial W_{bg}}
#   = \bigl(p_a [a = b] - p_a p_b\bigr)\, x_f\, x_g .$$
#
# $H$ is its mean over the training set. Without damping it has no inverse: to add the same vector to
# every row of $W$ changes no probability, and no loss.
#
# ### Task: the influence function of a last layer
#
# Write `damped_influence(features, labels, weight, asked, asked_labels, damping)`: the scores
# $\nabla\ell^\top (H + \delta I)^{-1} \nabla\ell_i$ of all training examples (columns) for all asked
# ones (rows). All but the labels are `float64`; here the matrix is small enough to build it.


# %% nbgrader={"grade_id": "damped", "solution": true}
# answer: damped
def damped_influence(
    features: Tensor,
    labels: Tensor,
    weight: Tensor,
    asked: Tensor,
    asked_labels: Tensor,
    damping: float,
) -> Tensor:
    """Return the scores (M, N).

    features (N, F), labels (N,), weight (C, F), asked (M, F), asked_labels (M,).
    """

    ### BEGIN SOLUTION
    def gradients(inputs: Tensor, classes: Tensor) -> Tensor:
        wrong = (inputs @ weight.T).softmax(1) - functional.one_hot(classes, len(weight))
        return (wrong[:, :, None] * inputs[:, None]).flatten(1)

    chances = (features @ weight.T).softmax(1)
    spread = torch.diag_embed(chances) - chances[:, :, None] * chances[:, None]
    hessian = torch.einsum("nab,nf,ng->afbg", spread, features, features) / len(features)
    hessian = hessian.reshape(weight.numel(), weight.numel())
    hessian += damping * torch.eye(weight.numel(), dtype=weight.dtype)
    return gradients(asked, asked_labels) @ torch.linalg.solve(
        hessian, gradients(features, labels).T
    )
    ### END SOLUTION


# %% nbgrader={"grade_id": "damped-test", "grade": true, "points": 3}
checks.function(damped_influence, "damped_influence")
pair = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
even = torch.zeros(2, 1, dtype=torch.float64)  # two classes, each with the probability 1/2
one_asked, one_label = pair[1:], torch.tensor([0])
for damping, wanted in ((0.75, [[0.5, -1.0]]), (8.75, [[0.1, -0.2]])):
    checks.close(
        damped_influence(pair, torch.tensor([0, 1]), even, one_asked, one_label, damping),
        wanted,
        f"damped_influence(…) with damping {damping}",
        "all p are 1/2 and x is 1 and 2, so H is 0.625 · [[1, −1], [−1, 1]]; damping is added to its "
        "diagonal. The gradients are (±½, ∓½) times x.",
    )
same_rows = torch.tensor([[1.0, 2.0], [1.0, 2.0]], dtype=torch.float64)
uneven = torch.tensor([[math.log(3), 0.0], [0.0, 0.0]], dtype=torch.float64)  # p is (¾, ¼)
checks.close(
    damped_influence(same_rows, torch.tensor([0, 1]), uneven, same_rows[:1], one_label, 0.625),
    [[0.25, -0.75]],
    "damped_influence(…) with p = (¾, ¼)",
    "pₐ [a = b] − pₐ p_b is 3/16 · [[1, −1], [−1, 1]], x is (1, 2), and the matrix has its rows and "
    "columns in the order of the gradient's entries.",
)
opposed = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
checks.close(
    damped_influence(opposed, torch.tensor([0, 0]), uneven[:, :1], opposed[:1], one_label, 0.625),
    [[0.125, -0.375]],
    "damped_influence(…) with x = 1 and x = −1",
    "each example has its own p: (¾, ¼) for the first and (¼, ¾) for the second. H is the mean of 3/16 · [[1, "
    "−1], [−1, 1]] and the same again; the gradients are (∓¼, ±¼) and (±¾, ∓¾).",
)
corner = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
three = torch.tensor([0, 1, 2])
tilted = torch.tensor([[0.0, 1.0], [0.5, 0.0], [0.0, -1.0]], dtype=torch.float64)
table = damped_influence(corner, three, tilted, corner, three, 0.1)
table = checks.numbers(table, (3, 3), "damped_influence(…)")
checks.close(
    table,
    table.T,
    "damped_influence(…)",
    "among the training examples themselves the scores are symmetric: i for j as j for i.",
)
checks.expect((np.diag(table) > 0).all(), "Each training example should be a proponent of itself.")
checks.passed("damped", "two classes, dampings and inputs by hand, and three classes' symmetry")

# %% [markdown]
# ### The gold standard: to train again
#
# On ridge regression the influence function could be compared with the truth. Logistic regression has
# no closed form, but it is convex and small: we can afford to train it again without each of thirty
# images. These are fifteen T-shirts and fifteen dresses, each reduced to 4 × 4 pixels and a 1 for the
# bias. `refit(keep)` returns the weights (2, 17) that minimise the mean loss over the thirty (the loss
# of those that `keep` marks, divided by 30) plus $\frac\lambda2\lVert W\rVert^2$, with $\lambda$ =
# `DECAY`, and stops only where the gradient is below $10^{-8}$. `asked_loss(weight)` is the mean loss
# of forty test images. With the decay in the loss, $\lambda$ stands where damping stood: the Hessian of
# $J$ is $H + \lambda I$. `predicted` (30,) is what the library's influence function says for the mean loss
# of the forty. The library divides its scores by $N$, here 30, so that they predict the change itself.

# %% name="thirty"
from sklearn.linear_model import LogisticRegression

from xaikit.influence import influence, study

DECAY = 0.01
here = study()
pair_of_classes = ("T-shirt/top", "Dress")


def small_images(data, number: int) -> tuple[Tensor, Tensor]:
    """Return the first images of both classes as 16 means and a 1, and their labels 0 and 1."""
    rows, labels = [], []
    for label, name in enumerate(pair_of_classes):
        chosen = data.images[data.labels == data.classes.index(name)][:number]
        rows.append(functional.avg_pool2d(chosen, 7).flatten(1).double())
        labels += [label] * len(chosen)
    rows = torch.cat(rows)
    return torch.cat([rows, torch.ones(len(rows), 1).double()], dim=1), torch.tensor(labels)


thirty, thirty_labels = small_images(here.training, 15)
forty, forty_labels = small_images(here.test, 20)


def refit(keep: Tensor) -> Tensor:
    """Return the weights (2, 17) fitted to the images that keep (30,), of booleans, marks."""
    # scikit-learn fits the difference w of the two classes' weights, which are −w/2 and w/2. It minimises
    # C · (sum of losses) + |w|²/2; ours is (sum of losses)/30 + λ|w|²/4, the same times 2/λ.
    settings = {"fit_intercept": False, "solver": "newton-cholesky", "tol": 1e-12}
    fit = LogisticRegression(C=2 / (30 * DECAY), **settings).fit(
        thirty.numpy(), thirty_labels.numpy(), sample_weight=keep.double().numpy()
    )
    difference = torch.from_numpy(fit.coef_[0])
    return torch.stack([-difference / 2, difference / 2])


def asked_loss(weight: Tensor) -> float:
    """Return the mean loss of the forty test images."""
    return float(functional.cross_entropy(forty @ weight.T, forty_labels))


layer = nn.Linear(17, 2, bias=False).double()
layer.weight.data = refit(torch.ones(30, dtype=torch.bool))
scores = influence(
    layer,
    forty,
    forty_labels,
    (thirty, thirty_labels),
    "influence_function",
    solver="exact",
    damping=DECAY,
    dtype=torch.float64,
).scores
predicted = scores.mean(0)

# %% [markdown]
# ### Task: leave-one-out
#
# Set `left_out` (30,) to the change of `asked_loss` (without the image, minus with all) for each of the
# thirty images, by training again. Set `agreement` to the Spearman correlation of `left_out` and
# `predicted`: the correlation of their *ranks* (the smallest value has rank 0, the next one rank 1, and
# so on).

# %% nbgrader={"grade_id": "gold-standard", "solution": true}
# answer: gold-standard
left_out = agreement = None
### BEGIN SOLUTION
everyone = torch.ones(30, dtype=torch.bool)
with_all = asked_loss(refit(everyone))
left_out = torch.zeros(30, dtype=torch.float64)
for i in range(30):
    keep = everyone.clone()
    keep[i] = False
    left_out[i] = asked_loss(refit(keep)) - with_all
ranks = [values.argsort().argsort().double() for values in (left_out, predicted)]
agreement = torch.corrcoef(torch.stack(ranks))[0, 1]
### END SOLUTION

# %% nbgrader={"grade_id": "gold-standard-test", "grade": true, "points": 2}
truth = checks.numbers(left_out, (30,), "left_out")
same_order = checks.numbers(agreement, (), "agreement")
checks.expect(
    np.abs(truth).max() < 1, "A single image of thirty does not change the mean loss by so much."
)
checks.expect(
    (truth * predicted.numpy() > 0).mean() > 0.8,
    "Most changes should have the sign of `predicted`: the loss without the image, minus that with all.",
)
checks.expect(
    not np.allclose(truth, predicted.numpy(), rtol=1e-6),
    "These are the predictions: train again, without one image at a time.",
)
checks.expect(-1 <= same_order <= 1, "A correlation lies between −1 and 1.")
figure, axis = plt.subplots(figsize=(5, 3.6), layout="constrained")
axis.axline((0, 0), slope=1, color="0.7", linewidth=1)
for label, marker in enumerate("os"):
    chosen = thirty_labels.numpy() == label
    axis.plot(
        *(truth[chosen], predicted.numpy()[chosen]),
        marker,
        mfc="none" if label else "0.4",
        color="0.1",
        label=pair_of_classes[label],
    )
axis.set(
    title=f"Thirty images: rank correlation {same_order:.3f}",
    xlabel="change of the loss, trained again",
    ylabel="predicted by the influence function",
)
axis.legend(fontsize=8)
plt.show()
checks.passed(
    "gold-standard", "the signs and sizes of the changes, and the range of the correlation"
)

# %% [markdown]
# The order is nearly right; the largest changes are underestimated{{ if section.ridge }}, for the reason that you know from
# section {{ section.ridge }}{{ end }}: the tangent forgets the leverage. This is the good case: convex,
# converged, few weights. None of the three holds for a deep network.
