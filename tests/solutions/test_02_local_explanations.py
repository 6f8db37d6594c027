"""Notebook 02: its four kinds of answers, and its references against captum and a pencil."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import captum.attr
import numpy as np
import pytest
import torch
from kinds import (  # noqa: F401 - tests
    test_a_message_tells_nothing_of_a_reference,
    test_a_plausible_mistake_costs,
    test_a_right_answer_earns_all,
    test_a_right_answer_passes_the_visible_checks,
    test_an_answer_of_another_type_is_wrong_not_an_error,
    test_the_visible_check_says_one_thing_of_any_answer,
    test_what_costs_no_thought_earns_nothing,
    test_what_the_visible_check_accepts_grading_reads,
)
from scoring import accepts, earned, hidden
from torch import nn

from autograde.inside.networks import Network
from autograde.notebooks.source import Source
from autograde.tasks import Call
from xaikit import Explanation, explain
from xaikit.handin.one_page import read_page
from xaikit.metrics import deletion, token_f1

NAME = "02_local_explanations"
pytestmark = pytest.mark.xdist_group(NAME)  # what the checks measure is measured once


@pytest.mark.parametrize("kind", ["solution", "alternative"])
def test_the_authors_own_report_is_one_page(
    given: dict[str, Any],
    texts: dict[str, dict[str, str]],
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Grading does not run the cell that makes a report, so that nothing else would notice."""
    monkeypatch.chdir(tmp_path)
    exec(texts["report"][kind], {**given, "display": lambda page: None})
    page = read_page(Path("report.pdf").read_bytes())
    assert (page.fault, page.pages) == ("", 1) and "Red" in page.text


@pytest.mark.filterwarnings("ignore::UserWarning:captum")
def test_references_by_hand_agree_with_captum(source: Source) -> None:
    assert accepts(
        source,
        "gradient",
        lambda model, image, target: torch.stack(
            [
                captum.attr.Saliency(model).attribute(image[None], target, abs=False)[0],
                captum.attr.InputXGradient(model).attribute(image[None], target)[0].detach(),
            ]
        ),
    )
    assert accepts(
        source,
        "guided-backprop",
        lambda network, x, target: captum.attr.GuidedBackprop(network).attribute(x[None], target)[
            0
        ],
    )
    assert accepts(
        source,
        "integrated-gradients",
        lambda model, image, target, baseline, steps: captum.attr.IntegratedGradients(
            model
        ).attribute(image[None], baseline[None], target, n_steps=steps, method="riemann_middle")[0],
    )

    def layer_grad_cam(features: nn.Module, head: nn.Module, image: Any, target: int) -> Any:
        whole = nn.Sequential(features, head)
        maps = captum.attr.LayerGradCam(whole, features).attribute(
            image[None], target, relu_attributions=True
        )
        return maps[0, 0]

    assert accepts(source, "grad-cam", layer_grad_cam)


@pytest.mark.filterwarnings("ignore::UserWarning:captum")
def test_deep_shap_agrees_with_captum_and_meets_still_units(source: Source) -> None:
    def deep_shap(network: nn.Module, x: Any, backgrounds: Any, target: int) -> Any:
        each = [
            captum.attr.DeepLift(network).attribute(x[None], one[None], target)[0]
            for one in backgrounds
        ]
        return torch.stack(each).mean(0)

    assert accepts(source, "deep-shap", deep_shap)
    network, x, backgrounds, _ = hidden(source, "deep-shap")[-1]
    first = network.module()[0]
    still = first(x) == first(backgrounds[0])
    assert still.tolist() == [True, True, True, False, False, False]
    assert first(x)[:3].tolist() == [0.5, -0.5, 0.0]


def _by_library(network: nn.Module, x: Any, target: int, rule: Any) -> Any:
    """Relevance as the library has it, which is tested against zennit; the rule may be an ε."""
    chosen: dict[str, Any] = {"method": "lrp", "rule": "z_plus"}
    if rule == "deep_taylor":
        chosen = {"method": "deep_taylor"}
    elif not isinstance(rule, str):
        chosen = {"method": "lrp", "rule": "epsilon", "epsilon": rule}
    return explain(network, x[None], target, **chosen).attributions[0, 0]


def test_relevance_agrees_with_the_library(source: Source) -> None:
    for seed in range(5):
        for task in ("relevance-epsilon", "relevance"):
            assert earned(source, task, _by_library, seed) == 1
    rules = {arguments[3] for arguments in hidden(source, "relevance")}
    assert rules == {"deep_taylor", "alpha1_beta0"}


@pytest.mark.parametrize("allowed", [(), ("alpha1_beta0",), ("deep_taylor",)])
def test_each_rule_of_relevance_counts_by_itself(source: Source, allowed: Any) -> None:
    def some(network: nn.Module, x: Any, target: int, rule: str) -> Any:
        return _by_library(network, x, target, rule) if rule in allowed else 0 * x + 1

    assert earned(source, "relevance", some) == len(allowed) / 2


