"""Our speed as a ratio to the libraries', at equal settings and equal results.

``python -m tests.benchmarks.bench_attribution`` explains 16 FashionMNIST images for the four
targets of interest with every method that a library has as well. Both do the same work: same
steps, samples, masks, windows, references. They take turns in one process, because a machine's
speed drifts, and processor time is taken, because others may use it as well; the ratio is the
median over rounds of library seconds / our seconds, with its smallest and largest. A library
whose call takes a batch size gets the fastest of several, found first and printed. "apart" is the
largest difference of attributions, relative to the largest attribution. "limit" is the share of
the arithmetic limit that we reach: rows that passed the model forwards and backwards, times what a
row costs in a bare loop over chunks of 128 in the same run, over our seconds. A backward pass that
ends at a layer (Grad-CAM) costs less than counted.
Nothing is asserted: the tests say what is right, this says what it costs.

DeepSHAP explains all ten classes, because shap cannot do less. captum's DeepLIFT is apart because
its attributions do not add up on max pooling; shap's do, and agree with ours. KernelSHAP runs on
seven segments, whose 126 coalitions shap and we enumerate; captum draws its own, hence is apart;
so is its GradientShap.

``python -m tests.benchmarks.accuracy`` compares errors at equal numbers of evaluations.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tests.benchmarks.explainers import IMAGES, Case, cases
from xaikit import explain, load, load_pretrained, targets_of_interest
from xaikit.core.passes import channels_last, frozen


def timed(work: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Return the processor seconds of a piece of work, and its result, without its bars."""
    with contextlib.redirect_stderr(io.StringIO()):
        start = time.process_time()
        result = work()
        return time.process_time() - start, result


class Passes:
    """Counts the rows that pass a model forwards, and backwards."""

    def __init__(self, model: nn.Module) -> None:
        self.forward = self.backward = 0
        self.hook = model.register_forward_hook(self._count)

    def _count(self, _: nn.Module, __: object, scores: Tensor) -> None:
        self.forward += len(scores)
        if scores.requires_grad:
            scores.register_hook(self._counted)

    def _counted(self, slopes: Tensor) -> None:
        self.backward += len(slopes)


def cost_of_a_row(model: nn.Module, x: Tensor) -> tuple[float, float]:
    """Return the seconds of a row forwards and backwards: the best of five bare loops."""
    rows = x.repeat(32, 1, 1, 1)[:512]
    forward, backward = [], []
    with frozen(model), channels_last(model, x):
        for _ in range(5):
            start = time.process_time()
            with torch.no_grad():
                for part in rows.split(128):
                    model(part)
            forward.append(time.process_time() - start)
            seconds = 0.0
            for part in rows.split(128):
                leaf = part.clone().requires_grad_()
                score = model(leaf)[:, 0].sum()
                start = time.process_time()
                torch.autograd.grad(score, leaf)
                seconds += time.process_time() - start
            backward.append(seconds)
    return min(forward) / len(rows), min(backward) / len(rows)


def main() -> None:
    """Print one line a method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often both take their turn")
    parser.add_argument("--methods", nargs="*", help="only these")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # captum and shap announce that they hook the model
    model = load_pretrained("fashion_mnist")
    for parameter in model.parameters():  # as any user of a trained network would for speed
        parameter.requires_grad_(False)
    test, train = load("fashion_mnist", "test"), load("fashion_mnist", "train")
    x = test.images[:IMAGES]
    targets = targets_of_interest(model, x, test.labels[:IMAGES])
    forward, backward = cost_of_a_row(model, x)
    print(
        f"{IMAGES} images × {targets.shape[1]} targets, {arguments.rounds} rounds, "
        f"{torch.get_num_threads()} thread(s), torch {torch.__version__}; a row costs "
        f"{1e6 * forward:.0f} µs forwards, {1e6 * backward:.0f} µs backwards\n"
    )
    print(
        f"{'method':22}{'against':9}{'batch':>6}{'ours s':>9}{'theirs s':>10}{'ratio':>8}"
        f"{'from':>8}{'to':>8}{'apart':>10}{'limit':>8}"
    )
    for case in cases(model, x, targets, train.images):
        name = case.method.split()[0]
        if arguments.methods and name not in arguments.methods:
            continue
        print(f"{case.method}: trying batch sizes", end="\r", file=sys.stderr)
        tried = {size: timed(functools.partial(case.theirs, size))[0] for size in case.batches * 2}
        best = min(tried, key=lambda size: tried[size]) if tried else None
        theirs_best = functools.partial(case.theirs, best) if tried else case.theirs
        wanted = x[: len(case.targets)]

        def ours_once(case: Case = case, wanted: Tensor = wanted, name: str = name) -> Tensor:
            return explain(model, wanted, case.targets, name, **case.options).attributions

        passes = Passes(model)
        ours_once()
        passes.hook.remove()
        bound = passes.forward * forward + passes.backward * backward
        rounds = []
        turns = arguments.rounds if " " not in case.method else 1
        for turn in range(turns + 1):
            if not turn and " " in case.method:
                continue  # long enough to need no warming up
            theirs, expected = timed(theirs_best)
            ours, found = timed(ours_once)
            if turn:  # the first round pays for imports and caches
                rounds.append((ours, theirs, theirs / ours))
        ours, theirs, ratio = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = [each[2] for each in rounds]
        apart = ((found - expected).abs().max() / expected.abs().max()).item()
        size = "" if not tried else "all" if best is None else str(best)
        print(
            f"{case.method:22}{case.library:9}{size:>6}{ours:9.3f}{theirs:10.3f}{ratio:8.2f}"
            f"{min(ratios):8.2f}{max(ratios):8.2f}{apart:10.1e}{bound / ours:8.0%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
