# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · Theory: what an explanation is, and how to compute one by hand
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/{{ course.repository }}/blob/{{ course.branch }}/notebooks/01_theory.ipynb)
#
# *{{ course.name }}*
#
# The other notebooks of this course explain networks with a million parameters, where nobody can
# check a heat map with pencil and paper. Here everything is small enough that you can. After this
# notebook you can
#
# - place an explanation method: local or global, intrinsic or post-hoc, model-agnostic or specific,
#   and say which purpose it serves and what it trades for it;
# - compute by hand, on networks with a handful of weights, gradients, integrated gradients, Shapley
#   values, layer-wise relevance propagation (LRP), LIME, counterfactuals, a surrogate and knockoffs;
# - name the axioms (completeness, conservation, symmetry, implementation invariance) and show by a
#   three-line example which method violates which;
# - find the error in code that looks right.
#
# **Time**: about 5 hours alone, less in a group. **Computer**: everything runs on a CPU in seconds.
#
# **How to work.** Write only into the cells that begin with `# answer: …` and leave that first line
# as it is. Below each answer a cell checks its *form*, and properties that any right answer has;
# the marks come from hidden checks, which call your functions on inputs that you have not seen.
# Cells of your own may stand anywhere. An answer may use what the next given cell imports (task 24 also
# the tree), but nothing of the other given cells, not xaikit, and no other answer: copy what you need.
# A cross ✗ with a sentence is no catastrophe; it says what to try.

# %%
# Given: in Colab this installs the course's package, elsewhere it does nothing.
import importlib.util
import subprocess
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xaikit") is None:
    source = "git+https://github.com/{{ course.repository }}@{{ course.branch }}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", source], check=True)

# %% nbgrader={"grade_id": "given-imports"}
# Given: all that the tasks by hand need.
import itertools
import math

import numpy as np
import torch

# %%
# Given: figures and visible checks. The colours can be told apart by colour-blind readers.
import matplotlib.pyplot as plt
from tqdm.auto import tqdm
from xaikit import checks, quiz as quizzes

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#8C8C8C"
plt.rcParams.update({"figure.constrained_layout.use": True, "axes.grid": True, "grid.alpha": 0.3})
device = "cpu"  # paper-sized networks: a GPU would only be slower
torch.manual_seed(0)
print("Ready: torch", torch.__version__, "on the", device)

# %% [markdown]
# ## 1 · What is an explanation?
#
# A network maps an input to an output by millions of multiplications. All of them together *are*
# the reason for its answer, but no person can do anything with them. An **explanation** is a
# smaller object (a map over pixels, a weight per feature, an example, a rule, a sentence) that
# answers some question about the model well enough for somebody's purpose. Three questions place
# a method.
#
# | question | one end | the other end |
# |---|---|---|
# | What is explained? | **local**: the prediction for one input | **global**: the model as a whole |
# | When does it arise? | **intrinsic**: the model is built such that it explains itself | **post-hoc**: computed afterwards, for a model that is already there |
# | What must be known of the model? | **model-agnostic**: its outputs suffice | **model-specific**: gradients, activations, or a particular architecture |
#
# A model that explains itself is one particular model, so intrinsic explanations are specific.
# Many global views are local explanations, aggregated; that does not make the local method global.
#
# **Purposes.** Adadi and Berrada (2018) ask *why* one explains; with one change we use their four
# answers in this course. Explain to **justify** (was this decision right, can it be defended?), to
# **improve** (what is wrong with the model, and what could a person do to get another decision?),
# to **trust** (should we rely on it, and where not?), to **discover** (what did the model find in
# the data that we did not know?). The last is the most tempting one: an explanation shows what the
# *model* uses. Whether the world works like that is a question for an experiment.
#
# **Trade-offs.** No method wins on all four of these:
#
# - **fidelity**: does the explanation agree with what the model computes?
# - **understandability**: can the person it is made for make use of it?
# - **construction effort**: what has to be built, trained, chosen or labelled beforehand?
# - **efficiency**: how long does one explanation take?
#
# A list of all weights has perfect fidelity and no understandability; a single sentence is the
# other way round. Rudin (2019) concludes that for high stakes an intrinsically interpretable model
# should be preferred to a black box explained afterwards. Doshi-Velez and Kim (2017) ask how to
# evaluate: with experts in the real application, with lay people on simplified tasks, or with a
# formal proxy. Most numbers in the literature, and in this course, are of the third sort.

# %% [markdown]
# ### A map of the methods
#
# What the names below stand for, in a sentence each. You will compute most of them yourself.
#
# | method | idea | paper |
# |---|---|---|
# | saliency map | gradient of an output with respect to the input | Simonyan 2014 |
# | guided backpropagation | the same, but negative signals are stopped at every ReLU | Springenberg 2015 |
# | integrated gradients | gradients added up on the way from a baseline to the input | Sundararajan 2017 |
# | Grad-CAM | channels of a convolution, weighted by their mean gradients | Selvaraju 2017 |
# | LRP | the output is handed back, layer by layer, in proportion to contributions | Bach 2015 |
# | LIME | perturb the input, watch the outputs, fit a sparse linear model to them | Ribeiro 2016 |
# | SHAP | fair shares of the difference between this prediction and a reference | Lundberg 2017 |
# | counterfactual | the closest input that is decided differently | Wachter 2017 |
# | distillation | a smaller or simpler model imitates the trained one | Hinton 2015; Craven 1996 |
# | permutation importance | shuffle a feature's column, see how much accuracy is lost | Breiman 2001 |
# | activation maximisation | search for an input that excites a unit as much as possible | Erhan 2009 |
# | SpRAy | spectral clustering of heat maps, to find strategies such as Clever Hans | Lapuschkin 2019 |
# | DeepPINK | every feature races against a fake copy of itself, its knockoff | Lu 2018 |
# | DeepProbLog | logic programs whose uncertain facts come from networks, trained through the differentiable probability of a query | Manhaeve 2018 |
# | PJ-X | answers questions on images (data set VQA-X), points to evidence and gives its reasons in words | Park 2018 |

# %% [markdown]
# ### Task 1: place the methods (3 points)
#
# For each method give a triple of words: `"local"` or `"global"`, `"intrinsic"` or `"post-hoc"`,
# `"agnostic"` or `"specific"`. Read the names as follows: the *saliency map* of one image; the
# *surrogate tree* is distilled from some black box, of which only outputs are known; the *shallow
# tree* is itself the deployed model and is read as its own explanation; *permutation importance*
# is measured on the whole test set; *activation maximisation* for a unit of a convolutional layer.
# Each method that is right in all three earns a share.

# %% nbgrader={"grade_id": "taxonomy", "solution": true}
# answer: taxonomy
taxonomy = {
    "LIME": ("", "", ""),
    "KernelSHAP": ("", "", ""),
    "saliency map": ("", "", ""),
    "LRP": ("", "", ""),
    "surrogate tree": ("", "", ""),
    "shallow tree": ("", "", ""),
    "permutation importance": ("", "", ""),
    "activation maximisation": ("", "", ""),
}
### BEGIN SOLUTION
taxonomy = {
    "LIME": ("local", "post-hoc", "agnostic"),
    "KernelSHAP": ("local", "post-hoc", "agnostic"),
    "saliency map": ("local", "post-hoc", "specific"),
    "LRP": ("local", "post-hoc", "specific"),
    "surrogate tree": ("global", "post-hoc", "agnostic"),
    "shallow tree": ("global", "intrinsic", "specific"),
    "permutation importance": ("global", "post-hoc", "agnostic"),
    "activation maximisation": ("global", "post-hoc", "specific"),
}
### END SOLUTION

# %% nbgrader={"grade_id": "taxonomy-test", "grade": true, "points": 3}
checks.expect(isinstance(taxonomy, dict), "`taxonomy` should stay a dictionary.")
words = [("local", "global"), ("intrinsic", "post-hoc"), ("agnostic", "specific")]
for method, triple in taxonomy.items():
    checks.expect(
        len(triple) == 3 and all(word in pair for word, pair in zip(triple, words, strict=True)),
        f"{method}: give three words, one of each pair: {words}.",
    )
