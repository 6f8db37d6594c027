# %% [markdown] minutes=50
# ## Section: Layer-wise relevance propagation
#
# **LRP** (Bach 2015) starts with the output that is to be explained, $R = f_t(x)$, and propagates it
# back: a neuron $j$ with pre-activation $z_j$ distributes its relevance $R_j$ over its inputs $a_i$ in
# proportion to what each contributed. The rules differ in what counts as a contribution (overview:
# Montavon 2019; the last three come from deep Taylor decomposition, Montavon 2017):
#
# | rule | $R_i = \sum_j (\dots)\,R_j$ | for |
# |---|---|---|
# | LRP-0 | $\dfrac{a_i w_{ji}}{z_j}$ | |
# | LRP-ε | $\dfrac{a_i w_{ji}}{z_j + \varepsilon\,\mathrm{sign}(z_j)}$ | less noise where $z_j$ is small |
# | z⁺ rule | $\dfrac{a_i w_{ji}^+}{\sum_k a_k w_{jk}^+}$ | inputs $\geq 0$, positive evidence only |
# | w² | $\dfrac{w_{ji}^2}{\sum_k w_{jk}^2}$ | first layer, inputs any real numbers |
# | zᴮ | $\dfrac{x_i w_{ji} - l_i w_{ji}^+ - h_i w_{ji}^-}{\sum_k (x_k w_{jk} - l_k w_{jk}^+ - h_k w_{jk}^-)}$ | first layer, pixels in $[l_i, h_i]$ |
#
# with $w^+ = \max(w, 0)$ and $w^- = \min(w, 0)$. A ReLU passes relevance on unchanged (a neuron
# that is not active has none).
#
# **Biases.** Either $z_j = \sum_i a_i w_{ji} + b_j$: biases *kept*; they absorb the share
# $b_j/z_j$ of the relevance. Or $z_j = \sum_i a_i w_{ji}$: biases *ignored* in the denominator, and
# the inputs share all of it. **Conservation**: without biases and ε, as much relevance arrives at
# the input as left the output; ε absorbs some of it.
#
# **Two rules that are often called z⁺.** In this notebook the *z⁺ rule* is that of Montavon (2017):
# biases ignored. **LRP-α₁β₀** (Bach 2015, with α = 1 and β = 0) has the positive part of the bias in its
# denominator, $\sum_k a_k w_{jk}^+ + b_j^+$, and the bias absorbs its share. For inputs $\geq0$ the two
# are the same where no bias is positive. {{ if notebook.local_explanations.relevance }}Notebook {{ notebook.local_explanations }} uses LRP-α₁β₀, which{{ else }}LRP-α₁β₀{{ end }} is `rule="z_plus"` in xaikit.
#
# **Worked example.** One neuron, $z = 2a_1 - a_2 + 1$ at $a=(3, 2)$: $z = 6 - 2 + 1 = 5$, and
# $R=5$. LRP-0 gives $(6, -2)$ with the bias kept (which absorbs 1), and
# $(6, -2)\cdot\tfrac54 = (7.5, -2.5)$ with the bias ignored. The z⁺ rule gives $(5, 0)$.

# %%
# Given, for the visible checks: the worked example as x, W1, b1, W2, b2 of a network whose second
# layer passes the first one's output on unchanged. Then a network with three hidden neurons, whose
# inputs are 5, −2 and 4, and with two outputs: 18 and 7.
W1, b1, W2, b2 = np.array([[2.0, -1.0]]), np.ones(1), np.eye(1), np.zeros(1)
worked_example = (np.array([3.0, 2.0]), W1, b1, W2, b2)
three_neurons = (
    np.array([3.0, 2.0]),
    np.array([[2.0, -1.0], [-1.0, 1.0], [0.0, 1.0]]),
    np.array([1.0, -1.0, 2.0]),
    np.array([[1.0, 5.0, 3.0], [2.0, 3.0, 1.0]]),
    np.array([1.0, -7.0]),
)

# %% [markdown]
# ### Task: LRP-ε through two layers
#
# The network is $f(x) = W_2\,\mathrm{ReLU}(W_1x+b_1)+b_2$. Start with $R = f_t(x)$, which always
# includes the biases, and apply LRP-ε to both layers, with $\mathrm{sign}(0) = 1$. With
# `keep_bias=True` the denominators include the biases, with `False` they do not.


