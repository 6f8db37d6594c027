"""Checks of section 9: the cross-entropy by its definition, and a tree fitted anew."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.tree import DecisionTreeClassifier

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, expect, expect_array, expect_close, task

from ...shared.checks import GIVEN, Arguments
from .networks import outputs_of


def soft_labels(rng: np.random.Generator) -> Arguments:
    return [
        (rng.dirichlet(np.ones(size) * 2, count) + 0.0, rng.dirichlet(np.ones(size) * 2, count))
        for count, size in ((1, 3), (5, 2), (8, 10))
    ]


@task(
    "repair-cross-entropy",
    Call("cross_entropy", soft_labels, GIVEN),
    read="Section 9, the formula of H(q, p)",
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
    """Teachers that are wrong about half of the time, but not always the same answer.

    The cases differ so much in both numbers that no constant is right about either in all of them.
    """
    cases: Arguments = []
    wanted = [(0.36, 0.43, 1), (0.46, 0.54, 3), (0.57, 0.64, 8)]
    while wanted:
        low, high, depth = wanted[0]
        model, world = (Network.random(rng, (3, 8, 2)) for _ in range(2))
        inputs = rng.normal(size=(800, 3)).astype(np.float32)
        taught, truth = (outputs_of(net, inputs).argmax(1) for net in (model, world))
        if 0.3 < taught.mean() < 0.7 and 0.3 < truth.mean() < 0.7:
            agreement = (taught == truth).mean()
            if low < agreement < high:
                x, y = torch.tensor(inputs), torch.tensor(truth)
                cases.append((model, x[:400], y[:400], x[400:], y[400:], depth))
                wanted.pop(0)
    return cases


@task(
    "distillation",
    Call("distil", poor_teachers, (*GIVEN, "given-tree")),
    read="Section 9, what fidelity is",
)
def distillation(calls: list[Called]) -> None:
    found, wanted = [], []
    for call in calls:
        model, train, _, test, labels, depth = call.arguments
        taught = outputs_of(model, train.double().numpy()).argmax(1)
        said = outputs_of(model, test.double().numpy()).argmax(1)
        tree = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(train.numpy(), taught)
        predicted = tree.predict(test.numpy())
        wanted.append([(predicted == said).mean(), (predicted == labels.numpy()).mean()])
        found.append(expect_array(call.returned, (2,), "distil"))
    # Ties between splits may be broken otherwise by another seed: allow for 3 % of the inputs.
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
