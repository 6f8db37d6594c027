"""What a mark depends on: the upload, the checks, the software, its data, the secret."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

import xaikit
from autograde.grading.mark import Assignment
from autograde.sandbox.isolation import Isolation


def record_key(assignment: Assignment, content: bytes, isolation: Isolation) -> str:
    """Return a digest of all that a record depends on: with the same key, the same marks.

    Parameters
    ----------
    content
        The upload and all else that is particular to it.
    """
    key = hashlib.sha256(f"{assignment.version} {software()} {isolation}".encode())
    key.update(os.environ.get("XAIKIT_DATA", "").encode() + b"\0" + content)
    return key.hexdigest()


@cache
def software() -> str:
    """Return a digest of Python, of the installed packages, and of our own files."""
    digest = hashlib.sha256(platform.python_version().encode())
    # Where a package is there twice, the first is imported.
    found = {d.metadata["Name"]: d.version for d in reversed(list(distributions()))}
    for name in sorted(filter(None, found)):
        digest.update(f"{name}=={found[name]}\n".encode())
    for package in (Path(xaikit.__file__).parent, Path(__file__).parents[1]):
        for file in sorted(package.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(package)).encode() + file.read_bytes())
    return digest.hexdigest()
