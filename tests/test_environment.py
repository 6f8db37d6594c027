"""The packages that the course stands on run together, at the versions of the lock."""

from __future__ import annotations

import importlib.metadata
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.ci_scripts import script

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-alibi.lock")
PYTHONS = ("3.11", "3.12", "3.13")
PACKAGES = (
    *("jupyterlab", "torch", "torchvision", "captum", "shap", "lime"),
    *("nbgrader", "ipywidgets"),
)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def locked(name: str, python: str = ".".join(map(str, sys.version_info[:2]))) -> dict[str, Version]:
    """Read what a lock has for a Python on this system."""
    here = {"python_version": python, "python_full_version": f"{python}.0"}
    versions: dict[str, Version] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(here):
            assert requirement.name not in versions, f"{requirement.name} is there twice"
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            versions[requirement.name] = Version(pin.version)
    return versions


def test_all_packages_of_the_course_run_in_one_process():
    program = f"""
import importlib
for name in {PACKAGES!r}:
    importlib.import_module(name)
import torch
from torchvision.ops import nms
assert torch.nn.Linear(2, 1)(torch.ones(1, 2)).shape == (1, 1)
assert nms(torch.tensor([[0., 0., 1., 1.]]), torch.ones(1), 0.5).tolist() == [0]
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("python", PYTHONS)
def test_one_lock_has_every_package_of_the_course_for_every_python(python: str):
    about, pins = project()["project"], locked("requirements.lock", python)
    extras = about["optional-dependencies"]
    for line in (*about["dependencies"], *itertools.chain.from_iterable(extras.values())):
        wanted = Requirement(line)
        assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), line
    assert pins["numpy"].major == 2
    assert not {"alibi", "tensorflow-cpu"} & {*pins}


def test_alibis_lock_is_that_of_python_3_11_and_brings_no_second_pytorch():
    pins = locked("requirements-alibi.lock", "3.11")
    for line in project()["dependency-groups"]["alibi"]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(pins[wanted.name]), line
    assert pins["numpy"].major == 1
    assert not {"torch", "torchvision"} & {*pins}


@pytest.mark.parametrize("name", LOCKS)
def test_no_lock_names_an_index(name: str):
    assert not re.search(r"://|^--", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)


def test_what_is_installed_is_what_is_locked():
    """Not only the course's own packages: another numpy below them is another environment."""
    without_cuda = importlib.metadata.version("torch").endswith("+cpu")
    pins = {
        name: str(version)
        for name, version in locked("requirements.lock").items()
        if not (without_cuda and script("packages").CUDAS.match(f"{name}="))
    }
    assert {name: Version(importlib.metadata.version(name)).public for name in pins} == pins


def test_conda_brings_python_alone_and_pip_the_versions_of_the_lock(tmp_path: Path):
    """conda gives pip its lines as a file that lies beside environment.yml, and so does this."""
    about = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert {*about} == {"name", "channels", "dependencies"}
    python, pip, lines = about["dependencies"]
    name, _, version = python.partition("=")
    assert (name, pip, [*lines]) == ("python", "pip", ["pip"]) and version in PYTHONS
    for path in ROOT.iterdir():
        if not path.name.startswith("."):
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / "condaenv.txt").write_text("\n".join(lines["pip"]), encoding="utf-8")
    # All that is locked is there, so that nothing but this package is left to install.
    install = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--no-cache-dir"]
    done = subprocess.run(
        [*install, "--no-build-isolation", "--requirement", "condaenv.txt"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"^Would install xaikit-[\d.]+$", done.stdout, re.MULTILINE), done.stdout


def python(folder: Path, name: str, version: str, runs: bool = True) -> None:
    """Put in place of a Python a program that says its version, or a shim that does not run."""
    say = f"case $2 in *'{version}'*) exit 0;; *) exit 1;; esac" if runs else "exit 127"
    (folder / name).write_text(f"#!/bin/sh\n{say}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ({"python3.11": ("3.11", True), "python3.13": ("3.13", True)}, "python3.13"),
        ({"python3.11": ("3.11", True), "python3.13": ("3.13", False)}, "python3.11"),
        ({"python3": ("3.12", True), "python3.11": ("3.11", True)}, "python3"),
        ({"python3": ("3.14", True)}, ""),
        ({}, ""),
    ],
    ids=["newest", "a shim does not run", "by its short name", "too new", "none"],
)
def test_make_takes_the_newest_python_that_runs(
    there: dict[str, tuple[str, bool]], found: str, tmp_path: Path
):
    for name, (version, runs) in there.items():
        python(tmp_path, name, version, runs)
    done = subprocess.run(
        ["/bin/sh", ROOT / ".ci" / "newest-python", "BASE_PYTHON", *reversed(PYTHONS)],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == found and done.returncode == (0 if found else 1)
    assert bool(found) is not ("make BASE_PYTHON=" in done.stderr)


def test_uv_is_told_of_the_indexes_that_pip_knows():
    lock = script("lock")
    assert lock.as_uv_takes_them(
        [
            "global.extra-index-url='file:///a/simple\\nfile:///b/simple'",
            "global.index-url='https://example.org/simple'",
            "install.index-url='https://example.com/simple'",
            "global.timeout='60'",
        ]
    ) == {
        "UV_INDEX": "file:///a/simple file:///b/simple",
        "UV_DEFAULT_INDEX": "https://example.com/simple",
    }
