"""Proves the isolation by trying it from inside."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path

from autograde.sandbox import seccomp
from autograde.sandbox.isolation import Limits, SandboxError
from autograde.sandbox.process import Sandbox

_PACKAGES = ("numpy", "ipykernel", "jupyter_client", "xaikit")


def prove(hidden: Sequence[Path] = (), packages: Sequence[str] = ()) -> None:
    """Run a probe in the sandbox and raise unless the isolation really holds.

    Parameters
    ----------
    hidden
        Folders that must not be seen: the course with its solutions, submissions, the gradebook.
    packages
        What notebooks import, and must therefore find inside, beside what every run needs.

    Raises
    ------
    SandboxError
        With one sentence that says what does not hold and what to do.
    """
    own = Path(__file__).resolve().parents[1]
    forbidden = [*hidden, own / "tasks.py", own.parent / "solutions", Path.home() / ".ssh"]
    limits = Limits(seconds=60)
    with tempfile.NamedTemporaryFile() as secret, socket.create_server(("127.0.0.1", 0)) as server:
        job = {
            "forbidden": [str(path) for path in (*forbidden, Path(secret.name)) if path.exists()],
            "port": server.getsockname()[1],
            "packages": [*dict.fromkeys((*_PACKAGES, *packages))],
            "disk": limits.disk,
            "refused": [f"{name} {number}" for name, number in seccomp.refused().items()],
        }
        module = "autograde.inside.probe"
        with Sandbox(module, job, limits, hidden=hidden) as sandbox:
            report = next(sandbox.records())  # trusted: no student code is inside
    if report["findings"]:
        raise SandboxError(f"The sandbox does not hold here: {report['findings'][0]}")
