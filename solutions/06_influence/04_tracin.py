# %% [markdown] minutes=40 core=true
# ## Section: TracIn: influence along the training
#
# **You learn** to trace influence over checkpoints, and to compare with a library. **Time:** {{ time }}.
#
# Grad-Dot looks at the trained weights alone. But each epoch trained on every example, and in the first
# epochs its gradient was another one. **TracIn** (Pruthi et al.
# [2020](https://arxiv.org/abs/2002.08484)) adds up, over the training, what each step on an example did
# to the loss of the asked one. In practice only a few **checkpoints** $\theta_1, \dots, \theta_K$ are
# stored, with the learning rates $\eta_k$ at these times. *TracInCP* is
#
# $$s_i = \sum_{k=1}^K \eta_k\, \nabla\ell(\theta_k)^\top\, \nabla\ell_i(\theta_k) .$$
#
# For the last layer this needs no backward pass. Let $a$ be the features that enter the layer and
# $r = p - e_y$ the residual (softmax minus the label's unit vector). The gradient of the weights is the
# outer product $r a^\top$, that of the biases is $r$, so of two examples
#
# $$\nabla\ell^\top \nabla\ell_i = (r^\top r_i)\,(a^\top a_i + 1) .$$
#
# The 1 comes from the biases.
#
# ### Task: TracIn over stored checkpoints
#
# Write `tracin(network, checkpoints, rates, inputs, labels, training, training_labels)` for the last
# layer, weights and biases. `network` is an `nn.Sequential` whose last module is an `nn.Linear`;
# `checkpoints` is a list of state dictionaries for it (`network.load_state_dict`), `rates` are their
# learning rates. After the call `network` has the same weights as before.


# %% nbgrader={"grade_id": "tracin", "solution": true}
# answer: tracin
def tracin(
    network: nn.Sequential,
    checkpoints: list[dict[str, Tensor]],
    rates: list[float],
    inputs: Tensor,
    labels: Tensor,
    training: Tensor,
    training_labels: Tensor,
) -> Tensor:
    """Return the scores (M, N) of the training examples for the inputs.

    inputs (M, D), labels (M,), training (N, D), training_labels (N,).
    """
    ### BEGIN SOLUTION
    network = copy.deepcopy(network)
    scores = torch.zeros(len(inputs), len(training))
    for checkpoint, rate in zip(checkpoints, rates, strict=True):
        network.load_state_dict(checkpoint)
        sides = []
        with torch.no_grad():
            for examples, targets in ((inputs, labels), (training, training_labels)):
                features = network[:-1](examples)
                logits = network[-1](features)
                residuals = logits.softmax(1) - functional.one_hot(targets, logits.shape[1])
                sides.append((features, residuals))
        (a, r), (b, q) = sides
        scores += rate * (r @ q.T) * (a @ b.T + 1)
    return scores
    ### END SOLUTION


# %% nbgrader={"grade_id": "tracin-test", "grade": true, "points": 3}
checks.function(tracin, "tracin")
tiny = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2))
with torch.no_grad():
    for tensor in tiny.parameters():
        tensor.fill_(0.5)
kept = [tensor.clone() for tensor in tiny.parameters()]
doubling, tripling = (  # features 2x and 3x, 0 where x < 0; both classes have the probability 1/2
    {
        "0.weight": torch.tensor([[factor]]),
        "0.bias": torch.zeros(1),
        "2.weight": torch.zeros(2, 1),
        "2.bias": torch.zeros(2),
    }
    for factor in (2.0, 3.0)
)
new_x, new_y = torch.tensor([[1.0]]), torch.tensor([0])
old_x, old_y = torch.tensor([[1.0], [2.0], [-1.0]]), torch.tensor([0, 1, 1])
for stored, rates, wanted, hint in (
    (
        [doubling],
        [1.0],
        [[2.5, -4.5, -0.5]],
        "the residuals are (∓½, ±½), the features 2x where x is positive. And the biases?",
    ),
    ([doubling], [0.2], [[0.5, -0.9, -0.1]], "each checkpoint counts times its learning rate."),
    ([doubling, tripling], [0.2, 0.1], [[1, -1.85, -0.15]], "add up what each checkpoint gives."),
):
    traced = tracin(tiny, stored, rates, new_x, new_y, old_x, old_y)
    checks.close(traced, wanted, f"tracin(…) with {len(stored)} checkpoints, rates {rates}", hint)
unequal = {
    "0.weight": torch.ones(1, 1),
    "0.bias": torch.zeros(1),
    "2.weight": torch.tensor([[math.log(3)], [0.0]]),
    "2.bias": torch.zeros(2),
}
checks.close(
    tracin(tiny, [unequal], [1.0], new_x, new_y, new_x.repeat(2, 1), torch.tensor([0, 1])),
    [[0.25, -0.75]],
    "tracin(…) where p is (¾, ¼)",
    "the residuals are (−¼, ¼) for the label 0 and (¾, −¾) for the label 1, and the feature is 1. Only the "
    "gradients of the last layer count.",
)
checks.expect(
    all(torch.equal(now, old) for now, old in zip(tiny.parameters(), kept, strict=True)),
    "Your function left a checkpoint in the network: work on a copy.",
)
checks.passed(
    "tracin",
    "one checkpoint, its rate, two checkpoints, other probabilities, and the unchanged network",
)

