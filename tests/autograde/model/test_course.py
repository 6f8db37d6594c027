"""course.toml: what it says, how errors read, and the secret beside it."""

from __future__ import annotations

import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from small_course import COURSE, write_course

from autograde.model.course import SECRET_VARIABLE, Course, CourseError
from autograde.model.course_file import read_course

SUMMER = timezone(timedelta(hours=2))
REPOSITORY = Path(__file__).parents[3]


def read(folder: Path, text: str) -> Course:
    (folder / "course.toml").write_text(text)
    return read_course(folder)


def test_says_what_the_file_says(tmp_path: Path) -> None:
    course = read(tmp_path, COURSE)
    assert (course.name, course.repository, course.tag) == (
        "A small course",
        "someone/course",
        "v1",
    )
    assert course.group_size == 2
    assert course.assignment("01_small").deadline == datetime(2027, 4, 30, 23, 59, tzinfo=SUMMER)
    assert course.assignment("01_small").weight == 1.0
    assert course.settings("quiz")["right"] == 1.0
    assert course.group_of("Alan Turing") == "Group 1"
    assert course.group_of("Grace Hopper") is None
    assert course.members("Group 1") == ("Ada Lovelace", "Alan Turing")
    assert course.members("Grace Hopper") == ("Grace Hopper",)
    assert course.submitters() == ("Group 1", "Grace Hopper")


def test_deadlines_include_extensions(tmp_path: Path) -> None:
    course = read(tmp_path, COURSE)
    assert course.deadline("01_small", "Grace Hopper") == datetime(
        2027, 5, 7, 23, 59, tzinfo=SUMMER
    )
    assert course.deadline("01_small", "Group 1") == datetime(2027, 4, 30, 23, 59, tzinfo=SUMMER)
    assert course.deadline("no such notebook", "Group 1") is None


def test_a_group_has_its_latest_members_deadline(tmp_path: Path) -> None:
    course = read(tmp_path, COURSE.replace('"Grace Hopper" = {', '"Alan Turing" = {'))
    late = datetime(2027, 5, 7, 23, 59, tzinfo=SUMMER)
    for who in ("Group 1", "Alan Turing", "Ada Lovelace"):
        assert course.deadline("01_small", who) == late


def test_is_found_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_course(tmp_path)
    script = tmp_path / "solutions" / "01_small_checks.py"
    assert read_course(script).file == tmp_path / "course.toml"
    assert read_course(tmp_path / "course.toml").folder == tmp_path
    monkeypatch.chdir(tmp_path)
    assert read_course(Path("course.toml")).folder == tmp_path


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('name = "A small course"\n', "", "name"),
        ('"someone/course"', '"course"', "repository"),
        ('"someone/course"', '"a/b\\"><script>"', "repository"),
        ("group_size = 2", "group_size = 0", "group_size"),
        ("group_size = 2", "group_size = true", "group_size"),
        ("group_size = 2", "group_size = 1", 'groups."Group 1"'),
        ("group_size = 2", "group_sise = 2", "group_sise"),
        ('"2027-04-30T23:59:00+02:00"', '"2027-04-30T23:59:00"', "assignments.01_small.deadline"),
        ('"2027-04-30T23:59:00+02:00"', '"tomorrow"', "assignments.01_small.deadline"),
        ("[extensions]", "weight = -1\n[extensions]", "assignments.01_small.weight"),
        ("[extensions]", "wait = 1\n[extensions]", "assignments.01_small.wait"),
        ("{ 01_small =", "{ 02_small =", '"Grace Hopper".02_small'),
        ('["Ada Lovelace", "Alan Turing"]\n\n', '["A", "B"]\n"Group 2" = ["B"]\n\n', "Group 2"),
        ('students = ["Ada Lovelace"', 'students = ["Alan Turing"', "students"),
        ("[quiz]", "[quiz", "TOML"),
    ],
)
def test_errors_are_one_sentence_with_file_and_key(
    tmp_path: Path, old: str, new: str, key: str
) -> None:
    assert old in COURSE
    with pytest.raises(CourseError) as caught:
        read(tmp_path, COURSE.replace(old, new))
    message = str(caught.value)
    assert str(tmp_path / "course.toml") in message
    assert key in message
    assert "\n" not in message