checks.expect(len(taxonomy) == 8, "Keep the eight names of the methods as they were.")
checks.passed("taxonomy")

# %% [markdown]
# ## 2 · Quiz
#
# Five groups of four statements. Answer each by `"yes"` (it is true), `"no"` (it is not) or
# `"abstain"`. A right answer counts {{ quiz_right }}, a wrong one {{ quiz_wrong }}, abstaining
# {{ quiz_abstain }}, and the sum over all twenty never falls below zero. So answer where you
# think that you know, and abstain where you would toss a coin. You may come back here after the
# exercises: some of them settle a statement.
#
# **A · Kinds of methods**
#
# - **A1** {{ quiz_A1 }}
# - **A2** {{ quiz_A2 }}
# - **A3** {{ quiz_A3 }}
# - **A4** {{ quiz_A4 }}
#
# **B · Ideas**
#
# - **B1** {{ quiz_B1 }}
# - **B2** {{ quiz_B2 }}
# - **B3** {{ quiz_B3 }}
# - **B4** {{ quiz_B4 }}
#
# **C · Algorithms**
#
# - **C1** {{ quiz_C1 }}
# - **C2** {{ quiz_C2 }}
# - **C3** {{ quiz_C3 }}
# - **C4** {{ quiz_C4 }}
#
# **D · Purposes**
#
# - **D1** {{ quiz_D1 }}
# - **D2** {{ quiz_D2 }}
# - **D3** {{ quiz_D3 }}
# - **D4** {{ quiz_D4 }}
#
# **E · Truths**
#
# - **E1** {{ quiz_E1 }}
# - **E2** {{ quiz_E2 }}
# - **E3** {{ quiz_E3 }}
# - **E4** {{ quiz_E4 }}

# %% tags=["figure"]
# Given: what answering is worth on average, if you are right with probability p.
right, wrong = float("{{ quiz_right }}"), float("{{ quiz_wrong }}")
abstain = float("{{ quiz_abstain }}")
p = np.linspace(0, 1, 101)
figure, axis = plt.subplots(figsize=(5, 2.8))
axis.plot(p, p * right + (1 - p) * wrong, color=BLUE, label="answer")
axis.axhline(abstain, color=ORANGE, linestyle="--", label="abstain")
axis.set(
    title="When does answering pay?",
    xlabel="probability p that you are right",
    ylabel="points on average",
)
axis.legend()
plt.show()

# %% [markdown]
# ### Task 2: your answers (10 points)
#
# Replace `"abstain"` where you have an answer. If you like, add an argument of at most two lines to
# a statement; a person reads it, the computer does not. The check below looks at the form only.

# %% nbgrader={"grade_id": "quiz", "solution": true}
# answer: quiz
quiz = {
    # A · Kinds of methods
    "A1": "abstain",
    "A2": "abstain",
    "A3": "abstain",
    "A4": "abstain",
    # B · Ideas
    "B1": "abstain",
    "B2": "abstain",
    "B3": "abstain",
    "B4": "abstain",
    # C · Algorithms
    "C1": "abstain",
    "C2": "abstain",
    "C3": "abstain",
    "C4": "abstain",
    # D · Purposes
    "D1": "abstain",
    "D2": "abstain",
    "D3": "abstain",
    "D4": "abstain",
    # E · Truths
    "E1": "abstain",
    "E2": "abstain",
    "E3": "abstain",
    "E4": "abstain",
}
quiz_arguments = {
    # "A1": "Optional, at most two lines.",
}
### BEGIN SOLUTION
quiz = dict(pair.split("=") for pair in "{{ quiz_key }}".split())
### END SOLUTION

# %% nbgrader={"grade_id": "quiz-test", "grade": true, "points": 10}
quizzes.check(quiz, [group + number for group in "ABCDE" for number in "1234"], quiz_arguments)
checks.passed("quiz")

# %% [markdown]
# ## 3 · Gradients
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
# ### Task 3: finite differences (2 points)
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
linear = torch.nn.Linear(3, 2)
slopes = finite_differences(linear, torch.tensor([1.0, -2.0, 0.5]), 1, 0.5)
checks.close(
    slopes,
    linear.weight[1].tolist(),
    "finite_differences",
    "for a linear model the gradient is its row of weights. "
    "Do you divide by the whole distance between the two points?",
    tolerance=1e-3,
)
checks.passed("finite-differences")

# %% [markdown]
# ### Task 4: the gradient of a small network, with pencil and paper (2 points)
#
# Take $f(x) = W_2\,\mathrm{ReLU}(W_1 x + b_1) + b_2$. By the chain rule the gradient of output $t$
# goes back through the row $t$ of $W_2$, through the ReLUs (which let it pass where they were
# active, and stop it elsewhere), and through $W_1$. Write that in NumPy, for weights laid out as in
# PyTorch: (outputs, inputs).


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
# One hidden unit is active here, the other is not: which row of W1 should be left?
W1, b1 = np.array([[1.0, 2.0, 0.0], [-3.0, 0.0, 1.0]]), np.array([0.0, -1.0])
W2, b2 = np.array([[2.0, 5.0], [1.0, 1.0]]), np.zeros(2)
gradient = checks.numbers(
    input_gradient(np.array([1.0, 1.0, 1.0]), W1, b1, W2, b2, 0), (3,), "input_gradient"
)
checks.expect(gradient[2] == 0, "A hidden unit that is not active passes no gradient on.")
checks.expect(
    np.allclose(gradient[1], 2 * gradient[0]),
    "Only the first hidden unit is active here: the gradient is a multiple of its row of W1.",
)
checks.passed("input-gradient")

