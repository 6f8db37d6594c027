"""Checks: superpixels by enumeration, and what libraries make of two networks that are equal."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import captum.attr
import numpy as np
import torch
from lime.wrappers.scikit_image import SegmentationAlgorithm
from skimage.color import gray2rgb
from torch import Tensor, nn

from autograde.inside.networks import Layer, Network
from autograde.tasks import Call, Called, Value, Wrong, entries, expect_close, given, lucky, task
from xaikit import explain

from ...shared.checks import compared, drawn, expect_pair, expect_said, numbers_of, tensor
from .by_hand import LIBRARIES
from .networks import image_parts
from .parts import expect_parts, share_of
from .world import HERE, world


def _segments(rng: np.random.Generator, count: int, height: int, width: int) -> Tensor:
    """Return a map in which every segment has pixels."""
    labels = rng.permutation(np.arange(height * width) % count)
    return torch.from_numpy(labels.reshape(height, width))


def _game_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return twelve segments that all matter, and more samples than there are masks."""

    def problem(channels: int) -> tuple[Any, ...]:
        features, head = image_parts(rng, channels)
        image, behind = (tensor(rng.uniform(-1, 2, size=(channels, 8, 8))) for _ in range(2))
        target = int(rng.integers(1, 4))
        return Network([*features, *head]), image, target, _segments(rng, 12, 8, 8), behind, 5000

    return [drawn(lambda each=each: problem(each), _all_matter) for each in (1, 2)]


@functools.lru_cache(maxsize=256)
def _masks(count: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=count)), dtype=bool)


def _answers(network: Network, image: Tensor, target: int, segments: Tensor, behind: Tensor) -> Any:
    masks = _masks(int(segments.max()) + 1)
    shown = torch.from_numpy(masks)[:, segments][:, None]
    with torch.no_grad():
        pictures = torch.where(shown, image.double(), behind.double())
        return masks, network.module().double()(pictures)[:, target].numpy()


def _shapley(network: Network, image: Tensor, target: int, segments: Tensor, behind: Tensor) -> Any:
    """Return the Shapley values: the weighted mean of what a segment adds, over all coalitions."""
    masks, worth = _answers(network, image, target, segments, behind)
    count = masks.shape[1]
    places = 2 ** np.arange(count)[::-1]
    code, sizes = masks @ places, masks.sum(1)
    by_code = np.empty(len(masks))
    by_code[code] = worth
    weight = np.array(
        [math.factorial(s) * math.factorial(count - 1 - s) for s in range(count)], float
    ) / math.factorial(count)
    values = []
    for k in range(count):
        without = ~masks[:, k]
        gain = by_code[code[without] + places[k]] - by_code[code[without]]
        values.append(float(weight[sizes[without]] @ gain))
    return np.array(values)


def _all_matter(problem: tuple[Any, ...]) -> bool:
    """Whether the smallest value counts: one that is left out shows."""
    values = np.abs(_shapley(*problem[:-1]))
    return bool(np.sort(values)[1] > 0.02 * values.max())


@task(
    "shap-segments",
    Call("shap_of_segments", _game_problems, LIBRARIES),
    read="section {{ section }} and shap's documentation of KernelExplainer",
)
def shap_segments(calls: list[Called]) -> None:
    """Compare with an enumeration of all coalitions."""
    for call in calls:
        wanted = _shapley(*call.arguments[:-1])
        expect_close(
            call.returned,
            wanted,
            "shap_of_segments(…)",
            "The values of all segments for the target's logit, where hidden segments show the "
            "baseline. Are the samples those that were asked for, and is no segment left out?",
            rtol=1e-3,
            atol=2e-3 * float(np.abs(wanted).max()),
        )


def _lime_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return linear functions of grey images; lime's default finds one segment, and then several.

    The target is the least likely of seven classes. In the last case one mask, the image itself, is
    all that lime asks about, so that there is nothing to learn.
    """

    def problem(scale: float, count: int, samples: int = 1500) -> tuple[Any, ...]:
        image = tensor(scale * rng.uniform(0.3, 1, size=(1, 12, 12)))
        weight = rng.normal(size=(7, 144)) / scale
        bias = rng.normal(size=7)
        target = int(rng.integers(2, 7))
        bias[target] -= 500
        network = Network([Layer("flatten"), Layer.linear(weight, bias)])
        return network, image, target, _segments(rng, count, 12, 12), samples

    whole = drawn(lambda: problem(1.0, 9), lambda case: _apart(case) and _pieces(case[1]) == 1)
    several = drawn(lambda: problem(255.0, 16), lambda case: _apart(case) and _pieces(case[1]) > 3)
    return [whole, several, drawn(lambda: problem(1.0, 9, 1), _apart)]


def _pieces(image: Tensor) -> int:
    """Return the number of segments of lime's default, which is quickshift with these options."""
    cut = SegmentationAlgorithm("quickshift", kernel_size=4, max_dist=200, ratio=0.2, random_seed=0)
    return len(np.unique(cut(gray2rgb(image[0].double().numpy()))))


