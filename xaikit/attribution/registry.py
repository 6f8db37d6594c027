"""The methods by name, with what the course teaches about each.

A method is a function of a :class:`Problem` and of its own keyword-only options that returns an
:class:`Attribution`. To add one: write it in a file of this folder under :func:`method`, and
import that file in ``__init__``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from torch import Tensor

from xaikit.core.registry import Backed, adapting, register

Basis = Literal["gradient", "perturbation", "relevance", "example"]


class Attribution(NamedTuple):
    """What a method returns: see :class:`~xaikit.attribution.explanation.Explanation`."""

    attributions: Tensor
    convergence_delta: Tensor | None = None
    details: Mapping[str, Tensor] = {}


@dataclass(frozen=True, kw_only=True)
class Method(Backed):
    """What the course teaches about a method of :func:`xaikit.explain`.

    Attributes
    ----------
    name, title, paper, needs, options, function
        See :class:`~xaikit.core.registry.Backed`.
    based_on
        ``"gradient"``, ``"perturbation"``, ``"relevance"`` or ``"example"``.
    passes
        Cost for one input and T targets, in passes through the model.
    complete
        Whether the attributions of an input sum to a change of the output (completeness,
        also called efficiency or summation to delta).
    scope
        ``"local"``: it explains a prediction; ``"global"``: it explains a model.

    Examples
    --------
    >>> from xaikit import methods
    >>> [method] = [each for each in methods() if each.name == "kernel_shap"]
    >>> method.title, method.needs, method.complete
    ('KernelSHAP', ('outputs',), True)
    """

    based_on: Basis
    passes: str
    complete: bool = False
    scope: Literal["local", "global"] = "local"

    @property
    def model_agnostic(self) -> bool:
        """Whether outputs suffice; otherwise it reads gradients or layers."""
        return not {"gradients", "layers"}.intersection(self.needs)

    @property
    def attribute(self) -> Callable[..., Any]:
        """The function that computes it."""
        return self.function


METHODS: dict[str, Method] = {}
"""Every method by its name."""

method = partial(register, METHODS, Method)
"""Register a function as the method of its name (a decorator); see :class:`Method`."""

adapter = partial(adapting, METHODS)
"""Register a function as a library's way to compute a method (a decorator)."""
