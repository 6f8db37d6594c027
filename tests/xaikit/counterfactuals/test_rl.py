"""Reinforcement learning against alibi's own learning step, closed forms, and its promises."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xaikit import counterfactual, load, load_pretrained
from xaikit.__main__ import main
from xaikit.checkpoints import CHECKPOINTS
from xaikit.counterfactuals import alibi_process, rl_recipes
from xaikit.counterfactuals.alibi_task import interpreter, missing
from xaikit.counterfactuals.rl import generate, generator_for, load_generator
from xaikit.counterfactuals.rl_ddpg import ActorCritic
from xaikit.counterfactuals.rl_networks import LATENT, Generator, critic
from xaikit.counterfactuals.rl_replay import CAPACITY, Replay
from xaikit.counterfactuals.rl_training import train_generator
from xaikit.data import ImageDataset

ALIBI_STEP = """
import sys
import numpy as np, tensorflow as tf
from alibi.explainers.backends.tensorflow.cfrl_base import update_actor_critic, sparsity_loss
from alibi.models.tensorflow.actor_critic import Actor, Critic
sys.path.insert(0, sys.argv[1])
from alibi_process import autoencoder

before, batch = dict(np.load("before.npz")), dict(np.load("batch.npz"))
encoder, decoder = autoencoder(before, (1, 6, 6))
networks, after = {"actor": Actor(256, 64), "critic": Critic(256)}, {}
optimizers = {}
for name, network in networks.items():
    own = {key: value for key, value in before.items() if key.startswith(name + ".")}
    network.ln1.epsilon = network.ln2.epsilon = 1e-5  # PyTorch's
    network.build((None, own[f"{name}.0.weight"].shape[1]))
    network.set_weights([value.T for value in own.values()])
    # Keras adds it before the correction for the first steps, PyTorch after: equal at the second.
    adam = tf.keras.optimizers.Adam(1e-3, epsilon=1e-8 * (1 - 0.999**2) ** 0.5)
    adam.build(network.trainable_variables)
    optimizers[f"optimizer_{name}"] = adam
for _ in range(3):
    state = np.concatenate([batch["Z"], batch["Y_m"], batch["Y_t"]], 1)
    update_actor_critic(
        encoder=encoder, decoder=decoder, sparsity_loss=sparsity_loss,
        consistency_loss=lambda Z_cf_pred, Z_cf_tgt: {
            "c": tf.reduce_mean(tf.square(Z_cf_pred - Z_cf_tgt))
        },
        coeff_sparsity=7.5, coeff_consistency=0.5, C=None,
        X_cf=decoder(networks["actor"](state)), **networks, **optimizers, **batch,
    )
for name, network in networks.items():
    keys = [key for key in before if key.startswith(name + ".")]
    after |= dict(zip(keys, (value.T for value in network.get_weights()), strict=True))
