"""The package as it is installed: examples that run, few imports, a wheel with everything in it."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
import zipfile
from inspect import isroutine
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
            loaded = importlib.import_module(module.name)
            found += [each for each in doctest.DocTestFinder().find(loaded) if each.examples]
    return found


@pytest.mark.parametrize("example", examples(), ids=lambda each: each.name)
def test_an_example_of_a_docstring_runs(
    example: doctest.DocTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XAIKIT_OFFLINE", "1")
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    lines: list[str] = []
    doctest.DocTestRunner(optionflags=options).run(example, out=lines.append)
    assert not lines, "".join(lines)


def test_every_function_of_the_library_has_an_example():
    functions = [each for name in xaikit.__all__ if isroutine(each := getattr(xaikit, name))]
    assert len(functions) > 10
    assert [each.__name__ for each in functions if ">>>" not in (each.__doc__ or "")] == []


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
    assert {place for place in copied if place.startswith("xaikit/")} <= inside
