"""Integrated Gradients: the gradient along a straight path from a baseline."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from xaikit.attribution.registry import Attribution, method
from xaikit.core.passes import gradients_at, pairs, target_outputs
from xaikit.core.problem import Problem
from xaikit.core.references import Baseline, baselines, mean_at


@method(
    "Integrated Gradients",
    needs=("gradients",),
    based_on="gradient",
    complete=True,
    passes="steps + 2 forward, steps × T backward",
    paper="Sundararajan et al. 2017, Axiomatic attribution for deep networks, arXiv:1703.01365",
)
def integrated_gradients(
    problem: Problem, *, steps: int = 50, baseline: Baseline = None
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
        Where the path starts, see :data:`xaikit.core.references.Baseline`; default zeros.
        From several, the mean of the paths' attributions.
    """
    inputs, targets = problem.inputs, problem.targets
    starts = baselines(problem, baseline)
    nodes, weights = (torch.as_tensor(each).to(inputs) for each in gauss_legendre(steps))
    number = starts.shape[1]
    # Every step of every path: point p is step p % steps on the path from reference p // steps.
    fractions = nodes.repeat(number).view(-1, *[1] * (inputs.ndim - 1))
    shares = weights.repeat(number) / number
    whence = torch.arange(number, device=inputs.device).repeat_interleave(steps)
    attributions = inputs.new_zeros((*targets.shape, *inputs.shape[1:]))
    for images, points in pairs(problem, len(inputs), number * steps):
        start = starts[images][:, whence[points]]
        way = inputs[images].unsqueeze(1) - start
        slopes = gradients_at(problem, start + fractions[points] * way, targets[images])[1]
        attributions[images] += torch.einsum("s,ns...,nst...->nt...", shares[points], way, slopes)
    change = target_outputs(problem) - mean_at(problem, starts)
    return Attribution(attributions, attributions.flatten(2).sum(2) - change)


def gauss_legendre(steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the nodes in (0, 1) and weights, which sum to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return (nodes + 1) / 2, weights / 2
