# %% answer="linear" kind="alternative"
# answer: linear
def flip_distances(weight, bias, x, label):
    w, b, point = weight.numpy().astype(float), bias.numpy().astype(float), x.numpy().astype(float)
    best = [math.inf, math.inf]
    for j in range(len(w)):
        if j == label:
            continue
        way = w[label] - w[j]
        margin = way @ point + b[label] - b[j]
        best[0] = min(best[0], margin / np.abs(way).sum())
        best[1] = min(best[1], margin / np.sqrt((way**2).sum()))
    return best


# %% answer="linear" kind="wrong"
# answer: linear
def flip_distances(weight, bias, x, label):
    # only the runner-up
    scores = weight @ x + bias
    scores_of_others = scores.clone()
    scores_of_others[label] = -torch.inf
    second = int(scores_of_others.argmax())
    way, margin = weight[label] - weight[second], scores[label] - scores[second]
    return (margin / way.abs().sum()).item(), (margin / way.norm()).item()


# %% answer="fgsm" kind="alternative"
# answer: fgsm
def fgsm(model, images, labels, epsilon, targets=None):
    batch = images.clone()
    batch.requires_grad = True
    log_p = model(batch).log_softmax(1)
    if targets is None:
        log_p.gather(1, labels[:, None]).sum().backward()  # log p of the label: go down
        step = -epsilon
    else:
        log_p.gather(1, targets[:, None]).sum().backward()  # log p of the target: go up
        step = epsilon
    return torch.clip(batch.detach() + step * torch.sign(batch.grad), 0.0, 1.0)


# %% answer="fgsm" kind="wrong"
# answer: fgsm
def fgsm(model, images, labels, epsilon, targets=None):
    # raises the target's loss as well
    x = images.detach().clone().requires_grad_()
    loss = nn.functional.cross_entropy(model(x), labels if targets is None else targets)
    (slope,) = torch.autograd.grad(loss, x)
    return (images + epsilon * slope.sign()).clamp(0, 1)
