"""What is shown of a search? Each counterfactual above its change, under a heading, as HTML."""

from __future__ import annotations

import html

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from xaikit.core.logits import probabilities_of
from xaikit.core.passes import outputs, placed
from xaikit.counterfactuals import Counterfactuals, counterfactual
from xaikit.counterfactuals.registry import METHODS
from xaikit.data import ImageDataset
from xaikit.plots.maps import colour_bar, draw_image, draw_map, scale_of
from xaikit.plots.names import literal
from xaikit.widgets.themes import duration, themed

OTHERS = 9
"""How many other classes are searched for at most: the likeliest."""

COLUMNS = 5

NONE = 0.75
"""The grey of an item without a counterfactual."""


def title_of(method: str) -> str:
    """Return the method's name as papers write it; an unknown one stays as it is."""
    return METHODS[method].title if method in METHODS else method


def changed(model: nn.Module, data: ImageDataset, image: int, method: str) -> str:
    """Return an image's counterfactuals with their heading, as HTML."""
    pixels, label = data[image]
    inputs = placed(model, pixels.unsqueeze(0))
    with torch.no_grad():
        scores = outputs(model, inputs)[0]
    predicted = int(scores.argmax())
    likely = [int(c) for c in scores.argsort(descending=True) if c != predicted]
    # In the order of the classes: an image's neighbours stand where those of all others do.
    targets = torch.tensor([sorted(likely[:OTHERS])])
    result = counterfactual(model, inputs, targets, method)
    with torch.no_grad():
        reached = probabilities_of(model, result.counterfactuals[0]).cpu()
    sure = reached.gather(1, targets.view(-1, 1))[:, 0]
    names = data.classes
    heading = f"Image {image}: {names[label]}" + (
        "" if predicted == label else f", taken for {names[predicted]}"
    )
    found = int(result.found.sum())
    facts = f"{title_of(method)} · {found} of {targets.numel()} found · {duration(result.seconds)}"
    figure = _figure(result, sure, names)
    return f"<h4>{html.escape(heading)}</h4><p>{html.escape(facts)}</p>{themed(figure)}"


def _figure(result: Counterfactuals, sure: Tensor, names: list[str]) -> Figure:
    """Draw the input, then each class's counterfactual above its change."""
    cells = 1 + result.targets.shape[1]
    blocks = -(-cells // COLUMNS)
    figure = Figure(figsize=(7.4, 0.4 + 3.0 * blocks), layout="constrained")
    axes = figure.subplots(2 * blocks, COLUMNS, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    change = (result.counterfactuals[0] - result.inputs).sum(1).detach().cpu().double().numpy()
    kept = change[result.found[0].cpu().numpy()]
    scale = scale_of(kept) if kept.size else 1.0
    places = [(2 * (cell // COLUMNS), cell % COLUMNS) for cell in range(cells)]
    draw_image(axes[places[0]], result.inputs[0])
    axes[places[0]].set_title("input", fontsize=9)
    for t, target in enumerate(result.targets[0].tolist()):
        row, column = places[1 + t]
        above, below = axes[row, column], axes[row + 1, column]
        above.set_title(literal(names[target]), fontsize=9)
        if result.found[0, t]:
            draw_image(above, result.counterfactuals[0, t])
            draw_map(below, change[t], scale)
            far = f"L1 {float(result.distance_l1[0, t]):.0f}, p {float(sure[t]):.2f}"
            below.set_title(far, fontsize=8)
        else:
            draw_image(above, torch.full_like(result.inputs[0], NONE))
            below.text(0.5, 0.95, "none found", ha="center", va="top", fontsize=8)
    if kept.size:
        colour_bar(figure, list(axes.flat), kept, scale, shrink=0.4, pad=0.02)
        figure.supxlabel("red: brighter than the input    blue: darker", fontsize=9)
    return figure
