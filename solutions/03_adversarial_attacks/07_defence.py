# %% [markdown] minutes=120
# An attacker can also keep the map away from the patch: [Subramanya, Pillai and Pirsiavash
# 2019](https://arxiv.org/abs/1812.02843) train patches that fool the network *and* have a small
# Grad-CAM, and [Ghorbani, Abid and Zou 2019](https://arxiv.org/abs/1710.10547) change maps by
# small perturbations while the prediction stays{{ if notebook.local_explanations.manipulate }}, as you did in notebook {{ notebook.local_explanations }}{{ end }}.
#
# ## Section: A defence, and how to read a claim
#
# **You learn** to train against an attack, to say what has been gained, and to review a claim.
# **Time:** {{ time }}.
#
# ### Adversarial training
#
# Train on the worst image of the ball instead of the image ([Madry et al.
# 2018](https://arxiv.org/abs/1706.06083) with PGD; [Goodfellow, Shlens and Szegedy
# 2015](https://arxiv.org/abs/1412.6572) took one step, and kept the image itself beside it):
#
# $$\min_\theta \; \mathbb E_{(x, y)} \Bigl[ \max_{\lVert \delta \rVert_\infty \le \varepsilon} J_\theta(x + \delta, y) \Bigr]$$
#
# For *logistic regression* with $y \in \{-1, 1\}$ and $J = \log(1 + e^{-y (w \cdot x + b)})$, the inner
# maximum has a closed form, because the loss only depends on $y (w \cdot x + b)${{ if section.fgsm }}, and section {{ section.fgsm }} says how
# far that can be pushed down{{ end }}.
#
# ### Task: the worst loss, exactly
#
# Write `worst_logistic_loss(w, b, x, y, epsilon)`: the *mean* over the rows of `x` (N, d) of the largest
# logistic loss within ε (maximum norm, no limits of pixels). `w` (d,), `b` a number, `y` (N,) of −1
# and 1.


# %% nbgrader={"grade_id": "worst-loss", "solution": true}
# answer: worst-loss
def worst_logistic_loss(w: Tensor, b: float, x: Tensor, y: Tensor, epsilon: float) -> float:
    """Return the mean of the largest logistic losses within epsilon of each row of x."""
    ### BEGIN SOLUTION
    margins = y * (x @ w + b) - epsilon * w.abs().sum()
    return nn.functional.softplus(-margins).mean().item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "worst-loss-test", "grade": true, "points": 2}
line = torch.tensor([2.0, -1.0])
points = torch.tensor([[1.0, 1.0], [0.0, 2.0], [0.0, 0.5]])
sides = torch.tensor([1.0, -1.0, 1.0])  # with b = 0.5 the margins are 1.5, 1.5 and 0
checks.close(
    worst_logistic_loss(line, 0.5, points, sides, 0.0),
    (0.201413 + 0.201413 + 0.693147) / 3,
    "worst_logistic_loss(…, 0)",
    "with ε = 0 it is the mean of the ordinary logistic losses, log(1 + exp(−margin)), which are 0.201, "
    "0.201 and 0.693.",
)
checks.close(
    worst_logistic_loss(line, 0.5, points, sides, 0.5),
    (0.693147 + 0.693147 + 1.701413) / 3,
    "worst_logistic_loss(…, 1/2)",
    "the margins are 1.5, 1.5 and 0, and ε = ½ can take 1.5 from each, for either sign of y: every "
    "feature moves against y. The losses are then 0.693, 0.693 and 1.701.",
)
checks.passed("worst-loss", "three points with a bias, with ε = 0 and ½,")

