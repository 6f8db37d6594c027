# %% [markdown] minutes=60
# ## Section: Three methods, one network
#
# **You learn** to compare methods on the same work, and why a single number does not suffice. **Time:** {{ time }}.
#
# The library does what you wrote above, for all images and classes at once. The autoencoders that
# judge (`judges["all"]`, `judges["3"]` for class 3, …) were trained apart and enter no search.
# `counterfactual(model, inputs, targets, method)` takes inputs (N, 1, 28, 28) and targets (N, T), the T
# desired classes of each. Its result has `.found`, `.predicted`, `.distance_l1` and `.distance_l2`, all
# (N, T), and `.counterfactuals` (N, T, 1, 28, 28), the best try where none was found.

# %%
judges = load_judges("fashion_mnist", device=device)
methods = ("wachter", "prototype", "rl")
everything = torch.arange(10, device=device).expand(len(originals), 10)  # every class is a target
results = {name: counterfactual(model, originals, everything, name) for name in methods}
for name, result in results.items():
    print(
        f"{name:10} {int(result.found.sum())} of {result.found.numel()} in {result.seconds:.1f} s"
    )

# %% [markdown]
# Each line below shows an image and what would have to be different for each class: grey where no
# counterfactual was found. (In the column of its own class nothing has to change.)


# %% tags=["figure"]
def show_grid(result, title: str, names: list[str] = classes) -> None:
    """Draw inputs on the left and their counterfactuals by desired class, grey if not found."""
    rows, columns = result.found.shape
    figure, axes = plt.subplots(
        rows, columns + 1, figsize=(1.05 * (columns + 1), 1.15 * rows + 0.5), layout="constrained"
    )
    for row in range(rows):
        axes[row, 0].imshow(result.inputs[row, 0].cpu(), cmap="gray", vmin=0, vmax=1)
        for column in range(columns):
            axis = axes[row, column + 1]
            if result.found[row, column]:
                picture = result.counterfactuals[row, column, 0].cpu()
                axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
            else:
                axis.set_facecolor("0.7")
                axis.text(
                    0.5,
                    0.5,
                    "none\nfound",
                    ha="center",
                    va="center",
                    transform=axis.transAxes,
                    fontsize=8.5,
                )
            if row == 0:
                axis.set_title(names[int(result.targets[0, column])], fontsize=9)
    axes[0, 0].set_title("input", fontsize=9, fontweight="bold")
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.suptitle(title, fontsize=10)
    plt.show()


for name, result in results.items():
    show_grid(result, f"{name}: what would have to be different?")

# %% [markdown]
# ### With a budget
#
# With up to 150 steps a search, all three methods found everything. A comparison needs failures, too.
# So the next cell makes the task harder: twelve images (three of each of the four
# classes), every class as target, *twelve steps* for a search, and a probability of at least 0.99.
#
# `trials[name]` are the results. `.found` of `"rl"` only asks whether the target is the most likely
# class, which is less than we want here; `sure[name]` (12, 10) is the probability of the target.
# `im1[name]` (12, 10) is IM1 with the judges{{ if task.im }}, as in task {{ task.im }}{{ end }}.

# %%
from xaikit.counterfactuals.qualities import qualities as measured

by_class = [torch.nonzero(right & (test.labels[:1000] == classes.index(n)))[:3, 0] for n in names]
# The first image of each class, then the second ones, then the third ones.
many = torch.stack(by_class, dim=1).flatten()
twelve, own = test.images[many].to(device), test.labels[many].to(device)
goals = torch.arange(10, device=device).expand(12, 10)
others = goals != own[:, None]  # (12, 10): the 108 pairs of an image and a class other than its own
budget = {"steps": 12, "tolerance": 0.01}
trials = {
    "wachter": counterfactual(model, twelve, goals, "wachter", **budget),
    "prototype": counterfactual(model, twelve, goals, "prototype", **budget),
    "rl": counterfactual(model, twelve, goals, "rl"),
}
sure, im1 = {}, {}
with torch.no_grad():
    for name, trial in trials.items():
        chances = model(trial.counterfactuals.flatten(0, 1)).softmax(1).view(12, 10, 10)
        sure[name] = chances.gather(2, goals[..., None])[..., 0]
        im1[name] = measured(trial, own, judges).im1

# %% [markdown]
# ### Task: the table
#
# Consider the 108 pairs `others`. A pair is *found* by a method if the target's probability is at least
# 0.99. Set
#
# - `common`, a (12, 10) boolean mask: the pairs that *all three* methods found,
# - `table`, a (3, 3) tensor or array: a row for each of the `methods`, in their order; in the columns the
#   share of the 108 pairs that the method found, its median $L_1$ distance over `common`, and its median
#   IM1 over `common`. (For an even number of pairs either of the two middle values counts, and so does
#   their mean.)
#
# Why only pairs that all three found? A method that fails on the hard pairs would have the smaller
# median.

# %% nbgrader={"grade_id": "table", "solution": true}
# answer: table
common = table = None
### BEGIN SOLUTION
found = {name: others & (sure[name] >= 0.99) for name in methods}
common = found["wachter"] & found["prototype"] & found["rl"]
table = torch.zeros(3, 3)
for row, name in enumerate(methods):
    table[row, 0] = found[name].sum() / others.sum()
    table[row, 1] = trials[name].distance_l1[common].median()
    table[row, 2] = im1[name][common].median()
### END SOLUTION

