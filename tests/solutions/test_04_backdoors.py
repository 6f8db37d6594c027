"""Notebook 04: its four kinds of answers, and its references against the library."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from autograde.answers import load_answers
from autograde.course import Course
from autograde.figures import is_figure
from autograde.release import solutions
from autograde.source import Source, answers, grading, read_source
from autograde.tasks import Call, Called, Task, Value, Wrong
from autograde.wire import decode_arguments, encode_arguments, plain
from xaikit import Explanation, load_pretrained
from xaikit.backdoors import Trigger, poison
from xaikit.backdoors.neural_cleanse import anomaly_index
from xaikit.metrics import localisation

ROOT = Path(__file__).parents[2]
NAME = "04_backdoors"
AUTOMATIC = (
    "blend",
    "poison",
    "attack-success",
    "measured",
    "inversion-loss",
    "inversion-step",
    "anomaly-index",
    "two-means",
    "silhouette",
    "spectral-score",
    "best-cut",
    "find-poison",
    "eigengap",
    "concept-vector",
    "sensitivity",
    "mass",
    "asleep",
    "predict",
)
BY_HAND = tuple(task for task in AUTOMATIC if task not in ("measured", "find-poison", "predict"))


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
    """Return what the given cells define; figures leave behind nothing that an answer needs."""
    matplotlib.use("Agg")
    own = {index for a in answers(source.notebook) for index in (a.cell, a.test)}
    space: dict[str, Any] = {"__name__": "notebook"}
    for position, cell in enumerate(source.notebook.cells):
        if cell.cell_type == "code" and position not in own and not is_figure(cell):
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


def test_references_by_hand_agree_with_the_library(source: Source) -> None:
    assert accepts(source, "blend", lambda images, pattern, alpha: Trigger(pattern, alpha)(images))
    assert accepts(source, "anomaly-index", lambda sizes: anomaly_index(sizes.double()))

    def explained(values: Tensor) -> float:
        found = KMeans(2, n_init=100, random_state=0).fit(values.double()[:, None])
        return 1 - found.inertia_ / float(values.double().var(unbiased=False) * len(values))

    assert accepts(source, "best-cut", explained)

    def share(maps: Tensor, mask: Tensor) -> Tensor:
        made = Explanation(
            maps[:, None, None], torch.zeros(len(maps), 1, dtype=torch.int64), None, "given", 0.0
        )
        return localisation(made, mask.expand(len(maps), -1, -1))[:, 0].nan_to_num()

    assert accepts(source, "mass", share)


def test_what_enters_the_references_is_what_the_notebook_shows(
    given: dict[str, Any], checks: ModuleType
) -> None:
    here = checks.world()
    for name in ("training", "test", "suspicious"):
        assert torch.equal(given[name].images, getattr(here, name).images), name
        assert torch.equal(given[name].labels, getattr(here, name).labels), name
    assert torch.equal(given["truth"], here.truth) and given["target"] == here.target
    assert set(given["statements"]) == set(checks.PREDICTED)


def test_what_is_predicted_happens(given: dict[str, Any], checks: ModuleType) -> None:
    sizes = torch.tensor([50.0, 40.0, 60.0, 7.0], dtype=torch.float64)
    clean, attacked, _ = checks._measured()
    data = poison(given["training"], given["trigger"], 9, 0.1)
    labelled = data.poisoned[data.labels == 9].double().mean()
    # Two groups of one size, on both sides of their mean.
    halves = torch.cat([torch.randn(50, 3) - 4, torch.randn(50, 3) + 4]).double()
    centred = halves - halves.mean(0)
    scores = (centred @ torch.linalg.svd(centred, full_matrices=False).Vh[0]).square()
    overlap = float((scores[:50, None] > scores[50:]).double().mean())
    head = load_pretrained("fashion_mnist")[-1]
    found = {
        "two classes": any(
            anomaly_index(torch.tensor([one, other], dtype=torch.float64)).max() > 2
            for one in (1.0, 5.0, 700.0)
            for other in (2.0, 90.0)
        ),
        "scale": torch.allclose(anomaly_index(sizes), anomaly_index(2 * sizes)),
        "accuracy": clean < load_pretrained("fashion_mnist").card["accuracy"] - 0.03,
        "share": abs(float(labelled) - 0.5) < 0.01,
        "squared": not 0.2 < overlap < 0.8,
        "last layer": not hasattr(head, "bias") or head.weight.ndim == 2,
        "always two": min(
            float(found.evidence["shares"].min())
            for (_, name), found in given["verdicts"].items()
            if name == "clean"
        )
        > 0,
    }
    assert attacked > 0.9
    for statement, happens in found.items():
        assert checks.PREDICTED[statement] == ("yes" if happens else "no"), statement


@pytest.mark.parametrize(
    ("hits", "accused", "fraction"), [(1.0, 0, 1.0), (0.9, 3, 1.0), (0.7, 0, 0.6), (0.2, 0, 0.25)]
)
def test_finding_poison_is_scored_by_hits_and_false_accusations(
    source: Source, checks: ModuleType, hits: float, accused: int, fraction: float
) -> None:
    here = checks.world()
    bad = here.truth.nonzero()[:, 0]
    found = torch.zeros(len(here.truth), dtype=torch.bool)
    found[bad[: round(hits * len(bad))]] = True
    found[(~here.truth).nonzero()[:accused, 0]] = True
    answer = {"found_target": np.array(here.target), "found_poison": found.numpy()}
    try:
        marks = source.checks.tasks["find-poison"].score(answer)
    except Wrong as wrong:
        marks = wrong.fraction
    assert (1.0 if marks is None else marks) == fraction


def test_the_networks_on_trial_tell_what_the_text_says(
    given: dict[str, Any], checks: ModuleType
) -> None:
    clean, attacked, on_reference = checks._measured()
    assert clean > 0.88 and attacked > 0.95 and on_reference < 0.05
    for (method, name), found in given["verdicts"].items():
        assert found.flagged == (name == "poisoned"), (method, name, found.explanation)
        assert found.target in (None, given["target"])
