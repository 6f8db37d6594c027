"""The instructor's commands, such as ``autograde grade``."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from autograde.errors import AutogradeError

# Everything of our own is imported where it is used: --help answers at once, and Ctrl-C gets its
# one sentence from the first second on.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a problem is one sentence on stderr and exit status 1."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except AutogradeError as error:
        for line in error.lines or (str(error),):
            print(f"autograde: {line}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"autograde: {error.filename or 'A file'}: {error.strerror}.", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "autograde", "xaikit"):
            raise
        print(
            f"autograde: The package {missing} is missing here; run make, or "
            'pip install ".[course]", in the folder of the course\'s repository.',
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        graded = options.command in ("grade", "demo")
        left = "what was graded is kept" if graded else "run the same command again to finish"
        print(f"autograde: stopped; {left}.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="autograde", description="Release and grade notebooks.")
    commands = parser.add_subparsers(
        title="commands", required=True, dest="command", metavar="COMMAND"
    )

    release = commands.add_parser("release", help="make notebooks/ from solutions/")
    release.add_argument("names", nargs="*", metavar="NAME", help="such as 01_theory; default: all")
    release.set_defaults(run=_release)

    new = commands.add_parser("new", help="start a notebook: one task, with checks and answers")
    new.add_argument("name", metavar="NAME", help="such as 09_concepts")
    new.set_defaults(run=_new)

    check = commands.add_parser("check", help="tell a notebook's author all that is wrong with it")
    check.add_argument("names", nargs="*", metavar="NAME", help="such as 01_theory; default: all")
    check.set_defaults(run=_check)

    publish = commands.add_parser(
        "publish", help="write the students' repository, and prove that nothing leaks"
    )
    publish.add_argument("out", type=Path, metavar="DIR", help="new, or an earlier publication")
    publish.set_defaults(run=_publish)

    course = commands.add_parser("course", help="say what course.toml means, and what is missing")
    course.set_defaults(run=_course)

    grade = commands.add_parser("grade", help="grade a folder or a zip file of submissions")
    grade.add_argument(
        "submissions", type=Path, help="holds STUDENT/NAME.ipynb, or is Moodle's or Canvas's zip"
    )
    grade.add_argument("--assignment", action="append", default=[], metavar="NAME")
    grade.add_argument("--jobs", type=_count, help="submissions at a time; default: one a core")
    grade.add_argument(
        "--scheduler", metavar="ADDRESS", help="grade on the workers of a dask.distributed cluster"
    )
    grade.set_defaults(run=_grade)

    rerun = commands.add_parser("rerun", help="for an appeal: grade one upload anew and compare")
    rerun.add_argument("student", metavar="STUDENT", help="a student or group, as in grades.csv")
    rerun.add_argument("submissions", type=Path, help="the folder or zip file that was graded")
    rerun.add_argument("--assignment", required=True, metavar="NAME")
    rerun.add_argument(
        "--show",
        default="",
        metavar="TASK",
        help="write its hidden inputs, what was expected and what came back: a page and a cell",
    )
    rerun.set_defaults(run=_rerun)

    for command in (grade, rerun):
        command.add_argument("--out", type=Path, default=Path("graded"), help="default: graded/")
        command.add_argument(
            "--isolation",
            choices=["bubblewrap", "none"],
            default="bubblewrap",
            help="none runs submissions unprotected: only for those that you trust",
        )

    export = commands.add_parser("export", help="marks for Moodle, Canvas or a spreadsheet")
    export.add_argument("out", type=Path, metavar="DIR", help="the folder that grade wrote")
    export.add_argument(
        "--format",
        required=True,
        metavar="PLATFORM",
        help="moodle or another platform that autograde/lms/ knows, or csv: one table",
    )
    export.add_argument("--assignment", metavar="NAME", help="only this one")
    export.add_argument(
        "--worksheet",
        type=Path,
        metavar="FILE",
        help="to be filled in: Moodle's grading worksheet, or Canvas's exported gradebook",
    )
    export.add_argument("--column", metavar="TITLE", help="what the assignment is called in Canvas")
    export.set_defaults(run=_export)

    restore = commands.add_parser(
        "restore", help="take back marks that persons typed over automatic ones"
    )
    restore.add_argument("student", nargs="?", default="", help="a student or group; default: all")
    restore.add_argument("--assignment", default="", metavar="NAME", help="only this one")
    restore.add_argument("--task", default="", metavar="TASK", help="only this one")
    restore.add_argument("--out", type=Path, default=Path("graded"), help="default: graded/")
    restore.set_defaults(run=_restore)

    delete = commands.add_parser("delete", help="remove one student's data from the results")
    delete.add_argument("student", metavar="STUDENT", help="a student or group, as in grades.csv")
    delete.add_argument("--out", type=Path, default=Path("graded"), help="default: graded/")
    delete.set_defaults(run=_delete)

    demo = commands.add_parser("demo", help="release, then grade a bundled class")
    demo.add_argument("--jobs", type=_count, help="submissions at a time; default: one a core")
    demo.add_argument("--out", type=Path, default=Path("demo"), help="default: demo/")
    demo.set_defaults(run=_demo)
    return parser


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("a number of submissions at a time, at least 1")
    return int(text)


def _release(options: argparse.Namespace) -> None:
    from autograde.model.course_file import read_course
    from autograde.notebooks.release import release

    course = read_course()
    print(f"Releasing {course.folder / 'solutions'}")
    written = release(options.names, course)
    several = "notebook is" if len(written) == 1 else "notebooks are"
    print(f"{len(written)} {several} in {course.folder / 'notebooks'}")


def _new(options: argparse.Namespace) -> None:
    from autograde.commands.new import new
    from autograde.model.course_file import read_course

    new(options.name, read_course(), _say)


def _check(options: argparse.Namespace) -> int:
    from autograde.commands.check import check
    from autograde.model.course_file import read_course

    return 0 if check(options.names, read_course(), _say) else 1


def _publish(options: argparse.Namespace) -> None:
    from autograde.commands.publish import publish, tagged
    from autograde.model.course_file import read_course

    course = read_course()
    publish(options.out, course, _say)
    where = options.out.resolve()
    # All or nothing: else a tag would be there whose commit was refused.
    push = f"git push --atomic https://github.com/{course.repository} HEAD {course.tag}"
    if tagged(where, course):
        print(f"{where} has the tag {course.tag} with these files already. If it is not pushed:")
        print(f"  cd {where} && {push}")
        return
    print(f"The students' repository is in {where}. Badges open it once its tag is pushed:")
    # Without a repository of its own, git would take one above it, with the history of that.
    begin = "" if (where / ".git").exists() else "git init && "
    print(f"  cd {where} && {begin}git add --all && git commit --message {course.tag}")
    print(f"  git tag {course.tag}")
    print(f"  {push}")


def _course(options: argparse.Namespace) -> int:
    from autograde.commands.course import describe
    from autograde.model.course_file import read_course

    return 0 if describe(read_course(), _say) else 1


def _grade(options: argparse.Namespace) -> None:
    from autograde.commands.grade import grade
    from autograde.model.course_file import read_course
    from autograde.reports.tables import marks_table

    course = read_course()
    results = grade(
        options.submissions,
        course,
        options.out,
        options.assignment,
        options.jobs,
        options.isolation,
        _say,
        options.scheduler,
    )
    print(f"\n{marks_table(results, course)}\n")
    print(f"Marks, feedback and gradebook: {options.out.resolve()}")
    print(f"Report: {(options.out / 'report.html').resolve()}")


def _rerun(options: argparse.Namespace) -> int:
    from autograde.commands.rerun import rerun
    from autograde.model.course_file import read_course

    same = rerun(
        options.student,
        options.assignment,
        options.submissions,
        read_course(),
        options.out,
        options.isolation,
        _say,
        options.show,
    )
    return 0 if same else 1


def _export(options: argparse.Namespace) -> None:
    from autograde.commands.export import export
    from autograde.model.course_file import read_course

    written = export(
        options.out,
        read_course(),
        options.format,
        options.assignment,
        options.worksheet,
        options.column,
        _say,
    )
    for path in written:
        print(f"Written: {path}")


def _restore(options: argparse.Namespace) -> None:
    from autograde.commands.restore import restore
    from autograde.model.course_file import read_course

    where = options.student, options.assignment, options.task
    restore(read_course(), options.out, *where, _say)


def _delete(options: argparse.Namespace) -> None:
    from autograde.commands.delete import delete
    from autograde.model.course_file import read_course

    delete(options.student, read_course(), options.out, _say)


def _demo(options: argparse.Namespace) -> None:
    from autograde.commands.demo import demo
    from autograde.model.course_file import read_course
    from autograde.reports.tables import marks_table

    course = read_course()
    results, left_out = demo(course, options.out, options.jobs, _say)
    report = (options.out / "report.html").resolve()
    print(f"\n{marks_table(results, course)}\n")
    for who in left_out:
        print(f"Not run, because it is hostile and there is no sandbox: {who}")
    print(f"Report, with everybody's feedback behind a link: {report}")
    if sys.stdout.isatty() and (os.environ.get("DISPLAY") or sys.platform == "darwin"):
        webbrowser.open(report.as_uri())


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
