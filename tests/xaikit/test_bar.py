"""Progress is one bar of one kind, and nothing of it stays: in a kernel and in a terminal."""

from __future__ import annotations

import re
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from xaikit import progress
from xaikit.core import passes

ROOT = Path(__file__).parents[2]
CELLS = {
    "start": "import time\nfrom xaikit import progress\nfrom xaikit.core import passes\n"
    "progress._PATIENCE = 0.2",
    "loops": """
for _ in progress.Bar(range(2), "outer"):
    for _ in progress.Bar(range(4), "inner"):
        time.sleep(0.1)
print("after")""",
    "rows": """
with passes.progress(9, "rows") as tell:
    for done in (3, 6, 9):
        time.sleep(0.15)
        tell(done)""",
    "short": 'for _ in progress.Bar(range(2), "short"):\n    pass',
    "left": """
left = progress.Bar(desc="a < b", total=4, unit="rows")
time.sleep(0.3)
left.update(2);""",
    "next": """
with progress.Bar(desc="next", total=4) as bar:
    time.sleep(0.3)
    bar.update(2)""",
}


@pytest.fixture(scope="module")
def outputs() -> dict[str, list[dict]]:
    """What a kernel shows of each cell when all have run."""
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS.values()]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells, strict=True)}


def is_nothing(output: dict) -> bool:
    return output["output_type"] == "display_data" and not any(output["data"].values())


def test_nothing_of_a_bar_stays_in_a_notebook(outputs: dict[str, list[dict]]) -> None:
    bar, after = outputs["loops"]  # one bar, although there are two loops
    assert is_nothing(bar) and (after["name"], after["text"]) == ("stdout", "after\n")
    (rows,) = outputs["rows"]
    assert is_nothing(rows)
    assert outputs["short"] == []


def test_a_bar_says_what_how_far_and_how_long(outputs: dict[str, list[dict]]) -> None:
    (left,) = outputs["left"]
    markup = left["data"]["text/html"]
    assert "a &lt; b <progress value" in markup and 'value="2" max="4"' in markup
    assert re.search(r"2 of 4 rows, 00:0\d so far, about 00:0\d left", markup)
    assert markup.startswith("<label>"), "a screen reader says what moves"
    assert "50%" in left["data"]["text/plain"]
    (other,) = outputs["next"]  # a bar that an earlier cell left does not hide it
    assert is_nothing(other)


def test_nothing_of_a_bar_stays_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_PATIENCE", 0.01)
    for _ in progress.Bar(range(2), "outer"):
        with passes.progress(3, "rows") as tell:
            time.sleep(0.12)
            tell(3)
    shown = capsys.readouterr()
    assert shown.out == "" and "outer" in shown.err and "rows" not in shown.err
    assert shown.err.split("\r")[-2].strip() == "" == shown.err.split("\r")[-1]


@pytest.mark.parametrize("folder", ["xaikit", "solutions"])
def test_there_is_no_bar_of_another_kind(folder: str) -> None:
    using = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"^\s*(from|import) tqdm", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert using <= {"xaikit/progress.py"}
