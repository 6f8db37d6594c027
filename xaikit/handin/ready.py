"""Is this the file to hand in? What a student wants to know of a notebook before the upload.

The file is read as grading reads it (:mod:`xaikit.handin.uploads`, :mod:`xaikit.handin.own_cells`),
against the notebook as it was released (:mod:`xaikit.handin.released`). What grading leaves out or
puts back is said (:mod:`xaikit.handin.left_out`), and what it cannot follow
(:mod:`xaikit.handin.obstacles`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from xaikit.handin.left_out import left_out
from xaikit.handin.markers import markers, runnable, squeezed
from xaikit.handin.notebook_json import BrokenUploadError
from xaikit.handin.obstacles import Code, Surroundings, obstacles
from xaikit.handin.one_page import LARGEST, called_a_report, fault, read_page
from xaikit.handin.opened import Opened, Verdict, opened
from xaikit.handin.own_cells import Own
from xaikit.handin.released import Released, begins, notebooks
from xaikit.handin.statements import ASKS_OTHERS, other_statements
from xaikit.handin.unseen import sentence
from xaikit.handin.uploads import SIZE_LIMIT, ParsedUpload, Stub, read_upload

_FILES = 50
"""Of how many notebooks in a folder the names are looked at."""


def check(
    file: Path,
    ran: Mapping[str, str] | None = None,
    known: Mapping[str, Released] | None = None,
    kernel: Collection[str] = (),
    folder: Path | None = None,
) -> Verdict:
    """Look at a file that is about to be handed in.

    Parameters
    ----------
    file
        The notebook.
    ran
        The source that was last executed for each answer, by task: what the file should hold.
    known
        The notebooks of the course, by default those of this package.
    kernel
        The names that the student's kernel has.
    folder
        Where the student's files lie, by default beside the notebook.
    """
    verdict = Verdict()
    known = notebooks() if known is None else known
    found = opened(file, known, verdict)
    if found is None:
        return verdict
    name, released, upload, own = found.name, found.released, found.upload, found.own
    _say_which(file, name, known, verdict)
    if upload.origin and upload.origin != released.release:
        verdict.say(
            f"It was made from the release {upload.origin} of the notebook, this version of xaikit "
            f"knows {released.release}: what has changed between the two is named below."
        )
    elsewhere = _answered_elsewhere(released, upload, own)
    _say_answers(released.stubs, upload, elsewhere, verdict)
    _say_copies(file, name, released, verdict)
    if others := other_statements(upload.cells, released.statements):
        verdict.say(f"{ASKS_OTHERS.format(', '.join(others))} Answer those of this course.", False)
    for line in left_out(released, upload, own):
        verdict.say(line)
    _say_code(found, frozenset(kernel), folder or file.parent, verdict)
    _say_saved(upload, ran or {}, verdict)
    if released.report:
        _say_report(folder or file.parent, released, verdict)
    written = len(upload.chosen) - len(upload.untouched) + len(elsewhere)
    tasks = len(released.stubs)
    if not written:
        verdict.say(
            f"0 of {tasks} tasks are answered: it can be uploaded, but earns nothing.", False
        )
    elif verdict.good:
        verdict.say(f"This file can be handed in: {written} of {tasks} tasks are answered.", True)
    else:
        verdict.say("Please mend what is marked by ✗ before you hand in.")
    return verdict


def _say_which(file: Path, name: str, known: Mapping[str, Released], verdict: Verdict) -> None:
    meant = next((other for other in known if other in file.name), name)
    if meant != name:
        verdict.say(
            f"The file is called {file.name}, but holds the answers of {name}: upload it where "
            f"{name} is due, and look for the file of {meant}.",
            False,
        )
    elif file.name != f"{name}.ipynb":
        verdict.say(
            f"It is the notebook {name}, in a file called {file.name}: grading knows it by its "
            "cells. Be sure that it is the copy in which you worked.",
            True,
        )
    else:
        verdict.say(f"It is the notebook {name}.", True)


def _say_copies(file: Path, name: str, released: Released, verdict: Verdict) -> None:
    """Name other files of this notebook that lie beside it, with what is in them."""
    for other in sorted(file.parent.glob("*.ipynb"))[:_FILES]:
        if other.name == file.name or name not in other.name:
            continue
        try:
            if other.stat().st_size > SIZE_LIMIT:
                continue
            found = read_upload(other.read_bytes(), released.stubs)
            saved = datetime.fromtimestamp(other.stat().st_mtime)
        except (OSError, BrokenUploadError):
            continue
        if written := len(found.chosen) - len(found.untouched):
            verdict.say(
                f"{other.name} beside it is another copy, saved on {saved:%Y-%m-%d at %H:%M:%S}, "
                f"with {written} tasks answered: hand in one of the two."
            )


def _say_answers(
    stubs: Mapping[str, Stub],
    upload: ParsedUpload,
    elsewhere: Mapping[str, str],
    verdict: Verdict,
) -> None:
    written = len(upload.chosen) - len(upload.untouched)
    found = f"{len(upload.chosen)} of {len(stubs)} answer cells are found"
    verdict.say(f"{found}, {written} of them written into.", len(upload.chosen) == len(stubs))
    # A report may be made by another program: then its cell stays as it was.
    open_tasks = [
        task
        for task, stub in stubs.items()
        if task in upload.untouched and task not in elsewhere and not stub.report
    ]
    if open_tasks:
        verdict.say(f"Not answered: {', '.join(open_tasks)}.")
    for task, names in elsewhere.items():
        verdict.say(
            f"{task}: its cell is as it was handed out, but a cell of your own defines {names}, "
            "which grading takes. Better move that into the answer's cell."
        )
    absent = {task: stub.marker for task, stub in stubs.items() if task not in upload.chosen}
    for task, marker in absent.items():
        if task in upload.too_long:
            verdict.say(
                f"{task}: this answer's cell is too long to be read: load or compute what it "
                "holds instead of writing it down.",
                False,
            )
        else:
            verdict.say(f"{task}: put the line {marker} at the top of this answer's cell.", False)
    for task in (task for task in stubs if task in upload.beside and task not in absent):
        verdict.say(
            f"{task}: its cell is as it was handed out, with cells of your own beside it. If they "
            f"are your answer, move the text into the cell that begins with {stubs[task].marker}."
        )
    for task in (task for task in stubs if task in upload.several):
        lines = upload.cells[upload.chosen[task]].source.split("\n")
        text = "\n".join(line for line in lines if not markers(line))
        verdict.say(
            f"{task}: {upload.several[task]} cells hold this answer; the last one that differs "
            f"from the original counts, it begins with `{begins(text)}`. Delete the others."
        )
    said = ["not in the upload"] if absent else []
    said += [f"{task!r} was found" for task in upload.several]
    for notice in upload.notices:
        if not any(part in notice for part in said):
            verdict.say(notice)


def _answered_elsewhere(released: Released, upload: ParsedUpload, own: Own) -> dict[str, str]:
    """Return the untouched tasks whose names the student's own cells define, and these names."""
    written = _names_bound(cell.source for cells in own.before.values() for cell in cells)
    found = {}
    for cell in released.cells:
        if cell.grade_id not in upload.untouched or released.stubs[cell.grade_id].is_text:
            continue
        if names := sorted(_names_bound([cell.source]) & written):
            found[cell.grade_id] = ", ".join(f"`{name}`" for name in names)
    return found


