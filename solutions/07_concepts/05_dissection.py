# %% [markdown] minutes=40
# ## Section: Network dissection: which concept does a unit detect?
#
# **You learn** to compare where a unit is active with where a concept is, and to say what agreement there is by chance.
# **Time:** {{ time }}.
#
# A convolution's unit computes a *map*: how active it is at each place. If somebody marked where in the images a concept is,
# the two can be laid on top of each other. **Network dissection** (Bau, Zhou, Khosla, Oliva and Torralba
# [2017](https://arxiv.org/abs/1704.05796)) does this for every unit and concept:
#
# 1. Take the unit's activations at all places of all images, and the threshold $T$ that a share of 0.005 of them exceeds.
# 2. Enlarge each map to the image's size (bilinear). The unit is **on** where the enlarged map exceeds $T$.
# 3. Compare with the concept's mask, over *all images together*:
#
# $$\mathrm{IoU} = \frac{\#\,\text{pixels on and in the mask}}{\#\,\text{pixels on or in the mask}} .$$
#
# The paper calls a unit a detector of a concept if its IoU is above 0.04, and names it after the concept of its largest IoU.
#
# ### Task: dissect one unit
#
# Write `unit_iou(maps, masks, share)` for the maps of one unit, $T$ such that exactly `share` of the activations exceed it. To enlarge use
# `functional.interpolate(…, mode="bilinear", align_corners=False)`; it wants (N, 1, h, w). At least one activation exceeds $T$, and the masks
# mark at least one pixel.


# %% nbgrader={"grade_id": "unit-iou", "solution": true}
# answer: unit-iou
def unit_iou(maps: Tensor, masks: Tensor, share: float) -> float:
    """Return the IoU of a unit's maps (N, h, w) with masks (N, H, W) of booleans."""
    ### BEGIN SOLUTION
    number = round(share * maps.numel())
    threshold = maps.flatten().topk(number + 1).values[-1]
    large = functional.interpolate(
        maps[:, None], masks.shape[1:], mode="bilinear", align_corners=False
    )[:, 0]
    active = large > threshold
    return ((active & masks).sum() / (active | masks).sum()).item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "unit-iou-test", "grade": true, "points": 2}
checks.function(unit_iou, "unit_iou")
two_maps = torch.tensor([[[0.1, 0.9], [0.2, 0.3]], [[0.88, -2.0], [0.4, 0.25]]])
two_masks = torch.tensor([[[0, 1], [0, 1]], [[0, 0], [0, 0]]]).bool()
checks.close(
    unit_iou(two_maps, two_masks, 0.25),
    1 / 3,
    "unit_iou(…)",
    "Of the eight activations a quarter exceeds T: 0.9 and 0.88, one in each image. One of these two pixels is in the "
    "mask, which marks two pixels: count over both images together.",
)
wide_masks = torch.zeros(2, 4, 6).bool()
wide_masks[0, :1, 3:] = True
checks.close(
    unit_iou(two_maps, wide_masks, 0.125),
    2 / 3,
    "unit_iou(…)",
    "One of eight activations exceeds T: only 0.9 does. Enlarge the *map* first and cut it then: bilinear enlargement "
    "makes the hill narrower than a quarter of the image.",
)
checks.passed("unit-iou", "maps of the masks' size, and smaller ones,")

# %% [markdown]
# ### One unit on garments
#
# Nobody marked concepts in FashionMNIST. But some can be measured by a rule: `masks_of` marks **edges** (brightness changes by more than
# 0.3), **holes** (black places that the garment encloses, such as the handle of a bag) and the **silhouette** (the garment itself).
# `dissect` compares all units of two layers with all three. The next cell shows unit 49 of layer 9, the ReLU after the fourth convolution, on
# the test images on which it is most active.

# %% tags=["figure"]
from xaikit.concepts import dissect, masks_of, plant

garment_masks = masks_of(test)
dissected = dissect(network, test, garment_masks, layer=["9", "11"])
print(
    {
        name: f"{float(each.double().mean()):.1%} of all pixels"
        for name, each in garment_masks.items()
    }
)

# %% tags=["figure"]
with torch.no_grad():
    unit_maps = network[:10](test.images)[:, 49]  # (1000, 7, 7)
unit_row = dissected.units.index(("9", 49))
cut = float(dissected.thresholds[unit_row])
centres = 1.5 + 4 * np.arange(7)
most_active = unit_maps.amax((1, 2)).topk(6).indices
figure, axes = plt.subplots(2, 6, figsize=(9.5, 3.7), layout="constrained")
for column, place in enumerate(most_active.tolist()):
    for row in range(2):
        axes[row, column].imshow(test.images[place, 0], cmap="gray", vmin=0, vmax=1)
        axes[row, column].axis("off")
    axes[0, column].set_title(classes[test.labels[place]], fontsize=9)
    axes[0, column].contour(
        centres, centres, unit_maps[place], [cut], colors=["#e69f00"], linewidths=2
    )
    holes = np.ma.masked_less(garment_masks["holes"][place].float(), 0.5)
    axes[1, column].imshow(holes, cmap="cool", vmin=0, vmax=2, interpolation="nearest")
figure.suptitle(
    "Above: unit 49 is on inside the orange line. Below: the mask of holes, in colour.", fontsize=10
)
plt.show()

