"""The repository's files: what is no text has a licence in README, and no module is long."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def no_text(file: Path) -> bool:
    try:
        return "\0" in file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return True


def tracked(*patterns: str) -> list[str]:
    command = ["git", "ls-files", "-z", *patterns]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0")[:-1] if (ROOT / name).is_file()]


def test_no_module_is_longer_than_four_hundred_lines():
    lines = {
        name: (ROOT / name).read_text(encoding="utf-8").count("\n") for name in tracked("*.py")
    }
    assert len(lines) > 500
    assert {name: count for name, count in lines.items() if count > 400} == {}


def test_every_file_that_is_no_text_has_a_licence():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## Licences")[2]
    folders = re.findall(r"^\| `(.*/)` \|.*\| MIT\b.*\|$", table, re.MULTILINE)
    files = [name for name in tracked() if no_text(ROOT / name)]
    assert len(files) > 10
    assert [name for name in files if not name.startswith(tuple(folders))] == []
    assert all(any(name.startswith(folder) for name in files) for folder in folders)
    notice = (ROOT / folders[0] / "LICENSE").read_text(encoding="utf-8")
    assert "MIT License" in notice and "Zalando" in notice
