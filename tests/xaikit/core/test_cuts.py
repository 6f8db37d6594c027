"""A network of which no gradient comes back from a part: said; and straight-through parts are not.

The oracle is the slope by central differences, in double precision: it differs from the map where
a part is cut, and agrees where nothing is said although something is detached.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from wrong_values import called

from xaikit import attack, explain

IMAGES = torch.rand(2, 1, 12, 12, generator=torch.Generator().manual_seed(0))
SAYS = "no gradient reaches the inputs from there"


class Two(nn.Module):
    """Two convolutions, what a function makes of them, and a linear end."""

    def __init__(self, function: Callable[[Two, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.plain, self.end = nn.Conv2d(1, 2, 3, padding=1), nn.Linear(288, 5)
        self.table, self.scale = nn.Embedding(64, 12), nn.Parameter(torch.rand(2, 1, 1))
        self.normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 2, 3, padding=1))
        self.attention = nn.MultiheadAttention(12, 2, batch_first=True)
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.end(self.function(self, x).flatten(1))


def _without(net: Two, x: Tensor) -> Tensor:
    with torch.no_grad():
        h = net.a(x)
    return torch.tanh(net.b(h)) + net.plain(x)


def _by_numpy(net: Two, x: Tensor) -> Tensor:
    return torch.from_numpy(2 * net.a(x).detach().numpy()).to(x) + net.plain(x)


def _attended(net: Two, x: Tensor) -> Tensor:
    return net.plain(x) * net.attention(x[:, 0], x[:, 0], x[:, 0])[0].detach()[:, None]


CUT: dict[str, Callable[[Two, Tensor], Tensor]] = {
    "detach": lambda net, x: net.b(net.a(x).detach().tanh()) + net.plain(x),
    "detached inputs": lambda net, x: net.b(net.a(x.detach()).tanh()) + net.plain(x),
    "data": lambda net, x: net.a(x).data.tanh() + net.plain(x),
    "no_grad": _without,
    "item": lambda net, x: net.plain(x) * torch.tensor([[[[r.mean().item()]]] for r in net.a(x)]),
    "numpy": _by_numpy,
    "gate": lambda net, x: net.plain(x) * net.a(x).sigmoid().detach(),
    "direction": lambda net, x: functional.normalize(net.a(x), dim=1).detach() + net.plain(x),
    "functional": lambda net, x: (
        functional.conv2d(x.detach(), net.a.weight, padding=1) + net.plain(x)
    ),
    "product": lambda net, x: net.plain(x) + x.detach() @ net.table.weight[:12],
    "computed weight": lambda net, x: net.normed(x.detach()) + net.plain(x),
    "attention": _attended,
}
HARD: dict[str, Callable[[Two, Tensor], Tensor]] = {
    "round": lambda net, x: net.a((4 * x).round() / 4) + 0 * net.plain(x),
    "threshold": lambda net, x: net.a((x > 0.5).to(x)) + net.plain(x),
    "codes": lambda net, x: net.table((63 * x).long()).mean(-1) + net.plain(x),
}
"""Slopes are zero there, and the outputs depend on the inputs all the same."""


class Through(torch.autograd.Function):
    """Straight-through rounding, and a convolution that autograd does not see."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return functional.conv2d(x, weight, padding=1)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:  # type: ignore[override]
        return functional.conv_transpose2d(slope, ctx.saved_tensors[0], padding=1), None


