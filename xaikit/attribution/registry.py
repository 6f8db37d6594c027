"""The methods by name, with what the course teaches about each.

A method is a function of a :class:`Problem` and of its own keyword-only options that returns an
:class:`Attribution`. To add one: write it in a file of this folder under :func:`method`, and
import that file in ``__init__``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, NamedTuple, TypeVar

from torch import Tensor

from xaikit.core.options import options_of
from xaikit.core.registry import Entry, register

Basis = Literal["gradient", "perturbation", "relevance", "example"]


class Attribution(NamedTuple):
    """What a method returns: see :class:`~xaikit.attribution.explanation.Explanation`."""

    attributions: Tensor
    convergence_delta: Tensor | None = None
    details: Mapping[str, Tensor] = {}


Adapter = TypeVar("Adapter", bound=Callable[..., Attribution])


@dataclass(frozen=True, kw_only=True)
class Method(Entry):
    """What the course teaches about a method of :func:`xaikit.explain`.

    Attributes
    ----------
    name, title, paper, needs, options, function
        See :class:`~xaikit.core.registry.Entry`.
    based_on
        ``"gradient"``, ``"perturbation"``, ``"relevance"`` or ``"example"``.
    passes
        Cost for one input and T targets, in passes through the model.
    complete
        Whether the attributions of an input sum to a change of the output (completeness,
        also called efficiency or summation to delta).
    backends
        What can compute it: ``"native"``, this package, and libraries by their names.
    scope
        ``"local"``: it explains a prediction; ``"global"``: it explains a model.
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
    def backends(self) -> tuple[str, ...]:
        """What can compute it: ``"native"``, and the libraries that :data:`ADAPTERS` know."""
        return ("native", *ADAPTERS.get(self.name, {}))

    def by(self, backend: str) -> Method:
        """Return the method as a library computes it, or say which libraries have it."""
        if backend == "native":
            return self
        found = ADAPTERS.get(self.name, {})
        if backend not in found:
            raise ValueError(
                f"{self.name} has no backend {backend!r}: choose one of {', '.join(self.backends)}."
            )
        function = found[backend]
        name = f"{self.name} by {backend}"
        return replace(self, name=name, function=function, options=options_of(function))

    @property
    def attribute(self) -> Callable[..., Any]:
        """The function that computes it."""
        return self.function


METHODS: dict[str, Method] = {}
"""Every method by its name."""

method = partial(register, METHODS, Method)
"""Register a function as the method of its name (a decorator); see :class:`Method`."""

ADAPTERS: dict[str, dict[str, Callable[..., Attribution]]] = {}
"""By a method's name, and by a library's, what computes the method with that library."""


def adapter(backend: str, name: str) -> Callable[[Adapter], Adapter]:
    """Register a function as a library's way to compute a method (a decorator).

    Its keyword-only options are those of the method that the library can do, by the same names.
    """

    def registered(function: Adapter) -> Adapter:
        ADAPTERS.setdefault(name, {})[backend] = function
        return function

    return registered
