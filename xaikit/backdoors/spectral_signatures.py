"""Spectral signatures: poisoned examples stick out along a class's direction of most variance."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.backdoors.activations import by_class, penultimate, principal_axes
from xaikit.backdoors.detection import Detection
from xaikit.backdoors.registry import detection_method
from xaikit.backdoors.sides import poisoned_part, runners_up
from xaikit.backdoors.suspicion import Suspicion

THRESHOLD = 4.5
_LEAST = 0.01
"""Share of a class that a group of outliers has at least."""
_SPREAD = 1e-6
"""Share of the class's spread that its clean part is held to have at least."""


@detection_method(
    "Spectral signatures",
    needs=("layers", "training data", "labels"),
    paper="Tran, Li & Madry 2018, Spectral signatures in backdoor attacks, arXiv:1811.00636",
)
def spectral_signatures(suspicion: Suspicion, *, threshold: float = THRESHOLD) -> Detection:
    """Correlate each example's activations with its class's top singular vector.

    Among the training examples that are labelled as the target, the poisoned ones have another
    mean, so the centred penultimate activations vary most along the line between the two means, and
    poisoned examples have large correlations with it. The defender needs the model and its training
    data with labels.

    The paper removes from every class the examples of largest squared correlation, 1.5 times as
    many as the attacker is assumed to have poisoned, and does not tell a poisoned class from a
    clean one. Here neither the poison rate nor the class is given. A class's correlations are cut
    where the variance between the two parts is largest (Otsu 1979), and its score is how far the
    parts lie apart, in their own spread (Ashman's D: difference of the means, divided by the root
    mean square of the standard deviations). A normal distribution cut in halves scores 2.6, and
    clean classes of FashionMNIST stay below 4.2. Activations are measured in units of the other
    classes' spread, which makes the trigger the direction of most variance at low rates, too. Of
    the two parts the smaller one is suspected, or, of nearly equal ones, the one whose
    runners-up are more diverse.

    Parameters
    ----------
    suspicion
        What is examined; inputs and labels are the training data as the training saw them.
    threshold
        A class is flagged above this score.

    Returns
    -------
    Detection
        ``example_score``: distance from the clean part's mean along the singular vector, in the
        clean part's standard deviations, positive towards the poisoned part; squared and without
        the sign it is the paper's score about that mean. ``evidence``: ``correlations`` (N,) with
        the top singular vector, ``cuts`` (classes,), above which examples are suspects of a
        flagged class, ``shares`` (classes,), the suspected part of each class.
    """
    labels = suspicion.labelled("spectral_signatures")
    features, scores = penultimate(suspicion)
    second = runners_up(scores, labels)
    score = features.new_zeros(suspicion.classes)
    cuts, shares = torch.full_like(score, torch.inf), torch.zeros_like(score)
    correlations, example_score = (features.new_zeros(len(features)) for _ in range(2))
    for group in by_class(features, labels, suspicion.classes):
        along = group.deviations @ principal_axes(group.deviations, 1)[:, 0]
        apart, cut = separation(along)
        if not poisoned_part(along > cut, second[group.places]):
            along, cut = -along, -cut
        upper = along > cut
        clean = along[~upper]
        # A clean part of duplicates has no spread of its own to be measured in.
        least = (_SPREAD * along.std()).clamp_min(torch.finfo(clean.dtype).tiny)
        spread = clean.std().clamp_min(least)
        score[group.label], cuts[group.label] = apart, cut
        shares[group.label] = upper.double().mean()
        correlations[group.places] = along.to(features)
        example_score[group.places] = ((along - clean.mean()) / spread).to(features)
    found = score > threshold
    target = int(score.argmax())
    flagged = bool(found[target])
    suspects = found[labels] & (correlations > cuts[labels])
    return Detection(
        flagged=flagged,
        target=target if flagged else None,
        score=score,
        explanation=(
            f"Along its direction of most variance class {target} falls into two groups of "
            f"examples, {score[target]:.1f} standard deviations apart, the suspected one with "
            f"{shares[target]:.0%} of the class; flagged is what is more than {threshold:g} apart."
        ),
        example_score=example_score,
        suspects=suspects,
        evidence={"correlations": correlations, "cuts": cuts, "shares": shares},
    )


def separation(values: Tensor) -> tuple[float, float]:
    """Return how far apart two groups of the values (n,) lie, and the cut between them.

    The cut is Otsu's: halfway between two neighbours, where the variance between the groups is
    largest, each group having at least 1 % of the values and five. Ashman, Bird & Zepf 1994,
    Detecting bimodality in astronomical datasets, arXiv:astro-ph/9408030.
    """
    ordered = values.double().sort().values
    n = len(ordered)
    least = max(5, int(_LEAST * n))
    below = torch.arange(1, n, dtype=torch.float64, device=values.device)
    sums, squares = ordered.cumsum(0), ordered.square().cumsum(0)
    means = sums[:-1] / below, (sums[-1] - sums[:-1]) / (n - below)
    between = below * (n - below) * (means[1] - means[0]).square()
    place = int(between[least - 1 : n - least].argmax()) + least - 1
    size = below[place]
    variances = (
        squares[place] / size - means[0][place].square(),
        (squares[-1] - squares[place]) / (n - size) - means[1][place].square(),
    )
    # Values that agree up to rounding have no spread to divide by.
    rounding = 1e-12 * ordered.square().mean() + torch.finfo(torch.float64).tiny
    spread = ((variances[0] + variances[1]) / 2).clamp_min(rounding).sqrt()
    apart = (means[1][place] - means[0][place]) / spread
    return float(apart), float((ordered[place] + ordered[place + 1]) / 2)
