# %% [markdown] minutes=15
# ## Section: LIME
#
# **LIME** (Ribeiro, Singh and Guestrin 2016) asks the model about perturbed copies $z$ of the input
# $x$ and fits a linear surrogate $c_0 + c^\top z$ to the answers, in which close copies count more:
#
# $$ \min_{c_0, c}\ \sum_z \pi_x(z)\,\bigl(f(z) - c_0 - c^\top z\bigr)^2 + \Omega(c), \qquad
#    \pi_x(z) = \exp\!\bigl(-\|z - x\|^2/\sigma^2\bigr). $$
#
# The kernel width σ decides what *local* means; Ω keeps the surrogate small (in practice a ridge
# penalty and a limit to the number of features). For images and text, $z$ are switches: super-pixels
# or words, present or not.
#
# Without Ω this is **weighted least squares**, whose solution is known in closed form. With one row
# $(1, z)$ for each copy in $A$, outputs $y$ and weights $\Pi = \mathrm{diag}(\pi)$,
#
# $$ A^\top \Pi A\; (c_0, c)^\top = A^\top \Pi\, y . $$
#
# **Worked example.** Copies $z = 0, 1, 2$ with outputs $0, 0, 3$. Equal weights give the line
# $-\tfrac12 + \tfrac32 z$. If the last copy hardly counts, the line is flat: what LIME reports
# depends on σ.

# %% [markdown]
# ### Task: weighted least squares
#
# Return the coefficients $(c_0, c)$ that solve the equations above.


# %% nbgrader={"grade_id": "least-squares", "solution": true}
# answer: least-squares
def weighted_least_squares(samples, outputs, weights):
    """Fit a linear function with intercept, without penalty: array (features + 1,), intercept first.

    samples: (N, features).  outputs: (N,).  weights: (N,), not negative.
    """
    ### BEGIN SOLUTION
    rows = np.column_stack([np.ones(len(samples)), samples])
    return np.linalg.solve(rows.T @ (weights[:, None] * rows), rows.T @ (weights * outputs))
    ### END SOLUTION


# %% nbgrader={"grade_id": "least-squares-test", "grade": true, "points": 2}
grid, answers_at = np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 0.0, 3.0])
equal = checks.numbers(
    weighted_least_squares(grid, answers_at, np.ones(3)), (2,), "weighted_least_squares"
)
checks.expect(np.allclose(equal, [-0.5, 1.5]), "Equal weights, as in the worked example.")
twice = weighted_least_squares(np.vstack([grid, grid[2:]]), np.append(answers_at, 3), np.ones(4))
checks.close(
    weighted_least_squares(grid, answers_at, np.array([1.0, 1.0, 2.0])),
    twice,
    "weighted_least_squares",
    "a weight of 2 should have the same effect as the same sample twice. "
    "If you scale rows yourself: the weight multiplies the squared error.",
)
checks.close(
    weighted_least_squares(grid, answers_at, np.array([1.0, 1.0, 0.0])),
    [0, 0],
    "weighted_least_squares",
    "a sample of weight 0 should have no effect: the other two lie on the line 0.",
)
checks.passed("least-squares", "the worked example and weights of 2 and 0")

# %% [markdown]
# ### Task: LIME on a logistic regression
#
# What does LIME say of a model that is its own best explanation? For a logistic regression
# $p(z) = 1/(1+e^{-(w^\top z+b)})$ the **log-odds** $\log\frac{p}{1-p} = w^\top z + b$ are linear, the
# probabilities are not. Return the slopes $c$ of the surrogate at $x$, with the kernel $\pi_x$ from
# above, on either scale.{{ if task.least-squares }} (For the fit you may call your function of
# task {{ task.least-squares }}.){{ end }}


# %% nbgrader={"grade_id": "lime-logistic", "solution": true}
# answer: lime-logistic
def explain_regression(w, b, x, samples, sigma, scale):
    """Return the slopes of LIME's surrogate, without penalty: array (features,).

    w: (features,), b: float, the regression.  x: (features,), the explained input.
    samples: (N, features), perturbed copies.  sigma: float, the kernel's width.
    scale: "log-odds" or "probability", which output of the regression is explained.
    """
    ### BEGIN SOLUTION
    outputs = samples @ w + b
    if scale == "probability":
        outputs = 1 / (1 + np.exp(-outputs))
    kernel = np.exp(-((samples - x) ** 2).sum(1) / sigma**2)
    rows = np.column_stack([samples, np.ones(len(samples))])
    return np.linalg.solve(rows.T @ (kernel[:, None] * rows), rows.T @ (kernel * outputs))[:-1]
    ### END SOLUTION


# %% nbgrader={"grade_id": "lime-logistic-test", "grade": true, "points": 2}
# Four copies at the corners of a unit square, with the probabilities 1/4, 1/2, 3/4 and 9/10. The
# kernel's width is such that copies at the distance 1 have the weight 1/2.
corners = np.array([[1.0, 0.0], [2.0, 0.0], [1.0, 1.0], [2.0, 1.0]])
regression = np.log(3) * np.array([1.0, 2.0]), -2 * np.log(3), corners[0]
checks.close(
    explain_regression(*regression, corners, 1 / np.log(2) ** 0.5, "probability"),
    [13 / 60, 7 / 15],
    "explain_regression",
    "four copies at the corners of a square: the slopes are 13/60 and 7/15. The weights are 1, 1/2, "
    "1/2 and 1/4: does your kernel take the whole squared distance, and divide it by σ²?",
)
rng = np.random.default_rng(3)
w, b, x = np.array([4.0, -2.0]), -3.0, np.array([1.0, 0.0])
copies = x + rng.normal(size=(500, 2))
widths = np.geomspace(0.2, 4, 25)
slopes = {
    scale: [
        checks.numbers(explain_regression(w, b, x, copies, s, scale), (2,), "explain_regression")
        for s in widths
    ]
    for scale in ("log-odds", "probability")
}
checks.expect(
    np.allclose(slopes["log-odds"], w, atol=1e-4),
    "On the log-odds the regression is linear: the slopes should be w itself, for every σ.",
)
p_at_x = 1 / (1 + np.exp(-(w @ x + b)))
checks.expect(
    np.allclose(slopes["probability"][0], w * p_at_x * (1 - p_at_x), atol=0.1),
    "On the probabilities and for a narrow kernel, the slopes should be near the gradient of p.",
)
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8))
for axis, (scale, values) in zip(axes, slopes.items(), strict=True):
    for i, (colour, style) in enumerate([(BLUE, "-"), (ORANGE, "--")]):
        axis.plot(widths, np.array(values)[:, i], style, color=colour, label=f"feature {i + 1}")
    axis.set(title=f"LIME on the {scale}", xlabel="kernel width σ", ylabel="slope")
    axis.legend()
plt.show()
checks.passed("lime-logistic", "four copies by hand, and both scales")
