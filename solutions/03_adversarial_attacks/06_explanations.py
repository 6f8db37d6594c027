# %% [markdown] minutes=120
# ## Section: What do the explanations say?
#
# **You learn** to ask a map about an attack, with the two controls that make the answer mean something.
# **Time:** {{ time }}.
#
# The network was right, a sticker was put on, now it is wrong. An attribution map should show why.
# Two claims are common: the map of an attacked image *looks different*, and it *points at the patch*.
# Both can be measured:
#
# - the **rank correlation** of the maps before and after (Spearman's, over all pixels);
# - the **share of positive mass** inside the patch (`localisation`{{ if notebook.local_explanations.localisation }}, notebook {{ notebook.local_explanations }}{{ end }}).
#
# Neither number means anything by itself. It needs three controls:
#
# 1. **One target.** Before and after, the network says different classes. If you explain "the
#    prediction" each time, you compare the maps of two questions. The target stays fixed: here we ask
#    both times for the *true* class and both times for the class that it is *fooled to*.
# 2. **The area.** A patch of 25 pixels is 3.2 % of the image. A map that does not depend on the image
#    has that share inside.
# 3. **Noise of the same size.** Any square that is pasted onto a garment changes the map, and a map
#    that multiplies by the input is large wherever something bright lies on black ground. So we also
#    explain images with a *harmless* patch: the very pixels of the adversarial one, at the same place,
#    but shuffled, so that the network says the right class again.
#
# ### Task: three numbers for two maps
#
# Write `compare_maps(clean, attacked, mask)` for two maps (H, W) of the same target and a boolean
# `mask` (H, W). It returns Spearman's rank correlation of the maps over all pixels (no two pixels of a
# map are equal), the share of `clean`'s positive mass that lies inside the mask, and that of
# `attacked`'s. Spearman's is Pearson's correlation of the ranks.


# %% nbgrader={"grade_id": "compare-maps", "solution": true}
# answer: compare-maps
def compare_maps(clean: Tensor, attacked: Tensor, mask: Tensor) -> tuple[float, float, float]:
    """Return the rank correlation and the share of positive mass inside, before and after."""
    ### BEGIN SOLUTION
    ranks = [each.flatten().argsort().argsort().double() for each in (clean, attacked)]
    correlation = torch.corrcoef(torch.stack(ranks))[0, 1]
    positive = [each.clamp(min=0) for each in (clean, attacked)]
    shares = [each[mask].sum() / each.sum() for each in positive]
    return correlation.item(), shares[0].item(), shares[1].item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "compare-maps-test", "grade": true, "points": 3}
one = torch.tensor([[1.0, 2.0], [-3.0, 5.0]])
corner = torch.tensor([[True, False], [True, False]])
found = checks.numbers(compare_maps(one, one**3, corner), (3,), "compare_maps(…)")
checks.expect(
    abs(found[0] - 1) < 1e-6,
    "x³ keeps the order of the pixels, so the rank correlation is 1: correlate ranks, not values.",
)
checks.expect(
    abs(found[1] - 1 / 8) < 1e-6,
    "Of the positive mass 1 + 2 + 5, only the 1 lies inside: what is negative counts nowhere.",
)
checks.expect(abs(found[2] - 1 / 134) < 1e-6, "The third number is the second one of `attacked`.")
found = checks.numbers(compare_maps(one, -one, corner), (3,), "compare_maps(…)")
checks.expect(
    abs(found[0] + 1) < 1e-6,
    "The opposite order has the correlation −1: rank with sign, not by magnitude.",
)
swapped = torch.tensor([[2.0, 1.0], [-3.0, 5.0]])
found = checks.numbers(compare_maps(one, swapped, corner), (3,), "compare_maps(…)")
checks.expect(
    abs(found[0] - 0.8) < 1e-6,
    "The ranks 2, 3, 1, 4 meet 3, 2, 1, 4: what is Pearson's correlation of these?",
)
checks.passed("compare-maps", "three pairs of maps")

