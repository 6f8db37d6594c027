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
from collections.abc import Iterable, Iterator, Mapping, Set
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
        The version of each assignment: of its hidden checks, points and given cells. The line
        about one automatic task has the version of its check.
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
        if "student" in line and "appeal" not in line:
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


def note_taken_back(
    shown: Iterable[SubmissionResult], places: Set[tuple[str, str, str]], out: Path
) -> None:
    """Append a line for every mark of a person that was taken back, and for its submission.

    What the record says already, because an earlier try was stopped later, is not said twice.

    Parameters
    ----------
    shown
        The results as they are now.
    places
        Student, assignment and task of these marks.
    out
        The folder of results.

    Raises
    ------
    AuditError, autograde.safety.files.WriteError
        If the file cannot be read or written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    text = ""
    for result in shown:
        last = last_lines(result.student, result.assignment, out)
        whole: Line = {"score": result.score, "status": result.status, "penalty": result.penalty}
        news: dict[str, Line] = {
            task.task: {"score": task.score, "by": "grader", "comment": ""}
            for task in result.tasks
            if (result.student, result.assignment, task.task) in places
        }
        for task, new in ({**news, "": whole} if news else {}).items():
            if (line := last.get(task)) and not new.items() <= line.items():
                line = {**line, "time": now, **new, "was": line["score"]}
                text += json.dumps(line, ensure_ascii=False) + "\n"
    _add(text, out / FILE)


def note_appeal(student: str, assignment: str, outcome: Mapping[str, Any], out: Path) -> None:
    """Append a line about an appeal: what grading anew gave, and why.

    Raises
    ------
    autograde.safety.files.WriteError
        If the file cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    about = {"time": now, "student": student, "assignment": assignment, "appeal": outcome}
    _add(json.dumps(about, ensure_ascii=False) + "\n", out / FILE)


def _add(text: str, path: Path) -> None:
    try:
        with path.open("ab", buffering=0) as file:
            _drop_half_a_line(path, file)
            _append(file, text.encode("utf-8", errors="replace"))
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritable(path, error) from None


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
        if line.get("student") == student
        and line["assignment"] == assignment
        and "appeal" not in line
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
        **({"report": before.report_hash} if before.report_hash else {}),
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
            "checks": own.check or made["checks"],
            "key": own.key or before.key,
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
        "key": key_of_tasks(before) or before.key,
    }


def key_of_tasks(result: SubmissionResult) -> str:
    """Return a digest of what the marks of all tasks depend on; empty if that is not known."""
    keys = [task.key for task in result.tasks if task.key]
    return hashlib.sha256("".join(keys).encode()).hexdigest() if keys else ""


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
                if "appeal" in line:
                    line["student"], line["assignment"]
                elif "deleted_lines" not in line:
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