# %% [markdown]
# ### Task 5: what does it cost? (2 points)
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
small = checks.numbers(multiply_adds([3, 1]), (3,), "multiply_adds")
large = checks.numbers(multiply_adds([6, 1]), (3,), "multiply_adds")
checks.expect(small[0] == 3, "One layer from three inputs to one output multiplies three times.")
checks.expect(
    np.array_equal(large / small, [2, 2, 4]),
    "If the number of inputs of a single layer doubles, a forward and a backward pass cost twice "
    "as much. How many forward passes do central differences need, and what does each cost then?",
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
checks.passed("multiply-adds")

# %% [markdown]
# ### Task 6: find the error in guided backpropagation (2 points)
#
# At a ReLU with input $z$, three methods treat the signal $s$ that comes from above differently:
#
# - backpropagation passes it on where the unit was active, $s\cdot[z>0]$;
# - the deconvnet (Zeiler and Fergus 2014) where the signal is positive, $s\cdot[s>0]$;
# - **guided backpropagation** (Springenberg 2015) where both hold, $s\cdot[z>0]\cdot[s>0]$.
#
# The maps of the last look crisp. Whether they explain is another matter: Adebayo (2018) found that
# they hardly change when the network's upper layers are given random weights.
#
# The function below is meant to be guided backpropagation for a network with two hidden layers.
# It contains one mistake. Mend it in place, or write it anew below.


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
    first = np.maximum(W1 @ x + b1, 0)
    second = np.maximum(W2 @ first + b2, 0)
    at_second = np.maximum(W3[target], 0) * (second > 0)
    at_first = np.maximum(W2.T @ at_second, 0) * (first > 0)
    return W1.T @ at_first


### END SOLUTION

# %% nbgrader={"grade_id": "repair-guided-test", "grade": true, "points": 2}
identity = np.eye(2)
guided = checks.numbers(
    guided_backpropagation(
        np.array([1.0, -1.0]), identity, np.zeros(2), identity, np.zeros(2), np.ones((1, 2)), 0
    ),
    (2,),
    "guided_backpropagation",
)
checks.expect(guided[0] == 1, "A positive signal through active units should arrive unchanged.")
checks.expect(
    guided[1] == 0,
    "In this tiny network the second unit is not active (its input is -1), and still a signal "
    "passes. Compare the line in the loop with the three formulas above.",
)
checks.passed("repair-guided")

# %% [markdown]
# ### Task 7: find the error in a distance (1 point)
#
# Two examples are alike for a network if they pull its parameters in the same direction. One
# compares the gradients $a, b$ of their losses by the cosine (*Grad-Cos*, Hanawa 2021). The function
# below is to return a **distance**: 0 for gradients of the same direction, 1 for orthogonal ones,
# 2 for opposite ones. Whoever sorts training examples by it, smallest first, is in for a surprise.
# Mend it.


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
distance = checks.numbers(
    cosine_distance(np.ones((2, 2)), 3 * np.ones((2, 2))), (), "cosine_distance"
)
checks.expect(abs(distance) < 1e-9, "Two gradients of the same direction have distance 0.")
checks.passed("repair-cosine")

# %% [markdown]
# ## 4 · Integrated gradients
#
# A gradient says what happens *nearby*. Where a network has saturated nothing happens nearby, though
# the input was decisive on the way there. **Integrated gradients** (Sundararajan, Taly and Yan 2017)
# collect the gradients on the straight line from a *baseline* $\bar x$ to $x$:
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
# ### Task 8: by pencil (2 points)
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
checks.passed("ig-by-pencil")

# %% [markdown]
# ### Task 9: for any network (3 points)
#
# Approximate the integral by the mean of the gradients at `steps` points of the path (the midpoints
# of `steps` equal pieces are a good choice). Use autograd: `torch.autograd.grad`, or `backward`.


# %% nbgrader={"grade_id": "integrated-gradients", "solution": true}
# answer: integrated-gradients
def integrated_gradients(model, x, baseline, target, steps):
    """Return integrated gradients of model's output `target`: tensor or array (features,).

    model: network, (N, features) to (N, classes).  x, baseline: tensors (features,).
    target: int.  steps: int, how many points of the path are evaluated.
    """
    ### BEGIN SOLUTION
    alphas = (torch.arange(steps) + 0.5) / steps
    path = (baseline + alphas[:, None] * (x - baseline)).requires_grad_()
    gradients = torch.autograd.grad(model(path)[:, target].sum(), path)[0]
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
checks.passed("integrated-gradients")

# %% [markdown]
# ## 5 · Shapley values
#
# Players $N=\{1,\dots,M\}$ earn $v(S)$ when the coalition $S\subseteq N$ works together. Which share
# of $v(N) - v(\emptyset)$ is due to each? Let them arrive in random order and pay each what it adds on
# arrival; the mean over all $M!$ orders is the **Shapley value** (Shapley 1953). As a sum over the
# coalitions that player $i$ can join,
#
# $$ \varphi_i = \sum_{S\subseteq N\setminus\{i\}} \frac{|S|!\,(M-|S|-1)!}{M!}\,\bigl(v(S\cup\{i\}) - v(S)\bigr). $$
#
# It is the only rule with four properties: *efficiency* (the shares add up to $v(N)-v(\emptyset)$),
# *symmetry* (equal contributions, equal shares), *null player* (who never adds anything gets
# nothing), and *additivity* (the shares of a sum of games are the sums of the shares).
#
# **SHAP** (Lundberg and Lee 2017) plays this game with features: $v(S)$ is the expected output when
# only the features in $S$ are known. The explanation is additive, $f(x) \approx
# \varphi_0+\sum_i\varphi_i z'_i$ with $z'_i\in\{0,1\}$ for absent and present features. A linear
# model is of this form already. What "not known" means is a choice: below, as in much of the
# literature, an absent feature takes the value of a baseline.
#
# **Worked example.** Two players, $v(1)=4$, $v(2)=2$, $v(12)=10$. In the order 1, 2 they add 4 and 6;
# in the order 2, 1 player 2 adds 2 and player 1 adds 8. So $\varphi=(6, 4)$.

# %% [markdown]
# ### Task 10: three players, by pencil (2 points)
#
# | coalition | ∅ | A | B | C | AB | AC | BC | ABC |
# |---|---|---|---|---|---|---|---|---|
# | worth | 0 | 12 | 0 | 0 | 30 | 18 | 18 | 60 |
#
# Enter the Shapley values of A, B and C.

# %% nbgrader={"grade_id": "shapley-by-pencil", "solution": true}
# answer: shapley-by-pencil
shares = [0.0, 0.0, 0.0]  # of A, B and C
### BEGIN SOLUTION
# A: 12/3 + 30/6 + 18/6 + (60−18)/3 = 26; B: 0 + (30−12)/6 + 18/6 + (60−18)/3 = 20; C: the rest.
shares = [26.0, 20.0, 14.0]
### END SOLUTION

# %% nbgrader={"grade_id": "shapley-by-pencil-test", "grade": true, "points": 2}
checks.expect(
    np.isclose(checks.numbers(shares, (3,), "shares").sum(), 60),
    "Efficiency: the three shares should add up to the worth of all players together.",
)
checks.passed("shapley-by-pencil")

# %% [markdown]
# ### Task 11: find the error in a weight (1 point)
#
# One can also sum over the coalitions $z'$ that **contain** player $i$ and look at what is lost when
# it leaves, $v(z') - v(z'\setminus i)$. Theorem 1 of the SHAP paper was printed in that form with
# the weight below; the authors' list of errata corrects it. Mend it. (How many players
# does $z'\setminus i$ have? What goes wrong for the coalition of all players?)


# %% nbgrader={"grade_id": "repair-weight", "solution": true}
# answer: repair-weight
def weight_of_coalition(size, players):
    """Weight, in player i's Shapley value, of a coalition of this size that CONTAINS player i.

    size: int, 1 to players.  players: int, how many there are in all.  Returns a float.
    """
    return math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)


### BEGIN SOLUTION
def weight_of_coalition(size, players):
    return math.factorial(size - 1) * math.factorial(players - size) / math.factorial(players)


### END SOLUTION

# %% nbgrader={"grade_id": "repair-weight-test", "grade": true, "points": 1}
try:
    # Of 4 players, the coalitions with player i: 1 of size 1, 3 of size 2, 3 of size 3, 1 of size 4.
    weights = [weight_of_coalition(size, 4) for size in (1, 2, 3, 4)]
except ValueError:
    raise checks.CheckFailed(
        "math.factorial was asked for a negative number, at the coalition of all players."
    ) from None
weights = checks.numbers(weights, (4,), "weight_of_coalition")
checks.expect(
    np.isclose(weights @ [1, 3, 3, 1], 1),
    "A Shapley value is a mean: the weights of all coalitions with player i should add up to 1.",
)
checks.passed("repair-weight")

# %% [markdown]
# ### Task 12: any number of players (3 points)
#
# Number the players 0 … M−1 and the coalitions by their bits: `worth[0b101]` is the worth of players
# 0 and 2 together, `worth[0]` that of nobody. (`coalition | (1 << i)` adds player $i$,
# `coalition & (1 << i)` tells whether it is in, and `coalition.bit_count()` counts.) Compute all
# Shapley values, by subsets or by orders, as you prefer. Up to six players come up.


# %% nbgrader={"grade_id": "shapley", "solution": true}
# answer: shapley
def shapley_values(worth, players):
    """Return the Shapley values of a game: array or list (players,).

    worth: array (2 ** players,), the worth of each coalition, numbered by its bits.
    players: int.
    """
    ### BEGIN SOLUTION
    values = np.zeros(players)
    for i in range(players):
        for coalition in range(2**players):
            if not coalition & (1 << i):
                size = coalition.bit_count()
                share = math.factorial(size) * math.factorial(players - 1 - size)
                values[i] += share * (worth[coalition | (1 << i)] - worth[coalition])
    return values / math.factorial(players)
    ### END SOLUTION


# %% nbgrader={"grade_id": "shapley-test", "grade": true, "points": 3}
two = checks.numbers(shapley_values(np.array([0.0, 4.0, 2.0, 10.0]), 2), (2,), "shapley_values")
checks.expect(np.allclose(two, [6, 4]), "Two players as in the worked example: 6 and 4.")
game = np.random.default_rng(0).normal(size=16)
four = checks.numbers(shapley_values(game, 4), (4,), "shapley_values")
checks.expect(
    np.isclose(four.sum(), game[15] - game[0]),
    "Efficiency: the values should add up to the worth of all minus the worth of nobody.",
)
checks.passed("shapley")

