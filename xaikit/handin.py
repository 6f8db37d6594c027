"""Is this the file to hand in? What a student wants to know of a notebook before the upload.

The file is read as grading reads it (:mod:`xaikit.uploads`), against what the release wrote down
about each notebook in ``assets/notebooks.json``: the names of the answers and how they looked
untouched. Neither says what is right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from xaikit.code import syntax_error
from xaikit.markers import markers, runnable, squeezed
from xaikit.notebook_json import BrokenUploadError, parsed
from xaikit.unseen import ByHand, by_hand, sentence
from xaikit.uploads import (
    SIZE_LIMIT,
    ParsedUpload,
    Stub,
    digest,
    read_upload,
)

IN_COLAB = (
    "In Colab the notebook is not a file beside you: choose File → Download → Download .ipynb, "
    "drag the file into the folder on the left (Files), and run this cell again."
)


@dataclass(frozen=True)
class Released:
    """What is known of a notebook as it was released.

    Attributes
    ----------
    stubs
        Its answer cells, by task.
    given
        Digests of its other cells.
    by_hand
        What is known of the functions that grading calls where only some packages are within reach.
    """

    release: str
    stubs: dict[str, Stub]
    given: frozenset[str] = frozenset()
    by_hand: tuple[ByHand, ...] = ()


@dataclass
class Verdict:
    """What was found, a line each; ``good`` means that grading finds every answer cell."""

    good: bool = True
    lines: list[str] = field(default_factory=list)
    upload: ParsedUpload | None = None

    def say(self, line: str, good: bool | None = None) -> None:
        """Add a line, marked as right, as wrong or as worth knowing."""
        self.lines.append({True: "✓ ", False: "✗ ", None: "– "}[good] + line)
        self.good &= good is not False

    def __str__(self) -> str:
        return "\n".join(self.lines)


@cache
def notebooks() -> dict[str, Released]:
    """Return the notebooks that this version of the package belongs to, by name."""
    text = files("xaikit").joinpath("assets", "notebooks.json").read_text(encoding="utf-8")
    return {
        name: Released(
            entry["release"],
            {
                task: Stub(stub["marker"], stub["cell_id"], frozenset(stub["blank"]))
                for task, stub in entry["answers"].items()
            },
            frozenset(entry["given"]),
            by_hand()[name],
        )
        for name, entry in json.loads(text).items()
    }


def check(
    file: Path,
    ran: Mapping[str, str] | None = None,
    known: Mapping[str, Released] | None = None,
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
    """
    verdict = Verdict()
    known = notebooks() if known is None else known
    content = _content(file, verdict)
    if content is None:
        return verdict
    try:
        name = _name(content, known)
        if name is None:
            verdict.say(
                f"No answer cell of a notebook of this course was found in {file.name}: is it the "
                f"right file? The notebooks are {', '.join(known)}.",
                False,
            )
            return verdict
        upload = verdict.upload = read_upload(content, known[name].stubs, known[name].given)
    except BrokenUploadError as error:
        verdict.say(str(error), False)
        return verdict
    _say_which(file, name, content, known, verdict)
    _say_answers(known[name].stubs, upload, verdict)
    _say_code(known[name], upload, verdict)
    _say_saved(upload, ran or {}, verdict)
    if verdict.good:
        verdict.say("This file can be handed in.", True)
    else:
        verdict.say("Please mend what is marked by ✗ before you hand in.")
    return verdict


def _content(file: Path, verdict: Verdict) -> bytes | None:
    """Read the file, unless it is not there or larger than what is graded."""
    try:
        size = file.stat().st_size
        saved = datetime.fromtimestamp(file.stat().st_mtime)
        if size > SIZE_LIMIT:
            verdict.say(
                f"{file.name} is larger than {SIZE_LIMIT >> 20} MB and would not be read: clear "
                "all outputs and save it again.",
                False,
            )
            return None
        content = file.read_bytes()
    except OSError:
        verdict.say(
            f"There is no file {str(file)!r} to look at here: save the notebook, or give the name "
            "under which it is saved.",
            False,
        )
        return None
    verdict.say(
        f"{file.name}: {max(1, size // 1000)} kB, saved on {saved:%Y-%m-%d at %H:%M:%S}. Is that "
        "after your last change?"
    )
    return content


def _name(content: bytes, known: Mapping[str, Released]) -> str | None:
    """Return of which notebook most answers are found."""
    found = {name: len(read_upload(content, entry.stubs).chosen) for name, entry in known.items()}
    best = max(found, key=lambda name: found[name], default=None)
    return best if best is not None and found[best] else None


def _say_which(
    file: Path, name: str, content: bytes, known: Mapping[str, Released], verdict: Verdict
) -> None:
    meant = next((other for other in known if file.name.startswith(other)), name)
    if meant != name:
        verdict.say(f"The file is called {file.name}, but holds the answers of {name}.", False)
    else:
        verdict.say(f"It is the notebook {name}.", True)
    origin = _origin(content)
    if origin and origin != known[name].release:
        verdict.say(
            f"It was made from the release {origin} of the notebook, this version of xaikit knows "
            f"{known[name].release}: if tasks have been added since, they are named below."
        )


def _origin(content: bytes) -> str:
    """Return from which release a notebook was made, if the program that saved it kept that."""
    try:
        release = parsed(content, [])["metadata"]["course"]["release"]
    except (KeyError, TypeError):
        return ""
    return release[:12] if isinstance(release, str) and release[:12].isalnum() else ""


def _say_answers(stubs: Mapping[str, Stub], upload: ParsedUpload, verdict: Verdict) -> None:
    written = len(upload.chosen) - len(upload.untouched)
    found = f"{len(upload.chosen)} of {len(stubs)} answer cells are found"
    verdict.say(f"{found}, {written} of them written into.", len(upload.chosen) == len(stubs))
    if upload.untouched:
        verdict.say(f"Not answered: {', '.join(t for t in stubs if t in upload.untouched)}.")
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
    for notice in upload.notices:
        if not any(f"{task!r} is not in the upload" in notice for task in absent):
            verdict.say(notice)


def _say_code(released: Released, upload: ParsedUpload, verdict: Verdict) -> None:
    """Say what grading cannot run, or does not have when it calls a function."""
    code = {
        task: runnable(upload.cells[position].source)
        for task, position in upload.chosen.items()
        if task not in upload.untouched and not released.stubs[task].is_text
    }
    for task, source in code.items():
        if wrong := syntax_error(source):
            verdict.say(f"{task}: Python cannot run this answer's cell ({wrong}).", False)
    written = [
        runnable(cell.source)
        for cell in upload.cells
        if cell.kind == "code"
        and digest(cell.squeezed) not in released.given
        and (cell.grade_id in released.stubs or not cell.grade_id)
    ]
    for group in released.by_hand:
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
            f"What you ran last is not what the file holds ({', '.join(differ)}): save the "
            "notebook, then run this cell again.",
            False,
        )


def last_run(history: list[Any]) -> dict[str, str]:
    """Return the last executed source of each answer cell from a session's history."""
    ran = {}
    for source in history:
        if isinstance(source, str):
            ran.update(dict.fromkeys(markers(source.replace("\r\n", "\n")), source))
    return ran
