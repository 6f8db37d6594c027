"""The statements of both quizzes of notebook 01: which variants are asked, and how answers count."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, Strict

from autograde.model.course import CourseError
from autograde.model.course_file import read_course
from autograde.model.kinds import should_be
from autograde.tasks import Wrong, expect, note_statement


@dataclass(frozen=True)
class Variant:
    """One wording of a statement."""

    text: str
    key: str
    because: str


def read_bank(file: Path) -> dict[str, list[Variant]]:
    """Read the question bank: the variants of each statement."""
    with file.open("rb") as stream:
        statements = tomllib.load(stream)["statement"]
    return {s["id"]: [Variant(**variant) for variant in s["variant"]] for s in statements}


def choose(bank: Mapping[str, Sequence[Variant]], groups: str, seed: int) -> dict[str, Variant]:
    """Choose a variant of each statement of these groups, such that no pattern pays.

    No group is all yes or all no, and of all statements as many are true as false (one more of
    either if their number is odd): answering yes to all gains nothing.
    """
    rng = np.random.default_rng(seed)
    names = [name for name in sorted(bank) if name[0] in groups]
    while True:
        drawn = {name: bank[name][rng.integers(len(bank[name]))] for name in names}
        keys = {
            group: [variant.key for name, variant in drawn.items() if name[0] == group]
            for group in groups
        }
        true = sum(key == "yes" for group in keys.values() for key in group)
        mixed = all(len(set(group)) == 2 for group in keys.values())
        if mixed and abs(2 * true - len(names)) <= len(names) % 2:
            return drawn


_Point = Annotated[float, Strict(), Field(ge=-100, le=100, allow_inf_nan=False)]


@dataclass(frozen=True)
class Quiz:
    """The table [quiz] of course.toml: what a statement is worth, and which wordings are asked."""

    right: Annotated[_Point, Field(gt=0), should_be("a number above 0, at most 100")]
    wrong: Annotated[_Point, Field(le=0), should_be("a number from -100 to 0: it takes points off")]
    abstain: Annotated[_Point, Field(ge=0), should_be("a number from 0 on, less than right")] = 0.0
    seed: Annotated[int, Strict(), Field(ge=0), should_be("a whole number from 0 on")] = 0


COURSE = read_course(Path(__file__))
SETTINGS = COURSE.settings_as("quiz", Quiz)
if SETTINGS.abstain >= SETTINGS.right:
    raise CourseError.of(COURSE.file, ["quiz.abstain should be less than quiz.right."])


BANK = read_bank(Path(__file__).parents[1] / "quiz.toml")


FIRST, SECOND = (choose(BANK, groups, SETTINGS.seed) for groups in ("ABCDE", "FG"))


CHOSEN = FIRST | SECOND


VERDICTS: tuple[Literal["right", "wrong", "open"], ...] = ("right", "wrong", "open")


TEXT = {
    **{f"quiz_{name}": variant.text for name, variant in CHOSEN.items()},
    # Read by the solution and by a figure, so these are numbers that Python understands too.
    **{f"quiz_{name}": f"{getattr(SETTINGS, name):g}" for name in ("right", "wrong", "abstain")},
    "quiz_key": " ".join(f"{name}={variant.key}" for name, variant in FIRST.items()),
    "quiz_more_key": " ".join(f"{name}={variant.key}" for name, variant in SECOND.items()),
}


def score_quiz(answers: Any, chosen: Mapping[str, Variant], name: str) -> None:
    """Score a quiz: the sum over all statements, with one floor at zero."""
    expect(
        isinstance(answers, dict), f"`{name}` should be a dictionary with an answer a statement."
    )
    counts = {name[0]: [0, 0, 0] for name in chosen}  # right, wrong, abstained
    unreadable = []
    for statement, variant in chosen.items():
        answer = answers.get(statement)
        answer = answer.strip().casefold() if isinstance(answer, str) else ""
        if answer not in ("yes", "no", "abstain"):
            unreadable.append(statement)
        column = 2 if answer not in ("yes", "no") else int(answer != variant.key)
        counts[statement[0]][column] += 1
        note_statement(statement, VERDICTS[column])
    right, wrong, abstained = (sum(column) for column in zip(*counts.values(), strict=True))
    weights = (SETTINGS.right, SETTINGS.wrong, SETTINGS.abstain)
    points = sum(n * weight for n, weight in zip((right, wrong, abstained), weights, strict=True))
    fraction = min(1.0, max(0.0, points / (len(chosen) * SETTINGS.right)))
    if fraction < 1:
        groups = "; ".join(f"{group} {r}/{w}/{a}" for group, (r, w, a) in counts.items())
        message = (
            f"{right} right, {wrong} wrong, {abstained} abstained. "
            f"By group (right/wrong/abstained): {groups}. Read the statements of the weakest group "
            "again, word by word: look for an `always`, an `only` or a changed condition."
        )
        if unreadable:
            message += (
                f" Counted as abstained, because neither yes, no nor abstain: "
                f"{', '.join(unreadable)}."
            )
        raise Wrong(message, fraction)
