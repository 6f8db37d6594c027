"""Which packages a task by hand does without: all that are installed, but for those it may use."""

from __future__ import annotations

from functools import cache

from xaikit.handin.packages import owners_of_packages, within_reach

BY_HAND = frozenset({"numpy", "torch", "matplotlib", "tqdm"})
"""Beside the standard library, what is within reach in every task by hand: what computes, and what
only shows something."""

_RUNNER = frozenset({"IPython", "ipykernel", "pip", "setuptools"})
"""What the program inside runs on, beside autograde itself, and what cells call to install more: it
says that there is no network."""


@cache
def out_of_reach(named: frozenset[str], never: tuple[str, ...]) -> tuple[str, ...]:
    """Return the packages to be hidden from a task by hand, by the names they are imported by.

    Within reach are the standard library, NumPy, torch, Matplotlib, tqdm, the packages that the
    task names, and what these require.

    Parameters
    ----------
    named
        Packages that the given cells import which the task needs.
    never
        Packages that the course keeps out of reach in any case.
    """
    kept = within_reach((BY_HAND | _RUNNER | named) - {*never})
    hidden = {
        package
        for package in owners_of_packages()
        if package.isidentifier()
        and not package.startswith("_")
        and package not in kept | {"autograde"}
    }
    return tuple(sorted(hidden | {*never}))
