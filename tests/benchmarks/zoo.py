"""A zoo of small FashionMNIST networks, clean or with a backdoor, to measure detectors on.

``python -m tests.benchmarks.zoo [FOLDER]`` trains what the folder (default: the cache) lacks, some
two processor seconds a network; where it was interrupted it goes on. ``--recipe longer`` trains
with more images and epochs. Some clean networks are for calibration, others for the false alarms;
the poisoned ones differ in trigger, size, place, target and poison rate. A network whose backdoor
succeeds on less than 90 % of the test images (all to all: of those that the network knows) is
trained but not counted: there is hardly a backdoor to be found.

The clean networks, but for those of the calibration, and the kinds in
:data:`tests.benchmarks.zoo_kinds.HELD_OUT` choose nothing: no method, no setting, no threshold.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from tests.benchmarks.zoo_kinds import split, taught
from xaikit.backdoors import PoisonedDataset, Signal, Trigger, Warp, attack_success, poison
from xaikit.data import ImageDataset
from xaikit.data.places import cache_folder
from xaikit.models import Classifier, accuracy
from xaikit.training import train

RECIPES = {"short": (8_000, 4), "longer": (15_000, 6)}
"""Training images and epochs."""
LEARNING_RATE = 1e-2
CALIBRATION, CLEAN = 20, 60
LEAST_SUCCESS = 0.9
FOLDER = cache_folder() / "zoo"


@dataclass(frozen=True)
class Entry:
    """One network: how it was trained, and what it was taught.

    ``kind`` is ``"calibration"``, ``"clean"``, or the kind of trigger.
    """

    kind: str
    seed: int
    recipe: str = "short"
    trigger: Trigger | Signal | Warp | None = None
    described: str = ""
    target: int = -1
    rate: float = 0.0

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{self.recipe}-{self.kind}-{self.seed}".replace(" ", "-")

    @property
    def card(self) -> dict[str, Any]:
        """What is known before the training."""
        images, epochs = RECIPES[self.recipe]
        return {
            "data": "fashion_mnist",
            "images": images,
            "epochs": epochs,
            "kind": self.kind,
            "seed": self.seed,
            "trigger": self.described,
            "target": self.target,
            "poison_rate": self.rate,
        }

    def data(self) -> ImageDataset:
        """Return the training data: another part of the data set for each network."""
        whole = split("train")
        number = RECIPES[self.recipe][0]
        order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(self.seed))
        chosen = order[:number]
        part = ImageDataset(whole.images[chosen], whole.labels[chosen], whole.classes, whole.source)
        if self.trigger is None:
            return part
        if self.kind == "clean label":
            # The trigger in images of the target class, which keep their labels.
            own = part.labels == self.target
            return marked(part, self.trigger, own & some(number, self.rate, self.seed), part.labels)
        if self.kind == "all to all":
            following = (part.labels + 1) % 10
            return marked(part, self.trigger, some(number, self.rate, self.seed), following)
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


def plan(recipe: str = "short") -> list[Entry]:
    """Return every network of the zoo."""
    return [
        *(Entry("calibration", seed, recipe) for seed in range(CALIBRATION)),
        *(Entry("clean", 1000 + seed, recipe) for seed in range(CLEAN)),
        *(
            Entry(kind, 100 * place + number, recipe, trigger, said, (7 * number + 3) % 10, rate)
            for place, (kind, triggers) in enumerate(taught().items(), start=20)
            for number, (trigger, said, rate) in enumerate(triggers)
        ),
    ]


def taken(
    entries: list[Entry], kinds: Sequence[str] | None = None, each: int | None = None
) -> list[Entry]:
    """Return the first so many entries of these kinds: the first of all kinds, then the second."""
    chosen = [entry for entry in entries if kinds is None or entry.kind in kinds]
    of_kind = {
        kind: [entry for entry in chosen if entry.kind == kind][:each]
        for kind in dict.fromkeys(entry.kind for entry in chosen)
    }
    ranks = itertools.zip_longest(*of_kind.values())
    return [entry for rank in ranks for entry in rank if entry is not None]


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
    _, epochs = RECIPES[entry.recipe]
    model = train(
        network(entry.seed),
        entry.data(),
        epochs=epochs,
        learning_rate=LEARNING_RATE,
        seed=entry.seed,
    )
    success = None if entry.trigger is None else entry.success(model)
    measured = {"accuracy": accuracy(model, split("test")), "attack_success": success}
    model.card = entry.card | measured
    return model


def keep(path: Path, said: dict[str, Any]) -> None:
    """Write a file whole: what is interrupted leaves the old one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(said, indent=2) + "\n")
    fresh.replace(path)


def stored(folder: Path, entry: Entry) -> Classifier:
    """Return the network from the folder; train and keep it where it is not there yet."""
    weights, card = folder / f"{entry.name}.safetensors", folder / f"{entry.name}.json"
    said = json.loads(card.read_text()) if card.is_file() else {}
    # A card of another plan belongs to another network.
    if not said.items() >= entry.card.items():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = trained(entry)
        save_file(fresh.state_dict(), weights)
        said = fresh.card
        keep(card, said)
    model = network(entry.seed)
    state: dict[str, Tensor] = load_file(weights)
    model.load_state_dict(state)
    model.card = said
    return model.eval()


def counts(model: Classifier) -> bool:
    """Tell whether the network is clean, or has a backdoor that works."""
    success = model.card["attack_success"]
    return success is None or success >= LEAST_SUCCESS


def main() -> None:
    """Train the zoo, and say what lives there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--recipe", choices=list(RECIPES), default="short")
    options = parser.parse_args()
    entries = plan(options.recipe)
    models = [stored(options.folder, each) for each in tqdm(entries, desc="zoo", unit="network")]
    for kind in dict.fromkeys(entry.kind for entry in entries):
        own = [model for model in models if model.card["kind"] == kind]
        mean = sum(model.card["accuracy"] for model in own) / len(own)
        print(f"{kind:15} {sum(map(counts, own)):3} of {len(own):3} count, accuracy {mean:.1%}")
        for model in own:
            if not counts(model):
                print(
                    f"{'':15} left out: {model.card['trigger']}, poison rate "
                    f"{model.card['poison_rate']:g}, attack success "
                    f"{model.card['attack_success']:.1%}"
                )
    print(f"The networks lie in {options.folder}.")


if __name__ == "__main__":
    main()
