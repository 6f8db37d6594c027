"""How far sampling methods are from the truth, at equal numbers of evaluations.

``python -m tests.benchmarks.accuracy`` cuts FashionMNIST images into ten segments, so that their
1,024 coalitions can be enumerated: Shapley values are then exact, and KernelSHAP's error with fewer
coalitions is known. Evaluations of the empty and of the full coalition count for ours and shapiq.
``--shapiq PYTHON`` takes shapiq's estimators in: PYTHON is the interpreter of an environment with
Python 3.12, shapiq and lightgbm (``pip install shapiq lightgbm``). With 49 segments values
from a very long run of the plain weighted regression, without what ours adds to it, stand for
the truth. In brackets after an error: its 95 % interval over images, drawn again with repetition.
Gradient-based estimates are compared with integrated gradients from every
reference, averaged. Errors are root mean squares over images, targets, features and seeds, relative
to the root mean square of the truth. "same error" is how many evaluations we need for the
library's error: interpolated between our own budgets, on logarithmic scales.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xaikit import explain, load, load_pretrained, targets_of_interest
from xaikit.attribution.coalitions import drawn_pairs
from xaikit.attribution.kernel_shap import regression
from xaikit.attribution.masking import masked_outputs
from xaikit.core.problem import Problem

SEGMENTS, IMAGES, REFERENCES = 10, 4, 10
GRID, LONG = 7, 20_000
BUDGETS = (32, 64, 128, 256, 512)
MORE = (100, 200, 500, 1000)
PATHS = (25, 100, 400)

Estimate = Callable[[int, int], Tensor]
"""From evaluations and a seed to an estimate."""


class Game(nn.Module):
    """The outputs of every coalition of an image's segments, looked up."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table)
        self.register_buffer("digits", 2 ** torch.arange(SEGMENTS))

    def forward(self, present: Tensor) -> Tensor:
        """Return the outputs for rows of ones (present) and zeros."""
        found: Tensor = self.table[((present > 0.5) * self.digits).sum(1)]
        return found


@torch.no_grad()
def game(model: nn.Module, image: Tensor) -> Game:
    """Evaluate the model on all coalitions of an image, the others black."""
    rows = torch.arange(28) * 5 // 28 * 2
    segments = rows.unsqueeze(1) + (torch.arange(28) >= 14)
    present = (torch.arange(2**SEGMENTS).unsqueeze(1) >> torch.arange(SEGMENTS)) & 1
    masked = present[:, segments].unsqueeze(1) * image
    return Game(torch.cat([model(part) for part in masked.split(128)]).double())


def shapley(table: Tensor) -> Tensor:
    """Return the definition's sum over all coalitions, (segments, classes)."""
    found = torch.zeros(SEGMENTS, table.shape[1], dtype=table.dtype)
    for player in range(SEGMENTS):
        others = [each for each in range(SEGMENTS) if each != player]
        for size in range(SEGMENTS):
            weight = 1 / (SEGMENTS * math.comb(SEGMENTS - 1, size))
            for chosen in combinations(others, size):
                without = sum(2**each for each in chosen)
                found[player] += weight * (table[without + 2**player] - table[without])
    return found


def errors(
    estimate: Estimate, truth: Tensor, budgets: Sequence[int], seeds: int
) -> list[tuple[float, float, float]]:
    """Return the relative error of each budget and its 95 % interval over images."""
    drawn = torch.randint(
        len(truth), (2000, len(truth)), generator=torch.Generator().manual_seed(0)
    )
    size = truth.square().flatten(1).mean(1)
    found = []
    for budget in budgets:
        with contextlib.redirect_stderr(io.StringIO()):
            apart = torch.stack([estimate(budget, seed) - truth for seed in range(seeds)])
        square = apart.square().flatten(2).mean((0, 2))
        again = (square[drawn].mean(1) / size[drawn].mean(1)).sqrt()
        low, high = again.quantile(torch.tensor([0.025, 0.975], dtype=again.dtype)).tolist()
        found.append((float((square.mean() / size.mean()).sqrt()), low, high))
    return found


