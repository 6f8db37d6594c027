"""Layers of networks that others made, wrapped or compiled: looked at, or one sentence.

The oracle is the same network, neither wrapped nor compiled.
"""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from xaikit import influence
from xaikit.concepts import dissect, maximise, probe, tcav
from xaikit.metrics import weight_randomisation

DRAW = torch.Generator().manual_seed(0)
IMAGES = torch.rand(40, 1, 12, 12, generator=DRAW)
LABELS = torch.arange(40) % 2
RANDOM = [torch.rand(10, 1, 12, 12, generator=DRAW) for _ in range(5)]


def network() -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(600, 20), nn.ReLU()),
        nn.Linear(20, 5),
    )


def asked(model: nn.Module, of: str) -> list[Tensor]:
    """Return numbers that each of the calls answers for a layer."""
    if of == "probe":
        found = probe(model, IMAGES, LABELS, layer="3").accuracy
        return [torch.tensor(each) for each in found.values()]
    if of == "tcav":
        found = tcav(model, IMAGES[:10], 1, IMAGES[10:20], RANDOM, layer="3")
        return [found.scores, found.random_scores, found.cavs["3"]]
    if of == "class":
        return [maximise(model, [0, 2], data=IMAGES, steps=2).images]
    if of == "unit":
        return [maximise(model, layer="3", unit=1, data=IMAGES, steps=2).images]
    return [dissect(model, IMAGES, {"bright": IMAGES[:, 0] > 0.5}, layer="0").iou]


CALLS = ["probe", "tcav", "class", "unit", "dissect"]
WRAPPED: dict[str, Callable[[nn.Module], Any]] = {
    "compile": torch.compile,
    "data parallel": nn.DataParallel,
    "both": lambda model: torch.compile(nn.DataParallel(model)),
}


@pytest.mark.parametrize("of", CALLS)
@pytest.mark.parametrize("kind", WRAPPED)
def test_what_is_wrapped_is_looked_at_itself(kind: str, of: str) -> None:
    found, expected = asked(WRAPPED[kind](network()), of), asked(network(), of)
    assert all(map(torch.equal, found, expected))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("of", CALLS)
@pytest.mark.parametrize("kind", ["script", "trace"])
def test_layers_that_torchscript_hides_are_said(kind: str, of: str) -> None:
    plain = network()
    model = torch.jit.script(plain) if kind == "script" else torch.jit.trace(plain, IMAGES[:2])
    if of == "class":  # asks no layer
        assert all(map(torch.equal, asked(model, of), asked(plain, of)))
        return
    with pytest.raises(ValueError, match="TorchScript") as raised:
        asked(model, of)
    assert re.fullmatch(r"[^\n]+[.]", str(raised.value))


@pytest.mark.filterwarnings("ignore")
def test_a_network_with_a_part_in_torchscript_is_copied() -> None:
    model = network()
    model[0] = torch.jit.script(model[0])
    model[3].bias.requires_grad_(False)
    asked_for = [each.requires_grad for each in model.parameters()]
    before = copy.deepcopy(network().state_dict())
    assert all(map(torch.equal, asked(model, "probe"), asked(network(), "probe")))
    found, expected = (
        influence(each, IMAGES, 0, (IMAGES, LABELS), "grad_cos").scores
        for each in (model, network())
    )
    torch.testing.assert_close(found, expected)
    weight_randomisation(model, IMAGES[:2], 0, "gradient")
    assert [each.requires_grad for each in model.parameters()] == asked_for
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


def test_a_class_that_no_gradient_reaches_from_a_layer_is_said() -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = network(), network()

        def forward(self, x: Tensor) -> Any:
            return self.one(x) + self.other(x.detach())

    with pytest.warns(UserWarning, match="no gradient reaches the inputs from there"):
        maximise(Cut(), 0, data=IMAGES, steps=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        maximise(network(), 0, data=IMAGES, steps=2)
