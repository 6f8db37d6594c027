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


def lock() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ;")[0].split("==") for line in lines if "==" in line)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="alibi's graph code ends with Python 3.11")
def test_all_packages_of_the_course_import_in_one_process():
    """With a use of each side: a torch network beside a TensorFlow 1 graph."""
    program = f"""
import importlib
for name in {PACKAGES!r}:
    importlib.import_module(name)
import tensorflow.compat.v1 as tf
import torch
from alibi.explainers import Counterfactual, CounterfactualProto, CounterfactualRL
from torchvision.ops import nms
assert torch.nn.Linear(2, 1)(torch.ones(1, 2)).shape == (1, 1)
assert nms(torch.tensor([[0., 0., 1., 1.]]), torch.ones(1), 0.5).tolist() == [0]
with tf.Graph().as_default(), tf.Session() as session:
    assert session.run(tf.constant(2) + 2) == 4
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_lock_names_every_package_of_the_course_and_its_extras():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = itertools.chain.from_iterable(project["optional-dependencies"].values())
    for requirement in (*project["dependencies"], *extras, *PACKAGES):
        name = re.split(r"[<>=!~\[ ;]", requirement)[0]
        assert name.lower() in lock(), name


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the lock is for Python 3.11")
def test_what_is_installed_is_what_is_locked():
    for name in PACKAGES:
        assert importlib.metadata.version(name).split("+")[0] == lock()[name], name


def test_conda_installs_the_same_list():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "python=3.11" in text
    assert "-e .[course,alibi]" in text
