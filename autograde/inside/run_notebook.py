"""Run a notebook's cells in a Jupyter kernel and read variables after answer cells.

The kernel is this interpreter's, also if the notebook names another, and talks over sockets in
the temporary folder. A cell over its time limit is interrupted; if that does not end it, or the
kernel dies, this program says so and ends, and the host goes on in a fresh sandbox.
"""

from __future__ import annotations

import contextlib
import os
import queue
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from ipykernel import kernelapp
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

from autograde.inside import wire
from autograde.inside.channel import silence, take_job
from autograde.inside.harvest import packed
from autograde.inside.mend import mended
from autograde.inside.processes import Allowance
from autograde.inside.reserve import Reserve

_GRACE = 5.0  # seconds that an interrupted cell has to end
_HARVEST = 20.0
_TEXT_PER_CELL = 200_000
_IMAGES_PER_CELL = 4 << 20
_OUTPUT_IN_ALL = 32 << 20
_ALT = 500  # characters of an alternative text


class KernelLost(Exception):  # noqa: N818  # an outcome that the host hears of, not an error
    """The kernel is dead (``kernel died``) or does not let itself be interrupted (``timeout``)."""


class Kernel:
    """An IPython kernel in a process of its own, in a process group of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        file, _ = write_connection_file(
            str(self.folder / "connection.json"), ip=str(self.folder / "s"), transport="ipc"
        )
        self._ended = False
        self.process = os.fork()  # before the client starts threads
        if self.process == 0:
            _be_kernel(file)
        self.client = BlockingKernelClient(connection_file=file)
        self.client.load_connection_file()
        self.client.start_channels(hb=False)  # a busy machine misses heartbeats of a sound kernel
        self.client.wait_for_ready(timeout=150)
        self._call("begin()")

    def end(self) -> None:
        """End the kernel: without isolation nothing else would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)
        if not self._ended:
            os.waitpid(self.process, 0)

    def ended(self) -> bool:
        """Return whether the kernel's process is over."""
        self._ended = self._ended or os.waitpid(self.process, os.WNOHANG) != (0, 0)
        return self._ended

    def run(self, source: str, seconds: float, silent: bool = False) -> Iterator[dict[str, Any]]:
        """Execute source and yield the messages it publishes.

        Raises
        ------
        TimeoutError
            At the end, if it had to be interrupted.
        KernelLost
            If there is no kernel left to go on with.
        """
        request = self.client.execute(
            source, silent=silent, store_history=not silent, allow_stdin=False, stop_on_error=False
        )
        allowance = Allowance(seconds)
        interrupted = False
        while True:
            if allowance.used_up():
                if interrupted:
                    raise KernelLost("timeout")
                os.killpg(self.process, signal.SIGINT)
                interrupted = True
                allowance = Allowance(_GRACE)
            try:
                message = self.client.get_iopub_msg(timeout=0.2)
            except queue.Empty:
                if self.ended():
                    raise KernelLost("kernel died") from None
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["msg_type"] == "status":
                if message["content"]["execution_state"] == "idle":
                    break
            else:
                yield message
        if interrupted:
            raise TimeoutError

    def variables(self, names: tuple[str, ...]) -> bytes:
        """Return what these variables hold, written down by the kernel; empty if it would not."""
        path = self.folder / "answer"
        path.unlink(missing_ok=True)
        with contextlib.suppress(TimeoutError):
            self._call(f"write_variables({list(names)!r}, {str(path)!r})")
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(wire.ANSWER.size)

    def finish(self, source: str, seconds: float) -> None:
        """Run what stands in a cell after the statement that failed.

        Raises
        ------
        TimeoutError
            At the end, if it had to be interrupted.
        """
        self._call(f"finish({source!r})", seconds)

    def _call(self, call: str, seconds: float = _HARVEST) -> None:
        """Call a function of :mod:`autograde.inside.harvest` in the kernel."""
        source = f"__import__('autograde.inside.harvest', fromlist=['x']).{call}"
        for _ in self.run(source, seconds, silent=True):
            pass


def _be_kernel(connection: str) -> NoReturn:
    """Turn this fork into the kernel, as ``python -m ipykernel_launcher`` would be."""
    try:
        os.setsid()
        silence(0, 1, 2)
        os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        if sys.path[0] in ("", str(Path.cwd())):
            del sys.path[0]  # IPython adds it again, as ''
        backend = os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
        if matplotlib := sys.modules.get("matplotlib"):
            matplotlib.rcParams["backend"] = backend  # it has looked at the environment before
        sys.argv = ["ipykernel_launcher", "-f", connection]
        sys.argv += ["--HistoryManager.enabled=False", "--IPCompleter.use_jedi=False"]
        kernelapp.launch_new_instance()
    finally:
        os._exit(0)


