"""The scores are what theory, retraining, autograd and captum say."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import optimize, stats
from torch import Tensor, nn
from torch.nn import functional

import xaikit
from xaikit import influence, influence_methods, self_influence
from xaikit.influence import Influence, study
from xaikit.influence.projection import Projection
from xaikit.influence.rows import Dense

DRAW = torch.Generator().manual_seed(0)
X, Y = torch.randn(40, 5, generator=DRAW).double(), torch.randn(40, generator=DRAW).double()
ASKED, RIGHT = torch.randn(6, 5, generator=DRAW).double(), torch.randn(6, generator=DRAW).double()
CLASSES = torch.randint(0, 3, (40,), generator=DRAW)
OTHERS = torch.randint(0, 3, (6,), generator=DRAW)


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs[:, 0] - targets).square() / 2


def ridge(x: Tensor, y: Tensor, weights: Tensor, damping: float) -> Tensor:
    """Return the minimum of mean(w (y - x θ)²) / 2 + damping |θ|² / 2, the mean over all 40."""
    hessian = (x * weights[:, None]).T @ x / 40 + damping * torch.eye(5).double()
    return torch.linalg.solve(hessian, x.T @ (weights * y) / 40)


def linear(weight: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False).double()
    layer.weight.data = weight.clone()
    return layer


@pytest.mark.parametrize("layers", ["last", "all"])
def test_ridge_regression_has_its_infinitesimal_closed_form(layers: str) -> None:
    one = torch.ones(40).double()
    theta = ridge(X, Y, one, 0.1)
    options: dict[str, Any] = {"loss": squared, "damping": 0.1, "layers": layers}
    found = influence(linear(theta[None]), ASKED, RIGHT, (X, Y), "influence_function", **options)

    def losses(weights: Tensor) -> Tensor:
        return (ASKED @ ridge(X, Y, weights, 0.1) - RIGHT).square() / 2

    # To leave an example out takes its weight from 1 to 0.
    expected = -torch.autograd.functional.jacobian(losses, one)
    torch.testing.assert_close(found.scores, expected, rtol=1e-6, atol=1e-12)
    own = self_influence(linear(theta[None]), (X, Y), "influence_function", **options)
    fitted = X @ theta - Y
    hat = (X @ torch.linalg.inv(X.T @ X / 40 + 0.1 * torch.eye(5).double()) * X).sum(1) / 40
    torch.testing.assert_close(own, fitted**2 * hat, rtol=1e-6, atol=1e-12)

    # The leverage corrects the step to that of a whole example.
    every = torch.eye(40).double()
    left = torch.stack([ridge(X, Y, one - each, 0.1) for each in every])
    change = (left - theta) @ (ASKED * (ASKED @ theta - RIGHT)[:, None]).T
    torch.testing.assert_close(found.scores / (1 - hat), change.T, rtol=1e-6, atol=1e-12)
    again = influence(linear(theta[None] + 1), ASKED, RIGHT, (X, Y), "leave_one_out", **options)
    expected = ((ASKED @ left.T - RIGHT[:, None]) ** 2 - (ASKED @ theta - RIGHT)[:, None] ** 2) / 2
    torch.testing.assert_close(again.scores, expected, rtol=1e-6, atol=1e-10)


@functools.cache
def logistic(left_out: int | None = None) -> np.ndarray:
    """Fit logistic regression with scipy, to all examples or all but one."""
    counts = np.ones(40)
    start = np.zeros(15)
    if left_out is not None:
        counts[left_out], start = 0, logistic()
    x, labels = X.numpy(), CLASSES.numpy()
    hot = np.eye(3)[labels]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        theta = flat.reshape(3, 5)
        logits = x @ theta.T
        logits -= np.log(np.exp(logits).sum(1, keepdims=True))
        slope = ((np.exp(logits) - hot) * counts[:, None]).T @ x / 40 + 0.05 * theta
        value = -(counts * logits[np.arange(40), labels]).mean() + 0.025 * (flat**2).sum()
        return float(value), slope.ravel()

    near = optimize.minimize(objective, start, jac=True, method="BFGS").x
    # Rounding of the value ends BFGS early: where the slope is zero does not depend on the value.
    found = optimize.root(lambda flat: objective(flat)[1], near, tol=1e-13).x
    assert np.linalg.norm(objective(found)[1]) < 1e-10
    return found


def test_logistic_regression_is_ranked_as_by_retraining() -> None:
    theta = logistic()
    model = linear(torch.as_tensor(theta).view(3, 5))

    def losses(flat: np.ndarray) -> Tensor:
        logits = ASKED @ torch.as_tensor(flat).view(3, 5).T
        return functional.cross_entropy(logits, OTHERS, reduction="none")

    left = [losses(logistic(each)) for each in range(40)]
    expected = torch.stack(left, 1) - losses(theta)[:, None]
    asked = (model, ASKED, OTHERS, (X, CLASSES))
    exact = influence(*asked, "influence_function", damping=0.05).scores
    for one, other in zip(exact, expected, strict=True):
        assert stats.spearmanr(one, other)[0] >= 0.99
    found = influence(*asked, "leave_one_out", damping=0.05)
    torch.testing.assert_close(found.scores, expected, rtol=1e-4, atol=1e-8)
    assert found.details["gradient"].max() < 1e-8

    options: dict[str, Any] = {"solver": "cg", "damping": 0.05, "tolerance": 1e-9}
    cg = influence(*asked, "influence_function", **options)
    torch.testing.assert_close(cg.scores, exact, rtol=1e-6, atol=1e-10)
    assert cg.details["error"].max() <= 1e-9
    options = {"solver": "lissa", "damping": 0.05, "batch": 40, "steps": 200}
    lissa = influence(*asked, "influence_function", **options)
    assert stats.spearmanr(lissa.scores.flatten(), exact.flatten())[0] > 0.95
    assert 0 < lissa.details["error"].max() < 0.5
    longer = influence(*asked, "influence_function", **{**options, "steps": 5})
    assert longer.details["error"].max() > lissa.details["error"].max()
    with pytest.raises(ValueError, match="after 1 steps, and the tolerance"):
        influence(*asked, "influence_function", solver="cg", steps=1)

    def fit(fresh: nn.Module, images: Tensor, labels: Tensor) -> None:
        assert fresh.training and len(images) == len(labels)
        (missing,) = [*(~(X[:, None] == images).all(2).any(1)).nonzero()[:, 0].tolist(), None][:1]
        fresh.weight.data = torch.as_tensor(logistic(missing)).view(3, 5)  # type: ignore[assignment]

    few = influence(model, ASKED, OTHERS, (X, CLASSES), "leave_one_out", fit=fit)
    torch.testing.assert_close(few.scores, expected, rtol=1e-5, atol=1e-8)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(48, 6), nn.ReLU(),
        nn.Linear(6, 3),
    )  # fmt: skip


IMAGES, LABELS = torch.rand(12, 1, 6, 6, generator=DRAW), torch.arange(12) % 3
ASK, TRUE = torch.rand(3, 1, 6, 6, generator=DRAW), torch.tensor([0, 2, 1])


def slopes(model: nn.Module, images: Tensor, labels: Tensor, margin: bool = False) -> list[Tensor]:
    """Return each example's gradients by the last layer (n, P), and by all, with autograd."""
    rows = []
    for image, label in zip(images, labels, strict=True):
        logits = model(image[None])
        value = functional.cross_entropy(logits, label[None])
        if margin:
            p = logits.softmax(1)[0, label]
            value = (p / (1 - p)).log()
        rows.append([g.flatten() for g in torch.autograd.grad(value, [*model.parameters()])])
    return [torch.stack([torch.cat(each[start:]) for each in rows]) for start in (-2, 0)]


