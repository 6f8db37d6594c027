"""Notebook 01: its answers of each kind, and its hidden checks against libraries and a pencil.

Answers computed by captum, scikit-learn, SciPy, SymPy or by hand go through the hidden checks
themselves: a check that disagrees with them is wrong.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import captum.attr
import numpy as np
import pytest
import scipy.optimize
import scipy.spatial.distance
import scipy.special
import sympy
import torch
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule
from kinds import test_an_answer_of_another_type_is_wrong_not_an_error  # noqa: F401 - a test
from sklearn.linear_model import LinearRegression, LogisticRegression
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from autograde.inside.networks import Network
from autograde.inside.read import plain
from autograde.inside.wire import decode_arguments, encode_arguments
from autograde.model.course_file import read_course
from autograde.notebooks.answers import load_answers
from autograde.notebooks.cells import answers, grading
from autograde.notebooks.release import released, solutions
from autograde.notebooks.source import Source, find_source
from autograde.tasks import Call, Called, Value, Wrong
from xaikit import quiz
from xaikit.checks import CheckFailed

ROOT = Path(__file__).parents[2]
NAME = "01_theory"
QUIZZES = ("quiz", "quiz-more")
AUTOMATIC = (
    "taxonomy",
    "quiz",
    "finite-differences",
    "input-gradient",
    "multiply-adds",
    "repair-guided",
    "repair-cosine",
    "ig-by-pencil",
    "integrated-gradients",
    "shapley-by-pencil",
    "repair-weight",
    "shapley",
    "coalition-worths",
    "lrp-epsilon",
    "lrp-z-plus",
    "lrp-first-layer",
    "relu-pair",
    "gradient-times-input",
    "least-squares",
    "lime-logistic",
    "linear-counterfactual",
    "repair-cross-entropy",
    "distillation",
    "knockoff-statistic",
    "knockoff-selection",
    "quiz-more",
)

Score = Callable[..., float]


@pytest.fixture(scope="module")
def texts(source: Source) -> dict[str, dict[str, str]]:
    """Return the answer cells by task and kind."""
    written = load_answers(find_source(ROOT / "solutions", NAME))
    notebook = released(source)
    for task, text in solutions(source).items():
        written.setdefault(task, {})["solution"] = text
    for answer in answers(notebook):
        written[answer.task]["untouched"] = notebook.cells[answer.cell].source
    return written


@pytest.fixture(scope="module")
def received(source: Source, texts: dict[str, dict[str, str]]) -> Callable[..., Any]:
    """Return what tells what the grader receives of some kind of answer, with some seed."""
    cells = {grading(cell)["grade_id"]: cell.source for cell in source.notebook.cells}

    def one(name: str, kind: str, seed: int = 0) -> Any:
        task = source.checks.tasks[name]
        space: dict[str, Any] = {"__name__": "notebook"}
        for needed in ("given-imports", "given-tree"):
            exec(cells[needed], space)
        exec(texts[name][kind], space)
        if isinstance(task.answer, Value):
            return {name: plain(space[name]) for name in task.answer.names}
        return calls(source, name, space[task.answer.function], seed)

    return one


def mark(source: Source, name: str, answer: Any) -> float:
    """Score harvested values or calls."""
    try:
        fraction = source.checks.tasks[name].score(answer)
    except Wrong as wrong:
        return wrong.fraction
    return 1.0 if fraction is None else fraction


def calls(source: Source, name: str, function: Callable[..., Any], seed: int) -> list[Called]:
    """Return what a function returns on the hidden inputs of that seed."""
    task = source.checks.tasks[name]
    assert isinstance(task.answer, Call)
    found = []
    for arguments in task.answer.inputs(np.random.default_rng(seed)):
        received = decode_arguments(encode_arguments(arguments))
        found.append(Called(arguments, plain(function(*received))))
    return found


def answered(source: Source, name: str, function: Callable[..., Any], seed: int = 0) -> float:
    """Score a function on the hidden inputs of that seed."""
    return mark(source, name, calls(source, name, function, seed))


def layered(*parameters: Any) -> nn.Sequential:
    """Return a ReLU network from W1, b1, W2, b2, … in double precision."""
    modules: list[nn.Module] = []
    for W, b in zip(parameters[::2], parameters[1::2], strict=True):
        linear = nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
        linear.weight.data, linear.bias.data = torch.tensor(W), torch.tensor(b)
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1]).eval()


def attribute(explainer: Any, x: Any, target: int, **options: Any) -> np.ndarray:
    """Return captum's attribution of a single input."""
    inputs = torch.as_tensor(x)[None].clone().requires_grad_()
    return explainer.attribute(inputs, target=target, **options)[0].detach().numpy()


