"""What happens in Colab after a click on the badge: the notebook's cells run from the top."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from autograde.notebooks.cells import answers, grading
from tests.colab.runtimes import KERNEL, fresh, installed, kernel

KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "OMP_NUM_THREADS", "XAIKIT_DATA", "XAIKIT_OFFLINE")
KEPT_OF = ("PIP_", "SSL_", "REQUESTS_", "HTTP", "NO_PROXY", "http", "no_proxy", "XDG_CONFIG")
"""Variables of ours that a runtime has: those of the machine, the index and the data."""


@dataclass
class Ran:
    """How a notebook fared in a runtime.

    Attributes
    ----------
    seconds
        What took how long.
    added
        The distributions that were not there before, with their versions.
    faults
        A sentence for everything that should not be.
    checks, ticks
        How many visible checks there are, and how many of them end with a tick.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    checks: int = 0
    ticks: int = 0


def run(notebook: NotebookNode, name: str, made: Path, folder: Path, git: Mapping[str, str]) -> Ran:
    """Run a notebook's cells in a runtime that just started, then its first cell in a new kernel.

    Parameters
    ----------
    notebook
        With its answers. The runtime's working folder holds nothing.
    name
        The notebook's name.
    made
        The environment of which the runtime is a copy.
    folder
        Where the runtime is made.
    git
        The variables by which git finds the repository.
    """
    ran = Ran()
    home = fresh(made, folder / "runtime")
    kernel(home, folder)
    before = installed(home)
    content = folder / "content"
    content.mkdir(parents=True, exist_ok=True)
    screen = folder / f"{name}.ipynb"
    environment = _environment(folder, screen) | git
    started = time.monotonic()
    client = _client(notebook, content)
    moments = [started]

    def cell_done(**_: Any) -> None:
        moments.append(time.monotonic())
        nbformat.write(notebook, screen)  # what the page shows

    client.on_cell_executed = cell_done
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        ran.faults.append(f"A cell raised {error.ename}: {error.evalue}")
    first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    ran.seconds["first cell"] = moments[:2][-1] - started
    ran.seconds["all cells"] = moments[-1] - started
    crosses = list(_crosses(notebook))
    ran.checks = sum(answer.test is not None for answer in answers(notebook))
    ran.ticks = ran.checks - len(crosses)
    ran.faults += crosses
    after = installed(home)
    ran.faults += [
        f"{each} was {before[each]} and is {after.get(each, 'gone')}"
        for each in before
        if after.get(each) != before[each]
    ]
    ran.added = [f"{each} {after[each]}" for each in sorted(after.keys() - before.keys())]
    last = _said(notebook.cells[-1])
    if answers(notebook) and "✓" not in last:
        ran.faults.append(f"What is looked at before the hand-in: {last}")
    ran.faults += _again(notebook.cells[first], content, environment)
    return ran


def _again(cell: NotebookNode, content: Path, environment: dict[str, str]) -> list[str]:
    """Return what is wrong with the first cell after the kernel was restarted, without a network.

    In the same runtime everything is there: nothing is said, and nothing fetched.
    """
    offline = {**environment, "GIT_ALLOW_PROTOCOL": "none", "PIP_NO_INDEX": "1"}
    probe = nbformat.v4.new_code_cell("import xaikit")
    two = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.source), probe])
    try:
        _client(two, content).execute(env=offline)
    except CellExecutionError as error:
        return [f"After a restart of the kernel: {error.ename}: {error.evalue}"]
    said = _said(two.cells[0])
    return [f"After a restart of the kernel the first cell said: {said}"] if said else []


def _environment(folder: Path, screen: Path) -> dict[str, str]:
    """Return the variables of a runtime, whose home is as new as the runtime."""
    ours = {k: v for k, v in os.environ.items() if k in KEPT or k.startswith(KEPT_OF)}
    return ours | {
        "HOME": str(folder / "home"),
        "IPYTHONDIR": str(folder / "ipython"),
        "COLAB_SCREEN": str(screen),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def _client(notebook: NotebookNode, content: Path) -> NotebookClient:
    where = {"metadata": {"path": str(content)}}
    return NotebookClient(notebook, kernel_name=KERNEL, timeout=1800, resources=where)


def _crosses(notebook: NotebookNode) -> Iterator[str]:
    """Yield the visible checks that do not end with a tick."""
    for answer in answers(notebook):
        if answer.test is not None:
            cell = notebook.cells[answer.test]
            said = _said(cell)
            if "✓" not in said or "✗" in said:
                yield f"{grading(cell)['grade_id']}: {said or 'no tick'}"


def _said(cell: NotebookNode) -> str:
    texts = (each.get("text", "") for each in cell.get("outputs", ()))
    return "".join(texts).strip()
