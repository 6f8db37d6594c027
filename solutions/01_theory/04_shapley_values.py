# %% [markdown] minutes=40 core=true
# ## Section: Shapley values
#
# Players $N=\{1,\dots,M\}$ earn $v(S)$ when the coalition $S\subseteq N$ works together. Which share
# of $v(N) - v(\emptyset)$ is due to each? Let them arrive in random order and pay each what it adds on
# arrival; the mean over all $M!$ orders is the **Shapley value** (Shapley 1953). As a sum over the
# coalitions that player $i$ can join,
#
# $$ \varphi_i = \sum_{S\subseteq N\setminus\{i\}} \frac{|S|!\,(M-|S|-1)!}{M!}\,\bigl(v(S\cup\{i\}) - v(S)\bigr). $$
#
# It is the only rule with four properties: *efficiency* (the shares add up to $v(N)-v(\emptyset)$),
# *symmetry* (equal contributions, equal shares), *null player* (who never adds anything gets
# nothing), and *additivity* (the shares of a sum of games are the sums of the shares).
#
# **SHAP** (Lundberg and Lee 2017) plays this game with features: $v(S)$ is the expected output when
# only the features in $S$ are known. The explanation is an additive model of absence and presence,
#
# $$ g(z') = \varphi_0+\sum_i\varphi_i z'_i \;\approx\; f(h_x(z')), \qquad z'_i\in\{0,1\}, $$
#
# where $h_x(z')$ is the input $x$ with only the features known that $z'$ marks with 1. The two sides
# are equal where all are known, at $z'=(1,\dots,1)$, because $h_x(1,\dots,1)=x$. A linear model is of
# this form already. What "not known" means is a choice: in {{ if task.coalition-worths }}task {{ task.coalition-worths }}{{ else }}one{{ end }} an absent feature takes the value
# of a baseline, in {{ if task.expected-worths }}task {{ task.expected-worths }}{{ else }}another one{{ end }} the output is averaged over its values in the data.
#
# **Worked example.** Two players, $v(1)=4$, $v(2)=2$, $v(12)=10$. In the order 1, 2 they add 4 and 6;
# in the order 2, 1 player 2 adds 2 and player 1 adds 8. So $\varphi=(6, 4)$.

# %% [markdown]
# ### Task: three players, by pencil
#
# | coalition | ∅ | A | B | C | AB | AC | BC | ABC |
# |---|---|---|---|---|---|---|---|---|
# | worth | 0 | 12 | 0 | 0 | 30 | 18 | 18 | 60 |
#
# Enter the Shapley values of A, B and C.

# %% nbgrader={"grade_id": "shapley-by-pencil", "solution": true}
# answer: shapley-by-pencil
shares = [0.0, 0.0, 0.0]  # of A, B and C
### BEGIN SOLUTION
# A: 12/3 + 30/6 + 18/6 + (60−18)/3 = 26; B: 0 + (30−12)/6 + 18/6 + (60−18)/3 = 20; C: the rest.
shares = [26.0, 20.0, 14.0]
### END SOLUTION

# %% nbgrader={"grade_id": "shapley-by-pencil-test", "grade": true, "points": 2}
checks.expect(
    np.isclose(checks.numbers(shares, (3,), "shares").sum(), 60),
    "Efficiency: the three shares should add up to the worth of all players together.",
)
checks.passed("shapley-by-pencil", "three shares and their sum")

# %% [markdown]
# ### Task: find the error in a weight
#
# One can also sum over the coalitions $z'$ that **contain** player $i$ and look at what is lost when
# it leaves, $v(z') - v(z'\setminus i)$. Theorem 1 of the SHAP paper was printed in that form with
# the weight below; the authors' list of errata corrects it. Correct it, too. (How many players
# does $z'\setminus i$ have? What goes wrong for the coalition of all players?)


# %% nbgrader={"grade_id": "repair-weight", "solution": true}
# answer: repair-weight
def weight_of_coalition(size, players):
    """Weight, in player i's Shapley value, of a coalition of this size that CONTAINS player i.

    size: int, 1 to players.  players: int, how many there are in all.  Returns a float.
    """
    return math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)


### BEGIN SOLUTION
def weight_of_coalition(size, players):
    return math.factorial(size - 1) * math.factorial(players - size) / math.factorial(players)


### END SOLUTION

# %% nbgrader={"grade_id": "repair-weight-test", "grade": true, "points": 1}
try:
    # Of 4 players, the coalitions with player i: 1 of size 1, 3 of size 2, 3 of size 3, 1 of size 4.
    weights = [weight_of_coalition(size, 4) for size in (1, 2, 3, 4)]
except ValueError:
    raise checks.CheckFailed(
        "math.factorial was asked for a negative number, at the coalition of all players."
    ) from None
weights = checks.numbers(weights, (4,), "weight_of_coalition")
checks.expect(
    np.isclose(weights @ [1, 3, 3, 1], 1),
    "A Shapley value is a mean: the weights of all coalitions with player i should add up to 1.",
)
checks.expect(
    np.isclose(weights[0], 1 / 4),
    "Player i comes first in one of four orders: this is the weight of the coalition of i alone.",
)
checks.passed("repair-weight", "two properties of the weights for four players")

