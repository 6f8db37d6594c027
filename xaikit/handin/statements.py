"""The statements of a quiz, `- **A1** …` in a given text: whether a file asks the course's own.

Another term's seed chooses other wordings. The answers to these mean nothing for this course's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from xaikit.handin.markers import digest, squeezed
from xaikit.handin.read_cells import ParsedCell

_STATEMENT = re.compile(r"^\s*[-*]\s+\*\*(\w+)\*\*\s+(\S.*)$", re.MULTILINE)


ASKS_OTHERS = (
    "The quiz in the file is not this course's: other statements stand under {}, as in a notebook "
    "of another term."
)


def statements(texts: Iterable[str]) -> dict[str, str]:
    """Return the digest of every statement in these texts, by its label."""
    return {
        match[1]: digest(squeezed(match[2]))
        for text in texts
        for match in _STATEMENT.finditer(text)
    }


def other_statements(cells: Iterable[ParsedCell], asked: dict[str, str]) -> list[str]:
    """Return the labels under which a file asks something else than the course.

    Parameters
    ----------
    cells
        The file's cells.
    asked
        The digests of the course's statements, by label.
    """
    there: dict[str, set[str]] = {}
    for cell in cells:
        if cell.kind != "code":
            for label, text in statements([cell.source]).items():
                there.setdefault(label, set()).add(text)
    return [label for label in asked if label in there and asked[label] not in there[label]]
