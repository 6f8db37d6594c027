"""Checks: groups counted one by one, and the largest rate of each draw."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from autograde.tasks import Call, Called, expect_array, expect_close, task

from ...shared.checks import GIVEN, Arguments, drawn


def wilson_ends(k: int, n: int) -> tuple[float, float]:
    """Return the ends as the roots of (p̂ − p)² = z² p (1 − p) / n."""
    share, z2 = k / n, 1.96**2
    a, b, c = 1 + z2 / n, 2 * share + z2 / n, share**2
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    return (b - root) / (2 * a), (b + root) / (2 * a)


def by_group(groups: list[int], wrong: list[bool]) -> list[list[bool]]:
    """Return the verdicts of each group's members."""
    return [
        [bad for group, bad in zip(groups, wrong, strict=True) if group == g]
        for g in range(max(groups) + 1)
    ]


def groups_of_sizes(rng: np.random.Generator, sizes: tuple[int, ...]) -> Any:
    return rng.permutation(np.repeat(np.arange(len(sizes)), sizes))


def analysed(rng: np.random.Generator) -> Arguments:
    """Return groups of which one is always right, one always wrong, and one has a single member."""
    cases: Arguments = []
    for sizes in ((7, 5, 4, 1), (12, 3, 20)):
        groups = groups_of_sizes(rng, sizes)
        wrong = drawn(
            lambda g=groups: rng.random(len(g)) < 0.4,
            lambda each, g=groups: 0 < each[g == 0].mean() < 1 and each[g == 0].mean() != 0.5,
        )
        wrong[groups == 1], wrong[groups == 2] = True, False
        cases.append((torch.from_numpy(groups), torch.from_numpy(wrong)))
    return cases


@task("slice-table", Call("slice_table", analysed, GIVEN), read="section {{ section }}")
def slice_table(calls: list[Called]) -> None:
    """Half for sizes and rates, half for the intervals."""
    for columns, name, hint, paid in (
        ((0, 1), "sizes and error rates", "Row g describes the images whose group is g.", 0.0),
        (
            (2, 3),
            "the intervals",
            "Wilson's formula with the size of the group and z = 1.96: first the lower end, then the upper one.",
            0.5,
        ),
    ):
        for call in calls:
            groups, wrong = (each.tolist() for each in call.arguments)
            members = by_group(groups, wrong)
            rows = np.array(
                [[len(m), sum(m) / len(m), *wilson_ends(sum(m), len(m))] for m in members]
            )
            got = expect_array(call.returned, rows.shape, "slice_table(…)")
            expect_close(
                got[:, list(columns)],
                rows[:, list(columns)],
                name,
                hint,
                rtol=1e-3,
                atol=1e-4,
                fraction=paid,
            )


def largest_rate(groups: list[int], wrong: list[bool]) -> float:
    """Return the largest error rate of a group."""
    return max(sum(members) / len(members) for members in by_group(groups, wrong))


def worst_of(groups: list[int], wrong: list[bool], orders: list[list[int]]) -> tuple[float, float]:
    """Return the largest rate and its p-value."""
    found = largest_rate(groups, wrong)
    draws = [largest_rate(groups, [wrong[n] for n in order]) for order in orders]
    return found, (1 + sum(each >= found for each in draws)) / (1 + len(draws))


def lots(rng: np.random.Generator) -> Arguments:
    """Return draws that are worse, better, and exactly as bad; sizes are powers of two, so rates are exact."""
    cases: Arguments = []
    seen: list[float] = []
    for sizes, p in (((2, 8, 4, 4), 15), ((4, 8, 4), 12)):

        def draw(sizes: tuple[int, ...] = sizes, p: int = p) -> tuple[Any, ...]:
            groups = groups_of_sizes(rng, sizes)
            wrong = rng.random(len(groups)) < 0.35
            return groups, wrong, np.stack([rng.permutation(len(groups)) for _ in range(p)])

        def shows(case: tuple[Any, ...]) -> bool:
            groups, wrong, orders = case
            found = largest_rate(groups.tolist(), wrong.tolist())
            rates = [largest_rate(groups.tolist(), wrong[order].tolist()) for order in orders]
            same = sum(each == found for each in rates)
            above = sum(each > found for each in rates)
            shares = [np.mean(m) for m in by_group(groups.tolist(), wrong.tolist())]
            worst = shares.index(found)
            # In the first case the smallest group alone is the worst: it counts like any other.
            smallest = worst == 0 and shares.count(found) == 1
            # The chosen group alone, as if nobody had looked for the worst one.
            alone = sum(wrong[order][groups == worst].mean() >= found for order in orders)
            # The largest distance from the rate of all images.
            far = [
                max(
                    abs(np.mean(m) - wrong.mean()) for m in by_group(groups.tolist(), each.tolist())
                )
                for each in (wrong, *wrong[orders])
            ]
            back = [largest_rate(groups.tolist(), wrong[np.argsort(o)].tolist()) for o in orders]
            # The worst by errors is another one.
            most = max(by_group(groups.tolist(), wrong.tolist()), key=sum)
            return bool(
                same
                and above
                and same + above < len(orders)
                and alone < same + above
                and sum(each >= found for each in back) != same + above
                and sum(each >= far[0] for each in far[1:]) != same + above
                and np.mean(most) < found < 1
                and (smallest or cases)
                and found not in seen  # no constant is right twice
            )

        case = drawn(draw, shows)
        seen.append(largest_rate(case[0].tolist(), case[1].tolist()))
        cases.append(tuple(torch.from_numpy(each) for each in case))
    return cases


@task("worst-by-chance", Call("worst_by_chance", lots, GIVEN), read="section {{ section }}")
def worst_by_chance(calls: list[Called]) -> None:
    """Half for each number."""
    for place, (name, hint) in enumerate(
        (
            (
                "the largest error rate",
                "Divide the errors of each group by its size, and take the largest.",
            ),
            (
                "the p-value",
                "In each draw image n gets the verdict of image orders[k, n]; take the worst of *all* groups there; count the "
                "draws that are at least as bad, and the true distribution.",
            ),
        )
    ):
        for call in calls:
            wanted = worst_of(*(each.tolist() for each in call.arguments))[place]
            got = expect_array(call.returned, (2,), "worst_by_chance(…)")[[place]]
            expect_close(got, [wanted], name, hint, rtol=1e-3, fraction=place / 2)
