"""``autograde publish``: what students get, and what stops a publication."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from small_course import CHECKS, COURSE, SOURCE, write_course

from autograde.commands.publish import publish
from autograde.errors import AutogradeError
from autograde.model.course import Course
from autograde.model.course_file import read_course

ROOT = Path(__file__).parents[3]
COLAB = "https://colab.research.google.com/github"
BADGE = f"[open]({COLAB}/{{{{ course.repository }}}}/blob/v1/notebooks/01_small.ipynb)"
TITLE = "# # A small notebook\n"
INSTALL = '\n# %%\n# {{ course.install }}\n\n# %% nbgrader={"grade_id": "given-imports"}'
WITH_BADGE = SOURCE.replace(TITLE, f"{TITLE}#\n# {{{{ course.badge }}}}\n").replace(
    '\n# %% nbgrader={"grade_id": "given-imports"}', INSTALL
)
BY_HAND = WITH_BADGE.replace("{{ course.badge }}", BADGE)


def small(folder: Path, source: str = WITH_BADGE) -> Course:
    write_course(folder, source)
    (folder / "xaikit" / "assets").mkdir(parents=True)
    (folder / "xaikit" / "__init__.py").write_text('"""A library."""\n')
    weights = save({"weights": np.arange(64, dtype=np.float32)}, {"seed": "0"})
    (folder / "xaikit" / "assets" / "weights.safetensors").write_bytes(weights)
    for name in ("LICENSE", "pyproject.toml"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    return read_course(folder)


def quietly(line: str) -> None:
    """Drop a line of progress."""


def files(out: Path) -> set[str]:
    return {f.relative_to(out).as_posix() for f in out.rglob("*") if f.is_file()}


def test_students_get_notebooks_library_and_how_to_install(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert publish(out, small(tmp_path / "course"), quietly) == []
    assert files(out) == {
        *("LICENSE", "README.md", "pyproject.toml", "environment.yml", ".gitignore"),
        *(".published.json", "notebooks/01_small.ipynb"),
        *(
            "xaikit/__init__.py",
            "xaikit/assets/weights.safetensors",
            "xaikit/assets/notebooks.json",
        ),
    }
    project = tomllib.loads((out / "pyproject.toml").read_text())
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dependencies"] == own["project"]["dependencies"]
    assert "scripts" not in project["project"]
    assert project["tool"]["setuptools"]["packages"]["find"]["include"] == ["xaikit*"]
    written = b"".join((out / place).read_bytes() for place in files(out))
    for secret in (b"sum(range(5))", b"Twice as much, please", b"autograde", b"Two points for"):
        assert secret not in written


def test_git_and_files_of_others_stay_and_are_named(tmp_path: Path) -> None:
    course, out = small(tmp_path / "course"), tmp_path / "out"
    out.mkdir()
    subprocess.run(["git", "init", "--quiet", str(out)], check=True)
    (course.folder / "xaikit" / "old.py").write_text("OLD = 1\n")
    publish(out, course, quietly)
    head = (out / ".git" / "HEAD").read_bytes()
    (out / "NEWS.md").write_text("The lecture begins at ten.\n")
    (course.folder / "xaikit" / "old.py").unlink()
    lines: list[str] = []
    assert publish(out, course, lines.append) == ["NEWS.md"]
    assert any("NEWS.md" in line for line in lines)
    assert (out / ".git" / "HEAD").read_bytes() == head
    assert not (out / "xaikit" / "old.py").exists()  # an earlier publication wrote it


@pytest.mark.parametrize("where", [".", "inside", "..", "full"])
def test_a_folder_that_is_no_publication_is_refused(tmp_path: Path, where: str) -> None:
    course = small(tmp_path / "course")
    out = tmp_path / "full" if where == "full" else course.folder / where
    if where == "full":
        out.mkdir()
        (out / "thesis.tex").write_text("mine")
    before = files(tmp_path)
    with pytest.raises(AutogradeError):
        publish(out, course, quietly)
    assert files(tmp_path) == before


def test_a_history_that_holds_solutions_is_refused(tmp_path: Path) -> None:
    course, out = small(tmp_path / "course"), tmp_path / "out"
    publish(out, course, quietly)
    (out / "solutions").mkdir()
    (out / "solutions" / "a.py").write_text("1\n")
    git = ["git", "-C", str(out), "-c", "user.name=A", "-c", "user.email=a@b.example"]
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["commit", "-qm", "a"],
        ["rm", "-rq", "solutions"],
    ):
        subprocess.run([*git, *command], check=True)
    subprocess.run([*git, "commit", "-qm", "b"], check=True)
    with pytest.raises(AutogradeError, match="its history cannot be published"):
        publish(out, course, quietly)


CHECK_LINES = CHECKS[CHECKS.index('@task("total"') :]


@pytest.mark.parametrize(
    ("place", "content", "why"),
    [
        ("xaikit/copied.py", CHECKS, "is a copy of"),
        ("xaikit/copied.py", f"# mine\n{CHECK_LINES}", "holds the hidden check of 'total'"),
        ("xaikit/assets/a.json", json.dumps({"text": CHECK_LINES}), "the hidden check of 'total'"),
        (
            "xaikit/notes.md",
            "Because the sum of the first n numbers\nis n (n - 1) / 2.",
            "the model answer to 'why'",
        ),
        (
            "LICENSE",
            "Two points for the formula, two points for saying where it comes from.",
            "the mark scheme of 'why'",
        ),
        ("solutions/01_small.py", SOURCE, "has no badge"),
        (
            "solutions/01_small.py",
            BY_HAND.replace("{{ course.repository }}/blob", "xaikit/xaikit/blob"),
            "its badge opens xaikit/xaikit/blob/v1",
        ),
        (
            "solutions/01_small.py",
            BY_HAND.replace("/v1/", "/main/"),
            "should open someone/course/blob/v1",
        ),
        (
            "solutions/01_small.py",
            WITH_BADGE + '# %%\nsource = "git+https://github.com/xaikit/xaikit@refs/tags/v1"\n',
            "should install git.https://github.com/someone/course@refs/tags/v1",
        ),
        (
            "solutions/01_small.py",
            WITH_BADGE + '# %%\nsource = "git+https://github.com/someone/course@main"\n',
            "installs git.https://github.com/someone/course@main, and should",
        ),
    ],
)
def test_what_leaks_or_links_elsewhere_stops_it(
    tmp_path: Path, place: str, content: str, why: str
) -> None:
    course, out = small(tmp_path / "course"), tmp_path / "out"
    (course.folder / place).write_text(content)
    with pytest.raises(AutogradeError, match=why):
        publish(out, course, quietly)
    assert not out.exists()


def test_the_address_follows_the_course_file(tmp_path: Path) -> None:
    small(tmp_path / "course")
    other = COURSE.replace("someone/course", "others/fork").replace('"v1"', '"term-2"')
    (tmp_path / "course" / "course.toml").write_text(other)
    out = tmp_path / "out"
    publish(out, read_course(tmp_path / "course"), quietly)
    address = f"{COLAB}/others/fork/blob/term-2/notebooks/01_small.ipynb"
    for place in ("README.md", "notebooks/01_small.ipynb"):
        assert address in (out / place).read_text()
    installed = "git+https://github.com/others/fork@refs/tags/term-2"
    assert installed in (out / "notebooks" / "01_small.ipynb").read_text()


def test_a_tag_that_was_given_keeps_its_files(tmp_path: Path) -> None:
    course, out = small(tmp_path / "course"), tmp_path / "out"
    publish(out, course, quietly)
    git = ["git", "-C", str(out), "-c", "user.name=A", "-c", "user.email=a@b.example"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "a"], check=True)
    subprocess.run([*git, "tag", "v1"], check=True)
    publish(out, course, quietly)  # the same files
    (course.folder / "xaikit" / "more.py").write_text("MORE = 1\n")
    with pytest.raises(AutogradeError, match=r"has a tag v1 with other files.*give another tag in"):
        publish(out, course, quietly)
    assert not (out / "xaikit" / "more.py").exists()
    (course.folder / "course.toml").write_text(COURSE.replace('"v1"', '"v2"'))
    publish(out, read_course(course.folder), quietly)
    assert (out / "xaikit" / "more.py").exists()
