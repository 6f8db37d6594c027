"""What can be chosen? An image, a method, its targets and options."""

from __future__ import annotations

import inspect
from dataclasses import dataclass

from xaikit.attribution.registry import METHODS
from xaikit.core.references import NAMED

BASELINES = (*NAMED, "blurred")
SEGMENTS = {"superpixels": "slic", "7 × 7 grid": "grid", "single pixels": None}


@dataclass(frozen=True)
class Choice:
    """What is to be shown: results are kept by it.

    Attributes
    ----------
    image
        Its place in the data.
    method
        As :func:`xaikit.explain` takes it.
    target
        A class, or None for the four targets of interest.
    baseline
        One of BASELINES: the method's, where it takes one, and the fill of the deletion curve.
    count
        Steps or samples, for methods that have them.
    segments
        One of SEGMENTS, for methods that have them.
    """

    image: int
    method: str
    target: int | None
    baseline: str
    count: int | None
    segments: str | None


def counted(method: str) -> tuple[str, int] | None:
    """Return the name and the default of the method's steps or samples, if it has them."""
    parameters = inspect.signature(METHODS[method].attribute).parameters
    for name in ("steps", "samples"):
        if name in METHODS[method].options and isinstance(parameters[name].default, int):
            return name, parameters[name].default
    return None
