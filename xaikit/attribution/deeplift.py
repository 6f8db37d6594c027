"""DeepLIFT and DeepSHAP: contributions of differences from a reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from xaikit.attribution.functions import ACTIVATIONS, is_linear
from xaikit.attribution.registry import Attribution, method
from xaikit.attribution.watch import Args, Func, Kwargs, Replaced, Watch, Watched
from xaikit.core.passes import gradients_at, outputs, pairs
from xaikit.core.problem import Problem
from xaikit.core.references import Baseline, baselines, reference_inputs

_POOLING = {
    f"{kind}max_pool{dimensions}d": dimensions
    for kind in ("", "adaptive_")
    for dimensions in (1, 2, 3)
}
"""Max poolings by name, with their number of spatial dimensions."""


@method(
    "DeepLIFT",
    needs=("gradients", "layers"),
    based_on="relevance",
    complete=True,
    passes="2 forward, T backward",
    paper="Shrikumar et al. 2017, Learning important features through propagating activation "
    "differences, arXiv:1704.02685",
)
def deeplift(problem: Problem, *, baseline: Baseline = None) -> Attribution:
    """Return each feature's share of the output's difference from its value at a baseline.

    The rescale rule: an activation passes on Δoutput / Δinput instead of its slope; a maximum
    passes its difference to the places where either maximum was taken (as shap does). It holds
    wherever the activation stands: as a module, as a function, reused or in-place. A model with
    any other nonlinearity is refused, because its attributions would not add up.

    Parameters
    ----------
    problem
        What is explained.
    baseline
        The reference, see :data:`xaikit.core.references.Baseline`; default zeros. Of
        several, the mean of their attributions (DeepSHAP).
    """
    references = baselines(problem, baseline)
    if references.stride(0) == 0:  # all inputs have the same
        return _rescaled(problem, references[0])
    alone = [
        _rescaled(replace(problem, inputs=x[None], targets=wanted[None]), own)
        for x, wanted, own in zip(problem.inputs, problem.targets, references, strict=True)
    ]
    maps, deltas, _ = zip(*alone, strict=True)
    return Attribution(torch.cat(maps), torch.cat(deltas))


@method(
    "DeepSHAP",
    needs=("gradients", "layers", "training data"),
    based_on="relevance",
    complete=True,
    passes="B references: 2 B forward, B × T backward",
    paper="Lundberg & Lee 2017, A unified approach to interpreting model predictions, "
    "arXiv:1705.07874",
)
def deep_shap(problem: Problem, *, background: Tensor | None = None) -> Attribution:
    """Return the mean of DeepLIFT over references: approximate Shapley values.

    The convergence delta compares with the output minus its mean over the background.

    Parameters
    ----------
    problem
        What is explained, see :func:`deeplift` for the models it takes.
    background
        References (B, *shape); default: 50 training images, equally many a class, of the data
        set that the model's card names.
    """
    return _rescaled(problem, reference_inputs(problem, background))


def _rescaled(problem: Problem, references: Tensor) -> Attribution:
    """Return the mean over references of multipliers × differences from the reference."""
    inputs, targets = problem.inputs, problem.targets
    total = inputs.new_zeros((*targets.shape, *inputs.shape[1:]))
    change = inputs.new_zeros(targets.shape)
    for part in torch.split(references, problem.chunk):
        recorder = _Recorder()
        with torch.no_grad(), recorder:
            at_reference = outputs(problem.model, part)
        for images, copies in pairs(problem, len(inputs), len(part)):
            x, wanted = inputs[images].unsqueeze(1), targets[images]
            difference = x - part[copies]
            watch = _Rescale(problem.model, recorder.calls, len(x), copies, len(part))
            watched = replace(problem, model=Watched(problem.model, watch))
            scores, multipliers = gradients_at(watched, x.expand_as(difference), wanted)
            shares = multipliers * difference.unsqueeze(2)
            rise = scores - at_reference[copies].T[wanted].movedim(2, 1)
            _expect_complete(shares.flatten(3), rise, scores, watch.suspect)
            total[images] += shares.sum(dim=1)
            change[images] += rise.sum(dim=1)
    attributions = total / len(references)
    delta = attributions.flatten(2).sum(2) - change / len(references)
    return Attribution(attributions, delta)


def _expect_complete(shares: Tensor, rise: Tensor, scores: Tensor, suspect: str | None) -> None:
    """Fail if shares (n, B, T, features) do not sum to the output's rise (n, B, T).

    ``suspect`` names what is likely to blame.
    """
    gap = (shares.sum(3) - rise).abs()
    # Rounding only: relative to what is added, and to the outputs whose difference is taken, so
    # that a model of outputs in the millionths is judged as the same model in millions.
    scale = shares.abs().sum(3) + 0.1 * (2 * scores.abs() + rise.abs())
    if (gap > 1e-4 * scale + torch.finfo(gap.dtype).tiny).any():
        worst = int((gap - 1e-4 * scale).argmax())
        raise ValueError(
            f"the attributions would sum to {shares.sum(3).flatten()[worst]:.4g} where the output "
            f"changes by {rise.flatten()[worst]:.4g}: the model has "
            f"{suspect or 'a nonlinearity'}, which is no known activation or max pooling, and "
            f"which the rescale rule does not cover; use integrated_gradients for it."
        )


_Apply = Callable[[Tensor], Tensor]
_Pool = Callable[[Tensor], tuple[Tensor, Tensor]]
_Part = tuple[Tensor, Tensor]


class _Call(NamedTuple):
    """A nonlinear operation at the references: what came in and out, and a pooling's places."""

    before: Tensor
    after: Tensor
    places: Tensor | None


