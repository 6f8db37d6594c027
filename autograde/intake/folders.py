"""Uploads in folders of students, in the plain layout and in nbgrader's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from autograde.intake.names import assignment_of, passed_over, submitters
from autograde.intake.upload import SubmissionsError, Upload, later_of, noted_time, read_plain
from autograde.model.course import Course
from autograde.safety.sanitize import clean_line

_ENTRY_LIMIT = 1000


_SYSTEM = ("__MACOSX", "Thumbs.db", "desktop.ini")


def uploads_in_folder(
    folder: Path, course: Course, assignments: Sequence[str], notices: list[str]
) -> Iterator[Upload]:
    """Yield the uploads in a folder of students' folders."""
    if not folder.is_dir():
        raise SubmissionsError(f"There is no folder {folder}.")
    if (folder / "submitted").is_dir() and not (folder / "submitted").is_symlink():
        folder = folder / "submitted"
    submitter_of = submitters(course, notices)
    for entry in _entries(folder, notices, most=None):
        if entry.is_dir(follow_symlinks=False):
            submitter = submitter_of(entry.name)
            yield from _of_student(Path(entry.path), submitter, assignments, notices)
        else:
            notices.append(passed_over(entry.path))


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
                notices.append(passed_over(entry.path))
    best: dict[str, Upload] = {}
    for entry, names in files:
        path = Path(entry.path)
        name = assignment_of(entry.name, names)
        if not name:
            if entry.name != "timestamp.txt":
                notices.append(passed_over(entry.path))
            continue
        upload = _upload(path, student, name)
        if path.stem != name:
            sentence = f"The upload is called {clean_line(entry.name)} and was taken as {name}."
            upload = replace(upload, notices=(*upload.notices, sentence))
        best[name] = later_of(best[name], upload) if name in best else upload
    return list(best.values())


def _upload(path: Path, student: str, name: str) -> Upload:
    """Return the upload with its time."""
    note = path.with_name("timestamp.txt")
    notices: tuple[str, ...] = ()
    if note.is_file() and not note.is_symlink():
        try:
            return Upload(student, name, path, noted_time(read_plain(note, 1000)))
        except Exception:  # dateutil raises errors of many types
            notices = ("timestamp.txt is unreadable; the file's own time was taken.",)
    moment = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    return Upload(student, name, path, moment, notices=notices)
