"""Probabilities where logits are meant: found, and put right or said. The oracle is the network
without what squashes its logits at the end."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from chain import convolutional
from torch import Tensor, nn
from wrong_values import CLASSES, IMAGES, MANY, NETWORK, Ends, called

from xaikit import explain
from xaikit.attacks.registry import METHODS as ATTACKS
from xaikit.backdoors.registry import METHODS as DETECTORS
from xaikit.core.logits import probabilities_of
from xaikit.counterfactuals import train_generator
from xaikit.data import ImageDataset
from xaikit.widgets.changes import changed
from xaikit.widgets.choices import Choice
from xaikit.widgets.pictures import explained

ENDS: dict[str, Callable[[Tensor], Tensor]] = {
    "Softmax": nn.Softmax(1),
    "softmax": lambda z: z.softmax(-1),
    "softmax, moved": lambda z: z.view(len(z), -1, 1).softmax(1).squeeze(2).clone(),
    "LogSoftmax": nn.LogSoftmax(1),
    "Sigmoid": nn.Sigmoid(),
    "sigmoid_": lambda z: z.sigmoid_(),
}


def scaled(factor: float) -> nn.Sequential:
    """Return the network, surer of its classes by a factor."""
    network = convolutional(nn.MaxPool2d)
    with torch.no_grad():
        for name in ("weight", "bias"):
            getattr(network[-1], name).copy_(getattr(NETWORK[-1], name) * factor)
    return network


MILD, SURE = scaled(2e3), scaled(2e5)
assert (SURE(IMAGES).softmax(1).amax(1) == 1).all()  # every slope of a softmax is zero here
SEARCHES = [
    *(("attack", name) for name in ATTACKS),
    *(("detect", name) for name in DETECTORS),
    ("counterfactual", "wachter"),
    ("counterfactual", "prototype"),
]


def tensors(found: Any) -> list[Tensor]:
    """Return the tensors of an answer."""
    values = [*vars(found).values(), *getattr(found, "evidence", {}).values()]
    return [value for value in values if isinstance(value, Tensor)]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(("family", "method"), SEARCHES, ids=str)
def test_a_search_finds_the_logits(family: str, method: str, end: str) -> None:
    # Where the probability counts, a sigmoid's is another than a softmax's.
    options = {"tolerance": 1.0} if family == "counterfactual" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = called(family, method, model=Ends(SURE, ENDS[end]).eval(), **options)
        expected = called(family, method, model=SURE, **options)
    for one, other in zip(tensors(found), tensors(expected), strict=True):
        assert torch.equal(one, other)


def test_what_cannot_be_read_is_computed_back_with_a_warning() -> None:
    traced = torch.jit.trace(Ends(MILD, nn.Softmax(1)), MANY, check_trace=False)
    options = {"targets": [[0, 1, 2, 3, 4]] * 2, "steps": 60}
    with pytest.warns(UserWarning, match=r"search computes the logits back.*returns logits"):
        found = called("counterfactual", "wachter", model=traced, **options)
    expected = called("counterfactual", "wachter", model=MILD, **options)
    assert torch.equal(found.found, expected.found) and found.found.any()
    torch.testing.assert_close(found.distance_l1, expected.distance_l1, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(
    ("end", "says"),
    [
        ("Softmax", "without the softmax"),
        ("softmax, moved", "without the softmax"),
        ("LogSoftmax", "without the log-softmax"),
        ("Sigmoid", "without the sigmoid"),
        ("sigmoid_", "without the sigmoid"),
    ],
)
def test_explain_says_what_the_model_returns(end: str, says: str) -> None:
    with pytest.warns(UserWarning, match=rf"model returns probabilities.*{says}"):
        explain(Ends(NETWORK, ENDS[end]), IMAGES, 0, "gradient")
    one = nn.Sequential(nn.Flatten(), nn.Linear(144, 1), nn.Sigmoid())
    with pytest.warns(UserWarning, match="without the sigmoid"):
        explain(one, IMAGES, 0, "gradient")


@pytest.mark.parametrize(
    "logits",
    [
        lambda z: 0.4 + 0.1 * z.tanh(),  # in [0, 1] by chance
        lambda z: (z - z.amin(1, keepdim=True)) / 1e3,
        lambda z: z - 1e3,  # all negative
        lambda z: z - z.logsumexp(1, keepdim=True) - 0.1,
        lambda z: torch.cat([z.sigmoid()[:, :1] + z[:, :1] / 1e6, 0.1 + z[:, 1:] / 100], 1),
    ],
)
def test_logits_that_look_like_probabilities_raise_no_alarm(
    logits: Callable[[Tensor], Tensor],
) -> None:
    model = Ends(NETWORK, logits)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(model, IMAGES, 0, "gradient")
        called("attack", "fgsm", model=model)


def test_a_generator_learns_from_the_same_rewards() -> None:
    images = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 3)).eval()
    made = [
        train_generator(each, images, epochs=1, steps=1)
        for each in (model, Ends(model, nn.Softmax(1)))
    ]
    for one, other in zip(*(each.parameters() for each in made), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("end", ["Softmax", "Sigmoid", "LogSoftmax"])
def test_the_explorer_shows_the_models_own_probabilities(end: str) -> None:
    model = Ends(NETWORK, ENDS[end]).eval()
    scores = NETWORK(IMAGES).detach()
    expected = scores.sigmoid() if end == "Sigmoid" else scores.softmax(1)
    torch.testing.assert_close(probabilities_of(model, IMAGES).detach(), expected)
    torch.testing.assert_close(
        probabilities_of(NETWORK, IMAGES).detach(), NETWORK(IMAGES).detach().softmax(1)
    )


def test_the_explorers_pages_work_on_probabilities() -> None:
    data = ImageDataset(MANY[:4].clone(), CLASSES[:4].clone(), [*"abcde"])
    model = Ends(MILD, nn.Softmax(1)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        page = explained(model, data, Choice(0, "lrp", 1, "black", None, None))
        assert "logits behind the probabilities" in page
        facts = [
            re.search(r"\d of 4 found", changed(each, data, 0, "wachter")) for each in (model, MILD)
        ]
    assert facts[0] and facts[1] and facts[0].group() == facts[1].group() != "0 of 4 found"
