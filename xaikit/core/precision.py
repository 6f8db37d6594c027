"""In which precision is computed? In single precision, where a model or its inputs have half of it.

Sums over many points, differences and ratios lose what half precision (float16, bfloat16) has. So
every method works in single precision, with the same weights, and rounds what it returns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from xaikit.core.options import ROUNDING

HALF = (torch.float16, torch.bfloat16)


def widened(values: Tensor) -> Tensor:
    """Return a tensor in single precision if it has half of it, else as it is."""
    return values.float() if values.dtype in HALF else values


def range_rounding(dtype: torch.dtype) -> float:
    """Return how far computing takes a number of about 1 out of its range: a few last places."""
    return max(ROUNDING, 2 * torch.finfo(dtype).eps)


@contextmanager
def in_single(model: nn.Module) -> Iterator[None]:
    """Let the model compute in single precision inside the block, also where autocast is on.

    Weights and buffers in half precision are widened, which changes none of them, and put back.
    """
    held = [
        (each, each.data)
        for each in (*model.parameters(), *model.buffers())
        if each.dtype in HALF and not each.is_inference()
    ]
    devices = {"cpu", *(each.device.type for each in model.parameters())}
    try:
        for each, data in held:
            each.data = data.float()
        with contextlib.ExitStack() as off:
            for device in sorted(devices):
                if torch.amp.is_autocast_available(device):
                    off.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        for each, data in held:
            each.data = data


@contextmanager
def rounding_inputs(model: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """Let the model see its inputs as they are once rounded to half precision, if that is asked.

    Slopes pass the rounding as they are. What a search finds inside the block stays found when it
    is rounded.
    """
    if dtype not in HALF:
        yield
        return

    def rounded(_: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        x = given[0]
        return (x + (x.detach().to(dtype).to(x) - x.detach()), *given[1:])

    hook = model.register_forward_pre_hook(rounded)
    try:
        yield
    finally:
        hook.remove()


class HalfSeen(TorchFunctionMode):
    """Sees whether a model computes in half precision by itself, with single-precision inputs.

    Attributes
    ----------
    found
        The type that it converts to, if it does.
    """

    found: torch.dtype | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.dtype in HALF and self.found is None:
            self.found = result.dtype
        return result
