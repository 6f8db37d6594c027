"""What is it called? Methods and classes as figures write them."""

from __future__ import annotations

from collections.abc import Sequence

from xaikit.attribution.registry import METHODS


def title_of(method: str) -> str:
    """Return the method's name as papers write it; an unknown one stays as it is."""
    return METHODS[method].title if method in METHODS else method


def stacked_title(method: str) -> str:
    """Return the method's title in lines of one word."""
    return "\n".join(title_of(method).split())


def literal(name: str) -> str:
    """Return a name as matplotlib has to get it, so that it takes no part of it for mathematics."""
    return name.replace("$", r"\$")


def heading(
    target: int, classes: Sequence[str] | None, roles: Sequence[str] | None, place: int
) -> str:
    """Return what stands above a map: its class and, if given, the role of that target."""
    if classes is not None and target >= len(classes):
        raise ValueError(
            f"classes holds {len(classes)} names, but class {target} is shown: give a name for "
            f"each class of the model."
        )
    name = f"class {target}" if classes is None else literal(str(classes[target]))
    return name if roles is None else f"{roles[place]}:\n{name}"
