"""Hidden checks of notebook 02.

References by hand are computed in double precision by finite differences, loops and textbook
formulas; those on the real network are computed once a process from the trusted checkpoint.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from autograde.tasks import (
    Call,
    Called,
    Value,
    Wrong,
    expect,
    expect_array,
    expect_close,
    task,
)
from autograde.wire import Layer, Network
from xaikit import explain, load, load_pretrained

GIVEN = ("given-imports",)
METHODS = (
    "gradient",
    "smoothgrad",
    "integrated_gradients",
    "grad_cam",
    "deeplift",
    "deep_shap",
    "lime",
)

# --- Hidden inputs --------------------------------------------------------------------------------
# Networks that are differentiated are smooth (tanh, softplus): at a ReLU's kink float32 and double
# precision may fall on different sides, and a right answer would fail by chance.


def _vector_network(rng: np.random.Generator) -> tuple[Network, Tensor]:
    return Network.random(rng, (6, 12, 9, 4), "tanh"), _tensor(rng.normal(size=6))


def _image_parts(rng: np.random.Generator, channels: int = 2) -> tuple[list[Layer], list[Layer]]:
    """Return layers (channels, 8, 8) → (5, 4, 4) activations, and (5, 4, 4) → 4 logits."""
    features = [
        Layer.conv2d(rng.normal(size=(4, channels, 3, 3)) * 0.4, rng.normal(size=4), padding=1),
        Layer("softplus"),
        Layer.avgpool(2),
        Layer.conv2d(rng.normal(size=(5, 4, 3, 3)) * 0.3, rng.normal(size=5) * 0.3, padding=1),
    ]
    head = [
        Layer("softplus"),
        Layer("flatten"),
        Layer.linear(rng.normal(size=(8, 80)) * 0.2, rng.normal(size=8)),
        Layer("tanh"),
        Layer.linear(rng.normal(size=(4, 8)), rng.normal(size=4)),
    ]
    return features, head


def _image_network(rng: np.random.Generator) -> tuple[Network, Tensor]:
    features, head = _image_parts(rng)
    return Network([*features, *head]), _tensor(rng.uniform(size=(2, 8, 8)))


def _tensor(values: Any) -> Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def _problems(rng: np.random.Generator) -> list[tuple[Network, Tensor, int]]:
    """Return networks on vectors and images, each with an input and a target class."""
    made = [_vector_network(rng), _image_network(rng), _vector_network(rng), _image_network(rng)]
    return [(network, image, int(rng.integers(4))) for network, image in made]


def _noisy_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [
        (network, image, target, _tensor(rng.normal(scale=0.5, size=(5, *image.shape))))
        for network, image, target in _problems(rng)
    ]


def _path_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return [
        (network, image, target, _tensor(rng.normal(size=image.shape)), steps)
        for (network, image, target), steps in zip(_problems(rng), (3, 4, 7, 2), strict=True)
    ]


def _cam_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for channels in (1, 2, 3):
        features, head = _image_parts(rng, channels)
        image = _tensor(rng.uniform(size=(channels, 8, 8)))
        problems.append((Network(features), Network(head), image, int(rng.integers(4))))
    return problems


def _two_layers(network: Network) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first layer's weight and bias and the second layer's weight, in double."""
    first, _, second = network.layers
    assert first.weight is not None and first.bias is not None and second.weight is not None
    weight, bias, outer = first.weight, first.bias, second.weight
    return weight.astype(float), bias.astype(float), outer.astype(float)


def _far_from_ties(network: Network, x: Tensor, references: Tensor) -> bool:
    """Whether no hidden unit has nearly the same value for x and a reference."""
    weight = _two_layers(network)[0]
    change = (references.double().numpy() - x.double().numpy()) @ weight.T
    return bool((np.abs(change) > 0.02).all())


def _lift_problems(rng: np.random.Generator, references: int | None) -> list[tuple[Any, ...]]:
    problems: list[tuple[Any, ...]] = []
    while len(problems) < 4:
        network = Network.random(rng, (5, 7, 3))
        x = _tensor(rng.normal(size=5) * 1.5)
        others = _tensor(rng.normal(size=(references or 1, 5)) * 1.5)
        if _far_from_ties(network, x, others):
            target = int(rng.integers(3))
            problems.append((network, x, others if references else others[0], target))
    return problems