# %% [markdown]
# ### Task 13: from a model to a game (2 points)
#
# Let the features be the players: present features keep their value in $x$, absent ones take that
# of the baseline. Return the worth of all $2^d$ coalitions, numbered by their bits as above: the
# model's output `target` for each. (With these worths, the function of task 12 would give *baseline
# Shapley values*: exact, and exponentially expensive. Hence KernelSHAP, which samples.)


# %% nbgrader={"grade_id": "coalition-worths", "solution": true}
# answer: coalition-worths
def coalition_worths(model, x, baseline, target):
    """Return the output `target` for every coalition of present features: tensor (2 ** features,).

    model: network, (N, features) to (N, classes).  x, baseline: tensors (features,).  target: int.
    """
    ### BEGIN SOLUTION
    coalitions = torch.arange(2 ** len(x))
    present = (coalitions[:, None] >> torch.arange(len(x))) & 1
    with torch.no_grad():
        return model(torch.where(present.bool(), x, baseline))[:, target]
    ### END SOLUTION


# %% nbgrader={"grade_id": "coalition-worths-test", "grade": true, "points": 2}
adder = torch.nn.Linear(3, 1)
with torch.no_grad():
    adder.weight[:] = torch.tensor([[1.0, 10.0, 100.0]])
    adder.bias[:] = 0
worths = checks.numbers(
    coalition_worths(adder, torch.ones(3), torch.zeros(3), 0), (8,), "coalition_worths"
)
checks.expect(
    worths[0] == 0 and worths[7] == 111,
    "Coalition 0 is the baseline itself, the last coalition the input itself.",
)
checks.expect(
    worths[1] == 1 and worths[4] == 100,
    "The lowest bit stands for the first feature: coalition 1 has only feature 0 present.",
)
checks.passed("coalition-worths")

# %% [markdown]
# ## 6 · Layer-wise relevance propagation
#
# **LRP** (Bach 2015) starts with the output that is to be explained, $R = f_t(x)$, and hands it
# back: a unit $j$ with pre-activation $z_j$ distributes its relevance $R_j$ over its inputs $a_i$ in
# proportion to what each contributed. The rules differ in what counts as a contribution (overview:
# Montavon 2019; the last three come from deep Taylor decomposition, Montavon 2017):
#
# | rule | $R_i = \sum_j (\dots)\,R_j$ | for |
# |---|---|---|
# | LRP-0 | $\dfrac{a_i w_{ji}}{z_j}$ | |
# | LRP-ε | $\dfrac{a_i w_{ji}}{z_j + \varepsilon\,\mathrm{sign}(z_j)}$ | less noise where $z_j$ is small |
# | z⁺ | $\dfrac{a_i w_{ji}^+}{\sum_k a_k w_{jk}^+}$ | inputs $\geq 0$, positive evidence only |
# | w² | $\dfrac{w_{ji}^2}{\sum_k w_{jk}^2}$ | first layer, inputs any real numbers |
# | zᴮ | $\dfrac{x_i w_{ji} - l_i w_{ji}^+ - h_i w_{ji}^-}{\sum_k (x_k w_{jk} - l_k w_{jk}^+ - h_k w_{jk}^-)}$ | first layer, pixels in $[l_i, h_i]$ |
#
# with $w^+ = \max(w, 0)$ and $w^- = \min(w, 0)$. A ReLU hands relevance through unchanged (a unit
# that is not active has none).
#
# **Biases.** Either $z_j = \sum_i a_i w_{ji} + b_j$: biases *kept*; they absorb the share
# $b_j/z_j$ of the relevance. Or $z_j = \sum_i a_i w_{ji}$: biases *ignored* in the denominator, and
# the inputs share all of it. **Conservation**: without biases and ε, as much relevance arrives at
# the input as left the output; ε absorbs some of it.
#
# **Worked example.** One unit, $z = 2a_1 - a_2 + 1$ at $a=(3, 2)$: $z = 6 - 2 + 1 = 5$, and
# $R=5$. LRP-0 gives $(6, -2)$ with the bias kept (which absorbs 1), and
# $(6, -2)\cdot\tfrac54 = (7.5, -2.5)$ with the bias ignored. The z⁺ rule gives $(5, 0)$.

# %%
# Given, for the visible checks: the worked example as x, W1, b1, W2, b2 of a network whose second
# layer just passes the unit on.
unit = (np.array([3.0, 2.0]), np.array([[2.0, -1.0]]), np.array([1.0]), np.eye(1), np.zeros(1))

# %% [markdown]
# ### Task 14: LRP-ε through two layers (3 points)
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
        relevance = a * (W.T @ (relevance / (z + epsilon * np.where(z >= 0, 1, -1))))
    return relevance
    ### END SOLUTION


# %% nbgrader={"grade_id": "lrp-epsilon-test", "grade": true, "points": 3}
kept = checks.numbers(lrp_epsilon(*unit, 0, 1e-9, True), (2,), "lrp_epsilon")
checks.expect(np.allclose(kept, [6, -2]), "The worked example with its bias kept: 6 and −2.")
ignored = checks.numbers(lrp_epsilon(*unit, 0, 1e-9, False), (2,), "lrp_epsilon")
checks.expect(np.isclose(ignored.sum(), 5), "With biases ignored, relevance is conserved.")
damped = checks.numbers(lrp_epsilon(*unit, 0, 5.0, True), (2,), "lrp_epsilon")
checks.expect(
    np.all(np.abs(damped) < np.abs(kept)), "A larger ε absorbs more: the relevances shrink."
)
checks.passed("lrp-epsilon")

# %% [markdown]
# ### Task 15: the z⁺ rule (2 points)
#
# The same network with an input $x\geq0$: apply z⁺ to both layers, with biases ignored in both
# denominators and $R = f_t(x)$ at the start. Where a denominator is 0, nothing is handed on.


# %% nbgrader={"grade_id": "lrp-z-plus", "solution": true}
# answer: lrp-z-plus
def lrp_z_plus(x, W1, b1, W2, b2, target):
    """Return the relevances of the inputs by the z⁺ rule: an array (features,).

    Arguments as for lrp_epsilon; x is not negative.
    """
    ### BEGIN SOLUTION
    a = np.maximum(W1 @ x + b1, 0)
    share = a * np.maximum(W2[target], 0)
    total = share.sum()
    hidden = share / total * (W2[target] @ a + b2[target]) if total > 0 else 0 * share
    shares = np.maximum(W1, 0) * x
    totals = shares.sum(1)
    return np.divide(hidden, totals, out=np.zeros_like(totals), where=totals > 0) @ shares
    ### END SOLUTION


# %% nbgrader={"grade_id": "lrp-z-plus-test", "grade": true, "points": 2}
plus = checks.numbers(lrp_z_plus(*unit, 0), (2,), "lrp_z_plus")
checks.expect(plus[1] == 0, "A negative weight is no contribution here.")
checks.expect(np.isclose(plus.sum(), 5), "The z⁺ rule conserves: everything should arrive.")
checks.passed("lrp-z-plus")

# %% [markdown]
# ### Task 16: rules for the first layer (3 points)
#
# Below the first layer there are pixels, which are bounded and may well be 0 where they matter. The
# z⁺ rule would never give such a pixel anything. Write the w² and the zᴮ rule for one dense layer,
# with biases ignored.


