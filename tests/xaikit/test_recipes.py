"""Recipes: the command of a card trains its network again."""

from __future__ import annotations

from pathlib import Path

import pytest
from bright_rows import tiny

from xaikit import recipes
from xaikit.__main__ import main
from xaikit.models import accuracy, load_pretrained
from xaikit.recipes import RECIPES

NAMES = ["fashion_mnist", "mnist", "lecture", "lecture_robust", "fashion_mnist_poisoned"]


@pytest.mark.parametrize("name", NAMES)
def test_the_command_writes_what_load_pretrained_reads(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recipes, "load", lambda *_: tiny())
    short = recipes.Recipe(**{**vars(RECIPES[name]), "epochs": 1})
    monkeypatch.setitem(RECIPES, name, short)
    assert main(["train", name, "--out", str(tmp_path / "one")]) == 0
    assert f"{name}: " in capsys.readouterr().out
    assert main(["train", name, "--out", str(tmp_path / "two")]) == 0
    for suffix in ("safetensors", "json"):
        one, two = ((tmp_path / run / f"{name}.{suffix}").read_bytes() for run in ("one", "two"))
        assert one == two
    network = load_pretrained(name, folder=tmp_path / "one")
    assert network.card["accuracy"] == accuracy(network, tiny())
    assert network.card["training_images"] == 64
    # The same keys as the cards that ship.
    assert network.card.keys() == load_pretrained(name).card.keys()


def test_the_command_says_in_one_line_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "mnist", "--data", str(tmp_path), "--out", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1 and str(tmp_path) in said.err
    assert not list(tmp_path.iterdir())
