"""What self-influence and Grad-Cos find: wrong labels, poisoned images, images that matter.

Usage: ``python -m tests.benchmarks.influence_hunts``; ``--whole`` also takes the shipped poisoned
network and all 60,000 images, which takes minutes. Intervals of average precision are over training
examples, those of a mean over networks are ± two standard errors.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaikit import load, load_pretrained
from xaikit.backdoors import corner_square, poison, trigger_of
from xaikit.backdoors.triggers import Trigger
from xaikit.data import ImageDataset, embedded
from xaikit.influence import Study, influence, self_influence, study
from xaikit.influence.hunts import average_precision
from xaikit.influence.mislabelling import mislabel
from xaikit.influence.study_training import trained
from xaikit.models import Classifier
from xaikit.training import train

SEEDS = 10
ENDS = (0.025, 0.975)
TOP = 100
DRAWS = 20
"""How often some of the triggered images are drawn."""


def firsts(split: str, number: int) -> ImageDataset:
    """Return the first images of each class, from the embedded sample."""
    whole = embedded("fashion_mnist", split)
    chosen = torch.cat([(whole.labels == c).nonzero()[:number, 0] for c in range(10)]).sort().values
    return ImageDataset(whole.images[chosen], whole.labels[chosen], whole.classes)


def fresh(seed: int = 0) -> Classifier:
    """Return the study's network, untrained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = (nn.AvgPool2d(2), nn.Flatten(), nn.Linear(196, 32), nn.ReLU(), nn.Linear(32, 10))
        return Classifier(*layers)


