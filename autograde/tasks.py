"""What a hidden check is made of.

The checks of a notebook (``solutions/NAME/checks/`` or ``solutions/NAME_checks.py``) hold one
:class:`Task` for every automatically graded task of its source. A task says which *answer* is
taken from the student (the value of variables, or what a function returns on hidden inputs) and
how that becomes marks. It runs in the scorer, which never runs student code and alone knows values.

    @task("shapley", Call("shapley_values", inputs=three_player_games))
    def shapley(calls: list[Called]) -> None:
        for call in calls:
            expect_close(call.returned, enumerate_shapley(*call.arguments), "shapley_values")

A scoring function returns ``None`` or ``1.0`` for full marks, a fraction in [0, 1] for a part of
them, and raises :class:`Wrong` (usually through an ``expect_`` function) to say what was
expected. Messages reach the student: they name what was wrong in words and where to read, and
never a hidden input or a reference value.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xaikit.checks.values import misfit, no_numbers

Score = Callable[[Any], float | None]
"""Takes ``dict[str, Any]`` (a :class:`Value` task) or ``list[Called]`` (a :class:`Call` task)."""


class Wrong(Exception):  # noqa: N818 - a verdict, not an error
    """The answer is not right.

    Parameters
    ----------
    message
        What was expected, in words that a student can act on.
    fraction
        The share of the task's points that the answer is still worth, in [0, 1].
    """

    def __init__(self, message: str, fraction: float = 0.0) -> None:
        super().__init__(message)
        self.message = message
        self.fraction = fraction


@dataclass(frozen=True)
class Value:
    """The answer is what these variables hold right after the answer cell ran.

    The scoring function gets ``dict[str, Any]``: numbers and tensors as ``numpy.ndarray``
    (zero-dimensional for scalars), text as ``str``, dictionaries and mixed sequences as ``dict``
    and ``list`` of these. Every name is present: a missing or unreadable variable has failed the
    task before.
    """

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)


@dataclass(frozen=True)
class Call:
    """The answer is what the student's function returns on hidden inputs.

    Parameters
    ----------
    function
        The function's name.
    inputs
        Takes a generator seeded for this submission, returns one tuple of positional arguments
        a call. Arguments: numpy arrays, torch tensors, numbers, strings, None, lists, tuples and
        dictionaries of these, and :class:`autograde.inside.networks.Network` (a small network,
        delivered as ``torch.nn.Sequential`` in evaluation mode).
    needs
        The grade ids of the locked cells that run before (imports, given helpers).
    by_hand
        Whether all packages are out of reach but numpy, torch, what only shows something
        (Matplotlib, tqdm), and what the cells of ``needs`` import: the default, because a function
        that a student writes is there to be written.
    without
        Full names of functions of the packages within reach that would do the task by themselves,
        such as ``torch.nn.functional.cosine_similarity``: they raise during its hidden calls. The
        visible test cell names them, see :func:`xaikit.checks.without`.
    """

    function: str
    inputs: Callable[[np.random.Generator], Sequence[tuple[Any, ...]]]
    needs: tuple[str, ...] = ()
    by_hand: bool = True
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Called:
    """One call of a student's function: the hidden arguments and what came back.

    ``returned`` is read like a :class:`Value`. Of a call that raised, timed out or returned
    something unreadable it is :class:`Unusable`: to use it is :class:`Wrong`, with the reason. So a
    check that catches that may pay for the other calls; none pays in full. If all calls failed, the
    check is not asked. ``changed``: see :func:`expect_unchanged`.
    """

    arguments: tuple[Any, ...]
    returned: Any
    changed: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Task:
    """One automatically graded task: its id, the answer it takes and how that is scored.

    The id is the grade id of the answer cell; the locked test cell is ``ID-test`` and carries the
    points. ``read`` says where to read on: a section of the notebook or a paper.
    """

    id: str
    answer: Value | Call
    score: Score
    read: str = ""


def task(id: str, answer: Value | Call, read: str = "") -> Callable[[Score], Task]:
    """Turn a scoring function into the :class:`Task` of that id (a decorator)."""

    def make(score: Score) -> Task:
        return Task(id, answer, score, read)

    return make


Comparison = tuple[str, Any, Any]
"""The name of what was compared, what a check expected, and what the student's answer held."""
_compared: ContextVar[list[Comparison] | None] = ContextVar("what is compared", default=None)


