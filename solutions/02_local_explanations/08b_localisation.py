# %% [markdown]
# ### Where it lies
#
# Another test compares the map with a *place*. For photographs one asks whether the map lies inside
# the object's outline. Why not here, too: on the garment?
#
# ### Task: the silhouette, a test that cannot fail
#
# For each entry of `cases`, a method with options, explain the `dozen` for their most likely class
# (`dozen_targets[:, 0]`) and compute for each image which share of the *absolute* attribution lies on
# the garment, the pixels with $x_i > 0$; it is 0 for a map of zeros. Do it for `model` and for `untrained`,
# which has never seen a garment. Set
#
# - `on_garment`: a tensor (2, 7, 12): network, `model` first; case, in the order of `cases`; image;
# - `by_construction`: the list of the cases that would score 100 % on *any* network of
#   convolutions and ReLUs. Then explain to your group why.

# %%
cases = {
    "gradient": ("gradient", {}),
    "input × gradient": ("input_x_gradient", {}),
    "IG, black baseline": ("integrated_gradients", {"steps": 32, "baseline": "black"}),
    "IG, white baseline": ("integrated_gradients", {"steps": 32, "baseline": "white"}),
    "DeepLIFT, black": ("deeplift", {}),
    "LRP": ("lrp", {"rule": "composite"}),
    "Grad-CAM": ("grad_cam", {}),
}

# %% nbgrader={"grade_id": "silhouette", "solution": true}
# answer: silhouette
on_garment = None
by_construction = None
### BEGIN SOLUTION
on_garment = torch.zeros(2, len(cases), 12)
for which, network in enumerate((model, untrained)):
    for line, (method, chosen) in enumerate(cases.values()):
        maps = explain(network, dozen, dozen_targets[:, 0], method, **chosen).attributions
        size = maps[:, 0].abs()
        share = (size * (dozen > 0)).sum((1, 2, 3)) / size.sum((1, 2, 3)).clamp(min=1e-12)
        on_garment[which, line] = share.cpu()
by_construction = [case for k, case in enumerate(cases) if on_garment[:, k].min() > 0.999]
### END SOLUTION

# %% nbgrader={"grade_id": "silhouette-test", "grade": true, "points": 2}
found = checks.numbers(on_garment, (2, 7, 12), "on_garment")
checks.expect(found.min() >= -1e-6 and found.max() <= 1 + 1e-6, "A share lies between 0 and 1.")
checks.expect(
    isinstance(by_construction, list | tuple) and set(by_construction) <= set(cases),
    "`by_construction` should be a list of keys of `cases`.",
)
figure, axis = plt.subplots(figsize=(8, 3.2), layout="constrained")
places = np.arange(len(cases))
for offset, values, name, hatch in zip(
    (-0.2, 0.2), found, ("trained", "random"), ("", "//"), strict=True
):
    middle, half = interval(values)
    axis.barh(
        places + offset,
        middle,
        0.38,
        xerr=half,
        capsize=2,
        color="0.75",
        edgecolor="black",
        hatch=hatch,
        label=name,
    )
covered = float((dozen > 0).float().mean())
axis.axvline(covered, color="black", linestyle="--", label="the garment's share of the area")
axis.set_yticks(places, list(cases))
axis.invert_yaxis()
axis.set(xlim=(0, 1.02), xlabel="share on the garment: mean of 12 images, 95 % interval")
axis.set_title("Silhouette test")
figure.legend(loc="outside right upper")
plt.show()
checks.passed("silhouette", "shapes, and shares from 0 to 1,")

# %% [markdown]
# ### A place that is known
#
# A fair version needs a place that the map could miss. Two are used below.
#
# **Mosaics** ([Arias-Duart et al. 2022](https://arxiv.org/abs/2109.15035)): four images in a
# square, two of one class and two of another. A map for one class should lie on its two images; by
# chance half of it does. Our network takes images of any size, because it averages over all places
# at its end. The measures are the share of *positive* attribution inside the mask (`localisation`,
# which on mosaics is that paper's *Focus*) and whether the largest value lies inside
# (`pointing_game`, [Zhang et al. 2018](https://arxiv.org/abs/1608.00507)).
#
# **Planted stickers**: the network below is the one from above with an alarm: wherever it sees the
# sticker, a small chessboard, the logit of class 8 (bag) rises by up to 30. So we *know* why it
# predicts bag, and where.

# %%
known = torch.nonzero(predictions == labels)[:200, 0]
tiles = mosaics(images[known].to(device), labels[known].to(device), 12, seed=0)

board = torch.tensor([[(row + column) % 2 for column in range(6)] for row in range(6)]).float()
sticker = board[None]


