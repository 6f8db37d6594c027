"""What each method is checked against, and how far apart the two are.

``python tests/xaikit/oracles.py`` computes and prints the table; ``attribution/test_oracles.py``
holds every row to its bound. Errors are the largest difference relative to the oracle's largest
value. An oracle is a library, an enumeration, or a slow and obvious reimplementation; attributions
worked out on paper stand in ``attribution/test_by_hand.py`` and ``attribution/test_lrp.py``.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from chain import convolutional
from torch import Tensor, nn

from xaikit import explain

SHAPE = (1, 12, 12)
TARGETS = torch.tensor([[0, 1, 2], [4, 3, 2], [1, 1, 0], [2, 3, 4]])


class Oracle(NamedTuple):
    """A method's name, what it is compared with, how close it has to be, and the comparison."""

    method: str
    against: str
    bound: float
    pair: Callable[[], tuple[Tensor, Tensor]]


def images(number: int = 4, seed: int = 1) -> Tensor:
    """Return random images in [0, 1], float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(number, *SHAPE, generator=generator).double()


def network(pool: type[nn.Module] = nn.MaxPool2d) -> nn.Sequential:
    """Return a small convolutional network with biases, in float64."""
    return convolutional(pool).double()


def ours(name: str, model: nn.Module | None = None, **options: Any) -> Tensor:
    """Return our attributions of the four images for three targets each."""
    return explain(model or network(), images(), TARGETS, name, **options).attributions


def each_target(attribute: Callable[[Tensor], Any]) -> Tensor:
    """Return a library's attributions, asked for one column of targets after another."""
    return torch.stack([attribute(column).detach() for column in TARGETS.T], dim=1)


def finite_differences() -> tuple[Tensor, Tensor]:
    """Central differences of the output, feature by feature."""
    model, x, step = network(), images(), 1e-6
    expected = torch.zeros(4, 3, 144, dtype=torch.float64)
    with torch.no_grad():
        for feature in range(144):
            move = torch.zeros(144, dtype=torch.float64)
            move[feature] = step
            rise = model(x + move.view(SHAPE)) - model(x - move.view(SHAPE))
            expected[:, :, feature] = rise.gather(1, TARGETS) / (2 * step)
    return ours("gradient"), expected.view(4, 3, *SHAPE)


def captums(name: str, kind: str, options: dict[str, Any], **theirs: Any) -> Oracle:
    """Compare with a method of captum."""

    def pair() -> tuple[Tensor, Tensor]:
        from captum import attr

        model = network()
        method = getattr(attr, kind)(model)
        expected = each_target(lambda t: method.attribute(images(), target=t, **theirs))
        return ours(name, model, **options), expected

    return Oracle(name, f"captum's {kind}", 1e-4, pair)


def smoothgrad() -> tuple[Tensor, Tensor]:
    """Captum's gradient on the documented noise, averaged."""
    from captum.attr import Saliency

    x, saliency = images(), Saliency(network())
    noise = torch.randn((6, *SHAPE), generator=torch.Generator().manual_seed(0), dtype=x.dtype)
    spread = 0.15 * (x.amax((1, 2, 3)) - x.amin((1, 2, 3))).view(-1, 1, 1, 1)
    copies = [
        each_target(lambda t, x=x + spread * each: saliency.attribute(x, target=t, abs=False))
        for each in noise
    ]
    return ours("smoothgrad", samples=6), torch.stack(copies).mean(0)


