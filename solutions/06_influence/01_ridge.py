# %% [markdown] minutes=40 core=true
# ## Section: What does one training example do?
#
# **You learn** what influence is, where it can be computed exactly. **Time:** {{ time }}.
#
# Ridge regression predicts $x^\top\theta$. Its weights minimise
#
# $$J(\theta) = \frac1N \sum_{i=1}^N \ell_i(\theta) + \frac\lambda2 \lVert\theta\rVert^2, \qquad
#   \ell_i(\theta) = \tfrac12 (x_i^\top\theta - y_i)^2 .$$
#
# Give training example $i$ a weight $w_i$ in the sum, which is 1 at first. At $w_i = 0$ the example is gone;
# the factor $\frac1N$ stays. For every weight there are best weights $\theta$, and they have some loss on a
# new example. The figure shows this loss for four of thirty points: it is a curve, and **leave-one-out** is
# the difference between its ends.

# %%
rng = np.random.default_rng(6)
line_x = np.append(rng.uniform(-1, 1, 29), 2.5)
line_y = 0.5 + 0.8 * line_x + rng.normal(0, 0.4, 30)
line_y[29] = 0.6  # far to the right of all others, and far below their line
points = np.stack([np.ones(30), line_x], axis=1)
newcomer, newcomer_y = np.array([1.0, 1.5]), 2.5


def weighted_fit(weights: np.ndarray, decay: float = 0.02) -> np.ndarray:
    """Return the ridge regression of the thirty points, each with its weight in the sum."""
    rows = np.concatenate([points * np.sqrt(weights)[:, None], np.sqrt(30 * decay) * np.eye(2)])
    goal = np.concatenate([line_y * np.sqrt(weights), np.zeros(2)])
    return np.linalg.lstsq(rows, goal, rcond=None)[0]


def loss_of_newcomer(which: int, weight: float) -> float:
    """Return the loss at the new point if one training point has another weight."""
    weights = np.ones(30)
    weights[which] = weight
    return float((newcomer @ weighted_fit(weights) - newcomer_y) ** 2 / 2)


# %% tags=["figure"]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
left.plot(line_x, line_y, "o", color="0.6", markersize=4, label="training points")
across = np.array([-1.0, 2.6])
for dropped, style in ((None, "k-"), (29, "k--")):
    weights = np.ones(30)
    if dropped is not None:
        weights[dropped] = 0
    intercept, slope = weighted_fit(weights)
    label = "fit to all" if dropped is None else f"fit without point {dropped}"
    left.plot(across, intercept + slope * across, style, linewidth=1.2, label=label)
left.plot(newcomer[1], newcomer_y, "k*", markersize=11, label="the new point")
left.set(title="Thirty points, two fits", xlabel="x", ylabel="y")
left.legend(fontsize=8)
grid = np.linspace(0, 1, 21)
shown = (29, int(line_x[:29].argmax()), int(line_x[:29].argmin()), 0)
for which, style in zip(shown, ("-", "--", "-.", ":"), strict=True):
    curve = [loss_of_newcomer(which, weight) for weight in grid]
    line = right.plot(grid, curve, style, label=f"point {which}, x = {line_x[which]:.1f}")[0]
    tangent = (loss_of_newcomer(which, 1.001) - loss_of_newcomer(which, 0.999)) / 0.002
    right.plot(
        grid, curve[-1] + tangent * (grid - 1), linewidth=0.8, color=line.get_color(), alpha=0.6
    )
right.set(
    title="Loss at the new point (thin: tangents at 1)", xlabel="weight of one training point"
)
right.legend(fontsize=8)
plt.show()