class _Nonlinear:
    """Finds the activations and max poolings among the functions that a model calls."""

    def nonlinear(self, func: Func, args: Args, kwargs: dict[str, Any]) -> Tensor | None:
        """Return what the call gives, or None if it is none of these."""
        kwargs = dict(kwargs)
        name = getattr(func, "__name__", "")
        plain = name.removesuffix("_")
        if plain in ("softmax", "log_softmax"):
            raise ValueError(
                "the rescale rule does not cover a softmax: leave it out of the model, and "
                "explain its logits."
            )
        if plain not in ACTIVATIONS and name not in _POOLING:
            return None
        x, *rest = args if args else (kwargs.pop("input"),)
        if name in _POOLING:
            pool = getattr(functional, f"{name}_with_indices")
            kwargs.pop("return_indices", None)
            return self.pooling(lambda value: pool(value, *rest, **kwargs), x, _POOLING[name])
        inplace = kwargs.pop("inplace", False) or name != plain
        apply = (
            func
            if name == plain
            else getattr(torch.Tensor, plain, None) or getattr(functional, plain)
        )
        after = self.activation(lambda value: apply(value, *rest, **kwargs), x)
        return x.copy_(after) if inplace else after

    def activation(self, apply: _Apply, x: Tensor) -> Tensor:
        raise NotImplementedError

    def pooling(self, pool: _Pool, x: Tensor, dimensions: int) -> Tensor:
        raise NotImplementedError


