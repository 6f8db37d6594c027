"""How fast are the methods on concepts, and how often do they find what is not there?

``python -m tests.benchmarks.bench_concepts [tcav] [maximise] [dissect] [discover] [alarms]``. TCAV
over 5 layers × 6 concepts × 30 random sets beside captum's own with its own classifier;
maximisation of ten classes in one batch beside the paper's loop, one class after the other, and
torch-lucent's; dissection of all units over 10,000 images; factorisation beside overcomplete's.
torch-lucent and overcomplete are compared with where they are installed. Seconds are the
processor's, which do not depend on what else runs: set ``OMP_NUM_THREADS=1``, because threads that
wait count as well.
False alarms at a level of 5 % over 200 runs, with Wilson's 95 % intervals.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import matplotlib as mpl
import torch
from captum.concept import TCAV, Concept
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from xaikit import load, load_pretrained
from xaikit.concepts import dissect, masks_of, maximise, probe, slices, tcav
from xaikit.concepts.ascent import Prior
from xaikit.concepts.factorisation import factorised
from xaikit.concepts.shares import share
from xaikit.progress import Bar

LAYERS = ["1", "4", "6", "8", "9"]
RUNS = 200


def _sets(images: Tensor, number: int, size: int, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [images[torch.randperm(len(images), generator=generator)[:size]] for _ in range(number)]


def speed_tcav(images: Tensor, labels: Tensor, size: int = 30, randoms: int = 30) -> None:
    """Print the seconds of TCAV, ours (with the runs of random sets as well) and captum's."""
    model = load_pretrained("fashion_mnist")
    given = {str(k): images[labels == k][:size] for k in range(6)}
    sets = _sets(images, randoms, size, 0)
    asked = images[labels == 7][:50]
    start = time.process_time()
    tcav(model, asked, 7, given, sets, layer=LAYERS)
    ours = time.process_time() - start
    start = time.process_time()
    everything = [Concept(k, f"c{k}", [each]) for k, each in enumerate([*given.values(), *sets])]
    pairs = [[c, r] for c in everything[:6] for r in everything[6:]]
    with tempfile.TemporaryDirectory() as folder:
        TCAV(model, LAYERS, save_path=folder).interpret(asked, pairs, target=7)
    theirs = time.process_time() - start
    print(f"TCAV: {ours:.1f} s, captum {theirs:.1f} s: {theirs / ours:.1f} times", flush=True)


def _loop(model: nn.Module, target: int, steps: int) -> None:
    """The paper's ascent for one class: spectrum, jitter, Adam."""
    spectrum = (0.05 * torch.randn(1, 1, 28, 15, 2)).requires_grad_()
    push = torch.optim.Adam([spectrum], lr=0.05)
    for _ in range(steps):
        image = torch.sigmoid(torch.fft.irfft2(torch.view_as_complex(spectrum), s=(28, 28)))
        moved = torch.roll(image, torch.randint(-2, 3, (2,)).tolist(), (2, 3))
        push.zero_grad()
        (-model(moved)[0, target]).backward()
        push.step()


def _lucent(model: nn.Module, target: int, steps: int) -> None:
    """The same by torch-lucent's own loop, on images of the network's size."""
    render = importlib.import_module("lucent.optvis.render")
    param = importlib.import_module("lucent.optvis.param.spatial")
    objectives = importlib.import_module("lucent.optvis.objectives")
    transform = importlib.import_module("lucent.optvis.transform")

    def images() -> Any:
        parameters, image = param.fft_image([1, 1, 28, 28])
        return parameters, lambda: torch.sigmoid(image())

    render.render_vis(
        model,
        objectives.channel("14", target),
        images,
        transforms=[transform.jitter(4)],
        thresholds=(steps,),
        preprocess=False,
        progress=False,
        show_image=False,
        fixed_image_size=28,
    )


def speed_maximise(images: Tensor, steps: int = 128) -> None:
    """Print the seconds for ten classes, at once and one after the other, by torch-lucent, too.

    The loops climb in the spectrum. By default, ours climbs along the data's components and shows
    images of the data beside each, which no loop does: so both calls are timed.
    """
    model = load_pretrained("fashion_mnist")

    def at_once(number: int, prior: Prior) -> None:
        maximise(model, range(10), data=images[:number], prior=prior, steps=steps)

    def in_turn(loop: Callable[[nn.Module, int, int], None]) -> None:
        for target in range(10):
            loop(model, target, steps)

    loops = {"the paper's loop": _loop}
    if find_spec("lucent") is not None:
        loops["torch-lucent"] = _lucent
    theirs = {name: _seconds(partial(in_turn, loop)) for name, loop in loops.items()}
    for what, number, prior in (("spectrum", 100, "spectrum"), ("default", 1000, "data")):
        ours = _seconds(partial(at_once, number, prior))
        for name, took in theirs.items():
            words = f"{ours:.2f} s, {name} {took:.1f} s: {took / ours:.1f} times"
            print(f"maximise, {what}: {words}", flush=True)


