"""Influence at scale: speed beside captum's, peak memory, and what random projection costs.

Usage: ``python -m tests.benchmarks.bench_influence`` with two free cores, and the whole of
FashionMNIST. 60,000 × 1,000 scores over the study's three checkpoints:

- the last layer, exact, as a ratio to captum's TracInCPFast. Both take turns in one process with as
  many threads; seconds are the processor's, so that other work on the machine counts little. The
  ratio is the mean over rounds of captum's seconds / ours, ± two standard errors. captum gets the
  batches with which it is fastest. "apart" is the largest difference relative to the largest score,
  "pass": the network alone over all images, once for each checkpoint, which both sides need.
- the memory of a process of its own, in which nothing else runs: what it needs at its peak beyond
  the images and the scores, for 60,000 and for 120,000 training examples.
- all layers, exact and by random projection: the rank correlation of the two for each test image,
  over a part of the training set, of the study's network and of notebook 04's convolutional one,
  and the seconds and the memory of the whole.
"""

from __future__ import annotations

import argparse
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from captum.influence import TracInCPFast
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from tests.benchmarks.influence_hunts import convolutional
from xaikit import load
from xaikit.data import ImageDataset
from xaikit.influence import Study, influence, study
from xaikit.training import train

ASKED = 1000
BATCHES = (2_000, 5_000, 20_000)
CHUNK = 1000
"""Training examples at a time: of ours."""
PART = 2000
DIMENSIONS = (128, 512)


def options_of(here: Study) -> dict[str, Any]:
    """Return the options that follow the study's training."""
    return {"checkpoints": here.checkpoints, "learning_rates": here.learning_rates}


def without_bias(here: Study) -> Study:
    """Return the study with a last layer that has no bias: captum leaves its gradient out."""
    network = nn.Sequential(*list(here.network)[:-1], nn.Linear(32, 10, bias=False))
    states = [{k: v for k, v in each.items() if k != "4.bias"} for each in here.checkpoints]
    network.load_state_dict(states[-1])
    return replace(here, network=network, checkpoints=states)  # type: ignore[arg-type]


def captums(here: Study, training: ImageDataset, batch: int, folder: Path) -> Callable[..., Tensor]:
    """Return captum's scores as a function of images and labels."""
    rates: dict[str, float] = {}
    for number, state in enumerate(here.checkpoints):
        path = folder / f"{number}.pt"
        torch.save(state, path)
        rates[str(path)] = here.learning_rates[number]

    def opened(model: nn.Module, path: str) -> float:
        model.load_state_dict(torch.load(path))
        return rates[path]

    made = TracInCPFast(
        here.network,
        here.network[-1],
        TensorDataset(training.images, training.labels),
        list(rates),
        opened,
        nn.CrossEntropyLoss(reduction="sum"),
        batch_size=batch,
    )
    return lambda images, labels: made.influence((images, labels))


