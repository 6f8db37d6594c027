"""Find what was handed in: which file, of whom, when, and who handed in nothing.

Two layouts of folders are read: ``STUDENT/NAME.ipynb`` and nbgrader's
``submitted/STUDENT/NAME/NAME.ipynb`` with ``timestamp.txt`` beside it; and what
:mod:`autograde.intake.archives` knows of zip files. Links are never followed. A student's name is
only ever shown: wherever it becomes a path, :func:`autograde.safety.sanitize.safe_name` makes it
one.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from nbgrader.utils import parse_utc

from autograde.errors import AutogradeError
from autograde.intake import archives
from autograde.intake.archives import ArchiveError
from autograde.lms.names import meaning
from autograde.lms.platform import Handed
from autograde.model.course import Course
from autograde.safety.sanitize import clean_line, safe_name
from xaikit.uploads import SIZE_LIMIT

_ENTRY_LIMIT = 1000
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
_SYSTEM = ("__MACOSX", "Thumbs.db", "desktop.ini")
# What browsers, JupyterLab and Colab make of the name of a second copy.
_COPY = re.compile(r"^(?:Copy of |Kopie von )*(.*?)(?: ?\(\d+\)|-Copy\d*)*$")


class SubmissionsError(AutogradeError):
    """The submissions cannot be found or read: one sentence, with the cure."""


@dataclass(frozen=True)
class Upload:
    """One notebook of one student or group.

    Attributes
    ----------
    student
        The submitter as shown to people: a group's name if the course file has the group.
    assignment
        The notebook's name, such as ``01_theory``.
    path
        The file, or the archive that holds it; None if nothing was handed in.
    timestamp
        When it was handed in: ``timestamp.txt``, else the file's time; None if nobody knows.
    late
        Whether that is after the deadline, extensions included; or Canvas says so.
    notices
        What was unusual, a sentence each.
    member
        The file's position in the archive; None if it is a file of its own.
    """

    student: str
    assignment: str
    path: Path | None
    timestamp: datetime | None = None
    late: bool = False
    notices: tuple[str, ...] = ()
    member: int | None = None

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises
        ------
        SubmissionsError
            If it is not a plain file, cannot be read or is larger than 32 MB.
        """
        if self.path is None:
            raise SubmissionsError("Nothing was handed in.")
        if self.member is None:
            return _read(self.path, SIZE_LIMIT)
        try:
            return archives.read(self.path, self.member, SIZE_LIMIT)
        except ArchiveError as error:
            raise SubmissionsError(str(error)) from None


@dataclass
class Found:
    """All uploads, missing ones included, by assignment and student; and what was passed over."""

    uploads: list[Upload]
    notices: list[str] = field(default_factory=list)


def find(
    folder: Path, course: Course, assignments: Sequence[str], only: Sequence[str] = ()
) -> Found:
    """Find the uploads in a folder or a zip file.

    Everybody of the class (``students`` and ``groups`` of the course file, and whoever handed in
    anything) without an upload is listed as missing: for the assignments in ``only``, or for
    those that at least one handed in.

    Parameters
    ----------
    folder
        Holds a folder for each student or group; or nbgrader's course folder with ``submitted/``;
        or a zip file of these, or the zip file that Moodle or Canvas lets an instructor download.
    course
        The class, its groups and deadlines.
    assignments
        The names of all notebooks of the course.
    only
        The notebooks to look for; all by default.

    Raises
    ------
    SubmissionsError
        If there is nothing to grade.
    """
    found = Found([])
    best: dict[tuple[str, str], Upload] = {}
    if folder.is_file():
        uploads = _of_archive(folder, course, assignments, only, found.notices)
    else:
        uploads = _of_folder(folder, course, assignments, found.notices)
    for upload in uploads:
        key = (upload.assignment, upload.student)
        best[key] = _later(best[key], upload) if key in best else upload
    if not best:
        raise SubmissionsError(
            f"{folder} holds no submission: a notebook lies at STUDENT/NAME.ipynb, where NAME is "
            f"one of {', '.join(assignments)}."
        )
    wanted = only or [name for name in assignments if any(key[0] == name for key in best)]
    everybody = dict.fromkeys((*course.submitters(), *(student for _, student in best)))
    for name in wanted:
        for student in sorted(everybody, key=lambda s: (s.casefold(), s)):
            upload = best.get((name, student), Upload(student, name, None))
            found.uploads.append(replace(upload, late=_is_late(upload, course)))
    return found


