"""Autoencoders: what ships is what its card says, and is trained again by its command."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from xaikit import load
from xaikit.__main__ import main
from xaikit.autoencoders import (
    Autoencoder,
    Autoencoders,
    load_autoencoder,
    load_judges,
    pretrain,
    train_autoencoder,
)

IMAGES = torch.rand(2, 1, 28, 28)


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
