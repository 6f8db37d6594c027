"""The same work done by a library: every explanation method that one has, at equal settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from xaikit import explain

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
    from captum import attr

    references = train[:REFERENCES]
    saliency, drawn = attr.Saliency(model), attr.GradientShap(model)
    lift, windows = attr.DeepLift(model), attr.Occlusion(model)

    def captum_deeplift() -> Tensor:
        # The backend refuses it: its attributions do not add up on max pooling.
        return by_target(targets, lambda t: lift.attribute(x, torch.zeros_like(x[:1]), t))

    def smoothgrad() -> Tensor:
        # NoiseTunnel takes one spread for all images; the backend calls it for each alone.
        draws = torch.randn(
            (SAMPLES, *x.shape[1:]), generator=torch.Generator().manual_seed(0), dtype=x.dtype
        )
        spread = 0.15 * (x.amax((1, 2, 3)) - x.amin((1, 2, 3))).view(-1, 1, 1, 1)
        total = torch.zeros(*targets.shape, *x.shape[1:])
        for draw in draws:
            noisy = x + spread * draw
            total += by_target(targets, lambda t, x=noisy: saliency.attribute(x, t, abs=False))
        return total / SAMPLES

    def backend(
        method: str,
        library: str = "captum",
        wanted: Tensor = targets,
        batches: tuple[int | None, ...] = (),
        **options: Any,
    ) -> Case:
        """Return a case in which the library is called by our backend."""

        def theirs(batch: int | None = 128) -> Tensor:
            chosen = {**options, "backend": library, "chunk": batch or 10**6}
            return explain(model, x, wanted, method, **chosen).attributions

        return Case(method, options, library, theirs, wanted, batches)

    # shap explains all classes at once: so do we, then.
    classes = torch.arange(10).expand(len(x), -1)
    return [
        backend("gradient"),
        backend("input_x_gradient"),
        backend("guided_backprop"),
        Case("smoothgrad", {"samples": SAMPLES}, "captum", smoothgrad, targets),
        backend("integrated_gradients", batches=(32, 64, 128, None), steps=STEPS),
        backend("grad_cam"),
        Case("deeplift", {}, "captum", captum_deeplift, targets),
        backend("lrp", epsilon=1e-6),
        backend("lrp", "zennit", rule="composite"),
        Case(
            "gradient_shap",
            {"samples": SAMPLES, "background": references},
            "captum",
            lambda: by_target(
                targets, lambda t: drawn.attribute(x, references, n_samples=SAMPLES, target=t)
            ),
            targets,
        ),
        backend("deep_shap", "shap", classes, background=references),
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
        backend("lime", "lime", batches=(10, 32, 128, 300), samples=MASKS),
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
