"""Explain a model of tokens at an embedding: whole numbers have no slopes, their vectors do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from xaikit.attribution.explanation import Explanation
from xaikit.core.arguments import checked_model, checked_targets
from xaikit.core.layers import own_layer, returned
from xaikit.core.passes import elapsed, frozen, unwrapped


def are_tokens(inputs: Any) -> bool:
    """Return whether the inputs are a batch of whole numbers."""
    return (
        isinstance(inputs, Tensor)
        and inputs.ndim >= 2
        and inputs.numel() > 0
        and not (inputs.is_floating_point() or inputs.is_complex() or inputs.dtype == torch.bool)
    )


def explain_tokens(
    explain: Callable[..., Explanation],
    model: nn.Module,
    tokens: Tensor,
    targets: int | Sequence[int] | Tensor,
    layer: nn.Module,
    options: dict[str, Any],
) -> Explanation:
    """Return what a layer's outputs for tokens (N, …) have to do with the targets.

    Each input is explained by itself, with its own tokens for whatever else reads them, as a mask
    of what is padding does. A ``baseline`` of tokens stands for what the layer makes of them.

    Parameters
    ----------
    explain
        What explains a model of floating-point inputs.
    model, tokens, targets, layer
        See :func:`xaikit.explain`.
    options
        Keywords of ``explain``.
    """
    start = time.perf_counter()
    model = unwrapped(checked_model(model))
    layer, tokens = own_layer(model, layer), tokens.detach()
    with frozen(model):
        vectors, classes = _vectors(model, layer, tokens)
        if are_tokens(behind := _batched(options.get("baseline"), tokens)):
            options = options | {"baseline": _vectors(model, layer, behind)[0]}
    wanted = checked_targets(targets, tokens, classes)
    alone = []
    for i in range(len(tokens)):
        row = slice(i, i + 1)
        own = {
            key: value[row] if key == "baseline" and _is_each(value, vectors) else value
            for key, value in options.items()
        }
        alone.append(explain(Behind(model, layer, tokens[row]), vectors[row], wanted[row], **own))
    deltas = [each.convergence_delta for each in alone if each.convergence_delta is not None]
    details = {key: torch.cat([each.details[key] for each in alone]) for key in alone[0].details}
    return Explanation(
        torch.cat([each.attributions for each in alone]),
        wanted,
        torch.cat(deltas) if deltas else None,
        alone[0].method,
        elapsed(start, vectors),
        MappingProxyType(details),
        MappingProxyType({**(alone[0].options or {}), "layer": layer}),
    )


class Behind(nn.Module):
    """What a model makes of a layer's outputs, for one input's tokens (1, …)."""

    def __init__(self, model: nn.Module, layer: nn.Module, tokens: Tensor) -> None:
        super().__init__()
        self.model, self.tokens = model, tokens
        self._layer = (layer,)  # not a second time among the modules

    def forward(self, vectors: Tensor) -> Any:
        """Return the model's outputs (n, classes) for vectors (n, *shape)."""
        hook = self._layer[0].register_forward_hook(lambda *_: vectors)
        try:
            return self.model(self.tokens.expand(len(vectors), *self.tokens.shape[1:]))
        finally:
            hook.remove()


@torch.no_grad()
def _vectors(model: nn.Module, layer: nn.Module, tokens: Tensor) -> tuple[Tensor, int]:
    """Return a layer's outputs (N, *shape) for tokens, and how many classes the model has."""
    try:
        scores, ended = returned(model, [layer], tokens.clone())
    except (RuntimeError, IndexError) as error:
        raise ValueError(
            f"the model fails on tokens of shape {tuple(tokens.shape)}: "
            f"{str(error).splitlines()[0]}"
        ) from error
    found = ended[0][1] if ended else None
    if len(ended) != 1 or not isinstance(found, Tensor) or len(found) != len(tokens):
        raise ValueError(
            f"layer has to run once a pass, and to return a row a token sequence, to be explained "
            f"at; it ran {len(ended)} times: choose another, such as the embedding."
        )
    return found.detach().clone(), scores.shape[1]


def _batched(baseline: Any, tokens: Tensor) -> Any:
    """Return a baseline of tokens as a batch, and any other as it is."""
    if isinstance(baseline, Tensor) and baseline.shape == tokens.shape[1:]:
        return baseline.unsqueeze(0)
    return baseline


def _is_each(value: Any, vectors: Tensor) -> bool:
    return isinstance(value, Tensor) and value.shape == vectors.shape
