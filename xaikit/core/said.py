"""A warning names the line that asked, however deep in the library its cause is found."""

from __future__ import annotations

import sys
import warnings

_INSIDE = {"xaikit", "contextlib", "functools", "torch"}


def warn(message: str) -> None:
    """Warn at the nearest line up the calls that is not the library's, so once for each line."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _package(frame.f_globals) in _INSIDE:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def _package(names: dict[str, object]) -> str:
    return str(names.get("__name__", "")).partition(".")[0]
