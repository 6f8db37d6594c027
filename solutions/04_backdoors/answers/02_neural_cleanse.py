# %% answer="inversion-loss" kind="alternative"
# answer: inversion-loss
def inversion_loss(model, images, mask, pattern, target, weight):
    logits = model(images + mask * (pattern - images))
    wanted = torch.full((len(images),), target, device=images.device)
    return functional.cross_entropy(logits, wanted) + weight * mask.norm(p=1)


# %% answer="inversion-loss" kind="wrong"
# answer: inversion-loss
def inversion_loss(model, images, mask, pattern, target, weight):
    logits = model((1 - mask) * images + mask * pattern)
    return -logits.log_softmax(1)[:, target].mean() + weight * mask.mean()


# %% answer="inversion-step" kind="alternative"
# answer: inversion-step
def inversion_step(model, images, a, b, target, weight, rate):
    a, b = nn.Parameter(a.clone()), nn.Parameter(b.clone())
    mask, pattern = torch.sigmoid(2 * a), torch.sigmoid(2 * b)  # the same function
    logits = model(torch.lerp(images, pattern.expand_as(images), mask.expand_as(images)))
    loss = -logits.log_softmax(1)[:, target].mean() + weight * mask.sum()
    loss.backward()
    return a.detach() - rate * a.grad, b.detach() - rate * b.grad


# %% answer="inversion-step" kind="wrong"
# answer: inversion-step
def inversion_step(model, images, a, b, target, weight, rate):
    # the gradient by mask and pattern themselves, without the tanh
    mask = ((a.tanh() + 1) / 2).detach().requires_grad_()
    pattern = ((b.tanh() + 1) / 2).detach().requires_grad_()
    logits = model((1 - mask) * images + mask * pattern)
    loss = -logits.log_softmax(1)[:, target].mean() + weight * mask.sum()
    by_mask, by_pattern = torch.autograd.grad(loss, (mask, pattern))
    return a - rate * by_mask, b - rate * by_pattern


# %% answer="anomaly-index" kind="alternative"
# answer: anomaly-index
def anomaly_index(sizes):
    values = np.asarray(sizes, dtype=float)
    middle = np.median(values)
    return (middle - values) / (1.4826 * np.median(abs(values - middle)))


# %% answer="anomaly-index" kind="wrong"
# answer: anomaly-index
def anomaly_index(sizes):
    middle = sizes.median()  # the lower one of the two in the middle
    return (middle - sizes) / (1.4826 * (sizes - middle).abs().median())
