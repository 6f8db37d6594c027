"""The fast gradient sign method: one step as far as it may go."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.attacks.goal import Goal
from xaikit.attacks.registry import attack_method
from xaikit.core.options import NonNegative


@attack_method(
    "Fast gradient sign method",
    needs=("gradients",),
    paper="Goodfellow, Shlens & Szegedy 2015, Explaining and harnessing adversarial examples, "
    "arXiv:1412.6572",
)
def fgsm(goal: Goal, *, epsilon: NonNegative) -> tuple[Tensor, Tensor]:
    """Move every feature by ``epsilon`` in the direction that raises the loss.

    x' = x + ε sign ∇ₓ J(x, y), J the cross-entropy; with a target the loss of the target is
    lowered instead.

    Parameters
    ----------
    goal
        What is attacked.
    epsilon
        Largest change of a feature, in [0, 1].

    Returns
    -------
    tuple of torch.Tensor
        (N, *shape) adversarial inputs in [0, 1], and the mask: everywhere. Inputs that need no
        attack stay as they are.
    """
    adversarial = goal.inputs.clone()
    for rows in goal.parts(torch.arange(len(goal.inputs), device=goal.inputs.device)):
        x = goal.inputs[rows]
        margin, slope = goal.loss_slopes(rows, x)
        moved = (x + epsilon * slope.sign()).clamp(0, 1)
        open_ = margin <= 0
        adversarial[rows[open_]] = moved[open_]
    return adversarial, torch.ones_like(adversarial, dtype=torch.bool)
