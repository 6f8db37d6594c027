"""The attacks by name, with what the course teaches about each.

An attack is a function of a :class:`~xaikit.attacks.goal.Goal` and of its own keyword-only options
that returns adversarial inputs (N, *shape) and the mask of what might change, of the same shape.
"""

from __future__ import annotations

from functools import partial

from xaikit.core.registry import Entry, register

METHODS: dict[str, Entry] = {}
"""Every attack by its name."""

attack_method = partial(register, METHODS, Entry)
"""Register a function as the attack of its name (a decorator)."""


def attack_methods() -> list[Entry]:
    """List the methods of :func:`xaikit.attack`, each with its title, needs, options and paper.

    Examples
    --------
    >>> from xaikit import attack_methods
    >>> [each.name for each in attack_methods() if "fgsm" in each.name]
    ['fgsm']
    """
    return list(METHODS.values())
