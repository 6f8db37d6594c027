"""Tests of the kinds of answers, alike for every notebook: a module of tests imports them.

It says which notebook by ``NAME``; the notebook's tasks and the fixtures come from conftest.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import pytest
from odd_answers import UNEXPECTED, odd_spaces, said
from scoring import calls, hidden, mark
from told import values, written_numbers
from types_of_answers import NoSuchTypeError, answers_in_other_types

from autograde.authoring.thoughtless import paid_functions, paid_values
from autograde.inside.read import plain
from autograde.inside.wire import decode_arguments, encode_arguments
from autograde.notebooks.cells import answers
from autograde.notebooks.source import Source
from autograde.tasks import Call, Called, Value, Wrong
from tests.mutants.asked import known


@pytest.mark.parametrize("kind", ["solution", "alternative"])
def test_a_right_answer_earns_all(
    score: Callable[..., float], automatic_task: str, kind: str
) -> None:
    assert score(automatic_task, kind) == 1


@pytest.mark.parametrize("kind", ["solution", "alternative"])
def test_a_right_answer_passes_the_visible_checks(
    source: Source,
    answered: Callable[[str, str], dict[str, Any]],
    texts: dict[str, dict[str, str]],
    automatic_task: str,
    kind: str,
) -> None:
    ran = (texts[automatic_task][kind],)
    line = said(source, automatic_task, dict(answered(automatic_task, kind)), ran)
    assert line.startswith(f"✓ {automatic_task}:"), line


def test_a_plausible_mistake_costs(score: Callable[..., float], automatic_task: str) -> None:
    # What is right in a table is paid, also beside a mistake.
    assert score(automatic_task, "wrong") <= 0.75


def distorted(value: Any, other: Any) -> Iterator[Any]:
    """Yield the value with another in its place, then in the place of something inside it."""
    yield other
    if isinstance(value, dict):
        for key, item in list(value.items())[:3]:
            yield {k: v for k, v in value.items() if k != key}
            yield from ({**value, key: each} for each in distorted(item, other))
        yield dict.fromkeys(value, other)
    elif isinstance(value, list) and value:
        yield value[1:]
        yield from ([each, *value[1:]] for each in distorted(value[0], other))
        yield [other] * len(value)


def test_an_answer_of_another_type_is_wrong_not_an_error(
    source: Source, received: Callable[..., Any], automatic_task: str
) -> None:
    """For every answer a check says what is wrong, and never fails itself."""
    task = source.checks.tasks[automatic_task]
    answer = received(automatic_task, "solution")
    for other in UNEXPECTED:
        if isinstance(task.answer, Value):
            tried: list[Any] = list(distorted(answer, other))[1:]
        else:
            first = next(iter(answer))
            tried = [
                [Called(first.arguments, each), *answer[1:]]
                for each in distorted(first.returned, other)
            ]
        for each in tried:
            if isinstance(each, dict) and set(each) != set(answer):
                continue  # a variable that is not there is not handed to a check
            with contextlib.suppress(Wrong):
                task.score(each)


def test_a_message_tells_nothing_of_a_reference(source: Source, automatic_task: str) -> None:
    """A Value task has no hidden inputs; what it could tell is its reference."""
    task = source.checks.tasks[automatic_task]
    if isinstance(task.answer, Value):
        for filler in UNEXPECTED:
            try:
                task.score(dict.fromkeys(task.answer.names, filler))
            except Wrong as wrong:
                assert {*values(wrong.message)} <= written_numbers(source.name), wrong.message


def test_the_visible_check_says_one_thing_of_any_answer(
    source: Source, answered: Callable[[str, str], dict[str, Any]], automatic_task: str
) -> None:
    """A line with ✗, or a tick: a visible check never fails itself, whatever an answer is."""
    task = source.checks.tasks[automatic_task]
    space = dict(answered(automatic_task, "solution"))
    strange = {}
    for label, odd in odd_spaces(task, space):
        try:
            line = said(source, automatic_task, odd)
        except Exception as error:
            line = repr(error)
        if not line.startswith(("✓", "✗")) or "\n" in line:
            strange[label] = line
    assert strange == {}


def test_what_costs_no_thought_earns_nothing(
    source: Source, received: Callable[..., Any], given: dict[str, Any], automatic_task: str
) -> None:
    """The fifth answer: constants, given names and a function's own arguments earn no point."""
    task = source.checks.tasks[automatic_task]
    right = received(automatic_task, "solution")

    def earn(answer: Any) -> float:
        return mark(source, automatic_task, answer)

    if automatic_task in known(source.name).guesses:  # a wrong guess costs there
        return
    if isinstance(task.answer, Value):
        paid = paid_values(right, given, earn)
    else:
        paid = paid_functions(right, {}, earn)
    assert not paid, paid


def test_what_the_visible_check_accepts_grading_reads(
    source: Source,
    answered: Callable[[str, str], dict[str, Any]],
    automatic_task: str,
) -> None:
    """The same numbers and words in another type: if the visible check takes them, so do marks."""
    task = source.checks.tasks[automatic_task]
    position = next(a.test for a in answers(source.notebook) if a.task == automatic_task)
    assert position is not None
    visible = source.notebook.cells[position].source
    refused = []
    right, first = answered(automatic_task, "solution"), ()
    if isinstance(task.answer, Call):
        first = decode_arguments(encode_arguments(hidden(source, automatic_task)[0]))
    for label, changed in answers_in_other_types(task, right, first):
        try:
            exec(visible, dict(changed))
        except Exception:  # refused aloud: the student knows
            continue
        finally:
            plt.close("all")
        try:
            if isinstance(task.answer, Value):
                found: Any = {name: plain(changed[name]) for name in task.answer.names}
            else:
                found = calls(source, automatic_task, changed[task.answer.function])
        except NoSuchTypeError:  # a number that is no whole one as an int, say
            continue
        if (earned := mark(source, automatic_task, found)) < 1:
            refused.append(f"{label}: {earned:g}")
    assert refused == [], refused
