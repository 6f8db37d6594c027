"""What went wrong, by the form of a value: the commonest mistakes, a sentence each.

Each says what to try, and none says what is right.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEW = 8
"""A value of at most so many numbers is shown; of another, its form is said."""


def plain(value: Any) -> Any:
    """Return a tensor as an array, and anything else as it is."""
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def described(value: Any) -> str:
    """Say in a few words what a value is: its kind, and how large it is."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class `{value.__name__}`"
    if isinstance(value, types.GeneratorType):
        return "a generator (`return` a value in place of `yield`, or make a list of it)"
    if isinstance(value, types.CoroutineType):
        value.close()
        return "a coroutine (write `def` in place of `async def`)"
    if hasattr(value, "detach") or isinstance(value, np.ndarray):
        kind = "a tensor" if hasattr(value, "detach") else "an array"
        shape = " × ".join(map(str, value.shape))
        return f"{kind} of shape {shape}" if shape else f"{kind} of a single number"
    if callable(value):
        return "a function (is a pair of parentheses missing behind its name?)"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, bool | int | float | complex):
        return f"the number {value!r}" if not isinstance(value, bool) else repr(value)
    if isinstance(value, Mapping):
        keys = ", ".join(f"{brief(key) or repr(key):.40}" for key in list(value)[:6])
        return f"a dictionary with the keys {keys}" if keys else "an empty dictionary"
    if isinstance(value, list | tuple | set):
        return f"a {type(value).__name__} of length {len(value)}"
    return f"an object of the type {type(value).__name__}"


def brief(value: Any) -> str:
    """Return a value as it would be printed if it is a few numbers or words; nothing if not."""
    value = plain(value)
    if isinstance(value, Mapping):
        parts = [
            (brief(key) or repr(key), brief(each)) for key, each in list(value.items())[: _FEW + 1]
        ]
        if len(parts) > _FEW or not all(text for _, text in parts):
            return ""
        return "{" + ", ".join(": ".join(part) for part in parts) + "}"
    if isinstance(value, str):
        return repr(value) if len(value) < 40 else ""
    if isinstance(value, tuple) and len(value) <= _FEW:
        inside = [brief(each) for each in value]
        return f"({', '.join(inside)})" if all(inside) else ""
    try:
        array = np.asarray(value)
    except Exception:  # a ragged list, or an object that does not like to be asked
        return ""
    if array.dtype.kind not in "biuf" or array.size > _FEW or not array.size:
        return ""
    if not array.ndim:
        return f"{array.item():.4g}" if array.dtype.kind == "f" else repr(array.item())
    return np.array2string(array, precision=4, separator=", ", floatmode="maxprec").replace(
        "\n", ""
    )


def missing_or_extra(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> str:
    """Say which dimension a shape has too many or too few; nothing if that is not it."""

    def fits(some: tuple[int, ...], other: tuple[int | None, ...]) -> bool:
        return len(some) == len(other) and all(
            w is None or s == w for s, w in zip(some, other, strict=True)
        )

    if len(shape) == len(wanted) + 1:
        if shape[0] == 1 and fits(shape[1:], wanted):
            return "One dimension too many is at the front: `[0]` takes it away."
        if shape[-1] == 1 and fits(shape[:-1], wanted):
            return "One dimension too many is at the end: `[..., 0]` takes it away."
    if len(shape) == len(wanted) - 1:
        if wanted[0] in (1, None) and fits(shape, wanted[1:]):
            return "The dimension of the batch is missing: `[None]` adds it."
        if shape and fits(shape, wanted[1:]):
            return "It looks like the result for one input: there is one for each."
    if len(shape) > 1 and shape != wanted and fits(shape[::-1], wanted):
        return "Are its dimensions in the reverse order?"
    return ""


def likely(array: NDArray[Any], expected: NDArray[Any], whole: bool = False) -> str:
    """Say what usually turns the expected numbers into these; nothing if none of that fits.

    Parameters
    ----------
    array
        What was found.
    expected
        What was expected, of the same shape.
    whole
        Whether the value was of a type of whole numbers.
    """
    if not expected.size or not np.isfinite(array).all():
        return ""

    def same(value: NDArray[Any]) -> bool:
        return bool(np.allclose(array, value, rtol=1e-3, atol=1e-3 * (1e-9 + abs(value).max())))

    if not np.any(expected):
        return ""
    if same(255 * expected):
        return "Pixels lie in [0, 1] here, not in 0 to 255."
    if same(100 * expected):
        return "Is it in percent? A share lies between 0 and 1."
    fractions = np.any(expected != np.round(expected))
    if fractions and (
        (whole and abs(array - expected).max() <= 1)
        or (expected.size > 1 and np.array_equal(array, np.trunc(expected)))
    ):
        return "It holds whole numbers, so the fractions are lost: which type (`dtype`) is it?"
    if expected.ndim and expected.shape[-1] > 1:
        if same(_softmax(expected)):
            return "It holds probabilities where logits are asked for: leave the softmax out."
        if same(np.log(np.clip(_softmax(expected), 1e-30, None))):
            return "It holds the logarithms of probabilities where logits are asked for."
        rows = abs(expected.sum(-1) - 1).max() < 1e-3 and expected.min() >= 0
        if rows and np.allclose(_softmax(array), expected, atol=1e-3):
            return "It holds logits where probabilities are asked for."
    return ""


def _softmax(logits: NDArray[Any]) -> NDArray[Any]:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def out_of_range(returned: Any, arguments: tuple[Any, ...]) -> str:
    """Say that images come back in 0 to 255 where they went in within [0, 1]."""
    found = plain(returned)
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "uif" or not found.size:
        return ""
    for each in map(plain, arguments):
        if not isinstance(each, np.ndarray) or each.shape != found.shape or each.ndim < 3:
            continue
        if each.min() >= 0 and each.max() <= 1 and found.max() > 16:
            return f"It holds values up to {found.max():.0f}: pixels lie in [0, 1] here."
    return ""
