"""How does a person see it? Maps beside their images, red for and blue against.

Every function returns a matplotlib figure that is already closed: as the last expression of a
cell it is shown once; elsewhere in a cell ``display(figure)`` shows it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from numpy.typing import NDArray
from torch import Tensor

from xaikit.attribution import Explanation
from xaikit.attribution.registry import METHODS
from xaikit.metrics import Curve

_Maps = NDArray[np.float64]

COLOURS = "RdBu_r"
"""Red is evidence for, blue against: a pair that colour-blind readers can tell apart."""

CLIPPED = 0.5
"""Percent of a method's strongest pixels that saturate, so that one pixel cannot fade the rest."""

LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's colours, which colour-blind readers tell apart; the dark ones first."""

DASHES = ("-", "--", "-.", (0, (1, 1)), (0, (6, 1, 1, 1, 1, 1)), (0, (4, 3)))
"""A pattern a line, for prints without colour."""


def attribution_grid(
    explanations: Explanation | Sequence[Explanation],
    images: Tensor,
    classes: Sequence[str] | None = None,
    roles: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    outline: bool = True,
) -> Figure:
    """Show each example's image and, a row a method, its map for each target.

    Colours are symmetric around zero and have one scale a method, shared by all of its maps: two
    maps in one row can be compared, two methods cannot. Where half a percent of a method's
    strongest pixels lie beyond the scale, the colour bar ends in arrows.

    Parameters
    ----------
    explanations
        One or several, of the same inputs and targets; attributions (N, T, C, H, W).
    images
        (N, C, H, W) in [0, 1], C 1 or 3.
    classes
        Names of the classes; default: their numbers.
    roles
        What each of the T targets is, such as "true" or "most likely".
    names
        What to call each explanation; default: its method.
    outline
        Whether to draw the image's contour over its maps.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = [explanations] if isinstance(explanations, Explanation) else list(explanations)
    _expect_matching(rows, images, roles, names)
    sides = [_title(row.method) for row in rows] if names is None else list(names)
    maps = [_summed(row) for row in rows]
    scales = [_scale(each) for each in maps]
    n, targets = rows[0].targets.shape
    figure = plt.figure(
        figsize=(1.55 * (targets + 1) + 1.9, n * (1.6 * len(rows) + 0.45) + 0.35),
        layout="constrained",
    )
    parts = figure.subfigures(n, 1, squeeze=False)[:, 0]
    for i, part in enumerate(parts):
        tops = [_top(int(c), classes, roles, t) for t, c in enumerate(rows[0].targets[i])]
        _example(part, images[i], [each[i] for each in maps], scales, sides, tops, outline)
    figure.supxlabel("red: evidence for the class    blue: evidence against it", fontsize=10)
    plt.close(figure)
    return figure


def image_row(images: Tensor, titles: Sequence[str] | None = None) -> Figure:
    """Show images side by side.

    Parameters
    ----------
    images
        (N, C, H, W) in [0, 1], C 1 or 3.
    titles
        A title for each image.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if images.ndim != 4 or (titles is not None and len(titles) != len(images)):
        raise ValueError("image_row needs images (N, C, H, W) and, if any, a title for each.")
    figure, axes = plt.subplots(
        1, len(images), figsize=(1.6 * len(images), 1.9), squeeze=False, layout="constrained"
    )
    for i, axis in enumerate(axes[0]):
        _image(axis, images[i])
        if titles is not None:
            axis.set_title(titles[i], fontsize=9)
    plt.close(figure)
    return figure


