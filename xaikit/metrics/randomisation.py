"""Weight randomisation: a map has to depend on what the network has learnt."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from xaikit.attribution import explain
from xaikit.core.arguments import checked_inputs
from xaikit.core.copies import copied, expect_own_weights, randomise
from xaikit.core.options import Seed
from xaikit.metrics.agreement import rank_agreement
from xaikit.metrics.registry import metric


@metric(
    "Weight randomisation",
    needs=("layers", "method"),
    direction="lower is better",
    flaw="the input's own structure alone keeps maps alike, above all those multiplied by the "
    "input, and noisy maps pass easily (Binder et al. 2023, arXiv:2211.12486)",
    paper="Adebayo et al. 2018, Sanity checks for saliency maps, arXiv:1810.03292",
)
def weight_randomisation(
    model: nn.Module,
    inputs: Tensor,
    targets: Any,
    method: str = "integrated_gradients",
    *,
    absolute: bool = False,
    mask: Tensor | None = None,
    seed: Seed = 0,
    **options: Any,
) -> tuple[list[str], Tensor]:
    """Randomise the network's layers from the last to the first, and compare explanations.

    The cascading sanity check: a map that stays as it was does not explain what the network has
    learnt.

    Parameters
    ----------
    model
        Not changed: its copies are randomised, layer by layer: with ``reset_parameters`` where a
        layer has that; parameters that this does not reach each have their values shuffled, which
        keeps their scale.
    inputs, targets, method, **options
        As :func:`xaikit.explain` takes them.
    absolute, mask
        As :func:`rank_agreement` takes them: compare magnitudes; leave a background out.
    seed
        Of the random weights and of the method.

    Returns
    -------
    tuple of (list of str, torch.Tensor)
        The layers' names in the order of randomisation, and :func:`rank_agreement` with the
        original map (layers, N, T) after each.

    Examples
    --------
    >>> import torch
    >>> from xaikit.metrics import weight_randomisation
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    >>> layers, agreement = weight_randomisation(model, torch.rand(5, 4), 0, "gradient")
    >>> layers, agreement.shape
    (['2', '0'], torch.Size([2, 5, 1]))
    """
    before = explain(model, inputs, targets, method, seed=seed, **options)
    expect_own_weights(model, checked_inputs(model, inputs))
    # Together, so that an option which is a layer of the model becomes that layer of the copy.
    changed, moved = copied((model, options), model)
    layers = [
        (name, module)
        for name, module in changed.named_modules()
        if any(True for _ in module.parameters(recurse=False))
    ]
    if not layers:
        raise ValueError("the model has no layer whose parameters can be randomised.")
    agreements = []
    for step, (_, module) in enumerate(reversed(layers)):
        with torch.random.fork_rng():
            torch.manual_seed(seed + step)
            randomise(module)
        after = explain(changed, inputs, targets, method, seed=seed, **moved)
        agreements.append(rank_agreement(before, after, absolute=absolute, mask=mask))
    return [name for name, _ in reversed(layers)], torch.stack(agreements)
