"""A student's own look at the file finds what grading will find, on every mishap that we know."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pdfs
import pytest
from nbformat.v4 import new_markdown_cell
from small_course import SOURCE
from small_course import write_course as write_small

from autograde.grading.mark import Timing, load_assignment, mark
from autograde.intake import rebuild as rebuilding
from autograde.model.course_file import read_course
from autograde.notebooks.answers import submission
from autograde.notebooks.cells import SourceError, answers
from autograde.notebooks.release import manifest, released, solutions, to_json
from autograde.notebooks.source import read_source
from tests.redteam import denial, unfair, unfair_form  # noqa: F401  # they register their cases
from tests.redteam.case import CASES, Case
from tests.redteam.toy import NAME, RIGHT, answered, assignment, write_course
from tests.sheets import MARKED, source
from tests.sheets import NAMES as NOTEBOOKS
from xaikit import checks
from xaikit.handin import ready
from xaikit.handin.notebook_json import BrokenUploadError
from xaikit.handin.opened import Verdict
from xaikit.handin.released import Released, ReleasedCell
from xaikit.handin.unseen import ByHand
from xaikit.handin.uploads import SIZE_LIMIT

REPOSITORY = Path(__file__).parents[3]
# What happens to the file only; what happens in the kernel does not show in it.
UNFAIR = [c for c in CASES if c.kind == "unfair" or c.name in ("nested-notebook",)]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return assignment(write_course(tmp_path_factory.mktemp("course"))).released


def known(notebook: Any) -> dict[str, Released]:
    """Return the manifest as the package reads it."""
    return {NAME: Released.read(json.loads(json.dumps(manifest(notebook, {}))))}


def look(
    notebook: Any, content: bytes, folder: Path, name: str = f"{NAME}.ipynb", **options: Any
) -> Verdict:
    (folder / name).write_bytes(content)
    return ready.check(folder / name, known=known(notebook), **options)


DAMAGED = {"indented-answer", "indented-rest", "tabs-and-spaces", "typographic-quotes"}


@pytest.mark.parametrize("case", UNFAIR, ids=lambda case: case.name)
def test_it_finds_what_grading_finds(case: Case, toy: Any, tmp_path: Path) -> None:
    content = case.upload(toy)
    verdict = look(toy, content, tmp_path)
    try:
        expected = rebuilding.rebuild(content, toy)
    except BrokenUploadError as error:
        assert (verdict.good, verdict.upload) == (False, None)
        assert str(error) in str(verdict)
        return
    upload = verdict.upload
    assert upload is not None
    assert set(upload.chosen) == {a.task for a in answers(toy)} - expected.absent
    assert upload.untouched == expected.untouched
    # Grading reads what copying has damaged; the student's own notebook does not.
    damaged = "Python cannot run" in str(verdict)
    assert damaged == (case.name in DAMAGED)
    assert verdict.good == (not expected.absent and not damaged)
    sources_of = {a.task: expected.notebook.cells for a in answers(expected.notebook)}
    for answer in answers(expected.notebook):
        if answer.task in upload.chosen and answer.task not in upload.untouched:
            graded = sources_of[answer.task][answer.cell].source
            found = upload.cells[upload.chosen[answer.task]].source
            assert lines_of(graded) == lines_of(found)


def lines_of(source: str) -> list[str]:
    """Return the lines that hold something, but for the marker's."""
    lines = (line.strip() for line in source.split("\n"))
    return [line for line in lines if line and "answer" not in line.lower()]


def test_it_says_what_is_missing_and_what_is_untouched(toy: Any, tmp_path: Path) -> None:
    notebook = answered(toy, {t: s for t, s in RIGHT.items() if t != "quiz"})
    gone = next(c for c in notebook.cells if c.source.startswith("# answer: total"))
    gone.source, gone.id = "total = 5050", "x"
    gone.metadata.pop("nbgrader")
    verdict = look(toy, to_json(notebook).encode(), tmp_path)
    assert not verdict.good
    assert "4 of 5 answer cells are found, 3 of them written into." in str(verdict)
    assert "✗ total: put the line # answer: total at the top" in str(verdict)
    assert "Not answered: quiz." in str(verdict)
    assert "handed in" not in str(verdict)
    assert look(toy, to_json(answered(toy, RIGHT)).encode(), tmp_path).lines[-1].startswith("✓")