# %% [markdown]
# ### Task: predict, then run
#
# A patch changes the pixels inside a mask, and nothing outside. Decide without running code, `"yes"` or
# `"no"`, for one *fixed* target unless said otherwise. `linear` means $f(x) = Wx + b$, `network` one of
# convolutions and ReLUs. "Can" asks whether it happens for some network and image.

# %%
questions = (
    "linear: the gradient changes inside the patch",
    "linear: input × gradient can change inside the patch",
    "linear: input × gradient can change outside the patch",
    "linear: integrated gradients from black can change outside the patch",
    "linear: the gradient of the *predicted* class can change",
    "network: the gradient can change outside the patch",
    "network: input × gradient can be other than zero at a black pixel",
    "network: a patch that changes no logit can change integrated gradients from black inside it",
    "network: integrated gradients from the original as baseline can be other than zero outside the patch",
    "network: multiplying all logits by 2 can change the gradient outside the patch",
)

# %% nbgrader={"grade_id": "predict", "solution": true}
# answer: predict
prediction = dict.fromkeys(questions)  # fill in "yes" or "no" for each question
### BEGIN SOLUTION
prediction = dict(
    zip(
        questions,
        (
            "no",  # it is the row of the weights, everywhere
            "yes",  # weight times another pixel
            "no",  # weight times the same pixel
            "no",  # the same, weight times difference from black
            "yes",  # another class, another row of the weights
            "yes",  # other ReLUs are active
            "no",  # zero times something
            "yes",  # what pixels give, others may take: only the sum is fixed
            "no",  # there the difference from the baseline is zero: 100 % inside by construction
            "yes",  # every slope doubles, though no decision changes
        ),
        strict=True,
    )
)
### END SOLUTION

# %% nbgrader={"grade_id": "predict-test", "grade": true, "points": 3}
checks.choices(prediction, questions, ("yes", "no"), "prediction")
checks.passed("predict")

# %% [markdown]
# ### The three conditions
#
# For each image that a 5 × 5 patch at its best place fools, we shuffle the pixels inside the patch
# until the network says the right class again. If forty attempts do not suffice (why could that be?),
# we leave the image out. We take 350 images, so that more than 200 remain.

# %%
many = torch.nonzero(network_says(model, pictures[:600]) == truth[:600])[:350, 0]
found = attack(model, pictures[many], truth[many], "patch", size=5, places=2, steps=30)
was_fooled = torch.nonzero(found.success)[:, 0]
clean_images, attacked_images = pictures[many][was_fooled], found.adversarial[was_fooled]
masks = found.mask[was_fooled, 0]  # (N, 28, 28)
true, fooled_to = truth[many][was_fooled], found.predicted[was_fooled]

shuffler = torch.Generator().manual_seed(3)
inside_pixels = attacked_images[:, 0][masks].view(-1, 25)
harmless_images, is_harmless = (
    clean_images.clone(),
    torch.zeros(len(clean_images), dtype=torch.bool, device=device),
)
for _ in Bar(range(40), "shuffling"):
    order = torch.rand(inside_pixels.shape, generator=shuffler).argsort(1).to(device)
    shuffled = clean_images.clone()
    shuffled[:, 0][masks] = inside_pixels.gather(1, order).flatten()
    left = ~is_harmless
    harmless_images[left] = shuffled[left]
    is_harmless[left] = network_says(model, harmless_images[left]) == true[left]

clean_images, harmless_images, attacked_images = (
    clean_images[is_harmless],
    harmless_images[is_harmless],
    attacked_images[is_harmless],
)
masks, true, fooled_to = masks[is_harmless], true[is_harmless], fooled_to[is_harmless]
both = torch.stack([true, fooled_to], 1)  # (N, 2): the two fixed targets
print(
    f"{len(was_fooled)} of {len(many)} images are fooled; {len(clean_images)} have a harmless patch, too"
)
for name, changed in (("adversarial", attacked_images), ("harmless", harmless_images)):
    length = float((changed - clean_images).flatten(1).norm(dim=1).mean())
    print(f"{name:12}mean Euclidean length of the change {length:.2f}")

