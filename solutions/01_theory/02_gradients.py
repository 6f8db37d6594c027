# %% [markdown] minutes=35 core=true
# ## Section: Gradients
#
# The oldest local question: *if this input moved a little, how would the output move?* For the
# output $f_t$ of class $t$ the answer is the gradient (Baehrens 2010; as a **saliency map** for
# images Simonyan 2014),
#
# $$ g_i = \frac{\partial f_t(x)}{\partial x_i} \approx \frac{f_t(x + h\,e_i) - f_t(x - h\,e_i)}{2h}, $$
#
# with $e_i$ the unit vector of input $i$. The right-hand side, a *central difference*, needs nothing
# but outputs; its error shrinks with $h^2$, whereas that of the one-sided difference
# $(f(x+h\,e_i)-f(x))/h$ shrinks with $h$ only.
#
# In this notebook a `model` is a `torch.nn.Sequential` that takes a batch (N, features) and returns
# (N, classes); an input `x` is a single tensor of shape (features,). So `model(x[None])[0, target]`
# is one output for one input.
#
# **Worked example.** $f(x) = x_1^2 + 3x_2$ at $(2, 1)$ with $h = 0.1$: the central difference for
# $x_1$ is $(2.1^2 - 1.9^2)/0.2 = 0.8/0.2 = 4$, which is the derivative $2x_1$ exactly; one-sided it
# would be $(2.1^2-2^2)/0.1 = 4.1$.

# %% [markdown]
# ### Task: finite differences
#
# Compute the gradient by central differences, without autograd.


# %% nbgrader={"grade_id": "finite-differences", "solution": true}
# answer: finite-differences
def finite_differences(model, x, target, h):
    """Approximate the gradient of model's output `target` at x, by central differences.

    model: network, (N, features) to (N, classes).  x: tensor (features,).
    target: int.  h: float, the step to either side.
    Returns a tensor or array (features,).
    """
    ### BEGIN SOLUTION
    steps = h * torch.eye(len(x))
    with torch.no_grad():
        above, below = model(x + steps)[:, target], model(x - steps)[:, target]
    return (above - below) / (2 * h)
    ### END SOLUTION


# %% nbgrader={"grade_id": "finite-differences-test", "grade": true, "points": 2}
checks.without(finite_differences, *checks.AUTOGRAD)


class Worked(torch.nn.Module):
    """Class 1 is the function of the worked example; class 0 is always larger near its input."""

    def forward(self, z):
        """Return the outputs of a batch."""
        return torch.stack([20 - z[:, 0] - z[:, 1], z[:, 0] ** 2 + 3 * z[:, 1]], dim=1)


checks.close(
    finite_differences(Worked(), torch.tensor([2.0, 1.0]), 1, 0.1),
    [4, 3],
    "finite_differences",
    "the worked example, which is class 1 here, has the differences 4 and 3. Do you move one input "
    "at a time, to both sides, and divide by the whole distance between the two points?",
    tolerance=1e-3,
)
linear = torch.nn.Linear(3, 2)
checks.close(
    finite_differences(linear, torch.tensor([1.0, -2.0, 0.5]), 1, 0.25),
    linear.weight[1].tolist(),
    "finite_differences",
    "for a linear model the gradient is its row of weights, with any h.",
    tolerance=1e-3,
)
checks.passed("finite-differences", "the worked example and a linear model")

# %% [markdown]
# ### Task: the gradient of a small network, with pencil and paper
#
# Take $f(x) = W_2\,\mathrm{ReLU}(W_1 x + b_1) + b_2$. By the chain rule the gradient of output $t$
# goes back through the row $t$ of $W_2$, through the ReLUs (factor 1 where their input is above 0,
# factor 0 elsewhere; at 0 itself PyTorch takes 0, and so should you), and through $W_1$. Write that in
# NumPy, without autograd, for weights laid out as in PyTorch: (outputs, inputs).


# %% nbgrader={"grade_id": "input-gradient", "solution": true}
# answer: input-gradient
def input_gradient(x, W1, b1, W2, b2, target):
    """Return the gradient of output `target` at x: an array (features,).

    x: (features,).  W1: (hidden, features).  b1: (hidden,).
    W2: (classes, hidden).  b2: (classes,).  target: int.
    """
    ### BEGIN SOLUTION
    active = W1 @ x + b1 > 0
    return W1.T @ (active * W2[target])
    ### END SOLUTION


