# %% answer="average-precision" kind="alternative"
# answer: average-precision
def average_precision(scores, wanted):
    order = np.argsort(-np.asarray(scores, dtype=float))
    hits = np.asarray(wanted, dtype=float)[order]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return (precision * hits).sum() / hits.sum()


# %% answer="average-precision" kind="wrong"
# answer: average-precision
def average_precision(scores, wanted):
    # the mean precision over all positions, not over those of the wanted ones
    hits = wanted[scores.argsort(descending=True)].float()
    return (hits.cumsum(0) / torch.arange(1, len(hits) + 1)).mean().item()


# %% answer="poison-hunt" kind="alternative"
# answer: poison-hunt
says = victim(triggered).argmax(dim=1)
cosines = influence(victim, triggered, says, suspected, method="grad_cos", layers="all").scores
suspects = np.argsort(-cosines[0].numpy())[:100]


# %% answer="poison-hunt" kind="wrong"
# answer: poison-hunt
# the garment's own label: the gradient points the other way
own_label = test.labels[test.labels != 9][:1]
suspects = influence(victim, triggered, own_label, suspected, method="grad_cos", layers="all").top(
    100
)[0]
