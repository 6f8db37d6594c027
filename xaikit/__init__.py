"""xaikit: explain deep networks, and find out how far to believe the explanation.

One call for one question: ``load`` the data, ``load_pretrained`` a network, ``explain`` its
predictions. ``xaikit.plots`` shows the result.
"""

from xaikit.attacks import attack, attack_methods
from xaikit.attribution import (
    Explanation,
    explain,
    methods,
    targets_of_interest,
    tree_shap,
)
from xaikit.backdoors import detect, detection_methods
from xaikit.counterfactuals import (
    Counterfactuals,
    counterfactual,
    counterfactual_methods,
)
from xaikit.data import load
from xaikit.models import load_pretrained

__all__ = [
    "Counterfactuals",
    "Explanation",
    "attack",
    "attack_methods",
    "counterfactual",
    "counterfactual_methods",
    "detect",
    "detection_methods",
    "explain",
    "load",
    "load_pretrained",
    "methods",
    "targets_of_interest",
    "tree_shap",
]
