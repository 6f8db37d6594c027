"""Captum's methods (Kokhlikyan et al. 2020, arXiv:2009.07896) under the course's options."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from xaikit.core.options import NonNegative
from xaikit.influence.features import ELSEWHERE
from xaikit.influence.networks import (
    Checkpoints,
    LastLayer,
    Layers,
    Network,
    Rates,
    each_network,
    network_of,
)
from xaikit.influence.problem import Training
from xaikit.influence.registry import Found, adapter


class _Head(nn.Module):
    """The network as captum takes it: of a last layer one without bias, behind activations.

    captum's fast methods leave a bias out; as the weight of an activation of one it counts.
    """

    def __init__(self, problem: Training, network: Network) -> None:
        super().__init__()
        if isinstance(network, LastLayer):
            classes, size = network.shape
            self.last: nn.Module = nn.Linear(size, classes, bias=False).to(network.weights)
            self.last.load_state_dict({"weight": network.weights.view(network.shape)})
        else:
            self.last = problem.model.requires_grad_(True)

    def forward(self, seen: Tensor) -> Any:
        return self.last(seen)


class _Sum(nn.Module):
    reduction = "sum"

    def __init__(self, problem: Training) -> None:
        super().__init__()
        self.problem = problem

    def forward(self, scores: Tensor, labels: Tensor) -> Tensor:
        return self.problem.loss(scores, labels).sum()


class _NoIndex:
    """In place of the index for nearest neighbours, for which captum wants another package."""

    def setup(self, _: Tensor) -> None:
        """Do nothing: all scores are asked for."""


def _data(problem: Training, network: Network) -> DataLoader[Any]:
    """Return the training examples as the network sees them."""
    parts = [problem.trained_on(rows) for rows in problem.parts()]
    seen = torch.cat([network.seen(images) for images, _ in parts])
    labels = torch.cat([each for _, each in parts])
    return DataLoader(TensorDataset(seen, labels), batch_size=problem.chunk)


def _scores(problem: Training, network: Network, engine: Any, data: DataLoader[Any]) -> Tensor:
    found: Tensor
    if problem.itself:
        found = engine.self_influence(data)
    else:
        found = engine.influence((network.seen(problem.inputs), problem.labels), k=None)
    return found.detach().to(problem.inputs)


@contextmanager
def _quietly(problem: Training) -> Iterator[None]:
    """Seed the global generators, which captum draws from, and restore them."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(problem.seed)
        yield


@adapter("captum", "tracin")
def _tracin(
    problem: Training,
    *,
    layers: Layers = "last",
    checkpoints: Checkpoints = None,
    learning_rates: Rates = None,
    projection: int | None = None,
) -> Found:
    from captum.influence import TracInCP, TracInCPFast, TracInCPFastRandProj

    if problem.itself and projection is not None:
        raise ValueError(
            "captum finds no self-influence of projected gradients: leave projection out, or take "
            'backend="native".'
        )
    if layers == "all" and projection is not None:
        raise ValueError(
            'captum projects the last layer\'s gradients only: take layers="last", or '
            'backend="native".'
        )
    scores = problem.empty()
    with _quietly(problem):
        for here, network, rate in each_network(problem, layers, checkpoints, learning_rates):
            head, data = _Head(here, network), _data(here, network)
            common: dict[str, Any] = {
                "checkpoints": ["as it is"],
                "checkpoints_load_func": lambda *_, rate=rate: rate,
                "batch_size": None,
            }
            if layers == "all":
                engine = TracInCP(head, data, loss_fn=here.loss, **common)
            else:
                common |= {"final_fc_layer": head.last, "loss_fn": _Sum(problem)}
                if projection is None:
                    engine = TracInCPFast(head, train_dataset=data, **common)
                else:
                    more: dict[str, Any] = {"projection_dim": projection, "seed": problem.seed}
                    more["nearest_neighbors"] = _NoIndex()
                    engine = TracInCPFastRandProj(head, train_dataset=data, **common, **more)
            scores += _scores(here, network, engine, data)
    return Found(scores)


@adapter("captum", "grad_dot")
def _grad_dot(
    problem: Training, *, layers: Layers = "last", projection: int | None = None
) -> Found:
    return _tracin(problem, layers=layers, projection=projection)


@adapter("captum", "influence_function")
def _influence_function(
    problem: Training, *, layers: Layers = "last", damping: NonNegative = 0.01
) -> Found:
    from captum.influence import NaiveInfluenceFunction

    network = network_of(problem, layers)
    with _quietly(problem):
        head, data = _Head(problem, network), _data(problem, network)
        engine = NaiveInfluenceFunction(
            head,
            data,
            checkpoint="as it is",
            checkpoints_load_func=lambda *_: 1.0,
            loss_fn=problem.loss,
            batch_size=None,
            projection_dim=len(network.weights),
            # Its Hessian is that of the sum of the losses.
            hessian_reg=damping * len(problem.images),
            hessian_inverse_tol=torch.finfo(problem.dtype).eps * len(problem.images),
            projection_on_cpu=False,
        )
        return Found(_scores(problem, network, engine, data))


@adapter("captum", "exemplar")
def _exemplar(
    problem: Training, *, similarity: Literal["euclidean", "cosine", "dot"] = "euclidean"
) -> Found:
    from captum.influence import SimilarityInfluence

    def alike(ours: Any, theirs: Tensor) -> Tensor:
        ours = ours[0] if isinstance(ours, list) else ours  # captum 0.9 gives a list of one
        if similarity == "euclidean":
            distances: Tensor = torch.cdist(ours, theirs)
            return -distances
        if similarity == "cosine":
            ours, theirs = (nn.functional.normalize(each, dim=1) for each in (ours, theirs))
        products: Tensor = ours @ theirs.T
        return products

    network = LastLayer(problem, ELSEWHERE)
    images = [problem.trained_on(rows)[0] for rows in problem.parts()]
    seen = torch.cat([network.seen(each) for each in images])[:, : network.features]
    module = nn.Sequential()
    module.add_module("features", nn.Identity())
    with _quietly(problem), tempfile.TemporaryDirectory() as folder:
        engine = SimilarityInfluence(
            module,
            "features",
            TensorDataset(seen),
            folder,
            "model",
            similarity_metric=alike,
            batch_size=problem.chunk,
        )
        ours = network.seen(problem.inputs)[:, : network.features]
        places, values = engine.influence(ours, top_k=len(seen))["features"]
    return Found(problem.empty().scatter_(1, places, values.to(problem.inputs)))
