"""The contract of explain: it holds for every method, whatever the method computes."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from xaikit import (
    Explanation,
    explain,
    load,
    load_pretrained,
    methods,
    targets_of_interest,
)
from xaikit.attribution.registry import METHODS
from xaikit.core.background import reference_inputs
from xaikit.core.problem import Problem

NAMES = [each.name for each in methods()]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def cheap(name: str, background: Tensor | None = None) -> dict[str, Any]:
    """Return options that make the method quick and that any input allows."""
    options = METHODS[name].options
    wanted = {"steps": 10, "samples": 20, "background": background}
    if name == "exemplar":
        assert background is not None
        wanted |= {"examples": background.repeat(5, *[1] * (background.ndim - 1))}
        # Classes in turn, so that each has an example whatever the targets.
        wanted |= {"labels": torch.arange(len(wanted["examples"])) % 5}
    return {option: value for option, value in wanted.items() if option in options}


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


@pytest.mark.parametrize("given", [2, [2, 2, 2, 2], torch.full((4,), 2), torch.full((4, 1), 2)])
def test_targets_in_every_form(given: Any, network: nn.Module, images: Tensor) -> None:
    answer = explain(network, images, given, "gradient")
    assert answer.targets.tolist() == [[2]] * 4 and answer.targets.dtype == torch.int64


@pytest.mark.parametrize(("name", "value"), [("black", 0.0), ("grey", 0.5), ("white", 1.0)])
@pytest.mark.parametrize("method", ["integrated_gradients", "deeplift", "occlusion"])
def test_baselines_have_names(
    method: str, name: str, value: float, network: nn.Module, images: Tensor
) -> None:
    named = explain(network, images, 0, method, baseline=name).attributions
    assert torch.equal(named, explain(network, images, 0, method, baseline=value).attributions)


WITH_BASELINE = [name for name in NAMES if "baseline" in METHODS[name].options]


@pytest.mark.parametrize("method", WITH_BASELINE)
def test_several_references_are_averaged(
    method: str, network: nn.Module, images: Tensor, targets: Tensor, background: Tensor
) -> None:
    options = cheap(method) if method != "kernel_shap" else {"samples": 40}
    found = explain(network, images, targets, method, baseline=background[:3], **options)
    one_by_one = [
        explain(network, images, targets, method, baseline=each, **options).attributions
        for each in background[:3]
    ]
    expected = torch.stack(one_by_one).mean(0)
    assert (found.attributions - expected).abs().max() < 1e-4 * expected.abs().max()
    for chunk in (1, 7):
        parts = explain(
            network, images, targets, method, baseline=background[:3], chunk=chunk, **options
        ).attributions
        assert (found.attributions - parts).abs().max() < 1e-5


@pytest.mark.parametrize("method", WITH_BASELINE)
def test_a_blurred_baseline_is_each_images_own(
    method: str, network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    options = cheap(method) if method != "kernel_shap" else {"samples": 40}
    found = explain(network, images, targets, method, baseline="blurred", **options)
    deviation = 12 / 7
    reach = int(2 * deviation) + 1
    taps = torch.arange(-reach, reach + 1).double()
    taps = (-(taps**2) / 2 / deviation**2).exp() / (-(taps**2) / 2 / deviation**2).exp().sum()
    for i in range(len(images)):
        padded = torch.nn.functional.pad(images[i : i + 1].double(), [reach] * 4, "reflect")
        blurred = torch.nn.functional.conv2d(padded, torch.outer(taps, taps)[None, None])[0]
        alone = explain(
            network, images[i : i + 1], targets[i : i + 1], method, baseline=blurred, **options
        )
        apart = (found.attributions[i] - alone.attributions[0]).abs().max()
        assert apart < 1e-4 * alone.attributions.abs().max()


def test_sampled_baselines_are_the_default_background() -> None:
    model, x = load_pretrained("fashion_mnist"), load("fashion_mnist", "test").images[:2]
    sampled = explain(model, x, 0, "deeplift", baseline="samples", seed=2).attributions
    assert torch.equal(sampled, explain(model, x, 0, "deep_shap", seed=2).attributions)


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
    assert model.passes == [True, False, False]
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
        assert largest(number, columns, effort) <= due


NET = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
CONV = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(8, 3))
X = torch.rand(2, 1, 2, 2)


class Returns(nn.Module):
    """Returns what a function makes of its input."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "says"),
    [
        ((NET, X, 0, "gradcam"), {}, ValueError, "unknown method 'gradcam'.*grad_cam, gradient"),
        ((NET, X, 0, "lime"), {"steps": 3}, TypeError, "lime takes no option 'steps'.*samples"),
        ((NET, X, 3, "gradient"), {}, ValueError, "target 3 is out of range.*0 to 2"),
        ((NET, X, -1, "gradient"), {}, ValueError, "target -1 is out of range"),
        ((NET, X, 1.0, "gradient"), {}, TypeError, "targets have to be classes"),
        ((NET, X, [True, False], "gradient"), {}, TypeError, "targets have to be classes"),
        ((NET, X, "shoe", "gradient"), {}, TypeError, "targets have to be classes"),
        ((NET, X, [0, 1, 2], "gradient"), {}, ValueError, r"shape is \(3,\)"),
        ((NET, X, [[0], [1], [2]], "gradient"), {}, ValueError, r"shape is \(3, 1\)"),
        ((NET, X[0, 0, 0, 0], 0, "gradient"), {}, ValueError, r"a batch .*x\[None\]"),
        ((NET, X[:0], 0, "gradient"), {}, ValueError, "at least one example"),
        ((NET, X.long(), 0, "gradient"), {}, TypeError, r"use inputs.float\(\)"),
        ((NET, X.numpy(), 0, "gradient"), {}, TypeError, "have to be a tensor"),
        ((NET, X / 0, 0, "gradient"), {}, ValueError, "nan or infinity"),
        ((NET, X.double(), 0, "gradient"), {}, TypeError, "computes in torch.float32"),
        ((NET, X[..., :1], 0, "gradient"), {}, ValueError, r"fails on inputs of shape \(2, 1"),
        ((len, X, 0, "gradient"), {}, TypeError, "model has to be a torch.nn.Module"),
        ((nn.Identity(), X, 0, "gradient"), {}, ValueError, r"has to return \(N, classes\)"),
        ((Returns(lambda x: x.sum()), X, 0, "gradient"), {}, ValueError, "has to return"),
        ((Returns(lambda x: {"y": x}), X, 0, "gradient"), {}, TypeError, "returns a dict"),
        (
            (Returns(lambda x: x.detach().flatten(1)), X, 0, "gradient"),
            {},
            ValueError,
            "do not depend differentiably",
        ),
        ((Returns(lambda x: x.flatten(1) / 0), X, 0, "lime"), {}, ValueError, "nan or infinity"),
        ((NET, X, 0, "gradient"), {"chunk": 0}, ValueError, "chunk has to be a whole number"),
        ((NET, X, 0, "gradient"), {"seed": None}, ValueError, "seed has to be a whole number"),
        ((NET, X, 0, "gradient"), {"seed": -1}, ValueError, "seed has to be a whole number"),
        ((NET, X, 0), {"steps": 0}, ValueError, "steps has to be a whole number"),
        ((NET, X, 0), {"steps": 2.0}, ValueError, "steps has to be a whole number"),
        ((NET, X, 0), {"baseline": X[:, :, :1]}, ValueError, r"shape \(1, 2, 2\)"),
        ((NET, X, 0), {"baseline": X[0, 0]}, ValueError, r"shape \(1, 2, 2\)"),
        ((NET, X, 0), {"baseline": X[:0]}, ValueError, "baseline holds no reference"),
        (
            (NET, X, 0),
            {"baseline": "samples"},
            ValueError,
            "names its training data, so the baseline has to be given: baseline=",
        ),
        ((NET, X[:, 0], 0), {"baseline": "blurred"}, ValueError, 'baseline="blurred" needs images'),
        ((NET, X, 0), {"baseline": "beige"}, ValueError, "unknown baseline 'beige'.*black"),
        ((NET, X, 0, "smoothgrad"), {"samples": -1}, ValueError, "samples has to be"),
        ((NET, X, 0, "smoothgrad"), {"noise": -1}, ValueError, "noise has to be 0 or more"),
        ((NET, X, 0, "grad_cam"), {}, ValueError, "the model has no convolution"),
        ((CONV, X, 0, "grad_cam"), {"layer": nn.ReLU()}, ValueError, "a module of the model"),
        ((CONV, X, 0, "grad_cam"), {"layer": CONV[2]}, ValueError, "spatial dimensions"),
        ((NET, X, 0, "deep_shap"), {}, ValueError, "background has to be given"),
        ((NET, X, 0, "deep_shap"), {"background": X[:, 0]}, ValueError, r"shape \(1, 2, 2\)"),
        ((NET, X, 0, "deep_shap"), {"background": X[:0]}, ValueError, "holds no reference"),
        ((NET, X, 0, "lime"), {"segments": "felzenszwalb"}, ValueError, "unknown segments"),
        ((NET, X[:, 0], 0, "lime"), {"segments": "slic"}, ValueError, "needs images"),
        ((NET, X, 0, "lime"), {"segments": torch.zeros(3, 3).long()}, ValueError, "segments have"),
        ((NET, X, 0, "lime"), {"segments": torch.zeros(2, 2)}, ValueError, "integers of shape"),
        ((NET, X, 0, "lime"), {"kernel_width": 0.0}, ValueError, "kernel_width has to be positive"),
        ((NET, X, 0, "expected_gradients"), {}, ValueError, "background has to be given"),
        ((NET, X, 0, "gradient_shap"), {"noise": -1}, ValueError, "noise has to be 0 or more"),
        ((NET, X, 0, "kernel_shap"), {"samples": 0}, ValueError, "samples has to be"),
        ((NET, X, 0, "kernel_shap"), {"baseline": 0, "background": X}, ValueError, "not both"),
        ((NET, X, 0, "occlusion"), {"window": 3}, ValueError, "does not cover inputs"),
        ((NET, X, 0, "occlusion"), {"window": 1, "stride": 2}, ValueError, "does not cover"),
    ],
)
def test_a_mistake_gets_one_sentence(
    arguments: tuple[Any, ...], options: dict[str, Any], kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says) as raised:
        explain(*arguments, **options)
    assert re.fullmatch(r"[^\n]+", str(raised.value))


