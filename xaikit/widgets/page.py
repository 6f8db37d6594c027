"""What can be set on the page of explanations? Its controls, and the choice they make."""

from __future__ import annotations

import ipywidgets as ipw

from xaikit.attribution import methods
from xaikit.attribution.registry import METHODS
from xaikit.data import ImageDataset
from xaikit.widgets.choices import BASELINES, SEGMENTS, Choice, counted
from xaikit.widgets.frame import LABEL, Frame, half, image_slider, wide
from xaikit.widgets.jobs import Latest

FIRST = "integrated_gradients"


class Page(Frame):
    """The controls of the page of explanations: their looks, and what they say."""

    def __init__(self, data: ImageDataset, worker: Latest) -> None:
        self.image = image_slider(data)
        self.wrong = ipw.Button(
            description="Next misclassified", icon="step-forward", layout=half(grow=True)
        )
        self.method = ipw.Dropdown(
            description="Method",
            options=[(each.title, each.name) for each in methods()],
            value=FIRST,
            style=LABEL,
            layout=wide(),
        )
        self.target = ipw.Dropdown(
            description="Targets",
            options=[("four of interest", None), *((n, i) for i, n in enumerate(data.classes))],
            style=LABEL,
            layout=wide(),
        )
        self.baseline = ipw.Dropdown(
            description="Baseline", options=BASELINES, style=LABEL, layout=wide()
        )
        self.count = ipw.BoundedIntText(
            description="Steps",
            min=1,
            max=100_000,
            continuous_update=False,
            style=LABEL,
            layout=wide(),
        )
        self.segments = ipw.Dropdown(
            description="Segments",
            options=list(SEGMENTS),
            style=LABEL,
            layout=wide(),
        )
        super().__init__(
            [
                self.image,
                ipw.HBox([self.wrong], layout=ipw.Layout(padding="0 2px 6px 86px")),
                self.method,
                self.target,
                self.baseline,
                self.count,
                self.segments,
            ],
            "Explain",
            "7.4 / 4.7",
            worker,
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
        """Show the options that the method has, with its own default; others keep their space."""
        name = self.method.value
        option = counted(name)
        self.count.layout.visibility = "hidden" if option is None else "visible"
        if option is not None:
            self.count.description, self.count.value = option[0].capitalize(), option[1]
        has = "segments" in METHODS[name].options
        self.segments.layout.visibility = "visible" if has else "hidden"
        takes = "baseline" in METHODS[name].options
        self.baseline.description = "Baseline" if takes else "Deleted to"
