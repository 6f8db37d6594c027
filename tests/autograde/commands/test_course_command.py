"""``autograde course``: what was understood of course.toml, and a status that a script reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small_course import COURSE, write_course

from autograde.__main__ import main

ZONED = COURSE.replace("group_size", 'timezone = "Europe/Vienna"\ngroup_size').replace(
    "[quiz]\nright = 1.0\n",
    '[accommodations]\n"Ada Lovelace" = { extra_days = 3, late_penalty = false }\n'
    "[late]\npercent_per_day = 10\ngrace_hours = 2\nmax_percent = 50\n",
)


def said(
    folder: Path, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    write_course(folder)
    (folder / "course.toml").write_text(text)
    monkeypatch.chdir(folder)
    status = main(["course"])
    return status, capsys.readouterr().out


def test_everything_that_was_understood_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = said(tmp_path, ZONED, monkeypatch, capsys)
    assert status == 0
    lines = [line.strip() for line in out.splitlines()]
    for line in (
        "Times are those of Europe/Vienna, summer time included.",
        "01_small, “A small notebook”: 3 tasks, 9 points, which count for 100 % of the course; due "
        "on Friday, 30 April 2027, 23:59 CEST.",
        "Every day begun after the deadline takes 10 % off the points earned, at most 50 %. Within "
        "2 hours nothing is taken off.",
        "Ada Lovelace: 3 more days for every assignment, no late penalty. That gives:",
        "01_small by Monday, 3 May 2027, 23:59 CEST.",
        "The same holds for Group 1, to which Ada Lovelace belongs.",
        "Grace Hopper: an extension for 01_small. That gives:",
        "01_small by Friday, 7 May 2027, 23:59 CEST.",
        "3 students on the class list.",
        "Group 1: Ada Lovelace, Alan Turing.",
        "Without a group: Grace Hopper.",
        "Those who mark see names.",
        "Nothing.",
    ):
        assert line in lines


def test_what_is_missing_is_said_and_gives_another_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = ZONED.replace('deadline = "2027-04-30T23:59:00+02:00"', "weight = 0")
    text = text.replace("percent_per_day = 10\n", "").replace("max_percent = 50\n", "")
    text += '[assignments.02_smal]\ndeadline = "2027-04-30T23:59"\nweight = 0\n[essay]\nwords = 3\n'
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "03_broken.py").write_text("# %% nbgrader={}\n{{ nothing }}\n")
    status, out = said(tmp_path, text, monkeypatch, capsys)
    assert status == 1
    wrong = out.partition("To put right")[2]
    for sentence in (
        "assignments.02_smal is no notebook in ",
        "03_broken.py:2: ",
        "course.toml gives no deadline to 01_small, so nobody is late; if that is not meant, write "
        "deadline = … below [assignments.01_small].",
        "course.toml has a table [essay], but no notebook's checks ask for it.",
        "late.grace_hours has no effect, because no percent_per_day is taken off.",
        "every listed assignment has weight 0, so none of them counts.",
        "Grace Hopper has an extension for 01_small, which has no deadline.",
    ):
        assert sentence in wrong


def test_without_the_graders_packages_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    write_course(tmp_path)
    library_alone = (
        "import sys; sys.modules['nbformat'] = None; from autograde.__main__ import main; "
        "sys.exit(main(['course']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", library_alone], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("autograde: The package nbformat is missing here; run make, or ")
    assert done.stderr.count("\n") == 1 and 'pip install ".[course]"' in done.stderr
