"""Networks and attributions as captum wants them, for notebook 01."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn


def layered(*parameters: Any) -> nn.Sequential:
    """Return a ReLU network from W1, b1, W2, b2, … in double precision."""
    modules: list[nn.Module] = []
    for W, b in zip(parameters[::2], parameters[1::2], strict=True):
        linear = nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
        linear.weight.data, linear.bias.data = torch.tensor(W), torch.tensor(b)
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1]).eval()


def attribute(explainer: Any, x: Any, target: int, **options: Any) -> np.ndarray:
    """Return captum's attribution of a single input."""
    inputs = torch.as_tensor(x)[None].clone().requires_grad_()
    return explainer.attribute(inputs, target=target, **options)[0].detach().numpy()
