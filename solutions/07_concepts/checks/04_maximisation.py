"""Checks: a step of ascent with the gradient by hand, and total variation neighbour by neighbour."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograde.inside.networks import Layer, Network
from autograde.tasks import Call, Called, expect_close, expect_unchanged, task
from xaikit.checks.values import AUTOGRAD

from ...shared.checks import GIVEN, Arguments, Array, drawn, expect_pair, tensor

SHAPE = (2, 2, 3)  # with several channels, over all of which a length is taken


def slope_of(network: Network, image: Array, target: int) -> tuple[Array, Array]:
    """Return the gradient of an output, and what enters the ReLUs."""
    _, first, _, last = network.layers
    hidden = np.asarray(first.weight, float) @ image.ravel() + np.asarray(first.bias, float)
    return (np.asarray(last.weight, float)[target] * (hidden > 0)) @ np.asarray(
        first.weight, float
    ), hidden


def stepped(network: Network, image: Array, target: int, rate: float, radius: float) -> Array:
    """Return the image after a step."""
    slope = slope_of(network, image, target)[0].reshape(image.shape)
    length = np.sqrt((slope**2).sum())
    moved = image + (rate / length if length else 0.0) * slope
    return moved * min(1.0, radius / max(np.sqrt((moved**2).sum()), 1e-12))


def climbs(rng: np.random.Generator) -> Arguments:
    """Return steps that stay in the ball, that leave it, and one without a gradient."""
    cases: Arguments = []
    for kind in ("inside", "inside", "outside", "outside", "off"):

        def draw(kind: str = kind) -> tuple[Any, ...]:
            size = int(np.prod(SHAPE))
            bias = rng.normal(scale=0.3, size=5) - (30 if kind == "off" else 0)
            layers = [
                Layer("flatten"),
                Layer.linear(rng.normal(scale=0.5, size=(5, size)), bias),
                Layer("relu"),
                Layer.linear(rng.normal(size=(4, 5)), rng.normal(size=4)),
            ]
            image = rng.normal(size=SHAPE)
            image *= 2 / np.sqrt((image**2).sum())
            rate, radius = (1.5, 2.2) if kind == "outside" else (0.7, 9.0)
            return Network(layers), tensor(image), int(rng.integers(4)), rate, radius

        def shows(case: tuple[Any, ...], kind: str = kind) -> bool:
            network, image, target, rate, radius = case
            values = image.double().numpy()
            slope, hidden = slope_of(network, values, target)
            if kind == "off":
                return bool((hidden < -1).all())
            length = max(float(np.linalg.norm(slope)), 1e-9)
            away = np.linalg.norm(values + rate / length * slope.reshape(SHAPE))
            _, _, _, last = network.layers
            outputs = np.asarray(last.weight, float) @ np.maximum(hidden, 0) + last.bias
            others = [slope_of(network, values, k)[0] for k in range(4) if k != target]
            return bool(
                abs(hidden).min() > 0.05
                and outputs.argmax() != target
                and abs(length - 1) > 0.3
                and all(np.abs(each - slope).max() > 0.2 for each in others)
                and (away > radius + 0.5 if kind == "outside" else away < radius)
            )

        cases.append(drawn(draw, shows))
    return cases


@task("ascent-step", Call("ascent_step", climbs, GIVEN), read="section {{ section }}")
def ascent_step(calls: list[Called]) -> None:
    """Differentiate by hand."""
    for call in calls:
        network, image, target, rate, radius = call.arguments
        expect_close(
            call.returned,
            stepped(network, image.double().numpy(), target, rate, radius),
            "ascent_step(…)",
            "Follow the gradient of the target's output, divided by its length, by `rate`; scale an image that is longer "
            "than the radius back to it; without a gradient the image stays.",
            rtol=1e-3,
            atol=1e-4,
        )
    expect_unchanged(calls, 1, "image")


def by_neighbours(images: Array) -> tuple[Array, Array]:
    """Return the total variation and its slopes, one pair of neighbours after the other."""
    values, slopes = np.zeros(len(images)), np.zeros_like(images)
    for n, c, i, j in np.ndindex(images.shape):
        for below, right in ((1, 0), (0, 1)):
            if i + below < images.shape[2] and j + right < images.shape[3]:
                rise = images[n, c, i + below, j + right] - images[n, c, i, j]
                values[n] += abs(rise)
                slopes[n, c, i + below, j + right] += np.sign(rise)
                slopes[n, c, i, j] -= np.sign(rise)
    return values, slopes


def pictures(rng: np.random.Generator) -> Arguments:
    """Return images with several channels, higher than wide and wider than high, some neighbours equal."""
    cases: Arguments = []
    for shape in ((3, 2, 5, 3), (2, 1, 2, 6)):
        # Whole numbers out of few: equal neighbours in every draw.
        images = drawn(
            lambda shape=shape: rng.integers(-2, 3, size=shape).astype(float),
            lambda each: (
                (np.diff(each, axis=2) == 0).any()
                and (np.diff(each, axis=3) == 0).any()
                and len(np.unique(by_neighbours(each)[0])) > 1
            ),
        )
        cases.append((tensor(images),))
    return cases


@task(
    "total-variation",
    Call("total_variation", pictures, GIVEN, without=AUTOGRAD),
    read="section {{ section }}",
)
def total_variation(calls: list[Called]) -> None:
    """Half for each result."""
    for place, (name, hint) in enumerate(
        (
            (
                "the total variation",
                "Add up the absolute differences of all neighbours, image by image.",
            ),
            (
                "the slopes",
                "Each pair of neighbours adds the sign of their difference to the one, and takes it from the other; "
                "equal ones add nothing.",
            ),
        )
    ):
        for call in calls:
            wanted = by_neighbours(call.arguments[0].double().numpy())[place]
            got = expect_pair(call.returned, "total_variation(…)")[place]
            expect_close(got, wanted, name, hint, fraction=place / 2)
