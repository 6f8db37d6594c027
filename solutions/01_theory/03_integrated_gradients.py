# %% [markdown] minutes=20 core=true
# ## Section: Integrated gradients
#
# A gradient says how the output changes *near* the input. Where a network has saturated, it does not
# change there, although it has changed between a baseline and the input. **Integrated gradients**
# (Sundararajan, Taly and Yan 2017) collect the gradients on the straight line from a *baseline*
# $\bar x$ to $x$:
#
# $$ \mathrm{IG}_i(x) = (x_i - \bar x_i)\int_0^1 \frac{\partial f}{\partial x_i}\bigl(\bar x + \alpha\,(x-\bar x)\bigr)\,d\alpha . $$
#
# By the fundamental theorem of calculus they add up to the difference that is to be explained,
#
# $$ \sum_i \mathrm{IG}_i(x) = f(x) - f(\bar x) \qquad\text{(completeness)}, $$
#
# and since nothing but the function's own gradients enters, two networks that compute the same
# function receive the same attributions (**implementation invariance**).
#
# **Worked example.** The figure shows $f(x) = 1 - \mathrm{ReLU}(1 - x)$, which saturates at $x=1$.
# At $x = 2$ the gradient is 0, although moving from $\bar x = 0$ to 2 has raised the output by 1.
# Integrated gradients: $(2-0)\cdot\int_0^1 [2\alpha<1]\,d\alpha = 2\cdot\tfrac12 = 1$.

# %% tags=["figure"]
# Given: a saturated function, its gradient along the path, and what integrated gradients collect.
alpha = np.linspace(0, 1, 201)
slope = (2 * alpha < 1).astype(float)
figure, (left, middle) = plt.subplots(1, 2, figsize=(8, 2.8))
left.plot(2 * alpha, np.minimum(2 * alpha, 1), color=BLUE)
left.plot([0, 2], [0, 1], "o", color=ORANGE)
left.annotate("baseline", (0, 0), xytext=(0.15, -0.02))
left.annotate("input", (2, 1), xytext=(1.7, 0.85))
left.set(title="f(x) = 1 − ReLU(1 − x)", xlabel="x", ylabel="f(x)")
middle.plot(alpha, slope, color=BLUE, label="gradient on the path")
middle.fill_between(alpha, slope, color=BLUE, alpha=0.2, label="area = ½")
middle.plot(1, 0, "o", color=ORANGE, label="gradient at the input")
middle.set(
    title="What is integrated", xlabel="α: from baseline (0) to input (1)", ylabel="gradient"
)
middle.legend()
plt.show()

# %% [markdown]
# ### Task: by pencil
#
# Let $f(x) = x_1\,x_2^2$, the input $(2, 3)$ and the baseline $(0, 0)$. Compute the integral on paper
# and enter the two integrated gradients; enter also gradient × input, $x_i\,\partial f/\partial x_i$,
# and see which of the two adds up to $f(x)$.

# %% nbgrader={"grade_id": "ig-by-pencil", "solution": true}
# answer: ig-by-pencil
ig = [0.0, 0.0]  # integrated gradients of x₁ and x₂
gradient_input = [0.0, 0.0]  # gradient × input of x₁ and x₂
### BEGIN SOLUTION
# IG₁ = 2 ∫ (3α)² dα = 6 and IG₂ = 3 ∫ 2·(2α)(3α) dα = 12; the gradient at the input is (9, 12).
ig = [6.0, 12.0]
gradient_input = [18.0, 36.0]
### END SOLUTION

# %% nbgrader={"grade_id": "ig-by-pencil-test", "grade": true, "points": 2}
checks.expect(
    np.isclose(checks.numbers(ig, (2,), "ig").sum(), 2 * 3**2),
    "Completeness: the integrated gradients should add up to f(2, 3) − f(0, 0).",
)
checks.numbers(gradient_input, (2,), "gradient_input")
checks.passed("ig-by-pencil", "two pairs, and the sum of `ig`,")

# %% [markdown]
# ### Task: for any network
#
# Cut the path into `steps` pieces of equal length, and approximate the integral by the mean of the
# gradients at the *midpoints* of the pieces. The error of this rule shrinks with the square of
# `steps`; that of the pieces' end points shrinks with `steps` only. Use autograd:
# `torch.autograd.grad`, or `backward`.


# %% nbgrader={"grade_id": "integrated-gradients", "solution": true}
# answer: integrated-gradients
def integrated_gradients(model, x, baseline, target, steps):
    """Return integrated gradients of model's output `target`: tensor or array (features,).

    model: network, (N, features) to (N, classes).  x, baseline: tensors (features,).
    target: int.  steps: int, how many pieces the path has; each is evaluated at its midpoint.
    """
    ### BEGIN SOLUTION
    alphas = (torch.arange(steps) + 0.5) / steps
    path = (baseline + alphas[:, None] * (x - baseline)).requires_grad_()
    (gradients,) = torch.autograd.grad(model(path)[:, target].sum(), path)
    return (x - baseline) * gradients.mean(0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "integrated-gradients-test", "grade": true, "points": 3}
torch.manual_seed(1)
curved = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
start, end = torch.full((4,), 0.5), torch.tensor([2.0, -1.0, 0.5, 1.5])
collected = checks.numbers(
    integrated_gradients(curved, end, start, 1, 256), (4,), "integrated_gradients"
)
difference = (curved(end[None]) - curved(start[None]))[0, 1].item()
checks.expect(
    abs(collected.sum() - difference) < 1e-2,
    "Completeness does not hold: the attributions should add up to f(x) − f(baseline). "
    "Is the factor (x − baseline) there, and do the points run from the baseline to x?",
)
checks.expect(
    abs(collected[2]) < 1e-5, "The third input equals its baseline, so it should receive nothing."
)
exact = checks.numbers(
    integrated_gradients(lambda z: z**3, end, start, 1, 2), (4,), "integrated_gradients"
)
checks.expect(
    np.allclose(exact, [0, -1.5 * 3 * (0.125**2 + 0.625**2) / 2, 0, 0], atol=1e-5),
    "With two steps the points lie at a quarter and at three quarters of the path: from 0.5 to −1 these are "
    "0.125 and −0.625. Which two points does your function evaluate?",
)
checks.passed("integrated-gradients", "completeness, the baseline and the midpoints")
