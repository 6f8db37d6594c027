"""Run cells in one namespace and call the student's functions on hidden inputs.

There is no kernel: an IPython shell without a terminal understands magics and top-level await.
Cells run inside an event loop, as in a kernel; functions are called outside of it, where more
works. The program drops all prints and displays. Time limits are kept by the host, which ends the
whole sandbox; what has been sent before stays.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import numpy as np

import autograde.inside.listed  # noqa: F401  # before packages that ask for others

# isort: split
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from autograde.inside import refused, stubs, wire
from autograde.inside.changed import changed_arguments
from autograde.inside.channel import Send, silence, take_job
from autograde.inside.harvest import describe, missing_module, seed, seed_torch, undisturbed
from autograde.inside.mend import mended
from autograde.inside.reserve import Reserve
from autograde.inside.statements import go_on

_TORCH = (b"torch", b"tensor", b"network")  # as in sources, and as in encoded arguments


class _Shell(InteractiveShell):
    """A shell for which ``%matplotlib inline`` is no error."""

    def enable_gui(self, gui: Any = None) -> None:
        """Do nothing: there is no window to open."""


def main() -> None:
    """Run the job's cells in order; after each answer cell make its calls."""
    job, send = take_job()
    # Where torch will be wanted it is imported here, so that no cell's time limit pays for it.
    sources = [cell["source"].encode() for cell in job["cells"]]
    arguments = [call.tobytes() for cell in job["cells"] for call in cell["calls"]]
    if any(word in data for data in sources + arguments for word in _TORCH):
        import torch  # noqa: F401
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = _Shell.instance(config=config)
    silence(2)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
    loop = asyncio.new_event_loop()
    reserve = Reserve()
    seed()
    refused.install(dict.fromkeys(name for cell in job["cells"] for name in cell["without"]))
    stubs.install(seed_torch)
    send({"kind": "ready"})
    for cell in job["cells"]:
        source, remarks = mended(cell["source"])
        if loop.is_closed():  # by a call, which may also have set another
            loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        error = loop.run_until_complete(_run(shell, source))
        go_on(shell, source, error)
        if reserve.newly_full():
            remarks.append("full")
        raised = type(error).__name__ if error else ""
        lacks = missing_module(error)
        send({"kind": "cell", "raised": raised, "lacks": lacks, "remarks": remarks})
        for call in cell["calls"]:
            asyncio.set_event_loop(loop)
            with undisturbed():
                function = shell.user_ns.get(cell["function"])
                _call(function, call.tobytes(), cell["without"], send)


async def _run(shell: InteractiveShell, source: str) -> BaseException | None:
    """Run one cell as a kernel does, and return what it raised."""
    try:
        transformed = shell.transform_cell(source)  # type: ignore[no-untyped-call]
        failed = None
    except Exception:
        transformed, failed = source, sys.exc_info()
    result = await shell.run_cell_async(
        source,
        store_history=False,
        transformed_cell=transformed,
        preprocessing_exc_tuple=failed,
    )
    error: BaseException | None = result.error_before_exec or result.error_in_exec
    return error


def _call(function: Any, arguments: bytes, without: list[str], send: Send) -> None:
    """Make one call on its own copy of the arguments and send what came back."""
    if not callable(function):
        send({"kind": "call", "missing": ""})
        return
    inputs = wire.decode_arguments(arguments)
    seed()
    send({"kind": "begin"})
    try:
        with refused.refused(without):
            returned = function(*inputs)
    except BaseException as error:  # SystemExit and KeyboardInterrupt end this call alone
        wanted = (refused.used or [""])[-1]
        send({"kind": "call", "raised": type(error).__name__, "wanted": wanted})
    else:
        changed = np.array(changed_arguments(arguments, inputs), dtype=np.int64)
        send({"kind": "call", **describe(returned), "changed": changed})


if __name__ == "__main__":
    main()