def timed(call: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Return the processor seconds that a call takes, and its result."""
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def beside(values: Sequence[float], digits: int = 2) -> str:
    """Return a mean with two standard errors."""
    error = 2 * statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else math.nan
    return f"{statistics.mean(values):.{digits}f} ± {error:.{digits}f}"


@torch.no_grad()
def passes(here: Study, training: ImageDataset) -> Tensor:
    """Let all images through the network, once for each checkpoint; return the last outputs."""
    for _ in here.checkpoints:
        for part in torch.split(training.images, CHUNK):
            outputs = here.network(part)
    return outputs


def speed(rounds: int) -> None:
    """Print one line for each size of captum's batches."""
    here = without_bias(study())
    training, test = load("fashion_mnist", "train"), load("fashion_mnist", "test")
    images, labels = test.images[:ASKED], test.labels[:ASKED]
    print(f"{len(training)} × {ASKED} scores, three checkpoints, last layer, exact")
    print(
        f"{'captum batch':>14}{'pass s':>8}{'ours s':>9}{'captum s':>10}{'ratio':>14}{'apart':>10}"
    )
    with tempfile.TemporaryDirectory() as folder:
        for batch in BATCHES:
            theirs = captums(here, training, batch, Path(folder))
            found = []
            for _ in range(rounds):
                slow, expected = timed(lambda theirs=theirs: theirs(images, labels))
                fast, scores = timed(
                    lambda: (
                        influence(
                            here.network,
                            images,
                            labels,
                            training,
                            "tracin",
                            chunk=CHUNK,
                            **options_of(here),
                        ).scores
                    )
                )
                apart = float((scores - expected).abs().max() / expected.abs().max())
                alone, _ = timed(lambda: passes(here, training))
                found.append((alone, fast, slow, slow / fast, apart))
                del expected, scores
            alone, fast, slow, _, apart = (
                statistics.median(each) for each in zip(*found, strict=True)
            )
            ratio = beside([each[3] for each in found])
            print(
                f"{batch:14}{alone:8.2f}{fast:9.2f}{slow:10.2f}{ratio:>14}{apart:10.1e}",
                flush=True,
            )


def resident(kind: str) -> float:
    """Return this process's memory now (VmRSS) or at its peak (VmHWM), in GB; on Linux."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(rf"{kind}:\s*(\d+) kB", status)[0]) / 1e6


def memory(copies: int, layers: str) -> None:
    """Print what this process needs at its peak. For a process of its own."""
    here = study()
    full, test = load("fashion_mnist", "train"), load("fashion_mnist", "test")
    training = ImageDataset(
        full.images.repeat(copies, 1, 1, 1), full.labels.repeat(copies), full.classes
    )
    del full
    options = {"layers": "all", "projection": DIMENSIONS[-1]} if layers == "all" else {}
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of loading
    before = resident("VmRSS")
    seconds, scores = timed(
        lambda: (
            influence(
                here.network,
                test.images[:ASKED],
                test.labels[:ASKED],
                training,
                "tracin",
                chunk=CHUNK,
                **options,
                **options_of(here),
            ).scores
        )
    )
    peak = resident("VmHWM")
    size = scores.numel() * scores.element_size() / 1e9
    print(
        f"layers={layers}, {len(training):7} × {ASKED}: {seconds:.1f} s; {peak:.2f} GB at the "
        f"peak, {before:.2f} before (Python, PyTorch and the images), {size:.2f} the scores, "
        f"{peak - before - size:.2f} all else",
        flush=True,
    )


def projection(seeds: int) -> None:
    """Print the rank correlation of projected with exact scores of all layers."""
    here = study()
    full, test = load("fashion_mnist", "train"), load("fashion_mnist", "test")
    training = ImageDataset(full.images[:PART], full.labels[:PART], full.classes)
    images, labels = test.images[:100], test.labels[:100]
    print(f"\nall layers by random projection, rank correlation with the exact scores of {PART}")
    networks: dict[str, tuple[nn.Module, dict[str, Any]]] = {
        "the study's": (here.network, options_of(here)),
        "notebook 04's": (train(convolutional(), training, epochs=8), {}),
    }
    for name, (network, options) in networks.items():
        asked = (network, images, labels, training, "tracin")
        exact = influence(*asked, layers="all", **options).scores
        for dimensions in DIMENSIONS:
            means, least = [], []
            for seed in range(seeds):
                made = influence(
                    *asked, layers="all", projection=dimensions, seed=seed, **options
                ).scores
                each = [float(spearmanr(a, b).statistic) for a, b in zip(exact, made, strict=True)]
                means.append(statistics.mean(each))
                least.append(min(each))
            print(
                f"{name:14} {dimensions:4} numbers, {seeds} seeds: mean {beside(means)}, smallest "
                f"of {len(images)} images {beside(least)}",
                flush=True,
            )


def main() -> None:
    """Print all three."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="how often both take their turn")
    parser.add_argument("--seeds", type=int, default=5, help="of the random projection")
    parser.add_argument("--memory", type=int, help="print the memory for so many copies of the set")
    parser.add_argument("--layers", choices=("last", "all"), default="last", help="of --memory")
    arguments = parser.parse_args()
    if arguments.memory:
        return memory(arguments.memory, arguments.layers)
    speed(arguments.rounds)
    print("\nmemory")
    for layers, copies in (("last", 1), ("last", 2), ("all", 1)):
        command = [sys.executable, "-m", "tests.benchmarks.bench_influence", "--memory"]
        subprocess.run([*command, str(copies), "--layers", layers], check=True)
    projection(arguments.seeds)


if __name__ == "__main__":
    main()
