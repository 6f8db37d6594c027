"""Checks: a call of foolbox, by a walk along finite differences."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autograde.inside.networks import Network
from autograde.tasks import Call, Called, expect_close, task

from ...shared.checks import GIVEN, Arguments, Array, drawn, expect_pair, tensor
from .by_hand import least_slope, loss_slopes, signs
from .networks import attack_problem

_TARGETED = "TargetedMisclassification"
_Pair = tuple[float, float]


def _inputs(rng: np.random.Generator) -> Arguments:
    def case(
        image: bool,
        criterion: str,
        settings: dict[str, Any],
        bounds: _Pair = (0.0, 1.0),
        count: int = 2,
    ) -> tuple[Any, ...]:
        def draw() -> tuple[Any, ...]:
            network, inputs, _, _ = attack_problem(rng, image)
            low, high = bounds
            images = (low + (high - low) * inputs).clamp(low, high)
            epsilons = [float(each) * (high - low) for each in rng.uniform(0.1, 0.3, size=count)]
            with torch.no_grad():
                classes = network.module()(images).argmax(1)
            # The first image is a success from the beginning, the others are not.
            others = torch.arange(len(images)) > 0 if criterion == _TARGETED else slice(1)
            classes[others] = (classes[others] + int(rng.integers(1, 4))) % 4
            noise = tensor(rng.uniform(-1, 1, size=inputs.shape))
            return network, bounds, images, criterion, classes, epsilons, settings, noise

        return drawn(draw, lambda each: _shows(*each))

    step, share = float(rng.uniform(0.03, 0.05)), float(rng.uniform(0.2, 0.4))
    still = {"random_start": False}
    return [
        case(False, "Misclassification", {}, count=1),
        case(False, _TARGETED, {"steps": 5, "rel_stepsize": share, **still}, (-1.0, 2.0)),
        # The absolute step counts where both are given, and is the same for each epsilon.
        case(False, "Misclassification", {"abs_stepsize": step, "rel_stepsize": share, "steps": 3}),
        case(True, _TARGETED, {"abs_stepsize": 2 * step, "steps": 4, **still}, (-0.5, 1.5)),
        case(True, "Misclassification", {"abs_stepsize": None, "steps": 6}, (0.5, 2.0), 1),
    ]


class _Walk(NamedTuple):
    """What a call of foolbox returns, and how far from a matter of rounding it is."""

    clipped: Array
    success: NDArray[np.bool_]
    least: float
    """The least slope that was followed."""
    margin: float
    """By how much the largest logit exceeds the next one, at least."""
    beyond: float
    """How far the last step led beyond either bound, at least."""


def _shows(*case: Any) -> bool:
    """Say whether nothing is a matter of rounding, and the bounds and the attack itself matter.

    The first image stays a success, and of the others some become one, but not all.
    """
    walk = _by_hand(*case)
    at_stake = walk.success[:, 0].any() and walk.success[:, 1:].any() and not walk.success.all()
    steady = walk.least > 3e-5 and walk.margin > 0.02 and walk.beyond > 0.002
    return at_stake and steady and _counted(walk, *case)


def _counted(walk: _Walk, *case: Any) -> bool:
    """Say whether one step less, or more, than the default's 40 leads elsewhere."""
    *problem, settings, draw = case
    if "steps" in settings:
        return True
    others = (_by_hand(*problem, settings | {"steps": steps}, draw) for steps in (39, 41))
    return all(np.abs(each.clipped - walk.clipped).max() > 0.003 for each in others)


def _by_hand(
    network: Network,
    bounds: _Pair,
    images: Tensor,
    criterion: str,
    classes: Tensor,
    epsilons: list[float],
    settings: dict[str, Any],
    draw: Tensor,
) -> _Walk:
    x, (low, high) = images.double().numpy(), bounds
    uphill = {"Misclassification": 1, _TARGETED: -1}[criterion]
    said = {"rel_stepsize": 1 / 30, "abs_stepsize": None, "steps": 40, "random_start": True}
    said |= settings
    clipped, success, least, margin, beyond = [], [], math.inf, math.inf, math.inf
    for epsilon in epsilons:
        step = said["abs_stepsize"]
        step = epsilon * said["rel_stepsize"] if step is None else step
        now = x + said["random_start"] * epsilon * draw.double().numpy()
        now = np.minimum(np.maximum(now, low), high)
        for _ in range(said["steps"]):
            slope = loss_slopes(network, now, classes.numpy())
            least = min(least, least_slope(slope))
            free = now + uphill * step * signs(slope)
            free = np.minimum(np.maximum(free, x - epsilon), x + epsilon)
            now = np.minimum(np.maximum(free, low), high)
        beyond = min(beyond, low - free.min(), free.max() - high)
        with torch.no_grad():
            scores = network.module().double()(torch.from_numpy(now)).numpy()
        order = np.sort(scores, axis=1)
        margin = min(margin, float((order[:, -1] - order[:, -2]).min()))
        aimed = scores.argmax(1) == classes.numpy()
        clipped.append(now)
        success.append(aimed if criterion == _TARGETED else ~aimed)
    return _Walk(np.array(clipped), np.array(success), least, margin, beyond)


@task(
    "foolbox-call",
    Call("linf_pgd", _inputs, GIVEN),
    read="section {{ section }} (the table of foolbox's defaults)",
)
def foolbox_call(calls: list[Called]) -> None:
    """Half of the points for the images, the rest for what counts as a success."""
    both = []
    for call in calls:
        walk = _by_hand(*call.arguments)
        found, wins = expect_pair(call.returned, "linf_pgd(…)")
        expect_close(
            found,
            walk.clipped,
            "clipped of linf_pgd(…)",
            "For each ε: where does it start, how long is a step (`abs_stepsize` before "
            "`rel_stepsize`), how many are there, up or down, and within which bounds? What the call "
            "does not say has the table's default.",
            rtol=1e-3,
            atol=1e-3,
        )
        both.append((wins, walk.success))
    for wins, success in both:
        expect_close(
            wins,
            success.astype(float),
            "success of linf_pgd(…)",
            "Another class than the label, or the target class, after the attack; what was before "
            "does not count.",
            fraction=0.5,
        )
