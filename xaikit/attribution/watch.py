"""What of a model does a method understand? One watch, from the inputs to the outputs.

Hooks on modules see neither functional activations nor which call of a reused module it is. A
``TorchFunctionMode`` sees every torch function called from Python, but not what TorchScript, a
``torch.autograd.Function`` or a checkpoint compute. So the watch follows the graph that autograd
builds: a tensor on the way from the inputs to the outputs has to come out of a function that the
watch saw and that the method understands. Whatever else reaches the outputs is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node, disable_saved_tensors_hooks
from torch.overrides import TorchFunctionMode

from xaikit.attribution.functions import alters, carriers, current_layer, plain_name
from xaikit.core.autograd import tensors_in

Func = Callable[..., Any]
Args = tuple[Any, ...]
Kwargs = Mapping[str, Any]

_CONSTANT = {
    f"{kind}_like" for kind in ("zeros", "ones", "full", "empty", "rand", "randn", "randint")
} | {f"new_{kind}" for kind in ("zeros", "ones", "full", "empty", "tensor")}
"""Functions whose results depend on a tensor's shape alone."""

_VIEWS = {
    *("Alias", "AsStrided", "Diagonal", "Expand", "Permute", "ReshapeAlias", "Select", "Slice"),
    *("Split", "SplitWithSizes", "Squeeze", "T", "Transpose", "Unbind", "Unfold", "UnsafeView"),
    *("Unsqueeze", "View"),
}
"""Nodes that autograd makes anew for a view of what was overwritten, without any call."""

_CHECKPOINT = (
    "the model computes a part of itself twice (torch.utils.checkpoint), and the second time "
    "nothing can be watched: switch checkpointing off, or use gradient or integrated_gradients."
)


class Origin(NamedTuple):
    """Where a tensor comes from: why it is not understood, if so; layers on the way to it."""

    refusal: str | None
    layers: int


class Replaced(NamedTuple):
    """What a call returns whose gradient the method has made another.

    Attributes
    ----------
    result
        What the call returns.
    layer
        Whether the call counts as a layer.
    along
        What of its arguments the gradient goes to; None: all of them.
    """

    result: Any
    layer: bool = False
    along: tuple[Tensor, ...] | None = None


class Watch(TorchFunctionMode):
    """Follows one pass of the model; methods say what they replace and what they let pass."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._origins: dict[Node, Origin] = {}
        # Made of the inputs, without a gradient of their own: masks, indices, detached values.
        self._cut: dict[int, Tensor] = {}

    def replaced(self, func: Func, args: Args, kwargs: dict[str, Any]) -> Replaced | None:
        """Return what the call gives, if the method has a rule for it."""
        raise NotImplementedError

    def apart(self, func: Func, args: Args, kwargs: dict[str, Any]) -> Any:
        """Return what a call gives that is left alone."""
        return func(*args, **kwargs)

    def passes(self, func: Func, args: Args, kwargs: Kwargs) -> bool:
        """Return whether the gradient of the call is what the method wants of it."""
        raise NotImplementedError

    def refusal(self, func: Func) -> str:
        """Return the sentence about a function that the method does not understand."""
        raise NotImplementedError

    def unseen(self, what: str) -> str:
        """Return the sentence about code that the watch cannot see into."""
        raise NotImplementedError

    def begun(self, x: Tensor) -> None:
        """Take note of the inputs of a pass."""
        self._origins.clear()
        self._cut.clear()
        if x.grad_fn is not None:
            self._origins[x.grad_fn] = Origin(None, 0)

    def ended(self, scores: Tensor) -> None:
        """Fail if the outputs come from what the method does not understand."""
        if refusal := self.origin(scores).refusal:
            raise ValueError(refusal)

    def origin(self, tensor: Tensor) -> Origin:
        """Return where a tensor comes from."""
        node = tensor.grad_fn
        return Origin(None, 0) if node is None else self._of_node(node)

    def __torch_function__(
        self, func: Func, types: Any, args: Args = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        given = list(tensors_in((args, kwargs)))
        carrying = [self.origin(each) for each in given if each.grad_fn is not None]
        cut = any(id(each) in self._cut for each in given)
        if not carrying and not cut:
            return self.apart(func, args, kwargs)
        # What is written with out= autograd cannot follow: torch says so.
        known = carrying and kwargs.get("out") is None
        answer = self.replaced(func, args, kwargs) if known else None
        if answer is not None and answer.along is not None:
            carrying = [self.origin(each) for each in answer.along]
        refusal = next((each.refusal for each in carrying if each.refusal), None)
        result = answer.result if answer is not None else self.apart(func, args, kwargs)
        if carrying and refusal is None:
            understood = answer is not None or self.passes(func, args, kwargs)
            changes = len(carriers(result)) > 0 or alters(func, kwargs)
            if changes and (cut or not understood):
                refusal = self.refusal(func)
        layers = max((each.layers for each in carrying), default=0)
        origin = Origin(refusal, layers + (answer is not None and answer.layer))
        self._note(func, args, kwargs, result, origin)
        return result

    def _note(self, func: Func, args: Args, kwargs: Kwargs, result: Any, origin: Origin) -> None:
        """Remember where the results come from, and what was overwritten."""
        found = list(tensors_in(result))
        if alters(func, kwargs):
            found += [each for each in args[:1] if isinstance(each, Tensor)]
        for each in found:
            if each.grad_fn is not None:
                self._origins[each.grad_fn] = origin
                if each._base is not None and each._base.grad_fn is not None:
                    self._origins.setdefault(each._base.grad_fn, origin)
            elif plain_name(func) not in _CONSTANT:
                self._cut[id(each)] = each

    def _of_node(self, node: Node) -> Origin:
        if (known := self._origins.get(node)) is not None:
            return known
        name = node.name().rsplit("::", 1)[-1]
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        if name.rstrip("0123456789").removesuffix("Backward") in _VIEWS and parents:
            found = self._of_node(parents[0])
        else:
            found = Origin(self.unseen(self._unseen_name(name)), 0)
        self._origins[node] = found
        return found

    def _unseen_name(self, node: str) -> str:
        """Return what may have made a node that no watched function did."""
        name = node.rstrip("0123456789").removesuffix("Backward")
        for layer, module in self.model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):
                where = f"layer {layer!r}" if layer else "the whole model"
                return f"{name} in TorchScript ({where})"
        return f"{name}, computed by a torch.autograd.Function or by compiled code"

    def where(self, func: Func) -> str:
        """Return the function's name, and where in the model it runs."""
        return current_layer(self.model, func)


class Watched(nn.Module):
    """The model, watched from its inputs to its outputs and no further."""

    def __init__(self, model: nn.Module, watch: Watch) -> None:
        super().__init__()
        self.model, self.watch = model, watch

    def forward(self, x: Tensor) -> Any:
        """Return the model's outputs."""
        self.watch.begun(x)
        try:
            with disable_saved_tensors_hooks(_CHECKPOINT), self.watch:
                scores = self.model(x)
        except RuntimeError as error:
            if str(error) == _CHECKPOINT:
                raise ValueError(_CHECKPOINT) from error
            raise
        if isinstance(scores, Tensor):
            self.watch.ended(scores)
        return scores