def test_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match=r"no course\.toml"):
        read_course(tmp_path)
    course = read(tmp_path, COURSE)
    with pytest.raises(CourseError, match=r"\[exam\]"):
        course.settings("exam")


def test_the_secret_is_made_once_and_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)
    course = read(tmp_path, COURSE)
    secret = course.secret()
    file = tmp_path / ".course-secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(secret) == 64
    assert read_course(tmp_path).secret() == secret
    assert [p.name for p in tmp_path.iterdir() if "secret" in p.name] == [".course-secret"]
    other = tmp_path / "other"
    other.mkdir()
    assert read(other, COURSE).secret() != secret
    assert secret.decode() not in repr(course)


def test_the_environment_goes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, "sixteen letters!")
    assert read(tmp_path, COURSE).secret() == b"sixteen letters!"
    assert not (tmp_path / ".course-secret").exists()
    monkeypatch.setenv(SECRET_VARIABLE, "short")
    with pytest.raises(CourseError, match="16 characters"):
        read(tmp_path, COURSE).secret()


def test_a_secret_that_is_a_link_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)
    (tmp_path / "elsewhere").write_text("x" * 64)
    (tmp_path / ".course-secret").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CourseError, match="plain file"):
        read(tmp_path, COURSE).secret()


def test_our_own_course_file_is_valid() -> None:
    course = read_course(REPOSITORY)
    assert course.group_size == 3
    assert {"right", "wrong", "abstain"} <= set(course.settings("quiz"))


GRANTS = """
[accommodations]
"Ada Lovelace" = { extra_days = 3 }
"Alan Turing" = { extra_days = 1.5, grace_hours = 48 }
"Grace Hopper" = { extra_days = 2, late_penalty = false }
"""


