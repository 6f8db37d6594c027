"""Marks as plain tables: ``grades.csv``, ``tasks.csv`` and the overview in the terminal."""

from __future__ import annotations

import csv
import io
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from autograde.model.course import Course
from autograde.model.records import Mark, Status, SubmissionResult, points
from autograde.safety.files import write_whole
from autograde.safety.sanitize import clean_line, defuse, fused

GRADES = ("student", "group", "assignment", "score", "max_score", "status", "late")
TASKS = ("student", "assignment", "task", "score", "max_score", "message")

STATUS_WORDS: dict[Status, str] = {
    "graded": "graded",
    "manual_pending": "waits for a person",
    "late": "late",
    "partial": "graded in part",
    "broken": "unreadable upload",
    "missing": "not handed in",
}
_LETTERS: dict[Status, str] = {"manual_pending": "w", "late": "l", "partial": "p", "broken": "u"}


def in_order(results: Iterable[SubmissionResult]) -> list[SubmissionResult]:
    """Return the results by assignment, then by student."""
    return sorted(results, key=lambda r: (r.assignment, r.student.casefold(), r.student))


def grades_rows(results: Iterable[SubmissionResult], course: Course) -> list[tuple[str, ...]]:
    """Return one row for every student and assignment; a group yields a row a member."""
    return [
        (
            student,
            group,
            r.assignment,
            points(r.score),
            points(r.max_score),
            r.status,
            "yes" if r.late else "no",
        )
        for r in in_order(results)
        for student, group in _students(r, course)
    ]


def write_grades(results: Iterable[SubmissionResult], course: Course, path: Path) -> None:
    """Write :func:`grades_rows`."""
    write_table(path, GRADES, grades_rows(results, course))


def write_tasks(results: Iterable[SubmissionResult], course: Course, path: Path) -> None:
    """Write one row for every student and task; a task that waits for a person has no score."""
    rows = [
        (
            student,
            r.assignment,
            t.task,
            points(t.score),
            points(t.max_score),
            clean_line(t.message, 2000),
        )
        for r in in_order(results)
        for student, _ in _students(r, course)
        for t in r.tasks
    ]
    write_table(path, TASKS, rows)


def read_marks(out: Path) -> list[Mark]:
    """Read ``grades.csv`` of a folder of results back, and from ``tasks.csv`` what waits.

    Raises
    ------
    KeyError, ValueError
        If somebody has changed the files so that they cannot be read.
    """
    waiting = {
        (row["student"], row["assignment"])
        for row in _read(out / "tasks.csv")
        if not row["score"].strip()
    }
    return [
        Mark(
            student=fused(row["student"]),
            group=fused(row["group"]),
            assignment=row["assignment"],
            score=float(row["score"]),
            max_score=float(row["max_score"]),
            status=row["status"],
            waiting=(row["student"], row["assignment"]) in waiting,
        )
        for row in _read(out / "grades.csv")
    ]


def weighted_share(results: Iterable[SubmissionResult], course: Course) -> float | None:
    """Return the share of all points in [0, 1], assignments weighted as the course says.

    None if the assignments given weigh nothing.
    """
    earned = weights = 0.0
    for r in results:
        if r.max_score > 0:
            weight = course.assignment(r.assignment).weight
            earned += weight * r.score / r.max_score
            weights += weight
    return earned / weights if weights else None


def by_student(
    results: Iterable[SubmissionResult],
) -> dict[str, dict[str, SubmissionResult]]:
    """Return student, then assignment → result; students in alphabetical order."""
    table: dict[str, dict[str, SubmissionResult]] = {}
    for r in sorted(results, key=lambda r: (r.student.casefold(), r.student)):
        table.setdefault(r.student, {})[r.assignment] = r
    return table