@pytest.mark.parametrize("layers", ["last", "all"])
def test_products_are_those_of_autograds_gradients(layers: str) -> None:
    model = network()
    asked = (model, ASK, TRUE, (IMAGES, LABELS))
    which = ("last", "all").index(layers)
    ours, theirs = slopes(model, ASK, TRUE)[which], slopes(model, IMAGES, LABELS)[which]
    found = influence(*asked, "grad_dot", layers=layers, chunk=5)
    torch.testing.assert_close(found.scores, ours @ theirs.T, rtol=1e-5, atol=1e-6)
    found = influence(*asked, "grad_cos", layers=layers)
    expected = functional.cosine_similarity(ours[:, None], theirs[None], dim=2)
    torch.testing.assert_close(found.scores, expected, rtol=1e-5, atol=1e-5)

    other = network()
    nn.init.normal_(other[-1].weight)
    second = slopes(other, ASK, TRUE)[which] @ slopes(other, IMAGES, LABELS)[which].T
    states = [model.state_dict(), other.state_dict()]
    options: dict[str, Any] = {"checkpoints": states, "learning_rates": [0.5, 0.1]}
    found = influence(*asked, "tracin", layers=layers, **options)
    expected = 0.5 * ours @ theirs.T + 0.1 * second
    torch.testing.assert_close(found.scores, expected, rtol=1e-5, atol=1e-5)
    own = self_influence(model, (IMAGES, LABELS), "tracin", layers=layers)
    torch.testing.assert_close(own, theirs.square().sum(1), rtol=1e-5, atol=1e-6)


