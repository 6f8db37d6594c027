"""All mistakes in what a TOML file says, each as one sentence that begins with the key."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from autograde.model.kinds import UNKNOWN

OF_PEOPLE = ("accommodations", "extensions", "groups")
"""The tables whose keys are names of people."""

_Place = tuple[int | str, ...]


def read_all(
    adapter: TypeAdapter[Any],
    data: Mapping[str, Any],
    above: Sequence[str] = (),
    context: Mapping[str, Any] | None = None,
    stand_ins: Mapping[str, Any] = MappingProxyType({}),
    top: Collection[str] = (),
) -> tuple[Any, list[str]]:
    """Return what the data say, and a sentence for every mistake in them.

    What is mistaken is left out and the rest is read again, so that one run finds all.

    Parameters
    ----------
    adapter
        What the data should be.
    above
        The keys under which the data stand.
    context
        What the kinds of values need to know.
    stand_ins
        What to read on with, by key, where a mistaken key cannot be left out.
    top
        The keys of the file's top. TOML counts a key below the header of a table to that table.

    Returns
    -------
    object
        None if nothing is left that could be read.
    list of str
        The sentences.
    """
    rest: dict[str, Any] = deepcopy(dict(data))
    said: dict[str, None] = {}
    gone: set[_Place] = set()
    while True:
        try:
            return adapter.validate_python(rest, context=dict(context or {})), list(said)
        except ValidationError as error:
            found = error.errors(include_url=False)
        progress = False
        for each in found:
            place = _place(each)
            if place not in gone:
                said.setdefault(_sentence(each, (*above, *place), top))
            if len(place) == 1 and place[0] in stand_ins and place not in gone:
                rest[str(place[0])] = stand_ins[str(place[0])]
                gone.add(place)
                progress = True
            elif each["type"] != "missing":
                progress = _leave_out(rest, place, gone) or progress
        if not progress:
            return None, list(said)


def _place(error: ErrorDetails) -> _Place:
    place = tuple(part for part in error["loc"] if part != "[key]")
    return (*place, error["ctx"]["key"]) if error["type"] == UNKNOWN else place


def _leave_out(data: dict[str, Any], place: _Place, gone: set[_Place]) -> bool:
    """Take out what stands there, or else what holds it."""
    for length in range(len(place), 0, -1):
        holder: Any = data
        for part in place[: length - 1]:
            holder = holder.get(_spelled(holder, part)) if isinstance(holder, dict) else None
        key = _spelled(holder, place[length - 1]) if isinstance(holder, dict) else None
        if key in (holder or ()):
            del holder[key]
            gone.add(place[:length])
            return True
    return False


def _spelled(table: Mapping[str, Any], key: int | str) -> Any:
    """Return the key as the file has it: spaces around names have been dropped."""
    return key if key in table else next((k for k in table if k.strip() == key), key)


def _sentence(error: ErrorDetails, place: _Place, top: Collection[str]) -> str:
    """Say in our words what is wrong."""
    if error["type"] == "missing":
        return f"{written(place)} is missing; please add that line."
    message = " ".join(error["msg"].split())
    if error["type"] == UNKNOWN:
        sentence = f"{written(place[:-1])}.{message}" if place[:-1] else message
    else:
        sentence = f"{written(place)} {message}".removesuffix(".")
        sentence += "" if sentence.endswith("?") else "."
    if len(place) > 1 and place[-1] in top and not sentence.endswith("?"):
        sentence += (
            f" If you mean the course's {place[-1]}, put that line above the first [table] of the "
            "file."
        )
    return sentence


def written(place: Sequence[int | str]) -> str:
    """Return a key as it is written in the file."""
    return ".".join(
        json.dumps(part, ensure_ascii=False)
        if (i == 1 and place[0] in OF_PEOPLE) or not re.fullmatch(r"[\w-]+", str(part))
        else str(part)
        for i, part in enumerate(place)
    )
