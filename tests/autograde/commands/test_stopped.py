"""A command that is stopped at any moment is finished by giving the same command again.

Nothing runs here: the class is written from records, and ``KeyboardInterrupt`` is raised before
one after the other of the operations that put files in place or take them away.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from marks import marked
from test_nothing_in_silence import GRACE, Term, typed_over

from autograde.__main__ import main
from autograde.commands.delete import DeleteError, delete
from autograde.commands.grade import grade
from autograde.commands.restore import restore
from autograde.grading.jobs import GradeError

OPERATIONS = ("unlink", "replace", "rmdir", "rename")


@contextmanager
def stopped_before(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[list[str]]:
    """Stop before that operation; yield the names of those that were done."""
    done: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*arguments: Any, **named: Any) -> Any:
            if len(done) == number:
                raise KeyboardInterrupt
            done.append(name)
            return real(*arguments, **named)

        return operation

    with monkeypatch.context() as patch:
        for name in OPERATIONS:
            patch.setattr(os, name, counted(name, getattr(os, name)))
        yield done


@pytest.fixture(scope="module")
def term(tmp_path_factory: pytest.TempPathFactory) -> Term:
    return typed_over(tmp_path_factory.mktemp("stopped"))


def quiet(line: str) -> None:
    pass


def tables(out: Path) -> dict[str, bytes]:
    names = ("grades.csv", "tasks.csv", "report.html")
    return {name: (out / name).read_bytes() for name in names}


def tried(
    act: Callable[[Path], object],
    seen: Callable[[Path], object],
    term: Term,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> int:
    """Stop at every operation, and again do the whole; return how many there are."""
    shutil.copytree(term.out, folder / "whole")
    with stopped_before(monkeypatch, -1) as done:
        act(folder / "whole")
    for number in range(len(done)):
        out = folder / str(number)
        shutil.copytree(term.out, out)
        with stopped_before(monkeypatch, number), pytest.raises(KeyboardInterrupt):
            act(out)
        act(out)
        assert seen(out) == seen(folder / "whole"), f"stopped before operation {number}"
        shutil.rmtree(out)
    return len(done)


def test_a_restore_that_was_stopped(
    term: Term, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(out: Path) -> object:
        page = (out / "feedback" / GRACE / "01_small.html").read_bytes()
        lines = (out / "audit.jsonl").read_text("utf-8").count("\n")
        left = sorted(path.name for path in out.rglob(".*.part"))
        return tables(out), page, lines, left, marked(out / "gradebook.db")

    count = tried(
        lambda out: restore(term.small.course, out, say=quiet), seen, term, tmp_path, monkeypatch
    )
    assert count >= 5
    assert (tmp_path / "whole" / "grades.csv").read_bytes() != (
        term.out / "grades.csv"
    ).read_bytes()


def test_a_restore_that_was_stopped_is_finished_and_says_so(
    term: Term, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, said = tmp_path / "out", list[str]()
    shutil.copytree(term.out, out)
    with stopped_before(monkeypatch, 1), pytest.raises(KeyboardInterrupt):
        restore(term.small.course, out, say=quiet)
    restore(term.small.course, out, say=said.append)
    assert said[0] == "Finished what an earlier restore, which was stopped, had begun."
    said.clear()
    restore(term.small.course, out, say=said.append)
    assert len(said) == 1 and "holds no such mark" in said[0]


def test_a_deletion_that_was_stopped(
    term: Term, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(out: Path) -> None:
        try:
            delete(GRACE, term.small.course, out, quiet)
        except DeleteError:
            assert not named(out), "nothing is said to be left, and nothing is"

    def named(out: Path) -> list[Path]:
        found = [path for path in out.rglob("*") if path.is_file()]
        return [path for path in found if GRACE.encode() in path.read_bytes()]

    def seen(out: Path) -> object:
        return tables(out), named(out)

    assert tried(act, seen, term, tmp_path, monkeypatch) >= 5
    assert named(tmp_path / "whole") == [] and named(term.out)


@pytest.mark.parametrize("inside", ["", "graded", "Ada Lovelace/graded"])
def test_results_among_the_submissions_are_refused(inside: str, term: Term, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "Ada Lovelace").mkdir(parents=True)
    with pytest.raises(GradeError, match="choose a folder beside it with --out"):
        grade(folder, term.small.course, folder / inside, say=quiet)
    assert [path.name for path in folder.rglob("*")] == ["Ada Lovelace"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("grade", "submissions"), "what was graded is kept"),
        (("release",), "run the same command again to finish"),
        (("delete", "Ada", "--out", "graded"), "run the same command again to finish"),
    ],
)
def test_a_stopped_command_says_what_is_kept(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    said: str,
) -> None:
    def stopped(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"autograde.__main__._{command[0]}", stopped)
    assert main([*command]) == 130
    assert capsys.readouterr().err == f"autograde: stopped; {said}.\n"
