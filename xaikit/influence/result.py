"""What a method returns: how much each training example counts for each asked one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from torch import Tensor

from xaikit.core.arguments import count


@dataclass(frozen=True, repr=False)
class Influence:
    """Scores of N training examples for M asked ones.

    Attributes
    ----------
    scores
        (M, N), on the model's device; positive for a *proponent*: training on it lowers the asked
        example's loss; negative for an *opponent*.
    method
        The method's name, as :func:`xaikit.influence` takes it.
    seconds
        Wall-clock time.
    details
        What else the method found out, by name: see its own documentation.

    Examples
    --------
    >>> import torch
    >>> from xaikit.influence import influence
    >>> model = torch.nn.Linear(1, 2, bias=False)
    >>> _ = torch.nn.init.zeros_(model.weight)
    >>> training = torch.tensor([[1.0], [2.0]]), torch.tensor([0, 1])
    >>> result = influence(model, torch.tensor([[1.0]]), torch.tensor([0]), training, "grad_dot")
    >>> result.scores, result.top(1)  # the example of the same class is the proponent
    (tensor([[ 0.5000, -1.0000]]), tensor([[0]]))
    """

    scores: Tensor
    method: str
    seconds: float
    details: Mapping[str, Tensor] = field(default_factory=lambda: MappingProxyType({}))

    def top(self, k: int = 10) -> Tensor:
        """Return the places (M, k) of the strongest proponents, the strongest first.

        Of equal scores the earlier example counts; k is at most N.
        """
        return self._places(k, True)

    def bottom(self, k: int = 10) -> Tensor:
        """Return the places (M, k) of the strongest opponents, the strongest first."""
        return self._places(k, False)

    def _places(self, k: int, descending: bool) -> Tensor:
        if (k := count(k, "k")) > self.scores.shape[1]:
            raise ValueError(
                f"k is {k}, but there are {self.scores.shape[1]} training examples: choose a "
                f"smaller one."
            )
        return self.scores.argsort(dim=1, descending=descending, stable=True)[:, :k]

    def __repr__(self) -> str:
        shape = " × ".join(map(str, self.scores.shape))
        return f"Influence({self.method}: scores {shape}, {self.seconds:.2f} s)"
