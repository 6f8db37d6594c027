"""Run cells in one namespace and call the student's functions on hidden inputs.

There is no kernel: an IPython shell without a terminal understands magics and top-level await.
The program drops all prints and displays. Time limits are kept by the host, which ends the
whole sandbox; what has been sent before stays.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from autograde.inside import stubs, wire
from autograde.inside.channel import Send, silence, take_job
from autograde.inside.harvest import describe, missing_module, seed
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
    seed()
    stubs.install()
    send({"kind": "ready"})
    for cell in job["cells"]:
        result = shell.run_cell(cell["source"], store_history=False)  # type: ignore[no-untyped-call]
        error = result.error_before_exec or result.error_in_exec
        go_on(shell, cell["source"], error)
        raised = type(error).__name__ if error else ""
        send({"kind": "cell", "raised": raised, "lacks": missing_module(error)})
        for call in cell["calls"]:
            _call(shell.user_ns.get(cell["function"]), call.tobytes(), send)


def _call(function: Any, arguments: bytes, send: Send) -> None:
    """Make one call on its own copy of the arguments and send what came back."""
    if not callable(function):
        send({"kind": "call", "missing": ""})
        return
    inputs = wire.decode_arguments(arguments)
    seed()
    send({"kind": "begin"})
    try:
        returned = function(*inputs)
    except BaseException as error:  # SystemExit and KeyboardInterrupt end this call alone
        send({"kind": "call", "raised": type(error).__name__})
    else:
        send({"kind": "call", **describe(returned)})


if __name__ == "__main__":
    main()
