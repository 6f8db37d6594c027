"""The packages that the course stands on run together, at the versions of the lock."""

from __future__ import annotations

import importlib.metadata
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = (
    *("jupyterlab", "torch", "torchvision", "captum", "shap", "lime", "alibi"),
    *("nbgrader", "ipywidgets"),
)


LATER = sys.version_info >= (3, 12)
"""Whether this Python is one for which there is no alibi."""


def lock(later: bool) -> dict[str, str]:
    file = ROOT / ("requirements-3.12.lock" if later else "requirements.lock")
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ;")[0].split("==") for line in lines if "==" in line)


def run(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_all_packages_of_the_course_run_in_one_process():
    """Where alibi is there, its graph code of TensorFlow runs after all others were imported."""
    names = [name for name in PACKAGES if not (LATER and name == "alibi")]
    run(f"""
import importlib
for name in {names!r}:
    importlib.import_module(name)
import torch
from torchvision.ops import nms
assert torch.nn.Linear(2, 1)(torch.ones(1, 2)).shape == (1, 1)
assert nms(torch.tensor([[0., 0., 1., 1.]]), torch.ones(1), 0.5).tolist() == [0]
if "alibi" in {names!r}:  # its graph code ends with Python 3.11
    import tensorflow.compat.v1 as tf
    from alibi.explainers import Counterfactual, CounterfactualProto, CounterfactualRL
    with tf.Graph().as_default(), tf.Session() as session:
        assert session.run(tf.constant(2) + 2) == 4
    assert torch.nn.Linear(2, 1)(torch.ones(1, 2)).shape == (1, 1)
""")


@pytest.mark.parametrize("later", [False, True], ids=["3.11", "3.12"])
def test_the_lock_names_every_package_of_the_course_and_its_extras(later: bool):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    if later:
        del extras["alibi"]
    wanted = (*project["dependencies"], *itertools.chain.from_iterable(extras.values()))
    for requirement in wanted:
        name = re.split(r"[<>=!~\[ ;]", requirement)[0]
        assert name.lower() in lock(later), name
    assert ("alibi" in lock(later)) is not later


def test_what_is_installed_is_what_is_locked():
    for name, version in lock(LATER).items():
        if name in PACKAGES:
            assert importlib.metadata.version(name).split("+")[0] == version, name


def test_conda_installs_the_same_list():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "python=3.11" in text
    assert "-e .[course,alibi]" in text
