"""How does the explorer look? Controls at the left, what they choose beside them."""

from __future__ import annotations

import html

import ipywidgets as ipw

from xaikit.attribution import methods
from xaikit.attribution.registry import METHODS
from xaikit.datasets import ImageDataset
from xaikit.widgets.choices import BASELINES, SEGMENTS, Choice, counted

FIRST = "integrated_gradients"

STYLE = """<style>
.xaikit-stale { opacity: 0.35; }
.xaikit-picture { transition: opacity 0.15s; }
.xaikit-picture svg { display: block; width: 100%; height: auto; }
.xaikit-picture h4 { margin: 0; font-size: 14px; font-weight: 600; line-height: 22px; }
.xaikit-picture p { margin: 0 0 4px; font-size: 12px; line-height: 18px; opacity: 0.75; }
.xaikit-status { font-size: 12px; line-height: 17px; white-space: normal; }
.xaikit-error { color: var(--jp-error-color1, #d32f2f); }
</style>"""


class Page(ipw.HBox):  # type: ignore[misc] # ipywidgets has no types
    """The explorer's controls and its picture: their looks, and what they say."""

    def __init__(self, data: ImageDataset) -> None:
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
        self.offer_options()

    @property
    def choice(self) -> Choice:
        """What the controls say."""
        options = METHODS[self.method.value].options
        return Choice(
            self.image.value,
            self.method.value,
            self.target.value,
            self.baseline.value,
            None if counted(self.method.value) is None else self.count.value,
            self.segments.value if "segments" in options else None,
        )

    def offer_options(self) -> None:
        """Show the options that the method has, with its own default; others keep their room."""
        name = self.method.value
        option = counted(name)
        self.count.layout.visibility = "hidden" if option is None else "visible"
        if option is not None:
            self.count.description, self.count.value = option[0].capitalize(), option[1]
        has = "segments" in METHODS[name].options
        self.segments.layout.visibility = "visible" if has else "hidden"
        takes = "baseline" in METHODS[name].options
        self.baseline.description = "Baseline" if takes else "Deleted to"

    def say(self, text: str, error: bool = False) -> None:
        """Show a sentence below the controls."""
        kind = "xaikit-status xaikit-error" if error else "xaikit-status"
        self.status.value = f'<div class="{kind}" role="status">{html.escape(text)}</div>'


def _half(grow: bool = False) -> ipw.Layout:
    return ipw.Layout(width="100%" if grow else "48%", margin="0")


def _placeholder() -> str:
    """Return an empty picture of the size of those to come, so that nothing jumps."""
    return '<h4>&nbsp;</h4><p>&nbsp;</p><div style="aspect-ratio: 7.4 / 4.7"></div>'