# --- the four kinds of answers -------------------------------------------------------------------


def test_every_automatic_task_is_tested_here(source: Source) -> None:
    assert [a.task for a in answers(source.notebook) if not a.manual] == list(AUTOMATIC)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", ["solution", "alternative"])
@pytest.mark.parametrize("task", AUTOMATIC)
def test_a_right_answer_earns_all(score: Score, task: str, kind: str, seed: int) -> None:
    if task in QUIZZES and kind == "alternative" and not _bundled_quiz():
        pytest.fail("01_theory_answers.py answers another quiz: adapt it to [quiz] seed.")
    assert score(task, kind, seed) == 1


def _bundled_quiz() -> bool:
    return read_course(ROOT / "course.toml").settings("quiz").get("seed") == 2027


@pytest.mark.parametrize("task", AUTOMATIC)
def test_a_plausible_mistake_costs(score: Score, task: str) -> None:
    assert score(task, "wrong") <= 0.75


@pytest.mark.parametrize("task", AUTOMATIC)
def test_an_untouched_answer_earns_nothing(score: Score, task: str) -> None:
    # Functions that return None, or raise, have failed before a check sees them.
    try:
        assert score(task, "untouched") == 0
    except Exception as error:
        assert type(error).__name__ in ("UnreadableError", "ValueError")


# --- quiz ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bank() -> list[dict[str, Any]]:
    """Return the question bank as it is written."""
    with (ROOT / "solutions" / f"{NAME}_quiz.toml").open("rb") as stream:
        statements: list[dict[str, Any]] = tomllib.load(stream)["statement"]
    return statements


def test_every_statement_has_a_true_and_a_false_variant(bank: list[dict[str, Any]]) -> None:
    assert len({s["id"] for s in bank}) == len(bank) == 28
    for statement in bank:
        assert {v["key"] for v in statement["variant"]} == {"yes", "no"}, statement["id"]
        assert all(v["because"].strip() for v in statement["variant"])
        assert len({v["text"] for v in statement["variant"]}) == len(statement["variant"])


def test_no_group_is_uniform_and_no_constant_answer_pays(checks: ModuleType) -> None:
    quizzes = set()
    for seed in range(40):
        for groups, size in (("ABCDE", 20), ("FG", 8)):
            chosen = checks.choose(checks.BANK, groups, seed)
            assert len(chosen) == size
            keys = {name: variant.key for name, variant in chosen.items()}
            for group in groups:
                assert {key for name, key in keys.items() if name[0] == group} == {"yes", "no"}
            assert sum(key == "yes" for key in keys.values()) == size / 2
            quizzes.add(tuple(variant.text for variant in chosen.values()))
    assert len(quizzes) > 70


def test_the_same_seed_chooses_the_same_quiz(checks: ModuleType) -> None:
    assert checks.choose(checks.BANK, "ABCDE", 5) == checks.choose(checks.BANK, "ABCDE", 5)


@pytest.mark.parametrize(
    ("right", "wrong", "fraction"),
    # By hand: (right − wrong) / 20, never below 0.
    [(20, 0, 1.0), (12, 4, 0.4), (10, 10, 0.0), (0, 20, 0.0), (1, 0, 0.05), (0, 0, 0.0)],
)
def test_the_quiz_is_scored_by_one_sum_with_one_floor(
    source: Source, checks: ModuleType, right: int, wrong: int, fraction: float
) -> None:
    opposite = {"yes": "no", "no": "yes"}
    given = {}
    for i, (name, variant) in enumerate(checks.FIRST.items()):
        given[name] = variant.key if i < right else opposite[variant.key]
        if i >= right + wrong:
            given[name] = "abstain"
    assert mark(source, "quiz", {"quiz": given}) == pytest.approx(fraction)


def test_the_message_counts_and_names_no_key(checks: ModuleType) -> None:
    given = dict.fromkeys(checks.FIRST, "yes") | {"A1": "maybe"}
    del given["B1"]
    with pytest.raises(Wrong) as caught:
        checks.score_quiz(given, checks.FIRST, "quiz")
    message = caught.value.message
    assert "2 abstained" in message and "A1, B1" in message
    for variant in checks.FIRST.values():
        assert variant.text not in message and variant.because not in message


