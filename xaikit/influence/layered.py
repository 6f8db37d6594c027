"""Gradients of each example from one backward pass: by what enters a layer and what leaves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaikit.core.autograd import transformed
from xaikit.core.passes import outputs
from xaikit.influence.problem import Loss
from xaikit.influence.rows import Dense, Factors, Parts

Passed = tuple[nn.Module, Tensor, Tensor]
"""A layer, what entered it, and what left it."""


@dataclass(frozen=True)
class Layered:
    """A model whose parameters all belong to linear layers and plain convolutions.

    The gradient of one example's loss by a linear layer's weights is the outer product of the
    loss's gradient by what leaves the layer and what enters it, which is never multiplied out; by
    a convolution's, the sum of such products over the places of the image. So one backward pass of
    the whole batch gives the gradients of each example. Goodfellow 2015, Efficient per-example
    gradient computations, arXiv:1510.01799, finds their lengths in this way.

    Attributes
    ----------
    model
        The model.
    layers
        Those that have parameters, in the order of these.
    """

    model: nn.Module
    layers: list[nn.Module]

    @classmethod
    def of(cls, model: nn.Module, names: list[str]) -> Layered | None:
        """Return the model by its layers, or None if it has parameters elsewhere."""
        owners = dict.fromkeys(name.rpartition(".")[0] for name in names)
        layers = [model.get_submodule(name) for name in owners]
        # A tied weight is a parameter once, under its first name, and lies in two layers.
        own = [
            f"{owner}.{kind}".lstrip(".")
            for owner, layer in zip(owners, layers, strict=True)
            for kind in ("weight", "bias")
            if layer._parameters.get(kind) is not None
        ]
        if names == own and all(_plain(layer) for layer in layers):
            return cls(model, layers)
        return None

    def rows(self, images: Tensor, labels: Tensor, loss: Loss) -> Parts | None:
        """Return each example's gradients, or None if a layer does not run exactly once."""
        passed: list[Passed] = []

        def note(layer: nn.Module, entered: tuple[Tensor, ...], left: Tensor) -> Tensor:
            if transformed(left):  # one example at a time: the layer does not see a batch
                return left
            if not left.requires_grad:
                left = left.detach().requires_grad_()
            passed.append((layer, entered[0].detach(), left))
            return left.clone()  # what follows may work in place

        hooks = [layer.register_forward_hook(note) for layer in self.layers]
        try:
            scores = outputs(self.model, images)
        finally:
            for hook in hooks:
                hook.remove()
        ran = {id(layer): (layer, entered, left) for layer, entered, left in passed}
        if len(passed) != len(self.layers) or len(ran) != len(self.layers):
            return None
        in_order = [ran[id(layer)] for layer in self.layers]
        if any(not _one_each(each, len(images)) for each in in_order):
            return None
        leaving = [left for _, _, left in in_order]
        slopes = torch.autograd.grad(loss(scores, labels).sum(), leaving, allow_unused=True)
        return Parts(
            tuple(
                part
                for (layer, entered, left), slope in zip(in_order, slopes, strict=True)
                for part in _by(layer, entered, torch.zeros_like(left) if slope is None else slope)
            )
        )


def _plain(layer: nn.Module) -> bool:
    """Return whether a layer computes what its type says, and one image does not need another."""
    if type(layer) is nn.Linear:
        return True
    return (
        type(layer) is nn.Conv2d
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
    )


def _one_each(passed: Passed, examples: int) -> bool:
    layer, entered, _ = passed
    return len(entered) == examples and entered.ndim == (2 if isinstance(layer, nn.Linear) else 4)


def _by(layer: Any, entered: Tensor, slope: Tensor) -> list[Dense | Factors]:
    """Return the gradients by a layer's weights, and its biases."""
    if isinstance(layer, nn.Linear):
        if layer.bias is None:
            return [Factors(entered, slope)]
        ones = entered.new_ones(len(entered), 1)
        return [Factors(torch.cat([entered, ones], 1), slope, apart=True)]
    seen = functional.unfold(
        entered, layer.kernel_size, layer.dilation, layer.padding, layer.stride
    )
    by_place = slope.flatten(2)
    weights = Dense((by_place @ seen.transpose(1, 2)).flatten(1))
    return [weights] if layer.bias is None else [weights, Dense(by_place.sum(2))]
