"""What a method is asked about: a model, asked examples, and those that it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, TensorDataset

from xaikit.core.arguments import checked_targets, one_each
from xaikit.core.passes import progress
from xaikit.core.problem import Question
from xaikit.influence.memory import zeros

Loss = Callable[[Tensor, Tensor], Tensor]
"""Outputs (n, classes) and labels (n, …) to losses (n,)."""


def cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy (n,) of logits (n, classes) and labels (n,)."""
    return functional.cross_entropy(scores, labels, reduction="none")


def slopes(loss: Loss, scores: Tensor, labels: Tensor) -> Tensor:
    """Return the gradient (n, classes) of each example's loss by its own outputs."""
    if loss is cross_entropy:
        found = scores.softmax(1)
        found[torch.arange(len(labels), device=labels.device), labels] -= 1
        return found
    leaf = scores.detach().requires_grad_()
    return torch.autograd.grad(loss(leaf, labels).sum(), leaf)[0]


def right_margin(scores: Tensor, labels: Tensor) -> Tensor:
    """Return (n,) log(p / (1 - p)) of the label's probability p."""
    right = labels.unsqueeze(1)
    places = torch.arange(scores.shape[1], device=scores.device)
    others = scores.masked_fill(places == right, -torch.inf)
    return scores.gather(1, right).squeeze(1) - others.logsumexp(1)


