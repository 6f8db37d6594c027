"""Hidden checks of notebook 01. References follow definitions, in another way than the solution."""

from __future__ import annotations
from autograde.model.course_file import read_course

import itertools
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from autograde.tasks import Call, Called, Value, Wrong, expect, expect_array, expect_close, task
from autograde.inside.networks import Network

Array = NDArray[np.float64]
Arguments = list[tuple[Any, ...]]

GIVEN = ("given-imports",)


# --- quiz ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Variant:
    """One wording of a statement."""

    text: str
    key: str
    because: str


def read_bank(file: Path) -> dict[str, list[Variant]]:
    """Read the question bank: the variants of each statement."""
    with file.open("rb") as stream:
        statements = tomllib.load(stream)["statement"]
    return {s["id"]: [Variant(**variant) for variant in s["variant"]] for s in statements}


def choose(bank: Mapping[str, Sequence[Variant]], groups: str, seed: int) -> dict[str, Variant]:
    """Choose a variant of each statement of these groups, such that no pattern pays.

    No group is all yes or all no, and of all statements as many are true as false (one more of
    either if their number is odd): whoever always says yes gains nothing.
    """
    rng = np.random.default_rng(seed)
    names = [name for name in sorted(bank) if name[0] in groups]
    while True:
        drawn = {name: bank[name][rng.integers(len(bank[name]))] for name in names}
        keys = {
            group: [variant.key for name, variant in drawn.items() if name[0] == group]
            for group in groups
        }
        true = sum(key == "yes" for group in keys.values() for key in group)
        mixed = all(len(set(group)) == 2 for group in keys.values())
        if mixed and abs(2 * true - len(names)) <= len(names) % 2:
            return drawn


SETTINGS = read_course(Path(__file__)).settings("quiz")
BANK = read_bank(Path(__file__).with_name("01_theory_quiz.toml"))
FIRST, SECOND = (choose(BANK, groups, SETTINGS.get("seed", 0)) for groups in ("ABCDE", "FG"))
CHOSEN = FIRST | SECOND


TEXT = {
    **{f"quiz_{name}": variant.text for name, variant in CHOSEN.items()},
    # Read by the solution and by a figure, so these are numbers that Python understands too.
    **{f"quiz_{name}": f"{SETTINGS[name]:g}" for name in ("right", "wrong", "abstain")},
    "quiz_key": " ".join(f"{name}={variant.key}" for name, variant in FIRST.items()),
    "quiz_more_key": " ".join(f"{name}={variant.key}" for name, variant in SECOND.items()),
}


def score_quiz(answers: Any, chosen: Mapping[str, Variant], name: str) -> None:
    """Score a quiz: the sum over all statements, with one floor at zero."""
    expect(
        isinstance(answers, dict), f"`{name}` should be a dictionary with an answer a statement."
    )
    counts = {name[0]: [0, 0, 0] for name in chosen}  # right, wrong, abstained
    unreadable = []
    for statement, variant in chosen.items():
        answer = answers.get(statement)
        answer = answer.strip().casefold() if isinstance(answer, str) else ""
        if answer not in ("yes", "no", "abstain"):
            unreadable.append(statement)
        column = 2 if answer not in ("yes", "no") else int(answer != variant.key)
        counts[statement[0]][column] += 1
    right, wrong, abstained = (sum(column) for column in zip(*counts.values(), strict=True))
    weights = (SETTINGS["right"], SETTINGS["wrong"], SETTINGS["abstain"])
    points = sum(n * weight for n, weight in zip((right, wrong, abstained), weights, strict=True))
    fraction = min(1.0, max(0.0, points / (len(chosen) * SETTINGS["right"])))
    if fraction < 1:
        groups = "; ".join(f"{group} {r}/{w}/{a}" for group, (r, w, a) in counts.items())
        message = (
            f"{right} right, {wrong} wrong, {abstained} abstained. "
            f"By group (right/wrong/abstained): {groups}. Read the statements of the weakest group "
            "again, word by word: look for an `always`, an `only` or a changed condition."
        )
        if unreadable:
            message += (
                f" Counted as abstained, because neither yes, no nor abstain: "
                f"{', '.join(unreadable)}."
            )
        raise Wrong(message, fraction)


@task("quiz", Value("quiz"), read="Section 1, and the exercises")
def quiz(values: dict[str, Any]) -> None:
    score_quiz(values["quiz"], FIRST, "quiz")


@task("quiz-more", Value("quiz_more"), read="Sections 3 to 10")
def quiz_more(values: dict[str, Any]) -> None:
    score_quiz(values["quiz_more"], SECOND, "quiz_more")


# --- taxonomy ------------------------------------------------------------------------------------

PLACES = {
    "LIME": ["local", "post-hoc", "agnostic"],
    "KernelSHAP": ["local", "post-hoc", "agnostic"],
    "saliency map": ["local", "post-hoc", "specific"],
    "LRP": ["local", "post-hoc", "specific"],
    "surrogate tree": ["global", "post-hoc", "agnostic"],
    "shallow tree": ["global", "intrinsic", "specific"],
    "permutation importance": ["global", "post-hoc", "agnostic"],
    "activation maximisation": ["global", "post-hoc", "specific"],
}


