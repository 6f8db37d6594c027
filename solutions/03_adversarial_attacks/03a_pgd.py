# %% [markdown] minutes=90 core=true
# From here on `attack(network, images, labels, method, **options)` does the work. Its result has
# `.adversarial` (N, 1, 28, 28), `.predicted` (N,), `.success` (N,) and `.mask` (where a change was
# allowed). With `targets=` (a class, or (N,)) it is targeted. An image that is misclassified before
# counts as a success and stays as it is (only `"universal_patch"` changes all), so that
# `1 - result.success.float().mean()` of an untargeted attack is the robust accuracy. `help(attack)`
# lists the options.
#
# ## Section: Many small steps: PGD
#
# **You learn** to stay inside a ball, and to find the mistakes that make an attack weak. **Time:** {{ time }}.
#
# FGSM uses the gradient at $x$ for the whole step. **Projected gradient descent** ([Madry et al.
# 2018](https://arxiv.org/abs/1706.06083)) starts at a random point of the ball and takes many small
# steps; after each it returns to the nearest point of the ball:
#
# $$x_{k+1} = \operatorname{clip}_{[0, 1]} \Bigl( \Pi_{B_\varepsilon(x)} \bigl( x_k + \alpha \operatorname{sign} \nabla_x J(x_k, y) \bigr) \Bigr)$$
#
# ### Task: project onto the ball
#
# Write `project(moved, images, epsilon, norm)`. It returns for each of the `moved` points (N, *shape)
# the nearest point whose distance from its own original in `images` is at most `epsilon`, in the
# `norm` `"inf"` or `"2"`. Points inside stay where they are. Do not clip to [0, 1] here. (Think about
# it: can clipping *afterwards* push a point out of the ball again, if the original is in [0, 1]?)


# %% nbgrader={"grade_id": "project", "solution": true}
# answer: project
def project(moved: Tensor, images: Tensor, epsilon: float, norm: str) -> Tensor:
    """Return the nearest points of the balls of radius epsilon around the images."""
    ### BEGIN SOLUTION
    change = moved - images
    if norm == "inf":
        return images + change.clamp(-epsilon, epsilon)
    length = change.flatten(1).norm(dim=1)
    shrunk = (epsilon / length).clamp(max=1)
    return images + change * shrunk.view(-1, *[1] * (images.ndim - 1))
    ### END SOLUTION


# %% nbgrader={"grade_id": "project-test", "grade": true, "points": 2}
change = torch.tensor([[3.0, -4.0], [-6.0, 8.0], [0.3, -0.1], [0.0, 0.0]])
for shape in ((4, 2), (4, 1, 1, 2)):
    here = torch.tensor([[0.5, 2.0], [1.0, 0.0], [0.5, 0.5], [-1.0, 1.0]]).view(shape)
    there = here + change.view(shape)
    checks.close(
        project(there, here, 0.5, "inf"),
        np.reshape([[1.0, 1.5], [0.5, 0.5], [0.8, 0.4], [-1.0, 1.0]], shape),
        "project(…, 'inf')",
        "each feature for itself comes back to at most ε from its original.",
    )
    checks.close(
        project(there, here, 0.5, "2"),
        np.reshape([[0.8, 1.6], [0.7, 0.4], [0.8, 0.4], [-1.0, 1.0]], shape),
        "project(…, '2')",
        "the change of each *image* keeps its direction and is shortened to ε if it is longer; what is "
        "inside stays, and a change of nothing gives no nan.",
    )
checks.passed("project", "vectors and images, inside and outside of both balls,")

# %% [markdown]
# ### Task: PGD by hand
#
# Write `pgd(model, images, labels, epsilon, step, steps, start)` for the maximum norm, untargeted.
# So that the result can be compared, the random start is given: begin at `images + start`, clipped
# to [0, 1] (`start` has no value beyond ε); with `steps = 0` that is the result. Each of the `steps`
# goes `step` along the sign of the gradient of the cross-entropy at the current point, then back into
# the ball around the *original*, then into [0, 1]. Return the last point.


# %% nbgrader={"grade_id": "pgd", "solution": true}
# answer: pgd
def pgd(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    step: float,
    steps: int,
    start: Tensor,
) -> Tensor:
    """Return the images after `steps` projected steps, none further than epsilon, in [0, 1]."""
    ### BEGIN SOLUTION
    now = (images + start).clamp(0, 1)
    for _ in range(steps):
        now.requires_grad_()
        loss = nn.functional.cross_entropy(model(now), labels)
        (slope,) = torch.autograd.grad(loss, now)
        with torch.no_grad():
            now = now + step * slope.sign()
            now = (images + (now - images).clamp(-epsilon, epsilon)).clamp(0, 1)
    return now
    ### END SOLUTION


