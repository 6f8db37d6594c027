"""Notebook 03: its four kinds of answers, and its references against foolbox and a pencil."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import eagerpy as ep
import foolbox
import numpy as np
import pytest
import torch
from kinds import (  # noqa: F401 - tests
    test_a_message_tells_nothing_of_a_reference,
    test_a_plausible_mistake_costs,
    test_a_right_answer_earns_all,
    test_a_right_answer_passes_the_visible_checks,
    test_an_answer_of_another_type_is_wrong_not_an_error,
    test_the_visible_check_says_one_thing_of_any_answer,
    test_what_costs_no_thought_earns_nothing,
    test_what_the_visible_check_accepts_grading_reads,
)
from scoring import accepts, hidden
from torch import nn

from autograde.inside.read import plain
from autograde.notebooks.source import Source
from autograde.tasks import Called, Wrong
from xaikit import explain

NAME = "03_adversarial_attacks"
pytestmark = pytest.mark.xdist_group(NAME)  # what the checks measure is measured once


def test_fgsm_pgd_and_the_repaired_attack_agree_with_foolbox(
    source: Source, checks: SimpleNamespace
) -> None:
    def wrapped(model: nn.Module) -> foolbox.PyTorchModel:
        return foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")

    def fgsm(
        model: nn.Module,
        images: torch.Tensor,
        labels: torch.Tensor,
        epsilon: float,
        targets: torch.Tensor | None = None,
    ) -> torch.Tensor:
        if targets is not None:  # foolbox's FGSM has no targets: PGD of one whole step has
            wanted = foolbox.criteria.TargetedMisclassification(targets)
            one = foolbox.attacks.LinfPGD(abs_stepsize=epsilon, steps=1, random_start=False)
            return one.run(wrapped(model), images, wanted, epsilon=epsilon)
        by_foolbox = foolbox.attacks.LinfFastGradientAttack(random_start=False)
        wanted = foolbox.criteria.Misclassification(labels)
        return by_foolbox.run(wrapped(model), images, wanted, epsilon=epsilon)

    def targeted_pgd(
        model: nn.Module,
        images: torch.Tensor,
        targets: torch.Tensor,
        epsilon: float,
        step: float,
        steps: int,
    ) -> torch.Tensor:
        by_foolbox = foolbox.attacks.L2PGD(abs_stepsize=step, steps=steps, random_start=False)
        wanted = foolbox.criteria.TargetedMisclassification(targets)
        return by_foolbox.run(wrapped(model), images, wanted, epsilon=epsilon)

    assert accepts(source, "fgsm", fgsm)
    assert accepts(source, "repair", targeted_pgd)

    # foolbox draws its own start, so PGD is compared from the original.
    for network, images, labels, epsilon, step, steps, start in hidden(source, "pgd"):
        by_foolbox = foolbox.attacks.LinfPGD(abs_stepsize=step, steps=steps, random_start=False)
        wanted = foolbox.criteria.Misclassification(labels)
        theirs = by_foolbox.run(wrapped(network.module()), images, wanted, epsilon=epsilon)
        ours, _ = checks._pgd(network, images, labels, epsilon, step, steps, 0 * start)
        np.testing.assert_allclose(theirs.numpy(), ours, atol=1e-4)


def test_a_call_of_foolbox_is_read_as_foolbox_reads_it(source: Source) -> None:
    def linf_pgd(
        model: nn.Module,
        bounds: tuple[float, float],
        images: torch.Tensor,
        criterion: str,
        classes: torch.Tensor,
        epsilons: list[float],
        settings: dict[str, Any],
        draw: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        class GivenStart(foolbox.attacks.LinfPGD):
            def get_random_start(self, x0: Any, epsilon: float) -> Any:
                return x0 + epsilon * ep.astensor(draw)

        wrapped = foolbox.PyTorchModel(model.eval(), bounds=bounds, device="cpu")
        end = getattr(foolbox.criteria, criterion)(classes)
        _, clipped, success = GivenStart(**settings)(wrapped, images, end, epsilons=epsilons)
        return torch.stack(clipped), success

    assert accepts(source, "foolbox-call", linf_pgd)


def test_a_linear_model_flips_exactly_at_the_distance(source: Source) -> None:
    calls = []
    for weight, bias, x, label in hidden(source, "linear"):
        # The largest loss of margin within ε lies at a corner of the cube: try all of them.
        corners = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=len(x))))

        def flipped(
            epsilon: float, moves: torch.Tensor, at: Any = (weight, bias, x, label)
        ) -> bool:
            weight, bias, x, label = at
            return bool(((x + epsilon * moves) @ weight.T + bias).argmax(1).ne(label).any())

        low, high = 0.0, 100.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if flipped(middle, corners) else (middle, high)
        # In the Euclidean norm the directions worth trying are those to the other classes.
        ways = torch.stack([weight[j] - weight[label] for j in range(len(weight)) if j != label])
        ways = ways / ways.norm(dim=1, keepdim=True)
        bottom, top = 0.0, 100.0
        for _ in range(60):
            middle = (bottom + top) / 2
            bottom, top = (bottom, middle) if flipped(middle, ways) else (middle, top)
        calls.append(Called((weight, bias, x, label), plain((high, top))))
    assert source.checks.tasks["linear"].score(calls) is None


def test_the_worst_logistic_loss_is_found_by_trying(source: Source) -> None:
    for w, b, x, y, epsilon in hidden(source, "worst-loss"):
        draw = torch.Generator().manual_seed(0)
        best = torch.full((len(x),), -torch.inf)
        for _ in range(2000):
            moved = x + epsilon * (2 * torch.randint(0, 2, x.shape, generator=draw) - 1)
            best = torch.maximum(best, nn.functional.softplus(-y * (moved @ w + b)))
        call = Called((w, b, x, y, epsilon), plain(best.mean()))
        assert source.checks.tasks["worst-loss"].score([call]) is None


def test_what_enters_the_references_is_what_the_notebook_shows(
    given: dict[str, Any], checks: SimpleNamespace
) -> None:
    world = checks.HERE
    for name in ("pictures", "truth", "images", "labels", "signs"):
        assert torch.equal(given[name].cpu(), getattr(world, name)), name
    assert len(world.images) == 250
    three = checks.twins()
    assert len(three.clean) >= 200  # what the curriculum promises, with the sample, too
    for name in ("clean", "harmless", "attacked"):
        assert torch.equal(given[f"{name}_images"].cpu(), getattr(three, name)), name
    for name in ("masks", "both"):
        assert torch.equal(given[name].cpu(), getattr(three, name)), name
    assert given["map_methods"] == checks.METHODS
    assert (given["epsilons"], given["sizes"]) == (checks.HERE.epsilons, checks.SIZES)
    assert tuple(given["questions"]) == tuple(checks.PREDICTED)
    assert tuple(given["observations"]) == tuple(checks.SUSPICIOUS)


def test_harmless_twins_have_the_same_pixels_at_the_same_place(checks: SimpleNamespace) -> None:
    three = checks.twins()
    for clean, harmless, attacked, mask in zip(
        three.clean, three.harmless, three.attacked, three.masks, strict=True
    ):
        assert mask.sum() == 25
        assert torch.equal(harmless[:, ~mask], clean[:, ~mask])
        assert torch.equal(attacked[:, ~mask], clean[:, ~mask])
        assert torch.equal(harmless[0][mask].sort().values, attacked[0][mask].sort().values)
    model = checks.HERE.model
    assert torch.equal(checks.said(model, three.harmless), three.both[:, 0])
    assert torch.equal(checks.said(model, three.attacked), three.both[:, 1])


def test_what_is_predicted_happens(checks: SimpleNamespace) -> None:
    three = checks.twins()
    network = checks.HERE.model
    x, moved = three.clean[:6].double(), three.attacked[:6].double()
    inside = three.masks[:6, None].expand(x.shape)
    target = three.both[:6, 0]
    draw = torch.Generator().manual_seed(0)
    line = nn.Sequential(nn.Flatten(), nn.Linear(784, 10)).double()
    with torch.no_grad():
        line[1].weight.copy_(torch.randn(10, 784, generator=draw).double())
    network = network.double()
    try:

        def change(model: nn.Module, method: str, **options: Any) -> torch.Tensor:
            one, other = (
                explain(model, each, target, method, **options).attributions[:, 0]
                for each in (x, moved)
            )
            return (one - other).abs() > 1e-9

        def slopes_of(factor: float) -> torch.Tensor:
            point = moved.clone().requires_grad_()
            chosen = (factor * network(point)).gather(1, target[:, None]).sum()
            (slope,) = torch.autograd.grad(chosen, point)
            return slope

        times = "input_x_gradient"
        ig = "integrated_gradients"
        said = [line(each).argmax(1) for each in (x, moved)]
        black = (x == 0) & ~inside
        product = explain(network, x, target, times).attributions[:, 0]
        by_original = [
            explain(network, b[None], int(t), ig, baseline=a).attributions[0, 0]
            for a, b, t in zip(x, moved, target, strict=True)
        ]
        found = {
            "linear: the gradient changes inside the patch": change(line, "gradient")[inside],
            "linear: input × gradient can change inside the patch": change(line, times)[inside],
            "linear: input × gradient can change outside the patch": change(line, times)[~inside],
            "linear: integrated gradients from black can change outside the patch": change(
                line, ig
            )[~inside],
            "linear: the gradient of the *predicted* class can change": said[0] != said[1],
            "network: the gradient can change outside the patch": change(network, "gradient")[
                ~inside
            ],
            "network: input × gradient can be other than zero at a black pixel": product[black]
            != 0,
            "network: integrated gradients from the original as baseline can be other than zero "
            "outside the patch": torch.stack(by_original)[~inside] != 0,
            "network: multiplying all logits by 2 can change the gradient outside the patch": (
                slopes_of(2.0) - slopes_of(1.0)
            ).abs()[~inside]
            > 1e-9,
        }
    finally:
        network.float()
    # A bright pixel's gain that another one's loss makes up for: ReLU(x₁) − ReLU(x₂).
    twin = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        twin[0].weight.copy_(torch.eye(2))
        twin[2].weight.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
    pair = torch.tensor([[0.0, 0.0], [0.7, 0.7]])
    assert torch.equal(twin(pair)[0], twin(pair)[1])
    maps = explain(twin, pair, 0, "integrated_gradients").attributions[:, 0]
    (balanced,) = [name for name in checks.PREDICTED if "changes no logit" in name]
    found[balanced] = (maps[0] - maps[1]).abs() > 1e-3
    assert {name: "yes" if each.any() else "no" for name, each in found.items()} == checks.PREDICTED


def test_a_random_sticker_and_an_ordinary_network_earn_nothing(
    source: Source, checks: SimpleNamespace
) -> None:
    assert checks._noise_floor() + 0.1 < checks.UNIVERSAL
    ordinary = checks.HERE.model.state_dict()
    masked = {
        name: value * 1000 if name.startswith("9.") else value for name, value in ordinary.items()
    }
    assert masked.keys() == ordinary.keys() and any(
        not torch.equal(masked[name], ordinary[name]) for name in ordinary
    )
    for weights in (ordinary, masked):
        with pytest.raises(Wrong) as verdict:
            source.checks.tasks["harden"].score({"hardened": plain(dict(weights))})
        assert verdict.value.fraction == 0
