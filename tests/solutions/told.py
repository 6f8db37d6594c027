"""The numbers that a message tells, and those that anybody may know."""

from __future__ import annotations

import ast
import functools
import re

from tests.sheets import handed_out, source

_SHAPE = re.compile(r"should have shape .*?; yours has [^.]*\.")
# 12 of 30 is a count; 0.4172 or 5050 is a value.
_VALUE = re.compile(r"\d+\.\d+|\d{3,}")


def without_shapes(message: str) -> str:
    """Return what a message says besides the shapes that are due and there."""
    return _SHAPE.sub("", message)


def values(message: str) -> list[str]:
    """Return the numbers in a message that are no counts and no shapes."""
    return _VALUE.findall(without_shapes(message))


@functools.cache
def written_numbers(name: str) -> set[str]:
    """Return the numbers that stand in texts of a notebook's checks, or in the notebook."""
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in source(name).checks.files]
    texts = [n.value for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    public = "\n".join(cell.source for cell in handed_out(name).cells)
    return set(_VALUE.findall("\n".join([public, *(t for t in texts if isinstance(t, str))])))
