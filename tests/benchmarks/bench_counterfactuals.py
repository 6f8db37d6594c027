"""Our counterfactuals beside alibi's: what they reach, how near they stay, how long they take.

``python -m tests.benchmarks.bench_counterfactuals`` takes the first 100 test images of FashionMNIST
and for each one class that the network does not see in it, drawn at random. alibi works on as many
of these items as ``--minutes`` allow a row, in the same order. Through a predict function its
gradients are numerical, some 1,600 predictions each, so it is given fewer iterations than its
defaults; on a Keras copy of the network, with exact gradients, it has (nearly) its defaults. Each
row says how many items it did. Seconds are processor time of one thread, so that whatever else the
machine does counts for neither; alibi's without imports, graphs and fits, and through a predict
function without its own process, the model's evaluations alone.

valid: the target is the most likely class, and (sure) its probability is at least 0.95; transfer:
share of these that an independently trained network sees in the target class, too; L1, L2 and
changed (share of the pixels): medians over what was found; IM1 and IM2 (Van Looveren & Klaise 2019,
arXiv:1907.02584) by autoencoders that no search uses. Paired tables compare medians over the
items that both found.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xaikit import counterfactual, load, load_pretrained
from xaikit.autoencoders import load_judges
from xaikit.counterfactuals import Counterfactuals, alibi_backend
from xaikit.counterfactuals.alibi_task import interpreter, missing, run
from xaikit.counterfactuals.qualities import qualities
from xaikit.threads import cores

SURE = 0.95
PREDICT: dict[str, dict[str, Any]] = {
    "wachter": {"max_iter": 30, "max_lam_steps": 1},
    "prototype": {"theta": 100.0, "max_iterations": 30, "c_steps": 1},
}
"""alibi's iterations through a predict function."""
WHITE_BOX: dict[str, dict[str, Any]] = {
    "wachter": {"target_proba": 1.0, "tol": 0.05, "max_iter": 1000, "max_lam_steps": 10},
    "prototype": {
        "theta": 100.0,
        "beta": 0.1,
        "max_iterations": 1000,
        "c_init": 1.0,
        "c_steps": 2,
    },
}
"""alibi's defaults, but for the prototypes': theta, which is zero by default, leaving them out
(with 10, alibi found none in ten), and two rounds for c instead of ten, which spares alibi time."""

_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
AS_ALIBIS = {"prototypes": "kdtree", "k": 1, "theta": 100.0, "tolerance": 1.0}
"""Our prototypes with the loss that alibi is given, and its demand: the most likely class."""


@dataclass
class Row:
    """One method's answers: images (n, 1, 28, 28) for the first n items, found (n,), seconds."""

    images: Tensor
    found: Tensor
    seconds: float


@dataclass
class Bench:
    """The task, and the networks that judge."""

    model: nn.Module
    second: nn.Module
    judges: nn.ModuleDict
    inputs: Tensor
    predicted: Tensor
    targets: Tensor
    examples: Tensor

    @torch.no_grad()
    def measures(self, row: Row) -> dict[str, Tensor]:
        """Return each measure (n,) of a row's items; distances of what was not found are nan."""
        n = len(row.images)
        x, new, targets = self.inputs[:n], row.images, self.targets[:n]
        p = self.model(new).softmax(1)
        change = (new - x).flatten(1)
        result = Counterfactuals(
            inputs=x,
            counterfactuals=new.unsqueeze(1),
            found=row.found.unsqueeze(1),
            predicted=p.argmax(1, keepdim=True),
            distance_l1=change.abs().sum(1, keepdim=True),
            distance_l2=change.norm(dim=1, keepdim=True),
            targets=targets.unsqueeze(1),
            method="",
            seconds=row.seconds,
        )
        each = qualities(result, self.predicted[:n], self.judges)
        valid = p.argmax(1) == targets
        measured = {
            "L1": each.l1,
            "L2": each.l2,
            "changed": 1 - each.sparsity,
            "IM1": each.im1,
            "IM2": each.im2,
        }
        measured = {key: value[:, 0].double() for key, value in measured.items()}
        for value in measured.values():
            value[~(row.found & valid)] = torch.nan
        measured["valid"] = valid.double()
        measured["sure"] = (valid & (p.gather(1, targets[:, None])[:, 0] >= SURE)).double()
        measured["transfer"] = (self.second(new).argmax(1) == targets).double()
        measured["transfer"][~valid] = torch.nan
        return measured


