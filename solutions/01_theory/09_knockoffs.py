# %% [markdown] minutes=20
# ## Section: Knockoffs
#
# Which features matter at all? With enough features some will look important by chance. **Knockoffs**
# (Barber and Candès 2015; for any model Candès 2018) are synthetic copies of the features. The copy
# $\tilde X_j$ depends on the other features as $X_j$ does, but it is made without the outcome. A
# statistic $W_j$ compares the two: it is large and positive if the model uses $X_j$ much more than
# $\tilde X_j$. For an irrelevant feature both signs of $W_j$ have the same probability, so *the number
# of negative statistics tells how many of the positive ones are there by chance*.
#
# **DeepPINK** (Lu 2018) compares them in a network: the first layer has, for each $j$, one filter
# $z_jX_j+\tilde z_j\tilde X_j$ with $z_j=\tilde z_j$ at the start, followed by an ordinary network
# with matrices $W^{(1)},\dots,W^{(L)}$ and one output. The importance of a filter is estimated by the
# product of the matrices, as if there were no ReLUs:
#
# $$ Z_j = z_j\,u_j, \quad \tilde Z_j = \tilde z_j\,u_j, \quad u^\top = W^{(L)}\cdots W^{(1)}, \qquad
#    W_j = Z_j^2 - \tilde Z_j^2 . $$
#
# (The paper has one more vector of weights between filters and network; the first matrix can absorb
# it.) **Selection.** For a bound $q$ on the *false discovery rate*, the expected share of irrelevant
# features among the selected ones, take all features with $W_j\geq T$, where
#
# $$ T = \min\Bigl\{t\in\{|W_1|,\dots,|W_p|\},\ t>0 \ :\ \frac{c + \#\{j: W_j\leq -t\}}{\max(1,\ \#\{j: W_j\geq t\})}\leq q\Bigr\}. $$
#
# With $c=1$ (*knockoff+*) the bound holds exactly, with $c=0$ for a slightly modified rate. If no $t$
# fulfils the condition, nothing is selected.
#
# **Worked example.** $W=(5, 4, 3, -1, 2)$, $q=0.3$, $c=1$: for $t=2$ the ratio is $1/4\leq0.3$, for
# $t=1$ it is $2/4>0.3$. For $t=3$ it would be $1/3>0.3$. So $T=2$ selects features 1, 2, 3 and 5.

# %%
# Given: 40 independent features, of which the first 10 matter, and a small DeepPINK network. The
# features are independent of each other, so independent copies are valid knockoffs.
rng = np.random.default_rng(5)
examples, features, relevant = 800, 40, 10
X, knockoffs = (
    torch.tensor(rng.normal(size=(examples, features)), dtype=torch.float32) for _ in range(2)
)
signs = torch.tensor(rng.choice([-1.0, 1.0], relevant), dtype=torch.float32)
score = X[:, :relevant] @ signs / relevant**0.5
noise = torch.tensor(3 * rng.normal(size=examples), dtype=torch.float32)
outcome = score + 0.5 * score**3 + noise

torch.manual_seed(5)
filters = torch.full((2, features), 0.5, requires_grad=True)  # z and z̃: equal at the start
body = torch.nn.Sequential(torch.nn.Linear(features, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1))
penalty = 0.03  # on filters and first matrix: it leaves few features with a large weight
optimizer = torch.optim.Adam([filters, *body.parameters()], lr=0.01)
for _ in Bar(range(200), "training the filters"):
    coupled = filters[0] * X + filters[1] * knockoffs
    error = ((body(coupled)[:, 0] - outcome) ** 2).mean()
    loss = error + penalty * sum(p.abs().sum() for p in (filters, body[0].weight))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
z_trained, knockoff_trained = filters.detach().numpy()
matrices = [body[0].weight.detach().numpy(), body[2].weight.detach().numpy()]
print(f"mean squared error {error.item():.1f}, variance of the outcome {outcome.var().item():.1f}")

# %% [markdown]
# ### Task: DeepPINK's statistic
#
# Return $W_j$ of every feature by the formulas above.


# %% nbgrader={"grade_id": "knockoff-statistic", "solution": true}
# answer: knockoff-statistic
def knockoff_statistics(z, z_knockoff, matrices):
    """Return DeepPINK's statistic W_j of every feature: an array (features,).

    z, z_knockoff: (features,), trained filter weights of the features and of their knockoffs.
    matrices: list of the network's weights, first layer first, each (outputs, inputs); the first
    takes the filters' outputs, the last has one output.
    """
    ### BEGIN SOLUTION
    u = np.ones(1)
    for matrix in reversed(matrices):
        u = u @ matrix
    return u**2 * (z**2 - z_knockoff**2)
    ### END SOLUTION


