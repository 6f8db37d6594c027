"""The linear datamodelling score beside scipy's, one example and one subset at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap, spearmanr

from xaikit.influence.lds import lds

Case = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def drawn(m: int = 7, n: int = 40, s: int = 15) -> Case:
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(m, n, generator=generator)
    subsets = torch.rand(s, n, generator=generator) < 0.5
    noise = torch.randn(s, m, generator=generator)
    return scores, subsets, subsets.float() @ scores.T + 3 * noise


def test_it_is_scipys_correlation_of_the_sums() -> None:
    scores, subsets, outputs = drawn()
    scores[0] = (scores[0] > 0).float()  # sums of whole numbers: ties
    outputs[:, 1] = outputs[:, 1].round()
    found = lds(scores, subsets, outputs)
    for m in range(len(scores)):
        sums = [float(scores[m][row].double().sum()) for row in subsets]
        expected = spearmanr(sums, outputs[:, m].double().numpy()).statistic
        assert float(found.each[m]) == pytest.approx(expected, abs=1e-12)
    assert found.score == pytest.approx(float(found.each.mean()), abs=1e-12)
    assert 0.2 < found.score < 1, "a case in which something is left to be wrong"


def test_a_case_by_hand() -> None:
    subsets = [[1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 0, 0]]  # sums 5, 4, 3, 3: ranks 4, 3, 1.5, 1.5
    found = lds([[3.0, 2.0, 1.0]], subsets, [[0.9], [0.5], [-1.0], [0.0]])  # ranks 4, 3, 1, 2
    # Away from the mean rank 2.5: (1.5, 0.5, -1, -1) and (1.5, 0.5, -1.5, -0.5).
    assert found.score == pytest.approx(4.5 / math.sqrt(4.5 * 5))
    assert math.isnan(found.interval[0]) and math.isnan(found.interval[1])


def test_what_pushes_the_other_way_has_the_opposite_score() -> None:
    scores, subsets, outputs = drawn()
    assert lds(-scores, subsets, outputs).score == pytest.approx(
        -lds(scores, subsets, outputs).score
    )
    exact = subsets.double() @ scores.double().T
    assert lds(scores, subsets, exact).each.tolist() == pytest.approx([1] * len(scores))


def test_equal_sums_share_their_rank_whatever_the_order_of_adding() -> None:
    _, _, outputs = drawn(m=2, n=400, s=30)
    rng = np.random.default_rng(0)
    halves = torch.zeros(30, 400, dtype=torch.bool)
    for row in halves:
        row[rng.permutation(400)[:200]] = True
    scores = torch.full((2, 400), 0.1, dtype=torch.float64)
    assert lds(scores, halves, outputs).each.tolist() == [0, 0]
    assert lds(0 * scores, halves, outputs).each.tolist() == [0, 0]


def test_the_interval_is_scipys_percentile_bootstrap_over_test_examples() -> None:
    found = lds(*drawn(m=60), repeats=4000)
    expected = bootstrap(
        (found.each.numpy(),), np.mean, method="percentile", n_resamples=4000, rng=1
    ).confidence_interval
    assert found.interval == pytest.approx((expected.low, expected.high), abs=0.01)
    assert found.interval == lds(*drawn(m=60), repeats=4000).interval
    assert found.interval != lds(*drawn(m=60), repeats=4000, seed=1).interval
    low, high = found.interval
    assert str(found) == f"{found.score:.3f} ({low:.3f} to {high:.3f})"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_precision_and_arrays_and_lists_are_taken(dtype: torch.dtype) -> None:
    scores, subsets, outputs = drawn()
    scores = scores.to(dtype)
    expected = lds(scores.double(), subsets, outputs)
    assert lds(scores.requires_grad_(), subsets.int(), outputs.numpy()).score == expected.score
    assert lds(scores.tolist(), subsets.numpy(), outputs.tolist()).score == expected.score


def test_what_is_passed_stays_as_it_is() -> None:
    case = drawn()
    before = [each.clone() for each in case]
    lds(*case)
    assert all(torch.equal(a, b) for a, b in zip(case, before, strict=True))


def changed(part: int, value: Any, *place: Any) -> Case:
    case = list(drawn())
    case[part] = case[part].clone().to(torch.float32)
    case[part][place] = value
    return tuple(case)  # type: ignore[return-value]


def fewer(part: int, *sizes: int) -> Case:
    case = list(drawn())
    case[part] = case[part][tuple(slice(size) for size in sizes)]
    return tuple(case)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (changed(0, math.nan, 2, 5), r"scores hold nan or infinity .* first at \[2, 5\]"),
        (changed(2, math.inf, 1, 3), r"outputs hold nan or infinity .* first at \[1, 3\]"),
        (changed(2, 0.5, slice(None), 3), "same for all 15 subsets in column 3"),
        (changed(1, 7, 0, 0), "subsets have to be True where"),
        (changed(1, math.nan, 0, 0), "subsets have to be True where"),
        (fewer(1, 15, 39), "scores are of 40 training examples and subsets of 39"),
        (fewer(2, 14, 7), r"outputs have to be \(15, 7\).* shape is \(14, 7\)"),
        (fewer(2, 15, 6), r"outputs have to be \(15, 7\).* shape is \(15, 6\)"),
        (fewer(0, 0), r"scores have to be \(M, N\).* shape is \(0, 40\)"),
        ((drawn()[0][0], *drawn()[1:]), r"scores have to be \(M, N\).* shape is \(40,\)"),
        (drawn(s=2), "2 subsets are too few"),
        ((drawn()[0] + 0j, *drawn()[1:]), "scores have to be real numbers"),
        (("high", *drawn()[1:]), r"scores have to be numbers of shape \(M, N\)"),
        ((object(), *drawn()[1:]), r"scores have to be numbers .*pass .scores"),
    ],
)
def test_bad_input_is_one_sentence(case: Any, sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence) as caught:
        lds(*case)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [{"repeats": 0}, {"seed": -1}, {"repeats": 2.5}])
def test_bad_options_are_one_sentence(options: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        lds(*drawn(), **options)


def test_tables_of_numpy_in_any_layout_are_the_same_numbers() -> None:
    rng = np.random.default_rng(0)
    scores, subsets = rng.normal(size=(2, 6)), rng.random((5, 6)) < 0.5
    outputs = rng.normal(size=(5, 2))
    expected = lds(scores, subsets, outputs)
    backwards = scores[:, ::-1], subsets[:, ::-1], outputs
    assert torch.equal(lds(*backwards).each, expected.each)
    swapped = scores.astype(">f8"), subsets, outputs.astype(">f8")
    assert torch.equal(lds(*swapped).each, expected.each)
    with pytest.raises(TypeError, match="scores have to be a dense tensor"):
        lds(torch.tensor(scores).to_sparse(), subsets, outputs)
