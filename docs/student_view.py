"""Writes the notebooks as students get them, with worked figures, for the site's pages."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from autograde.model.course import Course
from autograde.notebooks.cells import grading, is_hand_in, is_test
from autograde.notebooks.folded import TITLE
from autograde.notebooks.release import to_json
from docs.figures import Figures, with_figures

_BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]*\)\]\((?P<where>[^)]*)\)")

_NOTE = """\
```{{note}}
This is the notebook as students get it{figures}. To work in it, open it in [Colab]({where}), or
with `make lab`.
```"""
_FIGURES = (
    ", with the figures that the authors' solution shows. Solutions and other outputs are not shown"
)


def write_notebook(course: Course, name: str, shown: Figures, folder: Path) -> Path:
    """Write a page's notebook: the released one with these images.

    Checks, and the cell that installs what Colab lacks, are folded. The badge, which is a picture
    from elsewhere, becomes a sentence.

    Parameters
    ----------
    course
        Its ``notebooks/`` are read.
    name
        The notebook's name.
    shown
        The images by cell.
    folder
        Where it is written.
    """
    released = nbformat.read(course.folder / "notebooks" / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    notebook = with_figures(released, shown)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _BADGE.sub(
                lambda badge: _NOTE.format(where=badge["where"], figures=_FIGURES if shown else ""),
                cell.source,
            )
        elif is_test(grading(cell)) or is_hand_in(cell) or "google.colab" in cell.source:
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
            first = cell.source.partition("\n")[0]
            if first.startswith(TITLE):  # what the check says that it checks
                said = first.removeprefix(TITLE)
                prompts = {"code_prompt_show": said, "code_prompt_hide": said}
                cell.metadata.setdefault("mystnb", {}).update(prompts)
    file = folder / f"{name}.ipynb"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(to_json(notebook), encoding="utf-8")
    return file
