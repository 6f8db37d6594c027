"""Check: thirty images, trained again without each one, by Newton's method."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from autograde.tasks import Value, entries, expect, task
from xaikit.influence import study

from ...shared.checks import Array


@functools.cache
def thirty_images() -> tuple[Array, list[int], Array, list[int]]:
    """Return the thirty and the forty images as rows, and their labels."""
    made: list[Any] = []
    for data, number in ((study().training, 15), (study().test, 20)):
        rows, labels = [], []
        for label, name in enumerate(("T-shirt/top", "Dress")):
            images = data.images[data.labels == data.classes.index(name)][:number]
            for image in images[:, 0].double().numpy():
                means = image.reshape(4, 7, 4, 7).mean(axis=(1, 3))
                rows.append(np.append(means.ravel(), 1.0))
                labels.append(label)
        made += [np.stack(rows), labels]
    return made[0], made[1], made[2], made[3]


DECAY = 0.01


def newton(counts: Array) -> Array:
    """Return the difference of both classes' weights, fitted by Newton's method.

    Of two classes the better weights are each other's negative, so the decay of both together is
    that of a vector w/2 twice: λ/4 times the square of the difference w.
    """
    rows, labels, _, _ = thirty_images()
    signs = np.array(labels) * 2.0 - 1
    w = np.zeros(17)
    for _ in range(50):
        chance = 1 / (1 + np.exp(signs * (rows @ w)))
        slope = -(rows * (counts * signs * chance)[:, None]).sum(0) / 30 + DECAY / 2 * w
        curve = (rows.T * (counts * chance * (1 - chance))) @ rows / 30 + DECAY / 2 * np.eye(17)
        w = w - np.linalg.solve(curve, slope)
    return w


def loss_of_forty(w: Array) -> float:
    """Return the mean loss of the forty test images."""
    _, _, rows, labels = thirty_images()
    signs = np.array(labels) * 2.0 - 1
    return float(np.log1p(np.exp(-signs * (rows @ w))).mean())


@functools.cache
def left_out_key() -> Array:
    """Return the change of the loss without each of the thirty images."""
    whole = loss_of_forty(newton(np.ones(30)))
    return np.array([loss_of_forty(newton(1 - np.eye(30)[k])) - whole for k in range(30)])


@functools.cache
def predicted_key() -> Array:
    """Return what the influence function predicts: the slope by an example's weight."""
    step = 1e-4
    ones, each = np.ones(30), np.eye(30)
    return np.array(
        [
            (loss_of_forty(newton(ones - step * k)) - loss_of_forty(newton(ones + step * k)))
            / (2 * step)
            for k in each
        ]
    )


@functools.cache
def agreement_key() -> float:
    """Return the rank correlation of the two."""
    ranks = [
        np.array([sum(other < value for other in values) for value in values], dtype=float)
        for values in (left_out_key(), predicted_key())
    ]
    return float(np.corrcoef(*ranks)[0, 1])


@task("gold-standard", Value("left_out", "agreement"), read="section {{ section }}")
def gold_standard(values: dict[str, Any]) -> None:
    """Two thirds for the changes; the correlation counts beside them only."""
    key = left_out_key()
    found = entries(values["left_out"], (30,))
    expect(
        np.allclose(found, key, rtol=0.005, atol=0.005 * np.abs(key).max()),
        "`left_out` does not hold the changes: train again without each image, with the others kept, "
        "and take the mean loss of the forty test images without it minus that with all.",
    )
    rank = entries(values["agreement"], ())
    expect(
        abs(float(rank) - agreement_key()) < 0.002,
        "`left_out` is right, but `agreement` is not the correlation of the ranks of `left_out` and "
        "`predicted`. A rank is an example's place in the sorted order.",
        2 / 3,
    )
