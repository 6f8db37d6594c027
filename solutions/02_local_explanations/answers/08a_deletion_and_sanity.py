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
areas, winner = {}, {}
for fill in ("black", "mean"):
    areas[fill] = {}
    for name, each in contenders.items():
        curve = deletion(model, curve_images, each, fill=fill, steps=14)
        mean = curve.scores.mean((0, 1)).cpu().numpy()
        widths = np.diff(curve.fractions.cpu().numpy())
        areas[fill][name] = float(((mean[1:] + mean[:-1]) / 2 * widths).sum())
    winner[fill] = sorted(contenders, key=lambda name: areas[fill][name])[0]
with torch.no_grad():
    logits_of_black = model(0 * examples[:1])
empty_class = logits_of_black.argmax()
empty_probability = torch.softmax(logits_of_black, dim=1).max()


# %% answer="rankings" kind="wrong"
# answer: rankings
# insertion in place of deletion, and the largest area wins
areas = {
    fill: {
        name: insertion(model, curve_images, each, fill=fill, steps=14).auc.mean().item()
        for name, each in contenders.items()
    }
    for fill in ("black", "mean")
}
winner = {fill: max(found, key=found.get) for fill, found in areas.items()}
empty_class, empty_probability = 0, 0.1


# %% answer="sanity" kind="alternative"
# answer: sanity
across_classes, after_randomising = {}, {}
for method in to_check:
    result = explain(model, examples, targets, method).attributions.cpu().numpy()
    pairs = [np.corrcoef(result[n, 0].ravel(), result[n, 3].ravel())[0, 1] for n in (0, 1)]
    across_classes[method] = np.mean(pairs)
    each = [
        weight_randomisation(model, examples[n : n + 1], int(targets[n, 0]), method, absolute=True)
        for n in (0, 1)
    ]
    after_randomising[method] = np.mean([float(agreement[-1]) for _, agreement in each])


# %% answer="sanity" kind="wrong"
# answer: sanity
# the most likely in place of the least likely class; only the last layer is random
across_classes, after_randomising = {}, {}
for method in to_check:
    maps = explain(model, examples, targets[:, [0, 1]], method).attributions
    across_classes[method] = sum(correlation(one, other) for one, other in maps) / 2
    _, agreements = weight_randomisation(model, examples, targets[:, 0], method, absolute=True)
    after_randomising[method] = agreements[0].mean().item()
