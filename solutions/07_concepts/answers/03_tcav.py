# %% answer="two-tests" kind="alternative"
# answer: two-tests
def two_tests(runs, random_scores):
    a, b = np.asarray(runs, dtype=float), np.asarray(random_scores, dtype=float)
    ts = (
        (a.mean() - 0.5) * np.sqrt(len(a)) / a.std(ddof=1),
        (a.mean() - b.mean()) / np.sqrt(b.var(ddof=1) * (1 + 1 / len(b))),
    )
    return [1 - abs(1 - 2 * student(len(x) - 1).cdf(t)) for t, x in zip(ts, (a, b))]


# %% answer="two-tests" kind="wrong"
# answer: two-tests
def two_tests(runs, random_scores):
    # one side, and the mean of the random scores in the place of a new one
    first = (runs.mean() - 0.5).abs() / (runs.std() / math.sqrt(len(runs)))
    error = random_scores.std() / math.sqrt(len(random_scores))
    second = (runs.mean() - random_scores.mean()).abs() / error
    return (
        student.sf(float(first), len(runs) - 1),
        student.sf(float(second), len(random_scores) - 1),
    )


# %% answer="holm" kind="alternative"
# answer: holm
def holm(p_values):
    flat = p_values.flatten().tolist()
    found, highest = [0.0] * len(flat), 0.0
    for rank, place in enumerate(sorted(range(len(flat)), key=flat.__getitem__)):
        highest = max(highest, min(1.0, flat[place] * (len(flat) - rank)))
        found[place] = highest
    return torch.tensor(found, dtype=torch.float64).reshape(p_values.shape)


# %% answer="holm" kind="wrong"
# answer: holm
def holm(p_values):
    # Bonferroni
    return (p_values * p_values.numel()).clamp(max=1)


# %% answer="fair-control" kind="alternative"
# answer: fair-control
def fair_control(concept, random_sets):
    paper = min(float(image.min()) for image in concept)
    return [torch.where(images < paper, paper, images) for images in random_sets]


# %% answer="fair-control" kind="wrong"
# answer: fair-control
def fair_control(concept, random_sets):
    # everything becomes brighter, garments too
    return [(images + concept.min()).clamp(max=1) for images in random_sets]