def overlay(
    explanation: Explanation,
    images: Tensor,
    classes: Sequence[str] | None = None,
    roles: Sequence[str] | None = None,
    alpha: float = 0.85,
) -> Figure:
    """Show one method's maps on the images themselves: where there is no evidence, the image stays.

    Colours are symmetric around zero on one scale, shared by all images and targets.

    Parameters
    ----------
    explanation
        Attributions (N, T, C, H, W).
    images
        (N, C, H, W) in [0, 1], C 1 or 3.
    classes
        Names of the classes; default: their numbers.
    roles
        What each of the T targets is, such as "true" or "most likely".
    alpha
        How opaque the strongest evidence is, in (0, 1]; weaker evidence is fainter in proportion.

    Returns
    -------
    matplotlib.figure.Figure
    """
    _expect_matching([explanation], images, roles, None)
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha has to be in (0, 1], not {alpha}.")
    maps = _summed(explanation)
    scale = _scale(maps)
    n, targets = explanation.targets.shape
    figure, axes = plt.subplots(
        n,
        targets + 1,
        figsize=(1.6 * (targets + 1) + 0.9, 1.95 * n + 0.7),
        squeeze=False,
        layout="constrained",
    )
    for i, row in enumerate(axes):
        _image(row[0], images[i])
        row[0].set_title("image", fontsize=9)
        for t, axis in enumerate(row[1:]):
            _faded(axis, images[i])
            opacity = alpha * np.clip(np.abs(maps[i, t]) / scale, 0, 1)
            drawn = _map(axis, maps[i, t], scale)
            drawn.set_alpha(opacity)
            axis.set_title(_top(int(explanation.targets[i, t]), classes, roles, t), fontsize=9)
    beyond = float(np.abs(maps).max()) > scale
    key = ScalarMappable(Normalize(-scale, scale), COLOURS)
    bar = figure.colorbar(key, ax=axes, extend="both" if beyond else "neither", shrink=0.8)
    _label_bar(bar, scale)
    figure.suptitle(_flat_title(explanation.method), fontsize=11)
    figure.supxlabel("red: evidence for the class    blue: evidence against it", fontsize=10)
    plt.close(figure)
    return figure


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
    """
    if not curves:
        raise ValueError("curves needs at least one curve.")
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axis = figure.subplots()
    draw_curves(axis, curves, baselines)
    axis.set_title(title, fontsize=11)
    axis.set_ylabel(ylabel, fontsize=10)
    axis.legend(
        fontsize=9, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=3
    )
    return figure


def draw_curves(axis: Axes, curves: Mapping[str, Curve], baselines: Collection[str] = ()) -> None:
    """Draw what :func:`curves` shows into a figure of one's own, without title and legend."""
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
            label=f"{_flat_title(name)} (area {area_text})",
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


