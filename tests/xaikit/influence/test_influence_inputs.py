"""What users pass by mistake, or in another form, gets the same scores or one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from xaikit import influence, self_influence

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


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (prefixed, r"begin with module\., as DataParallel writes them: .* its \.module\."),
        (on_meta, "lies on the device meta and holds no numbers"),
        (lambda state: {"epoch": 3, "model": state}, "a dict that holds one: give its entry 'mod"),
        (lambda state: {"epoch": 3}, r"not a dict: use model.state_dict\(\)"),
        (lambda state: {**state, "more": torch.zeros(1)}, "it has more, which the model lacks"),
    ],
)
def test_a_checkpoint_of_another_form_is_one_sentence(
    model: nn.Sequential, changed: Any, sentence: str
) -> None:
    given = [changed(model.state_dict())]
    with pytest.raises((TypeError, ValueError), match=sentence) as caught:
        influence(model, ASKED, RIGHT, (IMAGES, LABELS), checkpoints=given)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_a_file_of_something_else_is_one_sentence(model: nn.Sequential, tmp_path: Path) -> None:
    (tmp_path / "notes.pt").write_text("hello")
    with pytest.raises(ValueError, match=r"notes.pt, cannot be read \(torch.save did not write it"):
        influence(model, ASKED, RIGHT, (IMAGES, LABELS), checkpoints=[tmp_path / "notes.pt"])
