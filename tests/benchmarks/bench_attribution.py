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
import copy
import functools
import io
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from xaikit import explain, load, load_pretrained, targets_of_interest
from xaikit.core.passes import borrowed, channels_last

IMAGES, REFERENCES, STEPS, SAMPLES, MASKS = 16, 10, 50, 50, 300


class Case(NamedTuple):
    """A method with its options here, and the same work done by a library."""

    method: str
    options: dict[str, Any]
    library: str
    theirs: Callable[..., Tensor]
    targets: Tensor
    batches: tuple[int | None, ...] = ()
    """Batch sizes to choose the library's best from; ``theirs`` takes one, if there are any."""


def by_target(targets: Tensor, attribute: Callable[[Tensor], Tensor]) -> Tensor:
    """Return (N, T, …) from a library that takes one target an input and call."""
    return torch.stack([attribute(column).detach() for column in targets.T], dim=1)


def cases(model: nn.Sequential, x: Tensor, targets: Tensor, train: Tensor) -> list[Case]:
    """Return every method beside its library."""
    import shap
    from captum import attr

    references = train[:REFERENCES]
    saliency, times = attr.Saliency(model), attr.InputXGradient(model)
    path, cam = attr.IntegratedGradients(model), attr.LayerGradCam(model, model[10])
    lift, windows = attr.DeepLift(model), attr.Occlusion(model)
    guided, drawn = attr.GuidedBackprop(model), attr.GradientShap(model)
    relevance = captum_lrp(model)

    def smoothgrad() -> Tensor:
        # NoiseTunnel draws its own noise: give its gradient ours.
        draws = torch.randn(
            (SAMPLES, *x.shape[1:]), generator=torch.Generator().manual_seed(0), dtype=x.dtype
        )
        spread = 0.15 * (x.amax((1, 2, 3)) - x.amin((1, 2, 3))).view(-1, 1, 1, 1)
        total = torch.zeros(*targets.shape, *x.shape[1:])
        for draw in draws:
            noisy = x + spread * draw
            total += by_target(targets, lambda t, x=noisy: saliency.attribute(x, t, abs=False))
        return total / SAMPLES

    def grad_cam(target: Tensor) -> Tensor:
        small = cam.attribute(x, target, relu_attributions=True)
        return attr.LayerAttribution.interpolate(small, x.shape[2:], "bilinear")

    def deep_shap() -> Tensor:
        every = shap.DeepExplainer(model, references).shap_values(x)
        return torch.as_tensor(every).movedim(-1, 1)

    # shap explains all classes at once: so do we, then.
    classes = torch.arange(10).expand(len(x), -1)
    return [
        Case(
            "gradient",
            {},
            "captum",
            lambda: by_target(targets, lambda t: saliency.attribute(x, t, abs=False)),
            targets,
        ),
        Case(
            "input_x_gradient",
            {},
            "captum",
            lambda: by_target(targets, lambda t: times.attribute(x, t)),
            targets,
        ),
        Case(
            "guided_backprop",
            {},
            "captum",
            lambda: by_target(targets, lambda t: guided.attribute(x, t)),
            targets,
        ),
        Case("smoothgrad", {"samples": SAMPLES}, "captum", smoothgrad, targets),
        Case(
            "integrated_gradients",
            {"steps": STEPS},
            "captum",
            lambda batch: by_target(
                targets,
                lambda t: path.attribute(x, target=t, n_steps=STEPS, internal_batch_size=batch),
            ),
            targets,
            (32, 64, 128, None),
        ),
        Case("grad_cam", {}, "captum", lambda: by_target(targets, grad_cam), targets),
        Case(
            "deeplift",
            {},
            "captum",
            lambda: by_target(targets, lambda t: lift.attribute(x, torch.zeros_like(x[:1]), t)),
            targets,
        ),
        Case(
            "lrp",
            {"epsilon": 1e-6},
            "captum",
            lambda: by_target(targets, lambda t: relevance.attribute(x, target=t)),
            targets,
        ),
        Case(
            "gradient_shap",
            {"samples": SAMPLES, "background": references},
            "captum",
            lambda: by_target(
                targets, lambda t: drawn.attribute(x, references, n_samples=SAMPLES, target=t)
            ),
            targets,
        ),
        Case("deep_shap", {"background": references}, "shap", deep_shap, classes),
        Case(
            "occlusion",
            {"window": 4, "stride": 4},
            "captum",
            lambda batch: by_target(
                targets,
                lambda t: windows.attribute(
                    x, (1, 4, 4), (1, 4, 4), target=t, perturbations_per_eval=batch
                ),
            ),
            targets,
            (1, 4, 8, 49),
        ),
        Case(
            "lime",
            {"samples": MASKS},
            "lime",
            lambda batch: lime_itself(model, x, targets, batch),
            targets,
            (10, 32, 128, 300),
        ),
        # Few enough segments for all coalitions: only then have all three one answer.
        Case(
            "kernel_shap",
            {"segments": BANDS, "samples": 126},
            "captum",
            lambda batch: captum_kernel_shap(model, x, targets, batch),
            targets,
            (16, 32, 64, 126),
        ),
        Case(
            "kernel_shap",
            {"segments": BANDS, "samples": 126},
            "shap",
            lambda: shap_itself(model, x, targets),
            targets,
        ),
        # As shap's users call it: an image, some 50 segments, its defaults, a background of 50.
        Case(
            "kernel_shap 50",
            {"segments": "grid", "samples": 2 * 49 + 2048, "background": train[:50]},
            "shap",
            lambda: shap_by_default(model, x[:1], targets[:1], train[:50]),
            targets[:1],
        ),
    ]


