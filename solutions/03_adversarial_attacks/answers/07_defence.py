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
kept_pgd, kept_patch = np.zeros((2, 5)), np.zeros((2, 3))
for line, network in enumerate((model, robust_model)):
    for place, radius in enumerate(radii):
        found_here = attack(network, sample, sample_labels, "pgd", epsilon=radius, steps=20)
        kept_pgd[line, place] = (found_here.predicted == sample_labels).double().mean()
    for place, side in enumerate(sides_of_patch):
        middle_of_it = (14 - side // 2,) * 2
        found_here = attack(
            network, sample, sample_labels, "patch", size=side, place=middle_of_it, steps=30
        )
        kept_patch[line, place] = (found_here.predicted == sample_labels).double().mean()


# %% answer="gain" kind="wrong"
# answer: gain
# images made for `model`, shown to `robust_model`: that is transfer
kept_pgd, kept_patch = np.zeros((2, 5)), np.zeros((2, 3))
for kind, table, settings in (
    ("pgd", kept_pgd, [{"epsilon": radius, "steps": 20} for radius in radii]),
    (
        "patch",
        kept_patch,
        [{"size": s, "place": (14 - s // 2, 14 - s // 2), "steps": 30} for s in sides_of_patch],
    ),
):
    for place, setting in enumerate(settings):
        moved = attack(model, sample, sample_labels, kind, **setting).adversarial
        table[0, place] = (network_says(model, moved) != sample_labels).float().mean().item()
        table[1, place] = (network_says(robust_model, moved) == sample_labels).float().mean().item()


# %% [markdown] answer="review" kind="alternative"
# <!-- answer: review -->
# 1. Logits times 500 hide the gradient of the cross-entropy: attack the margin.
# 2. PGD leaves more standing than one step of FGSM: a sign of masking; show the curve up to ε = 1.
# 3. 11 % "success" is the share that is wrong anyway at a clean accuracy of 89 %, and 98 % robust is
#    more than clean: two denominators.
# 4. The maps are alike because the images hardly changed; compare them where the attack succeeds, beside
#    harmless noise.
# 5. No patch, no other norm, no transfer from the network without the factor.
#
# They could claim: large logits make attacks fail that follow the cross-entropy's gradient at ε = 0.1.
