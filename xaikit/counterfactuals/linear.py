"""The counterfactual of a linear classifier, which a formula gives."""

from __future__ import annotations

import torch
from torch import Tensor


def linear_counterfactual(
    weight: Tensor, bias: float | Tensor, x: Tensor, beyond: float = 1e-3
) -> Tensor:
    """Return the nearest inputs on the other side of a linear classifier's boundary.

    For the classifier sgn(wᵀx + b), the nearest point of the boundary, in the Euclidean distance,
    is the orthogonal projection

        x₀ = x' − (wᵀx' + b) / (wᵀw) · w.

    There the sign is 0 and the class has not changed yet: a counterfactual lies beyond it, and
    there is no nearest one. This one overshoots by a share of the way, and wᵀx + b there is
    −``beyond`` times its value at x'.

    Parameters
    ----------
    weight
        w, of shape (D,), floating point, not all zeros.
    bias
        b: a number, or a tensor of one element, such as that of ``nn.Linear(D, 1)``.
    x
        (D,) or (N, D), of weight's type, none of them on the boundary.
    beyond
        How far behind the boundary, as a share of the way to it. 0 gives the projection itself.

    Returns
    -------
    torch.Tensor
        Of x's shape.

    Raises
    ------
    ValueError, TypeError
        If shapes or types do not fit, w is zero, something is nan or infinite, or ``beyond`` is
        negative.

    Examples
    --------
    >>> linear_counterfactual(torch.tensor([3.0, 4.0]), -5.0, torch.tensor([3.0, 4.0]), beyond=0)
    tensor([0.6000, 0.8000])
    """
    if weight.ndim != 1 or x.ndim not in (1, 2) or x.shape[-1] != len(weight):
        raise ValueError(
            f"weight has to be (D,) and x (D,) or (N, D); they are {tuple(weight.shape)} and "
            f"{tuple(x.shape)}."
        )
    if not x.is_floating_point() or weight.dtype != x.dtype:
        raise TypeError(
            f"weight and x have to be of one floating point type; they are {weight.dtype} and "
            f"{x.dtype}."
        )
    # In x's type from the start: by way of float32, a Python number would lose nine digits.
    b = torch.as_tensor(bias, dtype=x.dtype, device=x.device)
    if b.numel() != 1:
        raise ValueError(f"bias has to be one number, but its shape is {tuple(b.shape)}.")
    if not all(value.isfinite().all() for value in (weight, b, x)):
        raise ValueError("weight, bias and x have to be finite, but hold nan or infinity.")
    square = weight @ weight
    if not square > 0:
        raise ValueError("weight is zero: such a classifier has no boundary.")
    if not beyond >= 0:
        raise ValueError(f"beyond has to be a number of at least 0, not {beyond!r}.")
    share = (1 + beyond) * (x @ weight + b.reshape(())) / square
    return x - share.unsqueeze(-1) * weight
