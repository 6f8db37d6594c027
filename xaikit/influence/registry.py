"""The methods by name, with what the course teaches about each.

A method is a function of a :class:`~xaikit.influence.problem.Training` and of its own keyword-only
options that returns a :class:`Found`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

from xaikit.core.options import options_of
from xaikit.core.registry import Entry, register


class Found(NamedTuple):
    """What a method returns: see :class:`~xaikit.influence.result.Influence`."""

    scores: Tensor
    details: Mapping[str, Tensor] = {}


Adapter = TypeVar("Adapter", bound=Callable[..., Found])


@dataclass(frozen=True, kw_only=True)
class InfluenceMethod(Entry):
    """What the course teaches about a method of :func:`xaikit.influence`.

    Attributes
    ----------
    name, title, paper, needs, options, function
        See :class:`~xaikit.core.registry.Entry`.
    of_itself
        Whether an example's influence on itself says something: see
        :func:`xaikit.self_influence`.
    """

    of_itself: bool = True

    @property
    def backends(self) -> tuple[str, ...]:
        """What can compute it: ``"native"``, this package, and libraries by their names."""
        return ("native", *ADAPTERS.get(self.name, {}))

    def by(self, backend: Any) -> InfluenceMethod:
        """Return the method as a library computes it, or say which libraries have it."""
        if backend == "native":
            return self
        found = ADAPTERS.get(self.name, {})
        if not isinstance(backend, str) or backend not in found:
            raise ValueError(
                f"{self.name} has no backend {backend!r}: choose one of {', '.join(self.backends)}."
            )
        function = found[backend]
        name = f"{self.name} by {backend}"
        return replace(self, name=name, function=function, options=options_of(function))


METHODS: dict[str, InfluenceMethod] = {}
"""Every method by its name."""

influence_method = partial(register, METHODS, InfluenceMethod)
"""Register a function as the method of its name (a decorator)."""

ADAPTERS: dict[str, dict[str, Callable[..., Found]]] = {}
"""By a method's name, and by a library's, what computes the method with that library."""


def adapter(backend: str, name: str) -> Callable[[Adapter], Adapter]:
    """Register a function as a library's way to compute a method (a decorator).

    Its keyword-only options are those of the method that the library can do, by the same names.
    """

    def registered(function: Adapter) -> Adapter:
        ADAPTERS.setdefault(name, {})[backend] = function
        return function

    return registered


def influence_methods() -> list[InfluenceMethod]:
    """List the methods of :func:`xaikit.influence`, each with title, needs, options and paper."""
    return list(METHODS.values())
