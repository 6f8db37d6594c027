"""Release: nbgrader's own result, the same bytes every time, and never a solution."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.apps.api import NbGraderAPI
from small_course import ANSWERS, SOURCE, small_source, write_course
from traitlets.config import Config

from autograde.model.course_file import read_course
from autograde.notebooks.answers import load_answers, submission
from autograde.notebooks.cells import SourceError, answers
from autograde.notebooks.release import release, released, solutions, solved, to_json
from autograde.safety.files import WriteError

REPOSITORY = Path(__file__).parents[3]


def quiet(line: str) -> None:
    """Take a report and drop it."""


def code(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(c.source for c in notebook.cells)


def test_is_what_nbgrader_itself_would_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # nbgrader runs alembic by its bare name.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    source = small_source(tmp_path / "course")
    folder = tmp_path / "nbgrader"
    (folder / "source" / "01_small").mkdir(parents=True)
    (folder / "source" / "01_small" / "01_small.ipynb").write_text(to_json(source.notebook))
    config = Config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.course_id = "small"
    config.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\npass"}
    config.ClearMarkScheme.enforce_metadata = False
    result = NbGraderAPI(config=config).generate_assignment("01_small")
    assert result["success"], result
    theirs = nbformat.read(folder / "release" / "01_small" / "01_small.ipynb", as_version=4)
    ours = released(source)
    assert [c.id for c in ours.cells] == [c.id for c in theirs.cells]
    for our, their in zip(ours.cells, theirs.cells, strict=True):
        assert (our.source, our.metadata) == (their.source, their.metadata)


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; "
        "from autograde.model.course_file import read_course; "
        "from autograde.notebooks.release import release; "
        "release([], read_course(Path(sys.argv[1])))"
    )
    for folder in ("here", "there"):
        write_course(tmp_path / folder)
    [path] = release([], read_course(tmp_path / "here"), quiet)
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "there")],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert path.read_bytes() == (tmp_path / "there" / "notebooks" / "01_small.ipynb").read_bytes()
    assert b"\r" not in path.read_bytes()


def test_says_what_it_wrote_and_where(tmp_path: Path) -> None:
    course = write_course(tmp_path)
    lines: list[str] = []
    paths = release(["01_small"], course, lines.append)
    assert paths == [tmp_path / "notebooks" / "01_small.ipynb"]
    assert len(lines) == 1
    assert str(paths[0]) in lines[0]
    assert "3 tasks, 9 points" in lines[0]
    assert code(nbformat.read(paths[0], as_version=4)) == code(released(small_source(tmp_path)))


def test_nothing_of_a_solution_or_check_is_left(tmp_path: Path) -> None:
    text = json.dumps(released(small_source(tmp_path)))
    for secret in ("twice_as_much", "sum(range(5))", "Because the sum", "Two points", "SOLUTION"):
        assert secret in SOURCE
        assert secret not in text
    for secret in ("MARK SCHEME", "autograde", "expect_close", "Twice as much, please"):
        assert secret not in text


def test_an_untouched_notebook_runs(tmp_path: Path) -> None:
    space: dict[str, object] = {}
    for cell in released(small_source(tmp_path)).cells:
        if cell.cell_type == "code":
            exec(cell.source, space)
    assert space["double"](2) is None  # type: ignore[operator]
    assert space["total"] is None


def test_an_error_leaves_everything_as_it_was(tmp_path: Path) -> None:
    course = write_course(tmp_path)
    [path] = release([], course, quiet)
    before = path.read_bytes()
    (tmp_path / "solutions" / "00_first.py").write_text("# %%\nprint('new')\n")
    (tmp_path / "solutions" / "01_small.py").write_text(
        SOURCE.replace('print("the end")', "# BEGIN SOLUTION")
    )
    with pytest.raises(SourceError):
        release([], course, quiet)
    assert path.read_bytes() == before
    assert not (tmp_path / "notebooks" / "00_first.ipynb").exists()


def everything_below(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("released_before", [True, False])
@pytest.mark.parametrize("full", ["notebooks/01_small.ipynb", "xaikit/assets/notebooks.json"])
def test_a_full_disk_leaves_everything_as_it_was(
    tmp_path: Path, full: str, released_before: bool
) -> None:
    """A device that is always full stands in for the disk, under the name that is written first."""
    course = write_course(tmp_path)
    (tmp_path / "xaikit" / "assets").mkdir(parents=True)
    (tmp_path / "solutions" / "00_first.py").write_text("# %%\nprint('old')\n")
    if released_before or full.startswith("notebooks/"):
        release([], course, quiet)
    if not released_before and full.startswith("xaikit/"):
        assert not (tmp_path / "notebooks").exists()
    (tmp_path / "solutions" / "00_first.py").write_text("# %%\nprint('new')\n")
    part = tmp_path / full
    part = part.with_name(f".{part.name}.part")
    before = everything_below(tmp_path)
    part.symlink_to("/dev/full")
    with pytest.raises(WriteError) as caught:
        release([], course, quiet)
    assert str(caught.value).startswith(f"{tmp_path / full} cannot be written (No space left on")
    assert everything_below(tmp_path) == before


def test_an_unknown_name_is_answered_with_the_known(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"02_large\.py; there is 01_small\."):
        release(["02_large"], write_course(tmp_path), quiet)


def test_the_solved_notebook_is_the_release_with_answers(tmp_path: Path) -> None:
    source = small_source(tmp_path)
    notebook = solved(source)
    assert [c.id for c in notebook.cells] == [c.id for c in released(source).cells]
    space: dict[str, object] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(cell.source, space)
    assert space["double"](21) == 42  # type: ignore[operator]
    assert space["total"] == 10
    assert solutions(source)["why"] == (
        "<!-- answer: why -->\nWhy is the total what it is?\n\n"
        "Because the sum of the first n numbers is n (n - 1) / 2."
    )


def test_answers_are_read_and_filled_in(tmp_path: Path) -> None:
    source = small_source(tmp_path)
    kinds = load_answers(tmp_path / "solutions" / "01_small.py")
    assert {task: sorted(found) for task, found in kinds.items()} == {
        "double": ["alternative", "wrong"],
        "total": ["alternative", "wrong"],
        "why": ["alternative"],
    }
    assert kinds["total"]["alternative"] == "# answer: total\ntotal = 0 + 1 + 2 + 3 + 4"
    notebook = released(source)
    filled = submission(notebook, {"total": kinds["total"]["alternative"]})
    changed = [
        i for i, (a, b) in enumerate(zip(notebook.cells, filled.cells, strict=True)) if a != b
    ]
    assert changed == [answers(notebook)[1].cell]
    with pytest.raises(SourceError, match="'third'"):
        submission(notebook, {"third": ""})


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('kind="wrong"\n# answer: double', 'kind="worng"\n# answer: double', "cell 2"),
        ("# answer: total\ntotal = sum(range(6))", "total = sum(range(6))", "# answer: total"),
        ('answer="total" kind="wrong"', 'answer="total" kind="alternative"', "another answer"),
    ],
)
def test_a_slip_in_the_answers_is_one_sentence(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    assert old in ANSWERS
    write_course(tmp_path, answers=ANSWERS.replace(old, new))
    with pytest.raises(SourceError, match=says):
        load_answers(tmp_path / "solutions" / "01_small.py")
