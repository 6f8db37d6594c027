"""Attacks against closed forms, and their own promises."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xaikit import attack, load, load_pretrained
from xaikit.attacks.apgd import _nearest
from xaikit.attacks.goal import Goal

SMALL = {
    "fgsm": {"epsilon": 0.05},
    "pgd": {"epsilon": 0.05, "steps": 5},
    "apgd": {"epsilon": 0.05, "steps": 5, "restarts": 3},
    "patch": {"size": 6, "steps": 5, "places": 2},
    "universal_patch": {"size": 9, "steps": 20},
}


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return load_pretrained("lecture")


@pytest.fixture(scope="module")
def images() -> tuple[Tensor, Tensor]:
    data = load("fashion_mnist", "test")
    return data.images[:12], data.labels[:12]


def linear(weights: list[float]) -> nn.Module:
    """Two classes, the second one's lead over the first being w·x."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(len(weights), 2, bias=False)).double()
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[0.0] * len(weights), weights]))
    return model


# --- closed forms: on a linear model the strongest attack is known --------------------------------


@pytest.mark.parametrize("method", ["fgsm", "pgd", "apgd"])
def test_a_linear_model_falls_exactly_when_epsilon_reaches_the_l1_margin(method: str):
    # x leads class 0 by w·x = −0.2; moving each feature by ε changes that by ε |w|₁ = 4 ε.
    model, x = linear([1.0, -3.0]), torch.tensor([[0.4, 0.2]]).double()
    assert not attack(model, x, 0, method, epsilon=0.049).success
    found = attack(model, x, 0, method, epsilon=0.051)
    assert found.success and found.predicted == 1 and found.distance <= 0.051 + 1e-12


@pytest.mark.parametrize("method", ["pgd", "apgd"])
def test_a_linear_model_falls_exactly_when_the_ball_reaches_the_plane(method: str):
    # The plane w·x = 0 is |w·x| / |w|₂ = 0.2 / √10 away.
    model, x = linear([1.0, -3.0]), torch.tensor([[0.4, 0.2]]).double()
    away = 0.2 / 10**0.5
    assert not attack(model, x, 0, method, epsilon=0.98 * away, norm="2").success
    found = attack(model, x, 0, method, epsilon=1.02 * away, norm="2")
    assert found.success and found.distance <= 1.02 * away + 1e-12


def test_apgd_tries_the_nearest_class_first():
    # Class 1 has more output at x, but its lead over class 0 grows by 1 a pixel, that of 2 by 10.
    model = nn.Linear(2, 3).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.0, 0.0], [0.5, 0.5], [5.0, 5.0]]))
        model.bias.copy_(torch.tensor([0.0, -1.0, -6.0]))
    x = torch.full((1, 2), 0.5).double()  # outputs 0, -0.5, -1: away by 0.5 / 1 and 1 / 10
    goal = Goal(model, x, torch.tensor([0]), None, seed=0, chunk=8)
    for norm in ("inf", "2"):
        assert _nearest(goal, torch.tensor([0]), 9, norm).tolist() == [[2, 1]]
        assert _nearest(goal, torch.tensor([0]), 1, norm).tolist() == [[1]]


def test_a_step_of_fgsm_is_the_sign_of_the_weights():
    model, x = linear([2.0, -0.5, 1.0]), torch.tensor([[0.1, 0.5, 0.2]]).double()
    moved = attack(model, x, 1, "fgsm", epsilon=0.03).adversarial - x
    torch.testing.assert_close(moved, torch.tensor([[-0.03, 0.03, -0.03]]).double())


def test_the_best_place_of_a_patch_is_where_the_weights_are():
    # Only the pixels of one 2 × 2 corner speak for class 1: no other place can win.
    model = linear([0.0] * 36)
    weights = torch.zeros(6, 6).double()
    weights[4:, 2:4] = 1.0
    with torch.no_grad():
        model[1].weight[1] = (weights - 0.05).flatten()
    x = torch.zeros(1, 1, 6, 6).double()
    x[0, 0, 0, 0] = 1.0  # class 0 leads by 0.05
    found = attack(model, x, 0, "patch", size=2, steps=3, places=1)
    assert found.success
    assert found.mask[0, 0].nonzero().tolist() == [[4, 2], [4, 3], [5, 2], [5, 3]]
    torch.testing.assert_close(found.adversarial[found.mask], torch.ones(4).double())
    elsewhere = attack(model, x, 0, "patch", size=2, steps=20, place=(2, 2))
    assert not elsewhere.success