def marks_table(
    results: Sequence[SubmissionResult], course: Course, width: int | None = None
) -> str:
    """Return the overview for a terminal: a line a student, a column an assignment.

    Parameters
    ----------
    width
        Columns of the terminal (default: asked from it). Names are cut to fit; marks never are.
    """
    if not results:
        return "No submissions."
    width = width or shutil.get_terminal_size().columns
    assignments = sorted({r.assignment for r in results})
    head = [_cut(a, 14) for a in assignments]
    total = len(assignments) > 1
    lines: list[list[str]] = []
    # Blanks keep the marks of one column aligned where only some carry letters.
    wide = max(1, *(len(_letters(r)) for r in results))
    for results_of in by_student(results).values():
        line = [_mark(results_of.get(a), wide) for a in assignments]
        if total:
            line.append(_percent(weighted_share(results_of.values(), course)))
        lines.append(line)
    head += ["total"] if total else []
    widths = [max(map(_columns, column)) for column in zip(head, *lines, strict=True)]
    names = [clean_line(name) for name in by_student(results)]
    room = max(12, width - sum(w + 2 for w in widths))
    name_width = min(room, max(map(_columns, ["student", *names])))

    def row(name: str, cells: Iterable[str]) -> str:
        padded = (" " * (w - _columns(c)) + c for w, c in zip(widths, cells, strict=True))
        name = _cut(name, name_width)
        return "  ".join([name + " " * (name_width - _columns(name)), *padded]).rstrip()

    rule = "-" * (name_width + sum(w + 2 for w in widths))
    table = [row("student", head), rule, *map(row, names, lines)]
    used = {letter for r in results for letter in _letters(r)}
    legend = [f"{letter} {STATUS_WORDS[s]}" for s, letter in _LETTERS.items() if letter in used]
    if any(cell == "-" for line in lines for cell in line):
        legend.append(f"- {STATUS_WORDS['missing']}")
    return "\n".join([*table, *([rule, ", ".join(legend)] if legend else [])])


def _students(result: SubmissionResult, course: Course) -> list[tuple[str, str]]:
    """Return (student, group) for everyone whom the result concerns."""
    if result.student in course.groups:
        return [(member, result.student) for member in course.members(result.student)]
    return [(result.student, "")]


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file in which no cell is a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([defuse(cell) for cell in row] for row in rows)
    write_whole(path, text.getvalue())


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _mark(result: SubmissionResult | None, wide: int) -> str:
    if result is None or result.status == "missing":
        return "-"
    return f"{shown_mark(result, '/')} {_letters(result):<{wide}}"


def shown_mark(result: SubmissionResult, of: str = " of ") -> str:
    """Return points and most points as screen and pages show them."""
    return f"{points(round(result.score, 2))}{of}{points(round(result.max_score, 2))}"


def mark_words(result: SubmissionResult) -> str:
    """Return points, most points and status: the same that tables show."""
    return f"{shown_mark(result)}, {status_words(result)}"


def status_words(result: SubmissionResult) -> str:
    """Return a submission's status in words, and everything else that holds at the same time."""
    words = [STATUS_WORDS[result.status]]
    words += [STATUS_WORDS[s] for s in also(result)]
    return ", ".join(words)


def also(result: SubmissionResult) -> list[Status]:
    """Return what holds of a submission beside its status: that it waits, that it was late."""
    more: list[Status] = []
    if result.waiting and result.status not in ("manual_pending", "missing"):
        more.append("manual_pending")
    if result.late and result.status not in ("late", "missing"):
        more.append("late")
    return more


def _letters(result: SubmissionResult) -> str:
    if result.status == "missing":
        return ""
    said = {result.status, *also(result)}
    return "".join(letter for status, letter in _LETTERS.items() if status in said)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f}%"


def _columns(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _cut(text: str, width: int) -> str:
    """Return the text in at most ``width`` columns, an ellipsis where it was cut."""
    text = clean_line(text)
    if _columns(text) <= width:
        return text
    kept = ""
    for c in text:
        if _columns(kept + c) > width - 1:
            break
        kept += c
    return kept.rstrip() + "…"