# %% [markdown]
# ### Task: any number of players
#
# Number the players 0 … M−1 and the coalitions by their bits: `worth[0b101]` is the worth of players
# 0 and 2 together, `worth[0]` that of nobody. (`coalition | (1 << i)` adds player $i$,
# `coalition & (1 << i)` tells whether it is in, and `coalition.bit_count()` counts.) Compute all
# Shapley values, by subsets or by orders, as you prefer. Up to six players come up.


# %% nbgrader={"grade_id": "shapley", "solution": true}
# answer: shapley
def shapley_values(worth, players):
    """Return the Shapley values of a game: array or list (players,).

    worth: array (2 ** players,), the worth of each coalition, numbered by its bits.
    players: int.
    """
    ### BEGIN SOLUTION
    values = np.zeros(players)
    for i in range(players):
        for coalition in range(2**players):
            if not coalition & (1 << i):
                size = coalition.bit_count()
                share = math.factorial(size) * math.factorial(players - 1 - size)
                values[i] += share * (worth[coalition | (1 << i)] - worth[coalition])
    return values / math.factorial(players)
    ### END SOLUTION


# %% nbgrader={"grade_id": "shapley-test", "grade": true, "points": 3}
two = checks.numbers(shapley_values(np.array([0.0, 4.0, 2.0, 10.0]), 2), (2,), "shapley_values")
checks.expect(np.allclose(two, [6, 4]), "Two players as in the worked example: 6 and 4.")
game = np.random.default_rng(0).normal(size=16)
four = checks.numbers(shapley_values(game, 4), (4,), "shapley_values")
checks.expect(
    np.isclose(four.sum(), game[15] - game[0]),
    "Efficiency: the values should add up to the worth of all minus the worth of nobody.",
)
checks.passed("shapley", "the worked example and efficiency")

# %% [markdown]
# ### Task: from a model to a game
#
# Let the features be the players: present features keep their value in $x$, absent ones take that
# of the baseline. Return the worth of all $2^d$ coalitions, numbered by their bits as above: the
# model's output `target` for each. ({{ if task.shapley }}With these worths, the function of task {{ task.shapley }} would give{{ else }}The Shapley values of this game are{{ end }} *baseline
# Shapley values*: exact, and exponentially expensive. Hence KernelSHAP, which samples.)


# %% nbgrader={"grade_id": "coalition-worths", "solution": true}
# answer: coalition-worths
def coalition_worths(model, x, baseline, target):
    """Return the output `target` for every coalition of present features: tensor (2 ** features,).

    model: network, (N, features) to (N, classes).  x, baseline: tensors (features,).  target: int.
    """
    ### BEGIN SOLUTION
    coalitions = torch.arange(2 ** len(x))
    present = (coalitions[:, None] >> torch.arange(len(x))) & 1
    with torch.no_grad():
        return model(torch.where(present.bool(), x, baseline))[:, target]
    ### END SOLUTION


# %% nbgrader={"grade_id": "coalition-worths-test", "grade": true, "points": 2}
adder = torch.nn.Linear(3, 2)  # class 1 is 1000 + x₁ + 10 x₂ + 100 x₃
with torch.no_grad():
    adder.weight[:] = torch.tensor([[5.0, 5.0, 5.0], [1.0, 10.0, 100.0]])
    adder.bias[:] = torch.tensor([9000.0, 1000.0])
here, absent = torch.tensor([2.0, 3.0, 4.0]), torch.tensor([1.0, 0.0, 5.0])
worths = coalition_worths(torch.nn.Sequential(adder), here, absent, 1)
worths = checks.numbers(worths, (8,), "coalition_worths")
checks.expect(
    np.allclose(worths[[0, 7]], [1501, 1432], atol=0.1),
    "Coalition 0 is the baseline itself, with the output 1501; the last coalition is the input "
    "itself, with the output 1432.",
)
checks.expect(
    np.allclose(worths[[1, 4]], [1502, 1401], atol=0.1),
    "The lowest bit stands for the first feature: coalition 1 has only feature 0 present, and "
    "coalition 4 only feature 2. Absent features take the baseline's value.",
)
checks.passed("coalition-worths", "the bits, the baseline and the target of a linear model")

