"""Notebook 04: its four kinds of answers, and its references against the library."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

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
from scoring import accepts, hidden, mark
from sklearn.cluster import KMeans
from torch import Tensor

from autograde.inside.read import plain
from autograde.notebooks.source import Source
from autograde.tasks import Called
from xaikit import Explanation, load_pretrained
from xaikit.backdoors import Trigger, poison
from xaikit.backdoors.neural_cleanse import anomaly_index
from xaikit.metrics import localisation

NAME = "04_backdoors"


def test_references_by_hand_agree_with_the_library(source: Source) -> None:
    assert accepts(source, "blend", lambda images, pattern, alpha: Trigger(pattern, alpha)(images))
    assert accepts(source, "anomaly-index", lambda sizes: anomaly_index(sizes.double()))

    def explained(values: Tensor) -> float:
        found = KMeans(2, n_init=100, random_state=0).fit(values.double()[:, None])
        return 1 - found.inertia_ / float(values.double().var(unbiased=False) * len(values))

    assert accepts(source, "best-cut", explained)

    def share(maps: Tensor, mask: Tensor) -> Tensor:
        made = Explanation(
            maps[:, None, None], torch.zeros(len(maps), 1, dtype=torch.int64), None, "given", 0.0
        )
        return localisation(made, mask.expand(len(maps), -1, -1))[:, 0].nan_to_num()

    assert accepts(source, "mass", share)


def test_what_enters_the_references_is_what_the_notebook_shows(
    given: dict[str, Any], checks: SimpleNamespace
) -> None:
    here = checks.HERE
    for name, data in (("training", here.training), ("test", here.test)):
        assert torch.equal(given[name].images, data.images), name
        assert torch.equal(given[name].labels, data.labels), name
    assert given["target"] == here.target
    assert torch.allclose(
        given["features"][~given["truth"]],
        checks._clean_features()[~given["truth"]],
        atol=1e-4,
    )
    assert set(given["statements"]) == set(checks.PREDICTED)


def test_what_is_predicted_happens(given: dict[str, Any], checks: SimpleNamespace) -> None:
    sizes = torch.tensor([50.0, 40.0, 60.0, 7.0], dtype=torch.float64)
    clean, attacked, _ = checks._measured()
    data = poison(given["training"], given["trigger"], 9, 0.1)
    labelled = data.poisoned[data.labels == 9].double().mean()
    # Two groups of one size, on both sides of their mean.
    halves = torch.cat([torch.randn(50, 3) - 4, torch.randn(50, 3) + 4]).double()
    centred = halves - halves.mean(0)
    scores = (centred @ torch.linalg.svd(centred, full_matrices=False).Vh[0]).square()
    overlap = float((scores[:50, None] > scores[50:]).double().mean())
    head = load_pretrained("fashion_mnist")[-1]
    found = {
        "three classes": any(
            anomaly_index(torch.tensor([one, other, 91.0], dtype=torch.float64)).max() > 2
            for one in (1.0, 5.0, 700.0)
            for other in (2.0, 90.0)
        ),
        "scale": torch.allclose(2 * anomaly_index(sizes), anomaly_index(2 * sizes)),
        "accuracy": clean < load_pretrained("fashion_mnist").card["accuracy"] - 0.03,
        "share": abs(float(labelled) - 0.5) < 0.01,
        "squared": not 0.2 < overlap < 0.8,
        "last layer": not hasattr(head, "bias") or head.weight.ndim == 2,
        "covers": bool((given["covered"].images != given["one_source"].images).any())
        and torch.equal(given["covered"].labels, given["one_source"].labels),
        "always two": min(
            float(found.evidence["shares"].min())
            for (_, name), found in given["verdicts"].items()
            if name == "clean"
        )
        > 0,
    }
    assert attacked > 0.9
    for statement, happens in found.items():
        assert checks.PREDICTED[statement] == ("yes" if happens else "no"), statement


@pytest.mark.slow
def test_the_attack_that_escapes_does_what_the_text_says(given: dict[str, Any]) -> None:
    """Trains two networks and asks all detectors about both: half a minute."""
    found = {
        name: given["examined"](name, data, given["square"], given["boot"], 0, given["sneaker"])
        for name, data in (("one", given["one_source"]), ("covers", given["covered"]))
    }
    assert abs(found["one"]["accuracy"] - found["covers"]["accuracy"]) < 0.03
    for name, missed in (
        ("one", {"neural_cleanse"}),
        ("covers", {"neural_cleanse", "activation_clustering", "spectral_signatures"}),
    ):
        assert found[name]["success"] > 0.9 > 0.4 > found[name]["on all classes"]
        for method in given["ALL"]:
            assert (found[name][method].target == given["boot"]) == (method not in missed), method
    for method in ("activation_clustering", "spectral_signatures"):
        assert found["one"][method, "auroc"] > 0.95 and found["covers"][method, "auroc"] < 0.5
    assert found["covers"]["spray", "auroc"] > 0.95


@pytest.mark.parametrize(
    ("hits", "accused", "fraction"), [(1.0, 0, 1.0), (0.9, 3, 1.0), (0.7, 0, 0.6), (0.2, 0, 0.25)]
)
def test_finding_poison_is_scored_by_hits_and_false_accusations(
    source: Source, checks: SimpleNamespace, hits: float, accused: int, fraction: float
) -> None:
    calls = []
    for features, labels in hidden(source, "find-poison"):
        truth, target = checks._TRUTH[checks._key(features)]
        bad = truth.nonzero()[:, 0]
        found = torch.zeros(len(truth), dtype=torch.bool)
        found[bad[: round(hits * len(bad))]] = True
        found[(~truth).nonzero()[:accused, 0]] = True
        assert (labels[bad] == target).all()
        calls.append(Called((features, labels), plain((target, found))))
    assert mark(source, "find-poison", calls) == fraction


def test_the_networks_on_trial_tell_what_the_text_says(
    given: dict[str, Any], checks: SimpleNamespace
) -> None:
    clean, attacked, on_reference = checks._measured()
    assert clean > 0.88 and attacked > 0.95 and on_reference < 0.05
    for (method, name), found in given["verdicts"].items():
        assert found.flagged == (name == "poisoned"), (method, name, found.explanation)
        assert found.target in (None, given["target"])
