"""What surrounds a call: the caller's default device, and weights that no copy of a model has.

The oracle is the same call without a default device, and the same network with all its parts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from chain import convolutional
from torch import Tensor, nn
from wrong_values import CLASSES, IMAGES, MANY, called

from xaikit import explain, influence
from xaikit.backdoors import corner_square, poison
from xaikit.concepts import maximise, probe, tcav
from xaikit.core.copies import expect_own_weights
from xaikit.data import ImageDataset
from xaikit.metrics import mosaics, weight_randomisation

from .test_in_place import tensors


class Placing(nn.Module):
    """Makes a tensor of its own, on torch's default device."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = convolutional(nn.MaxPool2d)

    def forward(self, x: Tensor) -> Any:
        return self.layers(x * torch.linspace(0.5, 1, 12))


@contextmanager
def default_device(name: str) -> Iterator[None]:
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


# Of a machine without CUDA, "cuda" is a device that does not exist.
ELSEWHERE = ["meta", *([] if torch.cuda.is_available() else ["cuda"])]
CALLS = [
    *(("explain", name) for name in ("kernel_shap", "occlusion", "smoothgrad", "exemplar")),
    *(("attack", name) for name in ("pgd", "apgd", "patch")),
    *(("detect", name) for name in ("neural_cleanse", "activation_clustering")),
    *(("influence", name) for name in ("grad_cos", "trak")),
    *(("metric", name) for name in ("deletion", "infidelity", "weight_randomisation")),
    ("counterfactual", "wachter"),
]


