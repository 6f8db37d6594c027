"""The visible checks: which forms of an answer they take."""

from __future__ import annotations

import fractions
from typing import Any

import numpy as np
import pytest
import torch

from autograde.inside.read import plain
from autograde.tasks import expect_array
from xaikit import checks

NUMBERS: list[Any] = [
    [1, 2.5],
    (1, 2.5),
    np.array([1, 2.5], dtype=np.float32),
    torch.tensor([1, 2.5], requires_grad=True),
    [torch.tensor(1.0), np.float64(2.5)],
    [fractions.Fraction(1), fractions.Fraction(5, 2)],
    np.array([1, 2.5], dtype=object),
]
NO_NUMBERS: list[Any] = [
    ["1", "2.5"],
    np.array(["1", "2.5"]),
    np.array(["1", 2.5], dtype=object),
    [1, "2.5"],
    {1, 2.5},
    {"a": 1, "b": 2.5},
    "two",
]


@pytest.mark.parametrize("value", NUMBERS, ids=repr)
def test_numbers_of_every_kind_are_taken_here_and_in_grading(value: Any) -> None:
    assert checks.numbers(value, (2,), "x").tolist() == [1, 2.5]
    assert expect_array(plain(value), (2,), "x").tolist() == [1, 2.5]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_grading_does_not_read_as_numbers_gets_no_tick(value: Any) -> None:
    with pytest.raises(checks.CheckFailed, match="should hold numbers"):
        checks.numbers(value, (2,), "x")


def test_a_function_that_uses_what_it_is_to_replace_gets_no_tick() -> None:
    space: dict[str, Any] = {}
    exec(
        "import torch, numpy as np\n"
        "from torch.nn.functional import cosine_similarity\n"
        "def direct(a, b): return cosine_similarity(a, b)\n"
        "c = cosine_similarity\n"
        "def renamed(a, b): return c(a, b)\n"
        "def nested(a, b): return [torch.cosine_similarity(a, each) for each in b]\n"
        "def helped(a, b): return direct(a, b)\n"
        "def own(a, b): return a @ b / a.norm() / b.norm()\n"
        "def recursive(n): return n and recursive(n - 1)\n",
        space,
    )
    names = ("torch.nn.functional.cosine_similarity", "torch.cosine_similarity")
    for wrong in ("direct", "nested", "helped", "renamed"):
        with pytest.raises(checks.CheckFailed, match="uses `cosine_similarity`"):
            checks.without(space[wrong], *names)
    for right in ("own", "recursive"):
        checks.without(space[right], *names)
    checks.without(np.dot, *names)


def test_a_long_line_goes_on_below_and_no_word_is_broken(capsys: pytest.CaptureFixture[str]):
    checks.passed("short", "two numbers")
    assert capsys.readouterr().out.count("\n") == 1
    tried = "one activation and two classes, " * 6 + "x" * 120 + " and two lines"
    checks.passed("ridge-probe", tried)
    printed = capsys.readouterr().out
    assert [len(line) <= 100 or "x" * 120 in line for line in printed.splitlines()] == [True] * 5
    assert " ".join(printed.split()) == (
        f"✓ ridge-probe: {tried} are as they should be. Hidden inputs decide about the marks."
    )