def path_of_many_steps() -> tuple[Tensor, Tensor]:
    """The integral of a smooth network's gradient, by a Riemann sum of 4,000 midpoints."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 8), nn.Tanh(), nn.Linear(8, 5)).double()
    x = images()
    expected = torch.zeros(4, 3, *SHAPE, dtype=torch.float64)
    for part in torch.arange(4000):
        point = (x * (part + 0.5) / 4000).requires_grad_()
        scores = model(point).gather(1, TARGETS).sum(0)
        for t in range(3):
            expected[:, t] += torch.autograd.grad(scores[t], point, retain_graph=True)[0]
    found = explain(model, x, TARGETS, "integrated_gradients", steps=50).attributions
    return found, expected / 4000 * x.unsqueeze(1)


def paths_over_references() -> tuple[Tensor, Tensor]:
    """Captum's integrated gradients from each reference, averaged: the expectation."""
    from captum.attr import IntegratedGradients

    model, references = network(nn.AvgPool2d), images(3, seed=2)
    method = IntegratedGradients(model)
    paths = [
        each_target(lambda t, r=r: method.attribute(images(), r[None], t, n_steps=200))
        for r in references
    ]
    found = [
        ours("expected_gradients", model, samples=600, background=references, seed=seed)
        for seed in range(3)
    ]
    return torch.stack(found).mean(0), torch.stack(paths).mean(0)


def gradient_shap() -> tuple[Tensor, Tensor]:
    """The documented draws, one after another through autograd."""
    model, x, references = network(), images(), images(5, seed=2)
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randint(5, (20,), generator=generator)
    fractions = torch.rand(20, generator=generator, dtype=torch.float64)
    expected = torch.zeros(4, 3, *SHAPE, dtype=torch.float64)
    for reference, fraction in zip(references[chosen], fractions, strict=True):
        point = (reference + fraction * (x - reference)).requires_grad_()
        scores = model(point).gather(1, TARGETS).sum(0)
        for t in range(3):
            slope = torch.autograd.grad(scores[t], point, retain_graph=True)[0]
            expected[:, t] += slope * (x - reference) / 20
    return ours("gradient_shap", samples=20, background=references), expected


def grad_cam() -> tuple[Tensor, Tensor]:
    """Captum's, upsampled by captum."""
    from captum import attr

    model = network()
    method = attr.LayerGradCam(model, model[3])

    def attribute(target: Tensor) -> Tensor:
        small = method.attribute(images(), target, relu_attributions=True)
        return attr.LayerAttribution.interpolate(small, SHAPE[1:], "bilinear")

    return ours("grad_cam", model), each_target(attribute)


def deeplift() -> tuple[Tensor, Tensor]:
    """Captum's, on average pooling: on max pooling its attributions do not add up."""
    from captum.attr import DeepLift

    model = network(nn.AvgPool2d)
    start = torch.full((1, *SHAPE), 0.3).double()
    return ours("deeplift", model, baseline=0.3), each_target(
        lambda t: DeepLift(model).attribute(images(), start, t)
    )


def completeness(name: str, bound: float, **options: Any) -> Oracle:
    """Compare the sums of the maps with two passes through the model, in units of Σ|map|."""

    def pair() -> tuple[Tensor, Tensor]:
        model = network()
        found = ours(name, model, **options).flatten(2)
        start = options.get("background", torch.zeros(1, *SHAPE).double())
        with torch.no_grad():
            change = (model(images()) - model(start).mean(0)).gather(1, TARGETS)
        scale = found.abs().sum(2)
        return 1 + (found.sum(2) - change) / scale, torch.ones_like(scale)

    return Oracle(name, "the output's change (completeness)", bound, pair)


def deep_shap() -> tuple[Tensor, Tensor]:
    """Shap's DeepExplainer, on max pooling."""
    import shap

    model, references = convolutional(nn.MaxPool2d), images(7, seed=2).float()
    values = shap.DeepExplainer(model, references).shap_values(images().float())
    every = torch.as_tensor(values).movedim(-1, 1).float()
    expected = torch.stack([every[i, row] for i, row in enumerate(TARGETS)])
    found = explain(model, images().float(), TARGETS, "deep_shap", background=references)
    return found.attributions, expected


