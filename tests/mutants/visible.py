"""``python -m tests.mutants.visible``: which broken solutions do the visible checks let pass?

A tick that wrong answers get, too, means little. This breaks each function that students write in
one place, runs the task's test cell on it, and prints what gets a tick, then a table by notebook.
``python -m tests.mutants.visible [NOTEBOOK] [TASK …]`` looks at some of them. It ends with status 1
if too many get a tick.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import matplotlib
import matplotlib.pyplot as plt

from autograde.authoring.asked import TooLongError, at_most
from autograde.notebooks.cells import answers
from autograde.notebooks.figures import is_figure
from tests.mutants.asked import called, texts, wrong_answers
from tests.sheets import NAMES, source
from xaikit.handin.names import defined, needed

_SECONDS = 30.0

LEAST = 0.9
"""The share of broken solutions that each notebook's visible checks notice."""


@functools.cache
def given(name: str, task: str) -> dict[str, Any]:
    """Return what those given cells define that a task and its test cell take names from."""
    matplotlib.use("Agg")
    notebook = source(name).notebook
    own = {index for a in answers(notebook) for index in (a.cell, a.test)}
    position = _test_cell(name, task)
    wanted = _names(notebook.cells[position].source) | _names(texts(name)[task])
    chosen = []
    for index in reversed(range(position)):
        cell = notebook.cells[index]
        if cell.cell_type != "code" or index in own or is_figure(cell):
            continue
        if defined(cell.source) & wanted:
            wanted |= _names(cell.source)
            chosen.append(cell.source)
    space: dict[str, Any] = {"__name__": "notebook"}
    with _quietly():
        for text in reversed(chosen):
            exec(text, space)
    return space


def _names(text: str) -> frozenset[str]:
    return needed(text) or frozenset()


def _test_cell(name: str, task: str) -> int:
    position = next(a.test for a in answers(source(name).notebook) if a.task == task)
    assert position is not None
    return position


@contextlib.contextmanager
def _quietly() -> Iterator[io.StringIO]:
    """Give what is printed, and show neither that nor warnings and progress."""
    said = io.StringIO()
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield said


def ticked(name: str, task: str, text: str) -> bool:
    """Say whether an answer passes the visible checks of its task."""
    space = dict(given(name, task))
    try:
        with at_most(_SECONDS), _quietly() as said:
            exec(text, space)
            exec(source(name).notebook.cells[_test_cell(name, task)].source, space)
    except (Exception, TooLongError):
        return False
    finally:
        plt.close("all")
    return f"✓ {task}:" in said.getvalue()


def look(name: str, task: str) -> list[tuple[str, str]]:
    """Return the wrong answers to a task that are none by reason, and whether they get a tick."""
    assert ticked(name, task, texts(name)[task]), f"{task}: the solution itself gets no tick"
    return [
        (what, "ticked" if ticked(name, task, text) else "noticed")
        for _, what, reason, text in wrong_answers(name, task)
        if not reason
    ]


def main(arguments: list[str]) -> int:
    """Print what gets a tick, and a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.visible", description=__doc__)
    parser.add_argument("notebook", nargs="?", choices=NAMES)
    parser.add_argument("task", nargs="*")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args(arguments)
    work = [
        (name, task.id)
        for name in ([asked.notebook] if asked.notebook else NAMES)
        for task in called(name)
        if not asked.task or task.id in asked.task
    ]
    counts: dict[str, Counter[str]] = {}
    print(f"Running {len(work)} test cells on broken solutions", flush=True)
    with ProcessPoolExecutor(asked.processes) as pool:
        running = [pool.submit(look, name, task) for name, task in work]
        for place, ((name, task), future) in enumerate(zip(work, running, strict=True)):
            rows = future.result()
            count = Counter(verdict for _, verdict in rows)
            counts.setdefault(name, Counter()).update(count)
            share = f"{count['noticed']} of {len(rows)} noticed"
            print(f"[{place + 1}/{len(work)}] {name} {task}: {share}", flush=True)
            for what, verdict in rows:
                if verdict == "ticked":
                    print(f"    gets a tick: {what}")
    print("\n| notebook | wrong answers | noticed | share |\n|---|---:|---:|---:|")
    for name, count in counts.items():
        share = f"{count['noticed'] / max(1, count.total()):.0%}"
        print(f"| {name} | {count.total()} | {count['noticed']} | {share} |")
    return int(any(count["noticed"] < LEAST * count.total() for count in counts.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
