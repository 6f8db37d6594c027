"""Release imports hidden checks again if anything has changed on which they may depend."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_course import CHECKS, COURSE, SOURCE, write_course

import xaikit
from autograde.model.course_file import read_course
from autograde.notebooks import kept
from autograde.notebooks.release import release
from tests.sheets import ROOT

SECONDS = 5
"""Processor time in which a notebook is released whose text alone has changed."""

LONGEST = "02_local_explanations"
_PASSED_OVER = shutil.ignore_patterns("__pycache__")

AGAIN = (
    ("01_small_checks.py", CHECKS.replace("Read slowly.", "Read on.")),
    ("01_small.py", SOURCE.replace("import math", "import math, sys")),
    ("shared/parts.py", "four = 4\n"),
    ("../course.toml", COURSE.replace("right = 1.0", "right = 2.0")),
)


@pytest.fixture
def imports(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of notebooks whose checks were imported, in their order."""
    names: list[str] = []
    load = kept.load_checks

    def counting(layout, given):
        names.append(layout.name)
        return load(layout, given)

    monkeypatch.setattr(kept, "load_checks", counting)
    return names


def test_a_notebook_whose_text_alone_changed_imports_no_check(
    tmp_path: Path, imports: list[str]
) -> None:
    course = write_course(tmp_path)
    release([], course, str)
    script = tmp_path / "solutions" / "01_small.py"
    script.write_text(SOURCE.replace("# # A small notebook", "# # A notebook for {{ hint }}"))
    [path] = release([], course, str)
    assert imports == ["01_small"]
    quick = path.read_text()
    assert "A notebook for Read slowly." in quick
    assets = tmp_path / "solutions" / "__pycache__" / "01_small.release.json"
    assets.unlink()
    release([], course, str)
    assert (imports, path.read_text()) == (["01_small"] * 2, quick)


def test_the_course_s_longest_notebook_is_released_at_once(tmp_path: Path) -> None:
    """Imports, the key, the search for leaks and all: the whole command, in a fresh process."""
    shutil.copytree(ROOT / "solutions", tmp_path / "solutions", ignore=_PASSED_OVER)
    shutil.copy(ROOT / "course.toml", tmp_path)
    command = [sys.executable, "-m", "autograde", "release", LONGEST]

    def seconds() -> float:
        before = os.times()
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        after = os.times()
        return (after.children_user + after.children_system) - (
            before.children_user + before.children_system
        )

    seconds()  # imports the checks
    script = tmp_path / "solutions" / LONGEST / "00_introduction.py"
    script.write_text(script.read_text().replace("# A network looks", "# Our network looks", 1))
    took = seconds()
    assert "Our network looks" in (tmp_path / "notebooks" / f"{LONGEST}.ipynb").read_text()
    assert took < SECONDS


@pytest.mark.parametrize(("file", "text"), AGAIN, ids=[file for file, _ in AGAIN])
def test_what_checks_may_depend_on_imports_them_again(
    tmp_path: Path, imports: list[str], file: str, text: str
) -> None:
    release([], write_course(tmp_path), str)
    changed = tmp_path / "solutions" / file
    changed.parent.mkdir(exist_ok=True)
    changed.write_text(text)
    release([], read_course(tmp_path), str)
    assert imports == ["01_small"] * 2


@pytest.mark.parametrize(
    "spoil", [lambda f: f.write_text("{"), lambda f: f.write_text('{"key": 1}')]
)
def test_a_damaged_file_is_none(
    tmp_path: Path, imports: list[str], spoil: Callable[[Path], object]
) -> None:
    course = write_course(tmp_path)
    release([], course, str)
    spoil(tmp_path / "solutions" / "__pycache__" / "01_small.release.json")
    release([], course, str)
    assert len(imports) == 2


def test_neither_the_package_nor_release_imports_pytorch_by_itself() -> None:
    script = (
        "import sys, xaikit, autograde.notebooks.release; "
        "assert 'torch' not in sys.modules; "
        "assert set(xaikit.__all__) <= set(dir(xaikit))"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    space: dict[str, Any] = {}
    exec("from xaikit import *", space)
    assert space["explain"] is xaikit.attribution.explain and space["load"] is xaikit.data.load
    assert all(callable(space[name]) for name in xaikit.__all__)
