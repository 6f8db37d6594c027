"""What happens if I choose otherwise? The newest choice is explained and shown.

Choices are read in the kernel's thread; the network, which is a copy, is used by one thread beside
it, and only that thread shows results: the newest choice is always the one that is shown last.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from xaikit.attribution.passes import observed
from xaikit.attribution.registry import METHODS
from xaikit.data import load
from xaikit.datasets import ImageDataset
from xaikit.models import load_pretrained
from xaikit.widgets.choices import Choice
from xaikit.widgets.jobs import CancelledError, Latest
from xaikit.widgets.page import Page
from xaikit.widgets.pictures import explained, placed


class Explorer(Page):
    """The page that :func:`explorer` returns: controls at the left, what they choose beside them.

    It is one widget, which can be a page of a larger one (``ipywidgets.Tab``).
    """

    def __init__(self, model: nn.Module, data: ImageDataset) -> None:
        # A copy: the caller may use the network at the same time, and gets it back untouched.
        self._model = copy.deepcopy(model).eval()
        self._data = data
        self._shown: dict[Choice, str] = {}
        self._worker = Latest()
        self._held = False
        super().__init__(data)
        self.method.observe(self._on_method, "value")
        for control in (self.image, self.target, self.baseline, self.count, self.segments):
            control.observe(self._on_choice, "value")
        self.wrong.on_click(self._on_wrong)
        self.run.on_click(self._on_choice)
        self.stop.on_click(self._on_cancel)
        self._on_choice()

    def wait(self, timeout: float | None = None) -> bool:
        """Return whether all is shown, at the latest after so many seconds."""
        return self._worker.wait(timeout)

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

    def _on_cancel(self, _: Any) -> None:
        self._worker.cancel()

    # --- in the thread beside it: all that uses the network, and all that shows ---

    def _show(self, choice: Choice, stop: threading.Event) -> None:
        title = METHODS[choice.method].title
        with self._working(f"{title} …", stop):
            if choice not in self._shown:
                self._shown[choice] = explained(self._model, self._data, choice)
            if stop.is_set():
                raise CancelledError
            self.picture.value = self._shown[choice]
            self.picture.remove_class("xaikit-stale")
            self.say("Done.")

    def _seek(self, start: int, stop: threading.Event) -> None:
        with self._working("Looking for the next misclassified image …", stop):
            n = len(self._data)
            after = [(start + 1 + k) % n for k in range(n)]
            for k in range(0, n, 64):
                if stop.is_set():
                    raise CancelledError
                self.progress.value = k / n
                rows = [self._data[i] for i in after[k : k + 64]]
                with torch.no_grad():
                    found = self._model(placed(self._model, torch.stack([row[0] for row in rows])))
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
    def _working(self, what: str, stop: threading.Event) -> Iterator[None]:
        """Show progress and how it ends, and let the network's passes be cancelled."""
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

        self.progress.bar_style = "info"
        self.progress.value = 0
        self.run.disabled, self.stop.disabled = True, False
        self.picture.add_class("xaikit-stale")
        self.say(what)
        try:
            with observed(observer):
                yield
            self.progress.value, self.progress.bar_style = 1, "success"
        except CancelledError:
            self.progress.bar_style = "warning"
            self.say("Cancelled. Choose something else, or press Explain to start again.")
        except Exception as error:  # whatever a model raises is shown: a thread has no cell to fail
            self.progress.value, self.progress.bar_style = 1, "danger"
            self.say(str(error).strip().split("\n")[0] or type(error).__name__, error=True)
        finally:
            self.run.disabled, self.stop.disabled = False, True


def explorer(model: nn.Module | None = None, data: ImageDataset | None = None) -> Explorer:
    """Return a widget that explains any image by any method, with the deletion curve beside it.

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
    if model is not None and not isinstance(model, nn.Module):
        raise TypeError(f"model has to be a torch.nn.Module, not {type(model).__name__}.")
    if data is not None and not isinstance(data, ImageDataset):
        raise TypeError(
            f"data has to be an ImageDataset, as xaikit.load returns it, not {type(data).__name__}."
        )
    model = load_pretrained("fashion_mnist") if model is None else model
    data = load("fashion_mnist") if data is None else data
    if len(data) == 0:
        raise ValueError("data holds no image: there is nothing to explore.")
    return Explorer(model, data)
