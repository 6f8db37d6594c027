"""Every option of every method of every family: what is wrong gets one sentence of our own."""

from __future__ import annotations

import inspect
import math
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from wrong_values import IMAGES, KINDS, MANY, NETWORK, called, wrong_for

import xaikit
from xaikit import (
    attack_methods,
    counterfactual,
    counterfactual_methods,
    detection_methods,
    influence_methods,
)
from xaikit.attribution import methods, tree_shap
from xaikit.counterfactuals import alibi_backend
from xaikit.metrics import evaluate, metrics

FAMILIES = {
    "explain": (methods(), ("model", "inputs", "targets", "method", "seed", "chunk")),
    "attack": (
        attack_methods(),
        ("model", "inputs", "labels", "targets", "method", "seed", "chunk"),
    ),
    "detect": (detection_methods(), ("model", "inputs", "labels", "method", "seed", "chunk")),
    "counterfactual": (
        counterfactual_methods(),
        ("model", "inputs", "targets", "method", "seed", "chunk"),
    ),
    "influence": (
        influence_methods(),
        (
            *("model", "inputs", "labels", "training", "method", "loss", "backend"),
            *("seed", "chunk", "dtype"),
        ),
    ),
    "metrics": (metrics(), ()),
}


def options() -> Iterator[tuple[str, str, str]]:
    """Yield every family, method, and option or argument."""
    for family, (entries, common) in FAMILIES.items():
        for entry in entries:
            own = entry.options
            if family == "metrics":
                parameters = inspect.signature(entry.function).parameters.values()
                own = tuple(each.name for each in parameters if each.kind is not each.VAR_KEYWORD)
            for option in (*own, *common):
                yield family, entry.name, option


OPTIONS = list(options())


ALSO = {"one": "explanation", "other": "explanation", "method": "attack"}
"""What a message may call an argument instead."""


