"""Which weights count? The last layer's, or all: a function of these weights, and its gradients."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from xaikit.core.layers import features_of, last_linear
from xaikit.core.logits import Logits, TwoClasses
from xaikit.core.options import NonNegative, accepted
from xaikit.core.passes import class_scores, numeric, outputs
from xaikit.influence.layered import Layered
from xaikit.influence.problem import Loss, Training, slopes
from xaikit.influence.rows import Dense, Factors, Rows
from xaikit.influence.sharing import behind_what_is_shared
from xaikit.influence.states import state_like

Layers = Literal["last", "all"]
Checkpoints = Sequence[Any] | None
Rates = Sequence[Any] | None


class LastLayer:
    """The last linear layer, as a function of what enters it.

    Attributes
    ----------
    weights
        (K · F,), the layer's; its bias is the weight of an activation that is always one.
    features
        How many activations there are beside that one.
    """

    def __init__(self, problem: Training, instead: str = 'use layers="all"') -> None:
        self._model, self._instead = problem.model, instead
        some = problem.inputs[:2]
        with torch.no_grad(), features_of(self._model, None, instead) as features:
            found, self._scores = features(some)
        layer = last_linear(self._model, some)
        assert isinstance(layer, nn.Linear)  # features_of has said so else
        weight, bias = layer.weight.detach(), layer.bias
        self._layer, self._bias = layer, bias is not None
        self.features = layer.in_features
        if bias is not None:
            weight = torch.cat([weight, bias.detach().unsqueeze(1)], 1)
        self.weights = weight.to(problem.dtype).flatten()
        self.shape = weight.shape
        self._some, self._found = some, self._with_ones(found)

    def at_the_end(self) -> LastLayer:
        """Return the layer, if the model's outputs are what leaves it."""
        fits = self._found.shape[1] == self.shape[1]
        if not fits or not _near(self.outputs(self.weights, self._found), self._scores):
            raise ValueError(
                f"the model computes more after its last linear layer, so that the gradients of "
                f"that layer are not products of activations and residuals: {self._instead}."
            )
        return self

    def alone(self) -> LastLayer:
        """Return the layer, if its weights do nothing in the model but this layer's work."""
        own = [each for each in (self._layer.weight, self._layer.bias) if each is not None]
        by_class = torch.linspace(1, 2, self.shape[0]).to(self._scores)
        try:
            for each in own:
                each.requires_grad_(True)
            total = (outputs(self._model, self._some) * by_class).sum()
            if not total.requires_grad:
                return self  # the model detaches: no slope reaches another use, either
            slopes = torch.autograd.grad(total, own, allow_unused=True)
        finally:
            for each in own:
                each.requires_grad_(False)
        expected = torch.outer(by_class, self._found.sum(0))
        if None not in slopes and not _near(
            torch.cat([each.view(len(by_class), -1) for each in slopes], 1), expected
        ):
            raise ValueError(
                f"the model uses the weights of its last linear layer elsewhere, too (they are "
                f"tied), so that their gradients are not products of activations and residuals: "
                f"{self._instead}."
            )
        return self

    def _with_ones(self, found: Tensor) -> Tensor:
        if not self._bias:
            return found
        return torch.cat([found, found.new_ones(len(found), 1)], 1)

    def outputs(self, weights: Tensor, seen: Tensor) -> Tensor:
        """Return the outputs (n, K) for activations (n, F)."""
        return seen @ weights.view(self.shape).T

    @torch.no_grad()
    def seen(self, images: Tensor) -> Tensor:
        """Return what enters the layer (n, F), the one for the bias included."""
        kept: list[Tensor] = []
        hook = self._layer.register_forward_pre_hook(lambda _, given: kept.append(given[0].clone()))
        try:
            numeric(outputs(self._model, images))
        finally:
            hook.remove()
        return self._with_ones(kept[0].to(images.dtype))

    def rows(self, seen: Tensor, labels: Tensor, loss: Loss) -> Rows:
        """Return the gradients of n examples' losses."""
        return Factors(seen, slopes(loss, self.outputs(self.weights, seen), labels))


