"""The report beside a notebook: a picture of its page for whoever marks it, and its digest.

A person marks what the picture shows; nobody opens the PDF. A report that is not there earns
nothing, one that cannot be shown waits for a person all the same.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from PIL import Image

from autograde.intake.upload import SubmissionsError, Upload
from autograde.model.records import TaskResult
from autograde.notebooks.cells import grading, node
from autograde.safety.sanitize import clean_line
from autograde.sandbox.isolation import Isolation
from autograde.sandbox.page import picture_of
from xaikit.handin.one_page import Page, fault

_LARGEST = 4 << 20  # bytes of a picture; noise takes more without loss
_ALTERNATIVE = 400
_COMPARED = 8_000  # a full page of small letters has 6,000
_SHOWN = 850  # pixels across: formgrader's pages cut off what is wider

NOT_THERE = (
    "Not handed in: no report was found beside the notebook. Hand in the PDF that `report` wrote, "
    "together with the notebook."
)


@dataclass(frozen=True)
class HandedReport:
    """A report as it was handed in.

    Attributes
    ----------
    name
        What its author called it.
    content
        The PDF's bytes, which may be anything.
    unread
        Why there are none; empty if there are.
    """

    name: str
    content: bytes = field(default=b"", repr=False)
    unread: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the PDF; of one that cannot be read, of the reason."""
        return hashlib.sha256(self.content or self.unread.encode()).hexdigest()


def report_of(upload: Upload) -> HandedReport | None:
    """Return the report beside an upload; None if there is none, or none is asked for."""
    if upload.report is None:
        return None
    try:
        return HandedReport(upload.report.name, upload.report.read())
    except SubmissionsError as error:
        return HandedReport(upload.report.name, unread=str(error))


def with_report(content: bytes, report: HandedReport | None) -> bytes:
    """Return the bytes of an upload followed by what stands for its report, if it has one."""
    return content if report is None else b"\0".join([content, report.digest.encode()])


@dataclass(frozen=True)
class Opened:
    """A report as people see it.

    Attributes
    ----------
    output
        The picture as a cell's output, or None.
    notice
        What is wrong with it, a sentence for its authors and for the marker; empty if nothing.
    text
        What is written on the page, at most 8,000 characters.
    """

    output: dict[str, Any] | None
    notice: str = ""
    text: str = ""


def opened(report: HandedReport, isolation: Isolation, hidden: Sequence[Path]) -> Opened:
    """Open a report in the sandbox.

    Raises
    ------
    autograde.sandbox.isolation.SandboxError
        If the sandbox cannot start.
    """
    if report.unread:
        return Opened(None, f"{report.name} could not be read: {report.unread}")
    page = picture_of(report.content, isolation, hidden)
    text = " ".join(page.text.split())[:_COMPARED]
    return Opened(_output(page, report.name), fault(page, report.name), text)


def result_of(result: TaskResult, report: HandedReport | None, notice: str) -> TaskResult:
    """Return what is known of the task that asks for the report before a person looks at it.

    Parameters
    ----------
    result
        The task as the scorer left it.
    report
        What was handed in for it.
    notice
        What is wrong with that.
    """
    if report is None:
        # Its digest is one, so that a mark for a report that is gone is asked about again.
        nothing = hashlib.sha256(b"no report").hexdigest()[:32]
        return replace(result, score=0.0, message=NOT_THERE, answer=nothing)
    return replace(
        result,
        score=None,
        message=" ".join(filter(None, [notice, "A person will mark this."])),
        notice=" ".join(filter(None, [result.notice, notice])),
        answer=report.digest[:32],
    )


def show(notebook: NotebookNode, task: str, output: dict[str, Any] | None) -> None:
    """Let a graded notebook show the page below the cell that made it, and nothing else there."""
    for cell in notebook.cells:
        if grading(cell).get("grade_id") == task:
            cell.outputs = [] if output is None else [node(output)]


def _output(page: Page, name: str) -> dict[str, Any] | None:
    if page.picture is None:
        return None
    kind, encoded = _encoded(page)
    width = page.picture.shape[1]
    words = f"The report {name}, page 1 of {page.pages}: {page.text}"
    return {
        "output_type": "display_data",
        "data": {kind: encoded, "text/plain": clean_line(f"{name}, page 1 of {page.pages}")},
        "metadata": {kind: {"alt": clean_line(words, _ALTERNATIVE), "width": min(_SHOWN, width)}},
    }


def _encoded(page: Page) -> tuple[str, str]:
    """Return the picture as base64, without loss unless it is too large for that."""
    assert page.picture is not None
    image = Image.fromarray(page.picture)
    file, kind = io.BytesIO(), "image/png"
    image.save(file, "PNG")
    if file.tell() > _LARGEST:
        file, kind = io.BytesIO(), "image/jpeg"
        image.save(file, "JPEG", quality=80)
    return kind, base64.b64encode(file.getvalue()).decode("ascii")
