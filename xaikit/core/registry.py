"""What a table of methods is read from: names, options, and what the course teaches."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def options_of(method: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of a method's options: its keyword-only parameters."""
    return tuple(
        parameter.name
        for parameter in inspect.signature(method).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    )
