"""How alibi is run: by a Python of its own, in a process that asks this one for predictions.

alibi 0.9.6 needs numpy below 2 and a TensorFlow that ends with Python 3.11, so it has an
environment of its own, which ``make alibi`` builds.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xaikit.counterfactuals import alibi_process
from xaikit.counterfactuals.alibi_process import ASK, DONE, STEP, Array, receive, send
from xaikit.progress import Bar

_BUILT = Path(__file__).parents[2] / ".venv-alibi"


def interpreter() -> Path:
    """Return the Python that runs alibi, if it is there.

    Returns
    -------
    pathlib.Path
        What the variable ``XAIKIT_ALIBI`` names, else that of the environment which ``make alibi``
        builds beside the package.
    """
    own = _BUILT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return Path(os.environ.get("XAIKIT_ALIBI") or own)


def missing() -> str | None:
    """Say why alibi cannot run here and what helps, or None.

    Examples
    --------
    >>> missing() or "alibi runs here"
    '...'
    """
    if (python := interpreter()).is_file():
        return None
    if os.environ.get("XAIKIT_ALIBI"):
        return f"XAIKIT_ALIBI has to name the Python of an environment with alibi, not {python}"
    return (
        "it has no environment here: `make alibi` builds one (from Python 3.11), or let "
        "XAIKIT_ALIBI name the Python of an environment with alibi and tensorflow-cpu below 2.15"
    )


def run(
    method: str,
    predict: Callable[[Tensor], Tensor],
    inputs: Tensor,
    targets: Tensor,
    options: Mapping[str, Any],
    seed: int,
    files: Mapping[str, Array],
    weights: Mapping[str, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return alibi's counterfactuals (N, T, *shape) and where it found one (N, T).

    Parameters
    ----------
    method
        ``"wachter"``, ``"prototype"`` or ``"rl"``.
    predict
        From inputs (n, *shape) to probabilities (n, classes), on the CPU.
    inputs, targets
        (N, *shape) in [0, 1] and (N, T).
    options
        alibi's, complete.
    seed
        Of alibi's random numbers.
    files
        Further arrays that the method needs, by file name without ``.npy``.
    weights
        Of the generator whose autoencoder ``"rl"`` is to use.
    """
    with tempfile.TemporaryDirectory(prefix="xaikit-alibi-") as name:
        folder = Path(name)
        everything = {"inputs": inputs.cpu().float().numpy(), "targets": targets.cpu().numpy()}
        for file, array in {**everything, **files}.items():
            np.save(folder / f"{file}.npy", array)
        task = {"method": method, "options": dict(options), "seed": seed}
        (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
        if weights is not None:
            own = {key: value.cpu().float().numpy() for key, value in weights.items()}
            np.savez(folder / "generator.npz", allow_pickle=False, **own)
        _converse(folder, predict, targets.numel())
        made, found = (
            torch.from_numpy(np.load(folder / f"{file}.npy"))
            for file in ("counterfactuals", "found")
        )
        return made.to(inputs), found.to(inputs.device)


def _converse(folder: Path, predict: Callable[[Tensor], Tensor], pairs: int) -> None:
    """Start alibi's process and answer what it asks, until it is done."""
    # One thread: the model's evaluation here is what takes the time, and has the cores.
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "TQDM_DISABLE": "1"}
    threads = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    log = folder / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            # Isolated: what this environment has on its path is none of that one's.
            [str(interpreter()), "-I", alibi_process.__file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, **quiet, **threads},
        ) as process,
        Bar(desc="alibi", total=pairs, unit="counterfactuals") as bar,
    ):
        assert process.stdin is not None and process.stdout is not None
        try:
            while (said := process.stdout.read(1)) != DONE:
                if said == ASK:
                    rows = torch.from_numpy(receive(process.stdout))
                    send(process.stdin, predict(rows).numpy())
                elif said == STEP:
                    bar.update()
                else:
                    raise EOFError
        except (EOFError, BrokenPipeError):
            process.kill()
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            last = lines[-1].rstrip(".") if lines else "it left no message"
            raise RuntimeError(f"alibi's process ended early: {last}.") from None
        finally:
            process.kill()
            # What a dead process has not read is still in the pipe's buffer: closing it, as Popen
            # would, writes it once more, and that failure would take the place of the reason.
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
