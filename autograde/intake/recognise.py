"""Which notebook of the course a file is, by what is in it; by its name only where nothing tells.

The bytes are searched for what the released notebooks hold: the ids of tasks in markers and in
nbgrader's metadata, and the ids of answer cells; an appendix, which has none, names itself in its
metadata. So a file that was cut short or damaged is known,
too, and no file, however it is nested, costs more than one reading.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from autograde.intake.names import assignment_of
from xaikit.handin.notebook_json import as_utf8
from xaikit.handin.uploads import Stub

HandedOut = Mapping[str, Mapping[str, Stub]]
"""The answer cells of every notebook of the course, as students got them."""

_TASK = re.compile(rb'(?:(?i:answer)\s*:\s*|"grade_id"\s*:\s*")([\w-]{1,64})')
_NAMED = re.compile(rb'"notebook"\s*:\s*"([\w-]{1,64})"')
_CELL = re.compile(rb'"id"\s*:\s*"([\w-]{1,64})"')


class Recognition:
    """Knows the notebooks of the course.

    Parameters
    ----------
    handed_out
        The answer cells of every notebook; without any, a notebook is known by its name alone.
    """

    def __init__(self, handed_out: HandedOut) -> None:
        self._handed_out = handed_out
        self._without_tasks = [name for name, stubs in handed_out.items() if not stubs]
        self._tasks: dict[bytes, set[tuple[str, str]]] = defaultdict(set)
        self._cells: dict[bytes, set[tuple[str, str]]] = defaultdict(set)
        for assignment, stubs in handed_out.items():
            for task, stub in stubs.items():
                self._tasks[task.encode()].add((assignment, task))
                self._cells[stub.cell_id.encode()].add((assignment, task))

    @property
    def assignments(self) -> list[str]:
        """The names of all notebooks of the course."""
        return list(self._handed_out)

    def wants_report(self, assignment: str) -> bool:
        """Whether a notebook asks for a report beside it."""
        return any(stub.report for stub in self._handed_out[assignment].values())

    def by_name(self, path: str) -> str:
        """Return which notebook the name of a file, or of what is around it, says; or nothing."""
        named = (assignment_of(part, self._handed_out) for part in reversed(path.split("/")))
        return next((name for name in named if name), "")

    def by_content(self, content: bytes, name: str, folder: str) -> str:
        """Return of which notebook most answers are in the file, or nothing.

        Without an answer it is the notebook without tasks that its metadata name.

        Parameters
        ----------
        content
            The file's bytes.
        name
            What the file is called: decides between two of which it holds the same number.
        folder
            The assignment that a folder around it is called by, or nothing: decides likewise.
        """
        text = as_utf8(content)
        answers: set[tuple[str, str]] = set()
        for pattern, known in ((_TASK, self._tasks), (_CELL, self._cells)):
            for match in pattern.finditer(text):
                answers |= known.get(match[1], set())
        if not answers:
            named = {match[1].decode() for match in _NAMED.finditer(text)}
            return next((name for name in self._without_tasks if name in named), "")
        counts = {a: sum(a == other for other, _ in answers) for a in self._handed_out}
        most = max(counts.values())
        best = [assignment for assignment, count in counts.items() if count == most]
        called = assignment_of(name, best)
        if called or folder in best:
            return called or folder
        return max(best, key=lambda assignment: most / len(self._handed_out[assignment]))
