"""How a program inside the sandbox receives its job and sends records to the grader."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from autograde.inside import wire

Send = Callable[[wire.Plain], None]


def take_job() -> tuple[Any, Send]:
    """Read the job from standard input and return it with the function that sends records.

    Records go to a copy of standard output that child processes do not inherit; standard input and
    output themselves lead nowhere from then on, so that what student code prints is no record.
    """
    with open(0, "rb", closefd=False) as file:
        (job,) = wire.decode_arguments(file.read())
    stream = os.fdopen(os.dup(1), "wb")
    silence(0, 1)
    return job, lambda record: wire.write_record(stream, record)


def silence(*descriptors: int) -> None:
    """Connect these descriptors to the null device."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
