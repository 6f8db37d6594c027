"""A function that gets a seed, and draws from a global generator all the same.

Such a function gives the same numbers for the same seed, and still changes what all others draw
after it; or its numbers depend on what ran before.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any


def _numpy() -> Any:
    kind, keys, position, *more = sys.modules["numpy"].random.get_state()
    return kind, keys.tobytes(), position, *more


def _torch() -> Any:
    return sys.modules["torch"].get_rng_state().numpy().tobytes()


_GENERATORS: dict[str, tuple[str, Callable[[], Any]]] = {
    "`np.random`": ("numpy", _numpy),
    "`torch`": ("torch", _torch),
    "`random`": ("random", random.getstate),
}
"""The global generators: how a message names each, its module, and what reads its state."""


def states() -> dict[str, Any]:
    """Return the states of the global generators, by the name that messages have for each."""
    return {name: state() for name, (module, state) in _GENERATORS.items() if module in sys.modules}


def changed(function: str, before: dict[str, Any]) -> str:
    """Say that a call of a function changed a global generator; nothing if none is changed."""
    now = states()
    for name, state in before.items():
        if now[name] != state:
            return (
                f"`{function}` changes the state of the global generator of {name}: take all "
                "random numbers from the generator that the task's text makes of `seed`."
            )
    return ""