# %% [markdown]
# Goodfellow, Shlens and Szegedy (2015) compare this loss with an $L_1$ penalty on $w$, which is added
# outside the loss. Here the norm is subtracted from the margin *inside* the loss, so that its effect
# fades where the model is confident enough.
#
# ### Task: harden a network
#
# Train a network of the architecture of `model` on `train_images` and `train_labels` such that it
# withstands more. Start from a copy of `model`; two or three passes in batches of 50 are enough, for
# instance with `torch.optim.Adam` and a rate of 0.003 that falls to a tenth. In each batch replace the
# images by adversarial ones within ε = 0.05, made for the network *as it is now*: one signed step from a
# random point of the ball does it ([Wong, Rice and Kolter 2020](https://arxiv.org/abs/2001.03994), who
# also show how that can fail suddenly: the network learns to resist the single step only. So test with
# many), or a few steps of PGD.
#
# Set `hardened` to the trained network's `state_dict()`. The check loads it and measures on the last
# 400 pictures, all of which count: 75 % should be right when clean, and 40 % under 20 steps within
# ε = 0.05, both of PGD and on the margin{{ if section.masked_gradient }} (section {{ section.masked_gradient }} says why){{ end }}. `model` has 90 % and 8 %.

# %%
train = load("fashion_mnist", split="train")
train_images, train_labels = train.images[:4000].to(device), train.labels[:4000].to(device)
del train  # it is large

