"""What the tests of the library explain: small random networks and images."""

from __future__ import annotations

import pytest
import torch
from chain import convolutional
from torch import Tensor, nn


@pytest.fixture
def network() -> nn.Sequential:
    """Return a small random classifier of (N, 1, 12, 12) images into 5 classes."""
    return convolutional(nn.MaxPool2d)


@pytest.fixture
def averaging() -> nn.Sequential:
    """Return the same with average pooling."""
    return convolutional(nn.AvgPool2d)


@pytest.fixture
def images() -> Tensor:
    """Return four random images (4, 1, 12, 12) in [0, 1]."""
    return torch.rand(4, 1, 12, 12, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def targets() -> Tensor:
    """Return three targets an image, one of them twice."""
    return torch.tensor([[0, 1, 2], [4, 3, 2], [1, 1, 0], [2, 3, 4]])


@pytest.fixture
def background() -> Tensor:
    """Return nine reference images (9, 1, 12, 12)."""
    return torch.rand(9, 1, 12, 12, generator=torch.Generator().manual_seed(2))
