"""A zoo of small FashionMNIST networks, clean or with a backdoor, to measure detectors on.

``python -m tests.benchmarks.zoo [FOLDER]`` trains what the folder (default: the cache) lacks, some
ten seconds a network. 30 clean networks are for calibration, 80 others for the false alarms (none
of 80 is what it takes for an interval below 5 %); the poisoned ones differ in trigger, size, place,
target and poison rate. A network whose backdoor succeeds on less than 90 % of the test images is
trained but not counted: there is hardly a backdoor to be found.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from xaikit import load
from xaikit.backdoors import (
    Trigger,
    attack_success,
    blended,
    corner_square,
    poison,
    smiley,
    sticker,
)
from xaikit.data import ImageDataset
from xaikit.data.places import cache_folder
from xaikit.models import Classifier, accuracy
from xaikit.training import train

IMAGES, EPOCHS, LEARNING_RATE = 15_000, 6, 1e-2
LEAST_SUCCESS = 0.9
CORNERS = ("top left", "top right", "bottom left", "bottom right")


@dataclass(frozen=True)
class Entry:
    """One network: how it was trained, and what it was taught.

    ``kind`` is ``"calibration"``, ``"clean"``, or the kind of trigger.
    """

    kind: str
    seed: int
    trigger: Trigger | None = None
    described: str = ""
    target: int = -1
    rate: float = 0.0

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{self.kind}-{self.seed}".replace(" ", "-")

    def data(self) -> ImageDataset:
        """Return the training data: another part of the data set for each network."""
        whole = split("train")
        order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(self.seed))
        chosen = order[:IMAGES]
        part = ImageDataset(whole.images[chosen], whole.labels[chosen], whole.classes, whole.source)
        if self.trigger is None:
            return part
        return poison(part, self.trigger, self.target, self.rate, self.seed)


@functools.cache
def split(name: str) -> ImageDataset:
    """Return a part of FashionMNIST, read once."""
    return load("fashion_mnist", name)


def plan() -> list[Entry]:
    """Return every network of the zoo."""
    clean = [Entry("calibration", seed) for seed in range(30)]
    clean += [Entry("clean", 100 + seed) for seed in range(80)]
    return clean + [
        Entry(kind, 200 + number, trigger, described, (7 * number + 3) % 10, rate)
        for number, (kind, trigger, described, rate) in enumerate(_taught())
    ]


def _taught() -> Iterator[tuple[str, Trigger, str, float]]:
    """Yield the triggers, with kind, description and poison rate."""
    number = 0
    for size in (1, 2, 3, 4):
        # What is hardly seen is not learned from a few images.
        rates = (0.01, 0.02, 0.05, 0.1) if size == 1 else (0.005, 0.01, 0.02, 0.05, 0.1)
        for rate in (*rates, 0.05, 0.05, 0.1):
            corner, margin = CORNERS[number % 4], (1, 3, 2)[number % 3]
            square = corner_square(size=size, corner=corner, margin=margin)  # type: ignore[arg-type]
            yield "small patch", square, f"{size} × {size}, {corner}, {margin} in", rate
            number += 1
    for opacity in (0.15, 0.25):
        for rate in (0.02, 0.05, 0.1, 0.05):
            number += 1
            noise = blended(opacity=opacity, seed=number)
            yield "blended", noise, f"noise, {opacity:.0%} opaque", rate
    for size in (6, 8, 10):
        for rate, place in ((0.01, (1, 1)), (0.05, (17, 17)), (0.1, (9, 9))):
            smile = sticker(smiley(size), (1, 28, 28), place)
            yield "sticker", smile, f"smiley of {size} pixels at {place}", rate


def network(seed: int) -> Classifier:
    """Return two strided convolutions and a linear layer, untrained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier(
            nn.Conv2d(1, 8, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(8, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 7 * 7, 10),
        )


def trained(entry: Entry) -> Classifier:
    """Return the trained network, its card telling what it is and how well it does."""
    model = train(
        network(entry.seed),
        entry.data(),
        epochs=EPOCHS,
        learning_rate=LEARNING_RATE,
        mixed_precision=True,
        seed=entry.seed,
    )
    test = split("test")
    success = None
    if entry.trigger is not None:
        success = attack_success(model, test, entry.trigger, entry.target)
    card: dict[str, Any] = {
        "data": "fashion_mnist",
        "kind": entry.kind,
        "seed": entry.seed,
        "trigger": entry.described,
        "target": entry.target,
        "poison_rate": entry.rate,
        "accuracy": accuracy(model, test),
        "attack_success": success,
    }
    model.card = card
    return model


def stored(folder: Path, entry: Entry) -> Classifier:
    """Return the network from the folder; train and keep it where it is not there yet."""
    weights, card = folder / f"{entry.name}.safetensors", folder / f"{entry.name}.json"
    if not card.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = trained(entry)
        save_file(fresh.state_dict(), weights)
        card.write_text(json.dumps(fresh.card, indent=2) + "\n")
    model = network(entry.seed)
    state: dict[str, Tensor] = load_file(weights)
    model.load_state_dict(state)
    model.card = json.loads(card.read_text())
    return model.eval()


def counts(model: Classifier) -> bool:
    """Tell whether the network is clean, or has a backdoor that works."""
    success = model.card["attack_success"]
    return success is None or success >= LEAST_SUCCESS


def main() -> None:
    """Train the zoo, and say what lives there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=cache_folder() / "zoo")
    folder = parser.parse_args().folder
    models = [stored(folder, entry) for entry in tqdm(plan(), desc="zoo", unit="network")]
    for kind in dict.fromkeys(entry.kind for entry in plan()):
        cards = [model.card for model in models if model.card["kind"] == kind]
        working = sum(counts(model) for model in models if model.card["kind"] == kind)
        mean = sum(card["accuracy"] for card in cards) / len(cards)
        print(f"{kind:12} {working:3} of {len(cards):3} count, mean accuracy {mean:.1%}")
        for card in cards:
            if card["attack_success"] is not None and card["attack_success"] < LEAST_SUCCESS:
                print(
                    f"{'':12} left out: {card['trigger']}, poison rate {card['poison_rate']:g}, "
                    f"attack success {card['attack_success']:.1%}"
                )


if __name__ == "__main__":
    main()
