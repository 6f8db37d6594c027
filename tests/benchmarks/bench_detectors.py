"""How often do the detectors of backdoors find one, and how often do they cry wolf?

``python -m tests.benchmarks.bench_detectors [FOLDER]`` trains and examines the networks of
:mod:`tests.benchmarks.zoo`, those of every kind in turn, and goes on where it was interrupted; with
``--kind`` and ``--each`` it takes some of them. A network's score is its largest score over the
classes. A detector is judged at its own default threshold and at the largest score of the
calibration networks, above which one clean network in 21 would be expected, some 5 %. Rates are
measured on other networks, with Wilson's 95 % intervals; the area under the ROC curve needs no
threshold, and counts a network as found where its score is high, for the right class or not.
"wrong" are networks that are flagged, but for another class than the backdoor's; where every class
is the target of another one, any is right. Kinds with a star chose nothing. Below Neural Cleanse
stand two other readings of its sizes: the paper's anomaly index, and sizes beside those of clean
networks. At the end stand the detectors that judge examples: how well they tell poisoned training
images from those that truly belong to the target class.

A network's verdicts are kept in FOLDER; ``--again METHOD`` measures a method once more, and
``--so-far`` prints the tables of what was measured, and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score
from torch import Tensor
from tqdm import tqdm

from tests.benchmarks.zoo import FOLDER, RECIPES, Entry, counts, keep, plan, stored, taken
from tests.benchmarks.zoo_kinds import HELD_OUT, NEW_PATCHES, PATCHES, taught
from xaikit import detect
from xaikit.backdoors.api import METHODS
from xaikit.backdoors.neural_cleanse import THRESHOLD, anomaly_index, shortfall
from xaikit.backdoors.poisoning import PoisonedDataset
from xaikit.models import Classifier

REFERENCES = 10
"""Calibration networks that are references in one reading of Neural Cleanse."""
RESAMPLES = 2_000
"""Of the bootstrap."""
NEEDS = {
    "neural_cleanse": "model, 200 clean images",
    "anomaly index": "model, 200 clean images",
    f"{REFERENCES} clean references": "the same, 10 clean models",
    "mm_bd": "model",
    "spray": "model, training data",
    "activation_clustering": "model, training data",
    "spectral_signatures": "model, training data",
}
Verdict = dict[str, Any]


def verdict(model: Classifier, entry: Entry, method: str) -> Verdict:
    """Examine a network by a method."""
    data = entry.data()
    own_data = "training data" in METHODS[method].needs
    given = (data.images, data.labels) if own_data else ()
    found = detect(model, *given, method=method)
    row: Verdict = {
        "kind": entry.kind,
        "target": entry.target,
        "rate": entry.rate,
        "trigger": entry.described,
        "score": float(found.score.max()),
        "guess": int(found.score.argmax()),
        "flagged": found.flagged,
        "seconds": found.seconds,
    }
    if "sizes" in found.evidence:
        row["sizes"] = found.evidence["sizes"].tolist()
    if found.example_score is not None and isinstance(data, PoisonedDataset):
        own = data.labels == entry.target
        row |= told_apart(found.example_score[own], data.poisoned[own])
    return row


def told_apart(score: Tensor, poisoned: Tensor) -> Verdict:
    """Return the AUROC, and the true-positive rate at 1 % false positives."""
    least = score[~poisoned].quantile(0.99)
    return {
        "auroc": float(roc_auc_score(poisoned, score)),
        "found": float((score[poisoned] > least).float().mean()),
    }


def readings(rows: list[Verdict]) -> dict[str, list[Verdict]]:
    """Return other readings of Neural Cleanse's sizes, as verdicts: they cost no search.

    The paper's anomaly index, flagging above 2; and the sizes beside those of the first ten
    calibration networks, which then calibrate nothing.
    """
    trained = [row["sizes"] for row in rows if row["kind"] == "calibration"][:REFERENCES]
    expected = torch.tensor(trained).log().mean(0).exp()
    index, beside, met = [], [], 0
    for row in rows:
        sizes = torch.tensor(row["sizes"])
        for score, limit, found in (
            (anomaly_index(sizes), 2.0, index),
            (shortfall(sizes, expected), THRESHOLD, beside),
        ):
            top = float(score.max())
            read = {"score": top, "guess": int(score.argmax()), "flagged": top > limit}
            found.append(row | read)
        if row["kind"] == "calibration" and (met := met + 1) <= REFERENCES:
            beside.pop()
    return {"anomaly index": index, f"{REFERENCES} clean references": beside}


def on_target(row: Verdict) -> bool:
    """Tell whether the most suspicious class is one that triggered images are taken for."""
    return row["kind"] == "all to all" or bool(row["guess"] == row["target"])


def share(hits: Sequence[bool]) -> str:
    """Return a rate with its 95 % interval."""
    if not hits:
        return "none"
    low, high = binomtest(sum(hits), len(hits)).proportion_ci(method="wilson")
    return f"{sum(hits):3}/{len(hits):<3}{sum(hits) / len(hits):5.0%} ({low:.0%}–{high:.0%})"


def area(poisoned: list[Verdict], clean: list[Verdict]) -> str:
    """Return the area under the ROC curve of the scores, with a bootstrap's 95 % interval.

    The area is the share of pairs in which the poisoned network's score is the higher one.
    """
    high, low = (np.array([row["score"] for row in rows]) for rows in (poisoned, clean))
    won = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    rng = np.random.default_rng(0)
    of_high, of_low = (
        rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n for n in (len(high), len(low))
    )
    lowest, highest = np.quantile(((of_high @ won) * of_low).sum(1), (0.025, 0.975))
    return f"{won.mean():.2f} ({lowest:.2f}–{highest:.2f})"


def table(verdicts: dict[str, list[Verdict]]) -> None:
    """Print the rates of every method and kind of trigger."""
    print(
        f"{'detector':22}{'threshold':>18} {'trigger':17}{'detected, right target':>26}"
        f"{'wrong':>7}{'false alarms':>26}{'AUROC':>19}{'seconds':>9}  needs"
    )
    for method, rows in verdicts.items():
        kinds = [k for k in dict.fromkeys(r["kind"] for r in rows) if k not in NOT_POISONED]
        clean = [row for row in rows if row["kind"] == "clean"]
        seconds = statistics.median(row["seconds"] for row in rows)
        groups = {kind + "*" * (kind in HELD_OUT): (kind,) for kind in kinds}
        groups |= {"new patches*": NEW_PATCHES, "all patches": PATCHES, "all": tuple(kinds)}
        for name, over in thresholds(rows):
            alarms = share([over(row) for row in clean])
            for group, members in groups.items():
                own = [r for r in rows if r["kind"] in members]
                hits = [over(r) and on_target(r) for r in own]
                wrong = sum(map(over, own)) - sum(hits)
                print(
                    f"{method:22}{name:>18} {group:17}{share(hits):>26}{wrong:7}{alarms:>26}"
                    f"{area(own, clean) if own and clean else '':>19}{seconds:9.1f}"
                    f"  {NEEDS.get(method, '')}"
                )


def thresholds(rows: list[Verdict]) -> list[tuple[str, Callable[[Verdict], bool]]]:
    """Return the names of a method's thresholds, with what tells whether a network is above."""
    found: list[tuple[str, Callable[[Verdict], bool]]] = [
        ("default", lambda row: bool(row["flagged"]))
    ]
    usual = [row["score"] for row in rows if row["kind"] == "calibration"]
    if usual:
        least = max(usual)
        found.append((f"calibrated {least:.2f}", lambda row: bool(row["score"] > least)))
    return found


