"""What do layers compute, and how does a class depend on it? Several layers in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xaikit.core.arguments import checked_inputs, count, probed
from xaikit.core.autograd import followed, following
from xaikit.core.layers import first, returned
from xaikit.core.passes import channels_last, frozen, numeric, outputs, progress, unwrapped
from xaikit.core.steadiness import expect_steady

Layers = str | nn.Module | Sequence[Any] | None
"""A layer by its name or the module itself, a list of such, or None: every layer without parts."""


def layers_of(model: nn.Module, layer: Layers) -> dict[str, nn.Module]:
    """Return the layers asked for, by name, in the order given; None asks for all without parts."""
    own = {name: module for name, module in model.named_modules() if name}
    listed = f"its layers are {', '.join(own)}" if own else "it is a single layer"
    if layer is None:
        return {name: each for name, each in own.items() if not any(each.children())}
    several = list(layer) if isinstance(layer, list | tuple) else [layer]
    if not several:
        raise ValueError(f"layer names no layer: the model has some, {listed}.")
    found = {}
    for each in several:
        if isinstance(each, nn.Module):
            name = next((key for key, module in own.items() if module is each), None)
            if name is None:
                raise ValueError(f"layer has to be one of the model's own: {listed}.")
        elif isinstance(each, str) and each in own:
            name = each
        else:
            raise ValueError(f"the model has no layer {each!r}: {listed}.")
        found[name] = own[name]
    return found


def images_of(data: Any, name: str = "data") -> Tensor:
    """Return the images (N, C, H, W) of a tensor or a data set."""
    images = getattr(data, "images", data)
    if not isinstance(images, Tensor):
        raise TypeError(
            f"{name} have to be a tensor (N, C, H, W) or a data set with such images, not "
            f"{type(data).__name__}."
        )
    if images.ndim != 4:
        raise ValueError(
            f"{name} have to be images (N, C, H, W), but their shape is {tuple(images.shape)}."
        )
    return images


def enough(images: Tensor, least: int, what: str) -> Tensor:
    """Return the images, if there are so many of them."""
    if len(images) < least:
        raise ValueError(
            f"{what} needs at least {least} images, and there {'is' if len(images) == 1 else 'are'}"
            f" {len(images)}: give more."
        )
    return images


@dataclass(frozen=True)
class Watch:
    """A frozen model, and the layers of it that are looked at.

    Attributes
    ----------
    model
        Maps (N, *shape) to (N, classes).
    layers
        Modules of the model by name.
    chunk
        How many images pass at once.
    classes
        How many the model tells apart.
    """

    model: nn.Module
    layers: Mapping[str, nn.Module]
    chunk: int
    classes: int

    def one_pass(self, rows: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the outputs, and what every layer computes (n, …), with its graph."""
        scores, ended = returned(self.model, self.layers.values(), rows)
        found = {}
        for name, layer in self.layers.items():
            values = [first(value) for module, value in ended if module is layer]
            if not values and isinstance(self.model, torch.jit.ScriptModule):
                raise ValueError(
                    f"layer {name} is hidden in TorchScript (torch.jit.trace): give the network "
                    f"that it was made of."
                )
            if len(values) != 1 or len(values[0]) != len(rows) or values[0].ndim < 2:
                raise ValueError(
                    f"layer {name} has to run once a pass, on one row an image: choose another."
                )
            found[name] = values[0]
        return scores, found

    def activations(self, images: Tensor) -> Iterator[tuple[slice, Tensor, dict[str, Tensor]]]:
        """Yield, chunk by chunk, its place, outputs and activations (n, …) of every layer."""
        with progress(len(images), "images") as tell:
            for start in range(0, len(images), self.chunk):
                tell(start)
                place = slice(start, min(start + self.chunk, len(images)))
                with torch.no_grad():
                    scores, found = self.one_pass(images[place])
                for name, values in found.items():
                    if not values.isfinite().all():
                        raise ValueError(
                            f"layer {name} computes nan or infinity for these images: look for "
                            f"what divides by zero or overflows in the model."
                        )
                yield place, numeric(scores), found
            tell(len(images))

    def features(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the outputs (N, classes), and every layer's flattened activations (N, F)."""
        scores, kept = [], {name: list[Tensor]() for name in self.layers}
        for _, some, found in self.activations(images):
            scores.append(some)
            for name, values in found.items():
                kept[name].append(values.flatten(1).to(images.dtype))
        return torch.cat(scores), {name: torch.cat(each) for name, each in kept.items()}

    def excitements(self, images: Tensor, name: str | None) -> Tensor:
        """Return what a layer's units compute (N, units), a map's mean; of None, the classes'."""
        found = self.activations(images)
        return torch.cat([scores if name is None else _means(at[name]) for _, scores, at in found])

    def excited(self, images: Tensor, name: str | None, wanted: Tensor) -> Tensor:
        """Return what each image's own unit (N,) computes for it, with its graph."""
        scores, found = self.one_pass(images)
        every = scores if name is None else _means(found[name])
        return every.gather(1, wanted[:, None])[:, 0]

    def slopes(self, images: Tensor, target: int) -> dict[str, Tensor]:
        """Return the gradients (N, F) of a class's output at every layer, from one pass."""
        kept = {name: list[Tensor]() for name in self.layers}
        with progress(len(images), "images") as tell:
            for start in range(0, len(images), self.chunk):
                tell(start)
                rows = images[start : start + self.chunk].clone().requires_grad_()
                scores, found = self.one_pass(rows)
                followed(numeric(scores), "it has no directional derivatives")
                at = [each if each.requires_grad else None for each in found.values()]
                on_graph = [each for each in at if each is not None]
                with following():
                    grads = iter(
                        torch.autograd.grad(scores[:, target].sum(), on_graph, allow_unused=True)
                    )
                for (name, values), here in zip(found.items(), at, strict=True):
                    slope = None if here is None else next(grads)
                    slope = torch.zeros_like(values) if slope is None else slope
                    kept[name].append(slope.flatten(1).to(images.dtype))
            tell(len(images))
        return {name: torch.cat(each) for name, each in kept.items()}

    def rest(self, images: Tensor, name: str, values: Tensor) -> Tensor:
        """Return the outputs (N, classes) where a layer returns these values (N, …) instead."""
        hook = self.layers[name].register_forward_hook(lambda *_: values)
        try:
            return outputs(self.model, images)
        finally:
            hook.remove()


def _means(values: Tensor) -> Tensor:
    """Return maps' means (n, units); neurons stay as they are."""
    return values.flatten(2).mean(2) if values.ndim > 2 else values


@contextmanager
def watching(
    model: nn.Module, images: Tensor, layer: Layers, chunk: int, what: str
) -> Iterator[tuple[Watch, Tensor]]:
    """Give a watch of the frozen model's layers, and the checked images; restore the model then.

    Parameters
    ----------
    model
        Maps (N, *shape) to (N, classes).
    images
        (N, *shape).
    layer
        Which layers.
    chunk
        How many images pass at once.
    what
        What is asked of the model: the subject of a sentence where that would mean nothing.
    """
    chunk = count(chunk, "chunk")
    model = unwrapped(model)
    images = checked_inputs(model, images)
    layers = layers_of(model, layer)
    with frozen(model), channels_last(model, images) as other:
        scores = probed(model, images)
        expect_steady(model, images, scores, other, what, ("batch", "chance"))
        yield Watch(model, layers, chunk, scores.shape[1]), images


def like(images: Tensor, others: Any, name: str) -> Tensor:
    """Return other images (K, C, H, W), on the same device, if they are of the same size."""
    found = images_of(others, name)
    if found.shape[1:] != images.shape[1:]:
        raise ValueError(
            f"{name} have to be images of the size of the others, {tuple(images.shape[1:])}, but "
            f"theirs is {tuple(found.shape[1:])}."
        )
    if not found.isfinite().all():
        raise ValueError(f"{name} hold nan or infinity: replace what is no number.")
    return found.detach().to(images)
