"""Find what was handed in: which file, of whom, when, and who handed in nothing.

A folder or a zip file is read in the plain layout (``STUDENT/NAME.ipynb``), in nbgrader's, and in
those of Moodle and Canvas: see :mod:`autograde.intake.layout`. Links are never followed. A
student's name is only ever shown: wherever it becomes a path,
:func:`autograde.safety.sanitize.safe_name` makes it one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from autograde.intake import archives
from autograde.intake.archives import ArchiveError
from autograde.intake.choice import chosen
from autograde.intake.collected import Collected, collected
from autograde.intake.folders import files_in_folder
from autograde.intake.layout import Shape, shapes
from autograde.intake.names import ARCHIVES, passed_over, platform_students, submitters
from autograde.intake.recognise import HandedOut, Recognition
from autograde.intake.sorting import File, sorted_out
from autograde.intake.upload import Place, SubmissionsError, Upload, noted_time
from autograde.lms.names import meaning
from autograde.lms.platform import Entry, Handed
from autograde.model.course import Course
from autograde.safety.sanitize import clean_line, safe_name


@dataclass
class Found:
    """All uploads, missing ones included, by assignment and student; and what was passed over.

    ``collected`` says what nbgrader's exchange wrote beside those that it collected.
    """

    uploads: list[Upload]
    notices: list[str] = field(default_factory=list)
    collected: list[Collected] = field(default_factory=list)


def find(
    folder: Path,
    course: Course,
    handed_out: HandedOut,
    only: Sequence[str] = (),
    unmarked: Collection[str] = (),
) -> Found:
    """Find the uploads in a folder or a zip file.

    Everybody of the class (``students`` and ``groups`` of the course file, and whoever handed in
    anything) without an upload is listed as missing: for the assignments in ``only``, or for
    those that at least one handed in. Who handed in files of which none is a notebook of the
    course is listed with one of these, which then says why.

    Parameters
    ----------
    folder
        Holds a folder for each student or group; or nbgrader's course folder with ``submitted/``;
        or what Moodle or Canvas lets an instructor download, unpacked; or a zip file of these.
    course
        The class, its groups and deadlines.
    handed_out
        For all notebooks of the course their answer cells as students got them: by these an
        upload is known.
    only
        The notebooks to look for; all by default.
    unmarked
        Those of the notebooks that have no task: their files are passed over, and nobody misses
        them.

    Raises
    ------
    SubmissionsError
        If there is nothing to grade.
    """
    found = Found([])
    recognition = Recognition(handed_out)
    bundles = {
        student: sorted_out(student, files, recognition, found.notices)
        for student, files in _files(folder, course, list(handed_out), found).items()
    }
    for student, bundle in bundles.items():
        found.notices += [
            f"{clean_line(student)} handed in {name}, which has no task: it was passed over."
            for name in bundle.without(unmarked)
        ]
    marked = [name for name in handed_out if name not in unmarked]
    counted = {
        (name, student): chosen(candidates, handed_out[name])
        for student, bundle in bundles.items()
        for name, candidates in bundle.notebooks.items()
    }
    there = {name for bundle in bundles.values() for name in bundle.meant}
    if bundles and len(marked) == 1:
        there = set(marked)
    wanted = only or [name for name in marked if name in there]
    if not bundles or not wanted:
        raise SubmissionsError(_nothing(folder, marked, [*bundles]))
    everybody = dict.fromkeys((*course.submitters(), *bundles))
    for name in wanted:
        for student in sorted(everybody, key=lambda s: (s.casefold(), s)):
            upload = counted.get((name, student), Upload(student, name, None))
            if student in bundles:
                upload = bundles[student].completed(upload)
                if recognition.wants_report(name) and not upload.refused:
                    upload = bundles[student].with_report(upload)
            found.uploads.append(replace(upload, late=_is_late(upload, course)))
    return found


def _nothing(folder: Path, assignments: Sequence[str], students: Sequence[str]) -> str:
    names = ", ".join(assignments)
    if students:
        return (
            f"{folder} holds files of {', '.join(students[:5])}"
            f"{' and others' if len(students) > 5 else ''}, but no notebook of the course: say "
            f"with --assignment which of {names} they were to hand in."
        )
    return (
        f"{folder} holds no submission: a notebook lies at STUDENT/NAME.ipynb, where NAME is one "
        f"of {names}."
    )


def _files(
    folder: Path, course: Course, assignments: Sequence[str], into: Found
) -> dict[str, list[File]]:
    """Return the files of each submitter; note what else was found."""
    notices = into.notices
    meant = meaning(course.people)
    folders = {safe_name(person) for person in course.people}
    packed = folder.is_file()
    if packed:
        entries = _entries(folder, notices)
        archive = folder.resolve()  # what was named may be a link, what lies in there may not

        def place(index: int) -> Place:
            return Place(archive, (index,))

        shown = {entry.index: f"{folder}: {'/'.join(entry.parts)}" for entry in entries}
    else:
        entries, paths = files_in_folder(folder, assignments, notices)

        def place(index: int) -> Place:
            return Place(paths[index])

        shown = {entry.index: str(paths[entry.index]) for entry in entries}

    files: dict[str, list[File]] = {}
    for shape in shapes(
        entries, assignments, lambda name: name in folders or bool(meant(name)), packed
    ):
        notices += [passed_over(shown[entry.index]) for entry in shape.others]
        submitter = _submitters(shape, folder, course, notices)
        for item in shape.handed:
            moment, noted, said = _moment(item, place)
            file = File(
                place(item.index),
                item.name,
                item.student,
                shown[item.index],
                item.folder,
                None if moment is None else course.local(moment),
                item.late,
                item.order,
                noted,
                said,
            )
            files.setdefault(submitter(item), []).append(file)
        who = {item.student: submitter(item) for item in shape.handed} if shape.exchanged else {}
        for one in shape.exchanged:
            if one.student in who:
                theirs = collected(one, who[one.student], course, place, shown, notices)
                into.collected += [] if theirs is None else [theirs]
    return files


def _entries(file: Path, notices: list[str]) -> list[Entry]:
    if file.suffix.lower() != ".zip":
        kind = "an archive" if file.suffix.lower() in ARCHIVES else "a file"
        raise SubmissionsError(
            f"{file} is {kind} but no zip file; please unpack it so that each notebook lies at "
            "STUDENT/NAME.ipynb, and give the folder."
        )
    try:
        return archives.entries(file, notices)
    except ArchiveError as error:
        raise SubmissionsError(str(error)) from None


def _submitters(
    shape: Shape, folder: Path, course: Course, notices: list[str]
) -> Callable[[Handed], str]:
    """Return a function that says who handed in a file."""
    if shape.platform is not None:
        notices.append(
            f"{folder.name} is a download from {shape.platform.title}, which says of no file when "
            f"it was handed in: {shape.platform.lateness}"
        )
        return platform_students(shape.handed, course, notices)
    submitter_of = submitters(course, notices)
    who = {student: submitter_of(student) for student in {h.student: None for h in shape.handed}}
    return lambda item: who[item.student]


def _moment(
    item: Handed, place: Callable[[int], Place]
) -> tuple[datetime | None, bool, tuple[str, ...]]:
    """Return when a file was handed in, whether nbgrader noted that, and what is unusual."""
    if item.note is None:
        return item.time, False, ()
    try:
        return noted_time(place(item.note).read(1000)), True, ()
    except Exception:  # dateutil raises errors of many types
        return item.time, False, ("timestamp.txt is unreadable; the file's own time was taken.",)


def _is_late(upload: Upload, course: Course) -> bool:
    deadline = course.deadline(upload.assignment, upload.student)
    if upload.timestamp is None:
        # The platform does not know of extensions that the course file grants.
        return upload.late and deadline == course.assignment(upload.assignment).deadline
    return bool(deadline and upload.timestamp > deadline)
