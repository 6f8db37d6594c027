"""Writes the pages of the library's reference: what each package of xaikit offers, by docstring."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import xaikit

PACKAGES = (
    *("attribution", "metrics", "plots", "attacks", "backdoors", "counterfactuals", "influence"),
    *("concepts", "data", "models", "training", "recipes", "checks", "report", "widgets"),
)
"""The packages and modules of xaikit that people call, in the order of the course."""


def public(module: ModuleType) -> list[str]:
    """Return the names that a module offers: ``__all__``, else what is defined in it and public."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
    ]


def home_of(name: str) -> str:
    """Return the package whose page has what is imported as ``xaikit.NAME``; nothing if none."""
    short = name.removeprefix("xaikit.")
    if short == name or short not in xaikit.__all__:
        return ""
    homes = (f"xaikit.{package}" for package in PACKAGES)
    return next((h for h in homes if short in public(importlib.import_module(h))), "")


def write_reference(folder: Path) -> list[Path]:
    """Write a page for each package, and return the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for package in PACKAGES:
        file = folder / f"{package}.rst"
        file.write_text(_page(f"xaikit.{package}"), encoding="utf-8")
        written.append(file)
    return written


def _page(name: str) -> str:
    module = importlib.import_module(name)
    file = inspect.getsourcefile(module)
    assert file is not None
    # Not __doc__: xaikit.influence is a package that can be called, and has its function's.
    said = ast.get_docstring(ast.parse(Path(file).read_text(encoding="utf-8"))) or ""
    names = public(module)
    lines = [name, "=" * len(name), "", f".. py:module:: {name}", "", said, ""]
    lines += [".. autosummary::", "   :nosignatures:", "", *(f"   {each}" for each in names), ""]
    for each in names:
        value = getattr(module, each)
        if inspect.isclass(value):
            lines += [f".. autoclass:: {each}", "   :members:", ""]
        elif callable(value):
            lines += [f".. autofunction:: {each}", ""]
        else:
            lines += [f".. autodata:: {each}", "   :no-value:", ""]
    return "\n".join(lines)
