"""The folder of results as a course folder of nbgrader: what formgrader and its commands read.

There is no ``submitted/``: nbgrader counts and shows what is in ``autograded/``, and what would run
a submission outside of the sandbox refuses (:mod:`autograde.formgrader`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograde.formgrader import MARK_SCHEME
from autograde.gradebook.stored import GradebookError
from autograde.model.records import TaskResult
from autograde.notebooks.cells import grading, mark_scheme, node
from autograde.safety.files import write_whole

_NO_KERNEL = {
    "name": "submission-not-to-be-run",
    "display_name": "None: a submission, run in the sandbox only",
    "language": "python",
}
_SETTINGS = "nbgrader_config.py"
_CONFIG = '''"""Makes this a course folder of nbgrader: formgrader, generate_feedback, export.

Written by `autograde grade`, anew each time: settings of your own (course id, exchange) belong into
the course folder's nbgrader_config.py or into the one in ~/.jupyter, which hold here, too.
Submissions run in its sandbox only: what would run one here refuses.
"""

from pathlib import Path

c = get_config()  # noqa: F821
_here = Path(__file__).resolve().parent
#SETTINGS
c.CourseDirectory.root = str(_here)
c.CourseDirectory.db_url = f"sqlite:///{_here / 'gradebook.db'}"
c.CourseDirectory.directory_structure = "{nbgrader_step}/{student_id}/{assignment_id}"
c.CourseDirectory.source_directory = "source"
c.CourseDirectory.release_directory = "release"
c.CourseDirectory.autograded_directory = "autograded"
c.CourseDirectory.feedback_directory = "feedback"
c.CourseDirectory.submitted_directory = "autograded"  # what formgrader lists and counts
c.Autograde.exporter_class = "autograde.formgrader.RefusesToGrade"
c.GenerateAssignment.exporter_class = "autograde.formgrader.RefusesToRelease"
c.GenerateSolution.exporter_class = "autograde.formgrader.RefusesToRelease"
c.GenerateFeedback.force = True  # what lies there is from the last grading
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    "autograde.formgrader.HidesMarkSchemes",
]
c.HTMLExporter.preprocessors = ["autograde.marking.ShowsWhatWaits"]  # formgrader's pages
c.ExportPlugin.to = "nbgrader_grades.csv"  # by itself it would replace grades.csv
c.ExchangeFactory.collect = "autograde.formgrader.RefusesToCollect"
c.ZipCollectApp.extractor_plugin = "autograde.formgrader.RefusesToUnpack"
# `nbgrader validate` asks nobody; it stops with "No such kernel named" and this sentence.
c.Execute.kernel_name = "none, for submissions run in the sandbox of `autograde grade` only"
'''


_MINE = "Written by `autograde grade`"


def refuse_foreign_settings(out: Path) -> None:
    """Refuse a folder that holds somebody's own configuration of nbgrader, which would be lost.

    Raises
    ------
    GradebookError
        If there is one.
    """
    settings = out / _SETTINGS
    if settings.is_file() and _MINE not in settings.read_text("utf-8", errors="replace"):
        raise GradebookError(
            f"{settings} is not from autograde, which would write over it and over the gradebook "
            "beside it, so nothing was graded: give another folder with --out."
        )


def write_course_folder(
    out: Path,
    assignments: Iterable[str],
    sources: Mapping[str, NotebookNode],
    releases: Mapping[str, NotebookNode],
    settings: Path | None = None,
) -> None:
    """Write nbgrader's configuration, and each assignment's one notebook in two versions.

    Parameters
    ----------
    out
        The folder of results.
    sources, releases
        The instructor's and the released notebook of each assignment.
    settings
        The instructor's own configuration of nbgrader, which holds here, too.
    """
    own = settings is not None and settings != (out / _SETTINGS).resolve()
    include = (
        f"load_subconfig({str(settings)!r})  # noqa: F821; if it is still there\n" if own else ""
    )
    write_whole(out / _SETTINGS, _CONFIG.replace("#SETTINGS\n", include))
    for name in sorted(assignments):
        _write(out / "source" / name / f"{name}.ipynb", sources[name])
        _write(out / "release" / name / f"{name}.ipynb", releases[name])


def autograded_path(out: Path, student: str, assignment: str) -> Path:
    """Return where nbgrader looks for the notebook of a student, named as a folder."""
    return out / "autograded" / student / assignment / f"{assignment}.ipynb"


def rename_autograded(out: Path, renamed: Mapping[str, str]) -> None:
    """Rename students' folders of graded notebooks: old name, new name."""
    for old, new in renamed.items():
        before, after = out / "autograded" / old, out / "autograded" / new
        if before.is_dir():
            shutil.rmtree(after, ignore_errors=True)
            before.rename(after)
            for secret in after.glob("*/submission_secret.txt"):
                secret.unlink()  # it would tell whose a pseudonym is


