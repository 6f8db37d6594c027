"""Rebuild: answers find their way into the trusted release, whatever became of the upload."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import nbformat
import pytest
from nbgrader.utils import compute_checksum
from rebuilding import (
    DOUBLE,
    TOTAL,
    WRITTEN,
    cell_of,
    check_trusted,
    code,
    plain,
    taken,
    upload,
    without_metadata,
)

from autograde.intake.rebuild import rebuild
from autograde.notebooks.cells import answers

Cells = list[dict[str, Any]]


def test_takes_the_answers(release: nbformat.NotebookNode) -> None:
    rebuilt = rebuild(upload(plain(release)), release)
    assert taken(rebuilt) == WRITTEN
    assert (rebuilt.untouched, rebuilt.absent, rebuilt.notices) == (frozenset(), frozenset(), ())
    assert rebuilt.extras == ()
    assert rebuilt.task_notices == {}
    check_trusted(rebuilt, release)


def test_an_untouched_notebook_is_the_release(release: nbformat.NotebookNode) -> None:
    before = nbformat.writes(release)
    rebuilt = rebuild(upload(plain(release, {})), release)
    assert nbformat.writes(rebuilt.notebook) == before
    assert nbformat.writes(release) == before
    assert rebuilt.untouched == {"double", "total", "why"}
    assert rebuilt.absent == frozenset()
    for answer in answers(rebuilt.notebook):
        cell = rebuilt.notebook.cells[answer.cell]
        assert compute_checksum(cell) == cell.metadata.nbgrader.checksum


@pytest.mark.parametrize(
    "source",
    [
        "# answer: total\n\n\ntotal=None\n#  YOUR CODE HERE\n   pass\n\n",
        "# answer: total\ntotal = None\n",
        "",
        "# answer: total",
        "  \n\t",
    ],
)
def test_white_space_and_a_deleted_stub_are_no_answer(
    release: nbformat.NotebookNode, source: str
) -> None:
    rebuilt = rebuild(upload(plain(release, {"total": source})), release)
    assert "total" in rebuilt.untouched
    assert rebuilt.absent == frozenset()


def colab(data: dict[str, Any]) -> None:
    """Colab: nbformat_minor 0, no nbgrader metadata, ids among the metadata, widgets."""
    data["nbformat_minor"] = 0
    data["metadata"] = {
        "accelerator": "GPU",
        "colab": {"provenance": []},
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "widgets": {"application/vnd.jupyter.widget-state+json": {}},
    }
    for i, cell in enumerate(data["cells"]):
        cell.pop("id")
        cell["metadata"] = {"id": f"x{i}YzAbC", "outputId": "q", "colab": {"base_uri": "https://a"}}


def reversed_cells(data: dict[str, Any]) -> None:
    data["cells"].reverse()


def crlf(data: dict[str, Any]) -> None:
    for cell in data["cells"]:
        cell["source"] = "".join(cell["source"]).replace("\n", "\r\n")


def bom_in_cells(data: dict[str, Any]) -> None:
    for cell in data["cells"]:
        cell["source"] = "\ufeff" + "".join(cell["source"])


def other_types(data: dict[str, Any]) -> None:
    for grade_id, kind in (("double", "markdown"), ("total", "raw"), ("why", "code")):
        cell_of(data, grade_id)["cell_type"] = kind


def strange_kernel(data: dict[str, Any]) -> None:
    data["metadata"] = {"kernelspec": {"name": "ir", "language": "R", "display_name": 7}}


def no_metadata(data: dict[str, Any]) -> None:
    without_metadata(data)
    del data["metadata"], data["nbformat"], data["nbformat_minor"]


def metadata_of_wrong_types(data: dict[str, Any]) -> None:
    data["metadata"] = "none"
    for i, cell in enumerate(data["cells"]):
        cell["id"] = [1]
        cell["metadata"] = [None, "x", {"nbgrader": 3}, {"nbgrader": {"grade_id": {"a": []}}}][
            i % 4
        ]


def hostile_tags(data: dict[str, Any]) -> None:
    """Tags, checksums, points and outputs from which something might be gained elsewhere."""
    for cell in data["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception"]
        cell["metadata"]["nbgrader"] |= {"points": 100, "checksum": "0", "locked": False}
        cell["attachments"] = {"a.svg": {"image/svg+xml": "<svg onload=alert(1)>"}}
        cell["outputs"] = [{"output_type": "execute_result", "data": {"text/plain": "100"}}]


def only_answers(data: dict[str, Any]) -> None:
    data["cells"] = [c for c in data["cells"] if "answer:" in "".join(c["source"])]


@pytest.mark.parametrize(
    "change",
    [
        colab,
        reversed_cells,
        crlf,
        bom_in_cells,
        other_types,
        strange_kernel,
        no_metadata,
        metadata_of_wrong_types,
        hostile_tags,
        only_answers,
    ],
)
def test_answers_survive(
    release: nbformat.NotebookNode, change: Callable[[dict[str, Any]], None]
) -> None:
    data = plain(release)
    change(data)
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt) == WRITTEN
    assert (rebuilt.untouched, rebuilt.absent, rebuilt.extras) == (frozenset(), frozenset(), ())
    check_trusted(rebuilt, release)


def test_says_so_when_the_metadata_is_gone(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    colab(data)
    rebuilt = rebuild(upload(data), release)
    assert any("no nbgrader metadata" in notice for notice in rebuilt.notices)
    assert rebuilt.task_notices == {}


def test_one_answer_without_metadata_is_shown_to_the_instructor(
    release: nbformat.NotebookNode,
) -> None:
    data = plain(release)
    cell_of(data, "total")["metadata"] = {}
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt) == WRITTEN
    assert list(rebuilt.task_notices) == ["total"]
    assert rebuilt.notices == ()


def test_an_answer_without_marker_is_known_by_its_grade_id(release: nbformat.NotebookNode) -> None:
    rebuilt = rebuild(upload(plain(release, {"total": "total = 10"})), release)
    assert taken(rebuilt)["total"] == TOTAL


def test_an_answer_without_both_is_known_by_its_cell_id(release: nbformat.NotebookNode) -> None:
    data = plain(release, {"total": "total = 10"})
    cell = cell_of(data, "total")
    cell["metadata"] = {"id": cell.pop("id")}
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt)["total"] == TOTAL
    assert "cell id" in rebuilt.task_notices["total"]


def test_a_marker_need_not_be_the_first_line(release: nbformat.NotebookNode) -> None:
    data = plain(release, {**WRITTEN, "total": "%%time\n#answer : total \ntotal = 10"})
    cell_of(data, "total")["metadata"] = {}
    assert taken(rebuild(upload(data), release))["total"] == "# answer: total\n%%time\ntotal = 10"


def test_format_3_is_read(release: nbformat.NotebookNode) -> None:
    new = nbformat.reads(json.dumps(plain(release)), as_version=4)
    data = json.loads(nbformat.writes(nbformat.convert(new, 3), version=3))
    assert "worksheets" in data
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt) == WRITTEN
    check_trusted(rebuilt, release)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_other_encodings_are_read(release: nbformat.NotebookNode, encoding: str) -> None:
    written = {**WRITTEN, "why": "<!-- answer: why -->\nWeil ½ ≠ ⅓ 🙂"}
    text = json.dumps(plain(release, written), ensure_ascii=False)
    rebuilt = rebuild(text.encode(encoding), release)
    assert taken(rebuilt) == written


@pytest.mark.parametrize("lists", [False, True])
def test_sources_may_be_text_or_lists(release: nbformat.NotebookNode, lists: bool) -> None:
    data = plain(release)
    for cell in data["cells"]:
        text = "".join(cell["source"])
        cell["source"] = text.splitlines(keepends=True) if lists else text
    assert taken(rebuild(upload(data), release)) == WRITTEN


@pytest.mark.parametrize("source", [None, 7, {"a": "b"}, [1, None, ["x"]], True])
def test_a_source_of_another_type_is_empty(release: nbformat.NotebookNode, source: Any) -> None:
    data = plain(release)
    cell_of(data, "total")["source"] = source
    rebuilt = rebuild(upload(data), release)
    assert rebuilt.untouched == {"total"}
    assert taken(rebuilt)["double"] == DOUBLE


def test_what_utf8_cannot_hold_is_replaced(release: nbformat.NotebookNode) -> None:
    rebuilt = rebuild(upload(plain(release, {"total": f"{TOTAL}\n'\ud800\x00'"})), release)
    assert taken(rebuilt)["total"] == f"{TOTAL}\n'?'"
    nbformat.writes(rebuilt.notebook).encode("utf-8")


# Duplicates, missing and merged cells


def test_of_duplicates_the_last_changed_counts(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    original = deepcopy(cell_of(plain(release, {}), "total"))
    first = deepcopy(cell_of(data, "total"))
    first["source"] = "# answer: total\ntotal = 9"
    data["cells"] = [first, *data["cells"], original]
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt) == WRITTEN
    assert any("'total' was found 3 times" in notice for notice in rebuilt.notices)
    assert rebuilt.extras == ()
    check_trusted(rebuilt, release)


def test_duplicates_without_metadata(release: nbformat.NotebookNode) -> None:
    data = without_metadata(plain(release))
    data["cells"].append(code("# answer: total\ntotal = 11"))
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt)["total"] == "# answer: total\ntotal = 11"
    assert any("'total' was found 2 times" in notice for notice in rebuilt.notices)


def test_a_missing_answer_is_said(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    data["cells"] = [c for c in data["cells"] if "total" not in "".join(c["source"])]
    rebuilt = rebuild(upload(data), release)
    assert rebuilt.absent == {"total"}
    assert "total" not in rebuilt.untouched
    assert any("'total' is not in the upload" in notice for notice in rebuilt.notices)
    stub = {a.task: release.cells[a.cell].source for a in answers(release)}
    assert taken(rebuilt) == {**WRITTEN, "total": stub["total"]}
    check_trusted(rebuilt, release)


def test_a_copied_marker_takes_no_other_answers_cell(release: nbformat.NotebookNode) -> None:
    """Another answer's marker copied into a cell with its own grade id changes nothing."""
    data = plain(release, {**WRITTEN, "total": "# answer: double\ntotal = 10"})
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt)["double"] == DOUBLE
    assert "total = 10" in taken(rebuilt)["total"]


