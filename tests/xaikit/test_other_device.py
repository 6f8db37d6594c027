"""Every call on a device beside the CPU: no tensor is left behind, the answers are the CPU's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from attribution.settings import NAMES, cheap
from chain import convolutional
from other_device import DEVICE, OnDevice, other_device
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from xaikit import attack, counterfactual, detect, explain, influence, load, load_pretrained
from xaikit.autoencoders import load_judges
from xaikit.backdoors import attack_success, corner_square, poison, prune, unlearn
from xaikit.concepts import discover, dissect, maximise, probe, slices, tcav
from xaikit.counterfactuals.qualities import qualities
from xaikit.data import ImageDataset
from xaikit.influence import self_influence
from xaikit.metrics import evaluate, metrics, mosaics, random_ranking, rank_agreement
from xaikit.plots import attribution_grid, image_row, overlay
from xaikit.widgets import explorer

LIBRARIES = ("captum", "shap", "lime", "zennit")
RANDOM = torch.Generator().manual_seed(1)
IMAGES = torch.rand(60, 1, 12, 12, generator=RANDOM)
LABELS = torch.arange(60) % 5
MASKS = torch.rand(60, 12, 12, generator=RANDOM) > 0.5
FOUR = IMAGES[:4]
QUARTERS = (torch.arange(12) >= 6).long().view(12, 1) * 2 + (torch.arange(12) >= 6).long()


def to(value: Any, device: Any) -> Any:
    """Return what holds tensors with them on the device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: to(each, device) for key, each in value.items()}
    return [to(each, device) for each in value] if isinstance(value, list) else value


