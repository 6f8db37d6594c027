"""What TCAV's runs give, whoever computes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Runs:
    """The runs of TCAV: each tells one set of images from another.

    Attributes
    ----------
    rising, falling
        (layers, runs), the share of images whose output rises, or falls, along the vector.
    accuracy
        (layers, runs), of the classifiers, each example left out once.
    cavs
        By layer, (kept runs, F) vectors of length 1.
    """

    rising: Tensor
    falling: Tensor
    accuracy: Tensor
    cavs: Mapping[str, Tensor]
