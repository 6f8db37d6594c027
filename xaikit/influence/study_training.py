"""Which settings made the study? ``python -m xaikit train influence`` does it again.

The networks on the halves are trained side by side, as one batch of matrices: 640 trainings take
about a minute on one core.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from xaikit.checkpoints import write
from xaikit.influence.study import NETWORK, PER_CLASS, RECORD, images_of
from xaikit.models import accuracy, build
from xaikit.progress import Bar

STAGES = (0.2, 0.1, 0.05)
"""The learning rates of plain stochastic gradient descent, one after the other."""
EPOCHS = 20
"""Of each stage."""
BATCH = 50
WEIGHT_DECAY = 5e-3
HALVES = 64
SEEDS = 10
"""Networks for each half, whose margins are averaged: one alone says more about its seed."""
AT_ONCE = 8
"""Halves whose networks are trained side by side."""

Weights = list[Tensor]
"""The network's parameters in their order, each (B, *shape) for B networks."""


def pretrain_study(folder: Path) -> str:
    """Train the network, and others on halves of its data; write both files; say how good it is.

    The same command gives the same bytes, with one thread count of one machine.
    """
    train, test = images_of("train"), images_of("test")
    everything = torch.arange(len(train))[None]
    stages = trained(train.images, train.labels, everything, [0])
    network = build(NETWORK).eval()
    names = list(network.state_dict())
    states = [dict(zip(names, (each[0] for each in weights), strict=True)) for weights in stages]
    network.load_state_dict(states[-1])
    subsets, margins = _on_halves(train.images, train.labels, test.images, test.labels)
    training = {
        "training_images": len(train),
        "images_per_class": PER_CLASS,
        "optimizer": "SGD without momentum",
        "learning_rates": list(STAGES),
        "epochs": EPOCHS * len(STAGES),
        "batch_size": BATCH,
        "weight_decay": WEIGHT_DECAY,
    }
    origin = {
        "data": "fashion_mnist",
        "split": "train",
        "seed": 0,
        "command": f"python -m xaikit train {NETWORK}",
        "torch": torch.__version__,
    }
    card = {"name": NETWORK, **training, **origin}
    card["accuracy"], card["training_accuracy"] = accuracy(network, test), accuracy(network, train)
    card["test_images"] = len(test)
    card["parameters"] = sum(parameter.numel() for parameter in network.parameters())
    write(card, network.state_dict(), folder)
    kept = {
        f"checkpoint_{stage}.{name}": value.contiguous()
        for stage, state in enumerate(states)
        for name, value in state.items()
    }
    record = {"name": RECORD, "network": NETWORK, **training, **origin}
    record |= {"halves": HALVES, "networks_per_half": SEEDS, "test_images": len(test)}
    record["outputs"] = "margin of the right class: its logit minus log-sum-exp of the others"
    write(record, {**kept, "subsets": subsets.to(torch.uint8), "outputs": margins}, folder)
    return f"{NETWORK}: {card['accuracy']:.2%} of {len(test)} test images are right."


def _on_halves(
    images: Tensor, labels: Tensor, asked: Tensor, right: Tensor
) -> tuple[Tensor, Tensor]:
    """Return random halves (S, N), and the margins (S, M) of networks trained on each."""
    n = len(images)
    generator = torch.Generator().manual_seed(0)
    halves = torch.stack([torch.randperm(n, generator=generator)[: n // 2] for _ in range(HALVES)])
    subsets = torch.zeros(HALVES, n, dtype=torch.bool).scatter_(1, halves, True)
    margins = []
    for start in Bar(range(0, HALVES, AT_ONCE), "training on halves", unit="groups of halves"):
        some = halves[start : start + AT_ONCE].repeat_interleave(SEEDS, 0)
        seeds = [1 + SEEDS * start + each for each in range(len(some))]
        weights = trained(images, labels, some, seeds)[-1]
        found = margin(_logits(weights, _pixels(asked).expand(len(some), -1, -1)), right)
        margins.append(found.view(-1, SEEDS, len(asked)).mean(1))
    return subsets, torch.cat(margins)


def trained(images: Tensor, labels: Tensor, members: Tensor, seeds: list[int]) -> list[Weights]:
    """Train B networks side by side; return the parameters of all at the end of each stage.

    Parameters
    ----------
    images, labels
        (N, 1, 28, 28) and (N,).
    members
        (B, n) places in them, which each network is trained on.
    seeds
        (B,), each decides its network's first weights and the order of its images.

    Examples
    --------
    >>> import torch
    >>> from xaikit.influence.study_training import trained
    >>> images, labels = torch.rand(4, 1, 28, 28), torch.arange(4)
    >>> halves = torch.tensor([[0, 1], [2, 3]])  # two networks, each with half of the images
    >>> stages = trained(images, labels, halves, seeds=[0, 1])
    >>> len(stages), stages[0][0].shape  # networks, hidden units, pixels
    (3, torch.Size([2, 32, 196]))
    """
    pixels = _pixels(images)
    fresh = [list(build(NETWORK, seed).parameters()) for seed in seeds]
    weights = [torch.stack([each.detach() for each in some]) for some in zip(*fresh, strict=True)]
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    stages = []
    for rate in STAGES:
        for _ in range(EPOCHS):
            order = torch.stack([torch.randperm(members.shape[1], generator=g) for g in generators])
            for places in torch.split(members.gather(1, order), BATCH, 1):
                weights = _step(weights, pixels[places], labels[places], rate)
        stages.append([each.clone() for each in weights])
    return stages


def _step(weights: Weights, pixels: Tensor, labels: Tensor, rate: float) -> Weights:
    leaves = [each.requires_grad_() for each in weights]
    logits = _logits(leaves, pixels)
    losses = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    slopes = torch.autograd.grad(losses.view_as(labels).mean(1).sum(), leaves)
    with torch.no_grad():
        return [
            each - rate * (slope + WEIGHT_DECAY * each)
            for each, slope in zip(leaves, slopes, strict=True)
        ]


def _pixels(images: Tensor) -> Tensor:
    """Return (N, 196), as the network's first two layers make them."""
    return functional.avg_pool2d(images, 2).flatten(1)


def _logits(weights: Weights, pixels: Tensor) -> Tensor:
    """Return (B, n, 10) of B networks for (B, n, 196)."""
    first, first_bias, last, last_bias = weights
    hidden = torch.baddbmm(first_bias[:, None], pixels, first.mT).relu()
    return torch.baddbmm(last_bias[:, None], hidden, last.mT)


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the right class's logit minus log-sum-exp of the others: (…, M) of (…, M, classes)."""
    right = labels.expand(logits.shape[:-1]).unsqueeze(-1)
    others = logits.scatter(-1, right, -torch.inf).logsumexp(-1)
    return logits.gather(-1, right).squeeze(-1) - others
