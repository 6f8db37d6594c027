"""How far is it? One bar of one kind, in notebooks and terminals, of which nothing stays behind."""

from __future__ import annotations

import html
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any
from weakref import ref

from tqdm import tqdm

_PATIENCE = 2
"""Seconds for which nobody needs a bar."""


class Bar(tqdm):  # type: ignore[misc] # tqdm has no types
    """A bar that appears after two seconds and vanishes at the end.

    In a notebook it is an output of its own, so that nothing is written to standard error, which
    notebooks show in red. A bar inside another one does not show: the outer one moves.

    Parameters
    ----------
    iterable
        What to loop over, if anything; else :meth:`update` moves the bar.
    desc
        What is going on.
    total
        How many there are, if the iterable does not know it.
    unit
        What is counted, in the plural.

    Examples
    --------
    >>> from xaikit.progress import Bar
    >>> sum(Bar(range(4), "adding"))
    6
    """

    monitor_interval = 0  # no thread beside ours

    def __init__(
        self,
        iterable: Iterable[Any] | None = None,
        desc: str | None = None,
        total: int | None = None,
        unit: str = "steps",
    ) -> None:
        shell = _kernel_shell()
        self._cell = None if shell is None else shell.execution_count
        self._output: Any = None
        outer = _OUTER.get()()
        # One of an earlier cell was interrupted, and will not move any more.
        moves = outer is not None and not outer.disable and outer._cell == self._cell
        self._outer = outer if moves else None
        super().__init__(
            iterable,
            desc,
            total,
            leave=False,
            unit=unit,
            delay=_PATIENCE,
            gui=moves or shell is not None,  # tqdm writes nothing to standard error
        )
        if not moves:
            _OUTER.set(ref(self))

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Show how far it is; a bar inside another shows that one, which has not stood still."""
        now = self._time()
        if self._outer is not None:
            self._outer.refresh()
        elif now < self.start_t + self.delay:
            return False
        elif not self.gui:
            super().display(msg, pos)
        elif self._output is None:
            from IPython.display import display

            self._output = display(self._shown(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._output.update(self._shown(), raw=True)
        self.last_print_t = now
        return True

    def close(self) -> None:
        """Let it vanish."""
        super().close()
        if self._output is not None:
            self._output.update({"text/html": "", "text/plain": ""}, raw=True)
            self._output = None

    def _shown(self) -> dict[str, str]:
        """Return the bar as HTML, in the page's own colours, and as text."""
        state = self.format_dict
        done, total, unit = state["n"], state["total"], state["unit"]
        what = html.escape(str(state["prefix"] or "working").removesuffix(": "))
        rate = state["rate"] or done / max(state["elapsed"], 1e-9)
        facts = [f"{done} {unit}" if total is None else f"{done} of {total} {unit}"]
        facts.append(f"{tqdm.format_interval(state['elapsed'])} so far")
        if total is not None and rate:
            facts.append(f"about {tqdm.format_interval((total - done) / rate)} left")
        if state["postfix"]:
            facts.append(str(state["postfix"]))
        length = "" if total is None else f' value="{done}" max="{total}"'
        markup = (
            f'<label>{what} <progress{length} style="width: 20em; max-width: 40%; vertical-align: '
            f'middle"></progress> {html.escape(", ".join(facts))}</label>'
        )
        return {"text/html": markup, "text/plain": str(self)}


def _nobody() -> None:
    return None


_OUTER: ContextVar[Any] = ContextVar("outer", default=_nobody)
"""Gives the bar that shows in this thread, if any."""


def _kernel_shell() -> Any:
    """Return the shell of the kernel that this process is, None if it is none."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell if hasattr(shell, "kernel") else None