# %% nbgrader={"grade_id": "input-gradient-test", "grade": true, "points": 2}
checks.without(input_gradient, *checks.AUTOGRAD)
# The inputs of the four hidden neurons are 3, 1, −2 and 0; the outputs are 14 and 6.
W1 = np.array([[1.0, 2.0], [-3.0, 1.0], [1.0, -1.0], [2.0, 1.0]])
b1 = np.array([-2.0, 2.0, -1.0, -4.0])
W2, b2 = np.array([[3.0, 5.0, 7.0, 11.0], [2.0, -1.0, 3.0, 5.0]]), np.array([0.0, 1.0])
gradient = checks.numbers(
    input_gradient(np.array([1.0, 2.0]), W1, b1, W2, b2, 1), (2,), "input_gradient"
)
checks.expect(
    np.allclose(gradient, [5, 3]),
    "With x = (1, 2) the gradient of output 1 is (5, 3). Which two hidden neurons are active here? "
    "Their inputs include the bias, and at 0 a neuron passes nothing on. Which weights lead from "
    "them to the output `target`?",
)
checks.passed("input-gradient", "the bias, the ReLUs and the target of a small network")

# %% [markdown]
# ### Task: what does it cost?
#
# Count multiply-adds (one multiplication together with one addition). A dense layer with $n$ inputs
# and $m$ outputs needs $nm$ in the forward pass. Going back, the gradient with respect to the
# layer's inputs, $W^\top\delta$, needs another $nm$. (Training would also compute a gradient for
# each weight; a saliency map does not need it. Biases and ReLUs are not counted.) For a dense
# network of given `widths` and one input return three numbers: the multiply-adds of the forward
# pass; those of a saliency map by backpropagation, its forward pass included; those of a gradient by
# central differences.
#
# That the gradient with respect to *all* inputs costs a small constant multiple of one evaluation
# is the reason why gradient methods are so popular: the *cheap gradient principle* (Baur and
# Strassen 1983; Griewank and Walther 2008).


# %% nbgrader={"grade_id": "multiply-adds", "solution": true}
# answer: multiply-adds
def multiply_adds(widths):
    """Count multiply-adds; widths such as [784, 100, 10]: inputs, hidden layers, outputs.

    Returns a tuple of three ints: forward pass, saliency map, central differences.
    """
    ### BEGIN SOLUTION
    forward = sum(n * m for n, m in itertools.pairwise(widths))
    return forward, 2 * forward, 2 * widths[0] * forward
    ### END SOLUTION


# %% nbgrader={"grade_id": "multiply-adds-test", "grade": true, "points": 2}
forward, saliency, differences = checks.numbers(multiply_adds([3, 2, 4]), (3,), "multiply_adds")
checks.expect(forward == 14, "Widths 3, 2, 4: the two layers need 6 and 8 in the forward pass.")
checks.expect(
    saliency == 28,
    "Widths 3, 2, 4: the saliency map needs 28. Is each weight used once on the way there, and once "
    "on the way back?",
)
checks.expect(
    differences == 84,
    "Widths 3, 2, 4: central differences need 84. How often do they evaluate the network for three "
    "inputs?",
)
image = np.array(multiply_adds([784, 300, 100, 10]), dtype=float)
figure, axis = plt.subplots(figsize=(6, 2.2))
bars = axis.barh(["forward pass", "saliency map", "central differences"], image, color=BLUE)
axis.bar_label(bars, fmt="{:,.0f}", padding=4)
axis.set(
    xscale="log",
    xlim=(1e5, 1e10),
    title="Cost of one map, 784-300-100-10 network",
    xlabel="multiply-adds (logarithmic)",
)
axis.invert_yaxis()
plt.show()
checks.passed("multiply-adds", "the three counts of a small network")

# %% [markdown]
# ### Task: find the error in guided backpropagation
#
# At a ReLU with input $z$, three methods treat the signal $s$ that comes from the output differently
# (a bracket, such as $[z>0]$, is 1 if the statement inside is true, and 0 if it is false):
#
# - backpropagation passes it on where the neuron was active, $s\cdot[z>0]$;
# - the deconvnet (Zeiler and Fergus 2014) where the signal is positive, $s\cdot[s>0]$;
# - **guided backpropagation** (Springenberg 2015) where both hold, $s\cdot[z>0]\cdot[s>0]$.
#
# The maps of the last method show sharp edges, but that does not make them explanations: Adebayo
# (2018) found that they hardly change when the network's later layers are given random weights.
#
# The function below is meant to be guided backpropagation for a network with two hidden layers.
# It contains one mistake. Correct it in place, or write the function again below.


