"""What a data set is: as many labels as images."""

from __future__ import annotations

import pytest
import torch

from xaikit.data import ImageDataset


def test_images_and_labels_have_to_be_as_many() -> None:
    with pytest.raises(ValueError, match="3 images but 2 labels"):
        ImageDataset(torch.zeros(3, 1, 2, 2), torch.zeros(2, dtype=torch.long), ["a"])
