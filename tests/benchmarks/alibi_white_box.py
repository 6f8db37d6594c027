"""alibi on a Keras copy of a network: for fairness, with exact gradients instead of numerical ones.

``python tests/benchmarks/alibi_white_box.py FOLDER`` reads the network and the task from the
folder's files and writes what alibi found, and the processor time of each item, beside them. A
process of its own, because TensorFlow's graph mode takes over the process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
from alibi.explainers import Counterfactual, CounterfactualProto  # noqa: E402

layers = tf.keras.layers


def network(description: list[dict[str, Any]], weights: Any, shape: tuple[int, ...]) -> Any:
    """Build the copy: images with the channels last, or flat ones, to probabilities."""
    model = tf.keras.Sequential([layers.InputLayer(input_shape=shape)])
    if len(shape) == 1:
        model.add(layers.Reshape((28, 28, 1)))
    values = []
    for index, layer in enumerate(description):
        kind, own = layer["kind"], []
        if f"{index}.weight" in weights:
            own = [weights[f"{index}.weight"], weights[f"{index}.bias"]]
        if kind == "Conv2d":
            model.add(layers.Conv2D(own[0].shape[0], own[0].shape[2], padding=layer["padding"]))
            values += [own[0].transpose(2, 3, 1, 0), own[1]]
        elif kind == "Linear":
            model.add(layers.Dense(own[0].shape[0]))
            values += [own[0].T, own[1]]
        elif kind == "ReLU":
            model.add(layers.ReLU())
        elif kind == "MaxPool2d":
            model.add(layers.MaxPooling2D(2))
        elif kind == "AdaptiveAvgPool2d":
            model.add(layers.GlobalAveragePooling2D())
        elif kind != "Flatten":  # pooling has flattened already
            raise ValueError(f"no Keras layer for {kind}")
    model.add(layers.Softmax())
    model.set_weights(values)
    return model


def main(folder: Path) -> None:
    """Explain items until the time is up."""
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    weights = dict(np.load(folder / "weights.npz"))
    inputs, targets = np.load(folder / "inputs.npy"), np.load(folder / "targets.npy")
    flat = task["method"] == "prototype"
    # One channel: last or first is the same memory.
    shape = (784,) if flat else (28, 28, 1)
    rows = inputs.reshape(-1, *shape)
    options, answers = task["options"], inputs.copy()
    done, found, seconds = (np.zeros(len(inputs), dtype=kind) for kind in (bool, bool, float))
    end = time.monotonic() + task["limit"]
    explainers: dict[int, Callable[[Any, int], Any]] = {}
    differences = []

    def explainer(target: int) -> Callable[[Any, int], Any]:
        """Return alibi's explainer: one for all targets, or one a target."""
        key = -1 if flat else target
        if key not in explainers:
            model = network(task["network"], weights, shape)
            expected = np.load(folder / "probabilities.npy")
            differences.append(float(np.abs(model.predict(rows[: len(expected)]) - expected).max()))
            if flat:
                proto = CounterfactualProto(
                    model, (1, 784), use_kdtree=True, feature_range=(0.0, 1.0), **options
                )
                proto.fit(np.load(folder / "examples.npy").reshape(-1, 784))
                explainers[key] = lambda x, t: proto.explain(x, target_class=[t])
            else:
                search = Counterfactual(
                    model, (1, *shape), target_class=target, feature_range=(0.0, 1.0), **options
                )
                explainers[key] = lambda x, _: search.explain(x)
        return explainers[key]

    for i, target in enumerate(targets.tolist()):
        explain = explainer(target)  # building is not timed
        start = time.process_time()
        answer = explain(rows[i : i + 1], target).cf
        seconds[i], done[i] = time.process_time() - start, True
        if answer is not None:
            answers[i], found[i] = answer["X"].reshape(inputs.shape[1:]), True
        if time.monotonic() > end:
            break
    np.savez(
        folder / "answers.npz",
        answers=answers,
        found=found,
        seconds=seconds,
        done=done,
        apart=max(differences),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
