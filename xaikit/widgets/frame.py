"""How does a page look, and how does it work? Controls at the left, a picture beside them.

Controls are read in the kernel's thread; the network is used by one thread beside it, and only that
thread shows results: the newest choice is always the one that is shown last.
"""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets as ipw

from xaikit.core.passes import observed
from xaikit.data import ImageDataset
from xaikit.widgets.jobs import CancelledError, Latest

STYLE = """<style>
.xaikit-stale { opacity: 0.35; }
.xaikit-picture { transition: opacity 0.15s; }
.xaikit-picture svg { display: block; width: 100%; height: auto; }
.xaikit-picture h4 { margin: 0; font-size: 14px; font-weight: 600; line-height: 22px; }
.xaikit-picture p { margin: 0 0 4px; font-size: 12px; line-height: 18px; opacity: 0.75; }
.xaikit-status { font-size: 12px; line-height: 17px; white-space: normal; }
.xaikit-error { color: var(--jp-error-color1, #d32f2f); }
</style>"""

LABEL = {"description_width": "78px"}


class Frame(ipw.HBox):  # type: ignore[misc] # ipywidgets has no types
    """A page's frame: its controls, buttons that start and stop, how far it is, and its picture.

    Parameters
    ----------
    controls
        From top to bottom, above the buttons.
    action
        What the button that starts is called.
    ratio
        The picture's, width by height, so that nothing jumps when the first one comes.
    worker
        Runs the page's jobs; pages that share a network share it.
    """

    def __init__(
        self, controls: Sequence[ipw.Widget], action: str, ratio: str, worker: Latest
    ) -> None:
        self._action, self._worker = action, worker
        self._shown: dict[Any, str] = {}
        self.run = ipw.Button(
            description=action, icon="play", button_style="primary", layout=half()
        )
        self.stop = ipw.Button(description="Cancel", icon="stop", disabled=True, layout=half())
        self.progress = ipw.FloatProgress(
            min=0, max=1, layout=ipw.Layout(width="100%", height="10px", margin="8px 0 2px")
        )
        self.status = ipw.HTML(layout=ipw.Layout(height="72px", overflow="auto"))
        self.picture = ipw.HTML(
            f'<h4>&nbsp;</h4><p>&nbsp;</p><div style="aspect-ratio: {ratio}"></div>',
            layout=ipw.Layout(flex="1 1 480px", min_width="0", margin="0"),
        )
        self.picture.add_class("xaikit-picture")
        self.stop.on_click(self._on_cancel)
        side = ipw.VBox(
            [
                ipw.HTML(STYLE, layout=ipw.Layout(height="0", margin="0", overflow="hidden")),
                *controls,
                ipw.HBox(
                    [self.run, self.stop],
                    layout=ipw.Layout(padding="8px 2px 0", justify_content="space-between"),
                ),
                self.progress,
                self.status,
            ],
            layout=ipw.Layout(flex="0 0 290px", margin="0 18px 0 0", overflow="hidden"),
        )
        super().__init__(
            [side, self.picture],
            layout=ipw.Layout(width="100%", flex_flow="row wrap", align_items="flex-start"),
        )

    def wait(self, timeout: float | None = None) -> bool:
        """Return whether all is shown, at the latest after this many seconds."""
        return self._worker.wait(timeout)

    def say(self, text: str, error: bool = False) -> None:
        """Show a sentence below the controls."""
        kind = "xaikit-status xaikit-error" if error else "xaikit-status"
        self.status.value = f'<div class="{kind}" role="status">{html.escape(text)}</div>'

    def show(self, choice: Any, make: Callable[[], str], stop: threading.Event) -> None:
        """Show the choice's picture, made once. In the thread beside the kernel's."""
        if choice not in self._shown:
            self._shown[choice] = make()
        if stop.is_set():
            raise CancelledError
        self.picture.value = self._shown[choice]
        self.picture.remove_class("xaikit-stale")
        self.say("Done.")

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show that something runs, and how it ends. In the thread beside the kernel's."""
        self.progress.bar_style = "info"
        self.progress.value = 0
        self.run.disabled, self.stop.disabled = True, False
        self.picture.add_class("xaikit-stale")
        self.say(what)
        try:
            yield
            self.progress.value, self.progress.bar_style = 1, "success"
        except CancelledError:
            self.progress.bar_style = "warning"
            self.say(f"Cancelled. Choose something else, or press {self._action} to start again.")
        except Exception as error:  # the page shows it: a thread has no cell that could fail
            self.progress.value, self.progress.bar_style = 1, "danger"
            self.say(str(error).strip().split("\n")[0] or type(error).__name__, error=True)
        finally:
            self.run.disabled, self.stop.disabled = False, True

    @contextmanager
    def observing(self, what: str, stop: threading.Event) -> Iterator[None]:
        """Do as :meth:`working`; show how far it is, too, and let it be cancelled there."""
        last = 0.0

        def advanced(done: int, total: int) -> None:
            nonlocal last
            if stop.is_set():
                raise CancelledError
            if time.monotonic() - last > 0.1:
                last = time.monotonic()
                self.progress.value = done / max(total, 1)
                self.say(f"{what} {done:,} of {total:,}".replace(",", " "))

        with self.working(what), observed(advanced):
            yield

    def _on_cancel(self, _: Any) -> None:
        self._worker.cancel()


def half(grow: bool = False) -> ipw.Layout:
    """Return the space of a button beside another, or of one alone."""
    return ipw.Layout(width="100%" if grow else "48%", margin="0")


def wide() -> ipw.Layout:
    """Return the space of a control: one of its own for each, so that each can be hidden."""
    return ipw.Layout(width="100%", margin="2px 0")


def image_slider(data: ImageDataset) -> ipw.IntSlider:
    """Return the control that chooses an image."""
    return ipw.IntSlider(
        description="Image",
        max=len(data) - 1,
        continuous_update=False,
        style=LABEL,
        layout=wide(),
    )
