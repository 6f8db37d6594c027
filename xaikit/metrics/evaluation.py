"""The trade-off table: metrics of explanations, each with its direction and flaw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from xaikit.attribution import Explanation
from xaikit.core.options import shown
from xaikit.core.registry import checking
from xaikit.metrics.infidelity import is_times_input
from xaikit.metrics.registry import METRICS, Direction, metric

OF_MAPS = ("deletion", "insertion", "infidelity")
ANEW = ("sensitivity", "weight_randomisation")
WITH_MASK = ("localisation", "pointing_game", "rank_accuracy")
EVALUATED = (*OF_MAPS, *ANEW, *WITH_MASK, "runtime")


@dataclass(frozen=True)
class Score:
    """One cell of the table: a metric of an explanation.

    Attributes
    ----------
    explanation
        The explanation's name in the table.
    metric
        The metric's name.
    value
        Mean of the scores over inputs and targets, those that are nan left out.
    spread
        Their standard deviation; nan for a single one.
    direction, flaw
        How to read the value: see :class:`~xaikit.metrics.Metric`.
    scores
        (N, T).

    Examples
    --------
    >>> import torch
    >>> from xaikit import explain
    >>> from xaikit.metrics import evaluate
    >>> model, inputs = torch.nn.Identity(), torch.tensor([[4.0, 2.0]])
    >>> [row] = evaluate(model, inputs, [explain(model, inputs, 0, "gradient")], ["deletion"])
    >>> row.explanation, row.metric, row.direction
    ('gradient', 'deletion', 'lower is better')
    """

    explanation: str
    metric: str
    value: float
    spread: float
    direction: Direction
    flaw: str
    scores: Tensor = field(repr=False)


@metric(
    "Run time",
    direction="lower is better",
    flaw="it is one measurement on one machine, with all that ran beside it, and depends on chunk, "
    "samples and steps; the first call also pays for warming up",
    paper="wall-clock time",
)
def runtime(explanation: Explanation) -> Tensor:
    """Return the seconds that each map took, (N, T): the explanation's own, shared equally.

    Examples
    --------
    >>> import torch
    >>> from xaikit import explain
    >>> from xaikit.metrics import runtime
    >>> explanation = explain(torch.nn.Identity(), torch.rand(1, 4), [[0, 1]], "gradient")
    >>> runtime(explanation).shape, float(runtime(explanation).sum()) <= explanation.seconds * 1.01
    (torch.Size([1, 2]), True)
    """
    shape = explanation.attributions.shape[:2]
    return torch.full(shape, explanation.seconds / shape.numel(), dtype=torch.float64)


@checking
def evaluate(
    model: nn.Module,
    inputs: Tensor,
    explanations: Mapping[str, Explanation] | Sequence[Explanation],
    metrics: Iterable[str] = ("deletion", "insertion", "infidelity", "sensitivity", "runtime"),
    *,
    mask: Tensor | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Score]:
    """Measure several explanations of the same inputs and targets by several metrics.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes).
    inputs
        (N, *shape), those explained.
    explanations
        With names, ``{"IG, black": …, "IG, white": …}``, or without: then each is called by its
        method.
    metrics
        Names from :func:`xaikit.metrics.metrics`. All explanations share the perturbed inputs of
        infidelity. Of weight_randomisation the agreement counts that is left when every layer is
        random.
    mask
        Where the answer lies, for localisation, pointing_game and rank_accuracy.
    options
        Those of a metric, by its name: ``{"deletion": {"fill": "blurred"}}``.

    Returns
    -------
    list of Score
        A row for each explanation and metric, in this order. Metrics that explain anew
        (sensitivity, weight_randomisation) are nan for a map that :func:`xaikit.explain` did not
        make, such as :func:`~xaikit.metrics.random_ranking`.

    Examples
    --------
    >>> import torch
    >>> from xaikit import explain
    >>> from xaikit.metrics import evaluate, random_ranking
    >>> model, inputs = torch.nn.Identity(), torch.tensor([[4.0, 2.0]])
    >>> maps = {"slope": explain(model, inputs, 0, "gradient"), "random": random_ranking(inputs, 0)}
    >>> [(row.explanation, row.metric) for row in evaluate(model, inputs, maps, ["deletion"])]
    [('slope', 'deletion'), ('random', 'deletion')]
    """
    named = _named(explanations)
    wanted = list(metrics)
    options = dict(options or {})
    for name in (*wanted, *options):
        if name not in EVALUATED:
            raise ValueError(
                f"evaluate does not know the metric {name!r}: choose from {', '.join(EVALUATED)}."
            )
    for name, own in options.items():
        if not isinstance(own, Mapping):
            raise ValueError(
                f"options have to be a mapping for {name}, its options by name, not {shown(own)}."
            )
    if mask is None and (needs := [name for name in wanted if name in WITH_MASK]):
        raise ValueError(f"{needs[0]} needs a mask: where in the inputs does the answer lie?")
    columns = {
        name: _column(name, model, inputs, list(named.values()), mask, options.get(name, {}))
        for name in wanted
    }
    return [
        _score(label, name, columns[name][row])
        for row, label in enumerate(named)
        for name in wanted
    ]


def _named(
    explanations: Mapping[str, Explanation] | Sequence[Explanation],
) -> dict[str, Explanation]:
    if isinstance(explanations, Mapping):
        named = dict(explanations)
    else:
        named = {getattr(each, "method", ""): each for each in explanations}
        if len(named) < len(explanations):
            raise ValueError(
                "two explanations are of the same method: give each a name, {name: explanation}."
            )
    for each in named.values():
        if not isinstance(each, Explanation):
            raise TypeError(f"explanations have to be Explanations, not {shown(each)}.")
    if not named:
        raise ValueError("evaluate needs at least one explanation.")
    first = next(iter(named.values()))
    for label, each in named.items():
        if each.targets.shape != first.targets.shape or (each.targets != first.targets).any():
            raise ValueError(f"the explanation {label!r} explains other targets than the first.")
    return named


def _column(
    name: str,
    model: nn.Module,
    inputs: Tensor,
    explanations: list[Explanation],
    mask: Tensor | None,
    options: Mapping[str, Any],
) -> list[Tensor]:
    """Return a metric's scores (N, T) for each explanation."""
    measure = METRICS[name].measure
    if name in WITH_MASK:
        return [measure(each, mask, **options) for each in explanations]
    if name == "runtime":
        return [measure(each, **options) for each in explanations]
    if name == "infidelity":
        return _infidelities(model, inputs, explanations, options)
    if name in ANEW:
        return [_anew(name, model, inputs, each, options) for each in explanations]
    return [measure(model, inputs, each, **options).auc for each in explanations]


