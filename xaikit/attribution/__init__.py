"""Which inputs mattered? Attribution methods behind one call.

Importing a method's file registers it.
"""

from xaikit.attribution.api import explain, methods, targets_of_interest
from xaikit.attribution.deeplift import deep_shap, deeplift
from xaikit.attribution.explanation import Explanation
from xaikit.attribution.grad_cam import grad_cam
from xaikit.attribution.gradient import gradient, input_x_gradient
from xaikit.attribution.integrated_gradients import integrated_gradients
from xaikit.attribution.lime import lime
from xaikit.attribution.occlusion import occlusion
from xaikit.attribution.registry import Method
from xaikit.attribution.segments import superpixels
from xaikit.attribution.smoothgrad import smoothgrad

__all__ = [
    "Explanation",
    "Method",
    "deep_shap",
    "deeplift",
    "explain",
    "grad_cam",
    "gradient",
    "input_x_gradient",
    "integrated_gradients",
    "lime",
    "methods",
    "occlusion",
    "smoothgrad",
    "superpixels",
    "targets_of_interest",
]