def test_the_best_universal_patch_is_bright_where_the_weights_are_positive():
    # Too far away to be fooled: every step goes on, to the corner of the cube that w points to.
    weights = torch.tensor([0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -0.8, 0.0]).tolist()
    model, x = linear(weights), torch.full((4, 1, 3, 3), 0.5).double()
    with torch.no_grad():
        model[1].weight[0] = 10.0
    found = attack(model, x, 0, "universal_patch", size=2, place=(1, 0), steps=60)
    assert not found.success.any()
    # The gap is (w − 10) · x: every weight of the difference is negative, so black is best;
    # with the other class true, white.
    torch.testing.assert_close(found.adversarial[0, 0, 1:, :2], torch.zeros(2, 2).double())
    with torch.no_grad():
        model[1].weight[0] = 0.0
        model[1].weight[0, 8] = 10.0  # the one pixel that decides lies outside the patch
    found = attack(model, x, 0, "universal_patch", size=2, place=(1, 0), steps=60)
    bright = torch.tensor(weights).reshape(3, 3)[1:, :2] > 0
    for worn in found.adversarial[:, 0, 1:, :2]:
        torch.testing.assert_close(worn, bright.double())


def test_a_universal_patch_fools_images_that_it_has_not_seen(network: nn.Module):
    data = load("fashion_mnist", "test")
    found = attack(
        network, data.images[:64], data.labels[:64], "universal_patch", size=10, steps=120
    )
    pattern, mask = found.adversarial[0], found.mask[0]
    torch.testing.assert_close(
        found.adversarial, torch.where(mask, pattern, data.images[:64]), atol=0, rtol=0
    )
    with torch.no_grad():
        right = network(data.images[500:700]).argmax(1) == data.labels[500:700]
        noise = torch.rand(pattern.shape, generator=torch.Generator().manual_seed(0))
        rates = [
            (network(torch.where(mask, p, data.images[500:700])).argmax(1) != data.labels[500:700])[
                right
            ].float()
            for p in (pattern, noise)
        ]
    # Noise on a patch that large fools a third.
    assert rates[0].mean() > 0.6 and rates[0].mean() > rates[1].mean() + 0.2


# --- beside foolbox -------------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.01, 0.03])
def test_pgd_leaves_as_many_standing_as_foolbox_does(epsilon: float, network: nn.Module):
    import foolbox

    data = load("fashion_mnist", "test")
    x, labels = data.images[:100], data.labels[:100]
    ours = attack(network, x, labels, "pgd", epsilon=epsilon).success
    torch.manual_seed(0)
    theirs = foolbox.attacks.LinfPGD(steps=40, rel_stepsize=2.5 / 40)(
        foolbox.PyTorchModel(copy.deepcopy(network).eval(), bounds=(0, 1)),
        x,
        labels,
        epsilons=epsilon,
    )[2]
    assert 0.05 < ours.float().mean() < 0.95
    assert abs(int(ours.sum()) - int(theirs.sum())) <= 2  # 2 %
    assert (ours == theirs).float().mean() >= 0.97


# --- promises -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", list(SMALL))
@pytest.mark.parametrize("targeted", [False, True], ids=["untargeted", "targeted"])
def test_the_result_is_what_it_says(
    method: str, targeted: bool, network: nn.Module, images: tuple[Tensor, Tensor]
):
    x, labels = images
    targets = (labels + 3) % 10 if targeted else None
    found = attack(network, x, labels, method, targets=targets, **SMALL[method])
    with torch.no_grad():
        predicted = network(found.adversarial).argmax(1)
    assert torch.equal(found.predicted, predicted)
    assert torch.equal(found.success, predicted == targets if targeted else predicted != labels)
    assert found.success.any() or targeted
    assert found.adversarial.min() >= 0 and found.adversarial.max() <= 1
    change = found.adversarial - x
    assert (change[~found.mask] == 0).all()
    if "patch" in method:
        side = SMALL[method]["size"]
        assert (found.mask.flatten(1).sum(1) == side**2).all()
        torch.testing.assert_close(found.distance, change.flatten(1).norm(dim=1))
    else:
        assert found.distance.max() <= 0.05 + 1e-6
        torch.testing.assert_close(found.distance, change.abs().flatten(1).amax(1))


