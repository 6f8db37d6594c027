"""A student's PDF as a picture: the sandbox opens it, and here only numbers arrive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from autograde.sandbox.isolation import Isolation, Limits
from autograde.sandbox.process import Sandbox
from xaikit.handin.one_page import Fault, Page

LIMITS = Limits(
    seconds=40.0,
    memory=1 << 30,
    disk=16 << 20,
    files=100,
    processes=32,
    busy=8,
    output=32 << 20,
)
"""What opening one page may take; a page of figures takes half a second."""

_SECONDS = 20.0
_SIDE = 2000  # pixels


def picture_of(
    content: bytes, isolation: Isolation, hidden: Sequence[Path], limits: Limits = LIMITS
) -> Page:
    """Open a PDF in a sandbox of its own.

    Parameters
    ----------
    content
        The file's bytes, which may be anything.
    isolation, hidden
        As for a submission's own code: see :class:`autograde.sandbox.process.Sandbox`.
    limits
        What it may take.

    Returns
    -------
    Page
        ``costly`` if anything ended the sandbox: time, memory, a parser that broke.

    Raises
    ------
    autograde.sandbox.isolation.SandboxError
        If the sandbox cannot start.
    """
    job = {"pdf": np.frombuffer(content, np.uint8)}
    with Sandbox("autograde.inside.page", job, limits, isolation, hidden) as sandbox:
        for record in sandbox.records():
            if isinstance(record, dict) and record.get("kind") == "ready":
                sandbox.allow(min(_SECONDS, limits.seconds))
                continue
            return _page(record)
    return Page("costly")


def _page(record: Any) -> Page:
    """Read the record about the page, each field of which may be anything."""
    if not isinstance(record, dict):
        return Page("damaged")
    fault, pages = record.get("fault"), record.get("pages")
    picture, text = record.get("picture"), record.get("text")
    size = record.get("size")
    if fault in get_args(Fault) and fault:
        return Page(fault)
    if not (
        fault == ""
        and isinstance(text, str)
        and isinstance(pages, np.ndarray)
        and pages.shape == ()
        and pages.dtype.kind == "i"
        and isinstance(picture, np.ndarray)
        and picture.dtype == np.uint8
        and picture.ndim == 3
        and picture.shape[2] == 3
        and min(picture.shape) > 0
        and max(picture.shape) <= _SIDE
        and isinstance(size, np.ndarray)
        and size.shape == (2,)
        and size.dtype == np.float64
        and np.isfinite(size).all()
    ):
        return Page("damaged")
    return Page("", max(1, int(pages)), picture, text, (float(size[0]), float(size[1])))
