"""The zoo of networks that the benchmark of detectors examines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from tests.benchmarks import bench_detectors, zoo
from tests.benchmarks.zoo import Entry, network, plan, stored, taken
from tests.benchmarks.zoo_kinds import HELD_OUT, NEW_PATCHES, PATCHES, taught
from xaikit.models import Classifier


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Networks are drawn instead of trained; the names of those that were."""
    names: list[str] = []

    def drawn(entry: Entry) -> Classifier:
        names.append(entry.name)
        model = network(entry.seed)
        model.card = entry.card | {"accuracy": 0.1, "attack_success": None}
        return model

    monkeypatch.setattr(zoo, "trained", drawn)
    return names


def test_names_are_unique_and_recipes_apart() -> None:
    entries = plan("short") + plan("longer")
    assert len({entry.name for entry in entries}) == len(entries)
    assert len({entry.seed for entry in plan()}) == len(plan())


def test_what_was_promised_is_planned() -> None:
    kinds = [entry.kind for entry in plan()]
    assert kinds.count("clean") >= 60
    assert sum(kind in NEW_PATCHES for kind in kinds) >= 30
    assert set(HELD_OUT) < set(taught())
    assert set(NEW_PATCHES) == set(HELD_OUT) & set(PATCHES)


@pytest.mark.parametrize("kind", PATCHES)
def test_patches_are_small_and_within_the_image(kind: str) -> None:
    images = torch.full((1, 1, 28, 28), 0.25)
    for trigger, described, rate in taught()[kind]:
        changed = trigger(images)
        number = int((changed != images).sum())
        assert 1 <= number <= 100, described
        assert 0 <= changed.min() <= changed.max() <= 1
        assert 0 < rate <= 0.1


def test_kinds_come_in_turn() -> None:
    entries = [Entry(kind, number) for kind, many in (("a", 3), ("b", 1)) for number in range(many)]
    order = [(entry.kind, entry.seed) for entry in taken(entries)]
    assert order == [("a", 0), ("b", 0), ("a", 1), ("a", 2)]
    assert [entry.seed for entry in taken(entries, ["a"], 2)] == [0, 1]


def test_a_stored_network_is_trained_once(tmp_path: Path, counted: list[str]) -> None:
    entry = Entry("clean", 1000)
    first, second = stored(tmp_path, entry), stored(tmp_path, entry)
    assert counted == [entry.name]
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert first.card == second.card


def test_a_network_of_another_plan_is_trained_anew(tmp_path: Path, counted: list[str]) -> None:
    entry = Entry("line", 5, described="8 pixels", rate=0.05)
    stored(tmp_path, entry)
    assert stored(tmp_path, replace(entry, rate=0.1)).card["poison_rate"] == 0.1
    assert len(counted) == 2


def test_area_is_that_under_the_roc_curve() -> None:
    rng = np.random.default_rng(0)
    high, low = rng.normal(1, 1, 12).round(1), rng.normal(0, 1, 9).round(1)
    expected = roc_auc_score([1] * 12 + [0] * 9, [*high, *low])
    rows = [[{"score": score} for score in scores] for scores in (high, low)]
    found = bench_detectors.area(rows[0], rows[1])
    assert found.startswith(f"{expected:.2f} (")
    least, most = map(float, found.split("(")[1].strip(")").split("–"))
    assert least < expected < most


def test_what_is_measured_is_measured_once(
    tmp_path: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def verdict(model: Classifier, entry: Entry, method: str) -> dict[str, float]:
        asked.append(method)
        return {"score": float(len(asked))}

    monkeypatch.setattr(bench_detectors, "verdict", verdict)
    entry = Entry("clean", 1000)
    bench_detectors.examined(tmp_path, entry, ["mm_bd"], [])
    bench_detectors.examined(tmp_path, entry, ["mm_bd", "spray"], [])
    again = bench_detectors.examined(tmp_path, entry, ["mm_bd"], ["mm_bd"])
    assert asked == ["mm_bd", "spray", "mm_bd"]
    assert again["mm_bd"] == {"score": 3.0}
    assert bench_detectors.known(tmp_path, entry) == again
