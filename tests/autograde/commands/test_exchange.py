"""Feedback goes back by nbgrader's exchange: its own commands hand out, collect and release."""

from __future__ import annotations

import hashlib
import os
import warnings
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from graded_class import NAME, Class, small_class
from hub import COURSE_ID, Hub
from marks import fill
from nbgrader.apps import CollectApp, GenerateFeedbackApp, ReleaseFeedbackApp
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from small_course import COURSE, write_course

from autograde.commands.delete import delete
from autograde.commands.exchange import write_exchange
from autograde.commands.grade import grade
from autograde.gradebook.coursefolder import write_course_folder
from autograde.gradebook.pseudonyms import pseudonym
from autograde.gradebook.stored import GradebookError
from autograde.grading.mark import Assignment, load_assignment
from autograde.grading.store import Store
from autograde.intake.collected import Collected
from autograde.intake.folders import settings_beside
from autograde.intake.submissions import Found, find
from autograde.model.course_file import read_course
from autograde.model.records import SubmissionResult
from autograde.notebooks.answers import load_answers, submission
from autograde.notebooks.release import handed_out, to_json
from autograde.reports.feedback import write_feedback

pytestmark = pytest.mark.slow

STUDENTS = ("ada", "grace", "zoe@uni.edu")
CLASS = COURSE.replace(
    'students = ["Ada Lovelace", "Alan Turing", "Grace Hopper"]',
    'students = ["ada", "alan", "grace", "zoe@uni.edu"]',
)
CLASS = CLASS.replace('"Group 1" = ["Ada Lovelace", "Alan Turing"]', '"Group 1" = ["ada", "alan"]')
CLASS = CLASS.replace('"Grace Hopper" = {', '"zoe@uni.edu" = {')
CLASS = CLASS.replace("2027-04-30T23:59:00", "2020-04-30T23:59:00")  # all but one are late


def name_in_exchange(secret: str, notebook: str) -> str:
    """Return where ``nbgrader fetch_feedback`` looks (its ``notebook_hash``)."""
    return hashlib.md5(secret.encode() + notebook.encode()).hexdigest() + ".html"


@dataclass
class Session:
    """What a hub's people did, and what the grader said."""

    hub: Hub
    assignment: Assignment
    wrong: str
    lines: list[str] = field(default_factory=list)

    def hand_in(self, who: str, name: str = NAME, right: bool = True) -> None:
        """Work on the notebook, called so, and submit."""
        texts = dict(self.assignment.solutions)
        notebook = submission(
            self.assignment.released, texts if right else {**texts, "double": self.wrong}
        )
        folder = self.hub.home(who) / NAME
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.ipynb").write_text(to_json(notebook), encoding="utf-8")
        self.hub.student(who, "submit", NAME)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Hand out, hand in (again, late, renamed, as a team), collect, grade, release and fetch."""
    folder = tmp_path_factory.mktemp("hub")
    load_assignment.cache_clear()
    write_course(folder / "kit")
    (folder / "kit" / "course.toml").write_text(CLASS)
    course = read_course(folder / "kit")
    assignment = load_assignment(NAME, course.file)
    others = load_answers(course.folder / "solutions" / f"{NAME}.py")
    hub = Hub(folder / "hub")
    run = Session(hub, assignment, others["double"]["wrong"])
    handout = hub.course / "release" / NAME / f"{NAME}.ipynb"
    handout.parent.mkdir(parents=True)
    handout.write_text(to_json(assignment.released), encoding="utf-8")
    hub.instructor("release_assignment", NAME, cwd=hub.course)
    hub.student("ada", "fetch_assignment", NAME)
    (hub.home("grace") / NAME).mkdir()
    (hub.home("zoe@uni.edu") / NAME).mkdir()
    with ThreadPoolExecutor() as people:
        for done in [
            people.submit(run.hand_in, "ada"),
            people.submit(run.hand_in, "grace", right=False),
            people.submit(run.hand_in, "zoe@uni.edu", "my work"),
        ]:
            done.result()
    mask = os.umask(0o077)  # as a careful instructor's
    try:
        for again in (False, True):
            if again:
                run.hand_in("grace")
            hub.instructor("collect", NAME, "--update", cwd=hub.course)
            grade(hub.course / "submitted", course, hub.results, jobs=1, say=run.lines.append)
            hub.instructor("release_feedback", NAME, cwd=hub.results)
    finally:
        os.umask(mask)
    with ThreadPoolExecutor() as people:
        list(people.map(lambda who: hub.student(who, "fetch_feedback", NAME), STUDENTS))
    yield run
    load_assignment.cache_clear()


def test_everybody_gets_the_page_of_what_they_handed_in(session: Session) -> None:
    (ada,) = session.hub.fetched("ada")
    ours = session.hub.results / "feedback" / "Group 1" / f"{NAME}.html"
    assert ada == ours.read_text(encoding="utf-8")
    first, second = session.hub.fetched("grace")
    assert "Twice as much, please." in first
    assert "Twice as much, please." not in second
    (zoe,) = session.hub.fetched("zoe@uni.edu")
    assert "zoe@uni.edu" in zoe
    assert "The upload is called my work.ipynb" in zoe


def test_students_may_read_what_was_released_and_list_nothing(session: Session) -> None:
    """Whatever the instructor's umask: others may enter the folder and read a page they know."""
    folder = session.hub.exchange / COURSE_ID / "feedback"
    pages = list(folder.iterdir())
    assert len(pages) == 4  # two of a student who handed in twice
    assert {page.stat().st_mode & 0o444 for page in pages} == {0o444}
    assert folder.stat().st_mode & 0o007 == 0o001