def test_merged_answers_serve_both_tasks(release: nbformat.NotebookNode) -> None:
    data = plain(release, {**WRITTEN, "double": f"{DOUBLE}\n{TOTAL}"})
    data["cells"].remove(cell_of(data, "total"))
    rebuilt = rebuild(upload(data), release)
    assert rebuilt.absent == frozenset()
    for task in ("double", "total"):
        assert "return x + x" in taken(rebuilt)[task]
        assert "total = 10" in taken(rebuilt)[task]


def test_a_split_answer_is_joined(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    first = cell_of(data, "double")
    second = deepcopy(first)
    first["source"] = "# answer: double\nhalf = 0.5"
    second["source"] = "def double(x):\n    return x / half"
    data["cells"].insert(data["cells"].index(first) + 1, second)
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt)["double"] == f"{first['source']}\n{second['source']}"
    assert any("split" in notice for notice in rebuilt.notices)


def test_pasted_images_are_left_out_aloud(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    cell_of(data, "why")["attachments"] = {"a.png": {"image/png": "AAAA"}}
    rebuilt = rebuild(upload(data), release)
    assert [n for n in rebuilt.notices if "Images" in n and "'why'" in n] == list(rebuilt.notices)
    check_trusted(rebuilt, release)


# The student's own cells


# Broken uploads
