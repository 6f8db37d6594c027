"""DeepLIFT and DeepSHAP on models that are no chain of modules: right, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from chain import Chain
from torch import Tensor, nn
from torch.nn import functional

from xaikit import explain


@pytest.mark.parametrize(
    "activation",
    [
        functional.relu,
        torch.relu,
        Tensor.relu,
        torch.relu_,
        Tensor.relu_,
        lambda x: functional.relu(input=x),
        lambda x: functional.relu(x, True),
        lambda x: x.clamp(min=0),
        nn.ReLU(),  # one module, used three times
        nn.ReLU(inplace=True),
    ],
    ids=["F", "torch", "method", "torch_", "method_", "keyword", "inplace", "clamp", "one", "one_"],
)
@pytest.mark.parametrize("name", ["deeplift", "deep_shap"])
def test_an_activation_is_the_same_however_it_is_called(
    name: str,
    activation: Callable[[Tensor], Tensor],
    network: nn.Sequential,
    images: Tensor,
    targets: Tensor,
    background: Tensor,
) -> None:
    options: dict[str, Any] = {"background": background} if name == "deep_shap" else {}
    expected = explain(network, images, targets, name, **options)
    found = explain(Chain(network, activation), images, targets, name, **options)
    assert torch.equal(found.attributions, expected.attributions)


def expect_complete(model: nn.Module, x: Tensor, start: Tensor) -> None:
    """Fail unless the attributions of either class sum to its change between two passes."""
    answer = explain(model, x, [[0, 1]] * len(x), "deeplift", baseline=start)
    with torch.no_grad():
        change = model(x) - model(start.unsqueeze(0))
    gap = answer.attributions.flatten(2).sum(2) - change[:, :2]
    assert (gap.abs() <= 1e-4 * answer.attributions.abs().flatten(2).sum(2)).all()
    assert change.abs().min() > 0
    assert answer.convergence_delta is not None
    torch.testing.assert_close(answer.convergence_delta, gap, atol=1e-5, rtol=0)


ACTIVATIONS = [
    nn.ReLU(),
    nn.ReLU6(),
    nn.LeakyReLU(),
    nn.PReLU(),
    nn.RReLU(),
    nn.ELU(),
    nn.SELU(),
    nn.CELU(),
    nn.GELU(),
    nn.SiLU(),
    nn.Mish(),
    nn.Sigmoid(),
    nn.LogSigmoid(),
    nn.Tanh(),
    nn.Softplus(),
    nn.Softsign(),
    nn.Hardtanh(),
    nn.Hardsigmoid(),
    nn.Hardswish(),
    nn.Threshold(0.1, 0.0),
    nn.ELU(inplace=True),
    nn.LeakyReLU(inplace=True),
    nn.Hardtanh(inplace=True),
    nn.Threshold(0.1, 0.0, inplace=True),
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
def test_every_activation_is_complete(activation: nn.Module) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), activation, nn.Linear(8, 2)).eval()
    expect_complete(model, 3 * torch.randn(5, 6), torch.randn(6))


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([nn.MaxPool1d(2)], (2, 8)),
        ([nn.MaxPool2d(3, stride=1, padding=1)], (2, 6, 6)),
        ([nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(2)], (1, 8, 8)),
        ([nn.MaxPool3d(2)], (1, 4, 4, 4)),
        ([nn.AdaptiveMaxPool1d(2)], (2, 5)),
        ([nn.AdaptiveMaxPool2d(2)], (2, 5, 5)),
        ([nn.AdaptiveMaxPool3d(1)], (1, 3, 3, 3)),
        ([nn.AvgPool2d(2), nn.BatchNorm2d(2), nn.Dropout()], (2, 4, 4)),
        ([nn.AdaptiveAvgPool2d(1)], (2, 4, 4)),
    ],
    ids=str,
)
def test_every_pooling_is_complete(layers: list[nn.Module], shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    body = nn.Sequential(*layers, nn.Flatten()).eval()
    width = body(torch.zeros(1, *shape)).shape[1]
    model = nn.Sequential(body, nn.Linear(width, 16), nn.ReLU(), nn.Linear(16, 2)).eval()
    expect_complete(model, torch.randn(5, *shape), torch.randn(*shape))


class Residual(nn.Module):
    """A block whose sum works in-place on what an activation returned."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.inner(x))
        y += x
        return self.outer(functional.relu(y))


class Folding(nn.Module):
    """Folds a dimension into the batch, as networks on patches or words do."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.randn(4))
        self.each, self.all = nn.Linear(3, 4), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        words = self.each(x.reshape(-1, 3)).relu() * torch.sigmoid(self.gate)
        return self.all(words.reshape(len(x), -1))


@pytest.mark.parametrize("model", [Residual(), Folding()], ids=["residual", "folding"])
def test_other_architectures_are_complete(model: nn.Module) -> None:
    shape = (6,)
    torch.manual_seed(1)
    expect_complete(model, torch.randn(5, *shape), torch.randn(shape))
    x, references = torch.randn(3, 6), torch.randn(7, 6)
    for chunk in (2, 5, 100):
        answer = explain(model, x, [[0, 1]] * 3, "deep_shap", background=references, chunk=chunk)
        change = (model(x) - model(references).mean(0)).detach()
        torch.testing.assert_close(answer.attributions.sum(2), change)


class Uncovered(nn.Module):
    """A linear layer, a nonlinearity of one's choice, a linear layer."""

    def __init__(self, nonlinearity: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 2)
        self.nonlinearity = nonlinearity

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.nonlinearity(self.first(x)))


@pytest.mark.parametrize(
    "nonlinearity",
    [
        lambda x: x * x,
        lambda x: torch.where(x > 0, x, 0 * x),
        lambda x: torch.maximum(x, torch.zeros_like(x)),
        lambda x: x * torch.sigmoid(x),
        lambda x: x.abs(),
        lambda x: functional.layer_norm(x, (4,)),
        lambda x: functional.normalize(x),
        lambda x: x.sort(dim=1).values,
        lambda x: (
            torch.nn.functional.max_pool1d(x.unsqueeze(1), 4, return_indices=True)[0][:, 0]
            * torch.ones(4)
        ),
    ],
    ids=["square", "where", "maximum", "gate", "abs", "norm", "normalize", "sort", "indices"],
)
def test_a_sum_that_would_be_wrong_is_never_returned(
    nonlinearity: Callable[[Tensor], Tensor],
) -> None:
    x, references = torch.randn(8, 4), torch.randn(3, 4)
    for name, options in (("deeplift", {}), ("deep_shap", {"background": references})):
        with pytest.raises(ValueError, match=r"attributions would sum to.*integrated_gradients"):
            explain(Uncovered(nonlinearity), x, 0, name, **options)


@pytest.mark.parametrize("softmax", [nn.Softmax(1), lambda x: x.softmax(1), nn.LogSoftmax(1)])
@pytest.mark.filterwarnings("ignore:the model returns probabilities")
def test_a_softmax_is_refused(softmax: Any) -> None:
    with pytest.raises(ValueError, match=r"does not cover a softmax.*explain its logits"):
        explain(Uncovered(softmax), torch.randn(2, 4), 0, "deeplift")


def test_operations_that_depend_on_the_input_are_refused() -> None:
    model = Uncovered(lambda x: x.relu().relu() if x.sum() > 0 else x)
    ones = torch.ones(4)
    start, x = (ones, -ones) if model.first(ones).sum() > 0 else (-ones, ones)
    with pytest.raises(ValueError, match="other operations for the inputs"):
        explain(model, start[None], 0, "deeplift", baseline=x)
