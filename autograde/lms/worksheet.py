"""Which column of Moodle's grading worksheet is which, in every language.

Moodle writes the titles in the language of whoever downloads the worksheet, in the order of
``mod/assign/gradingtable.php``, and its importer looks for the same words. The words below are of
Moodle's language packs: ``recordid``, ``submissionteam``, ``maxgrade``, ``scale``,
``gradecanbechanged`` and ``lastmodifiedgrade`` of ``assign.php``, ``fullname`` and ``gradenoun`` of
``moodle.php``. Columns with other titles are found by what they hold.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from autograde.lms.names import letters, login, spellings
from autograde.lms.numbers import Numbers
from autograde.lms.sheets import ExportError, Sheet

WHERE = "the grading worksheet that Moodle lets you download"
_ROLES = ("identifier", "name", "team", "grade", "maximum", "scale", "changeable", "modified")
# One language a line, in the order of _ROLES; a bar divides what versions of Moodle call a thing.
_TITLES = """
Identifier;Full name|First name / Last name|Name;Group;Grade;Maximum grade;Scale;\
Grade can be changed;Last modified (grade)
ID;Vollständiger Name|Name;Gruppe;Bewertung;Bestwertung|Höchstbewertung;Skala;\
Bewertung kann geändert werden;Zuletzt geändert (Bewertung)
Identifiant;Nom complet;Groupe;Note;Note maximale;Barème;\
La note peut être modifiée;Dernière modification (note)
Identificador;Nombre completo|Nombre;Grupo;Calificación;Calificación máxima;Escala;\
La calificación puede ser cambiada|La calificación puede cambiarse;\
Última modificación (calificación)
Identificativo;Nome completo|Nome;Gruppo;Valutazione;Valutazione massima;Scala;\
La valutazione può essere cambiata;Ultima modifica (valutazione)
Identificador|Identificação;Nome completo|Nome;Grupo;Nota|Avaliação;Nota máxima;Escala;\
Nota pode ser alterada|A nota pode ser alterada;Última modificação (nota)
Identificatie;Volledige naam|Naam;Groep;Cijfer|Beoordeling;\
Maximaal cijfer|Maximumcijfer|Hoogste cijfer;Schaal;\
Het cijfer kan gewijzigd worden;Laatst gewijzigd (beoordeling)
Identyfikator;Imię i nazwisko|Pełna nazwa|Nazwa;Grupa;Ocena;Maksymalna ocena;Skala;\
Ocena może być zmieniona|Ocena może zostać zmieniona;\
Ostatnia aktualizacja (ocena)|Ostatnia modyfikacja (ocena)
Tanımlayıcı;Tam adı|Adı Soyadı|Ad Soyad;Grup;Not;Enyüksek not|En yüksek not;Ölçek;\
Not değiştirilebilir;Son düzenleme (not)
"""
_ANSWERS = {
    False: "No Nein Non Não Nee Nie Hayır Nej Nei Ei Ne Nem Nu Jo Ez Нет Ні Не Όχι "
    "いいえ 否 아니오",
    True: "Yes Ja Oui Sí Sì Sim Tak Evet Kyllä Jah Ano Áno Igen Da Po Bai Да Так Ναι はい 是 예",
}
_NO, _YES = (frozenset(map(letters, _ANSWERS[answer].split())) for answer in (False, True))
_ENDS_IN_NUMBER = re.compile(r"(\D*?)(\d+)")
_ENOUGH = 3  # titles that make a language out: "ID" alone may stand in anybody's file


@dataclass(frozen=True)
class Columns:
    """Where the worksheet says what; None where it does not say.

    ``others`` hold what else people go by: logins, numbers, addresses. ``guessed`` says of each
    column with an unknown title what it was taken for.
    """

    identifier: int
    name: int | None
    team: int | None
    grade: int
    maximum: int | None
    changeable: int | None
    others: tuple[int, ...]
    guessed: tuple[str, ...]


def find_columns(sheet: Sheet, students: Collection[str]) -> Columns:
    """Return which column is which, by its title, else by what it holds.

    Parameters
    ----------
    sheet
        As Moodle wrote it.
    students
        Whom marks are for: a column with their names is the one with the names.

    Raises
    ------
    ExportError
        If the sheet is no grading worksheet, grades on a scale, or leaves open which column it is.
    """
    found = _by_title(sheet.header)
    known = frozenset(found)
    if "identifier" not in found:
        found |= _one("identifier", "identifiers", sheet, _identifiers(sheet))
    free = [i for i in range(len(sheet.header)) if i not in found.values()]
    if "grade" not in found:
        found |= _one("grade", "marks", sheet, [*_grades(sheet, free)])
        if "maximum" not in found and "scale" not in found:
            found["maximum"] = found["grade"] + 1
    beside = found["grade"] + 1
    if not {"maximum", "scale"} & set(found) and beside in free:
        if _constant(sheet, beside):
            found["maximum"] = beside
        elif len(set(_cells(sheet, beside))) == 1 and not _answers(sheet, beside):
            found["scale"] = beside
    if "scale" in found and "maximum" not in found:
        raise on_a_scale(sheet, found["scale"])
    free = [i for i in free if i not in found.values()]
    if "name" not in found and (column := _names(sheet, free, students)) is not None:
        found["name"] = column
    if "changeable" not in found:
        answers = [i for i in free if i > found["grade"] and _answers(sheet, i)]
        found |= {"changeable": answers[0]} if len(answers) == 1 else {}
    taken = {"identifier": "the identifiers", "name": "the names", "grade": "the marks"}
    taken |= {"maximum": "the maximum", "changeable": "whether a mark can be changed"}
    return Columns(
        found["identifier"],
        found.get("name"),
        found.get("team"),
        found["grade"],
        found.get("maximum"),
        found.get("changeable"),
        tuple(i for i in free if i not in found.values() and _identify(sheet, i, students)),
        tuple(
            f"{sheet.header[found[role]]!r} for {what}"
            for role, what in taken.items()
            if role in found and role not in known
        ),
    )


def locked(cell: str) -> bool:
    """Return whether a cell of the column ``Grade can be changed`` says that it cannot."""
    return letters(cell) in _NO


def _by_title(header: Sequence[str]) -> dict[str, int]:
    """Return the columns that have Moodle's titles in the language of most of them."""
    titles = {letters(title): i for i, title in reversed(list(enumerate(header)))}
    best: dict[str, int] = {}
    for line in _TITLES.strip().splitlines():
        words = zip(_ROLES, line.split(";"), strict=True)
        found = {
            role: titles[letters(word)]
            for role, choice in words
            for word in choice.split("|")
            if letters(word) in titles
        }
        best = max(best, found, key=len)
    return best if len(best) >= _ENOUGH else {}


