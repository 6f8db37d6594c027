"""LRP and deep Taylor: on paper, layer by layer with dense matrices, and as captum has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from captum.attr import LRP
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule, GammaRule
from torch import Tensor, nn

from attribution.layer_by_layer import SETTINGS, slowly
from xaikit import explain

# captum says that it asks for gradients.
pytestmark = pytest.mark.filterwarnings("ignore:Input Tensor 0 did not")


def by_name(settings: dict[str, Any]) -> str:
    return str(settings["rule"])


def two_layers(*biases: float) -> nn.Sequential:
    """Return hidden units 2a − b and b − a, class 0: 3h₁ − h₂, class 1: h₂ − h₁."""
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)).double()
    model[0].weight.data = torch.tensor([[2.0, -1], [-1, 1]]).double()
    model[2].weight.data = torch.tensor([[3.0, -1], [-1, 1]]).double()
    hidden, out = biases or (0.0, 0.0)
    model[0].bias.data.fill_(hidden)
    model[2].bias.data.fill_(out)
    return model


@pytest.mark.parametrize(
    ("rule", "options", "expected"),
    [
        # At (2, 3): h = (1, 1). Class 0 is 2: 3 from h₁, −1 from h₂. Class 1 is 0.
        # h₁ = 4 − 3, so 3 is shared out as 12 and −9; h₂ = −2 + 3: −1 as 2 and −3.
        ("epsilon", {}, [14, -12]),
        # Class 0: 2 · 3/3 to h₁; there all to a.
        ("z_plus", {}, [2, 0]),
        # Class 0: 2 · 2 = 4 to h₁, −2 to h₂. h₁: a 4 · 2, b −4. h₂: b −2 · 2, a 2.
        ("alpha_beta", {"alpha": 2.0}, [10, -8]),
        # γ = 1. Class 0: 6 − 1 = 5: h₁ 12/5, h₂ −2/5. h₁: 8 − 3 = 5: a 8/5 and b −3/5 of it;
        # h₂: 6 − 2 = 4: b 6/4, a −2/4.
        ("gamma", {"gamma": 1.0}, [96 / 25 + 1 / 5, -36 / 25 - 3 / 5]),
        # ε is all there is in linear layers.
        ("composite", {}, [14, -12]),
        # Class 0: of 9 + 1, h₁ gets 9/10 · 2. h₁: a 4/5 and b 1/5; h₂: half each.
        ("w_square", {}, [1.8 * 0.8 + 0.2 * 0.5, 1.8 * 0.2 + 0.2 * 0.5]),
        # In [0, 4]. Class 0: h₁ 3, h₂ −1 + 4: half each of 2. h₁: a 4, b −3 + 4; h₂: a 2, b 3.
        ("z_box", {"high": 4.0}, [4 / 5 + 2 / 5, 1 / 5 + 3 / 5]),
        # The last layer's name wins over the type: 2 by z⁺ to h₁, there 4 and −3 by ε.
        ({nn.Linear: "epsilon", "2": "z_plus"}, {}, [8, -6]),
    ],
)
def test_two_layers_by_hand(rule: Any, options: dict[str, Any], expected: list[float]) -> None:
    x = torch.tensor([[2.0, 3]]).double()
    answer = explain(two_layers(), x, 0, "lrp", rule=rule, epsilon=1e-12, **options)
    torch.testing.assert_close(answer.attributions[0, 0], torch.tensor(expected).double())
    assert answer.convergence_delta is None


def test_biases_keep_their_share() -> None:
    # Hidden biases 1: h = (2, 2); output bias 2: class 0 is 6 − 2 + 2 = 6.
    x = torch.tensor([[2.0, 3]]).double()
    found = explain(two_layers(1, 2), x, 0, "lrp", epsilon=1e-12).attributions[0, 0]
    # 6 to h₁, −2 to h₂, 2 to the bias. h₁: 4, −3 and 1 of 2; h₂: −2, 3 and 1 of 2.
    torch.testing.assert_close(found, torch.tensor([12 + 2.0, -9 - 3]).double())
    # z⁺: of 6, h₁ gets 6 of 6 + 2; there a gets 4 of 4 + 1.
    found = explain(two_layers(1, 2), x, 0, "lrp", rule="z_plus", epsilon=1e-12).attributions[0, 0]
    torch.testing.assert_close(found, torch.tensor([6 * 6 / 8 * 4 / 5, 0]).double())


def test_epsilon_absorbs_by_hand() -> None:
    # ε = 1: class 0 is 2: h₁ gets 2 · 3/3 = 2, h₂ −2/3; units of 1 share out half.
    x = torch.tensor([[2.0, 3]]).double()
    found = explain(two_layers(), x, 0, "lrp", epsilon=1.0).attributions[0, 0]
    expected = [2 * 4 / 2 - 2 / 3 * -2 / 2, 2 * -3 / 2 - 2 / 3 * 3 / 2]
    torch.testing.assert_close(found, torch.tensor(expected).double())
    # A negative output, and ε with its sign: class 1 at (1, 0.5) is −1.5.
    x = torch.tensor([[1.0, 0.5]]).double()
    found = explain(two_layers(), x, 1, "lrp", epsilon=1.0).attributions[0, 0]
    share = -1.5 * -1.5 / -2.5  # h₁ = 1.5 shares out 2 and −0.5 of 2.5
    torch.testing.assert_close(found, torch.tensor([share * 2 / 2.5, share * -0.5 / 2.5]).double())


def test_deep_taylor_by_hand() -> None:
    # At (0.5, 0.4): h = (0.6, 0). Class 0 is 1.8, all to h₁ by z⁺.
    # zᴮ: a 0.5 · 2 − 0 · 2 = 1, b −0.4 + 1 · 1 = 0.6: of 1.6.
    x = torch.tensor([[0.5, 0.4]]).double()
    found = explain(two_layers(), x, 0, "deep_taylor").attributions[0, 0]
    torch.testing.assert_close(found, torch.tensor([1.8 / 1.6, 1.8 * 0.6 / 1.6]).double())
    # In [−1, 1]: a 1 + 2 = 3, b 0.6: of 3.6. Biases have no share.
    found = explain(two_layers(), x, 0, "deep_taylor", low=-1.0).attributions[0, 0]
    torch.testing.assert_close(found, torch.tensor([1.5, 0.3]).double())
    found = explain(two_layers(-0.1, 0.0), x, 0, "deep_taylor").attributions[0, 0]
    torch.testing.assert_close(found, torch.tensor([1.5 / 1.6, 0.9 / 1.6]).double())


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("method", "options"),
    [("deep_taylor", {}), ("lrp", {"rule": {"0": "z_box", "2": "z_plus"}})],
    ids=["deep_taylor", "z_box"],
)
def test_a_unit_on_by_its_bias_alone_takes_nothing_from_others(
    method: str, options: dict[str, Any], seed: int
) -> None:
    """All its inputs lie where zᴮ counts them as 0: its relevance is not passed on."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(60, 2), nn.ReLU(), nn.Linear(2, 1, bias=False))
    w = torch.randn(2, 60)
    x = (w[:1] < 0).float()  # 0 where the first unit's weight is positive, 1 where it is not
    with torch.no_grad():
        model[0].weight.copy_(w)
        model[0].bias.copy_(torch.tensor([100.0, 50.0]))
        model[2].weight.copy_(torch.ones(1, 2))
        relevance = (w[1].double() @ x[0].double() + 50).clamp(min=0)
    found = explain(model, x, 0, method, **options).attributions[0, 0]
    share = w[1].double() * x[0].double() - w[1].double().clamp(max=0)
    torch.testing.assert_close(
        found.double(), relevance * share / share.sum(), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("pool", [nn.MaxPool2d, nn.AvgPool2d])
@pytest.mark.parametrize("settings", SETTINGS, ids=by_name)
def test_is_the_obvious_loop(settings: dict[str, Any], pool: type[nn.Module]) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1),
        nn.ReLU(),
        pool(2),
        nn.Conv2d(3, 6, 2),  # signed inputs for the next one: no ReLU
        nn.Conv2d(6, 12, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12, 8),
        nn.ReLU(),
        nn.Linear(8, 2),
    ).double()
    boxed = "z_box" in str(settings["rule"])
    x = (torch.rand(2, 2, 4, 4) if boxed else torch.randn(2, 2, 4, 4)).double()
    found = explain(model, x, [[0, 1]] * 2, "lrp", **settings).attributions
    for i in range(2):
        for t in range(2):
            expected = slowly(model, x[i], t, settings)
            assert (found[i, t] - expected).abs().max() <= 1e-9 * expected.abs().max()
            assert expected.abs().max() > 0