@contextlib.contextmanager
def _holding(variable: ContextVar[Any], value: Any) -> Iterator[Any]:
    before = variable.set(value)
    try:
        yield value
    finally:
        variable.reset(before)


def noting_comparisons() -> contextlib.AbstractContextManager[list[Comparison]]:
    """Note what :func:`expect_close` compares: for an appeal, where a person looks at it."""
    return _holding(_compared, [])


_given_cells: ContextVar[Callable[..., Any]] = ContextVar("the given cells of the notebook")


def reading_given_cells(cells: Callable[..., Any]) -> contextlib.AbstractContextManager[Any]:
    """Let :func:`given` read these cells: for the module that imports a notebook's checks."""
    return _holding(_given_cells, cells)


def given(*cells: str, **names: Any) -> Any:
    """Return what given code cells of the notebook define: its attributes are their names.

    For a checks module, at its top level, instead of a copy of the cells' code:

        HERE = given("networks", torch=torch, load_pretrained=load_pretrained)
        ...
        expect_close(values["logits"], HERE.model(HERE.images), "logits")

    It is the author's text that runs, for every submission: once, in the scorer, when the first
    attribute is asked for. What a reference has to be independent of is no given cell.

    Parameters
    ----------
    cells
        Grade ids of given cells, or what their headers call them, ``# %% name="networks"``. They
        run in this order.
    names
        What the cells find there: imports and the like, of cells that do not run here. A device is
        best named so, because answers arrive on the CPU.

    Raises
    ------
    LookupError
        If called outside the import of a notebook's checks.
    """
    return _given_cells.get()(*cells, **names)


_statements: ContextVar[dict[str, str]] = ContextVar("the statements of the quiz")


def noting_statements() -> contextlib.AbstractContextManager[dict[str, str]]:
    """Collect what a check says by :func:`note_statement`: for the scorer."""
    return _holding(_statements, {})


def note_statement(name: str, verdict: Literal["right", "wrong", "open"]) -> None:
    """Tell the instructor's report how a statement of a quiz was answered; it changes no mark."""
    _statements.get({})[name] = verdict


def expect(condition: object, message: str, fraction: float = 0.0) -> None:
    """Raise :class:`Wrong` with the message unless the condition holds."""
    if not condition:
        raise Wrong(message, fraction)


def expect_unchanged(calls: Iterable[Called], place: int, name: str, fraction: float = 0.5) -> None:
    """Raise :class:`Wrong` if a call changed this argument, for tasks whose text forbids that.

    Parameters
    ----------
    place, name
        Which argument, counted from 0, and what the notebook calls it.
    fraction
        What an answer is still worth that is right but for that.
    """
    if any(place in call.changed for call in calls):
        raise Wrong(
            f"The function changes the `{name}` that it was given: whoever called it finds other "
            "values there afterwards. Work on a copy.",
            fraction,
        )


class Unusable:
    """Stands where a student's answer holds no finite number: each use of it is :class:`Wrong`.

    So one bad entry costs what it counts for: a check that compares entry by entry reads it by
    :func:`entries`, as nan.

    Parameters
    ----------
    reason
        What the student reads.
    numbers
        The array that holds nan or infinity, if it is one.
    """

    def __init__(self, reason: str, numbers: NDArray[Any] | None = None) -> None:
        self.reason = reason
        self.numbers = numbers
        self.several = numbers is not None and numbers.ndim > 0

    def _use(self, *_: Any, **__: Any) -> Any:
        raise Wrong(self.reason)

    __array__ = __bool__ = __float__ = __int__ = __index__ = __complex__ = __round__ = _use
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __len__ = __iter__ = _use
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _use
    __rtruediv__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __mod__ = __rmod__ = _use
    __neg__ = __pos__ = __abs__ = __getitem__ = __call__ = __str__ = __getattr__ = _use
    __hash__ = None  # type: ignore[assignment]


def says(value: Any, wanted: str) -> bool:
    """Say whether an answer is this word, capitals and spaces around it aside."""
    return isinstance(value, str) and value.strip().casefold() == wanted.casefold()


def expect_entry(value: Any, key: str, name: str) -> Any:
    """Return a dictionary's entry, or raise :class:`Wrong`."""
    _expect_usable(value)
    expect(
        isinstance(value, dict) and key in value,
        f"`{name}` should be a dictionary with an entry for {key!r}.",
    )
    return value[key]