# %% nbgrader={"grade_id": "lrp-first-layer", "solution": true}
# answer: lrp-first-layer
def first_layer(x, W, R, low, high, rule):
    """Hand the relevance of the first layer's units back to the inputs: an array (features,).

    x: (features,).  W: (hidden, features).  R: (hidden,), relevance of the hidden units.
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
W, R = np.array([[-4.0, 3.0], [1.0, 1.0]]), np.array([25.0, 2.0])
pixel, black, white = np.array([0.0, 0.5]), np.zeros(2), np.ones(2)
for rule in ("w2", "zB"):
    found = checks.numbers(first_layer(pixel, W, R, black, white, rule), (2,), "first_layer")
    checks.expect(np.isclose(found.sum(), 27), f"{rule}: relevance should be conserved.")
    checks.expect(found.min() >= 0, f"{rule}: positive relevance never turns negative here.")
squares = first_layer(pixel, W, R, black, white, "w2")
checks.expect(np.isclose(squares[0], 17), "w2 shares 25 as 16 to 9, and 2 as 1 to 1.")
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
checks.passed("lrp-first-layer")

# %% [markdown]
# ### One function, two networks
#
# Sundararajan (2017) gives a pair of networks that compute the same function, and here it is in our
# notation:
#
# $$ f(x) = \mathrm{ReLU}\bigl(\mathrm{ReLU}(x_1) - 1 - \mathrm{ReLU}(x_2)\bigr), \qquad
#    g(x) = \mathrm{ReLU}\bigl(\mathrm{ReLU}(x_1 - 1) - \mathrm{ReLU}(x_2)\bigr). $$
#
# The only difference is where the bias $-1$ sits. The figure convinces you that they agree.

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
# ### Task 17: LRP and implementation invariance (3 points)
#
# At $x=(3,1)$ both outputs are 1. Compute with pencil and paper the relevances $(R_1, R_2)$ by LRP-0:
# for $f$ and for $g$ with biases ignored in the denominators; for both with biases kept (one
# answer serves both: convince yourself). Finally the integrated gradients from $(0, 0)$, which are
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
# With biases: f has z = 1; in g the unit x₁ − 1 = 2 hands 3/2 of its relevance 2 to x₁.
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
checks.passed("relu-pair")

# %% [markdown]
# ### Task 18: gradient × input (2 points)
#
# With biases kept, LRP-0 on a ReLU network is an old acquaintance. Suppose every unit $j$ of a layer
# has $R_j = a_j\,g_j$, with its gradient $g_j=\partial f_t/\partial a_j$ (at the output this holds:
# $R=f_t\cdot1$). For an active unit $a_j = z_j$, so
#
# $$ R_i = \sum_j \frac{a_i w_{ji}}{z_j}\,a_j\,g_j = a_i\sum_{j\text{ active}} w_{ji}\,g_j = a_i\,g_i, $$
#
# and so on down to the input: **LRP-0 is gradient × input** (Shrikumar 2016; Ancona 2018), and thus
# *is* implementation-invariant. Other rules, and biases ignored, break the chain. Write gradient ×
# input with autograd, for any network.


# %% nbgrader={"grade_id": "gradient-times-input", "solution": true}
# answer: gradient-times-input
def gradient_times_input(model, x, target):
    """Return the product of input and gradient of model's output `target`: tensor (features,).

    model: network, (N, features) to (N, classes).  x: tensor (features,).  target: int.
    """
    ### BEGIN SOLUTION
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(x[None])[0, target], x)
    return (x * gradient).detach()
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
checks.passed("gradient-times-input")

# %% [markdown]
# ## 7 · LIME
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
# ### Task 19: weighted least squares (2 points)


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
checks.passed("least-squares")

# %% [markdown]
# ### Task 20: LIME on a logistic regression (2 points)
#
# What does LIME say of a model that is its own best explanation? For a logistic regression
# $p(z) = 1/(1+e^{-(w^\top z+b)})$ the **log-odds** $\log\frac{p}{1-p} = w^\top z + b$ are linear, the
# probabilities are not. Return the slopes $c$ of the surrogate at $x$, with the kernel $\pi_x$ from
# above, on either scale. (For the fit use your own function, copied, or a library's.)


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
    root = np.exp(-((samples - x) ** 2).sum(1) / sigma**2 / 2)  # the square root of the kernel
    rows = np.column_stack([samples, np.ones(len(samples))])
    return np.linalg.lstsq(root[:, None] * rows, root * outputs, rcond=None)[0][:-1]
    ### END SOLUTION


# %% nbgrader={"grade_id": "lime-logistic-test", "grade": true, "points": 2}
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
    "On the log-odds the regression is linear: the slopes should be w itself, whatever σ is.",
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
checks.passed("lime-logistic")

# %% [markdown]
# ## 8 · Counterfactuals
#
# *What would have had to be different?* A **counterfactual** (Wachter, Mittelstadt and Russell 2017)
# is an input close to $x'$ that the model decides differently. For a linear classifier
# $\mathrm{sgn}(w^\top x + b)$ and the Euclidean distance it can be written down. The way to the
# boundary is along $w$, and the signed distance to it is $(w^\top x'+b)/\|w\|$. So the nearest point
# of the boundary is the orthogonal projection
#
# $$ x^* = x' - \frac{w^\top x'+b}{w^\top w}\,w . $$
#
# At $x^*$ the classifier is undecided: a counterfactual lies a little further, on the other side.
#
# **Worked example.** $w=(3,4)$, $b=-5$, $x'=(3,4)$: $w^\top x'+b=20$ and $w^\top w=25$, so
# $x^*=(3,4)-0.8\,(3,4)=(0.6,0.8)$, at distance 4 from $x'$.

# %% [markdown]
# ### Task 21: the linear counterfactual (2 points)
#
# Return the point that lies *beyond* the boundary, as seen from $x$, at the Euclidean distance
# `margin` from it, and is as close to $x$ as that allows. For `margin=0` that is $x^*$ itself.


# %% nbgrader={"grade_id": "linear-counterfactual", "solution": true}
# answer: linear-counterfactual
def linear_counterfactual(x, w, b, margin):
    """Return the counterfactual of x for the classifier sgn(w·x + b): an array (features,).

    x, w: (features,).  b: float.  margin: float, distance to the boundary on its other side.
    """
    ### BEGIN SOLUTION
    norm = np.linalg.norm(w)
    signed_distance = (w @ x + b) / norm
    return x - (signed_distance + np.sign(signed_distance) * margin) * w / norm
    ### END SOLUTION


# %% nbgrader={"grade_id": "linear-counterfactual-test", "grade": true, "points": 2}
w, b = np.array([3.0, 4.0]), -5.0
found = []
for x in (np.array([3.0, 4.0]), np.array([-1.0, 0.5])):  # one on either side
    on = checks.numbers(linear_counterfactual(x, w, b, 0.0), (2,), "linear_counterfactual")
    beyond = checks.numbers(linear_counterfactual(x, w, b, 0.5), (2,), "linear_counterfactual")
    checks.expect(abs(w @ on + b) < 1e-9, "For margin 0 the result should lie on the boundary.")
    checks.expect(
        np.sign(w @ beyond + b) == -np.sign(w @ x + b),
        "For a positive margin the class should have changed. Try inputs on both sides.",
    )
    found.append((x, on, beyond))
figure, axis = plt.subplots(figsize=(6.5, 3.5))
line = np.array([-2.0, 4.0])
axis.plot(line, -(w[0] * line + b) / w[1], color=GREY, label="decision boundary")
for name, colour, (x, on, beyond) in zip(["first", "second"], [BLUE, ORANGE], found, strict=True):
    axis.plot(*zip(x, beyond, strict=True), ":", color=colour)
    axis.plot(*x, "o", color=colour, label=f"{name} input")
    axis.plot(*on, "s", color=colour, label="… its nearest boundary point")
    axis.plot(*beyond, "^", color=colour, label="… its counterfactual, margin 0.5")
axis.set(title="Linear counterfactuals", xlabel="x₁", ylabel="x₂", aspect="equal")
axis.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
checks.passed("linear-counterfactual")

# %% [markdown]
# ### Task 22: adversarial example or counterfactual? (3 points, graded by a person)
#
# For the linear classifier the nearest counterfactual is also the smallest adversarial perturbation
# in the Euclidean norm. In a few sentences: what nevertheless makes the difference between an
# adversarial example and a counterfactual explanation? Name at least two properties that you would
# demand of the one and not of the other, and give an example where a method that is good for one is
# bad for the other.

# %% [markdown] nbgrader={"grade_id": "adversarial-or-counterfactual", "solution": true, "grade": true, "points": 3}
# <!-- answer: adversarial-or-counterfactual -->
# *Your answer (about five sentences):*
#
# ### BEGIN SOLUTION
# Both are close inputs with another output, and the same optimisation may find them; what differs
# is the purpose, and with it what counts as good. An adversarial example is made to deceive: the
# change should go unnoticed, a person would still give the old class, so the model is *wrong* there.
# A counterfactual is made to be read: the change should be visible, sparse, plausible (near the data
# of the new class) and, for recourse, actionable, and the new output may well be *right* there.
# Minimising the distance alone on an image gives faint noise over all pixels: a perfect attack, and
# useless as an explanation. Conversely, adding a sleeve to a top changes the class in a way that
# everybody sees: a good counterfactual, and no attack.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 1 point: the purpose (deceive or test robustness, against inform or give recourse), or that the
# adversarial example's true class is unchanged whereas the counterfactual's may have changed.
# 1 point: two properties demanded of one only, such as imperceptible, against perceptible, sparse,
# plausible, actionable, diverse. Half a point for one.
# 1 point: an example that fits (such as minimal-distance noise over all pixels as a poor
# explanation, or a prototype-guided change as a poor attack), with the reason.
# === END MARK SCHEME ===

# %% [markdown]
# ## 9 · A global surrogate
#
# **Distillation** trains a *student* on the outputs of a *teacher* that has been trained before
# (Hinton 2015). If the student is a small decision tree, one can read it: a global, model-agnostic
# explanation (Craven and Shavlik 1996). Its **fidelity** tells how far to believe it: the share of
# *new* inputs on which it predicts what the teacher predicts. That is not its accuracy, which
# compares with the true labels; a faithful surrogate makes the teacher's mistakes.
#
# A teacher's outputs are soft, $q=(0.7, 0.2, 0.1)$ rather than a single class, and the student's
# probabilities $p$ are fitted by the **cross-entropy** $H(q, p) = -\sum_k q_k\log p_k$. It is
# smallest for $p=q$.

# %% [markdown]
# ### Task 23: find the error in a cross-entropy (1 point)
#
# The function below contains one mistake. With hard labels (zeros and a one) it would be seen at
# once; with a teacher's soft labels training runs without complaint, and converges to something
# else than the teacher. Mend it.


# %% nbgrader={"grade_id": "repair-cross-entropy", "solution": true}
# answer: repair-cross-entropy
def cross_entropy(teacher, student):
    """Return the mean cross-entropy H(teacher, student) over examples: a float.

    teacher, student: (N, classes), probabilities; all of them above 0.
    """
    return -(student * np.log(teacher)).sum(axis=1).mean()


### BEGIN SOLUTION
def cross_entropy(teacher, student):
    return -(teacher * np.log(student)).sum(axis=1).mean()


### END SOLUTION

# %% nbgrader={"grade_id": "repair-cross-entropy-test", "grade": true, "points": 1}
soft = np.array([[0.7, 0.2, 0.1]])
losses = [
    checks.numbers(cross_entropy(soft, p), (), "cross_entropy")
    for p in (soft, np.array([[0.98, 0.01, 0.01]]), np.array([[0.4, 0.3, 0.3]]))
]
checks.expect(
    losses[0] == min(losses),
    "A student that copies its teacher exactly should have the smallest loss; here another has.",
)
checks.passed("repair-cross-entropy")

# %% [markdown]
# ### Task 24: distil a network into a tree (3 points)
#
# Train a `DecisionTreeClassifier(max_depth=depth, random_state=0)`, otherwise with default settings,
# as a surrogate of `model`. Return its fidelity and its accuracy, both on the test inputs. Think
# about which labels it is trained on.

# %% nbgrader={"grade_id": "given-tree"}
# Given: the surrogate's kind, for the next task.
from sklearn.tree import DecisionTreeClassifier


# %% nbgrader={"grade_id": "distillation", "solution": true}
# answer: distillation
def distil(model, train, train_labels, test, test_labels, depth):
    """Distil the model into a decision tree; return (fidelity, accuracy), two floats in [0, 1].

    model: network, (N, features) to (N, classes): its predicted class is the largest output.
    train, test: tensors (N, features).  train_labels, test_labels: tensors (N,), the true classes.
    depth: int, the tree's depth.
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        taught, wanted = (model(inputs).argmax(1).numpy() for inputs in (train, test))
    surrogate = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(train.numpy(), taught)
    predicted = surrogate.predict(test.numpy())
    return (predicted == wanted).mean(), (predicted == test_labels.numpy()).mean()
    ### END SOLUTION


