"""Checks of section 8: deletion pixel by pixel, and sanity checks by NumPy and SciPy."""

from __future__ import annotations

import copy
import functools
import math
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import nn

from autograde.inside.networks import Network
from autograde.tasks import (
    Call,
    Called,
    Value,
    expect,
    expect_entry,
    expect_unchanged,
    task,
)
from xaikit import explain

from ...shared.checks import GIVEN, expect_number, expect_tables, tensor
from .by_hand import expect_near, logit_of
from .networks import image_parts, other_class
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
    read="section 8 and Petsiuk et al. 2018",
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


@functools.cache
def _areas() -> dict[str, dict[str, float]]:
    """The area under each contender's deletion curve, pixel ranks and trapezoids by NumPy."""
    here = world()
    found = here.logits.argmax(1)
    hits = [i for i in range(len(found)) if found[i] == here.labels[i]][:12]
    images, targets = here.images[hits], here.labels[hits]
    generator = torch.Generator().manual_seed(0)
    orders = {
        name: explain(here.model, images, targets, name).attributions.flatten(1).numpy()
        for name in ("gradient", "guided_backprop", "input_x_gradient", "deeplift")
    }
    orders["random"] = np.stack([torch.randperm(784, generator=generator) for _ in hits])
    orders["intensity"] = images.flatten(1).numpy()
    counts = [round(784 * step / 14) for step in range(15)]
    result: dict[str, dict[str, float]] = {fill: {} for fill in FILLS}
    for name, values in orders.items():
        rank = np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1)
        for fill in FILLS:
            flat = images.flatten(1)
            hidden = torch.zeros_like(flat) if fill == "black" else flat.mean(1, keepdim=True)
            scores = []
            for gone in counts:
                shown = torch.where(torch.from_numpy(rank < gone), hidden, flat)
                with torch.no_grad():
                    logits = here.model(shown.view(-1, 1, 28, 28))
                scores.append(logits.gather(1, targets.view(-1, 1))[:, 0].numpy())
            widths = np.diff(counts) / 784
            means = (np.array(scores)[1:] + np.array(scores)[:-1]) / 2
            result[fill][name] = float((means * widths[:, None]).sum(0).mean())
    return result


@task(
    "rankings",
    Value("areas", "winner", "empty_class", "empty_probability"),
    read="section 8 and Petsiuk et al. 2018",
)
def rankings(answer: dict[str, Any]) -> None:
    """Compare the areas; a winner counts if its area is (nearly) the smallest."""
    expect_tables(
        answer,
        {"areas": _areas()},
        0.15,
        "An area is the mean over the images of a deletion curve's `.auc`, with 14 steps.",
    )
    for fill, wanted in _areas().items():
        said = expect_entry(answer["winner"], fill, "winner")
        expect(
            isinstance(said, str) and wanted.get(said, math.inf) < min(wanted.values()) + 0.15,
            f"The areas are right; `winner[{fill!r}]` should be the name with the smallest one.",
            fraction=0.7,
        )
    here = world()
    with torch.no_grad():
        empty = here.model(torch.zeros(1, 1, 28, 28)).softmax(1)[0]
    expect(
        expect_number(answer["empty_class"], "empty_class") == int(empty.argmax())
        and abs(expect_number(answer["empty_probability"], "empty_probability") - empty.max())
        < 0.01,
        "The areas are right; `empty_class` and `empty_probability` are what the softmax says to "
        "an image of zeros.",
        fraction=0.7,
    )


@functools.cache
def _sanity() -> tuple[dict[str, float], dict[str, float]]:
    """Correlations by NumPy and SciPy; layers made random from the last to the first, by loop."""
    here = world()
    across, after = {}, {}
    random = copy.deepcopy(here.model)
    layers = [each for each in random.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    for step, layer in enumerate(reversed(layers)):
        with torch.random.fork_rng():
            torch.manual_seed(step)
            layer.reset_parameters()
    for method in CHECKED:
        maps = explain(here.model, here.examples, here.targets[:, [0, 3]], method).attributions
        other = explain(random, here.examples, here.targets[:, [0]], method).attributions
        pearson, spearman = [], []
        for own, changed in zip(maps.flatten(2).numpy(), other.flatten(2).numpy(), strict=True):
            pearson.append(np.corrcoef(own[0], own[1])[0, 1])
            spearman.append(stats.spearmanr(np.abs(own[0]), np.abs(changed[0])).statistic)
        across[method], after[method] = float(np.mean(pearson)), float(np.mean(spearman))
    return across, after


@task(
    "sanity",
    Value("across_classes", "after_randomising"),
    read="section 8 and Adebayo et al. 2018",
)
def sanity(answer: dict[str, Any]) -> None:
    """Count each correlation."""
    expect_tables(
        answer,
        dict(zip(("across_classes", "after_randomising"), _sanity(), strict=True)),
        0.03,
        "Across classes: Pearson, true against least likely. After randomising: ranks of "
        "magnitudes, true class, all layers random.",
    )