def expect_all(
    right: Sequence[str], wrong: Sequence[str], message: str, luck: float | None = None
) -> None:
    """Raise :class:`Wrong` if any label is wrong, and pay for the right ones beyond luck.

    Parameters
    ----------
    right, wrong
        Labels are entries' names, such as ``"table[mean]"``; a dictionary without any right entry
        is named as a whole.
    message
        What the student reads before the labels.
    luck
        How many labels are right at no cost: what the best constant gets, see :func:`lucky`.
        Without it half of them, which is what guessing gets of two words.
    """
    if wrong:
        every = len(right) + len(wrong)
        free = every / 2 if luck is None else luck
        fraction = max(0.0, (len(right) - free) / (every - free)) if every > free else 0.0
        dark = {label.partition("[")[0] for label in wrong}
        dark -= {label.partition("[")[0] for label in right}
        names = (head if (head := label.partition("[")[0]) in dark else label for label in wrong)
        which = ", ".join(dict.fromkeys(names)) if right else "all of them"
        more = " What one answer throughout would get earns nothing." if right and free else ""
        raise Wrong(f"{message} Look again at: {which}.{more}", fraction)


def lucky(key: Iterable[Any], slack: Callable[[float], float] | float = 0.0) -> int:
    """Return how many entries of a key one constant answer gets right, whichever does best.

    Parameters
    ----------
    key
        The right answers: words, or numbers (an array's entries count one by one).
    slack
        How far a number may be off, or what says so for a right number.
    """
    entries = [
        each for part in key for each in ([part] if isinstance(part, str) else np.ravel(part))
    ]
    if all(isinstance(each, str) for each in entries):
        return max((entries.count(word) for word in entries), default=0)
    reach = slack if callable(slack) else lambda _: slack
    bounds = [
        (float(each) - reach(float(each)), float(each) + reach(float(each))) for each in entries
    ]
    # If some constant is within several intervals, then so is the lowest end of one of them.
    return max((sum(low <= end <= high for low, high in bounds) for _, end in bounds), default=0)


def expect_array(value: Any, shape: tuple[int | None, ...], name: str) -> NDArray[np.float64]:
    """Return the value as a finite float array of that shape (``None``: any length), or raise.

    One element is a number where a number is due.
    """
    _expect_usable(value)
    array = _numbers(value, shape)
    if array is None:
        raise Wrong(no_numbers(name, value))
    if wrong := misfit(array, shape, name):
        raise Wrong(wrong)
    return array


def entries(value: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the value as a float array of that shape in which nan is no number of the student's.

    For checks that pay for each entry: nothing that an answer may hold raises here.
    """
    if isinstance(value, Unusable):
        value = value.numbers
    if isinstance(value, list) and shape and len(value) == shape[0]:
        return np.array([entries(item, shape[1:]) for item in value]).reshape(shape)
    array = _numbers(value, shape)
    if array is None or array.shape != shape:
        return np.full(shape, np.nan)
    return np.where(np.isfinite(array), array, np.nan)


def _expect_usable(value: Any) -> None:
    if isinstance(value, Unusable):
        raise Wrong(value.reason)


def _numbers(value: Any, shape: tuple[int | None, ...]) -> NDArray[np.float64] | None:
    """Return a value as a float array, if it is numbers; a single one if that is asked for."""
    if isinstance(value, list):  # of tensors, say: one array if their shapes agree
        for item in value:
            _expect_usable(item)
        parts = [p for item in value if (p := _numbers(item, shape[1:])) is not None]
        if len(parts) < len(value) or len({part.shape for part in parts}) != 1:
            return None
        value = np.stack(parts)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "bif":
        return None
    array = value.astype(np.float64)
    return array.reshape(()) if shape == () and array.size == 1 else array


def expect_close(
    value: Any,
    reference: Any,
    name: str,
    hint: str = "",
    rtol: float = 1e-4,
    atol: float = 1e-6,
    fraction: float = 0.0,
) -> None:
    """Raise :class:`Wrong` unless the value equals the reference in shape and within tolerance.

    ``hint`` is what the student reads when the shape is right and the numbers are not.
    """
    wanted = np.asarray(reference, dtype=np.float64)
    if (noted := _compared.get()) is not None:
        noted.append((name, wanted, value))
    try:
        array = expect_array(value, wanted.shape, name)
    except Wrong as wrong:
        raise Wrong(wrong.message, fraction) from None
    if not np.allclose(array, wanted, rtol=rtol, atol=atol):
        raise Wrong(
            f"`{name}` has the right shape, but not the right values. {hint}".strip(), fraction
        )
