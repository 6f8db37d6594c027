"""The hidden checks tell every broken reference from a right one, whatever the seed.

Here with one seed for each wrong answer, and two for right ones beside that of tests/solutions;
``make mutants`` asks with fifty and prints a table.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autograde.authoring.once import Once
from autograde.authoring.wrong import fault
from tests.mutants.asked import called, known, look, taken_marks, wrong_answers
from tests.sheets import NAMES, source

TASKS = [(name, task.id) for name in NAMES for task in called(name)]


@pytest.fixture(scope="module", autouse=True)
def references() -> Iterator[None]:
    """Compute what right answers are once for each seed, not for each wrong answer."""
    with Once(module for name in NAMES for module in source(name).checks.modules).remembering():
        yield


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_every_wrong_answer_loses(name: str, task: str) -> None:
    assert list(filter(None, map(fault, look(name, task, 1)))) == []


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_no_seed_takes_a_mark_from_a_right_answer(name: str, task: str) -> None:
    assert taken_marks(name, task, range(1, 3)) == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_about_wrong_answers_is_about_some(name: str) -> None:
    """No entry is about a task, or a change, that is no more."""
    tasks = {task.id for task in called(name)}
    assert {task for task, _ in known(name).mistakes} <= tasks
    for task, change, place in known(name).equivalent:
        assert task in tasks, task
        assert any(
            what.startswith(f"{change}    [") and (not place or what.endswith(f"[{place}]"))
            for _, what, _, _ in wrong_answers(name, task)
        ), (task, change, place)
