# %% answer="project" kind="alternative"
# answer: project
def project(moved, images, epsilon, norm):
    result = []
    for point, centre in zip(moved, images):
        if norm == "inf":
            result.append(torch.minimum(torch.maximum(point, centre - epsilon), centre + epsilon))
        else:
            change = point - centre
            length = float(change.square().sum().sqrt())
            result.append(point if length <= epsilon else centre + change / length * epsilon)
    return torch.stack(result)


# %% answer="project" kind="wrong"
# answer: project
def project(moved, images, epsilon, norm):
    # the Euclidean length of the whole batch
    change = moved - images
    if norm == "inf":
        return images + change.clamp(-epsilon, epsilon)
    return images + change * min(1.0, epsilon / float(change.norm()))


# %% answer="pgd" kind="alternative"
# answer: pgd
def pgd(model, images, labels, epsilon, step, steps, start):
    lowest, highest = (images - epsilon).clamp(min=0), (images + epsilon).clamp(max=1)
    now = torch.clamp(images + start, 0, 1)
    for _ in range(steps):
        now = now.clone().requires_grad_()
        nn.functional.cross_entropy(model(now), labels).backward()
        now = torch.clamp(now.detach() + step * now.grad.sign(), lowest, highest)
    return now


# %% answer="pgd" kind="wrong"
# answer: pgd
def pgd(model, images, labels, epsilon, step, steps, start):
    # the ball moves along with the point
    now = (images + start).clamp(0, 1)
    for _ in range(steps):
        x = now.detach().requires_grad_()
        loss = nn.functional.cross_entropy(model(x), labels)
        (slope,) = torch.autograd.grad(loss, x)
        now = (x.detach() + (step * slope.sign()).clamp(-epsilon, epsilon)).clamp(0, 1)
    return now


# %% answer="repair" kind="alternative"
# answer: repair
def targeted_pgd(model, images, targets, epsilon, step, steps):
    now = images.clone()
    for _ in range(steps):
        x = now.detach().requires_grad_()
        gain = model(x).log_softmax(1)[torch.arange(len(x)), targets].sum()
        (slope,) = torch.autograd.grad(gain, x)
        points = []
        for point, way, original in zip(x.detach(), slope, images):
            change = point + step * way / way.norm() - original
            if change.norm() > epsilon:
                change = change * (epsilon / change.norm())
            points.append((original + change).clamp(0, 1))
        now = torch.stack(points)
    return now


# %% answer="repair" kind="wrong"
# answer: repair
def targeted_pgd(model, images, targets, epsilon, step, steps):
    # the direction and the ball are mended, the norm is still that of the batch
    shape = (-1, *[1] * (images.ndim - 1))
    now = images.clone()
    for _ in range(steps):
        now = now.detach().requires_grad_()
        loss = nn.functional.cross_entropy(model(now), targets, reduction="sum")
        (slope,) = torch.autograd.grad(loss, now)
        change = now.detach() - step * slope / slope.norm() - images
        length = change.flatten(1).norm(dim=1).clamp(min=1e-12).view(shape)
        now = (images + change * (epsilon / length).clamp(max=1)).clamp(0, 1)
    return now
