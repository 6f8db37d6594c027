"""A model may overwrite what it is given: every call answers as for its pure twin.

The oracle is the same function without side effects; what the caller gave stays, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from twins import TWINS, Keeping
from wrong_values import CLASSES, IMAGES, MANY, called

from xaikit import explain
from xaikit.attacks.registry import METHODS as ATTACKS
from xaikit.attribution.registry import METHODS as EXPLANATIONS
from xaikit.backdoors import attack_success, corner_square
from xaikit.backdoors.registry import METHODS as DETECTORS
from xaikit.core.passes import frozen
from xaikit.counterfactuals import train_generator
from xaikit.counterfactuals.registry import METHODS as SEARCHES
from xaikit.data import ImageDataset
from xaikit.influence.registry import METHODS as INFLUENCES
from xaikit.metrics import sensitivity
from xaikit.models import accuracy
from xaikit.widgets.changes import changed
from xaikit.widgets.choices import Choice
from xaikit.widgets.pictures import explained

ASKING = [
    *(("explain", name) for name in EXPLANATIONS),
    *(("attack", name) for name in ATTACKS),
    *(("detect", name) for name in DETECTORS),
    *(("counterfactual", name) for name in SEARCHES if name != "rl"),
    *(("influence", name) for name in INFLUENCES),
    *(("metric", name) for name in ("deletion", "insertion", "infidelity", "sensitivity")),
    ("metric", "weight_randomisation"),
]


def tensors(value: Any) -> Iterator[Tensor]:
    """Yield every tensor of an answer."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors(each)
    elif is_dataclass(value):
        yield from tensors([getattr(value, each.name) for each in fields(value)])
    elif hasattr(value, "items"):
        yield from tensors(dict(value))


def answer(family: str, method: str, model: nn.Module, **options: Any) -> Any:
    """Return what a call answers, or the kind of its refusal."""
    options = {"model": model, "chunk": 16, **options}
    if family == "metric":
        options |= {"explanation": explain(TWINS["keeping"].pure, IMAGES, [[0, 1]] * 2, "gradient")}
        if method == "weight_randomisation":
            options = {"model": model}
        if method == "sensitivity":
            del options["chunk"]
    try:
        return called(family, method, **options)
    except ValueError:
        return "refused"


@contextmanager
def untouched(*given: Tensor) -> Iterator[None]:
    """Fail if a tensor has changed at the end of the block."""
    before = [each.clone() for each in given]
    yield
    for each, was in zip(given, before, strict=True):
        assert torch.equal(each, was)


def test_what_is_compared_is_one_function() -> None:
    for twins in TWINS.values():
        assert torch.equal(twins.pure(MANY), twins.in_place(MANY.clone()))
        assert len(twins.pure(MANY).argmax(1).unique()) > 1


@pytest.mark.parametrize("kind", ["arithmetic", "keeping"])
@pytest.mark.parametrize(("family", "method"), ASKING, ids=lambda each: str(each))
def test_every_call_answers_as_for_the_pure_twin(family: str, method: str, kind: str) -> None:
    twins = TWINS[kind]
    with untouched(IMAGES, MANY, CLASSES):
        expected = answer(family, method, twins.pure)
        found = answer(family, method, twins.in_place)
    assert (found == "refused") is (expected == "refused")
    for one, other in zip(tensors(found), tensors(expected), strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)


