"""A device beside the CPU, for machines without a GPU: it computes as the CPU and mixes nothing.

Its tensors say that they are on ``cuda:0``. They hold a tensor of the CPU, on which each operation
is done, after a look at where its operands are: CUDA's rules decide what may be mixed.

- All operands are on one device. A tensor of the CPU without dimensions counts as a number, unless
  it is what an operation writes to.
- An index may be on the CPU; a tensor of the CPU takes no index of the device.
- ``copy_`` and ``to`` go from one device to another.
- NumPy sees tensors of the CPU alone, and random numbers of the device need a generator of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import _engine_run_backward as _run_backward
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map_only

DEVICE = torch.device("cuda", 0)


class OnDevice(Tensor):
    """A tensor of the device.

    Attributes
    ----------
    inner
        The tensor of the CPU with its numbers.
    """

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> OnDevice:
        about = {"dtype": inner.dtype, "layout": inner.layout, "device": "cpu"}
        made = Tensor._make_wrapper_subclass(
            cls, inner.size(), inner.stride(), inner.storage_offset(), **about
        )
        made.inner = inner
        return made

    device = DEVICE  # type: ignore[assignment]
    is_cuda = True  # type: ignore[assignment]
    is_cpu = False  # type: ignore[assignment]
    __torch_function__ = torch._C._disabled_torch_function_impl

    def get_device(self) -> int:
        return 0

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.dim() == 0 else repr(self)

    def __repr__(self) -> str:
        return f"{self.inner!r} on {DEVICE}"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        expect_one_device(func, args, kwargs)
        bare_args, bare_kwargs = tree_map_only(OnDevice, lambda t: t.inner, (args, kwargs))
        out = func(*bare_args, **bare_kwargs)
        if func is not torch.ops.aten.copy_.default or isinstance(args[0], OnDevice):
            out = tree_map_only(Tensor, OnDevice, out)
        return return_and_correct_aliasing(func, args, kwargs, out)


def expect_one_device(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Raise where CUDA does: operands on two devices, or random numbers of the other one."""
    aten = torch.ops.aten
    everything = tree_flatten((args, kwargs))[0]
    if any(isinstance(each, torch.Generator) for each in everything):
        raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
    if func is aten.copy_.default:
        return
    if func.overloadpacket in (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_):
        if not isinstance(args[0], OnDevice) and any(isinstance(i, OnDevice) for i in args[1]):
            raise RuntimeError("indices should be either on cpu or on the same device")
        args = (args[0], *args[2:])
        everything = tree_flatten((args, kwargs))[0]
    tensors = [each for each in everything if isinstance(each, Tensor)]
    apart = [each for each in tensors if not isinstance(each, OnDevice)]
    written = func._schema.is_mutable and tensors and not isinstance(tensors[0], OnDevice)
    if any(each.dim() > 0 for each in apart) or (written and len(apart) < len(tensors)):
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, "
            f"{DEVICE} and cpu, in {func}"
        )


class _ToDevice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, source: Tensor) -> Any:
        return OnDevice(source.detach().clone())

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return gradient.inner


class _ToCpu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, source: Any) -> Any:
        return source.inner.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return OnDevice(gradient)


def moved(tensor: Tensor, device: torch.device | str | int | None) -> Any:
    """Return the tensor on a device: itself if it is there."""
    there = isinstance(tensor, OnDevice)
    if device is None or (torch.device(device).type == "cuda") == there:
        return tensor
    return _ToCpu.apply(tensor) if there else _ToDevice.apply(tensor)


