"""A formula of the report: TeX between dollars, drawn as vectors by matplotlib's mathtext."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from xaikit.report.figures import WITHOUT_DATE, ReportError

_POINTS = 10  # of the font: the page's own size, in which its lengths are counted (em)
_SHOWN = 60  # letters of a formula that a message repeats
_DOTS = 7200  # an inch, so that 100 dots are a point: mathtext rounds its sizes up to dots
_SETTINGS: dict[Any, Any] = {  # not those that a notebook has set
    "mathtext.fontset": "stix",
    "font.family": "STIXGeneral",
    "pdf.fonttype": 42,
    "text.usetex": False,
    "text.parse_math": True,
}
# What mathtext knows by another name.
_NAMES = {
    "le": r"\leq",
    "ge": r"\geq",
    "lVert": r"\|",
    "rVert": r"\|",
    "lvert": "|",
    "rvert": "|",
    "tfrac": r"\frac",
    "implies": r"\Rightarrow",
    "iff": r"\Leftrightarrow",
    "gets": r"\leftarrow",
    "land": r"\wedge",
    "lor": r"\vee",
    "bm": r"\boldsymbol",
}
_LARGE = {"frac": r"\dfrac"}  # in a line of its own


@dataclass(frozen=True)
class Formula:
    """One formula as the page takes it.

    Attributes
    ----------
    content
        The PDF.
    width, height, depth
        Its size, and how much of its height lies below the line, in em.
    """

    content: bytes
    width: float
    height: float
    depth: float


def formula(tex: str, where: str, widest: float, *, alone: bool) -> Formula:
    """Return a formula, drawn.

    Parameters
    ----------
    tex
        What stands between the dollars.
    where
        How messages name the text that holds it, such as ``parts[2]``.
    widest
        How wide it may be, in em.
    alone
        Whether it has a line of its own, with larger fractions.

    Raises
    ------
    ReportError
        If mathtext, which knows most of TeX's mathematics, cannot set it, or if it is too wide.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.mathtext import MathTextParser

    em = _POINTS * _DOTS / 72
    edge = em / 20  # slanted letters lean out of their boxes
    line = f"${' '.join(tex.split())}$"
    names = _NAMES | _LARGE if alone else _NAMES
    known = re.sub(r"\\([a-zA-Z]+)", lambda name: names.get(name[1], name[0]), line)
    with mpl.rc_context(_SETTINGS):
        font = FontProperties(size=_POINTS)
        letters = get_font(findfont(font)).get_charmap()
        if missing := sorted({c for c in known if ord(c) not in letters}):
            raise _not_set(line, where, f"its font has no {' '.join(missing)}")
        try:
            width, height, depth, *_ = MathTextParser("path").parse(known, dpi=_DOTS, prop=font)
        except ValueError as error:
            raise _not_set(line, where, _reason(str(error))) from None
        except RecursionError:
            raise _not_set(line, where, "its braces are nested too deep") from None
        if min(width, height) <= 0:
            raise _not_set(line, where, "it shows nothing")
        times = width / widest / em
        if times > 1:
            raise ReportError(
                f"{where}: the formula {_short(line)} is {times:.1f} times as wide as the line; "
                "write it in parts."
            )
        width, height, depth = width + 2 * edge, height + 2 * edge, depth + edge
        drawn = Figure(figsize=(width / _DOTS, height / _DOTS), frameon=False)
        drawn.text(edge / width, depth / height, known, fontproperties=font)
        file = BytesIO()
        drawn.savefig(file, format="pdf", metadata=WITHOUT_DATE)
    return Formula(file.getvalue(), *(float(each) / em for each in (width, height, depth)))


def _reason(message: str) -> str:
    """Return what a parser's message says, without the places that it counts."""
    said = message.strip().splitlines()[-1].partition(": ")[2].partition("  (at char")[0]
    return said.partition(", found '\\'")[0] or "it is no formula"


def _short(line: str) -> str:
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _not_set(line: str, where: str, reason: str) -> ReportError:
    return ReportError(
        f"{where}: the formula {_short(line)} cannot be set: {reason}. matplotlib's mathtext sets "
        r"it: \mathbf{x} needs its braces, and \begin is not known. A dollar that begins no "
        r"formula is written \$."
    )
