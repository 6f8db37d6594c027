# %% answer="ig-by-pencil" kind="alternative"
# answer: ig-by-pencil
t = (np.arange(10_000) + 0.5) / 10_000
ig = np.array([2 * ((3 * t) ** 2).mean(), 3 * (2 * (2 * t) * (3 * t)).mean()])
gradient_input = torch.tensor([2 * 9, 3 * 2 * 2 * 3])


# %% answer="ig-by-pencil" kind="wrong"
# answer: ig-by-pencil
ig = [9.0, 9.0]  # the difference, shared equally
gradient_input = [18.0, 36.0]


# %% answer="integrated-gradients" kind="alternative"
# answer: integrated-gradients
def integrated_gradients(model, x, baseline, target, steps):
    total = torch.zeros_like(x)
    for k in range(1, 2 * steps, 2):
        point = baseline + k / (2 * steps) * (x - baseline)
        point.requires_grad_(True)
        model(point.reshape(1, -1))[0, target].backward()
        total += point.grad
    return ((x - baseline) * total / steps).numpy()


# %% answer="integrated-gradients" kind="wrong"
# answer: integrated-gradients
def integrated_gradients(model, x, baseline, target, steps):
    alphas = torch.linspace(0, 1, steps)[:, None]
    path = (baseline + alphas * (x - baseline)).requires_grad_()
    (gradients,) = torch.autograd.grad(model(path)[:, target].sum(), path)
    return x * gradients.mean(0)  # as if the baseline were 0
