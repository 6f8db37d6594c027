# %% [markdown] minutes=40
# ## Section: Error analysis: where does the network fail?
#
# **You learn** to find a group of images that the network gets wrong, to describe it, and to tell whether it is more than chance.
# **Time:** {{ time }}.
#
# The accuracy is one number for all images. Errors are rarely spread evenly: a network that is right for 94 % may be right for 65 % of
# some kind of image that nobody thought of. Such a group is called a **slice**. Confusions find slices that follow the classes. Others
# are found by **clustering**: images that look alike to the network, in the features that enter its last layer, form groups, and the groups with a high
# loss are looked at by a person, who says what their images have in common. (Eyuboglu et al. [2022](https://arxiv.org/abs/2203.14960)
# find and describe slices with the help of a network for images and text.)
#
# Report with each slice its **size**, its **error rate** $\hat p$ and Wilson's interval ([1927](https://doi.org/10.1080/01621459.1927.10502953)). With $k$
# errors among $n$ images, $\hat p = k/n$ and $z = 1.96$:
#
# $$\frac{1}{1 + z^2 / n} \left( \hat p + \frac{z^2}{2n} \pm z \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4 n^2}} \right).$$
#
# ### Task: describe the groups in numbers
#
# Write `slice_table(groups, wrong)`, which returns one row for each group 0, 1, …, G − 1: size, error rate, lower and upper end of
# the interval. Each group has at least one image.


# %% nbgrader={"grade_id": "slice-table", "solution": true}
# answer: slice-table
def slice_table(groups: Tensor, wrong: Tensor) -> Tensor:
    """Return (G, 4) for groups (N,), whole numbers from 0 to G − 1, and wrong (N,), booleans."""
    ### BEGIN SOLUTION
    size = torch.bincount(groups).double()
    rate = torch.bincount(groups, weights=wrong.double()) / size
    z = 1.96
    middle = rate + z**2 / (2 * size)
    reach = z * torch.sqrt(rate * (1 - rate) / size + z**2 / (4 * size**2))
    scale = 1 + z**2 / size
    return torch.stack([size, rate, (middle - reach) / scale, (middle + reach) / scale], dim=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "slice-table-test", "grade": true, "points": 2}
checks.function(slice_table, "slice_table")
seven_groups = torch.tensor([1, 0, 0, 1, 0, 0, 2])
seven_wrong = torch.tensor([1, 0, 1, 1, 0, 0, 0]).bool()
table_of_three = checks.numbers(slice_table(seven_groups, seven_wrong), (3, 4), "slice_table(…)")
checks.close(
    table_of_three[:, :2],
    [[4, 0.25], [2, 1], [1, 0]],
    "sizes and error rates",
    "Group 0 has four images, one of them wrong; group 1 has two, both wrong; group 2 has one, which is right.",
)
checks.close(
    table_of_three[:, 2:],
    [[0.0456, 0.6994], [0.3424, 1.0], [0.0, 0.7935]],
    "the intervals",
    "Put n, the group's size, and the rate into the formula with z = 1.96. The interval does not end outside 0 and 1, "
    "also if all images are wrong.",
    tolerance=1e-3,
)
checks.passed("slice-table", "three groups")

# %% [markdown]
# ### The groups of our network
#
# `slices` clusters the test images into 20 groups and tests each.

# %%
from xaikit.concepts import slices

found_slices = slices(network, test, groups=20)
print(found_slices.explanation)
group_of = torch.zeros(len(test), dtype=torch.long)
for k, each in enumerate(found_slices.slices):
    group_of[each.members] = k
with torch.no_grad():
    network_says = network(test.images).argmax(dim=1)
failing = network_says != test.labels

# %% tags=["figure"]
worst = found_slices.slices[0]
figure = plt.figure(figsize=(9.5, 4.4), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.05))
axis = left.subplots()
for row, each in enumerate(found_slices.slices):
    bad = each.p_value < 0.05
    colour = "#d55e00" if bad else "#0072b2"
    axis.plot((each.error.low, each.error.high), (row, row), color=colour, linewidth=1)
    axis.plot(each.error.value, row, "D" if bad else "o", color=colour, markersize=5)
axis.axvline(found_slices.error.value, color="k", linestyle="--", linewidth=0.8)
axis.invert_yaxis()
axis.set_xlabel("error rate, 95 % interval (dashed: all images)")
axis.set_ylabel("groups, from high to low mean loss")
axis.set_yticks([])
axis.set_title("diamonds: p < 0.05 after correction (Holm)", fontsize=10)
tiles = right.subplots(3, 4)
failed = worst.members[failing[worst.members]]
for tile, place in zip(tiles.flat, failed.tolist()[:12], strict=False):
    tile.imshow(test.images[place, 0], cmap="gray", vmin=0, vmax=1)
    tile.set_title(
        f"{classes[test.labels[place]]},\nsays {classes[network_says[place]]}", fontsize=8.5
    )
for tile in tiles.flat:
    tile.axis("off")
right.suptitle("Errors in the group with the highest loss", fontsize=10)
plt.show()
inhabitants = torch.bincount(test.labels[worst.members], minlength=10)
print(
    f"{worst}; classes:",
    {classes[c]: int(inhabitants[c]) for c in inhabitants.argsort(descending=True)[:4]},
)

