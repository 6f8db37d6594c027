"""The contract of explain: it holds for every method."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from attribution.settings import NAMES, cheap
from xaikit import Explanation, explain
from xaikit.attribution.registry import METHODS

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_shapes_dtype_and_device_are_the_inputs(
    name: str,
    dtype: torch.dtype,
    device: str,
    network: nn.Module,
    images: Tensor,
    targets: Tensor,
    background: Tensor,
) -> None:
    x = images.to(device, dtype)
    answer = explain(
        network.to(device, dtype), x, targets.to(device), name, **cheap(name, background)
    )
    assert isinstance(answer, Explanation)
    assert answer.attributions.shape == (4, 3, 1, 12, 12)
    assert (answer.attributions.dtype, answer.attributions.device) == (x.dtype, x.device)
    assert answer.attributions.isfinite().all() and answer.attributions.abs().sum() > 0
    assert not answer.attributions.requires_grad
    assert answer.targets.tolist() == targets.tolist()
    assert answer.method == name and answer.seconds > 0
    if METHODS[name].complete:
        assert answer.convergence_delta is not None
        assert answer.convergence_delta.shape == (4, 3)
    else:
        assert answer.convergence_delta is None


@pytest.mark.parametrize("name", NAMES)
def test_precision_is_that_of_single_floats(
    name: str, network: nn.Module, images: Tensor, background: Tensor
) -> None:
    single = explain(network, images, 1, name, **cheap(name, background)).attributions
    double = explain(
        network.double(), images.double(), 1, name, **cheap(name, background)
    ).attributions
    if name == "smoothgrad":  # other noise for another dtype: only its mean is the same
        assert torch.nn.functional.cosine_similarity(single, double.float()).mean() > 0.5
    else:
        assert (single - double).abs().max() < 1e-4 * double.abs().max()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "grad_cam"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (5, 2, 2, 2)])
def test_inputs_of_any_shape(name: str, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    size = torch.Size(shape).numel()
    model = nn.Sequential(nn.Flatten(), nn.Linear(size, 6), nn.ReLU(), nn.Linear(6, 2))
    # Deep Taylor has to know the inputs' range.
    x = torch.rand(2, *shape) if name == "deep_taylor" else torch.randn(2, *shape)
    answer = explain(model, x, [[0, 1], [1, 0]], name, **cheap(name, torch.randn(3, *shape)))
    assert answer.attributions.shape == (2, 2, *shape)


@pytest.mark.parametrize("name", NAMES)
def test_targets_together_equal_targets_alone(
    name: str, network: nn.Module, images: Tensor, targets: Tensor, background: Tensor
) -> None:
    options = cheap(name, background)
    together = explain(network, images, targets, name, **options)
    for t in range(targets.shape[1]):
        alone = explain(network, images, targets[:, t], name, **options)
        assert alone.attributions.shape[1] == 1
        torch.testing.assert_close(together.attributions[:, t], alone.attributions[:, 0])
        if together.convergence_delta is not None and alone.convergence_delta is not None:
            torch.testing.assert_close(
                together.convergence_delta[:, t], alone.convergence_delta[:, 0], atol=1e-6, rtol=0
            )


@pytest.mark.parametrize("name", NAMES)
def test_an_input_is_explained_alike_alone_and_in_a_batch(
    name: str, network: nn.Module, images: Tensor, background: Tensor
) -> None:
    batch = explain(network, images, 2, name, **cheap(name, background)).attributions
    alone = explain(network, images[3:], 2, name, **cheap(name, background)).attributions
    torch.testing.assert_close(batch[3:], alone)


@pytest.mark.parametrize("name", NAMES)
def test_chunks_change_nothing_and_bound_the_rows(
    name: str, network: nn.Module, images: Tensor, targets: Tensor, background: Tensor
) -> None:
    options = cheap(name, background)
    whole = explain(network, images, targets, name, **options).attributions
    for chunk in (1, 3, 7):
        widths: list[int] = []
        hook = network.register_forward_pre_hook(
            lambda _, passed, widths=widths: widths.append(len(passed[0]))
        )
        parts = explain(network, images, targets, name, chunk=chunk, **options).attributions
        hook.remove()
        assert (whole - parts).abs().max() < 1e-5
        # Two passes only ask on which layout the model runs, and how many classes there are, with
        # two examples at most.
        assert max(widths[2:]) <= chunk and max(widths[:2]) <= 2


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bytes(
    name: str, network: nn.Module, images: Tensor, targets: Tensor, background: Tensor
) -> None:
    options = cheap(name, background)
    torch.manual_seed(11)
    first = explain(network, images, targets, name, seed=5, **options)
    torch.manual_seed(12)
    second = explain(network, images, targets, name, seed=5, **options)
    assert torch.equal(first.attributions, second.attributions)
    other = explain(network, images, targets, name, seed=6, **options)
    assert torch.equal(first.attributions, other.attributions) == ("samples" not in options)


@pytest.mark.parametrize("name", NAMES)
def test_the_callers_gradient_mode_does_not_matter(
    name: str, network: nn.Module, images: Tensor, background: Tensor
) -> None:
    options = cheap(name, background)
    usual = explain(network, images, 0, name, **options).attributions
    with torch.no_grad():
        assert torch.equal(usual, explain(network, images, 0, name, **options).attributions)
    with torch.inference_mode():
        inside = images * 1
        assert torch.equal(usual, explain(network, inside, 0, name, **options).attributions)


class Fragile(nn.Module):
    """Fails from a given call on."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        if self.left < 0:
            raise KeyError("broken")
        return x


