"""The gradient, and the input times it."""

from __future__ import annotations

import torch

from xaikit.attribution.registry import Attribution, method
from xaikit.core.passes import chunks, gradients_at
from xaikit.core.problem import Problem


@method(
    "Gradient",
    needs=("gradients",),
    based_on="gradient",
    passes="1 forward, T backward",
    paper="Simonyan et al. 2013, Deep inside convolutional networks, arXiv:1312.6034",
)
def gradient(problem: Problem) -> Attribution:
    """Return the gradient of each target's output: what the smallest change would do.

    It keeps its sign; the paper's saliency map is the magnitude.
    """
    inputs, targets = problem.inputs, problem.targets
    slopes = [
        gradients_at(problem, inputs[images].unsqueeze(1), targets[images])[1][:, 0]
        for images in chunks(problem, len(inputs))
    ]
    return Attribution(torch.cat(slopes))


@method(
    "Input × gradient",
    needs=("gradients",),
    based_on="gradient",
    passes="1 forward, T backward",
    paper="Shrikumar et al. 2016, Not just a black box, arXiv:1605.01713",
)
def input_x_gradient(problem: Problem) -> Attribution:
    """Return the input times the gradient: the share of each input in a linear model.

    Complete only for piecewise linear networks without biases, hence no convergence delta.
    """
    return Attribution(gradient(problem).attributions * problem.inputs.unsqueeze(1))
