"""Every row of the table of oracles keeps its bound, and every method has a row."""

from __future__ import annotations

import pytest
from oracles import ORACLES, Oracle, error

from xaikit import methods


@pytest.mark.parametrize("oracle", ORACLES, ids=lambda each: f"{each.method}: {each.against}")
def test_is_its_oracle(oracle: Oracle) -> None:
    assert error(oracle) <= oracle.bound


def test_every_method_has_an_oracle() -> None:
    assert {each.method for each in ORACLES} == {each.name for each in methods()} | {"tree_shap"}
