"""Hidden checks of notebook 03.

Attacks by hand are recomputed in double precision with finite differences, image by image; claims
about the network (these images fool it, this patch works on others) are tried on the trusted
checkpoint, and measured rates recomputed once a process.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from autograde.tasks import (
    Call,
    Called,
    Value,
    Wrong,
    expect,
    expect_all,
    expect_array,
    expect_close,
    expect_entry,
    says,
    task,
)
from autograde.inside.networks import Layer, Network
from xaikit import attack, explain, load, load_pretrained
from xaikit.models import build

GIVEN = ("given-imports",)
Array = NDArray[np.float64]

# --- Hidden inputs --------------------------------------------------------------------------------
# Networks that are attacked are smooth, and no slope on the way of an attack is nearly zero: the
# sign of a rounding error would otherwise decide about a right answer.


def _tensor(values: Any) -> Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def _vectors(rng: np.random.Generator) -> Network:
    return Network.random(rng, (6, 12, 4), "tanh")


def _pictures(rng: np.random.Generator) -> Network:
    """Return a network for images (1, 6, 6) and four classes."""
    return Network(
        [
            Layer.conv2d(rng.normal(size=(3, 1, 3, 3)) * 0.5, rng.normal(size=3), padding=1),
            Layer("softplus"),
            Layer.avgpool(2),
            Layer("flatten"),
            Layer.linear(rng.normal(size=(8, 27)) * 0.4, rng.normal(size=8)),
            Layer("tanh"),
            Layer.linear(rng.normal(size=(4, 8)), rng.normal(size=4)),
        ]
    )


def _problem(rng: np.random.Generator, image: bool) -> tuple[Network, Tensor, Tensor, Tensor]:
    """Return a network, three inputs in [0, 1], their labels and other classes to be aimed at."""
    network = _pictures(rng) if image else _vectors(rng)
    inputs = _tensor(rng.uniform(size=(3, 1, 6, 6) if image else (3, 6)))
    labels = rng.integers(4, size=3)
    targets = (labels + rng.integers(1, 4, size=3)) % 4
    return network, inputs, torch.from_numpy(labels), torch.from_numpy(targets)


def _steady(
    rng: np.random.Generator,
    make: Callable[[np.random.Generator], tuple[Any, ...]],
    reference: Callable[..., tuple[Array, float]],
) -> tuple[Any, ...]:
    """Draw arguments until no slope that the attack follows is nearly zero."""
    while True:
        arguments = make(rng)
        if reference(*arguments)[1] > 3e-5:
            return arguments


def _fgsm_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    def make(rng: np.random.Generator, image: bool, aimed: bool) -> tuple[Any, ...]:
        network, inputs, labels, targets = _problem(rng, image)
        epsilon = float(rng.uniform(0.05, 0.4))
        return (network, inputs, labels, epsilon, *((targets,) if aimed else ()))

    return [
        _steady(rng, functools.partial(make, image=image, aimed=aimed), _fgsm)
        for image, aimed in itertools.product((False, True), repeat=2)
    ]


def _pgd_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    def make(rng: np.random.Generator, image: bool, steps: int) -> tuple[Any, ...]:
        network, inputs, labels, _ = _problem(rng, image)
        epsilon = float(rng.uniform(0.1, 0.3))
        start = _tensor(rng.uniform(-epsilon, epsilon, size=inputs.shape))
        return network, inputs, labels, epsilon, 0.45 * epsilon, steps, start

    return [
        _steady(rng, functools.partial(make, image=image, steps=steps), _pgd)
        for image, steps in ((False, 1), (False, 6), (True, 4))
    ]


def _repair_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for image, steps, reach in ((False, 1, 3.0), (False, 6, 0.9), (True, 5, 0.9)):
        network, inputs, _, targets = _problem(rng, image)
        inputs = 0.25 + 0.5 * inputs
        step = float(rng.uniform(0.05, 0.1))
        problems.append((network, inputs, targets, reach * 2 * step, step, steps))
    return problems


def _patch_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    def make(rng: np.random.Generator, steps: int, aimed: bool) -> tuple[Any, ...]:
        network, inputs, labels, targets = _problem(rng, image=True)
        mask = np.zeros((6, 6), dtype=bool)
        row, column = rng.integers(0, 4, size=2)
        mask[row : row + 3, column : column + 2] = True
        start = _tensor(rng.uniform(size=inputs.shape))
        step = float(rng.uniform(0.1, 0.3))
        more = (targets,) if aimed else ()
        return network, inputs, labels, torch.from_numpy(mask), start, step, steps, *more

    return [
        _steady(rng, functools.partial(make, steps=steps, aimed=aimed), _patch)
        for steps, aimed in ((1, False), (5, False), (4, True))
    ]


def _report_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    tables: list[tuple[Any, ...]] = []
    for n, classes, aimed in ((40, 4, False), (60, 10, False), (50, 5, True), (80, 3, True)):
        labels = rng.integers(classes, size=n)
        clean, attacked = rng.normal(size=(2, n, classes))
        clean[np.arange(n), labels] += 2.0
        attacked[np.arange(n), labels] += 1.0
        more = (torch.from_numpy(rng.integers(classes, size=n)),) if aimed else ()
        tables.append((_tensor(clean), _tensor(attacked), torch.from_numpy(labels), *more))
    return tables


def _linear_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return linear models and inputs, at most of which another class than the second is nearest."""
    problems: list[tuple[Any, ...]] = []
    while len(problems) < 5:
        classes, size = (2, 5) if not problems else (6, 9)
        weight = rng.normal(size=(classes, size)) * rng.uniform(0.2, 3, size=(classes, 1))
        bias, x = rng.normal(size=classes), rng.uniform(size=size)
        scores = weight @ x + bias
        order = np.argsort(-scores)
        label = int(order[0])
        if scores[order[0]] - scores[order[1]] < 0.1:
            continue
        ratios = [_ratios(weight, bias, x, label, p) for p in (1, 2)]
        first = {min(each, key=each.__getitem__) for each in ratios}
        if classes == 2 or int(order[1]) not in first:
            problems.append((_tensor(weight), _tensor(bias), _tensor(x), label))
    return problems


