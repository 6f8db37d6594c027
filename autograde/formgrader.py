"""What nbgrader does differently in our folder: it runs no submission, it shows no mark scheme.

``nbgrader_config.py``, which every folder of results holds, names these classes. nbgrader makes
its exporter before it touches folder or gradebook, so refusing there leaves both as they are; and
where this package cannot be imported, nbgrader stops too, for its configuration has a fault.
"""

from __future__ import annotations

from typing import Any, NoReturn

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.converters import NbGraderException
from nbgrader.exchange import ExchangeError
from nbgrader.exchange.default import ExchangeCollect  # the user may have set its options
from nbgrader.plugins import ExtractorPlugin
from nbgrader.preprocessors import NbGraderPreprocessor

MARK_SCHEME = "mark-scheme"
"""Tags a cell of a graded notebook that is for the marker."""

GRADING = (
    "Nothing was run or changed: submissions run only in the sandbox of `autograde grade`, "
    "which takes them anew."
)
RELEASING = "Nothing was changed: `autograde release` makes the notebooks of this course."


class RefusesToGrade(NotebookExporter):
    """Stands where ``nbgrader autograde`` looks for its exporter."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        _refuse(self, GRADING)


class RefusesToRelease(NotebookExporter):
    """Stands where ``nbgrader generate_assignment`` and ``generate_solution`` look for theirs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        _refuse(self, RELEASING)


class RefusesToCollect(ExchangeCollect):  # type: ignore[misc]
    """Stands where ``nbgrader collect`` looks for its exchange: ours holds cleaned notebooks."""

    def start(self) -> None:
        """Refuse."""
        self.log.error(GRADING)
        raise ExchangeError(GRADING)


class RefusesToUnpack(ExtractorPlugin):  # type: ignore[misc]
    """Stands where ``nbgrader zip_collect``, which checks no archive, looks for what unpacks it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.log.error(GRADING)
        raise SystemExit(1)  # what nbgrader's other commands make of a refusal


class HidesMarkSchemes(NbGraderPreprocessor):  # type: ignore[misc]
    """Keeps mark schemes out of the pages of ``nbgrader generate_feedback``."""

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the notebook without them."""
        nb.cells = [c for c in nb.cells if MARK_SCHEME not in c.metadata.get("tags", ())]
        return nb, resources


def _refuse(who: Any, sentence: str) -> NoReturn:
    who.log.error(sentence)
    raise NbGraderException(sentence)
