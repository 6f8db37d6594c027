"""`make quick` finds the tests that stand beside a file, and `make help` lists every target."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.ci_scripts import script

ROOT = Path(__file__).parents[1]
beside = script("beside")

FILES = (
    "tests/solutions/test_four_answers.py",
    *("tests/xaikit/metrics/test_ranks.py", "tests/xaikit/metrics/test_metrics.py"),
    *("tests/xaikit/test_models.py", "tests/autograde/test_run.py", "tests/redteam/case.py"),
    *("tests/solutions/test_01_theory.py", "tests/solutions/test_01_theory_surrogates.py"),
)


@pytest.mark.parametrize(
    ("file", "tests"),
    [
        ("xaikit/metrics/ranks.py", {"tests/xaikit/metrics/test_ranks.py"}),
        ("xaikit/metrics/other.py", {"tests/xaikit/metrics"}),
        ("xaikit/metrics/__init__.py", {"tests/xaikit/metrics"}),
        ("xaikit/models.py", {"tests/xaikit/test_models.py"}),
        ("xaikit/checks/quiz.py", set()),
        ("xaikit/core/chunks.py", set()),
        ("autograde/sandbox/run.py", {"tests/autograde/test_run.py"}),
        (
            "solutions/01_theory/answers/shapley.py",
            {"tests/solutions/test_01_theory.py", "tests/solutions/test_01_theory_surrogates.py"},
        ),
        ("tests/autograde/test_run.py", {"tests/autograde/test_run.py"}),
        ("tests/autograde/test_deleted.py", set()),
        ("tests/redteam/case.py", {"tests/redteam"}),
        ("pyproject.toml", {"tests/test_environment.py"}),
    ],
)
def test_beside_a_file_stand_the_tests_of_its_name_or_else_its_folders(
    file: str, tests: set[str], tmp_path: Path
):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert beside.beside(file, tmp_path) == tests


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_what_differs_from_main_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(beside, "ROOT", tmp_path)
    git(tmp_path, "init", "--initial-branch", "main")
    for number in range(2):
        (tmp_path / f"main{number}").touch()
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-m", "main")
    assert beside.changed() == {"main1"}  # nothing differs: what the last commit did
    git(tmp_path, "switch", "-c", "branch")
    (tmp_path / "committed").touch()
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "branch")
    (tmp_path / "main0").write_text("changed")
    (tmp_path / "new").touch()
    assert beside.changed() == {"committed", "main0", "new"}


def test_help_says_what_every_target_does():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"],  # `make test` runs this: no "Entering directory".
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split(maxsplit=1) for line in shown.stdout.splitlines()]
    assert [name for name, _ in lines] == phony.split()


def test_tests_get_between_one_and_four_workers(tmp_path: Path):
    done = subprocess.run(
        ["/bin/sh", ROOT / ".ci" / "workers"], cwd=tmp_path, capture_output=True, text=True
    )
    assert re.fullmatch(r"[1-4]\n", done.stdout), done
    assert [*tmp_path.iterdir()] == [], "awk wrote a file in place of a comparison"