def _project_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems: list[tuple[Any, ...]] = []
    for shape, norm in (((5, 4), "inf"), ((5, 4), "2"), ((6, 2, 3, 3), "2"), ((4, 1, 5, 5), "inf")):
        images = rng.uniform(size=shape)
        change = rng.normal(size=shape)
        flat = change.reshape(len(change), -1)
        length = np.abs(flat).max(1) if norm == "inf" else np.linalg.norm(flat, axis=1)
        epsilon = float(rng.uniform(0.2, 0.5))
        # One is just inside, one has not moved, the others are outside.
        scale = epsilon * rng.uniform(1.2, 3, size=len(change)) / length
        scale[0], scale[1] = 0.8 * epsilon / length[0], 0
        change *= scale.reshape(-1, *[1] * (len(shape) - 1))
        problems.append((_tensor(images + change), _tensor(images), epsilon, norm))
    return problems


def _map_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for height, width, tie in ((7, 7, 0.9), (10, 6, 0.3), (28, 28, 0.6)):
        clean = rng.normal(size=(height, width)) ** 3
        attacked = tie * clean + (1 - tie) * rng.normal(size=(height, width)) + 0.2
        mask = np.zeros((height, width), dtype=bool)
        row, column = rng.integers(0, 4, size=2)
        mask[row : row + 3, column : column + 3] = True
        problems.append((_tensor(clean), _tensor(attacked), torch.from_numpy(mask)))
    return problems


