"""The Hessian of the mean loss: whole, as products with vectors, and the systems solved with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from xaikit.core.passes import may_end, progress
from xaikit.influence.memory import expect_room
from xaikit.influence.networks import LastLayer, Network
from xaikit.influence.problem import Training

_AT_ONCE = 64
"""Vectors that are multiplied with the Hessian in one pass."""

Product = Callable[[Tensor], Tensor]
"""Vectors (b, P) to their products (b, P) with a symmetric matrix."""


class Curved(NamedTuple):
    """A network and its training data, as it sees them: of the last layer, what enters that."""

    problem: Training
    network: Network
    seen: Tensor | None

    def part(self, rows: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Return some training examples as the network sees them, and their labels."""
        if self.seen is None:
            return self.problem.trained_on(rows)
        labels = self.problem.image_labels[rows].to(self.seen.device)
        return self.seen[rows], labels.to(self.seen.dtype) if labels.is_floating_point() else labels

    def products(self, vectors: Tensor, places: Tensor | None = None) -> Tensor:
        """Return the Hessian of the mean loss times vectors (b, P).

        Nowhere is the Hessian itself: the gradient of the loss is differentiated along each vector
        (Pearlmutter 1994, Fast exact multiplication by the Hessian). ``places`` says over which
        training examples the mean is; default: all.
        """
        n = len(self.problem.images) if places is None else len(places)
        found = torch.zeros_like(vectors)
        for start in range(0, n, self.problem.chunk):
            rows = slice(start, min(start + self.problem.chunk, n))
            seen, labels = self.part(rows if places is None else places[rows])
            for few in range(0, len(vectors), _AT_ONCE):
                may_end()
                some = slice(few, few + _AT_ONCE)
                found[some] += self._product(seen, labels, vectors[some])
        return found / n

    def _product(self, seen: Tensor, labels: Tensor, vectors: Tensor) -> Tensor:
        network, loss = self.network, self.problem.loss

        def total(weights: Tensor) -> Tensor:
            return loss(network.outputs(weights, seen), labels).sum()

        # Attention's faster kernels have no second derivative.
        with sdpa_kernel(SDPBackend.MATH):
            try:
                back = torch.func.vjp(torch.func.grad(total), network.weights)[1]
                found: Tensor = torch.func.vmap(lambda vector: back(vector)[0])(vectors)
                return found
            except RuntimeError:  # what vectorising does not know: one by one
                leaf = network.weights.clone().requires_grad_()
                (slope,) = torch.autograd.grad(total(leaf), leaf, create_graph=True)
                each = [torch.autograd.grad(slope, leaf, v, retain_graph=True)[0] for v in vectors]
                return torch.stack(each)

    def hessian(self) -> Tensor:
        """Return the Hessian of the mean loss (P, P), or say that there is no room for it."""
        weights = self.network.weights
        size = len(weights)
        expect_room(
            3 * size**2,
            weights.dtype,
            weights.device,
            f"the Hessian of {size} weights and its factors",
            'take solver="cg" or "lissa", or layers="last"',
        )
        if self.seen is not None and self.problem.by_class:
            return _of_softmax(self.seen, self.network.outputs(weights, self.seen).softmax(1))
        found = weights.new_empty(size, size)
        with progress(size, "rows of the Hessian") as tell:
            for start in range(0, size, _AT_ONCE):
                tell(start)
                rows = slice(start, min(start + _AT_ONCE, size))
                unit = weights.new_zeros(rows.stop - start, size)
                unit[:, rows].fill_diagonal_(1)
                found[rows] = self.products(unit)
            tell(size)
        return (found + found.T) / 2


