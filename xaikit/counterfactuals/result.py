"""What a search for counterfactuals returns."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, repr=False)
class Counterfactuals:
    """Counterfactuals of one method for N inputs and T target classes each.

    Attributes
    ----------
    inputs
        (N, *shape), as they were given.
    counterfactuals
        (N, T, *shape), in [0, 1]: where none was found, the method's best try.
    found
        (N, T) boolean: the prediction is the target and as sure as the method asks; where the
        input is of that class already, it is found unchanged.
    predicted
        (N, T) classes of the counterfactuals, in the model's eyes.
    distance_l1, distance_l2
        (N, T): the sum of the absolute changes, and the Euclidean length of the change.
    targets
        (N, T) classes wanted.
    method
        The method's name, as :func:`xaikit.counterfactual` takes it.
    seconds
        Wall-clock time of the search.

    Examples
    --------
    >>> import torch
    >>> from xaikit import counterfactual
    >>> model = torch.nn.Linear(2, 2, bias=False)
    >>> _ = model.weight.data.copy_(10 * torch.eye(2))  # the larger input wins
    >>> result = counterfactual(model, torch.tensor([[0.6, 0.5]]), [[0, 1]], "wachter")
    >>> result.found, result.distance_l1[0, 0]  # class 0 is its class already: no change
    (tensor([[True, True]]), tensor(0.))
    """

    inputs: Tensor
    counterfactuals: Tensor
    found: Tensor
    predicted: Tensor
    distance_l1: Tensor
    distance_l2: Tensor
    targets: Tensor
    method: str
    seconds: float

    def __repr__(self) -> str:
        return (
            f"Counterfactuals({self.method}: {int(self.found.sum())} of {self.found.numel()} "
            f"found, {self.seconds:.2f} s)"
        )
