"""The searches for counterfactuals by name, with what the course teaches about each.

A search is a function of a :class:`~xaikit.counterfactuals.search.Search` and of its own
keyword-only options that returns counterfactuals (N, T, *shape) and where they are valid (N, T).
"""

from __future__ import annotations

from functools import partial

from xaikit.core.registry import Entry, register

METHODS: dict[str, Entry] = {}
"""Every search in PyTorch by its name."""

counterfactual_method = partial(register, METHODS, Entry)
"""Register a function as the search of its name (a decorator)."""


def counterfactual_methods() -> list[Entry]:
    """List :func:`xaikit.counterfactual`'s methods, each with title, needs, options and paper.

    Examples
    --------
    >>> from xaikit import counterfactual_methods
    >>> sorted(each.name for each in counterfactual_methods())
    ['prototype', 'rl', 'wachter']
    """
    return list(METHODS.values())
