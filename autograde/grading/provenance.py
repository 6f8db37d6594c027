"""What a mark depends on: the upload, the checks, the software, its data, the secret."""

from __future__ import annotations

import hashlib
from functools import cache

from autograde.grading.data import data_digest
from autograde.grading.environment import RUNNING, SCORING, code, environment, installed
from autograde.grading.mark import Assignment
from autograde.sandbox.isolation import Isolation


def record_key(assignment: Assignment, content: bytes, isolation: Isolation) -> str:
    """Return a digest of all that a record may depend on: with the same key, the same record.

    With another key it is looked at what of the record that concerns: see
    :func:`autograde.grading.mark.mark`.

    Parameters
    ----------
    content
        The upload and all else that is particular to it.
    """
    parts = (
        assignment.version,
        assignment.released.metadata["course"]["release"],
        code(("autograde.grading.mark",)),
        software(),
        installed(),
        data_digest(assignment.software.data),
        isolation,
    )
    return hashlib.sha256("\0".join(parts).encode() + b"\0" + content).hexdigest()


@cache
def software() -> str:
    """Return a digest of Python, of what grading and the library run on, and of their own code."""
    return environment((*RUNNING, *SCORING), frozenset({"xaikit"}), "")
