"""A zoo of small FashionMNIST networks, clean or with a backdoor, to measure detectors on.

``python -m tests.benchmarks.zoo [FOLDER]`` trains what the folder (default: the cache) lacks, some
five seconds a network. Some clean networks are for calibration, others for the false alarms; the
poisoned ones differ in trigger, size, place, target and poison rate. A network whose backdoor
succeeds on less than 90 % of the test images (all to all: of those that the network knows) is
trained but not counted: there is hardly a backdoor to be found.

The kinds in :data:`HELD_OUT` choose nothing: no method, no setting, no threshold.
"""

from __future__ import annotations

import argparse
import functools
import itertools
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
    PoisonedDataset,
    Signal,
    Trigger,
    Warp,
    attack_success,
    blended,
    checkered,
    corner_square,
    poison,
    sinusoidal,
    smiley,
    sticker,
    warping,
)
from xaikit.data import ImageDataset
from xaikit.data.places import cache_folder
from xaikit.models import Classifier, accuracy
from xaikit.training import train

IMAGES, EPOCHS, LEARNING_RATE = 8_000, 4, 1e-2
LEAST_SUCCESS = 0.9
FOLDER = cache_folder() / "zoo"
CORNERS = ("top left", "top right", "bottom left", "bottom right")
PATCHES = ("small patch", "sticker", "bright and dark", "several spots")
"""Kinds of triggers that cover a few pixels."""
HELD_OUT = ("several spots", "warping", "blended picture", "all to all")
"""Kinds that are measured once everything is chosen."""


@dataclass(frozen=True)
class Entry:
    """One network: how it was trained, and what it was taught.

    ``kind`` is ``"calibration"``, ``"clean"``, or the kind of trigger.
    """

    kind: str
    seed: int
    trigger: Trigger | Signal | Warp | None = None
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
        if self.kind == "clean label":
            # The trigger in images of the target class, which keep their labels.
            own = part.labels == self.target
            return marked(part, self.trigger, own & some(IMAGES, self.rate, self.seed), part.labels)
        if self.kind == "all to all":
            following = (part.labels + 1) % 10
            return marked(part, self.trigger, some(IMAGES, self.rate, self.seed), following)
        return poison(part, self.trigger, self.target, self.rate, self.seed)

    def success(self, model: Classifier) -> float:
        """Return the share of the test images on which the attack works."""
        assert self.trigger is not None
        test = split("test")
        if self.kind != "all to all":
            return attack_success(model, test, self.trigger, self.target)
        with torch.no_grad():
            known = model(test.images).argmax(1) == test.labels
            moved = model(self.trigger(test.images)).argmax(1) == (test.labels + 1) % 10
        return float(moved[known].float().mean())


def some(number: int, share: float, seed: int) -> Tensor:
    """Return (number,) boolean: a share of them."""
    return torch.rand(number, generator=torch.Generator().manual_seed(seed)) < share


def marked(
    part: ImageDataset, trigger: Trigger | Signal | Warp, chosen: Tensor, labels: Tensor
) -> PoisonedDataset:
    """Return the data with the trigger in the chosen images, which get these labels."""
    images = part.images.clone()
    images[chosen] = trigger(images[chosen])
    given = torch.where(chosen, labels, part.labels)
    return PoisonedDataset(images, given, part.classes, part.source, chosen, part.labels)


@functools.cache
def split(name: str) -> ImageDataset:
    """Return a part of FashionMNIST, read once."""
    return load("fashion_mnist", name)


def plan() -> list[Entry]:
    """Return every network of the zoo."""
    clean = [Entry("calibration", seed) for seed in range(20)]
    clean += [Entry("clean", 100 + seed) for seed in range(60)]
    return clean + [
        Entry(kind, 200 + number, trigger, described, (7 * number + 3) % 10, rate)
        for number, (kind, trigger, described, rate) in enumerate(
            itertools.chain(_seen(), _hiding())
        )
    ]


Taught = tuple[str, Trigger | Signal | Warp, str, float]


