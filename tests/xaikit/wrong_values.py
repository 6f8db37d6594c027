"""Calls of every method that work, and what must not be given for each of its options.

The kinds of the options stand here by name, apart from the signatures that the library reads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from chain import convolutional
from torch import Tensor, nn

from xaikit import attack, counterfactual, detect, explain, influence
from xaikit.attribution.registry import METHODS as EXPLANATIONS
from xaikit.counterfactuals import Generator
from xaikit.metrics.registry import METRICS

_DRAW = torch.Generator().manual_seed(0)
IMAGES = torch.rand(2, 1, 12, 12, generator=_DRAW)
MANY = torch.rand(30, 1, 12, 12, generator=_DRAW)
NETWORK = convolutional(nn.MaxPool2d)
with torch.no_grad():  # so that it predicts every class
    NETWORK[-1].bias -= NETWORK(MANY).mean(0)
CLASSES = torch.arange(30) % 2
MAP = explain(NETWORK, IMAGES, 0, "input_x_gradient")
INSIDE = IMAGES[:, 0] > 0.5
TOKENS, MARKED = explain(nn.Linear(6, 2), torch.rand(3, 6), 0, "gradient"), torch.ones(3, 6) > 0
GENERATOR = Generator((1, 12, 12), 5).eval()


class Ends(nn.Module):
    """A network with something at its end."""

    def __init__(self, network: nn.Module, end: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.network, self.end = network, end

    def forward(self, x: Tensor) -> Any:
        return self.end(self.network(x))


QUICK: dict[str, dict[str, Any]] = {
    "exemplar": {"examples": MANY, "labels": 0 * CLASSES},
    **{name: {"background": MANY[:3]} for name in ("deep_shap", "expected_gradients")},
    "gradient_shap": {"background": MANY[:3]},
    "fgsm": {"epsilon": 0.1},
    "pgd": {"epsilon": 0.1, "steps": 2},
    "apgd": {"epsilon": 0.1, "steps": 2, "restarts": 2},
    "patch": {"steps": 2, "places": 1},
    "universal_patch": {"steps": 2},
    "neural_cleanse": {"steps": 2},
    "mm_bd": {"steps": 2},
    "wachter": {"steps": 2},
    "prototype": {"steps": 2, "prototypes": "kdtree", "examples": MANY},
    "rl": {"generator": GENERATOR},
    "deletion": {"steps": 3},
    "insertion": {"steps": 3},
    "infidelity": {"samples": 3},
    "sensitivity": {"samples": 2},
}
"""Options that a method cannot do without, or that make it quick."""

FEW: dict[str, dict[str, Any]] = {
    "leave_one_out": {"training": (MANY[:4], CLASSES[:4]), "damping": 0.5, "steps": 3},
    "influence_function": {"damping": 0.5},
    "trak": {"dimension": 20, "damping": 0.5},
}
"""Likewise of the methods of influence."""


def called(family: str, method: str, /, **changes: Any) -> Any:
    """Return what a method answers to a call that works, but for the changes."""
    given = {**QUICK.get(method, {}), **changes}
    if family == "explain":
        for name in ("steps", "samples"):
            if name in EXPLANATIONS[method].options:
                given = {name: 3, **given}
        common = {"model": NETWORK, "inputs": IMAGES, "targets": 0, "method": method}
        return explain(**{**common, **given})
    if family == "attack":
        common = {"model": NETWORK, "inputs": IMAGES, "labels": 0, "method": method}
        return attack(**{**common, **given})
    if family == "detect":
        common = {"model": NETWORK, "inputs": MANY, "labels": CLASSES, "method": method}
        return detect(**{**common, **given})
    if family == "counterfactual":
        common = {"model": NETWORK, "inputs": IMAGES, "targets": 0, "method": method}
        return counterfactual(**{**common, **given})
    if family == "influence":
        common = {"model": NETWORK, "inputs": IMAGES, "labels": 0, "method": method}
        # The options of explain's exemplar are others.
        given = {"training": (MANY, CLASSES), **FEW.get(method, {}), **changes}
        return influence(**{**common, **given})
    measure = METRICS[method].measure
    of_maps = {"explanation": MAP, "mask": INSIDE}
    arguments: dict[str, dict[str, Any]] = {
        "rank_agreement": {"one": MAP, "other": MAP},
        "token_f1": {"explanation": TOKENS, "rationale": MARKED},
        "runtime": {"explanation": MAP},
        **dict.fromkeys(("localisation", "pointing_game", "rank_accuracy"), of_maps),
        "weight_randomisation": {
            "model": NETWORK,
            "inputs": IMAGES,
            "targets": 0,
            "method": "gradient",
        },
    }
    asked = {"model": NETWORK, "inputs": IMAGES, "explanation": MAP}
    return measure(**{**arguments.get(method, asked), **given})


NAN = math.nan
KINDS: dict[str, tuple[set[str], list[Any]]] = {
    "whole number": (
        {"steps", "samples", "window", "stride", "restarts", "size", "places", "batch"}
        | {"components", "k", "tokens", "chunk", "projection", "dimension"},
        ["3", None, 2.5, 2.0, 0, -1, True, NAN, [3], np.float64(2), np.arange(2), torch.ones(2)],
    ),
    "number": (
        {"noise", "epsilon", "gamma", "alpha", "low", "high", "kernel_width", "threshold"}
        | {"enough", "largest", "probability", "tolerance", "beta", "theta", "radius", "scale"}
        | {"damping"},
        ["0.1", None, True, NAN, -math.inf, [0.1], 1j, torch.rand(2), np.zeros(2), 10**400, {}],
    ),
    "yes or no": (
        {"absolute", "normalised", "rescale", "times_input"},
        ["yes", 1, None, [True], NAN, np.ones(2) > 0],
    ),
    "choice": (
        {"norm", "distance", "prototypes", "perturbation"}
        | {"layers", "solver", "similarity", "backend"},
        ["l7", None, 3, ["2"], True, NAN, b"2"],
    ),
    "tensor": (
        {"background", "examples", "labels", "mask", "rationale", "reference_sizes"},
        [[[1.0]], "x", 3, True, NAN, np.zeros(3), {}, ((1, 2), (3,)), torch.rand(1, 7)],
    ),
    "module": (
        {"layer", "autoencoder", "generator"},
        ["conv", 3, True, NAN, [NETWORK[0]], torch.rand(2), nn.ReLU()],
    ),
    "reference": (
        {"baseline", "fill"},
        [
            *("pink", True, NAN, math.inf, [[1.0], [2.0, 3.0]], {}, object(), 1j, ["a"]),
            *(torch.full((1, 12, 12), NAN), torch.rand(1, 7), np.zeros(7)),
        ],
    ),
    "superpixels": (
        {"segments"},
        [
            *("pink", 3, 0.5, True, NAN, [[1], [2, 3]], [["a"]], {}, object()),
            *(torch.rand(12, 12), np.zeros((3, 3), int)),
        ],
    ),
    "rule": ({"rule"}, ["pink", None, 3, ["epsilon"], {"0": None}, {3: "epsilon"}, True, NAN]),
    "place": (
        {"place"},
        [None, 3, "left", (1,), (1.0, 2.0), (True, 1), (99, 99), (-1, 0), {}, NAN, [[1], [2]]],
    ),
    "seed": ({"seed"}, ["0", None, -1, 1.5, True, 2**32, NAN, [1], np.arange(2)]),
    "classes": (
        {"targets"},
        ["a", None, 1.5, True, NAN, [[0, 1], [2]], 99, -1, {}, [], torch.zeros(2, 2, 2).long()],
    ),
    "inputs": (
        {"inputs"},
        [
            *(None, "x", 3, IMAGES.tolist(), IMAGES.numpy(), IMAGES.long(), IMAGES * NAN),
            *(IMAGES[:0], torch.tensor(1.0), IMAGES.double()),
        ],
    ),
    "reshape": ({"reshape_transform"}, ["x", 3, [], {}, NAN, IMAGES]),
    "name": ({"method"}, ["hope", None, 3, ["lime"], {}, True, NAN]),
    "model": ({"model"}, [None, "lecture", 3, len, NETWORK.state_dict()]),
    "training": (
        {"training"},
        [
            *(None, "x", 3, {}, IMAGES, (IMAGES,), [IMAGES, None], (MANY[:0], CLASSES[:0])),
            *((MANY, CLASSES + 9), (MANY, CLASSES[:3]), (MANY.long(), CLASSES), (MANY, "x")),
            *((MANY * NAN, CLASSES), (MANY[..., :5], CLASSES), (MANY, CLASSES * 0.5)),
        ],
    ),
    "checkpoints": (
        {"checkpoints"},
        [
            *("x", 3, True, NAN, {}, [], [3], [{}], [{"a": 1}], [[NETWORK]]),
            *(
                [nn.Linear(2, 2).state_dict()],
                [{k: v * NAN for k, v in NETWORK.state_dict().items()}],
            ),
        ],
    ),
    "rates": (
        {"learning_rates"},
        ["x", 3, True, NAN, {}, [], ["a"], [NAN], [-1.0], [1.0, 2.0], [None], [[1.0]]],
    ),
    "loss": (
        {"loss"},
        ["mse", None, 3, True, NAN, [], lambda s, _: s.sum(), lambda *_: 3, lambda: 3],
    ),
    "dtype": (
        {"dtype"},
        ["float64", 3, True, NAN, torch.float16, torch.int64, [torch.float32]],
    ),
    "function": ({"fit"}, ["x", 3, True, NAN, [len], {}, NETWORK.state_dict()]),
    "explanation": ({"explanation", "one", "other"}, [None, "lime", 3, IMAGES, [MAP]]),
}

OPTIONAL: dict[str, set[str]] = {
    "window": {"occlusion"},
    "stride": {"occlusion"},
    "tokens": {"token_f1"},
    "scale": {"infidelity"},
    "projection": {"grad_dot", "grad_cos", "tracin"},
    "times_input": {"infidelity"},
    "targets": {"fgsm", "pgd", "apgd", "patch", "universal_patch"},
    "inputs": {
        *("neural_cleanse", "mm_bd", "spray", "activation_clustering", "spectral_signatures"),
    },
}
"""Methods for which None says: the default."""


def wrong_for(family: str, method: str, option: str) -> list[Any]:
    """Return values that the method has to refuse for the option."""
    several = [torch.zeros(30, 3).long()] if family in ("attack", "detect", "influence") else []
    if option == "labels" and (family, method) != ("explain", "exemplar"):
        # Classes, which attack and detect take one of an input.
        optional = [value for value in KINDS["classes"][1] if value is not None]
        return [*optional, *several] if family == "detect" else [*optional, None, *several]
    values = next(values for names, values in KINDS.values() if option in names)
    if option in ("mask", "rationale") and option not in METRICS_OPTIONS.get(method, (option,)):
        values = [*values, None]
    if method == "prototype" and option == "autoencoder":
        values = values[:-1]  # with k-d trees none is asked
    if method in OPTIONAL.get(option, ()):
        values = [value for value in values if value is not None]
    return values


METRICS_OPTIONS = {name: each.options for name, each in METRICS.items()}