def complaint(option: str, call: Any) -> str | None:
    """Return what is wrong with the answer to a wrong value, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
    except (ValueError, TypeError) as error:
        said = str(error)
        where = traceback.extract_tb(error.__traceback__)[-1].filename
        if "\n" in said or not said.endswith("."):
            return f"no sentence: {said!r}"
        if not Path(where).is_relative_to(Path(xaikit.__file__).parent):
            return f"raised in {where}: {said!r}"
        named = option.removesuffix("s"), ALSO.get(option)
        if not any(name and name in said for name in named):
            return f"does not name {option}: {said!r}"
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "accepted"


def test_the_kind_of_every_option_is_known_here() -> None:
    known = [name for names, _ in KINDS.values() for name in names]
    assert len(known) == len(set(known))
    assert {option for _, _, option in OPTIONS} == set(known)


@pytest.mark.parametrize(("family", "method", "option"), OPTIONS)
def test_a_wrong_value_gets_one_sentence(family: str, method: str, option: str) -> None:
    wrong = [
        (value, said)
        for value in wrong_for(family, method, option)
        if (said := complaint(option, lambda v=value: called(family, method, **{option: v})))
    ]
    assert wrong == []


@pytest.mark.parametrize("family", FAMILIES)
def test_an_unknown_option_is_named_with_those_there_are(family: str) -> None:
    for entry in FAMILIES[family][0]:
        with pytest.raises(TypeError, match=r"takes no option 'hope': it(s options are| has none)"):
            called(family, entry.name, hope=1)


NUMBERS = {"whole number": (np.int64, np.int32, np.uint8), "seed": (np.int64, np.uint32)}
VALUES = {
    "chunk": 5,
    "window": 4,
    "stride": 1,
    "seed": 3,
    **dict.fromkeys(("alpha",), 1.5),
    **dict.fromkeys(("low", "beta", "noise", "theta"), 0.0),
    **dict.fromkeys(("high",), 1.0),
}


def content(answer: Any) -> Any:
    """Return the bytes of all tensors in an answer."""
    if isinstance(answer, Tensor):
        return answer.detach().numpy().tobytes()
    if isinstance(answer, dict):
        return {name: content(value) for name, value in answer.items()}
    if isinstance(answer, tuple | list):
        return [content(each) for each in answer]
    fields = getattr(answer, "__dict__", {})
    return {name: content(value) for name, value in fields.items() if name not in ("seconds",)}


@pytest.mark.parametrize(
    ("family", "method", "option"),
    [
        (family, method, option)
        for family, method, option in OPTIONS
        if option in KINDS["whole number"][0] | KINDS["number"][0] | KINDS["seed"][0]
    ],
)
def test_numbers_of_numpy_and_of_zero_dimensions_give_the_same_bytes(
    family: str, method: str, option: str
) -> None:
    whole = option not in KINDS["number"][0]
    value = VALUES.get(option, 2 if whole else 0.5)
    kinds = (np.int64, np.int32, np.uint8) if whole else (np.float64, np.float32, np.float16)
    expected = content(called(family, method, **{option: value}))
    assert expected
    for other in (*(kind(value) for kind in kinds), torch.tensor(value), np.array(value)):
        assert content(called(family, method, **{option: other})) == expected


def test_truth_values_of_numpy_are_truth_values() -> None:
    for method, option in (("sensitivity", "normalised"), ("infidelity", "rescale")):
        for value in (True, False):
            assert torch.equal(
                called("metrics", method, **{option: np.bool_(value)}),
                called("metrics", method, **{option: value}),
            )


def test_what_an_array_or_a_list_says_is_as_good_as_a_tensor() -> None:
    for value in (MANY[0].numpy(), MANY[0].tolist()):
        for method in ("integrated_gradients", "lime"):
            got = called("explain", method, baseline=value).attributions
            assert torch.equal(got, called("explain", method, baseline=MANY[0]).attributions)
    quarters = torch.arange(12).view(-1, 1) // 6 * 2 + torch.arange(12) // 6
    for segments in (quarters.numpy(), quarters.tolist()):
        got = called("explain", "kernel_shap", segments=segments).attributions
        expected = called("explain", "kernel_shap", segments=quarters).attributions
        assert torch.equal(got, expected)


def test_infinity_is_a_number_where_it_has_a_meaning() -> None:
    # All masks weigh the same: an ordinary ridge regression.
    wide = called("explain", "lime", kernel_width=1e9).attributions
    torch.testing.assert_close(
        called("explain", "lime", kernel_width=math.inf).attributions, wide, rtol=1e-4, atol=1e-6
    )
    for method in ("wachter", "prototype"):
        one, any_ = (called("counterfactual", method, tolerance=t) for t in (1, math.inf))
        assert torch.equal(one.counterfactuals, any_.counterfactuals)


@pytest.mark.parametrize("method", list(alibi_backend.OPTIONS))
def test_alibis_options_are_checked_before_alibi_starts(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alibi_backend, "missing", lambda: None)
    for option, default in alibi_backend.OPTIONS[method].items():
        kind = "whole number" if isinstance(default, int) else "number"
        for value in KINDS[kind][1]:
            if kind == "whole number" and type(value) is int and value == 0:
                continue  # some may be none at all: exploration_steps

            def call(option: str = option, value: Any = value) -> None:
                counterfactual(NETWORK, IMAGES, 0, method, backend="alibi", **{option: value})

            assert complaint(option, call) is None, (option, value)
    for option in ("examples", "generator"):
        for value in ("x", 3, True, [1.0]):

            def give(option: str = option, value: Any = value) -> None:
                counterfactual(NETWORK, IMAGES, 0, method, backend="alibi", **{option: value})

            assert complaint(option, give) is None, (option, value)


@pytest.mark.parametrize("backend", ["torch", None, 3, ["alibi"], True])
def test_a_wrong_backend_gets_one_sentence(backend: Any) -> None:
    assert complaint("backend", lambda: counterfactual(NETWORK, IMAGES, 0, backend=backend)) is None


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("metrics", 3),
        ("metrics", [["deletion"]]),
        ("metrics", [None]),
        ("options", 3),
        ("options", {"deletion": 3}),
        ("options", {"deletion": None}),
        ("step", {"deletion": {"steps": "3"}}),
        ("hope", {"deletion": {"hope": 3}}),
        ("explanation", 3),
        ("explanation", [3]),
        ("explanation", {"a": None}),
        ("mask", [[True]]),
    ],
)
def test_evaluate_says_what_is_wrong(option: str, value: Any) -> None:
    keyword = {"step": "options", "hope": "options", "explanation": "explanations"}
    changes = {"explanations": [xaikit.explain(NETWORK, IMAGES, 0, "gradient")]}
    changes |= {"metrics": ["deletion"], keyword.get(option, option): value}
    assert complaint(option, lambda: evaluate(NETWORK, IMAGES, **changes)) is None  # type: ignore


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("inputs", value) for value in ("x", None, [["a"]], [[1], [2, 3]], {}, [[math.nan] * 4])],
        *[("background", value) for value in ("x", [["a"]], [[1], [2, 3]], {}, [[math.inf] * 4])],
        *[("targets", value) for value in ("x", None, 1.5, True, 9, [[0], [1, 2]])],
    ],
)
def test_tree_shap_says_what_is_wrong(option: str, value: Any) -> None:
    from sklearn.tree import DecisionTreeClassifier

    x = np.random.default_rng(0).random((9, 4))
    tree = DecisionTreeClassifier(random_state=0).fit(x, np.arange(9) % 2)
    given = {"inputs": x, "targets": 0, option: value}
    assert complaint(option, lambda: tree_shap(tree, **given)) is None
