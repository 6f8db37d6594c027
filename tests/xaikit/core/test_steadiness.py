"""Models whose outputs depend on the batch or on chance: found by a probe, and said once."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from chain import convolutional
from torch import Tensor, nn
from torch.nn import functional
from wrong_values import CLASSES, IMAGES, MANY, NETWORK, called

from xaikit import explain
from xaikit.attribution.registry import METHODS
from xaikit.data import ImageDataset
from xaikit.models import accuracy


class Amid(nn.Module):
    """The network with something amid its layers."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        layers = convolutional(nn.MaxPool2d)
        self.first, self.rest, self.function = layers[:4], layers[4:], function

    def forward(self, x: Tensor) -> Any:
        return self.rest(self.function(self.first(x)))


class Counting(nn.Module):
    """Keeps a state from call to call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x / self.calls


class Recurrent(nn.Module):
    """Carries on where its last call ended."""

    def __init__(self) -> None:
        super().__init__()
        self.last: Tensor | float = 0.0

    def forward(self, x: Tensor) -> Tensor:
        x = x + 0.5 * self.last
        self.last = x.detach().mean()
        return x


BATCH: dict[str, Callable[[], nn.Module]] = {
    "BatchNorm2d": lambda: Amid(nn.BatchNorm2d(6, track_running_stats=False)),
    "functional": lambda: Amid(lambda x: functional.batch_norm(x, None, None, training=True)),
    "mean": lambda: Amid(lambda x: x - x.mean(0)),
    "largest": lambda: Amid(lambda x: x / x.abs().max()),
    "softmax": lambda: Amid(lambda x: x.softmax(0)),
    "neighbour": lambda: Amid(lambda x: x + x.roll(1, 0)),
}
CHANCE: dict[str, Callable[[], nn.Module]] = {
    "dropout": lambda: Amid(functional.dropout),
    "dropout2d": lambda: Amid(lambda x: functional.dropout2d(x, 0.3)),
    "noise": lambda: Amid(lambda x: x + 0.05 * torch.randn_like(x)),
    "multiplied": lambda: Amid(lambda x: x * (1 + 0.1 * torch.rand(len(x), 1, 1, 1))),
    "counter": lambda: Amid(Counting()),
    "recurrent": lambda: Amid(Recurrent()),
}
PAIRED = ("deeplift", "deep_shap")


@pytest.mark.parametrize(
    ("kind", "number"),
    # One bright input is the largest of every batch that is made for it.
    [(kind, n) for kind in (*BATCH, *CHANCE) for n in (1, 2) if (kind, n) != ("largest", 1)],
)
def test_every_kind_is_found(kind: str, number: int) -> None:
    torch.manual_seed(0)
    x = IMAGES[:number]
    if kind in BATCH:
        with pytest.raises(ValueError, match="depend on the other inputs of its batch"):
            explain(BATCH[kind](), x, 0, "gradient")
    else:
        with pytest.warns(UserWarning, match="same inputs change from call to call"):
            explain(CHANCE[kind](), x, 0, "gradient")


def test_two_equal_inputs_are_no_hiding_place() -> None:
    with pytest.raises(ValueError, match="depend on the other inputs"):
        explain(BATCH["BatchNorm2d"](), IMAGES[:1].repeat(2, 1, 1, 1), 0, "gradient")


def test_batch_statistics_that_a_single_input_does_not_have_are_found() -> None:
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(144, 8), nn.BatchNorm1d(8, track_running_stats=False)
    )
    for number in (1, 2):
        with pytest.raises(ValueError, match=r"depend on the other inputs of its batch[^\n]*\.$"):
            explain(model, IMAGES[:number], 0, "gradient")


@pytest.mark.parametrize("name", METHODS)
def test_explain_warns_or_refuses_once(name: str) -> None:
    with pytest.raises(ValueError, match=f"so what {name} finds would mean nothing") as raised:
        called("explain", name, model=BATCH["BatchNorm2d"]())
    assert re.fullmatch(r"[^\n]+[.]", str(raised.value))
    torch.manual_seed(0)
    model = CHANCE["noise"]()
    if name in PAIRED:
        with pytest.raises(ValueError, match="change from call to call"):
            called("explain", name, model=model)
        return
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        called("explain", name, model=model)
    assert len([each for each in said if "from call to call" in str(each.message)]) == 1


@pytest.mark.parametrize("kind", ["batch", "chance"])
@pytest.mark.parametrize(
    ("family", "method"),
    [
        ("attack", "fgsm"),
        ("detect", "neural_cleanse"),
        ("counterfactual", "wachter"),
        ("metric", "deletion"),
        ("metric", "infidelity"),
    ],
)
def test_searches_and_metrics_warn_once(family: str, method: str, kind: str) -> None:
    torch.manual_seed(0)
    model = BATCH["mean"]() if kind == "batch" else CHANCE["dropout"]()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        called(family, method, model=model)
    says = "other inputs of its batch" if kind == "batch" else "from call to call"
    assert len([each for each in said if says in str(each.message)]) == 1


def test_accuracy_says_so_too() -> None:
    data = ImageDataset(MANY.clone(), CLASSES.clone(), [*"abcde"])
    with pytest.warns(UserWarning, match="batch.*so does the accuracy"):
        accuracy(BATCH["mean"](), data)


def ruling_out(x: Tensor) -> Tensor:
    return x.masked_fill(torch.arange(x.shape[1]) == 3, -torch.inf)


@pytest.mark.parametrize(
    "model",
    [
        NETWORK,
        Amid(nn.BatchNorm2d(6)),
        Amid(nn.Dropout(0.5)),
        Amid(nn.GroupNorm(2, 6)),
        nn.Sequential(NETWORK, nn.Softmax(1)),
    ],
    ids=["network", "batch norm", "dropout", "group norm", "softmax"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_ordinary_models_raise_no_alarm(model: nn.Module, dtype: torch.dtype) -> None:
    model = model.to(dtype)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for number in (1, 2):
                explain(model, IMAGES[:number].to(dtype), 0, "occlusion", window=6)
    finally:
        model.float()


def test_the_probes_cost_one_further_pass_where_gradients_are_asked(
    network: nn.Module, images: Tensor
) -> None:
    passes: list[int] = []
    network.register_forward_pre_hook(lambda _, given: passes.append(len(given[0])))
    explain(network, images, 0, "gradient")
    assert passes == [1, 2, 1, 4]
    passes.clear()
    explain(network, images, 0, "occlusion")
    assert passes[:2] == [1, 2]
    passes.clear()
    explain(network, images[:1], 0, "gradient")
    assert passes == [2, 1, 1, 1]
