"""Uploads that are broken, too large or strange: each is read or explained."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import nbformat
import pytest
from rebuilding import (
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
from autograde.model.course_file import read_course
from autograde.notebooks.release import released, solutions, solved
from autograde.notebooks.source import find_source, read_source, sources
from xaikit.handin.notebook_json import BrokenUploadError
from xaikit.handin.own_cells import OWN_LIMIT
from xaikit.handin.read_cells import CELL_LIMIT, SOURCE_LIMIT

REPOSITORY = Path(__file__).parents[3]


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
    [said] = [notice for notice in rebuilt.notices if "not in the upload" in notice]
    assert said.startswith("3 answer cells") and said.endswith("double, total, why.")
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
    assert 0 < sum(map(len, own)) <= OWN_LIMIT
    assert any(str(SOURCE_LIMIT) in notice for notice in rebuilt.notices)
    assert any(str(OWN_LIMIT) in notice for notice in rebuilt.notices)


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
