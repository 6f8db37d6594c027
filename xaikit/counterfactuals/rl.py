"""Counterfactuals by reinforcement learning: learned once, then one forward pass an image."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor, nn

from xaikit.checkpoints import fill, opened
from xaikit.core.cards import card_of
from xaikit.core.devices import own_devices
from xaikit.core.options import accepted
from xaikit.counterfactuals.registry import counterfactual_method
from xaikit.counterfactuals.rl_networks import Generator
from xaikit.counterfactuals.search import Search

SHIPPED = {"fashion_mnist": "counterfactuals_fashion_mnist", "mnist": "counterfactuals_mnist"}
"""The generators that come with the package, by the network that they were trained for."""

Given = Annotated[
    Generator, "a Generator, made by train_generator(model, images) or load_generator(name)"
]
"""The option ``generator``."""


@counterfactual_method(
    "Reinforcement learning",
    needs=("outputs", "generator"),
    paper="Samoilescu, Van Looveren & Klaise 2021, Model-agnostic and scalable counterfactual "
    "explanations via reinforcement learning, arXiv:2106.02597",
)
def rl(problem: Search, *, generator: Given | None = None) -> tuple[Tensor, Tensor]:
    """Let a trained generator draw the counterfactuals, all in one forward pass.

    The search took place once, while the generator learned
    (:func:`xaikit.counterfactuals.train_generator`), from the model's predictions alone: the model
    may be one that has no gradients. In return nothing makes sure, for a single image, that the
    target is reached.

    Parameters
    ----------
    problem
        What is asked.
    generator
        One that was trained for this model; default: the shipped one for the networks
        ``"fashion_mnist"`` and ``"mnist"``.

    Returns
    -------
    tuple of torch.Tensor
        (N, T, *shape) what the generator draws, in [0, 1], and (N, T) where the model then
        predicts the target.

    Raises
    ------
    ValueError, TypeError
        If there is no generator for this model, or one for other images or classes.
    """
    own = generator_for(problem.model, generator)
    shape = tuple(problem.inputs.shape[1:])
    if (own.shape, own.classes) != (shape, problem.classes):
        raise ValueError(
            f"the generator draws {own.shape} images of {own.classes} classes, but the inputs "
            f"are {shape} and the model has {problem.classes} classes: train one for this model."
        )
    made = generate(own, problem.inputs, problem.predicted, problem.targets, problem.chunk)
    reached = problem.grid(problem.seen_in(made.flatten(0, 1))) == problem.targets
    return made, reached


def load_generator(model_name: str, folder: str | Path | None = None) -> Generator:
    """Return the trained generator for one of the shipped networks.

    Parameters
    ----------
    model_name
        ``"fashion_mnist"`` or ``"mnist"``.
    folder
        Where its files lie, if not among the checkpoints of this package.

    Raises
    ------
    ValueError, FileNotFoundError
        If there is none of that name, its checkpoint is damaged, or missing.

    Examples
    --------
    >>> from xaikit import counterfactual, load, load_pretrained
    >>> from xaikit.counterfactuals import load_generator
    >>> model, images = load_pretrained("fashion_mnist"), load("fashion_mnist").images[:1]
    >>> generator = load_generator("fashion_mnist")
    >>> counterfactual(model, images, 7, "rl", generator=generator).predicted
    tensor([[7]])
    """
    if model_name not in SHIPPED:
        known = ", ".join(map(repr, SHIPPED))
        raise ValueError(f"There is no generator for the network {model_name!r}, only for {known}.")
    name = SHIPPED[model_name]
    with opened(name, folder) as (card, weights):
        with torch.random.fork_rng(devices=[]):  # first weights are drawn, and thrown away
            generator = Generator(tuple(card["shape"]), card["classes"])
        fill(generator, weights)
    generator.card = card
    return generator.eval()


@own_devices
@torch.no_grad()
def generate(
    generator: Generator, inputs: Tensor, predicted: Tensor, targets: Tensor, chunk: int = 128
) -> Tensor:
    """Return a generator's counterfactuals (N, T, *shape), whether or not they reach the target.

    Parameters
    ----------
    generator
        For the model in question; it is neither moved nor changed.
    inputs
        (N, *shape) in [0, 1].
    predicted, targets
        The model's classes for the inputs (N,), and those wanted (N, T).
    chunk
        How many rows at once.
    """
    own = copy.deepcopy(generator).to(inputs).eval()
    rows = inputs.repeat_interleave(targets.shape[1], dim=0)
    now = predicted.repeat_interleave(targets.shape[1])
    wanted = targets.flatten()
    blocks = zip(
        torch.split(rows, chunk), torch.split(now, chunk), torch.split(wanted, chunk), strict=True
    )
    return torch.cat([own(*block) for block in blocks]).view(*targets.shape, *inputs.shape[1:])


def generator_for(model: nn.Module, generator: Generator | None) -> Generator:
    """Return the generator given, or the shipped one for the network that the card names."""
    if generator is not None:
        given: Generator = accepted(generator, Given, "generator")
        return given
    name = card_of(model).get("name")
    if name not in SHIPPED:
        raise ValueError(
            "rl needs a generator that was trained for this model: give generator=, made by "
            "xaikit.counterfactuals.train_generator(model, images)."
        )
    return load_generator(name)
