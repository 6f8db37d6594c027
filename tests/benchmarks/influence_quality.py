"""How good is each method? LDS on the study, beside the lecture's two heuristics and beside dattri.

Usage: ``python -m tests.benchmarks.influence_quality``. LDS with 95 % intervals over the 200 test
images; "itself": the share of 200 training images whose own strongest proponent they are; "class":
the share of the 20 strongest proponents of a test image that have its label. The first rows are
scores that pass a heuristic by construction.

If dattri can be imported (``pip install --no-deps --target FOLDER dattri``, ``PYTHONPATH=FOLDER``),
its methods follow, on the same network, checkpoints and subsets, at equal settings. Each side's
first call, which imports, is not counted; seconds are the processor's, the median of the rounds, in
which both take turns; "ratio" is the mean over rounds of dattri's seconds / ours, ± two standard
errors; "alike" is the mean rank correlation of the two sides' scores. TRAK draws other random
directions in each round: the last line tells the mean LDS over these, ± two standard errors.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor

from tests.benchmarks import dattri_scores
from tests.benchmarks.bench_influence import beside
from xaikit.influence import Study, influence, lds, study

Scores = Callable[[Tensor, Tensor], Tensor]
"""From images and labels to (M, N)."""

DAMPING = 5e-3


def rows_of(here: Study) -> dict[str, Scores]:
    """Return each row of the table by its name."""
    along = {"checkpoints": here.checkpoints, "learning_rates": here.learning_rates}
    exact = {"damping": DAMPING}
    settings: dict[str, tuple[str, dict[str, Any]]] = {
        "grad_dot, last": ("grad_dot", {}),
        "grad_dot, all": ("grad_dot", {"layers": "all"}),
        "grad_cos, last": ("grad_cos", {}),
        "grad_cos, all": ("grad_cos", {"layers": "all"}),
        "tracin, last": ("tracin", along),
        "tracin, all": ("tracin", {**along, "layers": "all"}),
        "influence_function, last": ("influence_function", exact),
        "influence_function, all, 0.1": ("influence_function", {"damping": 0.1, "layers": "all"}),
        "representer": ("representer", {}),
        "exemplar": ("exemplar", {}),
        "trak, 128": ("trak", {"checkpoints": here.checkpoints, "dimension": 128}),
        "trak, 512": ("trak", {"checkpoints": here.checkpoints, "dimension": 512}),
    }

    def asked(method: str, options: dict[str, Any]) -> Scores:
        def scores(images: Tensor, labels: Tensor) -> Tensor:
            made = influence(here.network, images, labels, here.training, method, **options)
            return made.scores

        return scores

    def same(_: Tensor, labels: Tensor) -> Tensor:
        return (labels.unsqueeze(1) == here.training.labels).float()

    def near(images: Tensor, _: Tensor) -> Tensor:
        return -torch.cdist(images.flatten(1), here.training.images.flatten(1))

    rows: dict[str, Scores] = {"same class": same, "near in pixels": near}
    return rows | {name: asked(*setting) for name, setting in settings.items()}


def table(here: Study) -> None:
    """Print LDS and heuristics of every row."""
    every = torch.arange(0, len(here.training), 5)
    own = here.training.images[every], here.training.labels[every]
    print(f"{'scores':32}{'LDS (95 %)':>28}{'itself':>9}{'class':>8}{'seconds':>9}")
    for name, scores in rows_of(here).items():
        start = time.process_time()
        found = scores(here.test.images, here.test.labels)
        seconds = time.process_time() - start
        itself = (scores(*own).argmax(1) == every).float().mean()
        alike = here.training.labels[found.topk(20).indices] == here.test.labels.unsqueeze(1)
        result = lds(found, here.subsets, here.outputs)
        print(
            f"{name:32}{result!s:>28}{float(itself):9.0%}{float(alike.float().mean()):8.0%}"
            f"{seconds:9.2f}",
            flush=True,
        )


def beside_dattri(here: Study, rounds: int) -> None:
    """Print LDS and seconds of both sides."""
    along = {"checkpoints": here.checkpoints, "learning_rates": here.learning_rates}
    asked = (here.network, here.test.images, here.test.labels, here.training)

    def ours(method: str, **options: Any) -> Callable[[int], Tensor]:
        # As dattri's, whose fastest batch is all of them.
        def scores(seed: int) -> Tensor:
            return influence(*asked, method, chunk=len(here.training), seed=seed, **options).scores

        return scores

    pairs: dict[str, tuple[Callable[[int], Tensor], Callable[[int], Tensor]]] = {
        "TracIn, last": (
            ours("tracin", **along),
            lambda _: dattri_scores.tracin(here, "last"),
        ),
        "TracIn, all": (
            ours("tracin", **along, layers="all"),
            lambda _: dattri_scores.tracin(here, "all"),
        ),
        "influence function, last": (
            ours("influence_function", damping=DAMPING),
            lambda _: dattri_scores.influence_function(here, "last", "exact", DAMPING),
        ),
        "TRAK, 128": (
            ours("trak", checkpoints=here.checkpoints, dimension=128),
            lambda seed: dattri_scores.trak(here, 128, seed),
        ),
    }
    print(
        f"\n{'':26}{'ours':>28}{'dattri':>28}{'alike':>8}{'ours s':>9}{'dattri s':>10}{'ratio':>14}"
    )
    for name, sides in pairs.items():
        seconds: list[tuple[float, ...]] = []
        quality: list[list[float]] = []
        for turn in range(rounds + 1):
            spent, scores = [], []
            for side in sides:
                start = time.process_time()
                # Our networks take the seeds from this one on.
                scores.append(side(len(here.checkpoints) * turn).detach())
                spent.append(time.process_time() - start)
            if turn:
                seconds.append((*spent, spent[1] / spent[0]))
                quality.append(
                    [lds(each, here.subsets, here.outputs, repeats=1).score for each in scores]
                )
        fast, slow, _ = (statistics.median(each) for each in zip(*seconds, strict=True))
        ratio = beside([each[2] for each in seconds])
        alike = statistics.mean(
            float(spearmanr(a, b).statistic) for a, b in zip(*scores, strict=True)
        )
        found = [str(lds(each, here.subsets, here.outputs)) for each in scores]
        print(
            f"{name:26}{found[0]:>28}{found[1]:>28}{alike:8.3f}{fast:9.3f}{slow:10.3f}{ratio:>14}",
            flush=True,
        )
    columns = [beside(each, 4) for each in zip(*quality, strict=True)]
    apart = beside([one - other for one, other in quality], 4)
    print(f"LDS of TRAK over {rounds} projections: {columns[0]} beside {columns[1]}: {apart} apart")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=5, help="how often both sides take their turn"
    )
    rounds = parser.parse_args().rounds
    here = study()
    table(here)
    if dattri_scores.HERE:
        beside_dattri(here, rounds)
    else:
        print("\ndattri cannot be imported: the docstring says how to compare with it.")


if __name__ == "__main__":
    main()
