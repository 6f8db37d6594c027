"""In which direction of a layer does a concept lie? Linear classifiers, all of one Gram matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

RIDGE = 0.01
"""Penalty of a concept's classifier, as a share of the mean squared length of activations."""


class Direction(NamedTuple):
    """A concept activation vector, as a sum of examples.

    Attributes
    ----------
    places
        (n,) of the examples.
    shares
        (n,), float64: the vector is the sum of the examples' activations with these shares.
    accuracy
        Of the classifier, each example left out once.
    """

    places: Tensor
    shares: Tensor
    accuracy: float


def gram(features: Tensor) -> Tensor:
    """Return the inner products (n, n) of activations (n, F), apart from their mean, in float64."""
    centred = features.double() - features.double().mean(0)
    return (centred @ centred.T).cpu()


def separating(products: Tensor, inside: Tensor, outside: Tensor) -> Direction:
    """Return the direction that leads from some examples to others, by ridge regression.

    The classifier is scikit-learn's ``Ridge`` on labels of 1 and −1, with a penalty of
    :data:`RIDGE` times the mean squared distance of the examples from their mean. It is solved in
    as many unknowns as there are examples.

    Parameters
    ----------
    products
        Inner products of all examples, see :func:`gram`.
    inside, outside
        Places (n,) of the concept's examples, and of those it is told from.
    """
    places = torch.cat([inside, outside])
    labels = torch.ones(len(places), dtype=torch.float64)
    labels[len(inside) :] = -1
    own = products[places][:, places]
    own = own - own.mean(0) - own.mean(1, keepdim=True) + own.mean()
    penalty = float(RIDGE * own.diagonal().mean())
    if not penalty > 0:  # the layer is the same for all examples
        return Direction(places, torch.zeros_like(labels), 0.5)
    inverse = torch.linalg.inv(own + penalty * torch.eye(len(own), dtype=own.dtype))
    centred = labels - labels.mean()
    shares = inverse @ centred
    hat = own @ inverse + 1 / len(own)
    left_out = labels - (labels - labels.mean() - own @ shares) / (1 - hat.diagonal())
    accuracy = float((left_out.sign() == labels).double().mean())
    return Direction(places, shares - shares.mean(), accuracy)


def vectors(features: Tensor, directions: Sequence[Direction]) -> Tensor:
    """Return directions as vectors (n, F) of length 1 (0 where there is no direction)."""
    found = [
        each.shares.to(features.device) @ features[each.places.to(features.device)].double()
        for each in directions
    ]
    return torch.nn.functional.normalize(torch.stack(found), dim=1).to(features)