def _names_bound(sources: Iterable[str]) -> frozenset[str]:
    return frozenset[str]().union(*(Code("", runnable(text), "", False).binds for text in sources))


def _say_code(found: Opened, kernel: frozenset[str], folder: Path, verdict: Verdict) -> None:
    """Say what grading cannot run, or does not have when it calls a function."""
    cells = found.code
    around = Surroundings(
        given=tuple(cell.source for cell in found.released.cells if cell.role == "given"),
        tests=tuple(cell.source for cell in found.released.cells if cell.role == "test"),
        lost=tuple(line for changed in found.own.changed for line in changed.lost),
        kernel=kernel,
        folder=folder,
    )
    for obstacle in obstacles(cells, around):
        verdict.say(obstacle.text, False if obstacle.costs else None)
    written = [code.source for code in cells]
    for group in found.released.by_hand:
        for function in group.functions:
            if used := group.missing(function, written):
                verdict.say(sentence(function, used), False)


def _say_saved(upload: ParsedUpload, ran: Mapping[str, str], verdict: Verdict) -> None:
    """Compare the file with the source that the kernel executed last."""
    differ = [
        task
        for task, position in upload.chosen.items()
        if task in ran and squeezed(ran[task]) != upload.cells[position].squeezed
    ]
    if differ:
        verdict.say(
            f"What you ran last is not what the file holds ({', '.join(differ)}): run these cells "
            "and save the notebook, then run this cell again.",
            False,
        )


def _say_report(folder: Path, released: Released, verdict: Verdict) -> None:
    """Look at the report beside the notebook, as grading does."""
    there = sorted(path for path in folder.glob("*") if path.suffix.casefold() == ".pdf")
    reports = [path for path in there if called_a_report(path.name)] or there
    if not reports:
        verdict.say(
            "No report lies beside the notebook, and one is asked for: a one-page PDF, which the "
            f"cell {released.stubs[released.report].marker} makes. Hand in both files.",
            False,
        )
        return
    newest = max(reports, key=lambda path: path.stat().st_mtime)
    try:
        # One byte more shows that it is too large.
        with newest.open("rb") as file:
            page = read_page(file.read(LARGEST + 1))
    except OSError as error:
        verdict.say(f"{newest.name} cannot be read ({error.strerror}).", False)
        return
    if wrong := fault(page, newest.name):
        verdict.say(wrong, False)
    else:
        verdict.say(f"{newest.name} is one page: hand it in together with the notebook.", True)
    if others := ", ".join(path.name for path in there if path != newest):
        verdict.say(f"{newest.name} is taken for the report; hand in no other PDF ({others}).")


def last_run(history: list[Any]) -> dict[str, str]:
    """Return the last executed source of each answer cell from a session's history."""
    ran = {}
    for source in history:
        if isinstance(source, str):
            ran.update(dict.fromkeys(markers(source.replace("\r\n", "\n")), source))
    return ran
