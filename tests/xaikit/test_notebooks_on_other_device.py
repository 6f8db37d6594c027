"""The notebooks' solutions where there is a GPU: no cell mixes its tensors with the CPU's.

A tensor that stays behind is found by a device that forbids to mix, so that no GPU is needed. The
solutions and their visible checks see ``cuda:0`` as the chosen device.
"""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from typing import Any

import pytest
import torch
from other_device import OnDevice, other_device
from sheets import ROOT, source

from autograde.authoring.asked import Asked
from autograde.authoring.running import Ran, run
from autograde.notebooks.source import sources

NAMES = [*sources(ROOT / "solutions")]
QUICK = ("01_theory", "08_your_own_network")
MARKED = [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in NAMES]
CHOOSES = 'device = torch.device("cuda" if torch.cuda.is_available() else "cpu")'


def on_the_device(name: str) -> Ran:
    notebook = source(name)
    with other_device():
        return run(notebook, Asked(notebook).texts)


@pytest.mark.parametrize("name", MARKED)
def test_solutions_run_on_a_device_that_forbids_to_mix(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec

    def without_foolbox(name: str, *others: Any) -> ModuleSpec | None:
        # It knows tensors by their class, and this device's are another one; no cell needs it.
        return None if name == "foolbox" else find(name, *others)

    monkeypatch.setattr(importlib.util, "find_spec", without_foolbox)
    ran = on_the_device(name)
    assert not ran.faults, "\n".join(ran.faults)
    if any(CHOOSES in cell.source for cell in source(name).notebook.cells):
        assert ran.given["device"] == torch.device("cuda")
        assert any(isinstance(value, OnDevice) for value in ran.given.values())


def test_the_large_notebooks_choose_the_device() -> None:
    choose = {
        name
        for name in NAMES
        if any(CHOOSES in cell.source for cell in source(name).notebook.cells)
    }
    assert {name[:2] for name in choose} == {"02", "03", "04", "05", "08"}
