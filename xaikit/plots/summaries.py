"""What is there to see about one prediction? All of it in one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from xaikit.attribution import Explanation
from xaikit.metrics import Curve
from xaikit.plots.arguments import expect_matching
from xaikit.plots.lines import LINES, draw_curves
from xaikit.plots.maps import (
    KEY,
    colour_bar,
    draw_faded,
    draw_image,
    draw_map,
    draw_outline,
    scale_of,
    summed,
)
from xaikit.plots.names import heading


def summary(
    explanation: Explanation,
    image: Tensor,
    probabilities: Tensor,
    curves: Mapping[str, Curve],
    classes: Sequence[str] | None = None,
    roles: Sequence[str] | None = None,
) -> Figure:
    """Show all about one prediction: image, maps, predicted classes, deletion curve.

    Beside a single target's map stands its overlay. The parts always keep their
    places. Drawn without pyplot, so that any thread may.

    Parameters
    ----------
    explanation
        Of one image, attributions (1, T, C, H, W).
    image
        (1, C, H, W) in [0, 1].
    probabilities
        (classes,), of which the five highest are shown.
    curves
        Deletion curves by name, as :func:`curves` takes them, with "random" in grey.
    classes
        Names of the classes; default: their numbers.
    roles
        What each of the T targets is.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from xaikit import explain, load, load_pretrained
    >>> from xaikit.metrics import deletion
    >>> from xaikit.plots import summary
    >>> model, image = load_pretrained("lecture"), load("fashion_mnist").images[:1]
    >>> explanation = explain(model, image, 9, "gradient")
    >>> curve = deletion(model, image, explanation)
    >>> figure = summary(explanation, image, model(image)[0].softmax(0), {"gradient": curve})
    >>> len(figure.axes) > 2
    True
    """
    expect_matching([explanation], image, roles, None)
    maps = summed(explanation)[0]
    scale = scale_of(maps)
    figure = Figure(figsize=(7.4, 4.7), layout="constrained")
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=[1, 1.35])[:, 0]
    shown = len(maps) + 1 if len(maps) > 1 else 3
    axes = top.subplots(1, shown, squeeze=False)[0]
    draw_image(axes[0], image[0])
    axes[0].set_title("image", fontsize=9)
    for t, axis in enumerate(axes[1 : len(maps) + 1]):
        draw_map(axis, maps[t], scale)
        draw_outline(axis, image[0])
        axis.set_title(heading(int(explanation.targets[0, t]), classes, roles, t), fontsize=9)
    if len(maps) == 1:
        draw_faded(axes[2], image[0])
        drawn = draw_map(axes[2], maps[0], scale)
        drawn.set_alpha(np.clip(np.abs(maps[0]) / scale, 0, 0.85))
        axes[2].set_title("on the image", fontsize=9)
    colour_bar(top, axes, maps, scale, shrink=0.75)
    top.supxlabel(KEY, fontsize=9)
    left, right = bottom.subplots(1, 2, width_ratios=[1, 1.5])
    _predictions(left, probabilities, classes)
    draw_curves(right, curves, baselines=("random",))
    right.set_title(
        f"Deletion: {heading(int(explanation.targets[0, 0]), classes, None, 0)}", fontsize=10
    )
    right.set_ylabel("output for the class", fontsize=9)
    right.legend(fontsize=8, frameon=False, handlelength=3)
    return figure


def _predictions(axis: Axes, probabilities: Tensor, classes: Sequence[str] | None) -> None:
    """Draw the highest probabilities as bars, the highest on top."""
    highest, which = probabilities.detach().cpu().double().topk(min(5, len(probabilities)))
    places = list(range(len(which)))[::-1]
    axis.barh(places, highest.numpy(), color=LINES[0], height=0.62)
    axis.set_yticks(places, [heading(int(each), classes, None, 0) for each in which])
    axis.set_xlim(0, 1.2)
    axis.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    for place, value in zip(places, highest.tolist(), strict=True):
        axis.text(value + 0.02, place, f"{100 * value:.0f} %", va="center", fontsize=9)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(labelsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title("Predictions", fontsize=10)
