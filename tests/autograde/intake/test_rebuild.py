"""Rebuild: answers find their way into the trusted release, whatever became of the upload."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.utils import compute_checksum
from small_course import small_source

from autograde.intake.rebuild import EXTRA_LIMIT, Rebuilt, rebuild
from autograde.model.course_file import read_course
from autograde.notebooks.cells import answers
from autograde.notebooks.release import released, solutions, solved
from autograde.notebooks.source import find_source, read_source, sources
from xaikit.notebook_json import BrokenUploadError
from xaikit.uploads import CELL_LIMIT, SOURCE_LIMIT

REPOSITORY = Path(__file__).parents[3]

DOUBLE = "# answer: double\ndef double(x):\n    return x + x"
TOTAL = "# answer: total\ntotal = 10"
WHY = "<!-- answer: why -->\nBecause."
WRITTEN = {"double": DOUBLE, "total": TOTAL, "why": WHY}

Cells = list[dict[str, Any]]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    return released(small_source(tmp_path_factory.mktemp("course")))


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


def test_own_code_stays_before_the_answer_that_follows(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    tags = {"tags": ["skip-execution"], "nbgrader": {"grade_id": "mine", "points": 9}}
    data["cells"].insert(0, code("import random", metadata=tags, attachments={}, id="abc"))
    at = data["cells"].index(cell_of(data, "total"))
    data["cells"][at:at] = [code(["a = 1\n", "b = 2"]), {**code("text"), "cell_type": "markdown"}]
    rebuilt = rebuild(upload(data), release)
    check_trusted(rebuilt, release)
    sources = [c.source for c in rebuilt.notebook.cells]
    assert len(rebuilt.extras) == 2
    assert sources.index("import random") + 1 == sources.index(DOUBLE)
    assert sources.index("a = 1\nb = 2") + 1 == sources.index(TOTAL)
    assert "text" not in sources
    assert rebuilt.notices == ()


def test_own_code_follows_its_answer_when_cells_are_reordered(
    release: nbformat.NotebookNode,
) -> None:
    data = without_metadata(plain(release))
    by_marker = {"".join(c["source"]): c for c in data["cells"]}
    data["cells"] = [code("c = 3"), by_marker[TOTAL], code("d = 4"), by_marker[DOUBLE]]
    sources = [c.source for c in rebuild(upload(data), release).notebook.cells]
    assert sources.index("d = 4") + 1 == sources.index(DOUBLE) < sources.index("c = 3")
    assert sources.index("c = 3") + 1 == sources.index(TOTAL)


def test_code_after_the_last_answer_is_left_out_aloud(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    data["cells"].append(code("print('later')"))
    rebuilt = rebuild(upload(data), release)
    assert rebuilt.extras == ()
    assert any("after the last answer" in notice for notice in rebuilt.notices)


@pytest.mark.parametrize("grade_id", ["given-imports", "double-test"])
def test_a_changed_given_cell_is_the_original_again(
    release: nbformat.NotebookNode, grade_id: str
) -> None:
    data = plain(release)
    cell_of(data, grade_id)["source"] = "import os"
    rebuilt = rebuild(upload(data), release)
    check_trusted(rebuilt, release)
    assert rebuilt.extras == ()
    assert any(repr(grade_id) in notice and "originals" in notice for notice in rebuilt.notices)


def test_a_copy_of_a_given_cell_written_over_is_own_code(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    copy = deepcopy(cell_of(data, "given-imports")) | {"source": "import cmath"}
    data["cells"].insert(2, copy)
    rebuilt = rebuild(upload(data), release)
    assert [c.source for c in rebuilt.notebook.cells if c.id in rebuilt.extras] == ["import cmath"]
    check_trusted(rebuilt, release)


def test_a_copy_of_an_answer_written_over_is_own_code(release: nbformat.NotebookNode) -> None:
    """JupyterLab copies metadata with a cell: the copy holds a helper, the original the answer."""
    data = plain(release)
    copy = deepcopy(cell_of(data, "total")) | {"source": "helper = 1"}
    data["cells"].insert(data["cells"].index(cell_of(data, "total")), copy)
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt) == WRITTEN
    assert [c.source for c in rebuilt.notebook.cells if c.id in rebuilt.extras] == ["helper = 1"]


# Broken uploads


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"{", "not valid JSON"),
        (b"<html><title>Login</title></html>", "not valid JSON"),
        (b"PK\x03\x04\x14\x00\x00\x00", "not valid JSON"),
        (b"\x80\x81\xff\xfe", "not valid JSON"),
        (b'{"cells": [', "line 1"),
        (b"[" * 200_000, "nested"),
        (b'{"a":' * 200_000, "nested"),
        (b"[" * 200_000 + b"]" * 200_000, "nested"),
        (b"1" * 10_000, "not valid JSON"),
        (b"[]", "list of cells"),
        (b"null", "list of cells"),
        (b'"cells"', "list of cells"),
        (b"{}", "list of cells"),
        (b'{"cells": {}}', "list of cells"),
        (b'{"worksheets": 3}', "list of cells"),
    ],
)
def test_a_broken_upload_is_explained(
    release: nbformat.NotebookNode, content: bytes, says: str
) -> None:
    with pytest.raises(BrokenUploadError, match=says) as caught:
        rebuild(content, release)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "cells", [[], [1, None, "x", []], [{}], [{"cell_type": 3}], [{"source": "# answer: x"}]]
)
def test_cells_that_are_none_leave_every_answer_absent(
    release: nbformat.NotebookNode, cells: list[Any]
) -> None:
    rebuilt = rebuild(upload({"cells": cells}), release)
    assert rebuilt.absent == {"double", "total", "why"}
    assert sum("is not in the upload" in notice for notice in rebuilt.notices) == 3
    check_trusted(rebuilt, release)


def test_depth_inside_a_cell_is_harmless(release: nbformat.NotebookNode) -> None:
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    data = plain(release)
    cell_of(data, "total")["metadata"]["deep"] = deep
    cell_of(data, "why")["outputs"] = deep
    assert taken(rebuild(upload(data), release)) == WRITTEN


def test_whatever_is_damaged_is_either_read_or_explained(
    release: nbformat.NotebookNode,
) -> None:
    random = Random(0)
    strange: list[Any] = [
        None,
        -1,
        1e400,
        "",
        "\ud800",
        [],
        {},
        [[]],
        {"nbgrader": []},
        "# answer: x",
    ]

    def damage(value: Any) -> Any:
        if random.random() < 0.05:
            return random.choice(strange)
        if isinstance(value, dict):
            return {k: damage(v) for k, v in value.items()}
        return [damage(v) for v in value] if isinstance(value, list) else value

    whole = bytearray(upload(plain(release)))
    read = explained = 0
    for turn in range(400):
        content = bytearray(upload(damage(plain(release)))) if turn % 2 else bytearray(whole)
        for _ in range(0 if turn % 2 else random.randint(1, 3)):
            content[random.randrange(len(content))] = random.randrange(256)
        try:
            rebuilt = rebuild(bytes(content), release)
        except BrokenUploadError as error:
            explained += 1
            assert "\n" not in str(error)
        else:
            read += 1
            check_trusted(rebuilt, release)
    assert min(read, explained) > 20


def test_too_much_is_left_out_aloud(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    data["cells"][0:0] = [code("#" * (SOURCE_LIMIT + 1))]
    data["cells"][1:1] = [code(f"x = {i}" + "#" * (SOURCE_LIMIT - 10)) for i in range(8)]
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt) == WRITTEN
    own = [c.source for c in rebuilt.notebook.cells if c.id in rebuilt.extras]
    assert 0 < sum(map(len, own)) <= EXTRA_LIMIT
    assert any(str(SOURCE_LIMIT) in notice for notice in rebuilt.notices)
    assert any(str(EXTRA_LIMIT) in notice for notice in rebuilt.notices)


def test_the_largest_upload_takes_seconds(release: nbformat.NotebookNode) -> None:
    markers = "".join(f"# answer: {task}\n" for task in WRITTEN)
    sources = [markers + f"x{i} = 1\n" * 2000 for i in range(CELL_LIMIT)]
    data = plain(release)
    tagged = [{"nbgrader": {"grade_id": g}} for g in ("double", "given-imports", "x")]
    data["cells"] = [code(s, metadata=tagged[i % 3]) for i, s in enumerate(sources)]
    content = upload(data)
    assert len(content) > 20 << 20
    start = process_time()
    rebuilt = rebuild(content, release)
    assert process_time() - start < 20
    assert rebuilt.absent == frozenset()


def test_too_many_cells_are_left_out_aloud(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    data["cells"] += [code("x = 1")] * CELL_LIMIT
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt) == WRITTEN
    assert any(str(CELL_LIMIT) in notice for notice in rebuilt.notices)


def test_notices_hold_nothing_that_the_student_wrote(release: nbformat.NotebookNode) -> None:
    data = plain(release)
    for cell in data["cells"]:
        cell["metadata"]["nbgrader"]["grade_id"] += "<script>"
    data["cells"] += [code("# answer: <script>"), code("# answer: total\n<script>")] * 2
    rebuilt = rebuild(upload(data), release)
    assert "<script>" not in " ".join([*rebuilt.notices, *rebuilt.task_notices.values()])


@pytest.mark.parametrize("name", list(sources(REPOSITORY / "solutions")))
def test_our_own_notebooks_survive_without_metadata(name: str) -> None:
    source = read_source(find_source(REPOSITORY / "solutions", name), read_course(REPOSITORY))
    release = released(source)
    data = without_metadata(json.loads(nbformat.writes(solved(source))))
    rebuilt = rebuild(upload(data), release)
    assert taken(rebuilt) == solutions(source)
    assert (rebuilt.untouched, rebuilt.absent, rebuilt.extras) == (frozenset(), frozenset(), ())
    check_trusted(rebuilt, release)