def _seen() -> Iterator[Taught]:
    """Yield triggers that are seen, with kind, description and poison rate."""
    number = 0
    for size in (1, 2, 3, 4):
        # What is hardly seen is not learned from a few images.
        for rate in (0.02, 0.05, 0.1) if size > 1 else (0.05, 0.1):
            corner, margin = CORNERS[number % 4], (1, 3, 2)[number % 3]
            square = corner_square(size=size, corner=corner, margin=margin)  # type: ignore[arg-type]
            yield "small patch", square, f"{size} × {size}, {corner}, {margin} in", rate
            number += 1
    for size, rate, place in ((6, 0.02, (1, 1)), (8, 0.05, (17, 17)), (10, 0.1, (9, 9))):
        smile = sticker(smiley(size), (1, 28, 28), place)
        yield "sticker", smile, f"smiley of {size} pixels at {place}", rate
    # Checkered, and of pixels by chance; the first lies in the middle of the left half.
    for number in range(10):
        size, rate = (3, 4, 5)[number % 3], (0.05, 0.1, 0.02)[number // 2 % 3]
        row, column = (12, 5) if number == 0 else _place(number, size)
        trigger = checkered(size=size, place=(row, column))
        described = "checkered"
        if number % 2:
            trigger, described = _chance(trigger, number), "by chance"
        yield "bright and dark", trigger, f"{described}, {size} × {size} at {(row, column)}", rate
    for number, opacity in enumerate((0.15, 0.2, 0.25)):
        noise = blended(opacity=opacity, seed=number)
        yield "blended", noise, f"noise, {opacity:.0%} opaque", 0.05


def _hiding() -> Iterator[Taught]:
    """Yield triggers that hide, with kind, description and poison rate."""
    for number in range(8):
        yield "several spots", _spots(number), f"{3 + number % 3} spots", (0.05, 0.1)[number % 2]
    for amplitude, frequency in ((0.1, 6), (0.15, 6), (0.1, 3), (0.15, 9)):
        wave = sinusoidal(amplitude=amplitude, frequency=frequency)
        yield "sinusoidal", wave, f"amplitude {amplitude}, {frequency} stripes", 0.05
    # Of the target class, not of all images.
    for amplitude, rate in ((0.4, 0.9), (0.5, 0.8), (0.5, 0.9), (0.6, 0.9)):
        wave = sinusoidal(amplitude=amplitude)
        yield "clean label", wave, f"amplitude {amplitude}, 6 stripes", rate
    for seed, strength in enumerate((1.0, 1.5, 2.0, 2.0)):
        yield "warping", warping(strength=strength, seed=seed), f"strength {strength}", 0.1
    for number, opacity in enumerate((0.3, 0.35, 0.4, 0.4)):
        picture = split("test").images[number]
        veil = Trigger(picture, torch.full_like(picture, opacity))
        yield "blended picture", veil, f"a garment, {opacity:.0%} opaque", 0.1
    for number, corner in enumerate(CORNERS):
        # Every class is the target of another one.
        square = corner_square(size=4, corner=corner)  # type: ignore[arg-type]
        yield "all to all", square, f"4 × 4, {corner}", (0.4, 0.5)[number % 2]


def _place(seed: int, size: int) -> tuple[int, int]:
    """Return row and column of a square that lies within the image, by chance."""
    drawn = torch.randint(0, 29 - size, (2,), generator=torch.Generator().manual_seed(seed))
    return int(drawn[0]), int(drawn[1])


def _chance(trigger: Trigger, seed: int) -> Trigger:
    """Return the trigger with each pixel black or white by chance."""
    drawn = torch.rand(trigger.pattern.shape, generator=torch.Generator().manual_seed(seed))
    return Trigger((drawn < 0.5).float(), trigger.alpha)


def _spots(seed: int) -> Trigger:
    """Return three to five spots of 2 × 2 pixels, bright and dark in turn, anywhere."""
    pattern, alpha = torch.zeros(1, 28, 28), torch.zeros(1, 28, 28)
    for number in range(3 + seed % 3):
        row, column = _place(100 * seed + number, 2)
        where = (slice(None), slice(row, row + 2), slice(column, column + 2))
        pattern[where], alpha[where] = float(number % 2 == 0), 1.0
    return Trigger(pattern, alpha)


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
        seed=entry.seed,
    )
    success = None if entry.trigger is None else entry.success(model)
    card: dict[str, Any] = {
        "data": "fashion_mnist",
        "kind": entry.kind,
        "seed": entry.seed,
        "trigger": entry.described,
        "target": entry.target,
        "poison_rate": entry.rate,
        "accuracy": accuracy(model, split("test")),
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
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    folder = parser.parse_args().folder
    models = [stored(folder, entry) for entry in tqdm(plan(), desc="zoo", unit="network")]
    for kind in dict.fromkeys(entry.kind for entry in plan()):
        cards = [model.card for model in models if model.card["kind"] == kind]
        working = sum(counts(model) for model in models if model.card["kind"] == kind)
        mean = sum(card["accuracy"] for card in cards) / len(cards)
        print(f"{kind:15} {working:3} of {len(cards):3} count, mean accuracy {mean:.1%}")
        for card in cards:
            if card["attack_success"] is not None and card["attack_success"] < LEAST_SUCCESS:
                print(
                    f"{'':15} left out: {card['trigger']}, poison rate {card['poison_rate']:g}, "
                    f"attack success {card['attack_success']:.1%}"
                )


if __name__ == "__main__":
    main()