def _logistic_inputs(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for size, n, epsilon in ((2, 4, 0.0), (5, 6, 0.2), (8, 10, 0.6)):
        y = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
        w, x = rng.normal(size=size), rng.normal(size=(n, size))
        problems.append((_tensor(w), float(rng.normal()), _tensor(x), _tensor(y), epsilon))
    return problems


# --- References by hand ---------------------------------------------------------------------------


@torch.no_grad()
def _slopes(network: Network, x: Array, classes: Array) -> Array:
    """Return the gradients (n, *shape) of the cross-entropy by central differences."""
    module = network.module().double()
    result = np.zeros_like(x)
    for index, (point, label) in enumerate(zip(x, classes, strict=True)):
        step = 1e-5 * np.eye(point.size).reshape(-1, *point.shape)
        batch = torch.from_numpy(np.concatenate([point + step, point - step]))
        scores = module(batch).numpy()
        loss = np.log(np.exp(scores).sum(1)) - scores[:, int(label)]
        half = point.size
        result[index] = ((loss[:half] - loss[half:]) / 2e-5).reshape(point.shape)
    return result


def _least(slope: Array, moving: Any = True) -> float:
    """Return the smallest slope that is followed, relative to the largest of its input."""
    ratios = []
    for each in slope:
        sizes = np.abs(each[np.broadcast_to(moving, each.shape)])
        ratios.append(sizes.min() / sizes.max())
    return float(min(ratios))


def _fgsm(
    network: Network, images: Tensor, labels: Tensor, epsilon: float, targets: Tensor | None = None
) -> tuple[Array, float]:
    x = images.double().numpy()
    slope = _slopes(network, x, (labels if targets is None else targets).numpy())
    uphill = 1 if targets is None else -1
    return np.clip(x + epsilon * uphill * np.sign(slope), 0, 1), _least(slope)


def _pgd(
    network: Network,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    step: float,
    steps: int,
    start: Tensor,
) -> tuple[Array, float]:
    x, least = images.double().numpy(), math.inf
    now = np.clip(x + start.double().numpy(), 0, 1)
    for _ in range(steps):
        slope = _slopes(network, now, labels.numpy())
        least = min(least, _least(slope))
        now = np.minimum(np.maximum(now + step * np.sign(slope), x - epsilon), x + epsilon)
        now = np.clip(now, 0, 1)
    return now, least


def _patch(
    network: Network,
    images: Tensor,
    labels: Tensor,
    mask: Tensor,
    start: Tensor,
    step: float,
    steps: int,
    targets: Tensor | None = None,
) -> tuple[Array, float]:
    where, least = np.broadcast_to(mask.numpy(), images.shape[1:]), math.inf
    now = images.double().numpy().copy()
    now[:, where] = start.double().numpy()[:, where]
    for _ in range(steps):
        slope = _slopes(network, now, (labels if targets is None else targets).numpy())
        least = min(least, _least(slope, where))
        uphill = np.sign(slope) if targets is None else -np.sign(slope)
        now[:, where] = np.clip(now + step * uphill, 0, 1)[:, where]
    return now, least


def _targeted_l2(
    network: Network, images: Tensor, targets: Tensor, epsilon: float, step: float, steps: int
) -> Array:
    original = images.double().numpy()
    now = original.copy()
    for _ in range(steps):
        slope = _slopes(network, now, targets.numpy())
        for index in range(len(now)):
            moved = now[index] - step * slope[index] / np.linalg.norm(slope[index])
            change = moved - original[index]
            length = np.linalg.norm(change)
            if length > epsilon:
                change = change * epsilon / length
            now[index] = np.clip(original[index] + change, 0, 1)
    return now


def _ratios(weight: Array, bias: Array, x: Array, label: int, p: int) -> dict[int, float]:
    """Return how far each other class is: the margin divided by the norm of the difference."""
    scores = weight @ x + bias
    return {
        j: float((scores[label] - scores[j]) / np.linalg.norm(weight[label] - weight[j], ord=p))
        for j in range(len(weight))
        if j != label
    }


def _same(call: Called, wanted: Array, name: str, hint: str) -> None:
    expect_close(call.returned, wanted, name, hint, rtol=1e-3, atol=1e-3)


# --- By hand --------------------------------------------------------------------------------------


@task("count", Call("attack_report", _report_inputs, GIVEN), read="section 1")
def count(calls: list[Called]) -> None:
    """Compare with counting image by image."""
    for call in calls:
        clean, attacked, labels, *targets = (each.numpy() for each in call.arguments)
        right = kept = open_ = won = 0
        for index, label in enumerate(labels):
            if int(clean[index].argmax()) != label:
                continue
            after = int(attacked[index].argmax())
            right += 1
            kept += after == label
            if targets and targets[0][index] == label:
                continue
            open_ += 1
            won += after == targets[0][index] if targets else after != label
        expect_close(
            call.returned,
            [right / len(labels), kept / len(labels), won / open_],
            "attack_report(…)",
            "Accuracies have all images in their denominator, the success rate only those that are "
            "right before the attack (and, with targets, are not of the target's class already).",
        )


@task("linear", Call("flip_distances", _linear_inputs, GIVEN), read="section 2")
def linear(calls: list[Called]) -> None:
    """Compare with trying every class."""
    for call in calls:
        weight, bias, x = (each.double().numpy() for each in call.arguments[:3])
        label = call.arguments[3]
        expect_close(
            call.returned,
            [min(_ratios(weight, bias, x, label, p).values()) for p in (1, 2)],
            "flip_distances(…)",
            "For each other class divide the margin by the norm of the difference of the weights, "
            "the 1-norm for the maximum norm; the smallest ratio counts, whichever class has it.",
            rtol=1e-3,
        )


@task(
    "fgsm",
    Call("fgsm", _fgsm_inputs, GIVEN),
    read="section 2 and Goodfellow, Shlens and Szegedy 2015",
)
def fgsm(calls: list[Called]) -> None:
    """Compare with the sign of finite differences."""
    for call in calls:
        _same(
            call,
            _fgsm(*call.arguments)[0],
            "fgsm(…)",
            "Every input moves by ε along the sign of its own gradient: up the cross-entropy of the "
            "label, or down that of the target; then it is clipped to [0, 1].",
        )


@task("project", Call("project", _project_inputs, GIVEN), read="section 3 and Madry et al. 2018")
def project(calls: list[Called]) -> None:
    """Compare with walking back, input by input."""
    for call in calls:
        moved, images, epsilon, norm = call.arguments
        wanted = []
        for point, centre in zip(moved.double().numpy(), images.double().numpy(), strict=True):
            if norm == "inf":
                wanted.append(np.minimum(np.maximum(point, centre - epsilon), centre + epsilon))
                continue
            length = math.sqrt(((point - centre) ** 2).sum())
            wanted.append(centre + (point - centre) * (epsilon / length if length > epsilon else 1))
        _same(
            call,
            np.array(wanted),
            f"project(…, {norm!r})",
            "The nearest point of the ball around each input's own original; inside nothing moves, "
            "and the Euclidean length is that of one whole input.",
        )


@task("pgd", Call("pgd", _pgd_inputs, GIVEN), read="section 3 and Madry et al. 2018")
def pgd(calls: list[Called]) -> None:
    """Compare with a walk along the signs of finite differences."""
    for call in calls:
        _same(
            call,
            _pgd(*call.arguments)[0],
            "pgd(…)",
            "Begin at the clipped start; each step takes a new gradient, goes `step` along its sign, "
            "comes back into the ball around the original, then into [0, 1].",
        )


@task("repair", Call("targeted_pgd", _repair_inputs, GIVEN), read="section 3")
def repair(calls: list[Called]) -> None:
    """Compare with a walk down finite differences, input by input."""
    for call in calls:
        _same(
            call,
            _targeted_l2(*call.arguments),
            "targeted_pgd(…)",
            "Look for three mistakes: which way a step goes, by what its gradient is divided, and "
            "around which point the ball lies.",
        )


@task(
    "patch",
    Call("patch_attack", _patch_inputs, GIVEN),
    read="section 5 and Karmon, Zoran and Goldberg 2018",
)
def patch(calls: list[Called]) -> None:
    """Compare with signed steps of the pixels inside; outside, bit for bit."""
    for call in calls:
        images, mask = call.arguments[1], call.arguments[3].numpy()
        wanted = _patch(*call.arguments)[0]
        found = expect_array(call.returned, wanted.shape, "patch_attack(…)")
        expect(
            np.array_equal(found[..., ~mask], images.double().numpy()[..., ~mask]),
            "`patch_attack(…)` changes pixels outside the mask: there the images have to stay "
            "exactly as they are.",
        )
        _same(
            call,
            wanted,
            "patch_attack(…)",
            "Inside the mask it begins with `start`; every step goes up the cross-entropy of the "
            "label, or down that of the target, and stays in [0, 1].",
        )


@task("compare-maps", Call("compare_maps", _map_inputs, GIVEN), read="section 6")
def compare_maps(calls: list[Called]) -> None:
    """Compare with SciPy's rank correlation, and sums."""
    for call in calls:
        clean, attacked, mask = (each.numpy() for each in call.arguments)
        positive = [np.maximum(each.astype(float), 0) for each in (clean, attacked)]
        wanted = [
            float(stats.spearmanr(clean.ravel(), attacked.ravel()).statistic),
            *(float(each[mask].sum() / each.sum()) for each in positive),
        ]
        expect_close(
            call.returned,
            wanted,
            "compare_maps(…)",
            "The correlation is of ranks over all pixels, with sign; a share is the positive part "
            "inside divided by the positive part of the whole map.",
            rtol=1e-3,
            atol=1e-4,
        )


@task(
    "worst-loss",
    Call("worst_logistic_loss", _logistic_inputs, GIVEN),
    read="section 7 and Goodfellow, Shlens and Szegedy 2015",
)
def worst_loss(calls: list[Called]) -> None:
    """Try every corner of the cube: the largest loss of a linear model lies at one."""
    for call in calls:
        w, x, y = (call.arguments[k].double().numpy() for k in (0, 2, 3))
        b, epsilon = call.arguments[1], call.arguments[4]
        corners = epsilon * np.array(list(itertools.product((-1, 1), repeat=len(w))))
        worst = [
            max(math.log1p(math.exp(-side * (w @ (row + corner) + b))) for corner in corners)
            for row, side in zip(x, y, strict=True)
        ]
        expect_close(
            call.returned,
            np.mean(worst),
            "worst_logistic_loss(…)",
            "Inside the loss, each margin y(w·x + b) falls by the most that ε can take: the same "
            "amount for either sign of y.",
            rtol=1e-3,
        )


# --- On the network -------------------------------------------------------------------------------

EPSILONS = (0.02, 0.05, 0.1, 0.2)
SIZES = (3, 4, 5, 7)
JUDGES: dict[str, dict[str, Any]] = {
    "gradient": {},
    "guided_backprop": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 16},
    "lrp": {"rule": "composite"},
    "grad_cam": {},
}