class _Devices(TorchFunctionMode):
    """Takes the device out of calls before they reach the CPU, and puts the answer there."""

    calls = 0
    """How many calls of Python are being answered."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        _Devices.calls += 1
        try:
            return self._answer(func, args, kwargs)
        finally:
            _Devices.calls -= 1

    def _answer(self, func: Any, args: Any, kwargs: Any) -> Any:
        kwargs = dict(kwargs or {})
        if isinstance(func, torch._ops.OpOverload):  # an operation of the engine's own
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        own = args[0] if args and isinstance(args[0], Tensor) else None
        there = isinstance(own, OnDevice)
        if func is Tensor.to and own is not None:
            return _to(own, args[1:], kwargs)
        if func in (Tensor.cpu, Tensor.cuda):
            return moved(own, "cpu" if func is Tensor.cpu else DEVICE)
        if there and func in (Tensor.numpy, Tensor.__array__):
            raise TypeError(
                f"can't convert {DEVICE} device type tensor to numpy. Use Tensor.cpu() to copy the "
                "tensor to host memory first."
            )
        if there and func is Tensor.tolist:
            return own.inner.tolist()
        if there and name in _MAKES:
            with _Made(_Devices.calls):
                return func(*args, **kwargs)
        if there and func is Tensor.data.__set__:
            own.inner = args[1].inner
        device = kwargs.pop("device", None)
        if device is None:
            made = func(*args, **kwargs)
            return moved(made, DEVICE) if there and func is Tensor.new_tensor else made
        goal = torch.device(device)
        given = kwargs.get("generator")
        if given is not None and given.device.type != goal.type:
            raise RuntimeError(f"Expected a {goal.type!r} device type for generator")
        needs = kwargs.pop("requires_grad", False)
        if name == "_parse_to":
            return func(*args, **kwargs, device=device)
        made = moved(func(*args, **kwargs), goal)
        return made.requires_grad_() if needs else made


def _to(own: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    other = args[0] if args and isinstance(args[0], Tensor) else kwargs.pop("other", None)
    if other is not None:
        device, dtype = other.device, other.dtype
    else:
        device, dtype, *_ = torch._C._nn._parse_to(
            *args, **{key: value for key, value in kwargs.items() if key != "copy"}
        )
    made = moved(own, device)
    if dtype is not None and dtype != made.dtype:
        made = made.type(dtype)
    if kwargs.get("memory_format") is not None:
        made = made.contiguous(memory_format=kwargs["memory_format"])
    return made.clone() if kwargs.get("copy") and made is own else made


_MAKES = ("one_hot", "quantile", "nanquantile")
"""Functions that make tensors by themselves, in C++, where the device's tensors are."""


class _Made(TorchDispatchMode):
    """Puts on the device what C++ makes by itself, such as zeros.

    What a call of Python makes, further in than ``level`` calls, has its device.
    """

    def __init__(self, level: int) -> None:
        super().__init__()
        self.level = level

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = tree_flatten((args, kwargs))[0]
        made = _Devices.calls == self.level and not any(isinstance(each, Tensor) for each in given)
        return tree_map_only(Tensor, OnDevice, out) if made else out


def _engine_run(outputs: Any, *args: Any, **kwargs: Any) -> Any:
    """Compute gradients; hooks of Python meet the device, too."""
    if not any(isinstance(each, OnDevice) for each in outputs):
        return _run_backward(outputs, *args, **kwargs)
    outside, _Devices.calls = _Devices.calls, 0
    try:
        with _Devices(), _Made(0):
            return _run_backward(outputs, *args, **kwargs)
    finally:
        _Devices.calls = outside


_to_of_modules = nn.Module.to


def _module_to(module: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
    """Move a module to where a tensor is, as ``to`` does, which asks for it in C++."""
    if args and isinstance(args[0], OnDevice):
        args = (DEVICE, args[0].dtype, *args[1:])
    return _to_of_modules(module, *args, **kwargs)


@contextlib.contextmanager
def other_device() -> Iterator[None]:
    """Let this process have the device: ``torch.cuda.is_available()``, as far as we ask for it."""
    with pytest.MonkeyPatch.context() as patch, _Devices():
        patch.setattr(torch.cuda, "is_available", lambda: True)
        for module in (torch.autograd, torch.autograd.graph):
            patch.setattr(module, "_engine_run_backward", _engine_run)
        for name in (
            "_lazy_init",
            "synchronize",
            "manual_seed",
            "manual_seed_all",
            "set_rng_state",
        ):
            patch.setattr(torch.cuda, name, lambda *_, **__: None)
        patch.setattr(torch.cuda, "get_rng_state", lambda *_: torch.get_rng_state())
        for which in ("accelerator", "cuda"):  # by torch's version
            check = f"_{which}_graph_capture_health_check"
            patch.setattr(torch.optim.Optimizer, check, lambda _: None, raising=False)
        patch.setattr(nn.Module, "to", _module_to)
        patch.setattr(torch.cuda, "mem_get_info", lambda *_: (10**10, 10**10))
        patch.setattr(torch.__future__, "_overwrite_module_params_on_conversion", True)
        patch.setattr(torch.cuda, "device", lambda *_: contextlib.nullcontext())
        yield
