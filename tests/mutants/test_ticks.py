"""A visible tick means something: nine in ten broken solutions get none."""

from __future__ import annotations

import pytest

from tests.mutants.asked import called
from tests.mutants.visible import LEAST, look
from tests.sheets import MARKED


@pytest.mark.slow
@pytest.mark.parametrize("name", MARKED)
def test_most_broken_solutions_get_no_tick(name: str) -> None:
    rows = [(task.id, *row) for task in called(name) for row in look(name, task.id)]
    ticked = [row for row in rows if row[-1] == "ticked"]
    assert len(ticked) <= (1 - LEAST) * len(rows), ticked