def native(bench: Bench, method: str, **options: Any) -> Row:
    """Run ours on all items at once, after a first call that loads what it needs."""
    counterfactual(bench.model, bench.inputs[:2], bench.targets[:2], method, **options)
    start = time.process_time()
    found = counterfactual(bench.model, bench.inputs, bench.targets, method, **options)
    seconds = (time.process_time() - start) / len(bench.inputs)
    return Row(found.counterfactuals[:, 0], found.found[:, 0], seconds)


def through_predict(bench: Bench, method: str, limit: float) -> Row:
    """Run alibi through a predict function, one item at a time, until the time is up."""
    images, found, spent, begun = [], [], 0.0, time.monotonic()
    files = {"examples": bench.examples.numpy()} if method == "prototype" else {}
    options = alibi_backend.OPTIONS[method] | PREDICT[method]
    while time.monotonic() < begun + limit and len(images) < len(bench.inputs):
        i, started = len(images), []

        def predict(x: Tensor, started: list[float] = started) -> Tensor:
            # Its first question comes after imports, the one after the examples after the fit.
            if len(x) == len(bench.examples):
                started.clear()
            elif not started:
                started.append(time.process_time())
            with torch.no_grad():
                return torch.cat([bench.model(part).softmax(1) for part in x.split(128)])

        x, target = bench.inputs[i : i + 1], bench.targets[i : i + 1, None]
        made, success = run(method, predict, x, target, options, 0, files)
        spent += time.process_time() - started[0]
        images.append(made[:, 0])
        found.append(success[:, 0])
    return Row(torch.cat(images), torch.cat(found), spent / len(images))