@pytest.mark.parametrize("device", ELSEWHERE)
@pytest.mark.parametrize(("family", "method"), CALLS, ids=str)
def test_the_default_device_changes_nothing(family: str, method: str, device: str) -> None:
    model = Placing().eval()
    expected = called(family, method, model=model)
    with default_device(device):
        found = called(family, method, model=model)
    for one, other in zip(tensors(found), tensors(expected), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("device", ELSEWHERE)
def test_neither_do_data_triggers_and_concepts_depend_on_it(device: str) -> None:
    model, data = Placing().eval(), ImageDataset(MANY, CLASSES, [*"ab"])
    random = [MANY[k : k + 12] for k in range(0, 15, 3)]

    def asked() -> list[Any]:
        return [
            poison(data, corner_square((1, 12, 12)), 0, 0.2).images,
            mosaics(MANY, CLASSES, 2).images,
            maximise(model, [0], data=MANY, steps=2),
            probe(model, data, layer="layers.0"),
            tcav(model, MANY[:10], 1, MANY[:12], random, layer="layers.0"),
        ]

    expected = asked()
    with default_device(device):
        found = asked()
    for one, other in zip(tensors(found), tensors(expected), strict=True):
        assert torch.equal(one, other)
    assert [str(each) for each in found[2:]] == [str(each) for each in expected[2:]]


def test_a_model_without_values_is_said() -> None:
    model = nn.Linear(4, 2, device="meta")
    with pytest.raises(ValueError, match="weight has no values, because it is on the device meta"):
        explain(model, torch.rand(2, 4), 0, "gradient")


class Behind(nn.Module):
    """A linear end behind a function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.end = function, nn.Linear(144, 5)

    def forward(self, x: Tensor) -> Any:
        return self.end(self.function(x.flatten(1)))


def _closure(part: nn.Module) -> nn.Module:
    return Behind(lambda x: part(x))


def _partial(part: nn.Module) -> nn.Module:
    return Behind(functools.partial(lambda by, x: by(x), part))


def _default(part: nn.Module) -> nn.Module:
    return Behind(lambda x, by=part: by(x))


def _attribute(part: nn.Module) -> nn.Module:
    def function(x: Tensor) -> Tensor:
        found: Tensor = function.part(x)  # type: ignore[attr-defined]
        return found

    function.part = part  # type: ignore[attr-defined]
    return Behind(function)


def _hook(part: nn.Module) -> nn.Module:
    model = Behind(lambda x: x)
    model.end.register_forward_pre_hook(lambda _, given: (part(given[0]),))
    return model


def _in_a_list(part: nn.Module) -> nn.Module:
    model = _closure(nn.Identity())
    model.parts = [part]
    model.function = lambda x: model.parts[0](x)  # type: ignore[index, operator]
    return model


def _parameter(part: nn.Module) -> nn.Module:
    weight = next(part.parameters())
    return Behind(lambda x: x @ weight)


def _frozen(part: nn.Module) -> nn.Module:
    return _closure(part.requires_grad_(False))


HIDING = [_closure, _partial, _default, _attribute, _hook, _in_a_list, _parameter, _frozen]


@pytest.mark.parametrize("hiding", HIDING)
def test_weights_that_no_copy_has_are_said_and_stay(hiding: Callable[..., nn.Module]) -> None:
    torch.manual_seed(0)
    part = nn.Linear(144, 144)
    before, model = part.weight.detach().clone(), hiding(part).eval()
    for call in (
        lambda: weight_randomisation(model, IMAGES, 0, "gradient"),
        lambda: probe(model, MANY, CLASSES, layer="end"),
        lambda: influence(model, IMAGES, 0, (MANY, CLASSES), "grad_dot"),
    ):
        with pytest.raises(ValueError, match="is no part of it") as raised:
            call()
        assert re.fullmatch(r"[^\n]+[.]", str(raised.value))
    assert torch.equal(part.weight, before)
    # What needs no copy is answered: the function is the same, its weights just lie elsewhere.
    assert explain(model, IMAGES, 0, "gradient").attributions.isfinite().all()


def test_a_model_with_all_its_parts_is_copied() -> None:
    part = nn.Linear(144, 144)
    model = _closure(part)
    model.part = part
    shared = nn.Sequential(nn.Flatten(), part, nn.ReLU(), part)  # one part that runs twice
    for each in (model, shared, torch.nn.DataParallel(model)):
        expect_own_weights(each, IMAGES)


@pytest.mark.parametrize("turn", ["transpose", "squeeze", "unsqueeze", "swapaxes"])
@pytest.mark.parametrize("method", ["lrp", "deep_taylor", "guided_backprop"])
def test_what_turns_a_tensor_in_place_overwrites_nothing(method: str, turn: str) -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(144, 6), nn.ReLU(), nn.Linear(6, 3))
    where = {"transpose": (2, 3), "swapaxes": (2, 3), "squeeze": (1,), "unsqueeze": (1,)}[turn]

    class Turned(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.layers, self.name = layers, name

        def forward(self, x: Tensor) -> Any:
            return self.layers(getattr(x, self.name)(*where).reshape(len(x), -1))

    found, expected = (
        explain(Turned(name).eval(), IMAGES, [[0, 2]] * 2, method).attributions
        for name in (f"{turn}_", turn)
    )
    assert torch.equal(found, expected) and expected.any()


class Affine(nn.Module):
    """Batch normalisation as torchvision's FrozenBatchNorm2d writes it."""

    def __init__(self, normal: nn.BatchNorm2d, less: bool) -> None:
        super().__init__()
        scale = normal.weight.detach() * (normal.running_var + normal.eps).rsqrt()
        shift = normal.bias.detach() - normal.running_mean * scale
        self.scale, self.shift, self.less = scale.view(1, -1, 1, 1), shift.view(-1, 1, 1), less

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale - (-self.shift) if self.less else self.scale * x + self.shift


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("rule", ["epsilon", "composite", "gamma", "alpha_beta"])
def test_lrp_knows_batch_normalisation_written_as_arithmetic(rule: str, first: bool) -> None:
    torch.manual_seed(0)
    normal = nn.BatchNorm2d(3)
    for each in (normal.weight, normal.bias, normal.running_mean):
        nn.init.normal_(each)
    before = [] if first else [nn.Conv2d(2, 3, 3), normal]
    images = torch.rand(2, 3 if first else 2, 8, 8).double()
    after = [normal, nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3)]
    layers = [nn.ReLU(), *after] if first else [before[0], *after]

    def network(normal: nn.Module) -> nn.Module:
        model = nn.Sequential(*(normal if isinstance(x, nn.BatchNorm2d) else x for x in layers))
        return model.double().eval()

    plain = network(normal)
    plain(images)
    expected = explain(plain, images, [[0, 2]] * 2, "lrp", rule=rule).attributions
    for less in (False, True):
        found = explain(network(Affine(normal, less)), images, [[0, 2]] * 2, "lrp", rule=rule)
        torch.testing.assert_close(found.attributions, expected)
