# %% [markdown] minutes=25 core=true
# ## Section: Gradients that point the same way
#
# **You learn** the cheapest scores, and what their size depends on. **Time:** {{ time }}.
#
# One step of gradient descent on example $i$ moves the weights by $-\eta\nabla\ell_i$. So it changes
# the loss of another example by about $-\eta\,\nabla\ell^\top\nabla\ell_i$: if the two gradients point
# the same way, the step on the one lowers the loss of the other. **Grad-Dot** takes this product as the
# score (Charpiat et al. [2019](https://arxiv.org/abs/2102.05262), with gradients of the output; Hanawa
# et al. [2021](https://arxiv.org/abs/2006.04528), with those of the loss, as here):
#
# $$s_i = \nabla\ell(\theta)^\top\,\nabla\ell_i(\theta),$$
#
# at the trained weights $\theta$: the influence function with the identity in the Hessian's place. The
# score of an example for itself, $\lVert\nabla\ell_i\rVert^2$, is its **self-influence**.
#
# ### Task: Grad-Dot
#
# Write `grad_dot(network, inputs, labels, training, training_labels)`: the products (M, N) of the
# gradients of the cross-entropy by *all* parameters of the network, of each asked example with each
# training example. The gradients of a batch's loss are already summed: you need those of each example
# alone.


# %% nbgrader={"grade_id": "grad-dot", "solution": true}
# answer: grad-dot
def grad_dot(
    network: nn.Module, inputs: Tensor, labels: Tensor, training: Tensor, training_labels: Tensor
) -> Tensor:
    """Return the scores (M, N) of the training examples for the inputs.

    inputs (M, D), labels (M,), training (N, D), training_labels (N,).
    """

    ### BEGIN SOLUTION
    def rows(examples: Tensor, classes: Tensor) -> Tensor:
        gradients = []
        for example, label in zip(examples, classes, strict=True):
            loss = functional.cross_entropy(network(example[None]), label[None])
            parts = torch.autograd.grad(loss, list(network.parameters()))
            gradients.append(torch.cat([part.flatten() for part in parts]))
        return torch.stack(gradients)

    return rows(inputs, labels) @ rows(training, training_labels).T
    ### END SOLUTION


# %% nbgrader={"grade_id": "grad-dot-test", "grade": true, "points": 2}
checks.function(grad_dot, "grad_dot")
blank = nn.Linear(1, 2)  # the classes have the probabilities 3/4 and 1/4, whatever the input is
with torch.no_grad():
    blank.weight.zero_()
    blank.bias.copy_(torch.tensor([math.log(3), 0.0]))
column, sides = torch.tensor([[1.0], [3.0], [0.0]]), torch.tensor([0, 1, 0])
checks.close(
    grad_dot(blank, column[:2], sides[:2], column, sides),
    [[0.25, -1.5, 0.125], [-1.5, 11.25, -0.375]],
    "grad_dot(…)",
    "the gradient of the weights is (−¼, ¼) times x for the label 0 and (¾, −¾) times x for the label 1, that "
    "of the biases the same without x. Take all parameters, one example at a time.",
)
two_layers = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 2))
with torch.no_grad():  # the logits of x are 2x − 2 and 2 − 2x: those of x = 1 are equal
    two_layers[0].weight.fill_(2)
    two_layers[1].weight.copy_(torch.tensor([[1.0], [-1.0]]))
    two_layers[1].bias.copy_(torch.tensor([-2.0, 2.0]))
checks.close(
    grad_dot(two_layers, column[:1], sides[:1], column[:1].repeat(2, 1), sides[:2]),
    [[3.5, -3.5]],
    "grad_dot(…) of a network with two layers",
    "the gradient of the first layer's weight is ∓1, that of the second layer's weights (∓1, ±1), that of "
    "its biases (∓½, ±½). Take all of them.",
)
checks.passed("grad-dot", "models of one layer and of two, with examples worked out by hand")

# %% [markdown]
# ### The length of a gradient
#
# An example with a long gradient has a Grad-Dot of large size, positive or negative, with *every*
# example, so the same few images appear among the proponents of all. Long gradients belong to examples
# that the network gets wrong: to outliers, and to wrong labels. **Grad-Cos** divides by both lengths.
# Hanawa et al., who compare such scores by three tests, recommend it:
#
# $$\cos(g, g_i) = \frac{g^\top g_i}{\lVert g\rVert\,\lVert g_i\rVert} .$$
#
# It is a *similarity*, from −1 to 1, and $1 - \cos$ is no distance. It is zero for gradients that
# differ by a factor of a hundred. And it breaks the triangle inequality: of gradients at 0°, 45° and
# 90°, the neighbours are $1 - \cos 45° = 0.29$ apart, and the outer two $1 > 0.29 + 0.29$. A search
# tree that relies on distances would find wrong neighbours.
#
# ### Task: Grad-Cos
#
# Write `grad_cos(asked, training)` from gradients as rows, (M, P) and (N, P): the cosines (M, N). The
# cosine with a gradient that is zero is 0, not nan: a network that is perfectly sure of an example
# learns nothing from it.