class Viewed(nn.Module):
    """Our network without its nn.Flatten, which captum's LRP refuses."""

    def __init__(self, chain: nn.Sequential) -> None:
        super().__init__()
        *maps, _, self.head = chain
        self.body = nn.Sequential(*maps)

    def forward(self, x: Tensor) -> Tensor:
        """Return the chain's outputs."""
        return self.head(self.body(x).flatten(1))


def captum_lrp(model: nn.Sequential) -> Any:
    """Return captum's LRP with our epsilon in every layer that has a rule."""
    from captum.attr import LRP
    from captum.attr._utils.lrp_rules import EpsilonRule

    viewed = Viewed(copy.deepcopy(model))
    for layer in (*viewed.body, viewed.head):
        if not isinstance(layer, nn.ReLU):
            layer.rule = EpsilonRule(1e-6)
    return LRP(viewed)


BANDS = (torch.arange(28) // 4).unsqueeze(1).expand(28, 28)
"""Seven horizontal bands of an image: 126 coalitions."""


def captum_kernel_shap(model: nn.Module, x: Tensor, targets: Tensor, batch: int) -> Tensor:
    """Return captum's KernelShap; it draws coalitions with repetition, an image at a time."""
    from captum import attr

    torch.manual_seed(0)
    kernel, height = attr.KernelShap(model), 28 * 4
    return torch.cat(
        [
            by_target(
                wanted[None],
                lambda t, image=image: (
                    kernel.attribute(
                        image[None],
                        target=t,
                        feature_mask=BANDS[None, None],
                        n_samples=126,
                        perturbations_per_eval=batch,
                    )
                    / height
                ),
            )
            for image, wanted in zip(x, targets, strict=True)
        ]
    )


def shap_itself(model: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
    """Return shap's KernelExplainer over the bands, its regularisation off."""
    import shap

    found = []
    for image, wanted in zip(x, targets, strict=True):

        @torch.no_grad()
        def outputs(masks: Any, image: Tensor = image) -> Any:
            present = torch.as_tensor(masks, dtype=image.dtype)[:, BANDS].unsqueeze(1)
            return model(present * image).numpy()

        explainer = shap.KernelExplainer(outputs, torch.zeros(1, 7).numpy())
        values = explainer.shap_values(
            torch.ones(1, 7).numpy(), nsamples=126, l1_reg=0, silent=True
        )
        found.append(torch.as_tensor(values[0]).T[wanted][:, BANDS] / (28 * 4))
    return torch.stack(found).unsqueeze(2).float()


def shap_by_default(model: nn.Module, x: Tensor, targets: Tensor, background: Tensor) -> Tensor:
    """Return shap's KernelExplainer over 7 × 7 cells with its defaults, for the targets."""
    import shap

    from xaikit.attribution import superpixels

    cells = superpixels(x, "grid")[0, 0]
    found = []
    for image, wanted in zip(x, targets, strict=True):

        @torch.no_grad()
        def outputs(masks: Any, image: Tensor = image) -> Any:
            # A mask's row: 1 where a cell shows the image, else the number of the reference, − k.
            shown = torch.as_tensor(masks, dtype=torch.int64)[:, cells].unsqueeze(1)
            behind = background[(-shown).clamp(0).amax((1, 2, 3))]
            rows = torch.where(shown == 1, image, behind)
            return torch.cat([model(part) for part in rows.split(128)]).numpy()

        numbers = -torch.arange(len(background)).unsqueeze(1).expand(-1, 49)
        explainer = shap.KernelExplainer(outputs, numbers.numpy())
        values = explainer.shap_values(torch.ones(1, 49).long().numpy(), silent=True)
        found.append(torch.as_tensor(values[0]).T[wanted][:, cells] / 16)
    return torch.stack(found).unsqueeze(2).float()


def lime_itself(model: nn.Module, x: Tensor, targets: Tensor, batch: int) -> Tensor:
    """Return lime's image explainer's weights, on our superpixels, masks and black pixels."""
    from lime.lime_image import LimeImageExplainer

    from xaikit.attribution import superpixels

    class Masks:
        """A random state that draws our masks."""

        def randint(self, low: int, high: int, size: int) -> Any:
            """Return the masks of MASKS samples in one row."""
            generator = torch.Generator().manual_seed(0)
            return torch.randint(low, high, (MASKS, size // MASKS), generator=generator).numpy()

    @torch.no_grad()
    def predict(pictures: Any) -> Any:  # (n, H, W, 3): lime has made them colour images
        return model(torch.as_tensor(pictures)[..., 0].unsqueeze(1).float()).numpy()

    maps = superpixels(x, "slic")[:, 0]
    found = []
    for image, labels, wanted in zip(x, maps, targets, strict=True):
        explainer = LimeImageExplainer(random_state=0)
        explainer.random_state = Masks()
        explanation = explainer.explain_instance(
            image[0].double().numpy(),
            predict,
            labels=set(wanted.tolist()),
            top_labels=None,
            hide_color=0,
            num_samples=MASKS,
            num_features=int(labels.max()) + 1,
            batch_size=batch,
            segmentation_fn=lambda _, labels=labels: labels.numpy(),
            random_seed=0,
        )
        weights = [dict(explanation.local_exp[int(target)]) for target in wanted]
        found.append(
            torch.stack(
                [torch.tensor([each[k] for k in range(len(each))])[labels] for each in weights]
            )
        )
    return torch.stack(found).unsqueeze(2)


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
    with borrowed(model), channels_last(model, x):
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