def kernel_shap() -> tuple[Tensor, Tensor]:
    """Shapley values by the definition's sum over all 1,024 coalitions of ten segments."""
    from attribution.test_kernel_shap import masked, shapley

    labels = torch.arange(144).view(12, 12) * 7 % 10
    model, hidden = network(), torch.zeros(1, *SHAPE).double()
    expected = torch.stack(
        [
            shapley(masked(model, image, labels, hidden), 10)[:, row].T
            for image, row in zip(images(), TARGETS, strict=True)
        ]
    )
    maps = ours("kernel_shap", model, samples=1022, segments=labels)
    found = torch.stack([maps[:, :, 0, labels == k].sum(2) for k in range(10)], dim=2)
    return found, expected


def lime() -> tuple[Tensor, Tensor]:
    """Lime's own regression on the documented masks."""
    from attribution.test_libraries import neighbours
    from lime.lime_base import LimeBase

    model = network()
    labels = torch.arange(144).view(1, 12, 12) % 9
    base = LimeBase(
        lambda d: np.sqrt(np.exp(-(d**2) / 0.25**2)), random_state=np.random.RandomState(0)
    )
    expected = torch.zeros(4, 3, *SHAPE, dtype=torch.float64)
    for i, row in enumerate(TARGETS.tolist()):
        masks, outputs, distances = neighbours(model, images()[i], labels, 60, 0, 0.0)
        for t, target in enumerate(row):
            _, weights, *_ = base.explain_instance_with_data(
                masks, outputs, distances, target, 9, feature_selection="none"
            )
            expected[i, t] = torch.tensor([value for _, value in sorted(weights)])[labels]
    return ours("lime", model, samples=60, segments=labels[0]), expected


def layer_by_layer(rule: Any, **settings: Any) -> Callable[[], tuple[Tensor, Tensor]]:
    """Relevance through each layer as a dense matrix, by loops over its units."""

    def pair() -> tuple[Tensor, Tensor]:
        from attribution.layer_by_layer import slowly

        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 3, 3, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(12, 8),
            nn.ReLU(),
            nn.Linear(8, 2),
        ).double()
        x, given = images(2), {"rule": rule, **settings}
        name = "lrp"
        if rule == "deep_taylor":
            for index in (0, 4, 6):
                nn.init.zeros_(model[index].bias)
            name, given = "deep_taylor", {"rule": {"0": "z_box", nn.Linear: "z_plus"}, **settings}
        pairs = [(i, t) for i in range(2) for t in range(2)]
        expected = torch.stack([slowly(model, x[i], t, given) for i, t in pairs])
        options = settings if name == "deep_taylor" else given
        found = explain(model, x, [[0, 1]] * 2, name, **options).attributions
        return found.flatten(0, 1), expected

    return pair


def input_times_gradient() -> tuple[Tensor, Tensor]:
    """Captum's input × gradient, which ε-LRP becomes as ε vanishes."""
    from captum.attr import InputXGradient

    model = network()
    method = InputXGradient(model)
    return ours("lrp", model, epsilon=1e-12), each_target(
        lambda t: method.attribute(images(), target=t)
    )


def exemplar() -> tuple[Tensor, Tensor]:
    """The distances of scikit-learn's nearest neighbours."""
    from sklearn.neighbors import NearestNeighbors

    model, examples, labels = network(), images(60, seed=3), torch.arange(60) % 5
    answer = explain(
        model, images(), TARGETS, "exemplar", examples=examples, labels=labels, steps=2
    )
    with torch.no_grad():
        near, all_of_them = (model[:9](x).numpy() for x in (images(), examples))
    expected = torch.zeros(4, 3, dtype=torch.float64)
    for i, t in np.ndindex(4, 3):
        members = (labels == TARGETS[i, t]).numpy()
        found = (
            NearestNeighbors(n_neighbors=1).fit(all_of_them[members]).kneighbors(near[i : i + 1])
        )
        expected[i, t] = float(found[0][0, 0])
    return answer.details["distances"], expected


