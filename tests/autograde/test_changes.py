"""The mutation test itself: what it breaks, and that a weak check is found out."""

from __future__ import annotations

import ast

import pytest

from autograde.authoring.changes import mutants


def changes(body: str) -> set[str]:
    text = "def f(x, y=2):\n" + "\n".join(f"    {line}" for line in body.splitlines())
    return {each.change for each in mutants(text, "f")}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return x + y", {"x + y -> x - y", "x + y -> x", "x + y -> y"}),
        ("return x / y", {"x / y -> x * y", "x / y -> x"}),
        ("return x < y", {"x < y -> x <= y", "x < y -> x > y"}),
        ("return x[3]", {"3 -> 4", "3 -> 2"}),
        ("return 1e-9", {"1e-09 -> 0.0"}),
        ("return 0.5", {"0.5 -> 1.5"}),
        ("return np.abs(x)", {"np.abs(x) -> x"}),
        ("return x.abs()", {"x.abs() -> x"}),
        ("return x.clone()", {"x.clone() -> x"}),
        ("return np.where(x, y, z)", {"np.where(x, y, z) -> y", "np.where(x, y, z) -> z"}),
        ("return g(x, axis=y)", {"g(x, axis=y) -> g(x)"}),
        ("return max(x)", {"max(x) -> min(x)"}),
        ("return x.argmax()", {"x.argmax() -> x.argmin()"}),
        ("return x.sum()", {"x.sum() -> x.mean()", "x.sum() -> x.prod()"}),
        ("return -x", {"-x -> x"}),
        ("return not x", {"not x -> x"}),
        ("return x and y", {"x and y -> x or y", "x and y -> x", "x and y -> y"}),
        ("return x if y else z", {"x if y else z -> z if y else x", "x if y else z -> x"}),
        ("x.clamp_(y)", {"x.clamp_(y) -> pass", "x.clamp_(y) -> x"}),
        ("x += y", {"x += y -> x -= y", "x += y -> pass"}),
        ("return True", {"True -> False"}),
    ],
)
def test_each_kind_of_mistake_is_made(body: str, expected: set[str]) -> None:
    assert expected <= changes(body)


def test_one_place_is_broken_at_a_time_and_the_rest_stays() -> None:
    text = "def f(x):\n    return 1 + abs(x) * 3\n"
    found = list(mutants(text, "f"))
    assert len({each.text for each in found}) == len(found)
    assert all(each.place == "return 1 + abs(x) * 3" for each in found)


def test_helpers_are_broken_and_what_nobody_uses_is_not() -> None:
    text = (
        "def f(x):\n    return 7\n"  # the faulty function that the answer replaces
        "def help(x):\n    return x + 1\n"
        "def other(x):\n    return x * 5\n"
        "def f(x):\n    return help(x)\n"
    )
    found = list(mutants(text, "f"))
    assert {each.place for each in found} == {"return x + 1"}
    assert all("x * 5" in each.text for each in found)


def test_docstrings_and_defaults_stay() -> None:
    text = 'def f(x: int = 1) -> int:\n    """Return 1."""\n    return x\n'
    assert list(mutants(text, "f")) == []


def test_every_mutant_is_code() -> None:
    text = "def f(x):\n    for k in range(3):\n        if x > k:\n            x -= k\n    return x"
    for each in mutants(text, "f"):
        ast.parse(each.text)