def test_still_units_are_a_third_of_deep_shap(source: Source) -> None:
    def without(network: nn.Module, x: Any, backgrounds: Any, target: int) -> Any:
        first, _, second = network
        z, others = first(x), first(backgrounds)
        chords = ((z.relu() - others.relu()) / (z - others)).nan_to_num(0)
        return ((x - backgrounds) * ((second.weight[target] * chords) @ first.weight)).mean(0)

    assert earned(source, "deep-shap", without) == pytest.approx(2 / 3)


def test_kernel_shap_is_shaps_own_least_squares_where_all_coalitions_are_there(
    source: Source, checks: SimpleNamespace
) -> None:
    import shap

    def by_library(masks: Any, outputs: Any, empty: float, full: float) -> Any:
        size = masks.shape[1]
        table = {tuple(map(int, row)): float(y) for row, y in zip(masks, outputs, strict=True)}
        table |= {(0,) * size: empty, (1,) * size: full}
        if len(table) < 2**size:  # shap draws its own sample
            return checks._constrained(masks.double().numpy(), outputs.numpy(), empty, full)
        explainer = shap.KernelExplainer(
            lambda rows: np.array([table[tuple(map(int, row))] for row in rows]),
            np.zeros((1, size)),
        )
        return explainer.shap_values(np.ones((1, size)), l1_reg=0, silent=True)[0]

    assert accepts(source, "kernel-shap", by_library)


def test_deletion_and_token_f1_agree_with_the_library(source: Source) -> None:
    def deleted(
        model: nn.Module, image: Any, target: int, order: Any, fill: Any, steps: int
    ) -> Any:
        made = Explanation(order[None, None], torch.tensor([[target]]), None, "given", 0.0)
        return deletion(model, image[None], made, fill=fill, steps=steps).scores[0, 0]

    def f1(gradients: Any, rationale: Any, count: int) -> Any:
        made = Explanation(gradients[None, None], torch.zeros(1, 1, dtype=torch.int64), None, "", 0)
        return token_f1(made, rationale[None], tokens=count)[0, 0]

    assert accepts(source, "deletion", deleted)
    assert accepts(source, "token-f1", f1)


def test_what_a_pencil_gives_on_a_linear_network(checks: SimpleNamespace) -> None:
    rng = np.random.default_rng(0)
    network = Network.random(rng, (4, 3)).module().double()
    weight = network[0].weight[2].detach()
    x, baseline, *several = torch.from_numpy(rng.normal(size=(4, 1, 4)))
    backgrounds = torch.cat(several)
    by_formula = {
        "w": weight,
        "w*x": weight * x[0],
        "w*(x-x')": weight * (x - baseline)[0],
        "w*(x-mean x')": weight * (x[0] - backgrounds.mean(0)),
    }
    options: dict[str, dict[str, Any]] = {
        "integrated_gradients": {"baseline": baseline[0]},
        "deeplift": {"baseline": baseline[0]},
        "deep_shap": {"background": backgrounds},
        "lime": {"baseline": baseline[0], "segments": None, "samples": 50_000},
        "expected_gradients": {"background": backgrounds, "samples": 20_000},
        "kernel_shap": {"background": backgrounds, "segments": None},
        "lrp": {"rule": "epsilon", "epsilon": 1e-9},
    }
    for method, formula in checks.LINEAR.items():
        if formula == "undefined":
            with pytest.raises(ValueError, match="convolution"):
                explain(network, x, 2, method)
            continue
        found = explain(network, x, 2, method, **options.get(method, {})).attributions[0, 0]
        tolerance = 0.05 if method == "expected_gradients" else 1e-3  # it draws references
        torch.testing.assert_close(found, by_formula[formula], rtol=tolerance, atol=tolerance)


def test_the_examples_are_a_mistake_and_a_hit_of_unrelated_classes(checks: SimpleNamespace) -> None:
    (true, most, *_), (other, found, *_) = checks.world().targets.tolist()
    assert true != most and other == found and other not in (true, most)


def test_what_enters_the_references_is_what_the_notebook_shows(
    given: dict[str, Any], checks: SimpleNamespace
) -> None:
    world = checks.world()
    for name in (
        *("images", "labels", "examples", "targets", "dozen", "dozen_targets"),
        *("background", "segments"),
    ):
        assert torch.equal(given[name].cpu(), getattr(world, name)), name
    assert np.array_equal(given["rows"], world.rows)
    assert np.array_equal(
        given["forest"].predict_proba(given["rows"]), world.forest.predict_proba(world.rows)
    )
    assert given["six_options"] == checks.SIX and given["to_check"] == checks.CHECKED
    assert set(given["questions"]) == set(checks.PREDICTED)
    ours, theirs = given["options"], world.options
    assert ours.keys() == theirs.keys()
    for method, chosen in ours.items():
        assert chosen.keys() == theirs[method].keys()
        for option, value in chosen.items():
            trusted = theirs[method][option]
            if isinstance(trusted, str):
                assert value == trusted, (method, option)
                continue
            same = torch.equal(torch.as_tensor(value).cpu(), torch.as_tensor(trusted))
            assert same, (method, option)


