# %% answer="trade-offs" kind="alternative"
# answer: trade-offs
scores = evaluate(model, examples, list(six.values()), measures, options=measure_options)
table = {
    method: {s.metric: s.value for s in scores if s.explanation == method} for method in six_options
}
agreement = torch.eye(6)
names = list(six)
for i in range(6):
    for j in range(i):
        agreement[i, j] = rank_agreement(six[names[i]], six[names[j]]).mean()
        agreement[j, i] = agreement[i, j]


# %% answer="trade-offs" kind="wrong"
# answer: trade-offs
# of the least likely class, with the metrics' own options
other = {
    method: explain(model, examples, targets[:, 3], method, **chosen)
    for method, chosen in six_options.items()
}
table = {method: {} for method in other}
short = {"infidelity": {"samples": 20}, "sensitivity": {"samples": 1}, "deletion": {"steps": 2}}
for score in evaluate(model, examples, other, measures, options=short):
    table[score.explanation][score.metric] = score.value
agreement = [[float(one is two) for two in other.values()] for one in other.values()]


# %% answer="token-f1" kind="alternative"
# answer: token-f1
def token_f1(gradients, rationale, count):
    norms = np.sqrt((gradients.numpy() ** 2).sum(1))
    top = set(np.argsort(-norms)[:count].tolist())
    marked = set(np.flatnonzero(rationale.numpy()).tolist())
    common = len(top & marked)
    if common == 0:
        return 0.0
    precision, recall = common / len(top), common / len(marked)
    return 2 * precision * recall / (precision + recall)


# %% answer="token-f1" kind="wrong"
# answer: token-f1
def token_f1(gradients, rationale, count):
    # the precision alone
    top = gradients.norm(dim=1).topk(count).indices
    return rationale[top].float().mean().item()