def same_error(ours: Sequence[float], budgets: Sequence[int], error: float) -> str:
    """Return how many evaluations we need for an error."""
    scale, x = np.log(ours[::-1]), np.log(budgets[::-1])
    if np.log(error) < scale[0] or np.log(error) > scale[-1]:
        return f"> {budgets[-1]}" if np.log(error) < scale[0] else f"< {budgets[0]}"
    return str(round(float(np.exp(np.interp(np.log(error), scale, x)))))


def report(
    title: str, rows: dict[str, Estimate], truth: Tensor, budgets: Sequence[int], seeds: int
) -> None:
    """Print one line an estimate; the first is ours, to which the others are compared."""
    print(f"\n{title}, {seeds} seeds\n")
    print(f"{'evaluations':34}" + "".join(f"{budget:>26}" for budget in budgets))
    ours: list[float] = []
    for name, estimate in rows.items():
        found = errors(estimate, truth, budgets, seeds)
        ours = ours or [error for error, _, _ in found]
        cells = [
            f"{error:8.1%} [{100 * low:.1f}, {100 * high:.1f}]".rjust(19)
            + f"({same_error(ours, budgets, error)})".rjust(7)
            for error, low, high in found
        ]
        print(f"{name:34}" + "".join(cells), flush=True)
    print("([95 % interval over images], (evaluations we need for the same error))")


def kernel_shaps(games: list[Game], targets: Tensor) -> dict[str, Estimate]:
    """Return KernelSHAP by us, shap and captum: (images, targets, segments)."""
    import shap
    from captum.attr import KernelShap

    full = torch.ones(1, SEGMENTS).double()

    def ours(budget: int, seed: int) -> Tensor:
        options = {"samples": budget - 2, "seed": seed}
        maps = [
            explain(each, full, row[None], "kernel_shap", **options).attributions
            for each, row in zip(games, targets, strict=True)
        ]
        return torch.cat(maps)

    def shaps(budget: int, seed: int) -> Tensor:
        np.random.seed(seed)
        found = []
        for each, row in zip(games, targets, strict=True):

            def outputs(masks: Any, each: Game = each) -> Any:
                return each(torch.as_tensor(masks)).numpy()

            explainer = shap.KernelExplainer(outputs, np.zeros((1, SEGMENTS)))
            values = explainer.shap_values(full.numpy(), nsamples=budget, l1_reg=0, silent=True)
            found.append(torch.as_tensor(values[0]).T[row])
        return torch.stack(found)

    def captums(budget: int, seed: int) -> Tensor:
        torch.manual_seed(seed)
        found = [
            KernelShap(each).attribute(
                full, target=int(target), n_samples=budget, perturbations_per_eval=128
            )
            for each, row in zip(games, targets, strict=True)
            for target in row
        ]
        return torch.cat(found).view(len(games), -1, SEGMENTS)

    return {"kernel_shap": ours, "shap's KernelExplainer": shaps, "captum's KernelShap": captums}


