"""Which arguments a function changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from autograde.inside.changed import changed_arguments
from autograde.inside.networks import Network
from autograde.inside.wire import decode_arguments, encode_arguments

NETWORK = Network.random(np.random.default_rng(0), (2, 3, 2))


def fill(x: Any) -> None:
    x[...] = 0


@pytest.mark.parametrize(
    ("arguments", "act", "places"),
    [
        ((np.ones(3), 2), lambda x, k: fill(x), [0]),
        ((2, torch.ones(3)), lambda k, x: x.mul_(2), [1]),
        ((np.ones(3), [torch.zeros(2), np.ones(1)]), lambda x, xs: fill(xs[1]), [1]),
        (({"a": np.ones(2)},), lambda d: d.update(b=1), [0]),
        (({"a": np.ones(2)},), lambda d: d.clear(), [0]),
        (([3, 1, 2],), lambda xs: xs.sort(), [0]),
        ((NETWORK, torch.ones(2)), lambda f, x: f[0].weight.data.zero_(), [0]),
        ((NETWORK, torch.ones(2)), lambda f, x: f.train(), []),
        ((NETWORK, torch.ones(2)), lambda f, x: f[1].register_forward_hook(print), [0]),
        ((NETWORK, torch.ones(2)), lambda f, x: f[1].register_forward_hook(print).remove(), []),
        ((NETWORK, torch.ones(2)), lambda f, x: f.register_full_backward_hook(print), [0]),
        ((NETWORK, torch.ones(1, 2)), lambda f, x: f(x.requires_grad_()).sum().backward(), []),
        ((np.array([np.nan, 1.0]), None, "text", True), lambda *_: None, []),
        ((np.ones(2), np.ones(2)), lambda x, y: (fill(x), fill(y)), [0, 1]),
        ((torch.ones(4),), lambda x: x.resize_(2), [0]),
    ],
)
def test_a_changed_argument_is_found(
    arguments: tuple[Any, ...], act: Callable[..., Any], places: list[int]
) -> None:
    sent = encode_arguments(arguments)
    received = decode_arguments(sent)
    act(*received)
    assert changed_arguments(sent, received) == places
