"""The notebooks' solutions where there is a GPU: no cell mixes its tensors with the CPU's.

A tensor that stays behind is found by a device that forbids to mix, so that no GPU is needed. The
solutions and their visible checks see ``cuda:0`` as the chosen device.
"""

from __future__ import annotations

import pytest
import torch
from other_device import OnDevice, other_device
from sheets import ROOT, source

from autograde.authoring.asked import Asked
from autograde.authoring.running import Ran, run
from autograde.notebooks.source import sources

NAMES = [*sources(ROOT / "solutions")]
QUICK = "01_theory"
SLOW = [pytest.param(name, marks=[pytest.mark.slow] * (name != QUICK)) for name in NAMES]


def on_the_device(name: str) -> Ran:
    notebook = source(name)
    with other_device():
        return run(notebook, Asked(notebook).texts)


@pytest.mark.parametrize("name", SLOW)
def test_solutions_run_on_a_device_that_forbids_to_mix(name: str) -> None:
    ran = on_the_device(name)
    assert not ran.faults, "\n".join(ran.faults)
    if "device" in ran.given:
        assert ran.given["device"] == torch.device("cuda")
        assert any(isinstance(value, OnDevice) for value in ran.given.values())
