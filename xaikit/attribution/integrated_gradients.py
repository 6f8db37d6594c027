"""Integrated Gradients: the gradient along a straight path from a baseline."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from xaikit.attribution.arguments import count, reference
from xaikit.attribution.passes import gradients_at, outputs_at, pairs, target_outputs
from xaikit.attribution.registry import Attribution, Problem, method


@method(
    "Integrated Gradients",
    based_on="gradient",
    complete=True,
    passes="steps + 2 forward, steps × T backward",
    paper="Sundararajan et al. 2017, Axiomatic attribution for deep networks, arXiv:1703.01365",
)
def integrated_gradients(
    problem: Problem, *, steps: int = 50, baseline: float | Tensor | str | None = None
) -> Attribution:
    """Return (input − baseline) times the mean gradient on the straight line between them.

    Parameters
    ----------
    problem
        What is explained.
    steps
        Points of the Gauss-Legendre rule, captum's default, exact for outputs that are
        polynomials of degree up to 2 · steps on the line. The convergence delta is the rule's
        error: more steps make it smaller.
    baseline
        Where the path starts: a number, or a tensor of an input's shape; default zeros.
    """
    count(steps, "steps")
    inputs, targets = problem.inputs, problem.targets
    start = reference(baseline, inputs)
    nodes, weights = (torch.as_tensor(each).to(inputs) for each in _gauss_legendre(steps))
    fractions = nodes.view(-1, *[1] * (inputs.ndim - 1))
    mean = inputs.new_zeros((*targets.shape, *inputs.shape[1:]))
    for images, points in pairs(problem, len(inputs), steps):
        path = start + fractions[points] * (inputs[images].unsqueeze(1) - start)
        slopes = gradients_at(problem, path, targets[images])[1]
        mean[images] += torch.einsum("s,ns...->n...", weights[points], slopes)
    attributions = mean * (inputs - start).unsqueeze(1)
    at_start = outputs_at(problem, start[None, None], targets.reshape(1, -1)).view_as(targets)
    change = target_outputs(problem) - at_start
    return Attribution(attributions, attributions.flatten(2).sum(2) - change)


def _gauss_legendre(steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the nodes in (0, 1) and weights, which sum to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)  # type: ignore[no-untyped-call]
    return (nodes + 1) / 2, weights / 2
