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


# %% answer="margins" kind="alternative"
# answer: margins
ordered = np.sort(logits.numpy(), axis=1)
distance = ordered[:, -1] - ordered[:, -2]
mistakes = np.flatnonzero(logits.numpy().argmax(1) != labels.numpy())
correct = np.flatnonzero(logits.numpy().argmax(1) == labels.numpy())
sure_mistake = mistakes[np.argmax(distance[mistakes])]
close_call = correct[np.argmin(distance[correct])]

# %% answer="margins" kind="wrong"
# answer: margins
# indices among the selected images, not among all
best, second = logits.topk(2, dim=1).values.unbind(1)
mistake = logits.argmax(1) != labels
sure_mistake = int((best - second)[mistake].argmax())
close_call = int((best - second)[~mistake].argmin())


# %% answer="gradient" kind="alternative"
# answer: gradient
def vanilla_gradient(model, image, target):
    batch = image.unsqueeze(0).clone()
    batch.requires_grad = True
    model(batch)[:, target].sum().backward()
    return batch.grad.squeeze(0)


# %% answer="gradient" kind="wrong"
# answer: gradient
def vanilla_gradient(model, image, target):
    image = image.detach().clone().requires_grad_()
    probability = model(image[None]).softmax(1)[0, target]
    return torch.autograd.grad(probability, image)[0]


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


# %% answer="gaps" kind="alternative"
# answer: gaps
all_steps = (1, 2, 4, 8, 16, 64, 256)
gaps = np.zeros(7)
for position, steps in enumerate(all_steps):
    result = explain(
        model, examples[:1], targets[:1, 1], method="integrated_gradients", steps=steps
    )
    gaps[position] = result.convergence_delta.abs().item()

# %% answer="gaps" kind="wrong"
# answer: gaps
# compares with f(x) and forgets the output at the baseline
all_steps = (1, 2, 4, 8, 16, 64, 256)
gaps = []
with torch.no_grad():
    output = model(examples[:1])[0, predicted]
for steps in all_steps:
    result = explain(model, examples[:1], predicted, "integrated_gradients", steps=steps)
    gaps.append(float((result.attributions.sum() - output).abs()))


# %% answer="baseline" kind="alternative"
# answer: baseline
def share_on_background(level):
    found = []
    for image, target in zip(examples, targets[:, 1], strict=True):
        flat = torch.full((1, 28, 28), level, device=device)
        maps = explain(
            model, image[None], int(target), "integrated_gradients", steps=64, baseline=flat
        ).attributions
        size = np.abs(maps[0, 0].cpu().numpy())
        found.append(size[image.cpu().numpy() == 0].sum() / size.sum())
    return found


share_black = share_on_background(0.0)
share_white = share_on_background(1.0)

# %% answer="baseline" kind="wrong"
# answer: baseline
# signed attributions, which cancel
shares = []
for baseline in (torch.zeros_like(examples[0]), torch.ones_like(examples[0])):
    result = explain(
        model, examples, targets[:, 1], "integrated_gradients", steps=64, baseline=baseline
    )
    maps = result.attributions[:, 0]
    shares.append((maps * (examples == 0)).sum((1, 2, 3)) / maps.sum((1, 2, 3)))
share_black, share_white = shares


# %% answer="deeplift" kind="alternative"
# answer: deeplift
def deeplift(network, x, reference, target):
    w, b = network[0].weight.detach().numpy(), network[0].bias.detach().numpy()
    v = network[2].weight.detach().numpy()[target]
    x, x0 = x.numpy(), reference.numpy()
    result = np.zeros_like(x)
    for j in range(len(b)):
        z, z0 = w[j] @ x + b[j], w[j] @ x0 + b[j]
        if np.isclose(z, z0, rtol=0, atol=1e-6):
            m = 1.0 if z > 0 else 0.0
        else:
            m = (np.maximum(z, 0) - np.maximum(z0, 0)) / (z - z0)
        result += (x - x0) * w[j] * m * v[j]
    return result


# %% answer="deeplift" kind="wrong"
# answer: deeplift
def deeplift(network, x, reference, target):
    # the tangent at x in place of the chord: gradient × difference from the reference
    x = x.detach().clone().requires_grad_()
    (slope,) = torch.autograd.grad(network(x)[target], x)
    return (x - reference).detach() * slope


# %% answer="deep-shap" kind="alternative"
# answer: deep-shap
def deep_shap(network, x, backgrounds, target):
    w, b = network[0].weight.detach(), network[0].bias.detach()
    v = network[2].weight.detach()[target]
    total = torch.zeros_like(x)
    for reference in backgrounds:
        z, z0 = w @ x + b, w @ reference + b
        m = (z.clamp(min=0) - z0.clamp(min=0)) / (z - z0)
        total = total + (x - reference) * (w * (m * v)[:, None]).sum(0)
    return total / backgrounds.shape[0]


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


# %% answer="lime-kernel" kind="alternative"
# answer: lime-kernel
def lime_kernel(masks, width):
    ones = torch.ones_like(masks)
    cosine = torch.nn.functional.cosine_similarity(masks, ones, dim=1)
    return torch.exp(-((1 - cosine) ** 2) / width**2)


