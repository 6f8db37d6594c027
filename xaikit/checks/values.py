"""What visible checks hold an answer against: a value's form, a reference, what a task forbids."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xaikit.checks.shown import said
from xaikit.mistakes import brief, described, likely, missing_or_extra, plain


class CheckFailed(AssertionError):  # noqa: N818 - students read this name
    """A visible check failed; its message says what to try.

    Notebooks show the message alone, without a traceback through code the student did not write.

    Examples
    --------
    >>> from xaikit import checks
    >>> try:
    ...     checks.expect(False, "`alpha` should be positive.")
    ... except checks.CheckFailed as failed:
    ...     print(failed)
    `alpha` should be positive.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"✗ {self}"]


def expect(condition: object, hint: str) -> None:
    """Raise :class:`CheckFailed` with the hint unless the condition holds.

    Examples
    --------
    >>> from xaikit import checks
    >>> checks.expect(-0.5 > 0, "`alpha` should be positive.")
    Traceback (most recent call last):
        ...
    xaikit.checks.values.CheckFailed: `alpha` should be positive.
    """
    if not condition:
        raise CheckFailed(hint)


NOT_FINITE = "holds nan or infinity: look for a division by zero."


def no_numbers(name: str, value: Any) -> str:
    """Say that a value should hold numbers. Grading says so in these words, too."""
    kind = "text" if isinstance(value, str | np.ndarray) else type(value).__name__
    return f"`{name}` should hold numbers (an array or a tensor), not {kind}."


def misfit(array: NDArray[Any], shape: tuple[int | None, ...], name: str) -> str:
    """Say what is wrong with an array's shape or numbers, in grading's words; empty if nothing is.

    ``None`` in the shape stands for any length.
    """
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        want = " × ".join("any" if n is None else str(n) for n in shape) or "a single number"
        have = " × ".join(map(str, array.shape)) or "a single number"
        return f"`{name}` should have shape {want}; yours has {have}."
    if array.dtype.kind in "fc" and not np.isfinite(array).all():
        return f"`{name}` {NOT_FINITE}"
    return ""


def numbers(value: Any, shape: tuple[int | None, ...], name: str) -> NDArray[np.float64]:
    """Return the value as a finite float array, or fail with what is wrong about its form.

    Parameters
    ----------
    value
        A number, sequence, array or tensor (on any device, with or without gradient).
    shape
        What the shape has to be; ``None`` stands for any length.
    name
        What the student calls it.

    Returns
    -------
    numpy.ndarray
        float64, of that shape.

    Examples
    --------
    >>> from xaikit import checks
    >>> checks.numbers([1, 2], (2,), "weights")
    array([1., 2.])
    """
    if value is None or value is Ellipsis:
        raise CheckFailed(_nothing(name))
    try:
        read = np.asarray(_detached(value))
        if read.dtype.kind in "US" or any(e is None or isinstance(e, str) for e in _objects(read)):
            raise TypeError("grading reads numbers in quotes as text, and None as nan")
        if np.iscomplexobj(read):  # numpy 2.5 asks an object for its own .real
            if read.imag.any():
                raise CheckFailed(f"`{name}` holds complex numbers: grading reads real ones alone.")
            read = read.real
        array = read.astype(np.float64)
    except (TypeError, ValueError):
        raise CheckFailed(no_numbers(name, value) + _odd_entry(value)) from None
    if wrong := misfit(array, shape, name):
        hint = missing_or_extra(array.shape, shape)
        raise CheckFailed(f"{wrong} {hint}" if hint else wrong)
    return array


def _detached(value: Any) -> Any:
    """Return the value with its tensors as arrays, those in lists and tuples, too."""
    if isinstance(value, list | tuple):
        return [_detached(each) for each in value]
    return plain(value)


def _odd_entry(value: Any) -> str:
    """Say which entry of a list or tuple is no number, if one is at fault."""
    if not isinstance(value, list | tuple) or not value:
        return ""
    for place, each in enumerate(value):
        try:
            array = np.asarray(_detached(each))
            odd = array.dtype.kind not in "biufc" or array.shape != np.shape(_detached(value[0]))
        except (TypeError, ValueError):
            odd = True
        if odd:
            return f" Its entry {place} is {described(each)}."
    return ""


def not_there(name: str, task: str) -> str:
    """Say that an answer's variable or function does not exist."""
    return (
        f"`{name}` is not there: run the cell above that begins with `# answer: {task}`. Does it "
        f"still define `{name}`?"
    )


def _nothing(name: str) -> str:
    """Say that there is no value, of a variable or from a function."""
    function, called, _ = name.partition("(")
    if called:
        return returned_none(function)
    return f"`{name}` has no value yet: write your answer in the cell above and run it."


def returned_none(function: str, printed: bool = False) -> str:
    """Say that a function returned nothing."""
    if printed:
        return (
            f"`{function}` prints something and returned None: end it with `return …`. To print a "
            "value shows it, and returns nothing."
        )
    return (
        f"`{function}` returned None: is there a `return`? Write your answer in the cell above, "
        "let it end with `return …`, and run the cell."
    )


def _objects(array: NDArray[Any]) -> Iterable[Any]:
    return array.flat if array.dtype.kind == "O" else ()