# %% nbgrader={"grade_id": "repair-guided", "solution": true}
# answer: repair-guided
def guided_backpropagation(x, W1, b1, W2, b2, W3, target):
    """Return the guided-backpropagation map of output `target` at x: an array (features,).

    The network is W3 ReLU(W2 ReLU(W1 x + b1) + b2); weights are laid out (outputs, inputs).
    """
    z1 = W1 @ x + b1
    z2 = W2 @ np.maximum(z1, 0) + b2
    signal = W3[target]
    for W, z in [(W2, z2), (W1, z1)]:
        signal = W.T @ (signal * (signal > 0))
    return signal


### BEGIN SOLUTION
def guided_backpropagation(x, W1, b1, W2, b2, W3, target):
    first = W1 @ x + b1
    second = W2 @ np.maximum(first, 0) + b2
    at_second = np.maximum(W3[target], 0) * (second > 0)
    at_first = np.maximum(W2.T @ at_second, 0) * (first > 0)
    return W1.T @ at_first


### END SOLUTION

# %% nbgrader={"grade_id": "repair-guided-test", "grade": true, "points": 2}
identity, nought = np.eye(3), np.zeros(3)
guided = checks.numbers(
    guided_backpropagation(
        np.array([1.0, -1.0, 0.0]), identity, nought, identity, nought, np.ones((1, 3)), 0
    ),
    (3,),
    "guided_backpropagation",
)
checks.expect(guided[0] == 1, "A positive signal through active neurons should arrive unchanged.")
checks.expect(
    guided[1] == 0,
    "In this tiny network the second neuron is not active (its input is -1), and still a signal "
    "passes. Compare the line in the loop with the three formulas above.",
)
checks.expect(guided[2] == 0, "The third neuron's input is 0, and [z > 0] is then 0.")
# The inputs of the first layer's neurons are 0, 1, 2 and −1, those of the second layer's 3, 2, 1, 0.
guided = guided_backpropagation(
    np.array([-1.0, 2.0]),
    np.array([[0.0, -1.0], [2.0, -1.0], [-2.0, 1.0], [1.0, -1.0]]),
    np.array([2.0, 5.0, -2.0, 2.0]),
    np.array([[-1.0, 1.0, 1.0, 0.0], [1.0, 2.0, -1.0, 2.0], [0.0, 1.0, -1.0, 0.0], [1, 3, -3, 0]]),
    np.array([0.0, 2.0, 2.0, 3.0]),
    np.array([[1.0, 1.0, 1.0, 1.0], [-1.0, 1.0, 1.0, 1.0]]),
    1,
)
checks.close(
    guided,
    [6, -3],
    "guided_backpropagation",
    "for the output 1 of a larger network the map is (6, −3). Which neurons of each layer are "
    "active, and which signals arrive there from above and are positive?",
)
checks.passed("repair-guided", "both conditions at both layers, biases and the target")

# %% [markdown]
# ### Task: find the error in a distance
#
# Two examples are alike for a network if they change its parameters in the same direction. One
# compares the gradients $a, b$ of their losses by the cosine (*Grad-Cos*, Hanawa 2021). The function
# below is to return a **distance**: 0 for gradients of the same direction, 1 for orthogonal ones,
# 2 for opposite ones. If you sort training examples by it, smallest first, the unlike ones come first.
# Correct it, without torch's own cosine similarity.


# %% nbgrader={"grade_id": "repair-cosine", "solution": true}
# answer: repair-cosine
def cosine_distance(a, b):
    """Return the cosine distance of two gradients, arrays of the same shape: a float."""
    a, b = np.ravel(a), np.ravel(b)
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


### BEGIN SOLUTION
def cosine_distance(a, b):
    similarity = (a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())
    return 1 - similarity


### END SOLUTION

# %% nbgrader={"grade_id": "repair-cosine-test", "grade": true, "points": 1}
checks.without(cosine_distance, *checks.COSINE)
for a, b, wanted, hint in [
    ([[1.0, 1.0], [1.0, 1.0]], [[3.0, 3.0], [3.0, 3.0]], 0, "the same direction: distance 0."),
    ([3.0, 4.0], [8.0, -6.0], 1, "orthogonal gradients: distance 1."),
    ([3.0, 4.0], [-6.0, -8.0], 2, "opposite gradients: distance 2."),
    ([3.0, 4.0], [6.0, 0.0], 0.4, "(3, 4) and (6, 0): the cosine of their angle is 3/5."),
]:
    checks.close(cosine_distance(np.array(a), np.array(b)), wanted, "cosine_distance", hint)
checks.passed("repair-cosine", "four pairs of gradients")
