"""Make the report: one page, or a sentence that says how much too long it is."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from xaikit.handin.one_page import LARGEST, NAME, read_page
from xaikit.handin.released import group_size
from xaikit.mistakes import described
from xaikit.report.figures import ReportError, Shown, beside, shown
from xaikit.report.formulas import formula
from xaikit.report.markdown import Node, parsed, printable

_LINE = 17.0  # cm
_GAP = 0.3  # cm between figures side by side, as in report.typ
_NARROW = 0.5  # cm: a figure side by side with others is wider
_EM = 0.353  # cm, the size of the text
_LINES = 0.45  # cm from one line of text to the next
_COLUMNS = 10  # of a table
_WORDS = 15  # a line
_PICTURE = re.compile(r"\S{1,200}\.(png|jpe?g)", re.IGNORECASE)
_FONTS = ("Libertinus Serif", "DejaVu Sans")
_NO_LETTER = b"LastResort"  # the font that draws a box where no other has the letter


@dataclass(frozen=True)
class Report:
    """A report that was written; a notebook shows its page.

    Attributes
    ----------
    path
        The PDF.
    full
        Which share of the page is used.

    Examples
    --------
    >>> from pathlib import Path
    >>> from xaikit.report import Report
    >>> Report(Path("report.pdf"), full=0.5)
    report.pdf: one page, 50 % of it used. Hand it in together with the notebook.
    """

    path: Path
    full: float

    def __repr__(self) -> str:
        where = (
            " In Colab: open the Files panel on the left and download it."
            if "google.colab" in sys.modules
            else ""
        )
        return (
            f"{self.path}: one page, {100 * self.full:.0f} % of it used. Hand it in together with "
            f"the notebook.{where}"
        )

    def _repr_png_(self) -> bytes | None:
        picture = read_page(self.path.read_bytes()).picture
        if picture is None:
            return None
        file = BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        return file.getvalue()


def report(
    title: str,
    names: Sequence[str],
    notebook: str,
    parts: Sequence[Any],
    path: str | Path = NAME,
) -> Report:
    """Write the one-page report that a group hands in: its figures and texts, as a PDF.

    Figures of matplotlib stay vectors, fonts are embedded, and the same parts give the same bytes.

    Parameters
    ----------
    title
        What the report is about.
    names
        Who hands it in: one to three names, or as many as the course allows in a group.
    notebook
        The notebook's address, such as the link that Colab's *Share* gives; it begins with
        ``https://``.
    parts
        What stands on the page, from top to bottom. A text is Markdown: ``**bold**``, ``*italic*``,
        lists, ``## headings``, ``[links](https://…)``, ``code``, tables, and formulas in TeX
        between dollars, as far as matplotlib's mathtext knows them. A figure is one of
        matplotlib, as :mod:`xaikit.plots` returns it, or a picture: an array or tensor in [0, 1],
        an image of Pillow, the :class:`~pathlib.Path` of a PNG or JPEG. ``(figure, caption)`` puts
        a text below it; ``(figure, caption, 0.6)`` lets it take 60 % of the line. A list of figures
        stands side by side.
    path
        Where to write it.

    Returns
    -------
    Report
        Its ``path``, and which share of the page is ``full``.

    Raises
    ------
    ReportError
        If it needs a second page (the sentence says how much is too long, and what to shorten), or
        if a part, a name or the address is not one. Nothing is written then.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from xaikit import report
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = report(
    ...         "What does the network see in a shirt?",
    ...         names=["Ada Lovelace", "Émilie du Châtelet"],
    ...         notebook="https://colab.research.google.com/drive/1x",
    ...         parts=["We asked **two** methods.", (np.eye(28), "A picture of 28 × 28 pixels")],
    ...         path=f"{folder}/report.pdf",
    ...     )
    >>> round(made.full, 1)
    0.3
    """
    title = _line(title, "title")
    people = _people(names)
    address = _address(notebook)
    if isinstance(parts, str) or not isinstance(parts, Sequence) or not parts:
        raise ReportError(f"parts: a list of texts and figures, not {described(parts)}.")
    if not isinstance(path, str | Path):
        raise ReportError(f"path: where to write the PDF, not {described(path)}.")
    target = Path(path)
    if target.suffix.lower() != ".pdf":
        raise ReportError(f"path: a PDF is called something.pdf, not {str(path)!r}.")
    contents: dict[str, bytes] = {}  # of the files that the page shows
    placed = [_part(part, f"parts[{i}]", contents) for i, part in enumerate(parts)]
    data = {
        "title": title,
        "names": people,
        "notebook": address,
        "fonts": _FONTS,
        "parts": placed,
    }
    content, fit = _typeset(data, contents)
    if len(content) > LARGEST:
        raise ReportError(
            f"The report has {len(content) >> 20} MB, and {LARGEST >> 20} MB are the most: leave "
            "out a picture."
        )
    need, have = fit["need"], fit["have"]
    if need > have or read_page(content).pages != 1:
        raise ReportError(_too_long(need - have, placed))
    try:
        target.write_bytes(content)
    except OSError as error:
        raise ReportError(f"path: {target} cannot be written ({error.strerror}).") from None
    return Report(target, need / have)


def _line(text: Any, name: str) -> str:
    line = " ".join(printable(text).split()) if isinstance(text, str) else ""
    if not line:
        raise ReportError(f"{name}: a text that says something, not {described(text)}.")
    return line


def _people(names: Any) -> list[str]:
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise ReportError(f'names: a list such as ["Ada Lovelace"], not {described(names)}.')
    most = group_size()
    if len(names) > most:
        raise ReportError(
            f"names: up to {most} hand in together in this course, and these are {len(names)}."
        )
    people = [_line(name, f"names[{i}]") for i, name in enumerate(names)]
    if len(set(people)) < len(people):
        raise ReportError("names: a name stands there twice.")
    return people


def _address(notebook: Any) -> str:
    address = _line(notebook, "notebook")
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and " " not in address
    except ValueError:
        good = False
    if not good:
        raise ReportError(
            f"notebook: an address that begins with https://, not {address!r} (in Colab: Share → "
            "Copy link)."
        )
    return address


def _part(part: Any, where: str, contents: dict[str, bytes]) -> dict[str, Any]:
    """Return one part as the page takes it, and add its figures' and formulas' files."""
    if isinstance(part, str):
        return {"kind": "text", "blocks": _on_page(_text(part, where), where, contents)}
    if isinstance(part, list):
        if not part:
            raise ReportError(f"{where}: a list of figures beside one another holds none.")
        row = [shown(each, f"{where}[{i}]") for i, each in enumerate(part)]
        placed = [
            _placed(each, f"{where}[{i}]", contents) | {"share": share}
            for i, (each, share) in enumerate(zip(row, beside(row), strict=True))
        ]
        wide = _LINE - _GAP * (len(row) - 1)
        if wide * min(each["share"] for each in placed) < _NARROW:
            raise ReportError(
                f"{where}: {len(row)} figures side by side are too narrow to be seen; give them "
                "as several lists."
            )
        width = wide * placed[0]["share"]
        height = width * row[0].height / row[0].width
        return {"kind": "row", "figures": placed, "height": height}
    one = shown(part, where)
    width = min(one.width, _LINE) if one.share is None else _LINE * one.share
    height = width * one.height / one.width
    return {"kind": "figure", **_placed(one, where, contents), "width": width, "height": height}


def _text(part: str, where: str) -> list[Node]:
    text = printable(part)
    if not text.strip():
        raise ReportError(f"{where}: a text that says something, not {described(part)}.")
    if _PICTURE.fullmatch(text) and Path(text).is_file():
        raise ReportError(
            f"{where}: {text!r} is a text, and would be shown as such; for the picture write "
            f"Path({text!r}), with `from pathlib import Path`."
        )
    return _read(text, where)


def _read(text: str, where: str) -> list[Node]:
    try:
        return parsed(text)
    except RecursionError:
        raise ReportError(
            f"{where}: this text begins `*` or `_` hundreds of times and never ends them; put a "
            "backslash before each that is no markup."
        ) from None


def _placed(one: Shown, where: str, contents: dict[str, bytes]) -> dict[str, Any]:
    caption = [node for block in _read(one.caption, where) for node in block.get("inside", [block])]
    return {
        "file": _stored(one.content, one.suffix, contents),
        "caption": _on_page(caption, where, contents),
        "alternative": one.alternative,
        "coarse": one.coarse,
    }


def _on_page(nodes: Sequence[Node], where: str, contents: dict[str, bytes]) -> list[dict[str, Any]]:
    """Return parts of a text, with each formula drawn in a file of its own."""
    found = []
    for node in nodes:
        if len(node.get("columns", [])) > _COLUMNS:
            raise ReportError(
                f"{where}: a table of {len(node['columns'])} columns is too wide for the page; "
                f"{_COLUMNS} are the most."
            )
        if "tex" in node:
            drawn = formula(node["tex"], where, _LINE / _EM, alone=node["kind"] == "display")
            size = {"width": drawn.width, "height": drawn.height, "depth": drawn.depth}
            node = node | {"file": _stored(drawn.content, "pdf", contents), **size}
        elif "inside" in node:
            node = node | {"inside": _on_page(node["inside"], where, contents)}
        found.append(node)
    return found


def _stored(content: bytes, suffix: str, contents: dict[str, bytes]) -> str:
    name = f"{len(contents) + 1}.{suffix}"
    contents[name] = content
    return name


def _typeset(data: dict[str, Any], contents: Mapping[str, bytes]) -> tuple[bytes, dict[str, float]]:
    """Return the PDF, and how high its content is beside the page, in cm."""
    import matplotlib as mpl
    import typst

    fonts = [str(Path(mpl.get_data_path(), "fonts", "ttf"))]
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "report.typ")
        page.write_text(
            files("xaikit").joinpath("assets", "report.typ").read_text("utf-8"), encoding="utf-8"
        )
        for name, content in contents.items():
            Path(folder, name).write_bytes(content)
        options: dict[str, Any] = {
            "root": folder,
            "font_paths": fonts,
            "sys_inputs": {"report": json.dumps(data)},
            "ignore_system_fonts": True,
        }
        made: bytes = typst.compile(str(page), **options, timestamp=0)
        if _NO_LETTER in made:
            # Names of all scripts: a system that can show them has fonts for them.
            options["ignore_system_fonts"] = False
            made = typst.compile(str(page), **options, timestamp=0)
        if _NO_LETTER in made:
            raise ReportError(
                f"No font of this computer has {_letters(data)}: write these in other letters."
            )
        (fit,) = json.loads(typst.query(str(page), "<fit>", field="value", **options))
    return made, fit


def _letters(data: dict[str, Any]) -> str:
    """Name the letters that matplotlib's font, which has most, does not have."""
    from matplotlib.font_manager import findfont, get_font

    known = get_font(findfont("DejaVu Sans")).get_charmap()
    text = json.dumps(data, ensure_ascii=False)
    return " ".join(sorted({letter for letter in text if ord(letter) not in known})[:10])


def _too_long(cm: float, parts: Sequence[dict[str, Any]]) -> str:
    """Say how much does not fit, and what would help."""
    lines = max(1, round(cm / _LINES + 0.5))
    text = f"{lines} line{'s' if lines > 1 else ''} of text (some {lines * _WORDS} words)"
    drawn = {i: part["height"] for i, part in enumerate(parts) if part["kind"] != "text"}
    advice = "shorten the texts"
    if drawn:
        largest = max(drawn, key=lambda i: drawn[i])
        height = drawn[largest]
        keep = (height - cm) / height
        if keep >= 0.3 and parts[largest]["kind"] == "figure":
            width = parts[largest]["width"] / _LINE
            share = max(0.05, int(20 * keep * width) / 20)
            advice += (
                f", or show the figure parts[{largest}], which is {height:.1f} cm high, at a share "
                f"of about {share:g} of the line: (figure, caption, {share:g})"
            )
        else:
            advice += f" or leave out a figure: parts[{largest}] is {height:.1f} cm high"
    return (
        f"The report is one page, and this is {cm:.1f} cm too long, about {text}: {advice}. "
        "Nothing was written."
    )