@dataclass(frozen=True)
class World:
    """What the notebook's given cells define, from the trusted checkpoints."""

    model: nn.Module
    other: nn.Module
    robust: nn.Module
    pictures: Tensor
    truth: Tensor
    images: Tensor
    labels: Tensor
    signs: Tensor


@torch.no_grad()
def said(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return the classes that a network says to inputs."""
    return torch.cat([network(part).argmax(1) for part in inputs.split(250)])


def _share(network: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Return the share of inputs that a network puts into these classes."""
    return float((said(network, inputs) == labels).double().mean())


@functools.cache
def world() -> World:
    """Look the images up by the notebook's rule, whatever data there is."""
    test = load("fashion_mnist", split="test")
    pictures, truth = test.images[:1000], test.labels[:1000]
    model = load_pretrained("lecture")
    found = said(model, pictures)
    right = [index for index in range(600) if found[index] == truth[index]][:250]
    generator = torch.Generator().manual_seed(0)
    return World(
        model=model,
        other=load_pretrained("fashion_mnist"),
        robust=load_pretrained("lecture_robust"),
        pictures=pictures,
        truth=truth,
        images=pictures[right],
        labels=truth[right],
        signs=2.0 * torch.randint(0, 2, (250, 1, 28, 28), generator=generator) - 1,
    )


def _number(value: Any, name: str) -> float:
    return float(expect_array(value, (), name))


@functools.cache
def _curve() -> dict[str, list[float]]:
    here = world()
    x, labels = here.images, here.labels
    point = x.clone().requires_grad_()
    loss = nn.functional.cross_entropy(here.model(point), labels, reduction="sum")
    (slope,) = torch.autograd.grad(loss, point)
    result: dict[str, list[float]] = {name: [] for name in ("noise", "fgsm", "pgd", "transfer")}
    for epsilon in EPSILONS:
        by_pgd = attack(here.model, x, labels, "pgd", epsilon=epsilon, steps=20).adversarial
        noisy, moved = ((x + epsilon * way).clamp(0, 1) for way in (here.signs, slope.sign()))
        result["noise"].append(_share(here.model, noisy, labels))
        result["fgsm"].append(_share(here.model, moved, labels))
        result["pgd"].append(_share(here.model, by_pgd, labels))
        result["transfer"].append(_share(here.other, by_pgd, labels))
    return result


def _compared(value: Any, wanted: Mapping[str, list[float]], name: str, slack: float) -> Any:
    """Return the entries of lists of shares that are right, and those that are not."""
    right, wrong = [], []
    for key, shares in wanted.items():
        found = expect_array(expect_entry(value, key, name), (len(shares),), f"{name}[{key!r}]")
        for measured, share in zip(found, shares, strict=True):
            (right if abs(measured - share) <= slack else wrong).append(key)
    return right, wrong


@task("curve", Value("robust_accuracy"), read="section 3 (robust accuracy)")
def curve(answer: dict[str, Any]) -> None:
    """Measure anew."""
    right, wrong = _compared(answer["robust_accuracy"], _curve(), "robust_accuracy", 0.03)
    expect_all(
        right,
        wrong,
        "One share for each radius, of all 250 images those that are still right: at `other` for "
        "the transfer, at `model` else.",
    )


SUSPICIOUS = {
    "a single step fools more images than many small steps": True,
    "random noise of the same size fools more images than the attack": True,
    "with ε = 1, any image allowed, the attack still fails on some images": True,
    "the robust accuracy falls to zero as ε grows": False,
    "images made for another network fool it more often than its own gradient does": True,
    "more steps and more restarts find a few more adversarial examples": False,
}


class Sure(nn.Module):
    """The notebook's network with all logits multiplied by a thousand."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, 10)."""
        return 1000 * self.network(x)


@functools.cache
def _apparent() -> float:
    here = world()
    x, labels = here.images[:100], here.labels[:100]
    result = attack(Sure(here.model).eval(), x, labels, "pgd", epsilon=0.1, steps=20)
    return float((result.predicted == labels).double().mean())


@task(
    "masking",
    Value("apparent", "unmasked", "suspicious"),
    read="section 4 and Athalye, Carlini and Wagner 2018",
)
def masking(answer: dict[str, Any]) -> None:
    """Try the images on the network, where a factor changes no decision."""
    here = world()
    x, labels = here.images[:100], here.labels[:100]
    changed = torch.from_numpy(expect_array(answer["unmasked"], (100, 1, 28, 28), "unmasked"))
    expect(
        float((changed - x).abs().max()) < 0.1002
        and float(changed.min()) > -1e-4
        and float(changed.max()) < 1.0001,
        "`unmasked` has to stay within 0.1 of `hundred`, and in [0, 1].",
    )
    fooled = 1 - _share(here.model, changed.float(), labels)
    expect(
        fooled > 0.895,
        "`unmasked` should fool `sure` on at least 90 of the 100 images: follow a gradient that does "
        "not vanish, such as that of the margin of the logits.",
    )
    expect(
        abs(_number(answer["apparent"], "apparent") - _apparent()) < 0.05,
        "The images are right; `apparent` should be the robust accuracy of `sure` under the "
        "library's PGD, the share that is still right.",
        fraction=0.6,
    )
    said_so = answer["suspicious"]
    for observation, wanted in SUSPICIOUS.items():
        value = _number(
            expect_entry(said_so, observation, "suspicious"), f"suspicious[{observation!r}]"
        )
        expect(
            bool(value) == wanted,
            "The images are right; `suspicious`: which observation could not be made if the attack "
            "did its work, and which is what any honest evaluation finds?",
            fraction=0.6,
        )


@functools.cache
def _by_size() -> dict[str, list[float]]:
    here = world()
    x, labels = here.images[:40], here.labels[:40]
    scatter = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)).round()
    result: dict[str, list[float]] = {"fixed": [], "best": [], "noise": []}
    for size in SIZES:
        corner = 14 - size // 2
        for name, more in (
            ("fixed", {"place": (corner, corner)}),
            ("best", {"place": "best", "places": 2}),
        ):
            found = attack(here.model, x, labels, "patch", size=size, steps=30, **more)
            result[name].append(_share(here.model, found.adversarial, labels))
        mask = torch.zeros(28, 28, dtype=torch.bool)
        mask[corner : corner + size, corner : corner + size] = True
        result["noise"].append(_share(here.model, torch.where(mask, scatter, x), labels))
    return result


