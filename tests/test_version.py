"""`make version` writes one version into three files, commits and tags it, or says why not."""

from __future__ import annotations

import datetime
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from autograde.model.course_file import read_course
from tests.ci_scripts import script

ROOT = Path(__file__).parents[1]
version = script("version")

TODAY = datetime.date(2027, 2, 1)
FILES = ("CHANGELOG.md", "pyproject.toml", "CITATION.cff", "course.toml")
NOTEBOOK = """# %% [markdown]
# # An appendix
#
# {{ course.badge }}

# %%
# {{ course.install }}
"""


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path: Path, prepared: Path) -> Path:
    """A copy of the prepared repository."""
    return shutil.copytree(prepared, tmp_path / "repository")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our files, with a version in work and one small notebook."""
    tmp_path = tmp_path_factory.mktemp("prepared")
    for name in FILES[:3]:
        shutil.copy(ROOT / name, tmp_path)
    about = 'name = "A course"\nrepository = "a/b"\ntag = "v0.1.0"\n'
    (tmp_path / "course.toml").write_text(about, encoding="utf-8")
    for folder in ("solutions", "notebooks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "solutions" / "01_small.py").write_text(NOTEBOOK, encoding="utf-8")
    (tmp_path / "solutions" / "01_small_checks.py").touch()
    (tmp_path / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    subprocess.run([sys.executable, "-m", "autograde", "release"], cwd=tmp_path, check=True)
    log = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
    work = log.replace("\n## ", "\n## 0.9.0 (unreleased)\n\n- Something new.\n\n## ", 1)
    (tmp_path / "CHANGELOG.md").write_text(work, encoding="utf-8")
    git(tmp_path, "init", "--initial-branch", "main")
    for key, value in {"user.name": "x", "user.email": "x@example.org"}.items():
        git(tmp_path, "config", key, value)
    git(tmp_path, "config", "commit.gpgsign", "false")
    git(tmp_path, "config", "tag.gpgsign", "false")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "work")
    return tmp_path


def test_a_version_is_the_same_in_all_files_and_in_the_tag(repository: Path):
    before = {name: (repository / name).read_text(encoding="utf-8") for name in FILES}
    assert version.release(repository, TODAY) == "v0.9.0"
    after = {name: (repository / name).read_text(encoding="utf-8") for name in FILES}
    assert tomllib.loads(after["pyproject.toml"])["project"]["version"] == "0.9.0"
    assert "\nversion: 0.9.0\ndate-released: 2027-02-01\n" in after["CITATION.cff"]
    assert after["course.toml"] == before["course.toml"].replace("v0.1.0", "v0.9.0")
    notebook = git(repository, "show", "v0.9.0:notebooks/01_small.ipynb")
    assert "/a/b/blob/v0.9.0/notebooks/01_small.ipynb" in notebook
    assert "https://github.com/a/b@refs/tags/v0.9.0" in notebook and "v0.1.0" not in notebook
    expected = before["CHANGELOG.md"].replace("0.9.0 (unreleased)", "0.9.0 (2027-02-01)")
    assert after["CHANGELOG.md"] == expected
    assert git(repository, "rev-list", "-n", "1", "v0.9.0") == git(repository, "rev-parse", "HEAD")
    assert git(repository, "show", "v0.9.0:pyproject.toml") == after["pyproject.toml"].strip()
    assert git(repository, "status", "--porcelain") == ""


def test_a_fork_keeps_the_tag_of_its_course(repository: Path):
    course = repository / "course.toml"
    course.write_text(course.read_text().replace("v0.1.0", "term-2027"), encoding="utf-8")
    git(repository, "commit", "-am", "fork")
    version.release(repository, TODAY)
    assert 'tag = "term-2027"' in git(repository, "show", "v0.9.0:course.toml")


def test_the_next_version_takes_the_date_s_place(repository: Path):
    version.release(repository, TODAY)
    log = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    log = log.replace("\n## ", "\n## 0.10.0 (unreleased)\n\n- More.\n\n## ", 1)
    (repository / "CHANGELOG.md").write_text(log, encoding="utf-8")
    git(repository, "commit", "-am", "more")
    assert version.release(repository, TODAY.replace(month=3)) == "v0.10.0"
    citation = (repository / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall("date-released: (.*)", citation) == ["2027-03-01"]


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("released", "newest version is released"),
        ("uncommitted", "not committed"),
        ("tagged", "tag v0.9.0 is there"),
        ("odd", "not three numbers"),
        ("unreadable", "notebooks cannot be released, so nothing is"),
    ],
)
def test_what_cannot_be_released_is_refused_and_nothing_changes(
    repository: Path, before: str, words: str
):
    log = repository / "CHANGELOG.md"
    headings = {"released": "0.9.0 (2027-01-01)", "odd": "0.9 (unreleased)"}
    if before in headings:
        text = log.read_text(encoding="utf-8").replace("0.9.0 (unreleased)", headings[before])
        log.write_text(text, encoding="utf-8")
        git(repository, "commit", "-am", before)
    elif before == "uncommitted":
        (repository / "new").touch()
    elif before == "unreadable":
        (repository / "solutions" / "01_small.py").write_text("# %%\n# {{ course.badges }}\n")
        git(repository, "commit", "-am", before)
    else:
        git(repository, "tag", "v0.9.0")
    there = {name: (repository / name).read_bytes() for name in FILES}
    head = git(repository, "rev-parse", "HEAD")
    with pytest.raises(SystemExit, match=words):
        version.release(repository, TODAY)
    assert {name: (repository / name).read_bytes() for name in FILES} == there
    assert git(repository, "rev-parse", "HEAD") == head


def test_the_files_name_one_version_which_the_changelog_knows():
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"\nversion: {about['version']}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    log = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    tag = read_course(ROOT).tag
    assert tag == f"v{about['version']}" and version.TAG.search(f'tag = "{tag}"')
    assert about["version"] in [number for number, _ in version.HEADING.findall(log)]
