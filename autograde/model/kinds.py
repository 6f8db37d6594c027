"""The kinds of values that our TOML files hold: what each must be, and how that is said.

pydantic checks them. Every kind stands beside the words that complete "KEY should be …"; no
value is converted, so that ``"2"`` is no number and ``1`` is not true.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    Strict,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

UNKNOWN = "unknown_key"
"""The type of pydantic's error about a key that a :func:`record` does not know."""

_ON_ANY_KEYBOARD = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "a", "œ": "o", "þ": "th"}
)
"""Letters that are no others with an accent (ß is ss without case)."""
_OF_TWO = re.compile("(?<=[aou])e|(?<=a)a")
"""ä, ö, ü, æ, ø and å, as they are typed with two letters."""

_ALIKE = 0.75  # of 1: "gradign" and "grading" 0.86, "grades" and "grading" 0.62


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return which of the known names somebody meant who wrote this one, or None if none is near.

    Upper and lower case are the same, and so are letters with and without accents, and what stands
    for a letter where a keyboard lacks it.
    """
    among = sorted(known)
    for way in (bare, typed):
        spelled = {way(each): each for each in among}
        if near := get_close_matches(way(name), spelled, n=1, cutoff=_ALIKE):
            return spelled[near[0]]
    return None


def bare(name: str) -> str:
    """Return a name in lower case and without accents."""
    parts = unicodedata.normalize("NFKD", name).casefold().strip()
    return "".join(c for c in parts if not unicodedata.combining(c))


def typed(name: str) -> str:
    """Return what a name and its spellings on any keyboard share: "Gödel" and "Goedel", ø and o."""
    letters = bare(name).translate(_ON_ANY_KEYBOARD)
    return _OF_TWO.sub("", letters)


def meant(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the nearest known one, if one is near."""
    near = nearest(name, known)
    return f"; do you mean {near}?" if near else "."


def meant_or_there(name: str, known: Iterable[str], there: Iterable[str]) -> str:
    """Return the same; if none is near, what there is."""
    end, listed = meant(name, known), ", ".join(there)
    return f"; there is {listed}." if end == "." and listed else end


def folded(name: str) -> str:
    """Return a name as it is compared: composed (macOS decomposes it), without case, blanks one."""
    composed = unicodedata.normalize("NFC", name).casefold()
    return " ".join(unicodedata.normalize("NFC", composed).split())


def known_as(name: str, known: Iterable[str]) -> str:
    """Return the known name that this one spells otherwise in case and blanks, else this one."""
    among = {*known}
    found = [each for each in among if folded(each) == folded(name)]
    return found[0] if name not in among and len(found) == 1 else name


def alike(names: Iterable[str]) -> str:
    """Return the first two names that differ in case and spaces at most; empty if there are none.

    Those that differ in nothing are one: it is returned alone.
    """
    found: dict[str, str] = {}
    for name in names:
        if (folded(name)) in found:
            return " and ".join(
                dict.fromkeys(
                    json.dumps(n, ensure_ascii=False) for n in (found[folded(name)], name)
                )
            )
        found[folded(name)] = name
    return ""


def should_be(wanted: str) -> WrapValidator:
    """Say in these words what a value should be, where pydantic refuses it."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise refusal(wanted) from None

    return WrapValidator(check)


def table() -> BeforeValidator:
    """Refuse what is no table. Spaces around its keys, which are names, count for nothing."""

    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            raise refusal("a table")
        if same := alike(value):
            raise refusal(f"a table that names nobody twice. Please keep one of {same}")
        return {key.strip(): inner for key, inner in value.items()}

    return BeforeValidator(check)


def record(shape: type[Any], who: str, example: str = "") -> BeforeValidator:
    """Refuse what is no table of a dataclass's fields.

    Parameters
    ----------
    shape
        The dataclass.
    who
        Knows these keys, in a sentence about one that is unknown.
    example
        Of such a table, if that helps.
    """
    known = [each.name for each in fields(shape)]

    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            raise refusal(f"a table such as {{ {example} }}" if example else "a table")
        for key in value:
            if key not in known:
                raise PydanticCustomError(
                    UNKNOWN,
                    "{key} is not a key that {who} knows ({known}){meant}",
                    {
                        "key": key,
                        "who": who,
                        "known": ", ".join(known),
                        "meant": meant(key, known),
                    },
                )
        return value

    return BeforeValidator(check)


def refusal(wanted: str) -> PydanticCustomError:
    """Return what a validator raises to say what a value should be."""
    return PydanticCustomError("should_be", "should be {wanted}", {"wanted": wanted})


def _line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError
    return text.strip()


Line = Annotated[str, Strict(), AfterValidator(_line), should_be("a line of text")]

Text = Annotated[str, Strict(), should_be("text")]

Switch = Annotated[bool, Strict(), should_be("true or false")]

Count = Annotated[int, Strict(), Field(ge=1), should_be("a whole number from 1 on")]

_Number = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]

Amount = Annotated[_Number, Field(le=1000), should_be("a number from 0 on, at most 1000")]

Percent = Annotated[_Number, Field(le=100), should_be("a number from 0 to 100")]

Days = Annotated[_Number, Field(le=1000), should_be("a number from 0 to 1000")]

People = Annotated[tuple[Line, ...], should_be("a list of names")]

Repository = Annotated[
    Line,
    StringConstraints(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$"),
    should_be('OWNER/NAME on GitHub, such as "xaikit/xaikit"'),
]


def _tag(text: str) -> str:
    """Refuse what git takes for no tag: HEAD moves, and .lock ends its own files' names."""
    if text.upper() == "HEAD" or text.lower().endswith(".lock"):
        raise ValueError
    return text


Tag = Annotated[
    Line,
    # What git takes for a tag's name, without what an address or a shell would read otherwise.
    StringConstraints(pattern=r"^[A-Za-z0-9](?:[._-]?[A-Za-z0-9])*$"),
    AfterValidator(_tag),
    should_be('a tag of the repository, such as "v0.1.0" or "term-2027"'),
]


def _sections(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError
    return _line(str(value))


Sections = Annotated[
    tuple[Annotated[str, BeforeValidator(_sections)], ...],
    should_be('a list of sections, such as ["1-4", "7"]'),
]

Tasks = Annotated[tuple[Line, ...], should_be('a list of ids of tasks, such as ["quiz"]')]

Names = Annotated[
    tuple[Line, ...],
    Field(min_length=1),
    should_be('a list of notebooks, such as ["01_theory"]; without it the course has all'),
]

Worth = Annotated[
    _Number,
    Field(gt=0, lt=1000),
    should_be("a number of points above 0, below 1000; skip = [TASK, …] leaves a task out"),
]

_Package = Annotated[str, Strict(), StringConstraints(pattern=r"^[A-Za-z_]\w*$")]

Packages = Annotated[tuple[_Package, ...], should_be('a list of packages, such as ["xaikit"]')]
