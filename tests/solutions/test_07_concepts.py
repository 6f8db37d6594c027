"""Notebook 07, first half: its four kinds of answers, and its references against a pencil."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
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
from scoring import mark, verdict

from autograde.inside.networks import Layer, Network
from autograde.notebooks.source import Source
from xaikit.concepts.probes import _control_task

NAME = "07_concepts"


def double(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_the_probe_of_a_pencil(source: Source) -> None:
    # Without their mean, 1, the rows are −1, −1, 2; XᵀX + λ = 12, XᵀY = (−2, 2), ȳ = (2/3, 1/3).
    case = (double([[0.0], [0.0], [3.0]]), torch.tensor([0, 0, 1]), double([[4.0]]), 6.0)
    assert verdict(source, "ridge-probe", case, np.array([[1 / 6, 5 / 6]])) == 1
    # Without a penalty it is the line through both classes; with no intercept it is another one.
    assert verdict(source, "ridge-probe", case, np.array([[-1 / 3, 4 / 3]])) == 0
    assert verdict(source, "ridge-probe", case, np.array([[0.0, 0.8]])) == 0


def test_the_words_of_a_pencil(source: Source) -> None:
    for one, blank, word in (
        ((0.9, 0.85, 0.95), (0.8, 0.75, 0.85), "untrained"),  # they touch
        ((0.9, 0.86, 0.95), (0.8, 0.75, 0.85), "learned"),
        ((0.4, 0.35, 0.45), (0.8, 0.75, 0.85), "lost"),
        ((0.55, 0.5, 0.6), (0.3, 0.2, 0.4), "unreadable"),
    ):
        assert verdict(source, "who-learned", (one, blank, 0.5), word) == 1
        others = {"lost", "unreadable", "learned", "untrained"} - {word}
        assert all(verdict(source, "who-learned", (one, blank, 0.5), each) == 0 for each in others)


def test_the_vector_of_a_pencil(source: Source) -> None:
    # Rows 2, 3 | 0, −4 and λ = 6. Without the 0: mean 1/3, XᵀX = 28.67, y − ȳ = (⅔, ⅔, −4/3), so
    # w = 8.67 / 34.67 = 0.25, and 0 gets ⅓ − ⅓ · 0.25 = 0.25, on the side of the concept.
    case = (double([[2.0], [3.0]]), double([[0.0], [-4.0]]), 6.0)
    assert verdict(source, "cav", case, [np.array([1.0]), np.array(0.75)]) == 1
    assert verdict(source, "cav", case, [np.array([1.0]), np.array(1.0)]) == 0.5
    assert verdict(source, "cav", case, [np.array([-1.0]), np.array(0.75)]) == 0


def test_the_derivative_of_a_pencil(source: Source) -> None:
    # Behind layer 1 (which gives 2x) come tanh and 3: 3 · (1 − tanh²(2)) · v.
    layers = [Layer("flatten"), Layer.linear([[2.0]], [0.0]), Layer("tanh"), Layer.linear([[3.0]])]
    image, vector = torch.ones(1, 1, 1, 1), torch.tensor([0.5])
    wanted = 1.5 * (1 - math.tanh(2.0) ** 2)
    case = (Network(layers), "1", image, vector, 0)
    assert verdict(source, "along", case, np.array([wanted])) == 1
    assert verdict(source, "along", case, np.array([2 * wanted])) == 0
    case = (Network(layers), "2", image, vector, 0)
    assert verdict(source, "along", case, np.array([1.5])) == 1


def test_the_tests_of_a_pencil(source: Source) -> None:
    # t is −3 with one degree of freedom, and −0.4 / (0.2 √(4/3)) = −√3 with two.
    case = (double([0.1, 0.3]), double([0.4, 0.6, 0.8]))
    first, second = 1 - 2 * math.atan(3) / math.pi, 1 - math.sqrt(3 / 5)
    assert verdict(source, "two-tests", case, np.array([first, second])) == 1
    assert verdict(source, "two-tests", case, np.array([first, second / 2])) == 0.5
    assert verdict(source, "two-tests", case, np.array([first / 2, second])) == 0


def test_holm_of_a_pencil(source: Source) -> None:
    case = (double([[0.02, 0.6], [0.015, 0.7]]),)
    assert verdict(source, "holm", case, np.array([[0.06, 1.0], [0.06, 1.0]])) == 1
    assert verdict(source, "holm", case, np.array([[0.06, 1.2], [0.06, 1.2]])) == 0
    assert verdict(source, "holm", case, np.array([[0.08, 1.0], [0.06, 1.0]])) == 0
    # An equal value behind it: the maximum counts, not the smaller product.
    case = (double([0.03, 0.03]),)
    assert verdict(source, "holm", case, np.array([0.06, 0.06])) == 1
    assert verdict(source, "holm", case, np.array([0.06, 0.03])) == 0


def test_the_paper_of_a_pencil(source: Source) -> None:
    concept = torch.tensor([[0.5], [0.25]]).view(2, 1, 1, 1)
    sets = [torch.tensor([0.0, 0.75]).view(2, 1, 1, 1)]
    for values, earned in (((0.25, 0.75), 1), ((0.25, 1.0), 0), ((0.5, 0.75), 0)):
        returned = [np.array(values).reshape(2, 1, 1, 1)]
        assert verdict(source, "fair-control", (concept, sets), returned) == earned


# --- what the sections rely on --------------------------------------------------------------------


def test_what_the_text_says_of_the_probes(given: dict[str, Any]) -> None:
    """Sleeves need training in the last layer alone; brightness is lost there; no stripes."""
    read, layers = given["read_off"], given["probed_layers"]
    sleeves, bright, striped = (read[name] for name in ("has-sleeves", "bright", "striped"))
    assert all(sleeves.accuracy[layer].value > 0.9 for layer in layers)
    assert all(
        sleeves.accuracy[each].low < sleeves.random_weights[each].high for each in layers[:3]
    )
    assert sleeves.accuracy["12"].low > sleeves.random_weights["12"].high
    assert bright.accuracy["12"].high < bright.random_weights["12"].low
    assert all(striped.accuracy[layer].low <= striped.chance for layer in layers)
    assert all(0.62 < read["class"].control[layer].value < 0.68 for layer in layers[:3])
    assert all(0.77 < sleeves.control[layer].value < 0.84 for layer in layers[:3])
    assert all(0.85 <= round(striped.control[layer].value, 2) <= 0.88 for layer in layers)


def test_what_the_text_says_of_the_commonest_control_label(given: dict[str, Any]) -> None:
    """The control tasks' labels are drawn as `probe` draws them for the figure."""
    images, annotated = given["training"].images[:700], given["annotated"]
    for labels, share in (
        (given["training"].labels, 0.17),
        (annotated["has-sleeves"], 0.52),
        (annotated["striped"], 0.83),
    ):
        rng = np.random.default_rng(0)
        rng.permutation(700)  # the split, which is drawn first
        drawn = _control_task(images, labels[:700].long().numpy(), rng, 0)
        assert round(np.bincount(drawn).max() / 700, 2) == share


