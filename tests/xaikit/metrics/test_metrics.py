"""Metrics against closed forms, SciPy, and loops that write the definition out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from by_hand import explained
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from torch import Tensor, nn

from xaikit import explain
from xaikit.metrics import (
    deletion,
    insertion,
    intensity_ranking,
    random_ranking,
    rank_agreement,
    weight_randomisation,
)


def test_deletion_and_insertion_of_a_line_by_hand() -> None:
    model = nn.Linear(4, 2, bias=False)
    model.weight.data = torch.tensor([[1.0, 4, 2, 3], [0, 0, 0, 1]])
    x = torch.ones(1, 4)
    answer = explain(model, x, [[0, 1]], "gradient")
    gone = deletion(model, x, answer, steps=4)
    assert gone.fractions.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert gone.scores.tolist() == [[[10, 6, 3, 1, 0], [1, 0, 0, 0, 0]]]
    assert gone.auc.tolist() == [[(5 + 6 + 3 + 1) / 4, 0.5 / 4]]
    back = insertion(model, x, answer, steps=4)
    assert back.scores.tolist() == [[[0, 4, 7, 9, 10], [0, 1, 1, 1, 1]]]
    # Two steps: fills of 1 change nothing, fills of 2 double what is gone.
    assert deletion(model, x, answer, steps=2, fill=1.0).scores[0, 0].tolist() == [10, 10, 10]
    assert deletion(model, x, answer, steps=2, fill=2 * x).scores[0, 0].tolist() == [10, 17, 20]


@pytest.mark.parametrize("chunk", [1, 7, 128])
@pytest.mark.parametrize("inserts", [False, True])
def test_curves_are_the_loop_over_pixels(
    inserts: bool, chunk: int, network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    maps = torch.randn(4, 3, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    fill = images.flip(0)  # one for each image, as blurred ones would be
    metric = insertion if inserts else deletion
    network.train()
    found = metric(network, images, explained(maps, targets), fill=fill, steps=9, chunk=chunk)
    assert network.training
    for i in range(4):
        for t in range(3):
            order = np.argsort(-maps[i, t].flatten().numpy(), kind="stable")
            for step in range(10):
                many = 16 * step
                start, end = (fill, images) if inserts else (images, fill)
                shown = start[i].flatten().clone()
                shown[order[:many].copy()] = end[i].flatten()[order[:many].copy()]
                expected = network(shown.view(1, 1, 12, 12))[0, targets[i, t]].item()
                assert found.scores[i, t, step].item() == pytest.approx(expected, abs=1e-5)
            area = np.trapezoid if hasattr(np, "trapezoid") else np.trapz
            expected = area(found.scores[i, t].numpy(), np.linspace(0, 1, 10))
            assert found.auc[i, t].item() == pytest.approx(expected, abs=1e-6)


def test_pixels_go_with_all_channels() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(8, 1, bias=False))
    nn.init.ones_(model[1].weight)
    x = torch.ones(1, 2, 2, 2)
    maps = torch.tensor([[[[9.0, 0], [0, 0]], [[-9, 1], [0, 0]]]]).unsqueeze(0)
    shown = deletion(model, x, explained(maps), steps=4, fill=-1.0)
    assert shown.scores.tolist() == [[[8, 4, 0, -4, -8]]]


def test_what_a_removed_feature_shows() -> None:
    """Where everything is removed, the output is that of the fill-in alone."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(32, 32))
    model[1].weight.data, model[1].bias.data = torch.eye(32), torch.zeros(32)
    x = torch.rand(3, 2, 4, 4)
    every = torch.arange(32).expand(3, 32)
    maps = explained(torch.rand(3, 32, 2, 4, 4), every)

    def shown(fill: Any, seed: int = 0) -> Tensor:
        return deletion(model, x, maps, fill=fill, steps=1, seed=seed).scores[..., 1].view_as(x)

    assert shown(None).eq(0).all() and shown("grey").eq(0.5).all() and shown(0.2).eq(0.2).all()
    means = x.numpy().mean((2, 3), keepdims=True)
    np.testing.assert_allclose(shown("mean").numpy(), np.broadcast_to(means, x.shape), rtol=1e-6)
    assert torch.equal(shown(x.mean(0)), x.mean(0).expand(x.shape))
    assert torch.equal(shown(x.flip(0)), x.flip(0))
    # SciPy's "mirror" is torchvision's "reflect"; both cut the bell off at two pixels.
    blurred = gaussian_filter(x.numpy(), 4 / 7, axes=(2, 3), mode="mirror", radius=2)
    np.testing.assert_allclose(shown("blurred").numpy(), blurred, atol=1e-6)
    noise = shown("noise")
    least, most = x.flatten(1).min(1).values, x.flatten(1).max(1).values
    unit = (noise - least.view(3, 1, 1, 1)) / (most - least).view(3, 1, 1, 1)
    draw = torch.rand((2, 4, 4), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(unit, draw.expand(x.shape))
    assert torch.equal(noise, shown("noise")) and not torch.equal(noise, shown("noise", seed=1))


def test_segments_go_one_after_the_other_by_their_means() -> None:
    model = nn.Linear(5, 1, bias=False)
    model.weight.data = torch.tensor([[1.0, 10, 100, 1000, 10000]])
    x, segments = torch.ones(2, 5), torch.tensor([7, 3, 7, 3, 5])
    # Means: of 7, 3 and 5 they are 2.5, 2 and 2.6 (their sums would say 7, 3, 5); then 0, 0 and −1,
    # where 3 comes first, because it has the lower number.
    maps = torch.tensor([[[4.0, 3, 1, 1, 2.6]], [[-1, 0, 1, 0, -1]]])
    found = deletion(model, x, explained(maps), segments=segments, steps=5).scores
    assert found[0, 0].tolist() == [11111, 1111, 1110, 1010, 1000, 0]
    assert found[1, 0].tolist() == [11111, 11101, 10101, 10100, 10000, 0]
    own = torch.tensor([[0, 0, 0, 0, 0], [0, 1, 0, 1, 0]])
    found = deletion(model, x, explained(maps), segments=own, steps=5).scores
    assert found[0, 0].tolist() == [11111, 11110, 11100, 11000, 10000, 0]
    assert found[1, 0].tolist() == [11111, 11101, 10101, 10100, 10000, 0]


def test_superpixels_by_name_are_the_map_by_hand(
    network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    maps = explained(torch.randn(4, 3, 1, 12, 12), targets)
    cell = torch.arange(12) * 7 // 12
    by_hand = cell.unsqueeze(1) * 7 + cell
    named, given = (
        deletion(network, images, maps, segments=each).scores for each in ("grid", by_hand)
    )
    assert torch.equal(named, given)


def test_rankings_that_no_network_was_asked_for() -> None:
    x = torch.rand(3, 2, 4, 5)
    random = random_ranking(x, [[0, 1]] * 3)
    assert random.attributions.shape == (3, 2, 2, 4, 5) and random.method == "random"
    one = random.attributions[:, :, 0].flatten(2)
    assert torch.equal(random.attributions[:, :, 1].flatten(2), one)
    torch.testing.assert_close(one.sort().values, (torch.arange(20) + 1).expand(3, 2, 20) / 20)
    assert len({tuple(each.tolist()) for each in one.flatten(0, 1)}) == 6
    again, other = random_ranking(x, [[0, 1]] * 3), random_ranking(x, [[0, 1]] * 3, seed=1)
    assert torch.equal(random.attributions, again.attributions)
    assert not torch.equal(random.attributions, other.attributions)
    bright = intensity_ranking(x, 3)
    assert torch.equal(bright.attributions[:, 0], x) and bright.targets.tolist() == [[3]] * 3
    vector = random_ranking(torch.rand(2, 7).double(), 0)
    assert vector.attributions.shape == (2, 1, 7) and vector.attributions.dtype == torch.float64


def test_black_holes_in_a_black_ground_favour_whatever_follows_the_input() -> None:
    """The flaw: brightness, which knows no network, beats the network's own slopes."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 1, bias=False))
    model[1].weight.data = 1 + 0.1 * torch.rand(1, 64, generator=torch.Generator().manual_seed(0))
    x = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    x[x < 0.5] = 0
    slopes, bright = explain(model, x, 0, "gradient"), intensity_ranking(x, 0)
    by_slope, by_light = (deletion(model, x, each).auc for each in (slopes, bright))
    assert (by_light < 0.9 * by_slope).all()
    # Another fill-in turns the tables.
    by_slope, by_light = (deletion(model, x, each, fill=-50.0).auc for each in (slopes, bright))
    assert (by_light > by_slope).all()


@pytest.mark.parametrize("absolute", [False, True])
def test_rank_agreement_is_scipys(absolute: bool) -> None:
    torch.manual_seed(0)
    one, other = torch.randn(2, 3, 1, 5, 5), torch.randint(-3, 4, (2, 3, 1, 5, 5)).float()
    found = rank_agreement(explained(one), explained(other), absolute=absolute)
    for i in range(2):
        for t in range(3):
            pair = [each[i, t].flatten().numpy() for each in (one, other)]
            expected = spearmanr(*[np.abs(each) if absolute else each for each in pair]).statistic
            assert found[i, t].item() == pytest.approx(expected, abs=1e-12)
    assert rank_agreement(explained(one), explained(one**3)).tolist() == [[1.0] * 3] * 2


def test_rank_agreement_over_a_mask_is_scipys_over_what_it_leaves() -> None:
    torch.manual_seed(0)
    one, other = torch.randn(2, 3, 2, 5, 5), torch.randn(2, 3, 2, 5, 5)
    mask = torch.rand(2, 5, 5) < 0.5
    found = rank_agreement(explained(one), explained(other), mask=mask)
    for i in range(2):
        for t in range(3):
            pair = [each[i, t].sum(0)[mask[i]].numpy() for each in (one, other)]
            assert found[i, t].item() == pytest.approx(spearmanr(*pair).statistic, abs=1e-12)
    # The flaw that it heals: a background of zeros alone makes unrelated maps agree.
    one[..., :4, :], other[..., :4, :] = 0, 0
    one[..., 4, :], other[..., 4, :] = torch.rand(5), torch.rand(5)
    seen = torch.zeros(2, 5, 5, dtype=torch.bool)
    seen[:, 4] = True
    whole, part = (rank_agreement(explained(one), explained(other), mask=m) for m in (None, seen))
    assert (whole > part + 0.3).all()


def test_a_layer_without_reset_parameters_is_randomised_all_the_same(images: Tensor) -> None:
    model = nn.Sequential(nn.Flatten(), Scales(), nn.Linear(144, 2))
    # Only the scales change, because equal weights may be shuffled: the map has to, too.
    model[2].reset_parameters = lambda: nn.init.ones_(model[2].weight)
    model[2].reset_parameters()
    names, found = weight_randomisation(model, images, 0, "gradient", absolute=True)
    assert names == ["2", "1"]
    torch.testing.assert_close(found[0], torch.ones_like(found[0]))
    assert (found[1] < 0.9).all()


class Scales(nn.Module):
    """Multiplies each feature by a parameter of its own, which nothing resets."""

    def __init__(self) -> None:
        super().__init__()
        draw = torch.rand(144, generator=torch.Generator().manual_seed(0))
        self.scales = nn.Parameter(1 + 10 * draw)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scales


def test_a_layer_named_by_an_option_is_that_of_the_randomised_copy(
    network: nn.Sequential, images: Tensor
) -> None:
    default = weight_randomisation(network, images, 0, "grad_cam")[1]
    given = weight_randomisation(network, images, 0, "grad_cam", layer=network[3])[1]
    assert torch.equal(default.nan_to_num(9), given.nan_to_num(9))


def test_weight_randomisation_tells_who_reads_the_weights(
    network: nn.Sequential, images: Tensor
) -> None:
    before = [value.clone() for value in network.state_dict().values()]
    state = torch.get_rng_state()
    names, found = weight_randomisation(network, images, [[0, 1]] * 4, "gradient")
    assert names == ["9", "7", "3", "0"] and found.shape == (4, 4, 2)
    assert found[-1].abs().mean() < 0.3 and found[-1].max() < 0.9
    assert all(
        torch.equal(a, b) for a, b in zip(before, network.state_dict().values(), strict=True)
    )
    assert torch.equal(state, torch.get_rng_state())
    again = weight_randomisation(network, images, [[0, 1]] * 4, "gradient")[1]
    assert torch.equal(found, again)
    # Whose map does not depend on weights stays as it was: a constant weight of one.
    fixed = nn.Sequential(nn.Flatten(), Fixed(), nn.Linear(1, 1, bias=False))
    fixed[2].weight.data.fill_(1)
    same = weight_randomisation(fixed, images, 0, "input_x_gradient", absolute=True)[1]
    torch.testing.assert_close(same, torch.ones_like(same), atol=1e-2, rtol=0)


def test_the_inputs_own_structure_keeps_maps_alike_when_every_layer_is_random(
    network: nn.Module, images: Tensor
) -> None:
    """The flaw: the factor x alone makes a map look as if it did not depend on the weights."""
    images[images < 0.5] = 0
    alone, times_input, healed = (
        weight_randomisation(network, images, [[0, 1]] * 4, method, absolute=True, mask=mask)[1][-1]
        for method, mask in (
            ("gradient", None),
            ("input_x_gradient", None),
            ("input_x_gradient", images[:, 0] > 0),
        )
    )
    assert (times_input > 0.5).all() and (alone.abs() < 0.4).all()
    assert healed.mean() < 0.6 * times_input.mean()


class Fixed(nn.Module):
    """Sums its inputs: nothing to learn."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(dim=1, keepdim=True)


X, MAP = torch.rand(2, 4), torch.rand(2, 1, 4)
NET = nn.Linear(4, 1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: deletion(NET, X[:1], explained(MAP)), "give the inputs that were explained"),
        (lambda: deletion(NET, X, explained(MAP), steps=0), "steps has to be"),
        (lambda: insertion(NET, X, explained(MAP), fill=X[:1]), "fill has to be a number"),
        (lambda: deletion(NET, X, explained(MAP, torch.ones(2, 1).long())), "out of range"),
        (lambda: rank_agreement(explained(MAP), explained(MAP[:1])), "different shapes"),
        (
            lambda: rank_agreement(explained(MAP), explained(MAP, torch.ones(2, 1).long())),
            "different targets",
        ),
        (lambda: deletion(NET, X, explained(MAP), fill="pink"), "unknown fill 'pink'"),
        (lambda: deletion(NET, X, explained(MAP), fill="blurred"), "needs images"),
        (lambda: deletion(NET, X, explained(MAP), segments="grid"), "needs images"),
        (
            lambda: rank_agreement(explained(MAP), explained(MAP), mask=X),
            "mask has to be boolean of shape",
        ),
        (lambda: random_ranking(X, [0]), "targets have to be an int"),
        (lambda: weight_randomisation(nn.Identity(), X, 0, "gradient"), "no layer"),
    ],
)
def test_a_mistake_gets_one_sentence(call: Any, says: str) -> None:
    with pytest.raises((ValueError, TypeError), match=says):
        call()
