"""Infidelity against captum with the same perturbations, and against closed forms."""

from __future__ import annotations

import math
from typing import Any

import captum.metrics
import pytest
import torch
from by_hand import explained
from torch import Tensor, nn

from xaikit import explain, methods
from xaikit.metrics import infidelity, random_ranking
from xaikit.metrics.infidelity import SLOPES


def windows(samples: int, largest: int, side: int, seed: int) -> Tensor:
    """Return masks (samples, 1, side, side): the documented draws, written out."""
    generator = torch.Generator().manual_seed(seed)

    def integer(below: int) -> int:
        return int(torch.randint(below, (), generator=generator))

    masks = torch.zeros(samples, 1, side, side)
    for mask in masks:
        edge = 1 + integer(largest)
        top, left = integer(side - edge + 1), integer(side - edge + 1)
        for row in range(top, top + edge):
            for column in range(left, left + edge):
                mask[0, row, column] = 1
    return masks


def noise(samples: int, shape: tuple[int, ...], seed: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    draws = [torch.randn(shape, generator=generator, dtype=dtype) for _ in range(samples)]
    return torch.stack(draws)


def captums(
    model: nn.Module, x: Tensor, maps: Tensor, targets: Tensor, draws: Tensor, **kinds: Any
) -> Tensor:
    """Return captum's infidelity (N, T) for draws (samples, …), image by image."""
    rescale, removes, relative, base = (
        kinds[name] for name in ("rescale", "removes", "relative", "base")
    )
    found = torch.empty(targets.shape, dtype=torch.float64)
    for i, image in enumerate(x):
        range_ = image.max() - image.min()
        change = draws * (image - base) if removes else 0.2 * range_ * draws

        def perturb(inputs: Tensor, change: Tensor = change) -> tuple[Tensor, Tensor]:
            away = inputs - base
            weight = change
            if relative:
                # captum's own helper divides by one where the input is the baseline.
                weight = change / torch.where(away == 0, torch.ones_like(away), away)
            return weight, inputs - change

        for t, target in enumerate(targets[i].tolist()):
            found[i, t] = captum.metrics.infidelity(
                model,
                perturb,
                image.unsqueeze(0),
                maps[i, t].unsqueeze(0),
                target=target,
                n_perturb_samples=len(draws),
                normalize=rescale,
            ).item()
    return found


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("perturbation", ["square", "gaussian"])
def test_captum_finds_the_same_for_the_same_perturbations(
    perturbation: str,
    relative: bool,
    rescale: bool,
    network: nn.Module,
    images: Tensor,
    targets: Tensor,
) -> None:
    network, images = network.double(), images.double()
    method = "integrated_gradients" if relative else "gradient"
    options = {"baseline": 0.5} if relative else {}
    base = 0.5 if relative else 0.0
    maps = explain(network, images, targets, method, **options)
    if perturbation == "square":
        draws = windows(40, 4, 12, seed=3).double()  # 0.35 of 12 pixels
    else:
        draws = noise(40, (1, 12, 12), 3, torch.float64)
    found = infidelity(
        network,
        images,
        maps,
        perturbation=perturbation,
        baseline=base,
        samples=40,
        rescale=rescale,
        seed=3,
    )
    expected = captums(
        network,
        images,
        maps.attributions,
        targets,
        draws,
        rescale=rescale,
        removes=perturbation == "square",
        relative=relative,
        base=base,
    )
    assert (expected > 1e-8).all()
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=0)


def test_of_a_line_it_is_the_closed_form() -> None:
    """E[(I·(φ − w))²] = σ² ‖φ − w‖², and at the best factor σ² ‖w‖² (1 − cos²(φ, w))."""
    model = nn.Linear(6, 2).double()
    x = torch.rand(3, 6).double()
    line = explain(model, x, [[0, 1]] * 3, "gradient")
    assert infidelity(model, x, line, perturbation="gaussian").max() < 1e-15
    maps = torch.randn(3, 2, 6, generator=torch.Generator().manual_seed(0)).double()
    wrong = explained(maps, line.targets)
    many = {"perturbation": "gaussian", "samples": 20_000, "times_input": False, "chunk": 10**5}
    variance = (0.2 * (x.max(1).values - x.min(1).values)).square().unsqueeze(1)
    weights = model.weight.detach().expand(3, 2, 6)
    plain = infidelity(model, x, wrong, rescale=False, **many)
    expected = variance * (maps - weights).square().sum(2)
    torch.testing.assert_close(plain, expected, rtol=0.05, atol=0)
    best = infidelity(model, x, wrong, **many)
    cosine = torch.cosine_similarity(maps, weights, dim=2)
    expected = variance * weights.square().sum(2) * (1 - cosine.square())
    torch.testing.assert_close(best, expected, rtol=0.05, atol=0)


