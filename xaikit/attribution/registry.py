"""The methods by name, with what the course teaches about each.

A method is a function of a :class:`Problem` and of its own keyword-only options that returns an
:class:`Attribution`. To add one: write it in a file of this folder under :func:`method`, and
import that file in ``__init__``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from torch import Tensor

from xaikit.core.registry import options_of

Basis = Literal["gradient", "perturbation", "relevance", "example"]


class Attribution(NamedTuple):
    """What a method returns: see :class:`~xaikit.attribution.explanation.Explanation`."""

    attributions: Tensor
    convergence_delta: Tensor | None = None
    details: Mapping[str, Tensor] = {}


@dataclass(frozen=True)
class Method:
    """What the course teaches about a method.

    Attributes
    ----------
    name
        As :func:`xaikit.explain` takes it.
    title
        As the papers write it.
    scope
        ``"local"``: it explains a prediction; ``"global"``: it explains a model.
    model_agnostic
        Whether outputs suffice; otherwise it reads gradients or layers.
    based_on
        ``"gradient"``, ``"perturbation"``, ``"relevance"`` or ``"example"``.
    complete
        Whether the attributions of an input sum to a change of the output (completeness,
        also called efficiency or summation to delta).
    passes
        Cost for one input and T targets, in passes through the model.
    paper
        Where to read.
    options
        Names of the options that it takes beside ``seed`` and ``chunk``.
    """

    name: str
    title: str
    scope: Literal["local", "global"]
    model_agnostic: bool
    based_on: Basis
    complete: bool
    passes: str
    paper: str
    options: tuple[str, ...]
    attribute: Callable[..., Attribution] = field(repr=False, compare=False)


METHODS: dict[str, Method] = {}
"""Every method by its name."""


def method(
    title: str,
    *,
    based_on: Basis,
    passes: str,
    paper: str,
    model_agnostic: bool = False,
    complete: bool = False,
    scope: Literal["local", "global"] = "local",
) -> Callable[[Callable[..., Attribution]], Callable[..., Attribution]]:
    """Register a function as the method of its name (a decorator).

    Its keyword-only parameters are the method's options. For the other parameters see
    :class:`Method`.
    """

    def register(attribute: Callable[..., Attribution]) -> Callable[..., Attribution]:
        METHODS[attribute.__name__] = Method(
            attribute.__name__,
            title,
            scope,
            model_agnostic,
            based_on,
            complete,
            passes,
            paper,
            options_of(attribute),
            attribute,
        )
        return attribute

    return register