map_methods = {
    "gradient": {},
    "guided_backprop": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 16},
    "lrp": {"rule": "composite"},
    "grad_cam": {},
}

# %% [markdown]
# First look at three images, each clean, with the harmless and with the adversarial patch, and at their
# maps for the class that the adversarial patch leads to. Could you say from the maps which is which?


# %% tags=["figure"]
def framed(axis: plt.Axes, mask: Tensor) -> None:
    """Draw a frame around the patch."""
    place = torch.nonzero(mask).cpu()
    (top, left), (bottom, right_edge) = place.amin(0) - 0.5, place.amax(0) + 0.5
    axis.plot(
        [left, right_edge, right_edge, left, left],
        [top, top, bottom, bottom, top],
        color="black",
        linewidth=1,
    )


shown_methods = ("gradient", "integrated_gradients", "lrp", "grad_cam")
shown = [int(torch.nonzero(true == c)[0]) for c in (1, 4, 9)]
figure, axes = plt.subplots(9, 5, figsize=(7.6, 13.6), layout="constrained")
for block, index in enumerate(shown):
    here = slice(index, index + 1)
    maps = {
        (name, method): explain(
            model, pixels[here], int(fooled_to[index]), method, **map_methods[method]
        ).attributions[0, 0, 0]
        for name, pixels in (
            ("clean", clean_images),
            ("harmless", harmless_images),
            ("adversarial", attacked_images),
        )
        for method in shown_methods
    }
    for line, (name, pixels) in enumerate(
        (("clean", clean_images), ("harmless", harmless_images), ("adversarial", attacked_images))
    ):
        row = axes[3 * block + line]
        row[0].imshow(pixels[index, 0].cpu(), cmap="gray", vmin=0, vmax=1)
        row[0].set_title(
            f"{name}: {classes[int(network_says(model, pixels[here])[0])]}", fontsize=8
        )
        for axis, method in zip(row[1:], shown_methods, strict=True):
            limit = max(
                float(maps[each, method].abs().max())
                for each in ("clean", "harmless", "adversarial")
            )
            drawn = axis.imshow(maps[name, method].cpu(), cmap="RdBu_r", vmin=-limit, vmax=limit)
            framed(axis, masks[index])
            if line == 0:
                axis.set_title(method.replace("_", " "), fontsize=8)
        for axis in row:
            axis.set_xticks([])
            axis.set_yticks([])
    for column in range(1, 5):
        bar = figure.colorbar(
            axes[3 * block, column].images[0],
            ax=axes[3 * block : 3 * block + 3, column],
            shrink=0.6,
        )
        bar.ax.tick_params(labelsize=7)
    axes[3 * block + 1, 0].set_ylabel(f"asked: why {classes[int(fooled_to[index])]}?", fontsize=9)
figure.suptitle("red: for the class asked for, blue: against it; frame: the patch", fontsize=10)
plt.show()

# %% [markdown]
# ### Task: measure it
#
# For each method in `map_methods`, with its options, explain `clean_images`, `harmless_images` and `attacked_images` for `both`
# targets. Set three tables. Their first axis is the method, in the order of `map_methods`; the last axis
# of the first two is the target, true and fooled to. Means are over the images and leave out nan
# (`.nanmean(0)`):
#
# - `agreement`, shape (6, 2, 2): `rank_agreement` of the clean maps with the harmless ones (first row)
#   and with the attacked ones (second row);
# - `inside`, shape (6, 3, 2): `localisation` inside `masks` for clean, harmless, attacked (rows);
# - `told_apart`, shape (6,): the share of images whose map for the class *fooled to* has a larger share
#   of its positive mass inside the mask under the adversarial patch than under the harmless one (a
#   comparison with nan counts as no). Guessing gives one half. As the answer to this section rests on
#   the harmless patch, `told_apart` counts for half of the points, and the harmless rows for a quarter.

