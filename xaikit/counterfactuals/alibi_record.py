"""What alibi found for one shirt, for machines on which alibi cannot run.

``python -m xaikit train alibi_fashion_mnist`` asks alibi again: about seven minutes of one core,
once ``make alibi`` has built alibi's environment.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from xaikit.checkpoints import CHECKPOINTS, opened, write
from xaikit.counterfactuals.alibi_backend import OPTIONS
from xaikit.counterfactuals.alibi_task import interpreter, missing
from xaikit.counterfactuals.api import counterfactual
from xaikit.counterfactuals.result import Counterfactuals
from xaikit.data import embedded
from xaikit.models import load_pretrained

RECORD = "alibi_fashion_mnist"
"""Name of the two committed files."""
RECORDED = CHECKPOINTS.with_name("recorded")
"""Their folder: pictures made of an image of the data, which networks are not."""

IMAGE = 7
"""Place of the shirt among the test images: the first one that the network recognises."""
TARGETS = ("T-shirt/top", "Dress")

SETTINGS: dict[str, dict[str, Any]] = {
    "wachter": {"max_iter": 60, "max_lam_steps": 2},
    "prototype": {"theta": 100.0, "max_iterations": 50, "c_steps": 2},
    "rl": {"train_steps": 5000},
}
"""What differs from ``OPTIONS``: through a predict function each gradient takes 1,568 predictions.
With theta = 10 the prototypes count too little for alibi to find anything in so few iterations."""

EXPLAINERS = {
    "wachter": "Counterfactual",
    "prototype": "CounterfactualProto",
    "rl": "CounterfactualRL",
}
"""alibi's own names."""

_VERSIONS = (
    "import json, platform; from importlib.metadata import version as v;"
    "names = 'alibi', 'tensorflow-cpu', 'numpy';"
    "print(json.dumps({'python': platform.python_version(), **{n: v(n) for n in names}}))"
)


@dataclass(frozen=True)
class Record:
    """What alibi found for one image.

    Attributes
    ----------
    results
        For each method one result a target, each of one image (1, 1, 28, 28). Its ``.seconds`` are
        the processor time of the call that found it, of alibi's process and of ours, on one thread:
        about what the call takes on an idle machine. It counts the start of alibi's process, and
        for ``"rl"`` the training of the actor, which all targets share.
    card
        Settings, versions and the command that recorded it.
    """

    results: dict[str, list[Counterfactuals]]
    card: dict[str, Any]


def record(folder: Path) -> str:
    """Let alibi search, write what it found and its card, and say how much that was.

    Parameters
    ----------
    folder
        Where RECORD.safetensors and RECORD.json go.

    Raises
    ------
    ValueError
        If alibi cannot run here, with what helps.
    """
    if (why := missing()) is not None:
        raise ValueError(f"alibi cannot be asked here: {why}.")
    model = load_pretrained("fashion_mnist")
    test, train = embedded("fashion_mnist", "test"), embedded("fashion_mnist", "train")
    image = test.images[IMAGE : IMAGE + 1]
    targets = [test.classes.index(name) for name in TARGETS]
    methods: dict[str, dict[str, Any]] = {}
    images = {"image": image}
    for method, own in SETTINGS.items():
        options = OPTIONS[method] | own
        given = options if method == "wachter" else options | {"examples": train.images}
        # The actor is trained in each call, so it is asked for all targets at once.
        calls = [targets] if method == "rl" else [[target] for target in targets]
        answers = [_asked(model, image, call, method, given) for call in calls]
        found = [each for each, _ in answers]
        images[method] = torch.cat([each.counterfactuals[0] for each in found])
        methods[method] = {
            "explainer": EXPLAINERS[method],
            "options": options,
            "found": [value for each in found for value in each.found[0].tolist()],
            "predicted": [value for each in found for value in each.predicted[0].tolist()],
            "distance_l1": _rounded(found, "distance_l1"),
            "distance_l2": _rounded(found, "distance_l2"),
            "seconds": [round(spent, 1) for each, spent in answers for _ in each.found[0]],
        }
    done = subprocess.run(
        [interpreter(), "-I", "-c", _VERSIONS], capture_output=True, text=True, check=True
    )
    card = {
        "name": RECORD,
        "model": "fashion_mnist",
        "data": "fashion_mnist",
        "split": "test",
        "image": IMAGE,
        "targets": targets,
        "examples": len(train),
        "seed": 0,
        "methods": methods,
        "command": f"python -m xaikit train {RECORD}",
        "alibi": json.loads(done.stdout),
        "torch": torch.__version__,
    }
    write(card, images, folder)
    count = sum(sum(method["found"]) for method in methods.values())
    return f"{RECORD}: alibi found {count} of {len(methods) * len(targets)} counterfactuals."


def _asked(
    model: nn.Module, image: Tensor, targets: list[int], method: str, options: dict[str, Any]
) -> tuple[Counterfactuals, float]:
    """Return alibi's answer, and the processor time of both processes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = sum(os.times()[:4])
    try:
        found = counterfactual(
            model, image, torch.tensor([targets]), method, "alibi", chunk=64, **options
        )
    finally:
        torch.set_num_threads(threads)
    return found, sum(os.times()[:4]) - start


def _rounded(found: list[Counterfactuals], name: str) -> list[float]:
    return [round(value, 3) for each in found for value in getattr(each, name)[0].tolist()]


def recorded(folder: str | Path = RECORDED) -> Record:
    """Return the committed record: see :class:`Record`.

    Parameters
    ----------
    folder
        Where its files lie, if not in this package.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing or damaged, with the command that makes it again.

    Examples
    --------
    >>> record = recorded()
    >>> record.card["targets"], sorted(record.card["methods"])
    ([0, 3], ['prototype', 'rl', 'wachter'])
    """
    with opened(RECORD, folder) as (card, images):
        results = {
            method: [
                _result(images["image"], images[method][place, None], method, card, place)
                for place in range(len(card["targets"]))
            ]
            for method in card["methods"]
        }
    return Record(results, card)


def _result(
    image: Tensor, made: Tensor, method: str, card: dict[str, Any], place: int
) -> Counterfactuals:
    facts, change = card["methods"][method], (made - image).flatten(1)
    return Counterfactuals(
        inputs=image,
        counterfactuals=made[None],
        found=torch.tensor([[facts["found"][place]]]),
        predicted=torch.tensor([[facts["predicted"][place]]]),
        distance_l1=change.abs().sum(1, keepdim=True),
        distance_l2=change.norm(dim=1, keepdim=True),
        targets=torch.tensor([[card["targets"][place]]]),
        method=method,
        seconds=facts["seconds"][place],
    )
