"""What a method returns: attributions, and how far they can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from torch import Tensor


@dataclass(frozen=True, repr=False)
class Explanation:
    """Attributions of one method for N inputs and T targets each.

    Attributes
    ----------
    attributions
        (N, T, *shape), dtype and device of the inputs. Positive values speak for the target,
        negative ones against it.
    targets
        (N, T) classes that were explained.
    convergence_delta
        (N, T), the attributions' sum minus the change of the target's output that a complete
        method distributes (the sign is captum's); ``None`` for a method without that axiom.
    method
        The method's name, as :func:`xaikit.explain` takes it.
    seconds
        Wall-clock time of the explanation.
    details
        What else the method found out, by name: see its own documentation.
    options
        How :func:`xaikit.explain` was called, ``seed`` and ``chunk`` included, so that a metric can
        explain other inputs alike; ``None`` for attributions that it did not make.

    Examples
    --------
    >>> import torch
    >>> from xaikit import explain
    >>> model = torch.nn.Linear(2, 2, bias=False)
    >>> _ = torch.nn.init.ones_(model.weight)
    >>> result = explain(model, torch.tensor([[3.0, 4.0]]), 0, "input_x_gradient")
    >>> result.attributions, result.targets
    (tensor([[[3., 4.]]]), tensor([[0]]))
    """

    attributions: Tensor
    targets: Tensor
    convergence_delta: Tensor | None
    method: str
    seconds: float
    details: Mapping[str, Tensor] = field(default_factory=lambda: MappingProxyType({}))
    options: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        shape = " × ".join(map(str, self.attributions.shape))
        return f"Explanation({self.method}: attributions {shape}, {self.seconds:.2f} s)"
