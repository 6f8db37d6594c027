"""What would have to change? Counterfactuals of the chosen image, for every other class."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets as ipw
from torch import nn

from xaikit.core.passes import observed
from xaikit.counterfactuals.registry import METHODS
from xaikit.data import ImageDataset
from xaikit.widgets.changes import changed, title_of
from xaikit.widgets.frame import LABEL, Frame, image_slider, wide
from xaikit.widgets.jobs import CancelledError, Latest


class CounterfactualPage(Frame):
    """What would have to change in any image for the network to see another class.

    Parameters
    ----------
    model
        Used by the worker's thread alone.
    data
        Images with labels and classes.
    worker
        Runs the page's jobs.
    """

    def __init__(self, model: nn.Module, data: ImageDataset, worker: Latest) -> None:
        self._model, self._data = model, data
        self.image = image_slider(data)
        self.method = ipw.Dropdown(
            description="Method",
            options=[(title_of(name), name) for name in METHODS],
            style=LABEL,
            layout=wide(),
        )
        super().__init__([self.image, self.method], "Search", "7.4 / 6.4", worker)
        self.image.observe(self._on_choice, "value")
        self.method.observe(self._on_choice, "value")
        self.run.on_click(self._on_choice)

    def refresh(self) -> None:
        """Show what is chosen."""
        self._on_choice()

    def _on_choice(self, _: Any = None) -> None:
        choice = self.image.value, self.method.value
        self._worker.start(lambda stop: self._show(choice, stop))

    def _show(self, choice: tuple[int, str], stop: threading.Event) -> None:
        with self._counting(f"{title_of(choice[1])} …", stop):
            self.show(choice, lambda: changed(self._model, self._data, *choice), stop)

    @contextmanager
    def _counting(self, what: str, stop: threading.Event) -> Iterator[None]:
        """Show how far a search is and how often it asked the network; let it be cancelled."""
        passes, last = 0, time.monotonic()

        def before(*_: Any) -> None:
            nonlocal passes, last
            if stop.is_set():
                raise CancelledError
            passes += 1
            if time.monotonic() - last > 0.1:
                last = time.monotonic()
                self.say(f"{what} {passes:,} passes".replace(",", " "))

        def advanced(done: int, total: int) -> None:
            self.progress.value = done / total

        with self.working(what), observed(advanced):
            hook = self._model.register_forward_pre_hook(before)
            try:
                yield
            finally:
                hook.remove()
