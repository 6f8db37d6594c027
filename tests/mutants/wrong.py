"""Wrong answers: the solutions broken in one place, and mistakes written by hand."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograde.tasks import Call
from tests.mutants.asked import texts
from tests.mutants.changes import mutants
from tests.sheets import source, written


def wrong_answers(name: str, task: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield every mutant and mistake of a task: kind, what it is, reason to survive, its text."""
    here = known(name)
    answer = source(name).checks.tasks[task].answer
    assert isinstance(answer, Call)
    for each in mutants(texts(name)[task], answer.function):
        reason = here.equivalent.get((task, each.change, each.place)) or here.equivalent.get(
            (task, each.change, "")
        )
        yield "mutant", str(each), reason or "", each.text
    for (of, what), text in here.mistakes.items():
        if of == task:
            yield "mistake", what, "", text
    yield "mistake", "the plausible wrong answer", "", written(name)[task]["wrong"]


@dataclass(frozen=True)
class Known:
    """What people wrote about a notebook's wrong answers, in ``NAME.toml``.

    Parameters
    ----------
    equivalent
        ``(task, change, place)`` to the reason why this change of the solution makes no difference
        that the task's text forbids.
    mistakes
        ``(task, what is wrong)`` to the text of the answer.
    """

    equivalent: dict[tuple[str, str, str], str]
    mistakes: dict[tuple[str, str], str]


@functools.cache
def known(name: str) -> Known:
    """Read a notebook's file of equivalent changes and of mistakes.

    Raises
    ------
    ValueError
        If a mistake changes what does not stand in the solution exactly once.
    """
    file = Path(__file__).parent / f"{name}.toml"
    read = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return Known(
        {
            (each["task"], each["change"], each.get("place", "")): each["reason"]
            for each in read.get("equivalent", [])
        },
        {
            (each["task"], each["what"]): _edited(texts(name)[each["task"]], each)
            for each in read.get("mistake", [])
        },
    )


def _edited(text: str, mistake: dict[str, Any]) -> str:
    """Return a mistake's answer: its own text, or the solution with pieces replaced."""
    if "text" in mistake:
        return str(mistake["text"])
    pairs = (
        [(mistake["old"], mistake["new"])]
        if isinstance(mistake["old"], str)
        else zip(mistake["old"], mistake["new"], strict=True)
    )
    for old, new in pairs:
        if text.count(old) != 1:
            raise ValueError(
                f"{mistake['task']}, {mistake['what']!r}: the solution holds {old!r} "
                f"{text.count(old)} times, and should hold it once."
            )
        text = text.replace(old, new)
    return text
