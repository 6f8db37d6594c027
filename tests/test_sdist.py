"""The source distribution holds the packages, and no test and no solution."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = "from setuptools import build_meta; print(build_meta.build_sdist('dist'))"


def test_the_source_distribution_holds_packages_alone(tmp_path: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, tracked):
        # Pictures and weights are many and decide nothing here.
        if (ROOT / name).is_file() and Path(name).suffix not in (".ipynb", ".safetensors", ".png"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run([sys.executable, "-c", BUILD], cwd=tmp_path, check=True, capture_output=True)
    (made,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(made) as archive:
        files = [name.partition("/")[2] for name in archive.getnames()]
    assert {"autograde/__main__.py", "xaikit/__init__.py", "LICENSE", "README.md"} <= {*files}
    assert [name for name in files if name.startswith(("tests", "solutions", "notebooks"))] == []
