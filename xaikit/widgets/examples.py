"""What is shown of the training data? An image's proponents above its opponents, as HTML."""

from __future__ import annotations

import html
from typing import Any, Literal

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from xaikit.core.passes import outputs, placed
from xaikit.data import ImageDataset
from xaikit.influence import Influence, influence
from xaikit.influence.registry import METHODS
from xaikit.plots.maps import draw_image, picture
from xaikit.plots.names import literal
from xaikit.widgets.themes import duration, themed

SHOWN = 5
"""How many of each kind."""

COUNTED = 20
"""Of how many proponents the heading says which share has the asked label."""

Asked = Literal["true", "predicted"]
"""Whose loss is asked about: the image's label's, or that of the class which the network says."""


def influential(
    model: nn.Module,
    data: ImageDataset,
    training: ImageDataset,
    image: int,
    method: str,
    asked: Asked,
    options: dict[str, Any],
) -> str:
    """Return an image's proponents and opponents with their heading, as HTML."""
    pixels, label = data[image]
    # What cannot be shown is said before the scores are searched, which may take long.
    _showable(pixels, f"image {image}")
    _showable(training[0][0], "training image 0")
    inputs = placed(model, pixels.unsqueeze(0))
    with torch.no_grad():
        predicted = int(outputs(model, inputs).argmax())
    wanted = label if asked == "true" else predicted
    found = influence(model, inputs, torch.tensor([wanted]), training, method, **options)
    names = data.classes
    heading = f"Image {image}: {names[label]}, " + (
        "classified rightly" if predicted == label else f"taken for {names[predicted]}"
    )
    few = min(COUNTED, len(training))
    alike = int((training.labels[found.top(few)[0].cpu()] == wanted).sum())
    facts = [
        METHODS[method].title,
        f"loss of {names[wanted]!r}",
        f"{alike} of the {few} strongest proponents have this label",
        duration(found.seconds),
    ]
    figure = drawn(pixels, names[wanted], training, found)
    text = html.escape(" · ".join(facts))
    return f"<h4>{html.escape(heading)}</h4><p>{text}</p>{themed(figure)}"


def _showable(pixels: Tensor, name: str) -> Tensor:
    """Return an image as it can be shown, or say which one cannot, and why."""
    try:
        return picture(pixels)
    except ValueError as error:
        raise ValueError(f"{name} cannot be shown: {error}") from error


def drawn(image: Tensor, asked: str, training: ImageDataset, found: Influence) -> Figure:
    """Draw the image, and beside it the training images of the highest and the lowest scores."""
    figure = Figure(figsize=(7.4, 3.7), layout="constrained")
    shown = min(SHOWN, len(training))
    halves: Any = figure.subfigures(1, 2, width_ratios=[1, shown])
    left, right = halves
    axis = left.subplots()
    draw_image(axis, image)
    axis.set_title(f"asked:\n{literal(asked)}", fontsize=9)
    rows = {
        "proponents: training on them lowers the loss": found.top(shown)[0],
        "opponents: training on them raises it": found.bottom(shown)[0],
    }
    parts: Any = right.subfigures(2, 1)
    for part, (title, places) in zip(parts, rows.items(), strict=True):
        part.suptitle(title, fontsize=9)
        for axis, place in zip(part.subplots(1, shown, squeeze=False)[0], places, strict=True):
            pixels, label = training[int(place)]
            draw_image(axis, _showable(pixels, f"training image {int(place)}"))
            axis.set_title(literal(training.classes[label]), fontsize=8)
            axis.set_xlabel(f"{float(found.scores[0, place]):+.2g}", fontsize=8)
    return figure
