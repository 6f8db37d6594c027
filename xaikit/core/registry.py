"""The tables of methods: each entry with its title, its paper, and what it needs.

A family of methods (explanations, attacks, detectors, counterfactuals, metrics) has one table. A
function enters it by :func:`register`, which reads its options from its signature.
"""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, TypeVar

from xaikit.core.devices import own_devices
from xaikit.core.options import accepted, kinds_of, known_options, options_of

Need = Literal[
    "outputs",
    "gradients",
    "layers",
    "training data",
    "labels",
    "clean data",
    "autoencoder",
    "generator",
    "method",
    "ground truth",
]
"""What a method may need beside the inputs and classes that every call of its family takes.

- ``"outputs"``: the model as a black box; every method that names no more of the model.
- ``"gradients"``: a model that autograd can follow from its outputs to its inputs.
- ``"layers"``: layers of the kinds that the method knows, which it looks into or changes.
- ``"training data"``: examples from the data that the model was trained with, or like them.
- ``"labels"``: the labels of these examples.
- ``"clean data"``: examples that nobody has tampered with.
- ``"autoencoder"``, ``"generator"``: a second network, trained on the model's data.
- ``"method"``: the method that made the explanation, to explain anew.
- ``"ground truth"``: a mask or a person's rationale that says where the answer lies.
"""

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the course teaches about a method.

    Attributes
    ----------
    name
        As the family's call takes it; the function's own name.
    title
        As the papers write it.
    paper
        Where to read.
    needs
        What it needs beside inputs and classes, in the words of :data:`Need`.
    options
        Names of the options that it takes beside those that are common to its family.
    function
        What computes it.
    """

    name: str
    title: str
    paper: str
    needs: tuple[Need, ...]
    options: tuple[str, ...]
    function: Callable[..., Any] = field(repr=False, compare=False)

    def checked(
        self, given: Mapping[str, Any], common: Iterable[str] = ("seed", "chunk")
    ) -> dict[str, Any]:
        """Return the options as the function gets them, or say which one is wrong."""
        known_options(self.name, self.options, given, common)
        kinds = kinds_of(self.function)
        return {name: accepted(value, kinds[name], name) for name, value in given.items()}

    def notes(self) -> str:
        """Return what the function's docstring says of it, beside what it says itself."""
        needs = f"Needs {', '.join(self.needs)}. " if self.needs else ""
        return f"{needs}Paper: {self.paper}."


@dataclass(frozen=True, kw_only=True)
class Backed(Entry):
    """What the course teaches about a method that libraries can compute, too.

    Attributes
    ----------
    name, title, paper, needs, options, function
        See :class:`Entry`.
    adapters
        By a library's name, what computes the method with that library: see :func:`adapting`.
    """

    adapters: dict[str, Callable[..., Any]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def backends(self) -> tuple[str, ...]:
        """What can compute it: ``"native"``, this package, and libraries by their names."""
        return ("native", *self.adapters)

    def by(self, backend: Any) -> Self:
        """Return the method as a library computes it, or say which libraries have it."""
        if backend == "native":
            return self
        if not isinstance(backend, str) or backend not in self.adapters:
            raise ValueError(
                f"{self.name} has no backend {backend!r}: choose one of {', '.join(self.backends)}."
            )
        function = self.adapters[backend]
        name = f"{self.name} by {backend}"
        return replace(self, name=name, function=function, options=options_of(function))


def adapting(
    table: Mapping[str, Backed], backend: str, name: str
) -> Callable[[Function], Function]:
    """Register a function as a library's way to compute a method of a table (a decorator).

    Its keyword-only options are those of the method that the library can do, by the same names.
    """

    def registered(function: Function) -> Function:
        table[name].adapters[backend] = function
        return function

    return registered


Kind = TypeVar("Kind", bound=Entry)


def register(
    table: dict[str, Kind],
    kind: type[Kind],
    title: str,
    *,
    paper: str,
    needs: tuple[Need, ...],
    **facts: Any,
) -> Callable[[Function], Function]:
    """Enter a function into a table under its own name (a decorator).

    Its keyword-only parameters are its options. ``facts`` are what the kind of entry has of its
    own, see the class. What the table says stands in the table alone: it is added to the docstring.
    """

    def enter(function: Function) -> Function:
        name = function.__name__
        table[name] = kind(
            name=name,
            title=title,
            paper=paper,
            needs=needs,
            options=options_of(function),
            function=function,
            **facts,
        )
        text = inspect.cleandoc(function.__doc__ or "")
        function.__doc__ = f"{text}\n\nNotes\n-----\n{table[name].notes()}\n"
        return function

    return enter


def listing(table: Mapping[str, Entry]) -> Callable[[Function], Function]:
    """Write a table's names, titles and options for ``{methods}`` in a docstring (a decorator)."""

    def write(function: Function) -> Function:
        text = inspect.cleandoc(function.__doc__ or "")
        lines = []
        for each in table.values():
            options = ", ".join(f"``{name}``" for name in each.options)
            line = f'- ``"{each.name}"``, {each.title}{": " * bool(options)}{options}'
            lines += textwrap.wrap(line, 92, subsequent_indent="  ", break_long_words=False)
        function.__doc__ = text.replace("{methods}", "\n    ".join(lines))
        return function

    return write


def signed_as(other: Callable[..., Any]) -> Callable[[Function], Function]:
    """Give a function that takes ``**options`` the signature of another one (a decorator)."""

    def sign(function: Function) -> Function:
        function.__signature__ = inspect.signature(other)  # type: ignore[attr-defined]
        function.__annotations__ = other.__annotations__
        return function

    return sign


def checking(function: Function) -> Function:
    """Check what a function that users call is given, before it runs (a decorator).

    All but the model, the inputs and the classes, which only fit together: see
    :mod:`xaikit.core.arguments`.
    """
    signature = inspect.signature(function)
    keywords = options_of(function)
    open_ended = any(each.kind is each.VAR_KEYWORD for each in signature.parameters.values())

    @own_devices
    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        unknown = () if open_ended else set(kwargs).difference(signature.parameters)
        known_options(function.__name__, keywords, sorted(unknown), ())
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{function.__name__}: {error}.") from None
        bound.apply_defaults()
        for name, kind in kinds_of(function).items():
            if name in bound.arguments and name not in ("model", "inputs", "targets"):
                bound.arguments[name] = accepted(bound.arguments[name], kind, name)
        return function(*bound.args, **bound.kwargs)

    return checked  # type: ignore[return-value]
