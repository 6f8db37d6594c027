"""What runs and scores stand on: Python, packages, our own code, data. A digest of each.

A digest holds what can change the result that it belongs to, and nothing else: of packages those
that are used and what these require, of our own code the modules that take part, without comments
and docstrings, and of the library not what `autograde release` writes into it.
"""

from __future__ import annotations

import ast
import hashlib
import platform
import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

import xaikit
from autograde.notebooks.release import ASSET
from autograde.notebooks.versions import code_text
from xaikit.handin.packages import owners_of_packages, within_reach

_HOMES = {
    "xaikit": Path(xaikit.__file__).parent,
    "autograde": Path(__file__).parents[1],
}
_INSIDE = tuple(
    f"autograde.inside.{file.stem}" for file in (_HOMES["autograde"] / "inside").glob("*.py")
)
RUNNING = ("autograde.sandbox.run", *sorted(_INSIDE))
"""Our modules that decide how a cell or a call runs, and how what it gives is read."""

SCORING = ("autograde.grading.score",)
"""Our modules that decide what an answer is worth, beside its check."""

_RUNNERS = frozenset({"numpy", "torch", "IPython", "ipykernel"})


@cache
def environment(modules: tuple[str, ...], packages: frozenset[str], data: str) -> str:
    """Return a digest of what stands behind a result.

    Parameters
    ----------
    modules
        Our own that take part: these, and all of ours that they import.
    packages
        What the course's or the student's code imports. A module of xaikit stands for all of
        xaikit, with its networks and its sample.
    data
        The digest of the data, see :func:`autograde.grading.data.data_digest`.
    """
    digest = hashlib.sha256(f"{platform.python_version()}\0{code(modules)}\0".encode())
    ours = {name for name in packages if name.partition(".")[0] in _HOMES}
    if any(name.partition(".")[0] == "xaikit" for name in ours):
        digest.update(f"{library()}\0{data}\0".encode())
        packages |= {"xaikit"}
    digest.update(code(tuple(sorted(n for n in ours if n.startswith("autograde")))).encode())
    others = frozenset(packages - ours - sys.stdlib_module_names)
    digest.update(versions(others | _RUNNERS).encode())
    return digest.hexdigest()


@cache
def versions(packages: frozenset[str]) -> str:
    """Return names and versions of these packages, and of all that they require, a line each."""
    owners = owners_of_packages()
    names = {d for package in within_reach(packages) for d in owners.get(package, ())}
    return "\n".join(f"{name}=={metadata.version(name)}" for name in sorted(names))


@cache
def installed() -> str:
    """Return names and versions of all packages, a line each."""
    # Where a package is there twice, the first is imported.
    found = {d.metadata["Name"]: d.version for d in reversed(list(metadata.distributions()))}
    return "\n".join(f"{name}=={found[name]}" for name in sorted(filter(None, found)))


@cache
def library() -> str:
    """Return a digest of xaikit, without what release writes there about notebooks.

    Nothing that grading runs reads that: it is for files that are about to be handed in.
    """
    home = _HOMES["xaikit"]
    made = home / "assets" / ASSET
    digest = hashlib.sha256()
    for file in sorted(home.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts and file != made:
            digest.update(str(file.relative_to(home)).encode() + b"\0" + _content(file))
    return digest.hexdigest()


@cache
def code(modules: tuple[str, ...]) -> str:
    """Return a digest of these modules of ours, and of all of ours that they import."""
    found: dict[str, Path] = {}
    pending = list(modules)
    while pending:
        name = pending.pop()
        file = _file(name)
        if name not in found and file is not None:
            found[name] = file
            pending += _imports(file, name)
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(name.encode() + b"\0" + _content(found[name]))
    return digest.hexdigest()


def imported(sources: Iterable[str]) -> frozenset[str]:
    """Return the packages that cells import, and perhaps some names more."""
    found: set[str] = set()
    for source in sources:
        for line in re.findall(r"^[^#\n]*?\b(?:import|from)\s+(\w[\w., ]*)", source, re.MULTILINE):
            found |= {part.split()[0].partition(".")[0] for part in line.split(",") if part.strip()}
    return frozenset(found)


@cache
def content_below(path: str) -> str:
    """Return a digest of a file, or of all files in a folder."""
    digest = hashlib.sha256()
    for file in _files(Path(path)):
        digest.update(f"{file.relative_to(path)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


@cache
def names_below(folder: str) -> str:
    """Return a digest of the names and sizes of all files in a folder."""
    digest = hashlib.sha256()
    for file in _files(Path(folder)):
        digest.update(f"{file.relative_to(folder)}\0{file.stat().st_size}\0".encode())
    return digest.hexdigest()


def _files(path: Path) -> list[Path]:
    below = path.rglob("*") if path.is_dir() else [path]
    return sorted(file for file in below if file.is_file())


@cache
def _content(file: Path) -> bytes:
    return (
        code_text(file.read_text("utf-8")).encode() if file.suffix == ".py" else file.read_bytes()
    )


def _file(module: str) -> Path | None:
    root, *parts = module.split(".")
    path = _HOMES[root].joinpath(*parts)
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


@cache
def _imports(file: Path, module: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.partition(".")[0] in _HOMES and name != module}
