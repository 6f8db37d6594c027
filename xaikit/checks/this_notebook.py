"""Which file is the notebook that runs: what a student's look before handing in has to look at.

The last cell of a notebook names the file as it was handed out. A student may work in a copy, and
in Colab the notebook is no file beside the kernel: Colab's own page holds it.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

IN_COLAB = (
    "In Colab the notebook is not a file beside you: choose File → Download → Download .ipynb, "
    "drag the file into the folder on the left (Files), and run this cell again."
)
FROM_COLAB = (
    "– Colab handed over the notebook as it is on your screen. What you hand in is the file of "
    "File → Download → Download .ipynb."
)


def this_notebook(named: str) -> tuple[Path | None, str]:
    """Return the notebook's file, and what to say of it.

    Parameters
    ----------
    named
        How the notebook calls its file.

    Returns
    -------
    file
        None if there is none that can be read.
    remark
        A line for the student, or no text.
    """
    path = Path(named)
    if "google.colab" in sys.modules:
        if (fetched := _from_colab(path.name)) is not None:
            return fetched, FROM_COLAB
        return (path, "") if path.exists() else (None, IN_COLAB)
    session = _of_session()
    if session is None or session.name == path.name:
        return (session if session and not path.exists() else path), ""
    return session, (
        f"– You work in {session.name}, not in {path.name}: this is the file that is looked at, "
        "and the one to hand in."
    )


def _of_session() -> Path | None:
    """Return the file that the front end says this kernel belongs to, if it is there."""
    shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return None
    of_vscode = shell.user_ns.get("__vsc_ipynb_file__")
    said = of_vscode if isinstance(of_vscode, str) else os.environ.get("JPY_SESSION_NAME", "")
    path = Path(said)
    # A notebook that was renamed since keeps its old name here; then there is no such file.
    for file in (path, Path(path.name)):
        if file.suffix == ".ipynb" and file.is_file():
            return file
    return None


def _from_colab(name: str) -> Path | None:
    """Ask Colab's page for the notebook, and return a copy of it; None if it does not answer."""
    try:
        page: Any = importlib.import_module("google.colab._message")
        answer = page.blocking_request("get_ipynb", request="", timeout_sec=30)
        text = json.dumps(answer["ipynb"])
        said = answer["ipynb"]["metadata"].get("colab", {}).get("name")
    except Exception:  # an interface that Colab may change
        return None
    called = re.sub(r"[^\w .()-]", "_", str(said or name))
    folder = Path(tempfile.mkdtemp(prefix="xaikit-"))
    file = folder / (called if called.endswith(".ipynb") else f"{called}.ipynb")
    file.write_text(text, encoding="utf-8")
    return file
