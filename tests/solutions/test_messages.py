"""What students read about hidden calls is fixed words: no hidden input, no reference value.

Every ``Call`` task of every notebook is scored on the author's wrong answer and on other wrong
ones, for two submissions, whose hidden inputs differ: the messages must not. Every message of
every task must consist of numbers that its check's author wrote, besides counts and shapes.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from told import values, without_shapes, written_numbers

from autograde.grading.score import hidden_inputs
from autograde.inside import wire
from autograde.inside.read import plain
from autograde.notebooks.cells import grading
from autograde.tasks import Call, Called, Task, Wrong
from tests.sheets import NAMES, handed_out, source, written
from xaikit import checks

CALLS = [
    (name, task)
    for name in NAMES
    for task, check in source(name).checks.tasks.items()
    if isinstance(check.answer, Call)
]
TASKS = [(name, task) for name in NAMES for task in source(name).checks.tasks]


def function_of(name: str, task: str) -> Any:
    """Return the author's wrong answer to a task by hand, run beside the cells that it needs."""
    check = source(name).checks.tasks[task].answer
    assert isinstance(check, Call)
    space: dict[str, Any] = {}
    for cell in handed_out(name).cells:
        if grading(cell).get("grade_id") in check.needs:
            exec(cell.source, space)
    exec(written(name)[task]["wrong"], space)
    return space[check.function]


def as_received(value: Any) -> Any:
    """Send a value through the wire."""
    return wire.decode(wire.encode(plain(value)))


def changed(value: Any, change: Any) -> Any:
    """Change every number of a returned value."""
    if isinstance(value, dict):
        return {key: changed(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [changed(item, change) for item in value]
    return change(value) if isinstance(value, np.ndarray) else value


CHANGES = {
    "as it is": lambda a: a,
    "nought": lambda a: np.zeros_like(a),
    "scaled": lambda a: a.astype(float) * 1.7 + 0.3,
    "negative": lambda a: -a.astype(float) - 1,
    "reversed": lambda a: a[::-1] if a.ndim else a + 1.0,
    "flat": lambda a: np.append(a.ravel(), 1.0),
    "text": lambda a: "42",
}


def messages(check: Task, function: Any, digest: str, secret: bytes) -> dict[str, str]:
    """Return what a student reads for each kind of wrong answer."""
    assert isinstance(check.answer, Call)
    inputs = hidden_inputs(check, secret, digest)
    returned = []
    for arguments in inputs:
        torch.manual_seed(0)
        np.random.seed(0)
        with np.errstate(all="ignore"):
            returned.append(
                as_received(function(*wire.decode_arguments(wire.encode_arguments(arguments))))
            )
    found = {}
    for kind, change in CHANGES.items():
        given = [Called(a, changed(r, change)) for a, r in zip(inputs, returned, strict=True)]
        try:
            fraction = check.score(given)
            found[kind] = f"worth {fraction}"
        except Wrong as wrong:
            found[kind] = wrong.message
    return found


def leaks(check: Task, function: Any, known: set[str]) -> list[str]:
    """Return messages that differ with the hidden inputs, or tell numbers nobody wrote."""
    one = messages(check, function, "a submission", b"a secret")
    two = messages(check, function, "another submission", b"another secret")
    wrong = []
    for kind in CHANGES:
        pair = [without_shapes(text[kind]) for text in (one, two)]
        # Reversed, an answer is near the right one for some inputs: the verdict differs, rightly.
        if (
            kind != "reversed"
            and pair[0] != pair[1]
            and not all(text.startswith("worth") for text in pair)
        ):
            wrong.append(f"{kind}: {pair}")
        wrong += [f"{kind}: {n}" for n in values(pair[0]) if n not in known]
    return wrong


@pytest.mark.parametrize(("name", "task"), CALLS)
def test_a_message_tells_nothing_of_hidden_inputs(name: str, task: str) -> None:
    check = source(name).checks.tasks[task]
    assert leaks(check, function_of(name, task), written_numbers(name)) == []


@pytest.mark.parametrize(
    "message",
    [
        lambda call: f"It should be {2 * call.arguments[0][0]:.3f}.",
        lambda call: f"Not right for {call.arguments[0]}.",
        lambda call: "Right is 5050.25.",
        lambda call: "Too low." if abs(call.arguments[0][0]) > 1 else "Too high.",
    ],
    ids=["reference", "input", "fixed value", "one bit"],
)
def test_a_check_that_leaks_is_found(message: Any) -> None:
    def score(calls: list[Called]) -> None:
        raise Wrong(message(calls[0]))

    def inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
        return [(np.round(rng.normal(size=2), 4),)]

    check = Task("toy", Call("f", inputs), score)
    assert leaks(check, lambda x: 2 * x, set())


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_every_task_says_where_to_read(name: str, task: str) -> None:
    check = source(name).checks.tasks[task]
    where = re.search(r"[Ss]ections? (\d+)", check.read)
    assert where, check.read
    text = "\n".join(c.source for c in handed_out(name).cells)
    headings = re.findall(r"(?m)^#+ (\d+)\b", text)
    assert where[1] in headings, (where[1], headings)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (np.ones((2, 3)), (3, 2)),
        (np.ones(3), ()),
        (np.array(1.0), (3,)),
        (np.ones((2, 5)), (None, 4)),
        (np.array([1.0, math.nan]), (2,)),
        ({"a": np.ones(2)}, (2,)),
        ("seven", ()),
    ],
)
def test_the_notebook_and_the_grader_use_the_same_words(value: Any, shape: Any) -> None:
    from autograde.tasks import expect_array

    with pytest.raises(checks.CheckFailed) as visible:
        checks.numbers(value, shape, "answer")
    with pytest.raises(Wrong) as hidden:
        expect_array(as_received(value), shape, "answer")
    # The notebook may add what to try.
    assert str(visible.value).startswith(hidden.value.message)
