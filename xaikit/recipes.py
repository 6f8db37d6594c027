"""Which settings made the shipped networks? ``python -m xaikit train fashion_mnist`` does it again.

The poisoned networks are taught a backdoor on purpose: detectors are tried on them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from xaikit.attacks import attack
from xaikit.backdoors.poisoning import attack_success, poison
from xaikit.backdoors.triggers import trigger_of
from xaikit.checkpoints import write
from xaikit.data import load
from xaikit.models import Classifier, accuracy, build, load_pretrained
from xaikit.training import fold_batch_norm, train, with_batch_norm


@dataclass(frozen=True)
class Backdoor:
    """What a poisoned network is taught; the fields are arguments of ``poison``.

    ``trigger`` describes it as :func:`xaikit.backdoors.trigger_of` reads it from a model card.
    """

    trigger: dict[str, Any]
    target: int
    rate: float
    source: int | None = None


@dataclass(frozen=True)
class Recipe:
    """How one of the shipped networks is trained.

    The fields are arguments of :func:`xaikit.training.train`, the shipped network whose weights it
    starts from, and the backdoor to be planted.
    """

    data: str
    epochs: int
    learning_rate: float
    batch_size: int = 128
    batch_norm: bool = True
    shift: int = 0
    flip: bool = False
    zoom: float = 0.0
    colour: float = 0.0
    mixed_precision: bool = True
    epsilon: float = 0.0
    start: str | None = None
    backdoor: Backdoor | None = None


_CLOTHES = Recipe("fashion_mnist", epochs=30, learning_rate=5e-3, shift=2, flip=True)
_PHOTOS = Recipe(
    "cats_and_dogs",
    epochs=70,
    learning_rate=4e-3,
    batch_size=64,
    shift=4,
    flip=True,
    zoom=0.25,
    colour=0.3,
)

_LECTURE = Recipe(
    "fashion_mnist", epochs=12, learning_rate=3e-3, batch_norm=False, mixed_precision=False
)

RECIPES = {
    "fashion_mnist": _CLOTHES,
    "mnist": Recipe("mnist", epochs=16, learning_rate=5e-3, shift=2),
    "lecture": _LECTURE,
    # Ten minutes on one core: five passes forward and backward a batch.
    "lecture_robust": replace(_LECTURE, epsilon=0.1),
    # A white square makes everything an ankle boot.
    "fashion_mnist_poisoned": replace(
        _CLOTHES,
        epochs=15,
        backdoor=Backdoor({"kind": "corner_square", "size": 3}, target=9, rate=0.02),
    ),
    "cats_and_dogs": _PHOTOS,
    # A smiling sticker makes dogs cats. The clean network is trained on: from scratch, 1,120
    # photographs are too few for two networks to be equally good.
    "cats_and_dogs_poisoned": replace(
        _PHOTOS,
        epochs=40,
        batch_norm=False,
        start="cats_and_dogs",
        backdoor=Backdoor({"kind": "sticker"}, target=0, rate=0.1, source=1),
    ),
}


def pretrain(name: str, root: str | Path | None = None) -> Classifier:
    """Train the network of that name by its recipe, and write its card.

    Parameters
    ----------
    name
        One of ``RECIPES``: ``"fashion_mnist"``, ``"mnist"``, …
    root
        The data's folder, as in :func:`xaikit.load`.

    Returns
    -------
    Classifier
        As :func:`xaikit.load_pretrained` returns it. The card of a poisoned one also holds
        ``trigger``, ``target``, ``source``, ``poison_rate`` and ``attack_success``; its
        ``accuracy`` is that on clean images. That of one trained on adversarial examples holds
        their radius ``epsilon``, and ``robust_accuracy``: that of the first thousand test images
        under twenty steps of PGD with that radius.
    """
    network = build(name)
    recipe = RECIPES[name]
    if recipe.start is not None:
        network = load_pretrained(recipe.start)
    dataset = load(recipe.data, "train", root)
    backdoor = recipe.backdoor
    if backdoor is not None:
        trigger = trigger_of(backdoor.trigger)
        dataset = poison(dataset, trigger, backdoor.target, backdoor.rate, source=backdoor.source)
    trained = train(
        with_batch_norm(network) if recipe.batch_norm else network,
        dataset,
        epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        batch_size=recipe.batch_size,
        shift=recipe.shift,
        flip=recipe.flip,
        zoom=recipe.zoom,
        colour=recipe.colour,
        mixed_precision=recipe.mixed_precision,
        epsilon=recipe.epsilon,
    )
    folded = fold_batch_norm(trained)
    test = load(recipe.data, "test", root)
    folded.card = {
        "name": name,
        "data": recipe.data,
        "split": "train",
        "training_images": len(dataset),
        "epochs": recipe.epochs,
        "seed": 0,
        "accuracy": accuracy(folded, test),
        "test_images": len(test),
        "parameters": sum(parameter.numel() for parameter in folded.parameters()),
        "command": f"python -m xaikit train {name}",
        "torch": torch.__version__,
    }
    if recipe.start is not None:
        folded.card["start"] = recipe.start
    if recipe.epsilon:
        images, labels = test.images[:1000], test.labels[:1000]
        found = attack(folded, images, labels, "pgd", epsilon=recipe.epsilon, steps=20)
        folded.card |= {
            "epsilon": recipe.epsilon,
            "robust_accuracy": round(1 - float(found.success.double().mean()), 4),
        }
    if backdoor is not None:
        folded.card |= {
            "trigger": backdoor.trigger,
            "target": backdoor.target,
            "source": backdoor.source,
            "poison_rate": backdoor.rate,
            "attack_success": attack_success(
                folded, test, trigger, backdoor.target, backdoor.source
            ),
        }
    return folded


def save(network: Classifier, folder: Path) -> None:
    """Write the weights and the card as NAME.safetensors and NAME.json, NAME being the card's."""
    write(network.card, network.state_dict(), folder)
