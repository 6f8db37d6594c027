"""Run a notebook file as grading will, to see before the upload whether it can.

From the top, in a fresh process and an empty folder, without network and GPU: the given cells as
they were handed out, the answers, and the student's own cells where grading puts them. The file and
the student's kernel stay as they are. What grading keeps to itself, the hidden inputs, nobody has
here: each answer's visible check is tried instead, right after the answer, and binds no name.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xaikit.checks import rehearsed
from xaikit.handin.opened import Opened, Verdict, opened
from xaikit.handin.released import Released, notebooks
from xaikit.progress import Bar

_LEAST_SECONDS = 20
_NOWHERE = "http://127.0.0.1:9"  # the port of the discard service, where nobody listens


@dataclass(frozen=True)
class Step:
    """One cell of a rehearsal.

    Attributes
    ----------
    name
        What a sentence calls it.
    source
        Its text.
    own
        Whether the student wrote it.
    task
        The task that it answers, if that is to be checked.
    check
        The visible check of that answer.
    """

    name: str
    source: str
    own: bool = False
    task: str = ""
    check: str = ""


def rehearse(file: Path, known: Mapping[str, Released] | None = None) -> Verdict:
    """Run a notebook file as grading will, and say what came of it.

    Parameters
    ----------
    file
        The notebook.
    known
        The notebooks of the course, by default those of this package.
    """
    verdict = Verdict()
    found = opened(file, notebooks() if known is None else known, verdict)
    if found is None:
        return verdict
    cells = steps(found)
    started = time.monotonic()
    ran: list[dict[str, Any]] = []
    stopped = ""
    bar = Bar(desc=f"{found.name} as in grading", total=len(cells), unit="cells")
    with bar:
        try:
            for record in _records(cells):
                if record:
                    ran.append(record)
                    bar.update()
        except KeyboardInterrupt:
            stopped = "you interrupted it"
        else:
            if len(ran) < len(cells):
                stopped = "the Python process ended there"
    _say(found, cells, ran, stopped, time.monotonic() - started, verdict)
    return verdict


def steps(found: Opened) -> list[Step]:
    """Return the cells that grading runs, in its order."""
    checks = {c.grade_id.removesuffix("-test"): c.source for c in found.released.cells}
    written = {task: [code for code in found.code if code.task == task] for task in checks}
    made: list[Step] = []
    for cell in found.released.cells:
        task = cell.grade_id
        if cell.role == "given":
            made.append(Step(f"the given cell `{cell.begins}`", cell.source))
        if cell.role != "answer":
            continue
        made += [Step(c.name, c.source, own=True) for c in written[task] if not c.answers]
        answer = [c for c in written[task] if c.answers]
        made += [Step(task, c.source, True, task, checks.get(task, "")) for c in answer]
        if not answer and task not in found.texts:
            made.append(Step(task, cell.source))
    made += [Step(c.name, c.source, own=True) for c in found.code if not c.task]
    return made


def _records(cells: list[Step]) -> Iterator[dict[str, Any]]:
    """Run the cells and yield a record for each; an empty one twice a second in between."""
    with tempfile.TemporaryDirectory(prefix="xaikit-", ignore_cleanup_errors=True) as folder:
        environment = {
            **os.environ,
            "MPLBACKEND": "Agg",
            "XAIKIT_OFFLINE": "1",
            "NBGRADER_EXECUTION": "validate",  # nobody looks: a check that fails raises
            "OMP_NUM_THREADS": "1",  # as in grading
            "CUDA_VISIBLE_DEVICES": "",
            **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), _NOWHERE),
            **dict.fromkeys(("no_proxy", "NO_PROXY"), ""),
        }
        environment.pop("JPY_SESSION_NAME", None)  # a rehearsal in a rehearsal finds no file
        if data := environment.get("XAIKIT_DATA"):
            environment["XAIKIT_DATA"] = str(Path(data).absolute())
        # -P: neither the folder of this package nor the student's is searched for modules.
        with subprocess.Popen(
            [sys.executable, "-P", rehearsed.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        ) as process:
            try:
                assert process.stdin is not None and process.stdout is not None
                job = {"cells": [asdict(step) for step in cells], "path": _home()}
                with contextlib.suppress(OSError):
                    process.stdin.write(json.dumps(job).encode())
                    process.stdin.close()
                lines: queue.Queue[bytes] = queue.Queue()
                threading.Thread(target=_pass_on, args=(process.stdout, lines), daemon=True).start()
                while True:
                    try:
                        line = lines.get(timeout=0.5)
                    except queue.Empty:
                        yield {}
                        continue
                    if not line:
                        return
                    yield json.loads(line)
            finally:
                _end(process)


def _home() -> str:
    """Return the folder in which this package lies."""
    return str(Path(__file__).absolute().parents[2])


def _pass_on(stream: Any, lines: queue.Queue[bytes]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(b"")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and what it started."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _say(
    found: Opened,
    cells: list[Step],
    ran: list[dict[str, Any]],
    stopped: str,
    seconds: float,
    verdict: Verdict,
) -> None:
    raised = [(cell, record) for cell, record in zip(cells, ran, strict=False) if record["raised"]]
    for cell, record in zip(cells, ran, strict=False):
        if record["missing"]:
            packages = ", ".join(f"`{each}`" for each in record["missing"])
            verdict.say(
                f"{cell.name} imports {packages}, which is not there: it runs on all the same, as "
                "in grading, and fails where it uses that."
            )
    for cell, record in raised:
        line = f" (line {record['line']})" if record["line"] else ""
        what = f"{cell.name} raised {record['raised']}{line}"
        cure = "mend it" if cell.own else "look for what one of your cells changed above it"
        if record["raised"].startswith("ModuleNotFoundError"):
            cure = "do without that package"
        verdict.say(f"{what}: {cure}.", False)
    tried = [(c, r) for c, r in zip(cells, ran, strict=False) if c.check and not r["raised"]]
    failed = [(cell.task, record["check"]) for cell, record in tried if record["check"]]
    for task, says in failed:
        verdict.say(f"{task}: its check says: {says}", False)
    for cell, record in zip(cells, ran, strict=False):
        if record["seconds"] > _LEAST_SECONDS and cell.own:
            verdict.say(
                f"{cell.name} took {record['seconds']:.0f} s of processor time: grading stops a "
                f"cell after ten times what the solution takes, never before {_LEAST_SECONDS} s."
            )
    if stopped:
        where = cells[min(len(ran), len(cells) - 1)].name
        verdict.say(
            f"It stopped in {where} after {seconds:.0f} s: {stopped}; {len(ran)} of {len(cells)} "
            "cells had run.",
            False,
        )
    else:
        without = f"{len(raised)} of them raised" if raised else "none of them raised"
        verdict.say(
            f"{len(cells)} cells ran in {seconds:.0f} s in a fresh process, as grading runs them; "
            f"{without}.",
            not raised,
        )
    if tried:
        passed = len(tried) - len(failed)
        verdict.say(
            f"{passed} of {len(tried)} answers pass their visible checks there.", not failed
        )
    open_tasks = found.upload.untouched - found.texts
    if open_tasks:
        named = ", ".join(task for task in found.released.stubs if task in open_tasks)
        verdict.say(f"Not answered, so not tried: {named}.")
    verdict.say("Your file and your kernel are as they were.")
