"""Notebook 01: its hidden checks of attributions against captum, SymPy, torch and a pencil.

Answers computed by these go through the hidden checks themselves: a check that disagrees is wrong.
"""

from __future__ import annotations

import itertools
import sys
from types import SimpleNamespace
from typing import Any

import captum.attr
import numpy as np
import pytest
import scipy.optimize
import scipy.spatial.distance
import scipy.special
import shap
import sympy
import torch
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule
from pencil import attribute, layered
from scoring import earned, hidden, mark
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from autograde.inside.networks import Layer, Network
from autograde.inside.read import plain
from autograde.notebooks.source import Source
from autograde.tasks import Call, Called

NAME = "01_theory"


# --- gradients -----------------------------------------------------------------------------------


def test_finite_differences_are_numpys(source: Source) -> None:
    def central(model: nn.Module, x: torch.Tensor, target: int, h: float) -> list[float]:
        model = model.double()
        result = []
        for unit in torch.eye(len(x), dtype=torch.float64):
            line = torch.stack([x.double() + k * h * unit for k in (-1, 0, 1)])
            result.append(np.gradient(model(line)[:, target].detach().numpy(), h)[1])
        return result

    assert earned(source, "finite-differences", central) == 1


def test_the_gradient_is_captums(source: Source) -> None:
    def saliency(x: Any, W1: Any, b1: Any, W2: Any, b2: Any, target: int) -> np.ndarray:
        return attribute(captum.attr.Saliency(layered(W1, b1, W2, b2)), x, target, abs=False)

    assert earned(source, "input-gradient", saliency) == 1


def test_multiply_adds_are_torchs_flops(source: Source) -> None:
    def counted(widths: list[int]) -> list[float]:
        model = nn.Sequential(*(nn.Linear(n, m) for n, m in itertools.pairwise(widths)))
        model.requires_grad_(False)
        x = torch.zeros(1, widths[0], requires_grad=True)
        with FlopCounterMode(display=False) as forward:
            output = model(x)
        with FlopCounterMode(display=False) as backward:
            output[0, 0].backward()
        with FlopCounterMode(display=False) as differences:
            model(torch.zeros(2 * widths[0], widths[0]))
        f, b, d = (counter.get_total_flops() for counter in (forward, backward, differences))
        return [f / 2, (f + b) / 2, d / 2]  # two floating-point operations a multiply-add

    assert earned(source, "multiply-adds", counted) == 1


def test_guided_backpropagation_is_captums(source: Source) -> None:
    def guided(x: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, target: int) -> np.ndarray:
        model = layered(W1, b1, W2, b2, W3, np.zeros(len(W3)))
        return attribute(captum.attr.GuidedBackprop(model), x, target)

    assert earned(source, "repair-guided", guided) == 1


def test_the_cosine_distance_is_scipys(source: Source) -> None:
    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(scipy.spatial.distance.cosine(a.ravel(), b.ravel()))

    assert earned(source, "repair-cosine", distance) == 1


# --- integrated gradients and Shapley values -----------------------------------------------------


def test_the_integral_by_pencil_is_sympys(source: Source) -> None:
    x1, x2, a = sympy.symbols("x1 x2 a")
    f = x1 * x2**2
    point = {x1: 2, x2: 3}
    path = {x: a * value for x, value in point.items()}
    ig = [v * sympy.integrate(f.diff(x).subs(path), (a, 0, 1)) for x, v in point.items()]
    gi = [v * f.diff(x).subs(point) for x, v in point.items()]
    values = {"ig": plain([float(v) for v in ig]), "gradient_input": plain([float(v) for v in gi])}
    assert mark(source, "ig-by-pencil", values) == 1


@pytest.mark.parametrize(
    ("rule", "worth"), [("riemann_middle", 1), ("riemann_left", 0.5), ("riemann_right", 0.5)]
)
def test_integrated_gradients_are_captums(source: Source, rule: str, worth: float) -> None:
    def integrated(model: nn.Module, x: Any, baseline: Any, target: int, steps: int) -> np.ndarray:
        method = captum.attr.IntegratedGradients(model)
        return attribute(method, x, target, baselines=baseline[None], n_steps=steps, method=rule)

    assert earned(source, "integrated-gradients", integrated, seed=3) == worth


