"""A function that gets a seed, and draws from NumPy's global generator all the same.

Such a function gives the same numbers for the same seed, and still changes what all others draw
after it; or its numbers depend on what ran before. PyTorch's global generator is left alone: who
makes a layer or asks a loader for a batch draws from it, and does nothing wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def state() -> tuple[Any, ...]:
    """Return the state of NumPy's global generator, to be compared."""
    found: Any = np.random.get_state()
    kind, keys, position, *more = found
    return kind, keys.tobytes(), position, *more


def changed(function: str, before: tuple[Any, ...]) -> str:
    """Say that a call of a function changed NumPy's global generator; nothing if it did not."""
    if state() == before:
        return ""
    return (
        f"`{function}` changes the state of the global generator of `np.random`: take all random "
        "numbers from the generator that the task's text makes of `seed`."
    )