# %% nbgrader={"grade_id": "pgd-test", "grade": true, "points": 3}
two, two_labels = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.95, 0.05, 0.5, 0.5]]), torch.tensor([2, 0])
start = torch.tensor([[0.08, -0.02, 0.05, 0.1], [0.1, -0.1, -0.06, 0.05]])
for n, wanted, hint in (
    (
        0,
        [[0.58, 0.48, 0.55, 0.6], [1.0, 0.0, 0.44, 0.55]],
        "it begins at `images + start`, clipped to [0, 1].",
    ),
    (
        1,
        [[0.6, 0.52, 0.51, 0.6], [0.96, 0.04, 0.48, 0.55]],
        "one step from the clipped start is as long as `step`, not as ε; the ball lies around the "
        "original; the fourth feature makes no difference, so it stays.",
    ),
    (
        5,
        [[0.6, 0.6, 0.4, 0.6], [0.85, 0.15, 0.6, 0.55]],
        "five steps would lead further than ε: project each onto the ball around the original.",
    ),
):
    moved = pgd(three, two, two_labels, 0.1, 0.04, n, start)
    checks.close(moved, wanted, f"pgd(three, …) after {n} steps", hint)
nowhere = torch.zeros_like(hundred)
one, many = (
    torch.as_tensor(
        checks.numbers(
            pgd(model, hundred, hundred_labels, 0.03, s, n, nowhere), hundred.shape, "pgd(…)"
        )
    ).to(hundred)
    for s, n in ((0.03, 1), (0.006, 20))
)
checks.expect(
    float((many - hundred).abs().max()) < 0.0301
    and 0 <= float(many.min()) <= float(many.max()) <= 1,
    "All points lie in the ball of radius ε and in [0, 1].",
)
by_one, by_many = (
    float((network_says(model, moved) != hundred_labels).float().mean()) for moved in (one, many)
)
print(f"ε = 0.03: one step of ε fools {by_one:.0%}, twenty small ones {by_many:.0%}")
checks.expect(
    by_many > by_one,
    "Twenty small steps should fool more images than one: take the gradient anew at every point.",
)
twenty, twenty_labels = hundred[:20], hundred_labels[:20]
at_once = pgd(model, twenty, twenty_labels, 0.03, 0.02, 4, nowhere[:20])
point = twenty
for _ in range(4):
    point = pgd(model, twenty, twenty_labels, 0.03, 0.02, 1, point - twenty)
# A slope that is nearly zero may have either sign, by rounding: a few pixels may differ.
checks.expect(
    float(((point - at_once).abs() < 1e-4).float().mean()) > 0.97,
    "Four steps should lead where one step leads four times, each from where the last one ended: "
    "project and clip after every step.",
)
# Your own function, one step at a time, from the image itself and from four random starts.
draw = torch.Generator().manual_seed(0)
figure, axis = plt.subplots(figsize=(6.6, 3.2), layout="constrained")
for run in range(5):
    start = 0.03 * (2 * torch.rand(twenty.shape, generator=draw) - 1).to(twenty)
    point, losses = (twenty + (start if run else 0)).clamp(0, 1), []
    for _ in range(26):
        with torch.no_grad():
            losses.append(float(nn.functional.cross_entropy(model(point), twenty_labels)))
        point = pgd(model, twenty, twenty_labels, 0.03, 0.006, 1, point - twenty)
    style = {"color": line_colours[0]} if run else {"color": line_colours[1], "linestyle": "--"}
    label = {0: "from the image", 1: "from four random starts"}.get(run)
    axis.plot(losses, linewidth=1.2, label=label, **style)
axis.set(xlabel="steps of ε / 5", ylabel="mean cross-entropy of 20 images")
axis.set_title("Does PGD converge? ε = 0.03 in the maximum norm", fontsize=11)
axis.legend(frameon=False)
plt.show()
checks.passed("pgd", "a linear model, with a start for each image, and our network")

# %% [markdown]
# ### Task: find the errors
#
# The function below is meant to be a *targeted* attack in the Euclidean norm: steps of length `step`
# along the gradient (not its sign), then each image back into its own ball of radius `epsilon`, then
# into [0, 1]; the loss of the target falls. It runs, it returns images, and it hardly ever succeeds; the authors of a defence
# that was tested with it reported a robust network. It contains **three** mistakes. Correct them in place, or write
# the function again below. (What would each do to an attack's success rate? One of them makes it
# depend on the other images in the batch.)


# %% nbgrader={"grade_id": "repair", "solution": true}
# answer: repair
def targeted_pgd(
    model: nn.Module, images: Tensor, targets: Tensor, epsilon: float, step: float, steps: int
) -> Tensor:
    """Return images that are moved towards the target classes, each within epsilon (Euclidean)."""
    now = images.clone()
    for _ in range(steps):
        now = now.detach().requires_grad_()
        loss = nn.functional.cross_entropy(model(now), targets, reduction="sum")
        (slope,) = torch.autograd.grad(loss, now)
        change = step * slope / slope.norm()
        # renorm shortens the rows whose Euclidean length is above the limit, to the limit.
        change = change.flatten(1).renorm(2, 0, epsilon).view_as(change)
        now = (now.detach() + change).clamp(0, 1)
    return now


