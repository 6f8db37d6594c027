"""What a run left behind, for the tests that look at it."""

from __future__ import annotations

from typing import Any

from autograde.sandbox.isolation import Limits
from autograde.sandbox.replies import CellRun, Failed
from autograde.sandbox.run import CallRun, CodeCell, NotebookRun, run_notebook


def text(cell: CellRun) -> str:
    """Return all a cell printed and raised."""
    return "".join(out.get("text", "") + out.get("ename", "") for out in cell.outputs)


def failed(answer: Any) -> str:
    """Return why there is no answer."""
    assert isinstance(answer, Failed), answer
    return answer.reason


def stops(run: NotebookRun | CallRun) -> dict[str, str]:
    return {cell.id: cell.stopped for cell in run.cells if cell.stopped or not cell.ran}


def values(run: NotebookRun, task: str) -> dict[str, Any]:
    """Return what a task's variables held."""
    answer = run.answers[task]
    assert not isinstance(answer, Failed), answer
    return answer


def look(source: str, *names: str, limits: Limits | None = None) -> dict[str, Any]:
    """Run one cell that leaves observations in variables."""
    run = run_notebook([CodeCell("look", source, "look", names, seconds=60)], limits)
    assert run.stops == []
    return values(run, "look")
