"""The networks of counterfactuals by reinforcement learning: autoencoder, actor and critic."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

LATENT = 64
"""Numbers that describe an image, each in [-1, 1]."""


class Generator(nn.Module):
    """Turns images and target classes into counterfactuals, in one forward pass.

    Encoder and decoder are those of an autoencoder, the actor moves an image's code to where the
    decoder draws the target class.

    Parameters
    ----------
    shape
        (C, H, W) of an image.
    classes
        How many classes the model knows.

    Attributes
    ----------
    shape, classes
        As given.
    card : dict
        What it was trained with. Empty for one that is not shipped.

    Examples
    --------
    >>> import torch
    >>> from xaikit.counterfactuals import Generator
    >>> generator = Generator(shape=(1, 28, 28), classes=10)
    >>> sum(each.numel() for each in generator.parameters()) > 0, generator.card
    (True, {})
    """

    card: dict[str, Any]

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.shape, self.classes, self.card = tuple(shape), classes, {}
        pixels = int(torch.Size(shape).numel())
        self.encoder = nn.Sequential(
            nn.Flatten(),
            nn.Linear(pixels, 320),
            nn.ReLU(),
            nn.Linear(320, LATENT),
            nn.Tanh(),
        )
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, 320),
            nn.ReLU(),
            nn.Linear(320, pixels),
            nn.Sigmoid(),
            nn.Unflatten(1, shape),
        )
        self.actor = nn.Sequential(*_perceptron(LATENT + 2 * classes, LATENT), nn.Tanh())

    def state(self, codes: Tensor, predicted: Tensor, targets: Tensor) -> Tensor:
        """Return what the actor sees, (N, LATENT + 2 · classes): code, prediction and target."""
        return torch.cat([codes, self._one_hot(predicted, codes), self._one_hot(targets, codes)], 1)

    def forward(self, images: Tensor, predicted: Tensor, targets: Tensor) -> Tensor:
        """Return the counterfactuals (N, C, H, W) of images with the model's predictions (N,)."""
        drawn: Tensor = self.decoder(
            self.actor(self.state(self.encoder(images), predicted, targets))
        )
        return drawn

    def _one_hot(self, labels: Tensor, like: Tensor) -> Tensor:
        return functional.one_hot(labels, self.classes).to(like)


def critic(classes: int) -> nn.Sequential:
    """Return the network that predicts the reward (N, 1) of a state and an action."""
    return nn.Sequential(*_perceptron(2 * LATENT + 2 * classes, 1))


def _perceptron(inputs: int, outputs: int) -> list[nn.Module]:
    """Return two hidden layers of 256, layer norm before each ReLU, as the paper's."""
    return [
        nn.Linear(inputs, 256),
        nn.LayerNorm(256),
        nn.ReLU(),
        nn.Linear(256, 256),
        nn.LayerNorm(256),
        nn.ReLU(),
        nn.Linear(256, outputs),
    ]
