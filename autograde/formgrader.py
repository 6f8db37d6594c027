"""What nbgrader's buttons and commands do in our folder instead of running submissions.

``nbgrader_config.py``, which every folder of results holds, names these classes. nbgrader makes
its exporter before it touches folder or gradebook, so refusing there leaves both as they are; and
where this package cannot be imported, nbgrader stops too, for its configuration has a fault.
"""

from __future__ import annotations

from typing import Any, NoReturn

from nbconvert.exporters import NotebookExporter
from nbgrader.converters import NbGraderException
from nbgrader.exchange.abc import ExchangeCollect

GRADING = (
    "Submissions of this course are run in a sandbox, and only by `autograde grade`: give it the "
    "submissions again to grade them; nothing was run or changed here."
)
RELEASING = (
    "The notebooks of this course are made by `autograde release` from its solutions; nothing was "
    "changed here."
)


class RefusesToGrade(NotebookExporter):
    """Stands where ``nbgrader autograde`` looks for its exporter."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _refuse(self, GRADING)


class RefusesToRelease(NotebookExporter):
    """Stands where ``nbgrader generate_assignment`` and ``generate_solution`` look for theirs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _refuse(self, RELEASING)


class RefusesToCollect(ExchangeCollect):
    """Stands where ``nbgrader collect`` looks for its exchange: ours holds cleaned notebooks."""

    def start(self) -> None:
        """Refuse."""
        _refuse(self, GRADING)


def _refuse(who: Any, sentence: str) -> NoReturn:
    who.log.error(sentence)
    raise NbGraderException(sentence)