# %% nbgrader={"grade_id": "lrp-epsilon", "solution": true}
# answer: lrp-epsilon
def lrp_epsilon(x, W1, b1, W2, b2, target, epsilon, keep_bias):
    """Return the relevances of the inputs by LRP-ε: an array (features,).

    x: (features,).  W1: (hidden, features).  b1: (hidden,).  W2: (classes, hidden).
    b2: (classes,).  target: int.  epsilon: float above 0.  keep_bias: bool.
    """
    ### BEGIN SOLUTION
    hidden = np.maximum(W1 @ x + b1, 0)
    relevance = np.zeros(len(b2))
    relevance[target] = W2[target] @ hidden + b2[target]
    for a, W, b in [(hidden, W2, b2), (x, W1, b1)]:
        z = W @ a + b * keep_bias
        relevance = a * (W.T @ (relevance / (z + np.where(z >= 0, epsilon, -epsilon))))
    return relevance
    ### END SOLUTION


# %% nbgrader={"grade_id": "lrp-epsilon-test", "grade": true, "points": 3}
for keep, one, three in [(True, [6, -2], [12, -2]), (False, [7.5, -2.5], [7.5, -0.5])]:
    checks.close(
        lrp_epsilon(*worked_example, 0, 1e-9, keep),
        one,
        "lrp_epsilon",
        f"the worked example with keep_bias={keep}. Which z is the denominator?",
    )
    checks.close(
        lrp_epsilon(*three_neurons, 1, 1e-9, keep),
        three,
        "lrp_epsilon",
        f"for the output 1 of `three_neurons` and keep_bias={keep} the relevances are {three}. "
        "Start with 7, at this output alone. The hidden activations are 5, 0 and 4 in any case.",
    )
for sign in (1, -1):  # the output is 1, then −1
    checks.close(
        lrp_epsilon(np.array([1.0, 2.0]), W1, b1, sign * W2, b2, 0, 1.0, False),
        [sign, -sign],
        "lrp_epsilon",
        f"one neuron at a = (1, 2), its output times {sign}: with ε = 1 and biases ignored the "
        f"denominators are {2 * sign}, then 1, because sign(0) = 1.",
    )
checks.passed("lrp-epsilon", "biases, activations, the target and ε in small networks")

# %% [markdown]
# ### Task: the z⁺ rule
#
# The same network with an input $x\geq0$: apply z⁺ to both layers, with biases ignored in both
# denominators and $R = f_t(x)$ at the start. Where a denominator is 0, nothing is passed on.


# %% nbgrader={"grade_id": "lrp-z-plus", "solution": true}
# answer: lrp-z-plus
def lrp_z_plus(x, W1, b1, W2, b2, target):
    """Return the relevances of the inputs by the z⁺ rule: an array (features,).

    Arguments as for lrp_epsilon; x is not negative.
    """
    ### BEGIN SOLUTION
    hidden = np.maximum(W1 @ x + b1, 0)
    relevance = np.zeros(len(b2))
    relevance[target] = W2[target] @ hidden + b2[target]
    for a, W in [(hidden, W2), (x, W1)]:
        contributions = a * np.maximum(W, 0)
        z = contributions.sum(1)
        some = z > 0
        relevance = (relevance[some] / z[some]) @ contributions[some]
    return relevance
    ### END SOLUTION


# %% nbgrader={"grade_id": "lrp-z-plus-test", "grade": true, "points": 2}
checks.close(
    lrp_z_plus(*worked_example, 0),
    [5, 0],
    "lrp_z_plus",
    "the worked example: (5, 0). A negative weight is no contribution, and nothing is absorbed.",
)
checks.close(
    lrp_z_plus(*three_neurons, 1),
    [5, 2],
    "lrp_z_plus",
    "for the output 1 of `three_neurons` the relevances are (5, 2). Start with 7, at this output "
    "alone. The hidden activations are 5, 0 and 4: all weights count in the forward pass.",
)
# A second neuron is active by its bias alone: what it receives, 0.4 of 0.9, is not passed on.
weights = np.array([[0.2, -0.1], [-0.1, -0.1]])
two = (worked_example[0], weights, np.array([0.1, 0.9]), np.ones((1, 2)), np.zeros(1))
checks.close(
    lrp_z_plus(*two, 0), [0.5, 0], "lrp_z_plus", "where a denominator is 0, nothing is passed on."
)
checks.passed("lrp-z-plus", "three small networks")

