"""Counterfactuals against closed forms, and their own promises."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xaikit import counterfactual, load, load_pretrained
from xaikit.__main__ import main
from xaikit.autoencoders import (
    Autoencoder,
    Autoencoders,
    load_autoencoder,
    load_judges,
    pretrain,
    train_autoencoder,
)
from xaikit.counterfactuals import Counterfactuals, linear_counterfactual
from xaikit.counterfactuals.qualities import qualities

METHODS = ["wachter", "prototype"]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return load_pretrained("lecture")


@pytest.fixture(scope="module")
def images() -> Tensor:
    return load("fashion_mnist", "test").images[:4]


def linear(weights: list[float], bias: float = 0.0) -> nn.Module:
    """Two classes, the second one's lead over the first being w·x + b."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(len(weights), 2)).double()
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[0.0] * len(weights), weights]))
        model[1].bias.copy_(torch.tensor([0.0, bias]))
    return model


# --- closed forms -----------------------------------------------------------------------------


def test_the_projection_by_hand():
    # w = (3, 4), b = −5: at (3, 4), wᵀx + b = 20 and wᵀw = 25, so 0.8 w is taken away.
    w, x = torch.tensor([3.0, 4.0]).double(), torch.tensor([[3.0, 4.0], [1.0, 1.0]]).double()
    on = linear_counterfactual(w, -5.0, x, beyond=0)
    assert torch.allclose(on[0], torch.tensor([0.6, 0.8]).double())
    assert torch.allclose(on @ w - 5.0, torch.zeros(2).double(), atol=1e-12)
    beyond = linear_counterfactual(w, -5.0, x)
    assert ((beyond @ w - 5.0).sign() == -(x @ w - 5.0).sign()).all()
    assert torch.allclose(beyond, on, atol=5e-3)


def test_nothing_on_the_boundary_is_nearer_than_the_projection():
    random = torch.Generator().manual_seed(0)
    w, x = (torch.randn(5, generator=random).double() for _ in range(2))
    on = linear_counterfactual(w, 0.3, x, beyond=0)
    along = torch.randn(1000, 5, generator=random).double()
    along -= (along @ w)[:, None] * w / (w @ w)  # other points of the boundary
    assert ((on + along - x).norm(dim=1) >= (on - x).norm()).all()


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_bias_keeps_the_inputs_precision_and_shape(shape: tuple[int, ...]):
    # NumPy's numbers are double from the start.
    w, x = np.array([0.3, -0.7, 0.2]), np.array([[0.1, 0.2, 0.9]])
    expected = x - (x @ w + 0.1)[:, None] / (w @ w) * w
    weight, point = torch.from_numpy(w), torch.from_numpy(x)
    for bias in (0.1, torch.full(shape, 0.1, dtype=torch.float64)):
        on = linear_counterfactual(weight, bias, point, beyond=0)
        np.testing.assert_allclose(on.numpy(), expected, rtol=1e-14)
        assert linear_counterfactual(weight, bias, point[0]).shape == (3,)


ONES = torch.ones(2)


@pytest.mark.parametrize(
    ("weight", "bias", "x", "says"),
    [
        (ONES, torch.zeros(5), ONES, "bias has to be one number"),
        (ONES.double(), 0.0, ONES, "of one floating point type"),
        (ONES.long(), 0.5, ONES.long(), "of one floating point type"),
        (ONES * torch.nan, 0.0, ONES, "have to be finite"),
        (ONES, torch.inf, ONES, "have to be finite"),
        (ONES * 0, 0.0, ONES, "weight is zero"),
    ],
)
def test_what_is_no_linear_classifier_is_answered_by_a_sentence(
    weight: Tensor, bias: float | Tensor, x: Tensor, says: str
):
    with pytest.raises((ValueError, TypeError), match=says):
        linear_counterfactual(weight, bias, x)


@pytest.mark.parametrize("tolerance", [0.2, 0.05, 0.02])
def test_wachter_with_l2_approaches_the_projection_as_the_tolerance_shrinks(tolerance: float):
    # A probability of one half is the boundary.
    weights, bias = [6.0, -3.0, 2.0], -1.0
    x = torch.tensor([[0.3, 0.6, 0.4]]).double()
    nearest = linear_counterfactual(torch.tensor(weights).double(), bias, x, beyond=0)
    found = counterfactual(
        linear(weights, bias), x, 1, "wachter", distance="l2", probability=0.5, tolerance=tolerance
    )
    assert found.found.all()
    # w·x + b is at most the tolerance's log-odds beyond, and |w| = 7.
    slack = torch.logit(torch.tensor(0.5 + tolerance)).item() / 7
    assert (found.counterfactuals[:, 0] - nearest).norm() <= slack + 1e-4


