"""Networks of others, whose code goes its own ways: right, or one sentence.

The oracle is the same network written plainly.
"""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from chain import convolutional
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune
from wrong_values import CLASSES, IMAGES, MANY, NETWORK, called

from xaikit import attack, explain, influence
from xaikit.concepts import maximise
from xaikit.concepts.probes import with_random_weights
from xaikit.core.passes import frozen
from xaikit.metrics import weight_randomisation


class Behind(nn.Module):
    """The network behind a function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self.function = NETWORK, function

    def forward(self, x: Tensor) -> Any:
        return self.network(self.function(x))


def _by_data(x: Tensor) -> Tensor:
    x.data.mul_(0.5)
    return x


def _by_detached(x: Tensor) -> Tensor:
    x.detach().mul_(0.5)
    return x


def _without_grad(x: Tensor) -> Tensor:
    with torch.no_grad():
        x.mul_(0.5)
    return x


def _out(x: Tensor) -> Tensor:
    torch.mul(x, 0.5, out=x)
    return x


def _without_derivative(x: Tensor) -> Tensor:
    return x * 0.5 * torch.heaviside(x + 1, torch.ones(()))


UNFOLLOWED = {
    "data": (_by_data, "overwrites its inputs"),
    "detached": (_by_detached, "overwrites its inputs"),
    "no grad": (_without_grad, "overwrites its inputs"),
    "out": (_out, "cannot follow the model"),
    "derivative": (_without_derivative, "cannot follow the model"),
}


@pytest.mark.parametrize("kind", UNFOLLOWED)
def test_what_autograd_cannot_follow_is_said_and_outputs_are_enough(kind: str) -> None:
    function, says = UNFOLLOWED[kind]
    odd, plain = Behind(function).eval(), Behind(lambda x: x * 0.5).eval()
    for call in (
        lambda: explain(odd, IMAGES, 0, "gradient"),
        lambda: explain(odd, IMAGES, 0, "smoothgrad", samples=3),
        lambda: attack(odd, IMAGES, 0, "pgd", epsilon=0.1, steps=2),
        lambda: called("counterfactual", "wachter", model=odd),
        lambda: called("detect", "neural_cleanse", model=odd),
        lambda: maximise(odd, [0], data=MANY, steps=2),
    ):
        with pytest.raises(ValueError, match=says) as raised:
            call()
        assert re.fullmatch(r"[^\n]+[.]", str(raised.value))
    for name in ("lrp", "deep_taylor", "guided_backprop", "deeplift"):
        with pytest.raises(ValueError, match=r"[^\n]+[.]$"):
            explain(odd, IMAGES, 0, name)
    for name in ("occlusion", "lime"):
        expected = explain(plain, IMAGES, [[0, 3]] * 2, name).attributions
        torch.testing.assert_close(explain(odd, IMAGES, [[0, 3]] * 2, name).attributions, expected)


def _exported() -> nn.Module:
    rows = {0: torch.export.Dim("rows")}
    return torch.export.export(copy.deepcopy(NETWORK), (MANY[:4],), dynamic_shapes=(rows,)).module()


def _frozen_script() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.freeze(torch.jit.script(copy.deepcopy(NETWORK)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("made", [_exported, _frozen_script])
def test_a_module_without_modes_is_explained_as_it_is(made: Callable[[], nn.Module]) -> None:
    model = made()
    for name in ("gradient", "lime"):
        expected = explain(NETWORK, IMAGES, 1, name).attributions
        torch.testing.assert_close(explain(model, IMAGES, 1, name).attributions, expected)
    found = attack(model, IMAGES, 0, "pgd", epsilon=0.1, steps=3)
    expected = attack(NETWORK, IMAGES, 0, "pgd", epsilon=0.1, steps=3)
    torch.testing.assert_close(found.adversarial, expected.adversarial)
    whole = nn.Sequential(nn.Dropout(0.5), model)  # a part without modes, and one with
    torch.testing.assert_close(
        explain(whole, IMAGES, 1, "gradient").attributions,
        explain(NETWORK, IMAGES, 1, "gradient").attributions,
    )
    assert whole.training and whole[0].training


class Counting(nn.Module):
    """Counts its calls, in place and by new tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean()
        return x


def test_buffers_that_a_model_changes_come_back() -> None:
    counting = Counting()
    model = nn.Sequential(counting, *NETWORK).eval()
    own = dict(counting.named_buffers())
    for family, method in (("explain", "lime"), ("attack", "fgsm"), ("metric", "deletion")):
        called(family, method, model=model)
        assert int(counting.calls) == 0 and not counting.mean.any()
        assert all(each is own[name] for name, each in counting.named_buffers())
    with pytest.raises(KeyError), frozen(model.half()):
        model(IMAGES)
        raise KeyError
    assert counting.mean.dtype == torch.float16 and not counting.mean.any()
    model.float()  # which is the shared network, too


def _normed(network: nn.Sequential) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.utils.weight_norm(network[3])


HOOKED: dict[str, Callable[[nn.Sequential], Any]] = {
    "weight norm by hooks": _normed,
    "weight norm": lambda network: parametrizations.weight_norm(network[3]),
    "spectral norm by hooks": lambda network: nn.utils.spectral_norm(network[3]),
    "spectral norm": lambda network: parametrizations.spectral_norm(network[3]),
    "pruned": lambda network: prune.l1_unstructured(network[3], "weight", 0.3),
}


@pytest.mark.parametrize("kind", HOOKED)
def test_weights_that_a_layer_computes_are_randomised_and_copied(kind: str) -> None:
    model = convolutional(nn.MaxPool2d)
    HOOKED[kind](model)
    model.eval()
    model(IMAGES)  # it keeps its last weights, with their graph
    before, seen = copy.copy(model.state_dict()), model[:4](IMAGES).detach()
    fresh = with_random_weights(model, 0)
    again = fresh[:4](IMAGES).detach()
    # The convolution's bias is drawn again in any case: compare what does not depend on it.
    spread = (again - again.mean((0, 2, 3), keepdim=True)) - (
        seen - seen.mean((0, 2, 3), keepdim=True)
    )
    assert spread.abs().max() > 0.1 * seen.std()
    names, agreement = weight_randomisation(model, IMAGES, 1, "gradient")
    assert any(name.startswith("3") for name in names) and agreement[-1].abs().max() < 0.9
    plain = convolutional(nn.MaxPool2d)
    plain[3].weight.data = model[3].weight.detach().clone()
    for method in ("grad_cos", "tracin"):
        given = IMAGES, 0, (MANY, CLASSES), method
        torch.testing.assert_close(
            influence(model, *given).scores, influence(plain, *given).scores, rtol=1e-3, atol=1e-5
        )
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


class Loop(nn.Module):
    """A convolution that runs three times, or three of the same weights."""

    def __init__(self, own: bool) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.stem, again = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.steps = nn.ModuleList(copy.deepcopy(again) if own else again for _ in range(3))
        self.end = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for step in self.steps:
            x = step(functional.relu(x))
        return self.end(x.relu().mean((2, 3)))


def test_grad_cam_takes_the_last_run_of_a_convolution_that_runs_several_times() -> None:
    found, expected = (
        explain(Loop(own).eval(), IMAGES, [[0, 1, 2]] * 2, "grad_cam").attributions
        for own in (False, True)
    )
    torch.testing.assert_close(found, expected)
    assert expected.any()
