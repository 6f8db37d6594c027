"""What is in a PDF that is handed in: its pages are counted, the first one becomes a picture.

Students look at their own file with it, and grading at everybody's, inside of its sandbox. So
nothing here believes the file: its parser may fail in any way, and all sizes are bounded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

NAME = "report.pdf"
"""What a report is called, unless its author says otherwise."""

LARGEST = 16 << 20
"""The largest PDF that is read, in bytes."""

_DOTS = 150 / 72  # pixels a point
_SIDE = 1800  # pixels: A4 and the American sheet, upright or not, are smaller
_TEXT = 20_000
_CM = 2.54 / 72  # of a point
_SHORTEST, _LONGEST = 1.0, 43.0  # cm: a side of a page that can be read; A3 has 42

Fault = Literal["", "empty", "large", "no PDF", "encrypted", "damaged", "costly"]

_FAULTS: dict[Fault, str] = {
    "empty": "{name} is empty: make it again, and hand it in again.",
    "large": f"{{name}} is larger than {LARGEST >> 20} MB: make its pictures smaller.",
    "no PDF": "{name} is called a PDF and is none: hand in the file that `report` wrote.",
    "encrypted": "{name} asks for a password: save it without one.",
    "costly": "{name} cannot be shown within the limits of time and memory: make a simpler one.",
    "damaged": "{name} is damaged and cannot be shown: make it again, and upload it again.",
}


@dataclass(frozen=True)
class Page:
    """What a PDF holds.

    Attributes
    ----------
    fault
        Why there is nothing to be seen, in a word; empty if there is a page.
    pages
        How many pages it has.
    picture
        The first one: (height, width, 3) in 0 to 255, or None.
    text
        What is written on it, at most 20,000 characters.
    size
        Its width and height in cm.
    """

    fault: Fault = ""
    pages: int = 0
    picture: NDArray[np.uint8] | None = None
    text: str = ""
    size: tuple[float, float] = (21.0, 29.7)


def called_a_report(name: str) -> bool:
    """Return whether a PDF's name says that it is the report, which counts before any other."""
    return "report" in name.casefold()


def is_pdf(content: bytes) -> bool:
    """Return whether a file, or its first kilobyte, begins as PDFs do."""
    return b"%PDF-" in content[:1024]


def read_page(content: bytes) -> Page:
    """Read a PDF: how many pages, and what is on the first.

    No script in it runs, no file in it is opened, no link is followed. What is typed into a form is
    shown, as notes beside the text are.

    Parameters
    ----------
    content
        The file's bytes, which may be anything.
    """
    import pypdfium2

    if not content:
        return Page("empty")
    if len(content) > LARGEST:
        return Page("large")
    if not is_pdf(content):
        return Page("no PDF")
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        return Page("encrypted" if "assword" in str(error) else "damaged")
    try:
        count = len(document)
        if "V8" not in pypdfium2.PDFIUM_INFO.flags:  # a build that runs scripts shows no forms
            document.init_forms()
        page = document[0]
        if document.formenv:
            page.flatten()
            page.close()
            page = document[0]
        width, height = page.get_size()
        if not (0 < width < math.inf and 0 < height < math.inf):
            return Page("damaged", count)
        scale = min(_DOTS, _SIDE / width, _SIDE / height)
        picture = page.render(scale=scale, rev_byteorder=True, may_draw_forms=False)
        pixels = np.array(picture.to_numpy()[:, :, :3], dtype=np.uint8)
        text = page.get_textpage().get_text_bounded()[:_TEXT]
    except (pypdfium2.PdfiumError, IndexError, ValueError, OverflowError):
        return Page("damaged")
    return Page("", count, pixels, text, (width * _CM, height * _CM))


def fault(page: Page, name: str) -> str:
    """Say in a sentence what is wrong with a report; nothing if it is one page of a usual size.

    Parameters
    ----------
    page
        What :func:`read_page` found.
    name
        What to call the file.
    """
    if page.fault:
        return _FAULTS[page.fault].format(name=name)
    if page.pages > 1:
        return f"{name} has {page.pages} pages, and the report is one: only the first one is shown."
    if not all(_SHORTEST <= side <= _LONGEST for side in page.size):
        width, height = page.size
        return (
            f"{name} is a page of {width:.0f} × {height:.0f} cm, and what is on it may be too "
            "small to be read: make it one page of A4."
        )
    return ""
