# %% answer="lds" kind="alternative"
# answer: lds
def datamodelling_score(scores, subsets, outputs, draws):
    table, inside, said = (np.asarray(each, dtype=float) for each in (scores, subsets, outputs))
    correlations = []
    for image in range(len(table)):
        sums = (inside * table[image]).sum(axis=1)
        pair = [(values[:, None] > values).sum(axis=1) for values in (sums, said[:, image])]
        correlations.append(np.corrcoef(*pair)[0, 1])
    correlations = np.array(correlations)
    means = [correlations[row].mean() for row in np.asarray(draws)]
    return correlations.mean(), *np.quantile(means, [0.025, 0.975])


# %% answer="lds" kind="wrong"
# answer: lds
def datamodelling_score(scores, subsets, outputs, draws):
    # Pearson's correlation, without ranks
    predicted = subsets.double() @ scores.double().T
    a, b = predicted - predicted.mean(dim=0), outputs.double() - outputs.double().mean(dim=0)
    each = (a * b).sum(dim=0) / (a.norm(dim=0) * b.norm(dim=0))
    low, high = np.percentile(each[draws].mean(dim=1).numpy(), (2.5, 97.5))
    return each.mean().item(), float(low), float(high)