def test_wachter_with_l1_moves_only_the_feature_of_the_largest_weight():
    # From 0, w·x has to grow to logit(0.95) = 2.944; only 8 times the first feature is cheapest.
    x = torch.full((1, 3), 0.2).double()
    found = counterfactual(linear([8.0, -3.0, 2.0], -1.4), x, 1, "wachter")
    change = (found.counterfactuals[0, 0] - x[0]).tolist()
    assert found.found.all()
    assert change[1] == change[2] == 0
    least = torch.logit(torch.tensor(0.95)).item() / 8
    assert least <= change[0] <= 1.03 * least


def test_where_the_input_is_valid_already_it_stays():
    x = torch.tensor([[0.9, 0.1]]).double()
    found = counterfactual(linear([9.0, -9.0]), x, 1)
    assert found.found.all() and (found.counterfactuals[:, 0] == x).all()


def test_a_probability_that_is_too_high_is_brought_down():
    x = torch.tensor([[0.9, 0.1]]).double()
    model = linear([9.0, -9.0])
    found = counterfactual(model, x, 1, probability=0.7, tolerance=0.05)
    p = model(found.counterfactuals[:, 0]).softmax(1)[0, 1]
    assert found.found.all() and 0.65 <= p <= 0.75


def test_of_two_features_of_a_class_the_prototype_chooses_the_one_of_its_examples():
    # Either feature alone makes class 1; the examples of class 1 all have the second.
    model, x = linear([8.0, 8.0], -4.0), torch.tensor([[0.1, 0.1]]).double()
    examples = torch.tensor([[0.1, 0.9], [0.1, 0.95], [0.0, 0.1], [0.1, 0.0]]).double()
    found = counterfactual(
        model, x, 1, "prototype", prototypes="kdtree", examples=examples, k=1, theta=10.0
    )
    first, second = (found.counterfactuals[0, 0] - x[0]).tolist()
    assert found.found.all() and second > 0.5 and abs(first) < 0.05


# --- what every method promises ------------------------------------------------------------------


def test_not_found_is_a_result():
    # Even all features at 1 leave class 1 behind.
    found = counterfactual(linear([1.0, 1.0], -9.0), torch.full((1, 2), 0.5).double(), [[0, 1]])
    assert found.found.tolist() == [[True, False]]
    assert found.predicted.tolist() == [[0, 0]]


@pytest.mark.parametrize("method", METHODS)
def test_found_says_what_the_model_says(network: nn.Module, images: Tensor, method: str):
    targets = torch.arange(10).expand(4, 10)
    result = counterfactual(network, images, targets, method)
    assert isinstance(result, Counterfactuals) and result.method == method
    made = result.counterfactuals
    assert made.shape == (4, 10, 1, 28, 28) and made.min() >= 0 and made.max() <= 1
    with torch.no_grad():
        p = network(made.flatten(0, 1)).softmax(1).view(4, 10, 10)
    assert (result.predicted == p.argmax(2)).all()
    own = p.gather(2, targets.unsqueeze(2)).squeeze(2)
    assert torch.equal(result.found, (p.argmax(2) == targets) & (own >= 0.95))
    assert result.found.float().mean() >= 0.97
    change = (made - images[:, None]).flatten(2)
    assert torch.allclose(result.distance_l1, change.abs().sum(2))
    assert torch.allclose(result.distance_l2, change.square().sum(2).sqrt())


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_bytes_and_nothing_else_changes(
    network: nn.Module, images: Tensor, method: str
):
    network.train()
    try:
        before, state = copy.deepcopy(network.state_dict()), torch.get_rng_state()
        one, two = (counterfactual(network, images[:2], [3, 8], method, steps=30) for _ in range(2))
        assert torch.equal(one.counterfactuals, two.counterfactuals)
        assert torch.equal(torch.get_rng_state(), state)
        assert network.training and all(p.requires_grad for p in network.parameters())
        assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    finally:
        network.eval()


def test_an_item_alone_gets_what_it_gets_in_company(network: nn.Module, images: Tensor):
    together = counterfactual(network, images, 8)
    alone = counterfactual(network, images, 8, chunk=1)
    assert torch.allclose(together.distance_l1, alone.distance_l1, rtol=0.05)


