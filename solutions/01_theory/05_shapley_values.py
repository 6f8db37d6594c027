# %% [markdown]
# ## 5 · Shapley values
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
# this form already. What "not known" means is a choice: below, as in much of the literature, an
# absent feature takes the value of a baseline.
#
# **Worked example.** Two players, $v(1)=4$, $v(2)=2$, $v(12)=10$. In the order 1, 2 they add 4 and 6;
# in the order 2, 1 player 2 adds 2 and player 1 adds 8. So $\varphi=(6, 4)$.

# %% [markdown]
# ### Task 10: three players, by pencil (2 points)
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
checks.passed("shapley-by-pencil")

# %% [markdown]
# ### Task 11: find the error in a weight (1 point)
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
checks.passed("repair-weight")

# %% [markdown]
# ### Task 12: any number of players (3 points)
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
checks.passed("shapley")

# %% [markdown]
# ### Task 13: from a model to a game (2 points)
#
# Let the features be the players: present features keep their value in $x$, absent ones take that
# of the baseline. Return the worth of all $2^d$ coalitions, numbered by their bits as above: the
# model's output `target` for each. (With these worths, the function of task 12 would give *baseline
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
adder = torch.nn.Linear(3, 1)
with torch.no_grad():
    adder.weight[:] = torch.tensor([[1.0, 10.0, 100.0]])
    adder.bias[:] = 0
worths = checks.numbers(
    coalition_worths(adder, torch.ones(3), torch.zeros(3), 0), (8,), "coalition_worths"
)
checks.expect(
    worths[0] == 0 and worths[7] == 111,
    "Coalition 0 is the baseline itself, the last coalition the input itself.",
)
checks.expect(
    worths[1] == 1 and worths[4] == 100,
    "The lowest bit stands for the first feature: coalition 1 has only feature 0 present.",
)
checks.passed("coalition-worths")
