# %% answer="slice-table" kind="alternative"
# answer: slice-table
def slice_table(groups, wrong):
    rows, z = [], 1.96
    for g in range(int(groups.max()) + 1):
        inside = [bool(w) for w, k in zip(wrong, groups, strict=True) if int(k) == g]
        n, p = len(inside), sum(inside) / len(inside)
        half = z * math.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
        ends = [(p + z * z / (2 * n) + sign * half) / (1 + z * z / n) for sign in (-1, 1)]
        rows.append([n, p, *ends])
    return np.array(rows)


# %% answer="slice-table" kind="wrong"
# answer: slice-table
def slice_table(groups, wrong):
    # the interval of the normal distribution: of no width where all are right
    size = torch.bincount(groups).float()
    rate = torch.bincount(groups, weights=wrong.float()) / size
    half = 1.96 * (rate * (1 - rate) / size).sqrt()
    return torch.stack([size, rate, rate - half, rate + half], 1)


# %% answer="worst-by-chance" kind="alternative"
# answer: worst-by-chance
def worst_by_chance(groups, wrong, orders):
    labels, verdicts = np.asarray(groups), np.asarray(wrong)
    every = np.vstack([np.arange(len(labels)), np.asarray(orders)])
    rates = np.max(
        [verdicts[every][:, labels == g].mean(axis=1) for g in np.unique(labels)], axis=0
    )
    return rates[0], (rates >= rates[0]).mean()


# %% answer="worst-by-chance" kind="wrong"
# answer: worst-by-chance
def worst_by_chance(groups, wrong, orders):
    # the group that was the worst, in each draw: as if it had not been searched for
    rates = [wrong[groups == g].float().mean().item() for g in range(int(groups.max()) + 1)]
    worst = int(np.argmax(rates))
    draws = [wrong[order][groups == worst].float().mean().item() for order in orders]
    return max(rates), (1 + sum(d >= max(rates) for d in draws)) / (1 + len(draws))
