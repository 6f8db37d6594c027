"""The report that somebody of the bundled class hands in: made anew, as a student makes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def write_report(path: Path, names: Sequence[str], notebook: str, texts: Sequence[str]) -> None:
    """Write a page with a figure of three methods and these texts, the figure after the first.

    Parameters
    ----------
    path
        The PDF.
    names
        Who hands it in, as the page says.
    notebook
        The address that the page links to.
    texts
        The title, then the paragraphs.
    """
    # They bring torch and matplotlib, which no other command needs.
    import matplotlib.pyplot as plt

    from xaikit import explain, load, load_pretrained, plots, report

    test = load("fashion_mnist", split="test")
    model = load_pretrained("fashion_mnist", device="cpu")
    image = test.images[:1]
    targets = model(image).detach().argsort(1, descending=True)[:, [0, 1, 9]]
    methods = ("gradient", "integrated_gradients", "grad_cam")
    figure = plots.attribution_grid(
        [explain(model, image, targets, method) for method in methods],
        image,
        classes=test.classes,
        roles=("most likely", "second most likely", "least likely"),
    )
    title, first, *rest = texts
    shown = (figure, "Red pixels speak for a class, blue ones against it; one scale a method.", 0.7)
    report(title, names=names, notebook=notebook, parts=[first, shown, *rest], path=path)
    plt.close(figure)