def heat_map(
    matrix: Tensor | NDArray[np.float64] | Sequence[Sequence[float]],
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    title: str = "Agreement of methods",
    label: str = "rank correlation",
    limits: tuple[float, float] = (-1.0, 1.0),
) -> Figure:
    """Show a table of numbers as shades, with each number in its cell.

    Limits on both sides of zero get the signed colours, symmetric around zero; others get a scale
    from dark to light that keeps its order in grey.

    Parameters
    ----------
    matrix
        (rows, columns); nan is left white, with a dash.
    rows
        A name for each row.
    columns
        A name for each column; default: the rows' names, for a square matrix.
    title
        What the table shows.
    label
        What a number is: it stands at the colour bar.
    limits
        The values of the scale's ends.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if isinstance(matrix, Tensor):
        matrix = matrix.detach().cpu().numpy()
    values: _Maps = np.asarray(matrix, dtype=np.float64)
    columns = rows if columns is None else columns
    if values.shape != (len(rows), len(columns)):
        raise ValueError(
            f"a matrix of shape {values.shape} does not match {len(rows)} rows and {len(columns)} "
            f"columns."
        )
    low, high = limits
    if not low < high:
        raise ValueError(f"limits have to rise, but they are {low} and {high}.")
    signed = low < 0 < high
    if signed:
        high = max(-low, high)
        low = -high
    figure, axis = plt.subplots(
        figsize=(0.72 * len(columns) + 3.0, 0.42 * len(rows) + 1.9), layout="constrained"
    )
    norm, colours = Normalize(low, high), plt.get_cmap(COLOURS if signed else "cividis")
    drawn = axis.imshow(values, cmap=colours, norm=norm, aspect="auto")
    axis.set_xticks(range(len(columns)), columns, rotation=40, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(rows)), rows)
    axis.tick_params(labelsize=9, length=0)
    for (i, j), value in np.ndenumerate(values):
        red, green, blue, _ = colours(norm(value))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        text = "–" if np.isnan(value) else f"{value:.2f}".replace("-", "−")
        colour = "white" if dark and not np.isnan(value) else "black"
        axis.text(j, i, text, ha="center", va="center", fontsize=8.5, color=colour)
    axis.set_title(title, fontsize=11)
    bar = figure.colorbar(drawn, ax=axis, pad=0.02)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    plt.close(figure)
    return figure


def summary(
    explanation: Explanation,
    image: Tensor,
    probabilities: Tensor,
    curves: Mapping[str, Curve],
    classes: Sequence[str] | None = None,
    roles: Sequence[str] | None = None,
) -> Figure:
    """Show all about one prediction: image, maps, predicted classes, deletion curve.

    Beside a single target's map stands its overlay. Whatever is explained, the parts keep their
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
    """
    _expect_matching([explanation], image, roles, None)
    maps = _summed(explanation)[0]
    scale = _scale(maps)
    figure = Figure(figsize=(7.4, 4.7), layout="constrained")
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=[1, 1.35])[:, 0]
    shown = len(maps) + 1 if len(maps) > 1 else 3
    axes = top.subplots(1, shown, squeeze=False)[0]
    _image(axes[0], image[0])
    axes[0].set_title("image", fontsize=9)
    for t, axis in enumerate(axes[1 : len(maps) + 1]):
        _map(axis, maps[t], scale)
        _outline(axis, image[0])
        axis.set_title(_top(int(explanation.targets[0, t]), classes, roles, t), fontsize=9)
    if len(maps) == 1:
        _faded(axes[2], image[0])
        drawn = _map(axes[2], maps[0], scale)
        drawn.set_alpha(np.clip(np.abs(maps[0]) / scale, 0, 0.85))
        axes[2].set_title("on the image", fontsize=9)
    beyond = float(np.abs(maps).max()) > scale
    key = ScalarMappable(Normalize(-scale, scale), COLOURS)
    bar = top.colorbar(key, ax=axes, extend="both" if beyond else "neither", shrink=0.75)
    _label_bar(bar, scale)
    top.supxlabel("red: evidence for the class    blue: evidence against it", fontsize=9)
    left, right = bottom.subplots(1, 2, width_ratios=[1, 1.5])
    _predictions(left, probabilities, classes)
    draw_curves(right, curves, baselines=("random",))
    right.set_title(
        f"Deletion: {_top(int(explanation.targets[0, 0]), classes, None, 0)}", fontsize=10
    )
    right.set_ylabel("output for the class", fontsize=9)
    right.legend(fontsize=8, frameon=False, handlelength=3)
    return figure


def _predictions(axis: Axes, probabilities: Tensor, classes: Sequence[str] | None) -> None:
    """Draw the highest probabilities as bars, the highest on top."""
    highest, which = probabilities.detach().cpu().double().topk(min(5, len(probabilities)))
    places = list(range(len(which)))[::-1]
    axis.barh(places, highest.numpy(), color=LINES[0], height=0.62)
    axis.set_yticks(places, [_top(int(each), classes, None, 0) for each in which])
    axis.set_xlim(0, 1.2)
    axis.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    for place, value in zip(places, highest.tolist(), strict=True):
        axis.text(value + 0.02, place, f"{100 * value:.0f} %", va="center", fontsize=9)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(labelsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title("Predictions", fontsize=10)


def _expect_matching(
    rows: Sequence[Explanation],
    images: Tensor,
    roles: Sequence[str] | None,
    names: Sequence[str] | None,
) -> None:
    if not rows:
        raise ValueError("attribution_grid needs at least one explanation.")
    targets = rows[0].targets
    for row in rows:
        if row.attributions.ndim != 5 or row.attributions.shape[2:] != images.shape[1:]:
            raise ValueError(
                f"{row.method}'s attributions {tuple(row.attributions.shape)} are no maps (N, T, "
                f"C, H, W) of images of shape {tuple(images.shape)}."
            )
        if row.targets.shape != targets.shape or (row.targets != targets).any():
            raise ValueError(
                f"{row.method} and {rows[0].method} explain different targets: a grid needs the "
                f"same ones."
            )
    if len(images) != len(targets):
        raise ValueError(f"{len(images)} images do not match explanations of {len(targets)}.")
    if roles is not None and len(roles) != targets.shape[1]:
        raise ValueError(f"{len(roles)} roles do not match {targets.shape[1]} targets.")
    if names is not None and len(names) != len(rows):
        raise ValueError(f"{len(names)} names do not match {len(rows)} explanations.")


def _summed(explanation: Explanation) -> _Maps:
    """Return the maps (N, T, H, W): what a pixel contributes is the sum over its channels."""
    summed: _Maps = explanation.attributions.sum(dim=2).detach().cpu().double().numpy()
    return summed


def _scale(maps: _Maps) -> float:
    magnitude = np.abs(maps)
    # A map that is nearly zero everywhere (Grad-CAM's) would have the percentile at zero.
    return float(np.percentile(magnitude, 100 - CLIPPED)) or float(magnitude.max()) or 1.0


def _title(method: str) -> str:
    """Return the method's name as papers write it, in lines of one word."""
    return "\n".join(_flat_title(method).split())