def test_checkpoints_may_be_files(tmp_path: Path) -> None:
    model, other = network(), network()
    nn.init.normal_(other[-1].weight)
    save_file(other.state_dict(), tmp_path / "one.safetensors")
    torch.save(other.state_dict(), tmp_path / "two.pt")
    asked = (model, ASK, TRUE, (IMAGES, LABELS), "tracin")
    paths = [tmp_path / "one.safetensors", str(tmp_path / "two.pt")]
    found = influence(*asked, checkpoints=paths).scores
    expected = influence(other, ASK, TRUE, (IMAGES, LABELS), "grad_dot").scores
    torch.testing.assert_close(found, 2 * expected)
    with pytest.raises(FileNotFoundError, match="no file: correct the path"):
        influence(*asked, checkpoints=[tmp_path / "three.pt"])
    (tmp_path / "bad.pt").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"checkpoint 0, .*, cannot be read"):
        influence(*asked, checkpoints=[tmp_path / "bad.pt"])


def test_trak_is_its_formula() -> None:
    """More directions than weights lose nothing, so the projection drops out of the formula."""
    model = network().double()
    images, asked = IMAGES.double(), ASK.double()
    last = slopes(model, images, LABELS, margin=True)[0]
    ours = slopes(model, asked, TRUE, margin=True)[0]
    doubt = 1 - model(images).softmax(1).gather(1, LABELS[:, None])[:, 0]
    expected = ours @ torch.linalg.pinv(last.T @ last, hermitian=True, rtol=1e-10) @ last.T * doubt
    for dimension in (60, 400):
        options: dict[str, Any] = {"layers": "last", "dimension": dimension}
        found = influence(model, asked, TRUE, (images, LABELS), "trak", **options)
        torch.testing.assert_close(found.scores, expected.detach(), rtol=1e-5, atol=1e-7)


def test_representers_add_up_to_the_logits() -> None:
    asked = (network(), ASK, TRUE, (IMAGES, LABELS))
    found = influence(*asked, "representer", damping=0.05, dtype=torch.float64)
    logits = found.details["logits"].gather(1, TRUE[:, None])[:, 0]
    torch.testing.assert_close(found.scores.sum(1), logits, rtol=1e-6, atol=1e-8)
    # The fitted layer is that of scikit-learn's kind of problem: its gradient is zero.
    assert found.details["gradient"] < 1e-8 and found.scores.dtype == torch.float64


