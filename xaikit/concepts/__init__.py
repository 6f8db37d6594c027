"""What did the network learn? Probes, concept vectors, images that excite units, dissection."""

from xaikit.concepts.annotations import Concepts, concepts
from xaikit.concepts.ascent import Maximised, maximise
from xaikit.concepts.dissection import Dissection, dissect
from xaikit.concepts.error_slices import Slice, Slices, slices
from xaikit.concepts.factorisation import Discovered, discover
from xaikit.concepts.masks import masks_of, plant
from xaikit.concepts.probes import Probes, Selectivity, probe
from xaikit.concepts.sensitivity import TCAV, tcav
from xaikit.concepts.shares import Share

__all__ = [
    "TCAV",
    "Concepts",
    "Discovered",
    "Dissection",
    "Maximised",
    "Probes",
    "Selectivity",
    "Share",
    "Slice",
    "Slices",
    "concepts",
    "discover",
    "dissect",
    "masks_of",
    "maximise",
    "plant",
    "probe",
    "slices",
    "tcav",
]
