# %% [markdown] minutes=60 core=true
# ## Section: Directions: where does a concept lie?
#
# **You learn** to find a concept's direction in a layer, and to derive the output along it. **Time:** {{ time }}.
#
# A **concept activation vector** (CAV; Kim et al. [2018](https://arxiv.org/abs/1711.11279)) needs few images: some that
# show the concept, and some others, for instance random ones. A linear classifier tells their activations from each
# other. The normal of its boundary, scaled to length 1, is the CAV: the direction in which a layer's activations move when the concept appears.
#
# Layer 4 of our network, after the second convolution, has 48 × 14 × 14 = 9,408 activations. {{ if section.probes }}The formula of section {{ section.probes }}{{ else }}Ridge regression{{ end }} would
# need a matrix of 9,408 × 9,408 numbers, 700 MB in double precision. But there are only $n$ examples, some eighty. With $K = X X^\top$, a
# matrix of $n \times n$, the same weights are
#
# $$w = (X^\top X + \lambda I)^{-1} X^\top y = X^\top (K + \lambda I)^{-1} y .$$
#
# Here $X$ holds the activations of all examples minus their mean, and $y$ is $+1$ for the concept's and $-1$ for the other ones.
#
# With more activations than examples, a linear classifier can separate *any* two sets: its accuracy on its own examples says nothing. So
# each example is left out once, the classifier is trained with the others, and asked about that one. Nothing has to be trained again: let $\bar y$ be the mean of $y$,
# $\hat y = \bar y + K (K + \lambda I)^{-1} (y - \bar y)$ the fitted values, and
# $h_i = \frac1n + \bigl(K (K + \lambda I)^{-1}\bigr)_{ii}$. The classifier that never saw example $i$ gives it the value
#
# $$\hat y_{-i} = y_i - \frac{y_i - \hat y_i}{1 - h_i}, \qquad \text{right if } y_i\, \hat y_{-i} > 0 .$$
#
# ### Task: a concept activation vector, and what it is worth
#
# Write `activation_vector(concept, others, ridge)` with `float64` activations (N, F) and (M, F); `ridge` is $\lambda$, and F may be ten
# thousand. Return two things: the CAV (F,), of length 1, which points to the concept, and the share of the N + M
# examples that are right if each is left out once.


# %% nbgrader={"grade_id": "cav", "solution": true}
# answer: cav
def activation_vector(concept: Tensor, others: Tensor, ridge: float) -> tuple[Tensor, float]:
    """Return the vector (F,) of length 1, and the accuracy with each example left out once."""
    ### BEGIN SOLUTION
    rows = torch.cat([concept, others])
    rows = rows - rows.mean(0)
    wanted = torch.ones(len(rows), dtype=rows.dtype)
    wanted[len(concept) :] = -1
    products = rows @ rows.T
    inverse = torch.linalg.inv(products + ridge * torch.eye(len(rows), dtype=rows.dtype))
    weights = rows.T @ (inverse @ wanted)
    hat = products @ inverse
    fitted = wanted.mean() + hat @ wanted
    unseen = wanted - (wanted - fitted) / (1 - 1 / len(rows) - hat.diagonal())
    return weights / weights.norm(), (unseen.sign() == wanted).double().mean().item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "cav-test", "grade": true, "points": 3}
