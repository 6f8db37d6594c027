"""Which feature maps decide? Those nearest the output through which everything passes.

Where branches are joined (residual blocks, several paths), the last convolution sees one branch
only, and a convolution of an auxiliary or unused head does not reach the output at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from xaikit.core.layers import first, leads, returned
from xaikit.core.passes import outputs

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


Place = nn.Module | int
"""A module, or the number of a torch function's call in one pass."""


def last_maps(model: nn.Module, inputs: Tensor) -> Place | None:
    """Return where the feature maps come from that decide about the output, if there are any.

    The last convolution that reaches the output, if everything passes through it. Otherwise the
    first module that ends after it and through which everything passes, or, where the branches
    are joined in no module of their own, the torch function that joins them.
    """
    x = inputs[:1].detach().requires_grad_()
    inner = [
        each
        for each in model.modules()
        if each is not model and not isinstance(each, torch.jit.ScriptModule)  # takes no hooks
    ]
    scores, ended = returned(model, inner, x)
    runs = Counter(module for module, _ in ended)
    maps = [
        (module, found) for module, found in ended if _is_map(found, x) and leads(scores, found)
    ]
    convolutions = [k for k, (each, _) in enumerate(maps) if isinstance(each, _CONVOLUTIONS)]
    wide = [k for k in convolutions if maps[k][1][0, 0].numel() > 1]
    if not convolutions:
        return None
    place = (wide or convolutions)[-1]
    if runs[maps[place][0]] > 1:  # its last run is meant, of which no hook knows
        return _joining(model, x, maps[place][0])
    for module, found in maps[place:]:
        if runs[module] == 1 and not leads(scores, x, around=found):
            return module
    return _joining(model, x, maps[place][0])


def _joining(model: nn.Module, x: Tensor, convolution: nn.Module) -> Place:
    """Return the first call through whose maps everything passes, from the convolution's on."""
    watch = _Calls()
    hook = convolution.register_forward_hook(
        lambda _, __, found: watch.seen.__setitem__(slice(None), [(watch.number, found)])
    )
    try:
        with watch:
            found = outputs(model, x)  # as in every other pass, so that calls have their numbers
    finally:
        hook.remove()
    for number, value in watch.seen:
        if _is_map(value, x) and leads(found, value) and not leads(found, x, around=value):
            return number
    return convolution


class _Calls(TorchFunctionMode):
    """Numbers the torch functions of a pass that return tensors.

    It keeps what they return, or puts what a function makes of it in the place of one of them.
    """

    def __init__(self, at: int = -1, instead: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.number, self.at, self.instead = 0, at, instead
        self.seen: list[tuple[int, Tensor]] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        if not isinstance(found, Tensor):
            return found
        self.number += 1
        if self.instead is None:
            self.seen.append((self.number, found))
        elif self.number == self.at:
            return self.instead(found)
        return found


@contextmanager
def replacing(place: Place, instead: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Put what a function makes of the maps in their place in one pass."""
    if isinstance(place, int):
        with _Calls(place, instead):
            yield
        return

    def replaced(_: nn.Module, __: object, found: Any) -> Any:
        value = instead(first(found))
        return value if isinstance(found, Tensor) else (value, *found[1:])

    hook = place.register_forward_hook(replaced)
    try:
        yield
    finally:
        hook.remove()


def _is_map(found: Any, x: Tensor) -> bool:
    return isinstance(found, Tensor) and found.ndim == x.ndim and len(found) == len(x)
