"""Captum's methods (Kokhlikyan et al. 2020, arXiv:2009.07896) under the course's options."""

from __future__ import annotations

from torch import Tensor, nn

from xaikit.attribution.backends.asked import (
    attr,
    by_target,
    complete,
    expect_modules,
    library,
    one_by_one,
    over_references,
)
from xaikit.attribution.grad_cam import UPSAMPLING, place_of_maps
from xaikit.attribution.occlusion import window_and_stride
from xaikit.attribution.registry import Attribution, adapter
from xaikit.core.copies import copied
from xaikit.core.problem import Problem
from xaikit.core.references import Baseline, reference_inputs

_FUNCTIONS = "pytorch/captum issue 1082"


@adapter("captum", "gradient")
def _gradient(problem: Problem) -> Attribution:
    saliency = attr().Saliency(problem.model)
    return Attribution(by_target(problem, lambda x, t: saliency.attribute(x, t, abs=False)))


@adapter("captum", "input_x_gradient")
def _input_x_gradient(problem: Problem) -> Attribution:
    return Attribution(by_target(problem, attr().InputXGradient(problem.model).attribute))


@adapter("captum", "guided_backprop")
def _guided_backprop(problem: Problem) -> Attribution:
    expect_modules(problem, "captum's guided backpropagation", _FUNCTIONS)
    return Attribution(by_target(problem, attr().GuidedBackprop(problem.model).attribute))


@adapter("captum", "integrated_gradients")
def _integrated_gradients(
    problem: Problem, *, steps: int = 50, baseline: Baseline = None
) -> Attribution:
    path = attr().IntegratedGradients(problem.model)
    maps, hidden = over_references(
        problem,
        baseline,
        lambda x, behind, t: path.attribute(
            x, behind, t, n_steps=steps, internal_batch_size=max(problem.chunk, len(x))
        ),
    )
    return complete(problem, maps, hidden)


@adapter("captum", "smoothgrad")
def _smoothgrad(problem: Problem, *, samples: int = 50, noise: float = 0.15) -> Attribution:
    tunnel = attr().NoiseTunnel(attr().Saliency(problem.model))

    def one(_: int, x: Tensor, target: int) -> Tensor:
        found: Tensor = tunnel.attribute(
            x,
            nt_type="smoothgrad",
            nt_samples=samples,
            nt_samples_batch_size=min(samples, problem.chunk),
            stdevs=_spread(x, noise),
            target=target,
            abs=False,
        )
        return found

    return Attribution(one_by_one(problem, one))


def _spread(x: Tensor, noise: float) -> float:
    """Return the noise's standard deviation, a share of the input's range."""
    return noise * float(x.max() - x.min())


@adapter("captum", "gradient_shap")
def _gradient_shap(
    problem: Problem,
    *,
    samples: int = 200,
    background: Tensor | None = None,
    noise: float = 0.0,
) -> Attribution:
    shap, references = attr().GradientShap(problem.model), reference_inputs(problem, background)
    maps = one_by_one(
        problem,
        lambda _, x, target: shap.attribute(
            x, references, n_samples=samples, stdevs=_spread(x, noise), target=target
        ),
    )
    return complete(problem, maps, references.expand(len(maps), *references.shape))


@adapter("captum", "deeplift")
def _deeplift(problem: Problem, *, baseline: Baseline = None) -> Attribution:
    expect_modules(problem, "captum's DeepLIFT", _FUNCTIONS, once=True)
    lift = attr().DeepLift(problem.model)
    maps, hidden = over_references(
        problem, baseline, lambda x, behind, t: lift.attribute(x, behind, t)
    )
    return _adding_up(complete(problem, maps, hidden), "captum's DeepLIFT")


