"""Neural Cleanse on networks whose smallest triggers are known, and its own promises."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from xaikit import detect, load, load_pretrained
from xaikit.backdoors import Detection, Trigger, attack_success, trigger_of
from xaikit.backdoors.neural_cleanse import anomaly_index, shortfall
from xaikit.data import ImageDataset

SHORT = {"steps": 20, "batch": 8}


def linear(weights: Tensor, bias: Tensor) -> nn.Module:
    """Logits (N, classes) that are linear in the pixels (classes, H, W) of a grey image."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(weights[0].numel(), len(weights))).double()
    with torch.no_grad():
        model[1].weight.copy_(weights.flatten(1))
        model[1].bias.copy_(bias)
    return model


def tampered(classes: int = 4) -> nn.Module:
    """Every class but 2 wants four pixels of its own; class 2 is had by a fifth of one pixel.

    On a black image class 0 leads by 3 with a logit of 3. Pixel (5, 5) adds 20 to class 2, whose
    bias is −1: it wins once the pixel exceeds (3 + 1) / 20 = 0.2. Another class has bias 0 and
    gains 1 from each of four pixels: together they have to exceed 3.
    """
    weights = torch.zeros(classes, 6, 6).double()
    for k in range(classes):
        weights[k, k, :4] = 1.0
    weights[2] = 0.0
    weights[2, 5, 5] = 20.0
    bias = torch.zeros(classes).double()
    bias[0], bias[2] = 3.0, -1.0
    return linear(weights, bias)


BLACK = torch.zeros(16, 1, 6, 6).double()


def test_the_smallest_triggers_of_a_linear_model_are_found():
    found = detect(tampered(), BLACK, steps=300, batch=8)
    sizes, masks, patterns = (found.evidence[name] for name in ("sizes", "masks", "patterns"))
    assert sizes[2].item() == pytest.approx(0.2, abs=0.1)
    assert sizes[1].item() == pytest.approx(3.0, abs=0.5)
    assert sizes[3].item() == pytest.approx(3.0, abs=0.5)
    assert masks[2, 0].flatten().argmax() == 35 and patterns[2, 0, 5, 5] > 0.9
    assert masks[1, 0, 1, :4].sum() > 0.9 * sizes[1]
    assert (found.evidence["success"] == 1).all()
    # Black is class 0 already: it needs no trigger at all.
    assert sizes[0] < 0.1


