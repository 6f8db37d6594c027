"""Training: it learns, is repeatable to the byte, and augments as it says."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from bright_rows import same_bytes, tiny
from torch import nn

from xaikit import attack
from xaikit.models import Classifier, accuracy, build, load_pretrained
from xaikit.training import (
    augment,
    fold_batch_norm,
    recoloured,
    train,
    with_batch_norm,
    worst_nearby,
    zoomed,
)


def test_training_learns() -> None:
    network = train(build("lecture"), tiny(), epochs=10, batch_size=16)
    assert not network.training
    assert accuracy(network, tiny(100, seed=5)) > 0.9


@pytest.mark.parametrize("mixed_precision", [False, True])
def test_training_is_repeatable_to_the_byte(mixed_precision: bool) -> None:
    def trained(seed: int) -> nn.Module:
        network = with_batch_norm(build("mnist"))
        return train(
            network,
            tiny(40),
            epochs=2,
            batch_size=16,
            shift=2,
            flip=True,
            mixed_precision=mixed_precision,
            seed=seed,
        )

    torch.manual_seed(1)
    one = trained(seed=0)
    torch.manual_seed(2)
    assert same_bytes(one, trained(seed=0))
    assert not same_bytes(one, trained(seed=1))
    assert all(p.is_contiguous() for p in one.parameters())


def test_dropout_is_drawn_from_the_seed_and_the_global_state_is_left_alone() -> None:
    def trained(seed: int) -> nn.Module:
        network = Classifier(*build("lecture"), nn.Dropout(0.5))
        return train(network, tiny(40), epochs=1, batch_size=16, seed=seed)

    state = torch.random.get_rng_state()
    one = trained(0)
    assert torch.equal(state, torch.random.get_rng_state())
    torch.rand(1)
    assert same_bytes(one, trained(0)) and not same_bytes(one, trained(1))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_dropout_on_a_gpu_is_drawn_from_the_seed_too() -> None:
    def trained(seed: int) -> nn.Module:
        network = nn.Sequential(nn.Dropout(0.5), nn.Flatten(), nn.Linear(784, 10))
        nn.init.zeros_(network[2].weight)
        nn.init.zeros_(network[2].bias)
        return train(network.cuda(), tiny(40), epochs=1, batch_size=16, seed=seed)

    state = torch.cuda.get_rng_state()
    one = trained(0)
    assert torch.equal(state, torch.cuda.get_rng_state())
    torch.rand(1, device="cuda")
    assert same_bytes(one, trained(0)) and not same_bytes(one, trained(1))


@pytest.mark.parametrize("context", [torch.inference_mode, torch.no_grad])
def test_training_does_not_depend_on_the_callers_context(context: type) -> None:
    network = build("lecture")
    with context():
        train(network, tiny(), epochs=1)
    assert same_bytes(network, train(build("lecture"), tiny(), epochs=1))


@pytest.mark.parametrize("seed", [None, -1, 2**32, "0"])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    with pytest.raises(ValueError, match="seed has to be a whole number"):
        train(build("lecture"), tiny(), epochs=1, seed=seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", range(1, 12))
def test_any_number_of_steps_will_do(steps: int) -> None:
    before, after = (
        build("lecture"),
        train(build("lecture"), tiny(4 * steps), epochs=1, batch_size=4),
    )
    assert not same_bytes(before, after)


def test_no_epochs_change_nothing() -> None:
    network = build("lecture")
    assert same_bytes(train(network, tiny(), epochs=0), build("lecture"))


def test_a_loss_that_explodes_is_one_sentence() -> None:
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        train(build("lecture"), tiny(), epochs=5, learning_rate=1e30)


def test_worst_nearby_is_near_and_worse_than_chance() -> None:
    network, data = load_pretrained("lecture"), tiny(40)
    images, labels = data.images, network(data.images).argmax(1).detach()

    def moved(epsilon: float, seed: int = 0) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return worst_nearby(network, images, labels, epsilon, generator)

    @torch.no_grad()
    def loss(inputs: torch.Tensor) -> float:
        return float(nn.functional.cross_entropy(network(inputs), labels))

    found = moved(0.1)
    assert float((found - images).abs().max()) <= 0.1 + 1e-6
    assert found.min() >= 0 and found.max() <= 1 and not found.requires_grad
    signs = 2 * torch.randint(0, 2, images.shape, generator=torch.Generator().manual_seed(1)) - 1
    assert loss(found) > 2 * loss((images + 0.1 * signs).clamp(0, 1))
    assert torch.equal(found, moved(0.1)) and not torch.equal(found, moved(0.1, seed=1))


def test_adversarial_training_withstands_what_training_does_not() -> None:
    data = tiny(200)
    kept = []
    for epsilon in (0.0, 0.15):
        network = train(build("lecture"), data, epochs=8, batch_size=20, epsilon=epsilon)
        found = attack(network, data.images, data.labels, "pgd", epsilon=0.15, steps=20)
        kept.append(1 - float(found.success.double().mean()))
    assert kept[1] > kept[0] + 0.2, kept


def test_augmented_images_are_shifts_and_mirror_images() -> None:
    images = torch.rand(200, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    moved = augment(images, 1, True, torch.Generator().manual_seed(0))
    assert moved.shape == images.shape
    seen = set()
    for image, result in zip(images, moved, strict=True):
        padded = np.pad(image.numpy(), ((0, 0), (1, 1), (1, 1)))
        matches = [
            (down, right, flip)
            for down in range(3)
            for right in range(3)
            for flip in (False, True)
            if np.array_equal(
                (lambda cut, flip=flip: cut[:, :, ::-1] if flip else cut)(
                    padded[:, down : down + 5, right : right + 4]
                ),
                result.numpy(),
            )
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) == 18, "all nine shifts, mirrored and not"
    assert torch.equal(augment(images, 0, False, torch.Generator()), images)


def test_zoomed_images_are_magnified_about_a_point_inside() -> None:
    # A ramp stays a ramp; its slope tells the factor, its value where it has not moved the point.
    ramp = torch.linspace(-1, 1, 33, dtype=torch.float64) * 32 / 33
    images = ramp.expand(400, 1, 33, 33)
    found = zoomed(images, 0.25, torch.Generator().manual_seed(0))
    inside = found[:, 0, 16, 12:21]
    slopes = inside.diff(dim=1)
    torch.testing.assert_close(slopes, slopes[:, :1].expand_as(slopes))
    factor = (ramp[1] - ramp[0]) / slopes[:, 0]
    assert 0.75 <= factor.min() < 0.77 and 1.23 < factor.max() <= 1.25
    moved = (factor - 1).abs() > 0.05
    fixed = found[moved, 0, 16, 16] / (1 - 1 / factor[moved])
    assert -1 <= fixed.min() < -0.9 and 0.9 < fixed.max() <= 1
    torch.testing.assert_close(zoomed(images[:2], 0.0, torch.Generator()), images[:2])


def test_recoloured_images_stay_images() -> None:
    images = torch.rand(300, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    found = recoloured(images, 0.3, torch.Generator().manual_seed(1))
    assert found.shape == images.shape and found.min() >= 0 and found.max() <= 1
    torch.testing.assert_close(recoloured(images, 0.0, torch.Generator()), images)
    # Brightness alone moves the mean of an image that clamping leaves alone.
    dim = images * 0.1 + 0.4
    ratio = recoloured(dim, 0.3, torch.Generator().manual_seed(1)).mean((1, 2, 3)) / dim.mean(
        (1, 2, 3)
    )
    assert 0.7 <= ratio.min() < 0.73 and 1.27 < ratio.max() <= 1.3
    grey = images[:, :1].expand(-1, 3, -1, -1)
    again = recoloured(grey, 0.3, torch.Generator().manual_seed(1))
    torch.testing.assert_close(again[:, 0], again[:, 2])


def test_folding_batch_norm_keeps_the_function() -> None:
    network = with_batch_norm(build("fashion_mnist")).double()
    generator = torch.Generator().manual_seed(0)
    norms = [layer for layer in network if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 5
    for norm in norms:
        for tensor in (norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var):
            assert tensor is not None
            drawn = torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
            tensor.copy_(drawn + 0.5)
    network.eval()
    before = copy.deepcopy(network.state_dict())
    folded = fold_batch_norm(network)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded)
    images = torch.rand(8, 1, 28, 28, generator=generator, dtype=torch.float64)
    assert torch.allclose(folded(images), network(images), rtol=1e-9, atol=1e-9)
    # Once more from the definition, for the first convolution.
    convolution, norm = network[0], network[1]
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    assert torch.allclose(folded[0].weight, convolution.weight * scale[:, None, None, None])
    assert torch.allclose(
        folded[0].bias, (convolution.bias - norm.running_mean) * scale + norm.bias
    )
    after = network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before), "the original stays"
