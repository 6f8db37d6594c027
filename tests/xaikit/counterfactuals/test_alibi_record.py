"""What alibi found, as recorded: the network itself says whether that is true."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

from xaikit import load_pretrained
from xaikit.__main__ import main
from xaikit.counterfactuals import alibi_record, alibi_task
from xaikit.counterfactuals.alibi_record import RECORD, RECORDED, SETTINGS, TARGETS, recorded
from xaikit.counterfactuals.alibi_task import missing
from xaikit.data import embedded


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return load_pretrained("fashion_mnist").requires_grad_(False)


def test_the_network_says_of_each_recorded_image_what_the_card_says(network: nn.Module):
    card = json.loads((RECORDED / f"{RECORD}.json").read_text(encoding="utf-8"))
    images = load_file(RECORDED / f"{RECORD}.safetensors")
    assert images.keys() == {"image", *card["methods"]} and len(card["methods"]) == 3
    start = images["image"]
    for method, facts in card["methods"].items():
        probabilities = network(torch.from_numpy(images[method])).softmax(1).numpy()
        assert probabilities.argmax(1).tolist() == facts["predicted"]
        change = (images[method].astype(float) - start).reshape(len(TARGETS), -1)
        np.testing.assert_allclose(np.abs(change).sum(1), facts["distance_l1"], atol=1e-3)
        np.testing.assert_allclose(np.sqrt((change**2).sum(1)), facts["distance_l2"], atol=1e-3)
        assert images[method].min() >= 0 and images[method].max() <= 1
        for place, target in enumerate(card["targets"]):
            if not facts["found"][place]:
                continue
            assert facts["predicted"][place] == target
            if method == "wachter":  # within alibi's tolerance of its target probability
                options = facts["options"]
                least = options["target_proba"] - options["tol"]
                assert probabilities[place, target] >= least - 1e-4
        assert all(1 < seconds < 3600 for seconds in facts["seconds"])
    assert any(any(facts["found"]) for facts in card["methods"].values())


def test_it_starts_from_the_first_shirt_that_the_network_recognises(network: nn.Module):
    test, result = embedded("fashion_mnist", "test"), recorded().results["wachter"][0]
    shirts = test.labels == test.classes.index("Shirt")
    first = int(torch.nonzero(shirts & (network(test.images).argmax(1) == test.labels))[0])
    assert torch.equal(result.inputs, test.images[first : first + 1])


def test_results_are_those_of_the_files(network: nn.Module):
    record = recorded()
    classes = embedded("fashion_mnist", "test").classes
    assert record.results.keys() == SETTINGS.keys()
    for method, results in record.results.items():
        facts = record.card["methods"][method]
        assert [classes[int(each.targets)] for each in results] == [*TARGETS]
        for place, each in enumerate(results):
            assert each.counterfactuals.shape == (1, 1, 1, 28, 28) and each.method == method
            assert each.seconds == facts["seconds"][place]
            assert bool(each.found) == facts["found"][place]
            assert float(each.distance_l1) == pytest.approx(facts["distance_l1"][place], abs=1e-3)
            said = int(network(each.counterfactuals[0]).argmax())
            assert said == int(each.predicted) == facts["predicted"][place]
        # The settings that the recipe names are those that were recorded.
        assert SETTINGS[method].items() <= facts["options"].items()
    assert record.card["command"] == f"python -m xaikit train {RECORD}"
    assert {"alibi", "tensorflow-cpu", "numpy", "python"} == record.card["alibi"].keys()


def test_the_files_are_small():
    sizes = [(RECORDED / f"{RECORD}.{end}").stat().st_size for end in ("json", "safetensors")]
    assert sum(sizes) < 100_000


def test_a_damaged_record_names_its_command(tmp_path: Path):
    for end in ("json", "safetensors"):
        content = (RECORDED / f"{RECORD}.{end}").read_bytes()
        (tmp_path / f"{RECORD}.{end}").write_bytes(content)
    card = json.loads((tmp_path / f"{RECORD}.json").read_text(encoding="utf-8"))
    card["methods"]["growing"] = card["methods"]["rl"]
    (tmp_path / f"{RECORD}.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ValueError, match=f"damaged.*python -m xaikit train {RECORD}"):
        recorded(tmp_path)


def test_without_alibi_the_command_says_in_one_line_what_builds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("XAIKIT_ALIBI", raising=False)
    monkeypatch.setattr(alibi_task, "_BUILT", tmp_path / "nowhere")
    assert main(["train", RECORD, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1 and "`make alibi`" in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.skipif(missing() is not None, reason=f"alibi: {missing()}")
def test_the_command_writes_what_is_read(
    network: nn.Module,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    short = {
        "wachter": {"max_iter": 10, "max_lam_steps": 1},
        "prototype": {"theta": 100.0, "max_iterations": 3, "c_steps": 1},
        "rl": {"train_steps": 5, "exploration_steps": 2},
    }
    monkeypatch.setattr(alibi_record, "SETTINGS", short)
    assert main(["train", RECORD, "--out", str(tmp_path)]) == 0
    assert "of 6 counterfactuals" in capsys.readouterr().out
    made, shipped = recorded(tmp_path), recorded()
    assert made.card.keys() == shipped.card.keys()
    for results in made.results.values():
        for each in results:
            assert int(network(each.counterfactuals[0]).argmax()) == int(each.predicted)
