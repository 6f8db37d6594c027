"""The set-up takes PyTorch without CUDA where no GPU is, and the locked one where that fails.

pip is real; its index is a folder of tiny wheels that are called like the packages.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.ci_scripts import FOLDER, script

SCRIPT = FOLDER / "packages.py"
LOADS, FAILS = "", "raise ImportError('operator torchvision::nms does not exist')"

packages = script("packages")


def wheel(folder: Path, name: str, version: str, code: str = LOADS, needs: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as made:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            made.writestr(file, text)


def index(folder: Path, code: str = LOADS) -> str:
    """Make an index of PyTorch's builds without CUDA, and return its address."""
    for name in packages.BUILT:
        wheel(folder / name, name, "1.2+cpu", code if name == "torchvision" else LOADS)
        (file,) = (folder / name).iterdir()
        (folder / name / "index.html").write_text(f'<a href="{file.name}">{file.name}</a>')
    return folder.as_uri()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock, and what PyPI has: PyTorch needs CUDA, three packages of it."""
    pypi = tmp_path / "pypi"
    for name in ("nvidia_one", "cuda_two", "triton", "other"):
        wheel(pypi, name, "1.0")
    needs = "Requires-Dist: nvidia-one\nRequires-Dist: cuda-two\nRequires-Dist: triton\n"
    wheel(pypi, "torch", "1.2", needs=needs)
    wheel(pypi, "torchvision", "1.2")
    made = tmp_path / "requirements.lock"
    made.write_text(
        f"--no-index\n--find-links {pypi}\ncuda-two==1.0 ; sys_platform == 'linux'\n"
        "nvidia-one==1.0\nother==1.0\ntorch==1.2\ntorchvision==1.2\n"
        "triton==1.0 ; python_full_version < '3.15'\n"
    )
    return made


def set_up(lock: Path, address: str) -> tuple[set[str], str]:
    """Install the lock in a new environment; return what is there, and what was said."""
    folder = lock.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    alone = {"PATH": str(folder / "bin"), "PIP_CONFIG_FILE": os.devnull}
    done = subprocess.run(
        [python, SCRIPT, lock, address], env=alone, check=True, capture_output=True, text=True
    )
    listed = [python, "-m", "pip", "freeze"]
    there = subprocess.run(listed, env=alone, check=True, capture_output=True, text=True).stdout
    return {*there.replace("_", "-").splitlines()}, done.stdout


WITH_CUDA = {"torch==1.2", "torchvision==1.2", "nvidia-one==1.0", "cuda-two==1.0", "triton==1.0"}
no_gpu = pytest.mark.skipif(not packages.cuda_is_left_out(), reason="for Linux without a GPU")


@no_gpu
def test_without_a_gpu_nothing_of_cuda_is_installed(lock: Path, tmp_path: Path) -> None:
    there, said = set_up(lock, index(tmp_path / "cpu"))
    assert there == {"torch==1.2+cpu", "torchvision==1.2+cpu", "other==1.0"}
    assert said == "No NVIDIA GPU is here, so PyTorch is its build without CUDA.\n"


@no_gpu
@pytest.mark.parametrize("answers", [False, True], ids=["no index", "builds that do not load"])
def test_otherwise_the_lock_is_installed_as_it_stands(
    lock: Path, tmp_path: Path, answers: bool
) -> None:
    address = index(tmp_path / "cpu", FAILS) if answers else (tmp_path / "closed").as_uri()
    there, said = set_up(lock, address)
    assert there == {*WITH_CUDA, "other==1.0"}
    assert said.count("\n") == 1 and "the build with CUDA is taken" in said and address in said


@pytest.mark.parametrize("sign", ["driver", "program"])
def test_a_gpu_is_found_by_its_driver_or_program(
    sign: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(packages, "DRIVER", tmp_path / "nvidia")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert packages.cuda_is_left_out()
    if sign == "driver":
        (tmp_path / "nvidia").mkdir()
    else:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "nvidia-smi").write_text("")
        (tmp_path / "bin" / "nvidia-smi").chmod(0o755)
    assert not packages.cuda_is_left_out()


def test_elsewhere_than_on_linux_pytorch_has_no_cuda_to_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "DRIVER", tmp_path / "nvidia")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not packages.cuda_is_left_out()
