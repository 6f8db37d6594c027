# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% answer="accuracy" kind="alternative"
# answer: accuracy
predicted_class = logits.max(dim=1).indices.numpy()
accuracy = np.mean(predicted_class == labels.numpy())
recall = [np.mean(predicted_class[labels.numpy() == c] == c) for c in range(10)]
hardest = np.argmin(recall)

# %% answer="accuracy" kind="wrong"
# answer: accuracy
# of the images predicted as class c, how many are c: precision; and the error for the accuracy
predicted_class = logits.argmax(1)
accuracy = (predicted_class != labels).float().mean().item()
hardest = int(
    torch.stack([(labels[predicted_class == c] == c).float().mean() for c in range(10)]).argmin()
)


# %% answer="targets" kind="alternative"
# answer: targets
def targets_of_interest(logits, labels):
    top = torch.topk(logits, 2, dim=1).indices
    return torch.cat([labels[:, None], top, logits.argmin(1, keepdim=True)], dim=1)


# %% answer="targets" kind="wrong"
# answer: targets
def targets_of_interest(logits, labels):
    order = logits.abs().argsort(dim=1, descending=True)  # large negative logits look likely
    return torch.stack([labels, order[:, 0], order[:, 1], order[:, -1]], dim=1)


# %% answer="gradient" kind="alternative"
# answer: gradient
def gradient_maps(model, image, target):
    batch = image.unsqueeze(0).clone()
    batch.requires_grad = True
    model(batch)[:, target].sum().backward()
    slope = batch.grad.squeeze(0)
    return torch.stack([slope, slope * image])


# %% answer="gradient" kind="wrong"
# answer: gradient
def gradient_maps(model, image, target):
    image = image.detach().clone().requires_grad_()
    probability = model(image[None]).softmax(1)[0, target]
    (slope,) = torch.autograd.grad(probability, image)
    return slope, slope * image


# %% answer="smoothgrad" kind="alternative"
# answer: smoothgrad
def smoothgrad(model, image, target, noise):
    total = torch.zeros_like(image)
    for each in noise:
        copy = (image + each).requires_grad_()
        total += torch.autograd.grad(model(copy[None])[0, target], copy)[0]
    return total / len(noise)


# %% answer="smoothgrad" kind="wrong"
# answer: smoothgrad
def smoothgrad(model, image, target, noise):
    copies = (image + noise).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(model(copies)[:, target].sum(), copies)
    return slopes.abs().mean(0)


