"""Which method explains which of torchvision's networks? Give the images' size, and networks.

``python -m tests.benchmarks.bench_networks 64``: random weights, 1,000 classes, the normalisation
inside the model, RGB. A method that explains a network prints "yes" with the seconds that it took;
one that refuses it, the sentence. Where a library computes the same, the cell also says how far
apart the two are, relative to its largest value: zennit with its canonizers (in double precision),
pytorch-grad-cam at the layer that it recommends (``pip install grad-cam``; without it the cell says
so), captum.
"""

from __future__ import annotations

import importlib
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models
from zennit.rules import Epsilon, Pass, ZPlus

from tests.xaikit.attribution.zennit_view import (
    EPSILON,
    NORMALISED,
    apart,
    seen_by_zennit,
    zennits_deep_taylor,
    zennits_lrp,
)
from xaikit import explain, methods

SIZE = int(sys.argv[1]) if len(sys.argv) > 1 else 64
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "resnet18": models.resnet18,
    "densenet121": models.densenet121,
    "vgg16": models.vgg16,
    "mobilenet_v3_small": models.mobilenet_v3_small,
    "vit_b_16": lambda: models.vit_b_16(image_size=SIZE),
}
CHOSEN = sys.argv[2:] or list(NETWORKS)
CHEAP: dict[str, dict[str, int]] = {
    "integrated_gradients": {"steps": 4},
    "smoothgrad": {"samples": 2},
    "expected_gradients": {"samples": 2},
    "gradient_shap": {"samples": 2},
    "kernel_shap": {"samples": 20},
    "lime": {"samples": 20},
    "exemplar": {"steps": 4},
    "occlusion": {"window": SIZE // 2, "stride": SIZE // 2},
}
TARGETS = [1, 999]


def made(name: str) -> nn.Module:
    """Return the network of that name with random weights, evaluating.

    Its batch normalisation has seen images: without, deep networks let hardly anything through.
    """
    generator = torch.manual_seed(0)
    network = NETWORKS[name]()
    if isinstance(network, models.VisionTransformer):  # whose head begins with zeros
        nn.init.normal_(network.heads.head.weight)
    for each in network.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.momentum = None  # the running mean is that of all batches
    with torch.no_grad():
        network.train()(NORMALISED(torch.rand(16, 3, SIZE, SIZE, generator=generator)))
    return network.eval()


def tokens(values: Tensor) -> Tensor:
    """Return a transformer's tokens as feature maps."""
    return values[:, 1:].transpose(1, 2).unflatten(2, (SIZE // 16, SIZE // 16))


def recommended(network: Any) -> tuple[nn.Module, dict[str, Any]]:
    """Return the layer that pytorch-grad-cam recommends, and further options."""
    if isinstance(network, models.VisionTransformer):
        return network.encoder.layers[-1].ln_1, {"reshape_transform": tokens}
    return (network.layer4 if isinstance(network, models.ResNet) else network.features)[-1], {}


def stretched(maps: Tensor) -> Tensor:
    """Return maps (H, W) from 0 to 1, as pytorch-grad-cam does."""
    return (maps - maps.min()) / (maps.max() - maps.min())


def beside_grad_cam(network: nn.Module, x: Tensor) -> str:
    """Say how far Grad-CAM is from pytorch-grad-cam's."""
    try:
        library = importlib.import_module("pytorch_grad_cam")
        wanted = importlib.import_module("pytorch_grad_cam.utils.model_targets")
    except ImportError:
        return "pytorch-grad-cam is not here"
    layer, options = recommended(network)
    model, gaps = nn.Sequential(NORMALISED, network), []
    seen = model
    if isinstance(network, models.DenseNet):  # whose last ReLU overwrites the maps that cam keeps
        seen = nn.Sequential(NORMALISED, seen_by_zennit(network)[0])
    for target in range(10):
        ours = explain(model, x, target, "grad_cam", layer=layer, **options).attributions[0, 0, 0]
        if ours.max() > 0:  # what speaks against a class alone leaves no map
            with library.GradCAM(seen, [layer], **options) as cam:
                theirs = cam(x, [wanted.ClassifierOutputTarget(target)])[0]
            gaps.append(apart(stretched(ours), stretched(torch.from_numpy(theirs))))
    return f"pytorch-grad-cam {max(gaps):.0e}"


def beside_zennit(name: str, network: nn.Module, x: Tensor) -> str:
    """Say how far ``lrp`` (rule "composite") or ``deep_taylor`` is from zennit's."""
    network, x, target = network.double(), x.double(), TARGETS[0]
    for each in network.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.eps = 1e-12  # zennit's merged one still divides by √(1 + eps), layer by layer
    if name == "lrp":
        x = NORMALISED(x)  # for what else the network saw, its first ReLUs may all be closed
        ours = explain(network, x, target, name, rule="composite", epsilon=EPSILON)
        theirs = zennits_lrp(network, x, target, ZPlus(EPSILON), Epsilon(EPSILON), Pass())
    else:
        model = nn.Sequential(NORMALISED, network)
        ours = explain(model, x, target, name, epsilon=EPSILON)
        theirs = zennits_deep_taylor(network, x, target)
    return f"zennit {apart(ours.attributions[:, 0], theirs):.0e}"


def beside(name: str, chosen: str, model: nn.Module, x: Tensor, found: Tensor) -> str:
    """Say how far a method that looks into layers is from a library's."""
    if name in ("lrp", "deep_taylor"):
        return ", " + beside_zennit(name, made(chosen), x)
    if name == "guided_backprop":
        try:
            theirs = explain(model, x, [TARGETS], name, backend="captum").attributions
        except ValueError:
            return ", captum refuses"
        return f", captum {apart(found, theirs):.0e}"
    return ""


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    cells: dict[str, list[str]] = {}
    sentences: list[str] = []
    for chosen in CHOSEN:
        network = made(chosen)
        model = nn.Sequential(NORMALISED, network)
        generator = torch.Generator().manual_seed(0)
        x = torch.rand(1, 3, SIZE, SIZE, generator=generator)
        background = torch.rand(2, 3, SIZE, SIZE, generator=generator)
        for each in methods():
            options: dict[str, Any] = {
                key: value for key, value in CHEAP.get(each.name, {}).items() if key in each.options
            }
            if "background" in each.options:
                options["background"] = background
            if each.name == "exemplar":
                options |= {"examples": background, "labels": torch.tensor(TARGETS)}
            start = time.perf_counter()
            try:
                found = explain(model, x, [TARGETS], each.name, **options).attributions
                cell = f"yes, {time.perf_counter() - start:.1f} s"
                cell += beside(each.name, chosen, model, x, found)
            except (ValueError, TypeError) as error:
                if str(error) not in sentences:
                    sentences.append(str(error))
                cell = f"refused ({sentences.index(str(error)) + 1})"
            if each.name == "grad_cam":
                cell += ", " + beside_grad_cam(network, x)
            cells.setdefault(each.name, []).append(cell)
            print(f"{chosen}, {each.name}: {cell}", file=sys.stderr, flush=True)
        del network, model
    print("| method | " + " | ".join(CHOSEN) + " |\n|---" + "|---" * len(CHOSEN) + "|")
    for name, row in cells.items():
        print(f"| {name} | " + " | ".join(row) + " |")
    for number, sentence in enumerate(sentences, 1):
        print(f"{number}. {sentence}")


if __name__ == "__main__":
    main()
