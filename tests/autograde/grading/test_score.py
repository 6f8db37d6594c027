"""Score: answers become marks, and nbgrader reads the same marks from the notebook."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import replace
from hashlib import sha256
from typing import Any

import nbformat
import numpy as np
import pytest
from nbconvert.filters.markdown import markdown2html
from nbgrader.utils import determine_grade
from small_course import small_source

from autograde.grading.score import (
    MESSAGE_LIMIT,
    NOT_CHECKED,
    CheckError,
    graded_notebook,
    hidden_inputs,
    score,
)
from autograde.intake.rebuild import Rebuilt, rebuild
from autograde.notebooks.answers import submission
from autograde.notebooks.cells import answers
from autograde.notebooks.release import released, solutions
from autograde.notebooks.source import Source
from autograde.sandbox.replies import Failed
from autograde.tasks import Call, Called, Task, Value, Wrong, expect_array

SECRET = b"a secret of the course"
GOOD = {"total": np.array(10)}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    return small_source(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def rebuilt(source: Source) -> Rebuilt:
    """Everything answered."""
    release = released(source)
    return rebuild(nbformat.writes(submission(release, solutions(source))).encode(), release)


def doubled(source: Source, factor: float = 2.0) -> list[Any]:
    inputs = hidden_inputs(source.checks.tasks["double"], SECRET, "hash")
    return [(arguments, np.array(factor * arguments[0]), frozenset()) for arguments in inputs]


def marks(
    source: Source,
    rebuilt: Rebuilt,
    values: dict[str, Any] | Failed = GOOD,
    calls: list[Any] | None = None,
    **tasks: Task,
) -> dict[str, tuple[float | None, str, str]]:
    results = score(
        {**source.checks.tasks, **tasks},
        rebuilt,
        {"total": values},
        {"double": doubled(source) if calls is None else calls},
    )
    return {r.task: (r.score, r.message, r.notice) for r in results}


def total_worth(returned: Any) -> Task:
    def check(values: dict[str, Any]) -> Any:
        if isinstance(returned, BaseException):
            raise returned
        return returned

    return Task("total", Value("total"), check)


def test_right_answers_get_all_points(source: Source, rebuilt: Rebuilt) -> None:
    results = score(source.checks.tasks, rebuilt, {"total": GOOD}, {"double": doubled(source)})
    assert [(r.task, r.score, r.max_score) for r in results] == [
        ("double", 2.0, 2.0),
        ("total", 3.0, 3.0),
        ("why", None, 4.0),
    ]
    assert results[0].message == "Correct."
    assert not any(r.notice for r in results)


def test_a_wrong_answer_loses_its_task_and_no_other(source: Source, rebuilt: Rebuilt) -> None:
    found = marks(source, rebuilt, {"total": np.array(11)})
    assert found["total"][:2] == (0.0, "`total` should be the sum of 0 to 4.")
    assert found["double"][0] == 2.0
    found = marks(source, rebuilt, calls=doubled(source, 3.0))
    assert found["total"][0] == 3.0
    assert found["double"][0] == 0.0
    assert "Twice as much, please." in found["double"][1]


def test_partial_credit(source: Source, rebuilt: Rebuilt) -> None:
    assert marks(source, rebuilt, {"total": np.array(9)})["total"][0] == 1.5
    third = marks(source, rebuilt, total=total_worth(Wrong("Nearly.", 1 / 3)))["total"]
    assert third[:2] == (1.0, "Nearly.")


def test_says_where_to_read_on_unless_all_is_right(source: Source, rebuilt: Rebuilt) -> None:
    task = replace(source.checks.tasks["total"], read="section 2")
    assert marks(source, rebuilt, total=task)["total"][1] == "Correct."
    wrong = marks(source, rebuilt, {"total": np.array(1)}, total=task)["total"][1]
    assert wrong.endswith("Read on in section 2.")


@pytest.mark.parametrize("returned", [None, 1, 1.0, True, np.float32(1), np.bool_(True)])
def test_what_counts_as_full_marks(source: Source, rebuilt: Rebuilt, returned: Any) -> None:
    assert marks(source, rebuilt, total=total_worth(returned))["total"][0] == 3.0


@pytest.mark.parametrize(
    "returned",
    [
        math.nan,
        math.inf,
        -math.inf,
        -0.1,
        1.1,
        "1",
        [1],
        np.ones(2),
        1j,
        ValueError("secret reference value 42"),
        AssertionError(),
        RecursionError("deep"),
        MemoryError(),
        Wrong("too generous", 2.0),
        Wrong("too generous", math.nan),
        KeyError("x"),
    ],
)
def test_a_failing_check_costs_the_points_and_tells_the_instructor(
    source: Source, rebuilt: Rebuilt, returned: Any
) -> None:
    points, message, notice = marks(source, rebuilt, total=total_worth(returned))["total"]
    assert (points, message) == (0.0, NOT_CHECKED)
    assert "'total'" in notice
    assert "42" not in message


def nested(value: Any) -> dict[str, Any]:
    return {"total": {"a": [np.array(1), {"b": value}]}}


@pytest.mark.parametrize("make", [lambda v: {"total": v}, nested])
@pytest.mark.parametrize(
    "value", [np.array([1.0, math.nan]), np.array(math.inf), np.float32("nan"), -math.inf]
)
def test_what_is_not_finite_never_reaches_a_check(
    source: Source, rebuilt: Rebuilt, make: Any, value: Any
) -> None:
    def compares(values: dict[str, Any]) -> None:
        total = values["total"]
        if abs((total["a"][1]["b"] if isinstance(total, dict) else total) - 5) > 1e-6:
            raise Wrong("no")

    check = replace(total_worth(1.0), score=compares)
    points, message, notice = marks(source, rebuilt, make(value), total=check)["total"]
    assert points == 0.0
    assert "nan or infinity" in message
    assert notice == ""
    nothing: frozenset[int] = frozenset()
    calls = [((1,), np.array(2), nothing), ((2,), make(value)["total"], nothing)]
    points, message, _ = marks(source, rebuilt, calls=calls)["double"]
    assert points == 0.0
    if make is not nested:  # else it is no number in any case
        assert (
            message == "What `double` returns holds nan or infinity: look for a division by zero."
        )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "`total` was not there"),
        ({"other": np.array(1)}, "`total` was not there"),
        (Failed("The cell took longer than 20 s."), "longer than 20 s"),
        ({"total": Failed("`total` is a generator.")}, "generator"),
        (None, "`total` was not there"),
    ],
)
def test_an_answer_that_could_not_be_read_is_worth_nothing(
    source: Source, rebuilt: Rebuilt, values: Any, says: str
) -> None:
    points, message, _ = marks(source, rebuilt, values, total=total_worth(1.0))["total"]
    assert points == 0.0
    assert says in message


def test_one_failed_call_fails_the_task(source: Source, rebuilt: Rebuilt) -> None:
    calls = doubled(source)
    calls[-1] = (calls[-1][0], Failed("`double` raised a TypeError."), frozenset())
    found = marks(source, rebuilt, calls=calls)
    assert found["double"][:2] == (0.0, "`double` raised a TypeError.")
    assert found["total"][0] == 3.0


@pytest.mark.parametrize("bad", [Failed("`double` raised ValueError."), np.array(np.nan)])
def test_a_check_pays_for_the_other_calls(source: Source, rebuilt: Rebuilt, bad: Any) -> None:
    def each(calls: list[Called]) -> float:
        right = 0
        for call in calls:
            with contextlib.suppress(Wrong):
                right += float(expect_array(call.returned, (), "double")) == 2 * call.arguments[0]
        return right / len(calls)

    task = replace(source.checks.tasks["double"], score=each)
    calls = doubled(source)
    calls[0] = (calls[0][0], bad, frozenset())
    points, message, notice = marks(source, rebuilt, calls=calls, double=task)["double"]
    assert points == pytest.approx(2.0 * (len(calls) - 1) / len(calls), abs=1e-4)
    assert message == "This is only partly right." and not notice


def test_no_check_pays_in_full_for_calls_of_which_one_failed(
    source: Source, rebuilt: Rebuilt
) -> None:
    task = replace(source.checks.tasks["double"], score=lambda calls: 1.0)
    calls = doubled(source)
    calls[1] = (calls[1][0], Failed("`double` raised ValueError."), frozenset())
    points, message, _ = marks(source, rebuilt, calls=calls, double=task)["double"]
    assert (points, message) == (0.0, "`double` raised ValueError.")


def test_a_task_that_was_never_called_gets_nothing_aloud(source: Source, rebuilt: Rebuilt) -> None:
    points, message, notice = marks(source, rebuilt, calls=[])["double"]
    assert (points, message) == (0.0, NOT_CHECKED)
    assert "no call" in notice


def test_untouched_answers_get_nothing_whatever_came_back(source: Source) -> None:
    release = released(source)
    untouched = rebuild(nbformat.writes(release).encode(), release)
    for points, message, _ in marks(source, untouched).values():
        assert points == 0.0
        assert message.startswith("Not answered")


def test_absent_answers_are_zero_but_never_silently(source: Source) -> None:
    release = released(source)
    for points, message, notice in marks(source, rebuild(b'{"cells": []}', release)).values():
        assert points == 0.0
        assert "not found" in message
        assert "look at the upload" in notice


def test_messages_are_short_plain_text(source: Source, rebuilt: Rebuilt) -> None:
    wrong = Wrong("\x1b[31mred\x1b[0m \u202e" + "long " * 1000 + "\nnext")
    message = marks(source, rebuilt, total=total_worth(wrong))["total"][1]
    assert len(message) <= MESSAGE_LIMIT
    assert message.startswith("red long")
    assert message.isprintable()


# Hidden inputs


def test_hidden_inputs_are_the_same_for_a_regrade_only(source: Source) -> None:
    task = source.checks.tasks["double"]
    first = hidden_inputs(task, SECRET, "hash")
    assert first == hidden_inputs(task, SECRET, "hash")
    assert first != hidden_inputs(task, SECRET, "other hash")
    assert first != hidden_inputs(task, b"another secret", "hash")
    assert first != hidden_inputs(replace(task, id="triple"), SECRET, "hash")


@pytest.mark.parametrize("sent", [{1, 2}, np.array([None]), lambda x: x, 1j])
def test_a_hidden_input_that_cannot_be_sent_is_told(source: Source, sent: object) -> None:
    asked = Call("double", lambda _: [(sent,)])
    with pytest.raises(CheckError, match="inputs of the task 'double' failed"):
        hidden_inputs(replace(source.checks.tasks["double"], answer=asked), SECRET, "hash")


def test_hidden_inputs_come_from_an_hmac(source: Source) -> None:
    """The seed is HMAC-SHA-256, computed here by its definition (RFC 2104)."""
    key = SECRET.ljust(64, b"\x00")
    inner = sha256(bytes(k ^ 0x36 for k in key) + b"double\nhash").digest()
    seed = int.from_bytes(sha256(bytes(k ^ 0x5C for k in key) + inner).digest(), "big")
    drawn = np.random.default_rng(seed).integers(1, 99, 3)
    got = hidden_inputs(source.checks.tasks["double"], SECRET, "hash")
    assert got == [(int(n),) for n in drawn]


def test_failing_inputs_are_the_authors_fault() -> None:
    def inputs(generator: np.random.Generator) -> list[tuple[Any, ...]]:
        raise ValueError("no")

    with pytest.raises(CheckError, match="inputs of the task 'f' failed"):
        hidden_inputs(Task("f", Call("f", inputs), lambda _: None), SECRET, "hash")


# What nbgrader reads


HOSTILE = [
    {"output_type": "stream", "name": "stdout", "text": "100\n"},
    {
        "output_type": "execute_result",
        "data": {"text/plain": "nan"},
        "metadata": {},
        "execution_count": 1,
    },
    {
        "output_type": "execute_result",
        "data": {"text/plain": ["1", "2"]},
        "metadata": {},
        "execution_count": 1,
    },
    {"output_type": "error", "ename": "E", "evalue": "v", "traceback": []},
    {"output_type": "stream", "name": "stderr", "text": "warning"},
]


@pytest.mark.parametrize("fraction", [0.0, 1e-9, 1e-4, 0.25, 1 / 3, 0.5, 2 / 3, 0.99999, 1.0])
def test_nbgrader_reads_the_same_marks(source: Source, rebuilt: Rebuilt, fraction: float) -> None:
    results = score(
        {**source.checks.tasks, "total": total_worth(fraction)},
        rebuilt,
        {"total": GOOD},
        {"double": doubled(source)},
    )
    outputs = {cell.id: HOSTILE for cell in rebuilt.notebook.cells}
    notebook = graded_notebook(rebuilt, results, outputs)
    nbformat.validate(notebook)
    # ... from the file as well: as nbgrader's autograder would find it
    for version in (notebook, nbformat.reads(nbformat.writes(notebook), as_version=4)):
        for answer, result in zip(answers(version), results, strict=True):
            cell = version.cells[answer.cell if answer.test is None else answer.test]
            assert determine_grade(cell) == (result.score, result.max_score)
            if answer.test is not None:
                [output] = cell.outputs
                assert output.output_type == ("execute_result" if result.score else "error")
    assert abs((results[1].score or 0.0) - 3.0 * fraction) <= 5e-5


def test_points_are_never_rounded_above_what_there_is(source: Source, rebuilt: Rebuilt) -> None:
    odd = rebuild(nbformat.writes(rebuilt.notebook).encode(), rebuilt.notebook)
    position = answers(odd.notebook)[1].test
    assert position is not None
    odd.notebook.cells[position].metadata.nbgrader.points = 2.00006
    odd = replace(odd, untouched=frozenset())
    results = score(source.checks.tasks, odd, {"total": GOOD}, {"double": doubled(source)})
    notebook = graded_notebook(odd, results, {})
    assert determine_grade(notebook.cells[position]) == (2.00006, 2.00006)


def test_untouched_and_absent_notebooks_are_zero_for_nbgrader(source: Source) -> None:
    release = released(source)
    for content in (nbformat.writes(release).encode(), b'{"cells": []}'):
        again = rebuild(content, release)
        results = score(source.checks.tasks, again, {}, {})
        notebook = graded_notebook(again, results, {})
        for answer in answers(notebook):
            cell = notebook.cells[answer.cell if answer.test is None else answer.test]
            assert determine_grade(cell) == (0, answer.points)


def test_the_graded_notebook_holds_cleaned_outputs(source: Source, rebuilt: Rebuilt) -> None:
    hostile = {
        "output_type": "display_data",
        "data": {"text/html": "<script>", "application/javascript": "x", "text/plain": "ok"},
        "metadata": {"isolated": True},
    }
    given = rebuilt.notebook.cells[1]
    results = score(source.checks.tasks, rebuilt, {"total": GOOD}, {"double": doubled(source)})
    notebook = graded_notebook(rebuilt, results, {given.id: [hostile]})
    assert [o.data for o in notebook.cells[1].outputs] == [{"text/plain": "ok"}]
    assert "script" not in json.dumps(notebook)
    assert not given.outputs


def test_a_text_answer_holds_no_html_for_formgrader(source: Source) -> None:
    release = released(source)
    text = "<!-- answer: why -->\nIf a < b, then $a<b$.\n<script>alert(1)</script><img src=x>"
    again = rebuild(nbformat.writes(submission(release, {"why": text})).encode(), release)
    results = score(source.checks.tasks, again, {}, {})
    cell = graded_notebook(again, results, {}).cells[answers(release)[2].cell]
    assert cell.source.startswith("<!-- answer: why -->\nIf a < b, then $a< b$.\n")
    html = markdown2html(cell.source)  # formgrader's: it hands raw HTML through
    assert "<script" in markdown2html(text)
    assert "<script" not in html
    assert "<img" not in html
    assert determine_grade(cell) == (None, 4.0)


def test_a_list_of_tensors_which_stays_a_list_on_its_way_counts_as_one_array():
    rows = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    assert expect_array(rows, (2, 2), "x").tolist() == [[1, 2], [3, 4]]
    for hostile in ([np.zeros(2), np.zeros(3)], ["a", "b"], [{}, {}], []):
        with pytest.raises(Wrong):
            expect_array(hostile, (2, 2), "x")