def _seconds(call: Callable[[], None]) -> float:
    """Return the least of three, the first of which warms up."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return min(taken)


def speed_dissect(images: Tensor) -> None:
    """Print the seconds for all units of all convolutions."""
    model = load_pretrained("fashion_mnist")
    start = time.process_time()
    found = dissect(model, images, masks_of(images), layer=["1", "4", "6", "9", "11"])
    took = time.process_time() - start
    print(f"dissect: {len(found.units)} units, {len(images)} images: {took:.1f} s", flush=True)


def speed_discover(images: Tensor, concepts: int = 10) -> None:
    """Print seconds and error of the factorisation, ours and overcomplete's, on one layer."""
    model = load_pretrained("fashion_mnist")
    with torch.no_grad():
        maps = model[:12](images)
    values = maps.permute(0, 2, 3, 1).flatten(0, 2)
    start = time.process_time()
    _, own, error = factorised(values, concepts, 0)
    took = time.process_time() - start
    print(f"NMF: {tuple(values.shape)}, error {error:.4f}, {took:.1f} s", flush=True)
    if find_spec("overcomplete") is None:
        print("overcomplete is not installed: nothing to compare with", flush=True)
        return
    # It asks for what matplotlib had before 3.9.
    mpl.cm.get_cmap = mpl.colormaps.__getitem__
    nmf = importlib.import_module("overcomplete.optimization").NMF
    for solver in ("hals", "mu"):
        start = time.process_time()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            made = nmf(concepts, solver=solver)
            codes, basis = made.fit(values)
        took = time.process_time() - start
        left = float((values - codes @ basis).norm() / values.norm())
        likeness = own.float() @ torch.nn.functional.normalize(basis, dim=1).T
        pairs = linear_sum_assignment(likeness.numpy(), maximize=True)
        print(
            f"overcomplete, {solver}: error {left:.4f}, {took:.1f} s, mean cosine with ours "
            f"{float(likeness[pairs].mean()):.3f}",
            flush=True,
        )


def _random_network(seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64, 8),
            nn.ReLU(),
            nn.Linear(8, 3),
        )


def alarms(runs: int = RUNS) -> None:
    """Print how often random concepts, labels and masks are found significant."""
    pool = torch.rand(2000, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    found, refused = {"tcav": 0, "dissect": 0, "slices": 0, "probe": 0}, 0
    for run in Bar(range(runs), "false alarms", unit="runs"):
        generator, model = torch.Generator().manual_seed(run), _random_network(run)
        sets = list(pool[torch.randperm(len(pool), generator=generator)[:132]].split(12))
        try:
            tested = tcav(model, pool[:30], 0, sets[0], sets[1:], layer="1")
            found["tcav"] += float(tested.p_value) < 0.05
        except ValueError:  # behind the layer, this network is linear for these images
            refused += 1
        # Few pixels: with a concept that covers many, no unit can reach the least IoU.
        masks = {"random": torch.rand(40, 6, 6, generator=generator) < 0.01}
        found["dissect"] += bool(
            dissect(model, pool[:40], masks, layer="1", seed=run).detects.any()
        )
        labels = torch.randint(3, (100,), generator=generator)
        groups = slices(model, pool[:100], labels, layer="1", groups=6).slices
        found["slices"] += any(each.p_value < 0.05 for each in groups)
        read = probe(model, pool[:100], labels, layer="1", seed=run)
        found["probe"] += read.accuracy["1"].low > read.chance
    for name, hits in found.items():
        tried = runs - refused if name == "tcav" else runs
        print(f"false alarms of {name}: {hits} of {tried}, {share(hits, tried)}", flush=True)


if __name__ == "__main__":
    asked = sys.argv[1:] or ["tcav", "maximise", "dissect", "discover", "alarms"]
    test = load("fashion_mnist", "test")
    if "tcav" in asked:
        speed_tcav(test.images, test.labels)
    if "maximise" in asked:
        speed_maximise(test.images)
    if "dissect" in asked:
        speed_dissect(test.images)
    if "discover" in asked:
        speed_discover(test.images[:500])
    if "alarms" in asked:
        alarms()
