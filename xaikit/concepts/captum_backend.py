"""TCAV as captum computes it: its activations, derivatives and scores, our classifiers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from captum.concept import TCAV, Concept
from captum.concept._utils.classifier import Classifier
from torch import Tensor

from xaikit.concepts.directions import gram, separating, vectors
from xaikit.concepts.recording import Watch
from xaikit.concepts.runs import Runs


class _Ridge(Classifier):  # type: ignore[misc] # captum is untyped
    """The classifier of :func:`xaikit.concepts.directions.separating`, as captum calls one."""

    def __init__(self) -> None:
        self._vector, self._classes = torch.empty(0), list[int]()

    def train_and_eval(self, dataloader: Any, **_: Any) -> dict[str, Any]:
        """Learn to tell two sets from each other."""
        features, labels = (torch.cat(each) for each in zip(*dataloader, strict=True))
        first, second = sorted(set(labels.tolist()))
        if int(labels[0]) != first:
            first, second = second, first
        self._classes = [first, second]
        inside, outside = (labels == each for each in (first, second))
        found = separating(gram(features), inside.nonzero()[:, 0], outside.nonzero()[:, 0])
        self._vector = vectors(features, [found])[0]
        return {"accs": torch.tensor(found.accuracy)}

    def weights(self) -> Tensor:
        """Return the vector to the first set and that to the second."""
        return torch.stack([self._vector, -self._vector])

    def classes(self) -> list[int]:
        """Return the two sets."""
        return self._classes


def captum_runs(
    watch: Watch,
    images: Tensor,
    target: int,
    _: Mapping[str, Tensor],
    sets: Sequence[Tensor],
    pairs: Sequence[tuple[int, int]],
    kept: int,
) -> Runs:
    """Run all pairs at all layers by captum, in a folder that is removed afterwards."""
    concepts = [
        Concept(k, f"set{k}", list(torch.split(each, watch.chunk))) for k, each in enumerate(sets)
    ]
    experiments = [[concepts[a], concepts[b]] for a, b in pairs]
    names = list(watch.layers)
    with tempfile.TemporaryDirectory() as folder:
        interpreter = TCAV(watch.model, names, classifier=_Ridge(), save_path=folder)
        found = interpreter.interpret(images, experiments, target=target)
    rows: dict[str, list[Tensor]] = {name: [] for name in names}
    cavs: dict[str, list[Tensor]] = {name: [] for name in names}
    accuracy: dict[str, list[Tensor]] = {name: [] for name in names}
    for k, (one, other) in enumerate(experiments):
        key = f"{one.identifier}-{other.identifier}"
        key = key if key in found else f"{one.id}-{other.id}"
        for name in names:
            rows[name].append(found[key][name]["sign_count"])
            stats = interpreter.cavs[key][name].stats
            accuracy[name].append(stats["accs"])
            if k < kept:
                cavs[name].append(stats["weights"][0])
    signs = torch.stack([torch.stack(rows[name]) for name in names]).double().cpu()
    return Runs(
        signs[..., 0],
        signs[..., 1],
        torch.stack([torch.stack(accuracy[name]) for name in names]).double(),
        {name: torch.stack(each) for name, each in cavs.items()},
    )
