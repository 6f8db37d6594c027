"""The study: what is committed is what the command makes, and it is ordinary training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from xaikit.__main__ import main
from xaikit.checkpoints import CHECKPOINTS
from xaikit.data import load
from xaikit.influence import study, study_training
from xaikit.influence.study_training import trained
from xaikit.models import accuracy, build


def test_what_is_committed_fits_together() -> None:
    here = study()
    assert [len(here.training), len(here.test)] == [1000, 200]
    assert here.training.labels.bincount().tolist() == [100] * 10
    assert here.test.labels.bincount().tolist() == [20] * 10
    assert here.subsets.shape == (64, 1000) and (here.subsets.sum(1) == 500).all()
    assert here.outputs.shape == (64, 200) and here.outputs.isfinite().all()
    for name, value in here.network.state_dict().items():
        assert torch.equal(value, here.checkpoints[-1][name])
    assert here.network.card["accuracy"] == accuracy(here.network, here.test) > 0.75
    assert here.learning_rates == here.network.card["learning_rates"]
    both = [CHECKPOINTS / f"{each}.safetensors" for each in ("influence", "influence_study")]
    assert sum(each.stat().st_size for each in both) < 300_000
    every = load("fashion_mnist", "test")
    of_nine = every.images[every.labels == 9][:20]
    assert torch.equal(here.test.images[here.test.labels == 9], of_nine)


def test_a_half_is_trained_again_with_the_same_outputs() -> None:
    here = study()
    members = here.subsets[:1].nonzero()[:, 1]
    generator = torch.Generator().manual_seed(0)
    half = torch.randperm(1000, generator=generator)[:500]
    assert set(half.tolist()) == set(members.tolist())
    margins = []
    network = build("influence")
    weights = trained(
        here.training.images, here.training.labels, half.expand(10, -1), [*range(1, 11)]
    )
    for each in zip(*weights[-1], strict=True):
        network.load_state_dict(dict(zip(network.state_dict(), each, strict=True)))
        chances = network(here.test.images).detach().double().softmax(1)
        right = chances.gather(1, here.test.labels[:, None])[:, 0]
        margins.append((right / (1 - right)).log())
    found = torch.stack(margins).mean(0)
    torch.testing.assert_close(found.float(), here.outputs[0], atol=2e-3, rtol=1e-3)


def test_networks_side_by_side_are_trained_like_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_training, "EPOCHS", 1)
    here = study().training
    members = torch.tensor([[*range(0, 300, 2)], [*range(1, 300, 2)]])
    together = trained(here.images, here.labels, members, [3, 4])
    alone = build("influence", 4)
    generator = torch.Generator().manual_seed(4)
    for rate in study_training.STAGES:
        step = torch.optim.SGD(alone.parameters(), rate, weight_decay=study_training.WEIGHT_DECAY)
        order = members[1][torch.randperm(150, generator=generator)]
        for places in order.split(study_training.BATCH):
            step.zero_grad()
            functional.cross_entropy(alone(here.images[places]), here.labels[places]).backward()
            step.step()
    for one, other in zip(alone.parameters(), together[-1], strict=True):
        torch.testing.assert_close(one.detach(), other[1], atol=1e-6, rtol=1e-5)


def test_the_command_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, less in (("EPOCHS", 1), ("HALVES", 2), ("SEEDS", 2), ("AT_ONCE", 1)):
        monkeypatch.setattr(study_training, name, less)
    for run in ("one", "two"):
        assert main(["train", "influence", "--out", str(tmp_path / run)]) == 0
    assert "influence: " in capsys.readouterr().out
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 4
    for each in files:
        one, two = ((tmp_path / run / each).read_bytes() for run in ("one", "two"))
        assert one == two
    again, shipped = study(tmp_path / "one"), study()
    assert again.outputs.shape == (2, 200)
    assert again.network.card.keys() == shipped.network.card.keys()


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="python -m xaikit train influence"):
        study(tmp_path)