def _words(triple: Any) -> list[str]:
    words = triple if isinstance(triple, list) else []
    return [word.strip().casefold() if isinstance(word, str) else "" for word in words]


@task("taxonomy", Value("taxonomy"), read="Section 1, the three questions")
def taxonomy(values: dict[str, Any]) -> None:
    given = values["taxonomy"]
    expect(isinstance(given, dict), "`taxonomy` should be a dictionary of triples.")
    right = [method for method, place in PLACES.items() if _words(given.get(method)) == place]
    expect(
        len(right) == len(PLACES),
        f"{len(right)} of {len(PLACES)} methods are placed rightly in all three respects. Ask of each "
        "whether it explains one prediction or the model, whether the model is explainable by "
        "itself, and whether it needs to look inside.",
        len(right) / len(PLACES),
    )


# --- gradients -----------------------------------------------------------------------------------


def _outputs(network: Network, x: Array) -> Array:
    """Evaluate a network of linear and tanh or ReLU layers in float64: (N, features) in."""
    for layer in network.layers:
        if layer.kind == "linear":
            assert layer.weight is not None and layer.bias is not None
            x = x @ layer.weight.astype(np.float64).T + layer.bias
        else:
            x = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[layer.kind](x)
    return x


def _gradient(network: Network, x: Any, target: int) -> Array:
    """Return the exact gradient in float64, by torch.autograd."""
    inputs = torch.as_tensor(x, dtype=torch.float64).clone().requires_grad_()
    network.module().double()(inputs[None])[0, target].backward()
    assert inputs.grad is not None
    return inputs.grad.numpy()


def _tensor(rng: np.random.Generator, size: int) -> torch.Tensor:
    return torch.tensor(rng.normal(size=size), dtype=torch.float32)


def smooth_networks(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for features, step in ((2, 0.3), (4, 0.2), (6, 0.25)):
        network = Network.random(rng, (features, 7, 3), "tanh")
        cases.append((network, _tensor(rng, features), int(rng.integers(3)), step))
    return cases


@task(
    "finite-differences",
    Call("finite_differences", smooth_networks, GIVEN),
    read="Section 3, the formula of the central difference",
)
def finite_differences(calls: list[Called]) -> None:
    for call in calls:
        network, x, target, h = call.arguments
        x = x.double().numpy()
        f = [
            [_outputs(network, (x + sign * h * unit)[None])[0, target] for unit in np.eye(len(x))]
            for sign in (1, -1, 0)
        ]
        reference = (np.array(f[0]) - f[1]) / (2 * h)
        one_sided = (np.array(f[0]) - f[2]) / h
        found = expect_array(call.returned, x.shape, "finite_differences")
        hint = "Divide f(x + h e) − f(x − h e) by 2h, for the output `target`, one input at a time."
        if np.allclose(found, one_sided, rtol=1e-3, atol=1e-4):
            hint = "These are one-sided differences; central ones look to both sides."
        expect_close(found, reference, "finite_differences", hint, rtol=1e-3, atol=1e-4)


def two_layers(rng: np.random.Generator) -> Arguments:
    """Draw inputs ≥ 0 and networks whose relevances have no denominator near 0."""
    cases: Arguments = []
    while len(cases) < 4:
        features, hidden, classes = (int(n) for n in rng.integers((3, 4, 2), (6, 8, 5)))
        x = np.round(rng.uniform(0.2, 2, size=features), 2)
        W1, W2 = (rng.normal(size=s).round(2) for s in ((hidden, features), (classes, hidden)))
        b1, b2 = (rng.normal(scale=0.5, size=n).round(2) for n in (hidden, classes))
        target = int(rng.integers(classes))
        z = W1 @ x + b1
        a = np.maximum(z, 0)
        if 2 <= (z > 0).sum() < hidden and all(
            np.abs(values).min() > 0.4
            for values in (z, W1 @ x, W2 @ a + b2, W2 @ a, np.maximum(W2, 0) @ a)
        ):
            cases.append((x, W1, b1, W2, b2, target))
    return cases


def _network(W1: Array, b1: Array, W2: Array, b2: Array) -> torch.nn.Sequential:
    layers = []
    for W, b in ((W1, b1), (W2, b2)):
        layer = torch.nn.Linear(W.shape[1], W.shape[0], dtype=torch.float64)
        layer.weight.data, layer.bias.data = torch.tensor(W), torch.tensor(b)
        layers.append(layer)
    return torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1])


@task(
    "input-gradient",
    Call("input_gradient", two_layers, GIVEN),
    read="Section 3, Task 4: the chain rule through one hidden layer",
)
def input_gradient(calls: list[Called]) -> None:
    for call in calls:
        x, *parameters, target = call.arguments
        inputs = torch.tensor(x, requires_grad=True)
        _network(*parameters)(inputs)[target].backward()
        assert inputs.grad is not None
        expect_close(
            call.returned,
            inputs.grad.numpy(),
            "input_gradient",
            "Only hidden units with W1 x + b1 > 0 pass the row `target` of W2 on to W1.",
        )


