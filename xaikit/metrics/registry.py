"""The metrics by name, with what a reader of their numbers has to know.

A metric is a function under :func:`metric`, which checks what it is given. Its docstring says what
it measures; direction, known flaw and paper stand in the decorator alone, which adds them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from xaikit.core.registry import Entry, Need, checking, register

Direction = Literal["lower is better", "higher is better", "neither is better"]
Measure = TypeVar("Measure", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Metric(Entry):
    """What the course teaches about a metric; it needs an explanation, and what ``needs`` says.

    Attributes
    ----------
    name, title, paper, needs, options, function
        See :class:`~xaikit.core.registry.Entry`; :func:`~xaikit.metrics.evaluate` takes the name.
    direction
        ``"lower is better"``, ``"higher is better"`` or ``"neither is better"``.
    flaw
        How an explanation gets a good number without being good, or a bad one without being bad.

    Examples
    --------
    >>> from xaikit.metrics import metrics
    >>> [metric] = [each for each in metrics() if each.name == "pointing_game"]
    >>> metric.direction, metric.needs
    ('higher is better', ('ground truth',))
    """

    direction: Direction
    flaw: str

    @property
    def measure(self) -> Callable[..., Any]:
        """The function itself."""
        return self.function

    def notes(self) -> str:
        """Return what the function's docstring says of it, beside what it says itself."""
        return f"{self.direction.capitalize()}. Known flaw: {self.flaw}. {super().notes()}"


METRICS: dict[str, Metric] = {}
"""Every metric by its name."""


def metric(
    title: str, *, needs: tuple[Need, ...] = (), paper: str, direction: Direction, flaw: str
) -> Callable[[Measure], Measure]:
    """Register a function as the metric of its name (a decorator): see :class:`Metric`."""

    def enter(measure: Measure) -> Measure:
        facts = {"direction": direction, "flaw": flaw}
        entered = register(METRICS, Metric, title, paper=paper, needs=needs, **facts)
        return entered(checking(measure))

    return enter


def metrics() -> list[Metric]:
    """List the metrics, each with its title, direction, known flaw, needs, options and paper.

    Examples
    --------
    >>> from xaikit.metrics import metrics
    >>> [each.name for each in metrics() if each.direction == "neither is better"]
    ['rank_agreement']
    """
    return list(METRICS.values())