def test_what_the_text_says_of_random_sets(given: dict[str, Any]) -> None:
    """The t-test of the runs, by scipy, finds most random sets; the catalogue is significant."""
    from scipy.stats import ttest_1samp

    p_values = ttest_1samp(given["of_nonsense"].scores.numpy(), 0.5, axis=2).pvalue
    assert (p_values < 0.05).mean() > 0.5
    assert float(given["reported"].p_value) < 0.01
    assert float(given["catalogue"].min()) > 0.1 and float(given["random_sets"][0].min()) == 0


def test_captum_documents_another_magnitude(source: Source, checks: Any) -> None:
    key = checks.by_hand()

    def earned(**other: Any) -> float:
        values = {
            "sign_counts": key["signs"],
            "magnitudes": key["means"],
            "documented": key["parts"],
            "unit_magnitudes": key["unit"],
            "computed": "mean",
        }
        return mark(source, "captum-tcav", values | other)

    assert earned() == 1
    assert earned(magnitudes=key["parts"]) == earned(sign_counts=1 - key["signs"]) == 0
    assert 0 < earned(documented=key["means"]) < earned(computed="sum") < 1
    assert earned(unit_magnitudes=key["means"]) < 1
    # The share of positive derivatives is far from the documented part, and from the mean.
    assert (abs(key["parts"] - key["means"]) > 0.1 * abs(key["parts"])).all()
