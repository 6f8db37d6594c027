"""Every method by its name, and options that make it quick."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from xaikit import methods
from xaikit.attribution.registry import METHODS

NAMES = [each.name for each in methods()]


def cheap(name: str, background: Tensor | None = None) -> dict[str, Any]:
    """Return options that make the method quick and that any input allows."""
    options = METHODS[name].options
    wanted = {"steps": 10, "samples": 20, "background": background}
    if name == "exemplar":
        assert background is not None
        wanted |= {"examples": background.repeat(5, *[1] * (background.ndim - 1))}
        # Classes in turn, so that each has an example whatever the targets.
        wanted |= {"labels": torch.arange(len(wanted["examples"])) % 5}
    return {option: value for option, value in wanted.items() if option in options}