def test_the_exchanges_own_files_are_nobodys_mistake(session: Session) -> None:
    assert not [line for line in session.lines if "submission_secret.txt" in line]


def test_formgraders_button_releases_too(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the button calls: for all, and for one student."""
    hub = session.hub
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(hub.folder / "none"))
    monkeypatch.setenv("JUPYTER_NO_CONFIG", "")
    monkeypatch.chdir(hub.results)
    app = ReleaseFeedbackApp()
    app.initialize([])
    interface = NbGraderAPI(CourseDirectory(parent=app), parent=app)
    folder = hub.exchange / COURSE_ID / "feedback"
    before = {page.name for page in folder.iterdir()}
    for page in folder.iterdir():
        page.unlink()
    assert interface.release_feedback(NAME, "grace")["success"]
    assert len(list(folder.iterdir())) == 1
    assert interface.release_feedback(NAME)["success"]
    assert {page.name for page in folder.iterdir()} < before


def test_without_settings_nbgrader_says_what_is_missing(tmp_path: Path) -> None:
    """The results' own configuration names neither course nor exchange: the user's decides."""
    hub = Hub(tmp_path)
    write_course_folder(tmp_path / "out", [], {}, {})
    release = partial(hub.instructor, "release_feedback", NAME, cwd=tmp_path / "out", code=1)
    said = release(f"--Exchange.root={hub.exchange}")
    assert "No course id specified. Re-run with --course flag." in said
    assert "Unwritable directory" in release("--course=other", "--Exchange.root=/nowhere")


def test_results_do_not_replace_the_instructors_configuration(tmp_path: Path) -> None:
    hub, kit = Hub(tmp_path), write_course(tmp_path / "kit")
    before = (hub.course / "nbgrader_config.py").read_bytes()
    with pytest.raises(GradebookError, match="is not from autograde"):
        grade(hub.course / "submitted", kit, hub.course)
    assert [path.name for path in hub.course.iterdir()] == ["nbgrader_config.py"]
    assert (hub.course / "nbgrader_config.py").read_bytes() == before


# What follows needs no sandbox: a class as the scorer leaves it.

NOON = datetime(2027, 4, 29, 12, tzinfo=UTC)


@dataclass
class Desk:
    """An instructor's results and an exchange."""

    small: Class
    out: Path
    exchange: Path

    def grade(self, *results: SubmissionResult, collected: tuple[Collected, ...] = ()) -> None:
        """Write the results as ``autograde grade`` does."""
        fill(self.small, self.out, *results)
        write_feedback(results, self.small.course, self.out)
        write_exchange(results, collected, self.small.course, self.out)

    def run(self, app_class: type, *arguments: str) -> list[str]:
        """Run a command of nbgrader; return what the exchange then holds."""
        app = app_class()
        app.initialize([NAME, *arguments])
        app.start()
        return sorted(page.name for page in (self.exchange / COURSE_ID / "feedback").glob("*"))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    (tmp_path / "exchange").mkdir(mode=0o777)
    (tmp_path / "exchange").chmod(0o777)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.course_id = {COURSE_ID!r}\n"
        f"c.Exchange.root = {str(tmp_path / 'exchange')!r}\n"
        "c.CourseDirectory.root = '/nowhere'\nc.CourseDirectory.db_url = 'sqlite:////nowhere.db'\n"
        "c.CourseDirectory.feedback_directory = 'elsewhere'\n"
    )
    (tmp_path / "out").mkdir()
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_NO_CONFIG", "")
    monkeypatch.chdir(tmp_path / "out")
    return Desk(small_class(tmp_path / "kit"), tmp_path / "out", tmp_path / "exchange")


