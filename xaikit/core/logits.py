"""Does a network return logits? Where it squashes them at its end, they are found before that."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from xaikit.core.passes import outputs

Squashing = Literal["softmax", "sigmoid", "log_softmax"]

_NAMES: dict[str, Squashing] = {
    "softmax": "softmax",
    "log_softmax": "log_softmax",
    "sigmoid": "sigmoid",
    "expit": "sigmoid",
    "special_expit": "sigmoid",
}
_MOVES = {"view", "reshape", "flatten", "squeeze", "contiguous", "clone", "float", "double", "to"}
"""What a model may do to its probabilities before it returns them."""


class End(NamedTuple):
    """How a model squashes its logits, and whether what it squashes can be read."""

    kind: Squashing
    seen: bool


def end_of(model: nn.Module, inputs: Tensor, scores: Tensor) -> End | None:
    """Return how the model squashes its logits, or None if it returns logits.

    The outputs' values alone do not tell: logits may happen to lie in [0, 1]. A pass over at most
    two inputs tells, and takes place only where the values allow probabilities.

    Parameters
    ----------
    model, inputs
        See :class:`xaikit.core.problem.Question`.
    scores
        (n, classes), the model's outputs for some of the inputs.
    """
    tolerance = max(1e-5, 2 * torch.finfo(scores.dtype).eps)
    found = scores.detach().float()
    inside = bool(((found >= -tolerance) & (found <= 1 + tolerance)).all())
    sums = inside and scores.shape[1] > 1 and _ones(found.sum(1), tolerance)
    logs = scores.shape[1] > 1 and _ones(found.exp().sum(1), tolerance)
    if not inside and not logs:
        return None
    with torch.no_grad(), _Ends() as ends:
        last = ends.before(outputs(model, inputs[:2]))
    kind = last[0] if last else _by_graph(model, inputs)
    if kind == "sigmoid" and inside:
        return End(kind, last is not None)
    if sums:
        return End("softmax", last is not None and kind == "softmax")
    if logs and not inside:
        return End("log_softmax", last is not None and kind == "log_softmax")
    return None


def logits_of(model: nn.Module, inputs: Tensor, scores: Tensor, what: str) -> nn.Module:
    """Return the model, or, if it returns probabilities, one that returns their logits.

    A search by slopes needs them: those of probabilities vanish where the network is sure.

    Parameters
    ----------
    model, inputs, scores
        See :func:`end_of`.
    what
        The search, for the warning where the logits can only be computed back.
    """
    end = end_of(model, inputs, scores)
    if end is None:
        return model
    if not end.seen and end.kind == "log_softmax":
        return model  # logarithms of probabilities are logits like others
    if not end.seen:
        warnings.warn(
            f"the model returns probabilities, and what they are made of cannot be read, so "
            f"{what} computes the logits back and loses them where the network is very sure: give "
            f"a model that returns logits.",
            stacklevel=3,
        )
    return Logits(model, end)


def probabilities_of(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the probabilities (n, classes) that the model returns or its logits mean."""
    scores = outputs(model, inputs)
    end = end_of(model, inputs, scores)
    return scores if end is not None and end.kind != "log_softmax" else scores.softmax(1)


class Logits(nn.Module):
    """A model that returns probabilities, as one that returns logits."""

    def __init__(self, model: nn.Module, end: End) -> None:
        super().__init__()
        self.model, self.end = model, end
        self.train(model.training)

    @property
    def card(self) -> Any:
        """The model's card."""
        return self.model.card

    def forward(self, x: Tensor) -> Any:
        """Return the logits."""
        with _Ends() as ends:
            found = self.model(x)
        last = ends.before(found)
        if last is not None:
            return last[1]
        if self.end.kind == "log_softmax":
            return found
        if self.end.kind == "sigmoid":
            return torch.logit(found, torch.finfo(found.dtype).eps)
        return found.clamp_min(torch.finfo(found.dtype).tiny).log()


class TwoClasses(nn.Module):
    """A classifier of one logit as one of two classes: class 1 where the logit is positive.

    Each class gets half of the evidence, so that their softmax is the logit's sigmoid.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, 1), a logit.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.train(model.training)

    @property
    def card(self) -> Any:
        """The model's card."""
        return self.model.card

    def forward(self, x: Tensor) -> Any:
        """Return the evidence (N, 2) for the classes 0 and 1."""
        logit = self.model(x)
        return torch.cat([logit * -0.5, logit * 0.5], 1)


def of_two_classes(model: nn.Module, inputs: Tensor, scores: Tensor) -> tuple[nn.Module, Tensor]:
    """Return a model of one logit, or of one probability, as one of two classes, and its scores.

    Any other model and its scores are returned as they are; parameters are as in :func:`end_of`.
    """
    if scores.shape[1] != 1:
        return model, scores
    two = TwoClasses(logits_of(model, inputs, scores, "the search"))
    with torch.no_grad():
        return two, outputs(two, inputs[:2])


class _Ends(TorchFunctionMode):
    """Remembers what each squashing function was given."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[int, tuple[Tensor, Squashing, Tensor]] = {}

    def before(self, scores: Any) -> tuple[Squashing, Tensor] | None:
        """Return which function made the outputs, and of what, if one did."""
        found = self._seen.get(id(scores))
        return None if found is None else (found[1], found[2])

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        given: Any = args[0] if args else kwargs.get("input")
        name: str = getattr(func, "__name__", "")
        kind = _NAMES.get(name.removesuffix("_"))
        if kind is not None and name.endswith("_"):
            given = given.clone()  # it is about to be overwritten
        result = func(*args, **kwargs)
        if kind is not None:
            self._seen[id(result)] = result, kind, given
        elif name in _MOVES and (known := self._seen.get(id(given))) is not None:
            moved = func(known[2], *args[1:], **kwargs)
            self._seen[id(result)] = result, known[1], moved
        return result


def _ones(values: Tensor, tolerance: float) -> bool:
    return bool(torch.allclose(values, torch.ones_like(values), atol=tolerance))


def _by_graph(model: nn.Module, inputs: Tensor) -> Squashing | None:
    """Return what autograd says of the model's last operation, where no function was seen."""
    with torch.enable_grad():
        node = outputs(model, inputs[:2].detach().requires_grad_()).grad_fn
    while node is not None and node.name().startswith(("Clone", "View", "Reshape", "Squeeze")):
        node = node.next_functions[0][0] if node.next_functions else None
    return "sigmoid" if node is not None and node.name().startswith("Sigmoid") else None
