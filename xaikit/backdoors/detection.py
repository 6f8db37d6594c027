"""What a detector returns: flagged or not, which class, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor


def times(logarithm: float) -> float:
    """Return how many times that is: e to it, infinite where a float cannot hold it."""
    try:
        return math.exp(logarithm)
    except OverflowError:
        return math.inf


@dataclass(frozen=True, repr=False)
class Detection:
    """One method's verdict on one model.

    Attributes
    ----------
    flagged
        Whether the method holds the model for tampered with: a score is above its threshold.
    target
        The class that triggered inputs would be taken for, or None if not flagged.
    score
        (classes,), larger is more suspicious; its meaning is the method's own.
    explanation
        One sentence: what was found, compared with what.
    example_score
        (N,) for methods that judge the examples, larger is more suspicious, else None.
    suspects
        (N,) boolean: the examples held for poisoned, else None.
    evidence
        What to look at, by name: inverted masks and patterns, embeddings, sizes.
    method
        The method's name, as :func:`xaikit.detect` takes it.
    seconds
        Wall-clock time of the search.

    Examples
    --------
    >>> import torch
    >>> from xaikit import detect
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 4, bias=False))
    >>> _ = torch.nn.init.ones_(network[1].weight)  # no class is preferred
    >>> verdict = detect(network, torch.rand(8, 1, 4, 4), method="mm_bd", steps=2)
    >>> verdict.flagged, verdict.target, verdict.score.shape
    (False, None, torch.Size([4]))
    """

    flagged: bool
    target: int | None
    score: Tensor
    explanation: str
    example_score: Tensor | None = None
    suspects: Tensor | None = None
    evidence: dict[str, Tensor] = field(default_factory=dict)
    method: str = ""
    seconds: float = 0.0

    def __repr__(self) -> str:
        verdict = f"flagged, target {self.target}" if self.flagged else "not flagged"
        return f"Detection({self.method}: {verdict}, {self.seconds:.2f} s)"
