# %% answer="shapley-by-pencil" kind="alternative"
# answer: shapley-by-pencil
v = {"": 0, "A": 12, "B": 0, "C": 0, "AB": 30, "AC": 18, "BC": 18, "ABC": 60}
shares = np.zeros(3)
for order in itertools.permutations("ABC"):
    for k, player in enumerate(order):
        now, before = ("".join(sorted(order[:n])) for n in (k + 1, k))
        shares["ABC".index(player)] += (v[now] - v[before]) / 6


# %% answer="shapley-by-pencil" kind="wrong"
# answer: shapley-by-pencil
shares = [28.0, 16.0, 16.0]


# %% answer="repair-weight" kind="alternative"
# answer: repair-weight
def weight_of_coalition(size, players):
    return 1 / (players * math.comb(players - 1, size - 1))


# %% answer="repair-weight" kind="wrong"
# answer: repair-weight
def weight_of_coalition(size, players):
    # No exception any more, but one is still off.
    return (
        math.factorial(size - 1)
        * math.factorial(max(0, players - size - 1))
        / math.factorial(players)
    )


# %% answer="shapley" kind="alternative"
# answer: shapley
def shapley_values(worth, players):
    orders = list(itertools.permutations(range(players)))
    values = [0.0] * players
    for order in orders:
        there = 0
        for i in order:
            values[i] += float(worth[there | 1 << i] - worth[there]) / len(orders)
            there |= 1 << i
    return values


# %% answer="shapley" kind="wrong"
# answer: shapley
def shapley_values(worth, players):
    values = np.zeros(players)
    for i in range(players):
        gains = [worth[s | 1 << i] - worth[s] for s in range(2**players) if not s & 1 << i]
        values[i] = np.mean(gains)  # every coalition the same: that is the Banzhaf value
    return values


# %% answer="coalition-worths" kind="alternative"
# answer: coalition-worths
def coalition_worths(model, x, baseline, target):
    worths = []
    for coalition in range(1 << len(x)):
        mixed = baseline.clone()
        for i in range(len(x)):
            if coalition & (1 << i):
                mixed[i] = x[i]
        worths.append(model(mixed[None])[0, target].item())
    return worths


# %% answer="coalition-worths" kind="wrong"
# answer: coalition-worths
def coalition_worths(model, x, baseline, target):
    rows = [list(mask) for mask in itertools.product([0, 1], repeat=len(x))]  # highest bit first
    mask = torch.tensor(rows, dtype=x.dtype)
    return model(mask * x + (1 - mask) * baseline)[:, target]


# %% answer="expected-worths" kind="alternative"
# answer: expected-worths
def expected_worths(model, x, inputs, probabilities, target, expectation):
    result = np.zeros(2 ** len(x))
    for coalition in range(len(result)):
        total = 0.0
        for row, probability in zip(inputs.tolist(), probabilities.tolist()):
            agrees = all(row[i] == x[i] for i in range(len(x)) if coalition & 1 << i)
            if expectation == "conditional" and not agrees:
                continue
            point = [float(x[i]) if coalition & 1 << i else row[i] for i in range(len(x))]
            result[coalition] += probability * model(torch.tensor([point]))[0, target].item()
            total += probability
        result[coalition] /= total
    return result


# %% answer="expected-worths" kind="wrong"
# answer: expected-worths
def expected_worths(model, x, inputs, probabilities, target, expectation):
    worths = []
    for coalition in range(2 ** len(x)):
        known = (coalition >> torch.arange(len(x))) & 1 == 1
        # The marginal expectation in either case, as KernelSHAP estimates it.
        worths.append(probabilities @ model(torch.where(known, x, inputs))[:, target])
    return torch.stack(worths)
