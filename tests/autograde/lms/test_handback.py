"""Marks go back into the very file that a platform wrote, in whatever language and shape.

The worksheets have the titles of Moodle's language packs and the cells that its exporter writes: no
blank in most languages between word and number, decimal commas in quotes.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from autograde.commands.export import export
from autograde.lms.sheets import ExportError
from autograde.safety.files import WriteError
from tests.autograde.commands.test_export import (
    COURSE,
    as_moodle_takes_files,
    graded,
    lines_of,
    result,
)

ENGLISH = (
    'Identifier,"Full name","ID number","Email address",Status,Group,Grade,"Maximum grade",'
    '"Grade can be changed","Last modified (submission)","Last modified (grade)",'
    '"Feedback comments"',
    "Participant ",
    "Yes",
)
# Titles of the columns, the word of the identifiers, and yes, by language.
LANGUAGES = {
    "en": ENGLISH,
    "de": (
        'ID,"Vollständiger Name",ID-Nummer,E-Mail-Adresse,Status,Gruppe,Bewertung,Bestwertung,'
        '"Bewertung kann geändert werden","Zuletzt geändert (Abgabe)",'
        '"Zuletzt geändert (Bewertung)","Feedback als Kommentar"',
        "Teilnehmer/in",
        "Ja",
    ),
    "fr": (
        'Identifiant,"Nom complet","Numéro d’identification","Adresse de courriel",Statut,Groupe,'
        'Note,"Note maximale","La note peut être modifiée","Dernière modification (travail remis)",'
        '"Dernière modification (note)","Feedback par commentaires"',
        "Participant",
        "Oui",
    ),
    "es": (
        'Identificador,"Nombre completo","Número de ID","Dirección de correo",Estado,Grupo,'
        'Calificación,"Calificación máxima","La calificación puede ser cambiada",'
        '"Última modificación (entrega)","Última modificación (calificación)",'
        '"Comentarios de retroalimentación"',
        "Participante",
        "Sí",
    ),
    "it": (
        'Identificativo,"Nome completo","Codice identificativo","Indirizzo email",Stato,Gruppo,'
        'Valutazione,"Valutazione massima","La valutazione può essere cambiata",'
        '"Ultima modifica (consegna)","Ultima modifica (valutazione)","Commenti"',
        "Partecipante",
        "Sì",
    ),
    "pt": (
        'Identificador,"Nome completo","Identificação de usuário","Endereço de email",Status,Grupo,'
        'Nota,"Nota máxima","Nota pode ser alterada","Última modificação (envio)",'
        '"Última modificação (nota)","Comentários de feedback"',
        "Participante",
        "Sim",
    ),
    "nl": (
        'Identificatie,"Volledige naam",ID-nummer,E-mailadres,Status,Groep,Cijfer,'
        '"Maximaal cijfer","Het cijfer kan gewijzigd worden","Laatst gewijzigd (inzending)",'
        '"Laatst gewijzigd (beoordeling)","Feedback opmerkingen"',
        "Deelnemer",
        "Ja",
    ),
    "pl": (
        'identyfikator,"Imię i nazwisko","Numer ID","Adres e-mail",Status,Grupa,Ocena,'
        '"Maksymalna ocena","Ocena może być zmieniona",'
        '"Ostatnia modyfikacja (przesłane rozwiązanie)","Ostatnia aktualizacja (ocena)",Komentarze',
        "Uczestnik",
        "Tak",
    ),
    "tr": (
        'Tanımlayıcı,"Tam adı","Kimlik numarası","E-posta adresi",Durum,Grup,Not,"Enyüksek not",'
        '"Not değiştirilebilir","Son düzenleme (gönderim)","Son düzenleme (not)",'
        '"Geri bildirim yorumları"',
        "Katılımcı",
        "Evet",
    ),
}
UNKNOWN = (
    'Идентификатор,"Полное имя","Индивидуальный номер","Адрес электронной почты",Статус,Группа,'
    'Оценка,"Максимальная оценка","Оценка может быть изменена","Последнее изменение (ответ)",'
    '"Последнее изменение (оценка)",Отзыв',
    "Участник",
    "Да",
)
COMMENT = '"- good start, ""Ada""\n=see also +1"'


def worksheet(titles: str, word: str, can: str, **changed: str) -> str:
    """A worksheet of three; cells of the second row in place of the usual ones by name."""
    cell = {"grade": "", "yes": can, "group": "", **changed}
    return (
        f"\ufeff{titles}\n"
        f'{word}2001,"Ada Lovelace",s1,ada@example.org,x,,,"100,00",{can},-,-,\n'
        f'{word}2002,"Grace Hopper",s2,grace@example.org,x,{cell["group"]},{cell["grade"]},'
        f'"100,00",{cell["yes"]},"Donnerstag, 29. April",-,{COMMENT}\n'
        f'{word}2003,"Alan Turing",s3,alan@example.org,-,,"55,00","100,00",{can},-,-, spaced \n'
    )


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return graded(
        tmp_path / "graded",
        result("Ada Lovelace", "01_theory", 12.5),
        result("Grace Hopper", "01_theory", 5.0),
    )


def run(
    out: Path, form: str, sheet: str | bytes, column: str | None = None
) -> tuple[list[Path], list[str]]:
    said: list[str] = []
    downloaded = out.parent / "downloaded.csv"
    downloaded.write_bytes(sheet if isinstance(sheet, bytes) else sheet.encode())
    paths = export(out, COURSE, form, "01_theory", downloaded, column, said.append)
    return paths, said


@pytest.mark.parametrize("language", LANGUAGES)
def test_moodle_in_its_language(out: Path, language: str) -> None:
    sheet = worksheet(*LANGUAGES[language])
    (filled, archive), said = run(out, "moodle", sheet)
    lines = sheet.splitlines(keepends=True)
    lines[1] = lines[1].replace(',x,,,"100,00"', ',x,,"62,5","100,00"')
    lines[2] = lines[2].replace(',x,,,"100,00"', ',x,,25,"100,00"')
    assert filled.read_bytes().decode() == "".join(lines)
    assert {number for number, _ in as_moodle_takes_files(archive)} == {2001, 2002}
    assert said == []


def test_unknown_titles_are_taken_by_what_their_columns_hold_and_said(out: Path) -> None:
    (filled, archive), said = run(out, "moodle", worksheet(*UNKNOWN))
    rows = lines_of(filled.read_bytes().decode())
    assert [row[6] for row in rows] == ["Оценка", "62,5", "25", "55,00"]
    assert {number for number, _ in as_moodle_takes_files(archive)} == {2001, 2002}
    assert said == [
        "Note: columns with unknown titles, taken by what they hold: 'Идентификатор' for the "
        "identifiers, 'Полное имя' for the names, 'Оценка' for the marks, 'Максимальная оценка' "
        "for the maximum, 'Оценка может быть изменена' for whether a mark can be changed."
    ]


def test_an_open_question_is_refused_with_the_columns(out: Path) -> None:
    with pytest.raises(ExportError, match="whether 'А' or 'Б' is the column of marks"):
        run(out, "moodle", "Индекс,Имя,А,Б,В\nУ1,Ada Lovelace,10,10,10\n")
    with pytest.raises(ExportError, match="has no column of identifiers"):
        run(out, "moodle", worksheet(*UNKNOWN).replace("Участник", ""))
    assert not (out / "export").exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_separators_and_encodings_stay(out: Path, encoding: str, delimiter: str) -> None:
    rows = lines_of(worksheet(*LANGUAGES["de"]))
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(
        rows
    )
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    sheet = (mark + text.getvalue()).encode(encoding)
    (filled, _), said = run(out, "moodle", sheet)
    rows[1][6], rows[2][6] = "62,5", "25"
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(
        rows
    )
    assert filled.read_bytes() == (mark + text.getvalue()).encode(encoding)
    assert [("UTF-16" in line) for line in said] == [True] * encoding.startswith("utf-16")


@pytest.mark.parametrize(
    ("maximum", "mark"),
    [
        ("1,000.00", "250"),
        ("1.000,00", "250"),
        ("1 000,00", "250"),
        ("1\u202f000,00", "250"),
        ("1'000.00", "250"),
        ("10", "2.5"),
        ("12,40", "3,1"),
    ],
)
def test_a_maximum_is_read_as_the_file_writes_it(out: Path, maximum: str, mark: str) -> None:
    sheet = worksheet(*ENGLISH).replace('"100,00"', f'"{maximum}"').replace('"55,00"', "")
    (filled, _), said = run(out, "moodle", sheet)
    assert lines_of(filled.read_bytes().decode())[2][6] == mark
    assert said == []


def test_a_maximum_that_may_be_two_numbers_is_refused(out: Path) -> None:
    sheet = worksheet(*ENGLISH).replace('"100,00"', "1.000")
    (filled, _), _ = run(out, "moodle", sheet)  # 55,00 shows the decimal mark
    assert lines_of(filled.read_bytes().decode())[1][6] == "625"
    filled.unlink()
    with pytest.raises(ExportError, match=r"'1\.000' in the column 'Maximum grade' .* 1 or 1000"):
        run(out, "moodle", sheet.replace('"55,00"', "55"))
    assert not filled.exists()


def test_a_scale_takes_no_points(out: Path) -> None:
    titles, word, no = LANGUAGES["de"]
    scale = '"nicht bestanden    bestanden"'
    sheet = worksheet(titles.replace("Bestwertung", "Skala"), word, no).replace('"100,00"', scale)
    for text in (sheet, sheet.replace("Skala", "Bestwertung"), sheet.replace("Skala", "Anders")):
        with pytest.raises(ExportError, match="grades on a scale"):
            run(out, "moodle", text)
    assert not (out / "export").exists()


@pytest.mark.parametrize(("language", "no"), [("en", "No"), ("de", "Nein"), ("tr", "Hayır")])
def test_a_row_that_moodle_would_not_change_stays(out: Path, language: str, no: str) -> None:
    (filled, _), said = run(out, "moodle", worksheet(*LANGUAGES[language], yes=no))
    assert [row[6] for row in lines_of(filled.read_bytes().decode())][1:] == ["62,5", "", "55,00"]
    assert said == ["Note: left as it is, for Moodle does not let it be changed: Grace Hopper."]


def test_marks_that_are_there_are_replaced_and_said(out: Path) -> None:
    sheet = worksheet(*ENGLISH, grade='"40,00"').replace('x,,,"100,00"', 'x,,50,"100,00"')
    (filled, _), said = run(out, "moodle", sheet)
    assert [row[6] for row in lines_of(filled.read_bytes().decode())][1:] == ["62,5", "25", "55,00"]
    assert said == [
        "Note: 2 marks that were there are replaced, 1 of them by one that is not higher: "
        "Grace Hopper (40,00 by 25)."
    ]
    same = worksheet(*ENGLISH, grade='"25,00"').replace('x,,,"100,00"', 'x,,"62,50","100,00"')
    (filled, _), said = run(out, "moodle", same)
    assert filled.read_bytes().decode() == same and said == []


def test_an_unreadable_upload_takes_no_mark_away(out: Path) -> None:
    graded(
        out,
        result("Ada Lovelace", "01_theory", 12.5),
        result("Alan Turing", "01_theory", 0.0, "broken"),
    )
    (filled, archive), said = run(out, "moodle", worksheet(*ENGLISH))
    assert [row[6] for row in lines_of(filled.read_bytes().decode())][1:] == ["62,5", "", "55,00"]
    assert {number for number, _ in as_moodle_takes_files(archive)} == {2001, 2003}
    assert said == ["Note: left as it is, for the upload could not be read: Alan Turing."]


def test_rows_of_other_widths_stay(out: Path) -> None:
    sheet = worksheet(*ENGLISH) + 'Participant 2004,"Short"\n\n,,,,,,,,,,,,,,wide\nno end'
    graded(out, result("Short", "01_theory", 10.0), result("Ada Lovelace", "01_theory", 0.0))
    (filled, _), _ = run(out, "moodle", sheet)
    changed = sheet.replace('"Short"\n', '"Short",,,,,50\n')
    assert filled.read_bytes().decode() == changed.replace('x,,,"100,00"', 'x,,0,"100,00"', 1)


@pytest.mark.parametrize("team", ["Group 1 - default", "Gruppe: A/B", "Equipe «é»"])
def test_everybody_of_a_team_gets_mark_and_feedback(out: Path, team: str) -> None:
    name = team.replace(":", "").replace("/", "")  # Moodle drops these from file names
    graded(out, result(name, "01_theory", 10.0))
    sheet = worksheet(*ENGLISH, group=f'"{team}"').replace('x,,,"100', f'x,"{team}",,"100')
    (filled, archive), said = run(out, "moodle", sheet)
    assert [row[6] for row in lines_of(filled.read_bytes().decode())][1:] == ["50", "50", "55,00"]
    page = f"<p>{name}: 10.0</p>".encode()
    assert as_moodle_takes_files(archive) == {
        (2001, "01_theory.html"): page,
        (2002, "01_theory.html"): page,
    }
    assert said == []


def test_a_member_that_moodle_before_4_1_names_with_the_team(out: Path) -> None:
    graded(out, result("Blue-Grace Hopper", "01_theory", 10.0))
    for group in ("Blue", '"Blue"'):
        (_, archive), _ = run(out, "moodle", worksheet(*ENGLISH, group=group))
        assert {number for number, _ in as_moodle_takes_files(archive)} == {2002}, group


def test_one_who_handed_in_alone_and_with_a_team_is_left_to_a_person(out: Path) -> None:
    graded(out, result("Blue", "01_theory", 10.0), result("Ada Lovelace", "01_theory", 20.0))
    sheet = worksheet(*ENGLISH, group="Blue").replace('x,,,"100', 'x,Blue,,"100')
    (filled, _), said = run(out, "moodle", sheet)
    assert [row[6] for row in lines_of(filled.read_bytes().decode())][1:] == ["", "50", "55,00"]
    assert any("which row is meant for Ada Lovelace, Blue; fill" in line for line in said)


def test_no_archive_is_written_empty_and_none_of_an_earlier_export_stays(out: Path) -> None:
    (_, archive), _ = run(out, "moodle", worksheet(*ENGLISH))
    for page in out.glob("feedback/*/*.html"):
        page.unlink()
    (filled,), said = run(out, "moodle", worksheet(*ENGLISH))
    assert filled.is_file() and not archive.exists()
    assert "no page of feedback; grade again to have it: Ada Lovelace, Grace Hopper." in said[0]
    assert (
        said[1] == "Note: no archive of feedback is written, for there is no page to put into it."
    )


def test_blind_marking_in_another_language(out: Path) -> None:
    sheet = (
        "ID,Status,Bewertung,Bestwertung,Bewertung kann geändert werden,"
        "Zuletzt geändert (Bewertung)\n"
        'Teilnehmer/in31,x,,"10,00",Ja,-\nTeilnehmer/in32,x,,"10,00",Ja,-\n'
    )
    graded(out, result("Teilnehmerin 32", "01_theory", 12.5))
    (filled, archive), said = run(out, "moodle", sheet)
    assert filled.read_bytes().decode() == sheet.replace("32,x,,", '32,x,"6,25",')
    assert set(as_moodle_takes_files(archive)) == {(32, "01_theory.html")}
    assert said == []


@pytest.mark.parametrize("at", ["zipfile.ZipFile.writestr", "autograde.lms.sheets.replacing"])
def test_nothing_is_written_in_part(out: Path, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    before = [path.read_bytes() for path in run(out, "moodle", worksheet(*ENGLISH))[0]]
    graded(out, result("Ada Lovelace", "01_theory", 1.0), result("Grace Hopper", "01_theory", 2.0))

    def full(*args: object) -> None:
        raise WriteError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(at, full)
        with pytest.raises(WriteError, match="No space left"):
            run(out, "moodle", worksheet(*ENGLISH))
    after = sorted((out / "export").iterdir())
    assert [path.suffix for path in after] == [".zip", ".csv"]
    assert [path.read_bytes() for path in after] == [before[1], before[0]]


def test_a_sheet_without_maximum_and_marks_above_it_are_said(out: Path) -> None:
    sheet = worksheet(*ENGLISH).replace(',"Maximum grade"', "").replace(',"100,00"', "")
    (filled, _), said = run(out, "moodle", sheet)
    assert [row[6] for row in lines_of(filled.read_bytes().decode())][1:] == ["12,5", "5", "55,00"]
    assert len(said) == 1 and "has no column of the maximum, so marks are not scaled" in said[0]
    lines = (out / "grades.csv").read_text().replace("12.5,20", "25,20")
    (out / "grades.csv").write_text(lines)
    _, said = run(out, "moodle", worksheet(*ENGLISH))
    assert said == [
        "Note: above the maximum, which the platform may refuse: Ada Lovelace (125 of 100,00)."
    ]


CANVAS = (
    "\ufeffStudent;ID;SIS User ID;SIS Login ID;Section;Notes;Theory;Theory (901);Current Score\r\n"
    ";;;;;;;Manual Posting;\r\n"
    "    Points Possible;;;;;;(nur lesen);40,0;(nur lesen)\r\n"
    '"Lovelace, Ada";11;S11;ada;"Kurs A und Kurs B";- good start;7;12,5;80,0\r\n'
    '"Hopper, Grace";12;S12;grace;Kurs A;;;;\r\n'
    '"Turing, Alan";13;S13;alan;Kurs A;;;N/A;\r\n'
    '"=""=cmd""";14;S14;cmd;Kurs A;;;;\r\n'
)


