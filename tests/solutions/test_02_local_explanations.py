"""Notebook 02: its four kinds of answers, and its references against captum and a pencil."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import captum.attr
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch import nn

from autograde.answers import load_answers
from autograde.course import Course
from autograde.release import solutions
from autograde.source import Source, answers, grading, read_source
from autograde.tasks import Call, Called, Task, Value, Wrong
from autograde.wire import Network, decode_arguments, encode_arguments, plain
from xaikit import explain

ROOT = Path(__file__).parents[2]
NAME = "02_local_explanations"
AUTOMATIC = (
    "accuracy",
    "targets",
    "margins",
    "gradient",
    "smoothgrad",
    "integrated-gradients",
    "gaps",
    "baseline",
    "deeplift",
    "deep-shap",
    "grad-cam",
    "lime-kernel",
    "lime-surrogate",
    "lime-luck",
    "linear",
    "grid",
    "completeness",
    "similarity",
)
BY_HAND = (
    "targets",
    "gradient",
    "smoothgrad",
    "integrated-gradients",
    "deeplift",
    "deep-shap",
    "grad-cam",
    "lime-kernel",
    "lime-surrogate",
)


@pytest.fixture(scope="module")
def source() -> Source:
    """Return the notebook with its solutions and hidden checks."""
    return read_source(ROOT / "solutions" / f"{NAME}.py", Course.read(ROOT / "course.toml"))


@pytest.fixture(scope="module")
def checks(source: Source) -> ModuleType:
    """Return the module of the hidden checks, with its references."""
    return sys.modules[f"_autograde_{source.checks.file.stem}"]


@pytest.fixture(scope="module")
def texts(source: Source) -> dict[str, dict[str, str]]:
    """Return the answer cells by task and kind."""
    written = load_answers(ROOT / "solutions" / f"{NAME}_answers.py")
    for task, text in solutions(source).items():
        written.setdefault(task, {})["solution"] = text
    return written


@pytest.fixture(scope="module")
def given(source: Source) -> dict[str, Any]:
    """Return what the given cells define, up to the end of the notebook."""
    matplotlib.use("Agg")
    own = {index for a in answers(source.notebook) for index in (a.cell, a.test)}
    space: dict[str, Any] = {"__name__": "notebook"}
    for position, cell in enumerate(source.notebook.cells):
        if cell.cell_type == "code" and position not in own:
            exec(cell.source, space)
    return space


@pytest.fixture(scope="module")
def answered(
    texts: dict[str, dict[str, str]], given: dict[str, Any]
) -> Callable[[str, str], dict[str, Any]]:
    """Return what the notebook holds after the answer of some kind to one task ran."""

    @functools.cache
    def run(task: str, kind: str) -> dict[str, Any]:
        space = dict(given)
        exec(texts[task][kind], space)
        return space

    return run


@pytest.fixture(scope="module")
def score(
    source: Source,
    texts: dict[str, dict[str, str]],
    answered: Callable[[str, str], dict[str, Any]],
) -> Callable[[str, str, int], float]:
    """Return what scores an answer of some kind on the hidden inputs of some seed."""
    needed: dict[str, Any] = {}
    for cell in source.notebook.cells:
        if grading(cell)["grade_id"] == "given-imports":
            exec(cell.source, needed)

    def call(task: Task, text: str, seed: int) -> list[Called]:
        assert isinstance(task.answer, Call) and task.answer.needs == ("given-imports",)
        space = dict(needed)
        exec(text, space)
        calls = []
        for arguments in task.answer.inputs(np.random.default_rng(seed)):
            received = decode_arguments(encode_arguments(arguments))
            calls.append(Called(arguments, plain(space[task.answer.function](*received))))
        return calls

    def one(name: str, kind: str, seed: int = 0) -> float:
        task = source.checks.tasks[name]
        answer: Any
        if isinstance(task.answer, Value):
            space = answered(name, kind)
            answer = {name: plain(space[name]) for name in task.answer.names}
        else:
            answer = call(task, texts[name][kind], seed)
        try:
            fraction = task.score(answer)
        except Wrong as wrong:
            return wrong.fraction
        return 1.0 if fraction is None else fraction

    return one


def test_every_automatic_task_is_tested_here(source: Source) -> None:
    assert [a.task for a in answers(source.notebook) if not a.manual] == list(AUTOMATIC)


@pytest.mark.parametrize("task", AUTOMATIC)
@pytest.mark.parametrize("kind", ["solution", "alternative"])
def test_a_right_answer_earns_all(score: Callable[..., float], task: str, kind: str) -> None:
    assert score(task, kind) == 1


@pytest.mark.parametrize("task", AUTOMATIC)
@pytest.mark.parametrize("kind", ["solution", "alternative"])
def test_a_right_answer_passes_the_visible_checks(
    source: Source,
    answered: Callable[[str, str], dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    task: str,
    kind: str,
) -> None:
    position = next(a.test for a in answers(source.notebook) if a.task == task)
    assert position is not None
    exec(source.notebook.cells[position].source, dict(answered(task, kind)))
    plt.close("all")
    assert f"✓ {task}:" in capsys.readouterr().out


@pytest.mark.parametrize("task", AUTOMATIC)
def test_a_plausible_mistake_earns_nothing(score: Callable[..., float], task: str) -> None:
    assert score(task, "wrong") == 0


@pytest.mark.parametrize("task", BY_HAND)
def test_other_hidden_inputs_change_no_mark(score: Callable[..., float], task: str) -> None:
    for seed in range(1, 9):
        assert score(task, "solution", seed) == score(task, "alternative", seed) == 1
        assert score(task, "wrong", seed) == 0


def hidden(source: Source, task: str) -> list[tuple[Any, ...]]:
    """Return the hidden arguments of one seed."""
    answer = source.checks.tasks[task].answer
    assert isinstance(answer, Call)
    return list(answer.inputs(np.random.default_rng(3)))


def accepts(source: Source, task: str, function: Callable[..., Any]) -> bool:
    """Say whether the task's check takes what this function returns on hidden inputs."""
    calls = [
        Called(arguments, plain(function(*decode_arguments(encode_arguments(arguments)))))
        for arguments in hidden(source, task)
    ]
    return source.checks.tasks[task].score(calls) is None