# %% nbgrader={"grade_id": "table-test", "grade": true, "points": 3}
mask = checks.numbers(common, (12, 10), "common")
numbers = checks.numbers(table, (3, 3), "table")
checks.expect(
    set(np.unique(mask)) <= {0, 1}, "`common` is a mask: true (or 1) and false (or 0), no numbers."
)
mask = mask.astype(bool)
checks.expect(mask.any(), "`common` is empty: there are pairs that all three methods found.")
checks.expect(
    not mask[~others.cpu().numpy()].any(),
    "`common` holds pairs of an image and its own class: leave them out, by `others`.",
)
checks.expect(numbers.min() >= 0, "None of these numbers is negative.")
checks.expect(numbers[:, 0].max() <= 1, "A share is at most 1: divide by 108.")


def interval(values: np.ndarray) -> np.ndarray:
    """Return a 95 % bootstrap interval of the median of values (12, 10) over the mask.

    Whole images are drawn again, with their pairs: the pairs of an image resemble each other.
    """
    rng = np.random.default_rng(0)
    rows = np.flatnonzero(mask.any(1))
    draws = [rng.choice(rows, len(rows)) for _ in range(1000)]
    medians = [np.median(np.concatenate([values[r][mask[r]] for r in draw])) for draw in draws]
    return np.percentile(medians, (2.5, 97.5))


figure, axes = plt.subplots(1, 3, figsize=(9, 2.6), layout="constrained", sharey=True)
for column, title in enumerate(("found, of 108 pairs", "median $L_1$", "median IM1")):
    for row, name in enumerate(methods):
        value = numbers[row, column]
        axes[column].plot(value, row, "ko")
        axes[column].annotate(f"{value:.2f}", (value, row), (0, 6), textcoords="offset points")
        if column:
            values = (trials[name].distance_l1, im1[name])[column - 1].cpu().numpy()
            axes[column].plot(interval(values), (row, row), "k-", linewidth=1)
    axes[column].set_title(title, fontsize=9)
    axes[column].set_ylim(2.5, -0.5)
    axes[column].margins(x=0.2)
axes[0].set_yticks(range(3), methods)
figure.suptitle(f"{mask.sum()} pairs that all found; lines: 95 % intervals over images", fontsize=9)
plt.show()
checks.passed("table", "the pairs of the mask, and the ranges of the numbers,")

# %% [markdown]
# ### Task: a small IM2 without a dress
#
# IM2 compares two *rebuilt* images, and divides by the brightness of $x'$. It does not compare
# $x'$ itself with what was rebuilt. Show that this is a weakness: set `pleasing` to an image
# (1, 28, 28) with pixels in $[0, 1]$ whose IM2 for the class *dress* (with $\epsilon = 0$) is at most
# half of the median IM2 of real dresses (`dress_im2`, below), although the network takes it for
# something else. Start from the boot `originals[3]`, for example, and descend the gradient.


# %%
def im2(images: Tensor, target: int) -> Tensor:
    """Return IM2 (N,) of images (N, 1, 28, 28) for a class; it can be differentiated."""
    apart = judges[str(target)](images) - judges["all"](images)
    return apart.square().flatten(1).sum(1) / images.abs().flatten(1).sum(1)


dresses = test.images[test.labels == dress][:100].to(device)
with torch.no_grad():
    dress_im2 = float(im2(dresses, dress).median())
    print(
        f"median IM2 of real dresses {dress_im2:.4f}, of the boot {float(im2(originals[3:], dress)):.4f}"
    )

# %% nbgrader={"grade_id": "im2-flaw", "solution": true}
# answer: im2-flaw
pleasing = None
### BEGIN SOLUTION
pleasing = originals[3].clone()
for _ in range(300):
    pleasing.requires_grad_()
    (slope,) = torch.autograd.grad(im2(pleasing[None], dress).sum(), pleasing)
    pleasing = (pleasing.detach() - 0.01 * slope.sign()).clamp(0, 1)
### END SOLUTION

# %% nbgrader={"grade_id": "im2-flaw-test", "grade": true, "points": 2}
picture = torch.as_tensor(checks.numbers(pleasing, (1, 28, 28), "pleasing")).float().to(device)
checks.expect(
    0 <= picture.min() <= picture.max() <= 1, "Pixels have to stay between 0 and 1: clip."
)
with torch.no_grad():
    value, says = float(im2(picture[None], dress)), int(model(picture[None]).argmax())
    rebuilt = [judges[key](picture[None])[0, 0].cpu() for key in (str(dress), "all")]
figure, axes = plt.subplots(1, 3, figsize=(7.5, 2.7), layout="constrained")
pictures = (picture[0].cpu(), *rebuilt)
titles = (
    f"the network: {classes[says]}",
    "rebuilt by the dresses' judge",
    "rebuilt by the judge of all",
)
for axis, each, title in zip(axes, pictures, titles, strict=True):
    axis.imshow(each, cmap="gray", vmin=0, vmax=1)
    axis.set_title(title, fontsize=9)
    axis.axis("off")
figure.suptitle(f"IM2 {value:.4f}, of real dresses {dress_im2:.4f}", fontsize=10)
plt.show()
checks.expect(
    says != dress,
    "The network takes it for a dress, so a small IM2 is right: the picture should be something else.",
)
checks.expect(
    value <= dress_im2 / 2,
    "IM2 is still too large: make the two rebuilt images more alike (descend IM2), or x' brighter.",
)
checks.passed("im2-flaw", "pixels, the network's class and IM2")
