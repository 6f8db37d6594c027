"""The detectors by name, with what the course teaches about each.

A detector is a function of a :class:`~xaikit.backdoors.suspicion.Suspicion` and of its own
keyword-only options that returns a :class:`~xaikit.backdoors.detection.Detection`.
"""

from __future__ import annotations

from functools import partial

from xaikit.core.registry import Entry, register

METHODS: dict[str, Entry] = {}
"""Every detector by its name."""

detection_method = partial(register, METHODS, Entry)
"""Register a function as the detector of its name (a decorator)."""


def detection_methods() -> list[Entry]:
    """List the methods of :func:`xaikit.detect`, each with its title, needs, options and paper.

    Examples
    --------
    >>> from xaikit import detection_methods
    >>> "mm_bd" in [each.name for each in detection_methods()]
    True
    """
    return list(METHODS.values())