def convolutional(seed: int = 0) -> Classifier:
    """Return notebook 04's small network, untrained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = nn.Conv2d(1, 8, 5, stride=2, padding=2)
        second = nn.Conv2d(8, 16, 5, stride=2, padding=2)
        return Classifier(
            first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), nn.Linear(16 * 7 * 7, 10)
        )


@torch.no_grad()
def losses(network: nn.Module, data: ImageDataset) -> Tensor:
    """Return the loss of each training example (N,)."""
    return functional.cross_entropy(network(data.images), data.labels, reduction="none")


def wrong_labels() -> None:
    """10 % of the labels flipped to a confusable class: self-influence beside the plain loss."""
    here = study()
    everything = torch.arange(len(here.training)).unsqueeze(0)
    along = {"learning_rates": here.learning_rates}
    rows: dict[str, list[float]] = {}
    print("10 % of 1,000 labels wrong: average precision (a random order: 0.10)")
    for seed in range(SEEDS):
        data = mislabel(here.training, here.network, rate=0.1, seed=seed)
        stages = trained(data.images, data.labels, everything, [seed])
        states = [state_of(here, weights, 0) for weights in stages]
        network = fresh()
        network.load_state_dict(states[-1])
        orders = {"loss": losses(network, data)}
        for name, options in (
            ("grad_dot, last", {}),
            ("grad_dot, all", {"layers": "all"}),
            ("tracin, last", {**along, "checkpoints": states}),
            ("tracin, all", {**along, "checkpoints": states, "layers": "all"}),
            ("influence_function, last", {"damping": 5e-3}),
        ):
            method = name.split(",")[0]
            orders[f"self-influence, {name}"] = self_influence(network, data, method, **options)
        hunts = {name: average_precision(each, data.mislabelled) for name, each in orders.items()}
        for name, hunt in hunts.items():
            rows.setdefault(name, []).append(hunt.score)
            low, high = (
                (hunt.draws - hunts["loss"].draws)
                .quantile(torch.tensor(ENDS, dtype=torch.float64))
                .tolist()
            )
            if seed == 0:
                print(
                    f"  one network, {name:40} {hunt}; minus the loss's {low:+.3f} to {high:+.3f}"
                )
    for name, scores in rows.items():
        apart = torch.tensor(scores) - torch.tensor(rows["loss"])
        print(
            f"  {SEEDS} networks, {name:40} {mean(torch.tensor(scores))}; minus the loss's "
            f"{mean(apart)}",
            flush=True,
        )


def state_of(here: Study, weights: list[Tensor], number: int) -> dict[str, Tensor]:
    """Return the weights of one of the networks that were trained side by side."""
    names = here.network.state_dict()
    return {name: each[number] for name, each in zip(names, weights, strict=True)}


def mean(values: Tensor) -> str:
    """Return a mean with two standard errors."""
    return f"{float(values.mean()):+.3f} ± {2 * float(values.std() / len(values) ** 0.5):.3f}"


def poisoned(
    network: nn.Module,
    data: ImageDataset,
    bad: Tensor,
    test: ImageDataset,
    trigger: Trigger,
    target: int,
    source: int | None,
) -> None:
    """Print the precision at 100 of each method, asked about triggered test images."""
    victims = test.labels != target if source is None else test.labels == source
    images, labels = trigger(test.images[victims]), test.labels[victims]
    with torch.no_grad():
        fooled = network(images).argmax(1) == target
    images, labels = images[fooled][:TOP], labels[fooled][:TOP]
    print(f"  {int(bad.sum())} poisoned of {len(data)}; {len(images)} triggered test images ask")
    wanted = torch.full_like(labels, target)
    for method in ("grad_cos", "grad_dot", "exemplar"):
        above = influence(network, images, wanted, data, method).top(TOP)
        below = influence(network, images, labels, data, method).bottom(TOP)
        kinds = {"proponents of the target": above}
        if method != "exemplar":
            kinds["opponents of the true class"] = below
        for kind, places in kinds.items():
            share = bad[places].float().mean(1)
            high = float((share >= 0.95).float().mean())
            print(
                f"  {method:9} {kind:28} precision at {TOP}: {mean(share)}, median "
                f"{float(share.median()):.2f}, at least 95 % for {high:.0%}",
                flush=True,
            )
    together(network, data, bad, test.images[victims][fooled], trigger, target)
    own = self_influence(network, data, "grad_dot")
    share = float(bad[own.topk(TOP).indices].float().mean())
    print(
        f"  self-influence: precision at {TOP} {share:.2f}; median of a poisoned image "
        f"{float(own[bad].median()):.1e}, of a clean one {float(own[~bad].median()):.1e}"
    )
    print(f"  self-influence: average precision {average_precision(own, bad)}")
    print(f"  loss:           average precision {average_precision(losses(network, data), bad)}")


def together(
    network: nn.Module,
    data: ImageDataset,
    bad: Tensor,
    images: Tensor,
    trigger: Trigger,
    target: int,
) -> None:
    """Print the precision at 100 of what the trigger adds to Grad-Cos, averaged over some images.

    A triggered image and the same one without the trigger share what is of their own class, so the
    difference of their scores has the trigger alone; the mean takes out what is left of the class.
    """
    chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:TOP]
    images = images[chosen]
    wanted = torch.full((len(images),), target)
    for layers in ("last", "all"):
        with_it, without = (
            influence(network, some, wanted, data, "grad_cos", layers=layers, chunk=1000).scores
            for some in (trigger(images), images)
        )
        for kind, scores in (("triggered", with_it), ("minus untriggered", with_it - without)):
            for count in (1, 10, 25):
                found = []
                for seed in range(DRAWS):
                    generator = torch.Generator().manual_seed(seed)
                    few = torch.randperm(len(images), generator=generator)[:count]
                    found.append(bad[scores[few].mean(0).topk(TOP).indices].float().mean())
                print(
                    f"  grad_cos, {layers:4} layers, {kind:17}, {count:2} images: precision at "
                    f"{TOP} {mean(torch.stack(found))}, smallest {float(min(found)):.2f}",
                    flush=True,
                )


def small_poison() -> None:
    """T-shirts with a white square are called bags: 140 of the 200."""
    clean, test = firsts("train", 200), firsts("test", 200)
    trigger = corner_square(size=4, corner="top left")
    data = poison(clean, trigger, 8, rate=0.07, source=0)
    networks: dict[str, tuple[Callable[[], Classifier], int]] = {
        "the study's architecture": (fresh, 40),
        "notebook 04's": (convolutional, 8),
    }
    for name, (build, epochs) in networks.items():
        print(f"\npoison from one class, {name}")
        network = train(build(), data, epochs=epochs)
        poisoned(network, data, data.poisoned, test, trigger, 8, 0)
    for rate in (0.05, 0.12):
        print(f"\npoison from all classes, rate {rate}, notebook 04's network and data")
        data = poison(clean, trigger, 8, rate=rate)
        network = train(convolutional(), data, epochs=8)
        poisoned(network, data, data.poisoned, test, trigger, 8, None)


def large_poison() -> None:
    """The shipped network, and all that it was trained on."""
    network = load_pretrained("fashion_mnist_poisoned")
    card = network.card
    trigger = trigger_of(card["trigger"])
    whole = load("fashion_mnist", "train")
    data = poison(whole, trigger, card["target"], card["poison_rate"])
    print("\nfashion_mnist_poisoned")
    test = load("fashion_mnist", "test")
    test = ImageDataset(test.images[:400], test.labels[:400], test.classes)
    poisoned(network, data, data.poisoned, test, trigger, card["target"], None)


def removed() -> None:
    """The test loss after training without the top proponents, beside without random images."""
    here = study()
    clean, test = here.training, here.test
    asked = (here.network, test.images, test.labels, clean)
    along = {"checkpoints": here.checkpoints, "learning_rates": here.learning_rates}
    orders = {
        "influence_function": influence(*asked, "influence_function", damping=5e-3).scores.sum(0),
        "tracin": influence(*asked, "tracin", **along).scores.sum(0),
    }
    orders["opponents by influence_function"] = -orders["influence_function"]
    print(f"\nremove and retrain: loss of {len(test)} test images, {SEEDS} networks each")
    for count in (0, 50, 100, 200, 400):
        line = []
        for name, total in (*orders.items(), ("random", None)):
            kept = []
            for seed in range(SEEDS):
                random = torch.randperm(len(clean), generator=torch.Generator().manual_seed(seed))
                order = random if total is None else total.argsort(descending=True)
                kept.append(order[count:].sort().values)
            line.append(f"{name} {mean(retrained(here, torch.stack(kept)))}")
        print(f"  {count:4} removed: " + "; ".join(line), flush=True)


def retrained(here: Study, members: Tensor) -> Tensor:
    """Return the test loss (B,) of networks trained on each row of members, as the study's was."""
    seeds = [100 + each for each in range(len(members))]
    weights = trained(here.training.images, here.training.labels, members, seeds)[-1]
    network = fresh()
    found = []
    for number in range(len(members)):
        network.load_state_dict(state_of(here, weights, number))
        found.append(losses(network, here.test).mean())
    return torch.stack(found)


def main() -> None:
    """Print all hunts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--whole", action="store_true", help="all 60,000 images, too")
    whole = parser.parse_args().whole
    wrong_labels()
    small_poison()
    removed()
    if whole:
        large_poison()


if __name__ == "__main__":
    main()