def test_midpoints_approach_the_integral_with_the_square_of_steps(source: Source) -> None:
    """The statement of task 8, on hidden paths: against Gauss-Legendre quadrature of captum."""
    for network, x, baseline, target, _ in hidden(source, "integrated-gradients"):
        method = captum.attr.IntegratedGradients(network.module().double())

        def collected(rule: str, steps: int, method: Any = method, **where: Any) -> np.ndarray:
            return attribute(method, **where, n_steps=steps, method=rule)

        where = {"x": x.double(), "target": target, "baselines": baseline.double()[None]}
        exact = collected("gausslegendre", 60, **where)
        errors = [
            [np.abs(collected(rule, n, **where) - exact).max() for n in (40, 80)]
            for rule in ("riemann_middle", "riemann_left")
        ]
        ratios = [coarse / fine for coarse, fine in errors]
        assert ratios == pytest.approx([4, 2], rel=0.15)


def test_shapley_values_by_hand_and_of_a_known_game(
    source: Source, checks: SimpleNamespace
) -> None:
    # The glove game: one left glove, two right ones. By symmetry and efficiency 2/3, 1/6, 1/6.
    gloves = [0, 0, 0, 1, 0, 1, 0, 1]
    assert checks.shapley_by_orders(gloves, 3) == pytest.approx([2 / 3, 1 / 6, 1 / 6])
    # By hand, what A, B and C add in each order:
    # (12, 18, 30), (12, 42, 6), (30, 0, 30), (42, 0, 18), (18, 42, 0), (42, 18, 0).
    assert mark(source, "shapley-by-pencil", {"shares": plain([156 / 6, 120 / 6, 84 / 6])}) == 1


def test_shapley_values_are_captums(source: Source) -> None:
    def exact(worth: np.ndarray, players: int) -> np.ndarray:
        def look_up(masks: torch.Tensor) -> torch.Tensor:
            return torch.tensor(worth)[(masks.long() * 2 ** torch.arange(players)).sum(1)]

        method = captum.attr.ShapleyValues(look_up)
        return method.attribute(torch.ones(1, players)).numpy()[0]

    assert earned(source, "shapley", exact) == 1


def test_the_weight_is_a_beta_function(source: Source) -> None:
    def weight(size: int, players: int) -> float:
        return float(scipy.special.beta(size, players - size + 1))  # (s−1)! (M−s)! / M!

    assert earned(source, "repair-weight", weight) == 1


def test_worths_of_coalitions_lead_to_captums_values(
    source: Source, checks: SimpleNamespace
) -> None:
    call = source.checks.tasks["coalition-worths"].answer
    assert isinstance(call, Call)
    arguments = call.inputs(np.random.default_rng(0))[2]
    network, x, baseline, target = arguments
    model = network.module()
    numbers = np.arange(2 ** len(x), dtype=np.uint8)[:, None]
    present = np.unpackbits(numbers, axis=1, bitorder="little")[:, : len(x)]
    worths = model(torch.where(torch.tensor(present).bool(), x, baseline))[:, target]
    assert mark(source, "coalition-worths", [Called(arguments, plain(worths))]) == 1
    exact = attribute(captum.attr.ShapleyValues(model), x, target, baselines=baseline[None])
    found = checks.shapley_by_orders(worths.detach().tolist(), len(x))
    assert found == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize(
    ("expectation", "shares"), [("marginal", (0.5, 0)), ("conditional", (0.35, 0.15))]
)
def test_the_worked_example_of_correlated_features(
    checks: SimpleNamespace, expectation: str, shares: tuple[float, float]
) -> None:
    first = Network([Layer.linear([[1.0, 0.0]], [0.0])])
    inputs = np.array([(0, 0), (1, 1), (0, 1), (1, 0)], dtype=float)
    case = (first, np.ones(2), inputs, np.array([0.4, 0.4, 0.1, 0.1]), 0, expectation)
    worths = checks.worths_by_table(*case)
    assert checks.shapley_by_orders(worths, 2) == pytest.approx(shares)


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python run shap's functions: to compile them takes longer than these few games do."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "shap":
            for each, value in list(vars(module).items()):
                if hasattr(value, "py_func"):
                    monkeypatch.setattr(module, each, value.py_func)


@pytest.mark.usefixtures("interpreted")
def test_marginal_expectations_lead_to_the_values_of_shap(
    source: Source, checks: SimpleNamespace
) -> None:
    """With a background of equally probable inputs, shap's values are those of this game."""
    for network, x, inputs, _, target, _ in hidden(source, "expected-worths"):
        module = network.module().double()

        def model(rows: np.ndarray, module: Any = module, target: int = target) -> np.ndarray:
            return module(torch.tensor(rows)).detach().numpy()[:, target]

        masker = shap.maskers.Independent(inputs.double().numpy())
        found = shap.explainers.Exact(model, masker)(x.double().numpy()[None]).values[0]
        even = np.full(len(inputs), 1 / len(inputs))
        worths = checks.worths_by_table(network, x, inputs, even, target, "marginal")
        assert checks.shapley_by_orders(worths, len(x)) == pytest.approx(found, abs=1e-5)


