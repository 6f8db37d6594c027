"""What is remembered is what these very arguments gave; all else is computed."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import xaikit
from autograde.authoring.once import Once


@pytest.fixture
def counted() -> Iterator[Any]:
    """Return a module of checks whose function counts its calls, while it remembers."""
    checks = ModuleType("checks")
    text = (
        "calls = []\n"
        "def reference(*arguments, **named):\n"
        "    calls.append(arguments)\n"
        "    total = sum(float(each.sum()) for each in arguments)\n"
        "    return {'sum': total, 'all': arguments[0] * 2}\n"
        "def spoils(array):\n"
        "    calls.append(array)\n"
        "    array += 1\n"
        "    return array\n"
    )
    exec(compile(text, "checks", "exec"), vars(checks))
    with Once([checks]).remembering():
        yield checks


def test_the_same_arguments_are_computed_once_and_others_anew(counted: Any) -> None:
    one = counted.reference(np.ones(3), torch.zeros(2))
    same = counted.reference(np.ones(3), torch.zeros(2))
    assert len(counted.calls) == 1 and same["sum"] == one["sum"] == 3
    counted.reference(np.ones((3, 1)), torch.zeros(2))
    counted.reference(np.ones(3, dtype=np.float32), torch.zeros(2))
    assert counted.reference(np.ones(3), torch.ones(2))["sum"] == 5
    assert len(counted.calls) == 4


def test_who_changes_a_result_changes_nobody_elses(counted: Any) -> None:
    for _ in range(3):
        result = counted.reference(np.ones(3))
        assert result["all"].tolist() == [2, 2, 2]
        result["all"] *= 0


def test_what_changes_its_arguments_is_called_each_time(counted: Any) -> None:
    for _ in range(2):
        array = np.zeros(1)
        counted.spoils(array)
        assert array.tolist() == [1]


def test_a_network_is_known_by_its_weights_and_one_of_anothers_class_never() -> None:
    class Own(nn.Sequential):
        pass

    x = torch.rand(2, 3)
    network = nn.Sequential(nn.Linear(3, 2))
    own = Own(network[0])
    with Once().remembering():
        one, same, other = (
            xaikit.explain(each, x, 0, "gradient") for each in (network, network, own)
        )
        assert one.seconds == same.seconds != other.seconds
        otherwise = xaikit.explain(targets=0, method="gradient", inputs=x, model=network, seed=0)
        assert otherwise.seconds == one.seconds
        with torch.no_grad():
            network[0].weight += 1
        moved = xaikit.explain(network, x, 0, "gradient")
        torch.testing.assert_close(moved.attributions, one.attributions + 1)
        hooks: list[Any] = []
        network.register_forward_hook(lambda *_: hooks.append(1))
        xaikit.explain(network, x, 0, "gradient")
        assert hooks
    assert xaikit.explain(network, x, 0, "gradient").seconds != moved.seconds
