"""The hidden checks tell every broken reference from a right one, whatever the seed.

Here with two seeds; ``make mutants`` asks with fifty and prints a table.
"""

from __future__ import annotations

import pytest

from tests.mutants.__main__ import look
from tests.mutants.asked import NAMES, called, source, texts, verdict, written
from tests.mutants.wrong import known

TASKS = [(name, task.id) for name in NAMES for task in called(name)]


def faults(name: str, task: str, seeds: int) -> list[str]:
    """Return the wrong answers that do not lose with every seed, and reasons that are none."""
    wrong = []
    for kind, what, reason, found in look(name, task, seeds):
        if reason and found.kind == "every seed":
            wrong.append(f"{kind} loses and is called equivalent: {what}")
        elif found.kind != "every seed" and not (reason and found.kind == "survives"):
            wrong.append(f"{kind} {found.kind}: {what}")
    return wrong


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_every_wrong_answer_loses(name: str, task: str) -> None:
    assert faults(name, task, 2) == []


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_no_seed_takes_a_mark_from_a_right_answer(name: str, task: str) -> None:
    for text in (texts(name)[task], written(name)[task]["alternative"]):
        assert verdict(name, task, text, range(1, 6)).kind == "survives"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_about_wrong_answers_is_about_some(name: str) -> None:
    """No entry is about a task, or a change, that is no more."""
    tasks = {task.id for task in called(name)}
    assert {task for task, _ in known(name).mistakes} <= tasks
    for task, change, place in known(name).equivalent:
        assert task in tasks, task
        rows = look(name, task, 0)
        assert any(
            what.startswith(f"{change}    [") and (not place or what.endswith(f"[{place}]"))
            for _, what, _, _ in rows
        ), (task, change, place)
    assert source(name)
