"""When is a counterfactual valid? A margin that is positive once the prediction is as wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from xaikit.core.options import share


@dataclass(frozen=True)
class Validity:
    """The target is the most likely class, and its probability is as wanted.

    Attributes
    ----------
    probability
        p', the target's probability wanted, in [0, 1].
    tolerance
        Greater than 0: |p − p'| may be as large. 1 leaves only the demand that the target is the
        most likely class.
    exclusive
        Whether the classes exclude one another, so that their probabilities add up to one (a
        softmax), or each has its own (a sigmoid).
    """

    probability: float
    tolerance: float
    exclusive: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "probability", share(self.probability, "probability"))
        if not self.tolerance > 0:
            raise ValueError(f"tolerance has to be greater than 0, not {self.tolerance!r}.")

    @property
    def depth(self) -> float:
        """The margin to aim for: an eighth of the interval's width, at most 0.05."""
        return min(0.05, (self._high - self._low) / 8)

    @property
    def brake(self) -> float:
        """The width of the margin, below its aim, over which the validity term fades out.

        Long where the interval has an upper end, which a push would overshoot; else it only costs
        precision.
        """
        return 0.05 if self._high == math.inf else 1.0

    @property
    def _low(self) -> float:
        return _log_odds(self.probability - self.tolerance)

    @property
    def _high(self) -> float:
        return _log_odds(self.probability + self.tolerance)

    def margins(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Return (n,) how far logits (n, classes) are inside: at least 0 where they are valid.

        The smallest of the lead over the other classes and the distances of the target's log-odds
        to both ends of the interval. Log-odds, because the probability itself is flat where the
        model is sure.
        """
        wanted = targets.unsqueeze(1)
        own = scores.gather(1, wanted).squeeze(1)
        others = scores.scatter(1, wanted, -torch.inf)
        margin = own - others.amax(1) - 1e-4  # ahead, not level
        log_odds = own - others.logsumexp(1) if self.exclusive else own
        if self._low > -math.inf:
            margin = torch.minimum(margin, log_odds - self._low)
        if self._high < math.inf:
            margin = torch.minimum(margin, self._high - log_odds)
        return margin


def _log_odds(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    return math.inf if probability >= 1 else math.log(probability / (1 - probability))
