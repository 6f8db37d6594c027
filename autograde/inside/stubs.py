"""Packages that are not there: importing one is no error yet, using it is.

What stands at the top of a cell (``import xaikit``, ``from google.colab import drive``) is often
not what the answer needs. So an import of the student's that fails gives a stub, whose every use
raises ImportError. Where the student's own code asks whether the import fails (``try``), it fails;
and what packages import themselves is left alone. It does not matter why a package is not there:
it is not installed, or out of reach in a task by hand.
"""

from __future__ import annotations

import builtins
import dis
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, NoReturn

_import = builtins.__import__
_seed: Callable[[], None] | None = None


def install(seed: Callable[[], None]) -> None:
    """Let imports of the program's main namespace, which is the student's, give stubs.

    ``seed`` is called when torch has been imported: unlike others, it starts from chance.
    """
    global _seed
    _seed = None if "torch" in sys.modules else seed
    builtins.__import__ = _import_or_stub


class Stub:
    """Stands for a package or something in it; an attribute is a stub, too."""

    _stub_package: str

    def __init__(self, package: str) -> None:
        object.__setattr__(self, "_stub_package", package)

    def __getattr__(self, name: str) -> Stub:
        if name.startswith("__"):
            raise AttributeError(name)
        return Stub(self._stub_package)

    def __repr__(self) -> str:
        return f"<{self._stub_package} is not there>"


def _refuse(self: Stub, *arguments: Any, **options: Any) -> NoReturn:
    package = self._stub_package
    raise ModuleNotFoundError(
        f"No module named {package!r} where grading runs, or it is out of reach in this task: do "
        "without it.",
        name=package,
    )


for _method in (
    *("call", "setattr", "delattr", "getitem", "setitem", "delitem", "iter", "next", "len", "bool"),
    *("contains", "enter", "exit", "float", "int", "complex", "index", "array", "mro_entries"),
    *("neg", "pos", "abs", "invert", "lt", "le", "gt", "ge", "await", "aiter", "anext", "format"),
    *("aenter", "aexit", "instancecheck", "subclasscheck", "str"),
    *(
        prefix + name
        for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
        for prefix in ("", "r", "i")
    ),
):
    setattr(Stub, f"__{_method}__", _refuse)


def _import_or_stub(
    name: str,
    globals: Any = None,
    locals: Any = None,
    fromlist: Any = (),
    level: int = 0,
) -> Any:
    global _seed
    own = isinstance(globals, dict) and globals.get("__name__") == "__main__"
    try:
        imported = _import(name, globals, locals, fromlist, level)
        if own and _seed is not None and "torch" in sys.modules:
            seed, _seed = _seed, None
            seed()
        return imported
    except ImportError:
        if level or not own or _is_expected(sys._getframe(1)):
            raise
        return Stub(name if fromlist else name.partition(".")[0])


def _is_expected(frame: FrameType) -> bool:
    """Return whether the import stands in a ``try``, which may deal with its failure."""
    code = frame.f_code
    try:
        table = dis._parse_exception_table(code)  # type: ignore[attr-defined]
        return any(
            entry.start <= frame.f_lasti < entry.end and not _is_with(code, entry.target)
            for entry in table
        )
    except Exception:  # another Python keeps it in another way
        return False


def _is_with(code: CodeType, target: int) -> bool:
    """Return whether the handler that begins there is the end of a ``with`` block."""
    names = (i.opname for i in dis.get_instructions(code) if i.offset >= target)
    return [name for _, name in zip(range(2), names, strict=False)][-1:] == ["WITH_EXCEPT_START"]
