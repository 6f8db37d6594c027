"""What surrounds every visible check, so that it ends in one clear sentence.

``with checking(task, globals()):`` stands around the lines of a test cell; the kernel puts it there
(:mod:`xaikit.checks.run_all`). It looks at the answer before the first line runs, hears of every
call of a student's function, and turns an error of the check's own lines into a sentence about the
answer's form. A check's author writes what is right, and need not think of what a student may
return.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import linecache
import sys
import traceback
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xaikit.checks import chance
from xaikit.checks.session import Session, here
from xaikit.checks.shown import shown
from xaikit.checks.values import CheckFailed, not_there, returned_none
from xaikit.handin import unseen
from xaikit.handin.code import names_at, needs, taken
from xaikit.handin.released import begins
from xaikit.mistakes import brief, described, out_of_range, plain

_LONG = 160


@dataclass(frozen=True)
class _Call:
    """The last call of a student's function."""

    name: str
    arguments: tuple[Any, ...]
    returned: Any


class checking:  # noqa: N801 - read as a statement
    """Surround the visible check of a task.

    Parameters
    ----------
    task
        The task's id.
    space
        The names of the notebook.
    session
        What ran there; by default that of this kernel.
    """

    def __init__(self, task: str, space: dict[str, Any], session: Session | None = None) -> None:
        self._task, self._space = task, space
        self._session = here(task) if session is None else session
        known = self._session.known
        self._function = known.functions.get(task, "")
        self._names = known.asked.get(task, ())
        self._own: Callable[..., Any] | None = None
        self._heard: Callable[..., Any] | None = None
        self._last: _Call | None = None
        self._raised: Exception | None = None
        self._inside = self._spoilt = False
        self._early: CheckFailed | None = None

    def __enter__(self) -> checking:
        with contextlib.suppress(Exception):  # what cannot be asked is not asked
            self._look()
        return self

    def begin(self) -> None:
        """Fail if the answer cannot be right, before anything is tried."""
        if self._early is not None:
            raise self._early

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if self._heard is not None and self._space.get(self._function) is self._heard:
            self._space[self._function] = self._own
        if not isinstance(error, Exception):
            return False
        said = self._sentence(error)
        if shown(said):
            return True
        if isinstance(error, CheckFailed) and str(error) == said:
            return False
        if self._students(error) and not isinstance(error, CheckFailed):
            return False  # their own traceback says more
        raise CheckFailed(said) from (None if isinstance(error, CheckFailed) else error)

    # Before the first line

    def _look(self) -> None:
        if why := self._session.broken(self._task):
            self._early = CheckFailed(
                f"The cell that begins with `# answer: {self._task}` did not run ({why}), and what "
                "an earlier one defined is not what it says now: mend it, and run it again."
            )
            return
        for name in self._names:
            if name not in self._space:
                self._early = CheckFailed(not_there(name, self._task))
                return
        if not self._function:
            return
        value = self._space[self._function]
        if not callable(value) or isinstance(value, type):
            self._early = CheckFailed(
                f"`{self._function}` is {described(value)}, but should be a function: keep the "
                f"`def {self._function}(…)` line of the cell, and give other things other names."
            )
            return
        for group in self._session.known.by_hand:
            if self._function in group.functions:
                missing = group.missing(self._function, self._session.written)
                if missing:
                    self._early = CheckFailed(unseen.sentence(self._function, missing))
                    return
        self._own, self._heard = value, self._listening(value)
        self._space[self._function] = self._heard

    def _listening(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, as one that tells what it returns."""
        name = self._function

        @functools.wraps(function)
        def heard(*arguments: Any, **named: Any) -> Any:
            if self._inside:  # it calls itself
                return function(*arguments, **named)
            seeded = "seed" in _expect_parameters(function, name, arguments, named)
            drawn = chance.state() if seeded else ()
            before = [(each, each.copy()) for each in _arrays((*arguments, *named.values()))]
            self._inside = True
            printed = _Printed(sys.stdout)
            try:
                with contextlib.redirect_stdout(printed):
                    returned = function(*arguments, **named)
            except Exception as error:
                self._raised = error
                raise
            finally:
                self._inside = False
            if seeded and (elsewhere := chance.changed(name, drawn)):
                raise CheckFailed(elsewhere)
            self._spoilt |= any(not np.array_equal(now, then) for now, then in before)
            if returned is None and not _may_be_none(function):
                raise CheckFailed(returned_none(name, printed.something))
            self._last = _Call(name, arguments, returned)
            return returned

        return heard

    # After the line that failed

    def _sentence(self, error: Exception) -> str:
        """Return what to show of an error: one line."""
        if isinstance(error, NameError) and (said := not_run(error, self._session)):
            return said
        changed = self._changed(error)
        if isinstance(error, CheckFailed):
            spoilt = (
                f"`{self._function}` changes what it is given: work on a copy, and run all cells "
                "above again."
            )
            parts = [str(error), self._found(error), spoilt if self._spoilt else "", changed]
            return " ".join(filter(None, parts))
        if frames := self._students(error):
            return " ".join(filter(None, [_stopped(frames[-1], error), changed]))
        if error is self._raised:
            return " ".join(
                filter(None, [f"`{self._function}` stopped with {_why(error)}.", changed])
            )
        return changed or self._form(error)

    def _changed(self, error: Exception) -> str:
        """Say which given name, of those that the check or the answer uses, has another value."""
        changed = self._session.changed
        if not changed:
            return ""
        used = needs(self._text(error))
        if self._function:
            used |= taken(self._function, self._session.written)[0]
        for name in sorted(used & changed.keys() - {*self._names}):
            cell = self._session.definition(name)
            if cell is not None:
                return (
                    f"`{name}` no longer has the value that it was given: your cell that begins "
                    f"with `{begins(changed[name])}` changed it. Use another name there, and run "
                    f"the given cell that begins with `{cell.begins}` again."
                )
        return ""

    def _found(self, error: CheckFailed) -> str:
        """Say what was found where a hint says only what is expected."""
        said = str(error)
        if "yours" in said.lower():
            return ""
        if self._last is not None:
            if text := out_of_range(self._last.returned, self._last.arguments):
                return text
            text = brief(self._last.returned) or described(self._last.returned)
            return f"(`{self._last.name}(…)` returned {text}.)"
        if self._function:
            return ""
        names = self._asked(error) or self._names[: len(self._names) == 1]
        found = [(name, brief(self._space.get(name))) for name in names]
        text = ", ".join(f"`{name}` is {text}" for name, text in found if text)
        return f"({text}.)" if text else ""

    def _form(self, error: Exception) -> str:
        """Say with which value the check's own lines could not go on."""
        why = _why(error)
        cure = _cure(str(error))
        if self._last is not None:
            says = _annotation(self._own)
            cure = cure or (f" Its `def` line says that it returns `{says}`." if says else "")
            what = f"`{self._last.name}(…)` returned {described(self._last.returned)}"
        elif self._names and not self._function:
            names = self._asked(error) or self._names
            what = ", ".join(f"`{name}` is {described(self._space.get(name))}" for name in names)
            cure = cure or " Which form does the task's text ask for?"
        else:
            what = "The check cannot run"
            cure = (
                cure or " Run all cells above (Run → Run All Above Selected Cell), then this one."
            )
            return f"{what} ({why}).{cure}"
        return f"{what}, with which the check cannot go on ({why}).{cure}"

    def _students(self, error: Exception) -> list[traceback.FrameSummary]:
        """Return the frames of an error that are lines of the student's own."""
        frames = list(traceback.walk_tb(error.__traceback__))
        own = [f.f_code.co_filename for f, _ in frames if f.f_globals is self._space]
        found = []
        for frame, line in frames:
            file = frame.f_code.co_filename
            if frame.f_globals is not self._space or file == own[0]:
                continue
            text = "".join(linecache.getlines(file))
            if text and self._session.wrote(text):
                found.append(traceback.FrameSummary(file, line, frame.f_code.co_name))
        return found

    def _text(self, error: Exception) -> str:
        """Return the test cell's text."""
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_globals is self._space:
                return "".join(linecache.getlines(frame.f_code.co_filename))
        return ""

    def _asked(self, error: Exception) -> list[str]:
        """Return the answer's variables of which the failing line of the test cell takes some."""
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_globals is self._space:
                names = names_at("".join(linecache.getlines(frame.f_code.co_filename)), line)
                return [name for name in self._names if name in names]
        return []


class _Printed:
    """Hands on what is printed, and knows whether something was."""

    def __init__(self, stream: Any) -> None:
        self._stream, self.something = stream, False

    def write(self, text: str) -> int:
        """Hand it on."""
        self.something |= bool(text.strip())
        return int(self._stream.write(text) or 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def not_run(error: NameError, session: Session) -> str:
    """Say which cell defines a name that is not there; nothing if no cell does."""
    name = str(error.name)
    if cell := session.definition(name):
        ran = session.has_run(cell)
        return (
            f"`{name}` is not there: the given cell that begins with `{cell.begins}` defines it. "
            f"{'It has been deleted since: run' if ran else 'Run'} that cell, then this one."
        )
    for task, names in session.known.asked.items():
        if name in names:
            return not_there(name, task)
    return ""


def _expect_parameters(
    function: Callable[..., Any], name: str, arguments: tuple[Any, ...], named: Mapping[str, Any]
) -> Collection[str]:
    """Return the names of a function's parameters, if it can be called so."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return ()
    try:
        signature.bind(*arguments, **named)
    except TypeError as error:
        raise CheckFailed(
            f"`{name}{signature}` cannot be called as the task's text says ({error}): keep the "
            f"`def {name}(…)` line as it was handed out."
        ) from None
    return signature.parameters


def _arrays(values: tuple[Any, ...]) -> list[NDArray[Any]]:
    """Return the tensors and arrays of numbers among values; a nan is not told from a change."""
    found = []
    for each in values:
        with contextlib.suppress(Exception):  # of a kind that NumPy does not have
            array = plain(each)
            if isinstance(array, np.ndarray) and not np.isnan(array.sum()):
                found.append(array)
    return found


def _may_be_none(function: Callable[..., Any]) -> bool:
    says = getattr(function, "__annotations__", {}).get("return", Any)
    return says is None or types.NoneType in typing.get_args(says)


def _annotation(function: Callable[..., Any] | None) -> str:
    notes = getattr(function, "__annotations__", {})
    return inspect.formatannotation(notes["return"]) if "return" in notes else ""


def _stopped(frame: traceback.FrameSummary, error: Exception) -> str:
    """Say where a student's own code stopped."""
    where = f"`{frame.name}` stopped" if frame.name.isidentifier() else "Your code stopped"
    code = linecache.getline(frame.filename, frame.lineno or 0).strip()
    return f"{where} in line {frame.lineno} of your cell, `{code}`, with {_why(error)}."


def _why(error: Exception) -> str:
    name, text = type(error).__name__, str(error)
    return f"{name}: {_line(text)}" if text else name


def _cure(message: str) -> str:
    """Say what to do about errors of torch that say little to whom they meet first."""
    if "requires grad" in message:
        return " It still requires a gradient: `.detach()` at the end takes that away."
    if "same device" in message:
        return " It lies on another device: `.to(device)` moves it."
    return ""


def _line(text: str) -> str:
    line = text.strip().split("\n", 1)[0].rstrip(".")
    return line if len(line) <= _LONG else f"{line[: _LONG - 1]}…"
