"""Text that depends on what the course chose: ``{{ if task.ID }}…{{ else }}…{{ end }}``.

A condition names tasks and sections, ``task.ID`` and ``section.NAME``, joined by ``and``, each with
``not`` before it if it is to be left out; or it is ``whole``: nothing of the notebook is left out.
A line that holds nothing but one of these marks is no line of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from autograde.notebooks.cells import SourceError

_TAG = r"(\{\{ (?:if [^{}\n]+|else|end) \}\})"
_MARK = re.compile(rf"^#?[ ]*{_TAG}[ ]*\n|{_TAG}", re.MULTILINE)


def resolved(text: str, holds: Callable[[str], bool], where: str) -> str:
    """Return the text with those of its parts whose condition holds.

    Parameters
    ----------
    holds
        Says it of ``whole``, ``task.ID`` and ``section.NAME``; raises LookupError with what is
        wrong about another word.
    where
        Names the text in a message.

    Raises
    ------
    SourceError
        If a condition names something that the notebook never had, or a mark has no counterpart.
    """
    if "{{ if " not in text:
        return text
    kept: list[str] = []
    state: tuple[bool, bool] | None = None  # whether the condition holds, and whether else came
    end = 0
    for match in _MARK.finditer(text + "\n"):
        mark = match[1] or match[2]
        if state is None or state[0] != state[1]:
            kept.append(text[end : match.start()])
        end = match.end()
        word = mark[3:-3]
        if word.startswith("if "):
            if state is not None:
                raise SourceError(f"{where}: {mark}: a condition stands inside of another one.")
            state = _all(word[3:], holds, f"{where}: {mark}"), False
        elif state is None or (word == "else" and state[1]):
            raise SourceError(f"{where}: {mark}: there is no {{{{ if … }}}} above it.")
        else:
            state = (state[0], True) if word == "else" else None
    if state is not None:
        raise SourceError(f"{where}: there is an {{{{ if … }}}} without {{{{ end }}}}.")
    return "".join([*kept, text[end:]]).rstrip("\n") if end else text


def _all(condition: str, holds: Callable[[str], bool], where: str) -> bool:
    result = True
    for term in condition.split(" and "):
        name = term.strip().removeprefix("not ").strip()
        try:
            result &= holds(name) != term.strip().startswith("not ")
        except LookupError as error:
            raise SourceError(f"{where}: {error.args[0]}") from None
    return result
