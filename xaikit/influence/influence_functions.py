"""What would become of the loss if an example weighed a little less? Influence functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from xaikit.core.options import NonNegative
from xaikit.core.passes import progress
from xaikit.influence.curvature import (
    Curved,
    conjugate_gradients,
    curved,
    inverse,
    largest_eigenvalue,
)
from xaikit.influence.gradients import asked_rows, training_rows
from xaikit.influence.networks import Layers, network_of
from xaikit.influence.problem import Training
from xaikit.influence.registry import Found, influence_method
from xaikit.influence.rows import Dense

Solve = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Gradients (b, P) to the solutions (b, P), and each one's relative error (b,)."""


@influence_method(
    "Influence function",
    needs=("layers", "training data", "labels"),
    paper="Koh & Liang 2017, Understanding black-box predictions via influence functions, "
    "arXiv:1703.04730",
)
def influence_function(
    problem: Training,
    *,
    layers: Layers = "last",
    solver: Literal["exact", "cg", "lissa"] = "exact",
    damping: NonNegative = 0.01,
    steps: int = 1000,
    tolerance: NonNegative = 1e-6,
    batch: int = 128,
) -> Found:
    """Predict by how much the asked loss rises if the training example is left out.

    The score is g(asked)ᵀ (H + damping · I)⁻¹ g(training) / N, with the gradients g of the two
    losses and the Hessian H of the mean loss, by the weights that count. It is the slope at which
    the loss rises when the example loses weight in the mean, times the weight 1 / N that it has.
    That is exact to first order if the weights are at a minimum, and H + damping · I is positive
    definite. Damping equal to the weight decay of the training makes it the Hessian of what was
    minimised. In deep networks neither holds: Basu et al. 2021, Influence functions in deep
    learning are fragile, arXiv:2006.14651, measure how far the scores then are from retraining.

    Parameters
    ----------
    problem
        What is asked.
    layers
        ``"last"``: of the last linear layer's weights, all else being fixed; ``"all"``.
    solver
        ``"exact"``: the Hessian itself, (P, P) numbers, factorised; without damping its
        pseudo-inverse. ``"cg"``: conjugate gradients (Martens 2010, Deep learning via Hessian-free
        optimization), by products with the Hessian. ``"lissa"``: a series of such products over
        random batches (Agarwal et al. 2017, Second-order stochastic optimization for machine
        learning in linear time, arXiv:1602.03943), approximate.
    damping
        Added to the Hessian's diagonal.
    steps
        At most, of conjugate gradients; how many, of LiSSA.
    tolerance
        Conjugate gradients stop where |(H + damping · I) s - g| is this share of |g|.
    batch
        Training examples in each of LiSSA's batches.

    Returns
    -------
    Found
        ``details``: ``error``, for each system that was solved |(H + damping · I) s - g| / |g|:
        of each asked example, or training example if it is asked about itself.
    """
    network = network_of(problem, layers)
    data = curved(problem, network)
    if solver == "exact":
        solve = _exactly(data, damping)
    elif solver == "cg":
        solve = _by_conjugate_gradients(data, damping, steps, tolerance)
    else:
        solve = _by_lissa(data, damping, steps, min(batch, len(problem.images)))
    scores, errors = problem.empty(), []
    for asked, ours in asked_rows(problem, network, problem.loss):
        bent = None
        if ours is not None:
            solved, error = solve(ours.dense())
            bent = Dense(solved)
            errors.append(error)
        for rows in problem.parts():
            theirs = training_rows(problem, network, rows, problem.loss)
            if bent is None:
                solved, error = solve(theirs.dense())
                errors.append(error)
                scores[rows] = theirs.each(Dense(solved))
            else:
                scores[asked, rows] = bent.cross(theirs)
    return Found(scores / len(problem.images), {"error": torch.cat(errors)})


def _exactly(data: Curved, damping: float) -> Solve:
    matrix = data.hessian()
    product = inverse(matrix, damping)

    def solve(gradients: Tensor) -> tuple[Tensor, Tensor]:
        found = product(gradients)
        return found, _error(found @ matrix + damping * found, gradients)

    return solve


def _by_conjugate_gradients(data: Curved, damping: float, steps: int, tolerance: float) -> Solve:
    def damped(vectors: Tensor) -> Tensor:
        return data.products(vectors) + damping * vectors

    return lambda gradients: conjugate_gradients(damped, gradients, steps, tolerance)


def _by_lissa(data: Curved, damping: float, steps: int, batch: int) -> Solve:
    """Sum the series of the inverse: s ← g + (1 - (H + damping) / scale) s, over random batches.

    It converges where the scale is above the largest eigenvalue of each batch; twice that of the
    whole is taken. The error is measured with the Hessian of all examples. In the code of Koh and
    Liang (2017) damping is not divided by the scale, so the same number adds damping · scale there.
    """
    generator = data.problem.generator()
    weights = data.network.weights[None]
    scale = 2 * (largest_eigenvalue(data.products, weights, generator) + damping)

    def solve(gradients: Tensor) -> tuple[Tensor, Tensor]:
        found = gradients / scale
        with progress(steps, "steps of LiSSA") as tell:
            for step in range(steps):
                tell(step)
                places = torch.randint(len(data.problem.images), (batch,), generator=generator)
                bent = data.products(found, places) + damping * found
                found = found + (gradients - bent) / scale
            tell(steps)
        if not found.isfinite().all():
            raise ValueError("LiSSA diverges on these batches: raise damping or batch.")
        return found, _error(data.products(found) + damping * found, gradients)

    return solve


def _error(found: Tensor, wanted: Tensor) -> Tensor:
    lengths = torch.linalg.vector_norm(wanted, dim=1).clamp_min(torch.finfo(wanted.dtype).tiny)
    error: Tensor = torch.linalg.vector_norm(found - wanted, dim=1) / lengths
    return error
