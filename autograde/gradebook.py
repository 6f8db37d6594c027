"""nbgrader's gradebook, filled with our marks: formgrader and ``nbgrader export`` work on it.

nbgrader takes a mark from the output of a test cell and fails open: no output, ``nan``, a
negative number or text give full points. So every mark is read back and compared.

What a person adds in formgrader (marks, extra credit, comments) is kept when marks are written
again, and :func:`with_manual_marks` brings it back into the records.
"""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from nbformat import NotebookNode
from nbgrader import api
from nbgrader.dbutil import ALEMBIC_DIR
from nbgrader.preprocessors import SaveCells
from nbgrader.utils import determine_grade
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError, SAWarning

from autograde.clean import clean_markdown, safe_name
from autograde.course import Course
from autograde.coursefolder import (
    autograded_path,
    for_markers,
    read_notebook,
    rename_autograded,
    utc,
    write_autograded,
    write_course_folder,
)
from autograde.pseudonyms import (
    is_pseudonym,
    nbgrader_ids,
    pseudonym,
    read_pseudonyms,
    wanted_ids,
    write_pseudonyms,
)
from autograde.records import SubmissionResult, TaskResult
from autograde.source import Answer, answers, grading, node
from autograde.tables import points

FILE = "gradebook.db"
_LOG = logging.getLogger(__name__)
api.app_log.disabled = True  # it logs what it raises, traceback included
_TOLERANCE = 1e-9

Whole = Callable[[Iterable[SubmissionResult]], Iterable[SubmissionResult]]
Key = tuple[str, str, str]
"""Student (by nbgrader's id: the name as a folder, or a pseudonym), assignment, task."""


class GradebookError(Exception):
    """The gradebook cannot be used or disagrees with the marks: one sentence."""


@dataclass(frozen=True)
class Stored:
    """One mark as the gradebook holds it."""

    auto: float | None
    manual: float | None
    extra: float
    max_score: float
    review: bool
    comment: str

    @property
    def score(self) -> float | None:
        """What nbgrader counts: a person's mark before the automatic one, and extra credit."""
        mark = self.auto if self.manual is None else self.manual
        return None if mark is None else mark + self.extra

    @property
    def by_hand(self) -> bool:
        """Whether a person has had a say."""
        return self.manual is not None or self.extra != 0


