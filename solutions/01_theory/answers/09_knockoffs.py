# %% answer="knockoff-statistic" kind="alternative"
# answer: knockoff-statistic
def knockoff_statistics(z, z_knockoff, matrices):
    u = np.linalg.multi_dot([*matrices[::-1], np.eye(len(z))]).ravel()
    return (z * u - z_knockoff * u) * (z * u + z_knockoff * u)


# %% answer="knockoff-statistic" kind="wrong"
# answer: knockoff-statistic
def knockoff_statistics(z, z_knockoff, matrices):
    u = np.linalg.multi_dot([*matrices[::-1], np.eye(len(z))]).ravel()
    return np.abs(z * u) - np.abs(
        z_knockoff * u
    )  # it also compares the two, but is not DeepPINK's statistic


# %% answer="knockoff-selection" kind="alternative"
# answer: knockoff-selection
def select_features(statistics, q, c):
    thresholds = sorted(abs(w) for w in statistics if w != 0)
    ratios = [(c + np.sum(statistics <= -t)) / max(1, np.sum(statistics >= t)) for t in thresholds]
    passing = [t for t, ratio in zip(thresholds, ratios) if ratio <= q]
    return [bool(passing) and bool(w >= passing[0]) for w in statistics]


# %% answer="knockoff-selection" kind="wrong"
# answer: knockoff-selection
def select_features(statistics, q, c):
    for t in np.sort(np.abs(statistics))[::-1]:  # the largest passing threshold
        selected = statistics >= t
        if t > 0 and (c + (statistics <= -t).sum()) / max(1, selected.sum()) <= q:
            return selected
    return np.zeros(len(statistics), dtype=bool)
