"""What happens if I choose otherwise? The explorer's pages, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import ipywidgets as ipw
import torch
from torch import nn

from xaikit.core.arguments import checked_inputs, checked_model, probed
from xaikit.core.copies import copied
from xaikit.core.devices import own_devices
from xaikit.core.logits import of_two_classes
from xaikit.core.passes import frozen, placed
from xaikit.data import ImageDataset, load
from xaikit.models import load_pretrained
from xaikit.plots.maps import picture
from xaikit.widgets.counterfactuals import CounterfactualPage
from xaikit.widgets.explanations import ExplanationPage
from xaikit.widgets.jobs import Latest
from xaikit.widgets.training_data import TrainingPage
from xaikit.widgets.units import UnitsPage

FIRST = 200
"""How many training images of each class are searched, where nothing else is said."""


class Explorer(ipw.Tab):  # type: ignore[misc] # ipywidgets has no types
    """The widget that :func:`explorer` returns: four pages of one network and one image.

    Attributes
    ----------
    explanations, counterfactuals, training, units
        The pages. One that is opened takes over the other's image.

    Examples
    --------
    >>> import torch
    >>> from xaikit.data import ImageDataset
    >>> from xaikit.widgets import explorer
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    >>> data = ImageDataset(torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 1]), ["cat", "dog"])
    >>> widget = explorer(model, data)
    >>> widget.wait(timeout=60), widget.explanations.image.value
    (True, 0)
    """

    def __init__(
        self,
        model: nn.Module,
        data: ImageDataset,
        training: Callable[[], ImageDataset],
        options: dict[str, Any],
    ) -> None:
        # A copy: the caller may use the network at the same time, and gets it back untouched.
        model, worker = copied(model).eval(), Latest()
        self.explanations = ExplanationPage(model, data, worker)
        self.counterfactuals = CounterfactualPage(model, data, worker)
        self.training = TrainingPage(model, data, training, options, worker)
        self.units = UnitsPage(model, data, training, worker)
        super().__init__(
            [self.explanations, self.counterfactuals, self.training, self.units],
            titles=["Explanations", "Counterfactuals", "Training data", "Units and concepts"],
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


@own_devices
def explorer(
    model: nn.Module | None = None,
    data: ImageDataset | None = None,
    training: ImageDataset | None = None,
    *,
    checkpoints: Sequence[Any] | None = None,
    learning_rates: Sequence[float] | None = None,
) -> Explorer:
    """Return a widget that explains any image by any method, and searches counterfactuals of it.

    One page shows maps, with the deletion curve beside them, another what would have to change, the
    third which training images speak for and against the class, the fourth what excites a unit and
    which concepts it detects. As the last expression of a cell it appears below it. Slow methods
    show their progress and can be cancelled; a new choice takes the place of the running one;
    results are kept.

    Parameters
    ----------
    model
        Maps (N, C, H, W) to (N, classes); default: the trained FashionMNIST network. The explorer
        works on a copy, made now: later training does not show, and the model stays as it is.
    data
        Images with labels and classes; default: FashionMNIST's test split.
    training
        What the model was trained on, or a part of it; the third and the fourth page need it.
        Default for the default model: the first 200 training images of each class.
    checkpoints, learning_rates
        As :func:`xaikit.influence` takes them, for the methods that follow the training.

    Returns
    -------
    Explorer

    Examples
    --------
    >>> import torch
    >>> from xaikit.data import ImageDataset
    >>> from xaikit.widgets import explorer
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    >>> data = ImageDataset(torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 1]), ["cat", "dog"])
    >>> widget = explorer(model, data)
    >>> widget.titles
    ('Explanations', 'Counterfactuals', 'Training data', 'Units and concepts')
    """
    if model is not None:
        checked_model(model)
    for name, given in (("data", data), ("training", training)):
        if given is not None and not isinstance(given, ImageDataset):
            raise TypeError(
                f"{name} has to be an ImageDataset, as xaikit.load returns it, not "
                f"{type(given).__name__}."
            )
        if given is not None and len(given) == 0:
            raise ValueError(f"{name} holds no image: there is nothing to explore.")
    asked_for = model
    model = load_pretrained("fashion_mnist") if model is None else model
    data = load("fashion_mnist") if data is None else data
    searched = cache(partial(_searched, asked_for, training, data.classes))
    model = _expect_matching(model, data)
    along = {"checkpoints": checkpoints, "learning_rates": learning_rates}
    options = {name: value for name, value in along.items() if value is not None}
    return Explorer(model, data, searched, options)


def _searched(
    model: nn.Module | None, training: ImageDataset | None, classes: list[str]
) -> ImageDataset:
    """Return the training images that :func:`explorer` was given, or those of its own network.

    Where they name no class, their labels are those of the data.
    """
    if training is not None and training.classes:
        return training
    if training is not None:
        return ImageDataset(training.images, training.labels, classes, training.source)
    if model is not None:
        raise ValueError("say what the network was trained on: explorer(model, data, training).")
    whole = load("fashion_mnist", "train")
    firsts = [(whole.labels == c).nonzero()[:FIRST, 0] for c in range(len(whole.classes))]
    chosen = torch.cat(firsts)
    return ImageDataset(whole.images[chosen], whole.labels[chosen], whole.classes, whole.source)


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
