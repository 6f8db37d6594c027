"""``autograde publish`` into a folder in which somebody works: what goes along, what is lost."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from small_course import CHECKS, COURSE
from test_publish import quietly, small

from autograde.commands.publish import publish
from autograde.errors import AutogradeError
from autograde.model.course import Course
from autograde.model.course_file import read_course

SECRET = CHECKS[CHECKS.index('@task("total"') :]


def git(out: Path, *command: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@b.example"]
    subprocess.run(["git", "-C", str(out), *who, *command], check=True, capture_output=True)


def published(folder: Path, commit: bool = True) -> tuple[Course, Path]:
    course, out = small(folder / "course"), folder / "out"
    publish(out, course, quietly)
    if commit:
        git(out, "init", "-q")
        git(out, "add", "--all")
        git(out, "commit", "-qm", "first")
    return course, out


@pytest.mark.parametrize("commit", [True, False])
def test_a_secret_among_files_of_others_stops_it(tmp_path: Path, commit: bool) -> None:
    course, out = published(tmp_path, commit)
    (out / "notes").mkdir()
    (out / "notes" / "mine.py").write_text(f"# for next year\n{SECRET}")
    with pytest.raises(AutogradeError, match=r"notes/mine\.py holds the hidden check of 'total'"):
        publish(out, course, quietly)


def test_what_git_leaves_out_and_what_holds_no_secret_stays(tmp_path: Path) -> None:
    course, out = published(tmp_path)
    (out / ".venv").mkdir()
    (out / ".venv" / "mine.py").write_text(SECRET)
    (out / "notebooks" / "extra.ipynb").write_text("{}")  # without a badge
    (out / "slides.pdf").write_bytes(b"%PDF-1.7\n\xe2\xe3\xcf\xd3\n")
    said: list[str] = []
    assert {"notebooks/extra.ipynb", "slides.pdf"} <= {*publish(out, course, said.append)}
    assert any("cannot be searched" in line and "slides.pdf" in line for line in said)


def test_a_secret_in_the_history_stops_it(tmp_path: Path) -> None:
    course, out = published(tmp_path)
    (out / "mine.py").write_text(SECRET)
    git(out, "add", "mine.py")
    git(out, "commit", "-qm", "by mistake")
    git(out, "rm", "-q", "mine.py")
    git(out, "commit", "-qm", "away with it")
    with pytest.raises(AutogradeError, match=r"mine\.py of commit \w+ holds .*into a new folder"):
        publish(out, course, quietly)


def test_an_honest_history_is_published_again(tmp_path: Path) -> None:
    course, out = published(tmp_path)
    (course.folder / "xaikit" / "__init__.py").write_text('"""Another library."""\n')
    publish(out, course, quietly)
    git(out, "commit", "-qam", "second")
    publish(out, course, quietly)
    assert "Another" in (out / "xaikit" / "__init__.py").read_text()


def test_what_somebody_wrote_into_a_published_file_is_not_lost(tmp_path: Path) -> None:
    course, out = published(tmp_path)
    readme = out / "README.md"
    written = readme.read_text() + "\nThe lecture begins at ten.\n"
    readme.write_text(written)
    with pytest.raises(AutogradeError, match=r"somebody changed .*README\.md, and this one"):
        publish(out, course, quietly)
    assert readme.read_text() == written
    readme.unlink()
    publish(out, course, quietly)
    assert "The lecture" not in readme.read_text()
    readme.write_bytes(readme.read_bytes().replace(b"\n", b"\r\n"))  # as git does on Windows
    publish(out, course, quietly)


def test_a_disk_that_fails_leaves_the_old_publication(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course, out = published(tmp_path)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    (course.folder / "xaikit" / "__init__.py").write_text('"""Another library."""\n')
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == ".pyproject.toml.part":
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(AutogradeError, match=r"cannot be written \(No space left on device\)"):
        publish(out, course, quietly)
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("chosen", ['skip = ["double"]', "notebooks"])
def test_what_this_course_leaves_out_is_a_secret_too(tmp_path: Path, chosen: str) -> None:
    course = small(tmp_path / "course")
    if chosen == "notebooks":
        source = (course.folder / "solutions" / "01_small.py").read_text()
        for name, text in (("", source), ("_checks", CHECKS)):
            (course.folder / "solutions" / f"02_other{name}.py").write_text(
                text.replace("total", "whole")
            )
        other = COURSE.replace("[assignments", 'notebooks = ["01_small"]\n\n[assignments', 1)
        secret = SECRET.replace("total", "whole")
    else:
        other = COURSE.replace("[assignments.01_small]", f"[assignments.01_small]\n{chosen}")
        secret = "twice_as_much = x * 2 + math.floor(0.5) * x - 0 * x\n    return twice_as_much\n"
    (course.folder / "course.toml").write_text(other)
    (course.folder / "xaikit" / "next_term.py").write_text(f"# mine\n{secret}")
    with pytest.raises(AutogradeError, match=r"next_term\.py holds the (solution|hidden check) of"):
        publish(tmp_path / "out", read_course(course.folder), quietly)


def test_the_last_lines_make_a_repository_of_the_folders_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Git would take one above it, in which the course itself may be."""
    from autograde.__main__ import main

    course = small(tmp_path / "course")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.chdir(course.folder)
    out = tmp_path / "out"
    assert main(["publish", str(out)]) in (0, None)
    [line] = [line for line in capsys.readouterr().out.split("\n") if line.startswith("  cd ")]
    assert line.startswith(f"  cd {out.resolve()} && git init && git add --all && git commit")
    git(out, "init", "-q")
    assert main(["publish", str(out)]) in (0, None)
    assert "git init" not in capsys.readouterr().out


def test_what_the_lines_push_is_pushed_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody else has pushed: git refuses the commit, and takes no tag without it."""
    from autograde.__main__ import main

    course = small(tmp_path / "course")
    monkeypatch.chdir(course.folder)
    remote, out, other = (tmp_path / name for name in ("remote.git", "out", "other"))
    subprocess.run(["git", "init", "-q", "--bare", str(remote)], check=True)

    def lines() -> str:
        assert main(["publish", str(out)]) in (0, None)
        said = [line for line in capsys.readouterr().out.split("\n") if line.startswith("  ")]
        who = "git -c user.name=A -c user.email=a@b.c "
        text = "\n".join(["set -e", *said]).replace("git commit", f"{who}commit")
        return text.replace(f"https://github.com/{course.repository}", str(remote))

    def run(text: str) -> int:
        done = subprocess.run(["sh", "-c", text], check=False, capture_output=True)
        return done.returncode

    assert run(lines()) == 0
    again = lines()
    assert "commit" not in again and "git tag" not in again and run(again) == 0
    subprocess.run(["git", "clone", "-q", str(remote), str(other)], check=True)
    (other / "EXAM.md").write_text("Room 3\n", encoding="utf-8")
    git(other, "add", "--all")
    git(other, "-c", "user.name=B", "-c", "user.email=b@b.c", "commit", "-q", "-m", "a page")
    git(other, "push", "-q", "origin", "HEAD")
    text = course.file.read_text(encoding="utf-8")
    course.file.write_text(text.replace('tag = "v1"', 'tag = "v2"'), encoding="utf-8")
    anew = lines()
    assert "git tag v2" in anew and run(anew) != 0
    tags = subprocess.run(
        ["git", "-C", str(remote), "tag"], check=True, capture_output=True, text=True
    )
    assert tags.stdout.split() == ["v1"]