def test_the_wrong_file_is_recognised(toy: Any, tmp_path: Path) -> None:
    content = to_json(answered(toy, RIGHT)).encode()
    other = ReleasedCell.of("a", "a", "answer", "# answer: a")
    both = {**known(toy), "02_other": Released("x", (other,))}
    (tmp_path / "02_other.ipynb").write_bytes(content)
    verdict = ready.check(tmp_path / "02_other.ipynb", known=both)
    assert "is called 02_other.ipynb, but holds the answers of 01_toy" in str(verdict)
    assert not verdict.good
    (tmp_path / "holiday.ipynb").write_text('{"cells": [], "nbformat": 4}')
    verdict = ready.check(tmp_path / "holiday.ipynb", known=both)
    assert "is it the right file" in str(verdict) and not verdict.good


def test_a_notebook_without_tasks_is_known_by_its_name_or_its_release(
    toy: Any, tmp_path: Path
) -> None:
    appendix = Released("abc123def456", (ReleasedCell.of("c", "c", "given", "1 + 1"),))
    both = {**known(toy), "02_appendix": appendix}
    empty: dict[str, Any] = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "Copy of 02_appendix.ipynb").write_text(json.dumps(empty))
    renamed = {**empty, "metadata": {"course": {"release": "abc123def456"}}}
    (tmp_path / "mine.ipynb").write_text(json.dumps(renamed))
    for name in ("Copy of 02_appendix.ipynb", "mine.ipynb"):
        verdict = ready.check(tmp_path / name, known=both)
        assert verdict.lines[1:] == [
            "✗ 02_appendix has no task: it is not handed in, and nothing in it is marked."
        ]
    (tmp_path / "holiday.ipynb").write_text(json.dumps(empty))
    assert "02_appendix" not in str(ready.check(tmp_path / "holiday.ipynb", known=both))


def test_another_release_is_named(toy: Any, tmp_path: Path) -> None:
    notebook = answered(toy, RIGHT)
    notebook.metadata["course"]["release"] = "0123456789ab"
    verdict = look(toy, to_json(notebook).encode(), tmp_path)
    assert "made from the release 0123456789ab" in str(verdict) and verdict.good
    for odd in ({"release": 3}, {"release": "\x1b[31m"}, [], None):
        notebook.metadata["course"] = odd
        verdict = look(toy, to_json(notebook).encode(), tmp_path)
        assert verdict.good and "made from" not in str(verdict)


def test_a_file_older_than_what_was_run_is_noticed(toy: Any, tmp_path: Path) -> None:
    content = to_json(answered(toy, RIGHT)).encode()
    old = f"# answer: total\n{RIGHT['total']}"
    history = ["", old, "1 + 1", "# answer: total\ntotal = 3", None]
    verdict = look(toy, content, tmp_path, ran=ready.last_run(history))
    assert "What you ran last is not what the file holds (total)" in str(verdict)
    assert not verdict.good
    assert look(toy, content, tmp_path, ran=ready.last_run([*history, old])).good


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\x80\x81"])
def test_a_broken_file_is_explained_as_grading_explains_it(
    toy: Any, tmp_path: Path, content: bytes
) -> None:
    with pytest.raises(BrokenUploadError) as caught:
        rebuilding.rebuild(content, toy)
    verdict = look(toy, content, tmp_path)
    assert str(caught.value) in str(verdict) and not verdict.good


@pytest.mark.parametrize(
    ("task", "source", "says"),
    [
        ("total", "total = (1,", "✗ total: Python cannot run this answer's cell"),
        ("total", "%%bash\nls", "✗ total: Python cannot run this answer's cell (below %%bash"),
        ("total", f"total = {'1+' * 150_000}1", "✗ total: this answer's cell is too long"),
        ("mean-square", "def mean_square(x):\n    return table[x]", "✗ `mean_square` uses `table`"),
        ("mean-square", "import xaikit\ndef mean_square(x):\n    return xaikit.mean(x)",
         "✗ `mean_square` uses `xaikit`"),
    ],
)  # fmt: skip
def test_what_grading_cannot_follow_is_said(
    toy: Any, tmp_path: Path, task: str, source: str, says: str
) -> None:
    notebook = answered(toy, {**RIGHT, task: source})
    (tmp_path / f"{NAME}.ipynb").write_text(to_json(notebook))
    released_as = replace(
        known(toy)[NAME],
        by_hand=(ByHand(("mean_square",), frozenset({"numpy"}), frozenset({"table"})),),
    )
    verdict = ready.check(tmp_path / f"{NAME}.ipynb", known={NAME: released_as})
    assert says in str(verdict)
    assert not verdict.good and "✓ This file" not in str(verdict)