@task("sizes", Value("patch_accuracy"), read="section 5 (size and place)")
def sizes(answer: dict[str, Any]) -> None:
    """Measure anew; an image or two of forty may tip."""
    right, wrong = _compared(answer["patch_accuracy"], _by_size(), "patch_accuracy", 0.051)
    expect_all(right, wrong, "One share for each size, of the forty images those that stay right.")


@task("targeted", Value("bagged"), read="section 5 (everything is a bag)")
def targeted(answer: dict[str, Any]) -> None:
    """Look at each image: one square, and the class."""
    here = world()
    x = here.images[here.labels != 8][:40]
    changed = torch.from_numpy(expect_array(answer["bagged"], (40, 1, 28, 28), "bagged")).float()
    expect(
        float(changed.min()) > -1e-4 and float(changed.max()) < 1.0001,
        "`bagged`: pixels have to stay in [0, 1].",
    )
    hits = 0
    for image, original in zip(changed, x, strict=True):
        rows, columns = np.nonzero(((image - original).abs() > 1e-4)[0].numpy())
        inside = not len(rows) or max(np.ptp(rows), np.ptp(columns)) < 8
        hits += bool(inside) and int(said(here.model, image[None])[0]) == 8
    if hits < 32:
        raise Wrong(
            f"{hits} of 40 images are called bags after a change inside one square of 8 × 8. Full "
            "marks are for 32: try several places, and more steps.",
            max(0.0, (hits - 16) / 16),  # an untargeted patch makes a dozen bags
        )


