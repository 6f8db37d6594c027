"""What checks are made of: numbers read entry by entry, and pay beyond luck."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from autograde.tasks import (
    Unusable,
    Wrong,
    entries,
    expect_all,
    expect_array,
    expect_entry,
    lucky,
    says,
)

BAD = Unusable("`x` holds nan or infinity.", np.array([1.0, math.nan, 3.0]))


@pytest.mark.parametrize(
    "use",
    [
        float,
        bool,
        abs,
        len,
        str,
        list,
        np.asarray,
        np.isfinite,
        lambda x: x - 1,
        lambda x: 1 - x,
        lambda x: np.ones(3) - x,
        lambda x: x == 1,
        lambda x: x == 1,
        lambda x: x < 1,
        lambda x: x != 1,
        lambda x: x in (1, 2),
        lambda x: x[0],
        lambda x: x.shape,
        lambda x: math.isclose(x, 1),
        lambda x: expect_array(x, (3,), "x"),
        lambda x: expect_array([np.ones(3), x], (2, 3), "x"),
        lambda x: expect_entry(x, "a", "x"),
    ],
)
def test_each_use_of_what_is_no_finite_number_is_wrong(use: Any) -> None:
    with pytest.raises(Wrong, match="nan or infinity"):
        use(BAD)


def test_an_unusable_value_is_no_word() -> None:
    assert not says(BAD, "yes")


@pytest.mark.parametrize(
    ("value", "shape", "wanted"),
    [
        (np.array([1, 2]), (2,), [1, 2]),
        (BAD, (3,), [1, math.nan, 3]),
        ([np.array(1), np.array([2.0]), "three"], (3,), [1, 2, math.nan]),
        ([np.ones(2), BAD], (2, 2), [[1, 1], [math.nan] * 2]),
        (np.array([[4.0]]), (), 4),
        (np.array([4.0, 5.0]), (), math.nan),
        ("four", (), math.nan),
        (None, (2,), [math.nan] * 2),
        ({}, (), math.nan),
        ([], (0,), []),
    ],
    ids=map(str, range(10)),  # pytest would use what nobody can use
)
def test_entries_that_are_no_numbers_are_nan(value: Any, shape: Any, wanted: Any) -> None:
    np.testing.assert_array_equal(entries(value, shape), np.array(wanted, dtype=float))


def test_one_element_is_a_number_where_a_number_is_due() -> None:
    assert expect_array(np.array([[2]]), (), "x") == 2
    assert expect_array([np.array(2)], (), "x") == 2
    with pytest.raises(Wrong, match="single number"):
        expect_array(np.array([2, 3]), (), "x")


@pytest.mark.parametrize(
    ("key", "slack", "count"),
    [
        (["yes", "no", "yes"], 0.0, 2),
        ([1.0, 1.05, 2.0], 0.03, 2),  # 1.025 is within 0.03 of two
        ([1.0, 1.1, 2.0], 0.03, 1),
        ([np.array([0.0, 0.0]), 5.0], 0.0, 2),
        ([10.0, 11.0, 100.0], lambda v: 0.06 * v, 2),
        ([], 0.0, 0),
    ],
)
def test_luck_is_what_the_best_constant_gets(key: Any, slack: Any, count: int) -> None:
    assert lucky(key, slack) == count


@pytest.mark.parametrize(
    ("right", "luck", "fraction"),
    [(6, None, 0.2), (5, None, 0), (9, 0, 0.9), (5, 0, 0.5), (6, 6, 0), (8, 6, 0.5), (9, 10, 0)],
)
def test_what_is_right_beyond_luck_is_paid(right: int, luck: Any, fraction: float) -> None:
    labels = [str(number) for number in range(10)]
    with pytest.raises(Wrong) as verdict:
        expect_all(labels[:right], labels[right:], "No.", luck)
    assert verdict.value.fraction == pytest.approx(fraction)
