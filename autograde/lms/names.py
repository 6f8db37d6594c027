"""How a learning platform spells the people of a course, and who is meant.

Moodle shows "Ada Lovelace", or the family name first where a site is set so, and drops quotes from
file names; Canvas shows "Lovelace, Ada" and packs files of "lovelaceada". All are one person.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from autograde.model.kinds import folded, nearest, typed
from autograde.safety.sanitize import clean_line

_NUMBERED = re.compile(r"(.+) (\d+)")


def letters(name: str) -> str:
    """Return the letters and digits of a name, in lower case: what every spelling shares."""
    folded = unicodedata.normalize("NFKD", name).casefold()
    return "".join(c for c in unicodedata.normalize("NFC", folded) if c.isalnum())


@lru_cache(maxsize=100_000)  # everybody is compared with everybody
def spellings(name: str) -> frozenset[str]:
    """Return a name's :func:`letters` with its words in their order, and begun at each of them."""
    words = name.replace(",", " ").split()
    turned = ("".join(words[i:] + words[:i]) for i in range(len(words)))
    return frozenset(letters(spelling) for spelling in turned) - {""}


def meaning(people: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a function that says whom a platform's name may mean.

    Parameters
    ----------
    people
        Names to choose from.

    Returns
    -------
    callable
        Takes a name as the platform spells it; returns nobody, one, or several who cannot be told
        apart, in the order given.
    """
    places = {person: place for place, person in enumerate(dict.fromkeys(people))}
    spelled: dict[str, list[str]] = defaultdict(list)
    for person in places:
        for spelling in spellings(person):
            spelled[spelling].append(person)

    def meant(name: str) -> list[str]:
        if name in places:
            return [name]
        found = {person for spelling in spellings(name) for person in spelled.get(spelling, ())}
        return sorted(found, key=lambda person: places[person])

    return meant


def suggested(name: str, people: Iterable[str]) -> str:
    """Return the end of a sentence about somebody unknown: who may be meant, if that can be said.

    That is who spells the name otherwise, else who has all its words, else whose name is near it.
    """
    among = sorted({*people})
    words = {*typed(name).replace(",", " ").split()}
    near = nearest(name, among)
    found = (
        meaning(among)(name)
        or [person for person in among if words and words <= {*typed(person).split()}]
        or ([near] if near else [])
    )
    return f"; do you mean {' or '.join(map(clean_line, found))}?" if found else "."


@dataclass(frozen=True)
class Person:
    """One row of a platform's table: the name, its number there, and what else it goes by."""

    name: str
    number: str = ""
    others: tuple[str, ...] = ()


@dataclass
class Pairs:
    """Which rows of a platform's table are whose.

    Attributes
    ----------
    people
        Who stands in each row.
    rows
        The rows of each student; a team has one for every member.
    without
        Who has no row.
    unclear
        Whose row may be another's.
    """

    people: Sequence[Person] = ()
    rows: dict[str, tuple[int, ...]] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)


def login(word: str) -> str:
    """Return a login as it is compared."""
    return folded(word).removeprefix("'")


def pair(students: Iterable[str], people: Sequence[Person]) -> Pairs:
    """Find each student's row: by login, number or address, else by name in any spelling.

    Nobody gets a row that another may have: both are unclear then. Several rows with the same
    number are one student's. A login counts in any case, and without the apostrophe that keeps a
    spreadsheet program from taking it for a number.
    """
    exact: dict[str, set[int]] = defaultdict(set)
    otherwise: dict[str, set[int]] = defaultdict(set)
    spelled: dict[str, set[int]] = defaultdict(set)
    for i, person in enumerate(people):
        for word in {person.name, *person.others} - {""}:
            exact[word].add(i)
            otherwise[login(word)].add(i)
        for spelling in spellings(person.name):
            spelled[spelling].add(i)

    def rows_of(student: str) -> set[int]:
        if student in exact:
            return exact[student]
        if match := _NUMBERED.fullmatch(student):  # two users of one name, told apart by number
            named = {i for s in spellings(match[1]) for i in spelled.get(s, ())}
            if numbered := {i for i in named if people[i].number == match[2]}:
                return numbered
        named = {i for s in spellings(student) for i in spelled.get(s, ())}
        return named or otherwise.get(login(student), set())

    found = {student: rows_of(student) for student in students}
    claims = Counter(i for rows in found.values() for i in rows)
    pairs = Pairs(people)
    for student, rows in found.items():
        if not rows:
            pairs.without.append(student)
        elif len({people[i].number or str(i) for i in rows}) > 1 or claims[min(rows)] > 1:
            pairs.unclear.append(student)
        else:
            pairs.rows[student] = tuple(sorted(rows))
    return pairs
