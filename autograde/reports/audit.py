"""``audit.jsonl``: what stands behind every mark, and when and by whom it came to be another.

One line of JSON a mark. Lines are only ever appended: a run compares the marks that stand now with
the last line about each, and writes down what is new. So a mark that a person changed in formgrader
is noticed by the next run. A line without its end, left by a crash, counts as not written and is
written again. Nothing is taken out but by ``autograde delete``, which leaves a line that says so.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from autograde.errors import AutogradeError
from autograde.model.records import SubmissionResult
from autograde.safety.files import replacing, unwritable

FILE = "audit.jsonl"
SEED = "HMAC-SHA256 of the task and the submission, keyed with the course's secret"
"""How the seed of hidden inputs is derived; the secret itself is written nowhere."""

Line = dict[str, Any]


class AuditError(AutogradeError):
    """The audit record cannot be read: one sentence."""


@dataclass(frozen=True)
class Origin:
    """What this run's marks were made with, beside the uploads.

    Attributes
    ----------
    checks
        The version of each assignment: of its released notebook, source and hidden checks.
    software
        A digest of Python, the installed packages and the grader.
    isolation
        How submissions are run.
    """

    checks: Mapping[str, str]
    software: str
    isolation: str


def note(
    graded: Iterable[SubmissionResult],
    shown: Iterable[SubmissionResult],
    origin: Origin,
    out: Path,
) -> int:
    """Append a line for every mark that is not the one last written down; return how many.

    Parameters
    ----------
    graded
        The results as the scorer left them.
    shown
        The same, in the same order, with what persons gave and what lateness costs.
    origin
        What the marks were made with.
    out
        The folder of results.

    Raises
    ------
    AuditError, autograde.safety.files.WriteError
        If the file cannot be read or written.
    """
    path = out / FILE
    last: dict[tuple[str, str, str], tuple[str, float | None]] = {}
    for line in _lines(path):
        if "student" in line:
            last[_about(line)] = (_digest(line), line["score"])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    count = 0
    try:
        with path.open("ab", buffering=0) as file:
            _drop_half_a_line(path, file)
            for before, after in zip(graded, shown, strict=True):
                text = ""
                for line in _marks(before, after, origin):
                    digest, score = last.get(_about(line), ("", None))
                    if _digest(line) != digest:
                        was = {"was": score} if digest else {}
                        text += json.dumps({"time": now, **line, **was}, ensure_ascii=False) + "\n"
                        count += 1
                _append(file, text.encode("utf-8", errors="replace"))
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritable(path, error) from None
    return count


def last_lines(student: str, assignment: str, out: Path) -> dict[str, Line]:
    """Return the last line about each task of a submission; that of the whole is named ``""``.

    Raises
    ------
    AuditError
        If the file cannot be read.
    """
    return {
        line["task"]: line
        for line in _lines(out / FILE)
        if line.get("student") == student and line["assignment"] == assignment
    }


def forget(students: Iterable[str], out: Path) -> int:
    """Take out all lines about these students or groups, leave one that says how many.

    Raises
    ------
    AuditError, autograde.safety.files.WriteError
        If the file cannot be read or written.
    """
    path, gone = out / FILE, set(students)
    count = sum(1 for line in _lines(path) if line.get("student") in gone)
    if count:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with replacing(path) as file:
            for line in _lines(path):
                if line.get("student") not in gone:
                    file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
            file.write((json.dumps({"time": now, "deleted_lines": count}) + "\n").encode())
    return count


def _marks(before: SubmissionResult, after: SubmissionResult, origin: Origin) -> Iterator[Line]:
    """Yield what is to be said of one submission: of each task, and of the whole."""
    about = {"student": after.student, "assignment": after.assignment}
    made = {
        "submission": before.submission_hash,
        "checks": origin.checks[before.assignment],
        "software": origin.software,
        "isolation": origin.isolation,
        "seed": SEED,
        "key": before.key,
    }
    for own, task in zip(before.tasks, after.tasks, strict=True):
        by_hand = (own.score, own.message) != (task.score, task.message)
        yield {
            **about,
            "task": task.task,
            "score": task.score,
            "max_score": task.max_score,
            "by": "person" if by_hand else "grader",
            "grader": own.score,
            # A comment may be about a person: that it changed can be seen, not what it says.
            "comment": hashlib.sha256(task.message.encode()).hexdigest()[:16] if by_hand else "",
            **made,
        }
    yield {
        **about,
        "task": "",
        "score": after.score,
        "max_score": after.max_score,
        "status": after.status,
        "penalty": after.penalty,
        "handed_in": after.timestamp,
        **made,
    }


def _about(line: Line) -> tuple[str, str, str]:
    return line["student"], line["assignment"], line["task"]


def _digest(line: Line) -> str:
    """Return what tells whether a line says something new."""
    said = {key: value for key, value in line.items() if key not in ("time", "was")}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _lines(path: Path) -> Iterator[Line]:
    """Yield the lines that are whole."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if not raw.endswith(b"\n"):
                return  # a crash left half of it
            try:
                line = json.loads(raw)
                if "deleted_lines" not in line:
                    _about(line), line["score"]
            except (ValueError, KeyError, TypeError):
                raise AuditError(
                    f"Line {number} of {path} is none that autograde wrote: put the file back as "
                    "it was, or move it away to begin a new one."
                ) from None
            yield line


def _drop_half_a_line(path: Path, file: BinaryIO) -> None:
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        file.truncate(whole)


def _append(file: BinaryIO, text: bytes) -> None:
    """Append all of the text or nothing."""
    size = file.seek(0, os.SEEK_END)
    try:
        while text:
            text = text[file.write(text) :]
    except OSError:
        file.truncate(size)
        raise
