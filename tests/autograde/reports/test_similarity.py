"""Copies are found under every name; independent answers are not reported."""

from __future__ import annotations

import io
import keyword
import random
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograde.grading.mark import load_assignment
from autograde.model.course_file import read_course
from autograde.notebooks.answers import load_answers
from autograde.notebooks.source import find_source
from autograde.reports.similarity import LEAST_RUNS, Pair, similar

COURSE = read_course(Path(__file__))
NAME = "01_theory"
Answers = dict[str, str]


@pytest.fixture(scope="module")
def stubs() -> Answers:
    released = load_assignment(NAME, COURSE.file).released
    return {
        c.metadata.nbgrader.grade_id: c.source
        for c in released.cells
        if c.metadata.nbgrader.solution
    }


@pytest.fixture(scope="module")
def solution() -> Answers:
    return dict(load_assignment(NAME, COURSE.file).solutions)


@pytest.fixture(scope="module")
def alternative(solution: Answers) -> Answers:
    others = load_answers(find_source(COURSE.folder / "solutions", NAME))
    return {task: others.get(task, {}).get("alternative", "") for task in solution}


def renamed(source: str) -> str:
    """Give every name that the code binds another, change layout and comments."""
    if source.startswith("<!--"):
        return source.replace("\n", "\n\n")
    bound = set(re.findall(r"(?m)^\s*(\w+)\s*=[^=]", source)) | set(
        re.findall(r"\bfor (\w+) in", source)
    )
    fresh = {name: f"my_{i}" for i, name in enumerate(sorted(bound)) if not keyword.iskeyword(name)}
    out, end = [], (1, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.start[0] > end[0]:
            end = (token.start[0], 0)
        out.append(" " * (token.start[1] - end[1]))
        text = (
            fresh.get(token.string, token.string) if token.type == tokenize.NAME else token.string
        )
        out.append(f"{text}  # mine" if token.type == tokenize.COMMENT else text)
        end = token.end
    return "".join(out)


def found(pairs: list[Pair]) -> list[tuple[str, str]]:
    return [pair.students for pair in pairs]


def varied(solution: Answers, alternative: Answers, number: int) -> Answers:
    """Return an own answer to every task: one or the other, written out in an own order."""
    rng = random.Random(number)
    own = {}
    for task, text in solution.items():
        lines = (alternative[task] if rng.random() < 0.5 and alternative[task] else text).split(
            "\n"
        )
        for _ in range(3):
            words = [rng.choice(("+", "-", "*", "[i]", ".sum()", "@", "(0)")) for _ in range(14)]
            lines.insert(len(lines), "note = a" + " b ".join(words) + f" {rng.randrange(10**6)}")
        own[task] = "\n".join(lines)
    return own


def test_a_copy_with_other_names_is_found(
    stubs: Answers, solution: Answers, alternative: Answers
) -> None:
    copy = {task: renamed(text) for task, text in solution.items()}
    assert sum(copy[task] != solution[task] for task in solution) > 20
    pairs = similar(NAME, [("Zoe", copy), ("Ada", solution), ("Max", alternative)], stubs)
    assert found(pairs) == [("Ada", "Zoe")]
    assert pairs[0].share > 0.8
    assert "shapley" in pairs[0].tasks and pairs[0].assignment == NAME


def test_independent_right_answers_are_not(
    stubs: Answers, solution: Answers, alternative: Answers
) -> None:
    assert similar(NAME, [("Ada", solution), ("Max", alternative)], stubs) == []


def test_untouched_answers_are_not(stubs: Answers) -> None:
    assert similar(NAME, [("Ada", stubs), ("Max", stubs), ("Zoe", {})], stubs) == []
    assert similar(NAME, [], stubs) == []


def test_what_the_class_shares_says_nothing(stubs: Answers, solution: Answers) -> None:
    """A template from the lecture makes nobody a suspect, however much of it there is."""
    one = {**stubs, "shapley": solution["shapley"] + "\n" + solution["lrp-epsilon"]}
    everybody = [(f"student {i}", one) for i in range(6)]
    assert similar(NAME, everybody, stubs) == []
    assert similar(NAME, [*everybody[:2], *((str(i), stubs) for i in range(4))], stubs)


def test_groups_and_resubmissions_are_not_asked(stubs: Answers, solution: Answers) -> None:
    class_ = [("Ada", solution), ("Alan", solution), ("Max", stubs), ("Zoe", stubs)]
    assert found(similar(NAME, class_, stubs)) == [("Ada", "Alan")]
    assert similar(NAME, class_, stubs, lambda one, other: {one, other} == {"Ada", "Alan"}) == []
    again = [("Ada", solution), ("Ada", solution), ("Max", stubs), ("Zoe", stubs)]
    assert similar(NAME, again, stubs) == []


def test_short_answers_alike_are_not_enough(stubs: Answers, solution: Answers) -> None:
    few = {**stubs, "repair-weight": solution["repair-weight"]}
    assert LEAST_RUNS > 10
    assert similar(NAME, [("Ada", few), ("Max", few), ("Zoe", {}), ("Eve", {})], stubs) == []


def test_code_that_python_refuses_is_compared_too(stubs: Answers) -> None:
    broken = {"shapley": "def f(:\n" + "\n".join(f"  y[{i}] = (x @ {i}" for i in range(20))}
    class_ = [("Ada", broken), ("Max", broken), ("Zoe", {}), ("Eve", {})]
    assert found(similar(NAME, class_, stubs)) == [("Ada", "Max")]


def test_one_copy_in_a_class_is_found_lazily_and_again(
    stubs: Answers, solution: Answers, alternative: Answers
) -> None:
    """Of sixty submissions, read one after the other, the one that was copied."""

    def class_() -> Iterator[tuple[str, Answers]]:
        for number in range(60):
            source = varied(solution, alternative, 7 if number == 41 else number)
            yield (
                f"s{number:02}",
                source if number != 41 else {t: renamed(s) for t, s in source.items()},
            )

    pairs = similar(NAME, class_(), stubs)
    assert found(pairs) == [("s07", "s41")]
    assert pairs == similar(NAME, class_(), stubs)