def shapiqs(python: str, games: list[Game], targets: Tensor, seeds: int) -> dict[str, Estimate]:
    """Return shapiq's estimates, made by the interpreter of another environment."""
    tables = [each.table[:, row] for each, row in zip(games, targets, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        given, values = Path(folder) / "games.npz", Path(folder) / "values.npz"
        np.savez(given, tables=torch.stack(tables).numpy())
        script = Path(__file__).with_name("shapiq_values.py")
        command = [python, script, given, values, seeds, *BUDGETS]
        subprocess.run([str(each) for each in command], check=True)
        with np.load(values) as file:
            found = {name: torch.from_numpy(file[name]) for name in file}

    def looked_up(every: Tensor) -> Estimate:
        return lambda budget, seed: every[BUDGETS.index(budget), seed]

    return {f"shapiq's {name}": looked_up(every) for name, every in found.items()}


def many_segments(model: nn.Module, x: Tensor, targets: Tensor) -> tuple[Tensor, Estimate]:
    """Return the squares' values by a very long plain regression, and our estimate."""
    cut = torch.arange(28) * GRID // 28
    squares = cut.unsqueeze(1) * GRID + cut
    half, weights = drawn_pairs(GRID**2, LONG // 2, torch.Generator().manual_seed(99))
    masks, weights = torch.cat([half, ~half]), torch.cat([weights, weights])
    problem = Problem(model.eval(), x, targets, seed=0, chunk=128)
    rows, labels = torch.arange(len(x)), squares.expand(len(x), 1, -1, -1)
    every = torch.cat([masks, torch.zeros_like(masks[:1]), torch.ones_like(masks[:1])])
    scores = masked_outputs(problem, rows, labels, every, torch.zeros_like(x).unsqueeze(1))
    empty, full = scores[:, -2].double(), scores[:, -1].double()
    truth = regression(masks, weights, scores[:, :-2].double() - empty.unsqueeze(1), full - empty)

    def ours(budget: int, seed: int) -> Tensor:
        options = {"segments": squares, "samples": budget - 2, "seed": seed}
        maps = explain(model, x, targets, "kernel_shap", **options).attributions
        shares = [maps[:, :, 0, squares == k].sum(2) for k in range(GRID**2)]
        return torch.stack(shares, dim=2).double()

    return truth, ours


def expectations(
    model: nn.Module, x: Tensor, targets: Tensor, references: Tensor
) -> dict[str, Estimate]:
    """Return expected gradients by us, captum and shap: (images, targets, *shape)."""
    import shap
    from captum.attr import GradientShap

    def ours(name: str) -> Estimate:
        return lambda budget, seed: (
            explain(
                model, x, targets, name, samples=budget, background=references, seed=seed
            ).attributions
        )

    def captums(budget: int, seed: int) -> Tensor:
        torch.manual_seed(seed)
        np.random.seed(seed)
        method = GradientShap(model)
        columns = [
            method.attribute(x, references, n_samples=budget, target=t).detach() for t in targets.T
        ]
        return torch.stack(columns, dim=1)

    def shaps(budget: int, seed: int) -> Tensor:
        explainer = shap.GradientExplainer(model, references)
        values = np.asarray(explainer.shap_values(x, nsamples=budget, rseed=seed))
        every = torch.as_tensor(values).movedim(-1, 1).float()
        return torch.stack([every[i, row] for i, row in enumerate(targets)])

    return {
        "expected_gradients": ours("expected_gradients"),
        "gradient_shap": ours("gradient_shap"),
        "captum's GradientShap": captums,
        "shap's GradientExplainer": shaps,
    }


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how often each estimate is drawn")
    parser.add_argument("--images", type=int, default=IMAGES, help="to be explained")
    parser.add_argument("--shapiq", help="the interpreter of an environment with shapiq")
    arguments = parser.parse_args()
    seeds = arguments.seeds
    warnings.simplefilter("ignore")  # captum and shap announce that they hook the model
    model = load_pretrained("fashion_mnist")
    test, train = load("fashion_mnist", "test"), load("fashion_mnist", "train")
    x, references = test.images[: arguments.images], train.images[:REFERENCES]
    targets = targets_of_interest(model, x, test.labels[: arguments.images])
    games = [game(model, image) for image in x]
    exact = torch.stack(
        [shapley(each.table)[:, row].T for each, row in zip(games, targets, strict=True)]
    )
    setting = f"{len(x)} images × {targets.shape[1]} targets"
    rows = kernel_shaps(games, targets)
    if arguments.shapiq:
        rows |= shapiqs(arguments.shapiq, games, targets, seeds)
    else:
        print("Without shapiq, which needs an environment of its own: see --shapiq.")
    report(
        f"Shapley values of {SEGMENTS} segments, {setting}",
        rows,
        exact,
        BUDGETS,
        seeds,
    )
    truth, ours = many_segments(model, x, targets)
    name = f"Shapley values of {GRID**2} segments, beside {LONG:,} evaluations, {setting}"
    report(name, {"kernel_shap": ours}, truth, MORE, min(seeds, 3))
    paths = explain(model, x, targets, "integrated_gradients", steps=300, baseline=references)
    report(
        f"Expected gradients over {REFERENCES} references, {setting}",
        expectations(model, x, targets, references),
        paths.attributions,
        PATHS,
        min(seeds, 3),
    )


if __name__ == "__main__":
    main()
