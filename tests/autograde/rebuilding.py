"""Uploads of the small course, made and looked into, for the tests of rebuilding."""

from __future__ import annotations

import json
from typing import Any

import nbformat
from nbgrader.nbgraderformat import MetadataValidator

from autograde.intake.rebuild import Rebuilt
from autograde.notebooks.cells import answers

DOUBLE = "# answer: double\ndef double(x):\n    return x + x"


TOTAL = "# answer: total\ntotal = 10"


WHY = "<!-- answer: why -->\nBecause."


WRITTEN = {"double": DOUBLE, "total": TOTAL, "why": WHY}


def plain(release: nbformat.NotebookNode, written: dict[str, str] = WRITTEN) -> dict[str, Any]:
    """The student's notebook as the JSON that a front end saves."""
    data: dict[str, Any] = json.loads(nbformat.writes(release))
    for cell in data["cells"]:
        task = cell["metadata"]["nbgrader"]["grade_id"]
        if task in written:
            cell["source"] = written[task].splitlines(keepends=True)
    return data


def upload(data: Any) -> bytes:
    return json.dumps(data).encode()


def cell_of(data: dict[str, Any], grade_id: str) -> dict[str, Any]:
    return next(
        c for c in data["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id
    )


def without_metadata(data: dict[str, Any]) -> dict[str, Any]:
    """What another program leaves of the notebook: sources and types."""
    for cell in data["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
    return data


def code(source: Any, **more: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": 1,
        "metadata": {},
        "outputs": [],
        "source": source,
        **more,
    }


def taken(rebuilt: Rebuilt) -> dict[str, str]:
    return {a.task: rebuilt.notebook.cells[a.cell].source for a in answers(rebuilt.notebook)}


def check_trusted(rebuilt: Rebuilt, release: nbformat.NotebookNode) -> None:
    """Nothing but answers and the student's own code differs from the release."""
    nbformat.validate(rebuilt.notebook)
    MetadataValidator().validate_nb(rebuilt.notebook)
    own = set(rebuilt.extras)
    cells = [c for c in rebuilt.notebook.cells if c.id not in own]
    places = {a.cell for a in answers(release)}
    assert len(cells) == len(release.cells)
    for i, (ours, theirs) in enumerate(zip(cells, release.cells, strict=True)):
        if i in places:
            ours = {**ours, "source": ""}
            theirs = {**theirs, "source": ""}
        assert ours == theirs
    for cell in rebuilt.notebook.cells:
        if cell.id in own:
            assert {**cell, "source": ""} == {**code(""), "id": cell.id, "execution_count": None}
    assert rebuilt.notebook.metadata == release.metadata