def tree_shap() -> tuple[Tensor, Tensor]:
    """Shapley values by the definition's sum over all coalitions of four features."""
    from attribution.test_tree_shap import data, shapley
    from sklearn.ensemble import RandomForestClassifier

    from xaikit import tree_shap as explained

    x, y = data(3)
    forest = RandomForestClassifier(8, max_depth=4, random_state=0).fit(x, y)
    references = x[:10]
    answer = explained(forest, x[:3], [[0, 1, 2]] * 3, background=references)
    expected = [shapley(forest.predict_proba, row, references).T for row in x[:3]]
    return answer.attributions, torch.as_tensor(np.stack(expected))


REFERENCES = images(7, seed=2)
ORACLES = [
    Oracle("gradient", "central differences", 1e-6, finite_differences),
    captums("gradient", "Saliency", {}, abs=False),
    captums("input_x_gradient", "InputXGradient", {}),
    captums("guided_backprop", "GuidedBackprop", {}),
    Oracle("smoothgrad", "captum's Saliency, same noise", 1e-4, smoothgrad),
    captums("integrated_gradients", "IntegratedGradients", {"steps": 50}, n_steps=50),
    Oracle("integrated_gradients", "a sum of 4,000 midpoints", 1e-6, path_of_many_steps),
    completeness("integrated_gradients", 0.01, steps=100),
    Oracle("expected_gradients", "captum's paths, 1,800 draws", 0.05, paths_over_references),
    Oracle("gradient_shap", "a loop over the same draws", 1e-9, gradient_shap),
    Oracle("grad_cam", "captum's LayerGradCam", 1e-4, grad_cam),
    captums(
        "occlusion",
        "Occlusion",
        {"window": 3, "stride": 2},
        sliding_window_shapes=(1, 3, 3),
        strides=(1, 2, 2),
    ),
    Oracle("deeplift", "captum's DeepLift", 1e-4, deeplift),
    completeness("deeplift", 1e-9),
    Oracle("deep_shap", "shap's DeepExplainer", 1e-4, deep_shap),
    completeness("deep_shap", 1e-9, background=REFERENCES),
    Oracle("kernel_shap", "Shapley values, enumerated", 1e-5, kernel_shap),
    completeness("kernel_shap", 1e-9, samples=50),
    Oracle("lime", "lime's LimeBase, same masks", 1e-4, lime),
    *[
        Oracle("lrp", f"loops over units, {rule}", 1e-6, layer_by_layer(rule, epsilon=1e-9))
        for rule in ("epsilon", "gamma", "alpha_beta", "z_plus", "w_square", "composite")
    ],
    Oracle(
        "lrp",
        "loops over units, zᴮ then γ and ε",
        1e-6,
        layer_by_layer({"0": "z_box", "4": "gamma", "": "epsilon"}, epsilon=1e-9),
    ),
    Oracle("lrp", "captum's InputXGradient as ε → 0", 1e-6, input_times_gradient),
    Oracle("deep_taylor", "loops over units", 1e-6, layer_by_layer("deep_taylor", epsilon=1e-9)),
    Oracle("exemplar", "scikit-learn's NearestNeighbors", 1e-6, exemplar),
    Oracle("tree_shap", "Shapley values, enumerated", 1e-6, tree_shap),
]


def error(oracle: Oracle) -> float:
    """Return the largest difference, relative to the oracle's largest value."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # captum and shap announce that they hook the model
        found, expected = oracle.pair()
    if found.shape != expected.shape or not expected.abs().max() > 0:
        raise AssertionError(f"{oracle.method}: nothing to compare")
    return float((found - expected).abs().max() / expected.abs().max())


def main() -> None:
    """Print the table."""
    print("| method | oracle | largest error | bound |\n|---|---|---|---|")
    for oracle in ORACLES:
        print(f"| {oracle.method} | {oracle.against} | {error(oracle):.1e} | {oracle.bound:.0e} |")


if __name__ == "__main__":
    main()
