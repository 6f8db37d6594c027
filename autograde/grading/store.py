"""What is kept between two runs of ``grade``: one JSON file a submission, complete or absent.

The gradebook, the tables and the pages are made from these records each time, so a crash at any
moment costs at most the submissions that were running.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from autograde.errors import AutogradeError
from autograde.model.course import Course
from autograde.model.records import SubmissionResult, TaskResult
from autograde.safety.files import replacing, unwritable

_ANSWERS = ".answers"


class StoreError(AutogradeError):
    """The output folder cannot be used: one sentence that says what to do."""


class Store:
    """The records of one output folder.

    Parameters
    ----------
    out
        The folder that ``grade`` writes; made if it is not there.

    Raises
    ------
    autograde.safety.files.WriteError
        If the folder cannot be written.
    """

    def __init__(self, out: Path) -> None:
        self.folder = out / "records"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(out, error) from None

    def save_class(self, results: Iterable[SubmissionResult], course: Course) -> None:
        """Keep what the tables and the report were made of, without notebooks and marks by hand."""
        value = {
            "results": [_plain(replace(result, notebook=None)) for result in results],
            "students": course.students,
            "groups": course.groups,
        }
        self.write(self.folder / "class.json", value)

    def load_class(self, course: Course) -> tuple[list[SubmissionResult], Course]:
        """Return what :meth:`save_class` kept, and the course with the class as it was then.

        Raises
        ------
        StoreError
            If nothing was kept.
        """
        raw = self.read(self.folder / "class.json") or {}
        try:
            results = [_result(result) for result in raw["results"]]
            students = tuple(raw["students"])
            groups = {name: tuple(members) for name, members in raw["groups"].items()}
        except (AttributeError, KeyError, TypeError):
            raise StoreError(
                f"{self.folder.parent} holds no graded class that this version can read; run "
                f"autograde grade with --out {self.folder.parent} first."
            ) from None
        return results, replace(course, students=students, groups=groups)

    def load_list(self, name: str) -> list[Any]:
        """Return the list that :meth:`save_list` kept under this name, an empty one without it."""
        kept = (self.read(self.folder / f"{name}.json") or {}).get("list")
        return kept if isinstance(kept, list) else []

    def save_list(self, name: str, values: list[Any]) -> None:
        """Keep a list beside the records, as JSON."""
        self.write(self.folder / f"{name}.json", {"list": values})

    def files_of(self, student: str) -> list[Path]:
        """Return the files of all records of a student or group."""
        files = sorted(self.folder.glob("*.json"))
        theirs = [file for file in files if (self.read(file) or {}).get("student") == student]
        return [
            each
            for file in theirs
            for each in (file, file.with_suffix(_ANSWERS))
            if each == file or each.exists()
        ]

    def with_notebooks(self, results: Iterable[SubmissionResult]) -> Iterator[SubmissionResult]:
        """Yield the results one by one, each with the notebook in its record, if there is one.

        A notebook with its pictures is large, a class of them does not fit into memory.
        """
        for result in results:
            raw = self.read(self._path(result.student, result.assignment)) or {}
            same = bool(result.key) and raw.get("key") == result.key
            yield replace(result, notebook=raw.get("notebook") if same else None)

    def load(self, student: str, assignment: str, key: str) -> SubmissionResult | None:
        """Return the record of this submission if it was made with the same key, else None.

        It comes without its notebook, see :meth:`with_notebooks`.
        """
        raw = self.read(self._path(student, assignment))
        if raw is None:
            return None
        try:
            result = _result({**raw, "notebook": None})
        except (TypeError, KeyError):
            return None  # of another version: it is graded again
        same = (result.student, result.assignment, result.key) == (student, assignment, key)
        return result if same else None

    def earlier(self, student: str, assignment: str) -> SubmissionResult | None:
        """Return the whole record of a submission, whatever it was made with, else None."""
        path = self._path(student, assignment)
        try:
            result = _result(self.read(path) or {})
        except (TypeError, KeyError):
            return None
        try:
            result.answers = path.with_suffix(_ANSWERS).read_bytes()
        except OSError:
            return None
        return result if result.key else None

    def save(self, result: SubmissionResult) -> None:
        """Keep a record: after a crash it is there whole, or not at all."""
        path = self._path(result.student, result.assignment)
        if result.answers:
            with replacing(path.with_suffix(_ANSWERS)) as file:
                file.write(result.answers)
        self.write(path, _plain(result))

    def read(self, path: Path) -> dict[str, Any] | None:
        """Return the JSON object in a file, or None if there is none."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return raw if isinstance(raw, dict) else None

    def write(self, path: Path, value: Any) -> None:
        """Write JSON that outlasts a crash of the machine, too.

        Raises
        ------
        autograde.safety.files.WriteError
            If the disk is full or the folder read-only.
        """
        with replacing(path) as file:
            file.write(json.dumps(value).encode())
            file.flush()
            os.fsync(file.fileno())

    def _path(self, student: str, assignment: str) -> Path:
        # A digest, because two names may differ only in what a file system ignores.
        digest = hashlib.sha256(f"{assignment}\0{student}".encode()).hexdigest()[:24]
        return self.folder / f"{digest}.json"


def _plain(result: SubmissionResult) -> dict[str, Any]:
    """Return a record as JSON has it; the answers are no text."""
    plain = asdict(replace(result, answers=b""))
    del plain["answers"]
    return plain


def _result(raw: dict[str, Any]) -> SubmissionResult:
    tasks = [TaskResult(**task) for task in raw["tasks"]]
    # A record of a version that did not know of "late" is no record: it is graded again.
    return SubmissionResult(**{**raw, "tasks": tasks, "late": raw["late"]})


@contextmanager
def only_grader(out: Path) -> Iterator[None]:
    """Hold the output folder for this process.

    Raises
    ------
    StoreError
        If another ``grade`` holds it.
    autograde.safety.files.WriteError
        If the folder cannot be written.
    """
    try:
        lock = (out / ".lock").open("w")
    except OSError as error:
        raise unwritable(out, error) from None
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(
                f"Another autograde is grading into {out}: wait for it, or choose another --out."
            ) from None
        yield