# %% answer="guided-backprop" kind="alternative"
# answer: guided-backprop
def guided_backprop(network, x, target):
    class Guided(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z.clamp(min=0)

        @staticmethod
        def backward(ctx, signal):
            (z,) = ctx.saved_tensors
            return torch.where((z > 0) & (signal > 0), signal, torch.zeros_like(signal))

    point = x.detach().clone().requires_grad_()
    value = point
    for layer in network:
        value = Guided.apply(value) if isinstance(layer, nn.ReLU) else layer(value)
    value[target].backward()
    return point.grad


# %% answer="guided-backprop" kind="wrong"
# answer: guided-backprop
def guided_backprop(network, x, target):
    # the deconvnet: without the mask of the forward pass
    with torch.no_grad():
        signal = torch.zeros(network[-1].out_features)
        signal[target] = 1.0
        for layer in reversed(network):
            if isinstance(layer, nn.ReLU):
                signal = signal.clamp(min=0)
            else:
                signal = signal @ layer.weight
        return signal


# %% answer="integrated-gradients" kind="alternative"
# answer: integrated-gradients
def integrated_gradients(model, image, target, baseline, steps):
    result = torch.zeros_like(image)
    for k in range(1, steps + 1):
        point = torch.lerp(baseline, image, (k - 0.5) / steps).requires_grad_()
        model(point[None])[0, target].backward()
        result += point.grad / steps
    return result * (image - baseline)


# %% answer="integrated-gradients" kind="wrong"
# answer: integrated-gradients
def integrated_gradients(model, image, target, baseline, steps):
    alphas = torch.arange(steps) / steps  # the left ends of the steps
    alphas = alphas.view(-1, *[1] * image.ndim)
    points = (baseline + alphas * (image - baseline)).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(model(points)[:, target].sum(), points)
    return (image - baseline) * slopes.mean(0)


# %% answer="expected-gradients" kind="alternative"
# answer: expected-gradients
def expected_gradients(model, image, target, references, alphas):
    total = torch.zeros_like(image)
    for reference, alpha in zip(references, alphas):
        point = torch.lerp(reference, image, float(alpha)).requires_grad_()
        model(point[None])[0, target].backward()
        total += (image - reference) * point.grad
    return total / len(alphas)


# %% answer="expected-gradients" kind="wrong"
# answer: expected-gradients
def expected_gradients(model, image, target, references, alphas):
    # the mean way times the mean gradient
    places = alphas.view(-1, *[1] * image.ndim)
    points = (references + places * (image - references)).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(model(points)[:, target].sum(), points)
    return (image - references.mean(0)) * slopes.mean(0)


# %% answer="deep-shap" kind="alternative"
# answer: deep-shap
def deep_shap(network, x, backgrounds, target):
    w, b = network[0].weight.detach().numpy(), network[0].bias.detach().numpy()
    v = network[2].weight.detach().numpy()[target]
    x = x.numpy()
    total = np.zeros_like(x)
    for reference in backgrounds.numpy():
        for j in range(len(b)):
            z, z0 = w[j] @ x + b[j], w[j] @ reference + b[j]
            if np.isclose(z, z0, rtol=0, atol=1e-6):
                m = 1.0 if z > 0 else 0.0
            else:
                m = (np.maximum(z, 0) - np.maximum(z0, 0)) / (z - z0)
            total += (x - reference) * w[j] * m * v[j]
    return total / len(backgrounds)


# %% answer="deep-shap" kind="wrong"
# answer: deep-shap
def deep_shap(network, x, backgrounds, target):
    # one explanation against the mean background
    with torch.no_grad():
        first, _, second = network
        reference = backgrounds.mean(0)
        z, z_reference = first(x), first(reference)
        chord = (z.relu() - z_reference.relu()) / (z - z_reference)
        return (x - reference) * ((second.weight[target] * chord) @ first.weight)


# %% answer="relevance" kind="alternative"
# answer: relevance
def relevance(network, x, target, rule):
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    entering = [x.detach().numpy().astype(float)]
    for layer in linear:
        w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        entering.append(np.maximum(w @ entering[-1] + b, 0))
    w, b = linear[-1].weight.detach().numpy(), linear[-1].bias.detach().numpy()
    shares = np.zeros(len(b))
    shares[target] = (w @ entering[-2] + b)[target]
    for k in range(len(linear) - 1, -1, -1):
        w, b = linear[k].weight.detach().numpy(), linear[k].bias.detach().numpy()
        a, below = entering[k], np.zeros(w.shape[1])
        for j in range(len(b)):
            z = w[j] * a
            if rule == "epsilon":
                whole = z.sum() + b[j]
                whole += 1e-6 if whole >= 0 else -1e-6
            elif rule == "deep_taylor" and k == 0:
                z = z - np.minimum(w[j], 0)
                whole = z.sum()
            else:
                z = np.maximum(z, 0)
                whole = z.sum() + (max(b[j], 0) if rule == "z_plus" else 0)
            if whole != 0:
                below += z / whole * shares[j]
        shares = below
    return shares


# %% answer="relevance" kind="wrong"
# answer: relevance
def relevance(network, x, target, rule):
    # starts from 1 in place of the logit
    with torch.no_grad():
        entering, value = [], x
        for layer in network:
            entering.append(value)
            value = layer(value)
        share = torch.zeros_like(value)
        share[target] = 1.0
        for place in reversed(range(len(network))):
            layer, a = network[place], entering[place]
            if isinstance(layer, nn.ReLU):
                continue
            z = layer.weight * a
            if rule == "epsilon":
                below = z.sum(1) + layer.bias + 1e-6
            elif rule == "deep_taylor" and place == 0:
                z = z - layer.weight.clamp(max=0)
                below = z.sum(1)
            else:
                z = z.clamp(min=0)
                below = z.sum(1) + (layer.bias.clamp(min=0) if rule == "z_plus" else 0)
            share = (share / below) @ z
        return share


# %% answer="grad-cam" kind="alternative"
# answer: grad-cam
def grad_cam(features, head, image, target):
    maps = features(image.unsqueeze(0))
    maps.retain_grad()
    head(maps)[0, target].backward()
    weights = maps.grad[0].mean(dim=(1, 2))
    return torch.relu(torch.einsum("k,khw->hw", weights, maps[0])).detach().numpy()


# %% answer="grad-cam" kind="wrong"
# answer: grad-cam
def grad_cam(features, head, image, target):
    # gradient × activation place by place, without averaging the gradients over the map
    activations = features(image[None]).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(head(activations)[0, target], activations)
    return (slopes * activations).sum(1).relu()[0].detach()


# %% answer="lime" kind="alternative"
# answer: lime
def lime(masks, outputs, width, penalty):
    from sklearn.linear_model import Ridge

    cosine = torch.nn.functional.cosine_similarity(masks, torch.ones_like(masks), dim=1)
    weights = torch.exp(-((1 - cosine) ** 2) / width**2)
    surrogate = Ridge(alpha=float(penalty), fit_intercept=True)
    surrogate.fit(masks.numpy(), outputs.numpy(), sample_weight=weights.numpy())
    return surrogate.coef_


# %% answer="lime" kind="wrong"
# answer: lime
def lime(masks, outputs, width, penalty):
    # everybody counts alike
    z, y = masks.double(), outputs.double()
    z, y = z - z.mean(0), y - y.mean()
    gram = z.T @ z + penalty * torch.eye(z.shape[1], dtype=z.dtype)
    return torch.linalg.solve(gram, z.T @ y)


# %% answer="kernel-shap" kind="alternative"
# answer: kernel-shap
def kernel_shap(masks, outputs, empty, full):
    z, y = masks.numpy().astype(float), outputs.numpy().astype(float) - empty
    size = z.shape[1]
    root = np.sqrt([(size - 1) / (math.comb(size, int(n)) * n * (size - n)) for n in z.sum(1)])
    # two very heavy rows in place of the constraint would do, too; a multiplier is exact
    a = root[:, None] * z
    left = np.block([[a.T @ a, np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
    right = np.concatenate([a.T @ (root * y), [full - empty]])
    return np.linalg.solve(left, right)[:-1]


# %% answer="kernel-shap" kind="wrong"
# answer: kernel-shap
def kernel_shap(masks, outputs, empty, full):
    # all masks count alike
    z, y = masks.double(), outputs.double() - empty
    total = full - empty
    columns, rest = z[:, :-1] - z[:, -1:], y - total * z[:, -1]
    others = torch.linalg.solve(columns.T @ columns, columns.T @ rest)
    return torch.cat([others, (total - others.sum()).view(1)])


# %% answer="tree-shap" kind="alternative"
# answer: tree-shap
by_path, by_background = np.zeros((2, 4, 49)), np.zeros((2, 4, 49))
base_by_path, base_by_background = np.zeros((2, 4)), np.zeros((2, 4))
for n in range(2):
    for t in range(4):
        c = int(targets[n, t])
        p = forest.predict_proba(rows[n : n + 1])[0, c]
        by_path[n, t] = tree_shap(forest, rows[n : n + 1], c).attributions[0, 0]
        found = tree_shap(forest, rows[n : n + 1], c, background=forest_background)
        by_background[n, t] = found.attributions[0, 0]
        base_by_path[n, t] = p - by_path[n, t].sum()
        base_by_background[n, t] = p - by_background[n, t].sum()

# %% answer="tree-shap" kind="wrong"
# answer: tree-shap
# the two versions exchanged
wanted = targets.cpu()
by_background = tree_shap(forest, rows, wanted).attributions
by_path = tree_shap(forest, rows, wanted, background=forest_background).attributions
probability = torch.as_tensor(forest.predict_proba(rows)).gather(1, wanted)
base_by_path = probability - by_path.sum(2)
base_by_background = probability - by_background.sum(2)


# %% answer="exemplars" kind="alternative"
# answer: exemplars
def nearest_per_class(query, features, labels, classes):
    distance = torch.cdist(query[None], features)[0]
    result = []
    for c in range(classes):
        members = torch.nonzero(labels == c)[:, 0]
        result.append(int(members[distance[members].argmin()]))
    return result


# %% answer="exemplars" kind="wrong"
# answer: exemplars
def nearest_per_class(query, features, labels, classes):
    # the largest inner product favours large features
    likeness = features @ query
    return torch.stack(
        [torch.where(labels == c, likeness, -torch.inf).argmax() for c in range(classes)]
    )


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


# %% answer="predict" kind="alternative"
# answer: predict
changed = {
    "shift: gradient of a logit",
    "shift: integrated gradients of a logit",
    "constant: LRP-z⁺ of a logit",
    "twins: LRP-z⁺",
    "twins: guided backpropagation",
}
prediction = {question: "other" if question in changed else "same" for question in questions}

# %% answer="predict" kind="wrong"
# answer: predict
# "same predictions, same maps; same function, other maps"
prediction = {q: "same" if q.startswith("shift") else "other" for q in questions}

# %% answer="manipulate" kind="alternative"
# answer: manipulate
start = examples[1:].clone()
with torch.no_grad():
    wanted = model(start)
best, most = start, 0.0
change = torch.zeros_like(start)
for k in range(200):
    change.requires_grad_()
    point = (start + change).clamp(0, 1)
    (slopes,) = torch.autograd.grad(smooth(point)[0, goal], point, create_graph=True)
    loss = 1 - energy_in_square(slopes[0]) + 0.02 * (model(point) - wanted).square().mean()
    (step,) = torch.autograd.grad(loss, change)
    rate = 0.02 if k < 100 else 0.005
    change = (change.detach() - rate * step / step.abs().max()).clamp(-0.1, 0.1)
    with torch.no_grad():
        point = (start + change).clamp(0, 1)
        moved = float((model(point) - wanted).abs().max())
    share = explain(model, point, goal, "gradient").attributions[0, 0]
    if moved < 1.9 and float(energy_in_square(share)) > most:
        best, most = point, float(energy_in_square(share))
manipulated = best[0]

# %% answer="manipulate" kind="wrong"
# answer: manipulate
# noise moves the map about, but not into the square
noise = torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(0)).to(device)
manipulated = (examples[1] + 0.05 * (2 * noise - 1)).clamp(0, 1)


# %% answer="trained-or-random" kind="alternative"
# answer: trained-or-random
def looks_trained(maps):
    # the sum of magnitudes of maps of norm 1: peaked maps have a small one
    return float(maps.abs().sum((1, 2)).mean()) < 20.2


# %% answer="trained-or-random" kind="wrong"
# answer: trained-or-random
def looks_trained(maps):
    # every map has norm 1, so this is always true
    return bool(maps.norm() > 1)


# %% [markdown] answer="simulation" kind="alternative"
# <!-- answer: simulation -->
# 1. I worked alone with number 4: I wrote down eight guesses for the images, then eight with the
#    maps, then looked. 4 of 8 without maps, 6 of 8 with maps.
# 2. Two cards more are little: by tossing coins for the five cards on which I changed my mind, two
#    more hits come about often. I had seen the images before, so a second look may have helped, and
#    I knew that half of them are mistakes.
# 3. It tells whether maps help *me* to foresee the network, which deletion never asks; it does not
#    tell whether the network uses what is red, which deletion and the sticker do ask.
