"""Environments as Colab's machines have them: what Colab brings, and no xaikit."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LACKS = ("xaikit", "captum", "lime")
"""What the course stands on and Colab does not bring."""

KERNEL = "colab"

_STARTUP = "import google.colab\n"


def built(folder: Path, python: str, listed: Path) -> Path:
    """Return an environment with these packages, made in the folder unless it is there."""
    home = folder / listed.stem
    packages = listed.read_text(encoding="utf-8")
    ready = home / "ready.txt"
    if not ready.exists() or ready.read_text(encoding="utf-8") != packages:
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(home)], check=True)
        install = [str(_python(home)), "-m", "pip", "install", "--quiet"]
        pip = [line for line in packages.split("\n") if line.startswith("pip==")]
        subprocess.run([*install, *(pip or ["--upgrade", "pip"])], check=True)
        subprocess.run([*install, "--requirement", str(listed)], check=True)
        ready.write_text(packages, encoding="utf-8")
    _bring_colab(home)
    return home


def like_this_one(folder: Path) -> Path:
    """Return a copy of the environment that runs this, without what Colab lacks."""
    home = fresh(Path(sys.prefix), folder / "locked")
    there = {each.name.lower() for each in importlib.metadata.distributions()}
    remove = [str(_python(home)), "-m", "pip", "uninstall", "--quiet", "--yes"]
    subprocess.run([*remove, *sorted(there & {*LACKS})], check=True)
    _bring_colab(home)
    return home


def fresh(made: Path, home: Path) -> Path:
    """Return a copy of an environment, of links as far as they go: a runtime that just started."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(made, home, symlinks=True, copy_function=_linked)
    return home


def installed(home: Path) -> dict[str, str]:
    """Return the version of each distribution of an environment, as pip lists them."""
    command = [str(_python(home)), "-m", "pip", "list", "--format=freeze"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    pairs = (line.partition("==") for line in done.stdout.split())
    return {name: version for name, _, version in pairs}


def kernel(home: Path, folder: Path) -> None:
    """Write the environment's kernel, for jupyter_client, and what it does at its start.

    As in Colab, google.colab is imported before anything else. ``JUPYTER_PATH`` has to name
    ``folder / "jupyter"``, and the kernel's ``IPYTHONDIR`` ``folder / "ipython"``.
    """
    command = [str(_python(home)), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    about = {"argv": command, "display_name": "Colab", "language": "python"}
    files = {
        folder / "jupyter" / "kernels" / KERNEL / "kernel.json": json.dumps(about),
        folder / "ipython" / "profile_default" / "startup" / "00-colab.py": _STARTUP,
    }
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _python(home: Path) -> Path:
    return home / "bin" / "python"


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _bring_colab(home: Path) -> None:
    """Write the stand-in for Colab's own package, as a distribution that pip lists."""
    (packages,) = home.glob("lib/python3.*/site-packages")
    shutil.copytree(HERE / "google", packages / "google", dirs_exist_ok=True)
    about = packages / "google_colab-1.0.0.dist-info"
    about.mkdir(exist_ok=True)
    text = "Metadata-Version: 2.1\nName: google-colab\nVersion: 1.0.0\n"
    (about / "METADATA").write_text(text, encoding="utf-8")
