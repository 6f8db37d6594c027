# %% [markdown]
# ### Task: robust accuracy against ε
#
# One number at one ε says little; the **curve** shows more. Set `robust_accuracy`, a dictionary with
# a list of four shares for each key, one for each radius in `epsilons` (0.02, 0.05, 0.1, 0.2). As all
# 250 `images` are right before, robust accuracy is the share that is right after:
#
# - `"noise"`: `images + ε · signs`, clipped to [0, 1];
# - `"fgsm"`: `attack(model, images, labels, "fgsm", epsilon=ε)`;
# - `"pgd"`: `attack(…, "pgd", epsilon=ε, steps=20)`.

# %% nbgrader={"grade_id": "curve", "solution": true}
# answer: curve
robust_accuracy = None
### BEGIN SOLUTION
robust_accuracy = {"noise": [], "fgsm": [], "pgd": []}
for epsilon in epsilons:
    for name, moved in (
        ("noise", (images + epsilon * signs).clamp(0, 1)),
        ("fgsm", attack(model, images, labels, "fgsm", epsilon=epsilon).adversarial),
        ("pgd", attack(model, images, labels, "pgd", epsilon=epsilon, steps=20).adversarial),
    ):
        share = (network_says(model, moved) == labels).float().mean().item()
        robust_accuracy[name].append(share)
### END SOLUTION

# %% nbgrader={"grade_id": "curve-test", "grade": true, "points": 2}
checks.expect(
    isinstance(robust_accuracy, dict) and sorted(robust_accuracy) == ["fgsm", "noise", "pgd"],
    "`robust_accuracy` should be a dictionary with the keys 'noise', 'fgsm' and 'pgd'.",
)
curves = {
    name: checks.numbers(values, (4,), f"robust_accuracy[{name!r}]")
    for name, values in robust_accuracy.items()
}
for values in curves.values():
    checks.expect(0 <= values.min() <= values.max() <= 1, "A share lies between 0 and 1.")
checks.expect(
    (curves["pgd"] <= curves["fgsm"] + 0.02).all(),
    "PGD should leave no more than FGSM does: are these robust accuracies, or success rates?",
)
figure, axis = plt.subplots(figsize=(6.6, 3.4), layout="constrained")
for (name, values), style, colour in zip(
    curves.items(), ("-", "--", "-."), line_colours, strict=False
):
    shares = np.array([1, *values])
    plot_shares(axis, (0, *epsilons), shares, 250, style, colour, name)
axis.set(xlabel="ε (maximum norm)", ylabel="robust accuracy", ylim=(-0.02, 1.04))
axis.set_xticks((0, *epsilons))
axis.set_title("Robust accuracy of `model`, 250 images (bars: 95 % intervals)", fontsize=11)
axis.legend(frameon=False)
plt.show()
checks.passed("curve", "shares, and PGD against FGSM,")

# %% [markdown]
# For `model` the *direction* of the change matters, not its amount: random signs of the same size do
# little. Does the direction matter for another network, too, which the attacker has never seen? Then
# adversarial examples **transfer**.
#
# ### Task: transfer, and its control
#
# `other` has other weights and another architecture. We show it the images that were made for `model`.
# If it makes mistakes, this alone proves nothing: it could be that `other` withstands *no* change of this
# size. The control is noise that is **equally long, image by image**. A pixel at 0 or 1 cannot move
# outwards, and PGD does not use its whole ball, so noise of the same ε would be longer than the attack:
# at ε = 0.1 its mean Euclidean length is 2.36, that of PGD 1.47. `noise_like`, given below, finds for
# each image the ε that makes its noise as long as its attack. ([Szegedy et al.
# 2014](https://arxiv.org/abs/1312.6199), who found transfer, also report the error under a random
# distortion, in the last row of their Table 4.)


# %% name="control"
def noise_like(inputs: Tensor, moved: Tensor, signs: Tensor) -> Tensor:
    """Return inputs + c · signs in [0, 1], each image with its own c: as long a change as `moved`."""
    wanted = (moved - inputs).flatten(1).norm(dim=1)
    low, high = torch.zeros_like(wanted), torch.ones_like(wanted)
    for _ in range(30):  # the larger c, the longer the change: halve the interval
        middle = (low + high) / 2
        noisy = (inputs + middle.view(-1, 1, 1, 1) * signs).clamp(0, 1)
        longer = (noisy - inputs).flatten(1).norm(dim=1) > wanted
        low, high = torch.where(longer, low, middle), torch.where(longer, middle, high)
    return (inputs + low.view(-1, 1, 1, 1) * signs).clamp(0, 1)


