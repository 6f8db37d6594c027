# %% [markdown]
# ## 5 · Good, by which measure?
#
# **You learn** to measure counterfactuals, and what each measure misses. **Time:** one hour.
#
# | measure | asks | flaw |
# |---|---|---|
# | validity | does the model say the desired class? | an adversarial example is valid, too |
# | $L_1$, $L_2$ | how much has changed? | small changes may be invisible |
# | sparsity | which share of the pixels is untouched? | a plausible change (a longer sleeve) changes many |
# | IM1 | is it nearer to the desired class than to the old one? | depends on the autoencoders |
# | IM2 | does it look like the desired class as much as like clothes at all? | see task 15 |
# | seconds | how long does it take? | depends on the machine |
#
# ### Task 12: four numbers (2 points)
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
before = torch.zeros(2, 4)
after = torch.tensor([[0.3, 0.4, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
said = torch.tensor([[0.2, 0.8], [0.2, 0.8]])
four = checks.numbers(qualities(before, after, said, torch.tensor([1, 0])), (4,), "qualities(…)")
checks.close(four[0], 0.5, "validity", "One of these two reaches its target.")
checks.expect(
    abs(float(four[1]) - 0.7) < 1e-5,
    "Only the first item is valid, and its distance is the sum of its two changes: leave the others out.",
)
checks.expect(0 <= float(four[3]) <= 1, "Sparsity is a share of the features.")
checks.passed("qualities")

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
# ### Task 13: IM1 and IM2 (2 points)
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
picture = torch.tensor([[1.0, 1.0]])
pair = im(
    picture, torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 3.0]]), torch.tensor([[1.0, 1.0]]), 0.0
)
pair = checks.numbers(None if pair is None else [*pair], (2, 1), "im(…)")
checks.close(
    pair[0], [0.25], "IM1", "Squared error of the target's autoencoder over the old class's."
)
checks.close(
    pair[1], [0.5], "IM2", "Squared difference of two *rebuilt* images over the sum of x'."
)
checks.passed("im")
