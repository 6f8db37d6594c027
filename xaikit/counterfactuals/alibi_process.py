"""The process in which alibi runs, in an environment of its own: ``alibi_process.py FOLDER``.

Nothing else of xaikit is needed there, and no PyTorch. TensorFlow's graph mode, its threads, its
log lines and its warnings stay in here. The folder holds the task as plain files (``task.json``,
``inputs.npy`` and so on); the answers, ``counterfactuals.npy`` and ``found.npy``, are written
beside them. The model stays outside: each prediction that alibi wants is asked for over the pipe,
as an array preceded by its length.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Predict = Callable[[Array], Array]
Answers = Iterator[tuple[int, int, Array | None]]
"""Input, target's place, and the counterfactual or None."""

ASK, STEP, DONE = b"?", b".", b"!"
"""What this process says: an array to be predicted follows, a pair is finished, all are."""


def send(pipe: IO[bytes], array: Array) -> None:
    """Write an array."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    data = buffer.getvalue()
    pipe.write(len(data).to_bytes(8, "big") + data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Array:
    """Read an array, or fail if the other side is gone."""
    length = int.from_bytes(_exactly(pipe, 8), "big")
    array: Array = np.load(io.BytesIO(_exactly(pipe, length)), allow_pickle=False)
    return array


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError("the other process has ended.")
    return data


def wachter(folder: Path, predict: Predict, options: dict[str, Any], seed: int) -> Answers:
    """Let ``alibi.explainers.Counterfactual`` search."""
    tf = _graph_mode(seed)
    from alibi.explainers import Counterfactual

    inputs, targets = np.load(folder / "inputs.npy"), np.load(folder / "targets.npy")
    for target in np.unique(targets):
        # One graph a class: alibi's asks that the old one be cleared first.
        tf.keras.backend.clear_session()
        shape = (1, *inputs.shape[1:])
        explainer = Counterfactual(
            predict, shape=shape, target_class=int(target), feature_range=(0.0, 1.0), **options
        )
        for i, t in np.argwhere(targets == target):
            found = explainer.explain(inputs[i : i + 1]).cf
            yield i, t, None if found is None else found["X"][0]


def prototype(folder: Path, predict: Predict, options: dict[str, Any], seed: int) -> Answers:
    """Let ``alibi.explainers.CounterfactualProto`` search, prototypes being found by k-d trees."""
    _graph_mode(seed)
    from alibi.explainers import CounterfactualProto

    inputs, targets = np.load(folder / "inputs.npy"), np.load(folder / "targets.npy")
    shape = inputs.shape[1:]

    def predict_flat(rows: Array) -> Array:
        return predict(rows.reshape(-1, *shape))

    # The trees take vectors only.
    flat = inputs.reshape(len(inputs), -1)
    explainer = CounterfactualProto(
        predict_flat, (1, flat.shape[1]), use_kdtree=True, feature_range=(0.0, 1.0), **options
    )
    explainer.fit(np.load(folder / "examples.npy").reshape(-1, flat.shape[1]))
    for (i, t), target in np.ndenumerate(targets):
        found = explainer.explain(flat[i : i + 1], target_class=[int(target)]).cf
        yield i, t, None if found is None else found["X"].reshape(shape)


def rl(folder: Path, predict: Predict, options: dict[str, Any], seed: int) -> Answers:
    """Let ``alibi.explainers.CounterfactualRL`` train its actor, then ask it.

    In its TensorFlow variant, which stops with ``'SymbolicTensor' object has no attribute
    'numpy'`` where TensorFlow is in graph mode, as the two searches above demand: a notebook with
    all three fails at this one. So each method has a process of its own.
    """
    from alibi.explainers import CounterfactualRL

    inputs, targets = np.load(folder / "inputs.npy"), np.load(folder / "targets.npy")
    encoder, decoder = autoencoder(dict(np.load(folder / "generator.npz")), inputs.shape[1:])
    explainer = CounterfactualRL(
        predict,
        encoder,
        decoder,
        latent_dim=encoder.output_shape[1],
        backend="tensorflow",
        seed=seed,
        **options,
    )
    explainer.fit(np.load(folder / "examples.npy"))
    for t in range(targets.shape[1]):
        found = explainer.explain(inputs, targets[:, t])
        for i, image in enumerate(found.cf["X"]):
            yield i, t, image


def autoencoder(weights: dict[str, Array], shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return a ``xaikit.counterfactuals.Generator``'s encoder and decoder, in Keras.

    Parameters
    ----------
    weights
        The generator's ``state_dict``, as arrays.
    shape
        (C, H, W) of an image.
    """
    from tensorflow import keras

    def dense(name: str, activation: str) -> Any:
        weight, bias = weights[f"{name}.weight"].T, weights[f"{name}.bias"]
        layer = keras.layers.Dense(len(bias), activation)
        layer.build((None, len(weight)))
        layer.set_weights([weight, bias])
        return layer

    encoder = [keras.layers.Flatten(), dense("encoder.1", "relu"), dense("encoder.3", "tanh")]
    decoder = [dense("decoder.0", "relu"), dense("decoder.2", "sigmoid")]
    codes = keras.Input(encoder[-1].get_weights()[1].shape)
    return (
        keras.Sequential([keras.Input(shape), *encoder]),
        keras.Sequential([codes, *decoder, keras.layers.Reshape(shape)]),
    )


METHODS = {"wachter": wachter, "prototype": prototype, "rl": rl}


def _graph_mode(seed: int) -> Any:
    import tensorflow.compat.v1 as tf

    tf.disable_v2_behavior()
    tf.set_random_seed(seed)
    np.random.seed(seed)
    return tf


def main(folder: Path) -> None:
    """Do the task of a folder, asking for predictions on the way."""
    hear, say = _pipes()

    def predict(rows: Array) -> Array:
        say.write(ASK)
        send(say, np.asarray(rows, dtype=np.float32))
        return receive(hear)

    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    inputs, targets = np.load(folder / "inputs.npy"), np.load(folder / "targets.npy")
    answers = np.repeat(inputs[:, None], targets.shape[1], axis=1)
    found = np.zeros(targets.shape, dtype=bool)
    for i, t, answer in METHODS[task["method"]](folder, predict, task["options"], task["seed"]):
        if answer is not None:
            answers[i, t], found[i, t] = answer, True
        say.write(STEP)
        say.flush()
    np.save(folder / "counterfactuals.npy", answers)
    np.save(folder / "found.npy", found)
    say.write(DONE)
    say.flush()


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return standard input and output, and send what libraries print to the log."""
    say = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, say


if __name__ == "__main__":
    main(Path(sys.argv[1]))
