"""The libraries' own results under our names: as ours where both compute the same thing."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from xaikit import explain, methods

BANDS = (torch.arange(12) // 2).unsqueeze(1).expand(12, 12)
"""Six horizontal bands: 62 coalitions."""

# By method and library: options, the network, and how far both may be apart (of the largest value).
# Random draws differ but where library and method draw alike from one generator.
SAME: list[tuple[str, str, dict[str, Any], str]] = [
    ("gradient", "captum", {}, "network"),
    ("gradient", "zennit", {}, "network"),
    ("input_x_gradient", "captum", {}, "network"),
    ("guided_backprop", "captum", {}, "network"),
    ("guided_backprop", "zennit", {}, "network"),
    *(
        ("integrated_gradients", "captum", {"steps": steps, "baseline": 0.3}, "network")
        for steps in (1, 8, 50)
    ),
    ("integrated_gradients", "captum", {"steps": 4, "baseline": "background"}, "network"),
    ("grad_cam", "captum", {}, "network"),
    ("grad_cam", "captum", {"layer": 0}, "network"),
    *(
        ("occlusion", "captum", {"window": window, "stride": stride, "baseline": 0.2}, "network")
        for window, stride in ((4, 4), (3, 2), (5, 1))
    ),
    ("occlusion", "captum", {}, "network"),
    # captum's DeepLIFT misses completeness on max pooling; average pooling is common ground.
    ("deeplift", "captum", {"baseline": 0.3}, "averaging"),
    ("deep_shap", "captum", {"background": "background"}, "averaging"),
    ("deep_shap", "shap", {"background": "background"}, "averaging"),
    ("deep_shap", "shap", {"background": "background"}, "network"),
    ("kernel_shap", "shap", {"segments": BANDS, "samples": 62, "baseline": 0.2}, "network"),
    (
        "kernel_shap",
        "shap",
        {"segments": BANDS, "samples": 62, "background": "background"},
        "network",
    ),
    ("lime", "lime", {"segments": BANDS, "samples": 60, "baseline": 0.1}, "network"),
    ("lime", "lime", {"samples": 60, "kernel_width": 1.0}, "network"),
    ("lrp", "captum", {"epsilon": 1e-3}, "averaging"),
    *(
        ("lrp", "zennit", {"rule": rule}, "network")
        for rule in ("epsilon", "gamma", "alpha_beta", "z_plus", "w_square", "z_box", "composite")
    ),
    ("lrp", "zennit", {"rule": "gamma", "gamma": 1.0}, "averaging"),
    ("deep_taylor", "zennit", {}, "averaging"),
]
PAIRS = [(each.name, backend) for each in methods() for backend in each.backends[1:]]
pairs = pytest.mark.parametrize(("name", "backend"), PAIRS)


@pytest.mark.parametrize(("name", "backend", "options", "kind"), SAME)
def test_the_library_finds_what_we_find(
    name: str,
    backend: str,
    options: dict[str, Any],
    kind: str,
    images: Tensor,
    targets: Tensor,
    background: Tensor,
    request: pytest.FixtureRequest,
) -> None:
    network = request.getfixturevalue(kind)
    filled = {key: _filled(value, network, background) for key, value in options.items()}
    ours = explain(network, images, targets, name, **filled)
    theirs = explain(network, images, targets, name, backend=backend, **filled)
    assert theirs.attributions.shape == ours.attributions.shape
    largest = ours.attributions.abs().max()
    assert largest > 0
    assert (ours.attributions - theirs.attributions).abs().max() <= 1e-4 * largest
    if theirs.convergence_delta is not None and ours.convergence_delta is not None:
        gap = (ours.convergence_delta - theirs.convergence_delta).abs().max()
        assert gap <= 1e-4 * ours.attributions.abs().flatten(2).sum(2).max()


def _filled(value: Any, network: nn.Sequential, background: Tensor) -> Any:
    if isinstance(value, str) and value == "background":
        return background
    return network[value] if isinstance(value, int) and value == 0 else value


def few(name: str, backend: str, background: Tensor) -> dict[str, Any]:
    """Return options that make the library quick."""
    (method,) = (each.by(backend) for each in methods() if each.name == name)
    wanted = {"steps": 4, "samples": 20, "segments": BANDS, "background": background}
    if "segments" in method.options:
        del wanted["background"]
    return {option: value for option, value in wanted.items() if option in method.options}


@pytest.mark.parametrize("backend", ["native", "captum", "zennit"])
def test_integrated_gradients_say_how_far_they_miss_the_outputs_change(
    backend: str, network: nn.Sequential, images: Tensor, targets: Tensor, background: Tensor
) -> None:
    with torch.no_grad():
        change = network(images).gather(1, targets) - network(background).mean(0)[targets]
    worst = []
    for steps in (5, 80):
        options = {"steps": steps, "baseline": background, "backend": backend}
        found = explain(network, images, targets, "integrated_gradients", **options)
        missed = found.attributions.flatten(2).sum(2) - change
        assert found.convergence_delta is not None
        torch.testing.assert_close(found.convergence_delta, missed, atol=1e-5, rtol=1e-3)
        worst.append(float(missed.abs().max()))
    assert worst[1] < worst[0]


@pairs
def test_the_contract_is_that_of_explain(
    name: str, backend: str, averaging: nn.Module, images: Tensor, background: Tensor
) -> None:
    """Shapes, dtype, options, the same bytes; the model and everybody's generators untouched."""
    targets = torch.tensor([[0, 1], [4, 3]])
    options = few(name, backend, background)
    averaging.train()
    weights = {key: value.clone() for key, value in averaging.state_dict().items()}
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    x = images[:2].clone()
    found = [
        explain(averaging, x, targets, name, backend=backend, seed=5, **options) for _ in range(2)
    ]
    assert found[0].attributions.shape == (2, 2, 1, 12, 12)
    assert found[0].attributions.dtype == x.dtype and not found[0].attributions.requires_grad
    assert torch.equal(found[0].attributions, found[1].attributions)
    assert found[0].method == name and found[0].options is not None
    assert found[0].options["backend"] == backend
    assert torch.equal(x, images[:2])
    after = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    assert torch.equal(before[0], after[0]) and before[1:] == after[1:]
    assert averaging.training and all(each.requires_grad for each in averaging.parameters())
    assert averaging.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[key]) for key, value in averaging.state_dict().items())
    for module in averaging.modules():
        assert not module._forward_hooks and not module._forward_pre_hooks
        assert not module._backward_hooks and not hasattr(module, "rule")