def test_the_nearest_exemplar_is_nearest_in_feature_space() -> None:
    model = network()
    features = [model[:-1](each).detach() for each in (ASK, IMAGES)]
    found = influence(model, ASK, TRUE, (IMAGES, LABELS), "exemplar")
    apart = torch.cdist(*features)
    torch.testing.assert_close(found.scores, -apart)
    assert torch.equal(found.top(1)[:, 0], apart.argmin(1))
    assert torch.equal(found.bottom(2)[:, 0], apart.argmax(1))


ADAPTED = [each.name for each in influence_methods() if "captum" in each.backends]


@pytest.mark.parametrize("layers", ["last", "all"])
@pytest.mark.parametrize("method", ADAPTED)
def test_captum_finds_the_same(method: str, layers: str) -> None:
    model = network()
    other = network()
    nn.init.normal_(other[-1].weight)
    options: dict[str, Any] = {"layers": layers}
    if method == "tracin":
        options["checkpoints"] = [model.state_dict(), other.state_dict()]
        options["learning_rates"] = [0.5, 0.1]
    if method == "exemplar":
        options = {"similarity": {"last": "cosine", "all": "euclidean"}[layers]}
    if method == "influence_function":
        if layers == "all":
            return  # its Hessian of all weights is not positive: captum drops those directions
        options["damping"] = 0.05
    options["dtype"] = torch.float64
    both = [
        influence(model, ASK, TRUE, (IMAGES, LABELS), method, backend=backend, **options).scores
        for backend in ("native", "captum")
    ]
    torch.testing.assert_close(*both, rtol=1e-4, atol=1e-8)
    if method != "exemplar":
        own = [
            self_influence(model, (IMAGES, LABELS), method, backend=backend, **options)
            for backend in ("native", "captum")
        ]
        torch.testing.assert_close(*own, rtol=1e-4, atol=1e-8)


def test_captums_and_our_projection_keep_products() -> None:
    here = study()
    asked = (here.network, here.test.images[:4], here.test.labels[:4], here.training, "tracin")
    last = influence(*asked)
    theirs = influence(*asked, backend="captum", projection=400, chunk=500)
    every = influence(*asked, layers="all", chunk=500)
    ours = influence(*asked, layers="all", projection=512, chunk=500)
    for near, exact in ((theirs, last), (ours, every)):
        assert stats.spearmanr(near.scores.flatten(), exact.scores.flatten())[0] > 0.85


def test_the_projections_error_is_as_said() -> None:
    one, other = torch.randn(2, 50, 3000, generator=DRAW)
    found = Projection(512, 0)(Dense(one)), Projection(512, 0)(Dense(other))
    lengths = one.norm(dim=1)[:, None] * other.norm(dim=1)
    error = (found[0].cross(found[1]) - one @ other.T) / lengths
    assert abs(float(error.std()) * 512**0.5 - 1) < 0.1 and abs(float(error.mean())) < 0.005


