"""What is a checkpoint? A state dict or its file, of the model's own architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from xaikit.checkpoints import of_another_kind


def state_like(own: Mapping[str, Tensor], checkpoint: Any, place: int) -> dict[str, Tensor]:
    """Return a checkpoint's weights, given or read from its file, as the model has its own.

    Parameters
    ----------
    own
        The model's state dict: floating point numbers of any precision become the model's.
    checkpoint
        A state dict, or the path of one.
    place
        Which checkpoint it is, for the sentence that says what is wrong.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        If there is no file, it cannot be read, or holds something else; if the weights are of
        another architecture or kind, such as whole numbers, or no numbers.
    """
    state = _read(checkpoint, place)
    _expect_fitting(own, state, place)
    with torch.no_grad():
        made = {name: state[name].detach().to(each) for name, each in own.items()}
    bad = [name for name, each in made.items() if not each.isfinite().all()]
    if bad:
        raise ValueError(f"checkpoint {place} holds nan or infinity in {bad[0]}: give another.")
    return made


def _read(checkpoint: Any, place: int) -> dict[str, Tensor]:
    """Return a checkpoint's weights: given, or read from its file."""
    called = f"checkpoint {place}"
    if isinstance(checkpoint, str | Path):
        path = Path(checkpoint).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"{called} is {path}, which is no file: correct the path.")
        try:
            read: Callable[[Path], Any] = load_file if path.suffix == ".safetensors" else _unpickled
            checkpoint = read(path)
        except (SafetensorError, RuntimeError, ValueError, OSError, EOFError, KeyError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            if isinstance(error, KeyError):  # of a byte that no pickle begins with
                reason = "torch.save did not write it, or it is damaged"
            raise ValueError(f"{called}, {path}, cannot be read ({reason}).") from error
    tensors = isinstance(checkpoint, Mapping) and all(
        isinstance(name, str) and isinstance(each, Tensor) for name, each in checkpoint.items()
    )
    if not tensors:
        inner = _holding_a_state(checkpoint)
        cure = f"give its entry {inner!r}" if inner else "use model.state_dict()"
        raise TypeError(
            f"{called} has to be a state dict (names with tensors) or the path of one, not a "
            f"{type(checkpoint).__name__}{' that holds one' if inner else ''}: {cure}."
        )
    if any(each.is_meta for each in checkpoint.values()):
        raise ValueError(f"{called} lies on the device meta and holds no numbers: load its values.")
    return dict(checkpoint)


def _holding_a_state(checkpoint: Any) -> str | None:
    """Return the name of the first entry that holds tensors by name, of a training's record."""
    if not isinstance(checkpoint, Mapping):
        return None
    for name, entry in checkpoint.items():
        named = isinstance(entry, Mapping) and len(entry) > 0
        if named and all(isinstance(each, Tensor) for each in entry.values()):
            return str(name)
    return None


def _unpickled(path: Path) -> Any:
    import pickle

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError("it holds more than weights, or is damaged") from error


def _expect_fitting(own: Mapping[str, Tensor], state: Mapping[str, Tensor], place: int) -> None:
    """Fail where a checkpoint is of another architecture, and name the first difference."""
    lacking, foreign = own.keys() - state.keys(), state.keys() - own.keys()
    shapes = [name for name in own if name in state and own[name].shape != state[name].shape]
    for inner, wrapper in (("module", "DataParallel"), ("model", "TwoClasses")):
        if state and {f"{inner}.{name}" for name in own} == state.keys():
            raise ValueError(
                f"the names of checkpoint {place} begin with {inner}., as {wrapper} writes them: "
                f"give the state dict of what it wraps, its .{inner}."
            )
    if lacking:
        what = f"it has no {min(lacking)}"
    elif foreign:
        what = f"it has {min(foreign)}, which the model lacks"
    elif shapes:
        name = shapes[0]
        what = f"its {name} is {tuple(state[name].shape)}, the model's {tuple(own[name].shape)}"
    elif (other := of_another_kind(own, state)) is not None:
        raise ValueError(
            f"checkpoint {place} {other}: give the weights as the training left them, before they "
            f"were quantised, rounded or converted."
        )
    else:
        return
    raise ValueError(
        f"checkpoint {place} is of another architecture than the model ({what}): give checkpoints "
        f"of this model's own training."
    )
