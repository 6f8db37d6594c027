"""Counterfactuals guided by prototypes: near, and like the class wanted."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from xaikit.autoencoders import load_autoencoder
from xaikit.core.autograd import passed
from xaikit.core.cards import data_of, named_data
from xaikit.core.options import NonNegative, OrInfinity
from xaikit.core.passes import frozen
from xaikit.counterfactuals.descent import Loss, descend
from xaikit.counterfactuals.registry import counterfactual_method
from xaikit.counterfactuals.search import Examples, Search, checked_examples
from xaikit.counterfactuals.validity import Validity

_EXAMPLES = 5000
"""Training images among which the default prototypes are looked for."""

_INSTEAD = 'examples= has to be given, and autoencoder= unless prototypes="kdtree"'


@counterfactual_method(
    "Guided by prototypes",
    needs=("gradients", "training data", "autoencoder"),
    paper="Van Looveren & Klaise 2019, Interpretable counterfactual explanations guided by "
    "prototypes, arXiv:1907.02584",
)
def prototype(
    problem: Search,
    *,
    prototypes: Literal["encoder", "kdtree"] = "encoder",
    autoencoder: Annotated[nn.Module, "a module with an .encoder"] | None = None,
    examples: Examples | None = None,
    k: int = 5,
    beta: NonNegative = 0.1,
    gamma: NonNegative = 1.0,
    theta: NonNegative = 0.2,
    probability: float = 1.0,
    tolerance: OrInfinity = 0.05,
    steps: int = 150,
) -> tuple[Tensor, Tensor]:
    """Minimise c · (not valid) + β ‖δ‖₁ + ‖δ‖₂² + γ ‖x' − AE(x')‖₂² + θ ‖ENC(x') − proto_t‖₂².

    δ = x' − x, and proto_t is the mean of the encodings of those k examples that
    the model takes for the target t and whose encodings are nearest to the input's. The
    autoencoder's term keeps x' among the images, the prototype's leads it to the class. Without
    an encoder, examples themselves are the prototypes (the paper finds the nearest one with k-d
    trees; here all are compared, with the same outcome).

    The paper asks only that t be the most likely class: ``tolerance=1``. By default x' has to be as
    sure as Wachter's, so that the two can be compared. c is searched for in the same way.

    Parameters
    ----------
    problem
        What is asked.
    prototypes
        ``"encoder"``, or ``"kdtree"`` for any inputs: then ENC(x) = x, and there is no γ term.
    autoencoder
        Maps (N, *shape) to the same and has an ``.encoder``; on the model's device. By default
        that of the data set that the model's card names.
    examples
        (B, *shape) from which prototypes are made; by default 5,000 training images of that data
        set.
    k
        How many examples make a prototype; the paper's k-d trees take 1.
    beta, gamma, theta
        β, γ and θ.
    probability, tolerance, steps
        As Wachter's.

    Returns
    -------
    tuple of torch.Tensor
        (N, T, *shape) counterfactuals in [0, 1], and (N, T) whether valid.

    Raises
    ------
    ValueError, TypeError
        If examples or autoencoder are not for such inputs, or the model takes none of the
        examples for a target.
    """
    validity = Validity(probability, tolerance, problem.exclusive)
    seen = _examples(problem) if examples is None else checked_examples(problem, examples)
    network: nn.Module = nn.Identity()
    encoder: nn.Module = nn.Flatten()
    if prototypes == "kdtree":
        gamma = 0.0
    else:
        if autoencoder is None:
            autoencoder = load_autoencoder(named_data(problem.model, _INSTEAD)).to(problem.inputs)
        network, encoder = autoencoder, _encoder(problem, autoencoder)

    with frozen(network):
        goals = _prototypes(problem, encoder, seen, k)

        def term(items: Tensor, x: Tensor) -> Tensor:
            """Measure what autoencoder and prototype ask."""
            codes = passed(encoder, x)
            loss: Tensor = theta * (codes - goals[items]).square().flatten(1).sum(1)
            if gamma:
                loss = loss + gamma * (x - passed(network, x)).square().flatten(1).sum(1)
            return loss

        return descend(problem, validity, Loss(beta, 1.0, term), steps)


def _encoder(problem: Search, network: nn.Module) -> nn.Module:
    """Return an autoencoder's encoder, if it can reconstruct the problem's inputs."""
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise TypeError(
            f"autoencoder has to be a module with an .encoder, not {type(network).__name__}."
        )
    one = problem.inputs[:1]
    try:
        with frozen(network), torch.no_grad():
            drawn = passed(network, one)
    except RuntimeError as error:
        raise ValueError(
            f"the autoencoder fails on {one.dtype} inputs of shape {tuple(one.shape)}: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error
    if not isinstance(drawn, Tensor) or drawn.shape != one.shape:
        raise ValueError(
            f"the autoencoder has to draw inputs of shape {tuple(one.shape)} again, but returns "
            f"{tuple(drawn.shape) if isinstance(drawn, Tensor) else type(drawn).__name__}."
        )
    return encoder


def _prototypes(problem: Search, encoder: nn.Module, examples: Tensor, k: int) -> Tensor:
    """Return each item's prototype (N · T, …): the mean of the k nearest codes of its target."""
    with torch.no_grad():
        ours = torch.cat(
            [passed(encoder, part) for part in torch.split(problem.inputs, problem.chunk)]
        )
        codes = torch.cat([passed(encoder, part) for part in torch.split(examples, problem.chunk)])
    labels = problem.seen_in(examples)
    rows, targets = problem.items()
    goals = ours[rows].clone()
    for target in torch.unique(targets).tolist():
        members = codes[labels == target]
        if not len(members):
            raise ValueError(
                f"the model takes none of the examples for class {target}: give others, examples=."
            )
        mine = (targets == target).nonzero().squeeze(1)
        apart = torch.cdist(ours[rows[mine]].flatten(1), members.flatten(1))
        nearest = apart.topk(min(k, len(members)), largest=False).indices
        goals[mine] = members[nearest].mean(1)
    return goals


def _examples(problem: Search) -> Tensor:
    """Return training images, drawn at random by the problem's seed."""
    images = data_of(problem.model, _INSTEAD).images
    drawn = torch.randperm(len(images), generator=problem.generator())[:_EXAMPLES]
    return images[drawn].to(problem.inputs)