# %% answer="lime-kernel" kind="wrong"
# answer: lime-kernel
def lime_kernel(masks, width):
    hidden = 1 - masks.mean(1)  # the share of hidden segments is not the cosine distance
    return torch.exp(-((hidden / width) ** 2))


# %% answer="lime-surrogate" kind="alternative"
# answer: lime-surrogate
def lime_surrogate(masks, predictions, weights, penalty):
    from sklearn.linear_model import Ridge

    surrogate = Ridge(alpha=float(penalty), fit_intercept=True)
    surrogate.fit(masks.numpy(), predictions.numpy(), sample_weight=weights.numpy())
    return surrogate.coef_


# %% answer="lime-surrogate" kind="wrong"
# answer: lime-surrogate
def lime_surrogate(masks, predictions, weights, penalty):
    z, y = masks.double(), predictions.double()
    z, y = z - z.mean(0), y - y.mean()  # everybody counts alike
    gram = z.T @ z + penalty * torch.eye(z.shape[1], dtype=z.dtype)
    return torch.linalg.solve(gram, z.T @ y)


# %% answer="lime-luck" kind="alternative"
# answer: lime-luck
all_samples = (60, 200, 1000)
agreement = dict.fromkeys(all_samples)
for samples in all_samples:
    one, other = (
        explain(
            model, examples, targets[:, 1:2], "lime", segments=segments, samples=samples, seed=seed
        ).attributions[0]
        for seed in (0, 1)
    )
    agreement[samples] = np.corrcoef(one.cpu().numpy().ravel(), other.cpu().numpy().ravel())[0, 1]

# %% answer="lime-luck" kind="wrong"
# answer: lime-luck
# both runs without a seed: `explain` takes 0 both times
all_samples = (60, 200, 1000)
agreement = {}
for samples in all_samples:
    pair = [
        explain(model, examples[:1], predicted, "lime", segments=segments, samples=samples)
        for _ in range(2)
    ]
    maps = torch.stack([result.attributions.flatten() for result in pair])
    agreement[samples] = float(torch.corrcoef(maps)[0, 1])

# %% answer="linear" kind="alternative"
# answer: linear
on_linear = dict(
    gradient="w",
    smoothgrad="w",
    integrated_gradients="w*(x-x')",
    grad_cam="undefined",
    deeplift="w*(x-x')",
    deep_shap="w*(x-mean x')",
    lime="w*(x-x')",
)

# %% answer="linear" kind="wrong"
# answer: linear
on_linear = {
    "gradient": "w*x",
    "smoothgrad": "w*x",
    "integrated_gradients": "w*x",
    "grad_cam": "w*x",
    "deeplift": "w*x",
    "deep_shap": "w*x",
    "lime": "w",
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
with_sums = ("gradient", "smoothgrad", "integrated_gradients", "grad_cam", "deeplift", "deep_shap")
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
with_sums = ("gradient", "smoothgrad", "integrated_gradients", "grad_cam", "deeplift", "deep_shap")
with torch.no_grad():
    at_input = model(examples).gather(1, targets)
gap = {}
for method in with_sums:
    sums = explain(model, examples, targets, method, **options[method]).attributions.sum((2, 3, 4))
    gap[method] = float((sums - at_input).abs().mean() / at_input.abs().mean())
complete = {method: value < 0.05 for method, value in gap.items()}

# %% answer="similarity" kind="alternative"
# answer: similarity
similarity, verdict = {}, {}
for method in options:
    maps = explain(model, examples, targets, method, **options[method]).attributions
    both = [correlation(maps[n, 0], maps[n, 3]) for n in (0, 1)]
    similarity[method] = np.mean(both)
    if similarity[method] > 0.9:
        verdict[method] = "alike"
    elif similarity[method] < 0:
        verdict[method] = "opposed"
    else:
        verdict[method] = "mixed"

# %% answer="similarity" kind="wrong"
# answer: similarity
# the true against the most likely class
similarity = {}
for method, chosen in options.items():
    maps = explain(model, examples, targets[:, [0, 1]], method, **chosen).attributions
    similarity[method] = sum(correlation(one, other) for one, other in maps) / 2
verdict = {
    method: "alike" if value > 0.9 else "opposed" if value < 0 else "mixed"
    for method, value in similarity.items()
}

# %% [markdown] answer="interpret-grid" kind="alternative"
# <!-- answer: interpret-grid -->
# 1. Only in part. LIME gives regions on the garment itself and Grad-CAM a blob in its middle, which
#    a person would accept. The plain gradient is noise. IG and DeepLIFT never colour the background
#    because it equals the baseline: in our measurement the share was 0 with black and clearly more
#    with white. So "it looks at the garment" proves nothing here.
# 2. Yes for most: our similarity of true and least likely class is negative for IG, DeepLIFT,
#    DeepSHAP and LIME. Had one been above 0.9, it would show the garment and not the class. Grad-CAM
#    cannot show evidence against a class, and its maps for the least likely class are nearly empty.
# 3. The predicted class has red where the true class is pale or blue, above all in the middle. We
#    are not sure, since IG and LIME name different places; covering the place and predicting again
#    would be a test.