# %% [markdown]
# ### Against captum
#
# Captum has TracInCP, too: `captum.influence.TracInCPFast` for a last linear layer. Before you trust a
# library, compare it with what you understand. Its constructor takes a model, the last layer
# (`final_fc_layer`), a data set of pairs of an image and its label, the `checkpoints`, a function
# `checkpoints_load_func(model, checkpoint)` that loads one into the model *and returns its learning
# rate*, a loss function with `reduction="sum"`, and `batch_size`. Its method
# `influence((images, labels))` returns the scores.
#
# `asked_images` and `asked_labels` are 20 test images. `ours` (20, 1000) are the library's scores by
# the formula above, over the three stored checkpoints of our network, `here.checkpoints`, with
# `here.learning_rates`.

# %% name="asked"
asked_images, asked_labels = test.images[::10], test.labels[::10]
ours = influence(
    network,
    asked_images,
    asked_labels,
    training,
    "tracin",
    checkpoints=here.checkpoints,
    learning_rates=here.learning_rates,
    layers="last",
).scores

# %% [markdown]
# ### Task: the largest difference, and why
#
# Set `captums` (20, 1000) to the scores by captum's `TracInCPFast` with the same checkpoints and
# learning rates. (It loads checkpoints into the model that it gets: give it a copy.) Set `apart` to the
# largest absolute difference to `ours`. It is not rounding. Find out which part of `ours` captum leaves
# out: set `missing` to `"biases"`, `"learning rates"`, `"first checkpoint"` or `"residuals"`, and
# `apart_without` to the largest absolute difference if `ours` is computed without that part, too.

# %% nbgrader={"grade_id": "captum", "solution": true}
# answer: captum
captums = apart = missing = apart_without = None
### BEGIN SOLUTION
from captum.influence import TracInCPFast

model = copy.deepcopy(network)


def load_checkpoint(model, pair):
    model.load_state_dict(pair[0])
    return pair[1]


fast = TracInCPFast(
    model,
    model[-1],
    torch.utils.data.TensorDataset(training.images, training.labels),
    list(zip(here.checkpoints, here.learning_rates, strict=True)),
    load_checkpoint,
    nn.CrossEntropyLoss(reduction="sum"),
    batch_size=500,
)
captums = fast.influence((asked_images, asked_labels))
apart = (captums - ours).abs().max()
missing = "biases"
without_biases = torch.zeros(20, 1000)
for state, rate in zip(here.checkpoints, here.learning_rates, strict=True):
    model.load_state_dict(state)
    with torch.no_grad():
        features = [model[:-1](x) for x in (asked_images, training.images)]
        residuals = [
            model[-1](f).softmax(1) - functional.one_hot(y, 10)
            for f, y in zip(features, (asked_labels, training.labels), strict=True)
        ]
    without_biases += rate * (residuals[0] @ residuals[1].T) * (features[0] @ features[1].T)
apart_without = (captums - without_biases).abs().max()
### END SOLUTION

# %% nbgrader={"grade_id": "captum-test", "grade": true, "points": 3}
theirs = checks.numbers(captums, (20, 1000), "captums")
gap = checks.numbers(apart, (), "apart")
gap_without = checks.numbers(apart_without, (), "apart_without")
checks.choices(
    {"missing": missing},
    ("missing",),
    ("biases", "learning rates", "first checkpoint", "residuals"),
    "",
)
correlation = np.corrcoef(theirs.ravel(), ours.numpy().ravel())[0, 1]
checks.expect(
    correlation > 0.995,
    "`captums` and `ours` hardly agree: are all three checkpoints loaded, with their own learning rates?",
)
checks.expect(
    not np.array_equal(theirs, ours.numpy().astype(float)), "These are our scores, not captum's."
)
checks.close(
    gap,
    np.abs(theirs - ours.numpy()).max(),
    "apart",
    "it should be the largest absolute difference of `captums` and `ours`.",
)
checks.expect(
    gap_without < gap / 100,
    "Without the right part the difference falls to rounding errors: another part is missing.",
)
figure, axis = plt.subplots(figsize=(4.6, 3.6), layout="constrained")
axis.axline((0, 0), slope=1, color="0.7", linewidth=1)
axis.plot(ours.numpy().ravel(), theirs.ravel(), "k.", markersize=1.5)
axis.set(title=f"Largest difference: {gap:.2g}", xlabel="ours", ylabel="captum's")
plt.show()
checks.passed("captum", "shape, agreement, and both differences")
