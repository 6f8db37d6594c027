"""Checks: captum's maps by loops, central differences and Gauss–Legendre points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.inside.networks import Layer, Network
from autograde.tasks import Call, Called, Wrong, entries, expect, expect_array, task

from ...shared.checks import drawn, tensor
from .by_hand import LIBRARIES, linear_layers, logit_of, slope_at
from .networks import image_parts
from .parts import expect_parts

Maps = dict[str, np.ndarray]


def _map_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return networks and two images for two targets, at layers that are to be enlarged or not."""
    wanted = ((2, 2, 3, 2), (3, 3, 3, 4), (2, 1, 0, 3))
    return [drawn(lambda each=each: _map_problem(rng, *each), _tell_apart) for each in wanted]


def _map_problem(
    rng: np.random.Generator, channels: int, steps: int, layer: int, window: int
) -> tuple[Any, ...]:
    features, head = image_parts(rng, channels)
    images = tensor(rng.uniform(-1, 2, size=(2, channels, 8, 8)))
    baseline = tensor(rng.uniform(-1, 2, size=(channels, 8, 8)))
    targets = torch.from_numpy(rng.permutation(4)[:2])
    return Network([*features, *head]), images, targets, baseline, steps, layer, window


def _tell_apart(problem: tuple[Any, ...]) -> bool:
    """Whether a cut at zero, the cut's place and the number of steps show in the maps."""
    network, images, targets, baseline, steps, layer, _ = problem
    for image, target in zip(images, targets.tolist(), strict=True):
        cam = _coarse(network, image, target, layer)
        late = np.maximum(cam, 0)
        if cam.min() > -0.2 * np.abs(cam).max() or late.max() < 0.2 * np.abs(cam).max():
            return False
        path = _path(network, image, target, baseline, steps)
        if np.abs(path - _path(network, image, target, baseline, steps + 1)).max() < 0.01 * (
            np.abs(path).max()
        ):
            return False
    return True


def _path(network: Network, image: Tensor, target: int, baseline: Tensor, steps: int) -> np.ndarray:
    places, weights = np.polynomial.legendre.leggauss(steps)
    function, way = logit_of(network, target), image.double() - baseline.double()
    mean = np.zeros(tuple(image.shape))
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        mean += weight * slope_at(function, baseline.double() + place * way)
    return way.numpy() * mean


def _coarse(network: Network, image: Tensor, target: int, layer: int) -> np.ndarray:
    """Return Grad-CAM before it is cut and enlarged, by central differences of the maps."""
    features, head = Network(network.layers[: layer + 1]), Network(network.layers[layer + 1 :])
    with torch.no_grad():
        maps = features.module().double()(image.double()[None])[0]
    weights = slope_at(logit_of(head, target), maps).mean((1, 2))
    return np.einsum("k,khw->hw", weights, maps.numpy())


def _windows(
    network: Network, image: Tensor, target: int, baseline: Tensor, window: int
) -> np.ndarray:
    function, found = logit_of(network, target), np.zeros(tuple(image.shape))
    with torch.no_grad():
        whole = float(function(image.double()[None]))
        for top in range(0, image.shape[1], window):
            for left in range(0, image.shape[2], window):
                place = (slice(None), slice(top, top + window), slice(left, left + window))
                hidden = image.double().clone()
                hidden[place] = baseline.double()[place]
                found[place] = whole - float(function(hidden[None]))
    return found


def _references(problem: tuple[Any, ...]) -> Maps:
    network, images, targets, baseline, steps, layer, window = problem
    asked = list(zip(images, targets.tolist(), strict=True))
    cams = np.stack([np.maximum(_coarse(network, x, t, layer), 0) for x, t in asked])
    enlarged = torch.nn.functional.interpolate(
        torch.from_numpy(cams)[:, None], images.shape[2:], mode="bilinear", align_corners=False
    )
    return {
        "path": np.stack([_path(network, x, t, baseline, steps) for x, t in asked]),
        "cam": enlarged.numpy(),
        "windows": np.stack([_windows(network, x, t, baseline, window) for x, t in asked]),
    }