class _Recorder(_Nonlinear, TorchFunctionMode):
    """Records the nonlinear calls, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[_Call] = []

    def __torch_function__(
        self, func: Func, types: Any, args: Args = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = self.nonlinear(func, args, kwargs or {})
        return func(*args, **(kwargs or {})) if found is None else found

    def activation(self, apply: _Apply, x: Tensor) -> Tensor:
        after = apply(x)
        # Copies: what follows may work in-place on either.
        self.calls.append(_Call(x.clone(), after.clone(), None))
        return after

    def pooling(self, pool: _Pool, x: Tensor, dimensions: int) -> Tensor:
        after, places = pool(x)
        self.calls.append(_Call(x.clone(), after.clone(), places))
        return after


class _Rescale(_Nonlinear, Watch):
    """Leaves every output as it is, and gives nonlinear calls their multipliers as slopes.

    The rows are images × references, image by image; the k-th nonlinear call meets the k-th
    recorded one. An image's rows are equal before they meet the references, so that what depends
    on the image alone is computed once, on its first row.

    What is not understood is no error by itself: the sum of the attributions decides.

    Attributes
    ----------
    suspect
        What on the way to the outputs is not understood, or None.
    """

    suspect: str | None = None

    def __init__(
        self, model: nn.Module, calls: list[_Call], images: int, copies: slice, references: int
    ) -> None:
        super().__init__(model)
        self.calls = iter(calls)
        self.images, self.copies, self.references = images, copies, references

    def replaced(self, func: Func, args: Args, kwargs: dict[str, Any]) -> Replaced | None:
        """Return a nonlinear call's values, with multipliers as slopes."""
        found = self.nonlinear(func, args, kwargs)
        return None if found is None else Replaced(found)

    def apart(self, func: Func, args: Args, kwargs: dict[str, Any]) -> Any:
        """Return what a call gives whose slopes stay; if nonlinear, it was recorded as well."""
        found = self.nonlinear(func, args, kwargs)
        return func(*args, **kwargs) if found is None else found

    def passes(self, func: Func, args: Args, kwargs: Kwargs) -> bool:
        """Return whether the multiplier of a call is its slope."""
        return is_linear(func, args, kwargs)

    def refusal(self, func: Func) -> str:
        """Return which function is not understood."""
        return self.where(func)

    def unseen(self, what: str) -> str:
        """Return which code is not seen."""
        return what

    def ended(self, scores: Tensor) -> None:
        """Note what is not understood on the way to the outputs."""
        self.suspect = self.origin(scores).refusal

    def split(self, rows: Tensor) -> Tensor:
        """Return rows (images · copies · f, …) as a view (images, copies, f, …).

        A model may fold other dimensions into the first, behind the examples: f.
        """
        copies = len(range(*self.copies.indices(self.references)))
        return rows.view(self.images, copies, -1, *rows.shape[1:])

    def met(self, recorded: Tensor) -> Tensor:
        """Return what was recorded at these rows' references, (copies, f, …)."""
        return recorded.view(self.references, -1, *recorded.shape[1:])[self.copies]

    def next(self, x: Tensor) -> _Call | None:
        """Return the matching recorded call, or None for one apart from the inputs."""
        call = next(self.calls, None)
        if not x.requires_grad:
            return None
        rows = self.images * len(range(*self.copies.indices(self.references)))
        if (
            call is None
            or call.before.shape[1:] != x.shape[1:]
            or call.before.shape[0] % self.references
            or call.before.shape[0] * rows != x.shape[0] * self.references
        ):
            raise ValueError(
                "the model runs other operations for the inputs than for the reference, so their "
                "activations cannot be compared; use integrated_gradients for it."
            )
        return call

    def activation(self, apply: _Apply, x: Tensor) -> Tensor:
        if (call := self.next(x)) is None:
            return apply(x)
        first = self.split(x.detach())[:, :1]
        with torch.enable_grad():
            # As the model's rows, whose second dimension are the channels that PReLU tells apart.
            probe = first.flatten(0, 2).requires_grad_()
            after = apply(probe)
            (slope,) = torch.autograd.grad(after.sum(), probe)
        slope, after = slope.view_as(first), after.detach().view_as(first)
        before = self.met(call.after)
        run = first - self.met(call.before)
        rounding = 16 * torch.finfo(run.dtype).eps * (after.abs() + before.abs())
        multipliers = _ratio(after - before, run, slope, rounding).flatten(0, 2)
        result: Tensor = _Multiplied.apply(x, apply, multipliers)
        return result

    def pooling(self, pool: _Pool, x: Tensor, dimensions: int) -> Tensor:
        if (call := self.next(x)) is None:
            return pool(x)[0]
        assert call.places is not None  # the same operation was recorded as a pooling
        value = x.detach()
        after, places = pool(value)
        run = (self.split(value) - self.met(call.before)).flatten(0, 2)
        before = self.met(call.after).expand_as(self.split(after)).flatten(0, 2)
        there = self.met(call.places).expand_as(self.split(places)).flatten(0, 2)
        # The difference of maxima, cut at the higher one: the first part happened where the
        # input has its maximum, the second where the reference has.
        highest = torch.maximum(after, before)
        one, none = torch.ones_like(after), torch.zeros_like(after)
        # Neither ratio leaves [0, 1], so rounding does no harm.
        here = _ratio(highest - before, _picked(run, places, dimensions), one, none)
        other = _ratio(after - highest, _picked(run, there, dimensions), none, none)
        result: Tensor = _Placed.apply(x, after, dimensions, (here, places), (other, there))
        return result


class _Multiplied(torch.autograd.Function):
    """An activation whose slopes are multipliers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, apply: _Apply, multipliers: Tensor) -> Tensor:
        """Return the activation's value."""
        ctx.multipliers = multipliers
        return apply(x)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        """Return the slopes times the multipliers."""
        return slopes[0] * ctx.multipliers, None, None


class _Placed(torch.autograd.Function):
    """A pooled value whose slopes go to two sets of places, by their multipliers."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, dimensions: int, *parts: _Part) -> Tensor:
        """Return the value; parts are multipliers and their places."""
        ctx.like, ctx.dimensions, ctx.parts = x, dimensions, parts
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        """Return the slopes, spread to the places."""
        total = torch.zeros_like(ctx.like)
        space = total.shape[-ctx.dimensions :].numel()
        flat = total.view(*total.shape[: -ctx.dimensions], space)
        for multipliers, places in ctx.parts:
            share = (slopes[0] * multipliers).flatten(-ctx.dimensions)
            flat.scatter_add_(-1, places.flatten(-ctx.dimensions), share)
        return total, *[None] * (2 + len(ctx.parts))


def _picked(tensor: Tensor, places: Tensor, dimensions: int) -> Tensor:
    """Return a tensor's values at the places that a pooling of it chose."""
    found = tensor.flatten(-dimensions).gather(-1, places.flatten(-dimensions))
    return found.view(places.shape)


def _ratio(rise: Tensor, run: Tensor, slope: Tensor, rounding: Tensor) -> Tensor:
    """Return rise / run, and the slope where the run is within what rounding does to the rise."""
    still = run.abs() <= rounding
    return torch.where(still, slope, rise / torch.where(still, 1.0, run))
