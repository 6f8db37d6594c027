"""What is shown of a unit? What excites it, and which concepts it detects, as HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from xaikit.concepts import Dissection, Maximised, dissect, masks_of, maximise
from xaikit.concepts.annotations import SILHOUETTE
from xaikit.concepts.dissection import FEWEST
from xaikit.concepts.masks import Pattern, plant
from xaikit.concepts.recording import layers_of, watching
from xaikit.core.layers import first, returned
from xaikit.core.passes import frozen, placed
from xaikit.data import ImageDataset
from xaikit.plots.maps import draw_image
from xaikit.plots.names import literal
from xaikit.widgets.themes import themed

SHOWN = 9
"""How many training images."""

PLANTED = 0.05
"""Share of the images in which each pattern is planted."""

STEPS = 64
"""Of the ascent: a person waits for it."""

SMALLEST = 10
"""Side of an image that a sticker of a fifth of it fits on."""

BLACK = 0.5
"""Share of images with four black corners from which masks are measured."""


@dataclass(frozen=True)
class Layer:
    """A layer that a page offers.

    Attributes
    ----------
    name
        The model's own.
    kind
        What it is, such as ``"ReLU"``.
    units
        How many.
    maps
        Whether a unit has a map of more than one place.
    """

    name: str
    kind: str
    units: int
    maps: bool


@dataclass(frozen=True)
class Measured:
    """A layer's units on the training images.

    Attributes
    ----------
    activations
        (N, units), maps' means.
    dissection
        None where no concept can be looked for.
    missing
        Why not, in a sentence.
    """

    activations: Tensor
    dissection: Dissection | None
    missing: str


def offered(model: nn.Module, image: Tensor) -> list[Layer]:
    """Return the layers without parts that run once in a pass of an image (C, H, W)."""
    layers = layers_of(model, None)
    with frozen(model), torch.no_grad():
        _, ended = returned(model, layers.values(), placed(model, image.unsqueeze(0)))
    found = []
    for name, module in layers.items():
        values = [first(made) for ran, made in ended if ran is module]
        if len(values) == 1 and values[0].ndim > 1 and len(values[0]) == 1:
            each = values[0][0]
            found.append(Layer(name, type(module).__name__, len(each), each[0].numel() > 1))
    return found


def measured(model: nn.Module, training: ImageDataset, layer: Layer) -> Measured:
    """Return what a layer's units compute for the training images, and what they detect there."""
    inputs = placed(model, training.images)
    with watching(model, inputs, layer.name, 128, "what a unit computes") as (watch, rows):
        activations = watch.excitements(rows, layer.name).cpu()
    if missing := _missing(training, layer):
        return Measured(activations, None, missing)
    images, masks = _with_patterns(training)
    return Measured(activations, dissect(model, placed(model, images), masks, layer=layer.name), "")


def _with_patterns(training: ImageDataset) -> tuple[Tensor, dict[str, Tensor]]:
    """Plant patterns in some of the images, and return where which concept is."""
    images: Tensor = training.images
    planted = {}
    for seed, name in enumerate(get_args(Pattern)):
        images, planted[name] = plant(images, name, share=PLANTED, seed=seed)
    masks = planted | masks_of(images)
    return images, {name: each for name, each in masks.items() if each.any()}