### BEGIN SOLUTION
def targeted_pgd(
    model: nn.Module, images: Tensor, targets: Tensor, epsilon: float, step: float, steps: int
) -> Tensor:
    change = torch.zeros_like(images)
    for _ in range(steps):
        change.requires_grad_()
        loss = nn.functional.cross_entropy(model(images + change), targets)
        (slope,) = torch.autograd.grad(loss, change)
        with torch.no_grad():
            change = change.flatten(1) - step * nn.functional.normalize(slope.flatten(1))
            change = change.renorm(2, 0, epsilon).view_as(images)  # each image in its own ball
            change = (images + change).clamp(0, 1) - images
    return images + change


### END SOLUTION

# %% nbgrader={"grade_id": "repair-test", "grade": true, "points": 2}
# Here all three logits are equal, so that the probabilities are, too.
even = torch.tensor([[0.25, 0.5, 0.75, 0.5], [0.25, 0.5, 0.75, 0.1]])
checks.close(
    targeted_pgd(three, even, torch.tensor([0, 1]), 1.0, 0.1 * math.sqrt(6), 1),
    [[0.45, 0.4, 0.65, 0.5], [0.15, 0.7, 0.65, 0.1]],
    "targeted_pgd(three, …) after one step",
    "both images should come nearer to their targets, and each by `step`, as if it were alone.",
)
# Here the logits are 2 + log 2, 2 and 2: the probabilities are 1/2, 1/4 and 1/4.
uneven = torch.tensor([[(1 + math.log(2)) / 4, 0.5, 0.75, 0.5]])
checks.close(
    targeted_pgd(three, uneven, torch.tensor([1]), 1.0, 0.1 * math.sqrt(14), 1),
    np.add(uneven, [[-0.2, 0.3, -0.1, 0.0]]),
    "targeted_pgd(three, …) from unequal logits",
    "the slope of the cross-entropy is the probabilities, less 1 at the target. Is there one softmax only?",
)
pair, goals = torch.tensor([[0.5, 0.5, 0.5], [0.4, 0.6, 0.5]]), torch.tensor([1, 1])
checks.close(
    targeted_pgd(toy, pair, goals, 0.1 * math.sqrt(22), 0.2, 4),
    [[0.3, 0.8, 0.2], [0.2, 0.9, 0.2]],
    "targeted_pgd(toy, …) after four steps",
    "an image whose steps would lead out of its ball ends at the border, ε from its *original*.",
)
border = torch.tensor([[0.0, 0.5, 0.5], [0.01, 0.99, 0.01]])
moved = checks.numbers(targeted_pgd(toy, border, goals, 0.3, 0.1, 8), (2, 3), "targeted_pgd(…)")
checks.expect(moved.min() >= 0 and moved.max() <= 1, "Pixels have to stay in [0, 1].")
checks.expect(
    np.linalg.norm(moved[0] - border[0].numpy()) > 0.29,
    "An image whose first pixel is 0 gets less far than it could: clip after every step.",
)
checks.passed("repair", "steps, balls and borders of two linear models")

# %% [markdown]
# ### How many steps, how many starts, in which norm?
#
# An attack that stops too early finds too little, and the network looks robust. So one raises the
# number of steps and of random starts until the result no longer changes. The figure does it for both
# norms with `attack(…, "pgd", norm=…, steps=…, restarts=…)`, whose step is 2.5 ε / steps long.

# %% tags=["figure"]
tried_steps = (1, 2, 5, 10, 20)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.3), sharey=True, layout="constrained")
for axis, norm, epsilon in zip(axes, ("inf", "2"), (0.03, 0.5), strict=True):
    for restarts, style, colour in zip((1, 5), ("-", "--"), line_colours, strict=False):
        options = {"norm": norm, "epsilon": epsilon, "restarts": restarts}
        left = [
            1
            - attack(model, hundred, hundred_labels, "pgd", steps=steps, **options)
            .success.float()
            .mean()
            .item()
            for steps in tried_steps
        ]
        label = "one random start" if restarts == 1 else f"the best of {restarts}"
        plot_shares(axis, tried_steps, left, 100, style, colour, label)
    axis.set(xlabel="steps", xscale="log", ylim=(0, 1.02))
    axis.set_xticks(tried_steps, tried_steps)
    axis.minorticks_off()
    axis.set_title(
        f"{'maximum' if norm == 'inf' else 'Euclidean'} norm, ε = {epsilon}", fontsize=10
    )
axes[0].set_ylabel("robust accuracy")
axes[0].legend(frameon=False)
figure.suptitle("PGD on 100 images: steps and starts (bars: 95 % intervals)", fontsize=11)
plt.show()

# %% [markdown]
# In the maximum norm one step leaves 57 of 100 images right, ten steps leave 35 and twenty 34. In the
# Euclidean norm it is 60, 38 and 38. From ten steps on, five starts in place of one find at most three
# more images. On other images each of these numbers could be nine points higher or lower, so these few do
# not matter: the attack has **converged**, and twenty steps from one start will do below.{{ if task.pgd }} Your figure of
# task {{ task.pgd }} shows the same for the loss: it rises quickly, then hardly, and all starts end close to each
# other.{{ end }} Convergence is no proof that no other adversarial example exists. It says that *this* search
# finds no more{{ if section.masked_gradient }}; section {{ section.masked_gradient }} shows a network on which it finds next to nothing{{ end }}.