@pytest.mark.parametrize("kind", TWINS)
def test_references_stay_as_they_are(kind: str) -> None:
    twins, reference = TWINS[kind], MANY[:2].clone()
    for method, options in {
        "occlusion": {"baseline": reference},
        "kernel_shap": {"background": reference, "samples": 12},
        "integrated_gradients": {"baseline": reference[0], "steps": 3},
        "expected_gradients": {"background": reference, "samples": 4},
        "deeplift": {"baseline": reference},
    }.items():
        with untouched(reference):
            expected = answer("explain", method, twins.pure, **options)
            found = answer("explain", method, twins.in_place, **options)
        for one, other in zip(tensors(found), tensors(expected), strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kind", TWINS)
def test_grad_cam_sees_a_layer_that_is_overwritten(kind: str) -> None:
    twins = TWINS[kind]
    layers = twins.in_place.layers if isinstance(twins.in_place, Keeping) else twins.in_place
    for place in (1, 4, 5):  # convolutions before a ReLU in place, and that ReLU
        expected = explain(twins.pure, IMAGES, 1, "grad_cam", layer=twins.pure[place])
        found = explain(twins.in_place, IMAGES, 1, "grad_cam", layer=layers[place])
        torch.testing.assert_close(found.attributions, expected.attributions)


def test_data_sets_stay_as_they_are() -> None:
    data = ImageDataset(MANY.clone(), CLASSES.clone(), [*"abcde"])
    trigger = corner_square((1, 12, 12))
    for twins in TWINS.values():
        with untouched(data.images, data.labels):
            right = (twins.pure(data.images).argmax(1) == data.labels).double().mean()
            assert accuracy(twins.in_place, data) == pytest.approx(float(right))
            assert attack_success(twins.in_place, data, trigger, 1) == attack_success(
                twins.pure, data, trigger, 1
            )


def test_the_explorers_pictures_leave_the_data_as_it_is() -> None:
    data = ImageDataset(MANY.clone(), CLASSES.clone(), [*"abcde"])
    model = TWINS["arithmetic"].in_place
    predicted = TWINS["arithmetic"].pure(data.images).argmax(1).tolist()
    image = next(i for i, label in enumerate(predicted) if label != int(data.labels[i]))
    with untouched(data.images), frozen(model):
        page = explained(model, data, Choice(image, "gradient", None, "black", None, None))
        assert f"taken for {data.classes[predicted[image]]}" in page
        assert f"taken for {data.classes[predicted[image]]}" in changed(
            model, data, image, "wachter"
        )


def test_a_function_of_the_callers_may_overwrite_its_inputs_too() -> None:
    kept = torch.zeros(2, 1, 1, 12, 12)

    def in_place(model: nn.Module, inputs: Tensor) -> Tensor:
        kept.copy_(inputs.mul_(3.0).unsqueeze(1))
        return kept

    with untouched(IMAGES):
        found = sensitivity(nn.Flatten(), IMAGES, in_place, samples=3)
        expected = sensitivity(nn.Flatten(), IMAGES, lambda _, x: 3 * x.unsqueeze(1), samples=3)
    torch.testing.assert_close(found, expected)
    assert found.min() > 0


def test_a_search_with_an_autoencoder_in_place_is_that_with_its_twin() -> None:
    class Draws(nn.Module):
        def __init__(self, function: Any) -> None:
            super().__init__()
            self.encoder = nn.Sequential(nn.Flatten(), nn.Identity())
            self.function = function

        def forward(self, x: Tensor) -> Tensor:
            drawn: Tensor = self.function(x)
            return drawn

    options = {"prototypes": "encoder", "tolerance": 1.0, "steps": 20}
    model = TWINS["keeping"].pure
    found, expected = (
        called("counterfactual", "prototype", model=model, autoencoder=Draws(function), **options)
        for function in (lambda x: x.mul_(0.5), lambda x: x * 0.5)
    )
    assert torch.equal(found.counterfactuals, expected.counterfactuals)


def test_a_generator_is_trained_alike() -> None:
    images = torch.rand(32, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    weights = []
    for function in (torch.Tensor.clone, lambda x: x.mul_(1.0).sub_(0.0)):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = nn.Sequential(nn.Flatten(), nn.Linear(784, 3)).eval()

        class Wrapped(nn.Module):
            def __init__(self, inner: nn.Module, before: Any) -> None:
                super().__init__()
                self.inner, self.before = inner, before

            def forward(self, x: Tensor) -> Any:
                return self.inner(self.before(x))

        made = train_generator(Wrapped(model, function), images, epochs=1, steps=2)
        weights.append(torch.cat([each.flatten() for each in made.parameters()]))
    assert torch.equal(*weights)
