"""nbgrader's gradebook, filled with our marks: formgrader and ``nbgrader export`` work on it.

nbgrader takes a mark from the output of a test cell and fails open: no output, ``nan``, a
negative number or text give full points. So every mark is read back and compared.

What a person adds in formgrader (marks, extra credit, comments) is kept when marks are written
again, and :func:`with_manual_marks` brings it back into the records.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader import api
from nbgrader.utils import determine_grade

from autograde.gradebook.cells import create_gradebook, save_cells
from autograde.gradebook.coursefolder import (
    autograded_path,
    for_markers,
    read_notebook,
    utc,
    write_autograded,
    write_course_folder,
)
from autograde.gradebook.identities import settle
from autograde.gradebook.pseudonyms import nbgrader_ids
from autograde.gradebook.stored import (
    FILE,
    LOG,
    GradebookError,
    Key,
    Seen,
    Stored,
    answers_seen,
    forget_seen,
    keep_seen,
    one_sentence,
    prepare_seen,
    stored_marks,
    url_of,
    vacuum,
)
from autograde.model.course import Course
from autograde.model.records import Status, SubmissionResult, TaskResult, points
from autograde.notebooks.cells import Answer, answers, grading, node, written
from autograde.safety.rewrite import clean_markdown

api.app_log.disabled = True  # it logs what it raises, traceback included
_TOLERANCE = 1e-9

Whole = Callable[[Iterable[SubmissionResult]], Iterable[SubmissionResult]]


def fill_gradebook(
    results: Sequence[SubmissionResult],
    sources: Mapping[str, NotebookNode],
    releases: Mapping[str, NotebookNode],
    course: Course,
    out: Path,
    whole: Whole = iter,
    settings: Path | None = None,
) -> Path:
    """Write the marks into ``out/gradebook.db``, and nbgrader's folders beside it.

    Parameters
    ----------
    results
        As the scorer left them, without marks given by hand.
    sources, releases
        The instructor's and the released notebook of each assignment.
    course
        Deadlines, what is granted to whom, and whether markers see names.
    out
        The folder that becomes nbgrader's course folder: ``source/``, ``release/`` and
        ``autograded/`` with one notebook each, ``gradebook.db``, ``nbgrader_config.py``.
    whole
        Yields the results with their notebooks, if they have been left aside: these are large, and
        one is needed at a time.
    settings
        The instructor's own configuration of nbgrader, if there is one beside the submissions.

    Returns
    -------
    Path
        The gradebook.

    Raises
    ------
    GradebookError
        If the gradebook cannot be used, or a mark read back is not the mark that was given. Then
        that submission's marks are as they were; all others are written.
    """
    db = out / FILE
    write_course_folder(out, releases, sources, releases, settings)
    with one_sentence(db):
        if not db.exists():
            create_gradebook(db)
        settle(db, results, course, out)
        ids = nbgrader_ids(out)
        for name in sorted(releases):
            save_cells(db, name, releases[name], course)
        differences: list[str] = []
        with api.Gradebook(url_of(db)) as gradebook:
            prepare_seen(gradebook.db)
            for result in whole(results):
                source, release = sources[result.assignment], releases[result.assignment]
                differences += _save_submission(
                    gradebook, result, ids, source, answers(release), course, out
                )
                gradebook.db.expunge_all()  # else every mark of the class stays in memory
        if not differences:
            differences = _differences(db, results, ids, releases)
    if differences:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        raise GradebookError(f"{differences[0]}{more}")
    return db


def manual_scores(db: Path) -> dict[Key, float]:
    """Return the scores of all tasks that a person has marked, extra credit included.

    Raises
    ------
    GradebookError
        If the gradebook cannot be read.
    """
    return {k: s.score for k, s in stored_marks(db).items() if s.by_hand and s.score is not None}


def with_manual_marks(results: Iterable[SubmissionResult], db: Path) -> list[SubmissionResult]:
    """Return the results with the marks and comments that people gave in formgrader.

    A submission whose last waiting task has been marked changes from ``manual_pending`` to
    ``graded``, or to ``late``. A task whose answer has changed since a person marked it waits for a
    person again: the mark is another text's. What was not handed in has no mark.

    Raises
    ------
    GradebookError
        If the gradebook cannot be read.
    """
    merge = manual_marks(db)
    return [merge(result) for result in results]


def manual_marks(db: Path) -> Callable[[SubmissionResult], SubmissionResult]:
    """Return what :func:`with_manual_marks` does to one result; the gradebook is read once."""
    stored = stored_marks(db) if db.exists() else {}
    ids = nbgrader_ids(db.parent)

    def merge(result: SubmissionResult) -> SubmissionResult:
        if result.status == "missing":
            return result
        tasks = [
            _by_hand(task, stored.get((ids(result.student), result.assignment, task.task)))
            for task in result.tasks
        ]
        result = replace(result, tasks=tasks)
        if result.status in ("graded", "late", "manual_pending"):
            done: Status = "late" if result.late else "graded"
            result.status = "manual_pending" if result.waiting else done
        return result

    return merge


def write_penalties(results: Iterable[SubmissionResult], db: Path) -> None:
    """Write what was taken off for handing in late where nbgrader keeps it.

    nbgrader's own pages and exports take it off the score.

    Raises
    ------
    GradebookError
        If the gradebook cannot be written.
    """
    ids = nbgrader_ids(db.parent)
    with one_sentence(db), api.Gradebook(url_of(db)) as gradebook:
        for result in results:
            with contextlib.suppress(api.MissingEntry):
                name, student = result.assignment, ids(result.student)
                submission = gradebook.find_submission_notebook(name, name, student)
                submission.late_submission_penalty = result.penalty or None
        gradebook.db.commit()


def take_back(places: Iterable[tuple[str, str, str]], db: Path) -> None:
    """Remove marks, extra credit and comments that persons gave to automatic tasks.

    Parameters
    ----------
    places
        Student or group, assignment and task of each.

    Raises
    ------
    GradebookError
        If the gradebook cannot be written.
    """
    ids = nbgrader_ids(db.parent)
    with one_sentence(db), api.Gradebook(url_of(db)) as gradebook:
        for student, name, task in places:
            submission = gradebook.find_submission_notebook(name, name, ids(student))
            for grade in submission.grades:
                if grade.cell.name in (task, f"{task}-test"):
                    grade.manual_score, grade.extra_credit = None, None
                    grade.needs_manual_grade = grade.auto_score is None
            for comment in submission.comments:
                if comment.name == task:
                    comment.manual_comment = None
        gradebook.db.commit()


def remove_student(student: str, db: Path) -> int:
    """Remove all marks of a student or group, and what is left of them in the file.

    Returns
    -------
    int
        How many submissions the gradebook held.

    Raises
    ------
    GradebookError
        If the gradebook cannot be written.
    """
    identity = nbgrader_ids(db.parent)(student)
    with one_sentence(db):
        with api.Gradebook(url_of(db)) as gradebook:
            try:
                submissions = len(gradebook.student_submissions(identity))
                gradebook.remove_student(identity)
                forget_seen(gradebook.db)
            except api.MissingEntry:
                return 0
        vacuum(db)
    return submissions


def _by_hand(task: TaskResult, stored: Stored | None) -> TaskResult:
    if stored is None or not stored.by_hand or stored.score is None:
        return task
    if stored.review or (task.answer and stored.answer and task.answer != stored.answer):
        notice = (
            "The answer has changed since it was marked by hand "
            f"({points(stored.score)} of {points(stored.max_score)} then); please mark it again."
        )
        message = "Your answer has changed since it was marked: a person will read it again."
        return replace(task, score=None, message=message, notice=f"{task.notice} {notice}".strip())
    # The automatic message may contradict the mark that a person gave.
    message = stored.comment or "Marked by a person."
    return replace(task, score=stored.score, message=message, by_hand=True)


def _save_submission(
    gradebook: Any,
    result: SubmissionResult,
    ids: Callable[[str], str],
    source: NotebookNode,
    parts: list[Answer],
    course: Course,
    out: Path,
) -> list[str]:
    """Write one submission's marks; return what differs from the records, then unwritten."""
    student, name = ids(result.student), result.assignment
    gradebook.update_or_create_student(student)
    try:
        gradebook.find_submission(name, student)
    except api.MissingEntry:
        if result.status == "missing":
            return []
    gradebook.update_or_create_submission(
        name,
        student,
        timestamp=utc(result.timestamp),
        **_extension(course, name, result.student),
    )
    submission = gradebook.find_submission_notebook(name, name, student)
    grades = {grade.cell.name: grade for grade in submission.grades}
    comments = {comment.cell.name: comment for comment in submission.comments}
    records = {task.task: task for task in result.tasks}
    notebook = None if result.notebook is None else node(result.notebook)
    file = autograded_path(out, student, name)
    before, now = _answer_texts(read_notebook(file)), _answer_texts(notebook)
    seen = answers_seen(gradebook.db)
    for part in parts:
        grade = grades[_grade_cell(part)]
        record = records.get(part.task)
        wanted = record.score if record else 0.0
        auto = _auto_score(notebook, part, wanted)
        if not _same(auto, wanted):
            gradebook.db.rollback()
            return [_difference(result, part.task, auto, wanted)]
        grade.auto_score = auto
        last = seen.get((submission.id, part.task), Seen(before.get(part.task, ""), ""))
        shown = (record.answer if record else "") or now.get(part.task, "")
        marked = ""
        if grade.manual_score is None and not grade.extra_credit:
            grade.needs_manual_grade = auto is None
        else:
            # A mark that nobody has been asked about again is about what was last shown.
            marked = (grade.needs_manual_grade and last.marked) or last.shown
            grade.needs_manual_grade = marked != shown
        keep_seen(gradebook.db, submission.id, part.task, Seen(shown, marked))
        said = record.message if record and record.score is not None else ""
        comments[part.task].auto_comment = clean_markdown(said) or None  # rendered as Markdown
    gradebook.db.commit()
    for_hand = None if notebook is None else for_markers(notebook, source, result.tasks)
    write_autograded(file, for_hand, result.timestamp)
    return []


