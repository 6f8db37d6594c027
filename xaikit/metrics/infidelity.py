"""Infidelity: how well the map predicts the change of the output with the input."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xaikit.attribution import Explanation
from xaikit.attribution.registry import METHODS
from xaikit.core.arguments import checked_inputs, checked_targets, probed
from xaikit.core.options import Seed
from xaikit.core.passes import frozen, outputs_at, pairs, target_outputs, trial
from xaikit.core.problem import Problem
from xaikit.core.references import Reference, reference
from xaikit.core.steadiness import expect_steady
from xaikit.metrics.maps import expect_matching, map_shape
from xaikit.metrics.registry import metric

SLOPES = ("gradient", "guided_backprop", "smoothgrad")
"""Methods whose maps say how fast the output changes; those of all others say by how much."""

SCALES = {"square": 0.35, "gaussian": 0.2}


@metric(
    "Infidelity",
    needs=("outputs",),
    direction="lower is better",
    flaw="the number depends on the perturbation, and a perturbed image may be unlike any the "
    "network was trained on; a map turned in sign everywhere scores as the right one if rescaled; "
    "large windows change more than small ones, so that even a flat or random map of one sign "
    "predicts a good part: compare with random_ranking",
    paper="Yeh et al. 2019, On the (in)fidelity and sensitivity of explanations, arXiv:1901.09392",
)
def infidelity(
    model: nn.Module,
    inputs: Tensor,
    explanation: Explanation,
    *,
    perturbation: str = "square",
    scale: float | None = None,
    samples: int = 256,
    baseline: Reference = None,
    times_input: bool | None = None,
    rescale: bool = True,
    seed: Seed = 0,
    chunk: int = 128,
) -> Tensor:
    """Return the mean squared error of the output changes that the map predicts, (N, T).

    For random perturbations I of the input x, E[(β Iᵀφ − (f(x) − f(x − I)))²], in squared units of
    the output. All targets share the perturbed inputs' forward passes.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes).
    inputs
        (N, *shape), those explained.
    explanation
        Of these inputs; attributions φ (N, T, *shape).
    perturbation
        ``"square"``: the baseline shows through a square window of random side and place, in all
        channels (the paper's square removal); in inputs that are not images windows run along the
        last dimension. ``"gaussian"``: I is normal noise, independent in every feature; x − I is
        not clipped.
    scale
        How perturbations are normalised. Square: the largest side as a share of the input's
        shorter side, sides uniform from 1 to that; default 0.35, the paper's 10 pixels of 28.
        Gaussian: the standard deviation as a share of the input's own range, max − min; default
        0.2. All inputs share the windows and the standard normal draws, which are taken one by one
        from ``torch.Generator().manual_seed(seed)``: ``torch.randn(shape)`` in the inputs' dtype;
        or a window's side, then its corner along each dimension, by ``torch.randint``.
    samples
        Perturbations an input: the forward passes.
    baseline
        The reference x₀ that removed features show, and that a map multiplied by the input is
        relative to: a number, a name or a tensor of one input's shape; default zeros. Give the one
        that explained.
    times_input
        Whether the map is multiplied by the input: its values are contributions, in units of the
        output, so that the perturbation has to be relative too, I / (x − x₀). For removed windows
        that is 1 inside and 0 outside, also where x = x₀ (as the authors' code counts them); for
        gaussian noise features with x = x₀ are left out, and near ones weigh heavily: prefer
        windows. Otherwise the map's values are slopes and I is taken as it is. Default: slopes for
        gradient, guided_backprop and smoothgrad, contributions for every other method of
        :func:`xaikit.explain` and for the rankings; must be given for maps made by hand.
    rescale
        Whether each map is first multiplied by its best factor, the paper's
        β = E[Iᵀφ (f(x) − f(x − I))] / E[(Iᵀφ)²], so that methods of different scale compare; a map
        of zeros keeps β = 0. Otherwise β = 1.
    seed
        Of the perturbations.
    chunk
        How many inputs pass the model at once.

    Examples
    --------
    >>> import torch
    >>> from xaikit import explain
    >>> from xaikit.metrics import infidelity
    >>> model = torch.nn.Linear(4, 2)  # of a linear model, the gradient says everything
    >>> inputs = torch.rand(1, 4)
    >>> bool(infidelity(model, inputs, explain(model, inputs, 0, "gradient")) < 1e-6)
    True
    """
    inputs = checked_inputs(model, inputs)
    expect_matching(inputs, explanation)
    if perturbation not in SCALES:
        raise ValueError(
            f"unknown perturbation {perturbation!r}: choose one of {', '.join(SCALES)}."
        )
    scale = SCALES[perturbation] if scale is None else scale
    if not 0 < scale <= (1 if perturbation == "square" else float("inf")):
        raise ValueError(
            f"scale has to be above 0, a share of the input's side (at most 1) or range; not "
            f"{scale!r}."
        )
    relative = is_times_input(explanation) if times_input is None else times_input
    away = inputs - reference(baseline, inputs)
    draw = _window if perturbation == "square" else _noise
    spread = _range(inputs) * scale
    attributions = explanation.attributions.to(inputs).flatten(2).transpose(1, 2)
    with frozen(model):
        asked = probed(model, inputs)
        expect_steady(model, inputs, asked, trial(model, inputs), "the infidelity")
        classes = asked.shape[1]
        targets = checked_targets(explanation.targets, inputs, classes)
        problem = Problem(model, inputs, targets, seed=seed, chunk=chunk)
        full = target_outputs(problem)
        generator = problem.generator()
        moments = torch.zeros((3, *targets.shape), dtype=torch.float64, device=inputs.device)
        # Samples outside, images inside: a draw serves all images and is then forgotten.
        for copies, images in pairs(problem, samples, len(inputs)):
            if images.start == 0:
                draws = [draw(inputs, scale, generator) for _ in range(copies.start, copies.stop)]
                drawn = torch.stack(draws).to(inputs)
            if perturbation == "square":
                change = drawn * away[images].unsqueeze(1)
                weight = drawn.expand(change.shape) if relative else change
            else:
                change = drawn * spread[images].unsqueeze(1)
                weight = _ratio(change, away[images].unsqueeze(1)) if relative else change
            perturbed = inputs[images].unsqueeze(1) - change
            lost = full[images].unsqueeze(1) - outputs_at(problem, perturbed, targets[images])
            predicted = weight.flatten(2) @ attributions[images]
            predicted, lost = predicted.double(), lost.double()
            products = (predicted * predicted, predicted * lost, lost * lost)
            moments[:, images] += torch.stack(products).sum(dim=2)
    squares, mixed, changes = moments / samples
    beta = _ratio(mixed, squares) if rescale else 1.0
    error: Tensor = beta * beta * squares - 2 * beta * mixed + changes
    return error.clamp(min=0).to(inputs.dtype)


def is_times_input(explanation: Explanation) -> bool:
    """Whether a map's values are contributions, by its method; fail if that says nothing."""
    if explanation.method not in (*METHODS, "random", "intensity"):
        raise ValueError(
            f"infidelity has to know what the map of {explanation.method!r} is multiplied by: give "
            f"times_input=True for contributions to the output, times_input=False for slopes."
        )
    return explanation.method not in SLOPES


def _range(inputs: Tensor) -> Tensor:
    flat = inputs.flatten(1)
    shape = (-1, *[1] * (inputs.ndim - 1))
    return (flat.amax(1) - flat.amin(1)).view(shape)


def _ratio(top: Tensor, bottom: Tensor) -> Tensor:
    """Return top / bottom, zero where the bottom is."""
    return torch.where(bottom == 0, 0.0, top / torch.where(bottom == 0, 1.0, bottom))


def _noise(inputs: Tensor, scale: float, generator: torch.Generator) -> Tensor:
    return torch.randn(inputs.shape[1:], generator=generator, dtype=inputs.dtype)


def _window(inputs: Tensor, scale: float, generator: torch.Generator) -> Tensor:
    """Return a random window, one inside and zero outside, that broadcasts over one input."""
    shape = map_shape(inputs)
    space = shape[1:] if inputs.ndim == 4 else shape[-1:]
    largest = max(1, round(scale * min(space)))
    side = _integer(largest, generator) + 1
    corner = [_integer(length - side + 1, generator) for length in space]
    mask = torch.zeros(space)
    mask[tuple(slice(start, start + side) for start in corner)] = 1
    return mask.view(*[1] * (inputs.ndim - 1 - len(space)), *space)


def _integer(below: int, generator: torch.Generator) -> int:
    return int(torch.randint(below, (), generator=generator))