def _same(one: torch.Tensor, other: torch.Tensor) -> str:
    close = torch.allclose(one, other, rtol=1e-4, atol=1e-4 * float(one.abs().max()))
    return "same" if close else "other"


class _Plus(nn.Module):
    """A network with an addition to all of its logits."""

    def __init__(self, network: nn.Module, constant: float, slope: float) -> None:
        super().__init__()
        self.network, self.constant, self.slope = network, constant, slope

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x) + self.constant + self.slope * x.flatten(1).mean(1, keepdim=True)


def _chain(*weights: list[list[float]]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for rows in weights:
        layer = nn.Linear(len(rows[0]), len(rows), bias=False)
        layer.weight.data = torch.tensor(rows)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def test_what_is_predicted_happens(checks: SimpleNamespace) -> None:
    world = checks.world()
    model, x, target = world.model, world.examples[1:], world.targets[1:, 1]
    shifted = _Plus(model, 0.0, 3.0)

    def slope(network: nn.Module, of: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        point = x.clone().requires_grad_()
        return torch.autograd.grad(of(network(point)[0]), point)[0]

    c, d = int(world.targets[1, 1]), int(world.targets[1, 2])

    def maps(network: nn.Module, method: str, **options: Any) -> torch.Tensor:
        return explain(network, x, target, method, **options).attributions

    found = {}
    for name, of in (
        ("gradient of a logit", lambda s: s[c]),
        ("gradient of a probability", lambda s: s.softmax(0)[c]),
        ("gradient of a difference of two logits", lambda s: s[c] - s[d]),
    ):
        found[f"shift: {name}"] = _same(slope(model, of), slope(shifted, of))
    ig = "integrated_gradients"
    found["shift: integrated gradients of a logit"] = _same(maps(model, ig), maps(shifted, ig))
    lift = "deeplift"
    found["shift: DeepLIFT of a logit"] = _same(maps(model, lift), maps(shifted, lift))
    times, smooth = "input_x_gradient", "smoothgrad"
    found["shift: input × gradient of a logit"] = _same(maps(model, times), maps(shifted, times))
    found["shift: SmoothGrad of a logit"] = _same(
        maps(model, smooth, seed=0), maps(shifted, smooth, seed=0)
    )
    plus = copy.deepcopy(model)
    plus[-1].bias.data += 5
    for name, method, options in (
        ("gradient", "gradient", {}),
        ("LRP-α₁β₀", "lrp", {"rule": "z_plus"}),
    ):
        question = f"constant: {name} of a logit"
        found[question] = _same(maps(model, method, **options), maps(plus, method, **options))
    f = _chain([[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [0.0, 0.0]])
    g = _chain([[2.0, 1.0], [1.0, 0.0]], [[1.0, -1.0], [0.0, 0.0]])
    spot = torch.tensor([[2.0, 3.0]])
    assert torch.allclose(f(spot), g(spot))
    for name, method, options in (
        ("integrated gradients", ig, {}),
        ("DeepLIFT", lift, {}),
        ("LRP-ε", "lrp", {"rule": "epsilon"}),
        ("LRP-α₁β₀", "lrp", {"rule": "z_plus"}),
        ("guided backpropagation", "guided_backprop", {}),
    ):
        pair = [explain(each, spot, 0, method, **options).attributions for each in (f, g)]
        found[f"twins: {name}"] = _same(*pair)
    one = Network.random(np.random.default_rng(1), (3, 5, 2)).module()
    scaled = copy.deepcopy(one)
    scaled[0].weight.data[2] *= 4
    scaled[0].bias.data[2] *= 4
    scaled[2].weight.data[:, 2] /= 4
    spot = torch.rand(1, 3, generator=torch.Generator().manual_seed(0))
    for name, method, options in (
        ("gradient", "gradient", {}),
        ("LRP-α₁β₀", "lrp", {"rule": "z_plus"}),
    ):
        pair = [explain(each, spot, 0, method, **options).attributions for each in (one, scaled)]
        found[f"scaled unit: {name}"] = _same(*pair)
    assert found == checks.PREDICTED


def test_the_hidden_networks_are_told_apart_by_looking_them_up(
    source: Source, checks: SimpleNamespace
) -> None:
    for seed in range(3):
        answer = source.checks.tasks["trained-or-random"].answer
        assert isinstance(answer, Call)
        problems = answer.inputs(np.random.default_rng(seed))
        truth = [checks._is_trained(maps) for (maps,) in problems]
        assert sum(truth) == 4 and len(truth) == 8
        peaks = [float((maps**4).sum((1, 2)).mean() * 784) for (maps,) in problems]
        assert truth == [peak > 0.007 * 784 for peak in peaks]  # what the solution looks at