def test_accommodations_move_every_deadline(tmp_path: Path) -> None:
    """Counted from everybody's deadline; a later extension counts; a group has the best."""
    write_course(tmp_path)
    (tmp_path / "course.toml").write_text(
        COURSE + GRANTS + "[late]\npercent_per_day = 10\ngrace_hours = 2\n"
    )
    course = read_course(tmp_path)
    for who in ("Ada Lovelace", "Alan Turing", "Group 1"):
        assert course.deadline("01_small", who) == datetime.fromisoformat(
            "2027-05-03T23:59:00+02:00"
        )
        assert course.late_for(who).grace_hours == 48
        assert course.late_for(who).percent_per_day == 10
    extended = datetime.fromisoformat("2027-05-07T23:59:00+02:00")
    assert course.deadline("01_small", "Grace Hopper") == extended
    assert course.late_for("Grace Hopper").percent_per_day == 0
    assert course.deadline("01_small", "Max") == course.assignment("01_small").deadline
    assert course.late_for("Max") == course.late
    assert course.deadline("02_none", "Ada Lovelace") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[accommodations]\n"Ada Lovelase" = { extra_days = 3 }', "names nobody of the class"),
        ('[accommodations]\n"Ada Lovelace" = 3', "should be a table such as"),
        ('[accommodations]\n"Ada Lovelace" = { days = 3 }', "days is not a key"),
        ('[accommodations]\n"Ada Lovelace" = { extra_days = -1 }', "a number from 0 to 1000"),
        ('[accommodations]\n"Ada Lovelace" = { late_penalty = 0 }', "should be true or false"),
        ('[grading]\nanonymous = "yes"', "grading.anonymous should be true or false"),
        ("[grading]\nanonymus = true", "grading.anonymus is not a key"),
    ],
)
def test_a_grant_that_is_none_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "course.toml").write_text(f"{COURSE}\n{text}\n")
    with pytest.raises(CourseError, match=sentence):
        read_course(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[assignments.", "[assignmnets.", "[assignmnets] is not a table that the course knows; do"
         " you mean assignments?"),
        ("[quiz]", "[gradign]", "[gradign] is not a table that the course knows; do you mean grad"),
        ("[quiz]", "[Late]", "[Late] is not a table that the course knows; do you mean late?"),
        ("group_size = 2", "group_sise = 2", "group_sise is not a key that the course knows; do you"
         " mean group_size?"),
        ("deadline =", "dedline =", "assignments.01_small.dedline is not a key that an "
         "assignment knows (deadline, weight, released, sections, skip, points, core); do you mean "
         "deadline?"),
        ("{ 01_small =", "{ 01_smal =", 'extensions."Grace Hopper".01_smal names no assignment of'
         " this file; do you mean 01_small?"),
        ('"Grace Hopper" = {', '"Grace Hoper" = {', 'extensions."Grace Hoper" names nobody of the'
         " class list or groups; do you mean Grace Hopper?"),
        ('"Alan Turing"]\n\n[quiz]', '"Alan Turign"]\n\n[quiz]', 'groups."Group 1" names Alan'
         " Turign, who is not in the class list; do you mean Alan Turing?"),
        ('{ 01_small = "2027-05-07T23:59:00+02:00" }', '"2027-05-07T23:59:00+02:00"',
         'extensions."Grace Hopper" should be a table.'),
        ('"2027-05-07T23:59:00+02:00"', "2027-05-07", 'extensions."Grace Hopper".01_small should be'
         " a time with its offset"),
        ('["Ada Lovelace", "Alan Turing"]\n\n[quiz]', '"Ada Lovelace"\n\n[quiz]',
         'groups."Group 1" should be a list of names.'),
        ('students = ["Ada', 'students = [1, "Ada', "students should be a list of names."),
        ('"A small course"', "3", "name should be a line of text."),
        ('tag = "v1"', "tag = 1", "tag should be a tag of the repository, such as"),
        ('tag = "v1"', 'tag = "a b"', "tag should be a tag of the repository, such as"),
        ('tag = "v1"', 'tag = "HEAD"', "tag should be a tag of the repository, such as"),
        ('tag = "v1"', 'tag = "v1.lock"', "tag should be a tag of the repository, such as"),
        ('tag = "v1"', 'tag = "../v1"', "tag should be a tag of the repository, such as"),
        ('tag = "v1"', 'branch = "main"', "branch is not a key that the course knows."),
        ('tag = "v1"', "", "tag is missing; please add that line."),
        ("group_size = 2", 'group_size = "2"', "group_size should be a whole number from 1 on."),
        ("[quiz]", "[[late]]", "late should be a table."),
        ("[quiz]", "[grading]\nanonymous = 1\n[quiz]", "grading.anonymous should be true"),
        ("[quiz]", '[software]\npackages = ["-c"]\n[quiz]', "software.packages should be"),
        ("[quiz]", '[software]\nout_of_reach_by_hand = "xaikit"\n[quiz]',
         "software.out_of_reach_by_hand should be a list of packages"),
        ("[quiz]", "[software]\npreload = []", "software.preload is not a key that the software"),
        ("[quiz]", '[accommodations]\n"Ada Lovelace" = {}\n" Ada Lovelace" = {extra_days = 3}',
         "accommodations should be a table that names nobody twice."),
    ],
)  # fmt: skip
def test_what_is_unknown_or_of_the_wrong_kind_is_never_passed_over(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    assert old in COURSE
    with pytest.raises(CourseError) as caught:
        read(tmp_path, COURSE.replace(old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'course.toml'}: {sentence}")
    assert "\n" not in str(caught.value)


def test_without_a_class_list_names_are_free(tmp_path: Path) -> None:
    text = COURSE.replace("students =", "# students =").replace('"Grace Hopper" =', '"Anybody" =')
    assert list(read(tmp_path, text).extensions) == ["Anybody"]


def test_a_fork_has_tables_of_its_own(tmp_path: Path) -> None:
    course = read(tmp_path, COURSE + '[essay]\nwords = 300\ntopics = ["a", "b"]\n')
    assert course.settings("essay") == {"words": 300, "topics": ["a", "b"]}
    with pytest.raises(CourseError, match=r"no table \[esay\]; is \[essay\] meant for it\?"):
        course.settings("esay")


def test_software_has_defaults_for_a_course_that_says_nothing(tmp_path: Path) -> None:
    software = read(tmp_path, COURSE).software
    assert (software.data, software.packages) == ("", ())
    assert software.out_of_reach_by_hand == ("xaikit",)
    ours = read_course(REPOSITORY).software
    assert ours.data == "fashion_mnist"
    assert {"xaikit", "alibi"} == set(ours.out_of_reach_by_hand)
    assert {"torch", "lime", "xaikit"} <= set(ours.packages)
