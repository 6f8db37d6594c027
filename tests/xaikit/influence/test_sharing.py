"""What all checkpoints share at the front is computed once, and no score is another one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from xaikit import influence, self_influence


class Counted(nn.Module):
    """Halves the side of a picture, and counts the pictures."""

    seen = 0

    def forward(self, x: Tensor) -> Tensor:
        type(self).seen += len(x)
        return nn.functional.avg_pool2d(x, 2)


class Apart(nn.Module):
    """The same network, but no chain that could be cut."""

    def __init__(self, chain: nn.Module) -> None:
        super().__init__()
        self.chain = chain

    def forward(self, x: Tensor) -> Tensor:
        return self.chain(x)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def chain(*front: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    layers = (nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8, 3))
    return nn.Sequential(Counted(), *front, *layers).eval()


def trained(network: nn.Sequential, places: tuple[int, ...], seed: int) -> dict[str, Tensor]:
    """Return a checkpoint in which the layers at some places have other weights."""
    other = copy.deepcopy(network)
    for place in places:
        for each in other[place].parameters():
            each.data = 0.3 * (draw(*each.shape, seed=seed) - 0.5)
    return other.state_dict()


@pytest.mark.parametrize("places", [(4,), (1, 4)])
@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("tracin", {"layers": "last"}),
        ("tracin", {"layers": "all"}),
        ("tracin", {"layers": "all", "projection": 64}),
        ("trak", {"dimension": 8}),
        ("tracin", {"backend": "captum"}),
    ],
)
def test_scores_are_those_of_the_same_network_that_is_no_chain(
    method: str, options: dict[str, Any], places: tuple[int, ...]
) -> None:
    network, training = chain(), (draw(30, 1, 8, 8), torch.arange(30) % 3)
    inputs, labels = draw(4, 1, 8, 8, seed=1), torch.tensor([0, 1, 2, 0])
    states = [trained(network, places, seed) for seed in (3, 4, 5)]
    found = influence(network, inputs, labels, training, method, checkpoints=states, **options)
    whole = [{f"chain.{name}": value for name, value in state.items()} for state in states]
    plain = influence(
        Apart(network), inputs, labels, training, method, checkpoints=whole, **options
    )
    assert found.scores.abs().max() > 1e-4
    torch.testing.assert_close(found.scores, plain.scores, rtol=1e-5, atol=1e-7)
    if method == "tracin" and "backend" not in options and "projection" not in options:
        own = self_influence(network, training, method, checkpoints=states, **options)
        whole_own = self_influence(Apart(network), training, method, checkpoints=whole, **options)
        torch.testing.assert_close(own, whole_own, rtol=1e-5, atol=1e-7)


def pictures(network: nn.Sequential, states: list[dict[str, Tensor]], **options: Any) -> int:
    """Return how many of 200 training pictures went through the front, those of probes apart."""
    training = draw(200, 1, 8, 8), torch.arange(200) % 3
    Counted.seen = 0
    influence(
        network, training[0][:2], training[1][:2], training, "tracin", checkpoints=states, **options
    )
    return round(Counted.seen / 200)


def test_the_front_sees_each_training_picture_once() -> None:
    network = chain()
    heads = [trained(network, (4,), seed) for seed in (3, 4, 5, 6)]
    assert pictures(network, heads) == 1
    assert pictures(network, heads, layers="all") == 1
    assert pictures(network, [trained(network, (1, 4), seed) for seed in (3, 4, 5, 6)]) == 1
    assert pictures(Apart(network), [{f"chain.{k}": v for k, v in h.items()} for h in heads]) == 4


def test_what_a_chain_does_beside_its_layers_is_not_lost() -> None:
    """A hook of the whole, a layer that stands there twice, and one that needs more memory."""
    heads = [trained(chain(), (4,), seed) for seed in (3, 4, 5, 6)]
    hooked = chain()
    hooked.register_forward_hook(lambda module, given, result: 2 * result)
    training = draw(9, 1, 8, 8), torch.arange(9) % 3
    asked = training[0][:2], training[1][:2]
    doubled = influence(hooked, *asked, training, "tracin", checkpoints=heads, layers="all").scores
    plain = influence(chain(), *asked, training, "tracin", checkpoints=heads, layers="all").scores
    assert not torch.allclose(doubled, plain)
    assert pictures(hooked, heads, layers="all") == 4
    twice = Counted()
    torch.manual_seed(0)
    again = nn.Sequential(twice, nn.Flatten(), nn.Unflatten(1, (1, 4, 4)), twice, nn.Flatten())
    again.append(nn.Linear(4, 3))
    states = [trained(again, (5,), seed) for seed in (3, 4)]
    found = influence(again, *asked, training, "tracin", checkpoints=states).scores
    whole = [{f"chain.{name}": value for name, value in state.items()} for state in states]
    wanted = influence(Apart(again), *asked, training, "tracin", checkpoints=whole).scores
    torch.testing.assert_close(found, wanted)
    torch.manual_seed(0)
    wide = nn.Sequential(nn.Flatten(), nn.Linear(64, 4096), nn.ReLU(), nn.Linear(4096, 3))
    states = [trained(wide, (3,), seed) for seed in (3, 4)]
    assert influence(wide, *asked, training, "tracin", checkpoints=states).scores.isfinite().all()
