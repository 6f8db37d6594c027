"""Let packages that are out of reach by hand look as if they were not installed.

In their places lies :mod:`autograde.inside.out_of_reach`. Packages within reach ask whether others
are there before they use them; they must not find it. Import this module before them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

_STANDS_IN = Path(__file__).with_name("out_of_reach") / "__init__.py"


class Listed(PathFinder):
    """Finds what is within reach."""

    @classmethod
    def find_spec(
        cls,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return where a module is, or None if it is out of reach or not installed."""
        spec = super().find_spec(fullname, path, target)
        if path is None and spec is not None and spec.has_location and spec.origin is not None:
            try:
                if Path(spec.origin).samefile(_STANDS_IN):  # mounted in many places, it is one file
                    return None
            except OSError:
                return None
        return spec


sys.meta_path[:] = [Listed if finder is PathFinder else finder for finder in sys.meta_path]