def _flat_title(method: str) -> str:
    return METHODS[method].title if method in METHODS else method


def _top(
    target: int, classes: Sequence[str] | None, roles: Sequence[str] | None, place: int
) -> str:
    """Return what stands above a map: its class and, if given, the role of that target."""
    name = f"class {target}" if classes is None else classes[target]
    return name if roles is None else f"{roles[place]}:\n{name}"


def _example(
    part: SubFigure,
    image: Tensor,
    maps: Sequence[_Maps],
    scales: Sequence[float],
    sides: Sequence[str],
    tops: Sequence[str],
    outline: bool,
) -> None:
    """Draw one example: its image beside one row of maps (T, H, W) a method."""
    grid = part.add_gridspec(len(sides), len(tops) + 1)
    # The image stands once, in the middle of its methods' rows.
    picture = part.add_subplot(grid[:, 0])
    _image(picture, image)
    picture.set_title("image", fontsize=9)
    for r, (side, signed, scale) in enumerate(zip(sides, maps, scales, strict=True)):
        axes = [part.add_subplot(grid[r, 1 + t]) for t in range(len(tops))]
        for t, axis in enumerate(axes):
            drawn = _map(axis, signed[t], scale)
            if outline:
                _outline(axis, image)
            if r == 0:
                axis.set_title(tops[t], fontsize=9)
        axes[0].set_ylabel(side, fontsize=9)
        beyond = float(np.abs(signed).max()) > scale
        bar = part.colorbar(drawn, ax=axes, extend="both" if beyond else "neither", pad=0.02)
        _label_bar(bar, scale)


def _label_bar(bar: Colorbar, scale: float) -> None:
    bar.set_ticks([-scale, 0, scale], labels=[f"−{scale:.2g}", "0", f"{scale:.2g}"])
    bar.ax.tick_params(labelsize=8)


def _bare(axis: Axes) -> None:
    axis.set_xticks([])
    axis.set_yticks([])


def _image(axis: Axes, image: Tensor) -> None:
    pixels = image.detach().cpu().movedim(0, -1).numpy()
    axis.imshow(pixels, cmap="gray", vmin=0, vmax=1)
    _bare(axis)


def _faded(axis: Axes, image: Tensor) -> None:
    """Show the image between mid-grey and white: on black, dark colours could not be seen."""
    _image(axis, 0.5 + 0.5 * image.mean(dim=0, keepdim=True))


def _map(axis: Axes, values: _Maps, scale: float) -> AxesImage:
    drawn = axis.imshow(values, cmap=COLOURS, vmin=-scale, vmax=scale)
    _bare(axis)
    return drawn


def _outline(axis: Axes, image: Tensor) -> None:
    grey = image.detach().cpu().mean(dim=0).numpy()
    if grey.max() > grey.min():
        level = grey.min() + 0.25 * (grey.max() - grey.min())
        axis.contour(grey, levels=[level], colors="0.35", linewidths=0.5)