def _rounded(h: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    return h + scale * (h.round() - h).detach()


def _centred(h: Tensor) -> Tensor:
    return (h - h.mean(1, keepdim=True).detach()) / (1 + h.std(1, keepdim=True).detach())


def _checkpointed(net: Two, x: Tensor) -> Tensor:
    return checkpoint(lambda y: net.b(net.a(y).tanh()), x, use_reentrant=False)  # type: ignore[no-any-return]


EXACT: dict[str, Callable[[Two, Tensor], Tensor]] = {
    "plain": lambda net, x: net.b(net.a(x).tanh()) + net.plain(x),
    "mask": lambda net, x: net.a(x) * (x > 0.5).detach() + net.plain(x),
    "hard gate": lambda net, x: net.plain(x) * (net.a(x) > 0),
    "hard route": lambda net, x: (
        net.plain(x) * (1 + net.a(x).flatten(1).argmax(1) % 2)[:, None, None, None]
    ),
    "not used": lambda net, x: (net.a(x).detach(), net.plain(x))[1],
    "times zero": lambda net, x: 0 * net.a(x).detach() + net.plain(x),
    "places": lambda net, x: net.plain(x) + net.table(torch.arange(12)),
    "function": lambda net, x: Through.apply(x, net.a.weight) + net.plain(x),
    "checkpoint": _checkpointed,
    "in place": lambda net, x: net.b(net.a(x).sigmoid_()).tanh_(),
    "vmap": lambda net, x: torch.func.vmap(lambda row: net.a(row[None])[0])(x),
    "call": lambda net, x: torch.func.functional_call(net.a, dict(net.a.named_parameters()), (x,)),
}
STRAIGHT: dict[str, Callable[[Two, Tensor], Tensor]] = {
    "inside": lambda net, x: net.b(_rounded(net.a(x))),
    "inputs": lambda net, x: net.a(_rounded(x)),
    "scaled": lambda net, x: _rounded(net.a(x), net.scale),
    "statistics": lambda net, x: _centred(net.a(x)),
}
"""Their slopes are meant to differ from the function's own."""


def said(model: nn.Module, x: Tensor, method: str = "gradient") -> tuple[Tensor, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = explain(model, x, 2, method).attributions
    return found, [str(each.message) for each in caught if SAYS in str(each.message)]


def differences(model: nn.Module, x: Tensor) -> Tensor:
    """Return the slopes (N, *shape) of class 2 by central differences."""
    steps = 1e-5 * torch.eye(x[0].numel()).to(x).view(-1, 1, *x.shape[1:])
    with torch.no_grad():
        rise = [(model(x + step) - model(x - step))[:, 2] / 2e-5 for step in steps]
    return torch.stack(rise, 1).view_as(x)


@pytest.mark.parametrize("kind", CUT)
def test_a_cut_part_is_said_and_the_map_is_that_of_the_rest(kind: str) -> None:
    model, x = Two(CUT[kind]).double().eval(), IMAGES.double()
    found, sentences = said(model, x)
    assert len(sentences) == 1 and re.fullmatch(r"[^\n]+[.]", sentences[0])
    true = differences(model, x)
    assert (found[:, 0] - true).norm() > 0.01 * true.norm()


@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("number", [1, 2])
def test_layers_behind_rounding_are_said(kind: str, number: int) -> None:
    model = Two(HARD[kind]).eval()
    assert len(said(model, IMAGES[:number])[1]) == 1
    with torch.no_grad():
        rest = Two(lambda net, x: net.plain(x)).eval()
        effect, other = (m(IMAGES.flip(-1)) - m(IMAGES) for m in (model, rest))
        assert (effect - other).abs().max() > 1e-4


@pytest.mark.parametrize("kind", EXACT)
def test_where_slopes_are_right_nothing_is_said(kind: str) -> None:
    model, x = Two(EXACT[kind]).double().eval(), IMAGES.double()
    found, sentences = said(model, x)
    assert not sentences
    torch.testing.assert_close(found[:, 0], differences(model, x), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("kind", STRAIGHT)
def test_straight_through_parts_raise_no_alarm(kind: str) -> None:
    assert not said(Two(STRAIGHT[kind]).eval(), IMAGES)[1]


@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "input_x_gradient"])
def test_each_gradient_method_says_so_once(method: str) -> None:
    assert len(said(Two(CUT["detach"]).eval(), IMAGES, method)[1]) == 1


@pytest.mark.parametrize("method", ["occlusion", "lime", "kernel_shap"])
def test_methods_of_outputs_say_nothing(method: str) -> None:
    assert not said(Two(CUT["detach"]).eval(), IMAGES, method)[1]


def test_searches_say_so_once_and_leave_the_model_as_it_was() -> None:
    model = Two(CUT["detach"]).train()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    for call in (
        lambda: attack(model, IMAGES, 0, "pgd", epsilon=0.1, steps=2),
        lambda: called("counterfactual", "wachter", model=model),
        lambda: called("detect", "neural_cleanse", model=model),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert len([each for each in caught if SAYS in str(each.message)]) == 1
    assert model.training and all(each.requires_grad for each in model.parameters())
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


def test_weights_outside_the_model_are_no_hiding_place() -> None:
    part = nn.Linear(12, 12)
    model = Two(lambda net, x: part(net.plain(x).detach()) + net.plain(x)).eval()
    assert len(said(model, IMAGES)[1]) == 1