def _deeplift_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return four ordinary cases and one with units that do not change between reference and x."""
    # Quarters are exact in float32, so that equal really means equal.
    weight = np.round(rng.normal(size=(4, 3)) * 4) / 4
    weight[:2, :2] = rng.choice((-1.5, -1.0, 1.0, 1.5), size=(2, 1))  # one weight for both features
    weight[:2, 2] = 0
    weight[2:, 2] = 2.0  # the other units do change
    bias = np.array([4.0, -4.0, 0.5, -0.5])  # one still unit is on, one is off
    still = Network(
        [Layer.linear(weight, bias), Layer("relu"), Layer.linear(rng.normal(size=(2, 4)))]
    )
    x, reference = _tensor([1.25, -0.5, 1.0]), _tensor([0.25, 0.5, -2.0])  # the first two swap 1
    return [*_lift_problems(rng, None), (still, x, reference, int(rng.integers(2)))]


def _mask_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for samples, size, width in ((12, 5, 0.25), (30, 16, 0.6), (8, 49, 1.5)):
        masks = (rng.random((samples, size)) < rng.uniform(0.3, 0.8)).astype(np.float32)
        masks[0], masks[1] = 1, 0
        problems.append((torch.from_numpy(masks), width))
    return problems


def _surrogate_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for samples, size, penalty in ((40, 6, 0.0), (60, 12, 1.0), (200, 20, 5.0)):
        masks = (rng.random((samples, size)) < 0.5).astype(np.float32)
        pair = masks[:, 0] * masks[:, 1]
        outputs = 3 + masks @ rng.normal(size=size) + pair + rng.normal(size=samples) * 0.2
        weights = rng.uniform(0.05, 1.0, size=samples)
        tensors = (torch.from_numpy(masks), _tensor(outputs), _tensor(weights))
        problems.append((*tensors, penalty))
    return problems


def _logit_tables(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    tables = []
    for n, classes, shift in ((8, 5, 0.0), (5, 10, -20.0), (6, 3, 20.0)):
        logits = _tensor(rng.normal(size=(n, classes)) * 3 + shift)
        tables.append((logits, torch.from_numpy(rng.integers(classes, size=n))))
    return tables


# --- References by hand ---------------------------------------------------------------------------

Function = Callable[[Tensor], Tensor]


def _logit(network: Network, target: int) -> Function:
    """Return the batch function x → logit of the target, in double precision."""
    module = network.module().double()
    return lambda batch: module(batch)[:, target]


@torch.no_grad()
def _slope(function: Function, point: Tensor) -> np.ndarray:
    """Return the gradient at the point by central differences."""
    point = point.double()
    step = 1e-5 * torch.eye(point.numel(), dtype=torch.float64).view(-1, *point.shape)
    slopes = (function(point + step) - function(point - step)) / 2e-5
    return slopes.view(point.shape).numpy()


def _rescale(network: Network, x: Tensor, reference: Tensor, target: int) -> np.ndarray:
    """Return DeepLIFT's contributions, unit by unit."""
    weight, bias, outer = _two_layers(network)
    start, end = reference.double().numpy(), x.double().numpy()
    total = np.zeros(len(end))
    for unit in range(len(weight)):
        z, z0 = weight[unit] @ end + bias[unit], weight[unit] @ start + bias[unit]
        slope = (max(z, 0) - max(z0, 0)) / (z - z0) if abs(z - z0) > 1e-9 else float(z > 0)
        total += (end - start) * weight[unit] * slope * outer[target, unit]
    return total


def _close(call: Called, reference: Any, name: str, hint: str) -> None:
    scale = float(np.abs(reference).max())
    expect_close(call.returned, reference, name, hint, rtol=1e-3, atol=2e-4 * scale + 1e-6)


# --- By hand --------------------------------------------------------------------------------------


@task("targets", Call("targets_of_interest", _logit_tables, GIVEN), read="section 1")
def targets(calls: list[Called]) -> None:
    """Compare with sorting row by row."""
    for call in calls:
        logits, labels = call.arguments
        wanted = []
        for row, label in zip(logits.numpy(), labels.numpy(), strict=True):
            ranking = sorted(range(len(row)), key=lambda c: -row[c])
            wanted.append([label, ranking[0], ranking[1], ranking[-1]])
        expect_close(
            call.returned,
            wanted,
            "targets_of_interest(…)",
            "Columns: the label, then the classes with the largest, second largest and smallest "
            "logit (compare the logits themselves, not their absolute values).",
        )


