"""Where trained networks lie: weights as NAME.safetensors, what they are as NAME.json."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

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


def write(card: Mapping[str, Any], weights: Mapping[str, Tensor], folder: Path) -> None:
    """Write the weights and the card under the name that the card has."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(weights), folder / f"{card['name']}.safetensors")
    text = json.dumps(card, indent=2) + "\n"
    (folder / f"{card['name']}.json").write_text(text, encoding="utf-8")


def halved(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights in half precision."""
    return {key: value.half() for key, value in weights.items()}
