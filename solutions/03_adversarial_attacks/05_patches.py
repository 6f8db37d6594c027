# %% [markdown] minutes=90
# ## Section: A sticker is enough
#
# **You learn** to attack a small part of the image only: one patch an image, and one for all.
# **Time:** {{ time }}.
#
# To change every pixel a little is hard outside a computer. To put on a sticker is easy. [Brown et al.
# 2017](https://arxiv.org/abs/1712.09665) trained a patch that works on every image it is put on,
# and [Karmon, Zoran and Goldberg 2018](https://arxiv.org/abs/1801.02608) patches of about 2 % of one
# image, beside the main object. With a mask $m \in \{0, 1\}^{H \times W}$, which is 1 inside the patch,
#
# $$x' = (1 - m) \odot x + m \odot p, \qquad p \in [0, 1]^{C \times H \times W}$$
#
# Outside, the change is *exactly* zero; inside, any change is allowed. Signed steps on the loss find
# the pixels $p$, as before; the mask takes the place of the ball.
#
# ### Task: a patch by hand
#
# Write `patch_attack(model, images, labels, mask, start, step, steps, targets=None)`. `mask` (H, W) is
# boolean, `start` (N, C, H, W) holds the pixels to begin with *inside* the mask. Each of the `steps`
# moves the pixels inside by `step` along the sign of the gradient that raises the cross-entropy of the
# label, or lowers that of the target, and clips to [0, 1]. Return the images with their patches, also
# for `steps = 0`.


# %% nbgrader={"grade_id": "patch", "solution": true}
# answer: patch
def patch_attack(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    mask: Tensor,
    start: Tensor,
    step: float,
    steps: int,
    targets: Tensor | None = None,
) -> Tensor:
    """Return the images, changed inside the mask only."""
    ### BEGIN SOLUTION
    now = torch.where(mask, start, images)
    for _ in range(steps):
        now.requires_grad_()
        loss = nn.functional.cross_entropy(model(now), labels if targets is None else targets)
        (slope,) = torch.autograd.grad(loss, now)
        uphill = slope.sign() if targets is None else -slope.sign()
        with torch.no_grad():
            now = torch.where(mask, (now + step * uphill).clamp(0, 1), images)
    return now
    ### END SOLUTION


# %% nbgrader={"grade_id": "patch-test", "grade": true, "points": 3}
# Images of 2 × 2 pixels, which `three` sees as four features: all but the second lie inside the mask.
tiny, window = nn.Sequential(nn.Flatten(), *three), torch.tensor([[True, False], [True, True]])
small = torch.tensor([0.5, 0.2, 0.5, 0.5]).repeat(2, 1).view(2, 1, 2, 2)
start = torch.tensor([[0.4, 0.9, 0.1, 0.7], [0.6, 0.9, 0.3, 0.8]]).view(2, 1, 2, 2)
for goal, wanted in (
    (None, [[0.8, 0.2, 0.0, 0.7], [0.2, 0.2, 0.7, 0.8]]),
    (torch.tensor([1, 2]), [[0.0, 0.2, 0.0, 0.7], [0.2, 0.2, 0.7, 0.8]]),
):
    checks.close(
        patch_attack(tiny, small, torch.tensor([2, 0]), window, start, 0.2, 2, goal),
        np.reshape(wanted, (2, 1, 2, 2)),
        "patch_attack of 2 × 2 pixels" + ("" if goal is None else " with targets"),
        "inside, two steps lead on from `start`, each pixel by `step` or, where it makes no difference, "
        "not at all, and into [0, 1]: up the loss of the label, or down that of the image's own target.",
    )
