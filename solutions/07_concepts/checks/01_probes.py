"""Checks: probes as least squares on longer data, control tasks counted, words by intervals."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch

from autograde.tasks import Call, Called, expect, expect_array, expect_close, says, task

from ...shared.checks import GIVEN, Arguments, Array


def probe_by_rows(features: Array, labels: list[int], asked: Array, decay: float) -> Array:
    """Return the scores of ridge regression whose intercept, a column more, has no penalty."""
    number, size = features.shape
    goal = np.zeros((number + size, max(labels) + 1))
    goal[np.arange(number), labels] = 1
    rows = np.zeros((number + size, size + 1))
    rows[:number, :size], rows[:number, size] = features, 1
    rows[number:, :size] = math.sqrt(decay) * np.eye(size)
    weights = np.linalg.lstsq(rows, goal, rcond=None)[0]
    return np.asarray(asked @ weights[:size] + weights[size])


def _probes(rng: np.random.Generator) -> Arguments:
    """Return activations far from zero, more or fewer than examples, of unequal classes."""
    cases: Arguments = []
    for number, size, classes, asked, decay in ((12, 3, 3, 4, 2.0), (7, 11, 2, 3, 5.0)):
        labels = np.append(np.arange(classes), np.zeros(number - classes, dtype=np.int64))
        labels[-1] = classes - 1
        features = rng.normal(size=(number, size)) + labels[:, None] + rng.uniform(2, 4, size=size)
        order = rng.permutation(number)
        news = rng.normal(size=(asked, size)) + rng.uniform(1, 3, size=size)
        arrays = features[order], labels[order], news
        cases.append((*map(torch.from_numpy, arrays), decay))
    return cases


@task(
    "ridge-probe",
    Call("ridge_probe", _probes, GIVEN),
    read="section {{ section }} and Alain and Bengio 2017",
)
def ridge_probe(calls: list[Called]) -> None:
    """Fit with a column of ones."""
    for call in calls:
        features, labels, asked, decay = call.arguments
        expect_close(
            call.returned,
            probe_by_rows(features.numpy(), labels.tolist(), asked.numpy(), decay),
            "ridge_probe(…)",
            "Take the mean of the training activations from training and asked rows, and that of the labels "
            "from the labels; add λ to the diagonal once; at the end add the labels' mean again.",
        )


_PAIRS_OF_GROUPS = 20


def _controls(rng: np.random.Generator) -> Arguments:
    """Return groups whose names have gaps, whose sizes differ and whose images have one label.

    By images, a label is rare that is frequent by groups: the largest groups share one label.
    In one case each image is a group, with a name that is no index, and has its own label. In the
    last ones there are two groups, each with a label that the other one lacks.
    """
    groups = 3 * rng.permutation(900)[:600] - 50
    sizes = np.repeat((6, 1), (200, 400))  # the large groups have 1200 of 1600 images
    names, kinds = np.repeat(groups, sizes), np.repeat(np.repeat((4, 9), (200, 400)), sizes)
    order = rng.permutation(len(names))
    case = names[order], kinds[order]
    first = int(rng.integers(1000))
    alone = 10**12 * (rng.permutation(80) - 40), np.arange(80), first
    two = [
        (np.repeat((-7, 12), 3), np.repeat((4, 9), 3), first + 10 + k)
        for k in range(_PAIRS_OF_GROUPS)
    ]
    return [(*case, first), (*case, first), (*case, first + 1), (*case, first + 2), alone, *two]


@task(
    "control-task",
    Call("control_labels", _controls, GIVEN),
    read="section {{ section }} and Hewitt and Liang 2019",
)
def control_task(calls: list[Called]) -> None:
    """Count what 600 groups got: 450 ± 11 of them should have the label of the large groups.

    Of 80 labels drawn from 80, by chance some come twice: without any the probability is 10⁻³⁴.
    Of 40 groups with half of the images, none gets its own label with the probability 10⁻¹².
    """
    found = []
    *whole, single = calls[:-_PAIRS_OF_GROUPS]
    for call in whole:
        groups, labels, _ = call.arguments
        new = expect_array(call.returned, (len(groups),), "control_labels(…)")
        by_group = [set(new[groups == each]) for each in np.unique(groups)]
        expect(
            all(len(each) == 1 for each in by_group),
            "Images of one group got different labels: draw one label for each group.",
        )
        expect(set(new) <= {4.0, 9.0}, "`control_labels` returned a label that `labels` lacks.")
        own = np.mean([new[groups == each][0] == labels[groups == each][0] for each in set(groups)])
        its_own = "A group's label depends on the labels of its own images: draw it independently of them."
        expect(own < 0.8, its_own)  # before the frequencies, which are then those of the groups
        share = np.mean([each == {4.0} for each in by_group])
        expect(
            0.64 < share < 0.86,
            "The groups' labels have other frequencies than the images' labels: draw from the labels of "
            "all images, as often as images have them.",
        )
        # By chance (1/3) · 0.75 + (2/3) · 0.25 = 0.42 of the groups get the label of their images.
        expect(0.3 < own < 0.54, its_own)
        found.append(new)
    labels = single.arguments[1]
    alone = expect_array(single.returned, (len(labels),), "control_labels(…)")
    expect(
        set(alone) <= set(labels.tolist()), "`control_labels` returned a label that `labels` lacks."
    )
    expect(
        len(set(alone)) < len(alone),
        "No label came twice: each group's label is drawn from all images, also from those that gave theirs before.",
        0.5,
    )
    halves = [
        expect_array(call.returned, (6,), "control_labels(…)") == call.arguments[1]
        for call in calls[-_PAIRS_OF_GROUPS:]
    ]
    expect(
        np.any(halves),
        "A group never gets the label of its own images: it is drawn from all images, these included.",
        0.5,
    )
    expect(
        np.array_equal(found[0], found[1]), "The same seed gave two different sets of labels.", 0.5
    )
    expect(
        not any(np.array_equal(*each) for each in pairwise(found[1:])),
        "Different seeds gave the same labels: all randomness should come from the seed.",
        0.5,
    )


def _results(rng: np.random.Generator) -> Arguments:
    """Return each word twice or more, with intervals that touch, and with both other words' traps."""
    base = float(rng.uniform(0.3, 0.4))

    def at(low: float, high: float, middle: float = 0.5) -> tuple[float, float, float]:
        ends = base + low, base + high
        return ends[0] + middle * (ends[1] - ends[0]), *ends

    luck = base + 0.2
    cases = [
        (at(0.1, 0.15), at(0.3, 0.35), luck),  # lost, and not above chance
        (at(0.3, 0.35), at(0.4, 0.45), luck),  # lost, and above chance
        (at(0.3, 0.35), at(0.35, 0.4), luck),  # they touch: untrained
        (at(0.15, 0.35, 0.9), at(0.0, 0.1), luck),  # above random weights, chance inside
        (at(0.2, 0.35), at(0.0, 0.1), luck),  # begins at chance: unreadable
        (at(0.05, 0.15), at(0.0, 0.1), luck),  # all below chance, and neither above random
        (at(0.3, 0.4), at(0.15, 0.25), luck),  # learned, and chance inside the other interval
        (at(0.45, 0.5), at(0.3, 0.4), luck),  # learned
        (at(0.4, 0.5), at(0.3, 0.4), luck),  # they touch: untrained
        (at(0.3, 0.5, 0.9), at(0.25, 0.35), luck),  # the value above, the interval not
        (at(0.25, 0.35, 0.1), at(0.3, 0.5, 0.9), luck),  # the value below, the interval not
        (at(0.3, 0.4), at(0.1, 0.35), luck),  # untrained, and chance inside the other interval
    ]
    return [cases[k] for k in rng.permutation(len(cases))]


def _word(one: tuple[float, ...], blank: tuple[float, ...], luck: float) -> str:
    if blank[1] > one[2]:
        return "lost"
    if luck >= one[1]:
        return "unreadable"
    return "untrained" if blank[2] >= one[1] else "learned"


@task("who-learned", Call("who_learned", _results, GIVEN), read="section {{ section }}")
def who_learned(calls: list[Called]) -> None:
    """Every result has its word."""
    for call in calls:
        expect(
            says(call.returned, _word(*call.arguments)),
            "`who_learned` does not return the first word whose condition holds: look at the ends of the "
            "intervals, not at the values, and at intervals that just touch.",
        )
