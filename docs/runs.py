"""Runs the authors' solutions for the worked figures: one notebook a core at a time.

What a notebook showed is kept, and it runs again only when something has changed that it stands on.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from autograde.commands.progress import Progress
from autograde.errors import AutogradeError
from autograde.grading.data import data_digest
from autograde.grading.environment import environment, imported
from autograde.grading.recorded import key_of
from autograde.grading.workers import WorkersError, local
from autograde.model.course import Course
from autograde.notebooks.cells import is_hand_in
from autograde.notebooks.release import solved
from autograde.notebooks.source import Source
from autograde.safety.files import write_whole
from docs.figures import Figures, Shown, for_all_to_see, images
from xaikit.threads import cores

Say = Callable[[str], object]

_print = partial(print, flush=True)


class RunError(AutogradeError):
    """Solutions do not run: a sentence for each of them."""

    def __init__(self, *sentences: str) -> None:
        super().__init__("\n".join(sentences))
        self.lines = sentences


def worked_figures(
    sources: Mapping[str, Source], course: Course, cache: Path, say: Say = _print
) -> dict[str, Figures]:
    """Return what each notebook's solution shows; it runs unless the cache has it.

    Parameters
    ----------
    sources
        The notebooks by name.
    course
        Names the data that the runs use.
    cache
        A folder. What is kept there counts as long as the cells' code, the library, the packages
        and the data are the same.
    say
        Takes a line of progress. Processes that run a notebook print theirs.

    Raises
    ------
    RunError
        If cells fail. The figures of the other notebooks are kept.
    """
    found: dict[str, Figures] = {}
    waiting: dict[str, tuple[NotebookNode, str]] = {}
    for name, source in sources.items():
        notebook = solved(source)
        key = _key(notebook, course)
        kept = _kept(cache / f"{name}.json", key)
        if kept is None:
            waiting[name] = (notebook, key)
        else:
            say(f"Figures of {name}: nothing has changed since they were made")
            found[name] = kept
    if waiting:
        count = min(cores(), len(waiting))
        say(f"Figures: {len(waiting)} of {len(sources)} solutions run, {count} at a time")
        cache.mkdir(parents=True, exist_ok=True)
        faults: list[str] = []
        with _processes(count) as workers:
            running = {
                workers.submit(_run, name, waiting[name][0], _files(sources[name], course)): name
                for name in sorted(waiting, key=partial(_size, waiting), reverse=True)
            }
            for future in as_completed(running):
                name = running[future]
                try:
                    found[name] = future.result()
                except RunError as error:
                    faults += error.lines
                else:
                    _keep(cache / f"{name}.json", waiting[name][1], found[name])
        if faults:
            raise RunError(*faults)
    return {name: for_all_to_see(source, found[name]) for name, source in sources.items()}


@contextmanager
def _processes(count: int) -> Iterator[Executor]:
    try:
        with local(count) as workers:
            yield workers.executor
    except WorkersError:
        raise RunError(
            "A process that ran a solution was ended from outside (out of memory?). Start the "
            "command again: what is done is kept."
        ) from None


def _size(waiting: Mapping[str, tuple[NotebookNode, str]], name: str) -> int:
    return len(waiting[name][0].cells)


def _key(notebook: NotebookNode, course: Course) -> str:
    code = [(c.id, c.source) for c in notebook.cells if c.cell_type == "code"]
    packages = imported(source for _, source in code)
    return key_of(code, environment((), packages, data_digest(course.software.data)))


def _kept(file: Path, key: str) -> Figures | None:
    if not file.is_file():
        return None
    kept = json.loads(file.read_text(encoding="utf-8"))
    if kept["key"] != key:
        return None
    return {cell: tuple(Shown(**each) for each in shown) for cell, shown in kept["cells"]}


def _keep(file: Path, key: str, shown: Figures) -> None:
    cells = [(cell, [asdict(each) for each in all_]) for cell, all_ in shown.items()]
    write_whole(file, json.dumps({"key": key, "cells": cells}))


def _files(source: Source, course: Course) -> dict[str, str]:
    """Return the script in which each cell stands, by the cell's id."""
    files = [str(file.relative_to(course.folder)) for file in source.files]
    return {cell.id: file for cell, file in zip(source.notebook.cells, files, strict=True)}


def _run(name: str, notebook: NotebookNode, files: Mapping[str, str]) -> Figures:
    """Run all cells but the one that looks at the file to be handed in, in an empty folder."""
    notebook.cells = [cell for cell in notebook.cells if not is_hand_in(cell)]
    total = sum(cell.cell_type == "code" for cell in notebook.cells)
    progress, done = Progress(total), 0

    def tell(**_: object) -> None:
        nonlocal done
        done += 1
        if done % 20 == 0 or done == total:
            _print(f"Figures of {name}: {done} of {total} cells ran{progress.left(done)}")

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "notebook"
        folder.mkdir()
        # Nobody but this user can talk to a kernel whose sockets are files in this folder.
        private = {"transport": "ipc", "ip": f"{place}/kernel"}
        client = NotebookClient(
            notebook,
            timeout=None,
            startup_timeout=600,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            on_cell_executed=tell,
            config=Config({"KernelManager": private}),
        )
        try:
            client.execute(env={**os.environ, "OMP_NUM_THREADS": "1"})
        except CellExecutionError as error:
            cell = next(cell for cell in notebook.cells if _raised(cell))
            first = cell.source.strip().partition("\n")[0]
            said = error.evalue.strip().partition("\n")[0]
            raise RunError(
                f"{files.get(cell.id, name)}: the cell that begins with {first!r} fails: "
                f"{error.ename}: {said}. Mend it; the figures of the other notebooks are kept."
            ) from None
        except DeadKernelError:
            raise RunError(
                f"{name}: the process that ran the solution ended (out of memory?). Start the "
                "command again: what is done is kept."
            ) from None
    return {cell.id: shown for cell in notebook.cells if (shown := images(cell))}


def _raised(cell: NotebookNode) -> bool:
    return any(output.output_type == "error" for output in cell.get("outputs", ()))
