# Given: in Colab this installs the course's package and what it lacks. Elsewhere it does nothing.
import importlib.util
import subprocess
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xaikit") is None:
    print("Installing the course's package: about a minute …")
    source = "{{ course.source }}"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
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
