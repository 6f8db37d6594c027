"""What an attack returns: the changed inputs, and whether each one succeeds."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, repr=False)
class Attack:
    """Adversarial inputs of one method for N inputs.

    Attributes
    ----------
    adversarial
        (N, *shape), in [0, 1]: the attacked inputs; where the attack failed, its best try.
    success
        (N,) boolean: the prediction is the wanted class or, without one, another than the label.
        An input that was misclassified before counts, and stays as it is (but for
        ``universal_patch``, which every image wears): ``1 − success.mean()`` is the robust
        accuracy. So does an input that the model sees as its target before, be that the label:
        to measure a targeted attack, leave the target's own images out.
    predicted
        (N,) classes of the adversarial inputs.
    mask
        (N, *shape) boolean: where a change was allowed. Elsewhere the inputs are untouched.
    distance
        (N,) size of the change in ``norm``.
    norm
        ``"inf"``: the largest change of a feature; ``"2"``: the Euclidean length of the change.
    method
        The method's name, as :func:`xaikit.attack` takes it.
    seconds
        Wall-clock time of the attack.

    Examples
    --------
    >>> import torch
    >>> from xaikit import attack
    >>> model = torch.nn.Linear(2, 2, bias=False)
    >>> _ = torch.nn.init.eye_(model.weight)  # the larger input wins
    >>> inputs = torch.tensor([[0.6, 0.5], [0.9, 0.1]])
    >>> result = attack(model, inputs, torch.tensor([0, 0]), "fgsm", epsilon=0.125)
    >>> result.success, result.predicted
    (tensor([ True, False]), tensor([1, 0]))
    """

    adversarial: Tensor
    success: Tensor
    predicted: Tensor
    mask: Tensor
    distance: Tensor
    norm: str
    method: str
    seconds: float

    def __repr__(self) -> str:
        return (
            f"Attack({self.method}: {int(self.success.sum())} of {len(self.success)} succeed, "
            f"{self.seconds:.2f} s)"
        )