def collected(person: str, student: str = "", *notebooks: str, secret: str = "") -> Collected:
    names = notebooks or (NAME,)
    return Collected(student or person, person, NAME, secret or f"of {person}", NOON, names)


def test_who_was_not_collected_stops_nobodys_feedback(desk: Desk) -> None:
    """Nor does a page that is withheld, nor nbgrader's own page of somebody without a secret."""
    grace, max_, eve = map(desk.small.result, ("Grace Hopper", "Max", "Eve"))
    desk.grade(grace, max_, eve, collected=(collected("Grace Hopper"), collected("Eve")))
    (desk.out / "feedback" / "Eve" / f"{NAME}.html").unlink()
    write_exchange([grace, max_, eve], [collected("Grace Hopper")], desk.small.course, desk.out)
    assert not (desk.out / "feedback" / "Eve" / NAME).exists()
    assert desk.run(ReleaseFeedbackApp) == [name_in_exchange("of Grace Hopper", NAME)]
    desk.run(GenerateFeedbackApp)
    pages = desk.run(ReleaseFeedbackApp)
    assert name_in_exchange("of Grace Hopper", NAME) in pages
    page = desk.exchange / COURSE_ID / "feedback" / name_in_exchange("of Grace Hopper", NAME)
    assert "nbgrader" in page.read_text(encoding="utf-8")  # its own page, for it was asked for
    desk.grade(grace, max_, eve, collected=(collected("Grace Hopper"),))
    desk.run(ReleaseFeedbackApp)
    ours = desk.out / "feedback" / "Grace Hopper" / f"{NAME}.html"
    assert page.read_bytes() == ours.read_bytes()


