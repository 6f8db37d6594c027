# %% [markdown] minutes=50 core=true
# ## Section: Good, by which measure?
#
# **You learn** to measure counterfactuals, and what each measure misses. **Time:** {{ time }}.
#
# | measure | asks | flaw |
# |---|---|---|
# | validity | does the model say the desired class? | an adversarial example is valid, too |
# | $L_1$, $L_2$ | how much has changed? | small changes may be invisible |
# | sparsity | which share of the pixels is untouched? | a plausible change (a longer sleeve) changes many |
# | IM1 | is it nearer to the desired class than to the old one? | depends on the autoencoders |
# | IM2 | does it look like the desired class as much as like clothes at all? | {{ if task.im2-flaw }}see task {{ task.im2-flaw }}{{ else }}it compares two rebuilt images, not the picture{{ end }} |
# | seconds | how long does it take? | depends on the machine |
#
# ### Task: four numbers
#
# Write `qualities(x, changed, probabilities, targets)` for a batch of counterfactuals: return the
# *validity* (the share of items whose most likely class is the target) and, over the valid items
# only, the *mean* $L_1$ distance, the mean $L_2$ distance, and the *sparsity* (the mean share of
# features that moved by less than 0.001).


# %% nbgrader={"grade_id": "qualities", "solution": true}
# answer: qualities
def qualities(
    x: Tensor, changed: Tensor, probabilities: Tensor, targets: Tensor
) -> tuple[float, float, float, float]:
    """Return validity, L1, L2 and sparsity of counterfactuals `changed` (N, D) of x (N, D).

    probabilities: (N, C), of `changed`. targets: (N,). At least one item is valid.
    """
    ### BEGIN SOLUTION
    valid = probabilities.argmax(dim=1) == targets
    change = (changed - x)[valid].abs()
    return (
        valid.float().mean().item(),
        change.sum(dim=1).mean().item(),
        change.norm(dim=1).mean().item(),
        (change < 1e-3).float().mean().item(),
    )
    ### END SOLUTION


# %% nbgrader={"grade_id": "qualities-test", "grade": true, "points": 2}
checks.function(qualities, "qualities")
before = torch.tensor([[0.0, 0.5, 0.5, 0.5, 0.5]]).repeat(3, 1)
moves = torch.tensor(
    [[0.001, 0.3, -0.4, 0.0005, 0.0], [1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0, -1.0]]
)
said = torch.tensor([[0.2, 0.4, 0.3, 0.1], [0.6, 0.2, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1]])
reach = torch.tensor([1, 3, 2])
four = checks.numbers(qualities(before, before + moves, said, reach), (4,), "qualities(…)")
for value, wanted, name, hint in zip(
    four,
    (2 / 3, 0.85075, 0.75, 0.6),
    ("validity", "the L1 distance", "the L2 distance", "sparsity"),
    (
        "The first and the third item reach their targets: no other class is more likely.",
        "Sum the sizes of an item's changes; then take the mean, over valid items only.",
        "The two valid items have lengths of 0.5 and 1: take their mean.",
        "Of the valid items' features 2/5 and 4/5 moved by less than 0.001, one of them by 0.0005.",
    ),
    strict=True,
):
    checks.close(value, wanted, name, hint, tolerance=1e-3)
checks.passed("qualities", "the numbers of two valid items and one that is not")

# %% [markdown]
# ### Closeness to a class
#
# An autoencoder that has seen only dresses, $\mathrm{AE}_{\text{dress}}$, rebuilds a dress well and a
# shirt badly. Van Looveren and Klaise (2019) compare three of them: $\mathrm{AE}_t$ for the desired
# class, $\mathrm{AE}_o$ for the old one, and $\mathrm{AE}$ for all:
#
# $$\mathrm{IM1} = \frac{\lVert x' - \mathrm{AE}_t(x')\rVert_2^2}{\lVert x' - \mathrm{AE}_o(x')\rVert_2^2 +
#   \epsilon}, \qquad
#   \mathrm{IM2} = \frac{\lVert \mathrm{AE}_t(x') - \mathrm{AE}(x')\rVert_2^2}{\lVert x'\rVert_1 + \epsilon}.$$
#
# Small is good. IM1 below 1: the desired class's autoencoder explains the picture better. The
# autoencoders that judge must not be the ones that were used to *make* the counterfactual: a measure
# that is optimised stops measuring.
#
# ### Task: IM1 and IM2
#
# Write `im(changed, rebuilt_target, rebuilt_original, rebuilt_all, epsilon)`, which returns both for
# every item of a batch.


# %% nbgrader={"grade_id": "im", "solution": true}
# answer: im
def im(
    changed: Tensor,
    rebuilt_target: Tensor,
    rebuilt_original: Tensor,
    rebuilt_all: Tensor,
    epsilon: float,
) -> tuple[Tensor, Tensor]:
    """Return IM1 (N,) and IM2 (N,) of counterfactuals `changed` (N, D).

    rebuilt_…: (N, D), what AE_t, AE_o and AE make of `changed`.
    """
    ### BEGIN SOLUTION
    near = (changed - rebuilt_target).square().sum(dim=1)
    far = (changed - rebuilt_original).square().sum(dim=1)
    apart = (rebuilt_target - rebuilt_all).square().sum(dim=1)
    return near / (far + epsilon), apart / (changed.abs().sum(dim=1) + epsilon)
    ### END SOLUTION


# %% nbgrader={"grade_id": "im-test", "grade": true, "points": 2}
checks.function(im, "im")
picture = torch.tensor([[1.0, -1.0], [3.0, 0.0]])
by_target = torch.tensor([[1.0, 1.0], [3.0, 1.0]])
by_original = torch.tensor([[-2.0, 2.0], [1.0, 2.0]])
by_all = torch.tensor([[3.0, 1.0], [0.0, 1.0]])
ones, twos = checks.numbers(im(picture, by_target, by_original, by_all, 2.0), (2, 2), "im(…)")
checks.close(
    ones,
    [0.2, 0.1],
    "IM1",
    "The first item's squared errors are 4 (the target's autoencoder) and 18, the second's 1 and 8; "
    "ε is 2.",
    tolerance=1e-3,
)
checks.close(
    twos,
    [1.0, 1.8],
    "IM2",
    "The two *rebuilt* images are a squared distance of 4 apart, and 9 for the second item; the L1 "
    "norms of x' are 2 and 3, and ε is 2.",
    tolerance=1e-3,
)
checks.passed("im", "IM1 and IM2 of two items")
