# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---


# %% answer="count" kind="alternative"
# answer: count
def attack_report(clean, attacked, labels, targets=None):
    y = labels.numpy()
    before, after = clean.numpy().argmax(1), attacked.numpy().argmax(1)
    right = before == y
    if targets is None:
        candidates, won = right, after != y
    else:
        candidates, won = right & (targets.numpy() != y), after == targets.numpy()
    return [np.mean(right), np.mean(right & (after == y)), np.mean(won[candidates])]


# %% answer="count" kind="wrong"
# answer: count
def attack_report(clean, attacked, labels, targets=None):
    # whatever is wrong afterwards counts as a success, of all images
    before, after = clean.argmax(1) == labels, attacked.argmax(1) == labels
    success = ~after if targets is None else attacked.argmax(1) == targets
    return tuple(each.float().mean().item() for each in (before, before & after, success))


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
    # climbs the target's loss as well
    x = images.detach().clone().requires_grad_()
    loss = nn.functional.cross_entropy(model(x), labels if targets is None else targets)
    (slope,) = torch.autograd.grad(loss, x)
    return (images + epsilon * slope.sign()).clamp(0, 1)


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


# %% answer="curve" kind="alternative"
# answer: curve
robust_accuracy = {"noise": [], "fgsm": [], "pgd": [], "transfer": []}
for radius in epsilons:
    with torch.no_grad():
        noisy = torch.clip(images + radius * signs, 0, 1)
        robust_accuracy["noise"].append(np.mean((model(noisy).argmax(1) == labels).cpu().numpy()))
    for kind, more in (("fgsm", {}), ("pgd", {"steps": 20})):
        attacked_images = attack(model, images, labels, kind, epsilon=radius, **more)
        robust_accuracy[kind].append(1 - attacked_images.success.double().mean())
    with torch.no_grad():
        right_there = other(attacked_images.adversarial).argmax(1) == labels
    robust_accuracy["transfer"].append(right_there.double().mean())

# %% answer="curve" kind="wrong"
# answer: curve
# success rates
robust_accuracy = {"noise": [], "fgsm": [], "pgd": [], "transfer": []}
for radius in epsilons:
    noisy = (images + radius * signs).clamp(0, 1)
    robust_accuracy["noise"].append((said(model, noisy) != labels).float().mean().item())
    for kind, more in (("fgsm", {}), ("pgd", {"steps": 20})):
        result = attack(model, images, labels, kind, epsilon=radius, **more)
        robust_accuracy[kind].append(result.success.float().mean().item())
    moved = result.adversarial
    robust_accuracy["transfer"].append((said(other, moved) != labels).float().mean().item())

# %% answer="masking" kind="alternative"
# answer: masking
found_by_pgd = attack(sure, hundred, hundred_labels, method="pgd", epsilon=0.1, steps=20)
apparent = float((found_by_pgd.predicted == hundred_labels).float().mean())
# The factor changes no decision: attack the network without it.
unmasked = attack(model, hundred, hundred_labels, "pgd", epsilon=0.1, steps=40, restarts=2)
unmasked = unmasked.adversarial.cpu().numpy()
honest = ("the robust accuracy falls", "more steps and more restarts")
suspicious = {each: not each.startswith(honest) for each in observations}

# %% answer="masking" kind="wrong"
# answer: masking
# believes the cross-entropy's gradient
result = attack(sure, hundred, hundred_labels, "pgd", epsilon=0.1, steps=200)
apparent = 1 - result.success.float().mean().item()
unmasked = result.adversarial
suspicious = dict.fromkeys(observations, False)


# %% answer="patch" kind="alternative"
# answer: patch
def patch_attack(model, images, labels, mask, start, step, steps, targets=None):
    inside = mask.expand(images.shape)
    pixels = start[inside].clone()
    goal, sign = (labels, 1.0) if targets is None else (targets, -1.0)
    for _ in range(steps):
        now = images.clone()
        now[inside] = pixels
        now.requires_grad_()
        nn.functional.cross_entropy(model(now), goal).backward()
        pixels = torch.clamp(pixels + sign * step * now.grad[inside].sign(), 0, 1)
    now = images.clone()
    now[inside] = pixels
    return now


