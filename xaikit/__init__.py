"""xaikit: explain deep networks, and find out how far to believe the explanation.

One call for one question: ``load`` the data, ``load_pretrained`` a network, ``explain`` its
predictions. ``xaikit.plots`` shows the result.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from xaikit.influence import Influence, influence, influence_methods, self_influence
    from xaikit.models import load_pretrained
    from xaikit.report import report

__all__ = [
    "Counterfactuals",
    "Explanation",
    "Influence",
    "attack",
    "attack_methods",
    "counterfactual",
    "counterfactual_methods",
    "detect",
    "detection_methods",
    "explain",
    "influence",
    "influence_methods",
    "load",
    "load_pretrained",
    "methods",
    "report",
    "self_influence",
    "targets_of_interest",
    "tree_shap",
]

_HOMES = {
    "Counterfactuals": "counterfactuals",
    "Explanation": "attribution",
    "Influence": "influence",
    "attack": "attacks",
    "attack_methods": "attacks",
    "counterfactual": "counterfactuals",
    "counterfactual_methods": "counterfactuals",
    "detect": "backdoors",
    "detection_methods": "backdoors",
    "explain": "attribution",
    "influence_methods": "influence",
    "load": "data",
    "load_pretrained": "models",
    "methods": "attribution",
    "self_influence": "influence",
    "targets_of_interest": "attribution",
    "tree_shap": "attribution",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for: what needs no PyTorch starts seconds sooner."""
    if name in _HOMES:
        value = getattr(import_module(f"xaikit.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _HOMES.values() or name in ("concepts", "report"):
        return import_module(f"xaikit.{name}")
    raise AttributeError(f"module 'xaikit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