def test_canvas_in_another_language(out: Path) -> None:
    marks = {"Ada Lovelace": 12.5, "Grace Hopper": 6.25, "Alan Turing": 3.0, "=cmd": 1.0}
    graded(out, *(result(who, "01_theory", mark) for who, mark in marks.items()))
    (filled,), said = run(out, "canvas", CANVAS, "Theory (901)")
    kept = [
        ";".join([*line.split(";")[:5], line.split(";")[7]]) for line in CANVAS.split("\r\n")[:-1]
    ]
    kept[3], kept[4], kept[6] = kept[3].replace("12,5", "25"), kept[4] + "12,5", kept[6] + "2"
    assert filled.read_bytes().decode() == "\r\n".join([*kept, ""])
    assert said == [
        "Note: left as it is, for Canvas gives the assignment to others, or hides whose work it "
        "is: Alan Turing.",
        "Note: 1 mark that was there is replaced.",
    ]


def test_canvas_columns_that_nobody_changes_are_refused(out: Path) -> None:
    for sheet in (CANVAS, CANVAS.replace("Points Possible", "Mögliche Punkte")):
        with pytest.raises(ExportError, match="lets nobody change the column 'Theory'"):
            run(out, "canvas", sheet.replace("Theory (901)", "Quiz (901)"), "Theory")
    (filled,), _ = run(out, "canvas", CANVAS.replace("Points Possible", "Mögliche Punkte"))
    assert lines_of(filled.read_bytes().decode(), ";")[3][5] == "25"


def test_a_student_whom_canvas_lists_twice_is_one(out: Path) -> None:
    twice = CANVAS + '"Hopper, Grace";12;S12;grace;Kurs B;;;;\r\n'
    (filled,), _ = run(out, "canvas", twice)
    rows = lines_of(filled.read_bytes().decode(), ";")
    assert [row[5] for row in rows if row[1] == "12"] == ["10", "10"]