# %% [markdown]
# ### The slope instead of the difference
#
# The **influence function** (Hampel 1974; for neural networks Koh and Liang
# [2017](https://arxiv.org/abs/1703.04730)) follows the *tangent* at $w_i = 1$. In the minimum the gradient
# of $J$ is zero. If the weight of example $i$ grows a little, the gradient $\nabla\ell_i$ gets more weight,
# and the weights move until it is zero again: by $-H^{-1}\nabla\ell_i \cdot \frac1N$, where
# $H = \nabla^2 J$ is the **Hessian**. So the loss $\ell$ of the new example changes by
# $-\nabla\ell^\top H^{-1}\nabla\ell_i\cdot\frac1N$ for each unit of weight. We call
#
# $$s_i = \nabla\ell(\hat\theta)^\top H^{-1}\, \nabla\ell_i(\hat\theta)$$
#
# the **score**. It is positive if training on example $i$ *lowers* the new example's loss: $i$ is a
# *proponent*. A negative score marks an *opponent*. To leave example $i$ out raises the loss by about
# $s_i / N$. The gradients are those of the losses $\ell$ alone, without the term with $\lambda$; $H$ has it.
#
# ### Task: the influence function of ridge regression
#
# Write `ridge_influence(features, targets, decay, asked, asked_targets)`: fit ridge regression to the
# training set, and return the scores of all training examples (columns) for all asked examples
# (rows). All tensors are `float64`; `decay` is $\lambda$. The minimum is where
# $\bigl(X^\top X + N\lambda I\bigr)\,\hat\theta = X^\top y$.


# %% nbgrader={"grade_id": "ridge-influence", "solution": true}
# answer: ridge-influence
def ridge_influence(
    features: Tensor, targets: Tensor, decay: float, asked: Tensor, asked_targets: Tensor
) -> Tensor:
    """Return the scores (M, N) of the training examples for the asked examples.

    features (N, D), targets (N,), asked (M, D), asked_targets (M,).
    """
    ### BEGIN SOLUTION
    number, size = features.shape
    hessian = features.T @ features / number + decay * torch.eye(size, dtype=features.dtype)
    theta = torch.linalg.solve(hessian, features.T @ targets / number)
    gradients = (features @ theta - targets)[:, None] * features
    asked_gradients = (asked @ theta - asked_targets)[:, None] * asked
    return asked_gradients @ torch.linalg.solve(hessian, gradients.T)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ridge-influence-test", "grade": true, "points": 2}
checks.function(ridge_influence, "ridge_influence")
three_x = torch.tensor([[1.0, 0.0], [2.0, 0.0], [2.0, 0.0]], dtype=torch.float64)
three_y = torch.tensor([3.0, 1.0, 5.0], dtype=torch.float64)
two_x, two_y = three_x[:2] * 2, torch.zeros(2, dtype=torch.float64)
small = checks.numbers(
    ridge_influence(three_x, three_y, 2.0, two_x, two_y), (2, 3), "ridge_influence(…)"
)
own = checks.numbers(
    ridge_influence(three_x, three_y, 2.0, three_x, three_y), (3, 3), "ridge_influence(…)"
)
checks.expect(
    (np.diag(own) > 0).all(),
    "An example that was trained on lowers its own loss: its score for itself should be positive.",
)
checks.close(
    small,
    [[-1.6, 1.6, -4.8], [-6.4, 6.4, -19.2]],
    "ridge_influence(…)",
    "with the first feature 1, 2, 2, the second one 0, y = 3, 1, 5 and λ = 2 the weights are 1 and 0, and "
    "H is diagonal, with 5 and 2. Is there a factor of N, or of λ, too many or too few? Are the gradients "
    "those at these weights?",
)
checks.passed("ridge-influence", "the sign, and three points that can be worked out by hand")

