"""What explain cannot do is said in one sentence; probabilities are explained with a warning."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from xaikit import explain

NET = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))

CONV = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(8, 3))

X = torch.rand(2, 1, 2, 2)


class Returns(nn.Module):
    """Returns what a function makes of its input."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "says"),
    [
        ((NET, X, 0, "gradcam"), {}, ValueError, "unknown method 'gradcam'.*grad_cam, gradient"),
        ((NET, X, 0, "lime"), {"steps": 3}, TypeError, "lime takes no option 'steps'.*samples"),
        ((NET, X, 3, "gradient"), {}, ValueError, "target 3 is out of range.*0 to 2"),
        ((NET, X, -1, "gradient"), {}, ValueError, "target -1 is out of range"),
        ((NET, X, 1.0, "gradient"), {}, TypeError, "targets have to be classes"),
        ((NET, X, [True, False], "gradient"), {}, TypeError, "targets have to be classes"),
        ((NET, X, "shoe", "gradient"), {}, TypeError, "targets have to be classes"),
        ((NET, X, [0, 1, 2], "gradient"), {}, ValueError, r"shape is \(3,\)"),
        ((NET, X, [[0], [1], [2]], "gradient"), {}, ValueError, r"shape is \(3, 1\)"),
        ((NET, X[0, 0, 0, 0], 0, "gradient"), {}, ValueError, r"a batch .*x\[None\]"),
        ((NET, X[:0], 0, "gradient"), {}, ValueError, "at least one example"),
        ((NET, X.long(), 0, "gradient"), {}, TypeError, r"use inputs.float\(\)"),
        ((NET, X.numpy(), 0, "gradient"), {}, TypeError, "have to be a tensor"),
        ((NET, X / 0, 0, "gradient"), {}, ValueError, "nan or infinity"),
        ((NET, X.double(), 0, "gradient"), {}, TypeError, "computes in torch.float32"),
        ((NET, X[..., :1], 0, "gradient"), {}, ValueError, r"fails on inputs of shape \(2, 1"),
        ((len, X, 0, "gradient"), {}, TypeError, "model has to be a torch.nn.Module"),
        ((nn.Identity(), X, 0, "gradient"), {}, ValueError, r"has to return \(N, classes\)"),
        ((Returns(lambda x: x.sum()), X, 0, "gradient"), {}, ValueError, "has to return"),
        ((Returns(lambda x: {"y": x}), X, 0, "gradient"), {}, TypeError, "returns a dict"),
        (
            (Returns(lambda x: x.detach().flatten(1)), X, 0, "gradient"),
            {},
            ValueError,
            "do not depend differentiably",
        ),
        ((Returns(lambda x: x.flatten(1) / 0), X, 0, "lime"), {}, ValueError, "nan or infinity"),
        ((NET, X, 0, "gradient"), {"chunk": 0}, ValueError, "chunk has to be a whole number"),
        ((NET, X, 0, "gradient"), {"seed": None}, ValueError, "seed has to be a whole number"),
        ((NET, X, 0, "gradient"), {"seed": -1}, ValueError, "seed has to be a whole number"),
        ((NET, X, 0), {"steps": 0}, ValueError, "steps has to be a whole number"),
        ((NET, X, 0), {"steps": 2.0}, ValueError, "steps has to be a whole number"),
        ((NET, X, 0), {"baseline": X[:, :, :1]}, ValueError, r"shape \(1, 2, 2\)"),
        ((NET, X, 0), {"baseline": X[0, 0]}, ValueError, r"shape \(1, 2, 2\)"),
        ((NET, X, 0), {"baseline": X[:0]}, ValueError, "baseline holds no reference"),
        (
            (NET, X, 0),
            {"baseline": "samples"},
            ValueError,
            "names its training data, so the baseline has to be given: baseline=",
        ),
        ((NET, X[:, 0], 0), {"baseline": "blurred"}, ValueError, 'baseline="blurred" needs images'),
        ((NET, X, 0), {"baseline": "beige"}, ValueError, "unknown baseline 'beige'.*black"),
        ((NET, X, 0, "smoothgrad"), {"samples": -1}, ValueError, "samples has to be"),
        ((NET, X, 0, "smoothgrad"), {"noise": -1}, ValueError, "noise has to be 0 or more"),
        ((NET, X, 0, "grad_cam"), {}, ValueError, "the model has no convolution"),
        ((CONV, X, 0, "grad_cam"), {"layer": nn.ReLU()}, ValueError, "a module of the model"),
        ((CONV, X, 0, "grad_cam"), {"layer": CONV[2]}, ValueError, "spatial dimensions"),
        ((NET, X, 0, "deep_shap"), {}, ValueError, "background has to be given"),
        ((NET, X, 0, "deep_shap"), {"background": X[:, 0]}, ValueError, r"shape \(1, 2, 2\)"),
        ((NET, X, 0, "deep_shap"), {"background": X[:0]}, ValueError, "holds no reference"),
        ((NET, X, 0, "lime"), {"segments": "felzenszwalb"}, ValueError, "unknown segments"),
        ((NET, X[:, 0], 0, "lime"), {"segments": "slic"}, ValueError, "needs images"),
        ((NET, X, 0, "lime"), {"segments": torch.zeros(3, 3).long()}, ValueError, "segments have"),
        ((NET, X, 0, "lime"), {"segments": torch.zeros(2, 2)}, ValueError, "integers of shape"),
        ((NET, X, 0, "lime"), {"kernel_width": 0.0}, ValueError, "kernel_width has to be positive"),
        ((NET, X, 0, "expected_gradients"), {}, ValueError, "background has to be given"),
        ((NET, X, 0, "gradient_shap"), {"noise": -1}, ValueError, "noise has to be 0 or more"),
        ((NET, X, 0, "kernel_shap"), {"samples": 0}, ValueError, "samples has to be"),
        ((NET, X, 0, "kernel_shap"), {"baseline": 0, "background": X}, ValueError, "not both"),
        ((NET, X, 0, "occlusion"), {"window": 3}, ValueError, "does not cover inputs"),
        ((NET, X, 0, "occlusion"), {"window": 1, "stride": 2}, ValueError, "does not cover"),
    ],
)
def test_a_mistake_gets_one_sentence(
    arguments: tuple[Any, ...], options: dict[str, Any], kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says) as raised:
        explain(*arguments, **options)
    assert re.fullmatch(r"[^\n]+", str(raised.value))


@pytest.mark.parametrize("method", ["gradient", "lime"])
def test_a_model_made_in_inference_mode_gets_one_sentence(method: str) -> None:
    with torch.inference_mode():
        made = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(8, 3))
    with pytest.raises(ValueError, match="make or load it outside"):
        explain(made, X, 0, method)


def test_probabilities_are_explained_with_a_warning(images: Tensor) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 3), nn.Softmax(dim=1))
    with pytest.warns(UserWarning, match="returns probabilities"):
        explain(model, images, 0, "gradient")
    sure = nn.Sequential(nn.Flatten(), nn.Linear(144, 3), nn.Softmax(dim=1))
    with torch.no_grad():
        sure[1].bias.copy_(torch.tensor([0.0, 400.0, -400.0]))
    assert sure(images).eq(torch.tensor([0.0, 1.0, 0.0])).all()  # rounded
    with pytest.warns(UserWarning, match="returns probabilities"):
        assert not explain(sure, images, 0, "gradient").attributions.any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(model, images, 0, "lime", samples=5)  # outputs suffice it: no gradient vanishes
        explain(model[:2], images, 0, "gradient")
