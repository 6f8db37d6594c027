"""What runs before hidden calls, and where else in a submission an answer may be.

Hidden calls come right after the answer's cell, as the notebook's own checks do: before a later
cell may use the same names for something else. Where they find no function, or one that fails,
or the student defines it anew below, they are made once more in a fresh sandbox, after all that the
student wrote has run: then what stands further down is there, and so are given cells that it uses.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import lru_cache
from typing import Any

from autograde.intake.rebuild import Rebuilt
from autograde.notebooks.cells import answers, grading
from autograde.sandbox.replies import Failed
from autograde.sandbox.run import CodeCell
from autograde.tasks import Call, Task, Value
from xaikit.handin.markers import runnable
from xaikit.handin.names import defined, needed


def needed_first(
    rebuilt: Rebuilt, tasks: Mapping[str, Task], cells: Iterable[CodeCell], called: Set[str]
) -> list[CodeCell]:
    """Return what runs before hidden calls: declared cells, the student's own, these answers."""
    named = _declared(rebuilt, tasks, called)
    kept = [c for c in cells if c.task in called or c.id in named or c.id in rebuilt.extras]
    return [replace(cell, names=(), late={}) for cell in kept]


def wants_all(task: str, function: str, rebuilt: Rebuilt, results: Sequence[Any]) -> bool:
    """Return whether hidden calls are to be made again after all that the student wrote."""
    if any(isinstance(result, Failed) and result.mended_below for result in results):
        return True
    return _is_function(function, _after(task, rebuilt))


def all_written(
    rebuilt: Rebuilt,
    tasks: Mapping[str, Task],
    cells: Sequence[CodeCell],
    called: Collection[str],
    stopped: Set[str],
) -> list[CodeCell]:
    """Return all cells that the student wrote, and the given ones these answers need; then a cell
    for the calls of each task. One more, for what :func:`early` calls it, stands right after the
    last of the student's own cells that defines the function.

    Left out is what stopped before, and what is as it was handed out.
    """  # noqa: D205
    missing = rebuilt.untouched | rebuilt.absent
    places = {rebuilt.notebook.cells[a.cell].id: a.task for a in answers(rebuilt.notebook)}
    own = {cell.id for cell in cells if cell.id in rebuilt.extras or cell.id in places}
    given = {cell.id: cell.source for cell in cells if cell.id not in own}
    used = _used_given(
        [cell.source for cell in cells if cell.id in own and cell.task in called]
        or [cell.source for cell in cells if cell.id in own],
        [cell.source for cell in cells if cell.id in own],
        given,
    )
    wanted = own | used | _declared(rebuilt, tasks, called)
    chosen = [
        replace(cell, task="", names=(), late={})
        for cell in cells
        if cell.id in wanted and cell.id not in stopped and places.get(cell.id) not in missing
    ]
    for task in called:
        function = tasks[task].answer
        assert isinstance(function, Call)
        below = [
            i
            for i, cell in enumerate(chosen)
            if cell.id in rebuilt.extras and _is_function(function.function, [cell.source])
        ]
        if below:
            chosen.insert(below[-1] + 1, CodeCell(f"calls of {early(task)}", "", early(task)))
    return [*chosen, *(CodeCell(f"calls of {task}", "", task) for task in called)]


def early(task: str) -> str:
    """Return what a task's calls are called that are made before the end."""
    return f"{task}, early"


def late_readings(
    rebuilt: Rebuilt, tasks: Mapping[str, Task]
) -> dict[str, dict[str, tuple[tuple[str, ...], bool]]]:
    """Return which variables are read after the student's own cells, by cell and task.

    Those that the cell binds, if it stands after the answer's cell. What stands before the answer's
    test goes on with the answer, so it counts in any case.
    """
    found: dict[str, dict[str, tuple[tuple[str, ...], bool]]] = {}
    for part in answers(rebuilt.notebook):
        task = tasks.get(part.task)
        if task is None or not isinstance(task.answer, Value):
            continue
        for cell in rebuilt.notebook.cells[part.cell + 1 :]:
            if cell.id in rebuilt.extras and bound(cell.source) & {*task.answer.names}:
                counts = rebuilt.before_test.get(cell.id) == part.task
                found.setdefault(cell.id, {})[part.task] = (task.answer.names, counts)
    return found


def elsewhere(rebuilt: Rebuilt, tasks: Mapping[str, Task]) -> frozenset[str]:
    """Return the tasks that the student's own cells answer, where the answer's cell does not."""
    own = [cell.source for cell in rebuilt.notebook.cells if cell.id in rebuilt.extras]
    late = {task for reading in late_readings(rebuilt, tasks).values() for task in reading}
    called = {
        name
        for name, task in tasks.items()
        if isinstance(task.answer, Call) and _is_function(task.answer.function, own)
    }
    return frozenset((late | called) & (rebuilt.untouched | rebuilt.absent))


@lru_cache(maxsize=4096)  # each own cell is asked about for every task, several times
def bound(source: str) -> frozenset[str]:
    """Return the names that a cell binds, magics and commands aside."""
    lines = runnable(source).split("\n")
    plain = "\n".join("pass" if line[:1] in ("%", "!") else line for line in lines)
    try:
        return defined(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()


def _after(task: str, rebuilt: Rebuilt) -> list[str]:
    """Return the sources of the student's own cells after a task's answer."""
    part = next(part for part in answers(rebuilt.notebook) if part.task == task)
    below = rebuilt.notebook.cells[part.cell + 1 :]
    return [cell.source for cell in below if cell.id in rebuilt.extras]


def _is_function(name: str, sources: Iterable[str]) -> bool:
    """Return whether one of these cells defines a function of this name."""
    for source in sources:
        if name not in bound(source):
            continue
        try:
            body = ast.parse(runnable(source)).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return True  # it has a magic, but the name
        for node in body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return True
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Lambda | ast.Name)
                and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
            ):
                return True
    return False


def _declared(rebuilt: Rebuilt, tasks: Mapping[str, Task], called: Collection[str]) -> set[str]:
    """Return the cells that the checks of these tasks say they need."""
    needs = {
        grade_id
        for task in called
        if isinstance(answer := tasks[task].answer, Call)
        for grade_id in answer.needs
    }
    return {c.id for c in rebuilt.notebook.cells if grading(c).get("grade_id") in needs}


def _used_given(
    sources: Sequence[str], written: Sequence[str], given: Mapping[str, str]
) -> set[str]:
    """Return which given cells these sources use, directly or by way of others."""
    found: set[str] = set()
    names: set[str] = set()
    waiting = list(sources)
    helpers = list(written)
    while waiting:
        wants = needed(waiting.pop())
        if wants is None:  # it may take any name
            return set(given)
        names |= wants
        for cell, source in given.items():
            if cell not in found and bound(source) & names:
                found.add(cell)
                waiting.append(source)
        for helper in [h for h in helpers if bound(h) & names]:
            helpers.remove(helper)
            waiting.append(helper)
    return found