np.savez("after.npz", **after)
"""


def small(seed: int = 0) -> tuple[Generator, nn.Module]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator((1, 6, 6), 3), critic(3)


@pytest.mark.skipif(missing() is not None, reason=f"alibi: {missing()}")
@pytest.mark.slow
def test_steps_of_learning_are_alibis(tmp_path: Path):
    generator, judge = small()
    random = torch.Generator().manual_seed(0)
    images, actions = (
        torch.rand(8, 1, 6, 6, generator=random),
        2 * torch.rand(8, LATENT, generator=random) - 1,
    )
    rewards, codes = torch.rand(8, generator=random), generator.encoder(images).detach()
    predicted, targets = torch.arange(8) % 3, (torch.arange(8) + 1) % 3
    eye = torch.eye(3)

    def weights() -> dict[str, np.ndarray]:
        state = generator.state_dict() | judge.state_dict(prefix="critic.")
        return {key: value.numpy().copy() for key, value in state.items()}

    before = weights()
    np.savez(tmp_path / "before.npz", **before)
    batch = {
        "X": images,
        "Z": codes,
        "Z_cf_tilde": actions,
        "Y_m": eye[predicted],
        "Y_t": eye[targets],
        "R_tilde": rewards,
    }
    np.savez(tmp_path / "batch.npz", **{key: value.numpy() for key, value in batch.items()})
    (tmp_path / "step.py").write_text(ALIBI_STEP, encoding="utf-8")
    beside = Path(alibi_process.__file__).parent
    subprocess.run([interpreter(), "step.py", beside], cwd=tmp_path, check=True, timeout=600)

    generator.encoder.requires_grad_(False)
    generator.decoder.requires_grad_(False)
    pair = ActorCritic(generator, judge, 1e-3, steps=1_000)
    for _ in range(3):
        states = generator.state(codes, predicted, targets)
        pair.learn(states, actions, rewards, images, 7.5, 0.5)
    expected = dict(np.load(tmp_path / "after.npz"))
    ours = weights()
    assert len(expected) == 20
    for key, value in expected.items():
        assert not np.allclose(value, before[key], atol=5e-4)  # three steps of about 0.001
        # Adam divides a gradient by its size: rounding shows where it is nearly zero.
        np.testing.assert_allclose(ours[key], value, atol=2e-4, err_msg=key)
    apart = np.concatenate([(ours[key] - value).ravel() for key, value in expected.items()])
    assert (np.abs(apart) < 2e-5).mean() > 0.995


def test_the_memory_forgets_the_oldest():
    memory = Replay(torch.zeros(1, LATENT))
    for batch in range(CAPACITY // 1000 + 2):
        rows = torch.full((1000,), batch)
        memory.add(rows, rows, rows.unsqueeze(1).expand(-1, LATENT).float(), rows.float())
    rows, targets, actions, rewards = memory.draw(20_000, torch.Generator().manual_seed(0))
    assert rows.min() == 2 and rows.max() == CAPACITY // 1000 + 1
    assert torch.equal(rows, targets) and torch.equal(rows.float(), rewards)
    assert torch.equal(actions, rewards.unsqueeze(1).expand_as(actions))
    # Uniform: each of 128 batches is drawn 156 times, give or take six standard deviations.
    drawn = torch.bincount(rows)[2:]
    assert drawn.min() > 156 - 75 and drawn.max() < 156 + 75


def test_noise_explores_within_the_range():
    generator, judge = small()
    pair = ActorCritic(generator, judge, 1e-3, steps=1)
    states = torch.zeros(2000, LATENT + 6)
    quiet = generator.actor(states[:1])
    drawn = pair.act(states, 0.1, torch.Generator().manual_seed(0))
    assert drawn.min() >= -1 and drawn.max() <= 1
    torch.testing.assert_close(drawn.mean(0), quiet[0].detach(), atol=0.012, rtol=0)
    assert (drawn.std(0) - 0.1).abs().max() < 0.01


class Bright(nn.Module):
    """Not differentiable: class 1 where the left half is brighter, 2 where the right one is."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            left, right = x[..., :3].mean((1, 2, 3)), x[..., 3:].mean((1, 2, 3))
            return 20 * torch.stack([0 * left + 0.05, left - right, right - left], 1)


def halves(n: int, seed: int) -> Tensor:
    """Images whose halves are evenly grey: two numbers tell all."""
    grey = torch.rand(n, 1, 1, 2, generator=torch.Generator().manual_seed(seed))
    return grey.repeat_interleave(3, dim=3).expand(-1, -1, 6, -1).contiguous()


@pytest.fixture(scope="module")
def trained() -> Generator:
    return train_generator(Bright(), halves(300, 0), epochs=100, steps=300, sparsity=1.0)


def test_a_model_without_gradients_is_learned(trained: Generator):
    images = halves(60, 1)
    predicted = Bright()(images).argmax(1)
    targets = torch.stack([(predicted + 1) % 3, (predicted + 2) % 3], dim=1)
    made = generate(trained, images, predicted, targets)
    reached = Bright()(made.flatten(0, 1)).argmax(1).view_as(targets) == targets
    assert reached.double().mean() > 0.8  # by chance a third


def test_the_same_seed_gives_the_same_bytes_and_the_model_comes_back():
    images = torch.rand(40, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3), nn.Dropout()).train()
    model[1].weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    state = torch.random.get_rng_state()
    one, two, other = (
        train_generator(model, images, epochs=1, steps=15, seed=seed).state_dict()
        for seed in (0, 0, 1)
    )
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)
    assert model.training and not model[1].weight.requires_grad and model[1].bias.requires_grad
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_no_generator_of_random_numbers_is_touched(monkeypatch: pytest.MonkeyPatch):
    images, model = halves(9, 0), nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    seeds, state = [], torch.get_rng_state()
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    train_generator(model, images, epochs=1, steps=1, seed=7)
    load_generator("mnist")
    assert torch.equal(torch.get_rng_state(), state) and not seeds


@pytest.mark.parametrize(
    ("outputs", "scale", "says"),
    [(3, 255, r"have to lie in \[0, 1\]"), (1, 1, "at least two classes")],
)
def test_what_no_generator_can_learn(outputs: int, scale: int, says: str):
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, outputs))
    with pytest.raises(ValueError, match=says):
        train_generator(model, scale * halves(9, 0), epochs=1, steps=1)


def test_a_generator_of_no_recipe_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="choose one of counterfactuals_fashion_mnist"):
        rl_recipes.pretrain_generator("counterfactuals_cifar")


