# %% answer="foolbox-call" kind="alternative"
# answer: foolbox-call
def linf_pgd(model, bounds, images, criterion, classes, epsilons, settings, draw):
    said = dict(rel_stepsize=0.01 / 0.3, abs_stepsize=None, steps=40, random_start=True)
    said.update(settings)
    low, high = bounds
    all_images, all_wins = [], []
    for radius in epsilons:
        stride = radius * said["rel_stepsize"]
        if said["abs_stepsize"] is not None:
            stride = said["abs_stepsize"]
        floor, ceiling = (images - radius).clamp(min=low), (images + radius).clamp(max=high)
        now = images.clone()
        if said["random_start"]:
            now = torch.clip(now + draw * radius, low, high)
        for _ in range(said["steps"]):
            now = now.clone().requires_grad_()
            score = model(now).log_softmax(1).gather(1, classes[:, None]).sum()
            (slope,) = torch.autograd.grad(score, now)
            up = slope.sign() if criterion.startswith("Targeted") else -slope.sign()
            now = torch.minimum(torch.maximum(now.detach() + stride * up, floor), ceiling)
        verdict = model(now).argmax(1)
        wins = verdict == classes if criterion.startswith("Targeted") else verdict != classes
        all_images.append(now.numpy())
        all_wins.append(wins.tolist())
    return all_images, all_wins


# %% answer="foolbox-call" kind="wrong"
# answer: foolbox-call
def linf_pgd(model, bounds, images, criterion, classes, epsilons, settings, draw):
    # the relative step counts although an absolute one is given
    targeted = criterion == "TargetedMisclassification"
    clipped, success = [], []
    for epsilon in epsilons:
        step = settings.get("rel_stepsize", 0.01 / 0.3) * epsilon
        now = images
        if settings.get("random_start", True):
            now = (images + epsilon * draw).clamp(*bounds)
        for _ in range(settings.get("steps", 40)):
            now = now.detach().requires_grad_()
            loss = nn.functional.cross_entropy(model(now), classes)
            (slope,) = torch.autograd.grad(loss, now)
            now = now.detach() + (-1 if targeted else 1) * step * slope.sign()
            now = (images + (now - images).clamp(-epsilon, epsilon)).clamp(*bounds)
        clipped.append(now.detach())
        success.append((model(now).argmax(1) == classes) == targeted)
    return torch.stack(clipped), torch.stack(success)