checks.function(activation_vector, "activation_vector")
with_it = torch.tensor([[4.0, 0.0], [2.0, 2.0]], dtype=torch.float64)
without_it = torch.tensor([[0.0, 0.0], [0.0, 2.0], [-1.0, 1.0]], dtype=torch.float64)
vector, share_right = activation_vector(with_it, without_it, 2.0)
vector = checks.numbers(vector, (2,), "the vector")
checks.expect(abs(np.linalg.norm(vector) - 1) < 1e-4, "The vector should be of length 1.")
checks.close(
    vector,
    [0.948683, 0.316228],
    "the vector",
    "all five rows have the mean (1, 1), XᵀX is [[16, −2], [−2, 4]] before the ridge, here 2, is added to its "
    "diagonal, and Xᵀy is (8, 0).",
)
mixed = torch.tensor([[2.0], [3.0]], dtype=torch.float64)
opposite = torch.tensor([[0.0], [-4.0]], dtype=torch.float64)
_, share_mixed = activation_vector(mixed, opposite, 6.0)
checks.close(
    share_mixed,
    0.75,
    "the share",
    "with the activations 2 and 3 of the concept, 0 and −4 of the others, and λ = 6, leave out each and fit the "
    "other three (whose means are other ones): the 0 is then on the wrong side, and with all four it is not.",
)
lone, crowd = torch.tensor([[3.0]]).double(), torch.tensor([[0.0], [2.0], [3.0]]).double()
_, share_lone = activation_vector(lone, crowd, 1.0)
checks.close(
    share_lone,
    0.5,
    "the share",
    "with the single activation 3 of the concept, 0, 2 and 3 of the others, and λ = 1, the 0 and the 2 are right and "
    "both threes wrong: the fitted values begin with the mean of y, here −½, and y is +1 or −1.",
)
wide = torch.eye(6, 9000, dtype=torch.float64)  # unlike all others: nothing to be learned
_, share_wide = activation_vector(wide[:3], wide[3:], 0.1)
checks.close(
    share_wide,
    0.0,
    "the share",
    "six examples that have nothing in common: each one that is left out is taken for the other set, which has "
    "one more example. Is this the accuracy on the examples that the classifier was trained with?",
)
checks.passed("cav", "three small sets of examples by hand, and six with 9,000 activations")

# %% [markdown]
# ### Derivatives along the vector
#
# How does the output $f_k$ of class $k$ change when the activations $h(x)$ of a layer move a little along the CAV $v$? That is the
# directional derivative, which TCAV calls the *conceptual sensitivity*:
#
# $$S_k(x) = \lim_{\varepsilon \to 0} \frac{f_k\bigl(h(x) + \varepsilon v\bigr) - f_k\bigl(h(x)\bigr)}{\varepsilon} = \nabla_h f_k\bigl(h(x)\bigr) \cdot v$$
#
# {{ if notebook.backdoors.sensitivity }}In notebook {{ notebook.backdoors }} you had the part of the network behind the layer.{{ else }}One needs the part of the network behind the layer.{{ end }} Most networks cannot be cut so easily. A **hook** needs no cut: a
# function that PyTorch calls with what a module has computed (`module.register_forward_hook`), and whose `.remove()` ends that.
#
# ### Task: derivatives at any layer
#
# Write `along(network, layer, images, vector, target)`: `layer` is the name of a module, as in `network.get_submodule(layer)`. Return $S_k$ (N,) of
# the images for class `target`, the derivative of its *logit* along `vector` (F,). The vector's entries stand in the order of
# `activations.flatten(1)`. Afterwards the network has no hook, and the same weights.


# %% nbgrader={"grade_id": "along", "solution": true}
# answer: along
def along(network: nn.Module, layer: str, images: Tensor, vector: Tensor, target: int) -> Tensor:
    """Return (N,) directional derivatives of the target's logit along a vector in a layer."""
    ### BEGIN SOLUTION
    kept = []
    hook = network.get_submodule(layer).register_forward_hook(lambda *call: kept.append(call[-1]))
    with torch.enable_grad():
        logits = network(images.clone().requires_grad_())
    hook.remove()
    (slopes,) = torch.autograd.grad(logits[:, target].sum(), kept)
    return slopes.flatten(1) @ vector
    ### END SOLUTION


# %% nbgrader={"grade_id": "along-test", "grade": true, "points": 2}
checks.function(along, "along")
toy = nn.Sequential(
    nn.Flatten(), nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False)
)
nn.init.eye_(toy[1].weight)
with torch.no_grad():
    toy[3].weight.copy_(torch.tensor([[1.0, 2.0], [-4.0, 5.0]]))
