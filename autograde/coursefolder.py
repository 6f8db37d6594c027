"""The folder of results as a course folder of nbgrader: what formgrader and its commands read.

There is no ``submitted/``: nbgrader counts and shows what is in ``autograded/``, and what would run
a submission outside of the sandbox refuses (:mod:`autograde.formgrader`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograde.tables import write_whole

_CONFIG = '''"""Makes this a course folder of nbgrader: formgrader, generate_feedback, export.

Written by `autograde grade`. Submissions run in its sandbox only: what would run one here refuses.
"""

from pathlib import Path

c = get_config()  # noqa: F821
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.submitted_directory = "autograded"  # what formgrader lists and counts
c.Autograde.exporter_class = "autograde.formgrader.RefusesToGrade"
c.GenerateAssignment.exporter_class = "autograde.formgrader.RefusesToRelease"
c.GenerateSolution.exporter_class = "autograde.formgrader.RefusesToRelease"
c.ExchangeFactory.collect = "autograde.formgrader.RefusesToCollect"
# `nbgrader validate` asks nobody; it stops with "No such kernel named" and this sentence.
c.Execute.kernel_name = "none, for submissions run in the sandbox of `autograde grade` only"
'''


def write_course_folder(
    out: Path,
    assignments: Iterable[str],
    sources: Mapping[str, NotebookNode],
    releases: Mapping[str, NotebookNode],
) -> None:
    """Write nbgrader's configuration, and each assignment's one notebook in two versions.

    Parameters
    ----------
    out
        The folder of results.
    sources, releases
        The instructor's and the released notebook of each assignment.
    """
    write_whole(out / "nbgrader_config.py", _CONFIG)
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


def write_autograded(path: Path, notebook: NotebookNode | None, timestamp: str) -> None:
    """Write a graded notebook and when it was handed in; remove it where there is none."""
    if notebook is None:
        path.unlink(missing_ok=True)
        return
    _write(path, notebook)
    moment = utc(timestamp)
    if moment is not None:
        write_whole(path.with_name("timestamp.txt"), f"{moment:%Y-%m-%d %H:%M:%S} UTC\n")


def read_notebook(path: Path) -> NotebookNode | None:
    """Return the notebook, None if there is none that can be read."""
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except Exception:  # absent, or not a notebook: nbformat raises whatever its parser raises
        return None
    return notebook


def utc(timestamp: str) -> datetime | None:
    """Return an ISO 8601 time as nbgrader keeps times: in UTC, without saying so."""
    if not timestamp:
        return None
    moment = datetime.fromisoformat(timestamp)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _write(path: Path, notebook: NotebookNode) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, nbformat.writes(notebook) + "\n")  # type: ignore[no-untyped-call]
