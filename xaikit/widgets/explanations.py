"""What speaks for a class? The newest choice is explained and shown."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from xaikit.attribution.registry import METHODS
from xaikit.core.passes import observed, outputs, placed
from xaikit.data import ImageDataset
from xaikit.widgets.choices import Choice
from xaikit.widgets.jobs import CancelledError, Latest
from xaikit.widgets.page import Page
from xaikit.widgets.pictures import explained


class ExplanationPage(Page):
    """Any image explained by any method, with the deletion curve beside it.

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
        self._model, self._data, self._held = model, data, False
        super().__init__(data, worker)
        self.method.observe(self._on_method, "value")
        for control in (self.image, self.target, self.baseline, self.count, self.segments):
            control.observe(self._on_choice, "value")
        self.wrong.on_click(self._on_wrong)
        self.run.on_click(self._on_choice)

    def refresh(self) -> None:
        """Show what is chosen."""
        self._on_choice()

    # --- in the kernel's thread: what was clicked ---

    def _on_choice(self, _: Any = None) -> None:
        if not self._held:
            choice = self.choice
            self._worker.start(lambda stop: self._show(choice, stop))

    def _on_method(self, _: Any) -> None:
        self._held = True
        try:
            self.offer_options()
        finally:
            self._held = False
        self._on_choice()

    def _on_wrong(self, _: Any) -> None:
        start = self.image.value
        self._worker.start(lambda stop: self._seek(start, stop))

    # --- in the thread beside it: all that uses the network, and all that shows ---

    def _show(self, choice: Choice, stop: threading.Event) -> None:
        title = METHODS[choice.method].title
        with self._observing(f"{title} …", stop):
            self.show(choice, lambda: explained(self._model, self._data, choice), stop)

    def _seek(self, start: int, stop: threading.Event) -> None:
        with self._observing("Looking for the next misclassified image …", stop):
            n = len(self._data)
            after = [(start + 1 + k) % n for k in range(n)]
            for k in range(0, n, 64):
                if stop.is_set():
                    raise CancelledError
                self.progress.value = k / n
                rows = [self._data[i] for i in after[k : k + 64]]
                with torch.no_grad():
                    images = placed(self._model, torch.stack([row[0] for row in rows]))
                    found = outputs(self._model, images)
                labels = torch.tensor([row[1] for row in rows])
                wrong = (found.argmax(1).cpu() != labels).nonzero()
                if len(wrong):
                    self.picture.remove_class("xaikit-stale")
                    if after[k + int(wrong[0])] == start:
                        self.say("No other image is misclassified.")
                    self.image.value = after[k + int(wrong[0])]  # which starts the next job
                    return
            self.picture.remove_class("xaikit-stale")
            self.say("The network classifies every image rightly.")

    @contextmanager
    def _observing(self, what: str, stop: threading.Event) -> Iterator[None]:
        """Show how many rows are computed, and let the network's passes be cancelled."""
        last = 0.0

        def observer(done: int, total: int) -> None:
            nonlocal last
            if stop.is_set():
                raise CancelledError
            # Short passes, such as a first look at the outputs, would let the bar flicker.
            if total > 256 and time.monotonic() - last > 0.1:
                last = time.monotonic()
                self.progress.value = done / total
                self.say(f"{what} {done:,} of {total:,} rows".replace(",", " "))

        with self.working(what), observed(observer):
            yield
