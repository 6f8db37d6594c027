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
from autograde.gradebook.pseudonyms import (
    nbgrader_ids,
)
from autograde.gradebook.stored import (
    FILE,
    LOG,
    GradebookError,
    Key,
    Stored,
    one_sentence,
    stored_marks,
    url_of,
    vacuum,
)
from autograde.model.course import Course
from autograde.model.records import SubmissionResult, TaskResult, points
from autograde.notebooks.cells import Answer, answers, grading, node
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
    ``graded``. A task that has to be looked at again, because its answer has changed since a
    person marked it, keeps that mark and says so.

    Raises
    ------
    GradebookError
        If the gradebook cannot be read.
    """
    stored = stored_marks(db) if db.exists() else {}
    ids = nbgrader_ids(db.parent)
    merged = []
    for result in results:
        tasks = [
            _by_hand(task, stored.get((ids(result.student), result.assignment, task.task)))
            for task in result.tasks
        ]
        result = replace(result, tasks=tasks)
        if result.status == "manual_pending" and all(t.score is not None for t in tasks):
            result.status = "graded"
        merged.append(result)
    return merged


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
            except api.MissingEntry:
                return 0
        vacuum(db)
    return submissions


def _by_hand(task: TaskResult, stored: Stored | None) -> TaskResult:
    if stored is None or not stored.by_hand or stored.score is None:
        return task
    notice = task.notice
    if stored.review:
        notice = f"{notice} The answer has changed since it was marked by hand.".strip()
    # The automatic message may contradict the mark that a person gave.
    message = stored.comment or "Marked by a person."
    return replace(task, score=stored.score, message=message, notice=notice)


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
    changed = _changed_since(file, notebook)
    for part in parts:
        grade = grades[_grade_cell(part)]
        record = records.get(part.task)
        wanted = record.score if record else 0.0
        auto = _auto_score(notebook, part, wanted)
        if not _same(auto, wanted):
            gradebook.db.rollback()
            return [_difference(result, part.task, auto, wanted)]
        grade.auto_score = auto
        if grade.manual_score is None:
            grade.needs_manual_grade = auto is None
        elif changed(part.task):
            grade.needs_manual_grade = True
        said = record.message if record and record.score is not None else ""
        comments[part.task].auto_comment = clean_markdown(said) or None  # rendered as Markdown
    gradebook.db.commit()
    shown = None if notebook is None else for_markers(notebook, source)
    write_autograded(file, shown, result.timestamp)
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


def _changed_since(file: Path, notebook: NotebookNode | None) -> Callable[[str], bool]:
    """Return a function that says whether a task's answer has changed since the last run."""
    before = _answer_texts(read_notebook(file))
    now = _answer_texts(notebook)
    return lambda task: before.get(task) != now.get(task)


def _answer_texts(notebook: NotebookNode | None) -> dict[str, str]:
    cells = [] if notebook is None else notebook.cells
    return {grading(c)["grade_id"]: c.source for c in cells if grading(c).get("solution")}


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
