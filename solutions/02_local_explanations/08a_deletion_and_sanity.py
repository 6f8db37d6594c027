# %% [markdown]
# ## 8 · Can a map be trusted?
#
# **You learn** the tests that the field uses, each with its own flaw: deletion, random weights, a
# known place, infidelity and sensitivity, agreement with people. **Time:** two and a half hours.
#
# ### Take away what matters
#
# If a map is right about what matters, then taking away the most important pixels first should hurt
# most. [Petsiuk, Das and Saenko 2018](https://arxiv.org/abs/1806.07421) plot the output against the
# share of pixels that are **deleted**, in the map's order, and report the area under the curve:
# small is good. **Insertion** starts from an image in which everything is hidden and brings the
# pixels back in the same order: large is good.
#
# ### Task 20: deletion by hand (3 points)
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
adds = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
with torch.no_grad():
    adds[1].weight.copy_(torch.tensor([[1.0, 2.0, 4.0, 8.0]]))
ones, none = torch.ones(1, 2, 2), torch.zeros(1, 2, 2)
checks.close(
    deletion_curve(adds, ones, 0, torch.tensor([[[0.1, -3.0], [2.0, 1.0]]]), none, 4),
    [15, 11, 3, 2, 0],
    "deletion_curve(adds, …)",
    "the pixels worth 1, 2, 4 and 8 should go in the order 4, 8, 1, 2 here: the largest signed "
    "attribution first, and what has gone stays gone.",
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
checks.passed("deletion")

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
hits = torch.nonzero(predictions == labels)[:12, 0]
curve_images, curve_targets = images[hits].to(device), labels[hits].to(device)
contenders = {
    method: explain(model, curve_images, curve_targets, method)
    for method in ("gradient", "guided_backprop", "input_x_gradient", "deeplift")
}
contenders["random"] = random_ranking(curve_images, curve_targets, seed=0)
contenders["intensity"] = intensity_ranking(curve_images, curve_targets)

# %% [markdown]
# ### Task 21: black fill, mean fill (3 points)
#
# `deletion(model, inputs, explanation, fill=…, steps=…)` returns a curve with `.fractions`,
# `.scores` (N, T, steps + 1) and `.auc` (N, T). For each of the six `contenders`, of `curve_images`,
# with `steps=14`, compute the mean area over the images with `fill="black"` and with `fill="mean"`
# (each image's own mean). Set
#
# - `areas`: a dictionary from fill to a dictionary from contender to mean area;
# - `winner`: a dictionary from fill to the contender with the smallest area;
# - `empty_class` and `empty_probability`: what the network takes an entirely black image for, the
#   class as a number and its probability.

# %% nbgrader={"grade_id": "rankings", "solution": true}
# answer: rankings
areas = None
winner = None
empty_class = empty_probability = None
### BEGIN SOLUTION
areas = {
    fill: {
        name: deletion(model, curve_images, each, fill=fill, steps=14).auc.mean().item()
        for name, each in contenders.items()
    }
    for fill in ("black", "mean")
}
winner = {fill: min(found, key=found.get) for fill, found in areas.items()}
with torch.no_grad():
    empty = model(torch.zeros(1, 1, 28, 28, device=device)).softmax(1)[0]
empty_class, empty_probability = int(empty.argmax()), float(empty.max())
### END SOLUTION

# %% nbgrader={"grade_id": "rankings-test", "grade": true, "points": 3}
checks.expect(
    isinstance(areas, dict) and sorted(areas) == ["black", "mean"],
    "`areas` should be a dictionary with the keys 'black' and 'mean'.",
)
checks.choices(winner, ("black", "mean"), contenders, "winner")
for fill, found in areas.items():
    checks.expect(
        isinstance(found, dict) and sorted(found) == sorted(contenders),
        f"`areas[{fill!r}]` should have the six contenders as keys.",
    )
    values = {name: float(checks.numbers(each, (), name)) for name, each in found.items()}
    checks.expect(
        values[winner[fill]] == min(values.values()),
        f"`winner[{fill!r}]` does not follow from your areas: small is good.",
    )
checks.expect(
    float(checks.numbers(empty_class, (), "empty_class")) in range(10)
    and 0.1 <= float(checks.numbers(empty_probability, (), "empty_probability")) <= 1,
    "`empty_class` is a class, and the probability of the likeliest of ten is at least 0.1.",
)
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), sharey=True, layout="constrained")
for axis, fill in zip(axes, ("black", "mean"), strict=True):
    shown = {
        name: deletion(model, curve_images, each, fill=fill, steps=14)
        for name, each in contenders.items()
    }
    plots.draw_curves(axis, shown, baselines=("random", "intensity"))
    axis.set_title(f"fill: {fill}")
