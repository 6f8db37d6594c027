"""Find the data set once, before a submission runs: everybody sees the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import xaikit
from autograde.errors import AutogradeError
from autograde.grading.environment import content_below, names_below
from autograde.model.course import Course


class DataError(AutogradeError):
    """The course's data set cannot be found or downloaded: one sentence that says why."""


def settle_data(course: Course, say: Callable[[str], object] = print) -> None:
    """Decide once which data everybody sees: sandboxes have no network, the scorer might.

    Where the course's data set is found first (a download included), all that follows in this
    process and its children looks for data.

    Raises
    ------
    DataError
        If the course names a data set that is not to be had.
    """
    from xaikit.data.places import cache_folder

    source = data_source(course.software.data)
    if "XAIKIT_DATA" not in os.environ and source and Path(source).is_relative_to(cache_folder()):
        os.environ["XAIKIT_DATA"] = str(cache_folder())
    os.environ["XAIKIT_OFFLINE"] = "1"
    if source:
        say(f"Data: {source}")


@cache
def data_source(name: str) -> str:
    """Return where this process found a data set of xaikit's; nowhere, if the course has none."""
    if not name:
        return ""
    try:
        return xaikit.load(name).source
    except (ValueError, FileNotFoundError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"course.toml, software.data: {reason}") from None


def data_digest(name: str) -> str:
    """Return a digest of the data that runs and checks see, wherever it lies.

    Of the course's data set it is the content that counts; of what else lies in the folder of data
    names and sizes do.
    """
    folder, source = os.environ.get("XAIKIT_DATA", ""), data_source(name)
    content = content_below(source) if Path(source).is_absolute() else source
    return f"{content} {names_below(folder) if folder else ''}"
