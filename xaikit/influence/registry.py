"""The methods by name, with what the course teaches about each.

A method is a function of a :class:`~xaikit.influence.problem.Training` and of its own keyword-only
options that returns a :class:`Found`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from torch import Tensor

from xaikit.core.registry import Backed, adapting, register


class Found(NamedTuple):
    """What a method returns: see :class:`~xaikit.influence.result.Influence`."""

    scores: Tensor
    details: Mapping[str, Tensor] = {}


@dataclass(frozen=True, kw_only=True)
class InfluenceMethod(Backed):
    """What the course teaches about a method of :func:`xaikit.influence`.

    Attributes
    ----------
    name, title, paper, needs, options, function
        See :class:`~xaikit.core.registry.Backed`.
    of_itself
        Whether an example's influence on itself says something: see
        :func:`xaikit.self_influence`.
    """

    of_itself: bool = True


METHODS: dict[str, InfluenceMethod] = {}
"""Every method by its name."""

influence_method = partial(register, METHODS, InfluenceMethod)
"""Register a function as the method of its name (a decorator)."""

adapter = partial(adapting, METHODS)
"""Register a function as a library's way to compute a method (a decorator)."""


def influence_methods() -> list[InfluenceMethod]:
    """List the methods of :func:`xaikit.influence`, each with title, needs, options and paper.

    Examples
    --------
    >>> from xaikit import influence_methods
    >>> "tracin" in [each.name for each in influence_methods()]
    True
    """
    return list(METHODS.values())