def _of_folder(
    folder: Path, course: Course, assignments: Sequence[str], notices: list[str]
) -> Iterator[Upload]:
    """Yield the uploads in a folder of students' folders."""
    if not folder.is_dir():
        raise SubmissionsError(f"There is no folder {folder}.")
    if (folder / "submitted").is_dir() and not (folder / "submitted").is_symlink():
        folder = folder / "submitted"
    submitter_of = _submitters(course, notices)
    for entry in _entries(folder, notices, most=None):
        if entry.is_dir(follow_symlinks=False):
            submitter = submitter_of(entry.name)
            yield from _of_student(Path(entry.path), submitter, assignments, notices)
        else:
            notices.append(_passed_over(entry.path))


def _of_archive(
    file: Path,
    course: Course,
    assignments: Sequence[str],
    only: Sequence[str],
    notices: list[str],
) -> Iterator[Upload]:
    """Yield the uploads in a zip file, for each student in the order of handing in."""
    if file.suffix.lower() != ".zip":
        kind = "an archive" if file.suffix.lower() in _ARCHIVES else "a file"
        raise SubmissionsError(
            f"{file} is {kind} but no zip file; please unpack it so that each notebook lies at "
            "STUDENT/NAME.ipynb, and give the folder."
        )
    try:
        entries = archives.entries(file, notices)
    except ArchiveError as error:
        raise SubmissionsError(str(error)) from None
    platform = archives.platform_of(entries)
    handed: list[tuple[Handed, str]] = []
    for item in archives.handed_in(entries, platform, assignments):
        if not isinstance(item, Handed):
            notices.append(_passed_over(f"{file}: {'/'.join(item.parts)}"))
            continue
        names = [item.folder] if item.folder else assignments
        handed.append((item, _assignment(item.name, names)))
    if platform is None:
        submitter_of = _submitters(course, notices)
        who = {item.student: item.student for item, _ in handed}
        who = {student: submitter_of(student) for student in who}
    else:
        notices.append(
            f"{file.name} is a download from {platform.title}, which says of no file when it was "
            f"handed in: {platform.lateness}"
        )
        who = _platform_students([item for item, _ in handed], course, notices)
        # A platform's download is of one assignment: a file by another name is taken for it.
        fine = {_identity(item) for item, name in handed if name in only}
        if len(only) == 1:
            handed = [
                (item, only[0])
                if not name and item.name.endswith(".ipynb") and _identity(item) not in fine
                else (item, name)
                for item, name in handed
            ]
    for item, name in handed:
        if not name:
            notices.append(_passed_over(f"{file}: {item.student}/{item.name}"))
            continue
        student = who[item.student if platform is None else _identity(item)]
        moment, said = item.time, _said(item, name)
        if item.note is not None:
            try:
                moment = _noted(archives.read(file, item.note, 1000))
            except Exception:  # dateutil raises whatever it meets
                said = (*said, "timestamp.txt is unreadable; the file's own time was taken.")
        yield Upload(student, name, file, moment, item.late, said, item.index)


def _platform_students(
    handed: Sequence[Handed], course: Course, notices: list[str]
) -> dict[str, str]:
    """Return who each of a platform's users is, in the course file's own words where it can."""
    meant, submitter_of = meaning(sorted(course.people)), _submitters(course, notices)
    names: dict[str, str] = {}
    for item in handed:
        known = meant(item.student) or _team_member(item.student, meant)
        names[_identity(item)] = known[0] if len(known) == 1 else item.student
        if len(known) > 1:
            notices.append(
                f"{clean_line(item.student)} may be {' or '.join(map(clean_line, known))}; graded "
                "under the name of the download."
            )
    users = Counter(names.values())
    numbers = {_identity(item): item.number for item in handed}
    return {
        identity: submitter_of(
            # Two users of one name stay apart, as do the participants of blind marking.
            f"{name} {numbers[identity]}"
            if numbers[identity] and (users[name] > 1 or name == "Participant")
            else name
        )
        for identity, name in names.items()
    }


def _team_member(name: str, meant: Callable[[str], list[str]]) -> list[str]:
    """Return who of a team is meant: Moodle before 4.1 writes "TEAM-NAME" for every member."""
    ends = [i for i, character in enumerate(name) if character == "-"]
    found = (meant(name[i + 1 :].strip()) for i in ends)
    return next((known for known in found if known), [])


def _identity(item: Handed) -> str:
    return f"{item.student}\0{item.number}"


def _said(item: Handed, name: str) -> tuple[str, ...]:
    """Return a sentence if the file is called other than its assignment."""
    if Path(item.name).stem == name:
        return ()
    return (f"The upload is called {clean_line(item.name)} and was taken as {name}.",)


def _is_late(upload: Upload, course: Course) -> bool:
    deadline = course.deadline(upload.assignment, upload.student)
    if upload.timestamp is None:
        # The platform does not know of extensions that the course file grants.
        return upload.late and deadline == course.assignment(upload.assignment).deadline
    return bool(deadline and upload.timestamp > deadline)


