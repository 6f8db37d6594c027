"""Which settings made the shipped generators? ``python -m xaikit train NAME`` does it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from xaikit.checkpoints import halved, write
from xaikit.core.arguments import known
from xaikit.core.passes import outputs
from xaikit.counterfactuals.rl import SHIPPED, generate
from xaikit.counterfactuals.rl_networks import Generator
from xaikit.counterfactuals.rl_training import train_generator
from xaikit.data import ImageDataset, load
from xaikit.models import load_pretrained

RECIPES: dict[str, dict[str, Any]] = {
    "counterfactuals_fashion_mnist": {"mixed_precision": True},
    "counterfactuals_mnist": {"mixed_precision": True},
}
"""Arguments of ``train_generator`` that differ from the defaults."""


def pretrain_generator(name: str, root: str | Path | None = None) -> Generator:
    """Train the generator of that name by its recipe, and write its card.

    The card's ``validity`` is the share of the test images that the generator moves to a random
    class other than the predicted one, in the model's eyes; ``distance_l1`` is the mean sum of
    absolute changes.

    Parameters
    ----------
    name
        One of ``RECIPES``.
    root
        The data's folder, as in :func:`xaikit.load`.

    Raises
    ------
    ValueError
        If there is no recipe of that name.
    """
    recipe = known(RECIPES, name, "generator")
    model_name = next(model for model, own in SHIPPED.items() if own == name)
    model = load_pretrained(model_name)
    train, test = (load(model.card["data"], split, root) for split in ("train", "test"))
    generator = train_generator(model, train.images, **recipe)
    generator.half().float()  # what the file keeps
    validity, distance = _on_test(model, generator, test)
    generator.card = {
        "name": name,
        "model": model_name,
        "data": model.card["data"],
        "split": "train",
        "training_images": len(train),
        "seed": 0,
        "shape": list(train.images.shape[1:]),
        "classes": generator.classes,
        "validity": validity,
        "distance_l1": distance,
        "test_images": len(test),
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
        "command": f"python -m xaikit train {name}",
        "torch": torch.__version__,
    }
    return generator


@torch.no_grad()
def _on_test(model: nn.Module, generator: Generator, test: ImageDataset) -> tuple[float, float]:
    random = torch.Generator().manual_seed(0)
    parts = torch.split(test.images, 500)
    predicted = torch.cat([outputs(model, part).argmax(1) for part in parts])
    others = torch.randint(1, generator.classes, predicted.shape, generator=random)
    targets = (predicted + others) % generator.classes
    made = generate(generator, test.images, predicted, targets.unsqueeze(1)).squeeze(1)
    parts = torch.split(made, 500)
    reached = torch.cat([outputs(model, part).argmax(1) for part in parts]) == targets
    distance = (made - test.images).abs().flatten(1).sum(1).mean()
    return round(float(reached.double().mean()), 4), round(float(distance), 2)


def save_generator(generator: Generator, folder: Path) -> None:
    """Write the weights, in half precision, and the card as NAME.safetensors and NAME.json."""
    write(generator.card, halved(generator.state_dict()), folder)