# %% [markdown]
# Set `transferred`, a table of shape (4, 4): the share of the 250 `images` that **`other`** puts into
# their true class. Columns are the `epsilons`, rows in this order:
#
# 1. FGSM on `model`{{ if task.curve }}, the images of task {{ task.curve }}{{ end }}: `attack(model, …, "fgsm", epsilon=ε)`;
# 2. noise as long as row 1: `noise_like(images, moved, signs)`;
# 3. PGD on `model`{{ if task.curve }}, those of task {{ task.curve }}{{ end }}: `attack(model, …, "pgd", epsilon=ε, steps=20)`;
# 4. noise as long as row 3.

# %% nbgrader={"grade_id": "transfer", "solution": true}
# answer: transfer
transferred = None
### BEGIN SOLUTION
transferred = torch.zeros(4, 4)
for column, epsilon in enumerate(epsilons):
    for row, (method, options) in enumerate((("fgsm", {}), ("pgd", {"steps": 20}))):
        moved = attack(model, images, labels, method, epsilon=epsilon, **options).adversarial
        noisy = noise_like(images, moved, signs)
        for line, shown in ((2 * row, moved), (2 * row + 1, noisy)):
            transferred[line, column] = (network_says(other, shown) == labels).float().mean()
### END SOLUTION

# %% nbgrader={"grade_id": "transfer-test", "grade": true, "points": 3}
table = checks.numbers(transferred, (4, 4), "transferred")
checks.expect(0 <= table.min() <= table.max() <= 1, "A share lies between 0 and 1.")
checks.expect(
    table[1, 2] > table[0, 2],
    "At ε = 0.1 noise should cost `other` less than FGSM does: are the rows in order, and is it `other` "
    "that judges all four?",
)
clean_other = float((network_says(other, images) == labels).float().mean())
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
for axis, first, name in zip(axes, (0, 2), ("FGSM", "PGD"), strict=True):
    for row, label, style, colour in (
        (first, f"{name} on `model`", "-", line_colours[0]),
        (first + 1, "noise, equally long", "--", line_colours[1]),
    ):
        shares = np.array([clean_other, *table[row]])
        plot_shares(axis, (0, *epsilons), shares, 250, style, colour, label)
    axis.set(xlabel="ε of the attack (maximum norm)", ylim=(-0.02, 1.04))
    axis.set_xticks((0, *epsilons))
    axis.legend(frameon=False)
axes[0].set_ylabel("share that `other` gets right")
figure.suptitle("Images made for `model`, shown to `other` (250 images, bars: 95 %)", fontsize=11)
plt.show()
checks.passed("transfer", "shares, and FGSM against noise at ε = 0.1,")

# %% [markdown]
# At ε = 0.05 `other` gets 76 % of FGSM's images right, and 89 % of those with equally long noise; at
# ε = 0.1 it is 46 % against 56 %. For PGD it is 89 % against 94 %, then 73 % against 81 %. Compare image by
# image: under FGSM alone `other` errs on 35 images, under its noise alone on 3 (ε = 0.05; 40 and 15 at
# 0.1). Under PGD alone it errs on 13, under its noise alone on none (26 and 7 at 0.1). If the direction did
# not matter, either count would be the larger one equally often; differences like these then happen in
# fewer than 2 of 1,000 draws (sign test). So a direction that is bad for `model` is bad for `other`, too:
# it **transfers**. At ε = 0.02 the 250 images are too few to tell (5 and 1; 3 and 0). At ε = 0.2 FGSM costs
# no more than its noise (17 % and 16 % are left), because `other` withstands no change of this length.
# Other draws of the signs move the shares of the noise by about two points.
#
# Two things could have misled us. First, noise of ε = 0.1 leaves `model` 93 % but `other` 55 %, so the
# control has to be measured on the network that is shown the images. Second, this noise is longer than
# PGD's change (which is shorter because `attack` stops at the first point that `model` gets wrong). Compared
# with it, PGD would seem to do less harm than noise. Transfer makes attacks possible on networks whose weights
# are secret: the attacker trains a network of his own ([Papernot, McDaniel and Goodfellow
# 2016](https://arxiv.org/abs/1605.07277)).