def test_the_results_collect_nothing(desk: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    """Collected there, submissions would stand where the graded notebooks are."""
    desk.grade(desk.small.result("Grace Hopper"))
    with pytest.raises(SystemExit) as stopped:
        desk.run(CollectApp)
    assert stopped.value.code == 1
    said = capfd.readouterr().err
    assert "submissions run only in the sandbox" in said
    assert "not recognized" not in said  # the user's own options


def test_an_upload_that_came_otherwise_is_not_filed_as_the_collected_one(desk: Desk) -> None:
    grace = desk.small.result("Grace Hopper")
    desk.grade(grace, collected=(collected("Grace Hopper"),))
    desk.grade(grace)
    assert desk.run(ReleaseFeedbackApp) == []
    assert "of Grace Hopper" not in held(desk.out)


def test_each_member_who_handed_in_gets_the_groups_page(desk: Desk) -> None:
    group = desk.small.result("Group 1")
    theirs = [collected(person, "Group 1") for person in ("Ada Lovelace", "Alan Turing")]
    desk.grade(group, collected=tuple(theirs))
    pages = desk.run(ReleaseFeedbackApp)
    assert pages == sorted(name_in_exchange(one.secret, NAME) for one in theirs)
    ours = (desk.out / "feedback" / "Group 1" / f"{NAME}.html").read_bytes()
    folder = desk.exchange / COURSE_ID / "feedback"
    assert {(folder / page).read_bytes() for page in pages} == {ours}


def test_markers_get_no_secret_that_tells_who_a_pseudonym_is(desk: Desk) -> None:
    """A page in the exchange, which the secret finds, has the student's name on it."""
    grace = desk.small.result("Grace Hopper")
    desk.grade(grace, collected=(collected("Grace Hopper"),))
    desk.small.course = replace(desk.small.course, anonymous=True)
    desk.grade(grace, collected=(collected("Grace Hopper"),))
    identity = pseudonym("Grace Hopper", desk.small.course.secret())
    assert (desk.out / "autograded" / identity / NAME / f"{NAME}.ipynb").is_file()
    assert "of Grace Hopper" not in held(desk.out / "autograded")
    desk.run(GenerateFeedbackApp)
    pages = desk.run(ReleaseFeedbackApp)
    page = desk.exchange / COURSE_ID / "feedback" / name_in_exchange("of Grace Hopper", NAME)
    assert page.name in pages
    ours = desk.out / "feedback" / "Grace Hopper" / f"{NAME}.html"
    assert page.read_bytes() == ours.read_bytes()


def held(folder: Path) -> str:
    """Return all secrets below a folder."""
    return "\n".join(file.read_text() for file in folder.rglob("submission_secret.txt"))


def test_a_deleted_students_secret_goes_too(desk: Desk) -> None:
    """So does what a group's page was filed by; what the exchange holds is named."""
    course, said = desk.small.course, []
    results = [desk.small.result("Grace Hopper"), desk.small.result("Group 1")]
    mine = collected("Grace Hopper", "", NAME, "my work")
    desk.grade(*results, collected=(mine, collected("Ada Lovelace", "Group 1")))
    Store(desk.out).save_class(results, course)
    delete("Grace Hopper", course, desk.out, said.append)
    assert "of Grace Hopper" not in held(desk.out)
    assert "of Ada Lovelace" in held(desk.out)
    line = next(line for line in said if "exchange" in line)
    assert "inbound/Grace Hopper+*" in line
    assert name_in_exchange("of Grace Hopper", NAME) in line
    assert name_in_exchange("of Grace Hopper", "my work") in line
    delete("Ada Lovelace", course, desk.out, said.append)
    delete("Alan Turing", course, desk.out, said.append)
    assert held(desk.out) == ""


@pytest.mark.parametrize("secret", [b"", b"\xff\xfe", b"two\nlines", b"long" * 300, None], ids=str)
def test_a_secret_that_nbgrader_did_not_write_is_passed_over(
    desk: Desk, secret: bytes | None
) -> None:
    """A student may write in that folder; nbgrader would stop, for everybody, at some of these."""
    folder = desk.out.parent / "submitted" / "Grace Hopper" / NAME
    found = intake(desk, folder, secret)
    assert [u.student for u in found.uploads if u.path] == ["Grace Hopper"]
    assert found.collected == []
    assert [n for n in found.notices if "release_feedback" in n]


def test_what_the_exchange_wrote_is_found(desk: Desk) -> None:
    folder = desk.out.parent / "submitted" / "Grace Hopper" / NAME
    found = intake(desk, folder, b"0123456789abcdef")
    moment = datetime(2027, 4, 29, 12, 0, 0, 123456, tzinfo=UTC)
    assert found.collected == [
        Collected("Grace Hopper", "Grace Hopper", NAME, "0123456789abcdef", moment, (NAME,))
    ]
    assert not [n for n in found.notices if "secret" in n]


def test_a_name_that_no_file_can_have_is_left_out(desk: Desk) -> None:
    """An archive may name files as no folder can: too long, twice, not to be printed."""
    text = to_json(desk.small.releases[NAME])
    inner = f"submitted/Grace Hopper/{NAME}"
    file = desk.out.parent / "class.zip"
    with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, about the name that is there twice
        for name in (NAME, NAME, "long" * 100, "bell\a", "right\u202eleft"):
            archive.writestr(f"{inner}/{name}.ipynb", text)
        archive.writestr(f"{inner}/submission_secret.txt", "0123456789abcdef")
        archive.writestr("submitted/Max/01_small/01_small.ipynb", text)
    (one,) = find(file, desk.small.course, handed_out(desk.small.course, [NAME])).collected
    assert one.notebooks == (NAME,)
    desk.grade(desk.small.result("Grace Hopper"), collected=(one,))
    assert desk.run(ReleaseFeedbackApp) == [name_in_exchange("0123456789abcdef", NAME)]


@pytest.mark.parametrize("inside", ["", "submitted"])
def test_the_settings_of_the_course_folder_hold_in_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    """However the folder is named; settings beside anything else are not taken."""
    (tmp_path / "course" / "submitted").mkdir(parents=True)
    (tmp_path / "course" / "nbgrader_config.py").write_text("")
    monkeypatch.chdir(tmp_path / "course" / inside)
    expected = (tmp_path / "course" / "nbgrader_config.py").resolve()
    assert settings_beside(Path()) == expected
    assert settings_beside(tmp_path / "course" / inside) == expected
    (tmp_path / "nbgrader_config.py").write_text("")
    assert settings_beside(tmp_path) is None
    assert settings_beside(tmp_path / "course" / "submitted" / "Grace Hopper") is None


def intake(desk: Desk, folder: Path, secret: bytes | None) -> Found:
    """Find what lies in a student's folder of nbgrader's layout."""
    course = desk.small.course
    folder.mkdir(parents=True)
    (folder / f"{NAME}.ipynb").write_text(to_json(desk.small.releases[NAME]), encoding="utf-8")
    (folder / "timestamp.txt").write_text("2027-04-29 12:00:00.123456 UTC")
    if secret is None:
        os.mkfifo(folder / "submission_secret.txt")
    else:
        (folder / "submission_secret.txt").write_bytes(secret)
    return find(folder.parents[1], course, handed_out(course, [NAME]))
