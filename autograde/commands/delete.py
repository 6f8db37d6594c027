"""Remove one student's data from a folder of results, and say what was removed."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograde.commands.exchange import exchange_folder, released_pages
from autograde.commands.restore import BEGUN
from autograde.commands.results import as_shown, load_history, save_history, write_overview
from autograde.errors import AutogradeError
from autograde.gradebook.identities import settle_ids
from autograde.gradebook.nbgrader_db import remove_student
from autograde.gradebook.pseudonyms import nbgrader_ids, read_pseudonyms, write_pseudonyms
from autograde.gradebook.stored import FILE
from autograde.grading.store import Store, only_grader
from autograde.lms.names import suggested
from autograde.model.course import Course
from autograde.model.records import SubmissionResult
from autograde.reports import audit
from autograde.reports.appeal import FOLDER
from autograde.reports.feedback import feedback_path, write_feedback
from autograde.safety.sanitize import clean_line, safe_name

_KINDS = (
    ("record", "records"),
    ("submission in the gradebook", "submissions in the gradebook"),
    ("graded notebook", "graded notebooks"),
    ("feedback page", "feedback pages"),
    ("audit line", "audit lines"),
)


class DeleteError(AutogradeError):
    """Nothing was removed: one sentence that says why."""


def delete(
    student: str, course: Course, out: Path, say: Callable[[str], object] = print
) -> list[SubmissionResult]:
    """Remove everything about a student from the results; write tables and report anew.

    A member is taken out of the group, whose submission stays, for it is the others' too. With a
    group, or its last member, its submissions are removed.

    Parameters
    ----------
    student
        A student or group, by the name in ``grades.csv``.
    course
        The course.
    out
        The folder that ``grade`` wrote.
    say
        Takes a line about what was removed, and about what has to be removed elsewhere.

    Returns
    -------
    list of SubmissionResult
        What is left.

    Raises
    ------
    DeleteError
        If there is no such student.
    StoreError, GradebookError, AuditError, WriteError
        If the results cannot be read or written.
    """
    if not out.is_dir():
        raise DeleteError(f"There is no folder {out}.")
    store = Store(out)
    with only_grader(out):
        results, then = store.load_class(course)
        submitters = {result.student for result in results}
        group = then.group_of(student)
        everybody = {*submitters, *then.students, *then.groups}
        everybody.update(member for members in then.groups.values() for member in members)
        if student not in everybody and not store.files_of(student):
            hint = suggested(student, everybody)
            raise DeleteError(f"{out} holds nothing of {clean_line(student)}{hint}")
        if (out / FILE).is_file():
            # pseudonyms.csv may be kept elsewhere; without it marks by hand would be nobody's.
            settle_ids(out / FILE, results, then, out)
        gone = {student}
        if group is not None and then.members(group) == (student,):
            gone.add(group)
        people = dict.fromkeys(m for who in sorted(gone) for m in (who, *then.members(who)))
        exchanged = {who: pages for who in people if (pages := released_pages(out, who))}
        counts = [0, 0, 0, 0]
        for who in gone:
            for position, count in enumerate(_remove(who, then, results, out, store)):
                counts[position] += count
        groups = {
            name: tuple(member for member in members if member != student)
            for name, members in then.groups.items()
            if name not in gone
        }
        students = tuple(s for s in then.students if s != student)
        now = replace(then, students=students, groups=groups)
        left = [result for result in results if result.student not in gone]
        for name in ("shown", "alike", BEGUN):
            kept = [v for v in store.load_list(name) if not gone & {*_named(v)}]
            store.save_list(name, kept)
        history = [each.without(gone) for each in load_history(store)]
        save_history(history, store)
        shown = [*map(as_shown(now, out), left)]
        write_overview(left, shown, history, now, store, out)
        if group is not None and group not in gone:
            # The pages of the group name its members.
            theirs = (result for result in shown if result.student == group)
            write_feedback(store.with_notebooks(theirs), now, out)
        counts.append(audit.forget(gone, out))
        store.save_class(left, now)  # last: until then the same command continues after a crash
    what = [f"{n} {one if n == 1 else more}" for n, (one, more) in zip(counts, _KINDS, strict=True)]
    say(f"Removed of {clean_line(student)}: {', '.join(what)}.")
    say(f"Written anew without {clean_line(student)}: grades.csv, tasks.csv, report.html.")
    if group is not None and group not in gone:
        say(f"The submissions of {clean_line(group)} stay: they are the other members' too.")
    if student in {*course.students, *course.groups} or course.group_of(student):
        say(f"{course.file} still names {clean_line(student)}; remove the name there by hand.")
    for person, pages in exchanged.items():
        say(
            "nbgrader's exchange keeps what it collected and released: in its folder of the course "
            f"delete inbound/{clean_line(person)}+*, and in its feedback/ {', '.join(pages)}."
        )
    say("Delete the upload where it was graded from, too: grading it again brings all this back.")
    return shown


def _named(value: dict[str, Any]) -> list[str]:
    """Return whom an entry of a kept list names."""
    return [*value.get("students", ()), *([value["student"]] if "student" in value else ())]


def _remove(
    who: str, course: Course, results: Iterable[SubmissionResult], out: Path, store: Store
) -> tuple[int, int, int, int]:
    """Remove a submitter's files; return how many records, submissions, notebooks and pages."""
    records = store.files_of(who)
    identity = nbgrader_ids(out)(who)
    for file in records:
        file.unlink()
    submissions = remove_student(who, out / FILE) if (out / FILE).is_file() else 0
    notebooks = _remove_folder(out / "autograded" / identity, "*.ipynb")
    # nbgrader's own pages lie there under its id.
    pages = sum(
        _remove_folder(out / "feedback" / name, "*.html") for name in {safe_name(who), identity}
    )
    left = {key: student for key, student in read_pseudonyms(out).items() if student != who}
    write_pseudonyms(left, out)
    for result in results:
        for member in course.members(who):
            page = out / feedback_path(member, result.assignment)
            if result.student == who:
                pages += _remove_folder(exchange_folder(out, member, result.assignment), "*.html")
            if result.student == who and page.is_file():
                page.unlink()
                pages += 1
                with contextlib.suppress(OSError):  # holds other pages
                    page.parent.rmdir()
    # Both may hold anybody: unfinished files of a crash, and tables that can be exported again.
    for file in store.folder.glob("*.part"):
        file.unlink()
    _remove_folder(out / "export", "*")
    _remove_folder(out / FOLDER / safe_name(who), "*")
    return sum(file.suffix == ".json" for file in records), submissions, notebooks, pages


def _remove_folder(folder: Path, pattern: str) -> int:
    if not folder.is_dir() or folder.is_symlink():
        return 0
    count = sum(1 for file in folder.rglob(pattern) if not file.is_symlink())
    shutil.rmtree(folder)
    return count
