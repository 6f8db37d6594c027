"""The students' repository beside us, in GitHub's place: published, tagged, and moved on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from autograde.commands.publish import publish
from autograde.model.course import Course


def published(course: Course, github: Path) -> Path:
    """Publish the course, commit and tag it, and commit a branch after it that cannot be used."""
    repository = github / course.repository
    publish(repository, course, lambda line: None)
    _git(repository, "init", "--quiet")
    _git(repository, "add", "--all")
    _git(repository, "commit", "--quiet", "--message", course.tag)
    _git(repository, "tag", course.tag)
    after = repository / "xaikit" / "__init__.py"
    after.write_text('raise ImportError("This is the branch, which moved on, and not the tag.")\n')
    _git(repository, "commit", "--quiet", "--all", "--message", "Work after the tag")
    return repository


def in_place_of_github(github: Path) -> Mapping[str, str]:
    """Return the variables by which git fetches from the folder what is asked of GitHub."""
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{github.resolve().as_uri()}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "GIT_ALLOW_PROTOCOL": "file",
    }


def _git(repository: Path, *arguments: str) -> None:
    who = {f"GIT_{role}_NAME": "A Teacher" for role in ("AUTHOR", "COMMITTER")}
    who |= {f"GIT_{role}_EMAIL": "teacher@example.org" for role in ("AUTHOR", "COMMITTER")}
    git = ["git", "-C", str(repository), "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"]
    subprocess.run([*git, *arguments], check=True, env={**os.environ, **who})