# %% nbgrader={"grade_id": "distillation-test", "grade": true, "points": 3}
# A teacher that decides by a ring, while the labels follow its half plane x₁ > 0.
rng = np.random.default_rng(4)
angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
directions = torch.tensor(np.column_stack([np.cos(angles), np.sin(angles)]), dtype=torch.float32)
teacher = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
with torch.no_grad():
    teacher[0].weight[:], teacher[0].bias[:] = directions, 0
    teacher[2].weight[:] = torch.tensor([[0.0], [1.0]]) * torch.ones(8)
    teacher[2].bias[:] = torch.tensor([2.6, 0.0])
inputs = torch.tensor(rng.uniform(-2, 2, size=(1500, 2)), dtype=torch.float32)
truth = (inputs[:, 0] > 0).long()
depths = range(1, 9)
pairs = [
    distil(teacher, inputs[:1000], truth[:1000], inputs[1000:], truth[1000:], depth)
    for depth in depths
]
curve = np.array([checks.numbers(pair, (2,), "distil") for pair in pairs])
checks.expect(curve.min() >= 0 and curve.max() <= 1, "Fidelity and accuracy are shares in [0, 1].")
checks.expect(
    curve[-1, 0] > 0.93 and curve[-1, 1] < 0.7,
    "A deep tree imitates this teacher well, and since the teacher is poor at its labels, so is "
    "the tree. Is the surrogate trained on what the model predicts, and is fidelity returned first?",
)
figure, axis = plt.subplots(figsize=(5.5, 3))
axis.plot(depths, curve[:, 0], "o-", color=BLUE, label="fidelity")
axis.plot(depths, curve[:, 1], "s--", color=ORANGE, label="accuracy")
axis.set(title="A tree imitates a poor teacher", xlabel="depth", ylabel="share", ylim=(0, 1.02))
axis.legend(loc="lower right")
plt.show()
checks.passed("distillation")

# %% [markdown]
# ## 10 · Knockoffs
#
# Which features matter at all? With enough features some will look important by chance. **Knockoffs**
# (Barber and Candès 2015; for any model Candès 2018) give each feature $X_j$ a fake rival
# $\tilde X_j$: as like the real one as possible in its dependence on the other features, but made
# without looking at the outcome. A statistic $W_j$ compares the two: large and positive if the real
# one wins clearly. For an irrelevant feature either wins with equal probability, so that *the
# negative side shows how many of the positive side are luck*.
#
# **DeepPINK** (Lu 2018) lets them compete in a network: the first layer has, for each $j$, one filter
# $z_jX_j+\tilde z_j\tilde X_j$ with $z_j=\tilde z_j$ at the start, followed by an ordinary network
# with matrices $W^{(1)},\dots,W^{(L)}$ and one output. The importance of a filter is estimated by the
# product of the matrices, as if there were no ReLUs:
#
# $$ Z_j = z_j\,u_j, \quad \tilde Z_j = \tilde z_j\,u_j, \quad u^\top = W^{(L)}\cdots W^{(1)}, \qquad
#    W_j = Z_j^2 - \tilde Z_j^2 . $$
#
# (The paper has one more vector of weights between filters and network; the first matrix can absorb
# it.) **Selection.** For a bound $q$ on the *false discovery rate*, the expected share of irrelevant
# features among the selected ones, take all features with $W_j\geq T$, where
#
# $$ T = \min\Bigl\{t\in\{|W_1|,\dots,|W_p|\},\ t>0 \ :\ \frac{c + \#\{j: W_j\leq -t\}}{\max(1,\ \#\{j: W_j\geq t\})}\leq q\Bigr\}. $$
#
# With $c=1$ (*knockoff+*) the bound holds exactly, with $c=0$ for a slightly modified rate. If no $t$
# fulfils the condition, nothing is selected.
#
# **Worked example.** $W=(5, 4, 3, -1, 2)$, $q=0.3$, $c=1$: for $t=2$ the ratio is $1/4\leq0.3$, for
# $t=1$ it is $2/4>0.3$. For $t=3$ it would be $1/3>0.3$. So $T=2$ selects features 1, 2, 3 and 5.