class WholeModel:
    """The model as a function of all its weights.

    Attributes
    ----------
    weights
        (P,), all parameters one after the other.
    """

    def __init__(self, problem: Training) -> None:
        self._model = problem.model
        parameters = {
            name: each.detach()
            for name, each in self._model.named_parameters()
            if each.is_floating_point()
        }
        if not parameters:
            raise ValueError("the model has no parameters, so no training example changed it.")
        self._shapes = {name: each.shape for name, each in parameters.items()}
        self.weights = torch.cat([each.flatten() for each in parameters.values()])
        leaf = self.weights.clone().requires_grad_()
        some, labels = problem.inputs[:2], problem.labels[:2]
        scores = self.outputs(leaf, some)
        if not scores.requires_grad:
            raise ValueError(
                "the model's outputs do not depend differentiably on its weights: it detaches, "
                "rounds or converts them, so they have no gradients by the weights."
            )
        self._layered: Layered | None = None
        made = Layered.of(self._model, list(parameters))
        found = None if made is None else made.rows(some, labels, problem.loss)
        if found is not None:
            total = problem.loss(scores, labels).sum()
            (slope,) = torch.autograd.grad(total, leaf)
            if _near(found.dense().sum(0), slope):
                self._layered = made

    def outputs(self, weights: Tensor, seen: Tensor) -> Tensor:
        """Return the outputs (n, K) for inputs (n, *shape)."""
        sizes = [math.prod(shape) for shape in self._shapes.values()]
        parts = zip(self._shapes.items(), torch.split(weights, sizes), strict=True)
        own = {name: part.view(shape) for (name, shape), part in parts}
        try:
            found = torch.func.functional_call(self._model, own, (seen.clone(),))
        except RuntimeError as error:
            if "Jitted modules" not in str(error):
                raise
            raise ValueError(
                "the model, or a part of it, is TorchScript, whose weights nobody can exchange: "
                "give the network that it was made of."
            ) from error
        return class_scores(found, seen)

    def seen(self, images: Tensor) -> Tensor:
        """Return the images."""
        return images

    def rows(self, seen: Tensor, labels: Tensor, loss: Loss) -> Rows:
        """Return the gradients of n examples' losses, each by itself."""
        found = None if self._layered is None else self._layered.rows(seen, labels, loss)
        if found is not None:
            return found

        def one(weights: Tensor, image: Tensor, label: Tensor) -> Tensor:
            return loss(self.outputs(weights, image[None]), label[None])[0]

        slope = torch.func.grad(one)
        try:
            return Dense(torch.func.vmap(slope, (None, 0, 0))(self.weights, seen, labels))
        except RuntimeError:
            # What vectorising does not know (control flow by values, a state): one by one.
            leaf = self.weights.clone().requires_grad_()
            pairs = zip(seen, labels, strict=True)
            return Dense(
                torch.cat([torch.autograd.grad(one(leaf, *pair), leaf)[0][None] for pair in pairs])
            )


Network = LastLayer | WholeModel


def network_of(problem: Training, layers: Layers) -> Network:
    """Return the model as a function of the weights that count."""
    return LastLayer(problem).at_the_end().alone() if layers == "last" else WholeModel(problem)


def each_network(
    problem: Training, layers: Layers, checkpoints: Checkpoints, rates: Rates = None
) -> Iterator[tuple[Training, Network, float]]:
    """Yield for each checkpoint the problem, the network and its learning rate, 1 by default.

    Without checkpoints it is the model itself. A network is to be used before the next one. The
    problem is the one that the network sees: what all checkpoints share is done.
    """
    own = checkpoints is None
    if checkpoints is None:
        checkpoints = [_inner(problem.model).state_dict()]
        if rates is not None and len(rates) > 1:
            raise ValueError(
                f"there are {len(rates)} learning_rates but no checkpoints: give both."
            )
    if len(checkpoints) == 0:
        raise ValueError("checkpoints are empty: give one at least, or leave the option out.")
    if rates is not None and len(rates) != len(checkpoints):
        raise ValueError(
            f"there are {len(checkpoints)} checkpoints but {len(rates)} learning_rates: give one "
            f"each."
        )
    factors = [
        accepted(each, NonNegative, f"learning_rates[{place}]")
        for place, each in enumerate(rates or [])
    ]
    like = _inner(problem.model).state_dict()
    states = [state_like(like, each, place) for place, each in enumerate(checkpoints)]
    if not own:
        _inner(problem.model).load_state_dict(states[0])
    problem = behind_what_is_shared(problem, states, weights=layers == "last")
    names = _inner(problem.model).state_dict().keys()
    for place, state in enumerate(states):
        if not own:
            _inner(problem.model).load_state_dict({name: state[name] for name in names})
        yield problem, network_of(problem, layers), float(factors[place]) if factors else 1.0


def _inner(model: nn.Module) -> nn.Module:
    """Return the caller's model, where it is held by one that gives logits of classes."""
    while isinstance(model, Logits | TwoClasses):
        model = model.model
    return model


def _near(one: Tensor, other: Tensor) -> bool:
    scale = float(other.abs().max().clamp_min(1e-12))
    return bool(torch.allclose(one, other, rtol=0, atol=scale * torch.finfo(one.dtype).eps ** 0.5))
