"""Where trained networks lie: weights as NAME.safetensors, what they are as NAME.json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

CHECKPOINTS = Path(__file__).parent / "assets" / "models"


@contextmanager
def opened(
    name: str, folder: str | Path | None = None
) -> Iterator[tuple[dict[str, Any], dict[str, Tensor]]]:
    """Give the card and the weights of that name, to be put into a network inside the block.

    Parameters
    ----------
    name
        What ``python -m xaikit train NAME`` calls it.
    folder
        Where its files lie, if not among the checkpoints of this package.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If one cannot be read, or does not fit what the block makes of it.
    """
    place = CHECKPOINTS if folder is None else Path(folder)
    cure = f"reinstall xaikit, or train it with `python -m xaikit train {name} --out {place}`."
    weights, card = place / f"{name}.safetensors", place / f"{name}.json"
    for path in (weights, card):
        if not path.is_file():
            raise FileNotFoundError(f"The checkpoint of {name!r} is missing ({path}): {cure}")
    try:
        facts = json.loads(card.read_text(encoding="utf-8"))
        if not isinstance(facts, dict):
            raise ValueError(f"{card.name} holds no card")
        yield facts, load_file(weights)
    # A TypeError: what the card says is of another type than the network takes.
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(
            f"The checkpoint of {name!r} in {place} is damaged ({reason}): {cure}"
        ) from error


def fill(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put weights into a network, in its precision.

    Raises
    ------
    ValueError
        If a tensor is of another kind than the network's: see :func:`of_another_kind`.
    RuntimeError
        If a name or a shape differs.
    """
    if (other := of_another_kind(network.state_dict(), weights)) is not None:
        raise ValueError(f"it {other}")
    network.load_state_dict(weights)


def of_another_kind(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> str | None:
    """Say which tensor a network's own one cannot take without a loss, or None.

    Floating point numbers of another precision are the same weights. Whole numbers for them,
    complex, quantised and sparse ones are not, and torch would copy most of these silently.
    """
    for name, mine in own.items():
        given = weights.get(name)
        if given is None:
            continue
        if given.layout is not torch.strided:
            return f"holds {name} as a sparse tensor"
        if given.is_complex() > mine.is_complex() or (
            mine.is_floating_point() and not given.is_floating_point()
        ):
            return f"holds {given.dtype} in {name}, where the network has {mine.dtype}"
    return None


def write(card: Mapping[str, Any], weights: Mapping[str, Tensor], folder: Path) -> None:
    """Write the weights and the card under the name that the card has."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(weights), folder / f"{card['name']}.safetensors")
    text = json.dumps(card, indent=2) + "\n"
    (folder / f"{card['name']}.json").write_text(text, encoding="utf-8")


def halved(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights in half precision."""
    return {key: value.half() for key, value in weights.items()}
