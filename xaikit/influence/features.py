"""Examples that are near in feature space: nearest exemplars, and representer points."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from xaikit.core.options import NonNegative
from xaikit.influence.fitting import minimum
from xaikit.influence.networks import LastLayer
from xaikit.influence.problem import Training
from xaikit.influence.registry import Found, influence_method
from xaikit.influence.rows import Factors

ELSEWHERE = 'choose a method with layers="all", such as grad_cos'
"""What to do where a network has no features."""


@influence_method(
    "Nearest exemplar",
    needs=("layers", "training data", "labels"),
    paper="Papernot & McDaniel 2018, Deep k-nearest neighbors: towards confident, interpretable "
    "and robust deep learning, arXiv:1803.04765",
    of_itself=False,
)
def exemplar(
    problem: Training, *, similarity: Literal["euclidean", "cosine", "dot"] = "euclidean"
) -> Found:
    """Compare what enters the last linear layer for the asked example and the training example.

    Labels count for nothing: an example of another class is a proponent, too, if it is near.

    Parameters
    ----------
    problem
        What is asked.
    similarity
        ``"euclidean"``: minus the distance, so that all scores are at most 0 and the nearest
        example has the largest; ``"cosine"``: of the angle; ``"dot"``: the inner product.
    """
    network = LastLayer(problem, ELSEWHERE)
    ours = _plain(
        network, torch.cat([*map(network.seen, torch.split(problem.inputs, problem.chunk))])
    )
    scores = problem.empty()
    for rows in problem.parts():
        theirs = _plain(network, network.seen(problem.trained_on(rows)[0]))
        if similarity == "euclidean":
            # Exact differences: the fast formula of products would round a distance of zero.
            mode = "donot_use_mm_for_euclid_dist"
            scores[:, rows] = -torch.cdist(ours, theirs, compute_mode=mode)
        elif similarity == "cosine":
            unit = [torch.nn.functional.normalize(each, dim=1) for each in (ours, theirs)]
            scores[:, rows] = unit[0] @ unit[1].T
        else:
            scores[:, rows] = ours @ theirs.T
    return Found(scores)


def _plain(network: LastLayer, seen: Tensor) -> Tensor:
    """Return activations without the one that stands for the bias."""
    return seen[:, : network.features]


@influence_method(
    "Representer points",
    needs=("layers", "training data", "labels"),
    paper="Yeh et al. 2018, Representer point selection for explaining deep neural networks, "
    "arXiv:1811.09720",
)
def representer(problem: Training, *, damping: NonNegative = 0.01, steps: int = 500) -> Found:
    """Split the asked label's logit into one summand for each training example.

    The last layer is fitted again to the training labels, from the model's own weights, with the
    penalty damping / 2 · |W|² on its weights, bias included (the first of the paper's two ways).
    At the minimum W = Σ αₙ fₙᵀ with αₙ = -(∂ loss / ∂ logits of n) / (N · damping), so a logit is
    Σ αₙ fₙ·f: the score is the summand of the asked label. Positive examples raise this logit.
    The paper's penalty is λ · |W|², so it divides by 2 λ N: the same with damping = 2 λ.

    Parameters
    ----------
    problem
        What is asked.
    damping
        The penalty, above 0: the weight decay of the training, say.
    steps
        Iterations at most, of Newton's method or L-BFGS.

    Returns
    -------
    Found
        ``details``: ``logits`` (M, K) of the fitted layer for the asked examples (of the first
        ones, if each is asked about itself), ``gradient``, the length of the objective's
        gradient at its end: the summands add up to the logits so far as it is zero.
    """
    if damping == 0:
        raise ValueError("representer divides by damping: give the weight decay, above 0.")
    if not problem.by_class:
        raise ValueError(
            "representer explains the logit of a class, so it takes loss='cross_entropy' only."
        )
    network = LastLayer(problem, ELSEWHERE).at_the_end()
    every = [(network.seen(images), y) for images, y in map(problem.trained_on, problem.parts())]
    seen, labels = (torch.cat(each) for each in zip(*every, strict=True))
    fitted = minimum(
        lambda weights: problem.loss(network.outputs(weights, seen), labels).mean(),
        network.weights,
        damping,
        steps,
    )
    network.weights = fitted.weights
    rows = network.rows(seen, labels, problem.loss)
    assert isinstance(rows, Factors)
    alpha = -rows.residuals / (len(seen) * damping)
    asked = torch.cat([*map(network.seen, torch.split(problem.inputs, problem.chunk))])
    details = {"logits": network.outputs(fitted.weights, asked), "gradient": fitted.gradient}
    if problem.itself:
        own = alpha.gather(1, labels.unsqueeze(1)).squeeze(1)
        return Found(own * seen.square().sum(1), details)
    return Found((asked @ seen.T) * alpha[:, problem.labels].T, details)
