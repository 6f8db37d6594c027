"""MM-BD on networks whose largest leads a linear programme knows, and its own promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch import Tensor, nn

from xaikit import detect
from xaikit.backdoors.mm_bd import largest_margins
from xaikit.backdoors.suspicion import Suspicion

CLASSES = 5


def linear() -> nn.Sequential:
    """Logits that are linear in 4 × 4 pixels."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, CLASSES)).double().eval()


def programmed(weights: Tensor, bias: Tensor, label: int) -> float:
    """Return the largest lead of a class over all pixels in [0, 1]: the simplex method's answer.

    Largest t for which the logit exceeds each of the others' by t or more.
    """
    others = [k for k in range(len(bias)) if k != label]
    apart = (weights[label] - weights[others]).numpy()
    above = np.hstack([-apart, np.ones((len(others), 1))])
    free = [(0, 1)] * weights.shape[1] + [(None, None)]
    cost = [0.0] * weights.shape[1] + [-1.0]
    found = linprog(cost, above, (bias[label] - bias[others]).numpy(), bounds=free)
    return -float(found.fun)


BLACK = torch.zeros(2, 1, 4, 4).double()


def test_the_largest_leads_of_a_linear_model_are_the_linear_programmes() -> None:
    model = linear()
    weights, bias = (each.detach() for each in model[1].parameters())
    found = detect(model, BLACK, method="mm_bd", steps=200)
    margins, images = found.evidence["margins"], found.evidence["images"]
    expected = [programmed(weights, bias, label) for label in range(CLASSES)]
    assert margins.tolist() == pytest.approx(expected, rel=0.03)
    assert all(margin <= best + 1e-9 for margin, best in zip(margins, expected, strict=True))
    # The images are where the leads were found, and they are images.
    assert images.shape == (CLASSES, 1, 4, 4) and images.min() >= 0 and images.max() <= 1
    scores = model(images)
    for label in range(CLASSES):
        others = torch.cat([scores[label, :label], scores[label, label + 1 :]])
        assert (scores[label, label] - others.max()).item() == pytest.approx(margins[label].item())
    # How many times larger, as a logarithm.
    first, second = sorted(expected)[-1], sorted(expected)[-2]
    assert found.score.max().item() == pytest.approx(math.log(first / second), abs=0.05)


class Planted(nn.Module):
    """The linear network, and a trigger: what two bright and two dark pixels add to class 2."""

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.clean, self.strength = linear(), strength

    def forward(self, images: Tensor) -> Tensor:
        square = images[:, 0, 1:3, 1:3]
        there = square[:, 0, 0] * square[:, 1, 1] * (1 - square[:, 0, 1]) * (1 - square[:, 1, 0])
        scores: Tensor = self.clean(images)
        return scores + self.strength * there[:, None] * torch.eye(CLASSES).double()[2]


def test_a_trigger_of_bright_and_dark_pixels_is_found_and_a_clean_network_is_not_accused() -> None:
    clean, poisoned = (detect(Planted(way), BLACK, method="mm_bd") for way in (0.0, 6.0))
    assert poisoned.flagged and poisoned.target == 2 and "Class 2" in poisoned.explanation
    assert clean.flagged is (clean.score.max().item() > 0.3)
    assert clean.score[2] < poisoned.score[2]
    strict = detect(Planted(6.0), BLACK, method="mm_bd", threshold=5.0)
    assert not strict.flagged and strict.target is None
    # The image of the lead shows the trigger.
    square = poisoned.evidence["images"][2, 0, 1:3, 1:3]
    assert square[0, 0] > 0.9 and square[1, 1] > 0.9 and square[0, 1] < 0.1 and square[1, 0] < 0.1


def test_of_the_inputs_only_the_shape_counts_and_chunks_change_nothing() -> None:
    model, widest = linear(), 0

    def watch(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        nonlocal widest
        widest = max(widest, len(given[0]))

    one = detect(model, BLACK, method="mm_bd", steps=5)
    other = detect(model, 1 - BLACK, method="mm_bd", steps=5)
    assert torch.equal(one.evidence["images"], other.evidence["images"])
    model.register_forward_pre_hook(watch)
    pieces = detect(model, BLACK, method="mm_bd", steps=5, chunk=7)
    assert widest <= 7
    torch.testing.assert_close(pieces.evidence["margins"], one.evidence["margins"])
    assert not torch.equal(
        detect(model, BLACK, method="mm_bd", steps=5, seed=1).evidence["images"],
        one.evidence["images"],
    )


def test_a_class_that_never_leads_is_not_suspected() -> None:
    model = linear()
    with torch.no_grad():
        model[1].bias[4] = -100.0
    found = detect(model, BLACK, method="mm_bd", steps=20)
    assert found.evidence["margins"][4] < 0 and found.target != 4
    assert found.score.isfinite().all()


def test_a_model_without_slopes_is_said() -> None:
    class Rounded(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)[:, :3].round().detach()

    with pytest.raises(ValueError, match="no largest lead can be searched"):
        detect(Rounded(), BLACK, method="mm_bd")


def test_more_starts_never_find_less() -> None:
    suspicion = Suspicion(linear(), BLACK, None, CLASSES, seed=0, chunk=64)
    few, many = (largest_margins(suspicion, 3, restarts)[0] for restarts in (1, 16))
    # The first of the sixteen places is the one.
    assert (many >= few - 1e-9).all()