def _linear_shares(
    network: Network, image: Tensor, target: int, segments: Tensor, *_: Any
) -> np.ndarray:
    weight = network.layers[1].weight
    assert weight is not None
    parts = weight[target].astype(float) * image.double().numpy().ravel()
    return np.bincount(segments.numpy().ravel(), parts)


def _apart(problem: tuple[Any, ...]) -> bool:
    shares = _linear_shares(*problem)
    return bool(np.diff(np.sort(shares)).min() > 0.01 * np.abs(shares).max())


@task(
    "lime-segments",
    Call("lime_of_segments", _lime_problems, LIBRARIES),
    read="section {{ section }} and lime's documentation of explain_instance",
)
def lime_segments(calls: list[Called]) -> None:
    """Compare with what a linear function of the segments is; the number is a third."""
    right = {"the weights": 1.0, "the number of segments by default": 1.0}
    for call in calls:
        weights, pieces = expect_pair(call.returned, "lime_of_segments(…)")
        wanted = shares = _linear_shares(*call.arguments)
        if call.arguments[4] == 1:
            wanted = np.zeros_like(shares)
        # The penalty shrinks the weights a little.
        near = np.abs(entries(weights, wanted.shape) - wanted) <= 0.03 * np.abs(shares).max()
        if not near.all():
            right["the weights"] = 0.0
        if entries(pieces, ()) != _pieces(call.arguments[1]):
            right["the number of segments by default"] = 0.0
    expect_parts(
        {name: (share, 2.0 if "weights" in name else 1.0) for name, share in right.items()},
        "The weights are those of the target, in the order of the segments' numbers, where hidden "
        "segments are black; the number is that of the segments without a segmentation_fn.",
    )


REWRITTEN = given("rewritten", nn=nn, Tensor=Tensor)
"""The class of the network that is written with functions."""


@functools.cache
def _what_it_shows() -> dict[str, Any]:
    """Return what the libraries make of the two networks, and what can be had without them."""
    here = world()
    x, target = HERE.examples[:1], int(HERE.targets[0, 1])
    few = here.background[::4]
    rewritten = REWRITTEN.Rewritten(here.model).eval()
    guided = explain(here.model, x, target, "guided_backprop").attributions[:, 0]
    slope = explain(here.model, x, target, "gradient").attributions[:, 0]
    # Without its hooks shap multiplies the way from each background with the slope there.
    slopes = explain(here.model, few, target, "gradient").attributions[:, 0]
    plain = ((x - few) * slopes).mean(0, keepdim=True)
    lifted = captum.attr.DeepLift(here.model).attribute(x, target=target).detach()
    deep = explain(here.model, x, target, "deep_shap", background=few).attributions[:, 0]
    pairs: dict[str, tuple[Tensor, Tensor]] = {
        "InputXGradient": (slope, slope),
        "IntegratedGradients": (slope, slope),
        "GuidedBackprop": (guided, slope),
        "DeepLift": (lifted, x * slope),
        "DeepExplainer": (deep, plain),
    }

    def logit(batch: Tensor) -> Tensor:
        found: Tensor = rewritten(batch)[:, target].mean()
        return found

    with torch.no_grad():
        rises = (logit(x) - logit(torch.zeros_like(x)), logit(x) - logit(few))
    missing = np.zeros((2, 2))
    for row, (name, rise) in enumerate(zip(("DeepLift", "DeepExplainer"), rises, strict=True)):
        for column in range(2):
            missing[row, column] = abs(float((pairs[name][column].sum() - rise) / rise))
    apart = {k: float((a - b).abs().max() / a.abs().max()) for k, (a, b) in pairs.items()}
    return {"apart": apart, "missing": missing}


_COMPUTED = {
    "GuidedBackprop": "gradient",
    "DeepLift": "input x gradient",
    "DeepExplainer": "none of these",
}


def _slack(wanted: float) -> float:
    """How far off a size may be: by rounding, which also makes a zero something else."""
    return 1e-4 + 0.01 * abs(wanted)


def _share(answer: Any, key: dict[str, Any], name: str) -> float:
    """Return which share of a table is right, beyond what one number throughout would get."""
    try:
        right, wrong = compared(answer, key, name, _slack)
    except Wrong:
        return 0.0
    luck = lucky(numbers_of(key), _slack)
    return max(0.0, (len(right) - luck) / (len(right) + len(wrong) - luck))


@task(
    "silently-wrong",
    Value("apart", "missing", "computed"),
    read="section {{ section }} and captum's issues 1082 and 1104",
)
def silently_wrong(values: dict[str, Any]) -> None:
    """Half for the numbers, which are had without the libraries where they are right, half for words."""
    wanted = _what_it_shows()
    parts = {
        "apart": (_share(values["apart"], wanted["apart"], "apart"), 1.0),
        "missing": (share_of(values["missing"], wanted["missing"], _slack), 1.0),
        "computed": (_said(values["computed"]), 2.0),
    }
    expect_parts(
        parts,
        "Explain the one image with both networks, compare the maps, their sums and, for what a map "
        "is, the map with others of the same image and class.",
    )


def _said(answer: Any) -> float:
    try:
        expect_said(answer, _COMPUTED, "computed", "")
    except Wrong as wrong:
        return wrong.fraction
    return 1.0
