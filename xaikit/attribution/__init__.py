"""Which inputs mattered? Attribution methods behind one call.

A method's file registers it when it is imported here, and documents its options:
``help("xaikit.attribution.lime")``.
"""

from xaikit.attribution import (  # noqa: F401 (imported for their registration)
    deeplift,
    exemplar,
    expected_gradients,
    grad_cam,
    gradient,
    guided_backprop,
    integrated_gradients,
    kernel_shap,
    lime,
    lrp,
    occlusion,
    smoothgrad,
)
from xaikit.attribution.api import explain, methods, targets_of_interest
from xaikit.attribution.explanation import Explanation
from xaikit.attribution.registry import Method
from xaikit.attribution.segments import superpixels
from xaikit.attribution.tree_shap import tree_shap

__all__ = [
    "Explanation",
    "Method",
    "explain",
    "methods",
    "superpixels",
    "targets_of_interest",
    "tree_shap",
]
