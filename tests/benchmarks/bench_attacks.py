"""Our attacks beside foolbox's, doing the same work, and what patches reach.

``python -m tests.benchmarks.bench_attacks`` attacks the first 1,000 test images of FashionMNIST on
the committed network. PGD: five budgets in L∞, 40 steps of 2.5 ε / 40 from one random start, the
same for both; robust accuracy in percent, then images a processor second as a ratio. foolbox's
batch is the one of three that it is quickest with. The two take turns, each round with fresh seeds,
so that the spread of the random starts shows, too. APGD: robust accuracy beside the union of
torchattacks' APGD-CE and targeted APGD, 100 steps each, if torchattacks is installed, and how many
images only one of the two fools; the interval of their difference (95 %) is that of paired shares
with Agresti and Min's correction (2005). Then patches, on images that are classified correctly,
with 95 % intervals (Clopper and Pearson 1934).
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time

import foolbox
import torch
from scipy.stats import binomtest
from torch import Tensor, nn

from xaikit import attack, load, load_pretrained

BUDGETS = (0.005, 0.01, 0.02, 0.05, 0.1)
STEPS = 40
BATCHES = (32, 128, 512)


def foolbox_pgd(
    model: nn.Module, images: Tensor, labels: Tensor, epsilon: float, batch: int
) -> Tensor:
    """Return which images (N,) foolbox's PGD fools, by the model's own word."""
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1))
    pgd = foolbox.attacks.LinfPGD(steps=STEPS, rel_stepsize=2.5 / STEPS, random_start=True)
    fooled = []
    for x, y in zip(images.split(batch), labels.split(batch), strict=True):
        _, adversarial, _ = pgd(wrapped, x, y, epsilons=epsilon)
        with torch.no_grad():
            fooled.append(model(adversarial).argmax(1) != y)
    return torch.cat(fooled)


def compare(model: nn.Module, images: Tensor, labels: Tensor, rounds: int) -> None:
    """Print robust accuracy and speed at five budgets."""
    few = slice(0, 256)
    timings = {}
    for batch in BATCHES:
        start = time.process_time()
        foolbox_pgd(model, images[few], labels[few], BUDGETS[1], batch)
        timings[batch] = time.process_time() - start
    batch = min(timings, key=timings.__getitem__)
    print(f"PGD, {len(images)} images, {STEPS} steps, {rounds} rounds; foolbox's batch: {batch}")
    print(f"{'ε':>6} {'ours %':>15} {'foolbox %':>15} {'difference':>11} {'speed ratio':>17}")
    for epsilon in BUDGETS:
        ours, theirs, ratios = [], [], []
        for seed in range(rounds):
            start = time.process_time()
            found = attack(model, images, labels, "pgd", epsilon=epsilon, steps=STEPS, seed=seed)
            seconds = time.process_time() - start
            ours.append(100 * (1 - found.success.float().mean().item()))
            torch.manual_seed(seed)
            start = time.process_time()
            fooled = foolbox_pgd(model, images, labels, epsilon, batch)
            ratios.append((time.process_time() - start) / seconds)
            theirs.append(100 * (1 - fooled.float().mean().item()))
        print(
            f"{epsilon:>6} {_spread(ours):>15} {_spread(theirs):>15} "
            f"{statistics.mean(ours) - statistics.mean(theirs):>+11.2f} {_spread(ratios, 2):>17}",
            flush=True,
        )


def adaptive(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Print robust accuracy and speed of Auto-PGD beside torchattacks' two, at five budgets."""
    if importlib.util.find_spec("torchattacks") is None:
        print("\nWithout torchattacks, which is not installed: no comparison of APGD.")
        return
    peers = importlib.import_module("torchattacks")
    print(f"\nAPGD, {len(images)} images; torchattacks: APGD-CE, then targeted APGD on the rest")
    print(f"{'ε':>6} {'ours %':>8} {'theirs %':>9} {'difference':>24} {'speed ratio':>12}")
    for epsilon in BUDGETS:
        start = time.process_time()
        found = attack(model, images, labels, "apgd", epsilon=epsilon)
        seconds = time.process_time() - start
        start = time.process_time()
        with torch.no_grad():
            standing = model(images).argmax(1) == labels
        for maker, options in ((peers.APGD, {}), (peers.APGDT, {"n_classes": 10})):
            their = maker(model, eps=epsilon, steps=100, **options)
            for rows in standing.nonzero().squeeze(1).split(128):
                moved = their(images[rows], labels[rows])
                with torch.no_grad():
                    standing[rows] = model(moved).argmax(1) == labels[rows]
        ratio = (time.process_time() - start) / seconds
        ours, theirs = (100 * each.float().mean().item() for each in (~found.success, standing))
        apart = _difference(~found.success, standing)
        print(f"{epsilon:>6} {ours:>8.1f} {theirs:>9.1f} {apart:>24} {ratio:>12.2f}", flush=True)


