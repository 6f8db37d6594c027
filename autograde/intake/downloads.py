"""Uploads in zip files, as a learning management system or a person packs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from autograde.intake import archives
from autograde.intake.archives import ArchiveError
from autograde.intake.names import ARCHIVES, assignment_of, passed_over, submitters
from autograde.intake.upload import SubmissionsError, Upload, noted_time
from autograde.lms.names import meaning
from autograde.lms.platform import Handed
from autograde.model.course import Course
from autograde.safety.sanitize import clean_line


def uploads_in_archive(
    file: Path,
    course: Course,
    assignments: Sequence[str],
    only: Sequence[str],
    notices: list[str],
) -> Iterator[Upload]:
    """Yield the uploads in a zip file, for each student in the order of handing in."""
    if file.suffix.lower() != ".zip":
        kind = "an archive" if file.suffix.lower() in ARCHIVES else "a file"
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
            notices.append(passed_over(f"{file}: {'/'.join(item.parts)}"))
            continue
        names = [item.folder] if item.folder else assignments
        handed.append((item, assignment_of(item.name, names)))
    if platform is None:
        submitter_of = submitters(course, notices)
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
            notices.append(passed_over(f"{file}: {item.student}/{item.name}"))
            continue
        student = who[item.student if platform is None else _identity(item)]
        moment, said = item.time, _said(item, name)
        if item.note is not None:
            try:
                moment = noted_time(archives.read(file, item.note, 1000))
            except Exception:  # dateutil raises errors of many types
                said = (*said, "timestamp.txt is unreadable; the file's own time was taken.")
        yield Upload(student, name, file, moment, item.late, said, item.index)


def _platform_students(
    handed: Sequence[Handed], course: Course, notices: list[str]
) -> dict[str, str]:
    """Return who each of a platform's users is, in the course file's own words where it can."""
    meant, submitter_of = meaning(sorted(course.people)), submitters(course, notices)
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
