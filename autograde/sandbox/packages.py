"""Which packages a task by hand does without: all that are installed, but for those it may use."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata

_ALWAYS = ("numpy", "torch", "matplotlib", "tqdm")
"""Beside the standard library, what is within reach in every task by hand: what computes, and what
only shows something."""

_RUNNER = ("IPython", "ipykernel")
"""What the program inside runs on."""


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
    owners = metadata.packages_distributions()
    wanted = {*_ALWAYS, *_RUNNER, *named} - {*never}
    kept = _with_requirements(name for package in wanted for name in owners.get(package, ()))
    hidden = {
        package
        for package, distributions in owners.items()
        if package.isidentifier()
        and not package.startswith("_")
        and package != "autograde"
        and package not in sys.stdlib_module_names
        and kept.isdisjoint(map(_plain, distributions))
    }
    return tuple(sorted(hidden | {*never}))


def _with_requirements(distributions: Iterable[str]) -> frozenset[str]:
    """Return these distributions, and all that they require, optional features aside."""
    kept: set[str] = set()
    pending = [*distributions]
    while pending:
        name = _plain(pending.pop())
        if name in kept:
            continue
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # for another system
            continue
        kept.add(name)
        pending += [
            found[0]
            for line in required
            if "extra ==" not in line and (found := re.match(r"[\w.-]+", line))
        ]
    return frozenset(kept)


def _plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
