"""Which packages come with others: what a function by hand may import."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata


@cache
def within_reach(named: frozenset[str]) -> frozenset[str]:
    """Return the packages that these packages bring along, by the names they are imported by.

    Parameters
    ----------
    named
        Names by which packages are imported.

    Returns
    -------
    frozenset of str
        These names, the standard library's, and those of all that the packages require as they are
        installed here, optional features aside.
    """
    owners = owners_of_packages()
    kept = _with_requirements(name for package in named for name in owners.get(package, ()))
    brought = {
        p for p, distributions in owners.items() if not kept.isdisjoint(map(_plain, distributions))
    }
    return frozenset({*named, *sys.stdlib_module_names, *brought})


@cache
def owners_of_packages() -> Mapping[str, list[str]]:
    """Return the distributions that bring a package, by the name it is imported by."""
    return metadata.packages_distributions()  # looks at every file that is installed


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