# %% nbgrader={"grade_id": "measure", "solution": true}
# answer: measure
agreement = None
inside = None
told_apart = None
### BEGIN SOLUTION
agreement, inside, told_apart = torch.zeros(6, 2, 2), torch.zeros(6, 3, 2), torch.zeros(6)
for row, (method, chosen_options) in enumerate(Bar(map_methods.items(), "measuring")):
    before, with_noise, after = (
        explain(model, pixels, both, method, **chosen_options)
        for pixels in (clean_images, harmless_images, attacked_images)
    )
    agreement[row] = torch.stack(
        [rank_agreement(before, each).nanmean(0) for each in (with_noise, after)]
    )
    masses = [localisation(each, masks) for each in (before, with_noise, after)]
    inside[row] = torch.stack([mass.nanmean(0) for mass in masses])
    told_apart[row] = (masses[2] > masses[1])[:, 1].float().mean()
### END SOLUTION

# %% nbgrader={"grade_id": "measure-test", "grade": true, "points": 4}
tables = {
    name: checks.numbers(found, shape, name)
    for name, found, shape in (
        ("agreement", agreement, (6, 2, 2)),
        ("inside", inside, (6, 3, 2)),
        ("told_apart", told_apart, (6,)),
    )
}
checks.expect(abs(tables["agreement"]).max() <= 1, "A correlation is at most 1.")
for name in ("inside", "told_apart"):
    low, high = tables[name].min(), tables[name].max()
    checks.expect(0 <= low <= high <= 1, f"`{name}` holds shares: from 0 to 1.")
names = [method.replace("_", " ") for method in map_methods]
places = np.arange(len(map_methods))
figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), sharey=True, layout="constrained")
for row, (label, hatch, shade) in enumerate(
    (("clean", "", "0.95"), ("harmless patch", "..", "0.75"), ("adversarial patch", "//", "0.5"))
):
    style = {"color": shade, "edgecolor": "black", "hatch": hatch}
    values = tables["inside"][:, row, 1]
    axes[1].barh(places + 0.27 * (row - 1), values, 0.27, label=label, **style)
    if row > 0:
        values = tables["agreement"][:, row - 1, 1]
        axes[0].barh(places + 0.27 * (row - 1.5), values, 0.27, **style)
shares = tables["told_apart"]
axes[2].barh(
    places,
    shares,
    0.5,
    xerr=bars(shares, len(clean_images)),
    capsize=3,
    color="0.75",
    edgecolor="black",
)
area = float(masks.float().mean())
axes[1].axvline(area, color="black", linestyle="--", label="share of the area")
axes[2].axvline(0.5, color="black", linestyle="--")
axes[0].set_yticks(places, names)
axes[0].invert_yaxis()
axes[0].set(xlim=(0, 1), xlabel="rank correlation with the clean map")
axes[1].set(xlabel="share of positive mass inside the patch")
axes[2].set(xlim=(0, 1), xlabel="share of images (dashed: guessing; bars: 95 %)")
axes[0].set_title("Does the map change?", fontsize=10)
axes[1].set_title("Does it point at the patch?", fontsize=10)
axes[2].set_title("More inside the adversarial patch?", fontsize=10)
figure.legend(loc="outside lower center", ncols=4, frameon=False)
figure.suptitle(f"Maps for the class fooled to, mean of {len(clean_images)} images", fontsize=11)
plt.show()
checks.passed("measure", "shapes, and the ranges of correlations and shares,")