# %% [markdown]
# ### Task: what "not known" means when features are correlated
#
# A baseline is one choice. Another is to average over the values that absent features take in the
# data. There are two such averages. Let $X$ be a random input, $x$ the explained one, $S$ the known
# features and $\bar S$ the absent ones:
#
# $$ v_{\text{marginal}}(S) = \mathbb E\bigl[f(x_S, X_{\bar S})\bigr], \qquad
#    v_{\text{conditional}}(S) = \mathbb E\bigl[f(X) \,\big|\, X_S = x_S\bigr]. $$
#
# The *marginal* expectation draws the absent features together, from their joint distribution, and
# takes no notice of the known ones. So it evaluates the model also at inputs that never occur. The
# *conditional* one averages over those inputs only that agree with $x$ in all known features. The
# two are equal if the features are independent.
#
# Lundberg and Lee (2017) define SHAP by the conditional expectation, and approximate it by the
# marginal one, which is exact if the features are independent. Aas, Jullum and Løland (2021) estimate
# the conditional one itself. Janzing, Minorics and Blöbaum (2020) argue for the marginal one: it
# says what the model does when its inputs are *set*, and a feature that the model does not use gets
# 0. By the conditional one such a feature can get a share, if it depends on a feature that the model
# uses. Chen et al. (2020) call the marginal one *true to the model*, and the conditional one *true to the
# data*.
#
# **Worked example.** Two features are 0 or 1. The inputs (0, 0) and (1, 1) have the probability 0.4
# each, (0, 1) and (1, 0) have 0.1 each. The model $f(x)=x_1$ does not use the second feature. At
# $x=(1,1)$ both games have $v(\emptyset)=0.5$ and $v(1)=v(12)=1$. They differ in $v(2)$: the marginal
# expectation of $X_1$ is 0.5, its expectation under the condition $X_2=1$ is $0.4/0.5=0.8$. So the
# Shapley values are $(0.5, 0)$ in the first game, and $(0.35, 0.15)$ in the second.
#
# Write both for a table of all inputs that occur and their probabilities, for all coalitions,
# numbered by their bits as above. The features take a few exact values, so compare them by `==`.


# %% nbgrader={"grade_id": "expected-worths", "solution": true}
# answer: expected-worths
def expected_worths(model, x, inputs, probabilities, target, expectation):
    """Return the expected output `target` for every coalition: tensor or array (2 ** features,).

    model: network, (N, features) to (N, classes).  x: tensor (features,), one of the inputs.
    inputs: tensor (K, features), all inputs that occur, each once.
    probabilities: tensor (K,), theirs: above 0, and 1 together.
    target: int.  expectation: "marginal" or "conditional".
    """
    ### BEGIN SOLUTION
    worths = []
    for coalition in range(2 ** len(x)):
        known = (coalition >> torch.arange(len(x))) & 1 == 1
        mixed, weights = torch.where(known, x, inputs), probabilities
        if expectation == "conditional":
            weights = probabilities * (mixed == inputs).all(1)
        with torch.no_grad():
            worths.append(weights @ model(mixed)[:, target] / weights.sum())
    return torch.stack(worths)
    ### END SOLUTION


# %% nbgrader={"grade_id": "expected-worths-test", "grade": true, "points": 3}
table = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
corner, same = torch.ones(2), np.linspace(0.5, 1, 11)  # P(X₁ = X₂)
by_share = {"marginal": [], "conditional": []}
for expectation, values in by_share.items():
    for share in same:
        chances = torch.tensor([share, share, 1 - share, 1 - share], dtype=torch.float32) / 2
        rows = slice(2) if share == 1 else slice(None)
        game = expected_worths(
            lambda z: z[:, :1], corner, table[rows], chances[rows], 0, expectation
        )
        game = checks.numbers(game, (4,), "expected_worths")
        checks.expect(
            np.isclose(game[0], 0.5, atol=1e-5) and np.allclose(game[[1, 3]], 1),
            f"{expectation}: v(∅), v(1) and v(12) should be as in the worked example.",
        )
        values.append([game[1] - game[0] + game[3] - game[2], game[2] - game[0]])
    by_share[expectation] = np.array(values) / [2, 2]
for expectation, second in (("marginal", 0), ("conditional", 0.15)):
    checks.expect(
        np.isclose(by_share[expectation][6, 1], second, atol=1e-5),
        f"{expectation}: see the share of the second feature in the worked example.",
    )
rows = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
for expectation, third in (("marginal", 0.9), ("conditional", 0.8)):  # the third feature's mean
    three = expected_worths(
        lambda z: torch.stack([50 + z[:, 0], (z[:, 0] - z[:, 1]) ** 2 + 10 * z[:, 2]], dim=1),
        torch.ones(3),
        rows,
        torch.tensor([0.1, 0.2, 0.3, 0.4]),
        1,
        expectation,
    )
    three = checks.numbers(three, (8,), "expected_worths")
    checks.expect(
        np.isclose(three[0], 9.5, atol=1e-4),
        f"{expectation}: absent features are drawn together, with the probabilities of whole inputs. "
        "Here the first two differ with the probability 0.5, and the third is 1 with 0.9.",
    )
    checks.expect(
        np.isclose(three[3], 10 * third, atol=1e-4),
        f"{expectation}: if the first two features are known to be 1, the third is {third} on "
        "average. Which inputs count, and do they agree in *all* known features?",
    )
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), sharey=True)
for axis, (expectation, values) in zip(axes, by_share.items(), strict=True):
    axis.plot(same, values[:, 0], "o-", color=BLUE, label="feature 1, used by the model")
    axis.plot(same, values[:, 1], "s--", color=ORANGE, label="feature 2, not used")
    axis.set(title=f"{expectation} expectation", xlabel="probability that the features are equal")
axes[0].set_ylabel("Shapley value")
axes[0].legend(fontsize="small", loc="center")
plt.show()
checks.passed("expected-worths", "the worked example and three features")