centre = torch.zeros(28, 28, dtype=torch.bool, device=device)
centre[10:17, 10:17] = True
grey = torch.full_like(hundred, 0.5)
for steps, wanted in ((0, None), (30, None), (30, 8)):
    goal = None if wanted is None else torch.full_like(hundred_labels, wanted)
    moved = patch_attack(model, hundred, hundred_labels, centre, grey, 0.1, steps, goal)
    moved = torch.as_tensor(checks.numbers(moved, hundred.shape, "patch_attack(…)")).to(hundred)
    checks.expect(
        torch.equal(moved[..., ~centre], hundred[..., ~centre]),
        "Outside the mask not a single pixel may change, not even by a clip or a rounding.",
    )
    checks.expect(
        float(moved.min()) >= 0 and float(moved.max()) <= 1, "Pixels have to stay in [0, 1]."
    )
    if steps == 0:
        checks.expect(
            bool((moved[..., centre] == 0.5).all()),
            "Before the first step the patch shows `start`, not what the image had there.",
        )
    answers = network_says(model, moved)
    if wanted is None:
        share = float((answers != hundred_labels).float().mean())
        print(f"7 × 7 in the centre, {steps} steps: {share:.0%} misclassified")
    else:
        asked = hundred_labels != wanted
        share = float((answers[asked] == wanted).float().mean())
        print(
            f"7 × 7 in the centre, {steps} steps, target {classes[wanted]}: {share:.0%} called so"
        )
    checks.expect(
        steps == 0 or share > (0.5 if wanted is None else 0.1),
        "The patch does too little: does each step raise the label's loss (or lower the target's)?",
    )
at_once = patch_attack(model, hundred, hundred_labels, centre, grey, 0.3, 4)
point = grey
for _ in range(4):
    point = patch_attack(model, hundred, hundred_labels, centre, point, 0.3, 1)
checks.expect(
    float(((point - at_once)[..., centre].abs() < 1e-4).float().mean()) > 0.97,
    "Four steps should lead where one step leads four times, each from where the last one ended: clip "
    "after every step.",
)
checks.passed("patch", "two small images, with and without targets, and a hundred of ours")

# %% [markdown]
# ### Which place?
#
# The place of a patch matters. The figure below shows the share of the first forty images that a 5 × 5
# patch fools at each of 36 *fixed* places, and three images, each with a patch at its own best place.
# Forty images are few: near one half the 95 % interval reaches 15 points to either side, so that two
# neighbouring places may well be equal. The middle and the upper corners differ by more than chance.

# %%
forty, forty_labels = images[:40], labels[:40]

# %% tags=["figure"]
corners = range(0, 24, 4)
by_place = torch.zeros(len(corners), len(corners))
for row, top in enumerate(Bar(corners, "places")):
    for column, left in enumerate(corners):
        result = attack(model, forty, forty_labels, "patch", size=5, place=(top, left), steps=15)
        by_place[row, column] = result.success.float().mean()
figure, axes = plt.subplots(
    1, 4, figsize=(11, 3.3), width_ratios=(1.5, 1, 1, 1), layout="constrained"
)
drawn = axes[0].imshow(by_place, cmap="cividis", vmin=0, vmax=1)
axes[0].set_xticks(range(len(corners)), corners)
axes[0].set_yticks(range(len(corners)), corners)
axes[0].set(xlabel="left edge", ylabel="upper edge")
axes[0].set_title("A 5 × 5 patch: the share fooled\nat a fixed place", fontsize=9)
figure.colorbar(drawn, ax=axes[0], shrink=0.9)
one = attack(model, forty[:3], forty_labels[:3], "patch", size=5, place="best")
for axis, picture, answer, label in zip(
    axes[1:], one.adversarial, one.predicted, forty_labels, strict=False
):
    axis.imshow(picture[0].cpu(), cmap="gray", vmin=0, vmax=1)
    axis.set_title(
        f"best place: {classes[int(label)]}\ntaken for {classes[int(answer)]}", fontsize=9
    )
    axis.axis("off")
plt.show()

# %% [markdown]
# ### Task: size and place
#
# Set `patch_accuracy`, a dictionary with a list for each key: the robust accuracy of `model` on
# `forty` against a patch of each size in `sizes`,
#
# - `"fixed"`: `attack(model, forty, forty_labels, "patch", size=s, place=(14 - s // 2, 14 - s //
#   2), steps=30)`, all in the middle;
# - `"best"`: the same with `place="best", places=2`, each image at its own best place;
# - `"noise"`: at the same place in the middle the pixels of `scatter`, given below, with no attack:
#   `scatter` inside the square, the image outside.

