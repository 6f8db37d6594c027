# %% [markdown] minutes=45 core=true
# ## Section: The nearest point on the other side
#
# **You learn** what "smallest change" means, where it can be computed exactly. **Time:** {{ time }}.
#
# A linear classifier decides by the sign of $f(x) = w^\top x + b$. Its counterfactuals lie beyond
# the plane $f = 0$. The Euclidean-nearest point of that plane is the orthogonal projection
#
# $$x^\star = x - \frac{w^\top x + b}{w^\top w}\, w .$$
#
# *On* the plane the classifier does not decide, so the counterfactual lies a little beyond it: $1 + m$ times
# as far from $x$, with a small margin $m > 0$.
#
# ### Task: the projection
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
checks.function(nearest_l2, "nearest_l2")
for point, bias, margin, wanted, hint in (
    ([3, 1], 5, 0, [1, -3], "With margin 0 it is the projection: w·x + b, with b, is zero there."),
    ([3, 1], 5, 0.5, [0, -5], "With margin 0.5 the way from x is 1.5 times as long as with 0."),
    ([0, 0], -5, 0.5, [1.5, 3], "Where w·x + b is negative, the way to the plane is along w."),
):
    moved = nearest_l2(
        torch.tensor(point).float(), torch.tensor([1.0, 2.0]), float(bias), float(margin)
    )
    checks.close(moved, wanted, f"nearest_l2({point}, [1, 2], {bias}, {margin})", hint)
checks.passed("nearest-l2", "a projection, a margin, and a point on the other side of the plane")

# %% [markdown]
# ### Another distance, another answer
#
# Wachter, Mittelstadt and Russell ([2017](https://arxiv.org/abs/1711.00399)) prefer the
# **$L_1$ distance** $\sum_i |x_i - x_i'|$, because its solutions are *sparse*: most features keep
# their value, and an explanation that names one feature is easier to follow than one that changes
# all of them a little.
#
# ### Task: as few features as possible
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
checks.function(nearest_l1, "nearest_l1")
person = torch.tensor([1.0, 2.0, -1.0])  # w·x + b is −6, or −6 / 64 with all weights divided by 64
before = person.clone()
for free, divisor, wanted in (
    ([True, True, True], 1, [1, 2, 0.5]),
    ([False, True, True], 1, [1, 2, 0.5]),
    ([True, True, False], 1, [1, -1, -1]),
    ([True, True, False], 64, [1, -1, -1]),
    ([True, False, False], 1, [7, 2, -1]),
):
    name = f"nearest_l1(…) with free = {free}"
    weight = torch.tensor([1.0, -2.0, 4.0]) / divisor
    point = checks.numbers(nearest_l1(person, weight, 1 / divisor, torch.tensor(free)), (3,), name)
    changed = np.abs(point - before.numpy()) > 1e-5
    checks.expect(torch.equal(person, before), "Your function changed its `x`: work on a copy.")
    checks.expect(changed.sum() == 1, f"`{name}`: in L1 it is cheapest to change one feature only.")
    checks.expect(
        not changed[~np.array(free)].any(), f"`{name}`: what is not free has to keep its value."
    )
    on_plane = abs(point @ weight.numpy() + 1 / divisor) < 1e-4
    checks.expect(on_plane, f"`{name}`: weight @ x + bias is not zero at your point.")
    checks.close(point, wanted, name, "Another free feature reaches the plane with less change.")
checks.passed("nearest-l1", "four sets of free features, small weights, and the unchanged x")

# %% [markdown]
# ### Features of different scale
#
# Is a year of age as far as a euro of income? Wachter et al. divide each feature by its **median
# absolute deviation** over the data, which a few outliers change little:
#
# $$d(x, x') = \sum_k \frac{|x_k - x'_k|}{\mathrm{MAD}_k}, \qquad
#   \mathrm{MAD}_k = \operatorname*{median}_j \bigl|X_{jk} - \operatorname*{median}_l X_{lk}\bigr| .$$
#
# ### Task: a distance without units
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
checks.function(mad_distance, "mad_distance")
people = torch.tensor([[20.0, 1000.0], [30.0, 2000.0], [40.0, 9000.0]])
one, other = torch.tensor([25.0, 1500.0]), torch.tensor([20.0, 4500.0])
distance = checks.numbers(mad_distance(one, other, people), (), "mad_distance(…)")
checks.close(
    mad_distance(1000 * one, 1000 * other, 1000 * people),
    distance,
    "mad_distance(…)",
    "The distance should not depend on the features' units: divide each change by the feature's MAD.",
)
checks.close(
    distance,
    3.5,
    "mad_distance(…)",
    "A change of 5 years is half a MAD, and 3000 euros are three. Take the medians column by column.",
    tolerance=1e-3,
)
checks.passed("mad", "units, and a small table of three people")
