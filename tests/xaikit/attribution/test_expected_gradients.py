"""Expected gradients and GradientSHAP: on paper, as captum and shap have them, in expectation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr._core.gradient_shap import InputBaselineXGradient
from torch import Tensor, nn

from xaikit import explain

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


def draws(seed: int, samples: int, references: int, *shape: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return GradientSHAP's references, fractions and noise, as its documentation says."""
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randint(references, (samples,), generator=generator),
        torch.rand(samples, generator=generator, dtype=torch.float64),
        torch.randn((samples, *shape), generator=generator, dtype=torch.float64),
    )


@pytest.mark.parametrize("name", ["expected_gradients", "gradient_shap"])
def test_a_line_has_no_error_with_one_reference(name: str) -> None:
    model = nn.Linear(3, 2, bias=False).double()
    model.weight.data = torch.tensor([[1.0, -2, 3], [0, 1, 0]]).double()
    x, start = torch.tensor([[1.0, 5, 9]]).double(), torch.tensor([[1.0, 1, 1]]).double()
    answer = explain(model, x, [[0, 1]], name, samples=1, background=start)
    torch.testing.assert_close(
        answer.attributions, torch.tensor([[[0.0, -8, 24], [0, 4, 0]]]).double()
    )


def test_expected_gradients_of_a_line_are_exact_after_every_reference() -> None:
    model = nn.Linear(4, 2).double()
    x, references = torch.randn(2, 4).double(), torch.randn(5, 4).double()
    answer = explain(
        model, x, [[0, 1]] * 2, "expected_gradients", samples=15, background=references
    )
    expected = model.weight * (x - references.mean(0)).unsqueeze(1)
    torch.testing.assert_close(answer.attributions, expected.detach())


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_gradient_shap_is_captums_formula_on_the_same_draws(
    noise: float,
    network: nn.Module,
    images: Tensor,
    targets: Tensor,
    background: Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = 6
    chosen, fractions, normal = draws(3, samples, len(background), 1, 12, 12)
    spread = noise * (images.amax((1, 2, 3)) - images.amin((1, 2, 3))).view(-1, 1, 1, 1)
    steps: Iterator[Any] = iter(())
    # captum draws its fractions, and nothing else here, with numpy's uniform.
    monkeypatch.setattr(
        np.random, "uniform", lambda low, high, size: np.full(size, next(steps)), raising=True
    )
    method = InputBaselineXGradient(network)
    found = explain(
        network,
        images,
        targets,
        "gradient_shap",
        samples=samples,
        noise=noise,
        background=background,
        seed=3,
    ).attributions
    for t in range(targets.shape[1]):
        total = torch.zeros_like(images)
        for s in range(samples):
            steps = iter([fractions[s].item()])
            noisy = images + spread * normal[s].float()
            reference = background[chosen[s]].expand_as(images)
            total += method.attribute(noisy, reference, target=targets[:, t]).detach()
        expected = total / samples
        assert (found[:, t] - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_both_near_shaps_gradient_explainer(
    averaging: nn.Module, images: Tensor, background: Tensor
) -> None:
    import shap  # takes two seconds

    x = images[:2]
    every = torch.arange(5).expand(2, -1)
    np.random.seed(0)
    values = shap.GradientExplainer(averaging, background).shap_values(x, nsamples=2000)
    expected = torch.as_tensor(np.asarray(values)).movedim(-1, 1).float()
    for name in ("expected_gradients", "gradient_shap"):
        found = explain(averaging, x, every, name, samples=900, background=background)
        apart = (found.attributions - expected).norm() / expected.norm()
        assert apart < 0.1


def test_completeness_in_expectation(
    network: nn.Module, images: Tensor, targets: Tensor, background: Tensor
) -> None:
    network, images, background = network.double(), images.double(), background.double()
    with torch.no_grad():
        change = (network(images) - network(background).mean(0)).gather(1, targets)
    error = {}
    for name in ("expected_gradients", "gradient_shap"):
        options = {"background": background, "samples": 36}
        answers = [
            explain(network, images, targets, name, seed=seed, **options) for seed in range(20)
        ]
        sums = torch.stack([each.attributions.flatten(2).sum(2) for each in answers])
        for answer, total in zip(answers, sums, strict=True):
            assert answer.convergence_delta is not None
            torch.testing.assert_close(answer.convergence_delta, total - change)
        # The mean over seeds is within four standard errors: no bias.
        assert ((sums.mean(0) - change).abs() < 4 * sums.std(0) / len(sums) ** 0.5).all()
        error[name] = (sums - change).square().mean().sqrt()
    # Every reference in turn, one point in every part of the path: less left to chance.
    assert error["expected_gradients"] < error["gradient_shap"]


def test_expected_gradients_converge_to_integrated_gradients_over_references(
    averaging: nn.Module, images: Tensor, background: Tensor
) -> None:
    network, x, references = averaging.double(), images[:1].double(), background[:3].double()
    paths = [
        explain(network, x, 1, steps=200, baseline=reference).attributions
        for reference in references
    ]
    expected = torch.stack(paths).mean(0)
    found = explain(network, x, 1, "expected_gradients", samples=3000, background=references)
    assert (found.attributions - expected).norm() < 0.01 * expected.norm()
