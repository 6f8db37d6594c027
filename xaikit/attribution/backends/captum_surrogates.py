"""Captum's surrogates, LIME and KernelSHAP: see :mod:`xaikit.attribution.backends.captum`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from xaikit.attribution.backends.asked import attr, complete, library, one_by_one
from xaikit.attribution.registry import Attribution, adapter
from xaikit.attribution.segments import Segments, superpixels
from xaikit.core.options import OrInfinity
from xaikit.core.problem import Problem
from xaikit.core.references import Baseline, baselines


@adapter("captum", "lime")
def _lime(
    problem: Problem,
    *,
    samples: int = 1000,
    segments: Segments = "auto",
    baseline: Baseline = None,
    kernel_width: OrInfinity = 0.25,
) -> Attribution:
    labels = superpixels(problem.inputs, segments)
    linear = library("captum", "captum._utils.models.linear_model")

    def near(_: Tensor, __: Tensor, mask: Tensor, **___: Any) -> Tensor:
        distance = 1 - mask.double().mean().sqrt()  # the cosine distance to all ones
        return (-(distance**2) / kernel_width**2).exp().sqrt()

    surrogate = attr().Lime(problem.model, linear.SkLearnRidge(alpha=1.0), similarity_func=near)
    maps = _segment_by_segment(problem, surrogate, labels, baseline, samples)
    return Attribution(maps, details={"segments": labels})


@adapter("captum", "kernel_shap")
def _kernel_shap(
    problem: Problem,
    *,
    samples: int = 1000,
    segments: Segments = "auto",
    baseline: Baseline = None,
) -> Attribution:
    labels = superpixels(problem.inputs, segments)
    kernel = attr().KernelShap(problem.model)
    maps = _segment_by_segment(problem, kernel, labels, baseline, samples)
    every = labels.expand_as(problem.inputs).flatten(1)
    sizes = torch.stack([each.bincount()[each] for each in every]).view_as(problem.inputs)
    return complete(problem, maps / sizes.unsqueeze(1), baselines(problem, baseline))._replace(
        details={"segments": labels}
    )


def _segment_by_segment(
    problem: Problem, surrogate: Any, labels: Tensor, baseline: Baseline, samples: int
) -> Tensor:
    """Return maps in which every feature has its segment's weight, the mean over references."""
    hidden = baselines(problem, baseline)

    def one(i: int, x: Tensor, target: int) -> Tensor:
        maps = [
            surrogate.attribute(
                x,
                baselines=behind[None],
                target=target,
                feature_mask=labels[i : i + 1].expand_as(x),
                n_samples=samples,
                perturbations_per_eval=min(samples, problem.chunk),
            )
            for behind in hidden[i]
        ]
        return torch.stack(maps).mean(0)

    return one_by_one(problem, one)
