"""The cell for an appeal makes the very inputs that the hidden calls had."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from autograde.inside import wire
from autograde.inside.networks import Layer, Network
from autograde.reports.appeal import Row, cell_text, source, value_html
from autograde.sandbox.replies import Failed

RNG = np.random.default_rng(0)
VALUES = [
    (1, 2.5, True, None, "a 'text'\n", float("inf")),
    [np.float32(0.1), np.int64(3)],
    {"a": np.arange(6).reshape(2, 3), 2: (np.zeros((0, 3)),)},
    RNG.normal(size=(7, 30)).astype(np.float32),
    np.array([[1.0, np.nan], [-np.inf, 0.0]]),
    np.array(True),
    torch.tensor(RNG.normal(size=(3, 3, 20))),
    torch.tensor([1, 2, 3]),
]


def made(text: str) -> Any:
    space: dict[str, Any] = {}
    exec(f"{cell_text('x', 'n', 't', '', [])}\nvalue = {text}", space)
    return space["value"]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_come_back_to_the_bit(value: Any) -> None:
    assert wire.encode_arguments((made(source(value)),)) == wire.encode_arguments((value,))
    assert value_html(value)


def test_networks_come_back_as_students_get_them() -> None:
    layers = [*Network.random_convolutional(RNG, (1, 2), 8, 3).layers, Layer("softmax")]
    network = Network(
        [*layers[:1], Layer("leaky_relu", options={"negative_slope": 0.3}), *layers[2:]]
    )
    inputs = torch.tensor(RNG.normal(size=(2, 1, 8, 8)), dtype=torch.float32)
    again = made(source(network))
    assert not again.training
    assert torch.equal(again(inputs), network.module()(inputs))


def test_what_a_student_returned_cannot_act_on_the_page() -> None:
    assert "<b>" not in value_html("<b>x</b>") and "<b>" not in value_html(Failed("<b>"))
    row = Row("Call 1", (1,), np.array(2.0), np.array(5.0))
    assert row.apart == "3"
    assert Row("Call 1", (), np.zeros(2), Failed("It raised.")).apart == ""