# %% [markdown]
# A description names what a person sees, and the numbers: *"long tops with short sleeves or none, between T-shirt, shirt and dress: 43 images, 28 % wrong
# (17 to 43), against 5.7 % of all (4.4 to 7.3)."* Many of these images one cannot assign oneself. Whether that is an error of the network or of the labels is
# a question for a person who knows how the labels came about.
#
# The description is a *hypothesis*. A test of it needs new images that fit the words, chosen without looking at the loss.
#
# ### Large by chance
#
# With 20 groups, one of them is the worst, also if the errors are distributed by lot. How bad is the worst one *then*? Distribute the
# errors anew, keep the groups, and note the worst rate of each draw. With $P$ draws
#
# $$p = \frac{1 + \#\{\text{draws whose worst rate} \ge \text{the worst rate that was found}\}}{1 + P} .$$
#
# So the maximum is compared with maxima, and no further correction for the number of groups is needed. (Holm's correction, in the figure, is the other
# way.) Both hold only because the groups were formed *without* looking at the errors.
#
# ### Task: how bad is the worst group by chance?
#
# Write `worst_by_chance(groups, wrong, orders)`, which returns the largest error rate of a group and $p$. In draw $k$ image $n$ gets the verdict of image
# `orders[k, n]`. A group of few images counts like any other.


# %% nbgrader={"grade_id": "worst-by-chance", "solution": true}
# answer: worst-by-chance
def worst_by_chance(groups: Tensor, wrong: Tensor, orders: Tensor) -> tuple[float, float]:
    """Return the largest error rate, and its p-value, for groups and wrong (N,), orders (P, N)."""
    ### BEGIN SOLUTION
    size = torch.bincount(groups)

    def largest(verdicts: Tensor) -> float:
        return (torch.bincount(groups, weights=verdicts.double()) / size).max().item()

    found = largest(wrong)
    drawn = [largest(wrong[order]) for order in orders]
    return found, (1 + sum(each >= found for each in drawn)) / (1 + len(drawn))
    ### END SOLUTION


# %% nbgrader={"grade_id": "worst-by-chance-test", "grade": true, "points": 2}
checks.function(worst_by_chance, "worst_by_chance")
nine_groups = torch.tensor([1, 0, 2, 0, 1, 2, 0, 2, 0])
nine_wrong = torch.tensor([1, 0, 1, 0, 0, 0, 0, 0, 0]).bool()
worst_orders = torch.tensor(
    [
        [5, 7, 1, 8, 3, 2, 6, 0, 4],
        [3, 8, 1, 0, 2, 7, 6, 5, 4],
        [1, 5, 7, 3, 4, 0, 6, 2, 8],
        [4, 5, 7, 6, 3, 2, 1, 8, 0],
    ]
)
worst_pair = checks.numbers(
    worst_by_chance(nine_groups, nine_wrong, worst_orders), (2,), "worst_by_chance(…)"
)
checks.close(
    worst_pair[0],
    1 / 2,
    "the largest error rate",
    "One of the two images of group 1 is wrong, one of the three of group 2, and none of group 0.",
)
checks.close(
    worst_pair[1],
    4 / 5,
    "the p-value",
    "The worst rates of the four draws are 2/3, 1/2, 2/3 and 1/3, of the groups 2, 1, 2 and 2. A draw that only equals "
    "the rate counts, and so does the true distribution.",
    tolerance=1e-3,
)
orders_of_lot = torch.stack(
    [torch.randperm(len(failing), generator=torch.Generator().manual_seed(k)) for k in range(300)]
)
of_network = checks.numbers(
    worst_by_chance(group_of, failing, orders_of_lot), (2,), "worst_by_chance(…)"
)
by_lot = [
    checks.numbers(worst_by_chance(group_of, failing[order], orders_of_lot[:1]), (2,), "…")[0]
    for order in orders_of_lot
]
figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
axis.hist(by_lot, bins=20, color="0.7", label="worst of 20 groups, errors distributed by lot")
axis.axvline(failing.double().mean(), color="k", linestyle="--", label="all images")
axis.axvline(of_network[0], color="#d55e00", linewidth=2, label="worst of the 20 groups found")
axis.set_xlabel("error rate")
axis.set_ylabel("draws, of 300")
axis.set_title(f"Your function on our network: p = {of_network[1]:.4f}", fontsize=10)
axis.legend(fontsize=9, loc="upper right", bbox_to_anchor=(0.94, 1))
plt.show()
checks.passed("worst-by-chance", "three groups and four draws, then the network's groups")

# %% [markdown]
# The dashed line is not what the worst group should be compared with. If the errors are distributed by lot, the worst of 20 groups has about two to three
# times the average error rate, and a small group has the best chance to be the worst. So an interval that lies above the average is
# no proof for a group that was chosen *because* it is the worst. Ours lies far outside of the histogram, and $p = 1/301$ is the smallest value that 300 draws allow.
#
# Three habits protect from slices by chance: form the groups without looking at the errors, correct for their number, and test the description on new images.