@pytest.mark.parametrize("method", ["gradient", "lime"])
def test_a_model_made_in_inference_mode_gets_one_sentence(method: str) -> None:
    with torch.inference_mode():
        made = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(8, 3))
    with pytest.raises(ValueError, match="make or load it outside"):
        explain(made, X, 0, method)


def test_probabilities_are_explained_with_a_warning(images: Tensor) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 3), nn.Softmax(dim=1))
    with pytest.warns(UserWarning, match="returns probabilities"):
        explain(model, images, 0, "gradient")
    sure = nn.Sequential(nn.Flatten(), nn.Linear(144, 3), nn.Softmax(dim=1))
    with torch.no_grad():
        sure[1].bias.copy_(torch.tensor([0.0, 400.0, -400.0]))
    assert sure(images).eq(torch.tensor([0.0, 1.0, 0.0])).all()  # rounded
    with pytest.warns(UserWarning, match="returns probabilities"):
        assert not explain(sure, images, 0, "gradient").attributions.any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain(model, images, 0, "lime", samples=5)  # outputs suffice it: no gradient vanishes
        explain(model[:2], images, 0, "gradient")


def test_default_background_is_stratified_training_data_of_the_models_card() -> None:
    model = load_pretrained("fashion_mnist")
    train = load("fashion_mnist", "train")
    labels = {
        image.numpy().tobytes(): int(label)
        for image, label in zip(train.images, train.labels, strict=True)
    }
    x = load("fashion_mnist", "test").images[:1]
    problem = Problem(model, x, torch.zeros(1, 1).long(), seed=3, chunk=64)
    chosen = reference_inputs(problem, None)
    assert Counter(labels[image.numpy().tobytes()] for image in chosen) == dict.fromkeys(
        range(10), 5
    )
    assert len({image.numpy().tobytes() for image in chosen}) == 50
    default = explain(model, x, 0, "deep_shap", seed=3).attributions
    assert torch.equal(default, explain(model, x, 0, "deep_shap", background=chosen).attributions)


