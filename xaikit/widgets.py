"""What happens if I choose otherwise? An explorer of explanations, for JupyterLab and Colab.

Choices are read in the kernel's thread; the network, which is a copy, is used by one thread beside
it, and only that thread shows results: the newest choice is always the one that is shown last.
"""

from __future__ import annotations

import copy
import html
import inspect
import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import ipywidgets as ipw
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

from xaikit.attribution import explain, methods, targets_of_interest
from xaikit.attribution.arguments import NAMED
from xaikit.attribution.passes import observed
from xaikit.attribution.registry import METHODS
from xaikit.data import load
from xaikit.datasets import ImageDataset
from xaikit.metrics import deletion, random_ranking
from xaikit.models import load_pretrained
from xaikit.plots import summary

ROLES = ("true", "most likely", "second", "least likely")
BASELINES = (*NAMED, "blurred")
SEGMENTS = {"superpixels": "slic", "7 × 7 grid": "grid", "single pixels": None}
BACKGROUND = 32
"""Images of the data, evenly spaced, for methods that compare with a background."""

FIRST = "integrated_gradients"
INK = "#010203"
"""Stands for the page's own text colour in figures, so that they suit light and dark themes."""

STYLE = """<style>
.xaikit-stale { opacity: 0.35; }
.xaikit-picture { transition: opacity 0.15s; }
.xaikit-picture svg { display: block; width: 100%; height: auto; }
.xaikit-picture h4 { margin: 0; font-size: 14px; font-weight: 600; line-height: 22px; }
.xaikit-picture p { margin: 0 0 4px; font-size: 12px; line-height: 18px; opacity: 0.75; }
.xaikit-status { font-size: 12px; line-height: 17px; white-space: normal; }
.xaikit-error { color: var(--jp-error-color1, #d32f2f); }
</style>"""


@dataclass(frozen=True)
class Choice:
    """What is to be shown: results are kept by it.

    Attributes
    ----------
    image
        Its place in the data.
    method
        As :func:`xaikit.explain` takes it.
    target
        A class, or None for the four targets of interest.
    baseline
        One of BASELINES: the method's, where it takes one, and the fill of the deletion curve.
    count
        Steps or samples, for methods that have them.
    segments
        One of SEGMENTS, for methods that have them.
    """

    image: int
    method: str
    target: int | None
    baseline: str
    count: int | None
    segments: str | None


class CancelledError(Exception):
    """The job was cancelled, or a newer one waits."""


class Latest:
    """Runs jobs in one thread beside the caller's: a newer job takes the older one's place.

    A job is given an event that says when to stop. The thread ends when there is nothing to do.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next: Callable[[threading.Event], None] | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, job: Callable[[threading.Event], None]) -> None:
        """Stop what is running, and run this next."""
        with self._lock:
            self._stop.set()
            self._next = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="xaikit", daemon=True)
                self._thread.start()

    def cancel(self) -> None:
        """Stop what is running and drop what waits."""
        with self._lock:
            self._stop.set()
            self._next = None

    def wait(self, timeout: float | None = None) -> bool:
        """Return whether all is done, at the latest after so many seconds."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._lock:
                job, self._next = self._next, None
                if job is None:
                    self._thread = None
                    return
                self._stop = stop = threading.Event()
            job(stop)