# %% [markdown] nbgrader={"grade_id": "interpret", "solution": true, "grade": true, "points": 5}
# <!-- answer: interpret -->
# **Do explanations reveal the attack?** Answer with your numbers and pictures ({{ points.interpret }}, about ten
# sentences).
#
# 1. Does a low rank correlation with the clean map show that an image was attacked? Say what the
#    harmless patches do to it.
# 2. Does the map of the class fooled to point at the adversarial patch: against the share of the area,
#    against the map of the *true* class, against the harmless patch? Name a method that does best and
#    one that does worst by your table, and a reason in how each is computed.
# 3. A colleague proposes an alarm: "more than 10 % of the positive mass inside any 5 × 5 square". What
#    would it do on your three kinds of images, and what would an attacker do who knows of the alarm?
# 4. So what is an explanation of an attacked image good for?
#
# ### BEGIN SOLUTION
# An answer (235 images):
#
# 1. No. The rank correlation with the clean map falls to 0.5 to 0.8, depending on the method, and it
#    falls nearly as much under the harmless patches: to 0.66 against 0.64 for the gradient, 0.67 against
#    0.63 for LRP (class fooled to; for the true class LRP comes down further, 0.75 against 0.64). Any square that is pasted onto a garment does this. A low correlation says "something was
#    changed here", which we knew.
# 2. For the class fooled to, LRP has 28 % of its positive mass inside the adversarial patch, nine times
#    the patch's share of the area of 3.2 %, against 4 % on the clean image and 2 % for the true class.
#    So it points at the patch, and it points for the right class. But inside the *harmless* patch it is
#    23 %. In three of four images the adversarial one has more: LRP is best, at 0.76 (95 % interval
#    0.70 to 0.81); Integrated Gradients, input × gradient and guided backpropagation follow at 0.7, and
#    their intervals overlap with it. The plain gradient and Grad-CAM have less than twice the area's share
#    inside and do no better than guessing: their 95 % intervals contain one half. The gradient says what a
#    small change *would* do; it lacks the factor that says what the pixels *have* done, and a bright patch on dark ground has much of it, which
#    is also why harmless patches score high. Grad-CAM of this network has 8 × 8 places, interpolated to
#    28 × 28 pixels, and a patch of 5 × 5 is hardly one and a half of them wide.
# 3. With LRP it would be raised for most of the adversarial and most of the harmless patches, since both
#    means are above 20 %, so it is an alarm for stickers, not for attacks; and as it looks at *every*
#    square, it would be raised for a buckle or a logo of a clean image as well. With the gradient it would
#    hardly ever be raised. An attacker who knows of it adds the map's mass inside the patch to his loss, as
#    Subramanya et al. did, or spreads a small change over the whole image, where there is no square.
# 4. If we *suspect* an image, the map of the wrong class shows a person where to look, and covering that
#    place tests the suspicion. It is no detector: it neither proves an attack nor excludes one.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 5 points; half points are possible. What is asked for is an argument from the student's own numbers;
# numbers that differ a little from the model answer's are fine.
#
# - 1 point: the rank correlation falls for harmless patches (nearly) as much as for adversarial ones, so
#   that its fall is no sign of an attack. Half a point if only the fall is described.
# - 2 points for pointing: the comparison with the area (half), with the true class or the clean image
#   (half), with the harmless patch (half), a best and a worst method with a reason from the formula, such
#   as the factor *input*, coarse maps of Grad-CAM, or that the gradient says what *would* help, not what
#   has (half).
# - 1 point: the alarm is raised for harmless stickers or bright details as well, or misses attacks, shown
#   with numbers from the table; and an attacker can include the map in his loss, spread his change, or
#   use an attack without a patch (half a point each).
# - 1 point: a use that the numbers support, such as: *given* that an image is suspected, the map helps a
#   person to see what drives the wrong class; and a limit: it neither proves nor excludes an attack.
#
# No point for a part that claims what the student's table contradicts.
# === END MARK SCHEME ===
