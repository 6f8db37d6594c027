"""Checks: heuristics counted entry by entry, and counter-examples retrained with sums alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, Value, expect, expect_array, expect_close, task

from ...shared.checks import GIVEN, Arguments, Array, drawn, tensor

COUNT = 200
TEXT = {"heuristics_count": str(COUNT)}


def _counted(
    among: Array, scores: Array, labels: list[int], training: list[int], k: int
) -> tuple[float, float]:
    """Count what passes, row by row."""
    itself = sum(all(row[i] >= value for value in row) for i, row in enumerate(among.tolist()))
    same = 0
    for row, label in zip(scores.tolist(), labels, strict=True):
        best = sorted(range(len(row)), key=lambda j: -row[j])[:k]
        same += sum(training[j] == label for j in best)
    return itself / len(among), same / (k * len(scores))


def _cases(rng: np.random.Generator) -> Arguments:
    """Return scores whose rows and columns, sizes and signs lead to other shares."""
    cases = []
    for n, m, k in ((6, 4, 1), (8, 5, 3)):

        def draw(n: int = n, m: int = m, k: int = k) -> tuple[Any, ...]:
            among = rng.normal(size=(n, n)) + 0.8 * np.eye(n)
            scores = rng.normal(size=(m, n))
            scores[0] -= 9  # an image without any proponent has top examples, too
            return among, scores, rng.integers(3, size=m), rng.integers(3, size=n), k

        def shows(case: tuple[Any, ...]) -> bool:
            among, scores, labels, training, k = case
            rest = labels.tolist(), training.tolist()
            first, second = _counted(among, scores, *rest, k)
            other = [_counted(each, scores, *rest, k)[0] for each in (among.T, abs(among), -among)]
            other.append(1 - first)  # those that are not their own top proponents
            others = [_counted(among, each, *rest, k)[1] for each in (abs(scores), -scores)]
            others.append(_counted(among, scores, *rest, 1 if k > 1 else 2)[1])
            # The same examples for all images, and the sign of the score as a condition.
            others.append(_counted(among, np.tile(scores.mean(0), (len(scores), 1)), *rest, k)[1])
            best = np.argsort(-scores, axis=1)[:, :k]
            same = training[best] == labels[:, None]
            others.append((same & (np.take_along_axis(scores, best, 1) > 0)).mean())
            if k > 1:  # most of them, or any: the same as each of a single one
                others += [(same.mean(1) > 0.5).mean(), same.any(1).mean()]
                near = np.argsort(-among, axis=1)[:, :k] == np.arange(len(among))[:, None]
                other.append(near.any(1).mean())
            return 0 < first < 1 and 0 < second < 1 and first not in other and second not in others

        among, scores, labels, training, k = drawn(draw, shows)
        words = torch.from_numpy(labels), torch.from_numpy(training)
        cases.append((tensor(among), tensor(scores), *words, k))
    return cases


def retrained(inputs: Array, targets: Array, place: float, wanted: float) -> list[float]:
    """Return by how much the squared error rises without each example, by sums.

    The derivative of Σ (y − w x)² + w² is zero at w = Σ x y / (Σ x² + 1).
    """

    def error(left_out: int) -> float:
        above, below = 0.0, 1.0
        for j, (x, y) in enumerate(zip(inputs.tolist(), targets.tolist(), strict=True)):
            if j != left_out:
                above += x * y
                below += x * x
        return (above / below * place - wanted) ** 2

    return [error(j) - error(-1) for j in range(len(inputs))]


@task("heuristics", Call("heuristics", _cases, GIVEN), read="section {{ section }}")
def heuristics(calls: list[Called]) -> None:
    """Half for each share."""
    for place, hint in enumerate(
        (
            "Row i belongs to the asked example i: is the highest score of the row in column i?",
            "Take the k highest signed scores of each row, and compare the labels of these training "
            "examples with the label of the asked image.",
        )
    ):
        for call in calls:
            among, scores, labels, training, k = call.arguments
            wanted = _counted(
                among.double().numpy(),
                scores.double().numpy(),
                labels.tolist(),
                training.tolist(),
                k,
            )
            got = expect_array(call.returned, (2,), "heuristics(…)")
            name = ("the share of its own top proponents", "the share of the same class")[place]
            expect_close(got[[place]], [wanted[place]], name, hint, fraction=place / 2)


def _in_range(values: Array, name: str) -> None:
    expect(abs(values).max() <= 10, f"`{name}` should hold numbers from −10 to 10.")


@task("not-itself", Value("own_inputs", "own_targets"), read="section {{ section }}")
def not_itself(values: dict[str, Any]) -> None:
    """Retrain without each example."""
    inputs = expect_array(values["own_inputs"], (4,), "own_inputs")
    targets = expect_array(values["own_targets"], (4,), "own_targets")
    _in_range(inputs, "own_inputs")
    _in_range(targets, "own_targets")
    rises = retrained(inputs, targets, inputs[0], targets[0])
    expect(
        abs(rises[0]) <= 0.1 + 1e-6,
        "Left out, example 0 should change its own error by at most 0.1: the model fits it anyway.",
    )
    expect(
        max(rises[1:]) - rises[0] >= 1 - 1e-6,
        "Another example, left out, should raise the error of example 0 by at least 1 more than example "
        "0 itself does. An example that the model fits anyway changes nothing.",
    )


@task(
    "other-class", Value("pair_inputs", "pair_labels", "asked_input"), read="section {{ section }}"
)
def other_class(values: dict[str, Any]) -> None:
    """Retrain without each example, and classify all."""
    inputs = expect_array(values["pair_inputs"], (4,), "pair_inputs")
    labels = expect_array(values["pair_labels"], (4,), "pair_labels")
    asked = float(expect_array(values["asked_input"], (), "asked_input"))
    _in_range(np.append(inputs, asked), "pair_inputs` and `asked_input")
    expect(sorted(labels.tolist()) == [-1, -1, 1, 1], "`pair_labels` should have each label twice.")
    slope = sum(inputs * labels) / (sum(inputs * inputs) + 1)
    expect(
        all(slope * x * y > 0 for x, y in zip(inputs, labels, strict=True)) and slope * asked > 0,
        "The model should say the right class of all training examples, and class 1 of the asked input.",
    )
    rises = retrained(inputs, labels, asked, 1.0)
    other = max(rise for rise, y in zip(rises, labels, strict=True) if y < 0)
    own = max(rise for rise, y in zip(rises, labels, strict=True) if y > 0)
    expect(
        other - own >= 0.1 - 1e-6,
        "An example of class −1, left out, should raise the error of the asked input by at least 0.1 more "
        "than any of class 1. Examples far from 0 fix the slope.",
    )
