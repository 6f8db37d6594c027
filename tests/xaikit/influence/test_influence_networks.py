"""Networks of other forms: the scores are products of autograd's gradients, example by example."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import prune
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from xaikit import influence, self_influence
from xaikit.core.logits import TwoClasses

DRAW = torch.Generator().manual_seed(0)
IMAGES, LABELS = torch.rand(12, 1, 6, 6, generator=DRAW), torch.arange(12) % 3
ASKED, RIGHT = torch.rand(3, 1, 6, 6, generator=DRAW), torch.tensor([0, 2, 1])
TRAINING = IMAGES, LABELS


def one_by_one(
    model: nn.Module,
    loss: Callable[..., Tensor] = functional.cross_entropy,
    of: Callable[[Any], nn.Module] = lambda model: model,
    labels: tuple[Tensor, Tensor] = (RIGHT, LABELS),
) -> Tensor:
    """Return the products of the gradients by a part's parameters, by one backward pass each.

    The model is used up: it comes back in evaluation mode.
    """
    model.eval()
    weights = [each.requires_grad_() for each in of(model).parameters()]

    def slope(image: Tensor, label: Tensor) -> Tensor:
        found = loss(model(image[None]), label[None]).sum()
        slopes = torch.autograd.grad(found, weights, materialize_grads=True, allow_unused=True)
        return torch.cat([each.flatten() for each in slopes])

    ours, theirs = (
        torch.stack([slope(*pair) for pair in zip(*each, strict=True)])
        for each in ((ASKED, labels[0]), (IMAGES, labels[1]))
    )
    return ours @ theirs.T


class Tied(nn.Module):
    """Two layers share a weight, and each has its own bias."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(36, 36), nn.Linear(36, 36)
        self.two.weight = self.one.weight
        self.last = nn.Linear(36, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.two(self.one(images.flatten(1)).tanh()).tanh())


class TiedAtTheEnd(nn.Module):
    """The last layer's weight is an earlier layer's, too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle, self.last = nn.Linear(36, 3), nn.Linear(3, 3), nn.Linear(3, 3)
        self.last.weight = self.middle.weight

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.middle(self.first(images.flatten(1)).tanh()).tanh())


class UsedTwice(TiedAtTheEnd):
    """No other layer has the last one's weight: the network itself multiplies by it before."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(3, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.last((self.first(images.flatten(1)) @ self.last.weight).tanh())


class Heads(nn.Module):
    """A second head runs last, and its outputs are thrown away."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.last, self.other = nn.Linear(36, 6), nn.Linear(6, 3), nn.Linear(6, 2)

    def forward(self, images: Tensor) -> Tensor:
        seen = self.body(images.flatten(1)).relu()
        found = self.last(seen)
        self.other(seen)
        return found


def reweighted() -> nn.Module:
    """Hold a weight as direction and length, in the older way that keeps the layer's class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        last = nn.utils.weight_norm(nn.Linear(6, 3))
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 6), nn.ReLU(), last)


def pruned() -> nn.Module:
    last = prune.l1_unstructured(nn.Linear(6, 3), "weight", 0.5)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 6), nn.ReLU(), last)


def parametrised() -> nn.Module:
    last = nn.utils.parametrizations.weight_norm(nn.Linear(6, 3))
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 6), nn.ReLU(), last)


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.last = nn.Linear(6, 8), nn.Linear(8, 3)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.layer(self.embed(images[:, 0])).mean(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.last = nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.layer(images[:, 0])[0][:, -1])


def dropping() -> nn.Module:
    layers = nn.Linear(36, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 3)
    return nn.Sequential(nn.Flatten(), *layers)


def frozen_body() -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 6), nn.ReLU(), nn.Linear(6, 3))
    model[1].requires_grad_(False)
    return model