# %% [markdown]
# ### Chance
#
# An IoU of 0.04 is little. Is it more than nothing? Garments stand in the middle of the image, and so do
# masks: a unit that likes the middle agrees with any of them. To find out how much this gives, compare the unit with the *masks of other images*:
# the places remain what they are, only the connection is lost. The $p$-value is the share of permutations that do at least as well as the
# true assignment, where the true one counts as one of them:
#
# $$p = \frac{1 + \#\{\text{permutations with } \mathrm{IoU}' \ge \mathrm{IoU}\}}{1 + P} .$$
#
# This is a control of ours; the paper does not have it.
#
# ### Task: agreement by chance
#
# Write `chance_of(active, masks, orders)`. Row `orders[k]` is a permutation: image $n$ is compared with the mask of image `orders[k, n]`. Return
# two things: the mean IoU of the permutations, and $p$.


# %% nbgrader={"grade_id": "chance", "solution": true}
# answer: chance
def chance_of(active: Tensor, masks: Tensor, orders: Tensor) -> tuple[float, float]:
    """Return the mean IoU with permuted masks, and the p-value.

    active, masks: (N, H, W) booleans. orders: (P, N), permutations of the images.
    """

    ### BEGIN SOLUTION
    def overlap(with_masks: Tensor) -> float:
        return ((active & with_masks).sum() / (active | with_masks).sum()).item()

    permuted = [overlap(masks[order]) for order in orders]
    as_good = sum(each >= overlap(masks) for each in permuted)
    return sum(permuted) / len(permuted), (1 + as_good) / (1 + len(permuted))
    ### END SOLUTION


# %% nbgrader={"grade_id": "chance-test", "grade": true, "points": 2}
checks.function(chance_of, "chance_of")
three_active = torch.tensor([[[1, 0]], [[0, 1]], [[0, 1]]]).bool()
three_masks = torch.tensor([[[1, 0]], [[0, 1]], [[0, 0]]]).bool()
three_orders = torch.tensor([[1, 2, 0], [0, 2, 1], [2, 1, 0], [1, 2, 0], [0, 1, 2]])
by_chance = checks.numbers(chance_of(three_active, three_masks, three_orders), (2,), "chance_of(…)")
checks.close(
    by_chance[0],
    (0 + 2 / 3 + 1 / 4 + 0 + 2 / 3) / 5,
    "the mean IoU",
    "With the first order no pixel agrees; with the second one two of three; with the third one one of four. One "
    "order comes twice and counts twice, and the last one leaves all where they are.",
    tolerance=1e-3,
)
checks.close(
    by_chance[1],
    3 / 6,
    "the p-value",
    "The true assignment has an IoU of 2/3. Two of five permutations reach it, too, and the true one counts.",
    tolerance=1e-3,
)
checks.passed("chance", "three images and five permutations")

# %% [markdown]
# ### All units, and the trivial case
#
# `dissect` does this for all units, and asks for more: a detector exceeds chance by more than *any* unit and concept did in
# any of 20 permutations, because 160 units and three concepts are 480 tests.

# %% tags=["figure"]
print(dissected.explanation)
figure, axis = plt.subplots(figsize=(7.5, 3.6), layout="constrained")
spread = np.random.default_rng(0).uniform(-0.28, 0.28, len(dissected.units))
for column, concept in enumerate(dissected.concepts):
    found, lucky_iou = dissected.iou[:, column], dissected.chance[:, column]
    detector = dissected.detects[:, column]
    axis.plot(
        column + spread,
        lucky_iou,
        "x",
        color="0.6",
        markersize=4,
        label="chance: masks of other images",
    )
    axis.plot(
        (column + spread)[~detector],
        found[~detector],
        "o",
        color="#56b4e9",
        markersize=4,
        label="unit",
    )
    axis.plot(
        (column + spread)[detector],
        found[detector],
        "D",
        color="#d55e00",
        label="unit that detects it",
    )
    if not column:
        handles = axis.get_legend_handles_labels()
axis.axhline(0.04, color="k", linewidth=0.8, linestyle="--")
axis.set_xticks(range(3), dissected.concepts, fontsize=10)
axis.set_ylabel("IoU")
axis.set_title("160 units of two layers; dashed: the paper's 0.04", fontsize=10)
axis.legend(*handles, fontsize=9, loc="upper right")
plt.show()

# %% [markdown]
# Some units detect holes. None detects edges or the silhouette. Does the network ignore them? This does not show it: look at the areas. By
# construction a unit exceeds $T$ at 0.5 % of its places. Enlarged, the units are on at 0.1 to 0.4 % of the pixels, because bilinear enlargement makes each hill narrower.
# The edges cover 24 %, and the silhouette 45 %. The IoU of an area $a$ with an area $m$ is at most $\min(a, m) / \max(a, m)$, here below 0.02 and 0.01: *no* unit can
# reach 0.04. A unit that is on at 0.5 % of the pixels cannot reach it with any concept that covers more than an eighth of them, as 0.005 / 0.125 = 0.04.
# The IoU prefers concepts whose masks are about as large as what the unit marks.
#
# The silhouette is the trivial case for another reason, too: the background is exactly black, so hardly any unit can be on far away from the garment. "It is on the
# garment" says nothing of a unit{{ if notebook.local_explanations }}, as it said nothing of attributions in notebook {{ notebook.local_explanations }}{{ end }}. Dissection needs concepts of the right size that are *absent* from a part of the images.
#
# One can plant such a concept. `plant` puts a bright square into half of the images at random places, and knows where. Does a unit of layer 4 detect it?

# %% tags=["figure"]
stuck, sticker_masks = plant(test.images[:500], "sticker", share=0.5)
planted = dissect(network, stuck, {"sticker": sticker_masks}, layer="4")
print(planted.explanation)