def close(value: Any, expected: Any, name: str, hint: str, tolerance: float = 1e-4) -> None:
    """Fail with the hint unless value and expected have one shape and nearly the same numbers.

    Examples
    --------
    >>> from xaikit import checks
    >>> checks.close([0.5, 0.500001], [0.5, 0.5], "weights", "They are equal.")
    >>> checks.close([0.5, 0.4], [0.5, 0.5], "weights", "They are equal.")
    Traceback (most recent call last):
        ...
    xaikit.checks.values.CheckFailed: `weights`: They are equal. Yours: [0.5, 0.4].
    """
    wanted = np.asarray(expected, dtype=np.float64)
    array = numbers(value, wanted.shape, name)
    if not np.allclose(array, wanted, rtol=tolerance, atol=tolerance):
        whole = np.asarray(_detached(value)).dtype.kind in "biu"
        mistake = likely(array, wanted, whole)
        found = "" if mistake else _yours(array, wanted)
        raise CheckFailed(" ".join(filter(None, [f"`{name}`: {hint}", mistake, found])))


def _yours(array: NDArray[Any], wanted: NDArray[Any]) -> str:
    """Say what was found: all of a few numbers, else the first place that is not as expected."""
    if text := brief(array):
        return f"Yours: {text}."
    place = np.unravel_index(int(np.argmax(~np.isclose(array, wanted, 1e-3, 1e-3))), array.shape)
    where = ", ".join(map(str, map(int, place)))
    return f"Yours at [{where}]: {array[place]:.4g}."


def choices(answers: Any, keys: Iterable[str], allowed: Iterable[str], name: str) -> None:
    """Fail unless ``answers`` is a dictionary with exactly these keys and only allowed values.

    Examples
    --------
    >>> from xaikit import checks
    >>> checks.choices({"a": "ja"}, ["a"], ["yes", "no"], "q")
    Traceback (most recent call last):
        ...
    xaikit.checks.values.CheckFailed: `q['a']` should be one of 'yes', 'no'; yours is the text 'ja'.
    """
    keys, allowed = list(keys), list(allowed)
    if not isinstance(answers, Mapping):
        raise CheckFailed(f"`{name}` should be a dictionary, not {type(answers).__name__}.")
    if missing := [key for key in keys if key not in answers]:
        raise CheckFailed(f"`{name}` lacks an entry for: {', '.join(missing)}.")
    if extra := [str(key) for key in answers if key not in keys]:
        raise CheckFailed(f"`{name}` has entries that nobody asked for: {', '.join(extra)}.")
    for key in keys:
        value = plain(answers[key])
        if isinstance(value, np.ndarray) and not value.ndim:
            value = value.item()
        if not isinstance(value, Hashable) or value not in allowed:
            raise CheckFailed(
                f"`{f'{name}[{key!r}]' if name else key}` should be one of "
                f"{', '.join(map(repr, allowed))}; "
                f"yours is {described(value)}."
            )


def function(value: Any, name: str) -> Callable[..., Any]:
    """Return the value if it can be called, or fail.

    Examples
    --------
    >>> from xaikit import checks
    >>> checks.function(len, "len")([1, 2])
    2
    """
    if not callable(value):
        raise CheckFailed(
            f"`{name}` should be a function: keep the `def {name}(…)` line of the cell."
        )
    return value  # type: ignore[no-any-return]


AUTOGRAD = (
    *("torch.autograd.grad", "torch.autograd.backward", "torch.Tensor.backward"),
    *("torch.autograd.functional.jacobian", "torch.func.grad", "torch.func.jacrev"),
    "torch.func.jacfwd",
)
"""What computes a gradient by itself: for tasks in which students compute one."""

COSINE = ("torch.nn.functional.cosine_similarity", "torch.cosine_similarity")
CROSS_ENTROPY = ("torch.nn.functional.cross_entropy",)


def without(value: Any, *names: str) -> None:
    """Fail if a function uses what it is to replace: what grading refuses during hidden calls.

    Parameters
    ----------
    value
        The student's function. Functions of the notebook that it calls are read, too.
    names
        Full names of functions, such as ``torch.nn.functional.cosine_similarity``.

    Examples
    --------
    >>> from xaikit import checks
    >>> def by_hand(logits, label):
    ...     return -logits.log_softmax(-1)[label]
    >>> checks.without(by_hand, *checks.CROSS_ENTROPY)  # silent: it does not call it
    """
    function = getattr(value, "__name__", "The function")
    used = _names_in(inspect.unwrap(value))
    for name in names:
        last = name.rpartition(".")[2]
        if last in used:
            raise CheckFailed(
                f"`{function}` uses `{last}`, which does what the task asks for. Write it "
                f"yourself: grading refuses {name}."
            )


def _names_in(function: Any, seen: frozenset[Any] = frozenset()) -> set[str]:
    """Return the names that a function's code uses, and those of functions beside it."""
    code = getattr(function, "__code__", None)
    if code is None or code in seen:
        return set()
    found, stack = set(), [code]
    while stack:
        part = stack.pop()
        found |= {*part.co_names, *part.co_freevars}
        stack += [each for each in part.co_consts if hasattr(each, "co_names")]
    space = getattr(function, "__globals__", {})
    beside = [space[name] for name in sorted(found) if name in space]
    for other in beside:
        found.add(str(getattr(other, "__name__", "")))  # imported under another name
        if getattr(other, "__globals__", None) is space:
            found |= _names_in(other, seen | {code})
    return found


def passed(task: str, tried: str = "") -> None:
    """Say that the visible part of a task holds.

    Parameters
    ----------
    task
        The task's id.
    tried
        What the visible checks tried, in a few words, such as ``shape and two small examples``.

    Examples
    --------
    >>> from xaikit import checks
    >>> checks.passed("shapley", "shape and two small examples")
    ✓ shapley: shape and two small examples are as they should be. Hidden inputs decide
    about the marks.
    """
    what = f"{tried} are as they should be" if tried else "the visible checks pass"
    said(f"✓ {task}: {what}. Hidden inputs decide about the marks.")
