"""Resolve pyproject.toml into the locks: ``python .ci/lock.py``, with uv's options if need be.

``requirements.lock`` serves all Pythons of the course, on every system: uv resolves for all of them
together, and a line that concerns some names them. ``requirements-alibi.lock`` is that of alibi's
own environment. Existing pins stay; ``--upgrade``, or ``--upgrade-package torch``, renews them.

uv asks the package indexes that pip is told of. None of their addresses gets into a lock.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
UVS_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "constraint": "UV_CONSTRAINT",
    "cert": "SSL_CERT_FILE",
}
"""pip's settings by their name, and the variable by which uv takes the same."""


def as_uv_takes_them(settings: Iterable[str]) -> dict[str, str]:
    """Translate the lines of ``pip config list``, the later ones of which win."""
    variables = {}
    for line in settings:
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if name in UVS_NAMES:
            variables[UVS_NAMES[name]] = " ".join(ast.literal_eval(value).split())
    return variables


def main(options: list[str]) -> None:
    """Write both locks."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    environment = as_uv_takes_them(listed.stdout.splitlines()) | dict(os.environ)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=").split(",")[0]
    # pip takes the best version that any index has, and so must what it installs be chosen.
    compiled = ["--universal", "--index-strategy", "unsafe-best-match", "--python-version", oldest]
    compiled += ["--no-header", "--no-annotate", "--quiet", *options]
    for lock, wanted in {
        "requirements.lock": ["pyproject.toml", "--all-extras"],
        "requirements-alibi.lock": ["--group", "alibi"],
    }.items():
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", *wanted, *compiled, "-o", lock],
            cwd=ROOT,
            env=environment,
            check=True,
        )
        print(f"{lock} is resolved anew.")


if __name__ == "__main__":
    main(sys.argv[1:])
