"""The metrics by name, with what a reader of their numbers has to know.

A metric is a function under :func:`metric`. Its docstring says what it measures; direction, known
flaw and paper stand in the decorator alone, which adds them to the docstring.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

Direction = Literal["lower is better", "higher is better", "neither is better"]
Measure = TypeVar("Measure", bound=Callable[..., Any])


@dataclass(frozen=True)
class Metric:
    """What the course teaches about a metric.

    Attributes
    ----------
    name
        As :func:`~xaikit.metrics.evaluate` takes it; the function's own name.
    direction
        ``"lower is better"``, ``"higher is better"`` or ``"neither is better"``.
    flaw
        How an explanation gets a good number without being good, or a bad one without being bad.
    paper
        Where to read.
    measure
        The function itself.
    """

    name: str
    direction: Direction
    flaw: str
    paper: str
    measure: Callable[..., Any] = field(repr=False, compare=False)


METRICS: dict[str, Metric] = {}
"""Every metric by its name."""


def metric(*, direction: Direction, flaw: str, paper: str) -> Callable[[Measure], Measure]:
    """Register a function as the metric of its name (a decorator): see :class:`Metric`."""

    def register(measure: Measure) -> Measure:
        name = measure.__name__
        METRICS[name] = Metric(name, direction, flaw, paper, measure)
        text = inspect.cleandoc(measure.__doc__ or "")
        notes = f"{direction.capitalize()}. Known flaw: {flaw}. Paper: {paper}."
        measure.__doc__ = f"{text}\n\nNotes\n-----\n{notes}\n"
        return measure

    return register


def metrics() -> list[Metric]:
    """List the metrics, each with its direction, known flaw and paper."""
    return list(METRICS.values())
