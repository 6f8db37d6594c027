# Given: in Colab this installs the course's package, and what else Colab lacks.
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from pathlib import Path


def make_ready(source: str) -> None:
    """Install the package in Colab if it is not there, or there from another tag."""
    versions = importlib.metadata.distributions
    origin = "".join(each.read_text("direct_url.json") or "" for each in versions(name="xaikit"))
    another = "requested_revision" in origin and f'"{source.split("@")[1]}"' not in origin
    if "google.colab" in sys.modules and (another or importlib.util.find_spec("xaikit") is None):
        install(source, another)
    needed = " ".join(line for each in versions(name="xaikit") for line in each.requires or ())
    for file in Path().glob("*.py"):
        if file.stem in ("xaikit", *re.findall(r"[\w-]+", needed)):
            raise SystemExit(
                f"Python takes your file {file}, beside this notebook, for the library "
                f"{file.stem}: rename the file, restart the kernel, and run this cell again."
            )


def install(source: str, another: bool) -> None:
    """Install the package, in place of another one, and change nothing else."""
    print("Installing the course's package: about a minute …")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    if another:
        subprocess.run([*pip, "uninstall", "--yes", "xaikit"], capture_output=True)
    # What Colab has keeps its version, so that nothing has to be restarted: pip only adds to it.
    there = subprocess.run([*pip, "list", "--format=freeze"], capture_output=True, text=True)
    add = [*pip, "install", "--constraint", "/dev/stdin", source]
    done = subprocess.run(add, input=there.stdout, capture_output=True, text=True)
    importlib.invalidate_caches()
    if done.returncode != 0:
        said = (done.stdout + done.stderr).replace("The user requested (constraint)", "Colab has")
        clash = said.partition("The conflict is caused by:\n")[2].partition("\n\n")[0]
        fatal = [line for line in said.split("\n") if "fatal: " in line or "ERROR: " in line]
        why = " and ".join(line.strip() for line in (clash.split("\n") if clash else fatal[:1]))
        raise SystemExit(
            f"The course's package cannot be installed here: {why}. Run this cell again; if that "
            "does not help, choose another version in Runtime → Change runtime type, or ask your "
            "teachers."
        )
    if "xaikit" in sys.modules:
        raise SystemExit(
            "The course's package is now the one of this notebook: choose Runtime → Restart "
            "session, and run this cell again."
        )


make_ready("{{ course.source }}")