@adapter("captum", "deep_shap")
def _deep_shap(problem: Problem, *, background: Tensor | None = None) -> Attribution:
    expect_modules(problem, "captum's DeepLiftShap", _FUNCTIONS, once=True)
    shap, references = attr().DeepLiftShap(problem.model), reference_inputs(problem, background)
    maps = by_target(problem, lambda x, t: shap.attribute(x, references, t), len(references))
    every = references.expand(len(maps), *references.shape)
    return _adding_up(complete(problem, maps, every), "captum's DeepLiftShap")


def _adding_up(found: Attribution, called: str) -> Attribution:
    """Refuse maps that do not add up: a ReLU before max pooling gets a stale signal in captum."""
    assert found.convergence_delta is not None
    scale = found.attributions.abs().flatten(2).sum(2)
    worst = (found.convergence_delta.abs() / scale.clamp_min(1e-12)).max()
    if worst > 1e-3:
        raise ValueError(
            f"{called} misses completeness on this model by {worst:.0%} of the map's size: it is "
            f"wrong where max pooling follows an activation directly (pytorch/captum issue 1104), "
            f'and it knows few activations; use backend="native".'
        )
    return found


@adapter("captum", "grad_cam")
def _grad_cam(problem: Problem, *, layer: nn.Module | None = None) -> Attribution:
    space = tuple(problem.inputs.shape[2:])
    place = place_of_maps(problem, layer)
    if not isinstance(place, nn.Module):
        raise ValueError(
            "captum's Grad-CAM looks at modules, and this model's last maps are made by an "
            'operation that joins branches: name a module with layer=, or use backend="native".'
        )
    cam = attr().LayerGradCam(problem.model, place)

    def one(x: Tensor, target: Tensor) -> Tensor:
        small = cam.attribute(x, target, relu_attributions=True)
        large: Tensor = attr().LayerAttribution.interpolate(small, space, UPSAMPLING[len(space)])
        return large.expand_as(x)

    return Attribution(by_target(problem, one).contiguous())


@adapter("captum", "occlusion")
def _occlusion(
    problem: Problem,
    *,
    window: int | None = None,
    stride: int | None = None,
    baseline: Baseline = None,
) -> Attribution:
    side, step, space = window_and_stride(problem.inputs, window, stride)
    lead = problem.inputs.shape[1 : problem.inputs.ndim - len(space)]
    windows = attr().Occlusion(problem.model)
    shape = (*lead, *[side] * len(space))
    steps = (*lead, *[step] * len(space))
    maps, _ = over_references(
        problem,
        baseline,
        lambda x, behind, t: windows.attribute(x, shape, steps, baselines=behind, target=t),
    )
    return Attribution(maps)


@adapter("captum", "lrp")
def _lrp(problem: Problem, *, rule: str = "epsilon", epsilon: float = 1e-6) -> Attribution:
    if rule != "epsilon":
        raise ValueError(
            f"captum's lrp has the rule epsilon only, not {rule!r}: its other rules let every bias "
            f'count in full, whatever its sign; use backend="zennit" or "native".'
        )
    expect_modules(problem, "captum's LRP", _FUNCTIONS, once=True)
    rules = library("captum", "captum.attr._utils.lrp_rules")
    model = copied(problem.model)  # captum writes rules into the layers

    def one(x: Tensor, target: Tensor) -> Tensor:
        for layer in model.modules():  # captum takes them out again
            if isinstance(layer, nn.Flatten | nn.Identity):  # refused without a rule
                layer.rule = rules.EpsilonRule(1e-12)
            elif isinstance(layer, nn.Linear | nn.Conv2d | nn.AvgPool2d | nn.MaxPool2d):
                layer.rule = rules.EpsilonRule(epsilon)
        found: Tensor = attr().LRP(model).attribute(x, target=target)
        return found

    try:
        return Attribution(by_target(problem, one))
    except (TypeError, RuntimeError) as error:
        raise ValueError(
            f"captum's LRP refuses this model: {' '.join(str(error).split())} Use "
            f'backend="native".'
        ) from error
