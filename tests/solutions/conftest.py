"""What the tests of every notebook need, each for the notebook that its module calls NAME."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib
import numpy as np
import pytest

from autograde.inside.read import plain
from autograde.inside.wire import decode_arguments, encode_arguments
from autograde.model.course_file import read_course
from autograde.notebooks.answers import load_answers
from autograde.notebooks.cells import answers, grading
from autograde.notebooks.figures import is_figure
from autograde.notebooks.release import solutions
from autograde.notebooks.source import Source, read_source
from autograde.tasks import Call, Called, Task, Value, Wrong

ROOT = Path(__file__).parents[2]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask for every automatic task of the module's notebook, or those by hand."""
    for wanted, tasks in (("automatic_task", "AUTOMATIC"), ("task_by_hand", "BY_HAND")):
        if wanted in metafunc.fixturenames:
            metafunc.parametrize(wanted, getattr(metafunc.module, tasks))


@pytest.fixture(scope="module")
def source(request: pytest.FixtureRequest) -> Source:
    """Return the notebook with its solutions and hidden checks."""
    file = ROOT / "solutions" / f"{request.module.NAME}.py"
    return read_source(file, read_course(ROOT / "course.toml"))


@pytest.fixture(scope="module")
def checks(source: Source) -> ModuleType:
    """Return the module of the hidden checks, with its references."""
    return sys.modules[f"_autograde_{source.checks.file.stem}"]


@pytest.fixture(scope="module")
def texts(request: pytest.FixtureRequest, source: Source) -> dict[str, dict[str, str]]:
    """Return the answer cells by task and kind."""
    written = load_answers(source.checks.file.with_name(f"{request.module.NAME}_answers.py"))
    for task, text in solutions(source).items():
        written.setdefault(task, {})["solution"] = text
    return written


@pytest.fixture(scope="module")
def given(request: pytest.FixtureRequest, source: Source) -> dict[str, Any]:
    """Return what the given cells define, up to the end of the notebook.

    Without the figures where a module says ``FIGURES = False``: no answer needs what they leave.
    """
    matplotlib.use("Agg")
    figures = getattr(request.module, "FIGURES", True)
    own = {index for a in answers(source.notebook) for index in (a.cell, a.test)}
    space: dict[str, Any] = {"__name__": "notebook"}
    for position, cell in enumerate(source.notebook.cells):
        if cell.cell_type == "code" and position not in own and (figures or not is_figure(cell)):
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
def received(
    source: Source,
    texts: dict[str, dict[str, str]],
    answered: Callable[[str, str], dict[str, Any]],
) -> Callable[[str, str, int], Any]:
    """Return what tells what the grader receives of some kind of answer, with some seed."""
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

    def one(name: str, kind: str, seed: int = 0) -> Any:
        task = source.checks.tasks[name]
        if isinstance(task.answer, Value):
            space = answered(name, kind)
            return {name: plain(space[name]) for name in task.answer.names}
        return call(task, texts[name][kind], seed)

    return one


@pytest.fixture(scope="module")
def score(source: Source, received: Callable[[str, str, int], Any]) -> Callable[..., float]:
    """Return what scores an answer of some kind on the hidden inputs of some seed."""

    def one(name: str, kind: str, seed: int = 0) -> float:
        answer = received(name, kind, seed)
        try:
            fraction = source.checks.tasks[name].score(answer)
        except Wrong as wrong:
            return wrong.fraction
        return 1.0 if fraction is None else fraction

    return one