def test_methods_say_what_the_course_teaches() -> None:
    records = {each.name: each for each in methods()}
    required = "gradient integrated_gradients smoothgrad grad_cam deeplift deep_shap lime"
    assert set(required.split()) <= set(records)
    for record in records.values():
        assert record.scope == "local"
        assert record.based_on in ("gradient", "perturbation", "relevance", "example")
        # Who only perturbs needs outputs alone, and nobody else does.
        assert record.model_agnostic == (record.based_on == "perturbation")
        assert "forward" in record.passes and re.search(r"(19|20)\d\d.*(arXiv|doi):", record.paper)
    assert [name for name, record in records.items() if record.complete] == [
        "expected_gradients",
        "gradient_shap",
        "integrated_gradients",
        "deep_shap",
        "deeplift",
        "kernel_shap",
    ]


def test_importing_the_library_imports_no_explainer() -> None:
    heavy = ["captum", "lime", "matplotlib", "shap", "skimage", "sklearn"]
    asks = f"import sys, xaikit; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True)
    assert (answer.stdout.strip(), answer.stderr) == ("[]", "")


def test_targets_of_interest_by_hand() -> None:
    model = nn.Sequential(nn.Identity())
    scores = torch.tensor([[0.1, 3.0, -2.0, 1.0], [5.0, 5.0, 0.0, 5.0]])
    # Of equal outputs the lower class counts as likelier.
    expected = [[3, 1, 3, 2], [2, 0, 1, 2]]
    assert targets_of_interest(model, scores, torch.tensor([3, 2])).tolist() == expected


def test_targets_of_interest_of_two_classes_and_many_inputs() -> None:
    scores = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    best = scores.argmax(1)
    found = targets_of_interest(nn.Identity(), scores, torch.zeros(300, dtype=torch.long))
    assert found.tolist() == torch.stack([0 * best, best, 1 - best, 1 - best], 1).tolist()


@pytest.mark.parametrize("labels", [torch.tensor([0]), torch.tensor([0, 9]), torch.eye(2).long()])
def test_targets_of_interest_refuses_labels_that_do_not_fit(labels: Tensor) -> None:
    with pytest.raises(ValueError, match=r"one label an input|^label"):
        targets_of_interest(NET, X, labels)
