# %% [markdown] minutes=150
# ## Section: Can a map be trusted?
#
# **You learn** the tests that the field uses, each with its own flaw: deletion, random weights, a
# known place, infidelity and sensitivity, agreement with people. **Time:** {{ time }}.
#
# ### Take away what matters
#
# If a map is right about what matters, then taking away the most important pixels first should hurt
# most. [Petsiuk, Das and Saenko 2018](https://arxiv.org/abs/1806.07421) plot the output against the
# share of pixels that are **deleted**, in the map's order, and report the area under the curve:
# small is good. **Insertion** starts from an image in which everything is hidden and brings the
# pixels back in the same order: large is good.
#
# ### Task: deletion by hand
#
# Write `deletion_curve(model, image, target, attribution, fill, steps)`. `image`, `attribution` and
# `fill` have the shape (1, H, W). Return the target's logit, shape (`steps` + 1,), after 0, 1, …,
# `steps` of `steps` equal parts of the H · W pixels, those with the *largest* attribution first,
# show `fill` instead of `image`; `steps` divides H · W, and no two attributions are equal. If your
# function is right it can insert, too: exchange `image` and `fill`. It leaves all of them as they
# were: change a copy.


# %% nbgrader={"grade_id": "deletion", "solution": true}
# answer: deletion
def deletion_curve(
    model: nn.Module, image: Tensor, target: int, attribution: Tensor, fill: Tensor, steps: int
) -> Tensor:
    """Return the target's logits (steps + 1,) as pixels go, the most important first."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        order = attribution.flatten().argsort(descending=True)
        rank = order.argsort().view(image.shape)
        gone = torch.arange(steps + 1).to(image.device) * rank.numel() / steps
        hidden = rank < gone.view(-1, 1, 1, 1)
        return model(torch.where(hidden, fill, image))[:, target]
    ### END SOLUTION


# %% nbgrader={"grade_id": "deletion-test", "grade": true, "points": 3}
adds = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
with torch.no_grad():
    adds[1].weight.copy_(torch.tensor([[9.0, 9.0, 9.0, 9.0], [1.0, 2.0, 4.0, 8.0]]))
ones, half = torch.ones(1, 2, 2), torch.full((1, 2, 2), 0.5)
for steps, expected in ((4, [15, 13, 9, 8.5, 7.5]), (2, [15, 9, 7.5])):
    checks.close(
        deletion_curve(adds, ones, 1, torch.tensor([[[0.1, -3.0], [2.0, 1.0]]]), half, steps),
        expected,
        f"deletion_curve(adds, …, {steps})",
        "the pixels worth 1, 2, 4 and 8 lose half of that in the order 4, 8, 1, 2 here: the largest "
        "signed attribution first, and what has gone stays gone.",
        1e-3,
    )
checks.expect(
    bool((ones == 1).all() and (half == 0.5).all()),
    "`deletion_curve` has changed its arguments: work on a copy.",
)
shade = explain(model, examples[1:], targets[1:, 1], "integrated_gradients", steps=16)
shade.attributions.add_(1e-6 * torch.arange(784, device=device).view(28, 28))  # no ties
goal, dark = int(targets[1, 1]), torch.zeros_like(examples[1])
for arguments, by_library, name in (
    ((examples[1], goal, shade.attributions[0, 0], dark), deletion, "deletion"),
    ((dark, goal, shade.attributions[0, 0], examples[1]), insertion, "insertion (exchanged)"),
):
    checks.close(
        deletion_curve(model, *arguments, 14),
        by_library(model, examples[1:], shade, steps=14).scores[0, 0].cpu(),
        f"deletion_curve(model, …) as {name}",
        "it differs from xaikit.metrics.",
        1e-2,
    )
checks.passed("deletion", "four pixels by hand, and deletion and insertion on our network,")

# %% [markdown]
# ### What the curve mixes
#
# An image with holes is like no image that the network has seen. It may react to the holes
# ([Hooker et al. 2019](https://arxiv.org/abs/1806.10758) therefore train the network anew on such
# images, at great cost). So compare every curve with two others, whose orders do not depend on the
# network: a **random** one, and the **intensity** of the pixels, bright ones first. And look at more
# than one `fill`: black pixels that turn black change nothing. So with a black fill every order that
# begins with bright pixels has an advantage, even if it knows nothing of the network. A map that is
# multiplied by the input begins with pixels that are not black, as long as it has positive values.

# %%
contenders = {
    method: explain(model, dozen, dozen_targets[:, 0], method)
    for method in ("gradient", "guided_backprop", "input_x_gradient", "deeplift")
}
contenders["random"] = random_ranking(dozen, dozen_targets[:, 0], seed=0)
contenders["intensity"] = intensity_ranking(dozen, dozen_targets[:, 0])

# %% [markdown]
# ### Task: black fill, mean fill
#
# `deletion(model, inputs, explanation, fill=…, steps=…)` returns a curve with `.fractions`,
# `.scores` (N, T, steps + 1) and `.auc` (N, T). For each of the six `contenders`, on the `dozen`,
# with `steps=14`, compute the area for `fill="black"` and for `fill="mean"` (each image's own mean).
# Set
#
# - `areas`: a tensor (2, 6, 12): fill, black first; contender, in the order of `contenders`; image;
# - `better`: a dictionary from fill to the list of the contenders that are better than the random
#   order. Better means that the whole 95 % interval of the difference, own area minus random area,
#   image by image, lies below 0;
# - `empty_class` and `empty_probability`: what the network takes an entirely black image for, the
#   class as a number and its probability.

# %% nbgrader={"grade_id": "rankings", "solution": true}
# answer: rankings
areas = None
better = None
empty_class = empty_probability = None
### BEGIN SOLUTION
areas = torch.stack(
    [
        torch.stack(
            [
                deletion(model, dozen, each, fill=fill, steps=14).auc[:, 0]
                for each in contenders.values()
            ]
        )
        for fill in ("black", "mean")
    ]
).cpu()
middle, half = interval(areas - areas[:, [list(contenders).index("random")]])
better = {
    fill: [name for k, name in enumerate(contenders) if middle[line, k] + half[line, k] < 0]
    for line, fill in enumerate(("black", "mean"))
}
with torch.no_grad():
    empty = model(torch.zeros(1, 1, 28, 28, device=device)).softmax(1)[0]
empty_class, empty_probability = int(empty.argmax()), float(empty.max())
### END SOLUTION

# %% nbgrader={"grade_id": "rankings-test", "grade": true, "points": 3}
found = torch.as_tensor(checks.numbers(areas, (2, 6, 12), "areas"))
checks.expect(
    isinstance(better, dict) and sorted(better) == ["black", "mean"],
    "`better` should be a dictionary with the keys 'black' and 'mean'.",
)
middle, half = interval(found - found[:, [list(contenders).index("random")]])
for line, (fill, chosen) in enumerate(sorted(better.items())):
    checks.expect(
        isinstance(chosen, list | tuple) and set(chosen) <= set(contenders),
        f"`better[{fill!r}]` should be a list of names of contenders. It may be empty.",
    )
    for place, name in enumerate(contenders):
        checks.expect(
            (name in chosen) == bool(middle[line, place] + half[line, place] < 0),
            f"`better[{fill!r}]` does not follow from your areas: a small area is good.",
        )
checks.expect(
    float(checks.numbers(empty_class, (), "empty_class")) in range(10)
    and 0.1 <= float(checks.numbers(empty_probability, (), "empty_probability")) <= 1,
    "`empty_class` is a class, and the probability of the likeliest of ten is at least 0.1.",
)
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), sharey=True, layout="constrained")
for axis, fill in zip(axes, ("black", "mean"), strict=True):
    shown = {
        name: deletion(model, dozen, each, fill=fill, steps=14) for name, each in contenders.items()
    }
    plots.draw_curves(axis, shown, baselines=("random", "intensity"))
    axis.set_title(f"fill: {fill}")
axes[0].set_ylabel("logit of the class")
handles, names = axes[0].get_legend_handles_labels()
figure.legend(
    handles, [name.split(" (")[0] for name in names], loc="outside right upper", frameon=False
)
figure.suptitle("Mean of twelve images and its 95 % interval", fontsize=10)
plt.show()
print("area minus that of the random order, mean ± half of the 95 % interval")
for fill, values, halves in zip(("black", "mean"), middle, half, strict=True):
    for name, value, width in zip(contenders, values, halves, strict=True):
        print(f"{fill:6} {name:18} {value:6.2f} ± {width:.2f}")
print(f"a black image is: {classes[int(empty_class)]}, probability {float(empty_probability):.2f}")
checks.passed("rankings", "shapes, and the names that follow from your areas,")

# %% [markdown]
# Compare the two panels before you read on. With the black fill most maps are better than the random
# order, and so is the intensity, which knows nothing of the network. With the mean fill the *random*
# order has the smallest area, −4.0 ± 1.5. The gradient's is −3.2 ± 2.0, and the interval of their
# difference, 0.8 ± 1.0, holds 0: these twelve images do not tell the two apart. All other contenders are
# worse than random by more than chance. Why does an order without any knowledge win? Look at the images
# after the first two of the fourteen steps.

# %% tags=["figure"]
grey = dozen.mean((1, 2, 3), keepdim=True).expand_as(dozen)
figure, axes = plt.subplots(1, 6, figsize=(12, 2.5), layout="constrained")
print(
    "the first seventh of the pixels shows the image's mean; means of twelve images and, for the logit"
)
print("and what it is above the random order's, half of the 95 % interval")
by_order = {}
for name, each in contenders.items():
    ranks = each.attributions[:, 0].flatten(1).argsort(1, descending=True).argsort(1)
    gone = (ranks < 112).view(12, 1, 28, 28)
    with_grey = torch.where(gone, grey, dozen)
    with torch.no_grad():
        own = model(with_grey).gather(1, dozen_targets[:, :1])[:, 0]
    by_order[name] = with_grey[1, 0], float((gone & (dozen == 0)).sum() / gone.sum()), own
for axis, (name, (picture, outside, own)) in zip(axes, by_order.items(), strict=True):
    (height, more), (half, half_more) = interval(torch.stack([own, own - by_order["random"][2]]))
    axis.imshow(picture.cpu(), cmap="gray", vmin=0, vmax=1)
    title = name.replace("_", " ").replace("input x", "input ×")
    axis.set_title(f"{title}\nlogit {height:.1f} ± {half:.1f}", fontsize=9)
    axis.axis("off")
    print(
        f"{title:18} {outside:4.0%} on the background, logit {height:.1f} ± {half:.1f}, "
        f"above random {more:.1f} ± {half_more:.1f}"
    )
figure.suptitle("One image after two of fourteen steps, mean fill; logits: means of twelve images")
plt.show()

# %% [markdown]
# The mean is a grey, and the background is black. So a filled pixel is not an absent one: on the
# background it is *new* light. Of the first seventh of the pixels the random order has 58 % on the
# background, the gradient 49 %, all others at most 5 %. Those fill the garment first. There the grey takes
# bright pixels away and leaves the outline as it was, and the logit is still 2.4 to 3.8 (7.8 before the
# first step). After as many scattered grey dots it is 0.0 in random order. Image by image, each of those
# four is above random by more than chance, by 2.4 ± 2.2 to 3.8 ± 2.8. The gradient, with 1.0 ± 2.2, is
# not. So with this fill the area measures first of all how soon an order puts grey beside the garment, which
# training images hardly show, and only then whether it names what matters. A deletion curve means something only
# beside a random row, with an interval, and with more than one fill. And the right end of each curve is
# not "no evidence": the network predicts a class for the empty image, too.
#
# ### Does the map depend on the class, and on the network?
#
# Ask any map two questions before all others. *Ask about another class:* a map that stays the same
# when one asks about the least likely class shows the image rather than evidence. *Ask another
# network:* [Adebayo et al. 2018](https://arxiv.org/abs/1810.03292) replace the weights by random
# ones, layer by layer from the output, and compare the maps. A map that stays the same although the
# network has lost all that it learned cannot explain what it has learned. In their experiments the
# gradient and Grad-CAM change; guided backpropagation hardly changes while the upper layers are made
# random, and behaves like an edge detector. The test has its flaws, too. The image itself remains in
# every map that is multiplied by it. And noisy maps pass easily, while channels with large activations
# probably contribute much to the output even when the layers above them are random ([Binder et al.
# 2023](https://arxiv.org/abs/2211.12486)).
#
# ### Task: another class, another network
#
# For each method in `to_check`, with its options, on each image of the `dozen` compute
#
# - `across_classes`, a tensor (5, 12): the `correlation` between the map of the most likely class and
#   that of the least likely class (the first and the last column of `dozen_targets`);
# - `after_randomising`, a tensor (5, 12): the rank correlation of *magnitudes* between the map of the
#   most likely class and that of the network with *all* layers random. `weight_randomisation(model,
#   inputs, targets, method, absolute=True, **options)` returns the names of the layers in the order of
#   randomisation and the agreement (layers, N, T) after each; all layers are random after the last.
#
# Rows are in the order of `to_check`.


# %%
to_check = {
    "gradient": {},
    "guided_backprop": {},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 16},
    "deep_taylor": {},
}


def correlation(one: Tensor, other: Tensor) -> float:
    """Return the Pearson correlation of two maps, from -1 to 1; 0 if one of them is constant."""
    pair = torch.stack([one.flatten(), other.flatten()]).double().cpu()
    if (pair.amax(1) == pair.amin(1)).any():
        return 0.0
    return float(torch.corrcoef(pair)[0, 1])


# %% nbgrader={"grade_id": "sanity", "solution": true}
# answer: sanity
across_classes = None
after_randomising = None
### BEGIN SOLUTION
across_classes, after_randomising = torch.zeros(5, 12), torch.zeros(5, 12)
for line, (method, chosen) in enumerate(Bar(to_check.items(), "asking twice")):
    maps = explain(model, dozen, dozen_targets[:, [0, 2]], method, **chosen).attributions
    across_classes[line] = torch.tensor([correlation(most, least) for most, least in maps])
    _, agreements = weight_randomisation(
        model, dozen, dozen_targets[:, 0], method, absolute=True, **chosen
    )
    after_randomising[line] = agreements[-1][:, 0].cpu()
### END SOLUTION

# %% nbgrader={"grade_id": "sanity-test", "grade": true, "points": 3}
figure, axes = plt.subplots(1, 2, figsize=(10, 2.8), sharey=True, layout="constrained")
for axis, name, found, title in (
    (axes[0], "across_classes", across_classes, "most against least likely class"),
    (
        axes[1],
        "after_randomising",
        after_randomising,
        "trained against random weights (magnitudes)",
    ),
):
    values = checks.numbers(found, (5, 12), name)
    checks.expect(
        values.min() >= -1.0001 and values.max() <= 1.0001,
        f"`{name}`: a correlation lies between -1 and 1.",
    )
    middle, half = interval(values)
    axis.barh(list(to_check), middle, xerr=half, capsize=3, color="0.75", edgecolor="black")
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set(xlim=(-1.05, 1.05), xlabel="correlation: mean of 12 images, 95 % interval")
    axis.set_title(title, fontsize=10)
axes[0].invert_yaxis()
plt.show()
checks.passed("sanity", "shapes, and correlations from −1 to 1,")

# %% [markdown]
# What differs by chance? Half an interval is at most 0.2 here, so chance does not explain the large
# differences. On the left the intervals of input × gradient and Integrated Gradients overlap. But the interval
# of their difference, image by image, is −0.09 ± 0.07 and does not hold 0. What no interval shows is the
# chance in the random weights: all images share one draw of them, and another seed gives other numbers.
#
# A correlation of −1 is as suspicious as one of 1: a map that merely changes its sign with the
# logit has one shape for every question. And what does the network need to have learned for input ×
# gradient and Integrated Gradients to show a garment? Look at the lower row.

# %%
untrained = copy.deepcopy(model)
with torch.random.fork_rng():
    torch.manual_seed(0)
    for layer in untrained.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.reset_parameters()

figure, axes = plt.subplots(2, 5, figsize=(12, 4.8), layout="constrained")
for column, method in enumerate(to_check):
    for line, (network, name) in enumerate(((model, "trained"), (untrained, "random"))):
        values = explain(network, examples[1:], targets[1:, 1], method).attributions[0, 0]
        title = f"{method.replace('_', ' ')}\n{name} weights"
        show_map(axes[line, column], values / values.abs().max(), title)
figure.suptitle("Each map divided by its largest magnitude. What do you see in the lower row?")
plt.show()
