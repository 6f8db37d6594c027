"""Install a lock into this Python's environment: ``python .ci/packages.py LOCK INDEX``.

On Linux, PyPI's PyTorch brings CUDA, two thirds of all that the course downloads. Where no NVIDIA
GPU is, PyTorch and torchvision are taken from INDEX, which has them without CUDA, and what belongs
to CUDA is left out. Where that does not succeed, the lock is installed as it stands.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BUILT = ("torch", "torchvision")
CUDAS = re.compile(r"(cuda|nvidia)-|triton=")
DRIVER = Path("/proc/driver/nvidia")


def cuda_is_left_out() -> bool:
    """Return whether CUDA would come along here, and be of no use."""
    gpu = DRIVER.exists() or shutil.which("nvidia-smi") is not None
    return sys.platform == "linux" and not gpu


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pip, and keep what it complains of."""
    command = [sys.executable, "-m", "pip", *arguments, "--quiet"]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True)


def installed_without_cuda(lines: list[str], index: str) -> bool:
    """Install what the lock's lines say, without CUDA; return whether PyTorch loads then."""
    locked = dict(line.split()[0].split("==") for line in lines if "==" in line)
    builds = [f"{name}=={locked[name]}+cpu" for name in BUILT]
    once = ("--retries", "0", "--timeout", "10")  # so that a closed network costs seconds
    if pip("install", "--no-deps", "--index-url", index, *once, *builds).returncode:
        return False
    with tempfile.TemporaryDirectory() as folder:
        rest = Path(folder) / "requirements.txt"
        rest.write_text("".join(line for line in lines if not CUDAS.match(line)), "utf-8")
        if pip("install", "--requirement", str(rest)).returncode:
            return False
    loads = [sys.executable, "-c", f"import {', '.join(BUILT)}"]
    return subprocess.run(loads, stderr=subprocess.DEVNULL).returncode == 0


def main(lock: str, index: str) -> int:
    """Install the lock; return pip's exit status."""
    lines = Path(lock).read_text("utf-8").splitlines(keepends=True)
    if cuda_is_left_out():
        if installed_without_cuda(lines, index):
            print("No NVIDIA GPU is here, so PyTorch is its build without CUDA.")
            return 0
        pip("uninstall", "--yes", *BUILT)
        print(f"PyTorch without CUDA is not to be had from {index}: the build with CUDA is taken.")
    done = pip("install", "--requirement", lock)
    print(done.stderr, end="", file=sys.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
