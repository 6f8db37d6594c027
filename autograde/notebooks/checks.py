"""Imports the hidden checks of a notebook, each time anew.

The folder ``solutions/`` is a package of its own for each notebook, so that checks import what they
share by relative imports, and two courses with notebooks of the same name never meet.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from autograde.errors import AutogradeError
from autograde.inside.refused import place
from autograde.notebooks.cells import SourceError
from autograde.notebooks.given import GivenCells
from autograde.notebooks.layout import Layout
from autograde.safety.quiet import quiet
from autograde.tasks import Call, Task, reading_given_cells


@dataclass(frozen=True)
class Checks:
    """The hidden checks of one notebook.

    Attributes
    ----------
    modules
        What was imported: those of the sections in their order, then those that they share.
    tasks
        By id.
    places
        The file in which each task stands.
    text
        What fills the notebook's templates.
    files
        The files of the modules; release knows them of modules that it need not import, too.
    """

    modules: tuple[ModuleType, ...]
    tasks: dict[str, Task]
    places: dict[str, Path]
    text: dict[str, str]
    files: tuple[Path, ...]


def load_checks(layout: Layout, given: Mapping[str, str] | None = None) -> Checks:
    """Import the modules of a notebook's checks; a notebook without one has no automatic task.

    Parameters
    ----------
    layout
        The notebook's files.
    given
        The text of its given code cells by grade id, for checks that run one of them.

    Raises
    ------
    SourceError
        If a module cannot be imported, two tasks share an id, TEXT maps not text to text, or two
        modules fill the same template.
    """
    path = layout.path.resolve()
    root = package = f"_autograde_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    written = [section.checks for section in layout.sections if section.checks.exists()]
    _forget(root)
    _add_package(package, layout.path.parent)
    if layout.path.is_dir():
        for folder in (layout.path, layout.path / "checks"):
            package = f"{package}.{_name(folder)}"
            _add_package(package, folder)
    importlib.invalidate_caches()
    with reading_given_cells(GivenCells(layout.path, given or {})):
        mistakes: list[str] = []
        try:
            for path in written:
                try:
                    _import(f"{package}.{_name(path)}", path)
                except SourceError as error:
                    mistakes += error.mistakes
        except BaseException:
            _forget(root)
            raise
    if mistakes:
        _forget(root)
        raise SourceError(*mistakes)
    numbered = [sys.modules[f"{package}.{_name(path)}"] for path in written]
    loaded = [sys.modules[name] for name in _names(root)]
    shared = [m for m in loaded if getattr(m, "__file__", None) and m not in numbered]
    modules = (*numbered, *shared)
    tasks, places = _tasks(modules, mistakes)
    text = _text(modules, mistakes)
    if mistakes:
        raise SourceError(*mistakes)
    return Checks(modules, tasks, places, text, tuple(map(_file, modules)))


def _add_package(name: str, folder: Path) -> None:
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package


def _name(path: Path) -> str:
    """Return a file's or folder's name as a module's: a dot would be a level of packages."""
    return path.name.removesuffix(".py").replace(".", "_")


def _names(package: str) -> list[str]:
    """Return the names of the package and all modules in it that are imported."""
    return [name for name in sys.modules if name == package or name.startswith(f"{package}.")]


def _forget(package: str) -> None:
    for name in _names(package):
        del sys.modules[name]


def _import(name: str, path: Path) -> None:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        with quiet(), _no_bytecode():
            spec.loader.exec_module(module)
    except AutogradeError:
        raise
    except (Exception, SystemExit) as error:
        raise SourceError(
            f"{_culprit(error, path)} cannot be imported: {type(error).__name__}: {error}"
        ) from error


@contextmanager
def _no_bytecode() -> Iterator[None]:
    """Keep Python from storing compiled checks.

    Python takes stored bytecode for a file's own if size and second of change agree: a check that
    was corrected from 10 to 11 within a second would be asked as it was before.
    """
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _culprit(error: BaseException, path: Path) -> str:
    """Return the file and line to be corrected: the last one of the course that was running."""
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno))
    own = [(f, n) for f, n in places if path.parent in Path(f).parents]
    file, line = own[-1] if own else (str(path), None)
    return f"{file}:{line}" if line else file


def _tasks(
    modules: Iterable[ModuleType], mistakes: list[str]
) -> tuple[dict[str, Task], dict[str, Path]]:
    """Return the tasks by id, and the file in which each stands; add what is wrong with them."""
    tasks: dict[str, Task] = {}
    places: dict[str, Path] = {}
    for module in modules:
        file = _file(module)
        for value in vars(module).values():
            if not isinstance(value, Task):
                continue
            if tasks.setdefault(value.id, value) is not value:
                mistakes.append(f"{file}: two tasks have the id {value.id!r}; rename one.")
            places.setdefault(value.id, file)
            if isinstance(value.answer, Call):
                where = f"{file}: the task {value.id!r}"
                given = (value.answer.needs, value.answer.without)
                if text := [names for names in given if isinstance(names, str)]:
                    mistakes.append(f"{where}: a comma makes a tuple of a name: ({text[0]!r},).")
                else:
                    mistakes += _missing(value.answer.without, where)
    return tasks, places


def _missing(without: Iterable[str], task: str) -> Iterator[str]:
    """Yield what is wrong where a task does without what is not there."""
    for name in without:
        try:
            place(name)
        except LookupError:
            yield f"{task} does without {name}, which is no function of an installed package."


def _text(modules: Iterable[ModuleType], mistakes: list[str]) -> dict[str, str]:
    """Return what fills templates, of all modules together; add what is wrong with it."""
    text: dict[str, str] = {}
    read: list[object] = []
    for module in modules:
        own = getattr(module, "TEXT", {})
        if any(own is other for other in read):
            continue  # imported from the module that defines it
        read.append(own)
        if not isinstance(own, dict) or not all(
            isinstance(key, str) and isinstance(value, str) for key, value in own.items()
        ):
            mistakes.append(f"{_file(module)}: TEXT should be a dictionary of strings.")
            continue
        for key in sorted(text.keys() & own.keys()):
            mistakes.append(f"{_file(module)}: another TEXT has {key!r}, too; rename one.")
        text |= own
    return text


def _file(module: ModuleType) -> Path:
    assert module.__file__ is not None
    return Path(module.__file__)