# %% [markdown]
# ### Task: rules for the first layer
#
# The inputs of the first layer are often pixels, which are bounded and may be 0 where they matter. The
# z⁺ rule would never give such a pixel anything. Write the w² and the zᴮ rule for one dense layer,
# with biases ignored.


# %% nbgrader={"grade_id": "lrp-first-layer", "solution": true}
# answer: lrp-first-layer
def first_layer(x, W, R, low, high, rule):
    """Hand the relevance of the first layer's neurons back to the inputs: an array (features,).

    x: (features,).  W: (hidden, features).  R: (hidden,), relevance of the hidden neurons.
    low, high: (features,), bounds of the inputs.  rule: "w2" or "zB".
    """
    ### BEGIN SOLUTION
    if rule == "w2":
        contributions = W**2
    else:
        contributions = x * W - low * np.maximum(W, 0) - high * np.minimum(W, 0)
    return (R / contributions.sum(1)) @ contributions
    ### END SOLUTION


# %% nbgrader={"grade_id": "lrp-first-layer-test", "grade": true, "points": 3}
W, R, pixel = np.array([[-4.0, 3.0], [1.0, -1.0]]), np.array([25.0, 2.0]), np.array([0.0, 0.5])
low, high = np.array([-2.0, -1.5]), np.array([1.0, 2.5])
for rule, wanted, hint in [
    ("w2", [17, 10], "w2 shares 25 as 16 to 9, and 2 as 1 to 1."),
    (
        "zB",
        [11, 16],
        "zB, with bounds −2 and 1 of the first input, −1.5 and 2.5 of the second, shares 25 as 4 to "
        "6, and 2 as 2 to 2. Which bound belongs to which sign of the weight?",
    ),
]:
    found = checks.numbers(first_layer(pixel, W, R, low, high, rule), (2,), "first_layer")
    checks.expect(np.isclose(found.sum(), 27), f"{rule}: relevance should be conserved.")
    checks.close(found, wanted, "first_layer", hint)
black, white = np.zeros(2), np.ones(2)
squares = first_layer(pixel, W, R, black, white, "w2")
figure, axis = plt.subplots(figsize=(5, 2.8))
bounded = first_layer(pixel, W, R, black, white, "zB")
axis.bar(np.arange(2) - 0.2, squares, 0.4, color=BLUE, label="w²")
axis.bar(np.arange(2) + 0.2, bounded, 0.4, color=ORANGE, hatch="//", label="zᴮ on [0, 1]")
axis.set(
    title="One layer, one input, two rules",
    xticks=[0, 1],
    xticklabels=["x₁ = 0 (black)", "x₂ = 0.5"],
    ylabel="relevance",
)
axis.legend()
plt.show()
checks.passed("lrp-first-layer", "both rules for a layer of two neurons")

# %% [markdown]
# ### One function, two networks
#
# Sundararajan (2017) gives a pair of networks that compute the same function, and here it is in our
# notation:
#
# $$ f(x) = \mathrm{ReLU}\bigl(\mathrm{ReLU}(x_1) - 1 - \mathrm{ReLU}(x_2)\bigr), \qquad
#    g(x) = \mathrm{ReLU}\bigl(\mathrm{ReLU}(x_1 - 1) - \mathrm{ReLU}(x_2)\bigr). $$
#
# The only difference is the place of the bias $-1$. The figure shows that they agree.

# %% tags=["figure"]
# Given: the two networks on a grid.
axis_1, axis_2 = np.meshgrid(np.linspace(-1, 4, 101), np.linspace(-1, 3, 101))


def relu(z):
    """Return z where it is positive, else 0."""
    return np.maximum(z, 0)


first_network = relu(relu(axis_1) - 1 - relu(axis_2))
second_network = relu(relu(axis_1 - 1) - relu(axis_2))
figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
for axis, values, title in zip(axes, [first_network, second_network], "fg", strict=True):
    image = axis.pcolormesh(axis_1, axis_2, values, cmap="cividis", vmin=0, vmax=3)
    axis.plot(3, 1, "o", color="white", markeredgecolor="black", label="(3, 1)")
    axis.set(title=f"network {title}", xlabel="x₁")
    axis.grid(False)
axes[0].set_ylabel("x₂")
axes[0].legend(loc="upper left")
figure.colorbar(image, ax=axes, label="output")
plt.show()
print("largest difference:", np.abs(first_network - second_network).max())

