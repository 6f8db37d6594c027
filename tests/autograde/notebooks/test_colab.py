"""The first cell of every notebook: what it does in Colab, and that it does nothing elsewhere."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
import types
from contextlib import nullcontext
from pathlib import Path

import nbformat
import pytest

from autograde.model.course_file import read_course
from autograde.notebooks.colab import colab_texts
from autograde.notebooks.scripts import read_script
from autograde.notebooks.source import course_sources

ROOT = Path(__file__).parents[3]
COURSE = read_course(ROOT)
CELL = f"# {colab_texts(COURSE, '01_theory')['course.install']}"


def test_no_notebook_has_a_cell_or_badge_of_its_own():
    for path in course_sources(COURSE).values():
        cells = read_script(path / "00_introduction.py").cells
        code = next(cell for cell in cells if cell.cell_type == "code")
        assert code.source == "# {{ course.install }}"
        assert cells[0].source.count("{{ course.badge }}") == 1
        assert not any("google.colab" in cell.source for cell in cells)


@pytest.mark.parametrize("name", course_sources(COURSE))
def test_it_is_folded_under_a_line_that_says_what_it_does(name: str):
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4).cells
    cell = next(cell for cell in cells if cell.cell_type == "code")
    line, _, code = cell.source.partition("\n")
    assert line.startswith("#@title Given: in Colab this installs")
    assert cell.metadata["jupyter"] == {"source_hidden": True}
    assert cell.metadata["cellView"] == "form"
    told = colab_texts(COURSE, name)["course.install"]
    assert code.startswith(told.partition("\n")[2])


def test_elsewhere_and_where_xaikit_is_it_runs_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it ran something"))
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    exec(CELL, {})
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    exec(CELL, {})  # xaikit is there: the kernel was restarted


class Installed:
    """A package as pip installed it from a tag."""

    requires = None

    def __init__(self, tag: str) -> None:
        self.tag = tag

    def read_text(self, name: str) -> str:
        assert name == "direct_url.json"
        info = {"commit_id": "0a1b", "requested_revision": f"refs/tags/{self.tag}", "vcs": "git"}
        return json.dumps({"url": f"https://github.com/{COURSE.repository}", "vcs_info": info})


@pytest.mark.parametrize("imported", [True, False])
def test_the_package_of_another_tag_is_replaced(monkeypatch: pytest.MonkeyPatch, imported: bool):
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command[4:])
        return subprocess.CompletedProcess(command, 0, "numpy==2.0\n", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    if imported:
        monkeypatch.setitem(sys.modules, "xaikit", types.ModuleType("xaikit"))
    else:
        monkeypatch.delitem(sys.modules, "xaikit", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    there = [Installed(COURSE.tag)]
    monkeypatch.setattr(importlib.metadata, "distributions", lambda name: there)
    exec(CELL, {})
    assert ran == []
    there[0].tag = f"{COURSE.tag}1"
    with pytest.raises(SystemExit, match="Restart session") if imported else nullcontext():
        exec(CELL, {})
    assert [command[0] for command in ran] == ["uninstall", "list", "install"]


@pytest.mark.parametrize("library", ["xaikit", "torch", "captum"])
def test_a_file_that_hides_a_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
):
    monkeypatch.chdir(tmp_path)
    exec(CELL, {})
    Path(f"{library}.py").touch()
    with pytest.raises(SystemExit, match=rf"your file {library}\.py, beside this notebook"):
        exec(CELL, {})


@pytest.mark.parametrize(
    ("needs", "tag", "words"),
    [
        ("numpy<1.5", COURSE.tag, "another 0.0.0 depends on numpy<1.5 and Colab has numpy=="),
        ("numpy", "v9.9.9", "fatal: "),
    ],
)
def test_what_cannot_be_installed_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, needs: str, tag: str, words: str
):
    home = tmp_path / "github" / COURSE.repository
    home.mkdir(parents=True)
    (home / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "another"\nversion = "0.0.0"\ndependencies = ["{needs}"]\n'
    )
    who = ["-c", "user.name=A", "-c", "user.email=a@b.example", "-c", "tag.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"], ["tag", COURSE.tag]):
        subprocess.run(["git", "-C", str(home), *who, *command], check=True)
    variables = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{(tmp_path / 'github').as_uri()}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # which means: without it, by what is installed
        "PIP_DRY_RUN": "1",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    before = importlib.metadata.version("numpy")
    with pytest.raises(SystemExit) as ended:
        exec(CELL.replace(f"refs/tags/{COURSE.tag}", f"refs/tags/{tag}"), {})
    said = str(ended.value)
    assert said.startswith("The course's package cannot be installed here: ") and words in said
    assert "\n" not in said and said.endswith("or ask your teachers.")
    assert importlib.metadata.version("numpy") == before
