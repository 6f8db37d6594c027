"""Sensitivity: how far the map moves when the input hardly does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from xaikit.attribution import Explanation, explain
from xaikit.core.arguments import checked_inputs, finite
from xaikit.core.autograd import passed
from xaikit.core.options import Seed
from xaikit.core.precision import widened
from xaikit.metrics.maps import expect_matching
from xaikit.metrics.registry import metric
from xaikit.progress import Bar

Explainer = Callable[[nn.Module, Tensor], Tensor]


@metric(
    "Sensitivity",
    needs=("method",),
    direction="lower is better",
    flaw="a map that never changes is perfectly insensitive: read it "
    "beside infidelity. The maximum over samples is a lower bound that grows with their number",
    paper="Yeh et al. 2019, On the (in)fidelity and sensitivity of explanations, arXiv:1901.09392",
)
def sensitivity(
    model: nn.Module,
    inputs: Tensor,
    explanation: Explanation | Explainer,
    *,
    radius: float = 0.02,
    samples: int = 10,
    normalised: bool = True,
    seed: Seed = 0,
) -> Tensor:
    """Return the largest change of the map over small changes of the input, (N, T).

    The maximum of ‖φ(x + δ) − φ(x)‖ / ‖φ(x)‖ over random δ with each feature within the radius:
    the paper's max-sensitivity by sampling, in Euclidean norms.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes).
    inputs
        (N, *shape), those explained.
    explanation
        Made by :func:`xaikit.explain`: its method explains the changed inputs with the same
        targets, options, seed and chunk, so that only the input differs, not a sampling method's
        draws. Or a function of model and inputs (n, *shape) that returns attributions
        (n, T, *shape).
    radius
        Bound of δ, uniform in [−radius, radius], in the inputs' units; x + δ is not clipped. The
        authors' code takes 0.2 for images in [0, 1], captum 0.02.
    samples
        How many δ, each at the cost of an explanation; all inputs share them: radius ·
        (2u − 1), where ``u = torch.rand(shape)`` comes from ``torch.Generator().manual_seed(seed)``
        one after the other, in the inputs' dtype.
    normalised
        Whether the change is divided by the norm of the original map, as in the authors' code; a
        map of zeros is divided by 1. Without, maps of large values look sensitive.
    seed
        Of the δ.

    Examples
    --------
    >>> import torch
    >>> from xaikit import explain
    >>> from xaikit.metrics import sensitivity
    >>> model, inputs = torch.nn.Linear(4, 2), torch.rand(1, 4)
    >>> sensitivity(model, inputs, explain(model, inputs, 0, "gradient"))  # a constant map
    tensor([[0.]])
    """
    if radius <= 0:
        raise ValueError(f"radius has to be above 0, in the inputs' units; not {radius!r}.")
    given, inputs = inputs, checked_inputs(model, inputs)
    if isinstance(explanation, Explanation):
        expect_matching(inputs, explanation)
        before = widened(explanation.attributions)
        again = _explainer(explanation)
    else:

        def again(model: nn.Module, inputs: Tensor) -> Tensor:
            return explanation(model, inputs.to(given.dtype))

        before = _answer(again, model, inputs)
    generator = torch.Generator().manual_seed(seed)
    worst = before.new_zeros(before.shape[:2])
    for _ in Bar(range(samples), "sensitivity", unit="samples"):
        draw = torch.rand(inputs.shape[1:], generator=generator, dtype=inputs.dtype)
        change = radius * (2 * draw - 1).to(inputs.device)
        after = _answer(again, model, inputs + change)
        worst = torch.maximum(worst, (after - before).flatten(2).norm(dim=2))
    if not normalised:
        return worst
    norm = before.flatten(2).norm(dim=2)
    return worst / torch.where(norm == 0, 1.0, norm)


def _explainer(explanation: Explanation) -> Explainer:
    options = explanation.options
    if options is None:
        raise ValueError(
            f"sensitivity explains changed inputs, but the map of {explanation.method!r} was not "
            f"made by xaikit.explain: give a function of model and inputs that makes such maps."
        )

    def again(model: nn.Module, inputs: Tensor) -> Tensor:
        targets, method = explanation.targets, explanation.method
        return explain(model, inputs, targets, method, **options).attributions

    return again


def _answer(explainer: Explainer, model: nn.Module, inputs: Tensor) -> Tensor:
    maps: Tensor = passed(partial(explainer, model), inputs)
    if len(maps) != len(inputs) or maps.shape[2:] != inputs.shape[1:]:
        raise ValueError(
            f"the function has to return attributions (n, T, …) of inputs of shape "
            f"{tuple(inputs.shape)}; it returned {tuple(maps.shape)}."
        )
    # A copy: the function may answer in the same tensor next time.
    return widened(finite(maps.detach(), "the function's attributions").clone())
