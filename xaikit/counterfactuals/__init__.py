"""What would have to change? The nearest inputs with another prediction."""

from xaikit.counterfactuals.api import counterfactual
from xaikit.counterfactuals.linear import linear_counterfactual
from xaikit.counterfactuals.result import Counterfactuals

__all__ = ["Counterfactuals", "counterfactual", "linear_counterfactual"]