# %% nbgrader={"grade_id": "harden", "solution": true}
# answer: harden
hardened = None
### BEGIN SOLUTION
draw = torch.Generator().manual_seed(0)
student = copy.deepcopy(model).train()
optimiser = torch.optim.Adam(student.parameters(), 3e-3)
slower = torch.optim.lr_scheduler.LinearLR(optimiser, 1, 0.1, 160)
for _ in Bar(range(2), "hardening"):
    for batch in torch.randperm(len(train_images), generator=draw).split(50):
        x, y = train_images[batch], train_labels[batch]
        noise = (2 * torch.rand(x.shape, generator=draw) - 1).to(device)
        moved = (x + 0.05 * noise).requires_grad_()
        loss = nn.functional.cross_entropy(student(moved), y)
        (slope,) = torch.autograd.grad(loss, moved)
        change = moved.detach() + 0.06 * slope.sign() - x
        loss = nn.functional.cross_entropy(student((x + change.clamp(-0.05, 0.05)).clamp(0, 1)), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        slower.step()
hardened = student.eval().state_dict()
### END SOLUTION

# %% nbgrader={"grade_id": "harden-test", "grade": true, "points": 4}
checks.expect(
    isinstance(hardened, dict) and list(hardened) == list(model.state_dict()),
    "`hardened` should be the `state_dict()` of a network with the layers of `model`.",
)
candidate = copy.deepcopy(model)
candidate.load_state_dict(hardened)
last, last_truth = pictures[600:], truth[600:]
for name, network in (("model", model), ("hardened", candidate)):
    as_it_is = float((network_says(network, last) == last_truth).float().mean())
    result = attack(network, last, last_truth, "pgd", epsilon=0.05, steps=20)
    left = 1 - float(result.success.float().mean())
    print(f"{name:10}{as_it_is:.0%} right, {left:.0%} under PGD with ε = 0.05")
checks.expect(as_it_is >= 0.75, "Too many clean images are lost: fewer or gentler steps?")
checks.expect(
    left >= 0.4,
    "It does not withstand PGD yet: are the adversarial images made anew in every batch, for the "
    "network as it is then?",
)
checks.passed("harden", "layers, clean images and images under PGD")

# %% [markdown]
# ### The network `robust_model`, trained for longer
#
# `robust_model` was trained from scratch in this way, with four steps of PGD a batch, for twelve passes over
# all 60,000 images, with ε = 0.1.
#
# ### Task: what has been gained, and what not?
#
# Set two tables of robust accuracies on `sample`, *all* of its images counted. The first row is `model`,
# the second `robust_model`; each network is attacked by images that are made for *it*:
#
# - `kept_pgd`, shape (2, 5): PGD with 20 steps at each radius in `radii`, of which 0 means no attack;
# - `kept_patch`, shape (2, 3): a patch in the middle (`place=(14 - s // 2, 14 - s // 2)`, 30 steps) of
#   each size in `sides_of_patch`.

# %%
sample, sample_labels = pictures[:100], truth[:100]
radii, sides_of_patch = (0.0, 0.02, 0.05, 0.1, 0.2), (3, 5, 7)

# %% nbgrader={"grade_id": "gain", "solution": true}
# answer: gain
kept_pgd = None
kept_patch = None
### BEGIN SOLUTION
kept_pgd, kept_patch = [], []
for network in (model, robust_model):
    by_pgd = [
        attack(network, sample, sample_labels, "pgd", epsilon=radius, steps=20) for radius in radii
    ]
    by_patch = [
        attack(
            network,
            sample,
            sample_labels,
            "patch",
            size=side,
            place=(14 - side // 2, 14 - side // 2),
            steps=30,
        )
        for side in sides_of_patch
    ]
    kept_pgd.append([1 - result.success.float().mean().item() for result in by_pgd])
    kept_patch.append([1 - result.success.float().mean().item() for result in by_patch])
### END SOLUTION

# %% nbgrader={"grade_id": "gain-test", "grade": true, "points": 2}
by_pgd = checks.numbers(kept_pgd, (2, 5), "kept_pgd")
by_patch = checks.numbers(kept_patch, (2, 3), "kept_patch")
for values in (by_pgd, by_patch):
    checks.expect(0 <= values.min() <= values.max() <= 1, "A share lies between 0 and 1.")
figure, axes = plt.subplots(1, 2, figsize=(9, 3.3), sharey=True, layout="constrained")
for row, (name, style, colour) in enumerate(
    zip(("model", "robust"), ("-", "--"), line_colours, strict=False)
):
    for axis, steps, shares in (
        (axes[0], radii, by_pgd[row]),
        (axes[1], (0, *sides_of_patch), np.array([by_pgd[row, 0], *by_patch[row]])),
    ):
        plot_shares(axis, steps, shares, 100, style, colour, name)
axes[0].set(xlabel="ε of PGD (maximum norm)", ylabel="robust accuracy", ylim=(-0.02, 1.04))
axes[1].set(xlabel="side of the patch in the middle")
axes[0].set_xticks(radii)
axes[0].tick_params(labelsize=8)
axes[0].axvline(0.1, color="0.5", linestyle=":", linewidth=1)
axes[0].set_title("PGD (dotted: the ε that `robust_model` was trained with)", fontsize=10)
axes[1].set_title("a patch, which neither was trained against", fontsize=10)
axes[0].legend(frameon=False)
figure.suptitle("What adversarial training keeps (100 images, bars: 95 % intervals)", fontsize=11)
plt.show()
checks.passed("gain", "shapes, and shares from 0 to 1,")

# %% [markdown]
# Robustness is robustness *against something*. Beyond the ε of its training the curve falls steeply.
# Against the patch, for which it was not trained, it has gained here, too. But for other pairs of
# changes, robustness against one is known to conflict with robustness against the other ([Tramèr and
# Boneh 2019](https://arxiv.org/abs/1904.13000)), so one has to measure. Robustness also has a cost:
# training time, and clean accuracy, with which it can conflict ([Tsipras et
# al. 2019](https://arxiv.org/abs/1805.12152)). It also changes the maps: Tsipras et al. (2019) observe
# that the gradients of robust networks look more like what people see. Judge for yourself.

# %% tags=["figure"]
figure, axes = plt.subplots(3, 6, figsize=(10.5, 5.4), layout="constrained")
for column, index in enumerate(int(torch.nonzero(labels == c)[1]) for c in (0, 1, 3, 5, 8, 9)):
    axes[0, column].imshow(images[index, 0].cpu(), cmap="gray", vmin=0, vmax=1)
    axes[0, column].set_title(classes[int(labels[index])], fontsize=9)
    for row, (name, network) in enumerate((("model", model), ("robust", robust_model)), start=1):
        slopes = explain(network, images[index : index + 1], int(labels[index]), "gradient")
        values = slopes.attributions[0, 0, 0].cpu()
        values = values / values.abs().max()
        drawn = axes[row, column].imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
        axes[row, 0].set_ylabel(f"gradient of `{name}`", fontsize=9)
    for axis in axes[:, column]:
        axis.set_xticks([])
        axis.set_yticks([])
bar = figure.colorbar(drawn, ax=axes[1:], shrink=0.6)
bar.set_label("for (red), against (blue)", fontsize=8)
figure.suptitle("Gradients of the true class, each divided by its largest magnitude")
plt.show()

# %% [markdown] nbgrader={"grade_id": "review", "solution": true, "grade": true, "points": 4}
# <!-- answer: review -->
# **Review a claim.** An (invented) abstract reads:
#
# > *We propose TempShield, which divides the temperature of the network's softmax by 500. On FashionMNIST its robust accuracy under FGSM with ε = 0.1 rises from 15 % to 97 %, under
# > PGD with 10 steps it is 98 %. The attack success rate, measured on all test images, falls to 11 %;
# > the clean accuracy is 89 %. Saliency maps on attacked images are unchanged (rank correlation 0.99),
# > which confirms that the network's reasoning is protected. TempShield makes image classifiers robust.*
#
# Write a review ({{ points.review }}, about eight sentences): name at least **four** things that are wrong or missing, say for
# each which experiment of this notebook would show it, and end with one sentence that the authors
# *could* claim.
#
# ### BEGIN SOLUTION
# An answer:
#
# 1. *Masked gradients.* Dividing the temperature by 500 multiplies the logits by it; no decision changes, but the
#    gradient of the cross-entropy vanishes{{ if task.masking }} (task {{ task.masking }}){{ end }}. Attack the margin, or the network without the factor,
#    and show that copy's adversarial images to TempShield: they fool both alike.
# 2. *A warning sign in their own numbers.* PGD leaves 98 % and the single step of FGSM 97 %: many steps
#    should find more than one. No curve up to ε = 1 is shown, where an attack that works has to
#    reach 100 %.
# 3. *The wrong denominator.* With a clean accuracy of 89 %, 11 % are wrong without any attack: a "success
#    rate" of 11 % over all images is that of an attack that does nothing. And a robust accuracy of 97 or
#    98 % is more than the clean one, so it must have been counted on the images that were right, and with
#    another denominator than the success rate{{ if task.count }} (task {{ task.count }}){{ end }}.
# 4. *The maps prove nothing.* If the attack leaves the image as it was, its map is the same, too. Maps of
#    attacked images should be compared where the attack succeeds, and with harmless noise{{ if task.measure }} (task {{ task.measure }}){{ end }}.
# 5. *Robust against what?* One norm, one radius; no Euclidean ball, no patch, no transfer, no queries{{ if task.transfer and task.query and task.sizes and task.gain }}
#    (tasks {{ task.transfer }}, {{ task.query }}, {{ task.sizes }}, {{ task.gain }}){{ end }}, no attacker who knows of the defence. No number has an interval.
#
# What they could claim: "Scaling the logits by 500 makes attacks that follow the gradient of the
# cross-entropy fail; it does not move the decision boundary, so the robustness against an attacker who
# knows of it is that of the unscaled network."
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 4 points; half points are possible.
#
# - 3 points for four flaws, each with an experiment that would show it (¾ point each, rounded to the next
#   half in total; a flaw without experiment counts half). Accept: masked gradients; PGD no stronger than
#   FGSM, or another sign of masking; success over all images, or 11 % = 100 − 89; robust above clean
#   accuracy; unchanged maps because the images hardly changed, or no harmless control; a single ε, norm or
#   attack; no adaptive, transfer or patch attack; one data set against "image classifiers".
# - 1 point: a last sentence that the evidence supports, with its limits. "Robust against FGSM and PGD" is
#   half a point: it is so only for attacks by the cross-entropy's gradient.
#
# General praise or "more data sets" alone: no point.
# === END MARK SCHEME ===