@task(
    "gradient",
    Call("vanilla_gradient", _problems, GIVEN),
    read="section 2 and Simonyan et al. 2014",
)
def gradient(calls: list[Called]) -> None:
    """Compare with central differences."""
    for call in calls:
        network, image, target = call.arguments
        _close(
            call,
            _slope(_logit(network, target), image),
            "vanilla_gradient(…)",
            "It is the derivative of the target's logit: no absolute value, no softmax.",
        )


@task(
    "smoothgrad",
    Call("smoothgrad", _noisy_problems, GIVEN),
    read="section 2 and Smilkov et al. 2017",
)
def smoothgrad(calls: list[Called]) -> None:
    """Compare with a loop over the copies and central differences."""
    for call in calls:
        network, image, target, noise = call.arguments
        function = _logit(network, target)
        _close(
            call,
            np.mean([_slope(function, image + each) for each in noise], axis=0),
            "smoothgrad(…)",
            "It is the mean of the signed gradients, each at its own noisy copy.",
        )


@task(
    "integrated-gradients",
    Call("integrated_gradients", _path_problems, GIVEN),
    read="section 3 and Sundararajan et al. 2017",
)
def integrated(calls: list[Called]) -> None:
    """Compare with a loop over the middles of the steps and central differences."""
    for call in calls:
        network, image, target, baseline, steps = call.arguments
        function, way = _logit(network, target), image.double() - baseline.double()
        middles = [(k - 0.5) / steps for k in range(1, steps + 1)]
        slopes = [_slope(function, baseline.double() + middle * way) for middle in middles]
        _close(
            call,
            way.numpy() * np.mean(slopes, axis=0),
            "integrated_gradients(…)",
            "Take the gradients at the middles of the steps, average, and multiply with "
            "image − baseline.",
        )


@task(
    "grad-cam", Call("grad_cam", _cam_problems, GIVEN), read="section 4 and Selvaraju et al. 2017"
)
def grad_cam(calls: list[Called]) -> None:
    """Compare with central differences in the activations."""
    for call in calls:
        features, head, image, target = call.arguments
        with torch.no_grad():
            maps = features.module().double()(image.double()[None])[0]
        weights = _slope(_logit(head, target), maps).mean((1, 2))
        wanted = np.maximum(sum(w * a for w, a in zip(weights, maps.numpy(), strict=True)), 0)
        # The scale of what is summed: a class without evidence has an empty map.
        scale = float(np.abs(weights[:, None, None] * maps.numpy()).max())
        expect_close(
            call.returned,
            wanted,
            "grad_cam(…)",
            "Weigh each map by the mean of its gradients, sum over the maps, then cut at zero.",
            rtol=1e-3,
            atol=1e-3 * scale,
        )


@task(
    "deeplift",
    Call("deeplift", _deeplift_problems, GIVEN),
    read="section 3 and Shrikumar et al. 2017",
)
def deeplift(calls: list[Called]) -> None:
    """Compare with the Rescale rule, unit by unit."""
    for call in calls:
        _close(
            call,
            _rescale(*call.arguments),
            "deeplift(…)",
            "Each ReLU passes on the slope of the chord; where z = z′, its derivative at z.",
        )