# %% [markdown]
# ### Task: LRP and implementation invariance
#
# At $x=(3,1)$ both outputs are 1. Compute with pencil and paper the relevances $(R_1, R_2)$ by LRP-0:
# for $f$ and for $g$ with biases ignored in the denominators; for both with biases kept (one
# answer serves both: check this). Finally compute the integrated gradients from $(0, 0)$, which are
# again the same for both. Each of the four earns a quarter.

# %% nbgrader={"grade_id": "relu-pair", "solution": true}
# answer: relu-pair
f_biases_ignored = [0.0, 0.0]
g_biases_ignored = [0.0, 0.0]
biases_kept = [0.0, 0.0]
integrated = [0.0, 0.0]
### BEGIN SOLUTION
# f: contributions 3 and −1, z = 2 without the bias.  g: contributions 2 and −1, z = 1.
f_biases_ignored = [1.5, -0.5]
g_biases_ignored = [2.0, -1.0]
# With biases: f has z = 1; in g the neuron x₁ − 1 = 2 passes 3/2 of its relevance 2 to x₁.
biases_kept = [3.0, -1.0]
# On the path α(3, 1) the output is ReLU(2α − 1): the gradient is (1, −1) on half of it.
integrated = [1.5, -0.5]
### END SOLUTION

# %% nbgrader={"grade_id": "relu-pair-test", "grade": true, "points": 3}
for name, pair in [
    ("f_biases_ignored", f_biases_ignored),
    ("g_biases_ignored", g_biases_ignored),
    ("integrated", integrated),
]:
    checks.expect(
        np.isclose(checks.numbers(pair, (2,), name).sum(), 1),
        f"`{name}` should add up to 1: which property says so?",
    )
checks.expect(
    np.isclose(checks.numbers(biases_kept, (2,), "biases_kept").sum(), 2),
    "`biases_kept`: in each of the two networks the bias absorbs −1, so the inputs share 2.",
)
checks.passed("relu-pair", "four pairs and their sums")

# %% [markdown]
# ### Task: gradient × input
#
# With biases kept, LRP-0 on a ReLU network is a method that you know. Suppose every neuron $j$ of a layer
# has $R_j = a_j\,g_j$, with its gradient $g_j=\partial f_t/\partial a_j$ (at the output this holds:
# $R=f_t\cdot1$). For an active neuron $a_j = z_j$, so
#
# $$ R_i = \sum_j \frac{a_i w_{ji}}{z_j}\,a_j\,g_j = a_i\sum_{j\text{ active}} w_{ji}\,g_j = a_i\,g_i, $$
#
# and so on down to the input: **LRP-0 is gradient × input** (Shrikumar 2016; Ancona 2018), and thus
# *is* implementation-invariant. With other rules, or with biases ignored, this does not follow. Write
# gradient × input with autograd, for any network.


# %% nbgrader={"grade_id": "gradient-times-input", "solution": true}
# answer: gradient-times-input
def gradient_times_input(model, x, target):
    """Return the product of input and gradient of model's output `target`: tensor (features,).

    model: network, (N, features) to (N, classes).  x: tensor (features,).  target: int.
    """
    ### BEGIN SOLUTION
    return x * torch.func.grad(lambda point: model(point[None])[0, target])(x)
    ### END SOLUTION


# %% nbgrader={"grade_id": "gradient-times-input-test", "grade": true, "points": 2}
torch.manual_seed(2)
without_bias = torch.nn.Sequential(
    torch.nn.Linear(5, 6, bias=False), torch.nn.ReLU(), torch.nn.Linear(6, 3, bias=False)
)
point = torch.randn(5)
product = checks.numbers(gradient_times_input(without_bias, point, 2), (5,), "gradient_times_input")
checks.expect(
    np.isclose(product.sum(), without_bias(point[None])[0, 2].item(), atol=1e-5),
    "In a ReLU network without biases nothing is absorbed: the products add up to the output. "
    "Is it the gradient of the output `target` alone?",
)
linear = torch.nn.Linear(2, 2)
with torch.no_grad():
    linear.weight[:] = torch.tensor([[1.0, 2.0], [3.0, -4.0]])
    linear.bias[:] = torch.tensor([9.0, 1.0])
checks.close(
    gradient_times_input(torch.nn.Sequential(linear), torch.tensor([2.0, 1.5]), 1),
    [6, -6],
    "gradient_times_input",
    "for the linear output 3 x₁ − 4 x₂ + 1 at (2, 1.5) the products are 6 and −6.",
)
checks.passed("gradient-times-input", "a network without biases and a linear model")