@pytest.mark.filterwarnings("ignore::UserWarning:captum")
def test_references_by_hand_agree_with_captum(source: Source) -> None:
    assert accepts(
        source,
        "gradient",
        lambda model, image, target: captum.attr.Saliency(model).attribute(
            image[None], target, abs=False
        )[0],
    )
    assert accepts(
        source,
        "integrated-gradients",
        lambda model, image, target, baseline, steps: captum.attr.IntegratedGradients(
            model
        ).attribute(image[None], baseline[None], target, n_steps=steps, method="riemann_middle")[0],
    )
    assert accepts(
        source,
        "deep-shap",
        lambda network, x, backgrounds, target: captum.attr.DeepLiftShap(network).attribute(
            x[None], backgrounds, target
        )[0],
    )

    def layer_grad_cam(features: nn.Module, head: nn.Module, image: Any, target: int) -> Any:
        whole = nn.Sequential(features, head)
        maps = captum.attr.LayerGradCam(whole, features).attribute(
            image[None], target, relu_attributions=True
        )
        return maps[0, 0]

    assert accepts(source, "grad-cam", layer_grad_cam)


@pytest.mark.filterwarnings("ignore::UserWarning:captum")
def test_deeplift_agrees_with_captum_and_meets_still_units(source: Source) -> None:
    def deeplift(network: nn.Module, x: Any, reference: Any, target: int) -> Any:
        return captum.attr.DeepLift(network).attribute(x[None], reference[None], target)[0]

    assert accepts(source, "deeplift", deeplift)
    network, x, reference, _ = hidden(source, "deeplift")[-1]
    first = network.module()[0]
    still = first(x) == first(reference)
    assert still.tolist() == [True, True, False, False]
    assert (first(x)[0] > 0) and (first(x)[1] < 0)


def test_what_a_pencil_gives_on_a_linear_network(checks: ModuleType) -> None:
    rng = np.random.default_rng(0)
    network = Network.random(rng, (4, 3)).module().double()
    weight = network[0].weight[2].detach()
    x, baseline, *several = torch.from_numpy(rng.normal(size=(4, 1, 4)))
    backgrounds = torch.cat(several)
    by_formula = {
        "w": weight,
        "w*x": weight * x[0],
        "w*(x-x')": weight * (x - baseline)[0],
        "w*(x-mean x')": weight * (x[0] - backgrounds.mean(0)),
    }
    options: dict[str, dict[str, Any]] = {
        "integrated_gradients": {"baseline": baseline[0]},
        "deeplift": {"baseline": baseline[0]},
        "deep_shap": {"background": backgrounds},
        "lime": {"baseline": baseline[0], "segments": None, "samples": 50_000},
    }
    for method, formula in checks.LINEAR.items():
        if formula == "undefined":
            with pytest.raises(ValueError, match="convolution"):
                explain(network, x, 2, method)
            continue
        found = explain(network, x, 2, method, **options.get(method, {})).attributions[0, 0]
        torch.testing.assert_close(found, by_formula[formula], rtol=1e-3, atol=1e-3)


def test_on_the_network_those_methods_are_complete_that_promise_it(checks: ModuleType) -> None:
    complete = {method for method, gap in checks._sums().items() if gap < 0.05}
    assert complete == {"integrated_gradients", "deeplift", "deep_shap"}


def test_the_examples_are_a_mistake_and_a_hit_of_unrelated_classes(checks: ModuleType) -> None:
    (true, most, *_), (other, found, *_) = checks.world().targets.tolist()
    assert true != most and other == found and other not in (true, most)


def test_what_enters_the_references_is_what_the_notebook_shows(
    given: dict[str, Any], checks: ModuleType
) -> None:
    world = checks.world()
    for name in ("images", "labels", "examples", "targets", "background", "segments"):
        assert torch.equal(given[name].cpu(), getattr(world, name)), name
    ours, theirs = given["options"], world.options
    assert ours.keys() == theirs.keys()
    for method, chosen in ours.items():
        assert chosen.keys() == theirs[method].keys()
        for option, value in chosen.items():
            trusted = torch.as_tensor(theirs[method][option])
            assert torch.equal(torch.as_tensor(value).cpu(), trusted), (method, option)
