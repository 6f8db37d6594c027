"""Networks so small that their attributions are known on paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from xaikit import explain


class Formula(nn.Module):
    """Classes given by a formula of the features (N, …)."""

    def __init__(self, formula: Callable[[Tensor], tuple[Tensor, ...]]) -> None:
        super().__init__()
        self.formula = formula

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(self.formula(x), dim=1)


def linear(*rows: list[float]) -> nn.Sequential:
    """Return a linear classifier with these weights a class, in float64."""
    layer = nn.Linear(len(rows[0]), len(rows), bias=False).double()
    layer.weight.data = torch.tensor(rows, dtype=torch.float64)
    return nn.Sequential(nn.Flatten(), layer)


def both(x: list[list[float]], model: nn.Module, method: str, **options: object) -> Tensor:
    """Explain classes 0 and 1 of every input, in float64."""
    inputs = torch.tensor(x, dtype=torch.float64)
    return explain(model, inputs, [[0, 1]] * len(x), method, **options).attributions


def close(actual: Tensor, expected: object) -> None:
    torch.testing.assert_close(actual, torch.tensor(expected, dtype=torch.float64))


QUADRATIC = Formula(lambda x: (x[:, 0] * x[:, 1] + x[:, 2], x[:, 2] ** 2))


def test_gradient() -> None:
    found = both([[2, 3, 5], [1, -1, 0]], QUADRATIC, "gradient")
    close(found, [[[3, 2, 1], [0, 0, 10]], [[-1, 1, 1], [0, 0, 0]]])


def test_input_x_gradient() -> None:
    found = both([[2, 3, 5]], QUADRATIC, "input_x_gradient")
    close(found, [[[6, 6, 5], [0, 0, 50]]])


def test_a_target_without_any_path_to_the_input_has_no_gradient() -> None:
    model = Formula(lambda x: (x[:, 0], torch.ones(len(x), dtype=x.dtype)))
    close(both([[4.0, 5.0]], model, "gradient"), [[[1, 0], [0, 0]]])


def test_smoothgrad_of_a_line_is_its_gradient() -> None:
    model = linear([1, -2, 3], [0, 1, 0])
    close(both([[1, 5, 9]], model, "smoothgrad", samples=7), [[[1, -2, 3], [0, 1, 0]]])


def test_smoothgrad_of_a_parabola_adds_the_mean_noise() -> None:
    noise = torch.randn(
        (40, 3), generator=torch.Generator().manual_seed(3), dtype=torch.float64
    ).mean(0)
    x = torch.tensor([1.0, 3, 6], dtype=torch.float64)
    spread = 0.2 * (6 - 1)  # a share of the input's own range
    model = Formula(lambda x: ((x**2).sum(1), -x[:, 0]))
    found = both([x.tolist()], model, "smoothgrad", samples=40, noise=0.2, seed=3)
    torch.testing.assert_close(found[0, 0], 2 * (x + spread * noise))


def test_integrated_gradients_of_a_line_needs_one_step() -> None:
    model = linear([1, -2, 3], [0, 1, 0])
    found = both([[1, 5, 9]], model, "integrated_gradients", steps=1, baseline=1.0)
    close(found, [[[0, -8, 24], [0, 4, 0]]])


def test_integrated_gradients_of_a_quadratic_needs_one_step() -> None:
    # Along (2, 3, 5)·a the product's gradient is (3a, 2a): each factor gets half of 6.
    found = both([[2, 3, 5]], QUADRATIC, "integrated_gradients", steps=1)
    close(found, [[[3, 3, 5], [0, 0, 25]]])


def test_integrated_gradients_of_a_cubic_needs_two_steps() -> None:
    model = Formula(lambda x: (x.prod(1), x[:, 0] ** 3))
    close(both([[2, 3, 5]], model, "integrated_gradients", steps=2), [[[10, 10, 10], [8, 0, 0]]])
    one = explain(model, torch.tensor([[2.0, 3, 5]]), 0, steps=1)
    assert one.convergence_delta is not None
    assert one.convergence_delta.item() == pytest.approx(3 * 30 / 4 - 30)  # midpoint rule


def test_integrated_gradients_sees_through_saturation() -> None:
    # The paper's example 1 − ReLU(1 − x) at 2: the gradient is zero, the change from 0 is 1.
    model = Formula(lambda x: (1 - (1 - x[:, 0]).relu(), x[:, 0]))
    assert both([[2.0]], model, "gradient")[0, 0].item() == 0
    found = both([[2.0]], model, "integrated_gradients", steps=200)[0, 0].item()
    assert found == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 6])
def test_integrated_gradients_keeps_the_bound_of_its_quadrature(steps: int) -> None:
    # Gauss-Legendre on [0, 1]: the error is c · g⁽²ⁿ⁾(ξ); here g(a) = exp(3a), times x = 3.
    c = math.factorial(steps) ** 4 / ((2 * steps + 1) * math.factorial(2 * steps) ** 3)
    least, most = (3 * c * 3 ** (2 * steps) * math.exp(3 * a) for a in (0, 1))
    model = Formula(lambda x: (x[:, 0].exp(), x[:, 0]))
    answer = explain(model, torch.tensor([[3.0]]).double(), 0, steps=steps)
    assert answer.convergence_delta is not None
    assert least - 1e-12 <= -answer.convergence_delta.item() <= most + 1e-12
    assert answer.attributions.item() == pytest.approx(
        math.exp(3) - 1 + answer.convergence_delta.item()
    )


def test_grad_cam() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1, bias=False), nn.Flatten(), nn.Linear(8, 2, bias=False)
    ).double()
    # Maps x and −2x; class 0 weighs them 1, 2, 3, 6 (mean 3) and 1 each, class 1 minus that.
    model[0].weight.data = torch.tensor([1.0, -2.0]).double().view(2, 1, 1, 1)
    weights = torch.tensor([1.0, 2, 3, 6, 1, 1, 1, 1]).double()
    model[2].weight.data = torch.stack([weights, -weights])
    x = torch.tensor([[[[1.0, -1], [0, 2]]]]).double()
    found = explain(model, x, [[0, 1]], "grad_cam").attributions
    # 3 · x + 1 · (−2x) = x, cut at zero.
    close(found, [[[[[1, 0], [0, 2]]], [[[0, 1], [0, 0]]]]])


def test_grad_cam_upsamples_linearly_to_every_channel() -> None:
    model = nn.Sequential(nn.Conv1d(2, 1, 2, stride=2, bias=False), nn.Flatten()).double()
    nn.init.ones_(model[0].weight)
    x = torch.tensor([[[1.0, 1, 3, 3], [0, 0, 0, 0]]]).double()
    # Map (2, 6); the weight of either target is ½; half-way points are at ¼ and ¾.
    found = explain(model, x, 0, "grad_cam").attributions
    close(found[0, 0], [[1, 1.5, 2.5, 3]] * 2)


def test_grad_cam_before_an_activation_in_place() -> None:
    x = torch.randn(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 2)]
    apart = nn.Sequential(*layers)
    within = nn.Sequential(layers[0], nn.ReLU(inplace=True), *layers[2:])
    expected = explain(apart, x, [[0, 1]] * 2, "grad_cam").attributions
    assert torch.equal(explain(within, x, [[0, 1]] * 2, "grad_cam").attributions, expected)


def test_grad_cam_of_a_layer_that_runs_twice_is_that_of_its_last_run() -> None:
    shared = nn.Conv2d(1, 1, 1)
    model = nn.Sequential(shared, shared, nn.Flatten())
    unrolled = nn.Sequential(shared, deepcopy(shared), nn.Flatten())
    image = torch.rand(1, 1, 2, 2)
    torch.testing.assert_close(
        explain(model, image, 0, "grad_cam").attributions,
        explain(unrolled, image, 0, "grad_cam").attributions,
    )
    with pytest.raises(ValueError, match="ran 2 times"):  # which run is meant, nobody says
        explain(model, image, 0, "grad_cam", layer=shared)


def saturating() -> nn.Sequential:
    """Return class 0: 1 − ReLU(1 − x₁ − x₂), class 1: −ReLU(1 − x₁ − x₂), in float64."""
    model = nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 2)).double()
    for values, layer in (([[-1.0, -1]], model[0]), ([[-1.0], [-1.0]], model[2])):
        layer.weight.data = torch.tensor(values).double()
    model[0].bias.data = torch.tensor([1.0]).double()
    model[2].bias.data = torch.tensor([1.0, 0]).double()
    return model


def test_deeplift_shares_a_saturated_change() -> None:
    # From 0 to 1 at (1, 1), where the gradient is zero: half to each.
    close(both([[1, 1]], saturating(), "deeplift"), [[[0.5, 0.5], [0.5, 0.5]]])
    # (3, 1): ReLU's input falls from 1 to −3, its output from 1 to 0: a multiplier of ¼.
    close(both([[3, 1]], saturating(), "deeplift"), [[[0.75, 0.25], [0.75, 0.25]]])
    # From (1, 0), where the ReLU is already off, nothing changes.
    at = torch.tensor([1.0, 0])
    close(both([[3, 1]], saturating(), "deeplift", baseline=at), [[[0.0, 0], [0, 0]]])


def test_deeplift_at_its_own_baseline_is_zero() -> None:
    assert both([[0, 0]], saturating(), "deeplift").abs().max() == 0


@pytest.mark.parametrize(
    ("x", "baseline", "expected"),
    [
        ([3, 1], [0, 0], [3, 0]),  # the maximum rises where it is
        ([3, 5], [4, 0], [0, 1]),  # it rises from 4 to 5 at the new place
        ([3, 1], [4, 0], [-1, 0]),  # it falls from 4 to 3 at the old place
        ([1, 2], [4, 0], [-2, 0]),  # it falls from 4 to 2 where the old one was
        ([2, 2], [2, 2], [0, 0]),
    ],
)
def test_deeplift_of_a_maximum(
    x: list[float], baseline: list[float], expected: list[float]
) -> None:
    model = nn.Sequential(nn.MaxPool1d(2), nn.Flatten())
    inputs = torch.tensor([[x]], dtype=torch.float64)
    start = torch.tensor([baseline], dtype=torch.float64)
    close(explain(model, inputs, 0, "deeplift", baseline=start).attributions[0, 0, 0], expected)


def test_deeplift_of_a_maximum_that_nearly_ties() -> None:
    # max(u₁ + u₂, u₃) falls from 0.5 to 0.4 where u₃ held it; u₁ + u₂ hardly moves, and must
    # pass nothing on to u₁ and u₂, which move a lot.
    first = nn.Linear(3, 2, bias=False)
    first.weight.data = torch.tensor([[1.0, 1, 0], [0, 0, 1]])
    model = nn.Sequential(first, nn.Unflatten(1, (1, 2)), nn.MaxPool1d(2), nn.Flatten())
    x, start = torch.tensor([[1.0, -0.6 + 5e-7, 0]]), torch.tensor([0, 0.4, 0.5])
    found = explain(model, x, 0, "deeplift", baseline=start).attributions[0, 0]
    torch.testing.assert_close(found, torch.tensor([0, 0, -0.1]))


def test_deep_shap_of_an_additive_model_gives_its_shapley_values() -> None:
    model = nn.Sequential(nn.ReLU())  # class i is ReLU(xᵢ): feature i's alone
    references = torch.tensor([[-1.0, 0], [2, -3], [5, 1]])
    found = both([[4, -2]], model, "deep_shap", background=references)
    close(found, [[[4 - 7 / 3, 0], [0, 0 - 1 / 3]]])


def test_occlusion_of_a_line_loses_each_share() -> None:
    model = linear([1, 2, 4], [0, 0, 1])
    close(both([[1, 1, 1]], model, "occlusion"), [[[1, 2, 4], [0, 0, 1]]])
    close(both([[1, 1, 3]], model, "occlusion", baseline=1.0), [[[0, 0, 8], [0, 0, 2]]])
    # Windows {0, 1} and {1, 2} lose 3 and 6; the middle feature is hidden by both.
    found = both([[1, 1, 1]], model, "occlusion", window=2, stride=1)
    close(found, [[[3, 4.5, 6], [0, 0.5, 1]]])


def test_lime_of_a_line_nears_its_shares() -> None:
    # The ridge shrinks by less than a hundredth at so many samples.
    model = linear([1, -2, 4], [0, 0, 1])
    found = both([[1, 1, 2]], model, "lime", samples=20000, kernel_width=1.0)
    assert (found - torch.tensor([[[1, -2, 8], [0, 0, 2]]])).abs().max() < 0.01


def test_lime_of_a_constant_is_zero_and_fits() -> None:
    model = Formula(lambda x: (x[:, 0] * 0 + 0.3, x[:, 0]))
    answer = explain(model, torch.rand(2, 3), 0, "lime", samples=50)
    assert answer.attributions.abs().max() < 1e-6
    assert answer.details["fit"].tolist() == [[1.0], [1.0]]


def test_lime_switches_a_segment_as_one() -> None:
    model = linear([1, 2, 4, 8], [0, 0, 0, 1])
    segments = torch.tensor([[7, 7], [3, 3]])
    answer = explain(
        model, torch.ones(1, 1, 2, 2).double(), 0, "lime", segments=segments, samples=20000
    )
    rows = answer.attributions[0, 0, 0]
    assert rows[:, 0].tolist() == rows[:, 1].tolist()
    assert (rows[:, 0] - torch.tensor([3.0, 12])).abs().max() < 0.1
    assert answer.details["segments"].tolist() == [[[[1, 1], [0, 0]]]]
    assert answer.details["fit"].item() > 0.999
