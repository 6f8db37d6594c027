"""Wrong answers: the solutions broken in one place, and mistakes written by hand."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograde.authoring.asked import Asked, Verdict
from autograde.authoring.changes import mutants
from autograde.notebooks.answers import load_answers
from autograde.notebooks.cells import SourceError

Row = tuple[str, str, str, Verdict]
"""Whether a mutant or a mistake, what it is, why it may survive, what it earned."""


@dataclass(frozen=True)
class Known:
    """What people wrote about a notebook's wrong answers, in ``tests/mutants/NAME.toml``.

    Parameters
    ----------
    equivalent
        ``(task, change, place)`` to the reason why this change of the solution makes no difference
        that the task's text forbids.
    mistakes
        ``(task, what is wrong)`` to the text of the answer.
    guesses
        Task to the reason why an answer without thought may earn something there.
    """

    equivalent: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    mistakes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    guesses: Mapping[str, str] = field(default_factory=dict)


def read_known(file: Path, texts: Mapping[str, str], left_out: Collection[str] = ()) -> Known:
    """Read a notebook's file of equivalent changes and of mistakes; there may be none.

    What it says of tasks that the course leaves out is passed over.

    Raises
    ------
    SourceError
        If it is no TOML file of that form, or a mistake changes what does not stand in the
        solution exactly once.
    """
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        mistakes = [m for m in read.get("mistake", []) if m["task"] not in left_out]
        return Known(
            {
                (each["task"], each["change"], each.get("place", "")): each["reason"]
                for each in read.get("equivalent", [])
            },
            {
                (each["task"], each["what"]): _edited(texts[each["task"]], each, file)
                for each in mistakes
            },
            {each["task"]: each["reason"] for each in read.get("guess", [])},
        )
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"{file}: {error}.") from None
    except KeyError as error:
        raise SourceError(f"{file}: there is no {error} where one is needed.") from None


def _edited(text: str, mistake: dict[str, Any], file: Path) -> str:
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
            raise SourceError(
                f"{file}: {mistake['task']}, {mistake['what']!r}: the solution holds {old!r} "
                f"{text.count(old)} times, and should hold it once."
            )
        text = text.replace(old, new)
    return text


class Wrongs:
    """Every wrong answer that is known for a notebook, and what its hidden checks give for it.

    Parameters
    ----------
    asked
        The notebook's hidden checks.
    file
        What people wrote about its wrong answers; it may be missing.
    """

    def __init__(self, asked: Asked, file: Path) -> None:
        self.asked = asked
        self.known = read_known(file, asked.texts, asked.source.left_out)
        self.written = load_answers(asked.source.layout.path)

    def answers(self, task: str) -> Iterator[tuple[str, str, str, str]]:
        """Yield every mutant and mistake of a task: kind, what it is, reason to survive, text."""
        reasons = self.known.equivalent
        for each in mutants(self.asked.texts[task], self.asked.call(task).function):
            reason = reasons.get((task, each.change, each.place)) or reasons.get(
                (task, each.change, "")
            )
            yield "mutant", str(each), reason or "", each.text
        for (of, what), text in self.known.mistakes.items():
            if of == task:
                yield "mistake", what, "", text
        if "wrong" in self.written.get(task, {}):
            yield "mistake", "the plausible wrong answer", "", self.written[task]["wrong"]

    def look(self, task: str, seeds: int, some: slice = slice(None)) -> list[Row]:
        """Ask for every wrong answer to one task, or for some of them."""
        return [
            (kind, what, reason, self.asked.verdict(task, text, range(seeds)))
            for kind, what, reason, text in [*self.answers(task)][some]
        ]

    def taken_marks(self, task: str, seeds: Sequence[int]) -> list[str]:
        """Return the right answers that lose marks with some seed."""
        right = {"the solution": self.asked.texts[task]}
        if "alternative" in self.written.get(task, {}):
            right["the alternative"] = self.written[task]["alternative"]
        return [
            f"{what} loses marks ({found.seeds - found.full} of {found.seeds})"
            for what, text in right.items()
            if (found := self.asked.verdict(task, text, seeds)).kind != "survives"
        ]


_EARNED = {
    "survives": "that the hidden check lets pass with every seed",
    "the seed": "that the hidden check lets pass with some seeds",
}


def excused(row: Row) -> bool:
    """Say whether a wrong answer survives for a reason."""
    _, _, reason, found = row
    return bool(reason) and found.kind == "survives"


def fault(row: Row) -> str:
    """Return what is wrong with a check, or with a reason; empty if nothing is."""
    kind, what, reason, found = row
    if found.kind != "every seed" and not excused(row):
        return f"{kind} {_EARNED[found.kind]} ({found.full} of {found.seeds}): {what}"
    if found.kind == "every seed" and reason:
        return f"{kind} loses and is called equivalent: {what}"
    return ""