def _infidelities(
    model: nn.Module,
    inputs: Tensor,
    explanations: list[Explanation],
    options: Mapping[str, Any],
) -> list[Tensor]:
    """Return each explanation's infidelity: those of one kind share the perturbed inputs' passes.

    Their maps stand side by side, like maps of several targets.
    """
    options = dict(options)
    given = options.pop("times_input", None)
    kinds = [is_times_input(each) if given is None else given for each in explanations]
    found: list[Tensor] = [torch.empty(0)] * len(explanations)
    for kind in set(kinds):
        rows = [row for row, each in enumerate(kinds) if each == kind]
        beside = Explanation(
            torch.cat([explanations[row].attributions for row in rows], dim=1),
            torch.cat([explanations[row].targets for row in rows], dim=1),
            None,
            "several",
            0.0,
        )
        scores = METRICS["infidelity"].measure(model, inputs, beside, times_input=kind, **options)
        for row, part in zip(rows, scores.chunk(len(rows), dim=1), strict=True):
            found[row] = part
    return found


def _anew(
    name: str,
    model: nn.Module,
    inputs: Tensor,
    explanation: Explanation,
    options: Mapping[str, Any],
) -> Tensor:
    measure = METRICS[name].measure
    if explanation.options is None:
        return torch.full(explanation.targets.shape, torch.nan)
    if name == "sensitivity":
        answer: Tensor = measure(model, inputs, explanation, **options)
        return answer
    _, agreements = measure(
        model,
        inputs,
        explanation.targets,
        explanation.method,
        **{**explanation.options, **options},
    )
    last: Tensor = agreements[-1]
    return last


def _score(label: str, name: str, scores: Tensor) -> Score:
    values = scores.double()
    values = values[~values.isnan()]
    known = METRICS[name]
    return Score(
        label,
        name,
        values.mean().item(),
        values.std().item() if len(values) > 1 else float("nan"),
        known.direction,
        known.flaw,
        scores,
    )
