"""A small upload leaves little behind, whatever it puts out, and takes little memory to read."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from graded_class import NAME, small_class
from PIL import Image

from autograde.reports.feedback import feedback_path, write_feedback
from autograde.safety import sanitize
from autograde.safety.sanitize import Budget, clean_outputs
from xaikit.handin.notebook_json import BrokenUploadError
from xaikit.handin.uploads import read_upload


def noise(side: int) -> dict[str, object]:
    """Return a display of a picture with two colours, one bit a pixel as it is handed in."""
    dots = np.random.default_rng(side).integers(0, 2, (side, side), dtype=np.uint8)
    picture = Image.fromarray(dots, "P")
    picture.putpalette([250, 10, 90, 20, 230, 170])
    file = io.BytesIO()
    picture.save(file, "PNG", bits=1)
    data = {"image/png": base64.b64encode(file.getvalue()).decode()}
    return {"output_type": "display_data", "data": data, "metadata": {}}


def test_pictures_are_counted_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell's outputs are one part of what the notebook may show; encoded anew, they grow."""
    monkeypatch.setattr(sanitize, "SIZE_IN_ALL", 400_000)
    budget = Budget()
    cells = [clean_outputs([noise(300)] * 20, budget) for _ in range(10)]
    assert len(json.dumps(noise(300))) * 1.5 < len(json.dumps(cells[0][0]))
    assert 300_000 < len(json.dumps(cells)) < 450_000


def test_text_is_counted_over_all_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sanitize, "SIZE_IN_ALL", 100_000)
    budget = Budget()
    line = {"output_type": "stream", "name": "stdout", "text": "🙂" * 1000}
    error = {"output_type": "error", "ename": "E", "evalue": "e", "traceback": ["x" * 2000] * 50}
    cells = [clean_outputs([line, error], budget) for _ in range(50)]
    assert len(json.dumps(cells, ensure_ascii=False).encode()) < 120_000
    assert "left out" in str(cells[-1])


def test_a_groups_page_is_stored_once(tmp_path: Path) -> None:
    """Each member finds it in the own folder; who gets another page does not change the group's."""
    small = small_class(tmp_path / "course")
    out = tmp_path / "out"
    members = small.course.members("Group 1")
    assert len(members) == 2

    def page(student: str) -> Path:
        return out / feedback_path(student, NAME)

    for _ in range(2):  # the second time over what is there
        write_feedback([small.result("Group 1")], small.course, out)
        assert {page(who).stat().st_ino for who in members} == {page("Group 1").stat().st_ino}
        assert page("Group 1").stat().st_nlink == 3
    group = page("Group 1").read_bytes()
    write_feedback([small.result(members[0], {"double": 0.0})], small.course, out)
    assert page("Group 1").read_bytes() == page(members[1]).read_bytes() == group
    assert page(members[0]).read_bytes() != group
    assert not [path for path in out.rglob("*") if path.name.endswith(".part")]


def test_where_files_have_one_name_a_page_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    small = small_class(tmp_path / "course")
    write_feedback([small.result("Group 1")], small.course, tmp_path)
    pages = [
        tmp_path / feedback_path(who, NAME) for who in ("Group 1", *small.course.members("Group 1"))
    ]
    assert len({path.read_bytes() for path in pages}) == 1


@pytest.mark.parametrize("unit", ["[[]],", '{"a":{}},', '"ab",', "1.5,", "[],"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_file_of_values_is_refused_before_it_takes_memory(
    unit: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object, **__: object) -> None:
        raise AssertionError("the values were read, at up to 200 bytes each")

    monkeypatch.setattr(json, "loads", read)
    text = '{"cells":[' + unit * ((12 << 20) // len(unit)) + "1]}"
    with pytest.raises(BrokenUploadError, match="more values than a notebook"):
        read_upload(text.encode(encoding), {})


def test_large_notebooks_are_read() -> None:
    """Megabytes of text with all the signs of JSON in it, and a plot's hundred thousand numbers."""
    plot = {"data": {"application/json": [list(range(100))] * 1000}, "output_type": "display_data"}
    cells = [
        {"cell_type": "code", "source": '# answer: a\n"[{,\\\\" ' * 5_000, "outputs": [plot]},
        {"cell_type": "code", "source": "x", "outputs": [{"text": '[1, {2, \\" ' * 500_000}]},
    ]
    content = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}).encode()
    assert content.count(b"[") > 300_000
    assert len(read_upload(content, {}).cells) == 2