@task("universal", Value("sticker"), read="section 5 and Brown et al. 2017")
def universal(answer: dict[str, Any]) -> None:
    """Put it on the images that are kept apart."""
    here = world()
    pixels = torch.from_numpy(expect_array(answer["sticker"], (1, 10, 10), "sticker")).float()
    expect(
        float(pixels.min()) > -1e-4 and float(pixels.max()) < 1.0001,
        "`sticker`: pixels have to stay in [0, 1].",
    )
    x, labels = here.pictures[600:], here.truth[600:]
    right = said(here.model, x) == labels
    stuck = x[right].clone()
    stuck[..., 9:19, 9:19] = pixels
    fooled = 1 - _share(here.model, stuck, labels[right])
    if fooled < UNIVERSAL - 0.01:
        floor = _noise_floor()
        raise Wrong(
            "`sticker` fools too few of the images that it has not seen: climb the mean loss over "
            "all images, with steps that become smaller.",
            max(0.0, 0.8 * (fooled - floor) / (UNIVERSAL - floor)) if fooled > floor + 0.1 else 0.0,
        )


UNIVERSAL = 0.65
"""The share of unseen images that a sticker should fool."""


@functools.cache
def _noise_floor() -> float:
    """What random stickers of black and white pixels fool, the best of twenty."""
    here = world()
    x, labels = here.pictures[600:], here.truth[600:]
    right = said(here.model, x) == labels
    generator, best = torch.Generator().manual_seed(5), 0.0
    for _ in range(20):
        stuck = x[right].clone()
        stuck[..., 9:19, 9:19] = torch.rand(1, 10, 10, generator=generator).round()
        best = max(best, 1 - _share(here.model, stuck, labels[right]))
    return best


