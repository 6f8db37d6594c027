"""What in a student's code grading cannot follow, read from its text: nothing here runs it.

Grading runs a notebook from the top in a fresh process, where nobody types, without network, GPU
and other files. It leaves out the visible checks, and it uses given cells as they were handed out.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from xaikit.handin.code import parsed_cell, syntax_error
from xaikit.handin.names import defined, needed
from xaikit.handin.packages import within_reach

_SHELL_NAMES = frozenset({"display", "get_ipython", "exit", "quit", "In", "Out", "_", "__", "___"})
_MODULE_NAMES = frozenset({"__name__", "__file__", "__doc__", "__builtins__", "__annotations__"})
_ALWAYS = frozenset(dir(builtins)) | _SHELL_NAMES | _MODULE_NAMES

_INSTALL = frozenset({"pip", "conda", "mamba", "uv"})
_FILES = frozenset({"run", "load", "store", "cd", "pwd", "pushd", "pastebin", "notebook"})
_DEBUG = frozenset({"debug", "pdb"})
_ASKS = frozenset({"input", "getpass", "breakpoint", "set_trace"})
_FETCHES = frozenset(
    {
        *("urlopen", "urlretrieve", "download_url", "load_state_dict_from_url"),
        *("snapshot_download", "hf_hub_download", "from_pretrained"),
    }
)


@dataclass(frozen=True)
class Code:
    """A code cell that grading runs.

    Attributes
    ----------
    name
        What a sentence calls it: a task, or how the student's own cell begins.
    source
        Its text, as :func:`xaikit.handin.markers.runnable` gives it.
    task
        The task that it answers or that follows it; empty at the end of the notebook.
    answers
        Whether it is an answer, not one more cell of the student's.
    """

    name: str
    source: str
    task: str
    answers: bool

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree; an empty one where it cannot be parsed."""
        return parsed_cell(self.source)

    @cached_property
    def plain(self) -> str:
        """Its text without magics and commands, as far as it can be parsed."""
        return _text(self.tree)

    @cached_property
    def binds(self) -> frozenset[str]:
        """The names that it defines."""
        return _safely(defined, self.plain)

    @cached_property
    def takes(self) -> frozenset[str]:
        """The names that it needs from elsewhere; none where it may take any."""
        return _safely(needed, self.plain)


@dataclass(frozen=True)
class Obstacle:
    """Something that grading cannot follow; ``costs`` says whether it can cost marks by itself."""

    costs: bool
    text: str


@dataclass(frozen=True)
class Surroundings:
    """What is around the code, by which it is judged.

    Attributes
    ----------
    given
        The texts of the given cells that grading runs.
    tests
        The texts of the visible checks, which it does not run.
    lost
        The texts of given cells as the student changed them.
    kernel
        The names that the student's kernel has.
    folder
        Where the notebook lies.
    """

    given: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    kernel: frozenset[str] = frozenset()
    folder: Path | None = None


def obstacles(cells: Collection[Code], around: Surroundings) -> Iterator[Obstacle]:
    """Yield what grading cannot follow in the cells that a student wrote."""
    for code in cells:
        if wrong := syntax_error(code.source):
            whose = "this answer's cell" if code.answers else "it, so nothing in it counts"
            yield Obstacle(code.answers, f"{code.name}: Python cannot run {whose} ({wrong}).")
            continue
        for rule in _RULES:
            yield from rule(code, around)
    yield from _undefined(cells, around)


def _questions(code: Code, around: Surroundings) -> Iterator[Obstacle]:
    for node in _calls(code):
        if (asked := _last(node.func)) in _ASKS:
            yield Obstacle(
                True,
                f"{code.name}: `{asked}()` in line {node.lineno} waits for somebody to type, and "
                "in grading nobody does, so it raises: write the value into the cell.",
            )


def _shell(code: Code, around: Surroundings) -> Iterator[Obstacle]:
    """Find magics and lines for the shell, which IPython has made calls of."""
    for node in _calls(code):
        kind = _last(node.func)
        if kind not in ("system", "getoutput", "run_line_magic") or not node.args:
            continue
        words = [a.value for a in node.args if isinstance(a, ast.Constant)]
        command = " ".join(map(str, words)).strip()
        shell = kind != "run_line_magic"
        name = command.split()[0] if command else ""
        shown = f"`{'!' if shell else '%'}{command[:60]}`"
        if name in _INSTALL or any(f"{tool} install" in command for tool in (*_INSTALL, "apt")):
            says = "installs nothing in grading, which has no network: do without that package."
        elif not shell and name in _DEBUG:
            says = "waits for somebody to type, and in grading nobody does: take it out."
        elif shell or name in _FILES:
            says = "finds none of your files and no network in grading: let no answer depend on it."
        elif name == "load_ext" or name not in _magics():
            says = "may not be there in grading: let no answer depend on it."
        else:
            continue
        yield Obstacle(False, f"{code.name}: {shown} in line {node.lineno} {says}")


@cache
def _magics() -> frozenset[str]:
    """Return the line magics that every IPython has."""
    from IPython.core import magics

    modules = (module.name for module in pkgutil.iter_modules(magics.__path__))
    found = {"pylab", "matplotlib"}
    for name in modules:
        for each in vars(importlib.import_module(f"{magics.__name__}.{name}")).values():
            registered = getattr(each, "magics", None)
            found |= {*registered.get("line", ())} if isinstance(registered, dict) else set()
    return frozenset(found)