# %%
sizes = (3, 4, 5, 7)
scatter = torch.rand(forty.shape, generator=torch.Generator().manual_seed(1)).round().to(device)

# %% nbgrader={"grade_id": "sizes", "solution": true}
# answer: sizes
patch_accuracy = None
### BEGIN SOLUTION
patch_accuracy = {"fixed": [], "best": [], "noise": []}
for size in Bar(sizes, "sizes"):
    corner = 14 - size // 2
    for name, chosen_place in (
        ("fixed", {"place": (corner, corner)}),
        ("best", {"place": "best", "places": 2}),
    ):
        result = attack(model, forty, forty_labels, "patch", size=size, steps=30, **chosen_place)
        patch_accuracy[name].append(1 - result.success.float().mean().item())
    noisy = forty.clone()
    square = (..., slice(corner, corner + size), slice(corner, corner + size))
    noisy[square] = scatter[square]
    patch_accuracy["noise"].append(
        (network_says(model, noisy) == forty_labels).float().mean().item()
    )
### END SOLUTION

# %% nbgrader={"grade_id": "sizes-test", "grade": true, "points": 3}
checks.expect(
    isinstance(patch_accuracy, dict) and sorted(patch_accuracy) == ["best", "fixed", "noise"],
    "`patch_accuracy` should be a dictionary with the keys 'fixed', 'best' and 'noise'.",
)
curves = {
    name: checks.numbers(values, (4,), f"patch_accuracy[{name!r}]")
    for name, values in patch_accuracy.items()
}
for values in curves.values():
    checks.expect(0 <= values.min() <= values.max() <= 1, "A share lies between 0 and 1.")
checks.expect(
    (curves["best"] <= curves["fixed"] + 0.1).all(),
    "The best place should leave fewer images right than a fixed one: is it the robust accuracy?",
)
figure, axis = plt.subplots(figsize=(6.2, 3.4), layout="constrained")
for (name, values), style, colour in zip(
    curves.items(), ("-", "--", ":"), line_colours, strict=False
):
    label = {"fixed": "in the middle", "best": "best place", "noise": "noise in the middle"}[name]
    shares = np.array([1, *values])
    plot_shares(axis, (0, *sizes), shares, 40, style, colour, label)
axis.set(xlabel="side of the patch (pixels)", ylabel="robust accuracy", ylim=(-0.02, 1.04))
axis.set_title("Robust accuracy against the size of a patch (40 images, bars: 95 %)", fontsize=11)
axis.legend(frameon=False, fontsize=9)
plt.show()
checks.passed("sizes", "shares, and the best place against a fixed one,")

# %% [markdown]
# ### Task: a targeted patch
#
# A targeted attack is harder. Set `bagged` to the 40 images in `not_bags`, each with a square of at most
# 8 × 8 pixels changed, at any place, one square an image and pixels in [0, 1], such that `model` says
# *bag* (class 8) to as many as you can. Full marks for 32 of the 40, none for 16, a share in between.
# (`attack(…, "patch", targets=8, size=8)` is a beginning.)

# %%
not_bags = images[labels != 8][:40]
not_bag_labels = labels[labels != 8][:40]

# %% nbgrader={"grade_id": "targeted", "solution": true}
# answer: targeted
bagged = None
### BEGIN SOLUTION
bagged = attack(
    model, not_bags, not_bag_labels, "patch", targets=8, size=8, steps=60, places=6
).adversarial
### END SOLUTION

# %% nbgrader={"grade_id": "targeted-test", "grade": true, "points": 2}
found = torch.as_tensor(checks.numbers(bagged, (40, 1, 28, 28), "bagged")).to(not_bags)
changed = (found - not_bags).abs().amax(1) > 1e-5
for index, touched in enumerate(changed):
    place = torch.nonzero(touched)
    checks.expect(
        len(place) == 0 or int((place.amax(0) - place.amin(0)).max()) < 8,
        f"Image {index} of `bagged` is changed in more than one square of 8 × 8.",
    )