def state(model: nn.Module) -> list[Any]:
    """Return everything about a model that an explanation might disturb."""
    hooks = [
        "_forward_hooks",
        "_forward_pre_hooks",
        "_backward_hooks",
        "_backward_pre_hooks",
    ]
    return [
        [module.training for module in model.modules()],
        [[dict(getattr(module, kind)) for kind in hooks] for module in model.modules()],
        [sorted(vars(module)) for module in model.modules()],
        [parameter.requires_grad for parameter in model.parameters()],
        [None if p.grad is None else p.grad.tolist() for p in model.parameters()],
        [value.tolist() for value in model.state_dict().values()],
        torch.get_rng_state().tolist(),
    ]


@pytest.mark.parametrize("breaks", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_model_inputs_and_random_state_are_left_as_they_were(
    name: str, breaks: bool, images: Tensor, targets: Tensor, background: Tensor
) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3),
        # Deep Taylor refuses what is not folded.
        nn.Identity() if name == "deep_taylor" else nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Flatten(),
        Fragile(3 if breaks else 10**6),
        nn.Linear(300, 5),
    )
    model.train()
    model[2].eval()
    model[0].bias.requires_grad_(False)
    model(torch.rand(2, 1, 12, 12)).sum().backward()
    model[6].register_forward_hook(lambda *_: None)
    before, x = state(model), images.clone().requires_grad_()
    options = dict(cheap(name, background), chunk=2)
    if breaks:
        with pytest.raises(KeyError, match="broken"):
            explain(model, x, targets, name, **options)
    else:
        explain(model, x, targets, name, **options)
    assert state(model) == before
    assert torch.equal(x, images) and x.grad is None and x.requires_grad


def test_the_model_is_explained_in_eval_mode(images: Tensor) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(144, 2))
    once = explain(model.train(), images, 0, "gradient").attributions
    assert torch.equal(once[0, 0].flatten(), model[2].weight[0])


class Viewing(nn.Module):
    """Views a feature map as a vector, which fails where channels come last."""

    def __init__(self, network: nn.Sequential) -> None:
        super().__init__()
        self.body, self.head = network[:6], network[7:]
        self.passes: list[bool] = []

    def forward(self, x: Tensor) -> Tensor:
        maps = self.body(x)
        self.passes.append(not maps.is_contiguous())
        return self.head(maps.view(len(x), -1))


def test_a_model_that_cannot_run_on_channels_last_keeps_its_layout(
    network: nn.Sequential, images: Tensor, targets: Tensor
) -> None:
    model = Viewing(network)
    before = [(each.data_ptr(), each.stride()) for each in model.parameters()]
    found = explain(model, images, targets, "gradient").attributions
    assert model.passes == [True, False, False, False, False]
    assert [(each.data_ptr(), each.stride()) for each in model.parameters()] == before
    expected = explain(network, images, targets, "gradient").attributions
    torch.testing.assert_close(found, expected)
    model.head = nn.Sequential(nn.Flatten(), *network[7:])
    explain(network, images, targets, "gradient")
    assert [(each.data_ptr(), each.stride()) for each in model.parameters()] == before


class Largest(TorchDispatchMode):
    """Remembers the most numbers that one result held."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in result if isinstance(result, tuple | list) else (result,):
            if isinstance(each, Tensor):
                self.numbers = max(self.numbers, each.untyped_storage().nbytes() // 4)
        return result


@pytest.mark.parametrize("name", NAMES)
def test_memory_is_bounded_whatever_there_is_to_do(
    name: str, network: nn.Module, images: Tensor, background: Tensor
) -> None:
    def largest(number: int, columns: int, effort: int) -> int:
        sampled = "samples" in METHODS[name].options
        options = cheap(name, background if sampled else background[torch.arange(effort) % 9])
        options |= {key: effort for key in ("steps", "samples") if key in options}
        x = images[torch.arange(number) % 4] + torch.linspace(0, 1e-3, number).view(-1, 1, 1, 1)
        x = x.clamp(0, 1)
        with Largest() as seen:
            explain(network, x, torch.arange(columns).expand(number, -1), name, chunk=8, **options)
        return seen.numbers

    # A pass's widest tensor: 8 rows of 4 maps of 12 × 12. A map for all that was asked is due.
    for number, columns, effort in ((2, 1, 10), (20, 1, 10), (4, 5, 10), (2, 1, 120)):
        due = max(8 * 4 * 144 * 5, 2 * number * columns * 144, effort * 5 * 144)
        if name == "kernel_shap":  # compares coalitions, 1,024 pairs at most, in float64
            due = max(due, 2 * (2 * effort + 1) ** 2)
        assert largest(number, columns, effort) <= due
