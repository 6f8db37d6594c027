"""Notebook 05: its four kinds of answers, and its references against a pencil."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from autograde.answers import load_answers
from autograde.course import Course
from autograde.release import solutions
from autograde.source import Source, answers, grading, read_source
from autograde.tasks import Call, Called, Task, Value, Wrong
from autograde.wire import decode_arguments, encode_arguments, plain

ROOT = Path(__file__).parents[2]
NAME = "05_counterfactuals"
AUTOMATIC = (
    "nearest-l2",
    "nearest-l1",
    "mad",
    "wachter-loss",
    "proximal",
    "search",
    "which-lambda",
    "my-dress",
    "prototype",
    "ddpg",
    "needs",
    "qualities",
    "im",
    "table",
    "im2-flaw",
    "transfer",
)
BY_HAND = (
    "nearest-l2",
    "nearest-l1",
    "mad",
    "wachter-loss",
    "proximal",
    "search",
    "prototype",
    "ddpg",
    "qualities",
    "im",
)


@pytest.fixture(scope="module")
def source() -> Source:
    """Return the notebook with its solutions and hidden checks."""
    return read_source(ROOT / "solutions" / f"{NAME}.py", Course.read(ROOT / "course.toml"))


@pytest.fixture(scope="module")
def checks(source: Source) -> ModuleType:
    """Return the module of the hidden checks, with its references."""
    return sys.modules[f"_autograde_{source.checks.file.stem}"]


@pytest.fixture(scope="module")
def texts(source: Source) -> dict[str, dict[str, str]]:
    """Return the answer cells by task and kind."""
    written = load_answers(ROOT / "solutions" / f"{NAME}_answers.py")
    for task, text in solutions(source).items():
        written.setdefault(task, {})["solution"] = text
    return written


@pytest.fixture(scope="module")
def given(source: Source) -> dict[str, Any]:
    """Return what the given cells define, up to the end of the notebook."""
    matplotlib.use("Agg")
    own = {index for a in answers(source.notebook) for index in (a.cell, a.test)}
    space: dict[str, Any] = {"__name__": "notebook"}
    for position, cell in enumerate(source.notebook.cells):
        if cell.cell_type == "code" and position not in own:
            exec(cell.source, space)
    return space


@pytest.fixture(scope="module")
def answered(
    texts: dict[str, dict[str, str]], given: dict[str, Any]
) -> Callable[[str, str], dict[str, Any]]:
    """Return what the notebook holds after the answer of some kind to one task ran."""

    @functools.cache
    def run(task: str, kind: str) -> dict[str, Any]:
        space = dict(given)
        exec(texts[task][kind], space)
        return space

    return run


@pytest.fixture(scope="module")
def score(
    source: Source,
    texts: dict[str, dict[str, str]],
    answered: Callable[[str, str], dict[str, Any]],
) -> Callable[[str, str, int], float]:
    """Return what scores an answer of some kind on the hidden inputs of some seed."""
    needed: dict[str, Any] = {}
    for cell in source.notebook.cells:
        if grading(cell)["grade_id"] == "given-imports":
            exec(cell.source, needed)

    def call(task: Task, text: str, seed: int) -> list[Called]:
        assert isinstance(task.answer, Call) and task.answer.needs == ("given-imports",)
        space = dict(needed)
        exec(text, space)
        calls = []
        for arguments in task.answer.inputs(np.random.default_rng(seed)):
            received = decode_arguments(encode_arguments(arguments))
            calls.append(Called(arguments, plain(space[task.answer.function](*received))))
        return calls

    def one(name: str, kind: str, seed: int = 0) -> float:
        task = source.checks.tasks[name]
        answer: Any
        if isinstance(task.answer, Value):
            space = answered(name, kind)
            answer = {name: plain(space[name]) for name in task.answer.names}
        else:
            answer = call(task, texts[name][kind], seed)
        try:
            fraction = task.score(answer)
        except Wrong as wrong:
            return wrong.fraction
        return 1.0 if fraction is None else fraction

    return one


def test_every_automatic_task_is_tested_here(source: Source) -> None:
    assert [a.task for a in answers(source.notebook) if not a.manual] == list(AUTOMATIC)


@pytest.mark.parametrize("task", AUTOMATIC)
@pytest.mark.parametrize("kind", ["solution", "alternative"])
def test_a_right_answer_earns_all(score: Callable[..., float], task: str, kind: str) -> None:
    assert score(task, kind) == 1


@pytest.mark.parametrize("task", AUTOMATIC)
@pytest.mark.parametrize("kind", ["solution", "alternative"])
def test_a_right_answer_passes_the_visible_checks(
    source: Source,
    answered: Callable[[str, str], dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    task: str,
    kind: str,
) -> None:
    position = next(a.test for a in answers(source.notebook) if a.task == task)
    assert position is not None
    exec(source.notebook.cells[position].source, dict(answered(task, kind)))
    plt.close("all")
    assert f"✓ {task}:" in capsys.readouterr().out


@pytest.mark.parametrize("task", AUTOMATIC)
def test_a_plausible_mistake_earns_nothing(score: Callable[..., float], task: str) -> None:
    assert score(task, "wrong") == 0


@pytest.mark.parametrize("task", BY_HAND)
def test_other_hidden_inputs_change_no_mark(score: Callable[..., float], task: str) -> None:
    for seed in range(1, 9):
        assert score(task, "solution", seed) == score(task, "alternative", seed) == 1
        assert score(task, "wrong", seed) == 0


# --- references against a pencil ------------------------------------------------------------------


def verdict(source: Source, task: str, arguments: tuple[Any, ...], returned: Any) -> float:
    """Return what an answer to one call earns."""
    try:
        fraction = source.checks.tasks[task].score([Called(arguments, returned)])
    except Wrong as wrong:
        return wrong.fraction
    return 1.0 if fraction is None else fraction


def test_the_projection_of_a_pencil(source: Source) -> None:
    # x = (3, 4), w = (3, 4), b = 0: f = 25, w·w = 25, so x* is the origin; with margin 1, −x.
    x = torch.tensor([3.0, 4.0])
    for margin, wanted in ((0.0, [0.0, 0.0]), (1.0, [-3.0, -4.0])):
        assert verdict(source, "nearest-l2", (x, x, 0.0, margin), np.array(wanted)) == 1
        assert verdict(source, "nearest-l2", (x, x, 0.0, margin), np.array(wanted) + 0.1) == 0


def test_the_cheapest_feature_of_a_pencil(source: Source) -> None:
    # f = 1·2 + 4·1 − 2 = 4; feature 1 alone: −1; with feature 1 blocked, feature 0 alone: −4.
    x, weight = torch.tensor([2.0, 1.0]), torch.tensor([1.0, 4.0])
    both, first = torch.tensor([True, True]), torch.tensor([True, False])
    assert verdict(source, "nearest-l1", (x, weight, -2.0, both), np.array([2.0, 0.0])) == 1
    assert verdict(source, "nearest-l1", (x, weight, -2.0, first), np.array([-2.0, 1.0])) == 1
    assert verdict(source, "nearest-l1", (x, weight, -2.0, first), np.array([2.0, 0.0])) == 0


def test_the_median_deviation_of_a_pencil(source: Source) -> None:
    # Columns 1 2 3 4 100 and 0 0 10 20 30: medians 3 and 10, deviations' medians 1 and 10.
    data = torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 10.0], [4.0, 20.0], [100.0, 30.0]])
    pair = (torch.tensor([1.0, 0.0]), torch.tensor([3.0, 5.0]), data)
    assert verdict(source, "mad", pair, np.array(2.5)) == 1
    assert verdict(source, "mad", pair, np.array(2.6)) == 0


def test_the_shrunk_step_of_a_pencil(source: Source) -> None:
    # rate 0.1: 0.5 + 0.1·2 = 0.7, shrunk to 0.6; 0.5 − 0.05 is within 0.1, so it stays at 0.5.
    x, slope = torch.tensor([0.5, 0.5]), torch.tensor([-2.0, 0.5])
    assert verdict(source, "proximal", (x, x, slope, 0.1), np.array([0.6, 0.5])) == 1
    assert verdict(source, "proximal", (x, x, slope, 0.1), np.array([0.7, 0.45])) == 0


def test_im_of_a_pencil(source: Source) -> None:
    # (1,1) against (1,0), (1,3), (1,1): 1/4, and 1/(1 + 1).
    four = [torch.tensor([v]) for v in ([1.0, 1.0], [1.0, 0.0], [1.0, 3.0], [1.0, 1.0])]
    assert verdict(source, "im", (*four, 0.0), np.array([[0.25], [0.5]])) == 1
    assert verdict(source, "im", (*four, 0.0), np.array([[0.5], [0.5]])) == 0


def test_the_numbers_in_the_text_are_those_of_the_checks(
    source: Source, checks: ModuleType
) -> None:
    text = "\n".join(cell.source for cell in source.notebook.cells)
    assert f"<= {checks.DRESS_BOUND}," in text and f"[:{checks.TRANSFER}, 0]" in text.replace(
        " ", ""
    ).replace(",0]", ", 0]")
