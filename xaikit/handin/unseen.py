"""What does grading do without when it calls a function? Said before, by the function's text.

Hidden calls of a function by hand run where only some packages are within reach, and what given
cells made with others is not there. Release writes both down (:mod:`xaikit.handin.released`); here
a function's free names are held against it. The visible checks ask while a student works
(:mod:`xaikit.checks.visible`), and the look at a file asks before it is handed in
(:mod:`xaikit.handin.ready`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from xaikit.handin.code import taken
from xaikit.handin.packages import within_reach


@dataclass(frozen=True)
class ByHand:
    """Functions that grading calls where only some packages are within reach.

    Attributes
    ----------
    functions
        Their names.
    packages
        These packages, beside the standard library and what they require.
    names
        The given names that are not there then.
    """

    functions: tuple[str, ...]
    packages: frozenset[str]
    names: frozenset[str]

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> ByHand:
        """Return what :meth:`as_json` says."""
        names, packages = frozenset(entry["names"]), frozenset(entry["packages"])
        return cls(tuple(entry["functions"]), packages, names)

    def as_json(self) -> dict[str, list[str]]:
        """Return what :meth:`read` reads."""
        return {
            "functions": [*self.functions],
            "packages": sorted(self.packages),
            "names": sorted(self.names),
        }

    def missing(self, function: str, cells: Iterable[str]) -> list[str]:
        """Return what a function uses that grading does not have then.

        Parameters
        ----------
        function
            Its name.
        cells
            All cells that its author wrote, in their order: what the function calls there is read,
            too.
        """
        names, packages = taken(function, cells)
        others = packages - self.packages - sys.stdlib_module_names
        if others:
            others -= within_reach(self.packages)
        return sorted((names & self.names) | others)


def sentence(function: str, missing: Iterable[str]) -> str:
    """Say that a function uses what grading does not have."""
    return (
        f"`{function}` uses {', '.join(f'`{name}`' for name in missing)}, which grading does not "
        "have when it calls your function: take it from the arguments, or write it yourself."
    )