def test_what_students_get_holds_the_statements_and_no_key(
    source: Source, bank: list[dict[str, Any]], checks: ModuleType
) -> None:
    text = "\n".join(cell.source for cell in released(source).cells)
    for statement in bank:
        chosen = checks.CHOSEN[statement["id"]]
        for variant in statement["variant"]:
            assert (variant["text"] in text) == (variant["text"] == chosen.text)
            assert variant["because"] not in text
    assert checks.TEXT["quiz_key"] not in text and checks.TEXT["quiz_more_key"] not in text


def test_a_quiz_filled_in_well_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    quiz.check({"A1": "yes", "A2": "abstain"}, ["A1", "A2"], {"A1": "one\ntwo"})
    assert capsys.readouterr().out == "1 statements answered, 1 abstained.\n"


@pytest.mark.parametrize(
    ("given", "arguments", "words"),
    [
        ({"A1": "Yes"}, {}, "'yes'"),
        ({}, {}, "A1"),
        ({"A1": "no", "A9": "no"}, {}, "A9"),
        ({"A1": "no"}, {"A1": "1\n2\n3"}, "3 lines"),
        ({"A1": "no"}, {"B1": "because"}, "no such statement"),
        ({"A1": "no"}, {"A1": 7}, "text"),
        ({"A1": "no"}, ["because"], "dictionary"),
    ],
)
def test_a_quiz_filled_in_badly_is_told_so(given: Any, arguments: Any, words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        quiz.check(given, ["A1"], arguments)


# --- gradients -----------------------------------------------------------------------------------


def test_finite_differences_are_numpys(source: Source) -> None:
    def central(model: nn.Module, x: torch.Tensor, target: int, h: float) -> list[float]:
        model = model.double()
        result = []
        for unit in torch.eye(len(x), dtype=torch.float64):
            line = torch.stack([x.double() + k * h * unit for k in (-1, 0, 1)])
            result.append(np.gradient(model(line)[:, target].detach().numpy(), h)[1])
        return result

    assert answered(source, "finite-differences", central) == 1


def test_the_gradient_is_captums(source: Source) -> None:
    def saliency(x: Any, W1: Any, b1: Any, W2: Any, b2: Any, target: int) -> np.ndarray:
        return attribute(captum.attr.Saliency(layered(W1, b1, W2, b2)), x, target, abs=False)

    assert answered(source, "input-gradient", saliency) == 1


def test_multiply_adds_are_torchs_flops(source: Source) -> None:
    def counted(widths: list[int]) -> list[float]:
        model = nn.Sequential(*(nn.Linear(n, m) for n, m in itertools.pairwise(widths)))
        model.requires_grad_(False)
        x = torch.zeros(1, widths[0], requires_grad=True)
        with FlopCounterMode(display=False) as forward:
            output = model(x)
        with FlopCounterMode(display=False) as backward:
            output[0, 0].backward()
        with FlopCounterMode(display=False) as differences:
            model(torch.zeros(2 * widths[0], widths[0]))
        f, b, d = (counter.get_total_flops() for counter in (forward, backward, differences))
        return [f / 2, (f + b) / 2, d / 2]  # two floating-point operations a multiply-add

    assert answered(source, "multiply-adds", counted) == 1


def test_guided_backpropagation_is_captums(source: Source) -> None:
    def guided(x: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, target: int) -> np.ndarray:
        model = layered(W1, b1, W2, b2, W3, np.zeros(len(W3)))
        return attribute(captum.attr.GuidedBackprop(model), x, target)

    assert answered(source, "repair-guided", guided) == 1


def test_the_cosine_distance_is_scipys(source: Source) -> None:
    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(scipy.spatial.distance.cosine(a.ravel(), b.ravel()))

    assert answered(source, "repair-cosine", distance) == 1


# --- integrated gradients and Shapley values -----------------------------------------------------


def test_the_integral_by_pencil_is_sympys(source: Source) -> None:
    x1, x2, a = sympy.symbols("x1 x2 a")
    f = x1 * x2**2
    point = {x1: 2, x2: 3}
    path = {x: a * value for x, value in point.items()}
    ig = [v * sympy.integrate(f.diff(x).subs(path), (a, 0, 1)) for x, v in point.items()]
    gi = [v * f.diff(x).subs(point) for x, v in point.items()]
    values = {"ig": plain([float(v) for v in ig]), "gradient_input": plain([float(v) for v in gi])}
    assert mark(source, "ig-by-pencil", values) == 1


@pytest.mark.parametrize("rule", ["gausslegendre", "riemann_middle", "riemann_trapezoid"])
def test_integrated_gradients_are_captums(source: Source, rule: str) -> None:
    def integrated(model: nn.Module, x: Any, baseline: Any, target: int, steps: int) -> np.ndarray:
        method = captum.attr.IntegratedGradients(model)
        return attribute(method, x, target, baselines=baseline[None], n_steps=steps, method=rule)

    assert answered(source, "integrated-gradients", integrated, seed=3) == 1


def test_shapley_values_by_hand_and_of_a_known_game(source: Source, checks: ModuleType) -> None:
    # The glove game: one left glove, two right ones. By symmetry and efficiency 2/3, 1/6, 1/6.
    gloves = [0, 0, 0, 1, 0, 1, 0, 1]
    assert checks.shapley_by_orders(gloves, 3) == pytest.approx([2 / 3, 1 / 6, 1 / 6])
    # By hand, what A, B and C add in each order:
    # (12, 18, 30), (12, 42, 6), (30, 0, 30), (42, 0, 18), (18, 42, 0), (42, 18, 0).
    assert mark(source, "shapley-by-pencil", {"shares": plain([156 / 6, 120 / 6, 84 / 6])}) == 1


def test_shapley_values_are_captums(source: Source) -> None:
    def exact(worth: np.ndarray, players: int) -> np.ndarray:
        def look_up(masks: torch.Tensor) -> torch.Tensor:
            return torch.tensor(worth)[(masks.long() * 2 ** torch.arange(players)).sum(1)]

        method = captum.attr.ShapleyValues(look_up)
        return method.attribute(torch.ones(1, players)).numpy()[0]

    assert answered(source, "shapley", exact) == 1


def test_the_weight_is_a_beta_function(source: Source) -> None:
    def weight(size: int, players: int) -> float:
        return float(scipy.special.beta(size, players - size + 1))  # (s−1)! (M−s)! / M!

    assert answered(source, "repair-weight", weight) == 1


def test_worths_of_coalitions_lead_to_captums_values(source: Source, checks: ModuleType) -> None:
    call = source.checks.tasks["coalition-worths"].answer
    assert isinstance(call, Call)
    arguments = call.inputs(np.random.default_rng(0))[2]
    network, x, baseline, target = arguments
    model = network.module()
    numbers = np.arange(2 ** len(x), dtype=np.uint8)[:, None]
    present = np.unpackbits(numbers, axis=1, bitorder="little")[:, : len(x)]
    worths = model(torch.where(torch.tensor(present).bool(), x, baseline))[:, target]
    assert mark(source, "coalition-worths", [Called(arguments, plain(worths))]) == 1
    exact = attribute(captum.attr.ShapleyValues(model), x, target, baselines=baseline[None])
    found = checks.shapley_by_orders(worths.detach().tolist(), len(x))
    assert found == pytest.approx(exact, abs=1e-5)


# --- relevance -----------------------------------------------------------------------------------


def test_lrp_epsilon_is_captums_where_biases_are_kept(checks: ModuleType) -> None:
    for *case, epsilon, keep in checks.epsilon_cases(np.random.default_rng(0)):
        if keep:
            x, *parameters, target = case
            model = layered(*parameters)
            for module in model:
                module.rule = EpsilonRule(epsilon=epsilon)
            relevance = attribute(captum.attr.LRP(model), x, target)
            expected = checks.lrp_epsilon_by_loops((*case, epsilon, True))
            assert relevance == pytest.approx(expected, rel=1e-5)


PAIR = {
    # As two layers: ReLU(x), then the output, which is positive at (3, 1).
    "f": (np.eye(2), np.zeros(2), np.array([[1.0, -1.0]]), np.array([-1.0])),
    "g": (np.eye(2), np.array([-1.0, 0.0]), np.array([[1.0, -1.0]]), np.zeros(1)),
}


@pytest.mark.parametrize(
    ("network", "keep", "relevance"),
    # Sundararajan 2017, figure 7, and by hand.
    [
        ("f", False, (1.5, -0.5)),
        ("g", False, (2, -1)),
        ("f", True, (3, -1)),
        ("g", True, (3, -1)),
    ],
)
def test_the_pair_of_equal_functions(
    checks: ModuleType, network: str, keep: bool, relevance: tuple[float, float]
) -> None:
    case = (np.array([3.0, 1.0]), *PAIR[network], 0, 1e-9, keep)
    assert checks.lrp_epsilon_by_loops(case) == pytest.approx(relevance, abs=1e-6)


def test_the_answers_to_the_pair_are_captums(source: Source) -> None:
    point, zero = np.array([3.0, 1.0]), torch.zeros(1, 2, dtype=torch.float64)
    whole = {name: nn.Sequential(layered(*p), nn.ReLU()) for name, p in PAIR.items()}
    integrated = [
        attribute(
            captum.attr.IntegratedGradients(model),
            point,
            0,
            baselines=zero,
            n_steps=1000,
            method="riemann_middle",
        )
        for model in whole.values()
    ]
    assert integrated[0] == pytest.approx(integrated[1], abs=1e-6)
    kept = [attribute(captum.attr.InputXGradient(model), point, 0) for model in whole.values()]
    assert kept[0] == pytest.approx(kept[1])
    values = {
        "f_biases_ignored": plain([1.5, -0.5]),
        "g_biases_ignored": plain([2, -1]),
        "biases_kept": plain(kept[0]),
        "integrated": plain(integrated[0]),
    }
    assert mark(source, "relu-pair", values) == 1


def test_z_plus_is_captums(source: Source) -> None:
    def relevance(x: Any, W1: Any, b1: Any, W2: Any, b2: Any, target: int) -> np.ndarray:
        model = layered(W1, b1, W2, b2)
        for module in model:
            module.rule = Alpha1_Beta0_Rule(set_bias_to_zero=True)
        return attribute(captum.attr.LRP(model), x, target)

    assert answered(source, "lrp-z-plus", relevance) == 1


def test_the_first_layer_by_hand(source: Source) -> None:
    x, W = np.array([0.0, 0.5]), np.array([[-4.0, 3.0], [1.0, 1.0]])
    case = (x, W, np.array([25.0, 2.0]), np.zeros(2), np.ones(2))
    calls = [
        Called((*case, "w2"), plain([16 + 1, 9 + 1])),  # 25 as 16 : 9, 2 as 1 : 1
        Called((*case, "zB"), plain([200 / 11, 75 / 11 + 2])),  # 25 as 4 : 1.5, 2 as 0 : 0.5
    ]
    assert mark(source, "lrp-first-layer", calls) == 1
    calls[1] = Called((*case, "zB"), plain([17, 10]))
    assert mark(source, "lrp-first-layer", calls) == 0.5


def test_gradient_times_input_is_captums(source: Source) -> None:
    def product(model: nn.Module, x: torch.Tensor, target: int) -> np.ndarray:
        return attribute(captum.attr.InputXGradient(model), x, target)

    assert answered(source, "gradient-times-input", product) == 1


# --- surrogates ----------------------------------------------------------------------------------


def test_weighted_least_squares_are_scikit_learns(source: Source) -> None:
    def fit(samples: np.ndarray, outputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
        model = LinearRegression().fit(samples, outputs, weights)
        return np.append(model.intercept_, model.coef_)

    assert answered(source, "least-squares", fit) == 1


def test_lime_on_scikit_learns_logistic_regression(source: Source) -> None:
    def explain(
        w: np.ndarray, b: float, x: np.ndarray, samples: np.ndarray, sigma: float, scale: str
    ) -> np.ndarray:
        model = LogisticRegression()
        model.classes_, model.coef_, model.intercept_ = np.array([0, 1]), w[None], np.array([b])
        if scale == "log-odds":
            outputs = model.decision_function(samples)
        else:
            outputs = model.predict_proba(samples)[:, 1]
        kernel = np.exp(-scipy.spatial.distance.cdist(samples, x[None], "sqeuclidean") / sigma**2)
        return LinearRegression().fit(samples, outputs, kernel[:, 0]).coef_

    assert answered(source, "lime-logistic", explain) == 1


def test_the_linear_counterfactual_is_scipys_minimum(source: Source) -> None:
    def closest(x: np.ndarray, w: np.ndarray, b: float, margin: float) -> np.ndarray:
        side = np.sign(w @ x + b)
        beyond = {"type": "eq", "fun": lambda z: (w @ z + b) / np.linalg.norm(w) + side * margin}
        found = scipy.optimize.minimize(
            lambda z: ((z - x) ** 2).sum(), x, constraints=beyond, tol=1e-14
        )
        return found.x

    assert answered(source, "linear-counterfactual", closest) == 1


def test_cross_entropy_is_torchs(source: Source) -> None:
    def loss(teacher: np.ndarray, student: np.ndarray) -> torch.Tensor:
        return nn.functional.cross_entropy(torch.tensor(student).log(), torch.tensor(teacher))

    assert answered(source, "repair-cross-entropy", loss) == 1


def test_fidelity_and_accuracy_by_hand(source: Source) -> None:
    # The teacher splits at x₁ = 0, which a tree of depth 1 learns: fidelity 1. Of the four test
    # inputs three have its label: accuracy 3/4.
    model = Network(Network.random(np.random.default_rng(0), (2, 2)).layers)
    assert model.layers[0].weight is not None and model.layers[0].bias is not None
    model.layers[0].weight[:] = [[0, 0], [1, 0]]
    model.layers[0].bias[:] = 0
    train = torch.tensor([[-2.0, 0], [-1, 1], [1, 0], [2, 1]])
    labels = torch.tensor([1, 0, 0, 0])
    test, truth = torch.tensor([[-3.0, 2], [-2, 1], [2, 0], [3, 3]]), torch.tensor([0, 0, 1, 0])
    arguments = (model, train, labels, test, truth, 1)
    assert mark(source, "distillation", [Called(arguments, plain([1.0, 0.75]))]) == 1
    assert mark(source, "distillation", [Called(arguments, plain([0.75, 1.0]))]) == 0.5


def test_the_teachers_are_poor_so_that_fidelity_is_not_accuracy(checks: ModuleType) -> None:
    for model, _, _, test, truth, _ in checks.poor_teachers(np.random.default_rng(0)):
        with torch.no_grad():
            accuracy = (model.module()(test).argmax(1) == truth).double().mean()
        assert 0.3 < accuracy < 0.7


# --- knockoffs -----------------------------------------------------------------------------------


def test_the_knockoff_statistic_is_a_squared_gradient(source: Source) -> None:
    def statistics(z: np.ndarray, rival: np.ndarray, matrices: list[np.ndarray]) -> torch.Tensor:
        # A linear network's gradient with respect to feature and knockoff is their importance.
        inputs = torch.zeros(2, len(z), dtype=torch.float64, requires_grad=True)
        signal = torch.tensor(z) * inputs[0] + torch.tensor(rival) * inputs[1]
        for matrix in matrices:
            signal = nn.functional.linear(signal, torch.tensor(matrix))
        signal[0].backward()
        assert inputs.grad is not None
        return inputs.grad[0] ** 2 - inputs.grad[1] ** 2

    assert answered(source, "knockoff-statistic", statistics) == 1


@pytest.mark.parametrize(
    ("statistics", "q", "c", "selected"),
    # By hand. The first is the notebook's worked example.
    [
        ([5, 4, 3, -1, 2], 0.3, 1, [1, 1, 1, 0, 1]),
        ([5, 4, 3, -1, 2], 0.24, 1, [0, 0, 0, 0, 0]),
        ([5, 4, 3, -1, 2], 0.26, 0, [1, 1, 1, 0, 1]),
        ([3, -3, 1], 0.1, 0, [0, 0, 0]),
        ([0, 0], 0.9, 0, [0, 0]),
    ],
)
def test_selection_by_hand(
    checks: ModuleType, statistics: list[float], q: float, c: int, selected: list[int]
) -> None:
    found = checks.select_by_definition(np.array(statistics, dtype=float), q, c)
    assert found.tolist() == [bool(s) for s in selected]


def test_selection_keeps_the_promised_rate(checks: ModuleType) -> None:
    # Barber and Candès 2015, theorem 2, by simulation: the mean share of false discoveries.
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        drawn = rng.normal(size=60) + np.where(np.arange(60) < 20, 2.0, 0.0)
        chosen = checks.select_by_definition(drawn, 0.2, 1)
        shares.append(chosen[20:].sum() / max(1, chosen.sum()))
    assert np.mean(shares) <= 0.2 + 3 * np.std(shares) / 300**0.5
    assert np.mean(shares) > 0.05
