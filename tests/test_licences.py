"""README's table of licences has a row for every file that is no text."""

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


def test_every_file_that_is_no_text_has_a_licence():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## Licences")[2]
    folders = re.findall(r"^\| `(.*/)` \|.*\| MIT\b.*\|$", table, re.MULTILINE)
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")[:-1]
    files = [name for name in tracked if (ROOT / name).is_file() and no_text(ROOT / name)]
    assert len(files) > 10
    assert [name for name in files if not name.startswith(tuple(folders))] == []
    assert all(any(name.startswith(folder) for name in files) for folder in folders)
    notice = (ROOT / folders[0] / "LICENSE").read_text(encoding="utf-8")
    assert "MIT License" in notice and "Zalando" in notice
