"""Builds the site's pages: gathers their sources in one folder, of which Sphinx makes HTML."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.util.console import strip_escape_sequences  # type: ignore[attr-defined]

from autograde.errors import AutogradeError
from autograde.model.course import Course
from autograde.notebooks.source import course_sources
from docs.figures import Figures
from docs.reference import write_reference
from docs.student_view import write_notebook

HERE = Path(__file__).parent
TEXTS = ("README.md", "CONTRIBUTING.md", "autograde/SECURITY.md")
"""What pages include of the repository's texts."""


class SiteError(AutogradeError):
    """The site cannot be built, or must not be published: a sentence for everything found."""


def gather(course: Course, shown: Mapping[str, Figures], pictures: Path, folder: Path) -> None:
    """Write the sources of all pages to a new folder.

    Parameters
    ----------
    course
        The course.
    shown
        The images of each notebook by its name; a notebook that is not there has none.
    pictures
        The folder of the tour's pictures.
    folder
        Made anew.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE / "pages", folder)
    shutil.copytree(pictures, folder / "pictures")
    (folder / "included").mkdir()
    for text in TEXTS:
        shutil.copy(course.folder / text, folder / "included")
    write_reference(folder / "reference")
    for name in course_sources(course):
        write_notebook(course, name, shown.get(name, {}), folder / "notebooks")


def build(sources: Path, out: Path) -> None:
    """Make the site anew from the sources of its pages.

    Parameters
    ----------
    sources
        What :func:`gather` wrote.
    out
        Where the site is written.

    Raises
    ------
    SiteError
        If Sphinx warns of anything, such as a link that leads nowhere.
    """
    shutil.rmtree(out, ignore_errors=True)
    said = io.StringIO()
    app = Sphinx(
        str(sources),
        str(HERE),
        str(out),
        str(sources.parent / "doctrees"),
        "html",
        status=None,
        warning=said,
        freshenv=True,
    )
    app.build()
    if warnings := strip_escape_sequences(said.getvalue()).strip():
        raise SiteError(warnings.replace(f"{sources}/", "").replace(f"{HERE.parent}/", ""))
    # For Sphinx alone, and a template of the theme's that is no page.
    for unused in (".buildinfo", "objects.inv", "_static/webpack-macros.html"):
        (out / unused).unlink(missing_ok=True)
