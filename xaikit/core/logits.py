"""Does a network return logits? Where it squashes them at its end, they are found before that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from xaikit.core.passes import outputs
from xaikit.core.said import warn

Squashing = Literal["softmax", "sigmoid", "log_softmax", "other"]

_NAMES: dict[str, Squashing] = {
    "softmax": "softmax",
    "log_softmax": "log_softmax",
    "sigmoid": "sigmoid",
    "expit": "sigmoid",
    "special_expit": "sigmoid",
}
_MOVES = {"view", "reshape", "flatten", "squeeze", "contiguous", "clone", "float", "double", "to"}
"""What a model may do to its probabilities before it returns them."""
_NODES = ("Softmax", "LogSoftmax", "Sigmoid", "LogSigmoid", "Hardsigmoid", "Exp")
_LAYERS = ("Addmm", "Mm", "Bmm", "Baddbmm", "Convolution", "ConvolutionBackward", "Linear")
"""How autograd names what squashes values, and what makes new ones of them all."""


class End(NamedTuple):
    """How a model squashes its logits, and whether what it squashes can be read.

    A softmax says which of the classes it is, a sigmoid of each class whether it is that one, too.
    """

    kind: Squashing
    seen: bool


def end_of(model: nn.Module, inputs: Tensor, scores: Tensor) -> End | None:
    """Return how the model squashes its logits, or None if it returns logits.

    The outputs' values alone do not tell: logits may happen to lie in [0, 1]. A pass over at most
    two inputs tells, and takes place only where the values allow probabilities, or what is made of
    them: some of them, their complements, percentages. An end of the kind "other" is of values
    that cannot be read as probabilities; one that cannot be read, and lies in [0, 1], as a sigmoid.

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
    total, several = found.sum(1), scores.shape[1] > 1
    sums = inside and several and _ones(total, tolerance)
    logs = several and _ones(found.exp().sum(1), tolerance)
    percent = several and len(found) > 1 and _ones(total / total[0], 1e-3)
    if not inside and not logs and not percent:
        return None
    with torch.no_grad(), _Ends() as ends:
        last = ends.before(outputs(model, inputs[:2]))
    kind = last[0] if last else None
    if inside and (kind == "sigmoid" or (kind == "softmax" and several and _ones(total, 0.01))):
        return End(kind, True)
    if kind == "log_softmax" and logs and not inside:
        return End(kind, True)
    # A traced sigmoid is none that was seen, and its sum may be one.
    squashed = _squashed(model, inputs)
    if sums and squashed != "Sigmoid":
        return End("softmax", False)
    if logs and not inside:
        return End("log_softmax", False)
    if squashed is not None:
        return End("sigmoid" if inside else "other", False)
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
    if isinstance(model, Logits | TwoClasses):
        return model
    end = end_of(model, inputs, scores)
    if end is None:
        return model
    if not end.seen and end.kind == "log_softmax":
        return model  # logarithms of probabilities are logits like others
    if end.kind == "other":
        warn(
            f"the model squashes its outputs, and what they are made of cannot be read, so {what} "
            f"loses its way where the network is very sure: give a model that returns logits."
        )
        return model
    if not end.seen:
        warn(
            f"the model returns probabilities, and what they are made of cannot be read, so "
            f"{what} computes the logits back and loses them where the network is very sure: give "
            f"a model that returns logits."
        )
    return Logits(model, end)


def probabilities_of(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the probabilities (n, classes) that the model returns or its logits mean."""
    scores = outputs(model, inputs)
    end = end_of(model, inputs, scores)
    if end is not None and end.kind in ("softmax", "sigmoid"):
        return scores
    return scores.softmax(1)


def exclusive(model: nn.Module) -> bool:
    """Return whether the classes of what :func:`logits_of` returned exclude one another.

    They do not where the model ends in a sigmoid: an input may have several labels, or none.
    """
    return not isinstance(model, Logits) or model.end.kind != "sigmoid"


def meant(model: nn.Module, logits: Tensor) -> Tensor:
    """Return the probabilities that the logits of what :func:`logits_of` returned mean."""
    return logits.softmax(1) if exclusive(model) else logits.sigmoid()


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


def _squashed(model: nn.Module, inputs: Tensor) -> str | None:
    """Return what squashes all that the outputs are made of since the last layer, if it does.

    Autograd's graph says so, also of what no function was seen to do.
    """
    with torch.enable_grad():
        left = [outputs(model, inputs[:2].detach().requires_grad_()).grad_fn]
    seen: set[Any] = set()
    found = None
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        name = node.name().rsplit("::", 1)[-1].rstrip("0123456789").removesuffix("Backward")
        parents = [each for each, _ in node.next_functions if each is not None]
        if name in _NODES:
            found = name
        elif name in _LAYERS or not parents:
            return None
        else:
            left += parents
    return found
