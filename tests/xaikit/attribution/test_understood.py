"""What a method cannot see or does not know is never passed over: right, or refused by name.

The oracle of what is right is the same network as a plain chain of modules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from chain import convolutional
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from xaikit import explain

WATCHING = ("guided_backprop", "lrp", "deep_taylor", "deeplift")


class Rectified(torch.autograd.Function):
    """A ReLU that no watched function computes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.on = x > 0
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        on: Tensor = ctx.on
        return slopes[0] * on


class Calls(nn.Module):
    """A function of one's choice as a layer."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


class Unbatched(nn.Module):
    """A module that takes one example."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Any:
        return self.inner(x[None])[0]


def block() -> nn.Sequential:
    """Return the first layers of the network."""
    return convolutional(nn.MaxPool2d)[:6]


def with_block(changed: nn.Module) -> nn.Sequential:
    """Return the network with its first layers changed."""
    return nn.Sequential(changed, *convolutional(nn.MaxPool2d)[6:]).eval()


def traced(module: nn.Module) -> nn.Module:
    """Return what torch.jit.trace makes of the first layers."""
    made: nn.Module = torch.jit.trace(module, torch.rand(2, 1, 12, 12))
    return made


def scripted(module: nn.Module) -> nn.Module:
    """Return what torch.jit.script makes of a module."""
    made: nn.Module = torch.jit.script(module)
    return made


UNSEEN: dict[str, Callable[[], nn.Module]] = {
    "traced": lambda: with_block(traced(block())),
    "traced whole": lambda: traced(convolutional(nn.MaxPool2d)),
    "scripted": lambda: with_block(scripted(block())),
    "function": lambda: with_block(nn.Sequential(block()[0], Calls(Rectified.apply), *block()[2:])),
    "checkpoint": lambda: with_block(Calls(partial(checkpoint, block(), use_reentrant=False))),
    "reentrant checkpoint": lambda: with_block(
        Calls(partial(checkpoint, block(), use_reentrant=True))
    ),
    "vmap": lambda: with_block(Calls(torch.vmap(Unbatched(block())))),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("unseen", UNSEEN)
@pytest.mark.parametrize("name", [*WATCHING, "gradient", "grad_cam"])
def test_code_that_no_watch_sees_is_never_passed_over(
    name: str, unseen: str, images: Tensor, targets: Tensor, network: nn.Module
) -> None:
    model = UNSEEN[unseen]()
    expected = explain(network, images, targets, name).attributions
    try:
        found = explain(model, images, targets, name).attributions
    except ValueError as error:
        assert re.fullmatch(r"[^\n]+[.]", str(error)), error
        if name == "gradient":
            assert unseen == "reentrant checkpoint" and "use_reentrant=False" in str(error)
        return
    assert name not in ("guided_backprop", "lrp", "deep_taylor")
    torch.testing.assert_close(found, expected)


GATES: dict[str, Callable[[Tensor], Any]] = {
    "glu": lambda x: functional.glu(torch.cat([x, x], 1), 1),
    "softshrink": nn.Softshrink(0.01),
    "mask": lambda x: x * (x > 0),
    "mask as floats": lambda x: (x > 0).float().mul(x),
    "sign": lambda x: x * x.detach().sign(),
    "sigmoid of a copy": lambda x: x * torch.sigmoid(x.detach()),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0.0),
    "masked_fill_": lambda x: x.clone().masked_fill_(x < 0, 0.0),
    "written": lambda x: _written(x),
    "index": lambda x: torch.stack([each[each.mean((1, 2)).argsort()] for each in x]),
    "square": lambda x: x**2,
    "times itself": lambda x: x * x,
    "in place": lambda x: x.clone().mul_(x),
    "quotient": lambda x: 1 / (2 + x),
    "normalised": lambda x: x / x.flatten(1).norm(dim=1).view(-1, 1, 1, 1),
    "product": lambda x: torch.einsum("nchw,nchw->nchw", x, x),
    "attention": lambda x: (x.flatten(2) @ x.flatten(2).mT @ x.flatten(2)).view_as(x),
    "maximum": lambda x: torch.stack([x, 0 * x]).amax(0),
    "straight through": lambda x: x + (x.relu() - x).detach(),
    "aten": lambda x: torch.ops.aten.relu.default(x),
    "recurrent": lambda x: RECURRENT(x.flatten(2))[0].view_as(x),
    "heads": lambda x: HEADS(*[x.flatten(2)] * 3)[0].view_as(x),
}
RECURRENT = nn.LSTM(36, 36, batch_first=True).eval()
HEADS = nn.MultiheadAttention(36, 1, batch_first=True).eval()


