# %% [markdown]
# ## 6 · Three methods, one network
#
# **You learn** to compare methods on the same work, and to distrust a single number. **Time:** one hour.
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
                    fontsize=7,
                )
            if row == 0:
                axis.set_title(names[int(result.targets[0, column])], fontsize=8)
    axes[0, 0].set_title("input", fontsize=8, fontweight="bold")
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.suptitle(title, fontsize=10)
    plt.show()


for name, result in results.items():
    show_grid(result, f"{name}: what would have to be different?")

# %% [markdown]
# ### Task 14: the table (3 points)
#
# Consider the 36 pairs of an image and a class *other than its own*. Set three dictionaries with a
# number for each of the three `methods`:
#
# - `found_share`: the share of the 36 that were found,
# - `median_l1`: the median $L_1$ distance over the pairs that *all three* methods found (for an even
#   number of pairs either of the two middle values counts, and so does their mean),
# - `median_im1`: the median IM1 over the same pairs, with the `judges` and $\epsilon = 0$; the old class is
#   the image's label (`own`, below).
#
# Why only pairs that all three found? A method that gives up on the hard ones would look better.

# %%
own = test.labels[chosen].to(device)  # (4,): the images' own classes
others = everything != own[:, None]  # (4, 10): the 36 pairs

# %% nbgrader={"grade_id": "table", "solution": true}
# answer: table
found_share = median_l1 = median_im1 = None
### BEGIN SOLUTION
common = others & results["wachter"].found & results["prototype"].found & results["rl"].found
found_share, median_l1, median_im1 = {}, {}, {}
for name, result in results.items():
    found_share[name] = result.found[others].float().mean().item()
    median_l1[name] = result.distance_l1[common].median().item()
    values = []
    for row, target in torch.nonzero(common).tolist():
        picture = result.counterfactuals[row, target][None]
        with torch.no_grad():
            near = (picture - judges[str(target)](picture)).square().sum()
            far = (picture - judges[str(int(own[row]))](picture)).square().sum()
        values.append(near / far)
    median_im1[name] = torch.stack(values).median().item()
### END SOLUTION

# %% nbgrader={"grade_id": "table-test", "grade": true, "points": 3}
for values, called in (
    (found_share, "found_share"),
    (median_l1, "median_l1"),
    (median_im1, "median_im1"),
):
    checks.expect(
        isinstance(values, dict) and set(values) == set(methods),
        f"`{called}` should be a dictionary with an entry for each of the three methods.",
    )
    for name in methods:
        checks.expect(
            checks.numbers(values[name], (), f"{called}[{name!r}]") >= 0,
            "None of these is negative.",
        )
checks.expect(
    all(float(found_share[name]) <= 1 for name in methods), "A share is at most 1: divide by 36."
)
print(f"{'':10} {'found':>7} {'median L1':>10} {'median IM1':>11} {'s a pair':>9}")
for name, result in results.items():
    print(
        f"{name:10} {float(found_share[name]):7.0%} {float(median_l1[name]):10.1f} "
        f"{float(median_im1[name]):11.2f} {result.seconds / result.found.numel():9.4f}"
    )
checks.passed("table")

# %% [markdown]
# ### Task 15: how to please IM2 (2 points)
#
# IM2 compares two *rebuilt* images, and divides by the brightness of $x'$. It never looks whether
# $x'$ itself is like what was rebuilt. Prove that this is a weakness: set `pleasing` to an image
# (1, 28, 28) with pixels in $[0, 1]$ whose IM2 for the class *dress* (with $\epsilon = 0$) is at most
# half of the median IM2 of real dresses (`dress_im2`, below), although the network takes it for
# something else. The boot `originals[3]` may be a start; you have gradients.


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
checks.expect(says != dress, "The network takes it for a dress: then IM2 is right to be small.")
checks.expect(
    value <= dress_im2 / 2,
    "IM2 is still too large: make the two rebuilt images more alike (descend IM2), or x' brighter.",
)
checks.passed("im2-flaw")
