"""The scores of the library dattri, which xaikit does not depend on, in our form (M, N).

``pip install --no-deps --target FOLDER dattri`` and ``PYTHONPATH=FOLDER`` make it importable.
"""

from __future__ import annotations

import contextlib
import io
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from xaikit.data import ImageDataset
from xaikit.influence import Study

HERE = find_spec("dattri") is not None
LAST = ["4.weight", "4.bias"]
"""The last layer's parameters in the study's network, by name."""


def _loader(data: ImageDataset) -> DataLoader[tuple[Tensor, ...]]:
    """All at once: it computes the Hessian of what one batch holds, and is fastest so, too."""
    return DataLoader(TensorDataset(data.images, data.labels), batch_size=len(data))


def _task(here: Study, checkpoints: list[dict[str, Tensor]], function: Any) -> Any:
    from dattri.task import AttributionTask

    return AttributionTask(
        loss_func=function, model=here.network, checkpoints=[dict(each) for each in checkpoints]
    )


def _batch_loss(network: nn.Module) -> Any:
    def loss(params: Any, pair: Any) -> Tensor:
        images, labels = pair
        return functional.cross_entropy(functional_call(network, params, (images,)), labels)

    return loss


def _one_loss(network: nn.Module) -> Any:
    def loss(params: Any, pair: Any) -> Tensor:
        image, label = pair
        answer = functional_call(network, params, (image.unsqueeze(0),))
        return functional.cross_entropy(answer, label.unsqueeze(0))

    return loss


def tracin(here: Study, layers: str) -> Tensor:
    """TracIn over the study's checkpoints."""
    from dattri.algorithm.tracin import TracInAttributor

    made = TracInAttributor(
        _task(here, here.checkpoints, _one_loss(here.network)),
        weight_list=torch.tensor(here.learning_rates),
        normalized_grad=False,
        projector_kwargs={"proj_type": "identity"},
        layer_name=LAST if layers == "last" else None,
    )
    with torch.no_grad(), contextlib.redirect_stderr(io.StringIO()):
        return made.attribute(_loader(here.training), _loader(here.test)).T


def influence_function(here: Study, layers: str, solver: str, damping: float) -> Tensor:
    """Influence functions with the whole Hessian, or by conjugate gradients."""
    from dattri.algorithm.influence_function import IFAttributorCG, IFAttributorExplicit

    task = _task(here, [here.network.state_dict()], _batch_loss(here.network))
    options: dict[str, Any] = {
        "layer_name": LAST if layers == "last" else None,
        "regularization": damping,
    }
    if solver == "exact":
        made = IFAttributorExplicit(task, **options)
    else:
        made = IFAttributorCG(task, max_iter=100, tol=1e-6, **options)
    with contextlib.redirect_stderr(io.StringIO()):
        made.cache(_loader(here.training))
        return made.attribute(_loader(here.training), _loader(here.test)).T


def trak(here: Study, dimensions: int, seed: int = 0) -> Tensor:
    """TRAK with a normal projection of all layers, over the study's checkpoints."""
    from dattri.algorithm.trak import TRAKAttributor

    one = _one_loss(here.network)

    def margin(params: Any, pair: Any) -> Tensor:
        log = -one(params, pair)
        return log - torch.log(1 - torch.exp(log))

    def right(params: Any, pair: Any) -> Tensor:
        return torch.exp(-one(params, pair))

    made = TRAKAttributor(
        _task(here, here.checkpoints, margin),
        correct_probability_func=right,
        projector_kwargs={"proj_dim": dimensions, "proj_seed": seed, "proj_type": "normal"},
    )
    with torch.no_grad(), contextlib.redirect_stderr(io.StringIO()):
        made.cache(_loader(here.training))
        return made.attribute(_loader(here.test)).T