def test_wachter_changes_less_and_prototypes_lead_into_the_class(
    network: nn.Module, images: Tensor
):
    origins = network(images).argmax(1)
    targets = (origins[:, None] + torch.tensor([1, 4, 7])) % 10
    judges = load_judges("fashion_mnist")
    by = {
        method: qualities(counterfactual(network, images, targets, method), origins, judges)
        for method in METHODS
    }
    assert by["wachter"].l1.mean() < by["prototype"].l1.mean()
    assert by["wachter"].sparsity.mean() > by["prototype"].sparsity.mean()
    assert by["prototype"].im1.mean() < 0.8 * by["wachter"].im1.mean()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"method": "lime"}, "unknown method 'lime'"),
        ({"backend": "torch"}, "unknown backend 'torch'"),
        ({"steps": 0}, "steps has to be a whole number"),
        ({"gamma": 1.0}, "takes no option 'gamma'"),
        ({"tolerance": 0.0}, "tolerance has to be greater than 0"),
        ({"probability": 1.5}, "probability has to lie in"),
        ({"distance": "l3"}, "distance has to be"),
        ({"targets": 10}, "10 is out of range"),
        ({"seed": None}, "seed has to be a whole number"),
        ({"seed": -1}, "seed has to be a whole number"),
        ({"method": "prototype", "theta": -1.0}, "theta has to be a number of at least 0"),
        ({"method": "prototype", "prototypes": "tree"}, "prototypes has to be"),
    ],
)
def test_bad_input_is_answered_by_a_sentence(
    network: nn.Module, images: Tensor, arguments: dict[str, object], says: str
):
    with pytest.raises((ValueError, TypeError), match=says):
        counterfactual(network, images, **{"targets": 3, **arguments})


def test_a_model_without_slopes_cannot_be_searched():
    class Detached(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach()

    with pytest.raises(ValueError, match="no search can follow its slopes"):
        counterfactual(Detached(), torch.tensor([[0.6, 0.5]]), 1)


def test_a_model_without_card_needs_examples():
    with pytest.raises(ValueError, match="no card"):
        counterfactual(linear([1.0, 1.0]), torch.rand(1, 2).double(), 1, "prototype")


IMAGES = torch.rand(2, 1, 28, 28)


class Flattening(nn.Module):
    """An autoencoder that forgets the images' shape."""

    encoder = nn.Flatten()

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"examples": IMAGES.numpy()}, "examples have to be a floating point tensor.*ndarray"),
        ({"examples": IMAGES.byte()}, "examples have to be a floating point tensor.*uint8"),
        ({"examples": IMAGES[..., 1:]}, r"examples have to be like the inputs, \(B, 1, 28, 28\)"),
        ({"examples": IMAGES[:0]}, "examples have to be like the inputs"),
        ({"examples": IMAGES * torch.nan}, r"examples have to lie in \[0, 1\]"),
        ({"examples": 255 * IMAGES}, r"examples have to lie in \[0, 1\]"),
        ({"autoencoder": "mnist"}, "a module with an .encoder, not str"),
        ({"autoencoder": nn.Sequential()}, "a module with an .encoder, not Sequential"),
        ({"autoencoder": Autoencoder(2, 2).double()}, "autoencoder fails on torch.float32 inputs"),
        ({"autoencoder": Flattening()}, r"\(1, 1, 28, 28\) again, but returns \(1, 784\)"),
    ],
)
def test_prototypes_of_something_else_are_answered_by_a_sentence(
    network: nn.Module, images: Tensor, options: dict[str, object], says: str
):
    with pytest.raises((ValueError, TypeError), match=says):
        counterfactual(network, images, 3, "prototype", **{"examples": images, **options})


# --- qualities -----------------------------------------------------------------------------------


