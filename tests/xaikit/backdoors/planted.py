"""A data set of noise with a patch planted in some images, and a network that sees nothing else."""

from __future__ import annotations

import torch
from torch import nn

from xaikit import detect
from xaikit.backdoors import Detection
from xaikit.backdoors.suspicion import Suspicion

TARGET, CLASSES, EACH = 2, 4, 120


class Planted:
    """Noise with a bright patch in some images of class 2, and a linear network.

    Its activations are the pixels, and relevance is pixel × weight, so what a detector should
    find is known.
    """

    def __init__(self, planted: int = 12, classes: int = CLASSES) -> None:
        generator = torch.Generator().manual_seed(4)
        self.labels = torch.arange(classes * EACH) % classes
        self.images = 0.3 + 0.3 * torch.rand(len(self.labels), 1, 6, 6, generator=generator)
        self.poisoned = torch.zeros(len(self.labels), dtype=torch.bool)
        target = min(TARGET, classes - 1)
        self.poisoned[(self.labels == target).nonzero()[:planted, 0]] = True
        self.images[self.poisoned, :, :2, :2] = 1.0
        linear = nn.Linear(36, classes, bias=False)
        self.model = nn.Sequential(nn.Flatten(), linear).eval()
        weights = torch.rand(classes, 36, generator=generator) - 0.5
        weights[target, [0, 1, 6, 7]] = 1.0
        linear.weight.data.copy_(weights)

    def suspicion(self, chunk: int = 50) -> Suspicion:
        """What a detector is given."""
        classes = int(self.labels.max()) + 1
        return Suspicion(self.model, self.images, self.labels, classes, seed=0, chunk=chunk)

    def found(self, method: str, chunk: int = 128) -> Detection:
        """Examine it."""
        return detect(self.model, self.images, self.labels, method, chunk=chunk)
