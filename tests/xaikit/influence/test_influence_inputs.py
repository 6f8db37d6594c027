"""What users pass by mistake, or in another form, gets the same scores or one sentence."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from xaikit import influence, self_influence
from xaikit.core.logits import TwoClasses

DRAW = torch.Generator().manual_seed(0)
IMAGES, LABELS = torch.rand(12, 1, 6, 6, generator=DRAW), torch.arange(12) % 3
ASKED, RIGHT = torch.rand(3, 1, 6, 6, generator=DRAW), torch.tensor([0, 2, 1])


@pytest.fixture
def model() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(36, 6), nn.ReLU(), nn.Linear(6, 3))


@pytest.mark.parametrize("method", ["grad_dot", "influence_function", "trak", "representer"])
def test_inference_mode_changes_nothing(model: nn.Sequential, method: str) -> None:
    expected = influence(model, ASKED, RIGHT, (IMAGES, LABELS), method).scores
    own = self_influence(model, (IMAGES, LABELS), method)
    with torch.inference_mode():
        copies = [each.clone() for each in (ASKED, RIGHT, IMAGES, LABELS)]
        assert all(each.is_inference() for each in copies)
        found = influence(model, *copies[:2], (copies[2], copies[3]), method).scores
        alone = self_influence(model, (copies[2], copies[3]), method)
    assert torch.equal(found, expected) and torch.equal(alone, own)


def test_labels_in_other_forms_are_the_same(model: nn.Sequential) -> None:
    expected = influence(model, ASKED, RIGHT, (IMAGES, LABELS)).scores
    for form in (Tensor.int, Tensor.numpy, Tensor.tolist, lambda each: each.to(torch.uint8)):
        found = influence(model, ASKED, form(RIGHT), (IMAGES, form(LABELS))).scores
        assert torch.equal(found, expected)


def prefixed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"module.{name}": value for name, value in state.items()}


def on_meta(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.to("meta") for name, value in state.items()}


def as_kind(dtype: torch.dtype, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.to(dtype) for name, value in state.items()}


def sparse(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.to_sparse() for name, value in state.items()}


def too_large(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Hold numbers that are infinite in the model's precision."""
    return {name: value.double() * 1e60 for name, value in state.items()}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (prefixed, r"begin with module\., as DataParallel writes them: .* its \.module\."),
        (on_meta, "lies on the device meta and holds no numbers"),
        (lambda state: {"epoch": 3, "model": state}, "a dict that holds one: give its entry 'mod"),
        (lambda state: {"epoch": 3}, r"not a dict: use model.state_dict\(\)"),
        (lambda state: {**state, "more": torch.zeros(1)}, "it has more, which the model lacks"),
        (partial(as_kind, torch.int64), r"holds torch.int64 in 1\.weight, where the network has"),
        (
            partial(as_kind, torch.bool),
            r"holds torch.bool in 1\.weight.* as the training left them",
        ),
        (partial(as_kind, torch.complex64), r"holds torch.complex64 in 1\.weight"),
        (sparse, r"holds 1\.weight as a sparse tensor"),
        (too_large, r"checkpoint 0 holds nan or infinity in 1\.weight"),
    ],
)
def test_a_checkpoint_of_another_form_is_one_sentence(
    model: nn.Sequential, changed: Any, sentence: str
) -> None:
    given = [changed(model.state_dict())]
    for method, backend in (("tracin", "native"), ("trak", "native"), ("tracin", "captum")):
        options: dict[str, Any] = {"method": method, "backend": backend, "checkpoints": given}
        with pytest.raises((TypeError, ValueError), match=sentence) as caught:
            influence(model, ASKED, RIGHT, (IMAGES, LABELS), **options)
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


FLOATING = [torch.float16, torch.bfloat16, torch.float64, torch.float8_e5m2]


@pytest.mark.parametrize("dtype", FLOATING)
@pytest.mark.parametrize("kind", ["tracin", "trak"])
def test_a_checkpoint_of_another_precision_is_the_same_weights(
    model: nn.Sequential, dtype: torch.dtype, kind: str, tmp_path: Path
) -> None:
    rounded = as_kind(dtype, model.state_dict())
    widened = as_kind(torch.float32, rounded)
    save_file(rounded, tmp_path / "rounded.safetensors")
    asked = model, ASKED, RIGHT, (IMAGES, LABELS), kind
    for layers in ("last", "all"):
        # Beside one of another precision, with which it shares what it begins with.
        states = [(each, model.state_dict()) for each in (rounded, widened)]
        found, expected = (
            influence(*asked, layers=layers, checkpoints=[*pair]).scores for pair in states
        )
        assert torch.equal(found, expected)
        path = [tmp_path / "rounded.safetensors", model.state_dict()]
        assert torch.equal(influence(*asked, layers=layers, checkpoints=path).scores, expected)


def test_batch_normalisation_counts_in_any_kind_of_numbers() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    state = model.state_dict()
    assert not state["2.num_batches_tracked"].is_floating_point()
    halves = as_kind(torch.float16, state)
    found = influence(model, ASKED, RIGHT, (IMAGES, LABELS), checkpoints=[halves]).scores
    same = as_kind(torch.float32, halves)
    expected = influence(model, ASKED, RIGHT, (IMAGES, LABELS), checkpoints=[same]).scores
    assert torch.equal(found, expected)


def test_a_classifier_of_one_logit_takes_its_own_checkpoints(model: nn.Sequential) -> None:
    one = nn.Sequential(nn.Flatten(), nn.Linear(36, 1))
    asked = TwoClasses(one), ASKED, RIGHT % 2, (IMAGES, LABELS % 2), "tracin"
    expected = influence(*asked, layers="all").scores
    found = influence(*asked, layers="all", checkpoints=[one.state_dict()]).scores
    assert torch.equal(found, expected)
    with pytest.raises(ValueError, match=r"begin with model\., as TwoClasses .* its \.model"):
        influence(*asked, layers="all", checkpoints=[TwoClasses(one).state_dict()])


def test_a_file_of_something_else_is_one_sentence(model: nn.Sequential, tmp_path: Path) -> None:
    (tmp_path / "notes.pt").write_text("hello")
    with pytest.raises(ValueError, match=r"notes.pt, cannot be read \(torch.save did not write it"):
        influence(model, ASKED, RIGHT, (IMAGES, LABELS), checkpoints=[tmp_path / "notes.pt"])
