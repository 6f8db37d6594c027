"""zennit's relevance propagation (Anders et al. 2021, arXiv:2106.13200) under the course's options.

An optional extra: ``pip install "xaikit[zennit]"``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from xaikit.attribution.backends.asked import (
    by_target,
    complete,
    expect_modules,
    library,
    over_references,
)
from xaikit.attribution.functions import (
    AVERAGES,
    CONVOLUTIONS,
    carriers,
    current_layer,
    current_module,
    operation,
)
from xaikit.attribution.registry import Attribution, adapter
from xaikit.core.passes import outputs
from xaikit.core.problem import Problem
from xaikit.core.references import Baseline

_JOINS = {
    *("add", "sub", "subtract", "rsub", "mul", "multiply", "div", "divide", "true_divide"),
    *("mean", "sum", "linear", *AVERAGES, *CONVOLUTIONS, "batch_norm"),
}
_MODULES = "zennit's documentation, on composites"


@adapter("zennit", "gradient")
def _gradient(problem: Problem) -> Attribution:
    return Attribution(_propagated(problem, None, lambda chosen: torch.ones_like(chosen)))


@adapter("zennit", "guided_backprop")
def _guided_backprop(problem: Problem) -> Attribution:
    expect_modules(problem, "zennit's guided backpropagation", _MODULES)
    composite = library("zennit", "zennit.composites").GuidedBackprop()
    return Attribution(_propagated(problem, composite, lambda chosen: torch.ones_like(chosen)))


@adapter("zennit", "integrated_gradients")
def _integrated_gradients(
    problem: Problem, *, steps: int = 50, baseline: Baseline = None
) -> Attribution:
    attribution = library("zennit", "zennit.attribution")

    def one(x: Tensor, behind: Tensor, wanted: Tensor) -> Tensor:
        path = attribution.IntegratedGradients(
            problem.model, n_iter=steps, baseline_fn=lambda _: behind
        )
        found: Tensor = path(x, lambda scores: _chosen(scores, wanted, torch.ones_like))[1]
        return found

    return complete(problem, *over_references(problem, baseline, one))


@adapter("zennit", "lrp")
def _lrp(
    problem: Problem,
    *,
    rule: str = "epsilon",
    epsilon: float = 1e-6,
    gamma: float = 0.25,
    alpha: float = 2.0,
    low: float = 0.0,
    high: float = 1.0,
) -> Attribution:
    rules = library("zennit", "zennit.rules")
    makers: dict[str, Callable[[], Any]] = {
        "epsilon": lambda: rules.Epsilon(epsilon),
        "gamma": lambda: rules.Gamma(gamma, epsilon),
        "alpha_beta": lambda: rules.AlphaBeta(alpha, alpha - 1, epsilon),
        "z_plus": lambda: rules.ZPlus(epsilon),
        "w_square": lambda: rules.WSquare(epsilon, zero_params="bias"),
        "z_box": lambda: rules.ZBox(low, high, epsilon),
        "composite": lambda: rules.ZPlus(epsilon),
    }
    if rule not in makers:
        raise ValueError(f"lrp by zennit takes rule= one of {', '.join(makers)}, not {rule!r}.")
    dense = rules.Epsilon(epsilon) if rule == "composite" else makers[rule]()
    return Attribution(_shared(problem, makers[rule](), dense, rules.Norm(epsilon), epsilon))


@adapter("zennit", "deep_taylor")
def _deep_taylor(
    problem: Problem, *, low: float = 0.0, high: float = 1.0, epsilon: float = 1e-9
) -> Attribution:
    rules = library("zennit", "zennit.rules")
    hidden = rules.ZPlus(epsilon, zero_params="bias")
    first = rules.ZBox(low, high, epsilon, zero_params="bias")
    positive = library("zennit", "zennit.core").BasicHook(  # z⁺ of what has no weights
        input_modifiers=[lambda x: x.clamp(min=0)],
        gradient_mapper=lambda relevance, outputs: relevance / (outputs[0] + epsilon),
        reducer=lambda inputs, gradients: inputs[0] * gradients[0],
    )
    return Attribution(_shared(problem, hidden, hidden, positive, epsilon, first))


def _shared(
    problem: Problem, convolution: Any, dense: Any, total: Any, epsilon: float, first: Any = None
) -> Tensor:
    """Return the targets' outputs, propagated by these rules, which are hooks on modules."""
    expect_modules(problem, "zennit", _MODULES)
    _expect_chain(problem)
    canonizers = [library("zennit", "zennit.torchvision").ResNetCanonizer()]
    composites, kinds = (library("zennit", f"zennit.{n}") for n in ("composites", "types"))
    rules = library("zennit", "zennit.rules")
    table = [
        (kinds.Activation, rules.Pass()),
        (kinds.AvgPool, rules.Norm(epsilon)),
        (kinds.BatchNorm, rules.Pass()),
        (library("zennit", "zennit.layer").Sum, total),
        (kinds.Convolution, convolution),
        (nn.Linear, dense),
    ]
    if first is None:
        composite = composites.LayerMapComposite(table, canonizers)
    else:
        composite = composites.SpecialFirstLayerMapComposite(
            table, [(kinds.Linear, first)], canonizers
        )
    return _propagated(problem, composite, lambda chosen: chosen)


class _Joins(TorchFunctionMode):
    """Notes where functions, which zennit cannot see, add, multiply or average values."""

    def __init__(self, model: nn.Module) -> None:
        from torchvision.models.resnet import BasicBlock, Bottleneck

        super().__init__()
        self.model, self.found = model, ""
        self._known = (BasicBlock, Bottleneck)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        running = current_module(self.model) if operation(func) in _JOINS else None
        known = isinstance(running and running[1], self._known)
        inside = running is not None and type(running[1]).__module__.startswith("torch.nn")
        if running and not known and not inside and carriers(args, kwargs):
            self.found = current_layer(self.model, func)
        return func(*args, **(kwargs or {}))


def _expect_chain(problem: Problem) -> None:
    """Refuse a model that joins or scales values outside of what zennit's canonizers know."""
    watch = _Joins(problem.model)
    with watch:
        outputs(problem.model, problem.inputs[:1].clone().requires_grad_())
    if watch.found:
        raise ValueError(
            f"zennit sees modules only, and the model computes {watch.found} as a function: its "
            f'map would be wrong ({_MODULES}); use backend="native".'
        )


def _propagated(problem: Problem, composite: Any, start: Callable[[Tensor], Tensor]) -> Tensor:
    attribution = library("zennit", "zennit.attribution")

    def one(x: Tensor, wanted: Tensor) -> Tensor:
        with attribution.Gradient(problem.model, composite) as attributor:
            found: Tensor = attributor(x, lambda scores: _chosen(scores, wanted, start))[1]
        return found

    return by_target(problem, one)


def _chosen(scores: Tensor, wanted: Tensor, start: Callable[[Tensor], Tensor]) -> Tensor:
    """Return what flows back: something of each target's score, nothing of the others'."""
    picked = wanted.unsqueeze(1)
    return torch.zeros_like(scores).scatter(1, picked, start(scores.detach().gather(1, picked)))
