"""What the library or a reference computes from the same arguments is computed once.

A notebook's given cells, the check's reference, the solution, its alternative, the visible check
and the plausible mistake all attack or explain the same images with the same network, and each
wrong answer is compared with the same reference. That a call gives the same bytes again is what
the library promises, and what its own tests look at.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from types import MappingProxyType, ModuleType
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

import xaikit
from xaikit import metrics
from xaikit.models import Classifier

_ASKED = {
    xaikit: ("attack", "counterfactual", "detect", "explain", "tree_shap"),
    metrics: ("deletion", "evaluate", "insertion", "rank_agreement", "weight_randomisation"),
}

_MANY = 40
"""To tell whether fewer images are the same takes as long as to ask a network."""

_TOLD_BY_REPR = (str, bool, int, float, np.generic, torch.dtype, torch.device)


class _UnknownError(Exception):
    """These arguments cannot be told from others by what they hold."""


class Once:
    """Remembers what the library, and the references of these modules of checks, computed.

    Of a check's functions those are remembered that a check or a test calls, not what these call.
    """

    def __init__(self, checks: Iterable[ModuleType] = ()) -> None:
        self._places = [*_ASKED, *checks]
        self._reference = self._library = False
        self._answer = remembered_by_arguments(Classifier.forward)
        self._remembering: dict[Callable[..., Any], Callable[..., Any]] = {}
        for home, names in _ASKED.items():
            for function in (getattr(home, name) for name in names):
                self._remembering[function] = self._of_library(function)
        for module in self._places[len(_ASKED) :]:
            for name, value in vars(module).items():
                own = inspect.isfunction(value) and value.__module__ == module.__name__
                if own and not name.startswith("expect") and inspect.signature(value).parameters:
                    self._remembering[value] = self._of_checks(value)

    @contextlib.contextmanager
    def remembering(self, *more: ModuleType) -> Iterator[None]:
        """Let those modules, and more that call the library, ask here."""
        with contextlib.ExitStack() as patched:
            for place in (*self._places, *more):
                asked = {
                    name: self._remembering[value]
                    for name, value in vars(place).items()
                    if inspect.isfunction(value) and value in self._remembering
                }
                for name, remembering in asked.items():
                    patched.enter_context(mock.patch.object(place, name, remembering))
            forward = self._of_networks(Classifier.forward)
            patched.enter_context(mock.patch.object(Classifier, "forward", forward))
            yield

    def _of_library(self, function: Callable[..., Any]) -> Callable[..., Any]:
        remembered = remembered_by_arguments(function)

        @functools.wraps(function)
        def asked(*arguments: Any, **named: Any) -> Any:
            self._library, before = True, self._library
            try:
                return remembered(*arguments, **named)
            finally:
                self._library = before

        return asked

    def _of_checks(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def alone(*arguments: Any, **named: Any) -> Any:
            self._reference = True
            try:
                return function(*arguments, **named)
            finally:
                self._reference = False

        remembered = remembered_by_arguments(function, alone)

        @functools.wraps(function)
        def asked(*arguments: Any, **named: Any) -> Any:
            return (function if self._reference else remembered)(*arguments, **named)

        return asked

    def _of_networks(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """Remember what a shipped network says to many images, unless a search asks it."""

        def asked(network: nn.Module, x: Tensor) -> Tensor:
            if self._library or torch.is_grad_enabled() or len(x) < _MANY:
                answer: Tensor = forward(network, x)
                return answer
            return self._answer(network, x)  # type: ignore[no-any-return]

        return asked


def remembered_by_arguments(
    function: Callable[..., Any], computing: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """Return a function that calls this one, or computes as it does, once for equal arguments."""
    known: dict[bytes, Any] = {}
    signature = inspect.signature(function)

    def remembered(*arguments: Any, **named: Any) -> Any:
        try:
            key = _key(signature, arguments, named)
        except _UnknownError:
            return function(*arguments, **named)
        if key in known:
            return _copied(known[key])
        state = torch.get_rng_state()
        value = (computing or function)(*arguments, **named)
        with contextlib.suppress(_UnknownError):
            copied = _copied(value)
            # What draws from the common generator, or changes its arguments, is called anew.
            if torch.equal(state, torch.get_rng_state()) and key == _key(
                signature, arguments, named
            ):
                known[key] = copied
        return value

    return remembered


def _key(
    signature: inspect.Signature, arguments: tuple[Any, ...], named: Mapping[str, Any]
) -> bytes:
    """Tell these arguments from others, in whichever way they are passed."""
    try:
        bound = signature.bind(*arguments, **named)
    except TypeError:
        raise _UnknownError from None
    bound.apply_defaults()
    told = hashlib.blake2b(digest_size=20)
    for name, value in bound.arguments.items():
        several = signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD
        _tell(dict(sorted(value.items())) if several else value, told.update)
    return told.digest()


def _tell(value: Any, tell: Callable[[bytes], None]) -> None:
    """Tell all that a value holds, or raise."""
    if value is None or isinstance(value, _TOLD_BY_REPR):
        tell(f"{type(value).__name__} {value!r};".encode())
    elif isinstance(value, Tensor):
        tell(f"tensor {value.dtype} {value.device} {tuple(value.shape)}".encode())
        tell(value.detach().cpu().contiguous().numpy().tobytes())
    elif isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        tell(f"array {value.dtype} {value.shape}".encode() + value.tobytes())
    elif isinstance(value, list | tuple):
        tell(f"{type(value).__name__} {len(value)}:".encode())
        for each in value:
            _tell(each, tell)
    elif isinstance(value, Mapping):
        tell(f"mapping {len(value)}:".encode())
        for key, each in value.items():
            _tell(key, tell)
            _tell(each, tell)
    elif isinstance(value, nn.Module):
        _library(type(value))
        tell(f"{type(value).__module__}.{type(value).__qualname__}".encode())
        _tell(vars(value), tell)
    elif is_dataclass(value) and not isinstance(value, type):
        _library(type(value))
        tell(f"{type(value).__qualname__}".encode())
        _tell({each.name: getattr(value, each.name) for each in fields(value)}, tell)
    elif isinstance(value, set | frozenset) and not value:
        tell(b"nothing")
    else:
        raise _UnknownError


def _library(kind: type) -> None:
    """Raise for a class of a notebook's own, whose code may be other code each time."""
    ours = kind.__module__.partition(".")[0] in ("torch", "xaikit")
    if not ours and kind.__module__ != "autograde.inside.networks":
        raise _UnknownError


def _copied(value: Any) -> Any:
    """Return a result of its own for everybody who asks."""
    if isinstance(value, Tensor):
        if value.requires_grad:
            raise _UnknownError
        return value.clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        return type(value)(map(_copied, value))
    if isinstance(value, MappingProxyType):
        return MappingProxyType({key: _copied(each) for key, each in value.items()})
    if type(value) is dict:
        return {key: _copied(each) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        _library(type(value))
        return replace(value, **{e.name: _copied(getattr(value, e.name)) for e in fields(value)})
    if value is None or isinstance(value, str | bool | int | float | np.generic):
        return value
    raise _UnknownError
