"""Our speed as a ratio to the libraries', at equal settings and equal results.

``python -m tests.benchmarks.bench_attribution`` explains 16 FashionMNIST images for the four
targets of interest with every method that a library has as well. Both do the same work: same
steps, samples, masks, windows, references. They take turns in one process, because a machine's
speed drifts; the ratio is the median over rounds of library seconds / our seconds, with its
smallest and largest. "apart" is the largest difference of attributions, relative to the largest
attribution. Nothing is asserted: the tests say what is right, this says what it costs.

DeepSHAP explains all ten classes, because shap cannot do less. captum's DeepLIFT is apart because
its attributions do not add up on max pooling; shap's do, and agree with ours. KernelSHAP runs on
seven segments, whose 126 coalitions shap and we enumerate; captum draws its own, hence is apart;
so is its GradientShap.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from xaikit import explain, load, load_pretrained, targets_of_interest

IMAGES, REFERENCES, STEPS, SAMPLES, MASKS = 16, 10, 50, 50, 300


class Case(NamedTuple):
    """A method with its options here, and the same work done by a library."""

    method: str
    options: dict[str, Any]
    library: str
    theirs: Callable[[], Tensor]
    targets: Tensor


def by_target(targets: Tensor, attribute: Callable[[Tensor], Tensor]) -> Tensor:
    """Return (N, T, …) from a library that takes one target an input and call."""
    return torch.stack([attribute(column).detach() for column in targets.T], dim=1)


def cases(model: nn.Sequential, x: Tensor, targets: Tensor, references: Tensor) -> list[Case]:
    """Return every method beside its library."""
    import shap
    from captum import attr

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
            lambda: by_target(
                targets,
                # In batches as large as ours: all at once would be slower.
                lambda t: path.attribute(x, target=t, n_steps=STEPS, internal_batch_size=128),
            ),
            targets,
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
            lambda: by_target(
                targets,
                lambda t: windows.attribute(
                    x, (1, 4, 4), (1, 4, 4), target=t, perturbations_per_eval=8
                ),
            ),
            targets,
        ),
        Case("lime", {"samples": MASKS}, "lime", lambda: lime_itself(model, x, targets), targets),
        *[
            Case(
                "kernel_shap",
                # Few enough segments for all coalitions: only then have all three one answer.
                {"segments": BANDS, "samples": 2 ** len(BANDS.unique()) - 2},
                library,
                lambda by=by: by(model, x, targets),
                targets,
            )
            for library, by in (("captum", captum_kernel_shap), ("shap", shap_itself))
        ],
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


def captum_kernel_shap(model: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
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
                        perturbations_per_eval=128,
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


def lime_itself(model: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
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
            batch_size=128,
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
    """Return the seconds of a piece of work, and its result; progress bars are not shown."""
    with contextlib.redirect_stderr(io.StringIO()):
        start = time.perf_counter()
        result = work()
        return time.perf_counter() - start, result


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
    x, references = test.images[:IMAGES], train.images[:REFERENCES]
    targets = targets_of_interest(model, x, test.labels[:IMAGES])
    print(
        f"{IMAGES} images × {targets.shape[1]} targets, {arguments.rounds} rounds, "
        f"{torch.get_num_threads()} thread(s), torch {torch.__version__}\n"
    )
    print(
        f"{'method':22}{'against':9}{'ours s':>9}{'theirs s':>10}{'ratio':>8}"
        f"{'from':>8}{'to':>8}{'apart':>10}"
    )
    for case in cases(model, x, targets, references):
        if arguments.methods and case.method not in arguments.methods:
            continue
        rounds = []
        for turn in range(arguments.rounds + 1):
            theirs, expected = timed(case.theirs)
            ours, found = timed(
                lambda case=case: (
                    explain(model, x, case.targets, case.method, **case.options).attributions
                )
            )
            if turn:  # the first round pays for imports and caches
                rounds.append((ours, theirs, theirs / ours))
        ours, theirs, ratio = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = [each[2] for each in rounds]
        apart = ((found - expected).abs().max() / expected.abs().max()).item()
        print(
            f"{case.method:22}{case.library:9}{ours:9.3f}{theirs:10.3f}{ratio:8.2f}"
            f"{min(ratios):8.2f}{max(ratios):8.2f}{apart:10.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