# %% answer="patch" kind="wrong"
# answer: patch
def patch_attack(model, images, labels, mask, start, step, steps, targets=None):
    # blends: the image shows through, and the patch is added to it
    now = (images + mask * (start - 0.5)).clamp(0, 1)
    for _ in range(steps):
        now = now.detach().requires_grad_()
        loss = nn.functional.cross_entropy(model(now), labels if targets is None else targets)
        (slope,) = torch.autograd.grad(loss, now)
        uphill = slope.sign() if targets is None else -slope.sign()
        now = (now.detach() + step * mask * uphill).clamp(0, 1)
    return now


# %% answer="sizes" kind="alternative"
# answer: sizes
patch_accuracy = {}


def surviving(**options):
    result = attack(model, forty, forty_labels, method="patch", steps=30, **options)
    return float((result.predicted == forty_labels).float().mean())


patch_accuracy["fixed"] = [surviving(size=s, place=(14 - s // 2, 14 - s // 2)) for s in sizes]
patch_accuracy["best"] = np.array([surviving(size=s, place="best", places=2) for s in sizes])
patch_accuracy["noise"] = []
for s in sizes:
    square = torch.zeros(28, 28, dtype=torch.bool, device=forty.device)
    square[14 - s // 2 : 14 - s // 2 + s, 14 - s // 2 : 14 - s // 2 + s] = True
    answers = said(model, torch.where(square, scatter, forty))
    patch_accuracy["noise"].append((answers == forty_labels).double().mean())

# %% answer="sizes" kind="wrong"
# answer: sizes
# how many were fooled
patch_accuracy = {"fixed": [], "best": [], "noise": []}
for size in sizes:
    corner = 14 - size // 2
    for name, place in (("fixed", (corner, corner)), ("best", "best")):
        result = attack(
            model, forty, forty_labels, "patch", size=size, place=place, places=2, steps=30
        )
        patch_accuracy[name].append(result.success.float().mean().item())
    noisy = forty.clone()
    noisy[..., corner : corner + size, corner : corner + size] = scatter[
        ..., corner : corner + size, corner : corner + size
    ]
    patch_accuracy["noise"].append((said(model, noisy) != forty_labels).float().mean().item())

# %% answer="targeted" kind="alternative"
# answer: targeted
# by hand: three places, the square of 8 × 8 that does best
best_images = not_bags.clone()
best_score = torch.full((40,), -torch.inf, device=not_bags.device)
for top, left in ((10, 10), (3, 10), (17, 10), (10, 3), (10, 17)):
    square = torch.zeros(28, 28, dtype=torch.bool, device=not_bags.device)
    square[top : top + 8, left : left + 8] = True
    now = torch.where(square, 0.5, not_bags)
    for k in range(60):
        now = now.detach().requires_grad_()
        score = model(now).log_softmax(1)[:, 8]
        (slope,) = torch.autograd.grad(score.sum(), now)
        better = score.detach() > best_score
        best_score[better] = score.detach()[better]
        best_images[better] = now.detach()[better]
        step = 0.3 * (1 - k / 60) + 0.02
        now = torch.where(square, (now.detach() + step * slope.sign()).clamp(0, 1), not_bags)
bagged = best_images.detach().cpu().numpy()

# %% answer="targeted" kind="wrong"
# answer: targeted
# any other class will do: not what was asked for
bagged = attack(model, not_bags, not_bag_labels, "patch", size=8, steps=60, places=6).adversarial

# %% answer="universal" kind="alternative"
# answer: universal
free = torch.zeros(1, 10, 10, device=device, requires_grad=True)
adam = torch.optim.Adam([free], lr=0.3)
rows_of = torch.Generator().manual_seed(1)
for _ in range(100):
    rows = torch.randperm(len(images), generator=rows_of)[:128]
    stuck = with_sticker(images[rows], free.sigmoid())
    loss = -nn.functional.cross_entropy(model(stuck), labels[rows])
    adam.zero_grad()
    loss.backward()
    adam.step()
sticker = free.sigmoid()

# %% answer="universal" kind="wrong"
# answer: universal
# the patch of a single image
single = attack(model, images[:1], labels[:1], "patch", size=10, place=(9, 9))
sticker = single.adversarial[0, :, 9:19, 9:19]


# %% answer="compare-maps" kind="alternative"
# answer: compare-maps
def compare_maps(clean, attacked, mask):
    a, b, inside = clean.numpy().ravel(), attacked.numpy().ravel(), mask.numpy().ravel()
    ranks_a, ranks_b = np.empty(len(a)), np.empty(len(b))
    ranks_a[np.argsort(a)] = np.arange(len(a))
    ranks_b[np.argsort(b)] = np.arange(len(b))
    n = len(a)
    rho = 1 - 6 * ((ranks_a - ranks_b) ** 2).sum() / (n * (n**2 - 1))
    shares = [v[inside & (v > 0)].sum() / v[v > 0].sum() for v in (a, b)]
    return np.array([rho, *shares])


# %% answer="compare-maps" kind="wrong"
# answer: compare-maps
def compare_maps(clean, attacked, mask):
    # magnitudes
    a, b = clean.abs(), attacked.abs()
    ranks = [each.flatten().argsort().argsort().double() for each in (a, b)]
    correlation = torch.corrcoef(torch.stack(ranks))[0, 1].item()
    return correlation, (a[mask].sum() / a.sum()).item(), (b[mask].sum() / b.sum()).item()


# %% answer="predict" kind="alternative"
# answer: predict
prediction = {question: "no" for question in questions}
for question in questions:
    if question in (
        "linear: input × gradient can change inside the patch",
        "linear: the gradient of the *predicted* class can change",
        "network: the gradient can change outside the patch",
    ):
        prediction[question] = "yes"
    if "changes no logit" in question:
        prediction[question] = "yes"

# %% answer="predict" kind="wrong"
# answer: predict
# whatever is inside changes, whatever is outside stays
prediction = {
    question: "no" if "outside" in question or "predicted" in question else "yes"
    for question in questions
}

# %% answer="measure" kind="alternative"
# answer: measure
agreement = {method: np.zeros((2, 2)) for method in judges}
inside = {method: np.zeros((3, 2)) for method in judges}
told_apart = dict.fromkeys(judges, 0.0)
for method in judges:
    shares = []
    reference = explain(model, clean, both, method, **judges[method])
    for row, pixels in enumerate((clean, harmless, attacked)):
        maps = explain(model, pixels, both, method, **judges[method])
        if row:
            correlation = rank_agreement(reference, maps).cpu().numpy()
            agreement[method][row - 1] = np.nanmean(correlation, axis=0)
        values = maps.attributions[:, :, 0].clamp(min=0)
        within = (values * masks[:, None]).sum((2, 3))
        shares.append((within / values.sum((2, 3))).cpu().numpy())
        inside[method][row] = np.nanmean(shares[-1], axis=0)
    told_apart[method] = float((shares[2][:, 1] > shares[1][:, 1]).mean())

# %% answer="measure" kind="wrong"
# answer: measure
# the target is not held fixed: each time the class that the network says; and all columns alike
agreement, inside, told_apart = {}, {}, {}
for method, options in judges.items():
    maps = [
        explain(model, pixels, said(model, pixels), method, **options)
        for pixels in (clean, harmless, attacked)
    ]
    flat = [each.attributions.abs().flatten(1).cpu() for each in maps]
    agreement[method] = np.array(
        [
            [np.nanmean([np.corrcoef(a, b)[0, 1] for a, b in zip(flat[0], other_maps)])] * 2
            for other_maps in flat[1:]
        ]
    )
    masses = [
        (each.attributions[:, 0, 0].abs() * masks).sum((1, 2))
        / each.attributions.abs().sum((1, 2, 3, 4))
        for each in maps
    ]
    inside[method] = np.array([[mass.nanmean().item()] * 2 for mass in masses])
    told_apart[method] = 1 - (masses[2] > masses[1]).float().mean().item()


# %% answer="worst-loss" kind="alternative"
# answer: worst-loss
def worst_logistic_loss(w, b, x, y, epsilon):
    moved = x - epsilon * y[:, None] * torch.sign(w)[None]  # FGSM is exact here
    return torch.log1p(torch.exp(-y * (moved @ w + b))).mean()


# %% answer="worst-loss" kind="wrong"
# answer: worst-loss
def worst_logistic_loss(w, b, x, y, epsilon):
    # the penalty is taken for both signs of y in the same direction
    scores = x @ w + b - epsilon * w.abs().sum()
    return nn.functional.softplus(-y * scores).mean().item()


# %% answer="harden" kind="alternative"
# answer: harden
# two steps of PGD from the image itself
seed = torch.Generator().manual_seed(1)
learner = copy.deepcopy(model).train()
adam = torch.optim.Adam(learner.parameters(), lr=2e-3)
for epoch in range(2):
    for group in adam.param_groups:
        group["lr"] = (2e-3, 5e-4)[epoch]
    for rows in torch.randperm(len(train_images), generator=seed).split(50):
        batch_images, batch_labels = train_images[rows], train_labels[rows]
        delta = torch.zeros_like(batch_images)
        for _ in range(2):
            delta.requires_grad_()
            worse = nn.functional.cross_entropy(learner(batch_images + delta), batch_labels)
            (uphill,) = torch.autograd.grad(worse, delta)
            delta = (delta.detach() + 0.03 * uphill.sign()).clamp(-0.05, 0.05)
        adversarial_images = (batch_images + delta).clamp(0, 1)
        adam.zero_grad()
        nn.functional.cross_entropy(learner(adversarial_images), batch_labels).backward()
        adam.step()
hardened = {name: value.clone() for name, value in learner.state_dict().items()}

# %% answer="harden" kind="wrong"
# answer: harden
# random noise in place of adversarial examples
draw = torch.Generator().manual_seed(0)
student = copy.deepcopy(model).train()
optimiser = torch.optim.Adam(student.parameters(), 1e-3)
for batch in torch.randperm(len(train_images), generator=draw).split(100):
    noise = 2 * torch.rand(train_images[batch].shape, generator=draw) - 1
    noisy = (train_images[batch] + 0.05 * noise.to(device)).clamp(0, 1)
    loss = nn.functional.cross_entropy(student(noisy), train_labels[batch])
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
hardened = student.eval().state_dict()

# %% answer="gain" kind="alternative"
# answer: gain
kept = {"model": {"pgd": [], "patch": []}, "robust": {"pgd": [], "patch": []}}
for network, lists in ((model, kept["model"]), (robust, kept["robust"])):
    for radius in radii:
        found_here = attack(network, sample, sample_labels, "pgd", epsilon=radius, steps=20)
        lists["pgd"].append((found_here.predicted == sample_labels).double().mean())
    for side in sides_of_patch:
        middle_of_it = (14 - side // 2,) * 2
        found_here = attack(
            network, sample, sample_labels, "patch", size=side, place=middle_of_it, steps=30
        )
        lists["patch"].append((found_here.predicted == sample_labels).double().mean())

# %% answer="gain" kind="wrong"
# answer: gain
# images made for `model`, shown to `robust`: that is transfer
kept = {"model": {"pgd": [], "patch": []}, "robust": {"pgd": [], "patch": []}}
for kind, settings in (
    ("pgd", [{"epsilon": radius, "steps": 20} for radius in radii]),
    (
        "patch",
        [{"size": s, "place": (14 - s // 2, 14 - s // 2), "steps": 30} for s in sides_of_patch],
    ),
):
    for setting in settings:
        moved = attack(model, sample, sample_labels, kind, **setting).adversarial
        kept["robust"][kind].append((said(robust, moved) == sample_labels).float().mean().item())
        kept["model"][kind].append((said(model, moved) != sample_labels).float().mean().item())

# %% [markdown] answer="interpret" kind="alternative"
# <!-- answer: interpret -->
# 1. No: harmless patches lower the rank correlation nearly as far as adversarial ones (for the
#    gradient by two hundredths less). It says that something was pasted in, not that it fools anybody.
# 2. LRP of the class fooled to has about nine times the area's share of its mass in the patch, and next
#    to nothing for the true class, so it points. In the harmless patch it has nearly as much. The
#    gradient hardly notices the patch: it has no factor for what the pixels show.
# 3. The alarm would ring for both kinds of patch, also at logos, and an attacker would put the mass
#    elsewhere by a second term in the loss.
# 4. It shows a person where to look once there is a suspicion, and covering that place tests it.

# %% [markdown] answer="review" kind="alternative"
# <!-- answer: review -->
# 1. Logits times 500 hide the gradient of the cross-entropy: attack the margin (task 8).
# 2. PGD leaves more standing than one step of FGSM: a sign of masking; show the curve up to ε = 1.
# 3. 11 % "success" is the share that is wrong anyway at a clean accuracy of 89 %, and 98 % robust is
#    more than clean: two denominators (task 1).
# 4. The maps are alike because the images hardly changed; compare them where the attack succeeds, beside
#    harmless noise (task 15).
# 5. No patch, no other norm, no transfer from the network without the factor (task 18).
#
# They could claim: large logits make attacks fail that follow the cross-entropy's gradient at ε = 0.1.
