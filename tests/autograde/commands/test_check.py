"""``autograde check`` and ``autograde new``: what an author is told of notebooks with faults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small_course import ANSWERS, CHECKS, COURSE, SOURCE, write_course

from autograde.__main__ import main
from autograde.commands import check as command
from autograde.commands.check import check
from autograde.commands.new import new
from autograde.errors import AutogradeError
from autograde.model.course_file import read_course
from autograde.notebooks.release import release

PLAIN = SOURCE.replace(" + math.floor(0.5) * x - 0 * x", "")


def found(folder: Path, source: str = PLAIN, checks: str = CHECKS, answers: str = ANSWERS) -> str:
    """Return the list at the end, with paths from the course's folder on."""
    lines: list[str] = []
    course = write_course(folder, source, checks, answers)
    assert not check([], course, lines.append)
    start = next(i for i, line in enumerate(lines) if "to put right in 01_small" in line)
    return "\n".join(lines[start + 1 :])


def test_a_new_notebook_is_ready_and_graded(tmp_path: Path) -> None:
    course = write_course(tmp_path)
    lines: list[str] = []
    written = new("08_concepts", course, lines.append)
    assert {file.parent.name for file in written} == {"08_concepts", "checks", "answers"}
    assert "[assignments.08_concepts]" in "\n".join(lines)
    said: list[str] = []
    assert check(["08_concepts"], course, said.append), said
    assert said[-1] == "Nothing is wrong in 08_concepts."
    release([], course, said.append)  # which keeps what it knows of checks, and imports none
    assert check(["08_concepts"], course, said.append), said
    assert said[-1] == "Nothing is wrong in 08_concepts."


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("concepts", "is no name"),
        ("08_Concepts", "is no name"),
        ("08_", "is no name"),
        ("../08_a", "is no name"),
        ("08_a b", "is no name"),
        ("01_small", "is there already"),
        ("01_other", "is there already"),
    ],
)
def test_a_name_that_is_none_or_taken_is_refused(tmp_path: Path, name: str, why: str) -> None:
    course = write_course(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(AutogradeError, match=why) as refused:
        new(name, course)
    assert "\n" not in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_right_name_beside_a_folder_without_sections_is_refused(tmp_path: Path) -> None:
    course = write_course(tmp_path)
    (tmp_path / "solutions" / "08_a").mkdir()
    with pytest.raises(AutogradeError, match="is there already"):
        new("08_a", course)


def test_constants_that_earn_points_are_told(tmp_path: Path) -> None:
    said = found(tmp_path)
    assert said.startswith("solutions/01_small.py:31: cell 'total'"), said
    assert "an answer without thought earns 100% of the points: all: 10" in said
    assert len(said.splitlines()) == 1  # all else is right


def test_a_guess_that_may_pay_says_why(tmp_path: Path) -> None:
    notes = tmp_path / "tests" / "mutants" / "01_small.toml"
    notes.parent.mkdir(parents=True)
    notes.write_text('[[guess]]\ntask = "total"\nreason = "the task is to count"\n')
    assert check([], write_course(tmp_path, PLAIN), lambda line: None)


def test_everything_that_is_wrong_is_told_in_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "SECONDS", -1)
    source = PLAIN.replace(
        'print("the end")',
        "import matplotlib.pyplot as plt\n_, axis = plt.subplots()\naxis.plot([1, 2])\n"
        "if math.inf < 0:\n    print(not_there)",
    )
    checks = CHECKS.replace("2 * call.arguments[0]", "call.returned")  # any number is right
    answers = ANSWERS.replace('answer="double" kind="wrong"', "")
    said = found(tmp_path, source, checks, answers)
    for what in (
        "01_small_answers.py: the task 'double' is not tested with a plausible mistake",
        "01_small.py:23: cell 'double' (twice_as_much = x * 2): mutant that the hidden check lets",
        "a figure has no title",
        "no cell above defines not_there",
        "should take at most",
        "an answer without thought earns",
    ):
        assert what in said, (what, said)
    numbers = [int(n) for n in re.findall(r"(?m)^solutions/01_small\.py:(\d+):", said)]
    assert len(numbers) > 3
    assert numbers == sorted(numbers)


def test_a_solution_that_is_wrong_or_lacks_its_function_is_told(tmp_path: Path) -> None:
    wrong = PLAIN.replace("x * 2", "x * 3").replace("total = sum(range(5))", "total = 9")
    said = found(tmp_path / "wrong", wrong)
    assert "the solution earns 0 of 2 points" in said
    assert "the solution earns 1.5 of 3 points" in said
    renamed = CHECKS.replace('Call("double"', 'Call("twice"')
    assert "the solution defines no function twice(…)" in found(tmp_path / "none", PLAIN, renamed)


def test_a_leak_and_a_task_without_a_check_are_told_together(tmp_path: Path) -> None:
    leak = PLAIN.replace('print("the end")', "total_by_hand = sum(range(5)) + len(range(5)) * 0")
    leak = leak.replace("total = sum(range(5))", "total = sum(range(5)) + len(range(5)) * 0")
    checks = CHECKS.replace('@task("double", Call("double"', '@task("other", Call("double"')
    said = found(tmp_path, leak, checks)
    assert "there is no task for the answer cell 'double'" in said
    assert "resembles the solution of 'total'" in said


def test_the_command_ends_with_status_1_and_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_course(tmp_path, PLAIN)
    monkeypatch.chdir(tmp_path)
    assert main(["check", "01_small"]) == 1
    assert "1 thing to put right in 01_small" in capsys.readouterr().out
    assert main(["check", "07_none"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_course_file_is_as_it_was(tmp_path: Path) -> None:
    course = write_course(tmp_path)
    new("08_concepts", course, lambda line: None)
    assert (tmp_path / "course.toml").read_text() == COURSE
    assert read_course(tmp_path).assignments.keys() == {"01_small"}


def test_what_answers_print_reaches_no_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bar = "import sys; print('50 %', file=sys.stderr); twice_as_much = x * 2"
    found(tmp_path, PLAIN.replace("twice_as_much = x * 2", bar))
    assert "50 %" not in "".join(capfd.readouterr())


def test_files_that_cells_write_do_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = '# %%\nopen("page.txt", "w").write("a page")\nassert open("page.txt").read()\n\n'
    course = write_course(tmp_path, PLAIN.replace("# %% nbgrader", writes + "# %% nbgrader", 1))
    monkeypatch.chdir(tmp_path)
    lines: list[str] = []
    check([], course, lines.append)
    assert not any("it fails" in line for line in lines), lines
    assert not (tmp_path / "page.txt").exists()