checks.expect(float(found.min()) >= 0 and float(found.max()) <= 1, "Pixels have to stay in [0, 1].")
hits = int((network_says(model, found) == 8).sum())
print(f"{hits} of 40 are called bags")
checks.expect(
    hits >= 20, "Less than half are called bags: a larger square, more places, more steps?"
)
display(plots.image_row(found[:6].cpu(), [classes[int(c)] for c in network_says(model, found[:6])]))
checks.passed("targeted", "one square an image, its pixels, and half of them called bags,")

# %% [markdown]
# ### One sticker for all
#
# Each patch so far was made for its image. A **universal** patch is learned from *some* images, then it
# is put on others ([Moosavi-Dezfooli et al. 2017](https://arxiv.org/abs/1610.08401) did
# the same with a change of the whole image). One maximises the mean loss over a training set,
#
# $$\max_{p \in [0, 1]^{C \times s \times s}} \; \frac 1 n \sum_{i=1}^n J\bigl((1 - m) \odot x_i + m \odot p, \; y_i\bigr),$$
#
# and, as with any learning, evaluates the patch on images that it was not learned from.
#
# ### Task: learn a sticker
#
# Learn `sticker`, pixels of shape (1, 10, 10) in [0, 1], for the square whose upper left corner lies in
# row 9 and column 9. You may use `images` and `labels`. It is judged on *other* test images: put onto
# those of the last 400 that `model` gets right, it should fool at least 65 %; for less there is a
# share, as far as it beats random stickers. (Signed steps that become
# smaller, on a part of the images at a time, get there in a hundred steps. `attack(…,
# "universal_patch", …)` exists, too.)

# %%
held_out = pictures[600:][network_says(model, pictures[600:]) == truth[600:]]
held_out_labels = truth[600:][network_says(model, pictures[600:]) == truth[600:]]


def with_sticker(inputs: Tensor, pixels: Tensor) -> Tensor:
    """Return inputs (N, 1, 28, 28) with the pixels (1, 10, 10) in the square from (9, 9)."""
    stuck = inputs.clone()
    stuck[..., 9:19, 9:19] = pixels
    return stuck


# %% nbgrader={"grade_id": "universal", "solution": true}
# answer: universal
sticker = None
### BEGIN SOLUTION
pixels = torch.full((1, 10, 10), 0.5, device=device)
draw = torch.Generator().manual_seed(0)
for k in Bar(range(100), "learning the sticker"):
    batch = torch.randperm(len(images), generator=draw)[:128]
    pixels.requires_grad_()
    loss = nn.functional.cross_entropy(model(with_sticker(images[batch], pixels)), labels[batch])
    (slope,) = torch.autograd.grad(loss, pixels)
    pixels = (pixels.detach() + (0.01 + 0.2 * (1 - k / 100)) * slope.sign()).clamp(0, 1)
sticker = pixels
### END SOLUTION

# %% nbgrader={"grade_id": "universal-test", "grade": true, "points": 3}
found = torch.as_tensor(checks.numbers(sticker, (1, 10, 10), "sticker")).to(pictures)
checks.expect(float(found.min()) >= 0 and float(found.max()) <= 1, "Pixels have to stay in [0, 1].")
noise_sticker = torch.rand(1, 10, 10, generator=torch.Generator().manual_seed(2)).round().to(device)
shares = {}
for name, each in (("sticker", found), ("noise", noise_sticker)):
    for which, some, true in (("seen", images, labels), ("unseen", held_out, held_out_labels)):
        answers = network_says(model, with_sticker(some, each))
        shares[name, which] = float((answers != true).float().mean())
        low, high = wilson(shares[name, which], len(true))
        print(
            f"{name:8}on {which:7}images: {shares[name, which]:.0%} fooled "
            f"(95 % interval {low:.0%} to {high:.0%})"
        )
display(
    plots.image_row(
        with_sticker(held_out[:6], found).cpu(),
        [classes[int(c)] for c in network_says(model, with_sticker(held_out[:6], found))],
    )
)
checks.expect(
    shares["sticker", "unseen"] > shares["noise", "unseen"],
    "It fools no more than noise: raise the mean loss over all images at once.",
)
if shares["sticker", "unseen"] < 0.65:
    print("Not yet 65 % of the unseen images, which full marks need.")
checks.passed("universal", "its pixels, and unseen images against noise,")
