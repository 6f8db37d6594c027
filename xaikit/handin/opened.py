"""A notebook file as grading opens it: which notebook it is, and what a student wrote in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from xaikit.handin.markers import runnable
from xaikit.handin.notebook_json import BrokenUploadError, parsed
from xaikit.handin.obstacles import Code
from xaikit.handin.own_cells import AT_END, Own, own_cells
from xaikit.handin.read_cells import origin
from xaikit.handin.released import Released, begins
from xaikit.handin.uploads import SIZE_LIMIT, ParsedUpload, read_upload


@dataclass
class Verdict:
    """What was found, a line each; ``good`` means that grading can follow all of it."""

    good: bool = True
    lines: list[str] = field(default_factory=list)
    upload: ParsedUpload | None = None

    def say(self, line: str, good: bool | None = None) -> None:
        """Add a line, marked as right, as wrong or as worth knowing."""
        self.lines.append({True: "✓ ", False: "✗ ", None: "– "}[good] + line)
        self.good &= good is not False

    def __str__(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True)
class Opened:
    """What a file holds.

    Attributes
    ----------
    name
        Which notebook it is.
    released
        That notebook as it was released.
    upload
        What was read.
    own
        Its code that is no answer.
    """

    name: str
    released: Released
    upload: ParsedUpload
    own: Own

    @cached_property
    def code(self) -> list[Code]:
        """The answers and the student's own cells in the order in which grading runs them."""
        found = []
        for task in (*self.released.stubs, AT_END):
            for cell in self.own.before.get(task, ()):
                name = f"your cell `{begins(cell.source)}`"
                found.append(Code(name, runnable(cell.source), task, False))
            position = self.upload.chosen.get(task)
            if position is None or task in self.upload.untouched | self.texts:
                continue
            found.append(Code(task, runnable(self.upload.cells[position].source), task, True))
        return found

    @property
    def texts(self) -> frozenset[str]:
        """The tasks that a person marks."""
        return frozenset(
            task for task, stub in self.released.stubs.items() if stub.is_text or stub.report
        )


def opened(file: Path, known: Mapping[str, Released], verdict: Verdict) -> Opened | None:
    """Read a file that is about to be handed in, or say in the verdict why that is impossible.

    Parameters
    ----------
    file
        The notebook.
    known
        The notebooks of the course.
    verdict
        Takes what there is to say.
    """
    content = _content(file, verdict)
    if content is None:
        return None
    try:
        name = _name(content, known)
        if name is None:
            verdict.say(_why_unknown(content, file, known), False)
            return None
        released = known[name]
        verdict.upload = upload = read_upload(content, released.stubs, released.given)
    except BrokenUploadError as error:
        verdict.say(str(error), False)
        return None
    own = own_cells(upload, released.cells, released.others)
    return Opened(name, released, upload, own)


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


def _why_unknown(content: bytes, file: Path, known: Mapping[str, Released]) -> str:
    """Say why a file without an answer cell cannot be handed in."""
    unmarked = [name for name, entry in known.items() if not entry.stubs]
    release = origin(parsed(content, []))
    for name in unmarked:
        if name in file.name or release == known[name].release:
            return f"{name} has no task: it is not handed in, and nothing in it is marked."
    return (
        f"No answer cell of a notebook of this course was found in {file.name}: is it the right "
        f"file? The notebooks are {', '.join(name for name in known if name not in unmarked)}."
    )