class Explorer(ipw.HBox):  # type: ignore[misc] # ipywidgets has no types
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

        label = {"description_width": "78px"}
        wide = ipw.Layout(width="100%", margin="2px 0")
        self.image = ipw.IntSlider(
            description="Image",
            max=len(data) - 1,
            continuous_update=False,
            style=label,
            layout=wide,
        )
        self.wrong = ipw.Button(
            description="Next misclassified", icon="step-forward", layout=_half(grow=True)
        )
        self.method = ipw.Dropdown(
            description="Method",
            options=[(each.title, each.name) for each in methods()],
            value=FIRST,
            style=label,
            layout=wide,
        )
        self.target = ipw.Dropdown(
            description="Targets",
            options=[("four of interest", None), *((n, i) for i, n in enumerate(data.classes))],
            style=label,
            layout=wide,
        )
        self.baseline = ipw.Dropdown(
            description="Baseline", options=BASELINES, style=label, layout=wide
        )
        self.count = ipw.BoundedIntText(
            description="Steps",
            min=1,
            max=100_000,
            continuous_update=False,
            style=label,
            layout=ipw.Layout(width="100%", margin="2px 0"),
        )
        self.segments = ipw.Dropdown(
            description="Segments",
            options=list(SEGMENTS),
            style=label,
            layout=ipw.Layout(width="100%", margin="2px 0"),
        )
        self.run = ipw.Button(
            description="Explain", icon="play", button_style="primary", layout=_half()
        )
        self.stop = ipw.Button(description="Cancel", icon="stop", disabled=True, layout=_half())
        self.progress = ipw.FloatProgress(
            min=0, max=1, layout=ipw.Layout(width="100%", height="10px", margin="8px 0 2px")
        )
        self.status = ipw.HTML(layout=ipw.Layout(height="72px", overflow="auto"))
        self.picture = ipw.HTML(
            _placeholder(), layout=ipw.Layout(flex="1 1 480px", min_width="0", margin="0")
        )
        self.picture.add_class("xaikit-picture")
        controls = ipw.VBox(
            [
                ipw.HTML(STYLE, layout=ipw.Layout(height="0", margin="0", overflow="hidden")),
                self.image,
                ipw.HBox([self.wrong], layout=ipw.Layout(padding="0 2px 6px 86px")),
                self.method,
                self.target,
                self.baseline,
                self.count,
                self.segments,
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
            [controls, self.picture],
            layout=ipw.Layout(width="100%", flex_flow="row wrap", align_items="flex-start"),
        )
        self._offer_options()
        self.method.observe(self._on_method, "value")
        for control in (self.image, self.target, self.baseline, self.count, self.segments):
            control.observe(self._on_choice, "value")
        self.wrong.on_click(self._on_wrong)
        self.run.on_click(self._on_choice)
        self.stop.on_click(self._on_cancel)
        self._on_choice()

    @property
    def choice(self) -> Choice:
        """What the controls say."""
        options = METHODS[self.method.value].options
        return Choice(
            self.image.value,
            self.method.value,
            self.target.value,
            self.baseline.value,
            None if _counted(self.method.value) is None else self.count.value,
            self.segments.value if "segments" in options else None,
        )

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
            self._offer_options()
        finally:
            self._held = False
        self._on_choice()

    def _on_wrong(self, _: Any) -> None:
        start = self.image.value
        self._worker.start(lambda stop: self._seek(start, stop))

    def _on_cancel(self, _: Any) -> None:
        self._worker.cancel()

    def _offer_options(self) -> None:
        """Show the options that the method has, with its own default; others keep their room."""
        name = self.method.value
        counted = _counted(name)
        self.count.layout.visibility = "hidden" if counted is None else "visible"
        if counted is not None:
            self.count.description, self.count.value = counted[0].capitalize(), counted[1]
        has = "segments" in METHODS[name].options
        self.segments.layout.visibility = "visible" if has else "hidden"
        takes = "baseline" in METHODS[name].options
        self.baseline.description = "Baseline" if takes else "Deleted to"

    # --- in the thread beside it: all that uses the network, and all that shows ---

    def _show(self, choice: Choice, stop: threading.Event) -> None:
        title = METHODS[choice.method].title
        with self._working(f"{title} …", stop):
            if choice not in self._shown:
                self._shown[choice] = self._explained(choice)
            if stop.is_set():
                raise CancelledError
            self.picture.value = self._shown[choice]
            self.picture.remove_class("xaikit-stale")
            self._say("Done.")

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
                    found = self._model(self._placed(torch.stack([row[0] for row in rows])))
                labels = torch.tensor([row[1] for row in rows])
                wrong = (found.argmax(1).cpu() != labels).nonzero()
                if len(wrong):
                    self.picture.remove_class("xaikit-stale")
                    if after[k + int(wrong[0])] == start:
                        self._say("No other image is misclassified.")
                    self.image.value = after[k + int(wrong[0])]  # which starts the next job
                    return
            self.picture.remove_class("xaikit-stale")
            self._say("The network classifies every image rightly.")

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
                self._say(f"{what} {done:,} of {total:,} rows".replace(",", " "))

        self.progress.bar_style = "info"
        self.progress.value = 0
        self.run.disabled, self.stop.disabled = True, False
        self.picture.add_class("xaikit-stale")
        self._say(what)
        try:
            with observed(observer):
                yield
            self.progress.value, self.progress.bar_style = 1, "success"
        except CancelledError:
            self.progress.bar_style = "warning"
            self._say("Cancelled. Choose something else, or press Explain to start again.")
        except Exception as error:  # whatever a model raises is shown: a thread has no cell to fail
            self.progress.value, self.progress.bar_style = 1, "danger"
            self._say(str(error).strip().split("\n")[0] or type(error).__name__, error=True)
        finally:
            self.run.disabled, self.stop.disabled = False, True

    def _say(self, text: str, error: bool = False) -> None:
        kind = "xaikit-status xaikit-error" if error else "xaikit-status"
        self.status.value = f'<div class="{kind}" role="status">{html.escape(text)}</div>'

    def _explained(self, choice: Choice) -> str:
        """Return the choice's picture with its heading, as HTML."""
        image, label = self._data[choice.image]
        inputs = self._placed(image.unsqueeze(0))
        four = choice.target is None
        targets = (
            targets_of_interest(self._model, inputs, torch.tensor([label]))
            if choice.target is None
            else torch.tensor([[choice.target]])
        )
        explanation = explain(
            self._model, inputs, targets, choice.method, **self._options(choice, inputs)
        )
        first = replace(
            explanation,
            attributions=explanation.attributions[:, :1],
            targets=explanation.targets[:, :1],
        )
        random = random_ranking(inputs, first.targets)
        fill = _reference(choice.baseline, inputs)
        with torch.no_grad():
            scores = self._model(inputs)[0].cpu()
        probabilities = scores if _sums_to_one(scores) else scores.softmax(0)
        figure = summary(
            explanation,
            inputs,
            probabilities,
            {
                choice.method: deletion(self._model, inputs, first, fill=fill),
                "random": deletion(self._model, inputs, random, fill=fill),
            },
            self._data.classes,
            ROLES if four else None,
        )
        predicted = int(scores.argmax())
        names = self._data.classes
        heading = f"Image {choice.image}: {names[label]}, " + (
            "classified rightly" if predicted == label else f"taken for {names[predicted]}"
        )
        facts = [METHODS[choice.method].title, _duration(explanation.seconds)]
        if choice.count is not None and (counted := _counted(choice.method)):
            facts.insert(1, f"{choice.count} {counted[0]}")
        if explanation.convergence_delta is not None:
            delta = float(explanation.convergence_delta.abs().max())
            facts.append(f"largest completeness error {delta:.1g}")
        return f"<h4>{html.escape(heading)}</h4><p>{html.escape(' · '.join(facts))}</p>" + _themed(
            figure
        )

    def _options(self, choice: Choice, inputs: Tensor) -> dict[str, Any]:
        """Return the choice in the method's own words."""
        takes = METHODS[choice.method].options
        options: dict[str, Any] = {}
        if "baseline" in takes:
            options["baseline"] = _reference(choice.baseline, inputs)[0]
        if choice.count is not None and (counted := _counted(choice.method)):
            options[counted[0]] = choice.count
        if choice.segments is not None:
            options["segments"] = SEGMENTS[choice.segments]
        if "background" in takes and "baseline" not in takes:
            apart = max(1, len(self._data) // BACKGROUND)
            places = range(0, len(self._data), apart)[:BACKGROUND]
            options["background"] = self._placed(torch.stack([self._data[i][0] for i in places]))
        return options

    def _placed(self, images: Tensor) -> Tensor:
        """Return images on the network's device, in its precision."""
        weight = next((p for p in self._model.parameters() if p.is_floating_point()), images)
        return images.to(weight.device, weight.dtype)


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


def _half(grow: bool = False) -> ipw.Layout:
    return ipw.Layout(width="100%" if grow else "48%", margin="0")


def _placeholder() -> str:
    """Return an empty picture of the size of those to come, so that nothing jumps."""
    return '<h4>&nbsp;</h4><p>&nbsp;</p><div style="aspect-ratio: 7.4 / 4.7"></div>'


def _counted(method: str) -> tuple[str, int] | None:
    """Return the name and the default of the method's steps or samples, if it has them."""
    parameters = inspect.signature(METHODS[method].attribute).parameters
    for name in ("steps", "samples"):
        if name in METHODS[method].options and isinstance(parameters[name].default, int):
            return name, parameters[name].default
    return None


def _reference(baseline: str, inputs: Tensor) -> Tensor:
    """Return the baseline of each input, (N, C, H, W)."""
    if baseline in NAMED:
        return torch.full_like(inputs, NAMED[baseline])
    # As wide as a ninth of the image: outlines go, the rough shape stays.
    width = max(1, min(inputs.shape[-2:]) // 9)
    size = min(4 * width + 1, 2 * ((min(inputs.shape[-2:]) - 1) // 2) + 1)
    blurred: Tensor = gaussian_blur(inputs, [size, size], [float(width), float(width)])
    return blurred


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{1000 * seconds:.1f} ms"


def _sums_to_one(scores: Tensor) -> bool:
    return bool((scores >= 0).all() and (scores.sum() - 1).abs() < 1e-4)


def _themed(figure: Figure) -> str:
    """Return the figure as SVG in the page's own text colour, on the page's own background."""
    for text in figure.findobj(Text):
        text.set_color(INK)
    for axis in figure.axes:
        axis.patch.set_alpha(0)
        axis.tick_params(color=INK)
        for spine in axis.spines.values():
            spine.set_edgecolor(INK)
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, dpi=200, metadata={"Date": None})
    svg = file.getvalue()
    return svg[svg.index("<svg") :].replace(INK, "currentColor")
