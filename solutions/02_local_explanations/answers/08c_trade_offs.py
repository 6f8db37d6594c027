# %% answer="trade-offs" kind="alternative"
# answer: trade-offs
scores = evaluate(model, dozen, seven, measures, options=measure_options)
table = np.zeros((7, 3, 12))
for k, name in enumerate(seven):
    for m, measure in enumerate(measures):
        (found,) = [s for s in scores if s.explanation == name and s.metric == measure]
        if name != "random" or measure != "sensitivity":
            table[k, m] = found.scores.cpu().numpy()[:, 0]
against_random = np.zeros((6, 2), dtype=int)
for k in range(6):
    for m in range(2):
        difference = table[k, m] - table[6, m]
        reach = 2.2 * difference.std(ddof=1) / np.sqrt(12)
        if abs(difference.mean()) > reach:
            against_random[k, m] = np.sign(difference.mean())
agreement = torch.eye(6)
names = list(seven)[:6]
for i in range(6):
    for j in range(i):
        agreement[i, j] = rank_agreement(seven[names[i]], seven[names[j]]).mean()
        agreement[j, i] = agreement[i, j]


# %% answer="trade-offs" kind="wrong"
# answer: trade-offs
# of the least likely class, with the metrics' own options, and without asking about chance
asked = dozen_targets[:, 2]
other = {
    method: explain(model, dozen, asked, method, **chosen) for method, chosen in six_options.items()
}
other["random"] = random_ranking(dozen, asked, seed=1)
table = torch.zeros(7, 3, 12)
short = {"infidelity": {"samples": 20}, "sensitivity": {"samples": 1}, "deletion": {"steps": 2}}
for score in evaluate(model, dozen, other, measures, options=short):
    place = list(other).index(score.explanation), measures.index(score.metric)
    table[place] = score.scores[:, 0].nan_to_num(0).cpu()
against_random = (table[:6, :2].mean(2) - table[6:, :2].mean(2)).sign().int()
agreement = [[float(i == j) for i in range(6)] for j in range(6)]


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
