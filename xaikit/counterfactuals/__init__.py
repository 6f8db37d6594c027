"""What would have to change? The nearest inputs with another prediction."""

from xaikit.counterfactuals.api import counterfactual
from xaikit.counterfactuals.linear import linear_counterfactual
from xaikit.counterfactuals.registry import counterfactual_methods
from xaikit.counterfactuals.result import Counterfactuals
from xaikit.counterfactuals.rl import load_generator
from xaikit.counterfactuals.rl_networks import Generator
from xaikit.counterfactuals.rl_training import train_generator

__all__ = [
    "Counterfactuals",
    "Generator",
    "counterfactual",
    "counterfactual_methods",
    "linear_counterfactual",
    "load_generator",
    "train_generator",
]
