"""Who is meant by a name that is typed without the letters that a keyboard lacks."""

from __future__ import annotations

import pytest

from autograde.lms.names import meaning, suggested
from autograde.model.kinds import nearest

PAIRS = [
    ("Goedel", "Gödel"),
    ("Godel", "Gödel"),
    ("Gauss", "Gauß"),
    ("Mueller", "Müller"),
    ("Haesselbarth", "Häßelbarth"),
    ("Soren", "Søren"),
    ("Soeren", "Søren"),
    ("Lukasz", "Łukasz"),
    ("Aeroe", "Ærø"),
    ("Aas", "Ås"),
    ("Dordevic", "Đorđević"),
    ("Thorunn", "Þórunn"),
    ("Isik", "Işık"),
]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0])
def test_a_name_suggests_its_other_spelling(pair: tuple[str, str], turned: bool) -> None:
    written, known = reversed(pair) if turned else pair
    class_list = ["Ada Lovelace", f"Kurt {known}", "Emmy Noether"]
    assert suggested(written, class_list) == f"; do you mean Kurt {known}?"
    assert suggested(f"{written}, Kurt", class_list) == f"; do you mean Kurt {known}?"
    assert nearest(written, ["Ada", known, "Emmy"]) == known


def test_nobody_is_taken_for_another_by_a_suggestion() -> None:
    assert meaning(["Kurt Gödel"])("Kurt Goedel") == []


def test_two_who_are_spelled_alike_are_both_suggested() -> None:
    class_list = ["Anna Müller", "Anna Mueller"]
    assert suggested("Muller", class_list) == "; do you mean Anna Mueller or Anna Müller?"


def test_keys_keep_their_nearest_one() -> None:
    assert nearest("gradign", ["grading", "grades", "due"]) == "grading"
    assert nearest("du", ["due", "dub"]) in ("due", "dub")
    assert nearest("points", ["weight", "due"]) is None
