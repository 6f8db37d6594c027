"""How good are counterfactuals? Validity, distance, sparsity, and likeness to the class wanted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xaikit.core.autograd import passed
from xaikit.core.passes import frozen
from xaikit.core.precision import widened
from xaikit.counterfactuals.result import Counterfactuals

_EPSILON = 1e-8


@dataclass(frozen=True)
class Qualities:
    """Of each of N inputs and T targets; every field is (N, T).

    Attributes
    ----------
    valid
        The prediction is the target and as sure as the method asks.
    l1, l2
        Sum of the absolute changes, and Euclidean length of the change.
    sparsity
        Share of the features that are left exactly as they were, in [0, 1].
    im1
        ‖x' − AE_t(x')‖² / (‖x' − AE_o(x')‖² + ε): below 1, x' looks more like the target class t
        than like the class o that the model saw in the input.
    im2
        ‖AE_t(x') − AE(x')‖² / (‖x'‖₁ + ε): the smaller, the better x' fits among the target's
        images. It tells less than it promises: the denominator favours bright images, and two
        autoencoders can agree on an image that neither knows.
    """

    valid: Tensor
    l1: Tensor
    l2: Tensor
    sparsity: Tensor
    im1: Tensor
    im2: Tensor


def qualities(result: Counterfactuals, origins: Tensor, judges: nn.ModuleDict) -> Qualities:
    """Measure counterfactuals, found or not.

    IM1 and IM2 are those of Van Looveren & Klaise 2019, Interpretable counterfactual explanations
    guided by prototypes, arXiv:1907.02584.

    Parameters
    ----------
    result
        What :func:`xaikit.counterfactual` returned.
    origins
        (N,) the classes o that the model predicts for the inputs.
    judges
        Autoencoders ``"all"`` and, by its number, of each class; ones that the search did not use,
        such as :func:`xaikit.autoencoders.load_judges` returns. On the result's device; they
        compute in their own precision.

    Returns
    -------
    Qualities
        Each field (N, T), on the result's device.

    Raises
    ------
    ValueError, TypeError
        If origins are not one class an input, or a class has no judge.

    Examples
    --------
    >>> import torch
    >>> from xaikit import counterfactual, load, load_pretrained
    >>> from xaikit.autoencoders import load_judges
    >>> from xaikit.counterfactuals.qualities import qualities
    >>> image = load("fashion_mnist").images[:1]
    >>> found = counterfactual(load_pretrained("lecture"), image, 7, "wachter", steps=5)
    >>> qualities(found, torch.tensor([9]), load_judges("fashion_mnist")).im1.shape
    torch.Size([1, 1])
    """
    changed = result.counterfactuals
    n, t = result.targets.shape
    if not isinstance(origins, Tensor) or origins.is_floating_point() or origins.shape != (n,):
        raise ValueError(
            f"origins have to be the classes that the model predicts for the inputs: an integer "
            f"tensor of shape ({n},)."
        )
    if not isinstance(judges, nn.ModuleDict):
        raise TypeError(f"judges have to be a torch.nn.ModuleDict, not {type(judges).__name__}.")
    targets, own = result.targets.flatten(), origins.to(result.targets).repeat_interleave(t)
    labels = torch.unique(torch.cat([targets, own])).tolist()
    if lacking := [name for name in ("all", *map(str, labels)) if name not in judges]:
        raise ValueError(
            f'judges lack {lacking[0]!r}: they have to be autoencoders "all" and, by its number, '
            f"of each class wanted or predicted."
        )
    rows = changed.flatten(0, 1)
    with frozen(judges), torch.no_grad():
        weight = next((p for p in judges.parameters() if p.is_floating_point()), rows)
        rows = widened(rows.to(weight.dtype))
        drawn = _by_class(judges, rows, targets)
        before = _by_class(judges, rows, own)
        anyone = torch.cat([passed(judges["all"], part) for part in torch.split(rows, 500)])
    im1 = _square(rows - drawn) / (_square(rows - before) + _EPSILON)
    im2 = _square(drawn - anyone) / (rows.abs().flatten(1).sum(1) + _EPSILON)
    untouched = changed == result.inputs.unsqueeze(1)
    return Qualities(
        valid=result.found,
        l1=result.distance_l1,
        l2=result.distance_l2,
        sparsity=untouched.flatten(2).to(changed).mean(2),
        im1=im1.view(n, t).to(changed),
        im2=im2.view(n, t).to(changed),
    )


def _by_class(judges: nn.ModuleDict, x: Tensor, labels: Tensor) -> Tensor:
    """Return the inputs (n, *shape) as the autoencoder of each one's label reconstructs them."""
    drawn = torch.empty_like(x)
    for label in torch.unique(labels).tolist():
        mine = labels == label
        parts = torch.split(x[mine], 500)
        drawn[mine] = torch.cat([passed(judges[str(label)], part) for part in parts])
    return drawn


def _square(values: Tensor) -> Tensor:
    return values.square().flatten(1).sum(1)
