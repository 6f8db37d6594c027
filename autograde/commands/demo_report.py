"""The report that somebody of the bundled class hands in: made anew, as a student makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from autograde.model.kinds import Line, Text, should_be


@dataclass(frozen=True)
class DemoReport:
    """What stands in the report.

    Attributes
    ----------
    data
        The data set whose first test image the figure explains, by the network of the same name.
    texts
        The title, then the paragraphs.
    """

    data: Line
    texts: Annotated[list[Text], should_be("a list of texts")]


def write_report(path: Path, names: Sequence[str], notebook: str, wanted: DemoReport) -> None:
    """Write a page with a figure of three methods and the texts, the figure after the first.

    Parameters
    ----------
    path
        The PDF.
    names
        Who hands it in, as the page says.
    notebook
        The address that the page links to.
    wanted
        What stands in it.
    """
    # They bring torch and matplotlib, which no other command needs.
    import matplotlib.pyplot as plt

    from xaikit import explain, load, load_pretrained, plots, report

    test = load(wanted.data, split="test")
    model = load_pretrained(wanted.data, device="cpu")
    image = test.images[:1]
    targets = model(image).detach().argsort(1, descending=True)[:, [0, 1, 9]]
    methods = ("gradient", "integrated_gradients", "grad_cam")
    figure = plots.attribution_grid(
        [explain(model, image, targets, method) for method in methods],
        image,
        classes=test.classes,
        roles=("most likely", "second most likely", "least likely"),
    )
    title, first, *rest = wanted.texts
    shown = (figure, "Red pixels speak for a class, blue ones against it; one scale a method.", 0.7)
    report(title, names=names, notebook=notebook, parts=[first, shown, *rest], path=path)
    plt.close(figure)
