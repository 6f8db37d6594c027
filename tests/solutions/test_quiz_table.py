"""The table [quiz] of course.toml, as the checks of notebook 01 read it."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import pytest

from autograde.model.course import CourseError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("wrong = 1.0", "quiz.wrong should be a number from -100 to 0: it takes points off."),
        ('right = "1"', "quiz.right should be a number above 0, at most 100."),
        ("right = true", "quiz.right should be a number above 0, at most 100."),
        ("right = 0", "quiz.right should be a number above 0, at most 100."),
        ("right = nan", "quiz.right should be a number above 0, at most 100."),
        ("wrong = -inf", "quiz.wrong should be a number from -100 to 0: it takes points off."),
        ("abstain = 1.0", "quiz.abstain should be less than quiz.right."),
        ("abstain = -0.5", "quiz.abstain should be a number from 0 on, less than right."),
        ("seed = 1.5", "quiz.seed should be a whole number from 0 on."),
        ("wrnog = -1.0", "quiz.wrnog is not a key that [quiz] knows (right, wrong, abstain, seed);"
         " do you mean wrong?"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_quizs_table_is_one_sentence(
    tmp_path: Path, line: str, sentence: str
) -> None:
    """Read as the checks read it, by the file that asks for it."""
    key = line.partition(" ")[0]
    rows = {"right": "right = 1.0", "wrong": "wrong = -1.0", "abstain": "abstain = 0.0"}
    text = "\n".join({**rows, key: line}.values())
    head = 'name = "c"\nrepository = "a/b"\ntag = "v1"\n'
    (tmp_path / "course.toml").write_text(f"{head}[quiz]\n{text}\n")
    home = tmp_path / "solutions" / "01_theory" / "checks"
    home.mkdir(parents=True)
    ours = ROOT / "solutions" / "01_theory"
    shutil.copy(ours / "checks" / "statements.py", home)
    shutil.copy(ours / "quiz.toml", home.parent)
    with pytest.raises(CourseError) as caught:
        runpy.run_path(str(home / "statements.py"), run_name="statements")
    assert str(caught.value) == f"{tmp_path / 'course.toml'}: {sentence}"
