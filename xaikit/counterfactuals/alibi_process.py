"""The process in which alibi runs: ``python -m xaikit.counterfactuals.alibi_process FOLDER``.

TensorFlow's graph mode, its threads, its log lines and its warnings stay in here. The folder holds
the task as plain files (``task.json``, ``inputs.npy`` and so on); the answers,
``counterfactuals.npy`` and ``found.npy``, are written beside them. The model stays outside: each
prediction that alibi wants is asked for over the pipe.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from xaikit.counterfactuals.alibi_wire import ASK, DONE, STEP, Array, receive, send

Predict = Callable[[Array], Array]
Answers = Iterator[tuple[int, int, Array | None]]
"""Input, target's place, and the counterfactual or None."""


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

    In its PyTorch variant: the other one stops with ``'SymbolicTensor' object has no attribute
    'numpy'`` once TensorFlow is in graph mode, which the two searches above demand, so that a
    notebook with all three fails at this one. Seen with alibi 0.9.6, where the PyTorch variant,
    too, has its faults, none of them in alibi's list of issues when this was written: given an
    ``actor`` or ``critic`` it stops with ``'NoneType' object has no attribute 'parameters'``,
    given their optimizers with ``KeyError: 'backend'``, and it ignores ``actor_hidden_dim``,
    ``critic_hidden_dim``, ``lr_actor`` and ``lr_critic``. So none of these is an option here.
    """
    from alibi.explainers import CounterfactualRL
    from safetensors.torch import load_file

    from xaikit.counterfactuals.rl_networks import LATENT, Generator

    inputs, targets = np.load(folder / "inputs.npy"), np.load(folder / "targets.npy")
    generator = Generator(inputs.shape[1:], predict(inputs[:1]).shape[1])
    generator.load_state_dict(load_file(folder / "generator.safetensors"))
    explainer = CounterfactualRL(
        predict,
        generator.encoder,
        generator.decoder,
        latent_dim=LATENT,
        backend="pytorch",
        seed=seed,
        num_workers=0,
        **options,
    )
    explainer.fit(np.load(folder / "examples.npy"))
    for t in range(targets.shape[1]):
        found = explainer.explain(inputs, targets[:, t])
        for i, image in enumerate(found.cf["X"]):
            yield i, t, image


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
