# %% answer="least-squares" kind="alternative"
# answer: least-squares
def weighted_least_squares(samples, outputs, weights):
    # centred by weighted means, so that the intercept can be found last
    share = weights / weights.sum()
    x, y = samples - share @ samples, outputs - share @ outputs
    slopes = np.linalg.solve((x * share[:, None]).T @ x, (x * share[:, None]).T @ y)
    return np.append(share @ outputs - share @ samples @ slopes, slopes)


# %% answer="least-squares" kind="wrong"
# answer: least-squares
def weighted_least_squares(samples, outputs, weights):
    rows = np.column_stack([np.ones(len(samples)), samples])
    return np.linalg.lstsq(weights[:, None] * rows, weights * outputs, rcond=None)[0]


# %% answer="lime-logistic" kind="alternative"
# answer: lime-logistic
def explain_regression(w, b, x, samples, sigma, scale):
    kernel = np.array([math.exp(-((z - x) @ (z - x)) / sigma**2) for z in samples])
    p = 1 / (1 + np.exp(-(samples @ w) - b))
    y = np.log(p / (1 - p)) if scale == "log-odds" else p
    mean_z, mean_y = kernel @ samples / kernel.sum(), kernel @ y / kernel.sum()
    centred = samples - mean_z
    return np.linalg.solve((kernel * centred.T) @ centred, (kernel * centred.T) @ (y - mean_y))


# %% answer="lime-logistic" kind="wrong"
# answer: lime-logistic
def explain_regression(w, b, x, samples, sigma, scale):
    return w  # a logistic regression explains itself, does it not?