class Outputs:
    """The outputs of one cell: text and pictures, up to a size.

    Parameters
    ----------
    left
        Bytes that the whole run may still put out.
    """

    def __init__(self, left: int) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.text = min(_TEXT_PER_CELL, left)
        self.images = min(_IMAGES_PER_CELL, left)
        self.used = 0
        self.raised = False
        self._displays: dict[str, dict[str, Any]] = {}
        self._clear = False

    def take(self, message: dict[str, Any]) -> None:
        """Add what one message of the kernel shows."""
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            self._clear = True
            if not content.get("wait"):
                self.outputs = []
            return
        if kind in ("stream", "display_data", "execute_result", "error") and self._clear:
            self.outputs, self._clear = [], False
        if kind == "stream":
            # IPython prints this one, and sends no error.
            self.raised |= content["text"].startswith("UsageError: ")
            text = self._cut(content["text"])
            last = self.outputs[-1] if self.outputs else {}
            if last.get("output_type") == "stream" and last["name"] == content["name"]:
                last["text"] += text
            elif text:
                self._add({"output_type": "stream", "name": content["name"], "text": text})
        elif kind == "error":
            self.raised = True
            trace = [self._cut(line) for line in content["traceback"]]
            ename, evalue = self._cut(content["ename"]), self._cut(content["evalue"])
            if ename == "_IncompleteInputError":  # Python 3.13 calls half a statement so
                ename = "SyntaxError"
            self._add(
                {"output_type": "error", "ename": ename, "evalue": evalue, "traceback": trace}
            )
        elif kind in ("display_data", "execute_result"):
            output = {"output_type": kind, **self._shown(content)}
            if display := content.get("transient", {}).get("display_id"):
                self._displays[display] = output
            if output["data"]:
                self._add(output)
        elif kind == "update_display_data":
            shown = self._displays.get(content.get("transient", {}).get("display_id"))
            if shown is not None:
                shown.update(self._shown(content))

    def _add(self, output: dict[str, Any]) -> None:
        if len(self.outputs) < 200:
            self.outputs.append(output)

    def _cut(self, text: str) -> str:
        kept = text[: self.text]
        self.text -= len(kept)
        self.used += len(kept)
        return kept if len(kept) == len(text) else kept + "…"

    def _shown(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return text and pictures of what is displayed, and what a picture shows in words."""
        data, more, kept, alt = content["data"], content.get("metadata", {}), {}, ""
        for kind in ("image/png", "image/jpeg"):
            if isinstance(data.get(kind), str) and len(data[kind]) <= self.images:
                kept[kind] = data[kind]
                self.images -= len(data[kind])
                self.used += len(data[kind])
                said = more.get(kind, {}) if isinstance(more, dict) else {}
                if isinstance(said, dict) and isinstance(said.get("alt"), str):
                    alt = self._cut(said["alt"][:_ALT])
        if isinstance(data.get("text/plain"), str):
            kept["text/plain"] = self._cut(data["text/plain"])
        return {"data": kept, "alt": alt}


def main() -> None:
    """Run the job's cells in order and send a record after each, and one more for its answer."""
    job, send = take_job()
    kernel = Kernel()
    try:
        send({"kind": "ready"})
        _run_cells(job["cells"], kernel, send)
    finally:
        kernel.end()


def _run_cells(
    cells: list[dict[str, Any]], kernel: Kernel, send: Callable[[dict[str, Any]], None]
) -> None:
    """Run cells until there are no more, or no kernel."""
    left = _OUTPUT_IN_ALL
    reserve = Reserve()
    for cell in cells:
        source, remarks = mended(cell["source"])
        outputs = Outputs(left)
        stopped, lost = "", False
        allowance = Allowance(cell["seconds"])
        try:
            for message in kernel.run(source, cell["seconds"]):
                outputs.take(message)
            if outputs.raised:
                kernel.finish(source, allowance.left())
        except TimeoutError:
            stopped = "timeout"
        except KernelLost as loss:
            stopped, lost = str(loss), True
        left = max(0, left - outputs.used)
        if reserve.newly_full():
            remarks.append("full")
        record = {"kind": "cell", "outputs": outputs.outputs, "stopped": stopped}
        record["remarks"] = remarks
        send({**record, "lost": np.asarray(lost)})
        if not lost and cell["names"]:
            try:
                data = kernel.variables(cell["names"])
            except KernelLost as loss:
                send({"kind": "lost", "stopped": str(loss)})
                return
            send({"kind": "answer", "answer": packed(data)})
        if lost:
            return


if __name__ == "__main__":
    main()
