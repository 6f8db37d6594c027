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
