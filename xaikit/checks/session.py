"""What ran in this notebook, and what is known of it: whose cells, in which order.

The notebook as it was released (:mod:`xaikit.handin.released`) has the given cells, and what each
task asks for. By that a cell that a student wrote is told from a given one, a name that the
student gave another value is found, and so is the given cell that has not run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from xaikit.handin.code import bound, syntax_error
from xaikit.handin.markers import digest, markers, squeezed
from xaikit.handin.names import defined, deleted
from xaikit.handin.released import Released, notebooks
from xaikit.handin.unseen import ByHand


@dataclass(frozen=True)
class GivenCell:
    """A given cell: how it begins, and the names that it defines for the cells after it."""

    digest: str
    begins: str
    names: frozenset[str]


@dataclass(frozen=True)
class Known:
    """What a session asks of its notebook.

    Attributes
    ----------
    functions
        The function that a task asks for, by task.
    variables
        The variables that a task asks for, by task.
    given
        The given cells, in their order.
    tests
        Digests of the test cells.
    by_hand
        What grading does without when it calls functions.
    """

    functions: Mapping[str, str]
    variables: Mapping[str, tuple[str, ...]]
    given: tuple[GivenCell, ...]
    tests: frozenset[str]
    by_hand: tuple[ByHand, ...] = ()

    @classmethod
    def of(cls, released: Released) -> Known:
        """Return what a session asks of a notebook."""
        given = (cell for cell in released.cells if cell.role in ("given", "hand-in"))
        return cls(
            released.functions,
            released.variables,
            tuple(GivenCell(cell.text, cell.begins, _left(cell.source)) for cell in given),
            frozenset(cell.text for cell in released.cells if cell.role == "test"),
            released.by_hand,
        )

    @cached_property
    def digests(self) -> frozenset[str]:
        """Of all cells that no student wrote."""
        return frozenset({*self.tests, *(cell.digest for cell in self.given)})

    @cached_property
    def asked(self) -> dict[str, tuple[str, ...]]:
        """The names that each task asks for."""
        return {**self.variables, **{task: (name,) for task, name in self.functions.items()}}


NOTHING = Known({}, {}, (), frozenset())


@dataclass(frozen=True)
class Session:
    """What ran since the kernel started, cell by cell, and what is known of the notebook."""

    known: Known
    ran: Sequence[str]

    @cached_property
    def _digests(self) -> list[str]:
        return [digest(squeezed(source)) for source in self.ran]

    @cached_property
    def written(self) -> list[str]:
        """The cells of these that the student wrote, answers among them."""
        pairs = zip(self.ran, self._digests, strict=True)
        return [source for source, each in pairs if each not in self.known.digests]

    def wrote(self, source: str) -> bool:
        """Return whether the student wrote this cell."""
        return digest(squeezed(source)) not in self.known.digests

    def broken(self, task: str) -> str:
        """Return why the answer to a task that ran last is no Python; nothing if it is."""
        answers = (source for source in reversed(self.written) if task in markers(source))
        last = next(answers, "")
        return "" if last.lstrip().startswith("%%") else syntax_error(last)

    def definition(self, name: str) -> GivenCell | None:
        """Return the given cell that defines a name for the cells after it, the last of several."""
        return next((cell for cell in reversed(self.known.given) if name in cell.names), None)

    def has_run(self, cell: GivenCell) -> bool:
        """Return whether a given cell has run."""
        return cell.digest in self._digests

    @cached_property
    def changed(self) -> dict[str, str]:
        """The given names that the student's cells bound last, and the cell that did so."""
        cells = {cell.digest: cell.names for cell in self.known.given}
        given = frozenset[str]().union(*cells.values())
        last: dict[str, str] = {}
        for source, each in zip(self.ran, self._digests, strict=True):
            if each in cells:
                last = {name: by for name, by in last.items() if name not in cells[each]}
            elif each not in self.known.tests:
                last |= dict.fromkeys(given & bound(source), source)
        return last


def _left(source: str) -> frozenset[str]:
    """Return the names that a given cell leaves for the cells after it."""
    try:
        return defined(source) - deleted(source)
    except SyntaxError:  # it has a magic
        return frozenset()


@cache
def _notebooks() -> list[Known]:
    return list(map(Known.of, notebooks().values()))


def here(task: str = "") -> Session:
    """Return the session of the kernel that this process is, in the notebook with this task.

    Of several notebooks with the task it is the one that most of the cells belong to.
    """
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return Session(NOTHING, ())
    ran = [source for source in shell.history_manager.input_hist_raw if source.strip()]
    own = {digest(squeezed(source)) for source in ran}
    fitting = [known for known in _notebooks() if not task or task in known.asked]
    known = max(fitting, key=lambda each: len(each.digests & own), default=NOTHING)
    return Session(known, ran)
