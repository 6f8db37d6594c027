"""Take back the marks that persons typed over automatic ones: the automatic ones count again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from autograde.commands.results import as_shown, load_history, save_shown, write_overview
from autograde.errors import AutogradeError
from autograde.gradebook.nbgrader_db import take_back, write_penalties
from autograde.gradebook.stored import FILE
from autograde.grading.store import Store, only_grader
from autograde.lms.names import suggested
from autograde.model.course import Course
from autograde.model.kinds import known_as
from autograde.model.records import SubmissionResult
from autograde.reports import audit, changes
from autograde.reports.feedback import write_feedback
from autograde.safety.sanitize import clean_line

BEGUN = "taking back"
"""Under what the store keeps the marks that are being taken back, until all is written."""


class RestoreError(AutogradeError):
    """Nothing was taken back: one sentence that says why."""


def restore(
    course: Course,
    out: Path,
    student: str = "",
    assignment: str = "",
    task: str = "",
    say: Callable[[str], object] = print,
) -> int:
    """Take back what persons typed over automatic marks, in gradebook, tables, feedback, report.

    Marks of tasks that only a person marks stay.

    Parameters
    ----------
    course
        The course.
    out
        The folder that ``grade`` wrote.
    student, assignment, task
        Only those of this student or group, assignment, task.
    say
        Takes a line about every mark that was taken back.

    Returns
    -------
    int
        How many were taken back.

    Raises
    ------
    RestoreError
        If there is no such folder or student.
    StoreError, GradebookError, AuditError, WriteError
        If the results cannot be read or written.
    """
    if not out.is_dir():
        raise RestoreError(f"There is no folder {out}.")
    store = Store(out)
    with only_grader(out):
        results, then = store.load_class(course)
        submitters = {result.student for result in results}
        people = {*submitters, *(member for each in submitters for member in then.members(each))}
        student = known_as(student, people)
        who = then.group_of(student) or student
        if student and who not in submitters:
            hint = suggested(student, people)
            raise RestoreError(f"{out} holds no marks of {clean_line(student)}{hint}")
        before = [*map(as_shown(then, out), results)]
        gone = [
            each
            for each in changes.overrides(results, before)
            if who in ("", each.student)
            and assignment in ("", each.assignment)
            and task in ("", each.task)
        ]
        begun = {(e["student"], e["assignment"], e["task"]) for e in store.load_list(BEGUN)}
        places = {(each.student, each.assignment, each.task) for each in gone}
        if gone:
            names = ("student", "assignment", "task")
            noted = [dict(zip(names, place, strict=True)) for place in sorted(begun | places)]
            store.save_list(BEGUN, noted)
            take_back(places, out / FILE)
        if gone or begun:
            _write(results, then, store, out, begun | places)
            store.save_list(BEGUN, [])
    for each in gone:
        say(f"Taken back: {each}")
    if begun - places:
        say("Finished what an earlier restore, which was stopped, had begun.")
    say(
        f"{len(gone)} {'mark counts' if len(gone) == 1 else 'marks count'} as graded automatically "
        f"again; written anew: gradebook.db, grades.csv, tasks.csv, feedback, {out / 'report.html'}"
        if gone
        else f"{out} holds no such mark that a person typed over an automatic one."
    )
    return len(gone)


def _write(
    results: list[SubmissionResult],
    course: Course,
    store: Store,
    out: Path,
    places: set[tuple[str, str, str]],
) -> None:
    final = [*map(as_shown(course, out), results)]
    write_penalties(final, out / FILE)
    audit.note_taken_back(final, places, out)
    concerned = {(student, assignment) for student, assignment, _ in places}
    some = (result for result in final if (result.student, result.assignment) in concerned)
    write_feedback(store.with_notebooks(some), course, out)
    write_overview(results, final, load_history(store), course, store, out)
    save_shown(changes.as_shown(results, final), store)