def test_of_a_targeted_attack_the_targets_own_images_count(
    network: nn.Module, images: tuple[Tensor, Tensor]
):
    # As documented: with nothing changed, success is what the model says anyway.
    found = attack(network, *images, "fgsm", targets=9, epsilon=0)
    with torch.no_grad():
        seen = network(images[0]).argmax(1) == 9
    assert torch.equal(found.success, seen) and (found.success & (images[1] == 9)).any()


def test_numbers_of_numpy_and_integers_are_numbers(
    network: nn.Module, images: tuple[Tensor, Tensor]
):
    for given, same in ((np.float32(0.5), 0.5), (1, 1.0)):
        one = attack(network, *images, "pgd", epsilon=given, steps=3, seed=np.int64(3))
        two = attack(network, *images, "pgd", epsilon=same, steps=3, seed=3)
        assert torch.equal(one.adversarial, two.adversarial)
    place = (np.int64(2), np.int64(3))
    found = attack(network, *images, "patch", size=2, steps=1, place=place)
    assert found.mask[0, 0].nonzero()[0].tolist() == [2, 3]


@pytest.mark.parametrize("method", ["fgsm", "pgd", "patch"])
def test_what_reached_the_goal_before_stays_as_it_is(
    method: str, network: nn.Module, images: tuple[Tensor, Tensor]
):
    x, _ = images
    with torch.no_grad():
        wrong = (network(x).argmax(1) + 1) % 10
    found = attack(network, x, wrong, method, **SMALL[method])
    assert found.success.all() and torch.equal(found.adversarial, x)


@pytest.mark.parametrize("method", list(SMALL))
def test_the_same_seed_gives_the_same_bytes_and_the_model_comes_back(
    method: str, images: tuple[Tensor, Tensor]
):
    x, labels = images
    model = load_pretrained("lecture").train()
    model[0].weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    one = attack(model, x, labels, method, **SMALL[method])
    state = torch.random.get_rng_state()
    two = attack(model, x, labels, method, **SMALL[method])
    assert torch.equal(one.adversarial, two.adversarial)
    assert torch.equal(state, torch.random.get_rng_state())
    assert model.training and not model[0].weight.requires_grad and model[3].weight.requires_grad
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_chunks_bound_what_passes_the_model_and_change_nothing_else(
    images: tuple[Tensor, Tensor],
):
    x, labels = images[0].double(), images[1]
    model, widest = load_pretrained("lecture").double(), 0

    def watch(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        nonlocal widest
        widest = max(widest, len(given[0]))

    model[0].register_forward_pre_hook(watch)
    for method, options in SMALL.items():
        whole = attack(model, x, labels, method, **options)
        widest = 0
        pieces = attack(model, x, labels, method, chunk=7, **options)
        assert widest <= 7
        torch.testing.assert_close(pieces.adversarial, whole.adversarial)


def test_more_restarts_never_fool_fewer(network: nn.Module, images: tuple[Tensor, Tensor]):
    x, labels = images
    once = attack(network, x, labels, "pgd", epsilon=0.01, steps=4)
    often = attack(network, x, labels, "pgd", epsilon=0.01, steps=4, restarts=3)
    assert (often.success | ~once.success).all()


def test_a_mask_of_any_shape_bounds_the_patch(network: nn.Module, images: tuple[Tensor, Tensor]):
    x, labels = images
    ring = torch.zeros(28, 28, dtype=torch.bool)
    ring[2:26, 2:26] = True
    ring[4:24, 4:24] = False
    found = attack(network, x, labels, "patch", mask=ring, steps=10)
    assert ((found.adversarial - x)[:, :, ~ring] == 0).all()
    assert torch.equal(found.mask, ring.expand(x.shape))
    assert found.success.float().mean() > 0.5


def test_a_patch_needs_no_image_of_ours(images: tuple[Tensor, Tensor]):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 10, 3))
    x = torch.rand(5, 3, 8, 12)
    found = attack(model, x, 0, "patch", size=4, steps=5)
    assert found.mask.shape == x.shape and (found.mask[:, 0] == found.mask[:, 2]).all()


