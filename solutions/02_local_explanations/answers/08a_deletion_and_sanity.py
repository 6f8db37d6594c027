# %% answer="deletion" kind="alternative"
# answer: deletion
def deletion_curve(model, image, target, attribution, fill, steps):
    shown = image.clone().flatten()
    order = np.argsort(-attribution.cpu().numpy().ravel())
    scores = []
    with torch.no_grad():
        for part in [[], *np.split(order, steps)]:
            shown[list(part)] = fill.flatten()[list(part)]
            scores.append(float(model(shown.view(1, *image.shape))[0, target]))
    return scores


# %% answer="deletion" kind="wrong"
# answer: deletion
def deletion_curve(model, image, target, attribution, fill, steps):
    # by magnitude: what speaks against the class goes first as well
    with torch.no_grad():
        rank = attribution.abs().flatten().argsort(descending=True).argsort().view(image.shape)
        gone = torch.arange(steps + 1) * (rank.numel() // steps)
        hidden = rank < gone.view(-1, 1, 1, 1)
        return model(torch.where(hidden, fill, image))[:, target]


# %% answer="rankings" kind="alternative"
# answer: rankings
areas = np.zeros((2, 6, 12))
better = {"black": [], "mean": []}
for line, fill in enumerate(("black", "mean")):
    for k, each in enumerate(contenders.values()):
        curve = deletion(model, dozen, each, fill=fill, steps=14)
        scores = curve.scores[:, 0].cpu().numpy()
        widths = np.diff(curve.fractions.cpu().numpy())
        areas[line, k] = ((scores[:, 1:] + scores[:, :-1]) / 2 * widths).sum(1)
    for k, name in enumerate(contenders):
        difference = areas[line, k] - areas[line, 4]
        if difference.mean() + 2.2 * difference.std(ddof=1) / np.sqrt(12) < 0:
            better[fill].append(name)
with torch.no_grad():
    logits_of_black = model(0 * examples[:1])
empty_class = logits_of_black.argmax()
empty_probability = torch.softmax(logits_of_black, dim=1).max()


# %% answer="rankings" kind="wrong"
# answer: rankings
# insertion in place of deletion, and who is better on average counts as better
areas = torch.stack(
    [
        torch.stack(
            [
                insertion(model, dozen, each, fill=fill, steps=14).auc[:, 0]
                for each in contenders.values()
            ]
        )
        for fill in ("black", "mean")
    ]
)
better = {
    fill: [name for k, name in enumerate(contenders) if areas[i, k].mean() < areas[i, 4].mean()]
    for i, fill in enumerate(("black", "mean"))
}
empty_class, empty_probability = 0, 0.1


# %% answer="sanity" kind="alternative"
# answer: sanity
across_classes, after_randomising = np.zeros((5, 12)), []
for k, (method, chosen) in enumerate(to_check.items()):
    result = explain(model, dozen, dozen_targets, method, **chosen).attributions.cpu().numpy()
    for n in range(12):
        across_classes[k, n] = np.corrcoef(result[n, 0].ravel(), result[n, 2].ravel())[0, 1]
    halves = [
        weight_randomisation(
            model, dozen[n : n + 6], dozen_targets[n : n + 6, 0], method, absolute=True, **chosen
        )
        for n in (0, 6)
    ]
    after_randomising.append(
        [float(each) for _, agreements in halves for each in agreements[-1].flatten()]
    )


# %% answer="sanity" kind="wrong"
# answer: sanity
# the second most in place of the least likely class; only the last layer is random
across_classes, after_randomising = torch.zeros(5, 12), torch.zeros(5, 12)
for k, (method, chosen) in enumerate(to_check.items()):
    maps = explain(model, dozen, dozen_targets[:, [0, 1]], method, **chosen).attributions
    across_classes[k] = torch.tensor([correlation(one, other) for one, other in maps])
    _, agreements = weight_randomisation(
        model, dozen, dozen_targets[:, 0], method, absolute=True, **chosen
    )
    after_randomising[k] = agreements[0][:, 0].cpu()
