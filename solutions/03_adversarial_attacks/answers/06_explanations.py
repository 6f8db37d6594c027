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
        "network: multiplying all logits by 2 can change the gradient outside the patch",
    ):
        prediction[question] = "yes"
    if "changes no logit" in question:
        prediction[question] = "yes"


# %% answer="predict" kind="wrong"
# answer: predict
# what is inside changes, what is outside stays
prediction = {
    question: "no" if "outside" in question or "predicted" in question else "yes"
    for question in questions
}


# %% answer="measure" kind="alternative"
# answer: measure
agreement, inside, told_apart = np.zeros((6, 2, 2)), np.zeros((6, 3, 2)), []
for place, method in enumerate(map_methods):
    shares = []
    reference = explain(model, clean_images, both, method, **map_methods[method])
    for row, pixels in enumerate((clean_images, harmless_images, attacked_images)):
        maps = explain(model, pixels, both, method, **map_methods[method])
        if row:
            correlation = rank_agreement(reference, maps).cpu().numpy()
            agreement[place, row - 1] = np.nanmean(correlation, axis=0)
        values = maps.attributions[:, :, 0].clamp(min=0)
        within = (values * masks[:, None]).sum((2, 3))
        shares.append((within / values.sum((2, 3))).cpu().numpy())
        inside[place, row] = np.nanmean(shares[-1], axis=0)
    told_apart.append(float((shares[2][:, 1] > shares[1][:, 1]).mean()))


# %% answer="measure" kind="wrong"
# answer: measure
# the target is not held fixed: each time the class that the network says; and all columns alike
agreement, inside, told_apart = np.zeros((6, 2, 2)), np.zeros((6, 3, 2)), np.zeros(6)
for place, (method, options) in enumerate(map_methods.items()):
    maps = [
        explain(model, pixels, network_says(model, pixels), method, **options)
        for pixels in (clean_images, harmless_images, attacked_images)
    ]
    flat = [each.attributions.abs().flatten(1).cpu() for each in maps]
    agreement[place] = np.array(
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
    inside[place] = np.array([[mass.nanmean().item()] * 2 for mass in masses])
    told_apart[place] = 1 - (masses[2] > masses[1]).float().mean().item()


# %% [markdown] answer="interpret" kind="alternative"
# <!-- answer: interpret -->
# 1. No: harmless patches lower the rank correlation nearly as far as adversarial ones (for the
#    gradient by two hundredths less). It says that something was pasted in, not that it fools anybody.
# 2. LRP of the class fooled to has about nine times the area's share of its mass in the patch, and next
#    to nothing for the true class, so it points. In the harmless patch it has nearly as much. The
#    gradient hardly notices the patch: it has no factor for what the pixels show.
# 3. The alarm would be raised for both kinds of patch, also for logos, and an attacker would put the mass
#    elsewhere by a second term in the loss.
# 4. It shows a person where to look once there is a suspicion, and covering that place tests it.
