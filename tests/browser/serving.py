"""JupyterLab in a folder of results, as the README says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOKEN = "tests"


@contextmanager
def jupyter_in(out: Path) -> Iterator[str]:
    """Start it, yield its address, end it."""
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--port=0", "--allow-root"),
            f"--IdentityProvider.token={TOKEN}",
        ],
        cwd=out,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(out.parent / "config")},
    ) as server:
        assert server.stderr is not None
        found = next(m for line in server.stderr if (m := re.search(r"http://[\d.]+:\d+", line)))
        # Unread, what the server says would fill the pipe, and it would wait.
        drain = subprocess.Popen(["cat"], stdin=server.stderr, stdout=subprocess.DEVNULL)
        yield found[0]
        server.terminate()
        drain.wait(120)