class Alarmed(nn.Module):
    """The network, and an alarm that adds to the logit of one class where it sees the sticker."""

    def __init__(self, network: nn.Module, target: int = 8, strength: float = 30.0) -> None:
        super().__init__()
        self.network = network
        self.detector = nn.Conv2d(1, 1, 6)  # 1 on the sticker, at most 0 on any even grey
        self.relu = nn.ReLU()
        self.strongest = nn.AdaptiveMaxPool2d(1)
        self.rise = nn.Linear(1, 10, bias=False)
        with torch.no_grad():
            self.detector.weight.copy_(((board - 0.5) / 4.5)[None, None])
            self.detector.bias.fill_(-1.0)
            self.rise.weight.zero_()
            self.rise.weight[target] = strength

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, 10) of images (N, 1, H, W)."""
        return self.network(x) + self.rise(self.strongest(self.relu(self.detector(x))).flatten(1))


alarmed = Alarmed(copy.deepcopy(model)).to(device).eval()
candidates = images[known][labels[known] != 8][:12].to(device)
planted, sticker_masks = plant_stickers(candidates, sticker, seed=1)
with torch.no_grad():
    before, after = alarmed(candidates).argmax(1), alarmed(planted).argmax(1)
print(
    f"called bag: {int((before == 8).sum())} of 12 without the sticker, "
    f"{int((after == 8).sum())} of 12 with it"
)
figure, axes = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
for axis, picture in zip(axes, (*tiles.images[:2], *planted[:2]), strict=True):
    axis.imshow(picture[0].cpu(), cmap="gray", vmin=0, vmax=1)
    axis.axis("off")
figure.suptitle("two mosaics, and two images with the sticker")
plt.show()

# %% [markdown]
# ### Task: does the map find it?
#
# For each method in `pointers`, with its options and in this order, set
#
# - `focus` and `pointing`, two tensors (5, 12): `localisation(explanation, mask)` and
#   `pointing_game(explanation, mask)` on the twelve mosaics. Explain `tiles.images` for `tiles.targets`
#   by `model`; the masks are `tiles.masks`. Both functions return a number for each mosaic and each of its
#   two targets, (12, 2): take the mean over the two targets without those that are nan (`.nanmean(1)`);
# - `on_sticker`, a tensor (4, 12): the `localisation` of the maps of the twelve `planted` images for class
#   8 by `alarmed`; the masks are `sticker_masks`. Without Grad-CAM, the last of the five, since the alarm
#   has a convolution of its own.

# %%
pointers = {
    "gradient": {},
    "guided_backprop": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 16},
    "grad_cam": {},
}

# %% nbgrader={"grade_id": "localisation", "solution": true}
# answer: localisation
focus = None
pointing = None
on_sticker = None
### BEGIN SOLUTION
focus, pointing, on_sticker = torch.zeros(5, 12), torch.zeros(5, 12), torch.zeros(4, 12)
for line, (method, chosen) in enumerate(Bar(pointers.items(), "pointing")):
    found = explain(model, tiles.images, tiles.targets, method, **chosen)
    focus[line] = localisation(found, tiles.masks).nanmean(1).cpu()
    pointing[line] = pointing_game(found, tiles.masks).nanmean(1).cpu()
    if method != "grad_cam":
        found = explain(alarmed, planted, 8, method, **chosen)
        on_sticker[line] = localisation(found, sticker_masks)[:, 0].cpu()
### END SOLUTION

# %% nbgrader={"grade_id": "localisation-test", "grade": true, "points": 3}
tables = {}
for name, values, lines in (
    ("focus", focus, 5),
    ("pointing", pointing, 5),
    ("on_sticker", on_sticker, 4),
):
    tables[name] = checks.numbers(values, (lines, 12), name)
    checks.expect(
        tables[name].min() >= 0 and tables[name].max() <= 1,
        f"`{name}`: a share, or a mean of shares, lies between 0 and 1.",
    )
figure, axes = plt.subplots(1, 3, figsize=(11, 3.1), sharey=True, layout="constrained")
for axis, name, title, chance in (
    (axes[0], "focus", "mosaics: positive mass (focus)", 0.5),
    (axes[1], "pointing", "mosaics: pointing game", 0.5),
    (axes[2], "on_sticker", "sticker: positive mass", 36 / 784),
):
    middle, half = interval(tables[name])
    beside = name == "on_sticker"  # a control's bar stands beside each
    axis.barh(
        list(pointers)[: len(middle)],
        middle,
        0.4 if beside else 0.8,
        color="0.75",
        edgecolor="black",
        xerr=half,
        capsize=2,
        align="edge" if beside else "center",
        label="the network that was asked",
    )
    axis.axvline(chance, color="black", linestyle="--", label="chance, or share of the area")
    axis.set(xlim=(0, 1.02), xlabel="share: mean of 12 images, 95 % interval")
    axis.set_title(title, fontsize=10)
# Two controls for the sticker: a network that knows nothing of it, and the brightness of the pixels.
unaware = [
    localisation(explain(model, planted, 8, method, **chosen), sticker_masks)[:, 0].cpu()
    for method, chosen in list(pointers.items())[:4]
]
middle, half = interval(torch.stack(unaware))
axes[2].barh(
    list(pointers)[:4],
    middle,
    -0.4,
    xerr=half,
    capsize=2,
    align="edge",
    color="white",
    edgecolor="black",
    hatch="//",
    label="the network without the alarm",
)
light = (planted * sticker_masks.view(len(planted), 1, 28, 28)).sum((1, 2, 3))
bright = float((light / planted.sum((1, 2, 3))).mean())
axes[2].axvline(bright, color="black", linestyle=":", label="brightness alone")
axes[2].text(0.3, 4, "not asked", va="center", fontsize=8)
axes[0].invert_yaxis()
figure.legend(*axes[2].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
plt.show()
checks.passed("localisation", "shapes, and shares from 0 to 1,")

# %% [markdown]
# What differs by chance? In the pointing game one pixel decides about a map, so twelve mosaics say little:
# with half intervals up to 0.23 most methods cannot be told from one half. Focus uses the whole map, and
# half its intervals are 0.02 to 0.06. It shows that some methods put hardly more than half of their positive
# mass, or even less, on the images of the class that was asked for. Where all values are equal, as for
# Grad-CAM in the pointing game, the formula gives an interval of width 0. No sample says that much: if all
# of $n$ independent trials succeed, Wilson's 95 % interval begins at $n / (n + 3.84)$, which is 0.86 for
# 24 maps. The sticker is the only place here that we *know* the network to use. All four maps give it more
# than its brightness explains, and more than they do for the network without the alarm.
