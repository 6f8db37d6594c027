"""Relevance through each layer as a dense matrix, by loops over its units: slow, and obvious."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

SETTINGS: list[dict[str, Any]] = [
    {"rule": "epsilon", "epsilon": 0.05},
    {"rule": "gamma", "gamma": 0.3, "epsilon": 0.01},
    {"rule": "alpha_beta", "alpha": 1.5, "epsilon": 0.01},
    {"rule": "z_plus", "epsilon": 0.01},
    {"rule": "composite", "epsilon": 0.01},
    {"rule": "w_square", "epsilon": 1e-12},
    {"rule": {"0": "z_box", nn.Linear: "epsilon", "": "gamma"}, "epsilon": 0.01, "gamma": 0.3},
    {"rule": {"0": "w_square", "9": "epsilon", nn.Linear: "z_plus", "": "alpha_beta"}},
]
"""Rules with their settings, as ``explain`` and :func:`slowly` take them."""


def shared(
    weights: Tensor,
    x: Tensor,
    bias: Tensor,
    relevance: Tensor,
    rule: str,
    epsilon: float = 1e-6,
    gamma: float = 0.25,
    alpha: float = 2.0,
) -> Tensor:
    """Share the relevance of units (J,) among inputs (I,): weights (J, I), by plain loops."""
    found = torch.zeros(len(x), dtype=x.dtype)
    for w, b, r in zip(weights, bias, relevance, strict=True):
        z = w * x
        if rule in ("w_square", "z_box"):  # of inputs in [0, 1]
            own = w**2 if rule == "w_square" else z - 1 * w.clamp(max=0)
            found += own / (own.sum() + epsilon) * r
            continue
        plus = sum(float(each) for each in [*z, b] if each > 0)
        minus = sum(float(each) for each in [*z, b] if each < 0)
        whole = plus + minus
        for i, each in enumerate(z.tolist()):
            if rule == "epsilon":
                share = each / (whole + (epsilon if whole >= 0 else -epsilon))
            elif rule in ("alpha_beta", "z_plus"):
                a = 1.0 if rule == "z_plus" else alpha
                share = a * max(each, 0) / (plus + epsilon)
                share -= (a - 1) * min(each, 0) / (minus - epsilon)
            else:
                sign = 1 if whole >= 0 else -1
                favoured = plus if sign > 0 else minus
                share = each * (1 + gamma if each * sign > 0 else 1)
                share /= whole + gamma * favoured + sign * epsilon
            found[i] += share * float(r)
    return found


@torch.no_grad()
def slowly(model: nn.Sequential, image: Tensor, target: int, settings: dict[str, Any]) -> Tensor:
    """Return the relevances of one image's features, each layer as a dense matrix."""
    x, steps = image[None], []
    for layer in model:
        steps.append((layer, x))
        x = layer(x)
    relevance = torch.zeros_like(x[0])
    relevance[target] = x[0, target]
    for layer, before in reversed(steps):
        if isinstance(layer, nn.ReLU | nn.Flatten):
            relevance = relevance.reshape(before[0].shape)
            continue
        matrix = torch.autograd.functional.jacobian(layer, before)
        matrix = matrix.reshape(relevance.numel(), before.numel())
        if isinstance(layer, nn.MaxPool2d):  # the winner takes it
            relevance = (matrix.T @ relevance.flatten()).view(before[0].shape)
            continue
        before = before.detach()
        bias = (layer(before).flatten() - matrix @ before.flatten()).detach()
        bias[bias.abs() < 1e-14] = 0  # a rounding error is no bias
        given = dict(settings)
        if given["rule"] == "composite":
            given["rule"] = "epsilon" if isinstance(layer, nn.Linear) else "z_plus"
        if isinstance(given["rule"], dict):
            place = str(list(model).index(layer))
            keys = (place, type(layer), "")
            given["rule"] = next(given["rule"][key] for key in keys if key in given["rule"])
        spread = shared(matrix, before.flatten(), bias, relevance.flatten(), **given)
        relevance = spread.view(before[0].shape)
    return relevance
