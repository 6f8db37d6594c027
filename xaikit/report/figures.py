"""A figure of the report: what a student gives, and the file that the page shows.

Figures of matplotlib become vectors with their fonts, pictures keep their pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from xaikit.alternatives import described as in_words
from xaikit.mistakes import described, plain

WITHOUT_DATE = {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None}
_SHARP = 300  # dots an inch, of what matplotlib draws as pixels
_FEW_PIXELS = 400  # of a data set's pictures: each pixel is seen
_COARSE, _FINE = 4.0, 8.0  # cm, the longer side of a picture
_MOST_PIXELS = 2000  # of the longer side: 300 dots an inch over the whole line
_EXACT = 1 << 20  # bytes of a picture without loss; a photograph takes more
_LIGHT = 1 << 20  # bytes of a figure as vectors: 70,000 points, which take seconds to show
_SIXTEEN_BITS = ("I", "I;16", "I;16L", "I;16B")  # grey, as Pillow reads it


class ReportError(ValueError):
    """The report cannot be made so: one sentence that says what to do.

    Examples
    --------
    >>> from xaikit import report
    >>> try:
    ...     report("Shirts", names=["Ada Lovelace"], notebook="https://example.org/1x", parts=[])
    ... except ValueError as error:
    ...     print(type(error).__name__, error)
    ReportError parts: a list of texts and figures, not a list of length 0.
    """


@dataclass(frozen=True)
class Shown:
    """One figure as the page takes it.

    Attributes
    ----------
    content, suffix
        The file.
    width, height
        How large it is by itself, in cm.
    share
        Which share of the line it takes; None if it has the size that it has by itself.
    caption, alternative
        The text below it, and the one that is read to those who cannot see it.
    coarse
        Whether each pixel is shown as a square.
    """

    content: bytes
    suffix: str
    width: float
    height: float
    share: float | None
    caption: str
    alternative: str
    coarse: bool = False


def shown(part: Any, where: str) -> Shown:
    """Return a figure of the report.

    Parameters
    ----------
    part
        The figure, or a tuple: the figure, its caption, the share of the line.
    where
        How messages name it, such as ``parts[2]``.

    Raises
    ------
    ReportError
        If it is nothing that can be shown.
    """
    figure, caption, share = _taken_apart(part, where)
    if not isinstance(caption, str):
        raise ReportError(f"{where}: a caption is a text, not {described(caption)}.")
    if share is not None and not _is_share(share):
        raise ReportError(f"{where}: the share of the line is a number above 0, at most 1.")
    drawn = getattr(figure, "figure", figure)  # of axes, their figure
    if hasattr(drawn, "savefig"):
        if len(drawn.get_children()) < 2:  # its background
            raise ReportError(
                f"{where}: this figure is empty. Keep the one that you draw into, as in "
                "figure, axes = plt.subplots(): after plt.show(), plt.gcf() is a new one."
            )
        return _drawn(drawn, share, caption)
    return _picture(figure, where, share, caption)


def _is_share(share: Any) -> bool:
    return isinstance(share, int | float) and not isinstance(share, bool) and 0 < share <= 1


def _taken_apart(part: Any, where: str) -> tuple[Any, Any, Any]:
    if not isinstance(part, tuple):
        return part, "", None
    if not 1 <= len(part) <= 3:
        raise ReportError(f"{where}: a tuple is (figure, caption) or (figure, caption, share).")
    return (*part, *("", None)[len(part) - 1 :])


def _drawn(figure: Any, share: float | None, caption: str) -> Shown:
    """Return a figure of matplotlib, which stays as it is: vectors, or pixels if it is heavy."""
    import matplotlib as mpl

    file, suffix = BytesIO(), "pdf"
    with mpl.rc_context({"pdf.fonttype": 42}):
        figure.savefig(file, format="pdf", bbox_inches="tight", dpi=_SHARP, metadata=WITHOUT_DATE)
        if file.tell() > _LIGHT:
            file, suffix = BytesIO(), "png"
            figure.savefig(file, format="png", bbox_inches="tight", dpi=_SHARP)
        box = figure.get_tightbbox()
    return Shown(
        file.getvalue(),
        suffix,
        2.54 * float(box.width),
        2.54 * float(box.height),
        share,
        caption,
        in_words(figure),
    )


def _picture(figure: Any, where: str, share: float | None, caption: str) -> Shown:
    image = _opened(figure, where)
    width, height = image.size
    image.thumbnail((_MOST_PIXELS, _MOST_PIXELS))
    file, suffix = BytesIO(), "png"
    image.save(file, "PNG")
    if file.tell() > _EXACT and image.mode != "RGBA":
        file, suffix = BytesIO(), "jpg"
        image.save(file, "JPEG", quality=90)
    coarse = max(width, height) <= _FEW_PIXELS
    size = (_COARSE if coarse else _FINE) / max(width, height)
    words = f"Picture of {width} × {height} pixels"
    return Shown(
        file.getvalue(), suffix, width * size, height * size, share, caption, words, coarse
    )


def _opened(figure: Any, where: str) -> Image.Image:
    if isinstance(figure, Image.Image):
        return _upright(figure, where)
    if isinstance(figure, Path):
        try:
            with Image.open(figure, formats=["PNG", "JPEG"]) as image:
                return _upright(image, where)
        except FileNotFoundError:
            raise ReportError(f"{where}: there is no file {str(figure)!r}.") from None
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
            raise ReportError(
                f"{where}: {str(figure)!r} is no PNG or JPEG picture that can be read."
            ) from None
    array = plain(figure)
    if not isinstance(array, np.ndarray):
        raise ReportError(
            f"{where}: a part is a text, a figure of matplotlib, a picture (an array, a tensor, an "
            f"image of Pillow, or the Path of a PNG or JPEG), or a list of these beside one "
            f"another; this is {described(figure)}."
        )
    return _from_numbers(array, where)


def _upright(image: Image.Image, where: str) -> Image.Image:
    """Return a copy of 8 bits a colour, which stands as the camera says, with its transparency."""
    own = ImageOps.exif_transpose(image)
    if own.mode in (*_SIXTEEN_BITS, "F"):
        return _from_numbers(np.asarray(own) / (1.0 if own.mode == "F" else 65535.0), where)
    clear = own.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in own.info
    if own.mode != "L" or clear:
        own = own.convert("RGBA" if clear else "RGB")
    own.info.clear()
    return own


def _from_numbers(array: np.ndarray[Any, Any], where: str) -> Image.Image:
    """Return a picture from grey (H, W), colours (H, W, 3) or a tensor's (1 or 3, H, W)."""
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[-1] not in (1, 3, 4):
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (3, 4))):
        raise ReportError(
            f"{where}: a picture has the shape (height, width), (height, width, 3) or (channels, "
            f"height, width), not {array.shape}."
        )
    if array.dtype != np.uint8:
        numbers = array.dtype.kind in "biuf" and np.isfinite(array).all()
        if not numbers or array.min() < 0 or array.max() > 1:
            raise ReportError(
                f"{where}: a picture's numbers lie between 0 and 1 (or are uint8); draw any others "
                "with xaikit.plots or matplotlib, which show what they mean."
            )
        array = np.round(255 * array.astype(np.float64)).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(array))


def beside(parts: Sequence[Shown]) -> list[float]:
    """Return which share of the line each of several figures takes, so that all are as high."""
    shapes = [part.width / part.height for part in parts]
    return [shape / sum(shapes) for shape in shapes]