def _several_references(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    return _lift_problems(rng, 4)


@task(
    "deep-shap",
    Call("deep_shap", _several_references, GIVEN),
    read="section 3 and Lundberg and Lee 2017",
)
def deep_shap(calls: list[Called]) -> None:
    """Compare with the mean over the backgrounds of the Rescale rule."""
    for call in calls:
        network, x, backgrounds, target = call.arguments
        _close(
            call,
            np.mean([_rescale(network, x, each, target) for each in backgrounds], axis=0),
            "deep_shap(…)",
            "Explain against each background on its own, and average the contributions.",
        )


@task("lime-kernel", Call("lime_kernel", _mask_problems, GIVEN), read="section 5")
def lime_kernel(calls: list[Called]) -> None:
    """Compare with the formula, mask by mask."""
    for call in calls:
        masks, width = call.arguments
        wanted = []
        for mask in masks.double().numpy():
            length = np.linalg.norm(mask)
            cosine = mask.sum() / (length * np.sqrt(len(mask))) if length else 0.0
            wanted.append(np.exp(-((1 - cosine) ** 2) / width**2))
        expect_close(
            call.returned,
            wanted,
            "lime_kernel(…)",
            "The distance is one minus the cosine; it is squared and divided by the squared width.",
            rtol=1e-3,
            atol=1e-5,
        )


@task(
    "lime-surrogate",
    Call("lime_surrogate", _surrogate_problems, GIVEN),
    read="section 5 and Ribeiro et al. 2016",
)
def lime_surrogate(calls: list[Called]) -> None:
    """Compare with least squares: the penalty as extra rows, which leave the intercept alone."""
    for call in calls:
        masks, outputs, weights, penalty = (np.asarray(a, dtype=float) for a in call.arguments)
        root, size = np.sqrt(weights), masks.shape[1]
        rows = np.hstack([np.ones((len(masks), 1)), masks]) * root[:, None]
        extra = np.hstack([np.zeros((size, 1)), np.sqrt(penalty) * np.eye(size)])
        wanted = np.linalg.lstsq(
            np.vstack([rows, extra]), np.concatenate([outputs * root, np.zeros(size)]), rcond=None
        )[0][1:]
        expect_close(
            call.returned,
            wanted,
            "lime_surrogate(…)",
            "Weigh each squared error once, fit the intercept, and penalise all but the intercept.",
            rtol=2e-3,
            atol=2e-3,
        )


# --- On the network -------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """What the notebook's given cells define, from the trusted checkpoint."""

    model: nn.Module
    images: Tensor
    labels: Tensor
    logits: Tensor
    examples: Tensor
    targets: Tensor
    background: Tensor
    segments: Tensor

    @property
    def options(self) -> dict[str, dict[str, Any]]:
        """The options that the notebook gives each method."""
        return {
            "gradient": {},
            "smoothgrad": {"samples": 50, "seed": 0},
            "integrated_gradients": {"steps": 128},
            "grad_cam": {},
            "deeplift": {},
            "deep_shap": {"background": self.background},
            "lime": {"segments": self.segments, "samples": 1000, "seed": 0},
        }


@functools.cache
def world() -> World:
    """Look the two examples up by the notebook's rule, whatever data there is."""
    test, train = load("fashion_mnist", split="test"), load("fashion_mnist", split="train")
    model = load_pretrained("fashion_mnist")
    images, labels = test.images[:2000], test.labels[:2000]
    with torch.no_grad():
        logits = torch.cat([model(batch) for batch in images.split(250)])
    found = logits.argmax(1)
    wrong = next(i for i in range(len(labels)) if found[i] != labels[i])
    confusion = (labels[wrong], found[wrong])
    right = next(
        i for i in range(len(labels)) if found[i] == labels[i] and labels[i] not in confusion
    )
    wanted = []
    for i in (wrong, right):
        ranking = logits[i].argsort(descending=True).tolist()
        wanted.append([int(labels[i]), ranking[0], ranking[1], ranking[-1]])
    background = torch.cat([train.images[train.labels == c][:2] for c in range(10)])
    row, column = torch.meshgrid(torch.arange(28), torch.arange(28), indexing="ij")
    return World(
        model=model,
        images=images,
        labels=labels,
        logits=logits,
        examples=images[[wrong, right]],
        targets=torch.tensor(wanted),
        background=background,
        segments=row // 4 * 7 + column // 4,
    )


def _path_integral(image: Tensor, target: int, baseline: Tensor, steps: int) -> Tensor:
    """Integrated Gradients with the Gauss-Legendre rule that `explain` documents."""
    nodes, weights = (_tensor(values) for values in np.polynomial.legendre.leggauss(steps))
    places = (nodes.view(-1, 1, 1, 1) + 1) / 2
    points = (baseline + places * (image - baseline)).requires_grad_()
    (slopes,) = torch.autograd.grad(world().model(points)[:, target].sum(), points)
    return (image - baseline) * (weights.view(-1, 1, 1, 1) / 2 * slopes).sum(0)


@functools.cache
def library() -> dict[str, Tensor]:
    """Every method's maps of both examples for all targets, (2, 4, 1, 28, 28) each."""
    here = world()
    return {
        method: explain(here.model, here.examples, here.targets, method, **chosen).attributions
        for method, chosen in here.options.items()
    }


def _number(value: Any, name: str) -> float:
    return float(expect_array(value, (), name))


def _entry(value: Any, key: str, name: str) -> Any:
    """Return a dictionary's entry, or say that it should have one."""
    expect(
        isinstance(value, Mapping) and key in value,
        f"`{name}` should be a dictionary with an entry for {key!r}.",
    )
    return value[key]


def _share(right: list[str], wrong: list[str], message: str) -> None:
    """Give marks for the entries beyond half that are right: half of them is what luck gives."""
    if wrong:
        half = (len(right) + len(wrong)) / 2
        fraction = max(0.0, (len(right) - half) / half)
        raise Wrong(f"{message} Look again at: {', '.join(wrong)}.", fraction)


@task("accuracy", Value("accuracy", "hardest"), read="section 1")
def accuracy(answer: dict[str, Any]) -> None:
    """Count anew."""
    here = world()
    right = (here.logits.argmax(1) == here.labels).double()
    expect(
        abs(_number(answer["accuracy"], "accuracy") - right.mean()) < 1.5 / len(right),
        "`accuracy` should be the share of images whose largest logit is the true class's.",
    )
    per_class = torch.stack([right[here.labels == c].mean() for c in range(10)])
    hardest = _number(answer["hardest"], "hardest")
    expect(
        hardest in range(10) and per_class[int(hardest)] < per_class.min() + 0.003,
        "`accuracy` is right; `hardest` should be the class (0 to 9) of whose own images the "
        "smallest share is recognised.",
        fraction=0.5,
    )


@task("margins", Value("sure_mistake", "close_call"), read="section 1")
def margins(answer: dict[str, Any]) -> None:
    """Accept an index if its margin is the extreme one, up to rounding."""
    here = world()
    ranked = here.logits.sort(1).values
    margin = ranked[:, -1] - ranked[:, -2]
    mistaken = here.logits.argmax(1) != here.labels
    chosen = {}
    for name in ("sure_mistake", "close_call"):
        chosen[name] = _number(answer[name], name)
        expect(
            chosen[name] in range(len(margin)), f"`{name}` should be an index into the test images."
        )
    sure, close = int(chosen["sure_mistake"]), int(chosen["close_call"])
    largest, smallest = margin[mistaken].max(), margin[~mistaken].min()
    expect(
        mistaken[sure] and margin[sure] > largest - 1e-3,
        "`sure_mistake` should have the largest margin (best minus second best logit) of all "
        "misclassified images.",
    )
    expect(
        not mistaken[close] and margin[close] < smallest + 1e-3,
        "`sure_mistake` is right; `close_call` should have the smallest margin of all correctly "
        "classified images.",
        fraction=0.5,
    )


@functools.cache
def _gaps() -> tuple[np.ndarray, float]:
    here = world()
    image, target = here.examples[0], int(here.targets[0, 1])
    black = torch.zeros_like(image)
    with torch.no_grad():
        rise = float((here.model(image[None]) - here.model(black[None]))[0, target])
    sums = [
        float(_path_integral(image, target, black, steps).sum())
        for steps in (1, 2, 4, 8, 16, 64, 256)
    ]
    return np.abs(np.array(sums) - rise), abs(rise)


@task("gaps", Value("gaps"), read="section 3 (completeness)")
def gaps(answer: dict[str, Any]) -> None:
    """Compare with a loop over the path; rounding at a ReLU's kink may move a gap a little."""
    wanted, rise = _gaps()
    expect_close(
        answer["gaps"],
        wanted,
        "gaps",
        "A gap is |sum of the attributions − (f(x) − f(black))|, for the predicted class of "
        "`examples[0]`, one for each number of steps.",
        rtol=0.03,
        atol=0.005 * rise,
    )


@functools.cache
def _shares() -> dict[str, np.ndarray]:
    here = world()
    shares = {}
    for name, level in (("share_black", 0.0), ("share_white", 1.0)):
        pair = []
        for image, target in zip(here.examples, here.targets[:, 1].tolist(), strict=True):
            size = _path_integral(image, target, torch.full_like(image, level), 64).abs()
            pair.append(float(size[image == 0].sum() / size.sum()))
        shares[name] = np.array(pair)
    return shares


@task("baseline", Value("share_black", "share_white"), read="section 3 and Sturmfels et al. 2020")
def baseline(answer: dict[str, Any]) -> None:
    """Compare with a loop over the path."""
    for name, wanted in _shares().items():
        expect_close(
            answer[name],
            wanted,
            name,
            "Divide the absolute attribution on pixels with x = 0 by all of it, per example, for "
            "its most likely class.",
            rtol=0,
            atol=0.01,
        )


@functools.cache
def _luck() -> dict[int, float]:
    here = world()
    result = {}
    for samples in (60, 200, 1000):
        maps = [
            explain(
                here.model,
                here.examples[:1],
                int(here.targets[0, 1]),
                "lime",
                segments=here.segments,
                samples=samples,
                seed=seed,
            )
            .attributions.flatten()
            .numpy()
            for seed in (0, 1)
        ]
        result[samples] = float(np.corrcoef(maps)[0, 1])
    return result


@task("lime-luck", Value("agreement"), read="section 5")
def lime_luck(answer: dict[str, Any]) -> None:
    """Correlate the maps of the same two seeds."""
    for samples, wanted in _luck().items():
        name = f"agreement[{samples}]"
        value = _number(_entry(answer["agreement"], str(samples), "agreement"), name)
        expect(
            abs(value - wanted) < 0.03,
            f"`{name}` should be the Pearson correlation between the maps with seeds 0 and 1, for "
            "`examples[0]` and its predicted class, on `segments`.",
        )


LINEAR = {
    "gradient": "w",
    "smoothgrad": "w",
    "integrated_gradients": "w*(x-x')",
    "grad_cam": "undefined",
    "deeplift": "w*(x-x')",
    "deep_shap": "w*(x-mean x')",
    "lime": "w*(x-x')",
}


@task("linear", Value("on_linear"), read="the formulas of sections 2 to 5")
def linear(answer: dict[str, Any]) -> None:
    """Compare with what a pencil gives."""
    right, wrong = [], []
    for method, wanted in LINEAR.items():
        value = _entry(answer["on_linear"], method, "on_linear")
        (right if value == wanted else wrong).append(method)
    _share(right, wrong, "Put f(x) = w·x + b into the method's formula.")


@task("grid", Value("grid"), read="section 6")
def grid(answer: dict[str, Any]) -> None:
    """Compare in the relative norm: rounding may flip a ReLU here or there."""
    right, wrong = [], []
    for method, wanted in library().items():
        value = _entry(answer["grid"], method, "grid")
        values = expect_array(value, tuple(wanted.shape), f"grid[{method!r}]")
        error = np.linalg.norm(values - wanted.double().numpy())
        close = error < 0.03 * float(wanted.double().norm())
        (right if close else wrong).append(method)
    _share(right, wrong, "Maps are those of `examples`, `targets` and the method's `options`.")


@functools.cache
def _sums() -> dict[str, float]:
    here = world()
    with torch.no_grad():
        logits, black = here.model(here.examples), here.model(torch.zeros_like(here.examples[:1]))
        expected = here.model(here.background).mean(0, keepdim=True)
    result = {}
    for method, maps in library().items():
        if method == "lime":
            continue
        start = expected if method == "deep_shap" else black
        rise = (logits - start).gather(1, here.targets)
        missing = maps.flatten(2).sum(2) - rise
        result[method] = float(missing.abs().mean() / rise.abs().mean())
    return result


@task("completeness", Value("gap", "complete"), read="section 3 (completeness)")
def completeness(answer: dict[str, Any]) -> None:
    """Count a method if its gap is right and the verdict follows (near the border either)."""
    right, wrong = [], []
    for method, wanted in _sums().items():
        value = _number(_entry(answer["gap"], method, "gap"), f"gap[{method!r}]")
        said = _number(_entry(answer["complete"], method, "complete"), f"complete[{method!r}]")
        close = abs(value - wanted) < 0.01 + 0.05 * wanted
        follows = abs(wanted - 0.05) < 0.01 or bool(said) == (wanted < 0.05)
        (right if close and follows else wrong).append(method)
    _share(right, wrong, "Compare each map's sum with f(x) − f(x′), and mind what x′ is.")


@functools.cache
def _similarities() -> dict[str, float]:
    result = {}
    for method, maps in library().items():
        both = []
        for true, least in zip(maps[:, 0].numpy(), maps[:, 3].numpy(), strict=True):
            constant = np.ptp(true) == 0 or np.ptp(least) == 0
            pearson = np.corrcoef(true.ravel(), least.ravel())[0, 1] if not constant else 0.0
            both.append(float(pearson))
        result[method] = float(np.mean(both))
    return result


@task("similarity", Value("similarity", "verdict"), read="section 6")
def similarity(answer: dict[str, Any]) -> None:
    """Count a method if its mean is right and the verdict follows (near a border either)."""
    right, wrong = [], []
    for method, wanted in _similarities().items():
        value = _number(
            _entry(answer["similarity"], method, "similarity"), f"similarity[{method!r}]"
        )
        said = _entry(answer["verdict"], method, "verdict")
        verdicts = {
            "alike" if near > 0.9 else "opposed" if near < 0 else "mixed"
            for near in (wanted - 0.02, wanted, wanted + 0.02)
        }
        close = abs(value - wanted) < 0.03
        (right if close and isinstance(said, str) and said in verdicts else wrong).append(method)
    _share(right, wrong, "Correlate the maps of the true and the least likely class, per example.")