three_images = torch.tensor([[0.1, 2.0], [1.0, -0.1], [-1.0, 2.0]]).view(3, 1, 1, 2)
slanted = torch.tensor([3.0, 4.0])  # of length 5
for name, one_class, wanted, hint in (
    ("1", 1, [8, -12, 20], "which of the two coordinates pass the ReLU that follows layer 1?"),
    ("1", 0, [11, 3, 8], "which class's logit is derived?"),
    ("2", 1, [8, 8, 8], "behind layer 2 all is linear: each image has the same derivative."),
):
    checks.close(
        along(toy, name, three_images, slanted, one_class),
        wanted,
        f"along(…) at layer {name} for class {one_class}",
        hint,
    )
checks.expect(
    not any(each._forward_hooks for each in toy.modules()),
    "A hook is still there: keep what `register_forward_hook` returns, and call its `.remove()`.",
)
checks.passed("along", "two layers and both classes of a small network, and its hooks")

# %% [markdown]
# ### With captum
#
# Captum has all this: `captum.concept.TCAV(model, layers, classifier=…, save_path=…)`. A `Concept(id, name, data)` is a
# set of images, and `data` an iterable of batches, such as a list with one tensor. `interpret(inputs, experiments,
# target=…)` gets a list of pairs `[concept, other]`, and returns a dictionary: `result["0-1"]["4"]` holds, for the pair of the ids 0 and 1 and layer 4, two tensors.
# The first entry of each belongs to the concept. `"sign_count"` is the share of inputs with $S_k > 0$. And `"magnitude"`? Captum's documentation says
#
# > magnitude_score = SUM(ABS(TCAV * (TCAV > 0))) / SUM(ABS(TCAV))
#
# where TCAV stands for the numbers $S_k(x)$ of all inputs: the part of the positive ones in the sum of lengths. A library
# does what its code does. Find out.
#
# Captum writes vectors and activations into the folder `save_path`, and reads them from there if the same ids and layers are asked
# about again, even if the images are other ones. So give each call a new folder: `tempfile.mkdtemp()`, after `import tempfile`, makes one.
#
# Captum's own classifier draws at random, so that each call gives another vector. The next cell gives a classifier without chance:
# scikit-learn's ridge regression, whose weights are *not* scaled to length 1. It also gives three sets of images:
# `shoes` (the concept), `mixture` (40 random images) and `boots`, the hundred ankle boots whose class, `BOOT`, is asked about.

# %% name="captum-sets"
from captum.concept import Classifier
from sklearn.linear_model import Ridge

BOOT = 9
chosen_places = np.random.default_rng(7).permutation(len(training))
shoes = training.images[[k for k in chosen_places if annotated["footwear"][k]][:40]]
mixture = training.images[chosen_places[:40]]
boots = test.images[test.labels == BOOT]


class RidgeForCaptum(Classifier):
    """Ridge regression of +1 and −1, in the form that captum wants."""

    def __init__(self):
        self.fitted, self.ids = Ridge(alpha=1.0), []

    def train_and_eval(self, dataloader, **_):
        """Learn to tell two concepts, which come as batches of activations and ids."""
        activations, ids = (torch.cat(parts) for parts in zip(*dataloader, strict=True))
        first = int(ids[0])
        self.ids = [first, int(ids[ids != first][0])]
        signs = torch.where(ids == first, 1.0, -1.0)
        self.fitted.fit(activations.double().numpy(), signs.numpy())
        return {"accs": torch.tensor(float("nan"))}

    def weights(self):
        """Return the weights that lead to the first concept, and those to the second."""
        towards = torch.from_numpy(self.fitted.coef_)
        return torch.stack([towards, -towards]).float()

    def classes(self):
        """Return the ids of the two concepts."""
        return self.ids