def _missing(training: ImageDataset, layer: Layer) -> str:
    """Return in a sentence why no concept can be looked for, or nothing."""
    if not layer.maps:
        return "This layer has no maps: its units say nothing of places, so no concept is compared."
    if len(training) < FEWEST or min(training.images.shape[2:]) < SMALLEST:
        return (
            f"Concepts need at least {FEWEST} images of at least {SMALLEST} × {SMALLEST} pixels: "
            f"there are {len(training)} of {' × '.join(map(str, training.images.shape[2:]))}, so "
            f"no concept is compared."
        )
    corners = training.images[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    black = (corners <= SILHOUETTE).flatten(1).all(1).float().mean()
    if float(black) < BLACK:
        return (
            "Edges, holes and silhouettes are measured on a black background, as FashionMNIST's "
            "images have: these images have none, so no concept is compared."
        )
    return ""


def exciting(
    model: nn.Module,
    data: ImageDataset,
    training: ImageDataset,
    seen: Measured,
    image: int,
    layer: Layer,
    unit: int | None,
) -> str:
    """Return what excites a unit, beside an image, with its heading as HTML.

    Parameters
    ----------
    model
        Maps (N, C, H, W) to (N, classes).
    data
        Images with labels and classes.
    training
        Images that are searched, and whose shapes are the maximised image's prior.
    seen
        What :func:`measured` returned for the layer.
    image
        The place of the image.
    layer
        The unit's.
    unit
        Its number; None for the one that the image excites most: its activation lies most standard
        deviations above the mean of the training images.
    """
    pixels, label = data[image]
    inputs = placed(model, pixels.unsqueeze(0))
    with watching(model, inputs, layer.name, 1, "what a unit computes") as (watch, rows):
        own = watch.excitements(rows, layer.name)[0].cpu()
        with torch.no_grad():
            at = watch.one_pass(rows)[1][layer.name][0].cpu()
    spread = seen.activations.std(0, correction=0)
    above = (own - seen.activations.mean(0)) / spread.clamp_min(1e-12)
    chosen = int(torch.where(spread > 0, above, -torch.inf).argmax()) if unit is None else unit
    made = maximise(
        model, layer=layer.name, unit=chosen, data=placed(model, training.images), steps=STEPS
    )
    of_all = seen.activations[:, chosen]
    share = float((of_all < own[chosen]).double().mean())
    facts = [
        f"unit {chosen} of layer {layer.name} ({layer.kind})",
        f"activation {float(own[chosen]):.2g}: more than for {share:.0%} of the training images",
        _said(seen, chosen),
    ]
    figure = drawn(pixels, at[chosen] if layer.maps else None, own[chosen], made, training, of_all)
    if seen.dissection is not None:
        draw_concepts(figure.axes[3], seen.dissection, chosen)
    else:
        figure.axes[3].set_axis_off()
    heading = f"Image {image}: {data.classes[label]}"
    text = html.escape(" · ".join(facts))
    return f"<h4>{html.escape(heading)}</h4><p>{text}</p>{themed(figure)}"


def drawn(
    image: Tensor,
    at: Tensor | None,
    activation: Tensor,
    made: Maximised,
    training: ImageDataset,
    of_all: Tensor,
) -> Figure:
    """Draw an image, the unit's map of it, the maximised image, and what excites the unit most.

    The fourth of the axes is left for the concepts.

    Parameters
    ----------
    image
        (C, H, W).
    at
        The unit's map (h, w), if it has one.
    activation
        The unit's, of the image.
    made
        The maximised image.
    training
        The images that are searched.
    of_all
        (N,), the unit's activations of these.
    """
    figure = Figure(figsize=(7.4, 4.2), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=[1.55, 1])
    above, below = halves
    axes = above.subplots(1, 4, width_ratios=[1, 1, 1, 1.35])
    draw_image(axes[0], image)
    axes[0].set_title("the image", fontsize=9)
    axes[0].set_xlabel(f"{float(activation):+.2g}", fontsize=8)
    if at is None:
        axes[1].set_axis_off()
    else:
        axes[1].imshow(at.detach().float().numpy(), cmap="viridis")
        axes[1].set(xticks=[], yticks=[])
        axes[1].set_title("where the unit is active", fontsize=9)
        axes[1].set_xlabel(f"{float(at.min()):.2g} (dark) to {float(at.max()):.2g}", fontsize=8)
    draw_image(axes[2], made.images[0])
    axes[2].set_title("maximised image", fontsize=9)
    axes[2].set_xlabel(f"{float(made.activation[0].detach()):+.2g}", fontsize=8)
    places = of_all.topk(min(SHOWN, len(of_all))).indices.tolist()
    below.suptitle("the training images that excite it most", fontsize=9)
    for axis, place in zip(below.subplots(1, len(places), squeeze=False)[0], places, strict=True):
        pixels, label = training[place]
        draw_image(axis, pixels)
        axis.set_title(literal(training.classes[label]), fontsize=7)
        axis.set_xlabel(f"{float(of_all[place]):+.2g}", fontsize=8)
    return figure


def draw_concepts(axis: Axes, found: Dissection, unit: int) -> None:
    """Draw a unit's IoU with every concept as bars, with a mark where chance lies."""
    iou, chance = (each[unit].tolist() for each in (found.iou, found.chance))
    rows = range(len(found.concepts))
    axis.barh(rows, iou, color="tab:blue", height=0.6)
    axis.scatter(chance, rows, marker="|", s=160, color="tab:orange", linewidths=2.5, zorder=3)
    axis.set_yticks(rows, _names(found, unit), fontsize=8)
    axis.tick_params(axis="x", labelsize=7)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.1 * max(*iou, *chance, 0.05))
    axis.set_title("concepts: IoU (orange: chance)", fontsize=9)


def _names(found: Dissection, unit: int) -> Sequence[str]:
    pairs = zip(found.concepts, found.detects[unit].tolist(), strict=True)
    return [f"{name}\n(detected)" if detects else name for name, detects in pairs]


def _said(seen: Measured, unit: int) -> str:
    """Return which concepts the unit detects, or why none is compared."""
    found = seen.dissection
    if found is None:
        return seen.missing
    names = [name for name, yes in zip(found.concepts, found.detects[unit], strict=True) if yes]
    return f"detects {', '.join(names)}" if names else "detects none of the concepts beyond chance"