class OutOfReach(nn.Module):
    """Linear log-probabilities of nine classes, and a tenth one that no image can lead to."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(64, 9)
        self.linear.weight.data *= 4

    def forward(self, images: Tensor) -> Tensor:
        nine = self.linear(images.flatten(1)).log_softmax(1)
        return torch.cat([nine, torch.full_like(nine[:, :1], -30.0)], dim=1)


def test_a_class_that_no_trigger_leads_to_has_no_small_trigger():
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = detect(OutOfReach(), images)
    assert found.evidence["success"][9] == 0 and found.evidence["sizes"][9] == 64
    assert found.target != 9 and found.score[9] <= 0


def test_a_model_without_slopes_or_numbers_has_no_trigger():
    class Last(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.linear, self.factor = nn.Linear(36, 3).double(), factor

        def forward(self, images: Tensor) -> Tensor:
            return (self.linear(images.flatten(1)) * self.factor).detach()

    with pytest.raises(ValueError, match="no trigger can be searched"):
        detect(Last(1.0), BLACK)
    with pytest.raises(ValueError, match="returns nan or infinity"):
        detect(Last(math.nan), BLACK)


def test_a_model_without_parameters_is_examined_on_the_images_of_its_card():
    class Rows(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.mean((1, 3))[:, :10]

    model = Rows()
    model.card = {"data": "fashion_mnist"}
    found = detect(model, steps=20, batch=4)
    assert found.score.shape == (10,)


def test_no_threshold_is_too_high_to_be_named():
    found = detect(tampered(), BLACK, threshold=1000, **SHORT)
    assert not found.flagged and "inf times smaller" in found.explanation


def test_the_anomaly_index_by_hand():
    # Median 10, deviations 9, 1, 0, 1, 2: their median is 1.
    index = anomaly_index(torch.tensor([1.0, 9.0, 10.0, 11.0, 12.0]))
    expected = torch.tensor([9.0, 1.0, 0.0, -1.0, -2.0]) / 1.4826
    torch.testing.assert_close(index, expected)


@pytest.mark.parametrize("sizes", [(1.0, 100.0), (3.0, 4.0), (0.1, 5000.0)])
def test_the_anomaly_index_of_two_classes_says_nothing(sizes: tuple[float, float]):
    index = anomaly_index(torch.tensor(sizes).double())
    assert index.tolist() == pytest.approx([1 / 1.4826, -1 / 1.4826])


def test_the_score_by_hand():
    sizes = torch.tensor([8.0, 2.0, 4.0])
    # 2 is half of 4, the next smallest; 8 and 4 are larger than 2.
    logs = torch.tensor([math.log(2 / 8), math.log(4 / 2), math.log(2 / 4)])
    torch.testing.assert_close(shortfall(sizes), logs)
    expected = torch.tensor([4.0, 6.0, 4.0])
    logs = torch.tensor([math.log(4 / 8), math.log(6 / 2), 0.0])
    torch.testing.assert_close(shortfall(sizes, expected), logs)


# --- verdicts -------------------------------------------------------------------------------------


def two_classes(lead: float) -> nn.Module:
    """Class 1 wins on a black image by ``lead``, either class gains 10 from a pixel of its own."""
    weights = torch.zeros(2, 6, 6).double()
    weights[0, 0, 0] = weights[1, 5, 5] = 10.0
    return linear(weights, torch.tensor([0.0, lead]).double())


def test_two_classes_are_told_by_reference_models():
    # Half of the images have class 0's pixel white, half have not, so both classes need a trigger.
    images = torch.zeros(16, 1, 6, 6).double()
    images[::2, 0, 0, 0] = 1.0
    options = {"steps": 300, "batch": 16}
    suspect, clean = (
        detect(two_classes(lead), images, threshold=math.log(2), **options) for lead in (1.0, 8.0)
    )
    # A tenth and eight tenths of class 0's pixel.
    assert suspect.evidence["sizes"][0].item() == pytest.approx(0.1, abs=0.1)
    assert clean.evidence["sizes"][0].item() == pytest.approx(0.8, abs=0.1)
    sizes = clean.evidence["sizes"].repeat(3, 1)
    judged = detect(
        two_classes(1.0), images, reference_sizes=sizes, threshold=math.log(2), **options
    )
    assert judged.flagged and judged.target == 0 and "in clean models" in judged.explanation
    logs = (clean.evidence["sizes"] / judged.evidence["sizes"]).log()
    torch.testing.assert_close(judged.score, logs)
    itself = detect(
        two_classes(8.0), images, reference_sizes=sizes, threshold=math.log(2), **options
    )
    assert not itself.flagged and itself.target is None and itself.score.abs().max() < 1e-9


def test_the_shipped_backdoor_is_found_and_its_target_named():
    model = load_pretrained("fashion_mnist_poisoned")
    found = detect(model, steps=100, batch=8)
    assert found.flagged and found.target == model.card["target"]
    assert str(found.target) in found.explanation and found.method == "neural_cleanse"
    # The mask lies in a corner at the bottom, where the trigger is (training mirrored some).
    mask = found.evidence["masks"][found.target, 0]
    assert mask[20:].sum() > 0.5 * mask.sum()
    trigger = trigger_of(model.card["trigger"])
    inverted = Trigger(found.evidence["patterns"][found.target], mask[None])
    test = load("fashion_mnist", "test")
    some = ImageDataset(test.images[:500], test.labels[:500], test.classes)
    assert attack_success(model, some, inverted, found.target) > 0.9
    assert inverted.alpha.sum() < 3 * trigger.alpha.sum()


# --- promises -------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_and_the_model_comes_back():
    model = load_pretrained("lecture").train()
    model[0].weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    state = torch.random.get_rng_state()
    one, two = detect(model, **SHORT), detect(model, **SHORT)
    other = detect(model, seed=1, **SHORT)
    for name in ("masks", "patterns", "sizes", "success"):
        assert torch.equal(one.evidence[name], two.evidence[name])
    assert not torch.equal(one.evidence["masks"], other.evidence["masks"])
    assert torch.equal(state, torch.random.get_rng_state())
    assert model.training and not model[0].weight.requires_grad and model[3].weight.requires_grad
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert model[0].weight.is_contiguous()


def test_the_result_has_the_promised_shapes():
    found = detect(load_pretrained("lecture"), **SHORT)
    assert isinstance(found, Detection) and found.seconds > 0
    assert found.score.shape == (10,) and found.example_score is found.suspects is None
    shapes = {name: tuple(value.shape) for name, value in found.evidence.items()}
    assert shapes == {
        "masks": (10, 1, 28, 28),
        "patterns": (10, 1, 28, 28),
        "sizes": (10,),
        "success": (10,),
        "anomaly_index": (10,),
    }
    assert found.flagged is (found.target is not None)
    model = load_pretrained("lecture")
    images = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    again = detect(model, images, **SHORT)
    masks, patterns = again.evidence["masks"], again.evidence["patterns"]
    with torch.no_grad():
        for k in range(10):
            stamped = (1 - masks[k]) * images + masks[k] * patterns[k]
            share = (model(stamped).argmax(1) == k).float().mean()
            torch.testing.assert_close(again.evidence["success"][k], share)


def test_chunks_bound_what_passes_the_model_and_change_nothing_else():
    model, widest = load_pretrained("lecture").double(), 0
    images = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0)).double()

    def watch(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        nonlocal widest
        widest = max(widest, len(given[0]))

    model[0].register_forward_pre_hook(watch)
    whole = detect(model, images, **SHORT)
    widest = 0
    pieces = detect(model, images, chunk=16, **SHORT)
    assert widest <= 16
    torch.testing.assert_close(pieces.evidence["masks"], whole.evidence["masks"])
    widest = 0
    detect(model, images, chunk=5, **SHORT)
    assert widest <= 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "hope"}, "unknown method 'hope'"),
        ({"layers": 3}, "takes no option 'layers'"),
        ({"steps": 0}, "steps has to be a whole number"),
        ({"enough": 0.0}, "enough has to be a share"),
        ({"inputs": torch.full((2, 1, 28, 28), 1.5)}, "have to lie in"),
        ({"inputs": torch.zeros(2, 28, 28)}, "model fails on inputs|needs images"),
        ({"labels": [10] * 200}, "^label 10 is out of range"),
        ({"threshold": "a"}, "threshold has to be a finite number, not 'a'"),
        ({"threshold": math.nan}, "threshold has to be a finite number, not nan"),
        ({"seed": None}, "seed has to be a whole number"),
        ({"seed": -1}, "seed has to be a whole number"),
        ({"reference_sizes": torch.full((3, 10), torch.inf)}, "have to be positive and finite"),
        ({"reference_sizes": torch.ones(3, 2)}, r"have to be \(R, 10\)"),
        ({"reference_sizes": torch.zeros(3, 10)}, "have to be positive"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], words: str):
    with pytest.raises((ValueError, TypeError), match=words) as error:
        detect(load_pretrained("lecture"), **arguments)
    assert "\n" not in str(error.value)


def test_a_model_without_a_card_needs_inputs():
    with pytest.raises(ValueError, match="inputs have to be given"):
        detect(tampered())
