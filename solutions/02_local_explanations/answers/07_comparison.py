# %% answer="target-choice" kind="alternative"
# answer: target-choice
def three_gradients(model, image, c, d):
    def slope(of):
        point = image.detach().clone().requires_grad_()
        of(model(point.unsqueeze(0))[0]).backward()
        return point.grad

    logits = model(image[None])[0].detach()
    p = logits.softmax(0)
    every = [slope(lambda s, k=k: s[k]) for k in range(len(logits))]
    probability = p[c] * (every[c] - sum(p[k] * every[k] for k in range(len(p))))
    return torch.stack([every[c], probability, every[c] - every[d]])


# %% answer="target-choice" kind="wrong"
# answer: target-choice
def three_gradients(model, image, c, d):
    # the logarithm of the probability
    image = image.detach().clone().requires_grad_()
    scores = model(image[None])[0]
    asked = (scores[c], scores.log_softmax(0)[c], scores[c] - scores[d])
    return [torch.autograd.grad(each, image, retain_graph=True)[0] for each in asked]


# %% answer="linear" kind="alternative"
# answer: linear
on_linear = dict.fromkeys(("gradient", "smoothgrad", "guided_backprop"), "w")
on_linear |= dict.fromkeys(("input_x_gradient", "lrp"), "w*x")
on_linear |= dict.fromkeys(("integrated_gradients", "deeplift", "lime"), "w*(x-x')")
on_linear |= dict.fromkeys(("expected_gradients", "deep_shap", "kernel_shap"), "w*(x-mean x')")
on_linear["grad_cam"] = "undefined"


# %% answer="linear" kind="wrong"
# answer: linear
on_linear = {
    "gradient": "w*x",
    "input_x_gradient": "w*x",
    "smoothgrad": "w*x",
    "guided_backprop": "w*x",
    "integrated_gradients": "w*x",
    "expected_gradients": "w*x",
    "deeplift": "w*x",
    "deep_shap": "w*x",
    "lrp": "w*x",
    "grad_cam": "w*x",
    "lime": "w",
    "kernel_shap": "w",
}


# %% answer="grid" kind="alternative"
# answer: grid
grid = {}
for method in options:
    maps = np.zeros((2, 4, 1, 28, 28), dtype=np.float32)
    for n in range(2):
        result = explain(
            model, examples[n : n + 1], targets[n : n + 1], method=method, **options[method]
        )
        maps[n] = result.attributions[0].cpu().numpy()
    grid[method] = maps


# %% answer="grid" kind="wrong"
# answer: grid
# the predicted class in all four columns
grid = {
    method: explain(
        model, examples, targets[:, [1, 1, 1, 1]], method, **options[method]
    ).attributions
    for method in options
}


# %% answer="completeness" kind="alternative"
# answer: completeness
gap = np.zeros((7, 12))
with torch.no_grad():
    scores, black_scores = model(dozen).cpu().numpy(), model(torch.zeros_like(dozen[:1])).cpu()[0]
    expected = model(background).mean(0).cpu().numpy()
for k, method in enumerate(with_sums):
    start = expected if method == "deep_shap" else black_scores.numpy()
    sums = []
    for n in range(0, 12, 4):
        maps = explain(model, dozen[n : n + 4], dozen_targets[n : n + 4], method, **options[method])
        sums += list(maps.attributions.flatten(2).sum(2).cpu().numpy())
    for n in range(12):
        wanted = dozen_targets[n].cpu().numpy()
        rise = scores[n, wanted] - start[wanted]
        gap[k, n] = np.abs(sums[n] - rise).sum() / np.abs(rise).sum()
complete = dict(zip(with_sums, (gap.mean(axis=1) < 0.05).tolist()))


# %% answer="completeness" kind="wrong"
# answer: completeness
# compares the sums with the logits themselves
with torch.no_grad():
    at_input = model(dozen).gather(1, dozen_targets)
gap = torch.zeros(7, 12)
for k, method in enumerate(with_sums):
    maps = explain(model, dozen, dozen_targets, method, **options[method]).attributions
    missing = maps.sum((2, 3, 4)) - at_input
    gap[k] = (missing.abs().mean(1) / at_input.abs().mean(1)).cpu()
complete = {method: bool(gap[k].mean() < 0.05) for k, method in enumerate(with_sums)}


# %% [markdown] answer="interpret-grid" kind="alternative"
# <!-- answer: interpret-grid -->
# 1. Only in part. LIME gives regions on the garment itself and Grad-CAM a blob in its middle, which
#    a person would accept. The plain gradient is noise. IG and DeepLIFT never colour the background
#    because it equals the baseline: with a white baseline much of the map lay on the background.
#    So "it looks at the garment" proves nothing here.
# 2. Yes for most: red and blue change places between the true and the least likely class for IG,
#    DeepSHAP and LIME. Had they not, the map would show the garment and not the class. Grad-CAM
#    cannot show evidence against a class, and its maps for the least likely class are nearly empty.
# 3. The predicted class has red where the true class is pale or blue, above all in the middle. We
#    are not sure, since IG and LIME name different places; covering the place and predicting again
#    would be a test.
