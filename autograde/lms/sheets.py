"""A CSV file of a learning platform: read, changed in a few cells, written back as it was found."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograde.errors import AutogradeError
from autograde.model.records import points
from autograde.safety.files import write_whole
from autograde.safety.sanitize import defuse

_BOM = "\ufeff"
_FIELD_LIMIT = 1 << 24  # Moodle puts whole online texts into a cell


class ExportError(AutogradeError):
    """Marks cannot be exported: one sentence that says what to do."""


@dataclass(frozen=True)
class Sheet:
    """A table with its header, and how the file was written.

    ``rows`` are as wide as ``header``.
    """

    file: Path
    header: list[str]
    rows: list[list[str]]
    delimiter: str = ","
    line_end: str = "\r\n"
    bom: bool = False

    @classmethod
    def read(cls, file: Path) -> Sheet:
        """Read a CSV file; its separator and line ends are recognised and kept.

        Raises
        ------
        ExportError
            If it is no CSV file in UTF-8.
        """
        if not file.is_file():
            raise ExportError(f"There is no file {file}.")
        try:
            text = file.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            raise ExportError(
                f"{file} is no CSV file in UTF-8; please download it again, and do not save it "
                "with another program in between."
            ) from None
        bom, text = text.startswith(_BOM), text.removeprefix(_BOM)
        first = text.splitlines()[0] if text.strip() else ""
        delimiter = max(",;\t", key=first.count)
        csv.field_size_limit(_FIELD_LIMIT)
        try:
            lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
        except csv.Error as error:
            raise ExportError(f"{file} is no CSV file ({error}).") from None
        lines = [line for line in lines if line]
        if not lines:
            raise ExportError(f"{file} is empty; please download it again.")
        width = len(lines[0])
        rows = [(line + [""] * width)[:width] for line in lines[1:]]
        line_end = "\r\n" if "\r\n" in text else "\n"
        return cls(file, lines[0], rows, delimiter, line_end, bom)

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

    def only(self, columns: Sequence[int]) -> Sheet:
        """Return the sheet with these columns and no others."""
        return replace(
            self,
            header=[self.header[i] for i in columns],
            rows=[[row[i] for i in columns] for row in self.rows],
        )

    def write(self, path: Path) -> None:
        """Write the sheet as it was read, but with no cell that a spreadsheet would run."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=self.delimiter, lineterminator=self.line_end)
        # A lone "-" is how Moodle writes "never".
        for row in (self.header, *self.rows):
            writer.writerow([c if c.strip() == "-" else defuse(c) for c in row])
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, (_BOM if self.bom else "") + text.getvalue())


def number(cell: str) -> float | None:
    """Return the number in a cell, with a decimal point or comma; None if there is none."""
    try:
        return float(cell.strip().replace(",", "."))
    except ValueError:
        return None


def scaled(score: float, max_score: float, maximum: str) -> str:
    """Return a score as a platform that gives up to ``maximum`` points writes it.

    It is scaled if the platform's maximum is another, rounded to two decimals, which is what
    platforms show, and has a decimal comma where the maximum has one.
    """
    most = number(maximum)
    if most and max_score > 0:
        score = score / max_score * most
    text = points(round(score, 2))
    return text.replace(".", ",") if "," in maximum else text
