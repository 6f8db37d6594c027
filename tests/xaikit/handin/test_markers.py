"""Markers as people type them, and cell magics above them."""

from __future__ import annotations

import pytest

from xaikit.handin.markers import Typed, markers, runnable, squeezed, top_markers

TYPED = Typed(["total", "mean-square", "why", "twice_it", "twice-it"])


@pytest.mark.parametrize(
    ("line", "task"),
    [
        ("#answer:total", "total"),
        ("# Answer: Total.", "total"),
        ("  ##  ANSWER : total", "total"),
        ("#\xa0answer:\xa0total\xa0", "total"),
        ("\u200b# answer: total", "total"),
        ("# answer: total (my second try)", "total"),
        ("# answer: total - second try", "total"),
        ("# answer: total: done", "total"),
        ("# answer total", "total"),
        ("# answer\uff1a total", "total"),
        ("# answer: 'total'", "total"),
        ("# answer: mean_square", "mean-square"),
        ("# answer: mean\u2013square!", "mean-square"),
        ("# answers: total", ""),
        ("# the answer: total", ""),
        ("# answer: the total", ""),
        ("# answer: total-amount", ""),
        ("# answer: Twice-It", ""),  # which of the two?
        ("print('# answer: total!')", ""),
    ],
)
def test_a_marker_is_known_however_it_is_typed(line: str, task: str) -> None:
    read = TYPED.as_released(f"{line}\nx = 1", "code")
    assert read.endswith("\nx = 1")
    assert markers(read) & {"total", "mean-square"} == ({task} if task else frozenset())
    assert task == "" or squeezed(read) == "x=1"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("<!--answer:why-->\nSo.", "So."),
        ("<!-- Answer: Why -->\nSo.", "So."),
        ("<!-- answer: why --> So.", "So."),
        ("<!-- answer: why, second try -->\nSo.", ", second try\nSo."),
        ("<!-- answer: why\u00a0\u2014>\nSo.", "So."),
        ("&lt;!-- answer: why --&gt;\nSo.", "So."),
        ("### Mine\n<!-- answer: why. -->\nSo.", "### Mine\nSo."),
    ],
)
def test_a_text_loses_nothing_but_its_marker(typed: str, read: str) -> None:
    source = TYPED.as_released(typed, "markdown")
    assert markers(source) == {"why"}
    kept = [line for line in source.split("\n") if not markers(line)]
    assert "\n".join(kept) == read


def test_only_at_the_top_a_line_is_read_leniently() -> None:
    for source in (
        "x = 1\n# answer: total (see above)",
        'note = """\n# Answer: total\n"""',
        "Text.\n<!-- answer: why (see above) -->",
    ):
        assert TYPED.as_released(source, "code") == source
        assert markers(source) == frozenset()
    assert markers('note = """\n# answer: total\n"""') == {"total"}
    assert top_markers('note = """\n# answer: total\n"""') == frozenset()
    assert top_markers("\n%%time\n# note\n# answer: total\nx = 1") == {"total"}


@pytest.mark.parametrize(
    ("source", "run"),
    [
        ("%%time\n# answer: total\nx = 1", "# %%time\n# answer: total\nx = 1"),
        ("# answer: total\n\n  %%capture out\n%%time\nx = 1",
         "# answer: total\n\n# %%capture out\n# %%time\nx = 1"),
        ("# answer: total\n%%bash\nls", "%%bash\nls"),
        ("%%WriteFile a.py\nx = 1", "%%WriteFile a.py\nx = 1"),
        ("x = 1\n%%time", "x = 1\n%%time"),
        ("x = '%%time'", "x = '%%time'"),
    ],
)  # fmt: skip
def test_magics_that_only_measure_do_not_keep_code_from_running(source: str, run: str) -> None:
    assert runnable(source) == run


def test_a_magic_alone_is_no_answer() -> None:
    assert squeezed("%%time\n# answer: total\ntotal = None") == squeezed("total = None")