def _of_softmax(seen: Tensor, chances: Tensor) -> Tensor:
    """Return the Hessian of the mean cross-entropy by a linear layer's weights (K · F, K · F).

    Its block of the classes k and l is the mean of p_k (1[k = l] - p_l) a aᵀ.
    """
    n, features, classes = len(seen), seen.shape[1], chances.shape[1]
    found = seen.new_empty(classes, features, classes, features)
    for k in range(classes):
        for other in range(k + 1):
            weight = chances[:, k] * (float(k == other) - chances[:, other]) / n
            found[k, :, other] = found[other, :, k] = (seen * weight.unsqueeze(1)).T @ seen
    return found.view(classes * features, classes * features)


def curved(problem: Training, network: Network) -> Curved:
    """Return what the Hessian is made of; what enters a last layer is computed once."""
    if not isinstance(network, LastLayer):
        return Curved(problem, network, None)
    parts = [network.seen(problem.trained_on(rows)[0]) for rows in problem.parts()]
    return Curved(problem, network, torch.cat(parts))


def inverse(matrix: Tensor, damping: float) -> Product:
    """Return the product with the inverse of a symmetric matrix plus damping on its diagonal.

    Without damping, directions along which the matrix is zero are left out, as by the
    pseudo-inverse: the Hessian of a softmax has them always, for the same number added to all
    logits changes nothing.
    """
    if damping > 0:
        damped = matrix.clone()
        damped.diagonal().add_(damping)
        factors = torch.linalg.lu_factor(damped)
        return lambda vectors: torch.linalg.lu_solve(*factors, vectors.T).T
    values, axes = torch.linalg.eigh(matrix)
    kept = values.abs() > len(values) * torch.finfo(values.dtype).eps * values.abs().max()
    values, axes = values[kept], axes[:, kept]
    return lambda vectors: ((vectors @ axes) / values) @ axes.T


def conjugate_gradients(
    product: Product, right: Tensor, steps: int, tolerance: float
) -> tuple[Tensor, Tensor]:
    """Solve A x = b for rows b (b, P) side by side; return x and each |A x - b| / |b|.

    Hestenes and Stiefel 1952, Methods of conjugate gradients for solving linear systems.

    Raises
    ------
    ValueError
        If A is not positive definite along a direction that is met, or the steps are too few.
    """
    scale = torch.linalg.vector_norm(right, dim=1).clamp_min(torch.finfo(right.dtype).tiny)
    x = torch.zeros_like(right)
    left, way = right.clone(), right.clone()
    square = left.square().sum(1)
    with progress(steps, "steps of conjugate gradients") as tell:
        for step in range(steps):
            tell(step)
            busy = square.sqrt() > tolerance * scale
            if not busy.any():
                break
            turned = torch.zeros_like(way)
            turned[busy] = product(way[busy])
            bend = (way * turned).sum(1)
            if (bend[busy] <= 0).any():
                raise ValueError(
                    "the Hessian plus damping is not positive definite, as conjugate gradients "
                    'need it: raise damping, or take solver="exact" or layers="last".'
                )
            length = torch.where(busy, square / bend.where(busy, torch.ones_like(bend)), 0)
            x += length.unsqueeze(1) * way
            left -= length.unsqueeze(1) * turned
            now = left.square().sum(1)
            turn = torch.where(busy, now / square.clamp_min(torch.finfo(now.dtype).tiny), 0)
            way = torch.where(busy.unsqueeze(1), left + turn.unsqueeze(1) * way, way)
            square = now
        tell(steps)
    error = torch.linalg.vector_norm(left, dim=1) / scale
    if (error > tolerance).any():
        raise ValueError(
            f"conjugate gradients are {float(error.max()):.2g} of the right side away after "
            f"{steps} steps, and the tolerance is {tolerance:g}: raise steps, tolerance or damping."
        )
    return x, error


def largest_eigenvalue(product: Product, like: Tensor, generator: torch.Generator) -> float:
    """Return about the largest eigenvalue, by size, of a symmetric matrix: power iteration."""
    vector = torch.randn(1, like.shape[1], generator=generator).to(like)
    size = 0.0
    for _ in range(20):
        vector = product(vector / torch.linalg.vector_norm(vector))
        size = float(torch.linalg.vector_norm(vector))
        if size == 0:
            break
    return size
