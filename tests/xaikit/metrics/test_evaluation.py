"""The table: each cell is the metric called by itself, and says how to read it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from by_hand import explained
from torch import Tensor, nn

import xaikit.metrics
from xaikit import Explanation, explain
from xaikit.metrics import (
    deletion,
    evaluate,
    infidelity,
    insertion,
    localisation,
    metrics,
    pointing_game,
    random_ranking,
    rank_accuracy,
    runtime,
    sensitivity,
    weight_randomisation,
)

EVERY = (
    "deletion",
    "insertion",
    "infidelity",
    "sensitivity",
    "weight_randomisation",
    "localisation",
    "pointing_game",
    "rank_accuracy",
    "runtime",
)


def test_every_metric_says_its_direction_flaw_and_paper() -> None:
    known = {each.name: each for each in metrics()}
    assert set(known) == {*EVERY, "rank_agreement", "token_f1"}
    for name, each in known.items():
        public = getattr(xaikit.metrics, name)
        assert public is each.measure and name in xaikit.metrics.__all__
        assert each.direction.split(" ")[0] in ("lower", "higher", "neither")
        assert each.flaw in public.__doc__ and each.paper in public.__doc__
        assert each.direction.capitalize() in public.__doc__
        assert "arXiv:" in each.paper or name == "runtime"
    lower = {name for name, each in known.items() if each.direction == "lower is better"}
    assert lower == {"deletion", "infidelity", "sensitivity", "weight_randomisation", "runtime"}


def test_each_cell_is_the_metric_by_itself(
    network: nn.Module, images: Tensor, targets: Tensor
) -> None:
    mask = images[:, 0] > 0.5
    made = {
        "slopes": explain(network, images, targets, "gradient"),
        "smooth": explain(network, images, targets, "smoothgrad", samples=3, seed=5),
        "IG, black": explain(network, images, targets, "integrated_gradients", steps=5),
        "IG, white": explain(
            network, images, targets, "integrated_gradients", steps=5, baseline="white"
        ),
        "chance": random_ranking(images, targets),
    }
    options: dict[str, dict[str, Any]] = {
        "deletion": {"fill": "mean", "steps": 6},
        "infidelity": {"samples": 20},
        "sensitivity": {"samples": 2},
        "weight_randomisation": {"absolute": True},
    }
    rows = evaluate(network, images, made, EVERY, mask=mask, options=options)
    assert [(row.explanation, row.metric) for row in rows] == [(m, e) for m in made for e in EVERY]
    for row in rows:
        answer = made[row.explanation]
        chosen = options.get(row.metric, {})
        expected = by_itself(row.metric, network, images, answer, mask, chosen)
        torch.testing.assert_close(row.scores, expected, equal_nan=True, check_dtype=False)
        if expected.isnan().all():
            assert row.explanation == "chance" and row.metric in (
                "sensitivity",
                "weight_randomisation",
            )
            assert math.isnan(row.value)
        else:
            assert row.value == pytest.approx(expected.double().mean().item(), rel=1e-5)
            assert row.spread == pytest.approx(expected.double().std().item(), rel=1e-3, abs=1e-9)
        known = next(each for each in metrics() if each.name == row.metric)
        assert (row.direction, row.flaw) == (known.direction, known.flaw)


def by_itself(
    metric: str,
    network: nn.Module,
    images: Tensor,
    answer: Explanation,
    mask: Tensor,
    options: dict[str, Any],
) -> Tensor:
    nothing = torch.full(answer.targets.shape, torch.nan)
    made = answer.options is not None
    match metric:
        case "deletion":
            return deletion(network, images, answer, **options).auc
        case "insertion":
            return insertion(network, images, answer, **options).auc
        case "infidelity":
            return infidelity(network, images, answer, **options)
        case "sensitivity":
            return sensitivity(network, images, answer, **options) if made else nothing
        case "weight_randomisation":
            if not made:
                return nothing
            options = {**dict(answer.options or {}), **options}
            found = weight_randomisation(network, images, answer.targets, answer.method, **options)
            return found[1][-1]
        case "localisation":
            return localisation(answer, mask)
        case "pointing_game":
            return pointing_game(answer, mask)
        case "rank_accuracy":
            return rank_accuracy(answer, mask)
    assert metric == "runtime"
    return runtime(answer)


def test_the_perturbed_inputs_of_infidelity_are_shared(network: nn.Module, images: Tensor) -> None:
    rows: list[int] = []
    network.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))

    def passes(*names: str) -> int:
        made = {name: explain(network, images, 0, name) for name in names}
        rows.clear()
        evaluate(network, images, made, ["infidelity"], options={"infidelity": {"samples": 50}})
        return sum(rows)

    one = passes("lrp")
    # The perturbed, the inputs themselves, the check's two, and one of these alone.
    assert one == 4 * 50 + 4 + 2 + 1
    assert passes("lrp", "input_x_gradient", "occlusion", "grad_cam") == one
    assert passes("lrp", "gradient", "input_x_gradient", "guided_backprop") == 2 * one


def test_a_row_reads_as_a_table_does(images: Tensor, network: nn.Module) -> None:
    (row,) = evaluate(network, images, [random_ranking(images, 0)], ["runtime"])
    assert row.explanation == "random" and row.value > 0
    assert "scores" not in repr(row) and "lower is better" in repr(row)


def test_runtime_is_the_explanations_own() -> None:
    answer = Explanation(torch.rand(2, 3, 4), torch.zeros(2, 3).long(), None, "by hand", 12.0)
    assert runtime(answer).tolist() == [[2.0] * 3] * 2


def test_an_explanation_remembers_how_it_was_made(network: nn.Module, images: Tensor) -> None:
    answer = explain(network, images, 0, "smoothgrad", samples=3, seed=5, chunk=9)
    assert answer.options == {"samples": 3, "backend": "native", "seed": 5, "chunk": 9}
    again = explain(network, images, answer.targets, answer.method, **answer.options)
    assert torch.equal(again.attributions, answer.attributions)


X, NET = torch.rand(2, 4), nn.Linear(4, 2)
MAP = explained(torch.rand(2, 1, 4))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: evaluate(NET, X, [MAP], ["beauty"]), "does not know the metric 'beauty'"),
        (lambda: evaluate(NET, X, [MAP], ["token_f1"]), "does not know the metric 'token_f1'"),
        (lambda: evaluate(NET, X, [MAP], options={"nice": {}}), "the metric 'nice'"),
        (lambda: evaluate(NET, X, [MAP], ["localisation"]), "localisation needs a mask"),
        (lambda: evaluate(NET, X, [MAP, MAP]), "give each a name"),
        (lambda: evaluate(NET, X, []), "at least one explanation"),
        (
            lambda: evaluate(NET, X, {"a": MAP, "b": random_ranking(X, 1)}),
            "'b' explains other targets",
        ),
    ],
)
def test_a_mistake_gets_one_sentence(call: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()
