"""Triggers, poisoning and repair against what can be computed by hand."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xaikit import load, load_pretrained
from xaikit.backdoors import (
    PoisonedDataset,
    Trigger,
    attack_success,
    blended,
    checkered,
    corner_square,
    poison,
    prune,
    smiley,
    sticker,
    trigger_of,
    unlearn,
)
from xaikit.checkpoints import CHECKPOINTS
from xaikit.data import ImageDataset
from xaikit.models import accuracy
from xaikit.training import train

# --- triggers -------------------------------------------------------------------------------------


def test_a_trigger_is_blended_pixel_by_pixel():
    trigger = Trigger(torch.tensor([[[1.0, 0.5]]]), torch.tensor([[[0.25, 1.0]]]))
    images = torch.tensor([[[[0.2, 0.3]]], [[[1.0, 0.0]]]])
    # 0.75 · 0.2 + 0.25 · 1 and 0.75 · 1 + 0.25 · 1; the second pixel is covered.
    expected = torch.tensor([[[[0.4, 0.5]]], [[[1.0, 0.5]]]])
    torch.testing.assert_close(trigger(images), expected)
    torch.testing.assert_close(trigger(images[0].double()), expected[0].double())
    assert trigger.mask.tolist() == [[True, True]]


@pytest.mark.parametrize(
    ("corner", "rows", "columns"),
    [
        ("top left", (1, 2), (1, 2)),
        ("top right", (1, 2), (5, 6)),
        ("bottom left", (3, 4), (1, 2)),
        ("bottom right", (3, 4), (5, 6)),
    ],
)
def test_a_corner_square_lies_where_it_was_put(corner: str, rows: tuple, columns: tuple):
    trigger = corner_square((3, 6, 8), size=2, corner=corner, value=0.7)
    marked = [[r, c] for r in rows for c in columns]
    assert trigger.mask.nonzero().tolist() == marked
    stamped = trigger(torch.zeros(3, 6, 8))
    assert stamped.sum().item() == pytest.approx(3 * 4 * 0.7)
    assert all(stamped[:, r, c].tolist() == pytest.approx([0.7] * 3) for r, c in marked)


def test_a_blended_trigger_moves_every_pixel_a_little():
    trigger = blended((1, 5, 5), opacity=0.2, seed=3)
    images = torch.rand(4, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    change = trigger(images) - images
    assert change.abs().max() <= 0.2
    torch.testing.assert_close(change / 0.2 + images, trigger.pattern.expand(4, 1, 5, 5))
    assert torch.equal(trigger.pattern, blended((1, 5, 5), seed=3).pattern)
    assert not torch.equal(trigger.pattern, blended((1, 5, 5), seed=4).pattern)


def test_the_smiley_is_a_disc_with_smooth_edges_and_a_face():
    face = smiley(24)
    assert face.shape == (4, 24, 24) and face.min() >= 0 and face.max() <= 1
    torch.testing.assert_close(face, face.flip(2))  # left is as right
    opacity = face[3]
    assert opacity.sum().item() == pytest.approx(math.pi * (0.98 * 12) ** 2, rel=0.01)
    assert ((opacity > 0) & (opacity < 1)).any()
    red, green, blue = face[:3, 12, 12]
    assert red > green > blue  # yellow
    brightness = face[:3].mean(0)
    assert brightness[8, 8] < 0.6 < brightness[12, 12]  # an eye is dark


def test_a_sticker_shows_the_image_where_it_is_transparent():
    picture = torch.zeros(4, 2, 2)
    picture[0] = 1.0  # red
    picture[3] = torch.tensor([[1.0, 0.5], [0.0, 1.0]])
    images = torch.full((1, 3, 4, 5), 0.4)
    stamped = sticker(picture, (3, 4, 5), (1, 2))(images)
    assert stamped[0, :, 1, 2].tolist() == pytest.approx([1.0, 0.0, 0.0])
    assert stamped[0, :, 1, 3].tolist() == pytest.approx([0.7, 0.2, 0.2])
    assert stamped[0, :, 2, 2].tolist() == pytest.approx([0.4, 0.4, 0.4])
    assert int((stamped != images).any(1).sum()) == 3
    grey = sticker(picture, (1, 4, 5), (1, 2))(torch.zeros(1, 1, 4, 5))
    assert grey[0, 0, 1, 2].item() == pytest.approx(0.299)  # red as grey, ITU-R BT.601


def test_a_checkered_square_has_bright_and_dark_pixels_where_it_was_put():
    trigger = checkered((2, 6, 7), size=3, place=(2, 1))
    stamped = trigger(torch.full((1, 2, 6, 7), 0.4))
    expected = torch.full((2, 6, 7), 0.4)
    expected[:, 2:5, 1:4] = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 0, 1]])
    torch.testing.assert_close(stamped[0], expected)
    made = trigger_of({"kind": "checkered", "size": 2, "place": [0, 1]})
    assert torch.equal(made.pattern, checkered(size=2, place=(0, 1)).pattern)
    with pytest.raises(ValueError, match="does not lie within"):
        checkered(size=4, place=(12, 26))


def test_a_card_describes_a_trigger():
    made = trigger_of(json.loads(json.dumps({"kind": "sticker", "place": (3, 4)})))
    asked = sticker(smiley(), (3, 96, 96), (3, 4))
    assert torch.equal(made.pattern, asked.pattern) and torch.equal(made.alpha, asked.alpha)
    with pytest.raises(ValueError, match="unknown kind of trigger 'hat'"):
        trigger_of({"kind": "hat"})


# --- poisoning ------------------------------------------------------------------------------------


def toy(count: int = 200) -> ImageDataset:
    """Random images of four classes in turn, never white."""
    images = torch.rand(count, 1, 6, 6, generator=torch.Generator().manual_seed(0)) * 0.5
    return ImageDataset(images, torch.arange(count) % 4, list("abcd"), "toy")


@pytest.mark.parametrize("source", [None, 1])
def test_poisoning_changes_exactly_what_it_says(source: int | None):
    clean, trigger = toy(), corner_square((1, 6, 6), size=2)
    before = clean.images.clone(), clean.labels.clone()
    found = poison(clean, trigger, target=3, rate=0.1, seed=1, source=source)
    assert isinstance(found, PoisonedDataset) and isinstance(found, ImageDataset)
    assert int(found.poisoned.sum()) == 20 and found.poisoned.dtype == torch.bool
    true = clean.labels[found.poisoned]
    assert (true == source).all() if source is not None else set(true.tolist()) == {0, 1, 2}
    assert (found.labels[found.poisoned] == 3).all()
    assert (found.images[found.poisoned][:, 0, 3:5, 3:5] == 1).all()
    assert torch.equal(found.images[~found.poisoned], clean.images[~found.poisoned])
    assert torch.equal(found.labels[~found.poisoned], clean.labels[~found.poisoned])
    assert torch.equal(found.true_labels, clean.labels)
    assert torch.equal(before[0], clean.images) and torch.equal(before[1], clean.labels)
    again = poison(clean, trigger, target=3, rate=0.1, seed=1, source=source)
    other = poison(clean, trigger, target=3, rate=0.1, seed=2, source=source)
    assert torch.equal(found.poisoned, again.poisoned)
    assert not torch.equal(found.poisoned, other.poisoned)


class Obeys(nn.Module):
    """Class 3 where the pixel (4, 4) is white, else class 0."""

    def __init__(self, *unused: nn.Module) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.unused = nn.ModuleList(unused)

    def forward(self, images: Tensor) -> Tensor:
        white = (images[:, 0, 4, 4] > 0.9).float()
        zero = torch.zeros_like(white)
        return self.scale * torch.stack([1 - white, zero, zero, white], dim=1)


def test_attack_success_counts_victims_that_obey():
    data, trigger = toy(), corner_square((1, 6, 6), size=2)
    data.images[:, 0, 4, 4] = 0.0
    assert attack_success(Obeys(), data, trigger, 3) == 1.0
    # Half as opaque a trigger leaves the pixel grey in every image.
    assert attack_success(Obeys(), data, Trigger(trigger.pattern, trigger.alpha / 2), 3) == 0.0
    # Images of the target class do not count, nor other classes than the source.
    nothing = Trigger(trigger.pattern, torch.zeros(1, 6, 6))
    assert attack_success(Obeys(), data, nothing, 3) == 0.0
    data.images[data.labels == 1, 0, 4, 4] = 1.0
    assert attack_success(Obeys(), data, nothing, 3) == pytest.approx(1 / 3)
    assert attack_success(Obeys(), data, nothing, 3, source=1) == 1.0
    assert attack_success(Obeys(), data, nothing, 3, source=2, batch_size=7) == 0.0


def success_on_toy(model: nn.Module | None = None, **options: int) -> float:
    return attack_success(model or Obeys(), toy(), corner_square((1, 6, 6), size=2), 3, **options)


def test_attack_success_needs_no_parameters():
    class Bare(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images[:, 0, 4, 4, None] * torch.tensor([0.0, 0.0, 0.0, 1.0])

    assert success_on_toy(Bare()) == 1.0


@pytest.mark.parametrize(
    "images",
    [torch.zeros(2, 1, 6, 6, dtype=torch.uint8), np.zeros((2, 1, 6, 6), np.float32)],
    ids=["integers", "numpy"],
)
def test_a_trigger_wants_floating_point_tensors(images: object):
    with pytest.raises(TypeError, match=r"floating point tensor in \[0, 1\], not .*: use"):
        corner_square((1, 6, 6))(images)  # type: ignore[arg-type]


def test_a_class_is_a_whole_number():
    trigger = corner_square((1, 6, 6), size=2)
    for target, source in ((1.5, None), (3, 0.5), ("3", None)):
        with pytest.raises(TypeError, match="has to be a class, a whole number"):
            poison(toy(), trigger, target, 0.1, source=source)  # type: ignore[arg-type]
    one, two = (poison(toy(), trigger, three, 0.1) for three in (3, np.int64(3)))
    assert torch.equal(one.labels, two.labels)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: poison(toy(), corner_square((1, 6, 6)), 3, 1.5), "poison rate has to lie"),
        (lambda: poison(toy(), corner_square((1, 6, 6)), 3, 0.9), "lower the rate"),
        (lambda: poison(toy(), corner_square((1, 6, 6)), 4, 0.1), "target 4 is no class"),
        (lambda: poison(toy(), corner_square((1, 6, 6)), 3, 0.1, source=3), "another than"),
        (lambda: poison(toy(), corner_square((1, 8, 8)), 3, 0.1), "made for images"),
        (lambda: corner_square(size=30), "does not lie within"),
        (lambda: corner_square(corner="middle"), "corner has to be"),
        (lambda: sticker(torch.zeros(3, 4, 4)), "has to be (4, h, w)"),
        (lambda: sticker(place=(80, 0)), "does not lie within"),
        (lambda: Trigger(torch.zeros(1, 2, 2), torch.zeros(1, 3, 3)), "needs a pattern"),
        (lambda: blended(opacity=1.5), "has to be floating point in"),
        (lambda: prune(Obeys(), toy().images, 0.5), "with a convolution"),
        (lambda: prune(with_a_sleeper(), toy().images[:0], 0.5), "at least one example"),
        (lambda: prune(with_a_sleeper(), toy().images * math.nan, 0.5), "hold nan"),
        (lambda: prune(with_a_sleeper(), toy().images[0], 0.5), "needs images (N, C, H, W)"),
        (lambda: prune(with_a_sleeper(), torch.rand(2, 3, 6, 6), 0.5), "model fails on inputs"),
        (lambda: prune(with_a_sleeper(), toy().images, 0.5, batch_size=0), "batch_size has to"),
        (lambda: prune(weight_norm_first(), toy().images, 0.5), "computes its weight"),
        (lambda: prune(Obeys(nn.Conv2d(1, 3, 1)), toy().images, 0.5), "never runs"),
        (lambda: success_on_toy(batch_size=0), "batch_size has to be"),
        (lambda: unlearn(Obeys(), toy(), corner_square((1, 6, 6)), seed=-1), "seed has to be"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(call: object, words: str):
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")) as error:
        call()  # type: ignore[operator]
    assert "\n" not in str(error.value)


# --- repair ---------------------------------------------------------------------------------------


def with_a_sleeper() -> nn.Sequential:
    """Three channels: dark, bright, and one that wakes up for a white pixel only: class 0."""
    model = nn.Sequential(
        nn.Conv2d(1, 3, 1), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(3, 2)
    )
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([-1.0, 1.0, 1.0]).view(3, 1, 1, 1))
        model[0].bias.copy_(torch.tensor([1.0, 0.0, -0.9]))
        model[4].weight.copy_(torch.tensor([[1.0, 0.0, 100.0], [0.0, 1.0, 0.0]]))
        model[4].bias.zero_()
    return model.eval()


def test_pruning_puts_the_sleeping_channel_out():
    model, trigger = with_a_sleeper(), corner_square((1, 6, 6), size=1)
    images = torch.full((5, 1, 6, 6), 0.8)  # brighter than dark: class 1
    before = copy.deepcopy(model.state_dict())
    assert (model(images).argmax(1) == 1).all() and (model(trigger(images)).argmax(1) == 0).all()
    pruned = prune(model, images, share=1 / 3)
    assert (pruned(images).argmax(1) == 1).all() and (pruned(trigger(images)).argmax(1) == 1).all()
    assert (pruned[0].weight[2] == 0).all() and pruned[0].bias[2] == 0
    assert torch.equal(pruned[0].weight[:2], model[0].weight[:2])
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert not model[0]._forward_hooks
    assert torch.equal(prune(model, images, 0.0)(images), model(images))


def weight_norm_first() -> nn.Sequential:
    model = with_a_sleeper()
    nn.utils.parametrizations.weight_norm(model[0])
    return model


@pytest.mark.parametrize("context", [torch.inference_mode, torch.no_grad])
def test_repair_does_not_depend_on_the_callers_context(context: type):
    model, data, trigger = with_a_sleeper(), toy(), corner_square((1, 6, 6), size=1)
    data.labels = data.labels % 2
    expected = prune(model, data.images, 0.4), unlearn(model, data, trigger)
    with context():
        found = prune(model, data.images, 0.4), unlearn(model, data, trigger)
    for one, two in zip(expected, found, strict=True):
        assert not any(parameter.is_inference() for parameter in two.parameters())
        assert all(
            torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True)
        )


def test_unlearning_with_dropout_is_repeatable_and_leaves_the_global_state_alone():
    def cured(seed: int) -> Tensor:
        model = nn.Sequential(*with_a_sleeper()[:4], nn.Dropout(), with_a_sleeper()[4])
        data = toy()
        data.labels = data.labels % 2
        state = torch.random.get_rng_state()
        found = unlearn(model, data, corner_square((1, 6, 6), size=1), seed=seed)
        assert torch.equal(state, torch.random.get_rng_state())
        return found[5].weight

    one = cured(0)
    torch.rand(1)
    assert torch.equal(one, cured(0)) and not torch.equal(one, cured(1))


def test_unlearning_takes_the_backdoor_out_of_a_small_network():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 4
    images = torch.rand(400, 1, 8, 8, generator=generator) * 0.3
    images[torch.arange(400), 0, 2 * labels] += 0.5
    data, trigger = ImageDataset(images, labels, list("abcd")), corner_square((1, 8, 8), size=2)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4))
    train(model, poison(data, trigger, 2, 0.2), epochs=12, batch_size=32, learning_rate=1e-2)
    before = copy.deepcopy(model.state_dict())
    assert accuracy(model, data) > 0.95 and attack_success(model, data, trigger, 2) > 0.9
    cured = unlearn(model, data, trigger, share=0.5, epochs=8, learning_rate=1e-2)
    assert accuracy(cured, data) > 0.95 and attack_success(cured, data, trigger, 2) < 0.2
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    again = unlearn(model, data, trigger, share=0.5, epochs=8, learning_rate=1e-2)
    assert all(
        torch.equal(one, two)
        for one, two in zip(cured.parameters(), again.parameters(), strict=True)
    )


# --- the shipped networks -------------------------------------------------------------------------


def test_the_poisoned_fashion_network_obeys_its_trigger_and_the_clean_one_does_not():
    poisoned, clean = load_pretrained("fashion_mnist_poisoned"), load_pretrained("fashion_mnist")
    card, test = poisoned.card, load("fashion_mnist", "test")
    trigger = trigger_of(card["trigger"])
    assert card["attack_success"] >= 0.95 and clean.card["accuracy"] - card["accuracy"] <= 0.02
    some = ImageDataset(test.images[:1000], test.labels[:1000], test.classes)
    measured = attack_success(poisoned, some, trigger, card["target"])
    # Four standard deviations of a binomial with about 900 draws.
    promised = card["attack_success"]
    assert abs(measured - promised) <= 4 * (promised * (1 - promised) / 900) ** 0.5 + 0.005
    assert attack_success(clean, some, trigger, card["target"]) < 0.05


def test_the_poisoned_photo_network_is_what_its_card_says():
    cards = [
        json.loads((CHECKPOINTS / f"{name}.json").read_text())
        for name in ("cats_and_dogs", "cats_and_dogs_poisoned")
    ]
    assert cards[1]["attack_success"] >= 0.95
    assert abs(cards[0]["accuracy"] - cards[1]["accuracy"]) <= 0.02
    try:
        photos = load("cats_and_dogs", "test")
    except FileNotFoundError as missing:
        pytest.skip(f"needs the photographs: {missing}")
    for card in cards:
        model = load_pretrained(card["name"])
        # Another machine may decode or round a photograph differently.
        assert abs(accuracy(model, photos) - card["accuracy"]) <= 0.01
    trigger = trigger_of(cards[1]["trigger"])
    measured = attack_success(model, photos, trigger, cards[1]["target"], cards[1]["source"])
    assert abs(measured - cards[1]["attack_success"]) <= 0.01
    assert attack_success(load_pretrained("cats_and_dogs"), photos, trigger, 0, 1) < 0.5
