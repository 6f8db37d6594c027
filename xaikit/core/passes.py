"""Passes through a frozen model: shared by all targets, and never larger than a chunk."""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from xaikit.core.autograd import followed, passed, slope
from xaikit.core.precision import in_single
from xaikit.core.problem import Problem, Question
from xaikit.progress import Bar

_VARIANTS = "for inputs or for what they are compared with (a baseline, a masked or noisy copy)"

_OBSERVER: ContextVar[_Watch | None] = ContextVar("observer", default=None)


class _Watch:
    """Who observes, and how many of how many it was told last."""

    def __init__(self, observer: Callable[[int, int], None]) -> None:
        self._observer, self._last = observer, (0, 1)

    def told(self, done: int, total: int) -> None:
        self._last = done, total
        self.again()

    def again(self) -> None:
        self._observer(*self._last)


@contextmanager
def observed(observer: Callable[[int, int], None]) -> Iterator[None]:
    """Tell the observer, before each block of rows and at the end, how many of how many are done.

    In place of the bar, and for this thread only. An exception of the observer's ends the
    explanation there: the model is handed back as it was.
    """
    token = _OBSERVER.set(_Watch(observer))
    try:
        yield
    finally:
        _OBSERVER.reset(token)


@contextmanager
def progress(total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Give what to tell how many of the total are done: it draws a bar, or tells the observer.

    The bar appears after two seconds and vanishes at the end.
    """
    observer = _OBSERVER.get()
    if observer is not None:
        yield lambda done: observer.told(done, total)
        return
    with Bar(total=total, unit=unit) as bar:
        yield lambda done: bar.update(done - bar.n)


def may_end() -> None:
    """Let an observer end the work here, in the middle of a long step that it was told of."""
    observer = _OBSERVER.get()
    if observer is not None:
        observer.again()


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Freeze the model inside the block (evaluation mode, no parameter gradients), then restore it.

    Frozen parameters spare every backward pass the parameters' gradients. Gradients to the
    inputs are enabled in every caller's context. On a GPU, algorithms are the repeatable
    ones in full precision: the same seed has to give the same bytes, and TensorFloat-32 would
    cost three digits of completeness. What torch.compile compiled runs as it was written. A model
    in half precision computes in single precision. Backward hooks that the caller has registered
    (guided backpropagation by hand, a clipping, a record) are off: slopes are the network's own.
    """
    with in_single(model), still(model):
        yield


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Do as :func:`frozen`, in the model's own precision.

    Buffers that the model changes while it runs (counters, averages) are put back, too.
    """
    modes = [(each, each.training) for each in model.modules() if hasattr(each, "training")]
    buffers = [
        (each._buffers, name, buffer, buffer._version, buffer.clone())
        for each in model.modules()
        if not isinstance(each, torch.jit.ScriptModule)
        for name, buffer in each._buffers.items()
        if buffer is not None and not buffer.is_inference()
    ]
    parameters = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    hooked = [
        (vars(each), name, hooks)
        for each in model.modules()
        for name in ("_backward_hooks", "_backward_pre_hooks")
        if (hooks := vars(each).get(name))
    ]
    cudnn = torch.backends.cudnn.flags(
        enabled=torch.backends.cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=False
    )
    try:
        _evaluating(model)
        for parameter, _ in parameters:
            parameter.requires_grad_(False)
        for own, name, _ in hooked:
            own[name] = OrderedDict()
        with torch.inference_mode(False), torch.enable_grad(), cudnn, _uncompiled():
            yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, requires_grad in parameters:
            parameter.requires_grad_(requires_grad)
        for own, name, hooks in hooked:
            own[name] = hooks
        for own, name, buffer, version, before in buffers:
            own[name] = buffer
            if buffer._version != version:
                with torch.no_grad():
                    buffer.copy_(before)


def _evaluating(model: nn.Module) -> None:
    """Switch the model to evaluation mode, as far as it has modes.

    Frozen TorchScript and what torch.export has made have none: theirs is part of their code.
    """
    try:
        model.eval()
    except (AttributeError, NotImplementedError):
        for module in model.modules():
            if hasattr(module, "training"):
                module.training = False


def _uncompiled() -> AbstractContextManager[Any]:
    """Run compiled code as it was written inside a block: hooks and watches do not see it else."""
    # Nothing is compiled before this module is imported, which takes seconds.
    if "torch._dynamo" not in sys.modules or not hasattr(torch.compiler, "set_stance"):
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module that torch.compile or data parallelism has wrapped, else the model."""
    while isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel) or (
        type(model).__name__ == "OptimizedModule" and hasattr(model, "_orig_mod")
    ):
        inner = "_orig_mod" if hasattr(model, "_orig_mod") else "module"
        model = model.get_submodule(inner)
    return model


