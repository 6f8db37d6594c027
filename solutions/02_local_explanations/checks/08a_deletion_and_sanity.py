"""Checks: deletion pixel by pixel, and sanity checks by NumPy and SciPy."""

from __future__ import annotations

import copy
import functools
import math
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, Value, entries, expect_unchanged, task
from xaikit import explain

from ...shared.checks import GIVEN, tensor
from .by_hand import expect_near, logit_of
from .networks import image_parts, other_class
from .parts import expect_parts, interval, names_said, share_of
from .world import CHECKED, world


def _deletion_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for steps in (8, 16, 64):
        features, head = image_parts(rng, 1)
        image, fill = (tensor(rng.uniform(size=(1, 8, 8))) for _ in range(2))
        order = tensor(rng.permutation(64).reshape(1, 8, 8) - 30.0)
        network = Network([*features, *head])
        problems.append((network, image, other_class(rng, network, image), order, fill, steps))
    return problems


@task(
    "deletion",
    Call("deletion_curve", _deletion_problems, GIVEN),
    read="section {{ section }} and Petsiuk et al. 2018",
)
def deletion(calls: list[Called]) -> None:
    """Compare with taking away pixel by pixel."""
    for call in calls:
        network, image, target, attribution, fill, steps = call.arguments
        function = logit_of(network, target)
        left, hidden = attribution.flatten().tolist(), image.double().clone().flatten()
        source, wanted = fill.double().flatten(), []
        for step in range(steps + 1):
            with torch.no_grad():
                wanted.append(float(function(hidden.view(1, *image.shape))))
            for _ in range(len(left) // steps if step < steps else 0):
                place = max(range(len(left)), key=left.__getitem__)
                left[place] = -math.inf
                hidden[place] = source[place]
        expect_near(
            call,
            wanted,
            "deletion_curve(…)",
            "Begin with the untouched image; the largest signed attributions go first; what has "
            "gone stays gone; the last image is the fill.",
        )
    for place, name in ((1, "image"), (3, "attribution"), (4, "fill")):
        expect_unchanged(calls, place, name)


FILLS = ("black", "mean")
CONTENDERS = (
    *("gradient", "guided_backprop", "input_x_gradient", "deeplift"),
    *("random", "intensity"),
)


@functools.cache
def _areas() -> np.ndarray:
    """The areas under deletion curves (2, 6, 12), pixel ranks and trapezoids by NumPy."""
    here = world()
    images, targets = here.dozen, here.dozen_targets[:, :1]
    generator = torch.Generator().manual_seed(0)
    orders = [
        explain(here.model, images, targets, name).attributions.flatten(1).numpy()
        for name in CONTENDERS[:4]
    ]
    orders.append(np.stack([torch.randperm(784, generator=generator) for _ in images]))
    orders.append(images.flatten(1).numpy())
    counts = [round(784 * step / 14) for step in range(15)]
    result = np.zeros((2, 6, 12))
    for line, values in enumerate(orders):
        rank = np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1)
        for which, fill in enumerate(FILLS):
            flat = images.flatten(1)
            hidden = torch.zeros_like(flat) if fill == "black" else flat.mean(1, keepdim=True)
            scores = []
            for gone in counts:
                shown = torch.where(torch.from_numpy(rank < gone), hidden, flat)
                with torch.no_grad():
                    logits = here.model(shown.view(-1, 1, 28, 28))
                scores.append(logits.gather(1, targets)[:, 0].numpy())
            widths = np.diff(counts) / 784
            means = (np.array(scores)[1:] + np.array(scores)[:-1]) / 2
            result[which, line] = (means * widths[:, None]).sum(0)
    return result


def _better() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return for each fill who is better than random, and for whom it is too close to say."""
    middle, half = interval(_areas() - _areas()[:, [CONTENDERS.index("random")]])
    better, close = {}, {}
    for fill, ends in zip(FILLS, middle + half, strict=True):
        better[fill] = {name for name, end in zip(CONTENDERS, ends, strict=True) if end < 0}
        near = {name for name, end in zip(CONTENDERS, ends, strict=True) if abs(end) < 0.05}
        close[fill] = near - {"random"}
    return better, close


@functools.cache
def _of_black() -> Tensor:
    """Return the probabilities of the black image."""
    with torch.no_grad():
        chances: Tensor = world().model(torch.zeros(1, 1, 28, 28)).softmax(1)[0]
    return chances


@task(
    "rankings",
    Value("areas", "better", "empty_class", "empty_probability"),
    read="section {{ section }} and Petsiuk et al. 2018",
)
def rankings(answer: dict[str, Any]) -> None:
    """Compare the areas, who beats random (near the border either), and the black image."""
    empty = _of_black()
    seen = float(entries(answer["empty_class"], ())) == int(empty.argmax())
    sure = abs(float(entries(answer["empty_probability"], ())) - float(empty.max())) < 0.01
    said = answer["better"] if isinstance(answer["better"], dict) else {}
    follows = [
        fill in said and names_said(said[fill]) - _better()[1][fill] == wanted - _better()[1][fill]
        for fill, wanted in _better()[0].items()
    ]
    areas = share_of(answer["areas"], _areas(), 0.15)
    expect_parts(
        {
            "areas": (areas, 0.5),
            "better": (float(all(follows)), 0.35),
            # A lucky guess pays nothing.
            "empty_class and empty_probability": (areas if seen and sure else 0.0, 0.15),
        },
        "An area is a deletion curve's `.auc`, with 14 steps. Better than random is an order if the "
        "interval of the differences lies below 0. The black image goes through the softmax.",
    )


@functools.cache
def _sanity() -> tuple[np.ndarray, np.ndarray]:
    """Correlations (5, 12) by NumPy and SciPy; layers made random from the last, by a loop."""
    here = world()
    across, after = [], []
    random = copy.deepcopy(here.model)
    layers = [each for each in random.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    for step, layer in enumerate(reversed(layers)):
        with torch.random.fork_rng():
            torch.manual_seed(step)
            layer.reset_parameters()
    asked = here.dozen_targets[:, [0, 2]]
    for method, chosen in CHECKED.items():
        maps = explain(here.model, here.dozen, asked, method, **chosen).attributions
        other = explain(random, here.dozen, asked[:, :1], method, **chosen).attributions
        pearson, spearman = [], []
        for own, changed in zip(maps.flatten(2).numpy(), other.flatten(2).numpy(), strict=True):
            pearson.append(np.corrcoef(own[0], own[1])[0, 1])
            spearman.append(stats.spearmanr(np.abs(own[0]), np.abs(changed[0])).statistic)
        across.append(pearson)
        after.append(spearman)
    return np.array(across), np.array(after)


@task(
    "sanity",
    Value("across_classes", "after_randomising"),
    read="section {{ section }} and Adebayo et al. 2018",
)
def sanity(answer: dict[str, Any]) -> None:
    """Count each correlation."""
    across, after = _sanity()
    expect_parts(
        {
            "across_classes": (share_of(answer["across_classes"], across, 0.03), 0.5),
            "after_randomising": (share_of(answer["after_randomising"], after, 0.03), 0.5),
        },
        "Across classes: Pearson, most against least likely. After randomising: ranks of magnitudes, "
        "most likely class, all layers random.",
    )
