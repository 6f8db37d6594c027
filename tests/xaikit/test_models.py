"""Networks: what ships is what its card says, and every layer has a relevance rule."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from bright_rows import same_bytes, tiny
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sklearn.metrics import accuracy_score
from torch import nn

from xaikit import attack, recipes
from xaikit.checkpoints import CHECKPOINTS
from xaikit.data import ImageDataset, load
from xaikit.models import Classifier, accuracy, build, load_pretrained
from xaikit.recipes import RECIPES

NAMES = ["fashion_mnist", "mnist", "lecture", "lecture_robust", "fashion_mnist_poisoned"]

LEAST_ACCURACY = {
    "fashion_mnist": 0.93,
    "mnist": 0.992,
    "lecture": 0.88,
    "lecture_robust": 0.76,
    "fashion_mnist_poisoned": 0.92,
}

FULL = Path(os.environ.get("XAIKIT_DATA", "")) / "MNIST" / "raw"

needs_full = pytest.mark.skipif(
    not FULL.is_dir(), reason="needs the full data: let XAIKIT_DATA name a folder with MNIST/raw"
)


@pytest.mark.parametrize("name", NAMES)
def test_card_is_true_of_the_checkpoint(name: str) -> None:
    card = json.loads((CHECKPOINTS / f"{name}.json").read_text())
    with safe_open(CHECKPOINTS / f"{name}.safetensors", "numpy") as file:
        sizes = [np.prod(file.get_slice(key).get_shape()) for key in file.keys()]  # noqa: SIM118
    assert card["parameters"] == sum(sizes) <= 150_000
    assert card["command"] == f"python -m xaikit train {name}"
    assert card["data"] == RECIPES[name].data and card["split"] == "train"
    assert card["epochs"] == RECIPES[name].epochs and card["seed"] == 0
    assert (card["training_images"], card["test_images"]) == (60_000, 10_000)
    assert card["accuracy"] >= LEAST_ACCURACY[name]
    assert not [key for key in card if "date" in key or "time" in key]
    network = load_pretrained(name)
    assert network.card == card and not network.training
    assert network(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


@needs_full
@pytest.mark.parametrize("name", NAMES)
def test_accuracy_on_the_whole_test_set(name: str) -> None:
    network = load_pretrained(name)
    measured = accuracy(network, load(network.card["data"], "test"))
    # Another machine may round a logit differently and tip an image or two.
    assert abs(measured - network.card["accuracy"]) <= 0.0005
    assert measured >= LEAST_ACCURACY[name]


@pytest.mark.parametrize("name", ["fashion_mnist", "lecture"])
def test_accuracy_on_the_embedded_sample(name: str) -> None:
    sample = Path(recipes.__file__).parent / "assets" / "sample"
    network = load_pretrained(name)
    promised = network.card["accuracy"]
    # Four standard deviations of a binomial with 1,000 draws.
    margin = 4 * (promised * (1 - promised) / 1000) ** 0.5
    measured = accuracy(network, load_sample(sample))
    assert abs(measured - promised) <= margin


def load_sample(folder: Path) -> ImageDataset:
    """Read the sample's test images with torchvision's parser, whatever else is on the machine."""
    import gzip
    import tempfile

    arrays = []
    for stem in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        with tempfile.NamedTemporaryFile(suffix=stem) as file:
            packed = folder / "FashionMNIST" / "raw" / f"{stem}.gz"
            file.write(gzip.decompress(packed.read_bytes()))
            file.flush()
            arrays.append(torchvision.datasets.mnist.read_sn3_pascalvincent_tensor(file.name))
    return ImageDataset(arrays[0].float().unsqueeze(1) / 255, arrays[1].long(), [])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [load_pretrained, build])
def test_every_layer_has_a_relevance_rule(make: object, name: str) -> None:
    network = make(name)  # type: ignore[operator]
    allowed = (nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Linear)
    assert isinstance(network, nn.Sequential) and len(network.state_dict()) > 0
    assert all(type(layer) in allowed for layer in network)
    used: list[nn.Module] = []
    for layer in network.modules():
        if isinstance(layer, nn.ReLU):
            layer.register_forward_hook(lambda module, *_: used.append(module))
    network(torch.rand(1, 1, 28, 28))
    assert len(used) == len({id(layer) for layer in used}) == sum("ReLU" in str(m) for m in network)
    assert not any(layer.inplace for layer in used)


def test_the_lecture_network_has_the_lectures_sizes() -> None:
    shapes = [tuple(p.shape) for p in build("lecture").parameters() if p.dim() > 1]
    assert shapes == [(10, 1, 5, 5), (20, 10, 5, 5), (50, 320), (10, 50)]


def test_checkpoints_are_small_and_no_pickles() -> None:
    files = [path for path in CHECKPOINTS.iterdir() if path.stem in NAMES]
    assert sorted(path.suffix for path in files) == [".json"] * 5 + [".safetensors"] * 5
    assert sum(path.stat().st_size for path in files) < 1_600_000


def test_a_missing_or_damaged_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is missing") as missing:
        load_pretrained("lecture", folder=tmp_path)
    whole = (CHECKPOINTS / "lecture.safetensors").read_bytes()
    (tmp_path / "lecture.json").write_text("{}")
    other = (CHECKPOINTS / "fashion_mnist.safetensors").read_bytes()
    errors = [missing]
    for content in (whole[:-100], b"", whole[:4] + b"x" + whole[5:], other):
        (tmp_path / "lecture.safetensors").write_bytes(content)
        with pytest.raises(ValueError, match="is damaged") as damaged:
            load_pretrained("lecture", folder=tmp_path)
        errors.append(damaged)
    weights = load_file(CHECKPOINTS / "lecture.safetensors")
    for kind in (torch.int32, torch.complex64):
        other_kind = {name: each.to(kind) for name, each in weights.items()}
        save_file(other_kind, tmp_path / "lecture.safetensors")
        with pytest.raises(
            ValueError, match=rf"is damaged \(it holds {kind} in 0.weight"
        ) as damaged:
            load_pretrained("lecture", folder=tmp_path)
        errors.append(damaged)
    (tmp_path / "lecture.safetensors").write_bytes(whole)
    (tmp_path / "lecture.json").write_text("[]")
    with pytest.raises(ValueError, match=r"is damaged \(lecture.json holds no card\)") as damaged:
        load_pretrained("lecture", folder=tmp_path)
    errors.append(damaged)
    for error in errors:
        assert "python -m xaikit train lecture" in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("make", [load_pretrained, build, recipes.pretrain])
def test_an_unknown_name_is_answered_with_the_known_ones(make: object) -> None:
    with pytest.raises(ValueError, match="choose one of 'fashion_mnist', 'mnist', 'lecture'"):
        make("resnet")  # type: ignore[operator]


@pytest.mark.parametrize("name", NAMES)
def test_build_is_decided_by_its_seed_alone(name: str) -> None:
    before = torch.get_rng_state()
    one, again, other = build(name, 3), build(name, 3), build(name, 4)
    assert torch.equal(torch.get_rng_state(), before)
    assert same_bytes(one, again) and not same_bytes(one, other)
    assert one.card == {} and one.state_dict().keys() == load_pretrained(name).state_dict().keys()


def test_build_leaves_the_gpus_random_state_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    with torch.device("meta"):  # Another default device: its random numbers are not seeded.
        network = build("lecture", 3)
    assert not seeds and same_bytes(network, build("lecture", 3))


def test_slices_and_copies_of_a_network_are_networks() -> None:
    network = load_pretrained("lecture")
    images = torch.rand(2, 1, 28, 28)
    assert torch.equal(network[6:](network[:6](images)), network(images))
    assert copy.deepcopy(network).card == network.card


def test_accuracy_is_scikit_learns_and_leaves_the_model_alone() -> None:
    network = Classifier(*build("lecture"), nn.Dropout(0.5)).train()
    network[0].eval()
    dataset = tiny(64)
    modes = [module.training for module in network.modules()]
    measured = accuracy(network, dataset, batch_size=7)
    assert [module.training for module in network.modules()] == modes
    network.eval()
    predicted = network(dataset.images).argmax(1)
    assert measured == accuracy_score(dataset.labels, predicted)
    assert all(parameter.requires_grad for parameter in network.parameters())


@needs_full
def test_robust_accuracy_is_what_the_card_says() -> None:
    network, test = load_pretrained("lecture_robust"), load("fashion_mnist", "test")
    images, labels, epsilon = test.images[:1000], test.labels[:1000], network.card["epsilon"]
    found = attack(network, images, labels, "pgd", epsilon=epsilon, steps=20)
    assert abs(1 - float(found.success.double().mean()) - network.card["robust_accuracy"]) < 0.004
    assert network.card["robust_accuracy"] > 0.6