@contextmanager
def channels_last(model: nn.Module, inputs: Tensor) -> Iterator[Trial | None]:
    """Lay the model's convolutions out with channels last, and restore it afterwards.

    On the CPU, single-precision convolutions and poolings run faster on that layout: a forward
    pass of this package's networks takes 0.6 of the time. A model that cannot run on it keeps
    its own, for example one that calls ``view`` on feature maps; whether it can is tried out in
    one pass, whose outcome is given: see :func:`trial`. Numbers are the same up to rounding.
    """
    own = [
        (weight, weight.data)
        for weight in model.parameters()
        if weight.ndim == 4 and weight.dtype == torch.float32 and weight.device.type == "cpu"
    ]
    try:
        for weight, data in own:
            # Not .to(): where there is one channel, it would see nothing to do.
            weight.data = torch.empty_like(data, memory_format=torch.channels_last).copy_(data)
        found = trial(model, inputs)
        if found is None:
            for weight, data in own:
                weight.data = data
            found = trial(model, inputs)
        yield found
    finally:
        for weight, data in own:
            weight.data = data


def outputs(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the model's outputs (N, classes), or say what else it returned."""
    return class_scores(passed(model, inputs), inputs)


def class_scores(scores: object, inputs: Tensor) -> Tensor:
    """Return what a model returned for the inputs, in their precision, if it is class scores.

    As a copy: the model may answer in the same tensor next time.
    """
    if not isinstance(scores, Tensor):
        raise TypeError(
            f"the model has to return one tensor (N, classes), but it returns a "
            f"{type(scores).__name__}: wrap it in a module that returns the class scores."
        )
    if scores.layout is not torch.strided:
        raise TypeError("the model returns a sparse tensor: let it return a dense one.")
    if scores.ndim != 2 or len(scores) != len(inputs) or not scores.shape[1]:
        raise ValueError(
            f"the model has to return (N, classes), but for {len(inputs)} inputs it returns "
            f"shape {tuple(scores.shape)}: wrap it in a module that returns a row of class scores "
            f"an input."
        )
    if scores.is_complex():
        raise TypeError("the model returns complex numbers: let it return real class scores.")
    return scores.to(inputs.dtype, copy=True)


def numeric(scores: Tensor, of: str = "for these inputs") -> Tensor:
    """Return the outputs (n, classes), or say that some are no numbers.

    A class of logit minus infinity is one that a model rules out: that is a number to argmax.
    """
    if not (scores < torch.inf).all():
        row, column = (~(scores < torch.inf)).nonzero()[0].tolist()
        raise ValueError(
            f"the model returns nan or infinity {of}, first in row {row} for class {column}: look "
            f"for what divides by zero or overflows in it."
        )
    return scores


class Trial(NamedTuple):
    """One input's outputs (1, classes) in other company than among the first two inputs."""

    row: int
    scores: Tensor


@torch.no_grad()
def trial(model: nn.Module, inputs: Tensor) -> Trial | None:
    """Pass an input on alone, or, where there is no other, beside one that is made for that.

    The dimmer of the first two: what depends on the largest value of a batch shows there. None if
    the model fails.
    """
    peaks = inputs[:2].abs().flatten(1).amax(1)
    row = int(peaks.argmin())
    rows = inputs[row : row + 1]
    if len(inputs) == 1 or torch.equal(inputs[0], inputs[1]):
        rows = torch.cat([rows, company(rows)])
    try:
        return Trial(row, outputs(model, rows)[:1])
    except Exception:  # what is wrong with it will be said of its own layout
        return None


def company(x: Tensor) -> Tensor:
    """Return an input as unlike x as its range allows: brighter, and turned around."""
    low, high = x.aminmax()
    inside = bool(low >= 0 and high <= 1)
    top = torch.ones_like(high) if inside else high + (high - low).clamp_min(1)
    return top - (x.flip(-1) - low) / 2


def placed(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return inputs on the model's device, in its precision."""
    weight = next((each for each in model.parameters() if each.is_floating_point()), inputs)
    return inputs.to(weight.device, weight.dtype)


@torch.no_grad()
def every_output(model: nn.Module, inputs: Tensor, chunk: int) -> Tensor:
    """Return the outputs (n, classes) of any number of inputs (n, *shape)."""
    return torch.cat([outputs(model, part) for part in torch.split(inputs, chunk)])


def per_input(values: Tensor, like: Tensor) -> Tensor:
    """Return (n,) as (n, 1, …), to be multiplied with inputs."""
    return values.view(-1, *[1] * (like.ndim - 1))


def elapsed(start: float, inputs: Tensor) -> float:
    """Return the seconds since ``time.perf_counter()`` was ``start``, the device's work done."""
    if inputs.is_cuda:
        torch.cuda.synchronize(inputs.device)
    return time.perf_counter() - start


def _rows(grid: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the grid (n, m, *shape) as rows (n · m, *shape), and the targets of each row."""
    return grid.flatten(0, 1), targets.repeat_interleave(grid.shape[1], dim=0)


@torch.no_grad()
def outputs_at(problem: Question, grid: Tensor, targets: Tensor) -> Tensor:
    """Return the outputs (n, m, T) at m variants each of n inputs, (n, m, *shape), in one pass.

    The caller keeps n · m within the problem's chunk. Targets are (n, T).
    """
    rows, wanted = _rows(grid, targets)
    scores = numeric(outputs(problem.model, rows), _VARIANTS)
    return scores.gather(1, wanted).view(*grid.shape[:2], -1)


def target_outputs(problem: Problem) -> Tensor:
    """Return the outputs (N, T) for the problem's own inputs and targets."""
    return torch.cat(
        [
            outputs_at(problem, problem.inputs[images].unsqueeze(1), problem.targets[images])[:, 0]
            for images in chunks(problem, len(problem.inputs))
        ]
    )


def mean_output(problem: Problem, references: Tensor) -> Tensor:
    """Return the mean outputs (N, T) at references (B, *shape) for the problem's targets."""
    flat = problem.targets.reshape(1, -1)
    total = problem.inputs.new_zeros(flat.shape[1])
    for part in chunks(problem, len(references)):
        total += outputs_at(problem, references[part].unsqueeze(0), flat)[0].sum(0)
    return total.view_as(problem.targets) / len(references)


def backwards(scores: Tensor, targets: Tensor, source: Tensor) -> Tensor:
    """Return the gradients (N, T, *source) of each target's score from one forward pass.

    One retained graph, a backward pass a target: measured faster than a vectorised backward.
    """
    chosen = scores.gather(1, targets)
    last = targets.shape[1] - 1
    columns = [slope(chosen[:, t].sum(), source, retain=t < last) for t in range(last + 1)]
    return torch.stack(columns, dim=1)


def gradients_at(problem: Question, grid: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return outputs (n, m, T) and their gradients (n, m, T, *shape) at a grid (n, m, *shape).

    The caller keeps n · m within the problem's chunk. Targets are (n, T).
    """
    rows, wanted = _rows(grid.detach(), targets)
    rows = rows.requires_grad_()
    scores = outputs(problem.model, rows)
    numeric(scores, _VARIANTS)
    followed(scores, "only perturbation methods (lime, occlusion) can explain it")
    slopes = backwards(scores, wanted, rows)
    shape = grid.shape[:2]
    return (
        scores.detach().gather(1, wanted).view(*shape, -1),
        slopes.view(*shape, *slopes.shape[1:]),
    )


def chunks(problem: Question, count: int) -> Iterator[slice]:
    """Cut ``count`` rows into slices of at most a chunk."""
    for images, _ in pairs(problem, count, 1):
        yield images


def pairs(problem: Question, images: int, copies: int) -> Iterator[tuple[slice, slice]]:
    """Cut images × copies rows (steps, samples, references) into blocks of at most a chunk.

    A block is a slice of images and a slice of their copies: all copies of several images, or a
    part of one image's copies. A bar shows the progress of anything that takes over two seconds.
    """
    at_once = max(1, problem.chunk // copies)
    done = 0
    with progress(images * copies, "rows") as tell:
        for i in range(0, images, at_once):
            for j in range(0, copies, problem.chunk):
                block = slice(i, min(i + at_once, images)), slice(j, min(j + problem.chunk, copies))
                tell(done)
                yield block
                done += (block[0].stop - i) * (block[1].stop - j)
        tell(done)