def for_markers(
    notebook: NotebookNode, source: NotebookNode, tasks: Iterable[TaskResult] = ()
) -> NotebookNode:
    """Return a graded notebook as those who mark by hand see it.

    Each mark scheme stands above the answer that is marked by it, with what the marker should know
    of this one; formgrader shows these cells, and
    :class:`autograde.formgrader.HidesMarkSchemes` keeps them out of what students get. The kernel
    is one that nobody has, so that JupyterLab, where the page's "Open live notebook" leads, starts
    none by itself.
    """
    schemes = {
        grading(cell)["grade_id"]: scheme
        for cell in source.cells
        if grading(cell).get("solution") and (scheme := mark_scheme(cell.source))
    }
    notes = {
        task.task: f"\n\n**Please look.** {task.to_marker}" for task in tasks if task.to_marker
    }
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        task = grading(cell).get("grade_id")
        if task in schemes:
            text = f"**Mark scheme**, for the marker.\n\n{schemes[task]}{notes.get(str(task), '')}"
            # Two blanks at its end keep a line: Markdown would join it with the next.
            quoted = "\n".join(f"> {line}  " if line.strip() else ">" for line in text.split("\n"))
            above = {
                "id": sha256(f"mark scheme {task}".encode()).hexdigest()[:16],
                "cell_type": "markdown",
                "metadata": {"tags": [MARK_SCHEME], "editable": False, "deletable": False},
                "source": quoted,
            }
            cells.append(node(above))
        cells.append(cell)
    metadata = {**notebook.metadata, "kernelspec": _NO_KERNEL}
    return node({**notebook, "metadata": metadata, "cells": cells})


def write_autograded(path: Path, notebook: NotebookNode | None, timestamp: str) -> None:
    """Write a graded notebook and when it was handed in; remove it where there is none."""
    if notebook is None:
        path.unlink(missing_ok=True)
        return
    _write(path, notebook)
    moment = utc(timestamp)
    if moment is None:
        path.with_name("timestamp.txt").unlink(missing_ok=True)
    else:
        write_whole(path.with_name("timestamp.txt"), f"{moment:%Y-%m-%d %H:%M:%S} UTC\n")


def read_notebook(path: Path) -> NotebookNode | None:
    """Return the notebook, None if there is none that can be read."""
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except Exception:  # absent, or not a notebook: nbformat raises its parser's errors
        return None
    return notebook


def utc(timestamp: str) -> datetime | None:
    """Return an ISO 8601 time as nbgrader keeps times: in UTC, without an offset, in whole seconds.

    Formgrader compares gradebook and ``timestamp.txt``, which has no fractions.
    """
    if not timestamp:
        return None
    moment = datetime.fromisoformat(timestamp).replace(microsecond=0)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _write(path: Path, notebook: NotebookNode) -> None:
    write_whole(path, nbformat.writes(notebook) + "\n")  # type: ignore[no-untyped-call]
