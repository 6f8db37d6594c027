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
from safetensors import safe_open
from sklearn.metrics import accuracy_score
from torch import nn

from xaikit import attack, recipes
from xaikit.__main__ import main
from xaikit.checkpoints import CHECKPOINTS
from xaikit.data import ImageDataset, load
from xaikit.models import Classifier, accuracy, build, load_pretrained
from xaikit.recipes import RECIPES
from xaikit.training import (
    augment,
    fold_batch_norm,
    recoloured,
    train,
    with_batch_norm,
    worst_nearby,
    zoomed,
)

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


def tiny(count: int = 64, seed: int = 0) -> ImageDataset:
    """Return images whose class is told by a bright row."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 10
    images = torch.rand(count, 1, 28, 28, generator=generator) * 0.2
    images[torch.arange(count), 0, 2 * labels + 4] = 1.0
    return ImageDataset(images, labels, [str(digit) for digit in range(10)])


def same_bytes(one: nn.Module, other: nn.Module) -> bool:
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        first[key].numpy().tobytes() == second[key].numpy().tobytes() for key in first
    )


# --- The shipped networks -------------------------------------------------------------------------


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


# --- Fresh networks -------------------------------------------------------------------------------


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


# --- Accuracy -------------------------------------------------------------------------------------


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


# --- Training -------------------------------------------------------------------------------------


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


@needs_full
def test_robust_accuracy_is_what_the_card_says() -> None:
    network, test = load_pretrained("lecture_robust"), load("fashion_mnist", "test")
    images, labels, epsilon = test.images[:1000], test.labels[:1000], network.card["epsilon"]
    found = attack(network, images, labels, "pgd", epsilon=epsilon, steps=20)
    assert abs(1 - float(found.success.double().mean()) - network.card["robust_accuracy"]) < 0.004
    assert network.card["robust_accuracy"] > 0.6


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