PREDICTED = {
    "linear: the gradient changes inside the patch": "no",
    "linear: input × gradient can change inside the patch": "yes",
    "linear: input × gradient can change outside the patch": "no",
    "linear: integrated gradients from black can change outside the patch": "no",
    "linear: the gradient of the *predicted* class can change": "yes",
    "network: the gradient can change outside the patch": "yes",
    "network: input × gradient can be other than zero at a black pixel": "no",
    "network: a patch that changes no logit can change integrated gradients from black inside it": (
        "yes"
    ),
    "network: integrated gradients from the original as baseline can be other than zero outside "
    "the patch": "no",
    "network: multiplying all logits by 2 can change which images a given patch fools": "no",
}


@task("predict", Value("prediction"), read="section 6, and the formulas of notebook 02")
def predict(answer: dict[str, Any]) -> None:
    """Compare with what a pencil gives."""
    right, wrong = [], []
    for question, wanted in PREDICTED.items():
        value = expect_entry(answer["prediction"], question, "prediction")
        (right if says(value, wanted) else wrong).append(question)
    expect_all(right, wrong, "Put the changed pixels into the method's formula.")


@dataclass(frozen=True)
class Twins:
    """Clean images, with a harmless and with an adversarial patch."""

    clean: Tensor
    harmless: Tensor
    attacked: Tensor
    masks: Tensor
    both: Tensor


@functools.cache
def twins() -> Twins:
    """Shuffle the pixels of each patch until the network is right again, image by image."""
    here = world()
    answers = said(here.model, here.pictures)
    many = [index for index in range(600) if answers[index] == here.truth[index]][:350]
    x, labels = here.pictures[many], here.truth[many]
    found = attack(here.model, x, labels, "patch", size=5, places=2, steps=30)
    chosen = [index for index in range(len(x)) if found.success[index]]
    masks = found.mask[chosen, 0]
    pixels = torch.stack(
        [found.adversarial[i, 0][mask] for i, mask in zip(chosen, masks, strict=True)]
    )
    generator = torch.Generator().manual_seed(3)
    harmless, done = x[chosen].clone(), [False] * len(chosen)
    for _ in range(40):
        order = torch.rand(pixels.shape, generator=generator).argsort(1)
        for row, index in enumerate(chosen):
            if not done[row]:
                harmless[row] = x[index]
                harmless[row, 0][masks[row]] = pixels[row][order[row]]
        done = (said(here.model, harmless) == labels[chosen]).tolist()
    keep = [row for row in range(len(chosen)) if done[row]]
    kept = [chosen[row] for row in keep]
    return Twins(
        clean=x[kept],
        harmless=harmless[keep],
        attacked=found.adversarial[kept],
        masks=masks[keep],
        both=torch.stack([labels[kept], found.predicted[kept]], 1),
    )


@functools.cache
def measured() -> dict[str, dict[str, Array]]:
    """Correlations by SciPy, masses by NumPy."""
    here, three = world(), twins()
    result: dict[str, dict[str, Array]] = {"agreement": {}, "inside": {}, "told_apart": {}}
    masks = three.masks.numpy()
    for method, chosen in JUDGES.items():
        maps = [
            explain(here.model, pixels, three.both, method, **chosen).attributions[:, :, 0].numpy()
            for pixels in (three.clean, three.harmless, three.attacked)
        ]
        n, targets = maps[0].shape[:2]
        correlations = np.full((2, n, targets), np.nan)
        masses = np.full((3, n, targets), np.nan)
        for index, target in itertools.product(range(n), range(targets)):
            flat = [each[index, target].ravel().astype(float) for each in maps]
            for row in (1, 2):
                if np.ptp(flat[0]) > 0 and np.ptp(flat[row]) > 0:
                    correlations[row - 1, index, target] = stats.spearmanr(
                        flat[0], flat[row]
                    ).statistic
            for row, values in enumerate(flat):
                positive = np.maximum(values, 0)
                if positive.sum() > 0:
                    share = positive[masks[index].ravel()].sum() / positive.sum()
                    masses[row, index, target] = share
        result["agreement"][method] = np.nanmean(correlations, axis=1)
        result["inside"][method] = np.nanmean(masses, axis=1)
        result["told_apart"][method] = np.array((masses[2] > masses[1])[:, 1].mean())
    return result


