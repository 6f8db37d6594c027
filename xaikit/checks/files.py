"""What a notebook's last cell asks: can the file be handed in, and does it run as in grading."""

from __future__ import annotations

import sys
from pathlib import Path

from xaikit.checks import rehearsal
from xaikit.checks.shown import said
from xaikit.checks.this_notebook import this_notebook
from xaikit.handin import ready


def upload(file: str) -> None:
    """Say whether a notebook file can be handed in: the right one, saved, all answers found.

    The last cell of every notebook calls it; ``python -m xaikit check FILE`` does the same. It
    looks at the file, not at what is on the screen, so save the notebook first.

    Parameters
    ----------
    file
        The notebook's file, such as ``01_theory.ipynb``.

    Examples
    --------
    >>> from xaikit import checks
    >>> checks.upload("01_theory.ipynb")  # where there is no such file
    ✗ There is no file '01_theory.ipynb' to look at here: save the notebook, or give the
    name under which it is saved.
    """
    path, remark = this_notebook(file)
    if remark:
        said(remark)
    if path is None:
        return
    session = sys.modules.get("IPython")
    shell = session.get_ipython() if session is not None else None
    names = dict(shell.user_ns) if shell is not None else {}
    ran = ready.last_run(names.get("In", []))
    verdict = ready.check(path, ran, kernel=frozenset(names), folder=Path.cwd())
    said(str(verdict))
    if verdict.upload is not None:
        said(f'– To run it as grading will, in a fresh process: checks.rehearse("{file}")')


def rehearse(file: str) -> None:
    """Run a notebook file as grading will: from the top, in a fresh process, without the checks.

    Your kernel and your file stay as they are. It takes about as long as *Run All*; interrupt it
    as any cell. ``python -m xaikit rehearse FILE`` does the same.

    Parameters
    ----------
    file
        The notebook's file, such as ``01_theory.ipynb``; save it first.

    Examples
    --------
    >>> from xaikit import checks
    >>> checks.rehearse("01_theory.ipynb")  # where there is no such file
    ✗ There is no file '01_theory.ipynb' to look at here: save the notebook, or give the
    name under which it is saved.
    """
    path, remark = this_notebook(file)
    if remark:
        said(remark)
    if path is not None:
        said(str(rehearsal.rehearse(path)))