class Constant(nn.Module):
    """An autoencoder that always draws the same."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values = torch.tensor(values)

    def forward(self, x: Tensor) -> Tensor:
        return self.values.expand_as(x)


def test_interpretability_by_hand():
    judges = nn.ModuleDict(
        {"0": Constant([1.0, 0.0]), "1": Constant([0.0, 1.0]), "all": Constant([0.5, 0.5])}
    )
    made = torch.tensor([[[0.2, 0.6]], [[1.0, 0.5]]])
    inputs = torch.tensor([[0.8, 0.6], [0.0, 0.5]])
    result = Counterfactuals(
        inputs=inputs,
        counterfactuals=made,
        found=torch.tensor([[True], [False]]),
        predicted=torch.tensor([[1], [1]]),
        distance_l1=torch.tensor([[0.6], [1.0]]),
        distance_l2=torch.tensor([[0.6], [1.0]]),
        targets=torch.tensor([[1], [0]]),
        method="by hand",
        seconds=0.0,
    )
    measured = qualities(result, torch.tensor([0, 1]), judges)
    # First: to AE₁ 0.2² + 0.4² = 0.2, to AE₀ 0.8² + 0.6² = 1. Second: 0.25 and 1 + 0.25.
    assert measured.im1.flatten().tolist() == pytest.approx([0.2, 0.2])
    # AE₁ to all: 0.5² + 0.5² = 0.5, over 0.8; likewise AE₀ to all, over 1.5.
    assert measured.im2.flatten().tolist() == pytest.approx([0.5 / 0.8, 0.5 / 1.5])
    assert measured.sparsity.flatten().tolist() == [0.5, 0.5]
    assert measured.valid.flatten().tolist() == [True, False]


def test_judges_keep_their_precision_and_answer_in_the_results(images: Tensor):
    judges, origins = load_judges("fashion_mnist"), torch.tensor([0, 0, 1, 2])

    def result(x: Tensor) -> Counterfactuals:
        one = torch.ones(4, 1)
        return Counterfactuals(
            x, x[:, None], one > 0, one.long(), one, one, one.long(), "by hand", 0.0
        )

    single, double = (qualities(result(x), origins, judges) for x in (images, images.double()))
    assert double.im1.dtype == double.im2.dtype == torch.float64
    torch.testing.assert_close(double.im1.float(), single.im1)
    torch.testing.assert_close(double.im2.float(), single.im2)
    for wrong, by, says in (
        (origins[:2], judges, r"tensor of shape \(4,\)"),
        (origins.float(), judges, r"tensor of shape \(4,\)"),
        ([0, 0, 1, 2], judges, r"tensor of shape \(4,\)"),
        (origins + 8, judges, "judges lack '10'"),
        (origins, nn.ModuleDict({"1": judges["1"]}), "judges lack 'all'"),
        (origins, dict(judges), "judges have to be a torch.nn.ModuleDict, not dict"),
    ):
        with pytest.raises((ValueError, TypeError), match=says):
            qualities(result(images), wrong, by)


# --- autoencoders --------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["fashion_mnist", "mnist"])
def test_no_judge_is_the_autoencoder_that_guides(data: str):
    guide, judges = load_autoencoder(data), load_judges(data)
    assert isinstance(judges, Autoencoders)
    assert set(judges) == {"all", *map(str, range(10))}
    assert judges.card["command"] == f"python -m xaikit train judges_{data}"
    for mine, theirs in zip(guide.parameters(), judges["all"].parameters(), strict=True):
        assert not torch.equal(mine, theirs)


def test_a_class_is_drawn_best_by_its_own_autoencoder():
    data = load("fashion_mnist", "test")
    judges = load_judges("fashion_mnist")
    for label in (1, 9):  # trousers and boots are unlike the rest
        x = data.images[data.labels == label][:50]
        with torch.no_grad():
            errors = [(judges[str(c)](x) - x).square().mean().item() for c in range(10)]
        assert errors.index(min(errors)) == label
        assert min(errors) == pytest.approx(judges.card["errors"][str(label)], rel=0.3)


@pytest.mark.slow
def test_the_command_of_the_card_trains_it_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    # Ten steps in place of thousands.
    monkeypatch.setattr("xaikit.autoencoders._steps", lambda member, images: 10)
    name = "judges_fashion_mnist"
    for folder in ("one", "two"):
        assert main(["train", name, "--out", str(tmp_path / folder)]) == 0
    assert f"{name}: mean squared errors" in capsys.readouterr().out
    one, two = (load_judges("fashion_mnist", folder=tmp_path / each) for each in ("one", "two"))
    for mine, theirs in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    (tmp_path / "one" / f"{name}.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match=f"damaged .*`python -m xaikit train {name}"):
        load_judges("fashion_mnist", folder=tmp_path / "one")
    with pytest.raises(FileNotFoundError, match="is missing"):
        load_judges("mnist", folder=tmp_path)
    with pytest.raises(ValueError, match="no autoencoders of 'cifar'"):
        load_autoencoder("cifar")


@pytest.mark.parametrize(
    ("images", "steps", "says"),
    [
        (IMAGES, 0, "steps has to be a whole number"),
        (IMAGES[:0], 5, "a batch"),
        (IMAGES.double(), 5, "computes in torch.float32"),
        (255 * IMAGES, 5, r"have to lie in \[0, 1\]"),
    ],
)
def test_an_autoencoder_of_nothing_is_answered_by_a_sentence(images: Tensor, steps: int, says: str):
    with pytest.raises((ValueError, TypeError), match=says):
        train_autoencoder(Autoencoder(2, 2), images, steps=steps)


def test_an_autoencoder_of_no_recipe_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="choose one of autoencoder_fashion_mnist, judges"):
        pretrain("autoencoder_cifar")


def test_autoencoders_of_a_recipe_leave_every_random_state_alone(monkeypatch: pytest.MonkeyPatch):
    seeds, state = [], torch.get_rng_state()
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    monkeypatch.setattr("xaikit.autoencoders._steps", lambda member, images: 1)
    pretrain("autoencoder_fashion_mnist")
    assert torch.equal(torch.get_rng_state(), state) and not seeds
