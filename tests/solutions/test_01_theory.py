"""Notebook 01: its answers of each kind, and its quiz."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kinds import (  # noqa: F401 - tests
    test_a_message_tells_nothing_of_a_reference,
    test_a_right_answer_passes_the_visible_checks,
    test_an_answer_of_another_type_is_wrong_not_an_error,
    test_the_visible_check_says_one_thing_of_any_answer,
    test_what_costs_no_thought_earns_nothing,
    test_what_the_visible_check_accepts_grading_reads,
)
from scoring import calls, mark

from autograde.inside.read import plain
from autograde.model.course_file import read_course
from autograde.notebooks.answers import load_answers
from autograde.notebooks.cells import answers, grading
from autograde.notebooks.release import released, solutions
from autograde.notebooks.source import Source
from autograde.tasks import Value, Wrong
from xaikit.checks import CheckFailed, quiz

ROOT = Path(__file__).parents[2]
NAME = "01_theory"
QUIZZES = ("quiz", "quiz-more")

Score = Callable[..., float]


@pytest.fixture(scope="module")
def texts(source: Source) -> dict[str, dict[str, str]]:
    """Return the answer cells by task and kind."""
    written = load_answers(source.layout.path)
    notebook = released(source)
    for task, text in solutions(source).items():
        written.setdefault(task, {})["solution"] = text
    for answer in answers(notebook):
        written[answer.task]["untouched"] = notebook.cells[answer.cell].source
    return written


@pytest.fixture(scope="module")
def received(source: Source, texts: dict[str, dict[str, str]]) -> Callable[..., Any]:
    """Return what tells what the grader receives of some kind of answer, with some seed."""
    cells = {grading(cell)["grade_id"]: cell.source for cell in source.notebook.cells}

    def one(name: str, kind: str, seed: int = 0) -> Any:
        task = source.checks.tasks[name]
        space: dict[str, Any] = {"__name__": "notebook"}
        for needed in ("given-imports", "given-tree"):
            exec(cells[needed], space)
        exec(texts[name][kind], space)
        if isinstance(task.answer, Value):
            return {name: plain(space[name]) for name in task.answer.names}
        return calls(source, name, space[task.answer.function], seed)

    return one


# --- the four kinds of answers -------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", ["solution", "alternative"])
def test_a_right_answer_earns_all(score: Score, automatic_task: str, kind: str, seed: int) -> None:
    if automatic_task in QUIZZES and kind == "alternative" and not _bundled_quiz():
        pytest.fail("The answers of notebook 01 are to another quiz: adapt it to [quiz] seed.")
    assert score(automatic_task, kind, seed) == 1


def _bundled_quiz() -> bool:
    return read_course(ROOT / "course.toml").settings("quiz").get("seed") == 2027


def test_a_plausible_mistake_costs(score: Score, automatic_task: str) -> None:
    assert score(automatic_task, "wrong") <= 0.75


def test_an_untouched_answer_earns_nothing(score: Score, automatic_task: str) -> None:
    # Functions that return None, or raise, have failed before a check sees them.
    try:
        assert score(automatic_task, "untouched") == 0
    except Exception as error:
        assert type(error).__name__ in ("UnreadableError", "ValueError")


# --- quiz ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bank() -> list[dict[str, Any]]:
    """Return the question bank as it is written."""
    with (ROOT / "solutions" / NAME / "quiz.toml").open("rb") as stream:
        statements: list[dict[str, Any]] = tomllib.load(stream)["statement"]
    return statements


def test_every_statement_has_a_true_and_a_false_variant(bank: list[dict[str, Any]]) -> None:
    assert len({s["id"] for s in bank}) == len(bank) == 28
    for statement in bank:
        assert {v["key"] for v in statement["variant"]} == {"yes", "no"}, statement["id"]
        assert all(v["because"].strip() for v in statement["variant"])
        assert len({v["text"] for v in statement["variant"]}) == len(statement["variant"])


def test_no_group_is_uniform_and_no_constant_answer_pays(checks: SimpleNamespace) -> None:
    quizzes = set()
    for seed in range(40):
        for groups, size in (("ABCDE", 20), ("FG", 8)):
            chosen = checks.choose(checks.BANK, groups, seed)
            assert len(chosen) == size
            keys = {name: variant.key for name, variant in chosen.items()}
            for group in groups:
                assert {key for name, key in keys.items() if name[0] == group} == {"yes", "no"}
            assert sum(key == "yes" for key in keys.values()) == size / 2
            quizzes.add(tuple(variant.text for variant in chosen.values()))
    assert len(quizzes) > 70


def test_the_same_seed_chooses_the_same_quiz(checks: SimpleNamespace) -> None:
    assert checks.choose(checks.BANK, "ABCDE", 5) == checks.choose(checks.BANK, "ABCDE", 5)


@pytest.mark.parametrize(
    ("right", "wrong", "fraction"),
    # By hand: (right − wrong) / 20, never below 0.
    [(20, 0, 1.0), (12, 4, 0.4), (10, 10, 0.0), (0, 20, 0.0), (1, 0, 0.05), (0, 0, 0.0)],
)
def test_the_quiz_is_scored_by_one_sum_with_one_floor(
    source: Source, checks: SimpleNamespace, right: int, wrong: int, fraction: float
) -> None:
    opposite = {"yes": "no", "no": "yes"}
    given = {}
    for i, (name, variant) in enumerate(checks.FIRST.items()):
        given[name] = variant.key if i < right else opposite[variant.key]
        if i >= right + wrong:
            given[name] = "abstain"
    assert mark(source, "quiz", {"quiz": given}) == pytest.approx(fraction)


def test_the_message_counts_and_names_no_key(checks: SimpleNamespace) -> None:
    given = dict.fromkeys(checks.FIRST, "yes") | {"A1": "maybe"}
    del given["B1"]
    with pytest.raises(Wrong) as caught:
        checks.score_quiz(given, checks.FIRST, "quiz")
    message = caught.value.message
    assert "2 abstained" in message and "A1, B1" in message
    for variant in checks.FIRST.values():
        assert variant.text not in message and variant.because not in message


def test_what_students_get_holds_the_statements_and_no_key(
    source: Source, bank: list[dict[str, Any]], checks: SimpleNamespace
) -> None:
    text = "\n".join(cell.source for cell in released(source).cells)
    for statement in bank:
        chosen = checks.CHOSEN[statement["id"]]
        for variant in statement["variant"]:
            assert (variant["text"] in text) == (variant["text"] == chosen.text)
            assert variant["because"] not in text
    assert checks.TEXT["quiz_key"] not in text and checks.TEXT["quiz_more_key"] not in text


def test_a_quiz_filled_in_well_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    quiz.check({"A1": "yes", "A2": "abstain"}, ["A1", "A2"], {"A1": "one\ntwo"})
    assert capsys.readouterr().out == "1 statements answered, 1 abstained.\n"


@pytest.mark.parametrize(
    ("given", "arguments", "words"),
    [
        ({"A1": "Yes"}, {}, "'yes'"),
        ({}, {}, "A1"),
        ({"A1": "no", "A9": "no"}, {}, "A9"),
        ({"A1": "no"}, {"A1": "1\n2\n3"}, "3 lines"),
        ({"A1": "no"}, {"B1": "because"}, "no such statement"),
        ({"A1": "no"}, {"A1": 7}, "text"),
        ({"A1": "no"}, ["because"], "dictionary"),
    ],
)
def test_a_quiz_filled_in_badly_is_told_so(given: Any, arguments: Any, words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        quiz.check(given, ["A1"], arguments)