def white_box(bench: Bench, method: str, limit: float) -> Row:
    """Run alibi on a Keras copy of the network, in a process of its own."""
    layers, weights = [], {}
    for index, layer in enumerate(bench.model):
        kind = type(layer).__name__
        same = isinstance(layer, nn.Conv2d) and layer.padding[0] > 0
        layers.append({"kind": kind, "padding": "same" if same else "valid"})
        for name, value in layer.named_parameters():
            weights[f"{index}.{name}"] = value.detach().numpy()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "weights.npz", **weights)
        with torch.no_grad():
            expected = bench.model(bench.inputs[:8]).softmax(1)
        for file, value in (
            ("inputs", bench.inputs),
            ("targets", bench.targets),
            ("examples", bench.examples),
            ("probabilities", expected),
        ):
            np.save(folder / f"{file}.npy", value.numpy())
        task = {
            "method": method,
            "options": WHITE_BOX[method],
            "limit": limit,
            "network": layers,
        }
        (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
        subprocess.run(
            [interpreter(), Path(__file__).with_name("alibi_white_box.py"), folder],
            check=True,
            env=os.environ | _QUIET,
            capture_output=True,
        )
        answers = dict(np.load(folder / "answers.npz"))
    if answers["apart"] > 1e-4:
        raise RuntimeError(f"the Keras copy computes something else, by {answers['apart']:.1e}")
    done = answers["done"]
    images, found = (torch.from_numpy(answers[key][done]) for key in ("answers", "found"))
    return Row(images, found, float(answers["seconds"][done].mean()))


def trained_by_alibi(bench: Bench, steps: int) -> Row:
    """Let alibi train an actor on our autoencoder, then run it; the training is not in seconds."""
    started = time.perf_counter()
    found = counterfactual(
        bench.model,
        bench.inputs,
        bench.targets,
        "rl",
        "alibi",
        examples=bench.examples,
        train_steps=steps,
    )
    print(f"alibi's rl: {steps} training steps, {time.perf_counter() - started:.0f} s in all")
    return Row(found.counterfactuals[:, 0], found.found[:, 0], torch.nan)


def table(bench: Bench, rows: dict[str, Row]) -> dict[str, dict[str, Tensor]]:
    """Print one line a row; return the measures."""
    names = ("valid", "sure", "transfer", "L1", "L2", "changed", "IM1", "IM2")
    print(f"\n{'':34}{'items':>6}" + "".join(f"{name:>9}" for name in names) + f"{'s/item':>11}")
    measured = {name: bench.measures(row) for name, row in rows.items()}
    for name, row in rows.items():
        cells = []
        for key in names:
            values = measured[name][key]
            share = key in ("valid", "sure", "transfer")
            value = values.nanmean() if share else values.nanmedian()
            percent = share or key == "changed"
            cells.append(f"{value:9.1%}" if percent else f"{value:9.3f}")
        print(f"{name:34}{len(row.images):6}" + "".join(cells) + f"{row.seconds:11.4f}")
    return measured


def paired(
    rows: dict[str, Row], measured: dict[str, dict[str, Tensor]], first: str, second: str
) -> None:
    """Print medians over the items that both found, and how much longer the second one takes."""
    if first not in rows or second not in rows:
        return
    n = min(len(rows[first].images), len(rows[second].images))
    both = torch.ones(n, dtype=torch.bool)
    for name in (first, second):
        both &= ~measured[name]["L1"][:n].isnan()
    ratio = rows[second].seconds / rows[first].seconds
    line = f"{first} / {second}: {int(both.sum())} both found"
    for key in ("L1", "L2", "changed", "IM1", "IM2"):
        ours, theirs = (measured[name][key][:n][both].median() for name in (first, second))
        line += f"; {key} {ours:.3g} / {theirs:.3g}"
    print(f"{line}; the second takes {ratio:.3g} times as long")


def large(bench: Bench, data_images: Tensor) -> None:
    """Print how long wachter takes on 1,000 images and all other classes."""
    torch.set_num_threads(min(2, cores()))
    x = data_images[:1000]
    with torch.no_grad():
        predicted = torch.cat([bench.model(part).argmax(1) for part in x.split(500)])
    targets = (predicted[:, None] + torch.arange(1, 10)) % 10
    start = time.perf_counter()
    found = counterfactual(bench.model, x, targets, "wachter")
    seconds = time.perf_counter() - start
    print(
        f"wachter on 1,000 images × 9 targets: {seconds:.0f} s with {torch.get_num_threads()} "
        f"threads, {found.found.double().mean():.2%} found"
    )
    torch.set_num_threads(1)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=10, help="alibi's time for a row")
    parser.add_argument("--steps", type=int, default=2000, help="alibi's training of its actor")
    parser.add_argument("--large", action="store_true", help="1,000 images × 9 targets, too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bench, everything = prepared(arguments.items)
    rows: dict[str, Row] = {}
    for method in ("wachter", "prototype", "rl"):
        rows[method] = native(bench, method)
    rows["prototype as alibi's"] = native(bench, "prototype", **AS_ALIBIS)
    measured = table(bench, rows)
    for pair in (("prototype", "wachter"), ("rl", "wachter")):
        paired(rows, measured, *pair)
    if arguments.large:
        large(bench, everything)
    if (why := missing()) is not None:
        print(f"\nwithout alibi: {why}")
        return
    limit = 60 * arguments.minutes
    later: dict[str, Callable[[], Row]] = {}
    for method in ("wachter", "prototype"):
        later[f"alibi {method}, Keras copy"] = lambda m=method: white_box(bench, m, limit)
        later[f"alibi {method}, predict function"] = lambda m=method: through_predict(
            bench, m, limit
        )
    if arguments.steps:
        later["alibi rl"] = lambda: trained_by_alibi(bench, arguments.steps)
    for name, search in later.items():
        rows[name] = search()
        measured = table(bench, rows)
        ours = name.split()[1].rstrip(",")
        for first in (ours, f"{ours} as alibi's"):
            paired(rows, measured, first, name)
        sys.stdout.flush()


def prepared(items: int) -> tuple[Bench, Tensor]:
    """Return the task, and all test images."""
    model, second = load_pretrained("fashion_mnist"), load_pretrained("lecture")
    for network in (model, second):
        network.requires_grad_(False)
    images = load("fashion_mnist", "test").images
    inputs = images[:items]
    with torch.no_grad():
        predicted = model(inputs).argmax(1)
    others = torch.randint(1, 10, (items,), generator=torch.Generator().manual_seed(0))
    examples = load("fashion_mnist", "train").images[:5000]
    judges = load_judges("fashion_mnist")
    targets = (predicted + others) % 10
    return Bench(model, second, judges, inputs, predicted, targets, examples), images


if __name__ == "__main__":
    main()
