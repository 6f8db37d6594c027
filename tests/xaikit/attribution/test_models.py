"""Models as strangers write them: every method is right about them, or refuses them by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from chain import Chain, convolutional
from torch import Tensor, nn
from torch.nn import functional

from xaikit import explain, methods

NAMES = [each.name for each in methods()]
BACKGROUND = torch.rand(6, 1, 12, 12, generator=torch.Generator().manual_seed(2))


def options(name: str) -> dict[str, Any]:
    """Return what the method needs, and little work."""
    record = next(each for each in methods() if each.name == name)
    wanted = {"steps": 8, "samples": 12, "background": BACKGROUND}
    if name == "exemplar":
        wanted |= {"examples": BACKGROUND, "labels": torch.arange(6) % 5}
    return {key: value for key, value in wanted.items() if key in record.options}


class Flattening(nn.Module):
    """The network with a flattening of one's choice."""

    def __init__(self, network: nn.Sequential, flatten: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.maps, self.flatten, self.head = network[:6], flatten, network[7:]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.flatten(self.maps(x)))


class Apart(nn.Module):
    """The network in blocks, as one attribute each, with dropout between them."""

    def __init__(self, network: nn.Sequential) -> None:
        super().__init__()
        self.block = nn.ModuleDict({"low": network[:3], "high": network[3:6]})
        self.rest, self.drop = network[6:], nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.drop(self.block["high"](self.block["low"](x))))


SPELLINGS: dict[str, Callable[[nn.Sequential], nn.Module]] = {
    "functional": lambda net: Chain(net, functional.relu),
    "reused": lambda net: Chain(net, nn.ReLU()),
    "in place": lambda net: Chain(net, nn.ReLU(inplace=True)),
    "torch_": lambda net: Chain(net, torch.relu_),
    "view": lambda net: Flattening(net, lambda x: x.view(x.size(0), -1)),
    "reshape": lambda net: Flattening(net, lambda x: x.reshape(len(x), 54)),
    "torch.flatten": lambda net: Flattening(net, lambda x: torch.flatten(x, 1)),
    "permuted twice": lambda net: Flattening(
        net, lambda x: x.permute(0, 2, 3, 1).permute(0, 3, 1, 2).flatten(1)
    ),
    "blocks in train mode": lambda net: Apart(net).train(),
    "functional pooling": lambda net: nn.Sequential(
        *[Pooling() if isinstance(each, nn.MaxPool2d) else each for each in net]
    ),
}


class Pooling(nn.Module):
    """Max pooling by its function."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(x, 2)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("name", NAMES)
def test_the_same_function_is_explained_alike(
    name: str, spelling: str, images: Tensor, targets: Tensor
) -> None:
    network = convolutional(nn.MaxPool2d)
    expected = explain(network, images, targets, name, **options(name)).attributions
    model = SPELLINGS[spelling](network)
    found = explain(model, images, targets, name, **options(name)).attributions
    # The outputs' rounding: kernel_shap's fit passes on a little more of it than other methods.
    assert (found - expected).abs().max() <= (
        4e-5 if name == "kernel_shap" else 1e-5
    ) * expected.abs().max()


class Residual(nn.Module):
    """Two convolutions, the second added to what the first found."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.last = nn.Linear(4 * 36, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.first(x))
        x = functional.relu(x + self.second(x))
        return self.last(functional.max_pool2d(x, 2).flatten(1))


def with_layers(*layers: nn.Module) -> Callable[[], nn.Module]:
    """Return a network with layers of one's choice after its first convolution."""
    return lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), *layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(144, 5)
    )


def normalised() -> nn.Module:
    """Return a network with batch normalisation whose statistics matter, in train mode."""
    model = with_layers(nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3))()
    model(torch.rand(16, 1, 12, 12) * 5)
    return model


ARCHITECTURES: dict[str, tuple[Callable[[], nn.Module], dict[str, str]]] = {
    "residual": (Residual, {}),
    "leaky": (with_layers(nn.LeakyReLU(0.2)), {"guided_backprop": "layer '1', LeakyReLU"}),
    "elu": (with_layers(nn.ELU(inplace=True)), {"guided_backprop": "layer '1', ELU"}),
    "batch norm": (normalised, {}),
}
EXACT = ("deeplift", "deep_shap", "kernel_shap")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", NAMES)
def test_another_function_is_explained_rightly_or_refused(
    name: str, architecture: str, images: Tensor, targets: Tensor
) -> None:
    build, refusals = ARCHITECTURES[architecture]
    torch.manual_seed(3)
    model = build().double()
    given = {
        key: value.double() if isinstance(value, Tensor) and value.is_floating_point() else value
        for key, value in options(name).items()
    }
    x, mode = images.double(), model.training
    before = {key: value.clone() for key, value in model.state_dict().items()}
    if name in refusals:
        with pytest.raises(ValueError, match=re.escape(refusals[name])) as raised:
            explain(model, x, targets, name, **given)
        assert re.fullmatch(r"[^\n]+", str(raised.value))
    else:
        found = explain(model, x, targets, name, **given).attributions
    assert model.training == mode
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    if name in refusals:
        return
    assert found.isfinite().all() and found.abs().max() > 0
    model.eval()
    scores = model(x).detach().gather(1, targets)
    start = BACKGROUND.double() if name == "deep_shap" else torch.zeros(1, 1, 12, 12).double()
    if name == "kernel_shap":
        start = BACKGROUND.double()
    if name in EXACT:
        change = scores - model(start).detach().mean(0)[targets]
        gap = (found.flatten(2).sum(2) - change).abs()
        assert (gap <= 1e-9 * found.abs().flatten(2).sum(2)).all()
    if name == "gradient":
        for feature in (0, 17, 77, 143):
            move = torch.zeros(144).double()
            move[feature] = 1e-6
            move = move.view(1, 12, 12)
            rise = (model(x + move) - model(x - move)).detach().gather(1, targets) / 2e-6
            torch.testing.assert_close(found.flatten(2)[:, :, feature], rise, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize(
    "name", [each.name for each in methods() if each.based_on in ("gradient", "relevance")]
)
def test_a_softmax_at_the_end_is_never_passed_over(name: str, images: Tensor) -> None:
    model = nn.Sequential(*convolutional(nn.MaxPool2d), nn.Softmax(dim=1))
    with pytest.warns(UserWarning, match="returns probabilities"):
        if name in ("deeplift", "deep_shap", "lrp", "deep_taylor"):
            with pytest.raises(ValueError, match="softmax"):
                explain(model, images, 0, name, **options(name))
        else:
            explain(model, images, 0, name, **options(name))