axes[0].set_ylabel("logit of the class")
handles, names = axes[0].get_legend_handles_labels()
figure.legend(
    handles, [name.split(" (")[0] for name in names], loc="outside right upper", frameon=False
)
plt.show()
print(f"a black image is: {classes[int(empty_class)]}, probability {float(empty_probability):.2f}")
checks.passed("rankings")

# %% [markdown]
# Compare the two panels before you read on. Whether an order is good depends on the fill; the order
# by intensity alone is a strong competitor where the fill is black. And the right end of each curve
# is not "no evidence": the network predicts a class for the empty image, too.
#
# ### Does the map depend on the class, and on the network?
#
# Ask any map two questions before all others. *Ask about another class:* a map that stays the same
# when one asks about the least likely class shows the image rather than evidence. *Ask another
# network:* [Adebayo et al. 2018](https://arxiv.org/abs/1810.03292) replace the weights by random
# ones, layer by layer from the output, and compare the maps. A map that stays the same although the
# network has lost all that it learned cannot explain what it has learned. In their experiments the
# gradient and Grad-CAM change; guided backpropagation hardly changes while the upper layers are made
# random, and behaves like an edge detector. The test has its flaw, too: the image itself remains in
# every map that is multiplied by it, and noisy maps pass easily ([Binder et al.
# 2023](https://arxiv.org/abs/2211.12486)).
#
# ### Task 22: another class, another network (3 points)
#
# For each method in `to_check`, without options, set
#
# - `across_classes[method]`: the `correlation` between the map of the true class and that of the
#   least likely class, the mean of the two `examples`;
# - `after_randomising[method]`: the rank correlation of *magnitudes* between the map of the true
#   class and that of the network with *all* layers random, the mean of the two examples.
#   `weight_randomisation(model, inputs, targets, method, absolute=True)` returns the names of the
#   layers in the order of randomisation and the agreement (layers, N, T) after each; all layers are
#   random after the last.


# %%
to_check = (
    "gradient",
    "guided_backprop",
    "input_x_gradient",
    "integrated_gradients",
    "deep_taylor",
)


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
across_classes, after_randomising = {}, {}
for method in tqdm(to_check, desc="asking twice"):
    maps = explain(model, examples, targets[:, [0, 3]], method).attributions
    across_classes[method] = sum(correlation(true, least) for true, least in maps) / 2
    _, agreements = weight_randomisation(model, examples, targets[:, 0], method, absolute=True)
    after_randomising[method] = agreements[-1].mean().item()
### END SOLUTION

# %% nbgrader={"grade_id": "sanity-test", "grade": true, "points": 3}
for name, found in (("across_classes", across_classes), ("after_randomising", after_randomising)):
    checks.expect(
        isinstance(found, dict) and sorted(found) == sorted(to_check),
        f"`{name}` should be a dictionary with the five method names as keys.",
    )
    for method in to_check:
        value = float(checks.numbers(found[method], (), f"{name}[{method!r}]"))
        checks.expect(-1 <= value <= 1, f"`{name}`: a mean of correlations lies between -1 and 1.")
figure, axes = plt.subplots(1, 2, figsize=(10, 2.8), sharey=True, layout="constrained")
for axis, found, title in (
    (axes[0], across_classes, "true against least likely class"),
    (axes[1], after_randomising, "trained against random weights (magnitudes)"),
):
    axis.barh(to_check, [float(found[method]) for method in to_check], color="tab:gray")
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set(xlim=(-1, 1), xlabel="correlation", title=title)
axes[0].invert_yaxis()
plt.show()
checks.passed("sanity")

# %% [markdown]
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
