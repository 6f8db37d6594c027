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
        for t in range(4):
            result = explain(
                model, examples[n : n + 1], int(targets[n, t]), method=method, **options[method]
            )
            maps[n, t] = result.attributions[0, 0].cpu().numpy()
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
gap, complete = {}, {}
with torch.no_grad():
    output = model(examples)
    starts = {name: model(torch.zeros(1, 1, 28, 28, device=device))[0] for name in with_sums}
    starts["deep_shap"] = torch.stack([model(one[None])[0] for one in background]).mean(0)
for name in with_sums:
    maps = explain(model, examples, targets, name, **options[name]).attributions.cpu()
    missing, there = [], []
    for n in range(2):
        for t in range(4):
            c = int(targets[n, t])
            rise = float(output[n, c] - starts[name][c])
            missing.append(abs(float(maps[n, t].sum()) - rise))
            there.append(abs(rise))
    gap[name] = np.mean(missing) / np.mean(there)
    complete[name] = bool(gap[name] < 0.05)


# %% answer="completeness" kind="wrong"
# answer: completeness
# compares the sums with the logits themselves
with torch.no_grad():
    at_input = model(examples).gather(1, targets)
gap = {}
for method in with_sums:
    sums = explain(model, examples, targets, method, **options[method]).attributions.sum((2, 3, 4))
    gap[method] = float((sums - at_input).abs().mean() / at_input.abs().mean())
complete = {method: value < 0.05 for method, value in gap.items()}


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