def widths(rng: np.random.Generator) -> Arguments:
    return [([int(n) for n in rng.integers(2, 40, size=layers)],) for layers in (2, 3, 4, 5)]


@task("multiply-adds", Call("multiply_adds", widths, GIVEN), read="Section 3, Task 5")
def multiply_adds(calls: list[Called]) -> None:
    names = ("forward pass", "saliency map", "central differences")
    rows, wanted = [], []
    for call in calls:
        forward = 0
        for layer in range(len(call.arguments[0]) - 1):
            forward += call.arguments[0][layer] * call.arguments[0][layer + 1]
        wanted.append([forward, forward + forward, forward * call.arguments[0][0] * 2])
        rows.append(expect_array(call.returned, (3,), "multiply_adds"))
    right = (np.array(rows) == np.array(wanted)).all(axis=0)
    wrong = [name for name, good in zip(names, right, strict=True) if not good]
    expect(
        not wrong,
        f"The count is not right for: {', '.join(wrong)}. Central differences evaluate the network "
        "twice for each input; a backward pass to the input uses each weight once.",
        right.mean(),
    )


def three_layers(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    while len(cases) < 4:
        features, classes = int(rng.integers(3, 6)), 3
        shapes = ((6, features), (5, 6), (classes, 5))
        W1, W2, W3 = (rng.normal(size=shape) for shape in shapes)
        b1, b2 = rng.normal(scale=0.3, size=6), rng.normal(scale=0.3, size=5)
        x, target = rng.normal(size=features), int(rng.integers(classes))
        first = np.maximum(W1 @ x + b1, 0)
        second = np.maximum(W2 @ first + b2, 0)
        # Some signals have to be stopped by the forward mask and some by their sign.
        if 1 < (first > 0).sum() < 6 and 1 < (second > 0).sum() < 5:
            active = W3[target][second > 0]
            if (active > 0).any() and (active < 0).any() and (W3[target][second == 0] > 0).any():
                cases.append((x, W1, b1, W2, b2, W3, target))
    return cases


def _guided(arguments: tuple[Any, ...], forward: bool = True, backward: bool = True) -> Array:
    """Guided backpropagation by hooks on a network, or with one of its two masks only."""
    x, W1, b1, W2, b2, W3, target = arguments
    inputs = torch.tensor(x, requires_grad=True)
    signals = inputs
    for W, b in ((W1, b1), (W2, b2)):
        z = torch.tensor(W) @ signals + torch.tensor(b)
        signals = z.clamp(min=0) if forward else z + (z.clamp(min=0) - z).detach()
        if backward:
            signals.register_hook(lambda signal: signal.clamp(min=0))
    (torch.tensor(W3) @ signals)[target].backward()
    assert inputs.grad is not None
    return inputs.grad.numpy()


@task(
    "repair-guided",
    Call("guided_backpropagation", three_layers, GIVEN),
    read="Section 3, Task 6: the three formulas; Springenberg 2015",
)
def repair_guided(calls: list[Called]) -> None:
    for call in calls:
        reference = _guided(call.arguments)
        found = expect_array(call.returned, reference.shape, "guided_backpropagation")
        hint = "Both masks belong at both ReLUs: active in the forward pass, and signal positive."
        if np.allclose(found, _guided(call.arguments, forward=False)):
            hint = "This is the deconvnet: units that were not active pass a signal on."
        elif np.allclose(found, _guided(call.arguments, backward=False)):
            hint = "This is the plain gradient: negative signals are passed on."
        expect_close(found, reference, "guided_backpropagation", hint)


def gradient_pairs(rng: np.random.Generator) -> Arguments:
    cases: Arguments = [(rng.normal(size=s), rng.normal(size=s)) for s in ((5,), (3, 4), (2, 3, 2))]
    return [*cases, (cases[0][0], -2 * cases[0][0])]


@task("repair-cosine", Call("cosine_distance", gradient_pairs, GIVEN), read="Section 3, Task 7")
def repair_cosine(calls: list[Called]) -> None:
    for call in calls:
        # Half the squared distance of the unit vectors: 1 − cos by the cosine rule.
        a, b = (v.ravel() / math.sqrt((v**2).sum()) for v in call.arguments)
        expect_close(
            call.returned,
            ((a - b) ** 2).sum() / 2,
            "cosine_distance",
            "0 for the same direction, 1 for orthogonal gradients, 2 for opposite ones.",
        )


# --- integrated gradients ------------------------------------------------------------------------


@task("ig-by-pencil", Value("ig", "gradient_input"), read="Section 4, the definition")
def ig_by_pencil(values: dict[str, Any]) -> None:
    # f = x₁ x₂² at (2, 3). A monomial of degree d gives each factor its exponent over d of f.
    expect_close(
        values["ig"],
        [18 / 3, 18 * 2 / 3],
        "ig",
        "On the path x₁ = 2α and x₂ = 3α: insert this into each partial derivative and integrate.",
        rtol=1e-2,
    )
    expect_close(
        values["gradient_input"],
        [18, 36],
        "gradient_input",
        "Each partial derivative at (2, 3), times its input.",
        rtol=1e-2,
        fraction=0.5,
    )


def paths(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for features in (3, 5, 6):
        network = Network.random(rng, (features, 8, 3), "tanh")
        x, baseline = 1.5 * _tensor(rng, features), _tensor(rng, features)
        cases.append((network, x, baseline, int(rng.integers(3)), 300))
    return cases


@task(
    "integrated-gradients",
    Call("integrated_gradients", paths, GIVEN),
    read="Section 4; Sundararajan 2017, sections 3 and 5",
)
def integrated_gradients(calls: list[Called]) -> None:
    for call in calls:
        network, x, baseline, target, _ = call.arguments
        start, way = baseline.double().numpy(), (x - baseline).double().numpy()
        # Gauss-Legendre quadrature of exact gradients: no sum over equal steps.
        nodes, weights = np.polynomial.legendre.leggauss(40)
        points = start + (nodes[:, None] + 1) / 2 * way
        slopes = way * np.array([_gradient(network, point, target) for point in points])
        reference = weights / 2 @ slopes
        found = expect_array(call.returned, reference.shape, "integrated_gradients")
        size = np.abs(slopes).max()
        ends = _outputs(network, np.stack([start, start + way]))[:, target]
        hint = (
            "They do add up as they should. Is it the gradient of the output `target`, averaged "
            "over the path for each input by itself?"
            if abs(found.sum() - (ends[1] - ends[0])) < 0.01 * size
            else "They do not add up to f(x) − f(baseline): check the factor and the path's ends."
        )
        # Loose enough for any sensible rule of 300 steps, end points included or not.
        expect_close(found, reference, "integrated_gradients", hint, rtol=0, atol=0.01 * size)


# --- Shapley values ------------------------------------------------------------------------------


def shapley_by_orders(worth: Sequence[float], players: int) -> Array:
    """Return Shapley values as the mean of what players add, over all orders of arrival."""
    values = np.zeros(players)
    for order in itertools.permutations(range(players)):
        coalition = 0
        for player in order:
            before = coalition
            coalition |= 1 << player
            values[player] += worth[coalition] - worth[before]
    return values / math.factorial(players)


@task("shapley-by-pencil", Value("shares"), read="Section 5, the worked example")
def shapley_by_pencil(values: dict[str, Any]) -> None:
    expect_close(
        values["shares"],
        shapley_by_orders([0, 12, 0, 30, 0, 18, 18, 60], 3),  # ∅ A B AB C AC BC ABC
        "shares",
        "Write down the six orders and what A, B and C add in each; then take the means.",
        rtol=1e-3,
    )


def coalition_sizes(rng: np.random.Generator) -> Arguments:
    return [(size, players) for players in (1, 3, 5, 7) for size in range(1, players + 1)]


@task(
    "repair-weight",
    Call("weight_of_coalition", coalition_sizes, GIVEN),
    read="Section 5, the formula for coalitions without player i",
)
def repair_weight(calls: list[Called]) -> None:
    for call in calls:
        size, players = call.arguments
        # Player i comes last in a coalition of this size with probability 1/players, and then each
        # choice of the others is as probable as any other.
        reference = 1 / (players * math.comb(players - 1, size - 1))
        expect_close(
            call.returned,
            reference,
            "weight_of_coalition",
            "The formula of Section 5 counts the players before i: here that is one fewer than `size`.",
            atol=1e-12,
        )


def games(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for players in (1, 3, 3, 4, 6):
        cases.append((rng.normal(size=2**players), players))
    return cases


@task("shapley", Call("shapley_values", games, GIVEN), read="Section 5; Shapley 1953")
def shapley(calls: list[Called]) -> None:
    for call in calls:
        worth, players = call.arguments
        found = expect_array(call.returned, (players,), "shapley_values")
        hint = "They add up rightly, but are shared out wrongly: check the weight by |S|."
        if not np.isclose(found.sum(), worth[-1] - worth[0], rtol=1e-4, atol=1e-5):
            hint = "They do not add up to v(N) − v(∅). Mind that v(∅) need not be 0."
        expect_close(found, shapley_by_orders(worth, players), "shapley_values", hint, atol=1e-5)


def masked_models(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for features in (2, 3, 5):
        network = Network.random(rng, (features, 6, 3))
        x, baseline = _tensor(rng, features), _tensor(rng, features)
        cases.append((network, x, baseline, int(rng.integers(3))))
    return cases


@task(
    "coalition-worths",
    Call("coalition_worths", masked_models, GIVEN),
    read="Section 5, From a model to a game",
)
def coalition_worths(calls: list[Called]) -> None:
    for call in calls:
        network, x, baseline, target = call.arguments
        reference = []
        for coalition in range(2 ** len(x)):
            present = [c == "1" for c in reversed(f"{coalition:0{len(x)}b}")]
            mixed = [float(x[i] if here else baseline[i]) for i, here in enumerate(present)]
            reference.append(_outputs(network, np.array([mixed]))[0, target])
        found = expect_array(call.returned, (len(reference),), "coalition_worths")
        hint = "Feature i is present if bit i of the coalition's number is 1, the lowest bit first."
        if np.allclose(found[::-1], reference, rtol=1e-3, atol=1e-4):
            hint = "Present and absent have changed places: bit 1 takes x, bit 0 the baseline."
        expect_close(found, reference, "coalition_worths", hint, rtol=1e-3, atol=1e-4)


# --- layer-wise relevance propagation ------------------------------------------------------------


def _relevance(a: Array, contributions: Array, R: Array, z: Array) -> Array:
    """Hand relevance back by loops over units: contributions (outputs, inputs), z (outputs,)."""
    back = np.zeros(len(a))
    for j in range(len(R)):
        for i in range(len(a)):
            if R[j] != 0:
                back[i] += contributions[j, i] / z[j] * R[j]
    return back


def epsilon_cases(rng: np.random.Generator) -> Arguments:
    return [
        (*case, epsilon, keep)
        for case, epsilon in zip(two_layers(rng), (0.01, 0.1, 0.25, 1e-6), strict=True)
        for keep in (True, False)
    ]


def lrp_epsilon_by_loops(arguments: tuple[Any, ...]) -> Array:
    """Return LRP-ε of a two-layer network, unit by unit."""
    x, W1, b1, W2, b2, target, epsilon, keep = arguments
    hidden = np.maximum(W1 @ x + b1, 0)
    R = np.where(np.arange(len(b2)) == target, W2 @ hidden + b2, 0.0)
    for a, W, b in ((hidden, W2, b2), (x, W1, b1)):
        z = W @ a + (b if keep else 0)
        R = _relevance(a, W * a, R, z + np.copysign(epsilon, z))
    return R


@task(
    "lrp-epsilon",
    Call("lrp_epsilon", epsilon_cases, GIVEN),
    read="Section 6, the table of rules; Montavon 2019",
)
def lrp_epsilon(calls: list[Called]) -> None:
    found, wanted, with_bias = [], [], []
    for call in calls:
        reference = lrp_epsilon_by_loops(call.arguments)
        found.append(expect_array(call.returned, reference.shape, "lrp_epsilon"))
        wanted.append(reference)
        with_bias.append(call.arguments[-1])
    right = [np.allclose(f, w, rtol=1e-4, atol=1e-5) for f, w in zip(found, wanted, strict=True)]
    for keep in (True, False):
        mine = [good for good, kept in zip(right, with_bias, strict=True) if kept == keep]
        expect(
            all(mine),
            f"The relevances are not right for keep_bias={keep}. The output that is explained and "
            "the hidden activations always include the biases; only the denominators differ. "
            "ε takes the sign of its denominator.",
            0.5 if all(g for g, kept in zip(right, with_bias, strict=True) if kept != keep) else 0,
        )


def positive_cases(rng: np.random.Generator) -> Arguments:
    first, second, *rest = two_layers(rng)
    x, W1, *others = second
    W1 = np.vstack([-np.abs(W1[:1]), W1[1:]])  # a unit that no input supports: denominator 0
    return [first, (x, W1, *others), *rest]


@task("lrp-z-plus", Call("lrp_z_plus", positive_cases, GIVEN), read="Section 6; Montavon 2017")
def lrp_z_plus(calls: list[Called]) -> None:
    for call in calls:
        x, W1, b1, W2, b2, target = call.arguments
        hidden = np.maximum(W1 @ x + b1, 0)
        R = np.where(np.arange(len(b2)) == target, W2 @ hidden + b2, 0.0)
        for a, W in ((hidden, W2), (x, W1)):
            plus = np.where(W > 0, W, 0) * a
            z = plus.sum(axis=1)
            R = _relevance(a, plus, np.where(z > 0, R, 0), z)
        expect_close(
            call.returned,
            R,
            "lrp_z_plus",
            "Cut negative weights off in numerator and denominator, of both layers; leave the "
            "forward pass as it is; where a denominator is 0 hand nothing on.",
            atol=1e-5,
        )


def pixel_layers(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for rule in ("w2", "zB", "w2", "zB"):
        features, hidden = (int(n) for n in rng.integers((3, 2), (7, 6)))
        low, high = -rng.uniform(0.5, 1, size=features), rng.uniform(0.5, 2, size=features)
        x = rng.uniform(low, high)
        x[0] = 0.0
        W, R = rng.normal(size=(hidden, features)), rng.uniform(0.1, 2, size=hidden)
        cases.append((x, W, R, low, high, rule))
    return cases


@task(
    "lrp-first-layer",
    Call("first_layer", pixel_layers, GIVEN),
    read="Section 6, the last two rows of the table; Montavon 2017",
)
def lrp_first_layer(calls: list[Called]) -> None:
    wrong = []
    for call in calls:
        x, W, R, low, high, rule = call.arguments
        bounds = np.where(W > 0, low, high)  # zᴮ: the distance to the bound with the least output
        contributions = W * W if rule == "w2" else W * (x - bounds)
        reference = _relevance(x, contributions, R, contributions.sum(axis=1))
        found = expect_array(call.returned, x.shape, "first_layer")
        if not np.allclose(found, reference, rtol=1e-4, atol=1e-5):
            wrong.append(rule)
    expect(
        not wrong,
        f"Not right for the rule {' and '.join(sorted(set(wrong)))}. w⁺ keeps positive weights, w⁻ "
        "negative ones with their sign; each hidden unit has a denominator of its own.",
        0.5 if len(set(wrong)) == 1 else 0,
    )


@task(
    "relu-pair",
    Value("f_biases_ignored", "g_biases_ignored", "biases_kept", "integrated"),
    read="Section 6, the worked example; Sundararajan 2017, appendix B",
)
def relu_pair(values: dict[str, Any]) -> None:
    # The planned numbers of the paper's pair, at (3, 1).
    wanted = {
        "f_biases_ignored": (1.5, -0.5),
        "g_biases_ignored": (2, -1),
        "biases_kept": (3, -1),
        "integrated": (1.5, -0.5),
    }
    wrong = [
        name
        for name, pair in wanted.items()
        if not np.allclose(expect_array(values[name], (2,), name), pair, atol=1e-3)
    ]
    expect(
        not wrong,
        f"Not right yet: {', '.join(wrong)}. Write the contributions of each unit and its "
        "denominator beside the unit, from the output down.",
        1 - len(wrong) / len(wanted),
    )


def deep_networks(rng: np.random.Generator) -> Arguments:
    return [
        (Network.random(rng, sizes), _tensor(rng, sizes[0]), int(rng.integers(sizes[-1])))
        for sizes in ((3, 8, 2), (5, 8, 8, 3), (6, 10, 10, 10, 4))
    ]


@task(
    "gradient-times-input",
    Call("gradient_times_input", deep_networks, GIVEN),
    read="Section 6, Task 18; Shrikumar 2016",
)
def gradient_times_input(calls: list[Called]) -> None:
    for call in calls:
        network, x, target = call.arguments
        # The theorem is the oracle: LRP-0 with biases kept, layer by layer.
        a, passed = x.double().numpy(), []
        for layer in network.layers:
            if layer.kind == "linear":
                assert layer.weight is not None and layer.bias is not None
                z = layer.weight.astype(np.float64) @ a + layer.bias
                passed.append((a, layer.weight, z))
                a = z
            else:
                a = np.maximum(a, 0)
        R = np.where(np.arange(len(a)) == target, a, 0.0)
        for inputs, weight, z in reversed(passed):
            R = _relevance(inputs, weight * inputs, R, z)
        expect_close(
            call.returned,
            R,
            "gradient_times_input",
            "Multiply each input by the derivative of the output `target` with respect to it.",
            rtol=1e-3,
            atol=1e-4,
        )


# --- LIME ----------------------------------------------------------------------------------------


def _fit(samples: Array, outputs: Array, weights: Array) -> Array:
    """Weighted least squares by orthogonalisation: intercept first."""
    root = np.sqrt(weights)[:, None]
    q, r = np.linalg.qr(root * np.column_stack([np.ones(len(samples)), samples]))
    fitted: Array = np.linalg.solve(r, q.T @ (root[:, 0] * outputs))
    return fitted


def regressions(rng: np.random.Generator) -> Arguments:
    return [
        (rng.normal(size=(count, size)), rng.normal(size=count), rng.uniform(0.05, 3, size=count))
        for count, size in ((8, 1), (15, 3), (40, 6))
    ]


@task(
    "least-squares",
    Call("weighted_least_squares", regressions, GIVEN),
    read="Section 7, the normal equations",
)
def least_squares(calls: list[Called]) -> None:
    for call in calls:
        samples, outputs, weights = call.arguments
        reference = _fit(samples, outputs, weights)
        found = expect_array(call.returned, reference.shape, "weighted_least_squares")
        hint = "Solve AᵀΠA c = AᵀΠy, where the first column of A is all ones."
        if np.allclose(found, _fit(samples, outputs, weights**2)):
            hint = "The weights enter twice: to scale rows, take their square roots."
        elif np.allclose(found, _fit(samples, outputs, np.ones(len(outputs)))):
            hint = "The weights have no effect: each squared error counts times its weight."
        elif np.allclose(np.roll(found, 1), reference):
            hint = "The intercept comes first."
        expect_close(found, reference, "weighted_least_squares", hint)


def logistic_models(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for scale in ("log-odds", "probability", "log-odds", "probability"):
        size = int(rng.integers(2, 5))
        w, b, x = rng.normal(size=size), float(rng.normal()), rng.normal(size=size)
        samples = x + rng.normal(size=(80, size))
        cases.append((w, b, x, samples, float(rng.uniform(0.8, 2)), scale))
    return cases


@task(
    "lime-logistic",
    Call("explain_regression", logistic_models, GIVEN),
    read="Section 7; Ribeiro 2016, section 3",
)
def lime_logistic(calls: list[Called]) -> None:
    wrong = []
    for call in calls:
        w, b, x, samples, sigma, scale = call.arguments
        if scale == "log-odds":
            reference = w  # a linear function is its own best fit, under any weights
        else:
            probability = 0.5 * (1 + np.tanh((samples @ w + b) / 2))
            distance = np.linalg.norm(samples - x, axis=1)
            reference = _fit(samples, probability, np.exp(-((distance / sigma) ** 2)))[1:]
        found = expect_array(call.returned, w.shape, "explain_regression")
        if not np.allclose(found, reference, rtol=1e-3, atol=1e-5):
            wrong.append(scale)
    expect(
        not wrong,
        f"The slopes are not right for: {', '.join(sorted(set(wrong)))}. On the log-odds they "
        "should be w itself; on the probabilities they depend on the kernel exp(−‖z − x‖²/σ²).",
        0.5 if len(set(wrong)) == 1 else 0,
    )


# --- counterfactuals -----------------------------------------------------------------------------


def linear_classifiers(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    while len(cases) < 6:
        size = int(rng.integers(2, 6))
        x, w, b = 2 * rng.normal(size=size), 3 * rng.normal(size=size), float(rng.normal())
        side = 1 if len(cases) % 2 else -1  # both classes
        if side * (w @ x + b) > 0.5:
            cases.append((x, w, b, 0.0 if len(cases) < 2 else float(rng.uniform(0.1, 1))))
    return cases


@task(
    "linear-counterfactual",
    Call("linear_counterfactual", linear_classifiers, GIVEN),
    read="Section 8, the projection onto the boundary",
)
def linear_counterfactual(calls: list[Called]) -> None:
    right = {True: True, False: True}
    for call in calls:
        x, w, b, margin = call.arguments
        found = expect_array(call.returned, x.shape, "linear_counterfactual")
        # Right if it lies where it should, and the way there is parallel to w: no shorter way.
        unit = w / math.sqrt((w**2).sum())
        before, after = x @ unit + b / math.sqrt((w**2).sum()), found @ unit
        after += b / math.sqrt((w**2).sum())
        way = found - x
        good = abs(after + math.copysign(margin, before)) < 1e-5 and (
            np.abs(way - (way @ unit) * unit).max() < 1e-5
        )
        right[margin == 0] &= bool(good)
    expect(
        right[True],
        "For margin 0 the result is not the boundary point nearest to x: go along w, and divide "
        "by wᵀw.",
        0.5 if right[False] else 0,
    )
    expect(
        right[False],
        "The boundary point is right, the counterfactual beyond it is not: `margin` is a "
        "distance (w need not have length 1), on the other side than x, whichever that is.",
        0.5,
    )


# --- surrogates ----------------------------------------------------------------------------------


def soft_labels(rng: np.random.Generator) -> Arguments:
    return [
        (rng.dirichlet(np.ones(size) * 2, count) + 0.0, rng.dirichlet(np.ones(size) * 2, count))
        for count, size in ((1, 3), (5, 2), (8, 10))
    ]


@task(
    "repair-cross-entropy",
    Call("cross_entropy", soft_labels, GIVEN),
    read="Section 9, the formula of H(q, p)",
)
def repair_cross_entropy(calls: list[Called]) -> None:
    for call in calls:
        teacher, student = (torch.tensor(p) for p in call.arguments)
        # Entropy and Kullback-Leibler divergence add up to the cross-entropy.
        entropy = torch.distributions.Categorical(teacher).entropy()
        divergence = torch.nn.functional.kl_div(student.log(), teacher, reduction="none").sum(1)
        expect_close(
            call.returned,
            (entropy + divergence).mean().item(),
            "cross_entropy",
            "The logarithm is taken of the student's probabilities, weighted by the teacher's; "
            "then the mean over examples.",
        )


def poor_teachers(rng: np.random.Generator) -> Arguments:
    """Teachers that are wrong about half of the time, but not always the same answer."""
    cases: Arguments = []
    while len(cases) < 3:
        model, world = (Network.random(rng, (3, 8, 2)) for _ in range(2))
        inputs = rng.normal(size=(800, 3)).astype(np.float32)
        taught, truth = (_outputs(net, inputs).argmax(1) for net in (model, world))
        if 0.3 < taught.mean() < 0.7 and 0.3 < truth.mean() < 0.7:
            agreement = (taught == truth).mean()
            if 0.35 < agreement < 0.65:
                x, y = torch.tensor(inputs), torch.tensor(truth)
                depth = len(cases) + 3
                cases.append((model, x[:400], y[:400], x[400:], y[400:], depth))
    return cases


@task(
    "distillation",
    Call("distil", poor_teachers, (*GIVEN, "given-tree")),
    read="Section 9, what fidelity is",
)
def distillation(calls: list[Called]) -> None:
    for call in calls:
        model, train, _, test, labels, depth = call.arguments
        taught = _outputs(model, train.double().numpy()).argmax(1)
        wanted = _outputs(model, test.double().numpy()).argmax(1)
        tree = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(train.numpy(), taught)
        predicted = tree.predict(test.numpy())
        fidelity, accuracy = (predicted == wanted).mean(), (predicted == labels.numpy()).mean()
        found = expect_array(call.returned, (2,), "distil")
        # Ties between splits may be broken otherwise by another seed: allow for 3 % of the inputs.
        close = np.abs(found - [fidelity, accuracy]) < 0.03
        if np.all(np.abs(found[::-1] - [fidelity, accuracy]) < 0.03) and not close.all():
            raise Wrong("Fidelity and accuracy have changed places.", 0.5)
        expect(
            close[0],
            "The fidelity is not right: the tree learns what the model predicts on the training "
            "inputs, and is compared with what the model predicts on the test inputs.",
            0.5 if close[1] else 0,
        )
        expect(
            close[1],
            "The fidelity is right, the accuracy is not: compare the tree with the true labels of "
            "the test inputs.",
            0.5,
        )


# --- knockoffs -----------------------------------------------------------------------------------


def trained_filters(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for sizes in ((4, 1), (5, 6, 1), (6, 5, 4, 1)):
        matrices = [rng.normal(size=(m, n)) for n, m in itertools.pairwise(sizes)]
        cases.append((rng.normal(size=sizes[0]), rng.normal(size=sizes[0]), matrices))
    return cases


@task(
    "knockoff-statistic",
    Call("knockoff_statistics", trained_filters, GIVEN),
    read="Section 10; Lu 2018, equations for Z and W",
)
def knockoff_statistic(calls: list[Called]) -> None:
    for call in calls:
        z, rival, matrices = call.arguments
        # Without ReLUs the network is linear: its response to one filter's unit signal.
        reference = np.zeros(len(z))
        for j in range(len(z)):
            signal = np.eye(len(z))[j]
            for matrix in matrices:
                signal = matrix @ signal
            reference[j] = (z[j] * signal[0]) ** 2 - (rival[j] * signal[0]) ** 2
        found = expect_array(call.returned, reference.shape, "knockoff_statistics")
        hint = "W_j = (z_j u_j)² − (z̃_j u_j)², where u is the product of all matrices."
        if np.allclose(found, z**2 - rival**2):
            hint = (
                "Only the filters are compared: multiply by u, what the network does behind them."
            )
        expect_close(found, reference, "knockoff_statistics", hint)


def drawn_statistics(rng: np.random.Generator) -> Arguments:
    cases: Arguments = []
    for q, shift, c in (
        # No ratio of two numbers up to 40 equals one of these q: rounding decides nothing.
        (0.11, 3.0, 1),
        (0.21, 2.0, 0),
        (0.31, 1.5, 1),
        (0.19, 1.5, 0),
        (0.51, 1.0, 1),
        (0.06, 0.0, 1),
    ):
        drawn = rng.normal(size=40) + np.where(np.arange(40) < 15, shift, 0)
        drawn[rng.integers(15, 40)] = 0.0  # neither wins: no threshold of 0
        cases.append((rng.permutation(drawn), q, c))
    # Small cases in which a threshold's own count decides, and one in which nothing passes.
    tie = np.array([3.0, 2.0, 2.0, -2.0, 4.0, 5.0])
    return [*cases, (tie, 0.18, 0), (np.array([-3.0, 1.0, 2.0]), 0.1, 1)]


def select_by_definition(statistics: Array, q: float, c: int) -> NDArray[np.bool_]:
    """Try every threshold, literally."""
    passing = []
    for t in {abs(w) for w in statistics if w != 0}:
        against = sum(1 for w in statistics if w <= -t)
        for_it = sum(1 for w in statistics if w >= t)
        if (c + against) / max(1, for_it) <= q:
            passing.append(t)
    return np.array([bool(passing) and w >= min(passing) for w in statistics])


@task(
    "knockoff-selection",
    Call("select_features", drawn_statistics, GIVEN),
    read="Section 10, the threshold; Barber and Candès 2015",
)
def knockoff_selection(calls: list[Called]) -> None:
    right: dict[int, list[bool]] = {0: [], 1: []}
    for call in calls:
        statistics, q, c = call.arguments
        reference = select_by_definition(statistics, q, c)
        found = expect_array(call.returned, reference.shape, "select_features")
        right[c].append(np.array_equal(found, reference))
    for c in (0, 1):
        expect(
            all(right[c]),
            f"The selection is not right for c = {c}: the smallest passing t among all |W_j| > 0 "
            "counts, both comparisons include equality, and without one nothing is selected.",
            0.5 if all(right[1 - c]) else 0,
        )
