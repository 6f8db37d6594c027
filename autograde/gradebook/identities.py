"""Who is who in a gradebook: names or pseudonyms, renamed without losing a mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from nbgrader import api
from sqlalchemy import create_engine, text

from autograde.gradebook.coursefolder import (
    rename_autograded,
)
from autograde.gradebook.pseudonyms import (
    is_pseudonym,
    pseudonym,
    read_pseudonyms,
    wanted_ids,
    write_pseudonyms,
)
from autograde.gradebook.stored import GradebookError, one_sentence, url_of, vacuum
from autograde.model.course import Course
from autograde.model.records import SubmissionResult
from autograde.safety.sanitize import safe_name


def settle_ids(db: Path, results: Iterable[SubmissionResult], course: Course, out: Path) -> None:
    """Rename everybody in nbgrader's files as the course file wants it, whenever they were graded.

    Whoever the gradebook knows under the other kind of id, or under a pseudonym of an earlier
    secret, is renamed with all marks and notebooks.

    Raises
    ------
    GradebookError
        If the gradebook cannot be used, or names are wanted, and nothing tells whose a pseudonym
        is.
    """
    with one_sentence(db):
        settle(db, results, course, out)


def settle(db: Path, results: Iterable[SubmissionResult], course: Course, out: Path) -> None:
    """Give every student the id that the gradebook knows, names or pseudonyms as they are kept."""
    kept = read_pseudonyms(out)
    with api.Gradebook(url_of(db)) as gradebook:
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
    # Last the students who are graded now: their names are known; others may be known by a folder's
    # name only.
    others = {who for identity, who in owners.items() if identity in present}
    people = [*sorted(others - {*students}), *students]
    wanted = wanted_ids(people, course)
    # Written first: every pseudonym in the gradebook can be resolved, even after a crash.
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
    engine = create_engine(url_of(db))
    with engine.begin() as connection:
        for old, new in renamed.items():
            both = {"old": old, "new": new}
            connection.execute(text("UPDATE student SET id = :new WHERE id = :old"), both)
            connection.execute(
                text("UPDATE submitted_assignment SET student_id = :new WHERE student_id = :old"),
                both,
            )
    engine.dispose()
    vacuum(db)
