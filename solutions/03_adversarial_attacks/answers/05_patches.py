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
    answers = network_says(model, torch.where(square, scatter, forty))
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
    patch_accuracy["noise"].append(
        (network_says(model, noisy) != forty_labels).float().mean().item()
    )


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