NOT_POISONED = ("calibration", "clean")


def examples_table(verdicts: dict[str, list[Verdict]]) -> None:
    """Print how well poisoned examples are told from others of the target class."""
    if not any("auroc" in row for rows in verdicts.values() for row in rows):
        return
    print(
        f"\n{'detector':22} {'poison rate':>11} {'trigger':17} {'AUROC':>16} {'found at 1 %':>16}"
    )
    for method, rows in verdicts.items():
        judged = [row for row in rows if "auroc" in row]
        for rate in sorted({row["rate"] for row in judged}):
            for kind in dict.fromkeys(row["kind"] for row in judged):
                own = [row for row in judged if row["rate"] == rate and row["kind"] == kind]
                if own:
                    auroc, found = (spread([row[key] for row in own]) for key in ("auroc", "found"))
                    print(f"{method:22} {rate:11.1%} {kind:17} {auroc:>16} {found:>16}")


def spread(values: Sequence[float]) -> str:
    """Return the median and the least."""
    return f"{statistics.median(values):.3f}, ≥ {min(values):.3f}"


def known(folder: Path, entry: Entry) -> Verdict:
    """Return what the folder has of a network: its card, and its verdicts by method."""
    kept = kept_in(folder, entry)
    found: Verdict = json.loads(kept.read_text()) if kept.is_file() else {}
    return found


def kept_in(folder: Path, entry: Entry) -> Path:
    """Return the file of a network's verdicts."""
    return folder / f"{entry.name}.verdicts.json"


def examined(folder: Path, entry: Entry, methods: Sequence[str], again: Sequence[str]) -> Verdict:
    """Return a network's verdicts by method, from the folder as far as they are there."""
    model = stored(folder, entry)
    if not counts(model):
        return {}
    found = known(folder, entry)
    # Verdicts on another network of the same name.
    if found.get("card") != model.card:
        found = {"card": model.card}
    for method in methods:
        if method not in found or method in again:
            found[method] = verdict(model, entry, method)
            keep(kept_in(folder, entry), found)
    return found


def main() -> None:
    """Examine the zoo and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--recipe", choices=list(RECIPES), default="short")
    parser.add_argument("--kind", action="append", default=[], help="of network, as in the tables")
    parser.add_argument("--each", type=int, help="how many networks of each kind; default: all")
    parser.add_argument("--again", action="append", default=[], choices=list(METHODS))
    parser.add_argument("--so-far", action="store_true", help="measure nothing")
    parser.add_argument("--only", action="append", choices=list(METHODS))
    options = parser.parse_args()
    kinds = [*NOT_POISONED, *taught()]  # which reads the images that some triggers are made of
    if not set(options.kind) <= set(kinds):
        parser.error(f"--kind is one of {', '.join(kinds)}.")
    methods = options.only or list(METHODS)
    entries = taken(plan(options.recipe), options.kind or None, options.each)
    if options.so_far:
        entries = [
            each for each in entries if known(options.folder, each).keys() >= {"card", *methods}
        ]
    rows = [
        examined(options.folder, entry, methods, options.again)
        for entry in tqdm(entries, desc="networks trained and examined")
    ]
    living = [row for row in rows if row]
    if not living:
        parser.error(f"nothing is measured in {options.folder}: leave out --so-far.")
    shown = {method: [row[method] for row in living] for method in methods}
    print(f"{torch.get_num_threads()} thread(s), {len(living)} networks, {options.recipe} training")
    calibrated = any(row["card"]["kind"] == "calibration" for row in living)
    if "neural_cleanse" in shown and calibrated:
        table(shown | readings(shown["neural_cleanse"]))
    else:
        table(shown)
    examples_table(shown)
    print(f"Networks, cards and verdicts lie in {options.folder}.")


if __name__ == "__main__":
    main()
