# %% [markdown]
# ## 1 · The nearest point on the other side
#
# **You learn** what "smallest change" means, where it can be computed exactly. **Time:** one hour.
#
# A linear classifier decides by the sign of $f(x) = w^\top x + b$. Its counterfactuals lie beyond
# the plane $f = 0$. The Euclidean-nearest point of that plane is the orthogonal projection
#
# $$x^\star = x - \frac{w^\top x + b}{w^\top w}\, w .$$
#
# *On* the plane the classifier does not decide, so the counterfactual lies a little beyond it: $1 + m$ times
# as far from $x$, with a small margin $m > 0$.
#
# ### Task 1: the projection (1 point)
#
# Write `nearest_l2(x, weight, bias, margin)`, which returns the point that lies $1 + m$ times as far
# from $x$ as the projection, in the same direction.


# %% nbgrader={"grade_id": "nearest-l2", "solution": true}
# answer: nearest-l2
def nearest_l2(x: Tensor, weight: Tensor, bias: float, margin: float) -> Tensor:
    """Return the counterfactual (D,) of x (D,) with the smallest Euclidean distance.

    The classifier is sign(weight @ x + bias), weight (D,).
    """
    ### BEGIN SOLUTION
    return x - (1 + margin) * (weight @ x + bias) / (weight @ weight) * weight
    ### END SOLUTION


# %% nbgrader={"grade_id": "nearest-l2-test", "grade": true, "points": 1}
moved = checks.numbers(
    nearest_l2(torch.tensor([3.0, 1.0]), torch.tensor([0.0, 2.0]), 0.0, 0.0),
    (2,),
    "nearest_l2(…)",
)
checks.expect(
    abs(moved[0] - 3) < 1e-5,
    "With w = (0, 2) only the second coordinate matters: the first should stay as it is.",
)
checks.expect(
    abs(moved[1]) < 1e-5, "With margin 0 the point lies on the plane: there w·x + b is zero."
)
checks.passed("nearest-l2")

# %% [markdown]
# ### Another distance, another answer
#
# Wachter, Mittelstadt and Russell ([2017](https://arxiv.org/abs/1711.00399)) prefer the
# **$L_1$ distance** $\sum_i |x_i - x_i'|$, because its solutions are *sparse*: most features keep
# their value, and an explanation that names one feature is easier to follow than one that changes
# all of them a little.
#
# ### Task 2: as few features as possible (2 points)
#
# Which point of the plane $w^\top x + b = 0$ is nearest in $L_1$? A step of size $t$ along coordinate
# $i$ changes $f$ by $w_i t$ and costs $|t|$: so it is cheapest to change *one* coordinate only. Write
# `nearest_l1(x, weight, bias, free)`, which returns that point, for the case that only the features
# with `free` true may change (nobody can lower their age). The others keep their values exactly. Return
# a new tensor: `x` itself is needed afterwards, and must stay as it is.


# %% nbgrader={"grade_id": "nearest-l1", "solution": true}
# answer: nearest-l1
def nearest_l1(x: Tensor, weight: Tensor, bias: float, free: Tensor) -> Tensor:
    """Return the point (D,) of the plane that is nearest to x (D,) in L1, changing free features.

    weight (D,); free (D,) boolean, true somewhere.
    """
    ### BEGIN SOLUTION
    strength = torch.where(free, weight.abs(), torch.zeros_like(weight))
    most = strength.argmax()
    moved = x.clone()
    moved[most] -= (weight @ x + bias) / weight[most]
    return moved
    ### END SOLUTION


# %% nbgrader={"grade_id": "nearest-l1-test", "grade": true, "points": 2}
person = torch.tensor([1.0, 2.0, -1.0])
before = person.clone()
both = [
    checks.numbers(
        nearest_l1(person, torch.tensor([1.0, -2.0, 4.0]), 1.0, free), (3,), "nearest_l1(…)"
    )
    for free in (torch.tensor([True, True, True]), torch.tensor([True, True, False]))
]
for point in both:
    checks.expect(
        abs(point @ np.array([1.0, -2.0, 4.0]) + 1) < 1e-4,
        "The point should lie on the plane: weight @ x + bias is not zero there.",
    )
    checks.expect(
        (np.abs(point - person.numpy()) > 1e-6).sum() == 1,
        "In L1 the cheapest change is one of a single feature: exactly one feature should move.",
    )
checks.expect(
    abs(both[1][2] - person[2]) < 1e-6, "A feature that is not free has to keep its value."
)
checks.expect(
    torch.equal(person, before),
    "Your function changed the `x` that it was given: work on a copy of it.",
)
checks.passed("nearest-l1")

# %% [markdown]
# ### Features of different scale
#
# Is a year of age as far as a euro of income? Wachter et al. divide each feature by its **median
# absolute deviation** over the data, which a few outliers change little:
#
# $$d(x, x') = \sum_k \frac{|x_k - x'_k|}{\mathrm{MAD}_k}, \qquad
#   \mathrm{MAD}_k = \operatorname*{median}_j \bigl|X_{jk} - \operatorname*{median}_l X_{lk}\bigr| .$$
#
# ### Task 3: a distance without units (1 point)
#
# Write `mad_distance(x, changed, data)` for `data` (N, D), no column of which is constant in more
# than half of its rows. (N is odd here, so that a median is one of the values.)


# %% nbgrader={"grade_id": "mad", "solution": true}
# answer: mad
def mad_distance(x: Tensor, changed: Tensor, data: Tensor) -> float:
    """Return the distance of x (D,) and changed (D,), each feature in units of its MAD in data."""
    ### BEGIN SOLUTION
    spread = (data - data.median(dim=0).values).abs().median(dim=0).values
    return ((x - changed).abs() / spread).sum().item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "mad-test", "grade": true, "points": 1}
people = torch.tensor([[20.0, 1000.0], [30.0, 2000.0], [40.0, 9000.0]])
distance = checks.numbers(
    mad_distance(people[0], torch.tensor([20.0, 2000.0]), people), (), "mad_distance(…)"
)
checks.expect(distance >= 0, "A distance is never negative.")
checks.close(
    mad_distance(people[0], people[0], people),
    0.0,
    "mad_distance(x, x, …)",
    "Without any change the distance is zero.",
)
checks.close(
    mad_distance(1000 * people[0], 1000 * people[1], 1000 * people),
    mad_distance(people[0], people[1], people),
    "mad_distance(…)",
    "The distance should not depend on the features' units: divide each change by the feature's MAD.",
)
checks.passed("mad")
