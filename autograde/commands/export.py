"""Marks for other programs: a learning platform's own file filled in, or one wide table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from autograde.commands.results import as_shown
from autograde.gradebook.stored import FILE
from autograde.grading.store import Store, StoreError
from autograde.lms import registry
from autograde.lms.names import Pairs
from autograde.lms.platform import Platform
from autograde.lms.sheets import ExportError, Sheet
from autograde.model.course import Course
from autograde.model.records import Mark, points
from autograde.reports.feedback import feedback_path
from autograde.reports.tables import grades_rows, read_marks, write_table
from autograde.safety.sanitize import clean_line

TABLE = "csv"
"""The format that is nobody's: one wide table."""


def formats() -> tuple[str, ...]:
    """Return what marks can be written for: the platforms by name, and the wide table."""
    return (*(platform.name for platform in registry.PLATFORMS), TABLE)


def export(
    out: Path,
    course: Course,
    form: str,
    assignment: str | None = None,
    worksheet: Path | None = None,
    column: str | None = None,
    say: Callable[[str], object] = print,
) -> list[Path]:
    """Write the marks of a graded class, for a platform or as one table, below ``out/export``.

    For a platform, the cell of a mark that waits for a person stays as it is; so does that of a
    student whose upload could not be read, or who handed in nothing. What is left out, replaced or
    guessed is said before the first file is written.

    Parameters
    ----------
    out
        The folder that ``grade`` wrote.
    course
        For the weights of the assignments.
    form
        One of :func:`formats`: a platform, whose worksheet is filled in (and feedback packed, where
        it takes that); or ``csv``, a row a student, a column an assignment, and the weighted total
        in percent.
    assignment
        Only this one. Needed if several were graded and the platform's worksheet is for one.
    worksheet
        The file that the platform let you download, to be filled in.
    column
        The assignment's title on the platform, if it is not called like the notebook.
    say
        Takes one line about each thing that was left out.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    ExportError
        One sentence that says what to do.
    """
    if form not in formats():
        raise ExportError(f"There is no format {form!r}: choose one of {', '.join(formats())}.")
    marks = _marks(out, assignment)
    if (out / FILE).is_file():
        what = "gradebook or course.toml say something else by now; grade again to export that"
        try:
            _tell(_outdated(marks, out, course), what, say)
        except StoreError as error:  # a copy without the records
            say(f"Note: what the gradebook says now is not compared: {error}")
    folder = out / "export"
    if form == TABLE:
        write_table(folder / "marks.csv", *_wide(marks, course))
        _tell([m for m in marks if m.waiting], "so far without what waits for a person", say)
        return [folder / "marks.csv"]
    platform = next(each for each in registry.PLATFORMS if each.name == form)
    if worksheet is None:
        raise ExportError(f"Please give {platform.worksheet} to be filled in: --worksheet FILE.")
    names = sorted({m.assignment for m in marks})
    if len(names) > 1 and platform.one_assignment:
        raise ExportError(
            f"{out} holds {', '.join(names)}, a worksheet is for one of them: say which with "
            "--assignment NAME."
        )
    if len(names) > 1 and column is not None:
        raise ExportError("--column is for one assignment: say which with --assignment NAME.")
    return _fill_in(platform, Sheet.read(worksheet), marks, out, names, column, say)


def _fill_in(
    platform: Platform,
    sheet: Sheet,
    marks: Sequence[Mark],
    out: Path,
    assignments: Sequence[str],
    column: str | None,
    say: Callable[[str], object],
) -> list[Path]:
    """Fill in a platform's own file, say what deserves a word, then write."""
    decided = [m for m in marks if not m.waiting and m.status != "missing"]
    unreadable = [m for m in decided if m.status == "broken"]
    students = list(dict.fromkeys(m.student for m in decided))
    pairs = platform.pairs(sheet, students)
    if students and len(pairs.without) == len(students):
        raise ExportError(f"{sheet.file} has a row for nobody in {out}: is it of another course?")
    settled = [m for m in decided if m.status != "broken"]
    filled = platform.filled(sheet, pairs, settled, column)
    pages = _pages(decided, pairs, out) if platform.takes_feedback else {}
    for note in filled.notes:
        say(f"Note: {note}.")
    _tell_pairs(pairs, sheet.file, say)
    _tell([m for m in marks if m.waiting], "left as it is, for it waits for a person", say)
    _tell(unreadable, "left as it is, for the upload could not be read", say)
    if platform.takes_feedback:
        missing = [m for m in decided if not (out / _page(m)).is_file()]
        _tell(missing, "there is no page of feedback; grade again to have it", say)
        if not pages:
            say("Note: no archive of feedback is written, for there is no page to put into it.")
    return platform.write(filled.sheet, pairs, pages, assignments, out / "export")