def test_pieces_and_precision_change_nothing(trained: Generator):
    images = torch.rand(9, 1, 6, 6, generator=torch.Generator().manual_seed(0)).double()
    predicted, targets = torch.arange(9) % 3, torch.arange(18).view(9, 2) % 3
    before = copy.deepcopy(trained.state_dict())
    whole = generate(trained, images, predicted, targets)
    pieces = generate(trained, images, predicted, targets, chunk=4)
    assert whole.dtype == torch.float64 and whole.shape == (9, 2, 1, 6, 6)
    torch.testing.assert_close(whole, pieces)
    for i, t in ((0, 0), (4, 1), (8, 1)):  # each pair by itself
        alone = trained(images[i : i + 1].float(), predicted[i : i + 1], targets[i, t : t + 1])
        torch.testing.assert_close(whole[i, t].float(), alone[0], atol=1e-5, rtol=1e-4)
    assert all(torch.equal(before[key], value) for key, value in trained.state_dict().items())


@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_the_shipped_generators_are_what_their_cards_say(name: str):
    generator = load_generator(name)
    assert generator.card["model"] == name and generator.card["command"].startswith("python -m")
    assert generator.card["validity"] >= 0.9
    if name == "mnist":
        try:
            data = load("mnist", "test")
        except FileNotFoundError:
            pytest.skip("MNIST is not on this machine, and there is no sample of it")
    else:
        data = load("fashion_mnist", "test")
    model, images = load_pretrained(name), data.images[:100]
    with torch.no_grad():
        predicted = model(images).argmax(1)
    others = torch.randint(1, 10, (100,), generator=torch.Generator().manual_seed(3))
    targets = (predicted + others) % 10
    found = counterfactual(model, images, targets, "rl")
    made = found.counterfactuals[:, 0]
    with torch.no_grad():
        reached = model(made).argmax(1) == targets
    assert torch.equal(found.found[:, 0], reached) and reached.double().mean() >= 0.9
    assert made.min() >= 0 and made.max() <= 1
    # Less apart from its own input than from others: it changes the image, not only the class.
    apart = torch.cdist(made.flatten(1), images.flatten(1), p=1)
    assert (apart.argmin(1) == torch.arange(100)).double().mean() > 0.5


@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_the_command_writes_what_load_generator_reads(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    full = load("fashion_mnist", "test")
    tiny = ImageDataset(full.images[:64], full.labels[:64], full.classes)
    monkeypatch.setattr(rl_recipes, "load", lambda *_: tiny)
    own = f"counterfactuals_{name}"
    monkeypatch.setitem(rl_recipes.RECIPES, own, {"epochs": 1, "steps": 12})
    for run in ("one", "two"):
        assert main(["train", own, "--out", str(tmp_path / run)]) == 0
    assert f"{own}: " in capsys.readouterr().out
    for suffix in ("safetensors", "json"):
        one, two = ((tmp_path / run / f"{own}.{suffix}").read_bytes() for run in ("one", "two"))
        assert one == two
    generator = load_generator(name, tmp_path / "one")
    assert generator.card["training_images"] == 64
    # The same keys as the cards that ship.
    assert generator.card.keys() == load_generator(name).card.keys()
    assert (CHECKPOINTS / f"{own}.safetensors").stat().st_size < 1.5e6


def test_a_damaged_or_missing_checkpoint_is_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="python -m xaikit train counterfactuals_mnist"):
        load_generator("mnist", tmp_path)
    card = {"shape": [1, 28, 28], "classes": 10}
    (tmp_path / "counterfactuals_mnist.json").write_text(json.dumps(card), encoding="utf-8")
    (tmp_path / "counterfactuals_mnist.safetensors").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="damaged"):
        load_generator("mnist", tmp_path)
    whole = CHECKPOINTS / "counterfactuals_mnist.safetensors"
    shutil.copy(whole, tmp_path / whole.name)
    for damaged, says in (
        ([], "holds no card"),
        ({}, "'shape'"),
        ({**card, "shape": None}, "NoneType"),
        ({**card, "classes": "10"}, "str"),
    ):
        (tmp_path / "counterfactuals_mnist.json").write_text(json.dumps(damaged), encoding="utf-8")
        with pytest.raises(ValueError, match=rf"damaged \(.*{says}.*\): reinstall"):
            load_generator("mnist", tmp_path)
    with pytest.raises(ValueError, match="no generator for the network 'lecture'"):
        load_generator("lecture")


def test_a_strangers_model_needs_a_generator_of_its_own():
    with pytest.raises(ValueError, match=r"train_generator\(model, images\)"):
        generator_for(nn.Linear(2, 2), None)
    with pytest.raises(ValueError, match=r"train_generator\(model, images\)"):
        generator_for(load_pretrained("lecture"), None)
    own, _ = small()
    assert generator_for(nn.Linear(2, 2), own) is own
    for wrong in ("mnist", nn.Identity()):
        with pytest.raises(TypeError, match="generator has to be a Generator"):
            generator_for(nn.Linear(2, 2), wrong)
    with pytest.raises(ValueError, match=r"draws \(1, 6, 6\) images of 3 classes"):
        counterfactual(load_pretrained("lecture"), torch.rand(1, 1, 28, 28), 0, "rl", generator=own)
