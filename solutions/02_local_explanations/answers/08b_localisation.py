# %% answer="silhouette" kind="alternative"
# answer: silhouette
on_garment = {"trained": {}, "random": {}}
for case, (method, chosen) in cases.items():
    for name, network in zip(on_garment, (model, untrained), strict=True):
        found = []
        for image, target in zip(examples, targets[:, 1].tolist(), strict=True):
            values = explain(network, image[None], target, method, **chosen).attributions[0, 0]
            values = np.abs(values.cpu().numpy())
            found.append(values[image.cpu().numpy() > 0].sum() / max(values.sum(), 1e-12))
        on_garment[name][case] = float(np.mean(found))
by_construction = ["IG, black baseline", "DeepLIFT, black", "LRP", "input × gradient"]


# %% answer="silhouette" kind="wrong"
# answer: silhouette
# signed values, which cancel, and of the least likely class
on_garment = {}
for name, network in (("trained", model), ("random", untrained)):
    on_garment[name] = {}
    for case, (method, chosen) in cases.items():
        maps = explain(network, examples, targets[:, 3], method, **chosen).attributions[:, 0]
        share = (maps * (examples > 0)).sum() / maps.abs().sum().clamp(min=1e-12)
        on_garment[name][case] = float(share.abs())
by_construction = ["LRP"]


# %% answer="localisation" kind="alternative"
# answer: localisation
focus, pointing, on_sticker = {}, {}, {}
for method in pointers:
    found = explain(model, tiles.images, tiles.targets, method, **pointers[method])
    values = found.attributions[:, :, 0]
    inside, positive = tiles.masks, values.clamp(min=0)
    total = positive.sum((2, 3))
    focus[method] = ((positive * inside).sum((2, 3)) / total)[total > 0].mean()
    pointing[method] = np.nanmean(pointing_game(found, tiles.masks).cpu().numpy())
for method in ("gradient", "guided_backprop", "input_x_gradient", "integrated_gradients"):
    each = [
        localisation(
            explain(alarmed, planted[n : n + 1], 8, method, **pointers[method]),
            sticker_masks[n : n + 1],
        ).item()
        for n in range(len(planted))
    ]
    on_sticker[method] = np.mean(each)


# %% answer="localisation" kind="wrong"
# answer: localisation
# asks each mosaic about the other class, and the sticker of a network without the alarm
focus, pointing, on_sticker = {}, {}, {}
for method, chosen in pointers.items():
    found = explain(model, tiles.images, tiles.targets.flip(1), method, **chosen)
    focus[method] = localisation(found, tiles.masks).nanmean().item()
    pointing[method] = pointing_game(found, tiles.masks).nanmean().item()
    if method != "grad_cam":
        found = explain(model, planted, 8, method, **chosen)
        on_sticker[method] = localisation(found, sticker_masks).nanmean().item()
