"""What does a unit want to see? What excites it, and which concepts it detects."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import ipywidgets as ipw
from torch import nn

from xaikit.data import ImageDataset
from xaikit.widgets.excited import Layer, Measured, exciting, measured, offered
from xaikit.widgets.frame import LABEL, Frame, image_slider, wide
from xaikit.widgets.jobs import Latest

MOST = "the most excited"

Choice = tuple[int, Layer | None, int | None]


class UnitsPage(Frame):
    """The unit that the chosen image excites most, or another: what excites it, what it detects.

    Parameters
    ----------
    model
        Used by the worker's thread alone, once the page is made.
    data
        Images with labels and classes.
    training
        Gives the images that are searched; asked when the page first needs them.
    worker
        Runs the page's jobs.
    """

    def __init__(
        self,
        model: nn.Module,
        data: ImageDataset,
        training: Callable[[], ImageDataset],
        worker: Latest,
    ) -> None:
        self._model, self._data, self._training = model, data, training
        self._measured: dict[Layer, Measured] = {}
        layers = offered(model, data[0][0])
        maps = [each for each in layers if each.maps]
        self.image = image_slider(data)
        self.layer = ipw.Dropdown(
            description="Layer",
            options=[(f"{each.name} · {each.kind} · {each.units} units", each) for each in layers],
            value=next(reversed(maps or layers), None),
            style=LABEL,
            layout=wide(),
        )
        self.unit = ipw.Dropdown(
            description="Unit",
            options=[(MOST, False), ("by its number", True)],
            style=LABEL,
            layout=wide(),
        )
        self.number = ipw.BoundedIntText(
            description="Number", continuous_update=False, style=LABEL, layout=wide()
        )
        controls = [self.image, self.layer, self.unit, self.number]
        super().__init__(controls, "Show", "7.4 / 4.2", worker)
        self._offer_numbers()
        for control in controls:
            control.observe(self._on_choice, "value")
        self.run.on_click(self._on_choice)

    def refresh(self) -> None:
        """Show what is chosen."""
        self._on_choice()

    def _offer_numbers(self) -> None:
        """Bound the number by the layer's units, and show it where it counts."""
        self.number.layout.visibility = "visible" if self.unit.value else "hidden"
        if self.layer.value is not None:
            self.number.max = self.layer.value.units - 1

    def _on_choice(self, _: Any = None) -> None:
        self._offer_numbers()
        choice = (
            self.image.value,
            self.layer.value,
            self.number.value if self.unit.value else None,
        )
        self._worker.start(lambda stop: self._show(choice, stop))

    def _show(self, choice: Choice, stop: threading.Event) -> None:
        with self.observing("Units …", stop):
            self.show(choice, lambda: self._made(choice), stop)

    def _made(self, choice: Choice) -> str:
        image, layer, unit = choice
        if layer is None:
            raise ValueError(
                "this network has no layer of its own that runs once in a pass: there is no unit "
                "to look at."
            )
        training = self._training()
        if layer not in self._measured:
            self._measured[layer] = measured(self._model, training, layer)
        seen = self._measured[layer]
        return exciting(self._model, self._data, training, seen, image, layer, unit)