def test_a_removed_window_makes_slopes_and_their_products_with_the_input_equal(
    network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    images[:, :, :3] = 0.25
    found = [
        infidelity(
            network,
            images,
            explain(network, images, targets, name),
            samples=50,
        )
        for name in ("gradient", "input_x_gradient")
    ]
    torch.testing.assert_close(*found)


def test_a_contribution_counts_inside_the_window_also_where_nothing_is_removed() -> None:
    """As in the authors' code; a ratio to an input of zero would leave it out."""
    model = nn.Linear(2, 1, bias=False).double()
    model.weight.data = torch.tensor([[1.0, 1]]).double()
    x = torch.tensor([[0.0, 3]]).double()
    maps = explained(torch.tensor([[[5.0, 3]]]).double())
    # Windows of one feature: removing the first changes nothing, although the map says 5.
    options = {"scale": 0.5, "samples": 400, "rescale": False}
    found = infidelity(model, x, maps, times_input=True, **options)
    generator = torch.Generator().manual_seed(0)
    firsts = 0
    for _ in range(400):
        torch.randint(1, (), generator=generator)
        firsts += int(torch.randint(2, (), generator=generator)) == 0
    assert 150 < firsts < 250
    assert found.item() == pytest.approx(25 * firsts / 400)
    assert infidelity(model, x, maps, times_input=False, **options).item() == pytest.approx(
        (3 * 3 - 3) ** 2 * (400 - firsts) / 400
    )


def test_windows_have_every_size_and_place(images: Tensor) -> None:
    """Read off the inputs that the network sees: squares of zeros with sides from 1 to 4."""
    seen: list[Tensor] = []
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 1))
    model[1].register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    images[:] = images.clamp(min=0.1)
    infidelity(model, images[:1], random_ranking(images[:1], 0), samples=2000)
    holes = torch.cat(seen)[4:] == 0  # behind two checks and the input itself
    holes = holes.view(-1, 12, 12)
    sides = holes.any(2).sum(1)
    assert torch.equal(sides, holes.any(1).sum(1))
    assert torch.equal(holes.sum((1, 2)), sides**2)
    counts = torch.bincount(sides)
    assert len(counts) == 5 and counts[0] == 0 and counts[1:].min() > 400
    assert holes[sides == 1].any(0).sum() > 130  # of 144 places, 500 draws
    assert holes.any(0).all()


@pytest.mark.parametrize("perturbation", ["square", "gaussian"])
@pytest.mark.parametrize("shape", [(5,), (7, 3), (2, 6, 6), (2, 3, 4, 5)])
def test_any_shape_any_chunk_one_answer(shape: tuple[int, ...], perturbation: str) -> None:
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(math.prod(shape), 4), nn.Tanh(), nn.Linear(4, 3)
    ).double()
    x = torch.rand(5, *shape).double()
    maps = explain(model, x, [[0, 2]] * 5, "integrated_gradients")
    rows: list[int] = []
    model.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    options: dict[str, Any] = {"perturbation": perturbation, "samples": 23}
    model.train()
    first = infidelity(model, x, maps, **options)
    assert model.training and all(p.requires_grad for p in model.parameters())
    assert first.dtype == torch.float64 and first.shape == (5, 2)
    for chunk in (1, 2, 7, 1000):
        rows.clear()
        found = infidelity(model, x, maps, chunk=chunk, **options)
        assert max(rows[1:]) <= chunk  # The first pass asks two inputs for the number of classes.
        torch.testing.assert_close(found, first)
    assert torch.equal(infidelity(model, x, maps, **options), first)
    assert not torch.equal(infidelity(model, x, maps, seed=1, **options), first)
    # An image's number does not depend on its batch.
    alone = explained(maps.attributions[3:4], maps.targets[3:4])
    found = infidelity(model, x[3:4], alone, times_input=True, **options)
    torch.testing.assert_close(found, first[3:4])


def test_size_does_not_count_and_neither_does_the_sign(
    network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    """The flaw of the best factor: a map turned round is as good."""
    maps = explain(network, images, targets, "integrated_gradients").attributions
    options: dict[str, Any] = {"samples": 30, "times_input": True}
    once, thrice, turned = (
        infidelity(network, images, explained(factor * maps, targets), **options)
        for factor in (1, 3, -1)
    )
    torch.testing.assert_close(once, thrice)
    torch.testing.assert_close(once, turned)
    right, wrong = (
        infidelity(network, images, explained(f * maps, targets), rescale=False, **options)
        for f in (1, -1)
    )
    assert right.mean() < 0.5 * wrong.mean()


def test_a_flat_map_predicts_that_large_windows_change_more() -> None:
    """The flaw of windows: their size alone tells much, and a random map of one sign knows it."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 1, bias=False))
    model[1].weight.data = torch.rand(1, 144, generator=torch.Generator().manual_seed(0))
    x = torch.rand(4, 1, 12, 12, generator=torch.Generator().manual_seed(1))
    nothing = infidelity(model, x, explained(torch.zeros(4, 1, 1, 12, 12)), times_input=True)
    chance = infidelity(model, x, random_ranking(x, 0))
    assert (chance < 0.1 * nothing).all()


def test_every_method_says_whether_its_map_is_multiplied_by_the_input() -> None:
    names = {each.name for each in methods()}
    assert set(SLOPES) <= names
    # Whose attributions sum to a change of the output cannot be a slope.
    assert not {each.name for each in methods() if each.complete} & set(SLOPES)


X, NET = torch.rand(2, 4), nn.Linear(4, 1)
MAP = torch.rand(2, 1, 4)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "give times_input=True for contributions"),
        ({"perturbation": "salt"}, "unknown perturbation 'salt'"),
        ({"scale": 0.0}, "scale has to be above 0"),
        ({"scale": 1.5}, "scale has to be above 0"),
        ({"samples": 0}, "samples has to be"),
        ({"baseline": "pink", "times_input": True}, "unknown baseline"),
    ],
)
def test_a_mistake_gets_one_sentence(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        infidelity(NET, X, explained(MAP), **options)
    with pytest.raises(ValueError, match="give the inputs that were explained"):
        infidelity(NET, X[:1], explained(MAP))
