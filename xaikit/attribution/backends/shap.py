"""shap's explainers (Lundberg & Lee 2017, arXiv:1705.07874) under the course's options."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from xaikit.attribution.backends.asked import complete, expect_modules, library, seeded
from xaikit.attribution.kernel_shap import absent_inputs, spread
from xaikit.attribution.registry import Attribution, adapter
from xaikit.attribution.segments import Segments, superpixels
from xaikit.core.passes import every_output
from xaikit.core.problem import Problem
from xaikit.core.references import Baseline, reference_inputs


@adapter("shap", "deep_shap")
def _deep_shap(problem: Problem, *, background: Tensor | None = None) -> Attribution:
    expect_modules(problem, "shap's DeepExplainer", "shap/shap issues 3938 and 3725", once=True)
    references = reference_inputs(problem, background)
    with seeded(problem.seed):
        explainer = library("shap").DeepExplainer(problem.model, references)
        try:
            found = explainer.shap_values(problem.inputs.clone())
        except AssertionError as error:
            raise ValueError(
                "shap's DeepExplainer finds that its values do not sum to the output's change: the "
                "model has an operation that shap does not know (shap/shap issue 3363); use "
                'backend="native".'
            ) from error
    return _of_targets(problem, found, references)


@adapter("shap", "gradient_shap")
def _gradient_shap(
    problem: Problem, *, samples: int = 200, background: Tensor | None = None
) -> Attribution:
    references = reference_inputs(problem, background)
    with seeded(problem.seed):
        explainer = library("shap").GradientExplainer(
            problem.model, references, batch_size=problem.chunk
        )
        inputs = problem.inputs.clone()
        found = explainer.shap_values(inputs, nsamples=samples, rseed=problem.seed)
    return _of_targets(problem, found, references)


def _of_targets(problem: Problem, found: Any, references: Tensor) -> Attribution:
    """Return the targets' maps of all classes' (N, *shape, classes)."""
    every = torch.as_tensor(np.asarray(found)).movedim(-1, 1).to(problem.inputs)
    maps = torch.stack([own[wanted] for own, wanted in zip(every, problem.targets, strict=True)])
    return complete(problem, maps, references.expand(len(maps), *references.shape))


@adapter("shap", "kernel_shap")
def _kernel_shap(
    problem: Problem,
    *,
    samples: int = 1000,
    segments: Segments = "auto",
    baseline: Baseline = None,
    background: Tensor | None = None,
) -> Attribution:
    hidden = absent_inputs(problem, baseline, background)
    labels = superpixels(problem.inputs, segments)
    maps = []
    for x, wanted, own, behind in zip(problem.inputs, problem.targets, labels, hidden, strict=True):
        with seeded(problem.seed):
            values = _values(problem, x, own.expand_as(x), behind, samples)[:, wanted.cpu()]
        maps.append(spread(values.T[None].to(x), own[None], x[None]))
    found = complete(problem, torch.cat(maps), hidden)
    return found._replace(details={"segments": labels})


def _values(problem: Problem, x: Tensor, place: Tensor, behind: Tensor, samples: int) -> Tensor:
    """Return every class's Shapley values of one input's segments, (segments, classes).

    shap's explainer sees rows of numbers: 1 where a segment shows the input, and in row k of its
    background −k, where the segment shows reference k.
    """
    number = int(place.max()) + 1

    def outputs(rows: Any) -> Any:
        shown = torch.as_tensor(rows, device=x.device).round().long()
        which = (-shown).clamp(0).amax(1)
        present = (shown == 1)[:, place]
        masked = torch.where(present, x, behind[which])
        return every_output(problem.model, masked, problem.chunk).double().cpu().numpy()

    numbers = np.repeat(-np.arange(len(behind), dtype=float)[:, None], number, axis=1)
    explainer = library("shap").KernelExplainer(outputs, numbers)
    every = explainer.shap_values(np.ones((1, number)), nsamples=samples, l1_reg=0, silent=True)
    return torch.as_tensor(np.asarray(every)).reshape(number, -1)