# %%
# Given: 40 independent features, of which the first 10 matter, and a small DeepPINK network. The
# features are independent of each other, so independent copies are valid knockoffs.
rng = np.random.default_rng(5)
examples, features, relevant = 800, 40, 10
X, rivals = (
    torch.tensor(rng.normal(size=(examples, features)), dtype=torch.float32) for _ in range(2)
)
signs = torch.tensor(rng.choice([-1.0, 1.0], relevant), dtype=torch.float32)
score = X[:, :relevant] @ signs / relevant**0.5
noise = torch.tensor(3 * rng.normal(size=examples), dtype=torch.float32)
outcome = score + 0.5 * score**3 + noise

torch.manual_seed(5)
filters = torch.full((2, features), 0.5, requires_grad=True)  # z and z̃: equal at the start
body = torch.nn.Sequential(torch.nn.Linear(features, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1))
penalty = 0.03  # on filters and first matrix: a fair race has few winners
optimizer = torch.optim.Adam([filters, *body.parameters()], lr=0.01)
for _ in tqdm(range(200), desc="training the filters"):
    coupled = filters[0] * X + filters[1] * rivals
    error = ((body(coupled)[:, 0] - outcome) ** 2).mean()
    loss = error + penalty * sum(p.abs().sum() for p in (filters, body[0].weight))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
z_trained, rival_trained = filters.detach().numpy()
matrices = [body[0].weight.detach().numpy(), body[2].weight.detach().numpy()]
print(f"mean squared error {error.item():.1f}, variance of the outcome {outcome.var().item():.1f}")

# %% [markdown]
# ### Task 25: DeepPINK's statistic (2 points)


# %% nbgrader={"grade_id": "knockoff-statistic", "solution": true}
# answer: knockoff-statistic
def knockoff_statistics(z, z_knockoff, matrices):
    """Return DeepPINK's statistic W_j of every feature: an array (features,).

    z, z_knockoff: (features,), trained filter weights of the features and of their knockoffs.
    matrices: list of the network's weights, first layer first, each (outputs, inputs); the first
    takes the filters' outputs, the last has one output.
    """
    ### BEGIN SOLUTION
    path = matrices[0]
    for matrix in matrices[1:]:
        path = matrix @ path
    return path[0] ** 2 * (z**2 - z_knockoff**2)
    ### END SOLUTION


# %% nbgrader={"grade_id": "knockoff-statistic-test", "grade": true, "points": 2}
statistic = checks.numbers(
    knockoff_statistics(z_trained, rival_trained, matrices), (features,), "knockoff_statistics"
)
swapped = checks.numbers(
    knockoff_statistics(rival_trained, z_trained, matrices), (features,), "knockoff_statistics"
)
checks.expect(
    np.allclose(statistic, -swapped),
    "If features and knockoffs change places, every statistic should change its sign.",
)
doubled = knockoff_statistics(z_trained, rival_trained, [matrices[0], 2 * matrices[1]])
checks.expect(
    np.allclose(doubled, 4 * statistic), "Twice the last matrix: the statistic should be 4 times."
)
figure, axis = plt.subplots(figsize=(8, 2.8))
for group, colour, hatch, label in [
    (slice(0, relevant), BLUE, None, "relevant"),
    (slice(relevant, None), ORANGE, "//", "irrelevant"),
]:
    axis.bar(np.arange(features)[group], statistic[group], color=colour, hatch=hatch, label=label)
axis.set(title="Each feature against its knockoff", xlabel="feature", ylabel="statistic")
axis.legend()
plt.show()
checks.passed("knockoff-statistic")

# %% [markdown]
# ### Task 26: selection at a given false discovery rate (3 points)


# %% nbgrader={"grade_id": "knockoff-selection", "solution": true}
# answer: knockoff-selection
def select_features(statistics, q, c):
    """Say which features the knockoff filter selects: a boolean array (features,).

    statistics: (features,).  q: float, bound on the false discovery rate.  c: 0 or 1.
    """
    ### BEGIN SOLUTION
    for t in np.unique(np.abs(statistics)):  # in ascending order
        selected = statistics >= t
        if t > 0 and c + (statistics <= -t).sum() <= q * max(1, selected.sum()):
            return selected
    return np.zeros(len(statistics), dtype=bool)
    ### END SOLUTION


# %% nbgrader={"grade_id": "knockoff-selection-test", "grade": true, "points": 3}
worked = checks.numbers(
    select_features(np.array([5.0, 4.0, 3.0, -1.0, 2.0]), 0.3, 1), (5,), "select_features"
)
checks.expect(np.array_equal(worked, [1, 1, 1, 0, 1]), "See the worked example above.")
nothing = select_features(np.array([-2.0, 1.0, 3.0]), 0.1, 1)
nothing = checks.numbers(nothing, (3,), "select_features")
checks.expect(not nothing.any(), "If no threshold fulfils the condition, nothing is selected.")
# Does it keep its promise? 30 relevant features of 100, and 200 repetitions for each bound.
rng = np.random.default_rng(6)
bounds = [0.05, 0.1, 0.2, 0.3, 0.5]
rates = {"false discoveries among the selected": [], "relevant features found": []}
for q in tqdm(bounds, desc="200 repetitions a bound"):
    false_share, found_share = [], []
    for _ in range(200):
        drawn = rng.normal(size=100) + np.where(np.arange(100) < 30, 2.0, 0.0)
        chosen = np.asarray(select_features(drawn, q, 1), dtype=bool)
        false_share.append(chosen[30:].sum() / max(1, chosen.sum()))
        found_share.append(chosen[:30].mean())
    rates["false discoveries among the selected"].append(np.mean(false_share))
    rates["relevant features found"].append(np.mean(found_share))
figure, axis = plt.subplots(figsize=(8, 3))
axis.plot([0, 0.5], [0, 0.5], ":", color=GREY, label="the promised bound")
for (label, values), colour, marker in zip(rates.items(), [ORANGE, BLUE], "so", strict=True):
    axis.plot(bounds, values, marker + "-", color=colour, label=label)
axis.set(title="Knockoff+, simulated", xlabel="bound q", ylabel="mean share", ylim=(0, 1))
axis.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
checks.passed("knockoff-selection")

# %% [markdown]
# ## 11 · Choose, and say why
#
# ### Task 27: an explanation for the emergency department (5 points, graded by a person)
#
# A hospital plans to use a model for triage. From 25 numbers and yes/no facts (age, pulse, oxygen
# saturation, pain, how the patient arrived, …) a gradient-boosted ensemble predicts whether a patient
# will need intensive care. The nurse sees the prediction and has thirty seconds. The hospital's
# ethics board wants to know, before it agrees, on what the model bases its decisions.
#
# Recommend one explanation method for the nurse and one for the board; they may differ, and
# replacing the model by one that explains itself is among your options. For each say which
# **purpose** it serves, where it stands on **fidelity, understandability, construction effort and
# efficiency**, and name one way in which it could **mislead** its reader, with what you would do
# about that. About half a page.