def _written(x: Tensor) -> Tensor:
    x = x.clone()
    x[x < 0] = 0.0
    return x


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("name", ["guided_backprop", "lrp", "deep_taylor"])
def test_a_gate_is_refused_by_name(name: str, gate: str, images: Tensor) -> None:
    layers = list(convolutional(nn.MaxPool2d))
    layers[3] = nn.Conv2d(4, 6, 3, padding=1)
    model = nn.Sequential(*layers[:4], Calls(GATES[gate]), *layers[5:]).eval()
    with pytest.raises(ValueError, match=r"\(layer '4.*\)|lstm|multi_head") as raised:
        explain(model, images, 0, name)
    assert re.fullmatch(r"[^\n]+[.]", str(raised.value))


class Residual(nn.Module):
    """A network with all that leaves slopes alone: sums, slices, scales, poolings, moves."""

    def __init__(self, relu: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.drop = nn.BatchNorm2d(4), nn.Dropout(0.3)
        self.last, self.relu = nn.Linear(4 * 36, 5), relu
        self.register_buffer("scale", torch.rand(4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = (x - 0.3) / 0.5
        y = self.relu(self.norm(self.first(x)))
        y = self.drop(self.relu(y + self.second(y) * self.scale))
        canvas = y.new_zeros(len(y), 4, 14, 14)
        canvas[:, :, 1:-1, 1:-1] = y
        left, right = (canvas[:, part, 1:-1, 1:-1] for part in (slice(2), slice(2, 4)))
        y = torch.cat([left.relu_() if self.relu is torch.relu_ else left, right], 1)
        y = functional.interpolate(functional.max_pool2d(y, 2), scale_factor=1.0)
        # A look at the values that no output depends on.
        if y.mean() > 1e6 or self.first(x).sigmoid().max() < 0:
            raise AssertionError
        return self.last(y.transpose(1, 2).transpose(1, 2).reshape(len(y), -1))


class _Guided(torch.autograd.Function):
    """Springenberg's rule, in place of every ReLU: the oracle of a graph of one's own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        found: Tensor = slopes[0].clamp(min=0) * (x > 0)
        return found


@pytest.mark.parametrize("relu", [torch.relu, torch.relu_], ids=["pure", "in place"])
def test_what_is_no_activation_passes_guided_backpropagation(
    relu: Callable[[Tensor], Tensor], images: Tensor, targets: Tensor
) -> None:
    x = images.clone().requires_grad_()
    oracle = Residual(_Guided.apply).eval()
    scores = oracle(x).gather(1, targets).sum(0)
    expected = [torch.autograd.grad(each, x, retain_graph=True)[0] for each in scores]
    found = explain(Residual(relu), images, targets, "guided_backprop").attributions
    torch.testing.assert_close(found, torch.stack(expected, 1))


@pytest.mark.parametrize("wrap", [nn.DataParallel, "compile"], ids=str)
def test_a_wrapped_model_is_explained_through_the_module_inside(
    wrap: Any, network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    if wrap == "compile":
        inner = nn.Sequential(torch.compile(network[:6]), *network[6:])
        models = [torch.compile(network, backend="eager"), inner]
    else:
        models = [wrap(network)]
    for name in (*WATCHING, "grad_cam"):
        expected = explain(network, images, targets, name).attributions
        for model in models:
            assert torch.equal(explain(model, images, targets, name).attributions, expected)
    rules = {"0": "z_plus", "": "epsilon"}
    expected = explain(network, images, targets, "lrp", rule=rules).attributions
    assert torch.equal(
        explain(models[0], images, targets, "lrp", rule=rules).attributions, expected
    )


def test_a_branch_that_reaches_no_output_is_no_obstacle(images: Tensor, network: Any) -> None:
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network, self.aside = network, nn.Conv2d(1, 2, 3)

        def forward(self, x: Tensor) -> Tensor:
            self.aside(x).sigmoid().square().mean()
            found: Tensor = self.network(x)
            return found

    for name in WATCHING[:3]:
        expected = explain(network, images, 1, name).attributions
        assert torch.equal(explain(Aside(), images, 1, name).attributions, expected)


@pytest.mark.parametrize("name", ["deeplift", "deep_shap"])
def test_deeplift_names_what_spoils_its_sum(name: str, images: Tensor) -> None:
    options = {"background": images[:2].flip(3)} if name == "deep_shap" else {}
    model = UNSEEN["function"]()
    with pytest.raises(ValueError, match=r"Rectified, computed by a torch[.]autograd"):
        explain(model, images, 0, name, **options)
    model = with_block(nn.Sequential(*block()[:4], Calls(lambda x: x * (x > 0)), block()[5]))
    with pytest.raises(ValueError, match=r"mul \(layer '0.4', Calls\)"):
        explain(model, images, 0, name, **options)