def made(kind: Callable[[], nn.Module]) -> Any:
    """Return a network with the weights that it always has."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return kind()


TIED = [Tied, TiedAtTheEnd, UsedTwice]
OTHERS = [reweighted, pruned, parametrised, Attending, Recurrent, Heads, dropping, frozen_body]


@pytest.mark.parametrize("kind", [*TIED, *OTHERS])
def test_all_layers_of_any_network_are_autograds(kind: Callable[[], nn.Module]) -> None:
    model, twin = made(kind).train(), made(kind)
    before = copy.deepcopy(model.state_dict())
    wanted = [each.requires_grad for each in model.parameters()]
    expected = one_by_one(twin)
    found = influence(model, ASKED, RIGHT, TRAINING, "grad_dot", layers="all").scores
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    own = self_influence(model, (ASKED, RIGHT), "grad_dot", layers="all")
    alike = influence(model, ASKED, RIGHT, (ASKED, RIGHT), "grad_dot", layers="all").scores
    torch.testing.assert_close(own, alike.diagonal(), rtol=1e-4, atol=1e-6)
    for method in ("trak", "influence_function"):
        more = {"damping": 1.0} if method == "influence_function" else {}
        assert (
            influence(model, ASKED, RIGHT, TRAINING, method, layers="all", **more)
            .scores.isfinite()
            .all()
        )
    assert model.training and all(each.training for each in model.modules())
    assert [each.requires_grad for each in model.parameters()] == wanted
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


@pytest.mark.parametrize("kind", [TiedAtTheEnd, Attending, Recurrent])
def test_the_hessian_of_all_layers_is_that_of_differences(kind: type[nn.Module]) -> None:
    model, twin = made(kind).double(), made(kind).double().eval()
    images, asked = IMAGES.double(), ASKED.double()
    options: dict[str, Any] = {"layers": "all", "damping": 2.0}
    found = influence(model, asked, RIGHT, (images, LABELS), "influence_function", **options)
    weights = list(twin.parameters())
    start = nn.utils.parameters_to_vector(weights).detach()

    def slope(at: Tensor, inputs: Tensor, labels: Tensor) -> Tensor:
        nn.utils.vector_to_parameters(at, weights)
        loss = functional.cross_entropy(twin(inputs), labels)
        return nn.utils.parameters_to_vector(torch.autograd.grad(loss, weights))

    ways = 1e-5 * torch.eye(len(start)).double()
    ahead, back = (
        torch.stack([slope(start + sign * way, images, LABELS) for way in ways]) for sign in (1, -1)
    )
    hessian = (ahead - back) / 2e-5 + 2 * torch.eye(len(start)).double()
    ours, theirs = (
        torch.stack([slope(start, x[None], y[None]) for x, y in zip(*pair, strict=True)])
        for pair in ((asked, RIGHT), (images, LABELS))
    )
    expected = ours @ torch.linalg.solve(hessian, theirs.T) / len(images)
    torch.testing.assert_close(found.scores, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("kind", [Tied, Heads, Attending, Recurrent])
def test_the_last_layer_of_any_network_is_autograds(kind: type[Any]) -> None:
    model = made(kind)
    expected = one_by_one(made(kind), of=lambda model: model.last)
    found = influence(model, ASKED, RIGHT, TRAINING, "grad_dot").scores
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", [TiedAtTheEnd, UsedTwice])
@pytest.mark.parametrize("method", ["grad_dot", "influence_function", "leave_one_out", "trak"])
def test_a_last_layer_whose_weights_count_elsewhere_is_refused(
    kind: type[nn.Module], method: str
) -> None:
    with pytest.raises(ValueError, match=r"elsewhere, too \(they are tied\).*use layers=\"all\""):
        influence(kind(), ASKED, RIGHT, TRAINING, method, layers="last")


def test_nearest_exemplars_need_features_and_no_more() -> None:
    model = TwoClasses(nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.ReLU(), nn.Linear(4, 1)))
    found = influence(model, ASKED, RIGHT % 2, (IMAGES, LABELS % 2), "exemplar").scores
    with torch.no_grad():
        ours, theirs = (model.model[:3](each) for each in (ASKED, IMAGES))
    expected = -torch.stack([(theirs - each).norm(dim=1) for each in ours])
    torch.testing.assert_close(found, expected)
    scores = influence(model, ASKED, RIGHT % 2, (IMAGES, LABELS % 2), "grad_dot", layers="all")
    expected = one_by_one(
        copy.deepcopy(model.model),
        lambda logits, labels: functional.binary_cross_entropy_with_logits(
            logits[:, 0], labels.float()
        ),
        labels=(RIGHT % 2, LABELS % 2),
    )
    torch.testing.assert_close(scores.scores, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ["exemplar", "representer"])
def test_methods_without_layers_say_which_ones_have_them(method: str) -> None:
    class NoLinear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(1, 3, 3)

        def forward(self, images: Tensor) -> Tensor:
            return self.convolution(images).mean((2, 3))

    with pytest.raises(ValueError, match=r"no linear layer.*: choose a method with layers=\"all\""):
        influence(NoLinear(), ASKED, RIGHT, TRAINING, method)


def linear() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 3))


class Pairs(Dataset[Any]):
    def __len__(self) -> int:
        return 12

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        return IMAGES[place], int(LABELS[place])


def test_data_sets_of_torch_are_told_how_to_become_a_pair() -> None:
    model, pair = linear(), TensorDataset(IMAGES, LABELS)
    expected = influence(model, ASKED, RIGHT, TRAINING).scores
    for given in (pair, DataLoader(pair, 4)):
        with pytest.raises(TypeError, match=r": give training(\.dataset)?\.tensors\.$"):
            influence(model, ASKED, RIGHT, given)
    for given in (Pairs(), DataLoader(Pairs(), 4), Subset(pair, range(12))):
        with pytest.raises(TypeError, match=r"next\(iter\(torch") as caught:
            influence(model, ASKED, RIGHT, given)
        code = str(caught.value).split(": ", 1)[1].split(" makes the pair")[0]
        made = eval(code, {"torch": torch, "training": given})
        assert torch.equal(influence(model, ASKED, RIGHT, made).scores, expected)


@pytest.mark.parametrize(
    ("inputs", "labels", "training", "sentence"),
    [
        (ASKED[0], RIGHT[:1], TRAINING, r"the shape of one training image, .* as x\[None\]"),
        (ASKED, RIGHT, (IMAGES.to("meta"), LABELS), "not a sparse or meta one"),
        (ASKED, RIGHT, (IMAGES.to_sparse(), LABELS), "not a sparse or meta one"),
        (ASKED, RIGHT, ((IMAGES * 255).byte(), LABELS), r"bytes\.float\(\) / 255"),
        (ASKED, RIGHT.bool(), TRAINING, "labels are torch.bool, but .* takes classes"),
        (ASKED, RIGHT, (IMAGES, LABELS / 3), "float32, but .* or another loss"),
    ],
)
def test_examples_of_another_form_are_one_sentence(
    inputs: Any, labels: Any, training: Any, sentence: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence) as caught:
        influence(linear(), inputs, labels, training)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_training_images_of_eight_bits_are_numbers_like_others() -> None:
    model, eight = linear(), IMAGES.to(torch.float8_e4m3fn)
    found = influence(model, ASKED, RIGHT, (eight, LABELS)).scores
    assert torch.equal(found, influence(model, ASKED, RIGHT, (eight.float(), LABELS)).scores)


def test_a_loss_that_keeps_an_axis_is_told_so() -> None:
    model, wanted = nn.Sequential(nn.Flatten(), nn.Linear(36, 1)), torch.rand(12, 1)
    loss = nn.MSELoss(reduction="none")
    with pytest.raises(ValueError, match=r"\(2, 1\) to one shape, and take the mean over all axes"):
        influence(model, ASKED, wanted[:3], (IMAGES, wanted), "grad_dot", loss=loss)
    found = influence(
        *(model, ASKED, wanted[:3], (IMAGES, wanted), "grad_dot"),
        loss=lambda outputs, labels: loss(outputs, labels).mean(1),
        layers="all",
    )
    expected = one_by_one(copy.deepcopy(model), functional.mse_loss, labels=(wanted[:3], wanted))
    torch.testing.assert_close(found.scores, expected, rtol=1e-4, atol=1e-6)


def test_autocast_around_a_call_changes_nothing() -> None:
    model = linear()
    expected = influence(model, ASKED, RIGHT, TRAINING, "grad_dot", layers="all").scores
    with torch.autocast("cpu"):
        found = influence(model, ASKED, RIGHT, TRAINING, "grad_dot", layers="all").scores
    assert torch.equal(found, expected)