def _entries(
    folder: Path, notices: list[str], most: int | None = _ENTRY_LIMIT
) -> list[os.DirEntry[str]]:
    """Return what lies in a folder, in order, without links and hidden files."""
    with os.scandir(folder) as scan:
        found = list(islice(scan, most and most + 1))
    if most is not None and len(found) > most:
        notices.append(
            f"{clean_line(str(folder))} holds more than {most} files; "
            "the others were not looked at."
        )
    kept = []
    for entry in sorted(found[:most], key=lambda e: e.name):
        if entry.name.startswith(".") or entry.name in _SYSTEM:
            continue
        if entry.is_symlink():
            notices.append(f"{clean_line(entry.path)} is a link and was not followed.")
        else:
            kept.append(entry)
    return kept


def _passed_over(path: str) -> str:
    """Say why a file was not looked at."""
    shown = clean_line(path)
    if Path(path).suffix.lower() in _ARCHIVES:
        return f"{shown} is an archive and was passed over; unpack it to STUDENT/NAME.ipynb first."
    if path.endswith(".ipynb"):
        return f"{shown} was passed over: a notebook of the course lies at STUDENT/NAME.ipynb."
    return f"{shown} was passed over: it is no notebook of the course."


def _submitters(course: Course, notices: list[str]) -> Callable[[str], str]:
    """Return a function that says who a folder belongs to, by its name.

    It answers in the course file's own words where that knows them.
    """
    of_folder = {safe_name(person): person for person in sorted(course.people, reverse=True)}

    def submitter(name: str) -> str:
        student = name if name in course.people else of_folder.get(name)
        if student is None:
            # A name that cannot be shown as it is stays apart from the one it would look like.
            student = name if clean_line(name) == name else safe_name(name)
            if course.students:
                notices.append(f"{student} is not in the class list; graded all the same.")
        return course.group_of(student) or student

    return submitter


def _assignment(file: str, names: Sequence[str]) -> str:
    """Return which assignment a file's name says it is, or nothing."""
    path = Path(file)
    name = _COPY.sub(r"\1", path.stem).strip() if path.suffix == ".ipynb" else ""
    return name if name in names else ""


def _of_student(
    folder: Path, student: str, assignments: Sequence[str], notices: list[str]
) -> list[Upload]:
    """Return one student's uploads: in the folder itself, and nbgrader's, one folder deeper."""
    places = [(folder, list(assignments))]
    files: list[tuple[os.DirEntry[str], list[str]]] = []
    while places:
        place, names = places.pop()
        for entry in _entries(place, notices):
            if entry.is_file(follow_symlinks=False):
                files.append((entry, names))
            elif place == folder and entry.name in assignments:
                places.append((Path(entry.path), [entry.name]))
            else:
                notices.append(_passed_over(entry.path))
    best: dict[str, Upload] = {}
    for entry, names in files:
        path = Path(entry.path)
        name = _assignment(entry.name, names)
        if not name:
            if entry.name != "timestamp.txt":
                notices.append(_passed_over(entry.path))
            continue
        upload = _upload(path, student, name)
        if path.stem != name:
            sentence = f"The upload is called {clean_line(entry.name)} and was taken as {name}."
            upload = replace(upload, notices=(*upload.notices, sentence))
        best[name] = _later(best[name], upload) if name in best else upload
    return list(best.values())


def _upload(path: Path, student: str, name: str) -> Upload:
    """Return the upload with its time."""
    note = path.with_name("timestamp.txt")
    notices: tuple[str, ...] = ()
    if note.is_file() and not note.is_symlink():
        try:
            return Upload(student, name, path, _noted(_read(note, 1000)))
        except Exception:  # dateutil raises whatever it meets
            notices = ("timestamp.txt is unreadable; the file's own time was taken.",)
    moment = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    return Upload(student, name, path, moment, notices=notices)


def _noted(note: bytes) -> datetime:
    """Return the time that nbgrader's ``timestamp.txt`` says."""
    moment: datetime = parse_utc(note.decode("ascii").strip())
    return moment.replace(tzinfo=UTC)


def _later(one: Upload, other: Upload) -> Upload:
    """Return the later of two uploads of one submitter; it says that there was another."""
    earliest = datetime.min.replace(tzinfo=UTC)  # without times, what comes later was later
    last = other if (other.timestamp or earliest) >= (one.timestamp or earliest) else one
    sentence = f"{last.assignment} was handed in more than once; the latest upload counts."
    return replace(last, notices=tuple(dict.fromkeys((*last.notices, sentence))))


def _read(path: Path, limit: int) -> bytes:
    """Read a plain file, whatever it was swapped for since it was found."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise SubmissionsError(f"The upload cannot be read ({error.strerror}).") from None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise SubmissionsError("The upload is not a plain file.")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise SubmissionsError(
            f"The upload is larger than {limit >> 20} MB; please clear all outputs, save it and "
            "hand it in again."
        )
    return content