def _one(role: str, what: str, sheet: Sheet, columns: Sequence[int]) -> dict[str, int]:
    if len(columns) == 1:
        return {role: columns[0]}
    if not columns:
        raise ExportError(f"{sheet.file} has no column of {what}: it should be {WHERE}.")
    listed = " or ".join(repr(sheet.header[i]) for i in columns)
    raise ExportError(
        f"{sheet.file} does not tell whether {listed} is the column of {what}: set Moodle to "
        "English and download the worksheet again."
    )


def _cells(sheet: Sheet, column: int) -> list[str]:
    return [cell for row in sheet.rows if (cell := row[column].strip())]


def _identifiers(sheet: Sheet) -> list[int]:
    """Return the first column, where Moodle writes them, if each cell is one word and a number."""
    cells = [_ENDS_IN_NUMBER.fullmatch(row[0].strip()) for row in sheet.rows]
    matches = [match for match in cells if match is not None]
    words, numbers = {match[1] for match in matches}, {match[2] for match in matches}
    one_word = len(words) == 1 and letters(words.pop()) != ""
    return [0] if one_word and len(matches) == len(cells) == len(numbers) else []


def _constant(sheet: Sheet, column: int) -> bool:
    """Return whether every cell of a column is the same positive number."""
    cells = [row[column].strip() for row in sheet.rows]
    return len(set(cells)) == 1 and any(n > 0 for n in Numbers(cells).readings(cells[0]))


def _grades(sheet: Sheet, free: Sequence[int]) -> Iterator[int]:
    """Yield the columns of numbers or nothing that stand before one of the same number."""
    for column in free:
        marks = [cell for cell in _cells(sheet, column) if cell != "-"]
        numeric = all(Numbers().readings(cell) for cell in marks)
        if numeric and column + 1 in free and _constant(sheet, column + 1):
            yield column


def _answers(sheet: Sheet, column: int) -> bool:
    """Return whether every cell of a column says yes or no."""
    cells = {letters(row[column]) for row in sheet.rows}
    return bool(cells) and cells <= _NO | _YES


def _names(sheet: Sheet, free: Sequence[int], students: Collection[str]) -> int | None:
    """Return the column that names most of the students; None if none does."""
    wanted = frozenset().union(*map(spellings, students))
    counts = {
        i: sum(not wanted.isdisjoint(spellings(cell)) for cell in _cells(sheet, i)) for i in free
    }
    most = max(counts.values(), default=0)
    if not most:
        return None
    best = [i for i, count in counts.items() if count == most]
    return _one("name", "names", sheet, best)["name"]


def _identify(sheet: Sheet, column: int, students: Collection[str]) -> bool:
    """Return whether a column tells people apart, by login or address, and names a student."""
    cells = _cells(sheet, column)
    known = {*map(login, students)}
    return len(set(cells)) == len(cells) and not known.isdisjoint(map(login, cells))


def on_a_scale(sheet: Sheet, column: int) -> ExportError:
    """Say that a worksheet takes words of a scale in place of points."""
    return ExportError(
        f"{sheet.file} grades on a scale (column {sheet.header[column]!r}), which takes no points: "
        "set the assignment's grade to points in Moodle and download the worksheet again, or enter "
        "the grades by hand."
    )
