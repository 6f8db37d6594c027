"""A CSV file of a learning platform: read, changed in a few cells, written back byte by byte.

Every cell is kept as the file writes it, quotes included. So the file that is written differs from
the one that was read in the cells that were filled in, and nowhere else: separators, line ends,
quotes, encoding, and rows that are wider or narrower than the header stay.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from autograde.errors import AutogradeError
from autograde.safety.files import replacing

# The byte-order marks of what spreadsheet programs write.
_ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"", "utf-8"),
)
# What people write above a table so that Excel divides it; no platform reads it.
_SEPARATOR = re.compile(r'"?sep=([,;\t])"?[,;\t]*(?:\r\n|\r|\n)', re.IGNORECASE)
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods, .xls
_QUOTED = re.compile(r'"((?:[^"]++|"")*+)(?:"|\Z)')


class ExportError(AutogradeError):
    """Marks cannot be exported: one sentence that says what to do."""


@dataclass(frozen=True)
class Line:
    """One record of a file: its cells as the file writes them, and what ends it."""

    cells: tuple[str, ...]
    end: str

    @property
    def blank(self) -> bool:
        """Whether nothing stands there."""
        return self.cells == ("",)


@dataclass(frozen=True)
class Sheet:
    """A table with its header, as a file writes it."""

    file: Path
    lines: tuple[Line, ...]
    delimiter: str = ","
    encoding: str = "utf-8"
    bom: bytes = b""

    @classmethod
    def read(cls, file: Path) -> Sheet:
        """Read a CSV file in UTF-8 or UTF-16; commas, semicolons or tabs divide its cells.

        A first line such as ``sep=;``, which is for Excel alone, is left out.

        Raises
        ------
        ExportError
            If it is no such file.
        """
        if not file.is_file():
            kind = "is a folder" if file.is_dir() else "does not exist"
            raise ExportError(f"{file} {kind}; please give the CSV file that was downloaded.")
        content = file.read_bytes()
        if content.startswith(_WORKBOOKS):
            raise ExportError(
                f"{file} is a spreadsheet program's workbook, whatever its name ends in; please "
                "download it again as CSV, and do not save it with another program in between."
            )
        bom, encoding = next(pair for pair in _ENCODINGS if content.startswith(pair[0]))
        try:
            text = content[len(bom) :].decode(encoding)
            if "\0" in text:  # UTF-16 that does not say so
                raise UnicodeError
        except UnicodeError:
            raise ExportError(
                f"{file} is no CSV file in UTF-8 or UTF-16; please download it again, and do not "
                "save it with another program in between."
            ) from None
        separator = _SEPARATOR.match(text)
        text = text[separator.end() :] if separator else text
        if not text.strip():
            raise ExportError(f"{file} is empty; please download it again.")

        def width(delimiter: str) -> int:
            return len(next(line for line in _lines(text, delimiter) if not line.blank).cells)

        delimiter = max(separator[1] if separator else ",;\t", key=width)
        return cls(file, tuple(_lines(text, delimiter)), delimiter, encoding, bom)

    @cached_property
    def header(self) -> list[str]:
        """What stands in the first line."""
        return [_shown(cell) for cell in self.lines[self._places[0]].cells]

    @cached_property
    def rows(self) -> list[list[str]]:
        """What stands in the lines below the header, each as wide as the header."""
        width = len(self.header)
        lines = [self.lines[i].cells[:width] for i in self._places[1:]]
        return [[*map(_shown, cells), *[""] * (width - len(cells))] for cells in lines]

    @cached_property
    def _places(self) -> list[int]:
        places = [i for i, line in enumerate(self.lines) if not line.blank]
        told = (k for k, i in enumerate(places) if any(map(str.strip, self.lines[i].cells)))
        return places[next(told, 0) :]  # cells without a text above the header are no header

    def find(self, *names: str) -> int | None:
        """Return the position of the first column with one of these names, in any case."""
        wanted = {name.casefold() for name in names}
        return next((i for i, h in enumerate(self.header) if h.strip().casefold() in wanted), None)

    def column(self, name: str, where: str) -> int:
        """Return the position of a column.

        Raises
        ------
        ExportError
            If there is none; ``where`` says what file it should have been.
        """
        position = self.find(name)
        if position is None:
            raise ExportError(f"{self.file} has no column {name!r}: it should be {where}.")
        return position

    def filled(self, cells: Mapping[tuple[int, int], str]) -> Sheet:
        """Return the sheet with other texts in some cells.

        Parameters
        ----------
        cells
            By row (the header does not count) and column. A cell that says the same already stays
            as the file writes it.
        """
        lines = list(self.lines)
        for (row, column), text in cells.items():
            if self.rows[row][column] == text:
                continue
            place = self._places[row + 1]
            written = [*lines[place].cells]
            written += [""] * (column + 1 - len(written))
            quoted = written[column].startswith('"') or any(
                c in text for c in (self.delimiter, '"', "\r", "\n")
            )
            doubled = text.replace('"', '""')
            written[column] = f'"{doubled}"' if quoted else text
            lines[place] = replace(lines[place], cells=tuple(written))
        return replace(self, lines=tuple(lines))

    def only(self, columns: Sequence[int]) -> Sheet:
        """Return the sheet with these columns and no others."""

        def kept(line: Line) -> Line:
            if line.blank:
                return line
            cells = (line.cells[i] if i < len(line.cells) else "" for i in columns)
            return replace(line, cells=tuple(cells))

        return replace(self, lines=tuple(map(kept, self.lines)))

    def write(self, path: Path) -> None:
        """Write the sheet, its folder included.

        Raises
        ------
        WriteError
            If the disk is full or the folder read-only.
        """
        text = "".join(self.delimiter.join(line.cells) + line.end for line in self.lines)
        with replacing(path) as file:
            file.write(self.bom + text.encode(self.encoding))


def _lines(text: str, delimiter: str) -> Iterator[Line]:
    """Divide a text into lines of cells, from which nothing is missing: joined, they are it."""
    quoted = r'(?:"(?:[^"]++|"")*+(?:"|\Z))?+'
    cell = re.compile(rf"({quoted}[^{delimiter}\r\n]*+)({delimiter}|\r\n|\r|\n|\Z)")
    position = 0
    cells: list[str] = []
    while True:
        found = cell.match(text, position)
        assert found is not None  # it matches at every position
        position = found.end()
        cells.append(found[1])
        if found[2] == delimiter:
            continue
        yield Line(tuple(cells), found[2])
        cells = []
        if position == len(text):
            return


def _shown(cell: str) -> str:
    """Return what a cell says, without the quotes around it."""
    quoted = _QUOTED.match(cell)
    return quoted[1].replace('""', '"') + cell[quoted.end() :] if quoted else cell