# %% nbgrader={"grade_id": "knockoff-statistic-test", "grade": true, "points": 2}
by_hand = knockoff_statistics(
    np.array([2.0, 1.0, 3.0]),
    np.array([1.0, 2.0, -1.0]),
    [np.array([[1.0, 2.0, 0.0], [1.0, -1.0, 1.0]]), np.array([[2.0, -1.0]])],
)
checks.close(
    by_hand,
    [3, -75, 8],
    "knockoff_statistics",
    "an example by hand, with u = (1, 5, −1): the statistics are 3, −75 and 8.",
)
statistic = checks.numbers(
    knockoff_statistics(z_trained, knockoff_trained, matrices), (features,), "knockoff_statistics"
)
swapped = checks.numbers(
    knockoff_statistics(knockoff_trained, z_trained, matrices), (features,), "knockoff_statistics"
)
checks.expect(
    np.allclose(statistic, -swapped),
    "If features and knockoffs change places, every statistic should change its sign.",
)
doubled = knockoff_statistics(z_trained, knockoff_trained, [matrices[0], 2 * matrices[1]])
checks.expect(
    np.allclose(doubled, 4 * statistic), "Twice the last matrix: the statistic should be 4 times."
)
figure, axis = plt.subplots(figsize=(8, 2.8))
for group, colour, hatch, label in [
    (slice(0, relevant), BLUE, None, "relevant"),
    (slice(relevant, None), ORANGE, "//", "irrelevant"),
]:
    axis.bar(np.arange(features)[group], statistic[group], color=colour, hatch=hatch, label=label)
axis.set(title="Each feature against its knockoff", xlabel="feature", ylabel="statistic")
axis.legend()
plt.show()
checks.passed("knockoff-statistic", "an example by hand, and what changes the sign and the size")

# %% [markdown]
# ### Task: selection at a given false discovery rate
#
# Say for every feature whether $W_j\geq T$, with the $T$ above.


# %% nbgrader={"grade_id": "knockoff-selection", "solution": true}
# answer: knockoff-selection
def select_features(statistics, q, c):
    """Say which features the knockoff filter selects: a boolean array (features,).

    statistics: (features,).  q: float in (0, 1), bound on the false discovery rate.  c: 0 or 1.
    """
    ### BEGIN SOLUTION
    for t in np.unique(np.abs(statistics)):  # in ascending order
        selected = statistics >= t
        # Without max(1, …): where nothing is selected there is some W ≤ −t, and 1 > q.
        if t > 0 and c + (statistics <= -t).sum() <= q * selected.sum():
            return selected
    return np.full(len(statistics), False)
    ### END SOLUTION


# %% nbgrader={"grade_id": "knockoff-selection-test", "grade": true, "points": 3}
worked = checks.numbers(
    select_features(np.array([5.0, 4.0, 3.0, -1.0, 2.0]), 0.3, 1), (5,), "select_features"
)
checks.expect(np.array_equal(worked, [1, 1, 1, 0, 1]), "See the worked example above.")
# For t = 0.5 the ratio without c is 2/4, for t = 1 it is 1/3, and for t = 1.5 it is 0.
mixed = np.array([2.0, -0.5, 1.5, 1.0, -1.0, 0.5])
for c, wanted in [(0, [1, 0, 1, 1, 0, 0]), (1, [0, 0, 0, 0, 0, 0])]:
    found = checks.numbers(select_features(mixed, 0.4, c), (6,), "select_features")
    checks.expect(
        np.array_equal(found, wanted),
        f"W = (2, −0.5, 1.5, 1, −1, 0.5), q = 0.4, c = {c}: {sum(wanted)} features are selected. "
        "Write the ratio for each t on paper, from the smallest t on; statistics equal to t or −t count.",
    )
nothing = select_features(np.array([-2.0, 1.0, 3.0]), 0.1, 1)
nothing = checks.numbers(nothing, (3,), "select_features")
checks.expect(not nothing.any(), "If no threshold fulfils the condition, nothing is selected.")
equal = checks.numbers(select_features(np.array([2.0, 4.0]), 0.5, 1), (2,), "select_features")
checks.expect(
    equal.all(), "For t = 2 the ratio is 1/2: equal to q = 0.5, so t fulfils the condition."
)
even = checks.numbers(select_features(np.array([0.0, 1.0]), 0.9, 0), (2,), "select_features")
checks.expect(not even[0], "A feature with W = 0 is never selected: thresholds are above 0.")
# Does the bound hold? 30 relevant features of 100, and 200 repetitions for each bound.
rng = np.random.default_rng(6)
bounds = [0.05, 0.1, 0.2, 0.3, 0.5]
rates = {"false discoveries among the selected": [], "relevant features found": []}
for q in Bar(bounds, "200 repetitions a bound"):
    false_share, found_share = [], []
    for _ in range(200):
        drawn = rng.normal(size=100) + np.where(np.arange(100) < 30, 2.0, 0.0)
        chosen = np.asarray(select_features(drawn, q, 1), dtype=bool)
        false_share.append(chosen[30:].sum() / max(1, chosen.sum()))
        found_share.append(chosen[:30].mean())
    rates["false discoveries among the selected"].append(np.mean(false_share))
    rates["relevant features found"].append(np.mean(found_share))
figure, axis = plt.subplots(figsize=(8, 3))
axis.plot([0, 0.5], [0, 0.5], ":", color=GREY, label="the bound itself")
for (label, values), colour, marker in zip(rates.items(), [ORANGE, BLUE], "so", strict=True):
    axis.plot(bounds, values, marker + "-", color=colour, label=label)
axis.set(title="Knockoff+, simulated", xlabel="bound q", ylabel="mean share", ylim=(0, 1))
axis.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
checks.passed("knockoff-selection", "five small examples")
