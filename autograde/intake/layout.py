"""Who handed in which file, by where it lies: a platform's shape, the plain one, or nbgrader's.

An archive and a folder are read alike: an archive that was unpacked by hand is what it was. What
shape it is, the names say at the place where a platform puts them, all together; a name inside of
a student's folder says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from autograde.intake.names import NBGRADER, is_notebook, may_hold_notebook
from autograde.lms import registry
from autograde.lms.platform import Entry, Handed, Platform

_DEPTH_LIMIT = 4  # folders around a platform's download

NOTE, SECRET = "timestamp.txt", "submission_secret.txt"
"""What nbgrader's exchange writes beside a submission."""


@dataclass(frozen=True)
class Exchanged:
    """A folder that nbgrader's exchange collected.

    Attributes
    ----------
    student, folder
        The names of the folder that it lies in, and of its own: the assignment's.
    secret, note
        The positions of the submission's secret and of its time.
    notebooks
        The names of the notebooks right there, without ending.
    """

    student: str
    folder: str
    secret: int
    note: int | None
    notebooks: tuple[str, ...]


@dataclass
class Shape:
    """Files of one shape.

    Attributes
    ----------
    platform
        Which learning management system packed them; None if a person did.
    handed
        What was handed in.
    others
        Files that belong to nobody, or are no upload.
    exchanged
        What nbgrader's exchange collected of these.
    """

    platform: Platform | None
    handed: list[Handed] = field(default_factory=list)
    others: list[Entry] = field(default_factory=list)
    exchanged: list[Exchanged] = field(default_factory=list)


def shapes(
    found: Sequence[Entry],
    assignments: Sequence[str],
    known: Callable[[str], bool],
    packed: bool,
) -> list[Shape]:
    """Return what the files are.

    Parameters
    ----------
    found
        All files.
    assignments
        The names of all notebooks of the course.
    known
        Whether a folder is called like somebody of the course.
    packed
        Whether somebody packed a folder, which then is around all.
    """
    platforms = _platforms(found, assignments, known)
    return [_plain(found, assignments, known, packed)] if platforms is None else platforms


def _platforms(
    found: Sequence[Entry], assignments: Sequence[str], known: Callable[[str], bool], depth: int = 0
) -> list[Shape] | None:
    """Return the download of a platform, or several of them side by side; None if it is none."""
    for platform in registry.PLATFORMS:
        if (files := platform.entries(found)) is not None:
            shape = Shape(platform)
            for entry in files:
                item = platform.handed_in(entry, assignments)
                if item is None:
                    shape.others.append(entry)
                else:
                    shape.handed.append(replace(item, folder=hint(item.name, assignments)))
            return [shape]
    folders: dict[str, list[Entry]] = {}
    for entry in found:
        if len(entry.parts) > 1:
            inner = replace(entry, parts=entry.parts[1:])
            folders.setdefault(entry.parts[0], []).append(inner)
    if depth == _DEPTH_LIMIT or not folders or any(map(known, folders)):
        return None
    all_shapes = [Shape(None, others=[entry for entry in found if len(entry.parts) == 1])]
    for files in folders.values():
        inside = _platforms(files, assignments, known, depth + 1)
        if inside is None:
            return None
        all_shapes += inside
    return all_shapes


def _plain(
    found: Sequence[Entry],
    assignments: Sequence[str],
    known: Callable[[str], bool],
    packed: bool,
) -> Shape:
    """Return STUDENT/NAME.ipynb, and nbgrader's STUDENT/NAME/NAME.ipynb with its time."""
    files = _without_wrapper(found, known, packed)
    times = {entry.parts[:-1]: entry.index for entry in files if entry.parts[-1] == NOTE}
    shape = Shape(None, exchanged=_exchanged(files, assignments, times))
    secrets = {one.secret for one in shape.exchanged if one.notebooks}
    for entry in files:
        if entry.parts[-1] == NOTE or entry.index in secrets:
            continue
        if len(entry.parts) == 1:
            shape.others.append(entry)
            continue
        name = "/".join(entry.parts[1:])
        around = (times.get(entry.parts[:depth]) for depth in range(len(entry.parts) - 1, 0, -1))
        note = next((time for time in around if time is not None), None)
        shape.handed.append(
            Handed(
                entry.index,
                entry.parts[0],
                "",
                name,
                hint(name, assignments),
                time=entry.time,
                note=note,
            )
        )
    return shape


def _exchanged(
    files: Sequence[Entry], assignments: Sequence[str], times: Mapping[tuple[str, ...], int]
) -> list[Exchanged]:
    """Return what nbgrader's exchange collected: STUDENT/ASSIGNMENT/ with a secret."""
    secrets = {
        entry.parts[:-1]: entry.index
        for entry in files
        if entry.parts[-1] == SECRET and len(entry.parts) == 3 and entry.parts[1] in assignments
    }
    notebooks: dict[tuple[str, ...], list[str]] = {folder: [] for folder in secrets}
    for entry in files:
        if entry.parts[:-1] in notebooks and entry.parts[-1].endswith(".ipynb"):
            notebooks[entry.parts[:-1]].append(entry.parts[-1].removesuffix(".ipynb"))
    return [
        Exchanged(folder[0], folder[1], index, times.get(folder), tuple(notebooks[folder]))
        for folder, index in secrets.items()
    ]


def hint(name: str, assignments: Sequence[str]) -> str:
    """Return the assignment that a folder around a file is called by."""
    return next((part for part in name.split("/")[:-1] if part in assignments), "")


def _without_wrapper(
    found: Sequence[Entry], known: Callable[[str], bool], packed: bool
) -> list[Entry]:
    """Take off folders around everything, which packing a folder adds, and nbgrader's others."""
    files = list(found)
    while True:
        paths = [e.parts for e in files if may_hold_notebook(e.parts[-1])]
        tops = {parts[0] for parts in paths}
        if "submitted" in tops and tops <= NBGRADER:
            tops = {"submitted"}
            paths = [parts for parts in paths if parts[0] in tops]
        if len(tops) != 1 or not all(len(parts) > 2 for parts in paths) or any(map(known, tops)):
            return files
        (top,) = tops
        inner = {parts[1] for parts in paths}
        # One student's STUDENT/NAME/NAME.ipynb has no folder around it.
        if all(len(parts) == 3 and _is_called(parts[2], parts[1]) for parts in paths):
            return files
        # A folder that nobody packed is that of the class itself, unless names say otherwise.
        if not packed and len(inner) == 1 and not any(map(known, inner)) and top != "submitted":
            return files
        files = [
            replace(entry, parts=entry.parts[1:])
            for entry in files
            if entry.parts[0] == top and len(entry.parts) > 1
        ]


def _is_called(file: str, folder: str) -> bool:
    return is_notebook(file) and file.casefold().startswith(f"{folder}.".casefold())