def _graphics_card(code: Code, around: Surroundings) -> Iterator[Obstacle]:
    if "is_available" in code.source:
        return
    lines = [line for text, line in _texts(code) if text.split(":")[0] in ("cuda", "mps")]
    lines += [node.lineno for node in _calls(code) if _last(node.func) == "cuda"]
    if lines:
        yield Obstacle(
            True,
            f"{code.name}: line {min(lines)} asks for a GPU, and grading has none, so it raises: "
            "use the device of the tensors that are there (`images.device`), or a GPU only if "
            "`torch.cuda.is_available()`.",
        )


def _network(code: Code, around: Surroundings) -> Iterator[Obstacle]:
    for node in _calls(code):
        if (name := _last(node.func)) in _FETCHES:
            yield Obstacle(
                True,
                f"{code.name}: `{name}` in line {node.lineno} needs the network, which grading "
                "does not have: do without it.",
            )


def _files(code: Code, around: Surroundings) -> Iterator[Obstacle]:
    """Find texts that name a file beside the notebook."""
    for text, line in _texts(code):
        named = 2 < len(text) < 200 and not text.endswith(".ipynb")
        if around.folder and named and _is_file(around.folder, text):
            yield Obstacle(
                True,
                f"{code.name}: line {line} names the file {text!r}; grading has the notebook "
                "alone: compute or write down in a cell what the file holds.",
            )


def _packages(code: Code, around: Surroundings) -> Iterator[Obstacle]:
    brought = within_reach(frozenset({"xaikit"}))
    installed = "numpy" in brought  # else xaikit is only found, and nobody knows what it brings
    for node in ast.walk(code.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        for package in dict.fromkeys(name.partition(".")[0] for name in names):
            if around.folder is not None and (
                (around.folder / f"{package}.py").is_file()
                or (around.folder / package / "__init__.py").is_file()
            ):
                yield Obstacle(
                    True,
                    f"{code.name}: line {node.lineno} imports `{package}`, a file beside the "
                    "notebook; grading has the notebook alone: put its code into a cell.",
                )
            elif package and installed and package not in brought:
                yield Obstacle(
                    False,
                    f"{code.name}: line {node.lineno} imports `{package}`, which xaikit does not "
                    "bring, so grading may be without it: the import costs nothing, but code that "
                    "uses it fails.",
                )


_RULES: tuple[Callable[[Code, Surroundings], Iterator[Obstacle]], ...] = (
    _questions,
    _shell,
    _graphics_card,
    _network,
    _files,
    _packages,
)


def _undefined(cells: Collection[Code], around: Surroundings) -> Iterator[Obstacle]:
    """Find names that nothing defines which grading runs."""
    if any(_binds_any(code.tree) for code in cells):
        return
    there = _ALWAYS | _names(around.given).union(*(code.binds for code in cells))
    in_tests, in_lost = _names(around.tests), _names(around.lost)
    for code in cells:
        for name in sorted(code.takes - there - _tried(code.tree)):
            if name.startswith("_i") or name.startswith("_oh"):  # IPython's own
                continue
            if name in in_lost:
                why = "only a given cell as you changed it: define it in a cell of your own"
            elif name in in_tests:
                why = (
                    "only a check, and grading runs no checks: define it in your answer or in a "
                    "cell of your own"
                )
            elif name in around.kernel:
                why = (
                    "no cell of the file, though your kernel still has it: write the cell that "
                    "defined it again, or save the notebook"
                )
            else:
                why = "no cell of the file: define it, or mend its name"
            yield Obstacle(
                code.answers, f"{code.name}: it uses `{name}`, which is defined by {why}."
            )


def _names(sources: Iterable[str]) -> frozenset[str]:
    trees = map(parsed_cell, sources)
    return frozenset[str]().union(*(_safely(defined, _text(tree)) for tree in trees))


def _binds_any(tree: ast.Module) -> bool:
    """Whether a cell may define names that are not written in it."""
    return any(
        (isinstance(node, ast.ImportFrom) and node.names[0].name == "*")
        or (isinstance(node, ast.Name) and node.id in ("globals", "exec", "locals", "vars"))
        or (isinstance(node, ast.Attribute) and node.attr in ("run_line_magic", "run_cell_magic"))
        for node in ast.walk(tree)
    )


def _tried(tree: ast.Module) -> frozenset[str]:
    """Return the names in blocks whose failure the code deals with."""
    return frozenset(
        name.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Try) and node.handlers
        for statement in node.body
        for name in ast.walk(statement)
        if isinstance(name, ast.Name)
    )


def _text(tree: ast.AST) -> str:
    """Return code as text; nothing if it is nested too deeply for that."""
    try:
        return ast.unparse(tree)
    except RecursionError:
        return ""


def _safely(read: Callable[[str], frozenset[str] | None], source: str) -> frozenset[str]:
    try:
        return read(source) or frozenset()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()


def _calls(code: Code) -> Iterator[ast.Call]:
    return (node for node in ast.walk(code.tree) if isinstance(node, ast.Call))


def _texts(code: Code) -> Iterator[tuple[str, int]]:
    """Yield the texts in a cell, and their lines."""
    for node in ast.walk(code.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, node.lineno


def _last(function: ast.expr) -> str:
    """Return what a function is called, without what it belongs to."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_file(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except (OSError, ValueError):
        return False