def _auto_score(notebook: NotebookNode | None, part: Answer, wanted: float | None) -> float | None:
    """Return what nbgrader makes of the notebook; of a task for people, what the record says.

    nbgrader calls a text that equals the released one unanswered. The record knows better: an
    answer may stand where it could not be matched, and then a person has to look.
    """
    if part.test is None or notebook is None:
        return wanted
    by_id = {grading(cell).get("grade_id"): cell for cell in notebook.cells}
    cell = by_id.get(_grade_cell(part))
    if cell is None:
        return None
    try:
        return float(determine_grade(cell, LOG)[0])
    except (KeyError, TypeError, ValueError):  # more than the points, or no number at all
        return None


def _answer_texts(notebook: NotebookNode | None) -> dict[str, str]:
    """Return a digest of each answer cell of a notebook."""
    cells = [] if notebook is None else notebook.cells
    solutions = [cell for cell in cells if grading(cell).get("solution")]
    return {grading(cell)["grade_id"]: written([cell.source]) for cell in solutions}


def _differences(
    db: Path,
    results: Iterable[SubmissionResult],
    ids: Callable[[str], str],
    releases: Mapping[str, NotebookNode],
) -> list[str]:
    """Compare what a fresh connection reads with the records."""
    stored = stored_marks(db)
    found = []
    for result in results:
        for part in answers(releases[result.assignment]):
            mark = stored.get((ids(result.student), result.assignment, part.task))
            if mark is None and result.status == "missing":
                continue
            record = next((t for t in result.tasks if t.task == part.task), None)
            wanted = record.score if record else 0.0
            if mark is None or not _same(mark.auto, wanted):
                found.append(_difference(result, part.task, mark.auto if mark else None, wanted))
            elif record is not None and not _same(mark.max_score, record.max_score):
                found.append(
                    f"{FILE} gives {points(mark.max_score)} points for {part.task} of "
                    f"{result.assignment}, the record {points(record.max_score)}; grade again."
                )
    return found


def _difference(result: SubmissionResult, task: str, have: float | None, want: float | None) -> str:
    return (
        f"nbgrader reads {_words(have)} for {task} of {result.student} ({result.assignment}) where "
        f"the score is {_words(want)}; these marks were not written, please look at its test cell."
    )


def _words(score: float | None) -> str:
    return "no score" if score is None else str(score) if math.isnan(score) else points(score)


def _same(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return abs(a - b) <= _TOLERANCE  # false for nan


def _grade_cell(part: Answer) -> str:
    return part.task if part.manual else f"{part.task}-test"


def _extension(course: Course, assignment: str, submitter: str) -> dict[str, timedelta]:
    """Return the extension that the course grants; one granted in nbgrader alone stays."""
    deadline = course.assignment(assignment).deadline
    extended = course.deadline(assignment, submitter)
    if deadline is None or extended is None or extended <= deadline:
        return {}
    return {"extension": extended - deadline}