def patches(model: nn.Module, images: Tensor, labels: Tensor, count: int) -> None:
    """Print the share of correctly classified images that patches fool."""
    with torch.no_grad():
        right = (model(images).argmax(1) == labels).nonzero().squeeze(1)[:count]
    x, y = images[right], labels[right]
    targets = (y + 1 + torch.arange(len(y)) % 9) % 10  # every other class, in turns
    print(f"\nPatches on {len(x)} images that are classified correctly")
    print(f"{'attack':<58} {'fooled %':>9} {'95 % interval':>15} {'s/image':>8}")
    for size, places, wanted in (
        (3, 8, None),
        (5, 8, None),
        (5, 10**6, None),
        (8, 8, targets),
        (8, 10**6, targets),
    ):
        found = attack(model, x, y, "patch", targets=wanted, size=size, places=places)
        name = f"{size} × {size}, {'un' if wanted is None else ''}targeted, "
        name += f"{'all' if places > 999 else places} places of the grid, 60 steps, 1 start"
        _row(name, found.success, found.seconds)


def universal(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    """Print what one patch for all, optimised on training images, does to test images."""
    training = load("fashion_mnist", "train")
    x, y = training.images[:1000], training.labels[:1000]
    with torch.no_grad():
        right = model(images).argmax(1) == labels
    print("\nOne patch for all images, optimised on 1,000 training images, on others")
    for size in (6, 8, 10):
        for target in (None, 8):
            found = attack(model, x, y, "universal_patch", targets=target, size=size)
            kept = right if target is None else right & (labels != target)
            worn = torch.where(found.mask[0], found.adversarial[0], images[kept])
            with torch.no_grad():
                predicted = torch.cat([model(part).argmax(1) for part in worn.split(256)])
            success = predicted != labels[kept] if target is None else predicted == target
            aim = "untargeted" if target is None else f"towards class {target}"
            _row(f"{size} × {size}, {aim}, 300 steps", success, found.seconds)


def _row(name: str, success: Tensor, seconds: float) -> None:
    won = int(success.sum())
    low, high = binomtest(won, len(success)).proportion_ci(method="exact")
    interval = f"{100 * low:.1f} to {100 * high:.1f}"
    each = seconds / len(success)
    print(f"{name:<58} {100 * won / len(success):>9.1f} {interval:>15} {each:>8.3f}", flush=True)


def _difference(one: Tensor, other: Tensor) -> str:
    """Return one share minus the other of the same images, in points, with its 95 % interval."""
    n = len(one) + 2
    more, fewer = int((one & ~other).sum()) + 0.5, int((other & ~one).sum()) + 0.5
    apart = (more - fewer) / n
    half = 1.96 * ((more + fewer) / n - apart**2) ** 0.5 / n**0.5
    return f"{100 * apart:+.2f} ({100 * (apart - half):+.2f} to {100 * (apart + half):+.2f})"


def _spread(values: list[float], digits: int = 1) -> str:
    low, high = min(values), max(values)
    return f"{statistics.mean(values):.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000, help="of the PGD comparison")
    parser.add_argument("--patched", type=int, default=200, help="images of the patch table")
    parser.add_argument("--rounds", type=int, default=3, help="of each budget")
    arguments = parser.parse_args()
    data = load("fashion_mnist", "test")
    images, labels = data.images[: arguments.images], data.labels[: arguments.images]
    model = load_pretrained("fashion_mnist").requires_grad_(False)
    compare(model, images, labels, arguments.rounds)
    adaptive(model, images, labels)
    patches(model, images, labels, arguments.patched)
    universal(model, images, labels)


if __name__ == "__main__":
    main()