@dataclass(frozen=True)
class Training(Question):
    """What is asked about the training examples' influence.

    Attributes
    ----------
    model
        A frozen copy of the caller's, whose weights a method may change.
    inputs, labels
        (M, *shape) and (M, …): the asked examples; where each training example is asked about
        itself, the first ones.
    images, image_labels
        (N, *shape) and (N, …), the training examples, wherever they lie.
    loss
        Of one example each.
    by_class
        Whether the loss is the cross-entropy of labels that are classes.
    itself
        Whether each training example is asked about itself: scores are (N,).
    """

    labels: Tensor
    images: Tensor
    image_labels: Tensor
    loss: Loss
    by_class: bool = field(kw_only=True)
    itself: bool = field(kw_only=True)

    @property
    def dtype(self) -> torch.dtype:
        """In which precision is computed."""
        return self.inputs.dtype

    def empty(self) -> Tensor:
        """Return scores of zero: (M, N), or (N,)."""
        n = len(self.images)
        return zeros((n,) if self.itself else (len(self.inputs), n), self.inputs)

    def parts(self, passes: int = 1, what: str = "training examples") -> Iterator[slice]:
        """Cut the training examples into slices of at most a chunk, once a pass, under one bar."""
        n = len(self.images)
        with progress(passes * n, what) as tell:
            for done in range(passes):
                for start in range(0, n, self.chunk):
                    tell(done * n + start)
                    yield slice(start, min(start + self.chunk, n))
            tell(passes * n)

    def trained_on(self, rows: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Return training examples and their labels, on the model's device, in its precision."""
        labels = self.image_labels[rows].to(self.inputs.device)
        if labels.is_floating_point():
            labels = labels.to(self.dtype)
        return self.images[rows].to(self.inputs), labels


def checked_training(training: Any) -> tuple[Tensor, Tensor]:
    """Return the examples and labels of a data set or pair, or say what is wrong with it."""
    wanted = "a data set with .images and .labels, or a pair of tensors (images, labels)"
    if isinstance(training, tuple | list) and len(training) == 2:
        images, labels = training
    elif hasattr(training, "images"):
        images, labels = training.images, getattr(training, "labels", None)
    elif isinstance(training, Tensor):
        images, labels = training, None
    else:
        raise TypeError(
            f"training has to be {wanted}, not a {type(training).__name__}{_as_a_pair(training)}."
        )
    if labels is None:
        raise ValueError(f"training has no labels: give {wanted}.")
    if not isinstance(images, Tensor):
        raise TypeError(
            f"the training images have to be a tensor (N, …), not {type(images).__name__}: "
            f"give {wanted}."
        )
    if images.layout is not torch.strided or images.is_meta:
        raise TypeError(
            "the training images have to be a dense tensor with values, not a sparse or meta one."
        )
    if not images.is_floating_point():
        raise TypeError(
            f"the training images have to be floating point, not {images.dtype}: give them as the "
            f"model saw them in training, such as bytes.float() / 255."
        )
    if images.ndim < 2 or images.numel() == 0:
        raise ValueError(
            f"training has to hold at least one example, but its images have shape "
            f"{tuple(images.shape)}."
        )
    try:
        labels = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(
            f"the training labels have to be a tensor (N,), not {type(labels).__name__}: "
            f"give {wanted}."
        ) from None
    return _ordinary(images), _ordinary(labels)


def _as_a_pair(training: Any) -> str:
    """Return how a data set of torch's, or its loader, becomes a pair of tensors."""
    if isinstance(training, DataLoader):
        training, name = training.dataset, "training.dataset"
    elif isinstance(training, Dataset):
        name = "training"
    else:
        return ""
    if isinstance(training, TensorDataset) and len(training.tensors) == 2:
        return f": give {name}.tensors"
    return (
        f": next(iter(torch.utils.data.DataLoader({name}, batch_size=len({name})))) makes the "
        f"pair of a data set whose items are an image and its label"
    )


def _ordinary(values: Tensor) -> Tensor:
    """Return values apart from any graph, which a graph may save: not those of inference mode."""
    with torch.inference_mode(False):
        return values.clone() if values.is_inference() else values.detach()


def expect_finite(images: Tensor, chunk: int) -> None:
    """Fail where training images hold what is no number: part by part, so that copies are small."""
    for start in range(0, len(images), chunk):
        part = images[start : start + chunk]
        if part.dtype.itemsize == 1:  # eight bits: torch can store them, and not add them
            part = part.float()
        # A finite sum has finite summands, and is found in a tenth of the time.
        if not part.sum().isfinite() and not part.isfinite().all():
            row = start + int((~part.isfinite()).flatten(1).any(1).nonzero()[0])
            raise ValueError(
                f"the training images hold nan or infinity, first in example {row}: replace what "
                f"is no number, or leave the example out."
            )


def classes_of(labels: Any, examples: Tensor, classes: int, name: str) -> Tensor:
    """Return labels (n,), each a class of the model."""
    dtype = getattr(labels, "dtype", None)
    if isinstance(dtype, torch.dtype) and (dtype.is_floating_point or dtype == torch.bool):
        raise TypeError(
            f"{name} are {dtype}, but loss='cross_entropy' takes classes: give whole numbers "
            f"({len(examples)},), or another loss, a function of outputs and labels."
        )
    found = one_each(
        checked_targets(labels, examples, classes, name),
        f"{name} have to be one class an example, of shape ({len(examples)},).",
    )
    return _ordinary(found)


def numbers_of(labels: Any, examples: Tensor, name: str) -> Tensor:
    """Return labels (n, …) for a loss of the caller's own, one an example."""
    try:
        found = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError):
        found = torch.empty(0)
    if found.ndim == 0 and found.numel():
        found = found.expand(len(examples))
    if found.ndim == 0 or len(found) != len(examples):
        raise ValueError(
            f"{name} have to be a tensor with one row for each of {len(examples)} examples, but "
            f"their shape is {tuple(found.shape)}."
        )
    if found.is_floating_point() and not found.isfinite().all():
        raise ValueError(f"{name} hold nan or infinity: replace what is no number.")
    return _ordinary(found)


def expect_losses(loss: Loss, scores: Tensor, labels: Tensor) -> None:
    """Fail where the caller's loss does not return one number an example."""
    try:
        found = loss(scores, labels)
    except Exception as error:  # whatever the caller's own function raises
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"loss fails on outputs {tuple(scores.shape)}: {said.rstrip('.')}."
        ) from error
    if not isinstance(found, Tensor) or found.shape != (len(scores),):
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        cure = "use reduction='none'"
        if isinstance(found, Tensor) and found.ndim > 1:
            cure = (
                f"bring outputs {tuple(scores.shape)} and labels {tuple(labels.shape)} to one "
                f"shape, and take the mean over all axes but the first"
            )
        raise ValueError(
            f"loss has to return one number for each of {len(scores)} examples, "
            f"({len(scores)},), not {shape}: {cure}."
        )