def relu_networks() -> list[nn.Sequential]:
    """Return networks with biases, and one with batch normalisation."""
    torch.manual_seed(1)
    normalised = nn.Sequential(
        nn.Conv1d(2, 4, 3),
        nn.BatchNorm1d(4),
        nn.ReLU(),
        nn.AvgPool1d(2),
        nn.ConvTranspose1d(4, 3, 2),
        nn.ReLU(),
        nn.AdaptiveMaxPool1d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(6, 3),
    )
    normalised[1].running_mean = torch.randn(4)
    normalised[1].running_var = torch.rand(4) + 0.5
    normalised[1].weight.data = torch.randn(4)
    normalised[1].bias.data = torch.randn(4)
    plain = nn.Sequential(
        nn.Flatten(), nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 9), nn.ReLU(), nn.Linear(9, 3)
    )
    return [each.double().eval() for each in (normalised, plain)]


@pytest.mark.parametrize("which", [0, 1])
def test_epsilon_to_zero_is_input_times_gradient(which: int) -> None:
    model, x = relu_networks()[which], torch.randn(5, 2, 10).double()
    every = torch.arange(3).expand(5, -1)
    found = explain(model, x, every, "lrp", epsilon=1e-12).attributions
    expected = explain(model, x, every, "input_x_gradient").attributions
    assert (found - expected).abs().max() < 1e-7 * expected.abs().max()


