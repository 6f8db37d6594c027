"""What every search for counterfactuals promises, and how it refuses."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from counterfactuals.linear import linear
from xaikit import counterfactual, load, load_pretrained
from xaikit.autoencoders import Autoencoder, load_judges
from xaikit.counterfactuals import Counterfactuals
from xaikit.counterfactuals.qualities import qualities

METHODS = ["wachter", "prototype"]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return load_pretrained("lecture")


@pytest.fixture(scope="module")
def images() -> Tensor:
    return load("fashion_mnist", "test").images[:4]


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
