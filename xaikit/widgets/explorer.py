"""What happens if I choose otherwise? The explorer's pages, and what they share."""

from __future__ import annotations

import copy
from typing import Any

import ipywidgets as ipw
from torch import nn

from xaikit.core.arguments import checked_inputs, checked_model, probed
from xaikit.core.logits import of_two_classes
from xaikit.core.passes import frozen, placed
from xaikit.data import ImageDataset, load
from xaikit.models import load_pretrained
from xaikit.plots.maps import picture
from xaikit.widgets.counterfactuals import CounterfactualPage
from xaikit.widgets.explanations import ExplanationPage
from xaikit.widgets.jobs import Latest


class Explorer(ipw.Tab):  # type: ignore[misc] # ipywidgets has no types
    """The widget that :func:`explorer` returns: two pages of one network and one image.

    Attributes
    ----------
    explanations, counterfactuals
        The pages. One that is opened takes over the other's image.
    """

    def __init__(self, model: nn.Module, data: ImageDataset) -> None:
        # A copy: the caller may use the network at the same time, and gets it back untouched.
        model, worker = copy.deepcopy(model).eval(), Latest()
        self.explanations = ExplanationPage(model, data, worker)
        self.counterfactuals = CounterfactualPage(model, data, worker)
        super().__init__(
            [self.explanations, self.counterfactuals],
            titles=["Explanations", "Counterfactuals"],
            selected_index=0,
        )
        self.observe(self._on_page, "selected_index")
        self.explanations.refresh()

    def wait(self, timeout: float | None = None) -> bool:
        """Return whether all is shown, at the latest after this many seconds."""
        return self.explanations.wait(timeout)

    def _on_page(self, change: dict[str, Any]) -> None:
        left, opened = (self.children[change[which]] for which in ("old", "new"))
        if opened.image.value == left.image.value:
            opened.refresh()
        else:
            opened.image.value = left.image.value  # which refreshes it


def explorer(model: nn.Module | None = None, data: ImageDataset | None = None) -> Explorer:
    """Return a widget that explains any image by any method, and searches counterfactuals of it.

    One page shows maps, with the deletion curve beside them, the other what would have to change.
    As the last expression of a cell it appears below it. Slow methods show their progress and can
    be cancelled; a new choice takes the place of the running one; results are kept.

    Parameters
    ----------
    model
        Maps (N, C, H, W) to (N, classes); default: the trained FashionMNIST network. The explorer
        works on a copy, made now: later training does not show, and the model stays as it is.
    data
        Images with labels and classes; default: FashionMNIST's test split.

    Returns
    -------
    Explorer

    Examples
    --------
    >>> from xaikit.widgets import explorer
    >>> explorer()  # doctest: +SKIP
    """
    if model is not None:
        checked_model(model)
    if data is not None and not isinstance(data, ImageDataset):
        raise TypeError(
            f"data has to be an ImageDataset, as xaikit.load returns it, not {type(data).__name__}."
        )
    model = load_pretrained("fashion_mnist") if model is None else model
    data = load("fashion_mnist") if data is None else data
    if len(data) == 0:
        raise ValueError("data holds no image: there is nothing to explore.")
    return Explorer(_expect_matching(model, data), data)


def _expect_matching(model: nn.Module, data: ImageDataset) -> nn.Module:
    """Return the model, one of one logit as one of two classes.

    Fail if the first image cannot be shown or classified, or a class has no name.
    """
    image, _ = data[0]
    picture(image)
    inputs = checked_inputs(model, placed(model, image.unsqueeze(0)))
    with frozen(model):
        model, scores = of_two_classes(model, inputs, probed(model, inputs))
    classes = scores.shape[1]
    if (named := len(data.classes)) < (most := max(classes, int(data.labels.max()) + 1)):
        raise ValueError(
            f"data.classes holds {named} names, but the model or the labels tell {most} classes "
            f"apart: give a name for each."
        )
    return model