@pytest.mark.parametrize("rule", ["epsilon", "gamma", "alpha_beta", "z_plus", "composite"])
def test_without_biases_relevance_is_conserved(
    rule: str, averaging: nn.Sequential, images: Tensor
) -> None:
    for layer in averaging:
        if hasattr(layer, "bias"):
            layer.bias.data.zero_()
            # Something of both signs everywhere, as the rules presuppose.
            layer.weight.data = layer.weight.data.abs() * (torch.rand_like(layer.weight) > 0.3)
            layer.weight.data -= 0.02
    model, x = averaging.double(), images.double()
    every = torch.arange(5).expand(4, -1)
    found = explain(model, x, every, "lrp", rule=rule, epsilon=1e-12).attributions
    outputs = model(x).detach()
    if rule == "alpha_beta":  # units without negative contributions would owe β
        assert found.isfinite().all()
    else:
        torch.testing.assert_close(found.flatten(2).sum(2), outputs, rtol=1e-6, atol=0)
    if rule == "z_plus":
        assert found.min() >= 0 and outputs.min() > 0
        taylor = explain(model, x, every, "deep_taylor").attributions
        torch.testing.assert_close(taylor.flatten(2).sum(2), outputs, rtol=1e-6, atol=0)
        assert taylor.min() >= 0


class Viewed(nn.Module):
    """A network whose flattening captum's LRP does not see: it refuses nn.Flatten."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.one = nn.Conv2d(1, 4, 3), nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.second, self.two = nn.Conv2d(4, 6, 2), nn.ReLU()
        self.hidden, self.three = nn.Linear(96, 12), nn.ReLU()
        self.last = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.two(self.second(self.pool(self.one(self.first(x)))))
        return self.last(self.three(self.hidden(x.view(len(x), -1))))


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        (lambda: EpsilonRule(1e-3), {"rule": "epsilon", "epsilon": 1e-3}),
        (lambda: GammaRule(gamma=0.25), {"rule": "gamma", "epsilon": 1e-12}),
        (lambda: Alpha1_Beta0_Rule(), {"rule": "z_plus", "epsilon": 1e-12}),
    ],
    ids=["epsilon", "gamma", "z_plus"],
)
def test_is_captums(rule: Callable[[], Any], options: dict[str, Any], images: Tensor) -> None:
    model, x = Viewed().double(), images.double()
    if options["rule"] != "epsilon":
        # captum lets biases count as they are in both rules, whatever their sign.
        for layer in (model.first, model.second, model.hidden, model.last):
            layer.bias.data.zero_()
    targets = model(x).argmax(1)
    assert (model(x).max(1).values > 0).all()
    for layer in (model.first, model.second, model.hidden, model.last, model.pool):
        layer.rule = EpsilonRule(1e-12) if layer is model.pool else rule()
    expected = LRP(model).attribute(x, target=targets).detach()
    found = explain(model, x, targets, "lrp", **options).attributions[:, 0]
    assert (found - expected).abs().max() <= 1e-6 * expected.abs().max()
    assert expected.abs().max() > 0