@task("measure", Value("agreement", "inside", "told_apart"), read="section 6")
def measure(answer: dict[str, Any]) -> None:
    """Count each number of the three tables."""
    right, wrong = [], []
    for name, table in measured().items():
        slack = 0.04 if name == "told_apart" else 0.02
        for method, wanted in table.items():
            label = f"{name}[{method!r}]"
            found = expect_array(expect_entry(answer[name], method, name), wanted.shape, label)
            for close in np.ravel(np.abs(found - wanted) < slack):
                (right if close else wrong).append(label)
    expect_all(
        right,
        wrong,
        "Rows are the conditions, columns the two fixed targets (true, fooled to), each a mean over "
        "the images without nan.",
    )


@task("harden", Value("hardened"), read="section 7 and Madry et al. 2018")
def harden(answer: dict[str, Any]) -> None:
    """Load the weights into the trusted architecture, and attack it."""
    here = world()
    network = build("lecture")
    weights = {}
    for name, value in network.state_dict().items():
        found = expect_array(
            expect_entry(answer["hardened"], name, "hardened"), tuple(value.shape), name
        )
        weights[name] = torch.from_numpy(found).to(value)
    network.load_state_dict(weights)
    network.eval()
    x, labels = here.pictures[600:], here.truth[600:]
    clean = _share(network, x, labels)
    expect(
        clean >= 0.745,
        "`hardened` should still get 75 % of the clean images right.",
    )
    by_pgd = attack(network, x, labels, "pgd", epsilon=0.05, steps=20, seed=1).adversarial
    kept = float(((said(network, x) == labels) & (said(network, by_pgd) == labels)).double().mean())
    by_margin = _by_margin(network, x, labels, 0.05)
    kept = min(kept, _share(network, by_margin, labels))
    if kept < 0.39:
        raise Wrong(
            "`hardened` does not withstand twenty steps of PGD with ε = 0.05 on 40 % of the images "
            "(attacked by the cross-entropy and by the margin of the logits): adversarial images "
            "made anew for every batch, several passes.",
            max(0.0, (kept - 0.2) / 0.3),
        )


def _by_margin(network: nn.Module, x: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """Climb the margin of the logits, so that weights that mask their gradient gain nothing."""
    own, now = nn.functional.one_hot(labels, 10).bool(), x.clone()
    for _ in range(20):
        now.requires_grad_()
        scores = network(now)
        margin = scores.masked_fill(own, -torch.inf).amax(1) - scores[own]
        (slope,) = torch.autograd.grad(margin.sum(), now)
        going = (margin <= 0).view(-1, 1, 1, 1)
        moved = now.detach() + 0.15 * epsilon * slope.sign() * going
        now = torch.minimum(torch.maximum(moved, x - epsilon), x + epsilon).clamp(0, 1)
    return now.detach()


@functools.cache
def _gain() -> dict[str, dict[str, list[float]]]:
    here = world()
    x, labels = here.pictures[:100], here.truth[:100]
    result = {}
    for name, network in (("model", here.model), ("robust", here.robust)):
        by_pgd = [
            attack(network, x, labels, "pgd", epsilon=radius, steps=20)
            for radius in (0.0, 0.02, 0.05, 0.1, 0.2)
        ]
        by_patch = [
            attack(network, x, labels, "patch", size=s, place=(14 - s // 2, 14 - s // 2), steps=30)
            for s in (3, 5, 7)
        ]
        result[name] = {
            kind: [_share(network, each.adversarial, labels) for each in found]
            for kind, found in (("pgd", by_pgd), ("patch", by_patch))
        }
    return result


@task("gain", Value("kept"), read="section 7 and Tramèr and Boneh 2019")
def gain(answer: dict[str, Any]) -> None:
    """Measure anew."""
    right: list[str] = []
    wrong: list[str] = []
    for name, wanted in _gain().items():
        pair = _compared(
            expect_entry(answer["kept"], name, "kept"), wanted, f"kept[{name!r}]", 0.03
        )
        right += [f"{name}, {key}" for key in pair[0]]
        wrong += [f"{name}, {key}" for key in pair[1]]
    expect_all(
        right,
        wrong,
        "Robust accuracy counts all 100 images, and each network is attacked by images made for it.",
    )