# %% nbgrader={"grade_id": "grad-cos", "solution": true}
# answer: grad-cos
def grad_cos(asked: Tensor, training: Tensor) -> Tensor:
    """Return the cosines (M, N) of gradients (M, P) and (N, P)."""

    ### BEGIN SOLUTION
    def directions(rows: Tensor) -> Tensor:
        length = rows.norm(dim=1, keepdim=True)
        return rows / torch.where(length > 0, length, 1)

    return directions(asked) @ directions(training).T
    ### END SOLUTION


# %% nbgrader={"grade_id": "grad-cos-test", "grade": true, "points": 1}
checks.function(grad_cos, "grad_cos")
checks.without(grad_cos, *checks.COSINE)
arrows = torch.tensor([[3.0, 4.0], [0.0, 0.0], [-0.003, -0.004]])
cosines = checks.numbers(
    grad_cos(arrows, torch.tensor([[30.0, 40.0], [0.0, 2.0]])), (3, 2), "grad_cos(…)"
)
checks.close(cosines[1], [0, 0], "grad_cos(…)[1]", "the cosine with a zero gradient should be 0.")
checks.close(
    cosines[[0, 2]],
    [[1, 0.8], [-1, -0.8]],
    "grad_cos(…)[[0, 2]]",
    "the rows' lengths should not matter, only their directions: divide by both lengths.",
)
checks.passed("grad-cos", "lengths, an opposite direction and a zero gradient")

# %% [markdown]
# ### On a real network
#
# The network of this notebook sees images of FashionMNIST, reduced to 14 × 14, through a hidden layer
# of 32 units. It was trained on 1,000 images, 100 of each class, with a weight decay of 0.005. The rows
# show a test image and its five strongest proponents by three scores: the influence function of the
# last layer (its damping is the weight decay), Grad-Dot and Grad-Cos of all layers.

# %% name="network"
network, training, test = here.network, here.training, here.test
classes = test.classes

# %% tags=["figure"]
ways = {
    "influence\nfunction": {"method": "influence_function", "solver": "exact", "damping": 0.005},
    "Grad-Dot": {"method": "grad_dot", "layers": "all"},
    "Grad-Cos": {"method": "grad_cos", "layers": "all"},
}
ranked = {
    name: influence(network, test.images, test.labels, training, **way)
    for name, way in ways.items()
}
with torch.no_grad():
    said = network(test.images).argmax(1)
wrongly = int(torch.nonzero(said != test.labels)[0])
figure, axes = plt.subplots(6, 6, figsize=(7.4, 8.4), layout="constrained")
for block, shown in enumerate((int(torch.nonzero(said == test.labels)[0]), wrongly)):
    for row, (name, result) in enumerate(ranked.items()):
        line = axes[3 * block + row]
        line[0].imshow(test.images[shown, 0], cmap="gray", vmin=0, vmax=1)
        if row == 0:
            label = classes[test.labels[shown]]
            line[0].set_title(f"test: {label}\nnetwork: {classes[said[shown]]}", fontsize=8)
        line[0].set_ylabel(name, fontsize=9)
        for axis, best in zip(line[1:], result.top(5)[shown].tolist(), strict=True):
            axis.imshow(training.images[best, 0], cmap="gray", vmin=0, vmax=1)
            axis.set_title(classes[training.labels[best]], fontsize=8)
for axis in axes.flat:
    axis.set_xticks([])
    axis.set_yticks([])
figure.suptitle("Strongest proponents of two test images", fontsize=10)
plt.show()
for name, result in ranked.items():
    seen = len(result.top(5).unique())
    print(
        f"{' '.join(name.split())}: {seen} different images among the five strongest of {len(test.labels)}"
    )

# %% [markdown]
# Compare the printed lines: with Grad-Dot the lists of all test images share a hundred images, with Grad-Cos
# there are more than five times as many. And how much does damping matter? With a small $\delta$ the orders of the influence function and of Grad-Dot have little
# in common. With a growing $\delta$ the one becomes the other.

# %% tags=["figure"]
from scipy.stats import spearmanr

dampings = np.logspace(-4, 2, 7)
plain = influence(network, test.images[:50], test.labels[:50], training, "grad_dot", layers="last")
alike = []
for damping in dampings:
    damped = influence(
        network,
        test.images[:50],
        test.labels[:50],
        training,
        "influence_function",
        solver="exact",
        damping=float(damping),
    )
    pairs = zip(damped.scores, plain.scores, strict=True)
    alike.append([spearmanr(one, other).statistic for one, other in pairs])
figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
low, middle, high = np.percentile(alike, (10, 50, 90), axis=1)
axis.fill_between(dampings, low, high, color="0.8", label="10 % to 90 % of 50 test images")
axis.semilogx(dampings, middle, "ko-", markersize=4, label="median")
axis.set(
    title="Influence function and Grad-Dot, last layer", xlabel="damping", ylabel="rank correlation"
)
axis.legend(fontsize=8)
plt.show()