def tensors(value: Any, place: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of an answer with their places."""
    if isinstance(value, Tensor):
        yield place, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from tensors(each, f"{place}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from tensors(each, f"{place}[{index}]")
    elif is_dataclass(value):
        for field in fields(value):
            yield from tensors(getattr(value, field.name), f"{place}.{field.name}")


Call = Callable[[nn.Module, Any], Any]


def explaining(name: str, backend: str = "native") -> Call:
    def call(model: nn.Module, device: Any) -> Any:
        options = to(cheap(name, IMAGES[:9]), device)
        if backend == "shap" and name == "kernel_shap":  # enough evaluations for one solution
            options |= {"segments": QUARTERS.to(device)}
        goals = torch.tensor([[0, 3]] * 4).to(device)
        return explain(model, FOUR.to(device), goals, name, backend=backend, **options)

    return call


def attacking(name: str, **options: Any) -> Call:
    return lambda model, device: attack(
        model, FOUR.to(device), LABELS[:4].to(device), name, **options
    )


def detecting(name: str, **options: Any) -> Call:
    return lambda model, device: detect(
        model, IMAGES.to(device), LABELS.to(device), name, **options
    )


def influencing(name: str, **options: Any) -> Call:
    def call(model: nn.Module, device: Any) -> Any:
        training = (IMAGES.to(device), LABELS.to(device))
        asked = (FOUR.to(device), LABELS[:4].to(device))
        more = {"checkpoints": [model.state_dict()]} if name == "trak" else {}
        return influence(model, *asked, training, name, **options, **more)

    return call


def measured(model: nn.Module, device: Any) -> Any:
    x = FOUR.to(device)
    told = explain(model, x, 1, "gradient")
    known = {"gradient": told, "chance": random_ranking(x, 1)}
    apart = ("runtime", "rank_agreement", "token_f1")  # seconds, and what is asked otherwise
    names = [each.name for each in metrics() if each.name not in apart]
    rows = evaluate(model, x, known, names, mask=MASKS[:4].to(device))
    agreement = rank_agreement(told, known["chance"])
    return [torch.tensor([row.value, row.spread]) for row in rows], agreement


def drawn(model: nn.Module, device: Any) -> Any:
    x = FOUR.to(device)
    told = explain(model, x, [[0, 3]] * 4, "gradient")
    for figure in (attribution_grid(told, x), overlay(told, x), image_row(x)):
        plt.close(figure)
    return told


def explored(model: nn.Module, device: Any) -> Any:
    data = ImageDataset(IMAGES.to(device), LABELS.to(device), list("abcde"))
    shown = explorer(model, data, data)
    assert shown.wait(60)
    for index in range(1, len(shown.children)):
        shown.selected_index = index
        assert shown.wait(120)
    said = [page.status.value for page in shown.children]
    assert all("went wrong" not in each and "Error" not in each for each in said), said
    return None


def concept_vectors(model: nn.Module, device: Any) -> Any:
    x = IMAGES.to(device)
    return tcav(model, x[:12], 1, x[:20], [x[k : k + 20] for k in range(20, 40, 4)], layer="7")


def searched(name: str, **options: Any) -> Call:
    def call(_: nn.Module, device: Any) -> Any:
        model = load_pretrained("fashion_mnist", device=device)
        images = load("fashion_mnist", split="test").images[:3].to(device)
        goals = (model(images).argmax(1) + 1) % 10
        found = counterfactual(model, images, goals, name, **options)
        judged = qualities(found, model(images).argmax(1), load_judges("fashion_mnist", device))
        return found, judged

    return call


def backdoored(model: nn.Module, device: Any) -> Any:
    trigger = corner_square((1, 12, 12), size=2)
    data = ImageDataset(IMAGES.to(device), LABELS.to(device), list("abcde"))
    poisoned = poison(data, trigger, 1, 0.2)
    repaired = prune(model, data.images, 0.3)
    rate = attack_success(model, data, trigger, 1)
    unlearnt = unlearn(model, data, trigger)
    return [
        torch.as_tensor(rate),
        poisoned.images,
        poisoned.labels,
        repaired(data.images),
        unlearnt(data.images),
    ]


CALLS: dict[str, Call] = {
    **{f"explain {name}": explaining(name) for name in NAMES},
    **{
        f"explain {name} by {backend}": explaining(name, backend)
        for name, backend in (
            ("gradient", "captum"),
            ("integrated_gradients", "captum"),
            ("kernel_shap", "shap"),
            ("deep_shap", "shap"),
            ("lime", "lime"),
            ("lrp", "zennit"),
        )
    },
    "attack fgsm": attacking("fgsm", epsilon=0.3),
    "attack pgd": attacking("pgd", epsilon=0.3, steps=3, restarts=2),
    "attack pgd l2": attacking("pgd", epsilon=1.0, norm="2", steps=3),
    "attack apgd": attacking("apgd", epsilon=0.3, steps=5),
    "attack patch": attacking("patch", size=4, steps=3, places=2),
    "attack universal_patch": attacking("universal_patch", size=4, steps=3),
    "detect neural_cleanse": detecting("neural_cleanse", steps=4, batch=20),
    "detect mm_bd": detecting("mm_bd", steps=4, restarts=2),
    "detect spray": detecting("spray"),
    "detect activation_clustering": detecting("activation_clustering"),
    "detect spectral_signatures": detecting("spectral_signatures"),
    "counterfactual wachter": searched("wachter", steps=20),
    "counterfactual prototype": searched("prototype", steps=5),
    "counterfactual rl": searched("rl"),
    "influence grad_dot": influencing("grad_dot"),
    "influence grad_cos": influencing("grad_cos", layers="all", projection=64),
    "influence tracin": influencing("tracin"),
    "influence influence_function": influencing("influence_function", damping=0.1),
    "influence influence_function all": influencing(
        "influence_function", layers="all", damping=0.5, steps=20
    ),
    "influence exemplar": influencing("exemplar"),
    "influence representer": influencing("representer"),
    "influence leave_one_out": influencing("leave_one_out", steps=3),
    "influence trak": influencing("trak", dimension=32),
    "self_influence": lambda model, device: self_influence(
        model, (IMAGES.to(device), LABELS.to(device))
    ),
    "metrics": measured,
    "mosaics": lambda model, device: mosaics(IMAGES.to(device), LABELS.to(device), 4),
    "plots": drawn,
    "explorer": explored,
    "probe": lambda model, device: probe(
        model, IMAGES.to(device), LABELS.to(device), layer=["4", "7"]
    ),
    "tcav": concept_vectors,
    "maximise": lambda model, device: maximise(model, [1, 2], data=IMAGES.to(device), steps=4),
    "dissect": lambda model, device: dissect(
        model, IMAGES.to(device), {"half": MASKS.to(device)}, layer="4"
    ),
    "discover": lambda model, device: discover(
        model, IMAGES.to(device), layer="4", target=1, concepts=3, designs=4
    ),
    "slices": lambda model, device: slices(model, IMAGES.to(device), LABELS.to(device), groups=3),
    "backdoors": backdoored,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_mixes_no_devices_and_answers_as_on_the_cpu(name: str) -> None:
    expected = dict(tensors(CALLS[name](convolutional(nn.MaxPool2d), "cpu")))
    with other_device():
        model = convolutional(nn.MaxPool2d).to(DEVICE)
        found = dict(tensors(CALLS[name](model, DEVICE)))
        found = {place: each.cpu() for place, each in found.items()}
    assert expected.keys() == found.keys()
    # A search by slopes, clipped, follows the last digit.
    close = 0.02 if name == "counterfactual wachter" else 1e-4
    for place, each in expected.items():
        torch.testing.assert_close(
            found[place],
            each,
            rtol=1e-4,
            atol=close,
            equal_nan=True,
            msg=lambda m, p=place: f"{p}: {m}",
        )


PAIRS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "add": lambda here, there: here + there,
    "add to a number": lambda here, there: here + there.sum(),
    "a number to it": lambda here, there: here.sum() + there,
    "in place": lambda here, there: here.clone().add_(there),
    "in place, a number": lambda here, there: here.clone().add_(there.sum()),
    "matrices": lambda here, there: here @ there,
    "where": lambda here, there: torch.where(here > 0, here, there),
    "where, a number": lambda here, there: torch.where(here > 0, here, there.sum()),
    "cat": lambda here, there: torch.cat([here, there]),
    "gather": lambda here, there: here.gather(1, there.long() * 0),
    "copy": lambda here, there: here.clone().copy_(there),
    "masked_fill": lambda here, there: here.masked_fill(there > 0, 0.0),
    "linear": lambda here, there: nn.functional.linear(here, there),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("first", ["cpu", "cuda"])
def test_the_device_refuses_what_torch_s_own_account_of_cuda_refuses(name: str, first: str) -> None:
    second = "cuda" if first == "cpu" else "cpu"
    said = []
    for device in (contextlib.nullcontext(), other_device()):
        with FakeTensorMode() if not said else contextlib.nullcontext(), device:
            here, there = torch.ones(3, 3, device=first), torch.ones(3, 3, device=second)
            assert here.device.type == first and there.device.type == second
            try:
                PAIRS[name](here, there)
                said.append("")
            except Exception as error:
                said.append(type(error).__name__)
    assert bool(said[0]) == bool(said[1]), said


def test_what_numpy_and_other_generators_may_not_see() -> None:
    with other_device():
        x = torch.ones(3, device="cuda")
        mask, cpu = x > 0, torch.ones(3)
        assert x[mask.cpu()].device.type == "cuda"  # an index may come from the CPU
        with pytest.raises(RuntimeError, match="indices should be either on cpu or on the same"):
            cpu[mask]
        with pytest.raises(RuntimeError, match="indices should be either on cpu or on the same"):
            cpu[mask] = 0.0
        with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy"):
            np.asarray(x)
        with pytest.raises(RuntimeError, match="device type for generator"):
            x.uniform_(generator=torch.Generator())
        with pytest.raises(RuntimeError, match="device type for generator"):
            torch.rand(3, device="cuda", generator=torch.Generator())
        assert x.tolist() == [1, 1, 1] and x.cpu().numpy().sum() == 3 and f"{x.sum():.1f}" == "3.0"
        assert not isinstance(x.cpu(), OnDevice) and isinstance(x * 2, OnDevice)
