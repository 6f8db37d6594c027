"""Checks: the cross-entropy by its definition, and a tree fitted anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from sklearn.tree import DecisionTreeClassifier

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, expect, expect_array, expect_close, task

from xaikit.checks.values import CROSS_ENTROPY

from ...shared.checks import GIVEN, Arguments, Array, drawn
from .networks import outputs_of


def soft_labels(rng: np.random.Generator) -> Arguments:
    return [
        (rng.dirichlet(np.ones(size) * 2, count) + 0.0, rng.dirichlet(np.ones(size) * 2, count))
        for count, size in ((1, 3), (5, 2), (8, 10))
    ]


@task(
    "repair-cross-entropy",
    Call("cross_entropy", soft_labels, GIVEN, without=CROSS_ENTROPY),
    read="Section {{ section }}, the formula of H(q, p)",
)
def repair_cross_entropy(calls: list[Called]) -> None:
    for call in calls:
        teacher, student = (torch.tensor(p) for p in call.arguments)
        # Entropy and Kullback-Leibler divergence add up to the cross-entropy.
        entropy = torch.distributions.Categorical(teacher).entropy()
        divergence = torch.nn.functional.kl_div(student.log(), teacher, reduction="none").sum(1)
        expect_close(
            call.returned,
            (entropy + divergence).mean().item(),
            "cross_entropy",
            "The logarithm is taken of the student's probabilities, weighted by the teacher's; "
            "then the mean over examples.",
        )


def poor_teachers(rng: np.random.Generator) -> Arguments:
    """Draw teachers that are wrong about half of the time, on inputs that tell mistakes apart.

    The cases differ so much in both numbers that no constant is right about either in all of them.
    """

    def teacher(agreement: float, depth: int) -> tuple[Any, ...]:
        model = Network.random(rng, (3, 8, 2))
        inputs = rng.normal(size=(800, 3)).astype(np.float32)
        if depth == 3:  # two features are equal in training: `random_state` chooses one
            inputs[:400, 1] = inputs[:400, 0]
        truth = outputs_of(model, inputs).argmax(1)
        # The teacher is wrong on one side of a plane, in training more rarely than in the test.
        height = inputs @ rng.normal(size=3)
        for half, share in ((slice(400), agreement + 0.15), (slice(400, None), agreement)):
            truth[half] ^= height[half] > np.quantile(height[half], share)
        x, y = torch.tensor(inputs), torch.tensor(truth)
        return model, x[:400], y[:400], x[400:], y[400:], depth

    wanted = [(0.4, 1), (0.5, 3), (0.6, 8)]
    return [drawn(lambda each=each: teacher(*each), _tells_apart) for each in wanted]


def _agreement(
    case: tuple[Any, ...], depth: int | None, on: str = "test", labels: bool = False, seed: int = 0
) -> Array:
    """Return fidelity and accuracy of a tree of this depth, on the test or training inputs.

    With ``labels`` the tree learns the true classes.
    """
    model, train, truth, test, test_truth, _ = case
    taught = truth if labels else outputs_of(model, train.double().numpy()).argmax(1)
    tree = DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(train.numpy(), taught)
    asked, right = (train, truth) if on == "train" else (test, test_truth)
    said, predicted = outputs_of(model, asked.double().numpy()).argmax(1), tree.predict(asked)
    return np.array([(predicted == said).mean(), (predicted == right.numpy()).mean()])


def _tells_apart(case: tuple[Any, ...]) -> bool:
    """Say whether the mistakes that matter at this depth change the two numbers."""
    model, _, _, test, truth, depth = case
    outputs = outputs_of(model, test.double().numpy())
    said = outputs.argmax(1)
    # Neither class is rare, and computing in float32 changes none.
    if not 0.3 < said.mean() < 0.7 or np.abs(np.diff(outputs)).min() < 1e-5:
        return False
    mine = _agreement(case, depth)

    def others() -> Iterator[float]:
        yield mine[1] - (said == truth.numpy()).mean()  # the accuracy of the teacher
        if depth == 1:
            yield mine[1] - _agreement(case, depth, "train")[1]
            yield from mine - _agreement(case, None)
        elif depth == 3:
            yield mine[0] - _agreement(case, depth, seed=1)[0]
        else:
            yield mine[0] - _agreement(case, depth, "train")[0]
        yield mine[0] - _agreement(case, depth, labels=True)[0]

    return all(abs(far) > 0.05 for far in others())


@task(
    "distillation",
    Call("distil", poor_teachers, (*GIVEN, "given-tree")),
    read="Section {{ section }}, what fidelity is",
)
def distillation(calls: list[Called]) -> None:
    found = [expect_array(call.returned, (2,), "distil") for call in calls]
    wanted = [_agreement(call.arguments, call.arguments[-1]) for call in calls]
    # Inputs near the boundary may get the other class from a model evaluated otherwise.
    close = (np.abs(np.array(found) - wanted) < 0.03).all(axis=0)
    swapped = (np.abs(np.array(found)[:, ::-1] - wanted) < 0.003).all()
    expect(close.all() or not swapped, "Fidelity and accuracy have changed places.", 0.5)
    expect(
        close[0],
        "The fidelity is not right: the tree learns what the model predicts on the training "
        "inputs, and is compared with what the model predicts on the test inputs.",
        0.5 if close[1] else 0,
    )
    expect(
        close[1],
        "The fidelity is right, the accuracy is not: compare the tree with the true labels of "
        "the test inputs.",
        0.5,
    )
