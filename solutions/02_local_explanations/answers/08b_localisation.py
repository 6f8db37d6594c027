# %% answer="silhouette" kind="alternative"
# answer: silhouette
on_garment = np.zeros((2, 7, 12))
for k, (method, chosen) in enumerate(cases.values()):
    for which, network in enumerate((model, untrained)):
        for n in range(0, 12, 4):
            found = explain(
                network, dozen[n : n + 4], dozen_targets[n : n + 4, 0], method, **chosen
            )
            for place, values in enumerate(np.abs(found.attributions[:, 0].cpu().numpy()), n):
                inside = values[dozen[place].cpu().numpy() > 0].sum()
                on_garment[which, k, place] = inside / max(values.sum(), 1e-12)
by_construction = ["IG, black baseline", "DeepLIFT, black", "LRP", "input × gradient"]


# %% answer="silhouette" kind="wrong"
# answer: silhouette
# signed values, which cancel, and of the least likely class
on_garment = torch.zeros(2, 7, 12)
for which, network in enumerate((model, untrained)):
    for k, (method, chosen) in enumerate(cases.values()):
        maps = explain(network, dozen, dozen_targets[:, 2], method, **chosen).attributions[:, 0]
        inside = (maps * (dozen > 0)).sum((1, 2, 3)).abs()
        on_garment[which, k] = (inside / maps.abs().sum((1, 2, 3)).clamp(min=1e-12)).cpu()
by_construction = ["LRP"]


# %% answer="localisation" kind="alternative"
# answer: localisation
focus, pointing, on_sticker = [], [], []
for method in pointers:
    found = explain(model, tiles.images, tiles.targets, method, **pointers[method])
    values = found.attributions[:, :, 0]
    positive = values.clamp(min=0)
    shares = (positive * tiles.masks).sum((2, 3)) / positive.sum((2, 3))
    focus.append(np.nanmean(shares.cpu().numpy(), 1))
    pointing.append(np.nanmean(pointing_game(found, tiles.masks).cpu().numpy(), 1))
for method in ("gradient", "guided_backprop", "input_x_gradient", "integrated_gradients"):
    on_sticker.append(
        [
            localisation(
                explain(alarmed, planted[n : n + 1], 8, method, **pointers[method]),
                sticker_masks[n : n + 1],
            ).item()
            for n in range(len(planted))
        ]
    )
focus, pointing, on_sticker = np.stack(focus), np.stack(pointing), np.array(on_sticker)


# %% answer="localisation" kind="wrong"
# answer: localisation
# asks each mosaic about the other class, and the sticker of a network without the alarm
focus, pointing, on_sticker = torch.zeros(5, 12), torch.zeros(5, 12), torch.zeros(4, 12)
for line, (method, chosen) in enumerate(pointers.items()):
    found = explain(model, tiles.images, tiles.targets.flip(1), method, **chosen)
    focus[line] = localisation(found, tiles.masks).nanmean(1).cpu()
    pointing[line] = pointing_game(found, tiles.masks).nanmean(1).cpu()
    if method != "grad_cam":
        found = explain(model, planted, 8, method, **chosen)
        on_sticker[line] = localisation(found, sticker_masks)[:, 0].cpu()
