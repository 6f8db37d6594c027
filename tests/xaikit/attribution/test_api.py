"""The call itself: targets in every form, the list of methods, targets of interest."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from xaikit import explain, methods, targets_of_interest


@pytest.mark.parametrize("given", [2, [2, 2, 2, 2], torch.full((4,), 2), torch.full((4, 1), 2)])
def test_targets_in_every_form(given: Any, network: nn.Module, images: Tensor) -> None:
    answer = explain(network, images, given, "gradient")
    assert answer.targets.tolist() == [[2]] * 4 and answer.targets.dtype == torch.int64


def test_methods_say_what_the_course_teaches() -> None:
    records = {each.name: each for each in methods()}
    required = "gradient integrated_gradients smoothgrad grad_cam deeplift deep_shap lime"
    assert set(required.split()) <= set(records)
    for record in records.values():
        assert record.scope == "local"
        assert record.based_on in ("gradient", "perturbation", "relevance", "example")
        # Who only perturbs needs outputs alone, and nobody else does.
        assert record.model_agnostic == (record.based_on == "perturbation")
        assert "forward" in record.passes and re.search(r"(19|20)\d\d.*(arXiv|doi):", record.paper)
    assert [name for name, record in records.items() if record.complete] == [
        "expected_gradients",
        "gradient_shap",
        "integrated_gradients",
        "deep_shap",
        "deeplift",
        "kernel_shap",
    ]


def test_importing_the_library_imports_no_explainer() -> None:
    heavy = ["captum", "lime", "matplotlib", "shap", "skimage", "sklearn"]
    asks = f"import sys, xaikit; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True)
    assert (answer.stdout.strip(), answer.stderr) == ("[]", "")


def test_targets_of_interest_by_hand() -> None:
    model = nn.Sequential(nn.Identity())
    scores = torch.tensor([[0.1, 3.0, -2.0, 1.0], [5.0, 5.0, 0.0, 5.0]])
    # Of equal outputs the lower class counts as likelier.
    expected = [[3, 1, 3, 2], [2, 0, 1, 2]]
    assert targets_of_interest(model, scores, torch.tensor([3, 2])).tolist() == expected


def test_targets_of_interest_of_two_classes_and_many_inputs() -> None:
    scores = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    best = scores.argmax(1)
    found = targets_of_interest(nn.Identity(), scores, torch.zeros(300, dtype=torch.long))
    assert found.tolist() == torch.stack([0 * best, best, 1 - best, 1 - best], 1).tolist()


@pytest.mark.parametrize("labels", [torch.tensor([0]), torch.tensor([0, 9]), torch.eye(2).long()])
def test_targets_of_interest_refuses_labels_that_do_not_fit(labels: Tensor) -> None:
    with pytest.raises(ValueError, match=r"one label an input|^label"):
        targets_of_interest(nn.Flatten(), torch.rand(2, 1, 2, 2), labels)
