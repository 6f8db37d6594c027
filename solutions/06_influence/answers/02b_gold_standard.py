# %% answer="gold-standard" kind="alternative"
# answer: gold-standard
all_of_them = np.arange(30)
start = asked_loss(refit(torch.from_numpy(all_of_them >= 0)))
left_out = np.array(
    [asked_loss(refit(torch.from_numpy(all_of_them != k))) - start for k in range(30)]
)
order = [np.argsort(np.argsort(v)) for v in (left_out, predicted.numpy())]
difference = order[0] - order[1]
agreement = 1 - 6 * (difference**2).sum() / (30 * (30**2 - 1))


# %% answer="gold-standard" kind="wrong"
# answer: gold-standard
# the order of the subtraction the other way round; the correlation of the values, not of the ranks
marks = torch.ones(30, dtype=torch.bool)
full = asked_loss(refit(marks))
left_out = []
for i in range(30):
    others = marks.clone()
    others[i] = False
    left_out.append(full - asked_loss(refit(others)))
agreement = np.corrcoef(left_out, predicted.numpy())[0, 1]
