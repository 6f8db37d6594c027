"""Which training examples made the network say so? Proponents and opponents of the chosen image."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import ipywidgets as ipw
from torch import nn

from xaikit.data import ImageDataset
from xaikit.influence.registry import METHODS
from xaikit.widgets.examples import Asked, influential
from xaikit.widgets.frame import LABEL, Frame, image_slider, wide
from xaikit.widgets.jobs import Latest

Choice = tuple[int, str, Asked, str]


class TrainingPage(Frame):
    """The training images that speak for and against the chosen image's class, by any method.

    Parameters
    ----------
    model
        Used by the worker's thread alone.
    data
        Images with labels and classes.
    training
        Gives what the model was trained on. It is asked when the page first needs it, because
        reading takes a while.
    options
        What methods get that take it: checkpoints and their learning rates.
    worker
        Runs the page's jobs.
    """

    def __init__(
        self,
        model: nn.Module,
        data: ImageDataset,
        training: Callable[[], ImageDataset],
        options: dict[str, Any],
        worker: Latest,
    ) -> None:
        self._model, self._data, self._options = model, data, options
        self._training = training
        self.image = image_slider(data)
        self.method = ipw.Dropdown(
            description="Method",
            options=[(each.title, each.name) for each in METHODS.values()],
            value="grad_cos",
            style=LABEL,
            layout=wide(),
        )
        self.asked = ipw.Dropdown(
            description="Loss of",
            options=[("the true class", "true"), ("the predicted class", "predicted")],
            style=LABEL,
            layout=wide(),
        )
        self.layers = ipw.Dropdown(
            description="Layers",
            options=[("the last one", "last"), ("all", "all")],
            style=LABEL,
            layout=wide(),
        )
        controls = [self.image, self.method, self.asked, self.layers]
        super().__init__(controls, "Search", "7.4 / 3.7", worker)
        for control in controls:
            control.observe(self._on_choice, "value")
        self.run.on_click(self._on_choice)

    def refresh(self) -> None:
        """Show what is chosen."""
        self._on_choice()

    def _on_choice(self, _: Any = None) -> None:
        has = "layers" in METHODS[self.method.value].options
        self.layers.layout.visibility = "visible" if has else "hidden"
        choice = self.image.value, self.method.value, self.asked.value, self.layers.value
        self._worker.start(lambda stop: self._show(choice, stop))

    def _show(self, choice: Choice, stop: threading.Event) -> None:
        with self.observing(f"{METHODS[choice[1]].title} …", stop):
            self.show(choice, lambda: self._made(choice), stop)

    def _made(self, choice: Choice) -> str:
        training = self._training()
        image, method, asked, layers = choice
        takes = METHODS[method].options
        options = {name: value for name, value in self._options.items() if name in takes}
        if "layers" in takes:
            options["layers"] = layers
        return influential(self._model, self._data, training, image, method, asked, options)
