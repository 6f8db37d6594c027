"""Layer-wise relevance propagation and deep Taylor decomposition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from xaikit.attribution.functions import (
    CONVOLUTIONS,
    current_layer,
    current_module,
    operation,
    plain_name,
)
from xaikit.attribution.registry import Attribution, method
from xaikit.attribution.relevance_pass import Choice, Propagation, relevance
from xaikit.attribution.relevance_rules import (
    alpha_beta_rule,
    box_rule,
    epsilon_rule,
    gamma_rule,
    square_rule,
)
from xaikit.core.problem import Problem

RULES = ("epsilon", "gamma", "alpha_beta", "z_plus", "w_square", "z_box")
"""How a layer can share relevance out."""

Rules = str | Mapping[str | type[nn.Module], str]
"""One of :data:`RULES` or ``"composite"``, or a rule for each layer, by its name or its type."""


@method(
    "LRP",
    needs=("gradients", "layers"),
    based_on="relevance",
    passes="2 to 5 forward by rule, T backward",
    paper="Bach et al. 2015, On pixel-wise explanations for non-linear classifier decisions by "
    "layer-wise relevance propagation, doi:10.1371/journal.pone.0130140; Montavon et al. 2019, "
    "Layer-wise relevance propagation: an overview, doi:10.1007/978-3-030-28954-6_10",
)
def lrp(
    problem: Problem,
    *,
    rule: Rules = "epsilon",
    epsilon: float = 1e-6,
    gamma: float = 0.25,
    alpha: float = 2.0,
    low: float = 0.0,
    high: float = 1.0,
) -> Attribution:
    """Return the target's output, distributed layer by layer over what contributed to it.

    A unit's relevance R goes to its inputs in proportion to their contributions zᵢ = xᵢ wᵢ. With
    z⁺, z⁻ for positive and negative contributions, and Σ over the unit's contributions *and its
    bias* (which counts with the sign it has, and keeps its share: with biases the map does not
    sum to the output):

    - ``"epsilon"``: zᵢ / (Σz + ε sign Σz), in all layers. As ε vanishes, input × gradient.
    - ``"gamma"``: what has the sign of Σz counts 1 + γ times.
    - ``"alpha_beta"``: α zᵢ⁺ / Σz⁺ − (α − 1) zᵢ⁻ / Σz⁻.
    - ``"z_plus"``: zᵢ⁺ / Σz⁺, that is α = 1: LRP-α₁β₀. Deep Taylor's z⁺ rule leaves biases out;
      the two are the same where no bias is positive.
    - ``"w_square"``: wᵢ² / Σw², independent of the input: for first layers with inputs of any sign.
    - ``"z_box"`` (zᴮ): (xᵢwᵢ − l wᵢ⁺ − h wᵢ⁻) / Σ, for first layers with inputs in [l, h]. Like
      w², it leaves the bias out.
    - ``"composite"``: ε in linear layers, z⁺ in convolutions (Kohlbrenner et al. 2020,
      arXiv:1910.09840): the usual choice for images.

    A mapping gives each layer its own: ``{"0": "z_box", nn.Linear: "epsilon", "": "gamma"}``.
    Keys are names as in ``model.named_modules()``, each with all that lies within (``""`` is the
    whole model), or types; the longest name that fits wins, then the first type, then ``""``.

    Activations of value 0 at 0 (ReLU, leaky ReLU, hardswish, …) and constants that are added or
    multiplied pass relevance on as it is: a unit of one input gives it all. So does a product with
    a gate (a sigmoid), whose signal gets all (Arras et al. 2019, arXiv:1909.12114). Maxima pass it
    to the place where they were taken, averages share it as linear layers. Batch normalisation is
    merged with the layer right before it; elsewhere it has the ε-rule under ``"epsilon"`` and
    passes relevance on under the others; a product and then a sum with a constant for each channel
    count as batch normalisation. Where branches are added, each gets its share by the
    ε-rule; where they are concatenated, what came from it. Any other layer is refused by name.

    Parameters
    ----------
    problem
        What is explained.
    rule
        One of the above, or a mapping from layers to them.
    epsilon
        Positive, in the output's units: added to each denominator's magnitude. Larger values
        absorb relevance and remove noise.
    gamma
        For ``"gamma"``: 0 is ``"epsilon"``, infinity nears ``"z_plus"``.
    alpha
        For ``"alpha_beta"``: at least 1.
    low, high
        For ``"z_box"``: the range of the inputs of its layer; where nothing but a constant
        normalisation lies between, of the model's inputs.
    """
    chosen = _choice(problem.model, rule)
    _expect_positive(epsilon)
    if not 0 <= gamma < float("inf"):
        raise ValueError(f"gamma has to be 0 or more, and finite; not {gamma!r}.")
    if not 1 <= alpha < float("inf"):
        raise ValueError(f"alpha has to be 1 or more, and finite; not {alpha!r}.")
    called = f"lrp with rule={rule!r}" if isinstance(rule, str) else "lrp"
    rules = {
        "epsilon": epsilon_rule(epsilon),
        "gamma": gamma_rule(gamma, epsilon),
        "alpha_beta": alpha_beta_rule(alpha, epsilon),
        "z_plus": alpha_beta_rule(1.0, epsilon),
        "w_square": square_rule(epsilon),
        "z_box": box_rule(low, high, epsilon, called),
    }

    def choice(func: Callable[..., Any], first: bool) -> str:
        return "epsilon" if operation(func) in ("add", "sub", "rsub") else chosen(func, first)

    return relevance(problem, lambda: Propagation(problem, called, rules, choice, (low, high)))


def _choice(model: nn.Module, rule: Rules) -> Choice:
    """Return which rule a layer has, or say what is wrong with the choice."""
    if rule == "composite":
        convolved = CONVOLUTIONS | {"batch_norm"}
        return lambda func, _: "z_plus" if plain_name(func) in convolved else "epsilon"
    if isinstance(rule, str):
        if rule not in RULES:
            names = ", ".join((*RULES, "composite"))
            raise ValueError(f"unknown rule {rule!r}: choose one of {names}.")
        return lambda _, __: rule
    layers = {name for name, _ in model.named_modules()}
    for key, value in rule.items():
        if value not in RULES:
            raise ValueError(f"unknown rule {value!r}: choose one of {', '.join(RULES)}.")
        if not (isinstance(key, type) and issubclass(key, nn.Module)) and key not in layers:
            raise ValueError(
                f"rule= names no layer of the model with {key!r}: use a name from "
                f"model.named_modules(), or a type such as nn.Linear."
            )

    def of_layer(func: Callable[..., Any], _: bool) -> str:
        name, layer = current_module(model) or ("", model)
        path = name.split(".")
        for end in range(len(path), 0, -1):
            if name and (found := rule.get(".".join(path[:end]))):
                return found
        for key, value in rule.items():
            if isinstance(key, type) and isinstance(layer, key):
                return value
        if "" in rule:
            return rule[""]
        raise ValueError(
            f"rule= says nothing of {current_layer(model, func)}: name its layer or its type, or "
            f'give "" for all others.'
        )

    return of_layer


@method(
    "Deep Taylor",
    needs=("gradients", "layers"),
    based_on="relevance",
    passes="4 forward, T backward",
    paper="Montavon et al. 2017, Explaining nonlinear classification decisions with deep Taylor "
    "decomposition, arXiv:1512.02479",
)
def deep_taylor(
    problem: Problem, *, low: float = 0.0, high: float = 1.0, epsilon: float = 1e-9
) -> Attribution:
    """Return the target's output, distributed by a Taylor expansion of every unit.

    The z⁺ rule in hidden layers and where branches are added, zᴮ in the first layer, whose inputs
    lie in [low, high], before the model's own constant normalisation if it has one; biases are left
    out of both, so that the map of a positive output has no negative value and sums to the
    output (up to units without any positive contribution, which lose their relevance).

    Two assumptions to know. Biases are not positive: a positive one makes a unit active that no
    input explains, and folding batch normalisation into the convolutions produces such biases,
    as in this package's own networks. And the output is positive: a negative one yields the same
    map, negative, and no evidence against the class.

    Parameters
    ----------
    problem
        What is explained; every input in [low, high].
    low, high
        Range of the inputs, for example of pixels.
    epsilon
        Positive: added to each denominator's magnitude.
    """
    _expect_positive(epsilon)
    rules = {
        "hidden": alpha_beta_rule(1.0, epsilon, biased=False),
        "first": box_rule(low, high, epsilon, "deep_taylor"),
    }

    def choice(_: Callable[..., Any], first: bool) -> str:
        return "first" if first else "hidden"

    box = (low, high)
    return relevance(problem, lambda: Propagation(problem, "deep_taylor", rules, choice, box))


def _expect_positive(epsilon: float) -> None:
    if not 0 < epsilon < float("inf"):
        raise ValueError(f"epsilon has to be positive, and finite; not {epsilon!r}.")