def _pages(marks: Sequence[Mark], pairs: Pairs, out: Path) -> Mapping[int, Mapping[str, Path]]:
    """Return the pages of feedback that there are, by row, then by assignment."""
    pages: dict[int, dict[str, Path]] = {}
    for mark in marks:
        page = out / _page(mark)
        for row in pairs.rows.get(mark.student, ()) if page.is_file() else ():
            pages.setdefault(row, {})[mark.assignment] = page
    return pages


def _page(mark: Mark) -> Path:
    return Path(feedback_path(mark.student, mark.assignment))


def _marks(out: Path, assignment: str | None) -> list[Mark]:
    if not (out / "grades.csv").is_file() or not (out / "tasks.csv").is_file():
        raise ExportError(f"{out} holds no marks; run autograde grade with --out {out} first.")
    try:
        marks = read_marks(out)
    except (KeyError, ValueError):
        raise ExportError(
            f"grades.csv or tasks.csv in {out} was changed so that it cannot be read; run "
            "autograde grade again."
        ) from None
    names = sorted({m.assignment for m in marks})
    if assignment is not None and assignment not in names:
        raise ExportError(f"{out} holds no marks of {assignment}, only of {', '.join(names)}.")
    return [m for m in marks if assignment in (None, m.assignment)]


def _outdated(marks: Sequence[Mark], out: Path, course: Course) -> list[Mark]:
    """Return the marks that would be others if they were written now."""
    results, then = Store(out).load_class(course)
    rows = grades_rows(map(as_shown(then, out), results), then)
    now = {(row[0], row[2]): row[3:6] for row in rows}
    return [
        mark
        for mark in marks
        if now.get((mark.student, mark.assignment))
        != (points(mark.score), points(mark.max_score), mark.status)
    ]


def _wide(marks: Sequence[Mark], course: Course) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Return the header, and a row a student: each score, and the weighted total in percent."""
    names = sorted({m.assignment for m in marks})
    table: dict[str, dict[str, Mark]] = {}
    for mark in sorted(marks, key=lambda m: (m.student.casefold(), m.student)):
        table.setdefault(mark.student, {})[mark.assignment] = mark
    rows = []
    for student, own in table.items():
        weights = {n: course.assignment(n).weight for n, m in own.items() if m.max_score > 0}
        earned = sum(w * own[n].score / own[n].max_score for n, w in weights.items())
        total = 100 * earned / sum(weights.values()) if sum(weights.values()) else None
        group = next((m.group for m in own.values() if m.group), "")
        scores = [points(own[n].score) if n in own else "" for n in names]
        rows.append([student, group, *scores, "" if total is None else points(round(total, 2))])
    header = ["student", "group", *names, "total_percent"]
    return header, rows


def _tell_pairs(pairs: Pairs, worksheet: Path, say: Callable[[str], object]) -> None:
    if pairs.without:
        say(f"Note: {worksheet} has no row for {_listed(pairs.without)}.")
    if pairs.unclear:
        say(
            f"Note: {worksheet} does not tell which row is meant for {_listed(pairs.unclear)}; "
            "fill these in by hand."
        )


def _tell(marks: Sequence[Mark], what: str, say: Callable[[str], object]) -> None:
    if marks:
        who = _listed(list(dict.fromkeys(m.student for m in marks)))
        say(f"Note: {what}: {who}.")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(clean_line(name) for name in sorted(names))
