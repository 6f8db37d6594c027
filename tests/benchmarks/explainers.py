"""The same work done by a library: every explanation method that one has, at equal settings."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

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
