"""nbgrader's exchange as a JupyterHub has it: one folder for all, a home for each person."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from graded_class import NAME

BIN = Path(sys.executable).parent
COURSE_ID = "explain101"
CONFIG = """c = get_config()
c.CourseDirectory.course_id = "{course_id}"
c.Exchange.root = "{exchange}"
"""


@dataclass
class Hub:
    """Homes, the exchange and the instructor's course folder, below one folder."""

    folder: Path

    def __post_init__(self) -> None:
        self.exchange.mkdir(parents=True)
        self.exchange.chmod(0o777)
        self.course.mkdir(parents=True)
        text = CONFIG.format(course_id=COURSE_ID, exchange=self.exchange)
        # A student's settings are the hub's, the instructor's lie in the course folder.
        (self.course / "nbgrader_config.py").write_text(text)
        (self.folder / "hub").mkdir()
        (self.folder / "hub" / "nbgrader_config.py").write_text(text)

    @property
    def exchange(self) -> Path:
        """Where all exchange."""
        return self.folder / "exchange"

    @property
    def course(self) -> Path:
        """The instructor's course folder, as nbgrader means it."""
        return self.folder / "homes" / "instructor" / "course"

    @property
    def results(self) -> Path:
        """Where the instructor grades."""
        return self.folder / "homes" / "instructor" / "graded"

    def home(self, who: str) -> Path:
        """Return a person's home, made when it is first asked for."""
        home = self.folder / "homes" / who
        home.mkdir(parents=True, exist_ok=True)
        return home

    def instructor(self, *command: str, cwd: Path, code: int = 0) -> str:
        """Run a command of nbgrader as the instructor and return what it says."""
        return self._run("instructor", command, cwd, code, {})

    def student(self, who: str, *command: str, code: int = 0) -> str:
        """Run a command of nbgrader in a student's home and return what it says."""
        settings = {"JUPYTER_CONFIG_PATH": str(self.folder / "hub")}
        return self._run(who, (*command, f"--student={who}"), self.home(who), code, settings)

    def fetched(self, who: str) -> list[str]:
        """Return the pages that a student has fetched, the oldest submission's first."""
        pages = sorted((self.home(who) / NAME / "feedback").glob("*/*.html"))
        return [page.read_text(encoding="utf-8") for page in pages]

    def _run(
        self, who: str, command: tuple[str, ...], cwd: Path, code: int, more: dict[str, str]
    ) -> str:
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"  # nbgrader starts alembic by its name
        kept = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
        ran = subprocess.run(
            [str(BIN / "nbgrader"), *command],
            cwd=cwd,
            env={**kept, "HOME": str(self.home(who)), "PATH": path, **more},
            text=True,
            capture_output=True,
            timeout=120,
            check=False,
        )
        said = ran.stdout + ran.stderr
        assert ran.returncode == code, said
        assert "Traceback" not in said, said
        return said
