"""Where is the data? The folders to look into, and the download into the cache."""

from __future__ import annotations

import functools
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xaikit.progress import Bar

_TIMEOUT_SECONDS = 5.0


def cache_folder() -> Path:
    """Return where downloads are kept: the platform's cache folder, then ``xaikit``."""
    if sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        home = Path.home() / "Library" / "Caches"
    else:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "xaikit"


def folders(root: str | Path | None) -> list[Path]:
    """Return the folders to look into: the given one alone, else XAIKIT_DATA's and the cache.

    Raises
    ------
    FileNotFoundError
        If the folder given, or the one that XAIKIT_DATA names, does not exist.
    """
    if root is not None:
        return [_existing(Path(root).expanduser(), "The folder given for the data")]
    found = [cache_folder()]
    if variable := os.environ.get("XAIKIT_DATA"):
        found.insert(0, _existing(Path(variable).expanduser(), "XAIKIT_DATA"))
    return found


def _existing(folder: Path, who: str) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(f"{who} is {folder}, which is no folder: correct the path.")
    return folder


@functools.cache
def download(data_set: str) -> str | None:
    """Fetch a data set into the cache; return None, or in a few words why that failed.

    torchvision downloads and compares checksums. What it wrote moves to its place
    when all of it is there, so that an interrupted download leaves nothing behind. Tried once per
    process: without a network, a user waits once. Not tried at all where the environment says
    ``XAIKIT_OFFLINE``: the grader sets it, so that everybody sees the same data.

    Parameters
    ----------
    data_set
        What torchvision calls it, such as ``"FashionMNIST"``.
    """
    if os.environ.get("XAIKIT_OFFLINE"):
        return "XAIKIT_OFFLINE is set"
    from torchvision import datasets  # Slow to import, and needed here only.

    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary, _short_timeout(), _our_bar():
            getattr(datasets, data_set)(temporary, download=True)
            fetched, target = (Path(folder, data_set, "raw") for folder in (temporary, cache))
            for archive in fetched.glob("*.gz"):
                archive.unlink()  # torchvision has unpacked it
            target.parent.mkdir(exist_ok=True)
            try:
                fetched.replace(target)  # at once, so that nobody finds a part of it
            except OSError:
                if not any(target.glob("*")):  # else another notebook was faster
                    raise
    except (OSError, RuntimeError) as error:
        return (str(error).strip() or type(error).__name__).splitlines()[-1].strip("<>")
    return None


@contextmanager
def _short_timeout() -> Iterator[None]:
    """Let no connection wait for longer than a few seconds: torchvision itself sets no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextmanager
def _our_bar() -> Iterator[None]:
    """Let torchvision's downloads show the bar that everything else shows."""
    from torchvision.datasets import utils

    theirs = utils.tqdm
    utils.tqdm = lambda total=None, **_: Bar(desc="downloading", total=total, unit="bytes")
    try:
        yield
    finally:
        utils.tqdm = theirs
