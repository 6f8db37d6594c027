"""The package as it is installed: examples that run, few imports, a wheel with everything in it."""

from __future__ import annotations

import ast
import doctest
import importlib
import json
import pkgutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from inspect import isclass, isroutine
from pathlib import Path

import pytest

import xaikit

ROOT = Path(__file__).parents[2]
HEAVY = ("shap", "captum", "lime", "sklearn", "skimage", "scipy", "matplotlib", "torchvision")


def examples() -> list[doctest.DocTest]:
    """Return the examples of all docstrings of the library."""
    found = []
    for module in pkgutil.walk_packages(xaikit.__path__, "xaikit."):
        file = importlib.util.find_spec(module.name).origin
        if ">>>" in Path(file).read_text(encoding="utf-8"):
            loaded = vars(importlib.import_module(module.name))
            for name, value in loaded.items():
                # One by one: doctest takes what a decorator wraps for another module's.
                if (isclass(value) or isroutine(value)) and value.__module__ == module.name:
                    name = f"{module.name}.{name}"
                    found += doctest.DocTestFinder().find(value, name, False, dict(loaded))
    return [each for each in found if each.examples]


@pytest.mark.parametrize("example", examples(), ids=lambda each: each.name)
def test_an_example_of_a_docstring_runs(
    example: doctest.DocTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XAIKIT_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    lines: list[str] = []
    doctest.DocTestRunner(optionflags=options).run(example, out=lines.append)
    assert not lines, "".join(lines)


def exported() -> Iterator[tuple[str, str]]:
    """Yield the names that the packages export: module and name."""
    packages = (each.name for each in pkgutil.iter_modules(xaikit.__path__, "xaikit."))
    for module in ("xaikit", *packages):
        for name in getattr(importlib.import_module(module), "__all__", ()):
            yield module, name


def imported_by_notebooks() -> Iterator[tuple[str, str]]:
    """Yield what the released notebooks take from the library: module and name."""
    for file in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                yield from imported(ast.parse("".join(cell["source"])))


def imported(cell: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield what a cell imports from the library, and which visible checks it calls."""
    for node in ast.walk(cell):
        match node:
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] == "xaikit":
                yield from ((module, each.name) for each in node.names)
            case ast.Attribute(value=ast.Name(id="checks"), attr=name):
                yield "xaikit.checks", name
            case ast.Attribute(value=ast.Name(id="quizzes"), attr=name):
                yield "xaikit.checks.quiz", name


def test_every_function_and_class_that_users_see_has_an_example_that_runs():
    run = {each.name for each in examples()}
    found = {}
    for module, name in {*exported(), *imported_by_notebooks()}:
        value = getattr(importlib.import_module(module), name)
        if isclass(value) or isroutine(value):
            found[f"{module}.{name}"] = value
    assert {"xaikit.explain", "xaikit.metrics.deletion", "xaikit.checks.upload"} <= {*found}
    lacking = [
        name
        for name, value in sorted(found.items())
        if f"{value.__module__}.{value.__name__}" not in run or "+SKIP" in value.__doc__
    ]
    assert lacking == []


def test_to_import_the_library_imports_no_other_method_s_package():
    """So it is there as soon as torch is: what a method needs is imported with its first call."""
    program = (
        "import sys, xaikit; before = 'torch' in sys.modules; "
        "[getattr(xaikit, name) for name in xaikit.__all__]; "
        f"print(before, sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False []\n", done.stdout + done.stderr


def test_a_wheel_says_that_it_is_typed_and_holds_all_assets(tmp_path: Path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--wheel-dir", str(tmp_path)]
    source = tmp_path / "source"
    copied = subprocess.run(
        ["git", "ls-files", "xaikit", "autograde", "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")[:-1]
    for place in copied:
        (source / place).parent.mkdir(parents=True, exist_ok=True)
        (source / place).symlink_to(ROOT / place)
    subprocess.run([*command, str(source)], check=True)
    [wheel] = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert "xaikit/py.typed" in inside
    packaged = {place for place in copied if place.startswith(("xaikit/", "autograde/"))}
    beside = {place for place in inside - packaged if ".dist-info/" not in place}
    assert (packaged - inside, beside) == (set(), set())