# --- what cannot be done is said in a sentence ----------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "deepfool"}, "unknown attack 'deepfool'"),
        ({"method": "fgsm", "steps": 3, "epsilon": 0.1}, "fgsm takes no option 'steps'"),
        ({"method": "pgd"}, "pgd needs epsilon"),
        ({"method": "pgd", "epsilon": -1}, "epsilon has to be a number of at least 0"),
        ({"method": "pgd", "epsilon": 0.1, "norm": "1"}, 'norm has to be "inf" or "2"'),
        ({"method": "patch", "size": 29}, "does not fit into 28 × 28"),
        ({"epsilon": True}, "epsilon has to be a finite number, not True"),
        ({"epsilon": math.nan}, "epsilon has to be a finite number, not nan"),
        ({"epsilon": "0.1"}, "epsilon has to be a finite number, not '0.1'"),
        ({"epsilon": 0.1, "seed": None}, "seed has to be a whole number from 0 .* not None"),
        ({"epsilon": 0.1, "seed": -1}, "seed has to be a whole number"),
        ({"epsilon": 0.1, "seed": 2**32}, "seed has to be a whole number"),
        ({"method": "patch", "place": (25, 0)}, "leaves the image"),
        ({"method": "patch", "place": 3}, "place has to be .* not 3"),
        ({"method": "patch", "place": None}, "place has to be .* not None"),
        ({"method": "patch", "place": (1.0, 2.0)}, "place has to be .* two whole numbers"),
        ({"method": "patch", "place": (1, 2, 3)}, "place has to be"),
        ({"method": "patch", "place": "left"}, "place has to be"),
        ({"method": "patch", "mask": torch.ones(3, 3)}, "mask has to be boolean"),
        ({"method": "patch", "mask": [[True]]}, "mask has to be a boolean tensor .* not list"),
        ({"method": "universal_patch", "mask": np.ones((28, 28), bool)}, "tensor .* not ndarray"),
        ({"method": "universal_patch", "mask": torch.ones(2, 28, 28) > 0}, "mask has to be bool"),
        ({"labels": 10, "epsilon": 0.1}, "^label 10 is out of range"),
        ({"targets": 10, "epsilon": 0.1}, "^target 10 is out of range"),
        ({"labels": torch.zeros(2, 2, dtype=torch.int64), "epsilon": 0.1}, "one class an input"),
        ({"inputs": torch.full((2, 1, 28, 28), 1.5), "epsilon": 0.1}, "have to lie in"),
    ],
)
def test_bad_arguments(changes: dict[str, object], words: str, network: nn.Module):
    arguments = {"inputs": torch.zeros(2, 1, 28, 28), "labels": 0} | changes
    with pytest.raises((ValueError, TypeError), match=words):
        attack(network, **arguments)


class Spoilt(nn.Module):
    """The first two pixels as logits, less what autograd or arithmetic can make of them."""

    def __init__(self, how: Any) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.how(x.flatten(1)[:, :2])
        return scores


@pytest.mark.parametrize("method", list(SMALL))
@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda scores: scores * math.nan, "the model returns nan or infinity"),
        (lambda scores: scores + math.inf, "the model returns nan or infinity"),
        (lambda scores: scores.detach(), "no attack can follow its slopes"),
    ],
    ids=["nan", "infinity", "detached"],
)
def test_a_model_that_cannot_be_attacked_is_no_success(method: str, how: Any, words: str):
    x = torch.rand(5, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=words):
        attack(Spoilt(how), x, (x.flatten(1)[:, :2]).argmax(1), method, **SMALL[method])


def test_a_class_that_the_model_rules_out_is_no_error():
    ruled_out = Spoilt(lambda scores: torch.cat([scores, scores[:, :1] - torch.inf], dim=1))
    x = torch.tensor([[0.6, 0.5]])
    assert attack(ruled_out, x, 0, "fgsm", epsilon=0.1).predicted == 1