# %% [markdown] nbgrader={"grade_id": "triage", "solution": true, "grade": true, "points": 5}
# <!-- answer: triage -->
# *Your recommendation (about half a page):*
#
# ### BEGIN SOLUTION
# For the nurse: TreeSHAP, the five largest contributions as signed bars beside the prediction. It
# serves justification and calibrated trust: is the prediction driven by facts that make sense for
# this patient? Fidelity is high (exact Shapley values of the ensemble), it takes milliseconds and is
# specific to trees, so efficiency is no concern; construction needs a background sample and wording
# that was tried out with nurses; understandability is fair: bars yes, the notion of a Shapley value
# no. It could mislead by being read as causal ("lower the pulse and the risk falls"), and
# correlated features share their credit in ways that depend on the background. I would label it
# "what the model looked at" and test in a study whether nurses overrule wrong predictions more often
# with it than without.
#
# For the board: fit an additive model of the same 25 features first (a generalised additive model
# with one curve a feature). If it is as accurate within its confidence interval, deploy that one:
# intrinsic, global, perfect fidelity, and curves can be read by physicians; that takes more effort
# to build. If it is not, distil the ensemble into a tree of depth four and report its fidelity on new
# patients, overall and for each group. The purpose is trust, and improvement where a curve is
# absurd, as when asthma seems to protect because asthma patients were treated at once (Caruana
# 2015). A surrogate misleads where it disagrees with the model, so its fidelity belongs beside it.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 1 point: both methods exist, fit tabular data and a tree ensemble, and are placed rightly (local
# for the nurse, global or intrinsic for the board). Grad-CAM on a table earns nothing here.
# 1 point: a purpose for each that fits the reader (justify or trust for the nurse, trust, improve
# or discover for the board), not merely named but tied to what the reader does with it.
# 1.5 points: the four trade-offs for each, half a point off for each that is missing or wrong.
# 1 point: a way to mislead that is specific to the chosen method (correlated features, causal
# reading, unstable sampling, low fidelity, baseline), not "it could be wrong".
# 0.5 points: a counter-measure that addresses just that.
# Any defended choice earns full marks, such as anchors, counterfactuals, or a scoring rule.
# === END MARK SCHEME ===

# %% [markdown]
# ## 12 · More of the same
#
# Eight further statements, under the same rules as before.
#
# **F · Properties**
#
# - **F1** {{ quiz_F1 }}
# - **F2** {{ quiz_F2 }}
# - **F3** {{ quiz_F3 }}
# - **F4** {{ quiz_F4 }}
#
# **G · Practice**
#
# - **G1** {{ quiz_G1 }}
# - **G2** {{ quiz_G2 }}
# - **G3** {{ quiz_G3 }}
# - **G4** {{ quiz_G4 }}
#
# ### Task 28: your answers (4 points)

# %% nbgrader={"grade_id": "quiz-more", "solution": true}
# answer: quiz-more
quiz_more = {
    # F · Properties
    "F1": "abstain",
    "F2": "abstain",
    "F3": "abstain",
    "F4": "abstain",
    # G · Practice
    "G1": "abstain",
    "G2": "abstain",
    "G3": "abstain",
    "G4": "abstain",
}
quiz_more_arguments = {
    # "F1": "Optional, at most two lines.",
}
### BEGIN SOLUTION
quiz_more = dict(pair.split("=") for pair in "{{ quiz_more_key }}".split())
### END SOLUTION

# %% nbgrader={"grade_id": "quiz-more-test", "grade": true, "points": 4}
statements = [group + number for group in "FG" for number in "1234"]
quizzes.check(quiz_more, statements, quiz_more_arguments, name="quiz_more")
checks.passed("quiz-more")

# %% [markdown]
# ## Summary
#
# | method | explains | needs | cost | adds up to | equal for equal functions? |
# |---|---|---|---|---|---|
# | gradient | local sensitivity | gradients | 1 forward + 1 backward | nothing in general | yes |
# | guided backpropagation | a sharpened gradient | gradients, ReLUs | 1 + 1 | nothing in general | no |
# | integrated gradients | contributions since the baseline | gradients, a baseline | steps × (1 + 1) | $f(x)-f(\bar x)$ | yes |
# | Shapley values | fair contributions | outputs, a notion of absence | $2^d$ forward, or sampled | $v(N)-v(\emptyset)$ | yes |
# | LRP-0, biases kept | contributions | layers | 1 + 1 | $f(x)$ less what biases absorb | yes: gradient × input |
# | LRP with z⁺, w², zᴮ, or biases ignored | contributions | layers | 1 + 1 | $f(x)$ | no |
# | LIME | slopes of a local surrogate | outputs | samples × 1 forward | nothing in general | yes, for the same samples |
# | counterfactual | the nearest other decision | outputs, or gradients | an optimisation | – | yes, if only outputs are used |
# | surrogate tree | the whole model, roughly | outputs, data | data × 1 forward, one fit | – (report the fidelity) | yes |
# | knockoffs | which features matter | data, their distribution | one training | – (bounds false discoveries) | – (explains data through a model) |
#
# **Take with you.** A map is the answer to a precise question; know the question before you look at
# the map. Check a method where you know the answer, as you did here, before you trust it where you
# do not.
#
# ## Further reading
#
# - Purposes and evaluation: Doshi-Velez and Kim, *Towards a rigorous science of interpretable machine
#   learning* (2017); Lipton, *The mythos of model interpretability* (2018); Adadi and Berrada,
#   *Peeking inside the black-box* (2018); Rudin, *Stop explaining black box machine learning models
#   for high stakes decisions* (2019).
# - Gradients: Baehrens et al., *How to explain individual classification decisions* (2010); Simonyan
#   et al., *Deep inside convolutional networks* (2014); Zeiler and Fergus, *Visualizing and
#   understanding convolutional networks* (2014); Springenberg et al., *Striving for simplicity*
#   (2015); Sundararajan et al., *Axiomatic attribution for deep networks* (2017); Adebayo et al.,
#   *Sanity checks for saliency maps* (2018).
# - Relevance: Bach et al., *On pixel-wise explanations for non-linear classifier decisions by
#   layer-wise relevance propagation* (2015); Montavon et al., *Explaining nonlinear classification
#   decisions with deep Taylor decomposition* (2017); Montavon et al., *Layer-wise relevance
#   propagation: an overview* (2019); Shrikumar et al., *Not just a black box* (2016); Ancona et al.,
#   *Towards better understanding of gradient-based attribution methods* (2018); Lapuschkin et al.,
#   *Unmasking Clever Hans predictors* (2019).
# - Shapley values and LIME: Shapley, *A value for n-person games* (1953); Lundberg and Lee, *A unified
#   approach to interpreting model predictions* (2017), with its errata; Ribeiro et al., *"Why should
#   I trust you?"* (2016).
# - Counterfactuals: Wachter et al., *Counterfactual explanations without opening the black box*
#   (2017); Ustun et al., *Actionable recourse in linear classification* (2019).
# - Surrogates: Craven and Shavlik, *Extracting tree-structured representations of trained networks*
#   (1996); Hinton et al., *Distilling the knowledge in a neural network* (2015); Caruana et al.,
#   *Intelligible models for healthcare* (2015).
# - Knockoffs: Barber and Candès, *Controlling the false discovery rate via knockoffs* (2015); Candès
#   et al., *Panning for gold* (2018); Lu et al., *DeepPINK* (2018).
# - Others in the map: Selvaraju et al., *Grad-CAM* (2017); Breiman, *Random forests* (2001); Erhan et
#   al., *Visualizing higher-layer features of a deep network* (2009); Manhaeve et al., *DeepProbLog*
#   (2018); Park et al., *Multimodal explanations* (2018); Hanawa et al., *Evaluation of
#   similarity-based explanations* (2021); Baur and Strassen, *The complexity of partial derivatives*
#   (1983); Griewank and Walther, *Evaluating derivatives* (2008).

# %% [markdown]
# ## Hand in
#
# Save the notebook, then run the cell below: it looks at the saved file and says whether grading
# will find all your answers in it. In a terminal `python -m xaikit check 01_theory.ipynb` does the
# same. What you hand in is the file `01_theory.ipynb` itself.

# %% tags=["hand-in"]
checks.upload("01_theory.ipynb")