# %% [markdown]
# ### The exact answer in one step
#
# On ridge regression one can do better than the tangent. Let $A = X^\top X + N\lambda I$ (so
# $A = N H$), $r_i = x_i^\top\hat\theta - y_i$, and let $h_i = x_i^\top A^{-1} x_i$ be the **leverage** of
# example $i$, between 0 and 1: large for a point that lies far from the others. Without example $i$
# the matrix is $A - x_i x_i^\top$, and the formula of Sherman and Morrison for its inverse gives
#
# $$\hat\theta_{-i} = \hat\theta + \frac{A^{-1} x_i\, r_i}{1 - h_i} .$$
#
# The influence function has the same numerator and forgets the denominator: it underestimates just the points
# whose removal changes most. And it forgets one thing more: the loss is no linear function of the prediction.
#
# ### Task: leave-one-out without fitting again
#
# Write `left_out_change(features, targets, decay, asked, asked_targets)`: by how much does the loss
# $\frac12(x^\top\theta - y)^2$ of each asked example change (after minus before) if each training example is
# left out? The answer is exact. (A loop that fits $N$ times is right, too, and a test of your formula.)


# %% nbgrader={"grade_id": "left-out", "solution": true}
# answer: left-out
def left_out_change(
    features: Tensor, targets: Tensor, decay: float, asked: Tensor, asked_targets: Tensor
) -> Tensor:
    """Return (M, N): the change of each asked example's loss without each training example."""
    ### BEGIN SOLUTION
    number, size = features.shape
    matrix = features.T @ features + number * decay * torch.eye(size, dtype=features.dtype)
    theta = torch.linalg.solve(matrix, features.T @ targets)
    columns = torch.linalg.solve(matrix, features.T)
    leverage = (features * columns.T).sum(dim=1)
    moved = asked @ columns * (features @ theta - targets) / (1 - leverage)
    before = (asked @ theta - asked_targets)[:, None]
    return ((before + moved) ** 2 - before**2) / 2
    ### END SOLUTION


# %% nbgrader={"grade_id": "left-out-test", "grade": true, "points": 2}
checks.function(left_out_change, "left_out_change")
pair_x = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
pair_y = torch.tensor([1.0, 5.0], dtype=torch.float64)
ask_x, ask_y = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
# XᵀX = 10, Xᵀy = 16 and Nλ = 6: the weight is 1. Without the first: 15/15, without the second: 1/7.
change = checks.numbers(
    left_out_change(pair_x, pair_y, 3.0, ask_x, ask_y), (1, 2), "left_out_change(…)"
)
checks.close(
    change[0, 0],
    0,
    "left_out_change(…)[0, 0]",
    "the first point lies on the line, its residual is 0: without it nothing changes.",
)
checks.close(
    change[0, 1],
    (1 / 49 - 1) / 2,
    "left_out_change(…)[0, 1]",
    "the weight is 1 with both points, and 1/7 without the second: N stays 2. How large is the loss "
    "before and after?",
)
mine = left_out_change(
    torch.from_numpy(points),
    torch.from_numpy(line_y),
    0.02,
    torch.from_numpy(newcomer[None]),
    torch.tensor([newcomer_y], dtype=torch.float64),
)
mine = checks.numbers(mine, (1, 30), "left_out_change(…)")[0]
fitted_again = [loss_of_newcomer(k, 0.0) - loss_of_newcomer(k, 1.0) for k in range(30)]
tangents = [loss_of_newcomer(k, 0.999) - loss_of_newcomer(k, 1.001) for k in range(30)]
figure, axis = plt.subplots(figsize=(5, 3.6), layout="constrained")
axis.axline((0, 0), slope=1, color="0.7", linewidth=1)
axis.plot(fitted_again, np.array(tangents) / 0.002, "kx", label="influence function")
axis.plot(fitted_again, mine, "o", mfc="none", label="yours")
axis.set(
    title="Thirty points, each left out",
    xlabel="change of the loss, fitted again",
    ylabel="predicted",
)
axis.locator_params(nbins=6)
axis.legend(fontsize=8)
plt.show()
checks.expect(
    np.allclose(mine, fitted_again, atol=1e-6),
    "Your values for the thirty points are not those of fitting again (the figure's grey line).",
)
checks.passed("left-out", "two points by hand, and thirty that were fitted again,")
