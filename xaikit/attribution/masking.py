"""Outputs for masked inputs: where a segment is absent, the references show instead."""

from __future__ import annotations

import torch
from torch import Tensor

from xaikit.core.passes import outputs_at, pairs
from xaikit.core.problem import Problem


def masked_outputs(
    problem: Problem, members: Tensor, labels: Tensor, masks: Tensor, hidden: Tensor
) -> Tensor:
    """Return the targets' outputs (members, M, T), averaged over the references.

    Parameters
    ----------
    problem
        What is explained.
    members
        (n,), which of its inputs.
    labels
        (n, …), their segments, see :func:`xaikit.attribution.segments.superpixels`.
    masks
        (M, segments), boolean: which segments show the input.
    hidden
        (N, B, *shape), each input's references.
    """
    inputs, targets = problem.inputs[members], problem.targets[members]
    number = hidden.shape[1]
    scores = inputs.new_zeros((len(members), len(masks), targets.shape[1]))
    if len(masks) == 0:  # a single segment, or samples for no pair
        return scores
    for block, rows in pairs(problem, len(members), len(masks) * number):
        row = torch.arange(rows.start, rows.stop, device=inputs.device)
        which, absent = row // number, row % number
        present = masks[which][:, labels[block]].transpose(0, 1)
        other = hidden[members[block].unsqueeze(1), absent]
        masked = torch.where(present, inputs[block].unsqueeze(1), other)
        found = outputs_at(problem, masked, targets[block])
        scores[block] = scores[block].index_add(1, which, found / number)
    return scores