def fill_gradebook(
    results: Sequence[SubmissionResult],
    sources: Mapping[str, NotebookNode],
    releases: Mapping[str, NotebookNode],
    course: Course,
    out: Path,
    whole: Whole = iter,
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
    write_course_folder(out, releases, sources, releases)
    with _one_sentence(db):
        if not db.exists():
            _create(db)
        _settle_ids(db, results, course, out)
        ids = nbgrader_ids(out)
        for name in sorted(releases):
            _save_cells(db, name, releases[name], course)
        differences: list[str] = []
        with api.Gradebook(_url(db)) as gradebook:
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
    return {k: s.score for k, s in _stored(db).items() if s.by_hand and s.score is not None}


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
    stored = _stored(db) if db.exists() else {}
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
    with _one_sentence(db), api.Gradebook(_url(db)) as gradebook:
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
    with _one_sentence(db):
        with api.Gradebook(_url(db)) as gradebook:
            try:
                submissions = len(gradebook.student_submissions(identity))
                gradebook.remove_student(identity)
            except api.MissingEntry:
                return 0
        _vacuum(db)
    return submissions


def _vacuum(db: Path) -> None:
    """Take out of the file what was deleted or changed: it could still be read there."""
    engine = create_engine(_url(db), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("VACUUM"))
    engine.dispose()


def settle_ids(db: Path, results: Iterable[SubmissionResult], course: Course, out: Path) -> None:
    """Call everybody in nbgrader's files as the course file wants it, whenever they were graded.

    Whoever the gradebook knows under the other kind of id, or under a pseudonym of an earlier
    secret, is renamed with all marks and notebooks.

    Raises
    ------
    GradebookError
        If the gradebook cannot be used, or names are wanted, and nothing tells whose a pseudonym
        is.
    """
    with _one_sentence(db):
        _settle_ids(db, results, course, out)


def _settle_ids(db: Path, results: Iterable[SubmissionResult], course: Course, out: Path) -> None:
    kept = read_pseudonyms(out)
    with api.Gradebook(_url(db)) as gradebook:
        present = {student for (student,) in gradebook.db.query(api.Student.id)}
    present |= {folder.name for folder in (out / "autograded").glob("*") if folder.is_dir()}
    students = list(dict.fromkeys(result.student for result in results))
    owners = {**{safe_name(student): student for student in students}, **kept}
    if any(map(is_pseudonym, present - kept.keys())):  # pseudonyms.csv was lost
        secret = course.secret()
        owners |= {pseudonym(student, secret): student for student in students}
    for identity in sorted(present - owners.keys()):
        if not is_pseudonym(identity):
            owners[identity] = identity  # graded before, and not in this run
        elif not course.anonymous:
            raise GradebookError(
                f"{db} holds marks under {identity}, and nothing tells whose that is: give "
                "everybody's submissions, or set anonymous = true in course.toml."
            )
    # Last whoever is graded now: of them the name is known, of others perhaps only as a folder's.
    others = {who for identity, who in owners.items() if identity in present}
    people = [*sorted(others - {*students}), *students]
    wanted = wanted_ids(people, course)
    # Written first: whatever happens later, every pseudonym in the gradebook can be told.
    every = {identity: who for who, identity in wanted.items()} if course.anonymous else {}
    write_pseudonyms(kept | every, out)
    renamed = {
        identity: wanted[owners[identity]]
        for identity in present & owners.keys()
        if identity != wanted[owners[identity]]
    }
    if renamed:
        _rename(db, renamed)
        rename_autograded(out, renamed)
    write_pseudonyms(every, out)


def _rename(db: Path, renamed: Mapping[str, str]) -> None:
    engine = create_engine(_url(db))
    with engine.begin() as connection:
        for old, new in renamed.items():
            both = {"old": old, "new": new}
            connection.execute(text("UPDATE student SET id = :new WHERE id = :old"), both)
            connection.execute(
                text("UPDATE submitted_assignment SET student_id = :new WHERE student_id = :old"),
                both,
            )
    engine.dispose()
    _vacuum(db)


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
        return float(determine_grade(cell, _LOG)[0])
    except (KeyError, TypeError, ValueError):  # more than the points, or no number at all
        return None


def _changed_since(file: Path, notebook: NotebookNode | None) -> Callable[[str], bool]:
    """Return a function that says whether a task's answer is another one than at the last run."""
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
    stored = _stored(db)
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


def _stored(db: Path) -> dict[Key, Stored]:
    """Read all marks of the gradebook, by student, assignment and task."""
    if not db.exists():
        raise GradebookError(f"There is no {db}; run autograde grade first.")
    with _one_sentence(db), api.Gradebook(_url(db)) as gradebook:
        comments = {
            (row.notebook_id, row.name): row.manual_comment or ""
            for row in gradebook.db.query(
                api.Comment.notebook_id, api.BaseCell.name, api.Comment.manual_comment
            ).join(api.BaseCell, api.BaseCell.id == api.Comment.cell_id)
        }
        rows = (
            gradebook.db.query(
                api.SubmittedAssignment.student_id,
                api.Assignment.name.label("assignment"),
                api.GradeCell.name,
                api.GradeCell.max_score,
                api.Grade.notebook_id,
                api.Grade.auto_score,
                api.Grade.manual_score,
                api.Grade.extra_credit,
                api.Grade.needs_manual_grade,
            )
            .join(api.GradeCell, api.GradeCell.id == api.Grade.cell_id)
            .join(api.SubmittedNotebook, api.SubmittedNotebook.id == api.Grade.notebook_id)
            .join(
                api.SubmittedAssignment,
                api.SubmittedAssignment.id == api.SubmittedNotebook.assignment_id,
            )
            .join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
        )
        found = {}
        for row in rows:
            task = row.name.removesuffix("-test")
            found[row.student_id, row.assignment, task] = Stored(
                auto=row.auto_score,
                manual=row.manual_score,
                extra=row.extra_credit or 0.0,
                max_score=row.max_score,
                review=row.needs_manual_grade,
                comment=comments.get((row.notebook_id, task), ""),
            )
        return found


def _create(db: Path) -> None:
    """Make an empty gradebook with nbgrader's tables, marked as being of its newest schema.

    nbgrader would ask the program ``alembic`` for that mark, which it finds only in an activated
    environment and which writes to the terminal.
    """
    new = db.with_name(f".{db.name}.new")
    new.unlink(missing_ok=True)
    engine = create_engine(_url(new))
    api.Base.metadata.create_all(bind=engine)
    config = AlembicConfig()
    config.set_main_option("script_location", str(ALEMBIC_DIR))
    head = ScriptDirectory.from_config(config).get_current_head()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": head})
    engine.dispose()
    new.replace(db)


def _save_cells(db: Path, name: str, release: NotebookNode, course: Course) -> None:
    """Tell the gradebook about an assignment's cells, as ``nbgrader generate_assignment`` does."""
    deadline = course.assignment(name).deadline
    with api.Gradebook(_url(db)) as gradebook:
        gradebook.update_or_create_assignment(
            name, duedate=None if deadline is None else utc(deadline.isoformat())
        )
        with contextlib.suppress(api.MissingEntry):
            _align(gradebook, gradebook.find_notebook(name, name), release)
            gradebook.db.commit()
    resources = {"nbgrader": {"notebook": name, "assignment": name, "db_url": _url(db)}}
    SaveCells(log=_LOG).preprocess(node(release), resources)


def _align(gradebook: Any, stored: Any, release: NotebookNode) -> None:
    """Give a notebook that has submissions the cells of a new release.

    nbgrader refuses to do that. Here an assignment is graded again as a whole, so marks of cells
    that are gone may go, and cells that are new may wait for theirs.
    """
    if not stored.submissions:
        return
    wanted: dict[Any, dict[str, NotebookNode]] = {api.GradeCell: {}, api.SolutionCell: {}}
    texts = {}
    for cell in release.cells:
        meta = grading(cell)
        if meta.get("grade"):
            wanted[api.GradeCell][meta["grade_id"]] = cell
        if meta.get("solution"):
            wanted[api.SolutionCell][meta["grade_id"]] = cell
        if meta.get("grade") or meta.get("solution") or meta.get("locked"):
            texts[meta["grade_id"]] = cell
    session = gradebook.db
    for kind, cells in wanted.items():
        have: dict[str, Any] = {
            cell.name: cell for cell in stored._base_cells if isinstance(cell, kind)
        }
        for cell_name in have.keys() - cells.keys():
            for entry in [*(have[cell_name].grades or []), *(have[cell_name].comments or [])]:
                session.delete(entry)
            session.delete(have[cell_name])
        for cell_name in cells.keys() - have.keys():
            if kind is api.GradeCell:
                meta = grading(cells[cell_name])
                new = api.GradeCell(
                    name=cell_name,
                    notebook=stored,
                    max_score=float(meta["points"]),
                    cell_type=cells[cell_name].cell_type,
                )
                session.add_all(api.Grade(cell=new, notebook=s) for s in stored.submissions)
            else:
                new = api.SolutionCell(name=cell_name, notebook=stored)
                session.add_all(api.Comment(cell=new, notebook=s) for s in stored.submissions)
    for source in list(stored.source_cells):
        if source.name not in texts:
            session.delete(source)
    for cell_name in texts.keys() - {source.name for source in stored.source_cells}:
        session.add(
            api.SourceCell(
                name=cell_name, notebook=stored, cell_type=texts[cell_name].cell_type, source=""
            )
        )


def _grade_cell(part: Answer) -> str:
    return part.task if part.manual else f"{part.task}-test"


def _extension(course: Course, assignment: str, submitter: str) -> dict[str, timedelta]:
    """Return the extension that the course grants; one granted in nbgrader alone stays."""
    deadline = course.assignment(assignment).deadline
    extended = course.deadline(assignment, submitter)
    if deadline is None or extended is None or extended <= deadline:
        return {}
    return {"extension": extended - deadline}


def _url(db: Path) -> str:
    return f"sqlite:///{db.resolve()}"


@contextlib.contextmanager
def _one_sentence(db: Path) -> Iterator[None]:
    """Turn what sqlite says into one sentence with a cure; leave out what nbgrader warns of."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # about nbgrader's own add_submission
            yield
    except (DatabaseError, api.InvalidEntry) as error:
        # nbgrader raises some of sqlite's errors under a name of its own.
        cause = error if isinstance(error, DatabaseError) else error.__context__
        if not isinstance(cause, DatabaseError):
            raise
        reason = str(cause.orig)
        if "locked" in reason:
            cure = "another program is writing to it; close formgrader and grade again"
        elif "full" in reason or "I/O" in reason:
            cure = "nothing graded so far is lost; make room on the disk and grade again"
        elif "readonly" in reason:
            cure = "make it writable, or give another --out, and grade again"
        elif "no such column" in reason or "no such table" in reason:
            cure = "an older nbgrader made it; run `nbgrader db upgrade` in its folder"
        else:
            cure = "move it away, or give another --out, and grade again"
        raise GradebookError(f"{db} cannot be used ({reason}): {cure}.") from None
