"""The library's own tensors lie on the CPU until they go to the inputs' device."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, TypeVar

import torch

Function = TypeVar("Function", bound=Callable[..., Any])

_APART: ContextVar[bool] = ContextVar("apart", default=False)


def own_devices(function: Function) -> Function:
    """Let a function that users call work whichever default device they have set (a decorator).

    With ``torch.set_default_device("cuda")`` or ``with torch.device("meta")`` a tensor that the
    library draws on the CPU, from a generator of the CPU, would be made elsewhere. The model's own
    passes make theirs where their inputs lie: see :func:`beside`.
    """

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if _default_is_cpu():
            return function(*args, **kwargs)
        token = _APART.set(True)
        try:
            with torch.device("cpu"):
                return function(*args, **kwargs)
        finally:
            _APART.reset(token)

    return called  # type: ignore[return-value]


def beside(x: torch.Tensor) -> AbstractContextManager[Any]:
    """Make new tensors on a tensor's device inside a block, if the caller has a default device."""
    return torch.device(x.device) if _APART.get() else nullcontext()


def _default_is_cpu() -> bool:
    try:
        return torch.empty(0).device.type == "cpu"
    except (RuntimeError, AssertionError):  # a device that this machine or this torch does not have
        return False
