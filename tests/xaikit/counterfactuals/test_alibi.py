"""alibi's own methods on a PyTorch model: what it finds is judged by the model, and stays apart."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from xaikit import counterfactual
from xaikit.counterfactuals import Generator, alibi_backend, alibi_process, alibi_task
from xaikit.counterfactuals.alibi_backend import OPTIONS
from xaikit.counterfactuals.alibi_task import interpreter, missing, run

needs_alibi = pytest.mark.skipif(missing() is not None, reason=f"alibi: {missing()}")

QUICK: dict[str, dict[str, Any]] = {
    "wachter": {"max_iter": 100, "max_lam_steps": 2},
    "prototype": {"max_iterations": 100},
    "rl": {"train_steps": 300, "batch_size": 32, "coeff_sparsity": 0.5, "act_noise": 0.3},
}


class Quarters(nn.Module):
    """Class k is the quarter of a 6 × 6 image that is brightest on average."""

    def forward(self, x: Tensor) -> Tensor:
        return 30 * nn.functional.avg_pool2d(x, 3).flatten(1)


def probabilities(x: Tensor) -> Tensor:
    with torch.no_grad():
        return Quarters()(x).softmax(1)


@pytest.fixture(scope="module")
def task() -> dict[str, Any]:
    random = torch.Generator().manual_seed(0)
    inputs = torch.rand(2, 1, 6, 6, generator=random)
    now = probabilities(inputs).argmax(1)
    return {
        "predict": probabilities,
        "inputs": inputs,
        "targets": torch.stack([(now + 1) % 4, (now + 3) % 4], dim=1),
        "seed": 0,
        "files": {"examples": torch.rand(100, 1, 6, 6, generator=random).numpy()},
    }


@needs_alibi
def test_what_wachters_search_finds_the_model_confirms_and_tensorflow_stays_away(
    task: dict[str, Any], capfd: pytest.CaptureFixture[str]
):
    before = (dict(os.environ), list(warnings.filters), torch.random.get_rng_state())
    threads, torch_threads = threading.active_count(), torch.get_num_threads()
    made, found = run("wachter", options=OPTIONS["wachter"] | QUICK["wachter"], **task)
    assert made.shape == (2, 2, 1, 6, 6) and found.shape == (2, 2) and found.dtype == torch.bool
    assert found.float().mean() >= 0.5
    assert made.min() >= 0 and made.max() <= 1
    # Within alibi's own tolerance of its target probability.
    reached = probabilities(made.flatten(0, 1)).view(2, 2, 4).gather(2, task["targets"][..., None])
    assert (reached[found] >= 1 - 0.05 - 1e-5).all()
    inputs = task["inputs"].unsqueeze(1).expand_as(made)
    assert torch.equal(made[~found], inputs[~found]) and not torch.equal(made, inputs)

    assert "tensorflow" not in sys.modules and "alibi" not in sys.modules
    assert dict(os.environ) == before[0] and list(warnings.filters) == before[1]
    assert torch.equal(torch.random.get_rng_state(), before[2])
    assert torch.get_num_threads() == torch_threads
    assert threading.active_count() <= threads + 1  # tqdm's own monitor
    printed = capfd.readouterr()
    assert printed.out == "" and "tensorflow" not in printed.err.lower()


@pytest.mark.slow
@needs_alibi
def test_alibi_trains_an_actor_on_our_autoencoder(task: dict[str, Any]):
    from xaikit.counterfactuals.rl_training import train_generator

    images = torch.from_numpy(task["files"]["examples"])
    generator = train_generator(Quarters(), images, epochs=60, steps=1)
    options = OPTIONS["rl"] | QUICK["rl"]
    made, found = run("rl", options=options, weights=generator.state_dict(), **task)
    assert made.shape == (2, 2, 1, 6, 6) and found.all()
    assert made.min() >= 0 and made.max() <= 1
    # Decoded by our decoder: its codes explain the images entirely.
    again = generator.decoder(generator.encoder(made.flatten(0, 1))).detach()
    assert (again - made.flatten(0, 1)).abs().mean() < 0.1


@pytest.mark.slow
@needs_alibi
def test_an_error_in_the_model_ends_alibi_too(task: dict[str, Any], monkeypatch: Any):
    started = []
    popen = subprocess.Popen

    def watch(*arguments: Any, **options: Any) -> Any:
        started.append(popen(*arguments, **options))
        return started[-1]

    def broken(_: Tensor) -> Tensor:
        raise ZeroDivisionError("the model's own error")

    monkeypatch.setattr(alibi_task.subprocess, "Popen", watch)
    with pytest.raises(ZeroDivisionError, match="own error"):
        run("wachter", options=OPTIONS["wachter"], **task | {"predict": broken})
    assert len(started) == 1 and started[0].poll() is not None


@pytest.mark.slow
@needs_alibi
def test_an_error_of_alibis_is_one_sentence(task: dict[str, Any]):
    with pytest.raises(RuntimeError, match=r"ended early: TypeError.*nonsense") as caught:
        run("wachter", options={"nonsense": 1}, **task)
    assert "\n" not in str(caught.value)


def test_a_process_that_dies_while_it_is_answered_leaves_its_last_words(
    task: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    # In alibi's place: it asks for a prediction, and dies before it has the answer.
    dying = (
        "import io, sys, numpy as np; rows = io.BytesIO(); np.save(rows, np.zeros((1, 1, 6, 6)));"
        "asked = rows.getvalue();"
        "sys.stdout.buffer.write(b'?' + len(asked).to_bytes(8, 'big') + asked);"
        "sys.exit('MemoryError: no room')"
    )
    popen, started = subprocess.Popen, []

    def die(_: list[str], **options: Any) -> Any:
        started.append(popen([sys.executable, "-c", dying], **options))
        return started[-1]

    def late(rows: Tensor) -> Tensor:
        started[0].wait(60)
        return probabilities(rows.float())

    monkeypatch.setattr(alibi_task.subprocess, "Popen", die)
    with pytest.raises(RuntimeError, match="alibi's process ended early: MemoryError: no room"):
        run("wachter", options={}, **task | {"predict": late})


def test_where_alibi_is_missing_one_sentence_says_what_builds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("XAIKIT_ALIBI", raising=False)
    monkeypatch.setattr(alibi_task, "_BUILT", tmp_path / ".venv-alibi")
    model, x = Quarters(), torch.rand(1, 1, 6, 6)
    words = r"`make alibi` builds.*3\.11.*counterfactual\(model, inputs, targets, \"prototype\"\)"
    with pytest.raises(ImportError, match=words) as caught:
        counterfactual(model, x, 0, "prototype", backend="alibi")
    assert "\n" not in str(caught.value)
    monkeypatch.setenv("XAIKIT_ALIBI", str(tmp_path / "nowhere"))
    with pytest.raises(ImportError, match=r"XAIKIT_ALIBI.*not .*nowhere"):
        counterfactual(model, x, 0, "prototype", backend="alibi")


def test_alibis_python_is_the_named_one_else_the_one_that_make_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("XAIKIT_ALIBI", raising=False)
    makefile = Path(__file__).parents[3] / "Makefile"
    (folder,) = re.findall(r"^ALIBI := (.*)$", makefile.read_text(encoding="utf-8"), re.MULTILINE)
    assert makefile.parent / folder in interpreter().parents
    (tmp_path / "python").touch()
    monkeypatch.setenv("XAIKIT_ALIBI", str(tmp_path / "python"))
    assert interpreter() == tmp_path / "python" and missing() is None


def test_alibis_process_needs_nothing_of_this_environment():
    # Its file alone, by a Python that has numpy: it imports neither xaikit nor PyTorch.
    program = "import runpy, sys; runpy.run_path(sys.argv[1]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program, alibi_process.__file__],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"xaikit", "torch", "alibi", "tensorflow"} & {*done.stdout.split()}


@pytest.mark.slow
@needs_alibi
def test_the_autoencoder_is_ours(tmp_path: Path):
    generator = Generator((1, 6, 6), 4)
    images = torch.rand(5, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        codes = generator.encoder(images)
        expected = codes.numpy(), generator.decoder(codes).numpy()
    weights = {name: value.numpy() for name, value in generator.state_dict().items()}
    np.savez(tmp_path / "generator.npz", **weights)
    np.save(tmp_path / "images.npy", images.numpy())
    program = f"""
