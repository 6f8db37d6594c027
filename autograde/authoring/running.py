"""Runs a notebook with its author's answers, in this process, and says what is wrong with them.

A task of variables is answered where its cell stands, with what the given cells above defined. Each
answer starts from these: none sees what another one left.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from autograde.authoring.thoughtless import paid_functions, paid_values
from autograde.authoring.wrong import Wrongs
from autograde.grading.score import worth
from autograde.inside.changed import changed_arguments
from autograde.inside.read import plain
from autograde.notebooks.cells import answers, is_hand_in
from autograde.notebooks.figures import is_figure
from autograde.notebooks.places import Places
from autograde.notebooks.source import Source
from autograde.safety.quiet import quiet
from autograde.sandbox.replies import Failed
from autograde.tasks import Call, Called, Task, Value
from xaikit.handin.markers import without_magics

Space = dict[str, Any]

_TOO_MUCH = 0.75
"""A mistake in a table costs its own share: more than this of the points is no loss."""


@dataclass
class Ran:
    """What one run of a notebook left.

    Attributes
    ----------
    given
        What the given cells define at the end, those aside that only show something.
    above
        The same at each task's answer cell.
    faults
        Sentences, by file and line.
    """

    given: Space = field(default_factory=lambda: {"__name__": "notebook"})
    above: dict[str, Space] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def run(source: Source, texts: Mapping[str, str]) -> Ran:
    """Run the given cells, and each solution with its test cell, and look at their figures.

    Parameters
    ----------
    source
        The notebook.
    texts
        The solutions by task.
    """
    matplotlib.use("Agg")
    ran = Ran()
    with _elsewhere():
        _run_cells(source, texts, ran)
    return ran


def _run_cells(source: Source, texts: Mapping[str, str], ran: Ran) -> None:
    """Run the cells one after the other, and note what they leave."""
    places = Places(source, source.notebook)
    task_of = {each.cell: each for each in answers(source.notebook) if not each.manual}
    tests = {each.test: each.task for each in task_of.values()}
    shown: Space = {}
    answered: Space = {}
    for position, cell in enumerate(source.notebook.cells):
        if cell.cell_type != "code" or is_hand_in(cell):
            continue
        text, where = cell.source, places.of(position, 1)
        if position in task_of:
            task = task_of[position].task
            ran.above[task], text = dict(ran.given), texts[task]
            space = answered = dict(ran.given)
        elif position in tests:
            space = answered
        elif is_figure(cell):
            space = shown = {**shown, **ran.given}
        else:
            space = ran.given
        with _figures() as made:
            try:
                _execute(text, where, space)
            except (Exception, SystemExit) as error:
                what = "a visible check refuses the solution" if position in tests else "it fails"
                ran.faults.append(f"{where}: {what}: {type(error).__name__}: {error}")
        untitled = [figure for figure in made if _drawn_in(figure) and not _titled(figure)]
        if untitled:
            ran.faults.append(f"{where}: a figure has no title; give it, or one of its axes, one.")


def _execute(text: str, where: str, space: Space) -> None:
    with quiet():
        exec(compile(without_magics(text), where, "exec"), space)


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """Let files that cells write by a relative path, such as a report, be gone afterwards."""
    # A folder of data that is named by a relative path stays what it is.
    data = {k: str(Path(v).absolute()) for k, v in os.environ.items() if k == "XAIKIT_DATA"}
    with (
        mock.patch.dict(os.environ, data),
        TemporaryDirectory() as folder,
        contextlib.chdir(folder),
    ):
        yield


@contextlib.contextmanager
def _figures() -> Iterator[list[Figure]]:
    """Give the figures that are made meanwhile, whether pyplot keeps them or not."""
    made: list[Figure] = []
    begin = Figure.__init__

    def noted(self: Figure, *arguments: Any, **named: Any) -> None:
        begin(self, *arguments, **named)
        made.append(self)

    try:
        with mock.patch.object(Figure, "__init__", noted):
            yield made
    finally:
        plt.close("all")


def _drawn_in(figure: Figure) -> bool:
    return any(axes.has_data() for axes in figure.axes)


def _titled(figure: Figure) -> bool:
    titles = [axes.get_title(loc) for axes in figure.axes for loc in ("left", "center", "right")]
    parts = (figure, *figure.subfigs)
    titles += [part.get_suptitle() for part in parts]
    return any(title.strip() for title in titles)


def not_as_meant(wrongs: Wrongs, ran: Ran, task: Task) -> Iterator[str]:
    """Yield what is wrong with a task's answers of each kind: a sentence, without its place."""
    asked = wrongs.asked
    right = asked.texts[task.id]
    written = wrongs.written.get(task.id, {})
    if isinstance(task.answer, Call):
        function = asked.define(task.id, right)
        if function is None:
            yield (
                f"the solution defines no function {task.answer.function}(…), which the hidden "
                "check calls, or cannot run with the cells alone that the check needs"
            )
            return
        rows, sent = asked.inputs(task.id, 0)
        if not asked.is_steady(task.id):
            yield (
                "its hidden inputs are others each time, with one seed: draw everything from the "
                "generator that the check's function of inputs gets"
            )
        came_back = asked.returned(task.id, function)
        failed = next((each for each, _ in came_back if isinstance(each, Failed)), None)
        if failed is not None:
            yield f"the solution fails in a hidden call: {failed.reason}"
            return
        calls = [
            Called(row, returned, frozenset(changed_arguments(before, after)))
            for row, before, (returned, after) in zip(rows, sent, came_back, strict=True)
        ]
        paid = paid_functions(calls, {}, lambda some: _earned(task, some))
    else:
        values = _values(task.answer, right, ran.above[task.id])
        if isinstance(values, str):
            yield f"the solution {values}"
            return
        for kind, text in written.items():
            other = _values(task.answer, text, ran.above[task.id])
            earned = 0.0 if isinstance(other, str) else worth(task, other, None)[0]
            if kind == "alternative" and earned < 1:
                yield f"the alternative earns {earned:.0%} of the points"
            elif kind == "wrong" and earned > _TOO_MUCH:
                yield f"the wrong answer earns {earned:.0%} of the points"
        paid = paid_values(values, ran.given, lambda some: worth(task, some, None)[0])
    if paid and task.id not in wrongs.known.guesses:
        best = max(paid, key=paid.__getitem__)
        more = f", and {len(paid) - 1} more like it pay" if len(paid) > 1 else ""
        yield f"an answer without thought earns {paid[best]:.0%} of the points: {best}{more}"


def _earned(task: Task, calls: list[Called]) -> float:
    return worth(task, None, [(c.arguments, c.returned, c.changed) for c in calls])[0]


def _values(answer: Value, text: str, above: Space) -> dict[str, Any] | str:
    """Return what a task's variables hold after an answer ran, or what is wrong with it."""
    space = dict(above)
    try:
        with _elsewhere():
            _execute(text, "answer", space)
        return {name: plain(space[name]) for name in answer.names}
    except KeyError as error:
        return f"leaves no variable {error}, which the hidden check reads"
    except (Exception, SystemExit) as error:
        return f"fails: {type(error).__name__}: {error}"
