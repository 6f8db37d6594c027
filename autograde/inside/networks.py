"""Small networks as plain data, which hidden calls pass to students' functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a :class:`Network`.

    Attributes
    ----------
    kind
        ``relu``, ``leaky_relu``, ``sigmoid``, ``tanh``, ``softplus``, ``softmax``, ``flatten``,
        ``maxpool``, ``avgpool``, ``linear`` or ``conv2d``. The last four have constructors.
    weight, bias
        float32, laid out as in ``torch.nn``.
    options
        Keyword arguments of the ``torch.nn`` class, such as ``negative_slope``.
    """

    kind: str
    weight: NDArray[Any] | None = None
    bias: NDArray[Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def linear(cls, weight: Any, bias: Any = None) -> Layer:
        """Return a linear layer: weight (outputs, inputs), bias (outputs,) or None."""
        return cls("linear", _parameter(weight), _parameter(bias))

    @classmethod
    def conv2d(cls, weight: Any, bias: Any = None, stride: int = 1, padding: int = 0) -> Layer:
        """Return a convolution: weight (outputs, inputs, height, width), bias as above."""
        options = {"stride": stride, "padding": padding}
        return cls("conv2d", _parameter(weight), _parameter(bias), options)

    @classmethod
    def maxpool(cls, size: int) -> Layer:
        """Return maximum pooling over squares that do not overlap."""
        return cls("maxpool", options={"kernel_size": size})

    @classmethod
    def avgpool(cls, size: int) -> Layer:
        """Return average pooling over squares that do not overlap."""
        return cls("avgpool", options={"kernel_size": size})

    def module(self) -> torch.nn.Module:
        """Return the layer as a module with parameters of its own."""
        from torch import from_numpy, nn

        if self.weight is None:
            kinds: dict[str, type[nn.Module]] = {
                "relu": nn.ReLU,
                "leaky_relu": nn.LeakyReLU,
                "sigmoid": nn.Sigmoid,
                "tanh": nn.Tanh,
                "softplus": nn.Softplus,
                "flatten": nn.Flatten,
                "maxpool": nn.MaxPool2d,
                "avgpool": nn.AvgPool2d,
            }
            if self.kind == "softmax":
                return nn.Softmax(dim=1)
            if self.kind not in kinds:
                raise ValueError(f"There is no layer {self.kind!r}; there are {', '.join(kinds)}.")
            return kinds[self.kind](**self.options)
        # On the meta device, because initial values would be drawn from the global generator.
        outputs, inputs, *kernel = self.weight.shape
        bias = self.bias is not None
        module: nn.Linear | nn.Conv2d
        if self.kind == "linear":
            module = nn.Linear(inputs, outputs, bias, device="meta")
        else:
            options = {"bias": bias, "device": "meta", **self.options}
            module = nn.Conv2d(inputs, outputs, (kernel[0], kernel[1]), **options)
        module.weight = nn.Parameter(from_numpy(self.weight.copy()))
        if self.bias is not None:
            module.bias = nn.Parameter(from_numpy(self.bias.copy()))
        return module


@dataclass(frozen=True, eq=False)
class Network:
    """A small network as a hidden argument: the student's function gets :meth:`module`.

    Checks read ``layers`` (a tuple of :class:`Layer`) to compute their reference.
    """

    layers: tuple[Layer, ...]

    def __init__(self, layers: Sequence[Layer]) -> None:
        object.__setattr__(self, "layers", tuple(layers))

    @classmethod
    def random(
        cls, rng: np.random.Generator, sizes: Sequence[int], activation: str = "relu"
    ) -> Network:
        """Return a random network of linear layers with an activation between them.

        Parameters
        ----------
        sizes
            Features of the input, of each hidden layer, and the outputs: at least two numbers.
        """
        layers: list[Layer] = []
        for inputs, outputs in pairwise(sizes):
            weight = rng.normal(scale=math.sqrt(2 / inputs), size=(outputs, inputs))
            layers += [Layer.linear(weight, rng.normal(scale=0.1, size=outputs)), Layer(activation)]
        return cls(layers[:-1])

    @classmethod
    def random_convolutional(
        cls, rng: np.random.Generator, channels: Sequence[int], size: int, classes: int
    ) -> Network:
        """Return 3 × 3 convolutions, each with ReLU and 2 × 2 maximum pooling, then a linear layer.

        Parameters
        ----------
        channels
            Of the input and of each convolution: at least two numbers.
        size
            Height and width of the input.
        """
        layers: list[Layer] = []
        for inputs, outputs in pairwise(channels):
            weight = rng.normal(scale=math.sqrt(2 / (9 * inputs)), size=(outputs, inputs, 3, 3))
            bias = rng.normal(scale=0.1, size=outputs)
            layers += [Layer.conv2d(weight, bias, padding=1), Layer("relu"), Layer.maxpool(2)]
            size //= 2
        features = channels[-1] * size * size
        head = cls.random(rng, (features, classes))
        return cls([*layers, Layer("flatten"), *head.layers])

    def module(self) -> torch.nn.Sequential:
        """Return a new ``torch.nn.Sequential`` in evaluation mode, one module per use."""
        from torch import nn

        return nn.Sequential(*(layer.module() for layer in self.layers)).eval()


def _parameter(values: Any) -> NDArray[Any] | None:
    return None if values is None else np.asarray(values, dtype=np.float32)
