"""What the tests of every notebook need, each for the notebook that its module calls NAME."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import matplotlib
import pytest
from scoring import calls, mark

from autograde.authoring.once import Once
from autograde.inside.read import plain
from autograde.notebooks.cells import answers, grading
from autograde.notebooks.figures import is_figure
from autograde.notebooks.release import solutions
from autograde.notebooks.source import Source
from autograde.tasks import Call, Called, Task, Value
from tests import sheets


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask for every automatic task of the module's notebook."""
    if "automatic_task" in metafunc.fixturenames:
        tasks = sheets.source(metafunc.module.NAME).checks.tasks
        metafunc.parametrize("automatic_task", list(tasks))


@pytest.fixture(scope="module", autouse=True)
def library(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the modules about a notebook compute the same thing once."""
    with _once(getattr(request.module, "NAME", "")).remembering(request.module):
        yield


@functools.lru_cache(maxsize=1)  # what was computed for another notebook is not asked for again
def _once(name: str) -> Once:
    return Once(sheets.source(name).checks.modules if name else ())


@pytest.fixture(scope="module")
def source(request: pytest.FixtureRequest) -> Source:
    """Return the notebook with its solutions and hidden checks."""
    return sheets.source(request.module.NAME)


@pytest.fixture(scope="module")
def checks(source: Source) -> SimpleNamespace:
    """Return what the modules of the hidden checks define: tasks, references, helpers."""
    names: dict[str, Any] = {}
    for module in source.checks.modules:
        for name, value in vars(module).items():
            if not name.startswith("__") and names.setdefault(name, value) is not value:
                names[name] = _Ambiguous
    return SimpleNamespace(**{k: v for k, v in names.items() if v is not _Ambiguous})


class _Ambiguous:
    """Marks a name that means one thing in one section and another in the next."""


@pytest.fixture(scope="module")
def texts(source: Source) -> dict[str, dict[str, str]]:
    """Return the answer cells by task and kind."""
    written = {task: dict(kinds) for task, kinds in sheets.written(source.name).items()}
    for task, text in solutions(source).items():
        written.setdefault(task, {})["solution"] = text
    return written


@pytest.fixture(scope="module")
def given(source: Source) -> dict[str, Any]:
    """Return what the given cells define, up to the end of the notebook.

    Without the figures: no answer needs what they leave, and test_four_answers.py runs them.
    """
    matplotlib.use("Agg")
    own = {index for a in answers(source.notebook) for index in (a.cell, a.test)}
    space: dict[str, Any] = {"__name__": "notebook"}
    for position, cell in enumerate(source.notebook.cells):
        if cell.cell_type == "code" and position not in own and not is_figure(cell):
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

    @functools.cache
    def needed(cells: tuple[str, ...]) -> dict[str, Any]:
        space: dict[str, Any] = {}
        for cell in source.notebook.cells:
            if grading(cell)["grade_id"] in cells:
                exec(cell.source, space)
        return space

    def call(task: Task, text: str, seed: int) -> list[Called]:
        assert isinstance(task.answer, Call)
        space = dict(needed(task.answer.needs))
        exec(text, space)
        function = space[task.answer.function]
        return calls(source, task.id, function, seed)

    @functools.cache
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
        return mark(source, name, received(name, kind, seed))

    return one
