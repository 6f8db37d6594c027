"""Checks: all methods on one network, computed anew."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograde.tasks import (
    Call,
    Called,
    Value,
    entries,
    expect,
    expect_all,
    expect_close,
    expect_entry,
    task,
)
from xaikit import explain

from ...shared.checks import GIVEN, expect_said
from .by_hand import Function, slope_at
from .networks import smooth_problems
from .world import world


def _pair_problems(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    problems = []
    for network, image, c in smooth_problems(rng):
        problems.append((network, image, c, int(rng.choice([d for d in range(4) if d != c]))))
    return problems


@task("target-choice", Call("three_gradients", _pair_problems, GIVEN), read="section {{ section }}")
def target_choice(calls: list[Called]) -> None:
    """Compare with central differences of the three functions."""
    for call in calls:
        network, image, c, d = call.arguments
        module = network.module().double()
        asked: list[Function] = [
            lambda batch, m=module, c=c: m(batch)[:, c],
            lambda batch, m=module, c=c: m(batch).softmax(1)[:, c],
            lambda batch, m=module, c=c, d=d: m(batch)[:, c] - m(batch)[:, d],
        ]
        returned = call.returned
        if isinstance(returned, np.ndarray):
            returned = list(np.atleast_1d(returned))
        expect(
            isinstance(returned, list) and len(returned) == 3,
            "`three_gradients(…)` should return three tensors of the image's shape.",
        )
        names = ("logit", "probability", "difference of the logits")
        for found, function, name in zip(returned, asked, names, strict=True):
            wanted = slope_at(function, image)
            scale = float(np.abs(wanted).max())
            expect_close(
                found,
                wanted,
                "three_gradients(…)",
                f"Look at the gradient of the {name}: softmax (not its logarithm) over the "
                "classes for the probability, c minus d for the difference.",
                rtol=1e-3,
                atol=1e-3 * scale + 1e-7,
            )


@functools.cache
def library() -> dict[str, Tensor]:
    """Every method's maps of both examples for all targets, (2, 4, 1, 28, 28) each."""
    here = world()
    return {
        method: explain(here.model, here.examples, here.targets, method, **chosen).attributions
        for method, chosen in here.options.items()
    }


LINEAR = {
    "gradient": "w",
    "input_x_gradient": "w*x",
    "smoothgrad": "w",
    "guided_backprop": "w",
    "integrated_gradients": "w*(x-x')",
    "expected_gradients": "w*(x-mean x')",
    "deeplift": "w*(x-x')",
    "deep_shap": "w*(x-mean x')",
    "lrp": "w*x",
    "grad_cam": "undefined",
    "lime": "w*(x-x')",
    "kernel_shap": "w*(x-mean x')",
}


@task(
    "linear",
    Value("on_linear"),
    read="{{ if section.gradients and section.perturbation }}the formulas of sections "
    "{{ section.gradients }} to {{ section.perturbation }}{{ else }}the methods' papers{{ end }}",
)
def linear(answer: dict[str, Any]) -> None:
    """Compare with what a pencil gives."""
    expect_said(
        answer["on_linear"], LINEAR, "on_linear", "Put f(x) = w·x + b into the method's formula."
    )


def _table(value: Any, name: str, methods: Iterable[str]) -> dict[str, Any]:
    """Return a dictionary that has an entry for a method at least, or raise."""
    names = list(methods)
    if not (isinstance(value, dict) and any(method in value for method in names)):
        expect_entry(value, names[0], name)
    return dict(value)


@task("grid", Value("grid"), read="section {{ section }}")
def grid(answer: dict[str, Any]) -> None:
    """Compare in the relative norm: rounding may flip a ReLU here or there."""
    right, wrong = [], []
    grid = _table(answer["grid"], "grid", library())
    for method, wanted in library().items():
        values = entries(grid.get(method), tuple(wanted.shape))
        error = np.linalg.norm(values - wanted.double().numpy())
        close = error < 0.03 * float(wanted.double().norm())
        (right if close else wrong).append(method)
    expect_all(
        right,
        wrong,
        "Each map is what `explain` returns for `examples`, `targets` and the method's `options`.",
        luck=0,
    )


SUMMED = (
    *("gradient", "smoothgrad", "input_x_gradient", "integrated_gradients", "deep_shap", "lrp"),
    "grad_cam",
)


@functools.cache
def _gaps() -> np.ndarray:
    """The relative completeness gap of each method on each image, (7, 12)."""
    here = world()
    with torch.no_grad():
        logits, black = here.model(here.dozen), here.model(torch.zeros_like(here.dozen[:1]))
        expected = here.model(here.background).mean(0, keepdim=True)
    result = []
    for method in SUMMED:
        maps = explain(
            here.model, here.dozen, here.dozen_targets, method, **here.options[method]
        ).attributions
        start = expected if method == "deep_shap" else black
        rise = (logits - start).gather(1, here.dozen_targets).double().numpy()
        missing = maps.flatten(2).double().sum(2).numpy() - rise
        result.append(np.abs(missing).sum(1) / np.abs(rise).sum(1))
    return np.array(result)


@task(
    "completeness",
    Value("gap", "complete"),
    read="{{ if section.references }}section {{ section.references }} (completeness){{ else }}"
    "section {{ section }}: what each method's numbers add up to{{ end }}",
)
def completeness(answer: dict[str, Any]) -> None:
    """Count a method if its gaps are right and the verdict follows (near the border either)."""
    right, wrong = [], []
    complete = _table(answer["complete"], "complete", SUMMED)
    gaps = entries(answer["gap"], _gaps().shape)
    for method, wanted, values in zip(SUMMED, _gaps(), gaps, strict=True):
        said = entries(complete.get(method), ())
        close = bool((np.abs(values - wanted) <= _reach(wanted)).all())
        follows = abs(wanted.mean() - 0.05) < 0.01 or (said != 0) == (wanted.mean() < 0.05)
        (right if close and follows and not np.isnan(said) else wrong).append(method)
    expect_all(
        right,
        wrong,
        "Compare each map's sum with f(x) − f(x′), and mind what x′ is.",
        luck=2,  # two gaps are hardly above nought
    )


def _reach(wanted: np.ndarray) -> np.ndarray:
    return 0.01 + 0.05 * wanted
