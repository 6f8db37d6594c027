"""How a learning platform spells the people of a course, and who is meant.

Moodle shows "Ada Lovelace", or the family name first where a site is set so, and drops quotes from
file names; Canvas shows "Lovelace, Ada" and packs files of "lovelaceada". All are one person.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def letters(name: str) -> str:
    """Return the letters and digits of a name, in lower case: what every spelling shares."""
    folded = unicodedata.normalize("NFKD", name).casefold()
    return "".join(c for c in unicodedata.normalize("NFC", folded) if c.isalnum())


def spellings(name: str) -> frozenset[str]:
    """Return a name's :func:`letters` with its words in their order, and begun at each of them."""
    words = name.replace(",", " ").split()
    turned = ("".join(words[i:] + words[:i]) for i in range(len(words)))
    return frozenset(letters(spelling) for spelling in turned) - {""}


def meant(name: str, people: Iterable[str]) -> list[str]:
    """Return whom a platform's name may mean: nobody, one, or several who cannot be told apart.

    Parameters
    ----------
    name
        As the platform spells it.
    people
        Names to choose from.
    """
    people = list(dict.fromkeys(people))
    if name in people:
        return [name]
    ours = spellings(name)
    return [person for person in people if ours & spellings(person)]
