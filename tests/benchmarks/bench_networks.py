"""Which method explains which of torchvision's networks? Run it by hand, with the images' size.

Random weights, 1,000 classes, the normalisation inside the model, RGB. A method that explains a
network prints "exact" with the seconds that it took; one that refuses it, the sentence.
"""

from __future__ import annotations

import sys
import time
import warnings

import torch
from torch import nn
from torchvision import models
from torchvision.transforms import Normalize

from xaikit import explain, methods

SIZE = int(sys.argv[1]) if len(sys.argv) > 1 else 64
NETWORKS = {
    "resnet18": models.resnet18,
    "densenet121": models.densenet121,
    "mobilenet_v3_small": models.mobilenet_v3_small,
    "vgg16": models.vgg16,
    "vit_b_16": lambda: models.VisionTransformer(
        image_size=SIZE, patch_size=16, num_layers=2, num_heads=4, hidden_dim=64, mlp_dim=128
    ),
}
CHOSEN = sys.argv[2:] or list(NETWORKS)
CHEAP: dict[str, dict[str, int]] = {
    "integrated_gradients": {"steps": 4},
    "smoothgrad": {"samples": 2},
    "expected_gradients": {"samples": 2},
    "kernel_shap": {"samples": 20},
    "lime": {"samples": 20},
    "occlusion": {"window": SIZE // 2, "stride": SIZE // 2},
}


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    print("| method | " + " | ".join(CHOSEN) + " |\n|---" + "|---" * len(CHOSEN) + "|")
    cells: dict[str, list[str]] = {}
    sentences: list[str] = []
    for network in map(NETWORKS.__getitem__, CHOSEN):
        torch.manual_seed(0)
        model = nn.Sequential(Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), network())
        if isinstance(model[1], models.VisionTransformer):  # whose head begins with zeros
            nn.init.normal_(model[1].heads.head.weight)
        x, background = torch.rand(1, 3, SIZE, SIZE), torch.rand(2, 3, SIZE, SIZE)
        for each in methods():
            options = {
                key: value for key, value in CHEAP.get(each.name, {}).items() if key in each.options
            }
            if "background" in each.options:
                options["background"] = background
            start = time.perf_counter()
            try:
                explain(model.eval(), x, [[1, 999]], each.name, **options)
                cell = f"exact, {time.perf_counter() - start:.1f} s"
            except (ValueError, TypeError) as error:
                if str(error) not in sentences:
                    sentences.append(str(error))
                cell = f"refused ({sentences.index(str(error)) + 1})"
            cells.setdefault(each.name, []).append(cell)
            print(f"{each.name}: {cell}", file=sys.stderr, flush=True)
        del model
    for name, row in cells.items():
        print(f"| {name} | " + " | ".join(row) + " |")
    for number, sentence in enumerate(sentences, 1):
        print(f"{number}. {sentence}")


if __name__ == "__main__":
    main()
