"""Read the cells of an uploaded notebook, which any program may have saved and anybody damaged."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from xaikit.handin.markers import (
    Typed,
    digest,
    markers,
    squeezed,
    text_known_by,
    top_markers,
    without_terms,
)
from xaikit.handin.notebook_json import BrokenUploadError, parsed

CELL_LIMIT = 2000
SOURCE_LIMIT = 200_000

_PICTURE = re.compile(r"data:image/[\w.+-]{1,40};base64,[A-Za-z0-9+/=%]+")
_TAKEN_OUT = "picture-left-out"


@dataclass(frozen=True)
class ParsedCell:
    """What is taken from one cell of an upload."""

    kind: str
    source: str
    grade_id: str
    cell_id: str
    markers: frozenset[str]
    on_top: frozenset[str]
    pasted: bool
    squeezed: str
    too_long: bool = False

    @cached_property
    def known_by(self) -> tuple[str, str]:
        """The digests by which it may be known: as any cell, and as a text."""
        return digest(self.squeezed), text_known_by(self.squeezed)

    def among(self, known: Container[str]) -> bool:
        """Whether it is one of the cells whose digests these are."""
        return any(text in known for text in self.known_by)


def read_cells(content: bytes, notices: list[str], typed: Typed) -> tuple[list[ParsedCell], str]:
    """Read the cells of a notebook of format 3 or 4 from untrusted bytes, and its release."""
    data = parsed(content, notices)
    raw = _raw_cells(data)
    if raw is None:
        raise BrokenUploadError(
            "The uploaded file is JSON but not a notebook: it has no list of cells; please upload "
            "the .ipynb file itself."
        )
    if len(raw) > CELL_LIMIT:
        notices.append(f"The upload has {len(raw)} cells; the first {CELL_LIMIT} were read.")
    cells = [_cell(value, typed, notices) for value in raw[:CELL_LIMIT] if isinstance(value, dict)]
    if len(cells) < min(len(raw), CELL_LIMIT):
        notices.append("Some cells of the upload are malformed and were left out.")
    long = [cell for cell in cells if cell.too_long]
    if long:
        notices.append(
            f"{len(long)} cells of the upload hold more than {SOURCE_LIMIT} characters each and "
            "were left out."
        )
    return cells, origin(data)


def origin(data: Any) -> str:
    """Return from which release a notebook was made, if the program that saved it kept that."""
    try:
        release = data["metadata"]["course"]["release"]
    except (KeyError, TypeError):
        return ""
    return release[:12] if isinstance(release, str) and release[:12].isalnum() else ""


def _raw_cells(data: Any) -> list[Any] | None:
    """Return the list of cells: format 3 keeps them in worksheets."""
    if not isinstance(data, dict):
        return None
    if isinstance(data.get("cells"), list):
        return list(data["cells"])
    sheets = data.get("worksheets")
    if not isinstance(sheets, list):
        return None
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    return [cell for cells in lists if isinstance(cells, list) for cell in cells]


def _cell(value: dict[str, Any], typed: Typed, notices: list[str]) -> ParsedCell:
    """Read one cell, which may be damaged in any way."""
    source = _text(value.get("source", value.get("input", "")))
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    meta = metadata.get("nbgrader")
    grade_id = meta.get("grade_id") if isinstance(meta, dict) else None
    cell_id = value.get("id", metadata.get("id"))  # Colab keeps ids among the metadata
    kind = value.get("cell_type")
    kind = kind if isinstance(kind, str) else ""
    if len(source) > SOURCE_LIMIT:
        source = _shortened(source, kind, notices)
    too_long = len(source) > SOURCE_LIMIT
    source = typed.as_released(source[:SOURCE_LIMIT], kind)
    return ParsedCell(
        kind=kind,
        source="" if too_long else source,
        grade_id=grade_id if isinstance(grade_id, str) else "",
        cell_id=cell_id if isinstance(cell_id, str) else "",
        markers=markers(source),
        on_top=top_markers(source),
        pasted=bool(value.get("attachments")),
        squeezed="" if too_long else squeezed(without_terms(source)),
        too_long=too_long,
    )


def _shortened(source: str, kind: str, notices: list[str]) -> str:
    """Return a long source without the pictures in it; of a text that is still long the beginning.

    Code is left as it is: half of it would be no answer.
    """
    if kind == "code":
        return source
    text, pictures = _PICTURE.subn(_TAKEN_OUT, source)
    if pictures:
        notices.append(
            f"{pictures} large pictures pasted into a text were left out; a person who marks it "
            "finds them in the upload."
        )
    if len(text) > SOURCE_LIMIT:
        notices.append(f"Of a text the first {SOURCE_LIMIT} characters were read.")
    return text[:SOURCE_LIMIT]


def _text(value: Any) -> str:
    """Return a source as one text with plain line ends, without what UTF-8 cannot hold."""
    if isinstance(value, list):
        value = "".join(line for line in value if isinstance(line, str))
    if not isinstance(value, str):
        return ""
    text = value.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    return text.encode("utf-8", errors="replace").decode("utf-8").removeprefix("\ufeff")