# --- relevance -----------------------------------------------------------------------------------


def test_lrp_epsilon_is_captums_where_biases_are_kept(checks: SimpleNamespace) -> None:
    for *case, epsilon, keep in checks.epsilon_cases(np.random.default_rng(0)):
        if keep:
            x, *parameters, target = case
            model = layered(*parameters)
            for module in model:
                module.rule = EpsilonRule(epsilon=epsilon)
            relevance = attribute(captum.attr.LRP(model), x, target)
            expected = checks.lrp_epsilon_by_loops((*case, epsilon, True))
            assert relevance == pytest.approx(expected, rel=1e-5)


PAIR = {
    # As two layers: ReLU(x), then the output, which is positive at (3, 1).
    "f": (np.eye(2), np.zeros(2), np.array([[1.0, -1.0]]), np.array([-1.0])),
    "g": (np.eye(2), np.array([-1.0, 0.0]), np.array([[1.0, -1.0]]), np.zeros(1)),
}


@pytest.mark.parametrize(
    ("network", "keep", "relevance"),
    # Sundararajan 2017, figure 7, and by hand.
    [
        ("f", False, (1.5, -0.5)),
        ("g", False, (2, -1)),
        ("f", True, (3, -1)),
        ("g", True, (3, -1)),
    ],
)
def test_the_pair_of_equal_functions(
    checks: SimpleNamespace, network: str, keep: bool, relevance: tuple[float, float]
) -> None:
    case = (np.array([3.0, 1.0]), *PAIR[network], 0, 1e-9, keep)
    assert checks.lrp_epsilon_by_loops(case) == pytest.approx(relevance, abs=1e-6)


def test_the_answers_to_the_pair_are_captums(source: Source) -> None:
    point, zero = np.array([3.0, 1.0]), torch.zeros(1, 2, dtype=torch.float64)
    whole = {name: nn.Sequential(layered(*p), nn.ReLU()) for name, p in PAIR.items()}
    integrated = [
        attribute(
            captum.attr.IntegratedGradients(model),
            point,
            0,
            baselines=zero,
            n_steps=1000,
            method="riemann_middle",
        )
        for model in whole.values()
    ]
    assert integrated[0] == pytest.approx(integrated[1], abs=1e-6)
    kept = [attribute(captum.attr.InputXGradient(model), point, 0) for model in whole.values()]
    assert kept[0] == pytest.approx(kept[1])
    values = {
        "f_biases_ignored": plain([1.5, -0.5]),
        "g_biases_ignored": plain([2, -1]),
        "biases_kept": plain(kept[0]),
        "integrated": plain(integrated[0]),
    }
    assert mark(source, "relu-pair", values) == 1


def test_z_plus_is_captums(source: Source) -> None:
    def relevance(x: Any, W1: Any, b1: Any, W2: Any, b2: Any, target: int) -> np.ndarray:
        model = layered(W1, b1, W2, b2)
        for module in model:
            module.rule = Alpha1_Beta0_Rule(set_bias_to_zero=True)
        return attribute(captum.attr.LRP(model), x, target)

    assert earned(source, "lrp-z-plus", relevance) == 1


def test_the_first_layer_by_hand(source: Source) -> None:
    x, W = np.array([0.0, 0.5]), np.array([[-4.0, 3.0], [1.0, 1.0]])
    case = (x, W, np.array([25.0, 2.0]), np.zeros(2), np.ones(2))
    calls = [
        Called((*case, "w2"), plain([16 + 1, 9 + 1])),  # 25 as 16 : 9, 2 as 1 : 1
        Called((*case, "zB"), plain([200 / 11, 75 / 11 + 2])),  # 25 as 4 : 1.5, 2 as 0 : 0.5
    ]
    assert mark(source, "lrp-first-layer", calls) == 1
    calls[1] = Called((*case, "zB"), plain([17, 10]))
    assert mark(source, "lrp-first-layer", calls) == 0.5


def test_gradient_times_input_is_captums(source: Source) -> None:
    def product(model: nn.Module, x: torch.Tensor, target: int) -> np.ndarray:
        return attribute(captum.attr.InputXGradient(model), x, target)

    assert earned(source, "gradient-times-input", product) == 1