@pytest.mark.parametrize("each", influence_methods(), ids=lambda each: each.name)
def test_the_model_stays_and_a_seed_gives_the_same_bytes(each: Any) -> None:
    model = network().train()
    model[0].weight.requires_grad_(False)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    options: dict[str, Any] = {"steps": 5} if each.name == "leave_one_out" else {}
    if each.name == "tracin":
        options = {"checkpoints": [{k: v + 1 for k, v in state.items()}], "projection": 8}
    if each.name == "influence_function":
        options = {"solver": "lissa", "steps": 5, "batch": 4}
    random = torch.random.get_rng_state()
    one, two = (
        influence(model, ASK, TRUE, (IMAGES, LABELS), each.name, seed=3, **options) for _ in "ab"
    )
    assert torch.equal(one.scores, two.scores)
    assert one.scores.shape == (3, 12) and one.scores.dtype == torch.float32
    assert not one.scores.requires_grad and one.method == each.name
    assert torch.equal(random, torch.random.get_rng_state())
    assert model.training and all(torch.equal(v, state[n]) for n, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert [p.requires_grad for p in model.parameters()] == [False, *[True] * 5]
    if each.of_itself:
        own = self_influence(model, (IMAGES, LABELS), each.name, seed=3, **options)
        assert own.shape == (12,)
    else:
        with pytest.raises(ValueError, match="the same influence on itself"):
            self_influence(model, (IMAGES, LABELS), each.name)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.net(x)


def test_what_is_wrong_gets_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    model, given = network(), (IMAGES, LABELS)
    unlabelled = type("Data", (), {"images": IMAGES})()
    cases: list[tuple[Any, str]] = [
        (lambda: influence(model, ASK, TRUE, unlabelled), "training has no labels"),
        (lambda: influence(model, ASK, TRUE, IMAGES), "training has no labels"),
        (lambda: influence(model, ASK[:0], TRUE[:0], given), "at least one example"),
        (lambda: influence(model, ASK, TRUE, (IMAGES[:0], LABELS[:0])), "at least one example"),
        (lambda: influence(model, ASK, TRUE + 1, given), "label 3 is out of range"),
        (lambda: influence(model, ASK, TRUE, (IMAGES, LABELS - 1)), "training label -1 is out"),
        (lambda: influence(model, ASK, None, given), "labels have to be given"),
        (lambda: influence(nn.Flatten(), ASK, TRUE, given), "no linear layer.*layers=.all"),
        (lambda: influence(nn.Flatten(), ASK, TRUE, given, layers="all"), "no parameters"),
        (lambda: influence(Scaled(), ASK, TRUE, given), "after its last linear layer"),
        (
            lambda: influence(model, ASK, TRUE, given, checkpoints=[Scaled().state_dict()]),
            "checkpoint 0 is of another architecture",
        ),
        (
            lambda: influence(
                model, ASK, TRUE, given, checkpoints=[model.state_dict()], learning_rates=[1, 2]
            ),
            "1 checkpoints but 2 learning_rates",
        ),
        (lambda: influence(model, ASK, TRUE, given, "trak", loss=squared), "cross_entropy"),
        (lambda: influence(model, ASK, TRUE, given, "trak", backend="captum"), "no backend"),
        (lambda: influence(model, ASK, TRUE, given).top(13), "k is 13, but there are 12"),
        (
            lambda: influence(model, ASK.expand(3, 1, 6, 6), TRUE, (IMAGES[..., :5], LABELS)),
            "the training images have shape",
        ),
        (
            lambda: influence(
                model,
                ASK[:1].expand(10**7, 1, 6, 6),
                0,
                (IMAGES[:1].expand(10**7, 1, 6, 6), LABELS[:1].expand(10**7)),
            ),
            r"the scores \(10000000, 10000000\) need 400 TB of memory.*fewer inputs",
        ),
    ]
    for call, said in cases:
        with pytest.raises((ValueError, TypeError), match=said) as raised:
            call()
        assert "\n" not in str(raised.value) and str(raised.value).endswith(".")
    monkeypatch.setattr("xaikit.influence.memory._free", lambda _: 10**5)
    with pytest.raises(ValueError, match=r"Hessian of 345 weights.* need 1.43 MB.*100 kB.*cg"):
        influence(model, ASK, TRUE, given, "influence_function", layers="all")


def test_the_package_is_called_like_its_function() -> None:
    import xaikit.influence as package

    assert xaikit.influence is package is influence and callable(package)
    found = influence(network(), ASK, TRUE, (IMAGES, LABELS))
    assert isinstance(found, Influence) and repr(found).startswith(
        "Influence(tracin: scores 3 × 12"
    )
    scaled = influence(Scaled(), ASK, TRUE, (IMAGES, LABELS), layers="all")
    assert scaled.scores.shape == (3, 12)
    soft = nn.Sequential(network(), nn.Softmax(1))
    same = influence(soft, ASK, TRUE, (IMAGES, LABELS))
    torch.testing.assert_close(same.scores, found.scores, rtol=1e-4, atol=1e-5)
