"""How this process and alibi's talk: arrays over pipes, each preceded by its length."""

from __future__ import annotations

import io
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ASK, STEP, DONE = b"?", b".", b"!"
"""What alibi's process says: an array to be predicted follows, a pair is finished, all are."""


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
