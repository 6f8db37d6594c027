"""Names in ``course.toml`` that nobody bears who handed in, where no class list could tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autograde.intake.upload import Upload
from autograde.lms.names import meaning
from autograde.model.course import Course
from autograde.model.kinds import nearest
from autograde.safety.sanitize import clean_line


def unmet(course: Course, uploads: Sequence[Upload]) -> Iterator[str]:
    """Yield a sentence for every name that was granted something, or put in a group, in vain.

    With a class list, reading the course has refused such names. Without one, a slip of the pen and
    somebody who has not handed in yet look the same: only an instructor can tell.

    Parameters
    ----------
    course
        The course.
    uploads
        What was found, for the assignments that are graded.
    """
    if course.students:
        return
    graded = {upload.assignment for upload in uploads}
    here = {upload.student for upload in uploads if upload.path is not None}
    # Whom the course file does not name: one of these may be meant.
    strangers = sorted(here - course.people - {*course.extensions, *course.accommodations})
    spelled = meaning(strangers)

    def similar(name: str) -> str | None:
        """Return who may be meant: a platform's spelling of that name, else a similar one."""
        return next(iter(spelled(name)), None) or nearest(name, strangers)

    tables: dict[str, list[str]] = {}
    for who, granted in course.extensions.items():
        if graded & set(granted):
            tables.setdefault(who, []).append("extensions")
    for who in course.accommodations:
        tables.setdefault(who, []).append("accommodations")
    for group, members in course.groups.items():
        tables.setdefault(group, []).append("groups")
        for member in members:
            # One member hands in for all: the others are missed only if a stranger may be meant.
            if similar(member):
                tables.setdefault(member, []).append("groups")
    for who, where in tables.items():
        near = similar(who)
        if who in here or (course.group_of(who) in here and near is None):
            continue
        yield (
            f"{course.file.name} names {clean_line(who)} ({', '.join(where)}), but nobody of that "
            f"name handed in{f'; do you mean {clean_line(near)}?' if near else '.'}"
        )