import sys; sys.path.insert(0, {str(Path(alibi_process.__file__).parent)!r})
import numpy as np
from alibi_process import autoencoder
encoder, decoder = autoencoder(dict(np.load("generator.npz")), (1, 6, 6))
codes = encoder(np.load("images.npy"))
np.savez("theirs.npz", codes=codes, drawn=decoder(codes))
"""
    subprocess.run([interpreter(), "-c", program], cwd=tmp_path, check=True)
    theirs = np.load(tmp_path / "theirs.npz")
    np.testing.assert_allclose(theirs["codes"], expected[0], atol=1e-6)
    np.testing.assert_allclose(theirs["drawn"], expected[1], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "wachter", "steps": 3}, "alibi's wachter takes no option 'steps'"),
        ({"method": "prototype"}, "no card that names its training data"),
        ({"method": "prototype", "examples": torch.zeros(9, 36)}, r"\(B, 1, 6, 6\), but"),
        ({"method": "prototype", "examples": torch.full((9, 1, 6, 6), 7.0)}, r"lie in \[0, 1\]"),
        ({"method": "prototype", "examples": torch.zeros(9, 1, 6, 6)}, "none of class 1"),
        ({"method": "rl", "examples": torch.rand(99, 1, 6, 6)}, r"train_generator\(model"),
    ],
)
def test_bad_arguments(changes: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(alibi_backend, "missing", lambda: None)  # said before alibi is needed
    with pytest.raises((ValueError, TypeError), match=words):
        counterfactual(Quarters(), torch.rand(1, 1, 6, 6), 0, backend="alibi", **changes)


@pytest.mark.slow
@needs_alibi
def test_prototypes_the_whole_way_through_the_interface():
    random = torch.Generator().manual_seed(2)
    model = Quarters()
    x = torch.rand(2, 1, 6, 6, generator=random)
    targets = (model(x).argmax(1) + 1) % 4
    examples = torch.rand(60, 1, 6, 6, generator=random)
    options = {"examples": examples, **QUICK["prototype"]}
    found = counterfactual(model, x, targets, "prototype", backend="alibi", **options)
    assert found.found.all() and torch.equal(found.predicted[:, 0], targets)
    torch.testing.assert_close(
        found.distance_l1[:, 0], (found.counterfactuals[:, 0] - x).abs().sum((1, 2, 3))
    )