@task(
    "captum-maps",
    Call("captum_maps", _map_problems, LIBRARIES),
    read="section {{ section }} and captum's documentation",
)
def captum_maps(calls: list[Called]) -> None:
    """Compare with loops; each of the three maps counts by itself."""
    right = dict.fromkeys(("path", "cam", "windows"), 1.0)
    for call in calls:
        found = call.returned
        expect(
            isinstance(found, dict), "`captum_maps(…)` should return a dictionary of three maps."
        )
        for name, wanted in _references(call.arguments).items():
            near = entries(found.get(name), wanted.shape)
            if not np.allclose(near, wanted, rtol=1e-3, atol=1e-3 * float(np.abs(wanted).max())):
                right[name] = 0.0
    expect_parts(
        {name: (share, 1.0) for name, share in right.items()},
        "Each map is captum's of the images' own targets, with the baseline, steps, layer and windows "
        "that were asked for.",
    )


def _noisy_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return networks of one hidden layer, whose mean slope under normal noise is known."""
    return [drawn(lambda: _noisy_problem(rng), _noise_matters) for _ in range(3)]


def _noisy_problem(rng: np.random.Generator) -> tuple[Any, ...]:
    weight, outer = rng.normal(size=(6, 4)), rng.normal(size=(3, 6))
    layers = [Layer.linear(weight, rng.normal(size=6)), Layer("relu"), Layer.linear(outer)]
    image = tensor(rng.uniform(-1.5, 1.5, size=4))
    noise = float(rng.uniform(0.2, 0.4))
    return Network(layers), image, int(rng.integers(1, 3)), noise, 4000


def _smoothed(
    network: Network, image: Tensor, target: int, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the expected gradient, and a bound of one sample's standard deviation."""
    (weight, bias), (outer, _) = linear_layers(network)
    z = weight @ image.double().numpy() + bias
    lengths = spread * np.linalg.norm(weight, axis=1)
    on = np.array(
        [0.5 * math.erfc(-a / (b * math.sqrt(2))) for a, b in zip(z, lengths, strict=True)]
    )
    sizes = outer[target][:, None] * weight
    return on @ sizes, np.sqrt(on * (1 - on)) @ np.abs(sizes)


def _reach(problem: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the expected map, and how far off chance may bring one: six standard errors."""
    network, image, target, noise, samples = problem
    spread = noise * float(image.max() - image.min())
    wanted, deviation = _smoothed(network, image, target, spread)
    return wanted, 6 * deviation / math.sqrt(samples) + 1e-4


def _noise_matters(problem: tuple[Any, ...]) -> bool:
    network, image, target, noise, _ = problem
    wanted, reach = _reach(problem)
    spread = noise * float(image.max() - image.min())
    rivals = [
        _smoothed(network, image, target, each)[0]
        for each in (1e-9, noise, spread**2, spread / noise, 1.0, noise * float(image.max()))
    ]
    rivals += [
        np.abs(wanted),
        *(_smoothed(network, image, k, spread)[0] for k in {0, 1, 2} - {target}),
    ]
    return all((np.abs(each - wanted) > 2 * reach).any() for each in rivals)


@task(
    "captum-smoothgrad",
    Call("captum_smoothgrad", _noisy_problems, LIBRARIES),
    read="section {{ section }} and captum's documentation of NoiseTunnel",
)
def captum_smoothgrad(calls: list[Called]) -> None:
    """Compare with what normal noise gives in the mean, which is known for one hidden layer."""
    for call in calls:
        wanted, reach = _reach(call.arguments)
        found = expect_array(call.returned, wanted.shape, "captum_smoothgrad(…)")
        if (np.abs(found - wanted) > reach).any():
            raise Wrong(
                "`captum_smoothgrad(…)` is too far from the expected map. It is the mean of signed "
                "gradients over that many samples, and the noise has the standard deviation that was "
                "asked for."
            )
