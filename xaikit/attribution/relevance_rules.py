"""How does a layer share relevance out? The rules of layer-wise relevance propagation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from xaikit.core.precision import range_rounding


class Layer(NamedTuple):
    """A linear function of the inputs that reached it: ``product(x, weight) + bias``.

    An average has no weight (None), only positive contributions of positive inputs. ``direct`` is
    the product's transpose, for a layer that has one of its own. ``ends`` are the least and the
    largest values that its inputs may have, each (n, *shape), where they are known.
    """

    product: Callable[[Tensor, Tensor | None], Tensor]
    weight: Tensor | None
    bias: Tensor
    direct: Callable[[Tensor, Part], Tensor] | None = None
    ends: tuple[Tensor, Tensor] | None = None

    def transposed(self, by: Tensor, part: Part) -> Tensor:
        """Return, for each input, the sum of ``by`` × weight over the units."""
        if self.direct is not None:
            return self.direct(by, part)
        with torch.enable_grad():
            free = torch.zeros_like(part.x).requires_grad_()
            return torch.autograd.grad(self.product(free, part.weight), free, by)[0]

    def signed(self, x: Tensor) -> tuple[list[Part], list[Part]]:
        """Return the factors of positive contributions, and of negative ones."""
        plus, minus = x.clamp(min=0), x.clamp(max=0)
        if self.weight is None:
            return [Part(plus, None)], [Part(minus, None)]
        up, down = self.weight.clamp(min=0), self.weight.clamp(max=0)
        positive, negative = [Part(plus, up)], [Part(plus, down)]
        if (minus != 0).any():  # not after a ReLU: half of the work
            positive.append(Part(minus, down))
            negative.append(Part(minus, up))
        return positive, negative

    def total(self, parts: list[Part]) -> Tensor:
        """Return each unit's sum of contributions."""
        sums = [self.product(part.x, part.weight) for part in parts]
        return torch.stack(sums).sum(0) if len(sums) > 1 else sums[0]


class Part(NamedTuple):
    """Contributions ``x × weight``, not yet summed for a unit."""

    x: Tensor
    weight: Tensor | None


Shares = list[tuple[Tensor, list[Part]]]
"""A unit's relevance goes to its inputs as factor × contribution, summed over these."""

Rule = Callable[[Layer, Tensor, Tensor], Shares]
"""From a layer, its inputs and its outputs to what each input's share is."""


def epsilon_rule(epsilon: float) -> Rule:
    """Return the rule zᵢ / (Σz + ε sign Σz)."""

    def rule(layer: Layer, x: Tensor, y: Tensor) -> Shares:
        return [(1 / torch.where(y >= 0, y + epsilon, y - epsilon), [Part(x, layer.weight)])]

    return rule


def alpha_beta_rule(alpha: float, epsilon: float, biased: bool = True) -> Rule:
    """Return the rule α zᵢ⁺ / Σz⁺ − (α − 1) zᵢ⁻ / Σz⁻, with the bias in the sums or without."""

    def rule(layer: Layer, x: Tensor, _: Tensor) -> Shares:
        positive, negative = layer.signed(x)
        bias = layer.bias if biased else torch.zeros_like(layer.bias)
        shares = [(alpha / (layer.total(positive) + bias.clamp(min=0) + epsilon), positive)]
        if alpha > 1:
            below = layer.total(negative) + bias.clamp(max=0) - epsilon
            shares.append(((1 - alpha) / below, negative))
        return shares

    return rule


def gamma_rule(gamma: float, epsilon: float) -> Rule:
    """Return the rule in which what has the sign of Σz counts 1 + γ times."""

    def rule(layer: Layer, x: Tensor, y: Tensor) -> Shares:
        positive, negative = layer.signed(x)
        above = layer.total(positive) + layer.bias.clamp(min=0)
        below = layer.total(negative) + layer.bias.clamp(max=0)
        # What has the sign of the output counts more, its bias included.
        up = torch.where(y >= 0, torch.full_like(y, 1 + gamma), torch.ones_like(y))
        divisor = torch.where(y >= 0, y + gamma * above + epsilon, y + gamma * below - epsilon)
        return [(up / divisor, positive), ((2 + gamma - up) / divisor, negative)]

    return rule


def square_rule(epsilon: float) -> Rule:
    """Return the rule wᵢ² / Σw²."""

    def rule(layer: Layer, x: Tensor, _: Tensor) -> Shares:
        weight = None if layer.weight is None else layer.weight.square()
        parts = [Part(torch.ones_like(x), weight)]
        return [(1 / (layer.total(parts) + epsilon), parts)]

    return rule


def box_rule(low: float, high: float, epsilon: float, called: str) -> Rule:
    """Return the rule zᴮ for inputs in [low, high]; ``called`` names the method in its error.

    A layer that knows its inputs' range has that one: [low, high] is then the model's inputs'.
    """

    def rule(layer: Layer, x: Tensor, _: Tensor) -> Shares:
        least, most = layer.ends or (torch.full_like(x, low), torch.full_like(x, high))
        spare = (most - least) * range_rounding(x.dtype)
        if not low < high or ((x < least - spare) | (x > most + spare)).any():
            normalised = bool((least != low).any() or (most != high).any())
            where = ", normalised by the model," if normalised else ""
            raise ValueError(
                f"{called} needs inputs in [low, high] = [{low:g}, {high:g}], but{where} they "
                f"reach from {float(x.min()):.4g} to {float(x.max()):.4g}: scale them, or give "
                f"their range as low= and high=."
            )
        x = x.clamp(least, most)
        parts = [Part(x, layer.weight)]
        if layer.weight is None:
            parts.append(Part(-least, None))
        else:
            parts.append(Part(-least, layer.weight.clamp(min=0)))
            parts.append(Part(-most, layer.weight.clamp(max=0)))
        total = layer.total(parts)
        # No contribution is below 0. Where all of them are 0, their sum is nothing but rounding,
        # which the division would make as large as the relevance: nothing is passed on there.
        sizes = [Part(x.abs(), None if w is None else w.abs()) for x, w in parts]
        rounding = 16 * torch.finfo(total.dtype).eps * layer.total(sizes)
        return [(torch.where(total > rounding, 1 / (total + epsilon), 0.0), parts)]

    return rule
