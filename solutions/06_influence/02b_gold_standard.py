# %% [markdown]
# ### The gold standard: to train again
#
# On ridge regression the influence function could be compared with the truth. Logistic regression has
# no closed form, but it is convex and small: we can afford to train it again without each of thirty
# images. These are fifteen T-shirts and fifteen dresses, each reduced to 4 × 4 pixels and a 1 for the
# bias. `refit(keep)` returns the weights (2, 17) that minimise the mean loss over the thirty (the loss
# of those that `keep` marks, divided by 30) plus $\frac\lambda2\lVert W\rVert^2$, with $\lambda$ =
# `DECAY`, and stops only where the gradient is below $10^{-8}$. `asked_loss(weight)` is the mean loss
# of forty test images. With the decay in the loss, $\lambda$ stands where damping stood: the Hessian of
# $J$ is $H + \lambda I$. `predicted` (30,) is what the library's influence function says for the mean loss
# of the forty. The library divides its scores by $N$, here 30, so that they predict the change itself.

# %% name="thirty"
from sklearn.linear_model import LogisticRegression

from xaikit.influence import influence, study

DECAY = 0.01
here = study()
pair_of_classes = ("T-shirt/top", "Dress")


def small_images(data, number: int) -> tuple[Tensor, Tensor]:
    """Return the first images of both classes as 16 means and a 1, and their labels 0 and 1."""
    rows, labels = [], []
    for label, name in enumerate(pair_of_classes):
        chosen = data.images[data.labels == data.classes.index(name)][:number]
        rows.append(functional.avg_pool2d(chosen, 7).flatten(1).double())
        labels += [label] * len(chosen)
    rows = torch.cat(rows)
    return torch.cat([rows, torch.ones(len(rows), 1).double()], dim=1), torch.tensor(labels)


thirty, thirty_labels = small_images(here.training, 15)
forty, forty_labels = small_images(here.test, 20)


def refit(keep: Tensor) -> Tensor:
    """Return the weights (2, 17) fitted to the images that keep (30,), of booleans, marks."""
    # scikit-learn fits the difference w of the two classes' weights, which are −w/2 and w/2. It minimises
    # C · (sum of losses) + |w|²/2; ours is (sum of losses)/30 + λ|w|²/4, the same times 2/λ.
    settings = {"fit_intercept": False, "solver": "newton-cholesky", "tol": 1e-12}
    fit = LogisticRegression(C=2 / (30 * DECAY), **settings).fit(
        thirty.numpy(), thirty_labels.numpy(), sample_weight=keep.double().numpy()
    )
    difference = torch.from_numpy(fit.coef_[0])
    return torch.stack([-difference / 2, difference / 2])


def asked_loss(weight: Tensor) -> float:
    """Return the mean loss of the forty test images."""
    return float(functional.cross_entropy(forty @ weight.T, forty_labels))


layer = nn.Linear(17, 2, bias=False).double()
layer.weight.data = refit(torch.ones(30, dtype=torch.bool))
scores = influence(
    layer,
    forty,
    forty_labels,
    (thirty, thirty_labels),
    "influence_function",
    solver="exact",
    damping=DECAY,
    dtype=torch.float64,
).scores
predicted = scores.mean(0)

# %% [markdown]
# ### Task: leave-one-out
#
# Set `left_out` (30,) to the change of `asked_loss` (without the image, minus with all) for each of the
# thirty images, by training again. Set `agreement` to the Spearman correlation of `left_out` and
# `predicted`: the correlation of their *ranks* (the smallest value has rank 0, the next one rank 1, and
# so on).

# %% nbgrader={"grade_id": "gold-standard", "solution": true}
# answer: gold-standard
left_out = agreement = None
### BEGIN SOLUTION
everyone = torch.ones(30, dtype=torch.bool)
with_all = asked_loss(refit(everyone))
left_out = torch.zeros(30, dtype=torch.float64)
for i in range(30):
    keep = everyone.clone()
    keep[i] = False
    left_out[i] = asked_loss(refit(keep)) - with_all
ranks = [values.argsort().argsort().double() for values in (left_out, predicted)]
agreement = torch.corrcoef(torch.stack(ranks))[0, 1]
### END SOLUTION

# %% nbgrader={"grade_id": "gold-standard-test", "grade": true, "points": 2}
truth = checks.numbers(left_out, (30,), "left_out")
same_order = checks.numbers(agreement, (), "agreement")
checks.expect(
    np.abs(truth).max() < 1, "A single image of thirty does not change the mean loss by so much."
)
checks.expect(
    (truth * predicted.numpy() > 0).mean() > 0.8,
    "Most changes should have the sign of `predicted`: the loss without the image, minus that with all.",
)
checks.expect(
    not np.allclose(truth, predicted.numpy(), rtol=1e-6),
    "These are the predictions: train again, without one image at a time.",
)
checks.expect(-1 <= same_order <= 1, "A correlation lies between −1 and 1.")
size_beside = np.median(np.abs(truth)) / np.median(np.abs(predicted.numpy()))
checks.expect(
    0.5 < size_beside < 2,
    f"The changes are {size_beside:.2g} times as large as predicted: take the difference of the two mean "
    "losses as it is.",
)
steps_of_ranks = (1 - same_order) * 30 * (30**2 - 1) / 6
checks.expect(
    abs(steps_of_ranks - round(steps_of_ranks)) < 0.02,
    f"{same_order:.4f} is no correlation of ranks: for thirty values that is 1 minus a whole multiple of 1/4495.",
)
figure, axis = plt.subplots(figsize=(5, 3.6), layout="constrained")
axis.axline((0, 0), slope=1, color="0.7", linewidth=1)
for label, marker in enumerate("os"):
    chosen = thirty_labels.numpy() == label
    axis.plot(
        *(truth[chosen], predicted.numpy()[chosen]),
        marker,
        mfc="none" if label else "0.4",
        color="0.1",
        label=pair_of_classes[label],
    )
axis.set(
    title=f"Thirty images: rank correlation {same_order:.3f}",
    xlabel="change of the loss, trained again",
    ylabel="predicted by the influence function",
)
axis.legend(fontsize=8)
plt.show()
checks.passed(
    "gold-standard", "the signs and sizes of the changes, and the range of the correlation"
)

# %% [markdown]
# The order is nearly right; the largest changes are underestimated{{ if section.ridge }}, for the reason that you know from
# section {{ section.ridge }}{{ end }}: the tangent forgets the leverage. This is the good case: convex,
# converged, few weights. None of the three holds for a deep network.
