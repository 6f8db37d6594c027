"""A classifier of one logit has two classes, by the logit's sign."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from xaikit import attack, counterfactual, explain
from xaikit.core.logits import TwoClasses
from xaikit.data.dataset import ImageDataset
from xaikit.widgets import explorer

X = torch.rand(6, 1, 6, 6, generator=torch.Generator().manual_seed(0))


def network(*end: nn.Module) -> nn.Module:
    torch.manual_seed(1)
    linear = nn.Linear(36, 1)
    linear.weight.data *= 10
    linear.bias.data -= linear(X.flatten(1)).mean()
    return nn.Sequential(nn.Flatten(), linear, *end)


@pytest.mark.parametrize("end", [(), (nn.Sigmoid(),)], ids=["logit", "probability"])
def test_attacks_and_counterfactuals_reach_the_other_side(end: tuple[nn.Module, ...]) -> None:
    model, logits = network(*end), network()
    labels = (logits(X)[:, 0] > 0).long()
    assert 0 < labels.sum() < 6
    found = attack(model, X, labels, "fgsm", epsilon=0.3)
    assert torch.equal(found.predicted, (logits(found.adversarial)[:, 0] > 0).long())
    # One step of fgsm changes a linear logit by ε times the sum of the weights that can move.
    assert found.success.all()
    changed = counterfactual(model, X, 1 - labels, "wachter")
    assert changed.found.all()
    sides = logits(changed.counterfactuals[:, 0])[:, 0] > 0
    assert torch.equal(sides.long(), 1 - labels)


def test_explain_names_the_classes() -> None:
    model = network()
    with pytest.raises(ValueError, match=r"target 1 is out of range: the model has one output"):
        explain(model, X, 1, "gradient")
    two = TwoClasses(model)
    found = explain(two, X, [[0, 1]] * 6, "gradient").attributions
    weight: Tensor = model[1].weight.detach().view(1, 6, 6)
    torch.testing.assert_close(found[:, 1] - found[:, 0], weight.expand(6, 1, 6, 6))
    torch.testing.assert_close(two(X).softmax(1)[:, 1:], model(X).sigmoid())


def test_the_explorer_tells_both_classes_apart() -> None:
    images = X.repeat(1, 1, 5, 5)
    torch.manual_seed(1)
    model = nn.Sequential(nn.AvgPool2d(5), nn.Flatten(), nn.Linear(36, 1))
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    explorer(model, ImageDataset(images, labels, ("no", "yes")))