# %% [markdown]
# ### Task: what does captum's magnitude measure?
#
# Run captum's `TCAV` with `RidgeForCaptum()` on `network` at the layers `"4"` and `"9"`, for the pair of `shoes` and `mixture`, with `boots` as
# inputs and the target `BOOT`. Set, each with one number for each of the two layers, in this order:
#
# - `sign_counts` and `magnitudes`: captum's two scores for `shoes`;
# - `documented`: what the documented formula gives, with the same vectors. (They are in `interpreter.cavs["0-1"]["4"].stats["weights"][0]`. The
#   derivatives come from `captum.attr.LayerGradientXActivation(network, module, multiply_by_inputs=False)`, the method that TCAV uses
#   itself, or from your own function.)
# - `unit_magnitudes`: captum's magnitudes, if the vectors had the length 1.
#
# Set `computed` to what captum's code computes from the numbers $S_k(x)$: `"mean"`, `"sum"`, `"mean of absolute values"` or `"part of the positive ones"`.

# %% nbgrader={"grade_id": "captum-tcav", "solution": true}
# answer: captum-tcav
sign_counts = magnitudes = documented = unit_magnitudes = computed = None
### BEGIN SOLUTION
import tempfile

from captum.attr import LayerGradientXActivation
from captum.concept import TCAV, Concept

pair = [Concept(0, "shoes", [shoes]), Concept(1, "mixture", [mixture])]
with tempfile.TemporaryDirectory() as folder:
    interpreter = TCAV(network, ["4", "9"], classifier=RidgeForCaptum(), save_path=folder)
    of_layer = interpreter.interpret(boots, [pair], target=BOOT)["0-1"]
sign_counts = torch.stack([of_layer[name]["sign_count"][0] for name in ("4", "9")]).detach()
magnitudes = torch.stack([of_layer[name]["magnitude"][0] for name in ("4", "9")]).detach()
documented, unit_magnitudes = torch.zeros(2), torch.zeros(2)
for k, name in enumerate(("4", "9")):
    weights = interpreter.cavs["0-1"][name].stats["weights"][0]
    method = LayerGradientXActivation(network, network[int(name)], multiply_by_inputs=False)
    each = method.attribute(boots, target=BOOT).detach().flatten(1) @ weights
    documented[k] = each.clamp_min(0).sum() / each.abs().sum()
    unit_magnitudes[k] = magnitudes[k] / weights.norm()
computed = "mean"
### END SOLUTION

# %% nbgrader={"grade_id": "captum-tcav-test", "grade": true, "points": 3}
by_captum = {
    name: checks.numbers(value, (2,), name)
    for name, value in (
        ("sign_counts", sign_counts),
        ("magnitudes", magnitudes),
        ("documented", documented),
        ("unit_magnitudes", unit_magnitudes),
    )
}
for name in ("sign_counts", "documented"):
    checks.expect(
        ((by_captum[name] >= 0) & (by_captum[name] <= 1)).all(), f"`{name}` should hold shares."
    )
checks.expect(
    (by_captum["sign_counts"] > 0.5).all(),
    "The output for boots should rise along the way from random images to shoes: take the first entry of each tensor.",
)
checks.expect(
    not np.allclose(by_captum["documented"], by_captum["magnitudes"], rtol=1e-2),
    "`documented` and `magnitudes` are equal: the first is the documented formula, the second what captum returns.",
)
lengths_of_vectors = by_captum["magnitudes"] / by_captum["unit_magnitudes"]
checks.expect(
    ((lengths_of_vectors > 0) & (lengths_of_vectors < 1)).all(),
    "The vectors of this ridge regression are shorter than 1. If they had the length 1, would derivatives along them "
    "be larger or smaller?",
)
checks.choices(
    {"computed": computed},
    ("computed",),
    ("mean", "sum", "mean of absolute values", "part of the positive ones"),
    "",
)
checks.passed("captum-tcav", "ranges, signs and the vectors' lengths")

# %% [markdown]
# So captum's *sign count* is the TCAV score, and its *magnitude* is no share at all: it can be negative, and its size depends on the length of the vector, so on
# the classifier and its penalty. Compare magnitudes of different classifiers or layers only with vectors of length 1. For the
# share of positive derivatives the length does not matter.
