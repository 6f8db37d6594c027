"""How does a person see it? Maps beside their images, red for and blue against.

Every function returns a matplotlib figure that is already closed: as the last expression of a
cell it is shown once; elsewhere in a cell ``display(figure)`` shows it.
"""

from xaikit.plots.grids import attribution_grid, image_row
from xaikit.plots.lines import curves, draw_curves
from xaikit.plots.overlays import overlay
from xaikit.plots.summaries import summary
from xaikit.plots.tables import heat_map

__all__ = [
    "attribution_grid",
    "curves",
    "draw_curves",
    "heat_map",
    "image_row",
    "overlay",
    "summary",
]
