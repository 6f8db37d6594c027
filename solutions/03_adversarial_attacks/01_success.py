# %% [markdown] minutes=30 core=true
# ## Section: What is attacked, and what counts as success?
#
# **You learn** to state a threat model and to count. **Time:** {{ time }}.
#
# An **adversarial example** ([Szegedy et al. 2014](https://arxiv.org/abs/1312.6199)) is an input
# $x'$ near an input $x$ of class $y$ that the network $f$ puts into another class, although a
# person would still say $y$. Before anything can be measured, four things have to be said, the
# **threat model**:
#
# - *How near?* Within a ball, $\lVert x' - x \rVert_p \le \varepsilon$: no pixel changes by more than
#   ε ($p = \infty$), or the change has at most the length ε ($p = 2$). Or only within a small part of
#   the image, but there by any amount{{ if section.patches }} (section {{ section.patches }}){{ end }}. In any case pixels stay in $[0, 1]$.
# - *To what end?* **Untargeted**: any other class will do. **Targeted**: class $t$ is wanted.
# - *Knowing what?* Here everything, weights and gradients (**white box**). An attacker who knows only
#   the answers, or another network, has a harder task (**black box**).
# - *For how many inputs at once?* One change an image, or one **universal** change for all.
#
# The networks: `model` is small, two convolutions, so that you can attack hundreds of images in
# seconds. `other` is the better one{{ if notebook.local_explanations }} of notebook {{ notebook.local_explanations }}{{ end }}, which was trained on its own. `robust_model` has
# the architecture of `model` and was trained in another way{{ if section.defence }}; section {{ section.defence }} tells which{{ end }}.

# %% name="networks"
test = load("fashion_mnist", split="test")
pictures, truth, classes = (
    test.images[:1000].to(device),
    test.labels[:1000].to(device),
    test.classes,
)
model = load_pretrained("lecture", device=device)
other = load_pretrained("fashion_mnist", device=device)
robust_model = load_pretrained("lecture_robust", device=device)


@torch.no_grad()
def network_says(network: nn.Module, inputs: Tensor) -> Tensor:
    """Return the classes (N,) that a network says to inputs (N, 1, 28, 28)."""
    return torch.cat([network(part).argmax(1) for part in inputs.split(250)])


for name, network in (("model", model), ("other", other), ("robust", robust_model)):
    share = float((network_says(network, pictures) == truth).float().mean())
    print(f"{name:7}{share:7.1%} of 1,000 test images right: {network.card['command']}")

# The images that are attacked: the first 250 that `model` gets right. The last 400 are kept apart.
right = torch.nonzero(network_says(model, pictures[:600]) == truth[:600])[:250, 0]
images, labels = pictures[right], truth[right]
hundred, hundred_labels = images[:100], labels[:100]

# %% [markdown]
# ### Task: count
#
# An image that was misclassified *before* is no success of the attacker, and an attack that leaves a
# wrong answer wrong has shown nothing. So we count:
#
# - **clean accuracy**: the share of all images that are right before the attack;
# - **robust accuracy**: the share of all images that are right before *and* after it (the attacker may
#   also leave an image as it is);
# - **success rate**: among the images that are right *before*, the share that is wrong afterwards. With
#   `targets` (N,): among those that are right before *and whose label is not the target already*, the
#   share that is put into the target class afterwards.
#
# Write `attack_report(clean, attacked, labels, targets=None)`, which returns these three numbers.
# `clean` and `attacked` are logits (N, C), before and after.


# %% nbgrader={"grade_id": "count", "solution": true}
# answer: count
def attack_report(
    clean: Tensor, attacked: Tensor, labels: Tensor, targets: Tensor | None = None
) -> tuple[float, float, float]:
    """Return clean accuracy, robust accuracy and success rate."""
    ### BEGIN SOLUTION
    before, after = clean.argmax(1) == labels, attacked.argmax(1) == labels
    if targets is None:
        success = ~after[before]
    else:
        success = attacked.argmax(1)[before & (labels != targets)]
        success = success == targets[before & (labels != targets)]
    return tuple(each.float().mean().item() for each in (before, before & after, success))
    ### END SOLUTION


# %% nbgrader={"grade_id": "count-test", "grade": true, "points": 2}
# Eight images of three classes, given by their logits: the last two are wrong before, and the attack
# moves the first two to another class.
eight = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
before = torch.eye(3)[[0, 1, 2, 0, 1, 2, 1, 2]]
after = torch.eye(3)[[1, 2, 2, 0, 1, 2, 0, 0]]
found = checks.numbers(attack_report(before, after, eight), (3,), "attack_report(…)")
checks.close(found[0], 6 / 8, "clean accuracy", "six of the eight images are right before.")
checks.close(
    found[1],
    4 / 8,
    "robust accuracy",
    "four of *all eight* images are right before and after: one that was wrong before is none of them.",
)
checks.close(
    found[2],
    2 / 6,
    "success rate",
    "six images could be lost, and two were: those that were wrong before count in neither number.",
)
wanted = torch.tensor([1, 0, 0, 0, 2, 1, 0, 0])
found = checks.numbers(
    attack_report(before, after, eight, wanted), (3,), "attack_report(…, targets)"
)
checks.close(
    found,
    [6 / 8, 4 / 8, 1 / 5],
    "attack_report(…, targets)",
    "the accuracies stay. Five images are right before and not of their target's class already: one of "
    "them ends in the class of its target, one in another.",
)
checks.passed("count", "eight images, once with a target for each,")

# %% [markdown]
# ### What differs by chance?
#
# A share of $n$ images is an estimate: other images of the same kind would give another share. The
# interval of [Wilson 1927](https://doi.org/10.1080/01621459.1927.10502953) covers the true share in
# about 95 % of such draws. Near one half it reaches from the estimate
# by 15 percentage points to either side for 40 images, by 10 for 100, and by 6 for 250. The figures of
# this notebook show it. Two attacks on the *same* images are compared image by image: only the images
# on which they differ say which is stronger.


# %% name="wilson"
def wilson(share, n: int) -> np.ndarray:
    """Return the lower and the upper ends (2, …) of the 95 % intervals of shares of n images."""
    share, z = np.asarray(share, dtype=float), 1.96
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return np.stack([centre - half, centre + half])


def bars(share, n: int) -> np.ndarray:
    """Return how far these intervals reach below and above the shares, as Matplotlib wants it."""
    return abs(wilson(share, n) - np.asarray(share, dtype=float))


def plot_shares(
    axis: plt.Axes, places, shares, n: int, style: str, colour: str, label: str
) -> None:
    """Draw shares of n images with their intervals (none where all are right because so chosen)."""
    reach = bars(shares, n) * ~((np.asarray(places) == 0) & (np.asarray(shares) == 1))
    axis.errorbar(
        places, shares, reach, fmt=style, color=colour, marker="o", capsize=3, label=label
    )
