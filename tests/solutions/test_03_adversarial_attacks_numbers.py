"""Notebook 03: what its text says of its measurements, and what each of them is worth."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy import stats
from scoring import mark
from torch import nn

from autograde.inside.read import plain
from autograde.notebooks.source import Source
from xaikit import attack

NAME = "03_adversarial_attacks"
pytestmark = pytest.mark.xdist_group(NAME)  # what the checks measure is measured once


@pytest.fixture(scope="module")
def wilson(source: Source) -> Callable[..., Any]:
    """Return what a given cell defines, without running all of them."""
    space: dict[str, Any] = {"np": np, "plt": plt}
    exec(source.given["wilson"], space)
    return space["wilson"]


def test_what_the_text_says_of_the_measurements_is_so(
    wilson: Callable[..., Any], checks: SimpleNamespace
) -> None:
    curve = checks._curve()
    assert min(curve["noise"][:2]) > 0.85 and max(curve["pgd"][2:]) < 0.05
    assert curve["pgd"][1] < curve["noise"][1] - 0.5  # direction, not amount
    assert checks._apparent() > 0.9 and checks._curve()["pgd"][2] < 0.05
    sizes = checks._by_size()
    assert all(best <= fixed for best, fixed in zip(sizes["best"], sizes["fixed"], strict=True))
    table = checks.measured()
    area = 25 / 784
    for harmless, attacked in table["agreement"][:, :, 1]:
        assert abs(harmless - attacked) < 0.06  # the map changes as much under a harmless patch
    apart = dict(zip(checks.METHODS, table["told_apart"], strict=True))
    for method in ("lrp", "integrated_gradients", "input_x_gradient", "guided_backprop"):
        clean, harmless, attacked = table["inside"][list(checks.METHODS).index(method), :, 1]
        assert attacked > harmless > 2.5 * area and clean < 2 * area
        assert apart[method] > 0.6
    for method in ("gradient", "grad_cam"):
        low, high = wilson(apart[method], len(checks.twins().clean))
        assert low < 0.5 < high  # no better than guessing
    by_pgd, by_patch = checks._gain()
    assert by_pgd[0, 0] > by_pgd[1, 0] + 0.05  # it costs
    assert by_pgd[1, 3] > 0.5 > by_pgd[0, 2]
    assert by_patch[1, 1] > by_patch[0, 1]


def test_what_the_text_says_of_transfer_is_so(checks: SimpleNamespace) -> None:
    """Image by image: on how many `other` errs under the attack alone, under the noise alone."""
    here, counts = checks.HERE, {}
    for epsilon, (method, more) in itertools.product(
        here.epsilons, (("fgsm", {}), ("pgd", {"steps": 20}))
    ):
        moved = attack(here.model, here.images, here.labels, method, epsilon=epsilon, **more)
        noisy = here.noise_like(here.images, moved.adversarial, here.signs)
        lengths = [
            (each - here.images).flatten(1).norm(dim=1) for each in (moved.adversarial, noisy)
        ]
        torch.testing.assert_close(*lengths, atol=1e-3, rtol=1e-3)  # equal, image by image
        by_attack, by_noise = (
            checks.said(here.other, each) != here.labels for each in (moved.adversarial, noisy)
        )
        counts[method, epsilon] = (
            int((by_attack & ~by_noise).sum()),
            int((by_noise & ~by_attack).sum()),
        )
    in_the_text = {
        ("fgsm", 0.05): (35, 3),
        ("fgsm", 0.1): (40, 15),
        ("pgd", 0.05): (13, 0),
        ("pgd", 0.1): (26, 7),
    }
    for place, said in in_the_text.items():  # rounding may move an image
        assert np.abs(np.subtract(counts[place], said)).max() <= 1, place
    for method in ("fgsm", "pgd"):
        for epsilon in (0.05, 0.1):
            alone, other_alone = counts[method, epsilon]
            test = stats.binomtest(alone, alone + other_alone)
            assert alone > other_alone and test.pvalue < 0.002  # the direction transfers
        assert stats.binomtest(counts[method, 0.02][0], sum(counts[method, 0.02])).pvalue > 0.1
    assert stats.binomtest(counts["fgsm", 0.2][0], sum(counts["fgsm", 0.2])).pvalue > 0.5
    lengths = [
        float((each - here.images).flatten(1).norm(dim=1).mean())
        for each in (
            (here.images + 0.1 * here.signs).clamp(0, 1),
            attack(here.model, here.images, here.labels, "pgd", epsilon=0.1, steps=20).adversarial,
        )
    ]
    np.testing.assert_allclose(lengths, [2.36, 1.47], atol=0.03)


def test_pgd_converges_in_both_norms(checks: SimpleNamespace) -> None:
    x, labels = checks.HERE.images[:100], checks.HERE.labels[:100]
    for norm, epsilon, first in (("inf", 0.03, 0.57), ("2", 0.5, 0.60)):
        left = [
            1
            - float(
                attack(checks.HERE.model, x, labels, "pgd", norm=norm, epsilon=epsilon, steps=steps)
                .success.float()
                .mean()
            )
            for steps in (1, 10, 20)
        ]
        assert abs(left[0] - first) < 0.03 and left[0] > left[1] + 0.15
        assert abs(left[1] - left[2]) < 0.04


def test_a_query_attack_finds_nothing_where_the_softmax_is_saturated(
    source: Source, checks: SimpleNamespace, texts: dict[str, dict[str, str]]
) -> None:
    space: dict[str, Any] = {"torch": torch, "nn": nn, "Tensor": torch.Tensor}
    exec(texts["query"]["solution"], space)
    x, labels = checks.HERE.images[:5], checks.HERE.labels[:5]
    order = torch.randperm(784, generator=torch.Generator().manual_seed(4))[:100]
    moved, queries = space["query_attack"](checks.HERE.sure, x, labels, 0.2, order)
    assert torch.equal(moved, x) and queries.tolist() == [201] * 5
    moved, queries = space["query_attack"](checks.HERE.model, x, labels, 0.2, order)
    assert not torch.equal(moved, x) and int(queries.min()) < 201


def test_the_interval_is_wilsons(wilson: Callable[..., Any]) -> None:
    low, high = wilson(0.5, 40)
    assert (round(0.5 - low, 2), round(high - 0.5, 2)) == (0.15, 0.15)
    by_scipy = stats.binomtest(3, 20).proportion_ci(0.95, "wilson")
    np.testing.assert_allclose(wilson(3 / 20, 20), by_scipy, atol=1e-4)


def test_the_control_carries_the_marks_of_what_it_is_there_for(
    source: Source, checks: SimpleNamespace
) -> None:
    """Without the harmless patch, with other noise or without the transfer most is lost."""

    def paid(task: str, answer: dict[str, Any]) -> float:
        return mark(source, task, {name: plain(each) for name, each in answer.items()})

    tables = {name: each.copy() for name, each in checks.measured().items()}
    tables["agreement"][:, 0] = tables["agreement"][:, 1]
    tables["inside"][:, 1] = tables["inside"][:, 2]
    tables["told_apart"][:] = 0.5
    assert paid("measure", tables) < 0.4

    here = checks.HERE
    gauss = torch.randn(here.images.shape, generator=torch.Generator().manual_seed(0))
    shares = [
        checks.share_of(here.model, (here.images + e * gauss).clamp(0, 1), here.labels)
        for e in here.epsilons
    ]
    assert paid("curve", {"robust_accuracy": {**checks._curve(), "noise": shares}}) < 0.75

    table = checks._transferred()
    for rows, most in (((1, 3), 0.3), ((0, 2), 0.8), ((3,), 0.6)):
        wrong = table.copy()
        wrong[[*rows]] = 0
        assert paid("transfer", {"transferred": wrong}) < most
    same_radius = table.copy()
    same_radius[3] = table[1]  # noise of the same ε: as long as FGSM
    assert paid("transfer", {"transferred": same_radius}) < 0.6


def other_forms(value: Any) -> Iterator[Any]:
    """Yield an answer in the other forms that a student may give it."""
    if isinstance(value, Mapping):
        yield {key: next(other_forms(each), each) for key, each in value.items()}
        yield list(value.items())
        return
    if isinstance(value, torch.Tensor | np.ndarray | list | tuple | float | int):
        array = torch.as_tensor(np.asarray(value))
        yield from (array.numpy(), array, array.double(), array.tolist())
        if array.ndim:
            yield from (
                tuple(array.tolist()),
                list(array),
                dict(enumerate(array)),
                {*array.ravel().tolist()},
            )
        else:
            yield from ([array.item()], {array.item()}, str(array.item()))