@pytest.mark.parametrize("backend", ["captum", "shap"])
def test_random_references_estimate_the_same(
    backend: str, averaging: nn.Module, images: Tensor, background: Tensor
) -> None:
    options = {"background": background, "samples": 200}
    exact = explain(averaging, images[:1], 1, "expected_gradients", background=background)
    found = explain(averaging, images[:1], 1, "gradient_shap", backend=backend, **options)
    pair = found.attributions.flatten(), exact.attributions.flatten()
    assert functional.cosine_similarity(*pair, dim=0) > 0.97


class Functional(nn.Module):
    """A network whose second ReLU is a function."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.relu, self.last = nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(functional.relu(self.relu(self.first(x)) - 0.1))


class Reused(Functional):
    """A network whose one ReLU runs twice."""

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.relu(self.relu(self.first(x)) - 0.1))


@pytest.mark.parametrize(
    ("name", "backend", "model", "sentence"),
    [
        ("guided_backprop", "captum", Functional, "relu .* as a function.*issue 1082"),
        ("guided_backprop", "zennit", Functional, "relu .* as a function"),
        ("deeplift", "captum", Functional, "relu .* as a function.*issue 1082"),
        ("deeplift", "captum", Reused, "more than once, as layer 'relu' does .*issue 1082"),
        ("deep_shap", "captum", Functional, "issue 1082"),
        ("deep_shap", "shap", Functional, "issues 3938"),
        ("deep_shap", "shap", Reused, "issues 3938 and 3725"),
        ("lrp", "captum", Reused, "more than once"),
    ],
)
def test_a_library_that_is_wrong_on_this_model_is_refused(
    name: str, backend: str, model: type[nn.Module], sentence: str
) -> None:
    torch.manual_seed(0)
    options = {"background": torch.zeros(2, 4)} if name == "deep_shap" else {}
    with pytest.raises(ValueError, match=f"{backend}.*{sentence}"):
        explain(model(), torch.ones(2, 4), 0, name, backend=backend, **options)


def test_captums_max_pooling_is_refused(network: nn.Module, images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"misses completeness .* by \d+% .*issue 1104"):
        explain(network, images, 0, "deeplift", backend="captum", baseline=0.3)


def test_what_a_library_lacks_is_said(
    network: nn.Module, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"occlusion has no backend 'lime': .* native, captum"):
        explain(network, images, 0, "occlusion", backend="lime")
    with pytest.raises(TypeError, match=r"lrp by captum takes no option 'gamma': .* rule, epsilon"):
        explain(network, images, 0, "lrp", backend="captum", gamma=1.0)
    with pytest.raises(ValueError, match="has the rule epsilon only"):
        explain(network, images, 0, "lrp", backend="captum", rule="z_plus")
    with pytest.raises(ValueError, match="grey or colour images"):
        explain(nn.Flatten(), torch.rand(1, 2, 2, 2), 0, "lime", backend="lime")
    for module in [name for name in sys.modules if name.partition(".")[0] == "zennit"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "zennit", None)
    with pytest.raises(ValueError, match=r"needs the package zennit, .* pip install zennit"):
        explain(network, images, 0, "lrp", backend="zennit")


def test_every_method_tells_its_backends() -> None:
    found = {each.name: each.backends for each in methods()}
    assert found["deep_shap"] == ("native", "captum", "shap")
    assert found["lime"] == ("native", "captum", "lime")
    assert found["exemplar"] == ("native",)
    assert {backend for each in found.values() for backend in each} == {
        *("native", "captum", "shap", "lime", "zennit")
    }