def test_a_text_beside_its_cell_is_said(toy: Any, tmp_path: Path) -> None:
    notebook = answered(toy, RIGHT)
    why = next(c for c in notebook.cells if "answer: why" in c.source)
    why.source = next(c.source for c in toy.cells if "answer: why" in c.source)
    notebook.cells.append(new_markdown_cell("Shares of one total."))
    verdict = look(toy, to_json(notebook).encode(), tmp_path)
    assert "why: its cell is as it was handed out, with cells of your own beside it" in str(verdict)
    assert "Not answered" not in str(verdict)


def test_a_file_that_is_too_large_is_not_read(toy: Any, tmp_path: Path) -> None:
    file = tmp_path / f"{NAME}.ipynb"
    with file.open("wb") as stream:
        stream.truncate(SIZE_LIMIT + 1)
    verdict = ready.check(file, known=known(toy))
    assert "larger than 32 MB" in str(verdict) and not verdict.good


def test_in_a_notebook_it_never_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks.upload(str(tmp_path / "01_theory.ipynb"))
    assert "There is no file" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    checks.upload(str(tmp_path / "01_theory.ipynb"))
    assert "File → Download" in capsys.readouterr().out


def test_the_packaged_list_is_what_release_generates(tmp_path: Path) -> None:
    packaged = (REPOSITORY / "xaikit" / "assets" / "notebooks.json").read_text(encoding="utf-8")
    made, solved = {}, {}
    group_size = read_course(REPOSITORY).group_size
    for name in NOTEBOOKS:
        notebook = released(source(name))
        made[name] = manifest(notebook, source(name).checks.tasks, group_size)
        solved[name] = submission(notebook, solutions(source(name)))
    assert json.loads(packaged) == made
    # Of the author's own answers nothing is complained of, with a report where one is asked for.
    (tmp_path / "report.pdf").write_bytes(pdfs.pages())
    for name, notebook in solved.items():
        (tmp_path / f"{name}.ipynb").write_text(to_json(notebook))
        lines = ready.check(tmp_path / f"{name}.ipynb").lines
        if name not in MARKED:
            assert lines[1:] == [
                f"✗ {name} has no task: it is not handed in, and nothing in it is marked."
            ]
            continue
        expected = ["–", *"✓✓✓", *("✓" if made[name]["report"] else "")]
        assert [line[0] for line in lines] == expected, "\n".join(lines)


@pytest.mark.parametrize("name", MARKED)
def test_every_notebook_ends_with_a_look_at_its_file_that_grading_skips(name: str) -> None:
    last = [cell for cell in source(name).notebook.cells if cell.cell_type == "code"][-1]
    assert last.source == f'checks.upload("{name}.ipynb")'
    assert last.metadata.tags == ["hand-in"]


@pytest.mark.parametrize(("tag", "outputs"), [(' tags=["hand-in"]', 0), ("", 1)])
def test_grading_skips_what_looks_at_the_file(tag: str, outputs: int, tmp_path: Path) -> None:
    """Where a submission runs, there is no file: the feedback would end with that."""
    cell = f'\n# %%{tag}\nprint("There is no file.")\n'
    trusted = load_assignment("01_small", write_small(tmp_path, SOURCE + cell).file)
    content = to_json(submission(trusted.released, trusted.solutions)).encode()
    record, _ = mark(content, "Ada", trusted, b"secret" * 4, Timing(), "bubblewrap", ())
    assert (record.status, record.earned) == ("manual_pending", 5)
    assert len(record.notebook["cells"][-1]["outputs"]) == outputs


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ('# %% [markdown] tags=["hand-in"]\n# text', "only a given code cell"),
        ('# %% tags=["hand-in"]\nfile = 1', "but it defines 'file'"),
        ('# %% tags=["hand-in"]\n%ls', "is plain Python"),
    ],
)
def test_what_grading_must_not_skip_is_refused(cell: str, words: str, tmp_path: Path) -> None:
    course = write_small(tmp_path, f"{SOURCE}\n{cell}\n")
    with pytest.raises(SourceError, match=words):
        read_source(tmp_path / "solutions" / "01_small.py", course)


def test_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "xaikit", "check"]
    environment = {**os.environ, "XAIKIT_OFFLINE": "1"}
    blank = subprocess.run(
        [*command, REPOSITORY / "notebooks" / "01_theory.ipynb"],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert blank.returncode == 1 and "It is the notebook 01_theory." in blank.stdout
    assert "tasks are answered: it can be uploaded, but earns nothing." in blank.stdout
    bad = subprocess.run(
        [*command, tmp_path / "none.ipynb"],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert (bad.returncode, bad.stderr) == (1, "") and "There is no file" in bad.stdout
