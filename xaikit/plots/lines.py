"""How does the output fall or rise while pixels change? Deletion and insertion curves."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xaikit.metrics import Curve
from xaikit.plots.letters import wrapped
from xaikit.plots.names import title_of

LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's colours, which colour-blind readers tell apart; the dark ones first."""

DASHES = ("-", "--", "-.", (0, (1, 1)), (0, (6, 1, 1, 1, 1, 1)), (0, (4, 3)))
"""A pattern a line, for prints without colour."""


def curves(
    curves: Mapping[str, Curve],
    title: str = "Deletion",
    ylabel: str = "output for the target",
    baselines: Collection[str] = ("random", "intensity"),
) -> Figure:
    """Draw deletion or insertion curves of several methods, with their areas in the legend.

    A line is the mean over images and targets; its band is 1.96 standard errors to either side,
    over the images (an image's targets are averaged first: they are not independent). A single
    image has no band.

    Parameters
    ----------
    curves
        Each method's curve by its name, as :func:`xaikit.metrics.deletion` and
        :func:`xaikit.metrics.insertion` return them; scores (N, T, steps + 1).
    title
        "Deletion" or "Insertion", and of what.
    ylabel
        What the model returns: "logit" or "probability of the target".
    baselines
        Names of the curves that every method should beat, such as a random order and the order of
        the pixels' intensity: they are drawn thin and grey.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> from xaikit import explain, load, load_pretrained
    >>> from xaikit.metrics import deletion
    >>> from xaikit.plots import curves
    >>> model, images = load_pretrained("lecture"), load("fashion_mnist").images[:2]
    >>> explanation = explain(model, images, 9, "gradient")
    >>> figure = curves({"gradient": deletion(model, images, explanation)}, ylabel="logit")
    >>> figure.axes[0].get_ylabel()
    'logit'
    """
    if not curves:
        raise ValueError("curves needs at least one curve.")
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axis = figure.subplots()
    draw_curves(axis, curves, baselines)
    axis.set_title(wrapped(title, 3.8, 11), fontsize=11)
    axis.set_ylabel(ylabel, fontsize=10)
    axis.legend(
        fontsize=9, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=3
    )
    return figure


def draw_curves(axis: Axes, curves: Mapping[str, Curve], baselines: Collection[str] = ()) -> None:
    """Draw what :func:`curves` shows into a figure of one's own, without title and legend.

    Examples
    --------
    >>> import torch
    >>> from matplotlib.figure import Figure
    >>> from xaikit.metrics import deletion, random_ranking
    >>> from xaikit.plots import draw_curves
    >>> model, inputs = torch.nn.Identity(), torch.rand(3, 4)
    >>> curve = deletion(model, inputs, random_ranking(inputs, 0), steps=4)
    >>> axis = Figure().subplots()
    >>> draw_curves(axis, {"random": curve}, baselines=["random"])
    >>> len(axis.lines)
    1
    """
    methods = [name for name in curves if name not in baselines]
    others = [name for name in curves if name in baselines]
    if len(methods) > len(LINES) or len(others) > len(DASHES):
        raise ValueError(
            f"{len(curves)} curves in one figure cannot be told apart: draw at most {len(LINES)} "
            f"methods."
        )
    for name, curve in curves.items():
        grey = name in baselines
        place = (others if grey else methods).index(name)
        style = DASHES[(place + 1) % len(DASHES) if grey else place]
        colour = "0.5" if grey else LINES[place]
        scores = curve.scores.detach().cpu().double().numpy().mean(axis=1)
        x, mean = curve.fractions.detach().cpu().double().numpy(), scores.mean(axis=0)
        area_text = f"{float(curve.auc.detach().double().mean()):.2f}".replace("-", "−")
        axis.plot(
            100 * x,
            mean,
            color=colour,
            linestyle=style,
            linewidth=1.2 if grey else 1.9,
            label=f"{title_of(name)} (area {area_text})",
        )
        if len(scores) > 1:
            error = 1.96 * scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
            axis.fill_between(
                100 * x, mean - error, mean + error, color=colour, alpha=0.15, linewidth=0
            )
    axis.set_xlabel("pixels changed (%)", fontsize=10)
    axis.set_xlim(0, 100)
    axis.tick_params(labelsize=9)
    axis.spines[["top", "right"]].set_visible(False)
