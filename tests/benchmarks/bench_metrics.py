"""The metrics' speed as a ratio to captum's, at equal perturbations and equal results.

``python -m tests.benchmarks.bench_metrics`` measures 16 FashionMNIST images for the four targets of
interest. Infidelity is that of four methods at once, whose targets and maps share the perturbed
inputs here, while captum takes one target of one method a call. Sensitivity is the gradient's, all
targets of which are explained at once here. Both draw the same perturbations and take turns in one
process; the ratio is the median over rounds of captum's seconds / ours, with its smallest and
largest. "apart" is the largest difference relative to the largest value.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable

import captum.attr
import captum.metrics
import torch
from torch import Tensor, nn

from tests.benchmarks.bench_attribution import timed
from xaikit import Explanation, explain, load, load_pretrained, targets_of_interest
from xaikit.metrics import evaluate, sensitivity

IMAGES, SAMPLES, CHANGES = 16, 100, 10
METHODS = ("gradient", "smoothgrad", "guided_backprop", "random")
Case = tuple[str, Callable[[], Tensor], Callable[[], Tensor]]


def infidelity_case(model: nn.Module, x: Tensor, targets: Tensor) -> Case:
    """Return gaussian infidelity, rescaled, (methods, N, T)."""
    made = {name: explain(model, x, targets, name) for name in METHODS[:3]}
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(made["gradient"].attributions.shape, generator=generator)
    made["random"] = Explanation(noise, targets, None, "random", 0.0)
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([torch.randn(x.shape[1:], generator=generator) for _ in range(SAMPLES)])
    flat = x.flatten(1)
    spread = 0.2 * (flat.amax(1) - flat.amin(1)).view(-1, 1, 1, 1)
    options = {"perturbation": "gaussian", "samples": SAMPLES, "times_input": False}

    def ours() -> Tensor:
        rows = evaluate(model, x, made, ["infidelity"], options={"infidelity": options})
        return torch.stack([row.scores for row in rows])

    def theirs() -> Tensor:
        def column(maps: Tensor, target: Tensor) -> Tensor:
            done = 0

            def perturb(inputs: Tensor) -> tuple[Tensor, Tensor]:
                # captum asks for some draws of every image at a time, image after image.
                nonlocal done
                many = len(inputs) // len(x)
                part = draws[done : done + many]
                done += many
                change = (spread.unsqueeze(1) * part).flatten(0, 1)
                return change, inputs - change

            return captum.metrics.infidelity(
                model,
                perturb,
                x,
                maps,
                target=target,
                n_perturb_samples=SAMPLES,
                max_examples_per_batch=128,
                normalize=True,
            )

        return torch.stack(
            [
                torch.stack(
                    [
                        column(each.attributions[:, t], targets[:, t])
                        for t in range(targets.shape[1])
                    ],
                    dim=1,
                )
                for each in made.values()
            ]
        )

    return "infidelity of 4 methods", ours, theirs


def sensitivity_case(model: nn.Module, x: Tensor, targets: Tensor) -> Case:
    """Return the gradient's sensitivity (N, T), its first map included."""
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([torch.rand(x.shape[1:], generator=generator) for _ in range(CHANGES)])
    changes = 0.02 * (2 * draws - 1)
    saliency = captum.attr.Saliency(model)

    def ours() -> Tensor:
        return sensitivity(model, x, explain(model, x, targets, "gradient"), samples=CHANGES)

    def theirs() -> Tensor:
        def column(target: Tensor) -> Tensor:
            done = 0

            def perturb(inputs: Tensor) -> Tensor:
                nonlocal done
                many = len(inputs) // len(x)
                part = changes[done : done + many]
                done += many
                return inputs + part.repeat(len(x), 1, 1, 1)

            return captum.metrics.sensitivity_max(
                saliency.attribute,
                x,
                perturb,
                n_perturb_samples=CHANGES,
                max_examples_per_batch=128,
                target=target,
                abs=False,
            )

        return torch.stack([column(target) for target in targets.T], dim=1)

    return "sensitivity, gradient", ours, theirs


def main() -> None:
    """Print one line a metric."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often both take their turn")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # captum announces that it sets requires_grad
    model = load_pretrained("fashion_mnist")
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    data = load("fashion_mnist")
    x = data.images[:IMAGES]
    targets = targets_of_interest(model, x, data.labels[:IMAGES])
    print(
        f"{'metric':26}{'ours s':>9}{'captum s':>10}{'ratio':>8}{'from':>8}{'to':>8}{'apart':>10}"
    )
    for case in (infidelity_case, sensitivity_case):
        name, ours, theirs = case(model, x, targets)
        rounds = []
        for turn in range(arguments.rounds + 1):
            slow, expected = timed(theirs)
            fast, found = timed(ours)
            if turn:  # the first round pays for imports and caches
                rounds.append((fast, slow, slow / fast))
        fast, slow, ratio = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = [each[2] for each in rounds]
        apart = ((found - expected).abs().max() / expected.abs().max()).item()
        print(
            f"{name:26}{fast:9.3f}{slow:10.3f}{ratio:8.2f}{min(ratios):8.2f}{max(ratios):8.2f}"
            f"{apart:10.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
