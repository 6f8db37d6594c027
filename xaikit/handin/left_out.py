"""What of a file grading leaves out or puts back, a sentence each with what to do.

Given cells and checks are those that were handed out, in their order; of a text that a person marks
only what Markdown says is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from xaikit.handin.markers import digest
from xaikit.handin.own_cells import OWN_LIMIT, Changed, Own
from xaikit.handin.released import Released, ReleasedCell, begins
from xaikit.handin.uploads import ParsedUpload

_SHOWN = 3
_CODE = re.compile(
    r"(```|~~~).*?(?:\1|\Z)|`[^`\n]*`|<!--.*?-->|<(?:https?|mailto):[^>]*>", re.DOTALL
)
_TAG = re.compile(r"</?([A-Za-z][\w-]*)(?:\s[^<>]*)?/?>")
_PICTURE = re.compile(r"!\[[^\]]*\]\(\s*<?([^)\s>]+)|<img\b[^>]*\bsrc\s*=\s*[\"']?([^\"'\s>]+)")


def left_out(released: Released, upload: ParsedUpload, own: Own) -> Iterator[str]:
    """Yield what grading leaves out of an upload's cells, or puts back.

    Parameters
    ----------
    released
        The notebook as students got it.
    upload
        What was read.
    own
        Its code that is no answer.
    """
    if own.longer:
        yield unmarked(own)
    for changed in own.changed:
        yield _changed(changed)
    yield from _missing(released, upload)
    if moved := _moved(released, upload):
        yield (
            f"Cells were moved: grading runs those that were handed out in their first order, so "
            f"the one that begins with `{moved.begins}` runs at its first place. Move it back, or "
            "let no cell depend on that."
        )
    for cell in dict.fromkeys(own.copies):
        yield (
            f"The given cell that begins with `{cell.begins}` stands in the file twice: grading "
            "runs it once, at its first place. If you need it again, write it otherwise."
        )
    if own.too_much:
        yield (
            f"Your own cells hold more than {OWN_LIMIT} characters; what comes after that is left "
            "out: load or compute instead of writing down."
        )
    for task, position in upload.chosen.items():
        if released.stubs[task].is_text and task not in upload.untouched:
            yield from _not_shown(task, upload.cells[position].source)


def unmarked(own: Own) -> str:
    """Say of an upload with more than the course chooses what becomes of the rest."""
    tasks = f" ({_listed(own.unmarked, '')})" if own.unmarked else ""
    return (
        f"The file holds sections or tasks that this course leaves out{tasks}: nobody marks these, "
        "and of their cells grading runs only what your answers need."
    )


def _changed(changed: Changed) -> str:
    """Say what becomes of a given cell that was changed."""
    which = f"{_called(changed.cell)} was changed, and grading uses the original"
    kept, lost = changed.kept.split("\n") if changed.kept else [], changed.lost
    adds = f" What you added there still runs ({_listed(kept)})." if kept else ""
    if lost:
        return (
            f"{which}: it does without {_listed(lost)}.{adds} Write what your answers need into a "
            "cell of your own."
        )
    return f"{which}.{adds or ' What you took out there is there again.'}"


def _called(cell: ReleasedCell) -> str:
    if cell.role == "test":
        return f"The check of {cell.grade_id.removesuffix('-test')}"
    if cell.role == "text":
        return "A given text, which you made a code cell,"
    return f"The given cell that begins with `{cell.begins}`"


def _missing(released: Released, upload: ParsedUpload) -> Iterator[str]:
    texts = {text for cell in upload.cells for text in cell.known_by}
    ids = {name for cell in upload.cells for name in (cell.grade_id, cell.cell_id)}
    gone = [
        cell
        for cell in released.cells
        if cell.text not in texts and cell.grade_id not in ids and cell.cell_id not in ids
    ]
    if given := [f"`{cell.begins}`" for cell in gone if cell.role == "given"]:
        yield (
            f"Given cells are not in the file (they begin with {_listed(given, '')}): grading puts "
            "them back and runs them."
        )
    if tests := [cell.grade_id.removesuffix("-test") for cell in gone if cell.role == "test"]:
        yield (
            f"The checks of {_listed(tests, '')} are not in the file: marks do not depend on them, "
            "but you do not see what they say."
        )


def _moved(released: Released, upload: ParsedUpload) -> ReleasedCell | None:
    """Return a cell that grading runs elsewhere than where it stands in the upload."""
    places = {cell.text: place for place, cell in enumerate(released.cells) if cell.role == "given"}
    tasks = {
        upload.chosen[cell.grade_id]: place
        for place, cell in enumerate(released.cells)
        if cell.role == "answer" and cell.grade_id in upload.chosen and cell.source[:1] == "#"
    }
    last, seen = -1, set()
    for i, parsed in enumerate(upload.cells):
        place = tasks.get(i, places.get(digest(parsed.squeezed), -1))
        if place < 0 or place in seen:
            continue
        if place < last:
            return released.cells[place]
        seen.add(place)
        last = place
    return None


def _not_shown(task: str, source: str) -> Iterator[str]:
    """Yield what a person who marks a text does not see."""
    text = _CODE.sub(" ", source)
    for match in _PICTURE.finditer(text):
        address = match[1] or match[2]
        if address.startswith(("data:", "attachment:")):
            continue
        if address.startswith(("http:", "https:")):
            becomes = "is shown as a link"
        else:
            becomes = "is a file that is not handed in, so nobody sees it"
        yield f"{task}: the picture {address[:60]} {becomes}: say in words what it shows."
    tags = dict.fromkeys(f"<{m[1].lower()}>" for m in _TAG.finditer(text) if m[1].lower() != "img")
    if tags:
        yield (
            f"{task}: HTML ({_listed(list(tags), '')}) is shown as you typed it: write it in "
            "Markdown."
        )


def _listed(items: Sequence[str] | Iterable[str], quote: str = "`") -> str:
    """Return the first of some items, and how many more there are."""
    items = [*items]
    shown = [f"{quote}{begins(item)}{quote}" for item in items[:_SHOWN]]
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(shown) + more
