"""Checks: the found images are tried on the network; queries, image by image."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.inside.networks import Layer, Network
from autograde.tasks import (
    Call,
    Called,
    Value,
    expect,
    expect_array,
    expect_close,
    expect_entry,
    expect_unchanged,
    task,
)
from xaikit import attack

from ...shared.checks import GIVEN, Array, drawn, expect_number, expect_pair, tensor
from .shares import share_of
from .world import HERE

SUSPICIOUS = {
    "a single step fools more images than many small steps": True,
    "random noise of the same size fools more images than the attack": True,
    "with ε = 1, any image allowed, the attack still fails on some images": True,
    "the robust accuracy falls to zero as ε grows": False,
    "images made for another network fool it more often than its own gradient does": True,
    "more steps and more restarts find a few more adversarial examples": False,
}


@functools.cache
def _apparent() -> float:
    x, labels = HERE.images[:100], HERE.labels[:100]
    result = attack(HERE.sure, x, labels, "pgd", epsilon=0.1, steps=20)
    return float((result.predicted == labels).double().mean())


@task(
    "masking",
    Value("apparent", "unmasked", "suspicious"),
    read="section {{ section }} and Athalye, Carlini and Wagner 2018",
)
def masking(answer: dict[str, Any]) -> None:
    """Try the images on the network, where a factor changes no decision."""
    x, labels = HERE.images[:100], HERE.labels[:100]
    changed = torch.from_numpy(expect_array(answer["unmasked"], (100, 1, 28, 28), "unmasked"))
    expect(
        float((changed - x).abs().max()) < 0.1002
        and float(changed.min()) > -1e-4
        and float(changed.max()) < 1.0001,
        "`unmasked` has to stay within 0.1 of `hundred`, and in [0, 1].",
    )
    fooled = 1 - share_of(HERE.model, changed.float(), labels)
    expect(
        fooled > 0.895,
        "`unmasked` should fool `sure` on at least 90 of the 100 images: follow a gradient that does "
        "not vanish, such as that of the margin of the logits.",
    )
    expect(
        abs(expect_number(answer["apparent"], "apparent") - _apparent()) < 0.05,
        "The images are right; `apparent` should be the robust accuracy of `sure` under the "
        "library's PGD, the share that is still right.",
        fraction=0.6,
    )
    said_so = answer["suspicious"]
    for observation, wanted in SUSPICIOUS.items():
        value = expect_number(
            expect_entry(said_so, observation, "suspicious"), f"suspicious[{observation!r}]"
        )
        expect(
            bool(value) == wanted,
            "The images are right; `suspicious`: which observation could not be made if the attack "
            "worked, and which is what every evaluation finds?",
            fraction=0.6,
        )


@dataclass
class Walk:
    """What a query attack meets on its way, image by image."""

    images: Array
    queries: Array
    falls: list[float] = field(default_factory=list)
    log_falls: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    clipped: set[int] = field(default_factory=set)


@torch.no_grad()
def _queried(
    network: Network, images: Tensor, labels: Tensor, epsilon: float, order: Tensor
) -> Walk:
    module = network.module().double()

    def ask(point: Array) -> Array:
        return module(torch.from_numpy(point[None])).softmax(1)[0].numpy()  # type: ignore[no-any-return]

    walk = Walk(images.double().numpy().copy(), np.ones(len(images)))
    for index, label in enumerate(labels.tolist()):
        point = walk.images[index]
        known = ask(point)
        walk.done.append(0)
        for feature in order.tolist():
            walk.gaps.append(float(np.ptp(np.sort(known)[-2:])))
            if known.argmax() != label:
                break
            walk.done[-1] += 1
            for way in (epsilon, -epsilon):
                tried = point.copy()
                wanted = tried.flat[feature] + way
                tried.flat[feature] = min(max(wanted, 0.0), 1.0)
                if abs(wanted - tried.flat[feature]) > 0.01:
                    walk.clipped.add(0 if wanted < 0 else 1)
                asked = ask(tried)
                walk.queries[index] += 1
                walk.falls.append(float(known[label] - asked[label]))
                walk.log_falls.append(float(np.log(known[label] / asked[label])))
                if walk.falls[-1] > 1e-4:
                    point, known = tried, asked
                    break
        walk.images[index] = point
    return walk


def _query_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    def make(shape: tuple[int, ...]) -> tuple[Any, ...]:
        network = Network.random(rng, (12, 16, 4), "tanh")
        weight = network.layers[0].weight
        assert weight is not None
        nothing, little = rng.permutation(12)[:2]
        weight[:, nothing] = 0
        weight[:, little] *= 1e-3
        network = Network([Layer("flatten"), *network.layers])
        inputs = tensor(rng.uniform(-0.3, 1.3, size=(4, *shape)).clip(0, 1))
        with torch.no_grad():
            labels = network.module()(inputs).argmax(1)
        labels[0] = (labels[0] + 1) % 4
        order = torch.from_numpy(rng.permutation(12)[:11])
        return network, inputs, labels, float(rng.uniform(0.2, 0.5)), order

    return [
        drawn(functools.partial(make, shape), _meets_every_rule) for shape in ((12,), (1, 3, 4))
    ]


def _meets_every_rule(problem: tuple[Any, ...]) -> bool:
    """Say whether each rule of the task makes a difference, and none by rounding.

    One image is misclassified before, one on the way and one never; some fall of the probability is
    too small to count, though that of its logarithm is not; and a change is clipped at either end.
    """
    walk = _queried(*problem)
    falls, log_falls, features = np.array(walk.falls), np.array(walk.log_falls), len(problem[-1])
    return (
        walk.done[0] == 0
        and any(0 < done < features for done in walk.done)
        and any(done == features for done in walk.done)
        and bool(((falls > 1e-5) & (falls < 7e-5)).any())
        and bool(((falls < 7e-5) & (log_falls > 1.2e-4)).any())
        and bool((np.abs(falls - 1e-4) > 3e-5).all())
        and min(walk.gaps) > 1e-3
        and walk.clipped == {0, 1}
    )


@task(
    "query",
    Call("query_attack", _query_inputs, GIVEN),
    read="section {{ section }} and Guo et al. 2019",
)
def query(calls: list[Called]) -> None:
    """Compare with asking in double precision, image by image."""
    for call in calls:
        found, queries = expect_pair(call.returned, "query_attack(…)")
        walk = _queried(*call.arguments)
        expect_close(
            found,
            walk.images,
            "the images of query_attack(…)",
            "Every image for itself: the first way that lowers the probability of the label by more "
            "than 10⁻⁴ is kept, an image of another class asks no more, and all stays in [0, 1].",
            rtol=1e-3,
            atol=1e-3,
        )
        expect_close(
            queries,
            walk.queries,
            "the queries of query_attack(…)",
            "One for the image as it is, one for each way that is tried, none after the image is done.",
            fraction=0.6,
        )
    expect_unchanged(calls, 1, "images", 0.6)
