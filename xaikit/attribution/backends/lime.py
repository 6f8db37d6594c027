"""lime's image explainer (Ribeiro et al. 2016, arXiv:1602.04938) under the course's options."""

from __future__ import annotations

from typing import Any
from unittest import mock

import torch
from torch import Tensor

from xaikit.attribution.backends.asked import library, seeded
from xaikit.attribution.registry import Attribution, adapter
from xaikit.attribution.segments import Segments, superpixels
from xaikit.core.passes import every_output
from xaikit.core.problem import Problem


@adapter("lime", "lime")
def _lime(
    problem: Problem,
    *,
    samples: int = 1000,
    segments: Segments = "auto",
    baseline: float = 0.0,
    kernel_width: float = 0.25,
) -> Attribution:
    inputs = problem.inputs
    if inputs.ndim != 4 or inputs.shape[1] not in (1, 3):
        raise ValueError(
            f"lime's image explainer takes grey or colour images, (N, 1, H, W) or (N, 3, H, W), "
            f'not inputs of shape {tuple(inputs.shape)}: use backend="native".'
        )
    images = library("lime", "lime.lime_image")
    labels = superpixels(inputs, segments)
    maps = []
    for x, wanted, own in zip(inputs, problem.targets, labels[:, 0].cpu(), strict=True):
        # lime draws a bar of its own, whatever one asks for.
        with seeded(problem.seed), mock.patch.object(images, "tqdm", iter):
            explainer = images.LimeImageExplainer(
                kernel_width, feature_selection="none", random_state=problem.seed
            )
            found = explainer.explain_instance(
                _picture(x),
                lambda pictures: _outputs(problem, pictures),
                labels=sorted(set(wanted.tolist())),
                top_labels=None,
                hide_color=baseline,
                num_samples=samples,
                batch_size=problem.chunk,
                segmentation_fn=lambda _, own=own: own.numpy(),
                random_seed=problem.seed,
            )
        weights = [dict(found.local_exp[target]) for target in wanted.tolist()]
        number = int(own.max()) + 1
        table = torch.tensor([[each[k] for k in range(number)] for each in weights]).to(x)
        maps.append(table[:, own.to(x.device)].unsqueeze(1).expand(-1, *x.shape))
    return Attribution(torch.stack(maps), details={"segments": labels})


def _picture(x: Tensor) -> Any:
    """Return an image (C, H, W) as lime wants it: (H, W), or (H, W, 3)."""
    return (x[0] if len(x) == 1 else x.movedim(0, -1)).double().cpu().numpy()


def _outputs(problem: Problem, pictures: Any) -> Any:
    """Return the outputs for pictures (n, H, W, 3): lime has made grey ones coloured."""
    shown = torch.as_tensor(pictures).movedim(-1, 1)[:, : problem.inputs.shape[1]]
    return every_output(problem.model, shown.to(problem.inputs), problem.chunk).cpu().numpy()
