"""Which arguments a student's function changed while it ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autograde.inside.wire import decode_arguments


def changed_arguments(sent: bytes, arguments: Sequence[Any]) -> list[int]:
    """Return the places of the arguments that are no longer what was sent.

    Parameters
    ----------
    sent
        What :func:`autograde.inside.wire.decode_arguments` made the arguments of.
    arguments
        The arguments after the call. Of a network its parameters and hooks count, not its mode.
    """
    before = decode_arguments(sent)
    pairs = zip(before, arguments, strict=True)
    return [place for place, (old, new) in enumerate(pairs) if not _same(old, new)]


def _same(old: Any, new: Any) -> bool:
    try:
        if hasattr(old, "state_dict"):
            return _same(old.state_dict(), new.state_dict()) and _hooks(old) == _hooks(new)
        if isinstance(old, Mapping):
            return list(old) == list(new) and all(_same(old[key], new[key]) for key in old)
        if isinstance(old, list | tuple):
            return len(old) == len(new) and all(map(_same, old, new))
        if isinstance(old, np.ndarray):
            return bool(np.array_equal(old, new, equal_nan=old.dtype.kind == "f"))
        if hasattr(old, "detach"):
            return _same(old.detach().cpu().numpy(), new.detach().cpu().numpy())
        return bool(old == new)
    except Exception:  # what a function left there may raise anything
        return False


def _hooks(network: Any) -> int:
    kinds = ("forward_hooks", "forward_pre_hooks", "backward_hooks", "backward_pre_hooks")
    return sum(len(getattr(part, f"_{kind}")) for part in network.modules() for kind in kinds)
