"""What networks make of probabilities at their ends, and labels that do not exclude one another."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from wrong_values import CLASSES, IMAGES, MANY, NETWORK, Ends, called

from xaikit import attack, counterfactual, explain
from xaikit.core.passes import outputs
from xaikit.data import ImageDataset
from xaikit.models import accuracy

SQUASHED: dict[str, Callable[[Tensor], Tensor]] = {
    "complement": lambda z: 1 - z.softmax(1),
    "coarse": lambda z: z.softmax(1).bfloat16().float() * 1.0,
    "joined": lambda z: torch.cat([z[:, :2].sigmoid(), z[:, 2:].sigmoid()], 1),
    "scaled": lambda z: z.sigmoid() * 0.999 + 0.0005,
    "some": lambda z: z.softmax(1)[:, 1:],
    "chosen": lambda z: z.sigmoid()[:, [0, 1, 2]],
    "hard": functional.hardsigmoid,
    "by hand": lambda z: 1 / (1 + (-z).exp()),
    "percent": lambda z: 100 * z.softmax(1),
    "mixture": lambda z: (z.softmax(1) + (z / 2).softmax(1)) / 2,
    "two": lambda z: torch.cat([1 - z[:, :1].sigmoid(), z[:, :1].sigmoid()], 1),
}


@pytest.mark.parametrize("end", SQUASHED)
def test_what_is_made_of_probabilities_is_said(end: str) -> None:
    model = Ends(NETWORK, SQUASHED[end]).eval()
    with pytest.warns(UserWarning, match="model returns probabilities"):
        explain(model, IMAGES, 0, "gradient")
    for family, method in (("attack", "fgsm"), ("counterfactual", "wachter")):
        with pytest.warns(UserWarning, match="give a model that returns logits"):
            called(family, method, model=model)


class Gated(nn.Module):
    """Ends in gates and in a mixture of experts: no output is made of probabilities alone."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = nn.Linear(144, 3), nn.Linear(144, 3), nn.Linear(144, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        shares = self.c(x).softmax(1)
        mixed = shares[:, :1] * self.a(x) + shares[:, 1:] * self.b(x)
        found: Tensor = 0.5 + 0.1 * mixed * self.a(x).sigmoid()
        return found.clamp(0.1, 0.9)


def test_gates_at_the_end_raise_no_alarm() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(Gated(), IMAGES, 0, "gradient")
        attack(Gated(), IMAGES, 0, "fgsm", epsilon=0.1)


def several(slope: float = 8.0) -> nn.Sequential:
    """Return a network of three labels, one a feature, that do not exclude one another."""
    line = nn.Linear(3, 3)
    line.weight.data, line.bias.data = slope * torch.eye(3), torch.full((3,), -slope / 2)
    return nn.Sequential(line, nn.Sigmoid()).eval()


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("method", ["wachter", "prototype"])
def test_a_labels_probability_is_the_models_own(method: str, traced: bool) -> None:
    model, x = several(), torch.tensor([[0.9, 0.3, 0.2], [0.1, 0.2, 0.7]])
    given: nn.Module = torch.jit.trace(model, x, check_trace=False) if traced else model
    draw = torch.rand(30, 3, generator=torch.Generator().manual_seed(0))
    options = {"prototypes": "kdtree", "examples": draw} if method == "prototype" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = counterfactual(given, x, 1, method, probability=0.95, tolerance=0.02, **options)
    assert found.found.all()
    reached = outputs(model, found.counterfactuals[:, 0]).detach()
    assert ((reached[:, 1] - 0.95).abs() <= 0.021).all() and (reached.argmax(1) == 1).all()
    if method == "wachter":  # by hand: to the first feature's height, and to the probability
        least = 0.5 + float(torch.logit(torch.tensor(0.93))) / 8
        expected = torch.tensor([0.9 - 0.3, least - 0.2])
        torch.testing.assert_close(found.distance_l1[:, 0], expected, rtol=0, atol=0.01)


def test_accuracy_takes_every_precision_and_refuses_what_is_no_number() -> None:
    data = ImageDataset(MANY.clone(), CLASSES.clone(), [*"abcde"])
    right = float((NETWORK(MANY).argmax(1) == CLASSES).double().mean())
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        try:
            assert accuracy(NETWORK.to(dtype), data) == pytest.approx(right, abs=0.04)
        finally:
            NETWORK.float()
    with pytest.raises(ValueError, match="nan or infinity"):
        accuracy(Ends(NETWORK, lambda z: z * torch.nan), data)
