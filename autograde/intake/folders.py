"""The files below a folder of students' folders: links are not followed, heaps are cut off."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from autograde.intake.archives import ENTRY_LIMIT, SYSTEM
from autograde.intake.names import NBGRADER, is_notebook, may_hold_notebook
from autograde.intake.upload import SubmissionsError
from autograde.lms.platform import Entry
from autograde.safety.sanitize import clean_line

_LIMIT = 1000  # files of a student
_DEPTH_LIMIT = 10

_COURSE_FILES = ("nbgrader_config.py", "gradebook.db", "course.toml")


def files_in_folder(
    folder: Path, assignments: Sequence[str], notices: list[str]
) -> tuple[list[Entry], list[Path]]:
    """Return the files below a folder, and their paths, by the entries' ``index``.

    Of nbgrader's course folder only ``submitted/`` is looked at.

    Raises
    ------
    SubmissionsError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise SubmissionsError(f"There is no folder {folder}.")
    if _is_course(folder, assignments):
        folder = folder / "submitted"
    paths: list[Path] = []
    for top in _listed(folder, None, notices):
        if top.is_dir(follow_symlinks=False):
            paths += _below(Path(top.path), notices)
        else:
            paths.append(Path(top.path))
    times = (path.lstat().st_mtime for path in paths)
    return [
        Entry(index, path.relative_to(folder).parts, datetime.fromtimestamp(time, UTC))
        for index, (path, time) in enumerate(zip(paths, times, strict=True))
    ], paths


def settings_beside(folder: Path) -> Path | None:
    """Return nbgrader's configuration in the course folder that submissions were collected in."""
    folder = folder.absolute()
    place = folder.parent if folder.name == "submitted" else folder
    settings = place / "nbgrader_config.py"
    if not (folder.is_dir() and (place / "submitted").is_dir() and settings.is_file()):
        return None
    return settings.resolve()


def _is_course(folder: Path, assignments: Sequence[str]) -> bool:
    """Whether this is nbgrader's course folder, not a class with a student called "submitted"."""
    inner = folder / "submitted"
    if not inner.is_dir() or inner.is_symlink():
        return False
    with os.scandir(folder) as scan:
        folders = {e.name for e in scan if e.is_dir() and not e.name.startswith(".")}
    if folders - NBGRADER and not any((folder / file).is_file() for file in _COURSE_FILES):
        return False
    with os.scandir(inner) as scan:
        return not any(
            entry.name in assignments if entry.is_dir() else is_notebook(entry.name)
            for entry in scan
        )


def _below(folder: Path, notices: list[str]) -> list[Path]:
    """Return the files of one student, notebooks first where there are too many."""
    files: list[Path] = []
    places = [(folder, 1)]
    while places:
        place, depth = places.pop()
        for entry in _listed(place, ENTRY_LIMIT, notices):
            if not entry.is_dir(follow_symlinks=False):
                files.append(Path(entry.path))
            elif depth < _DEPTH_LIMIT and len(files) < ENTRY_LIMIT:
                places.append((Path(entry.path), depth + 1))
            else:
                notices.append(f"{clean_line(entry.path)} lies too deep and was not looked at.")
    files.sort()
    if len(files) > _LIMIT:
        notices.append(
            f"{clean_line(str(folder))} holds more than {_LIMIT} files; the others were not "
            "looked at."
        )
        files.sort(key=lambda path: not may_hold_notebook(path.name))
    return files[:_LIMIT]


def _listed(folder: Path, most: int | None, notices: list[str]) -> list[os.DirEntry[str]]:
    """Return what lies in a folder, in order, without links and hidden files."""
    try:
        with os.scandir(folder) as scan:
            found = list(islice(scan, most))
    except OSError as error:
        notices.append(f"{clean_line(str(folder))} cannot be read ({error.strerror}).")
        return []
    kept = []
    for entry in sorted(found, key=lambda e: e.name):
        if entry.name.startswith(".") or entry.name in SYSTEM:
            continue
        if entry.is_symlink():
            notices.append(f"{clean_line(entry.path)} is a link and was not followed.")
        else:
            kept.append(entry)
    return kept
