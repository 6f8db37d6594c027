# %% [markdown]
# From here on `attack(network, images, labels, method, **options)` does the work. Its result has
# `.adversarial` (N, 1, 28, 28), `.predicted` (N,), `.success` (N,) and `.mask` (where a change was
# allowed). With `targets=` (a class, or (N,)) it is targeted. An image that is misclassified before
# counts as a success and stays as it is (only `"universal_patch"` changes all), so that
# `1 - result.success.float().mean()` of an untargeted attack is the robust accuracy. `help(attack)`
# lists the options.
#
# ## 3 · Many small steps: PGD
#
# **You learn** to stay inside a ball, and to find the mistakes that make an attack weak. **Time:** one and a half hours.
#
# FGSM uses the gradient at $x$ for the whole step. **Projected gradient descent** ([Madry et al.
# 2018](https://arxiv.org/abs/1706.06083)) starts at a random point of the ball and takes many small
# steps; after each it returns to the nearest point of the ball:
#
# $$x_{k+1} = \operatorname{clip}_{[0, 1]} \Bigl( \Pi_{B_\varepsilon(x)} \bigl( x_k + \alpha \operatorname{sign} \nabla_x J(x_k, y) \bigr) \Bigr)$$
#
# ### Task 4: project onto the ball (2 points)
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
here, there = torch.zeros(3, 2), torch.tensor([[3.0, 4.0], [0.3, -0.1], [0.0, 0.0]])
checks.close(
    project(there, here, 0.5, "inf"),
    [[0.5, 0.5], [0.3, -0.1], [0, 0]],
    "project(…, 'inf')",
    "each feature for itself comes back to at most ε from its original.",
)
checks.close(
    project(there, here, 0.5, "2"),
    [[0.3, 0.4], [0.3, -0.1], [0, 0]],
    "project(…, '2')",
    "the change of each *image* keeps its direction and is shortened to ε if it is longer; what is "
    "inside stays, and a change of nothing gives no nan.",
)
checks.close(
    project(there + 2, here + 2, 0.5, "2")[:1],
    [[2.3, 2.4]],
    "project around another point",
    "the ball lies around the original, not around zero.",
)
checks.passed("project")

# %% [markdown]
# ### Task 5: PGD by hand (3 points)
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
still, toy_label = torch.zeros_like(middle), torch.tensor([0])
checks.close(
    pgd(toy, middle, toy_label, 0.1, 0.04, 1, still),
    [[0.46, 0.54, 0.46]],
    "pgd(toy, …) after one step",
    "one step is as long as `step`, not as ε.",
)
checks.close(
    pgd(toy, middle, toy_label, 0.1, 0.04, 5, still),
    [[0.4, 0.6, 0.4]],
    "pgd(toy, …) after five steps",
    "five steps would lead further than ε: project each onto the ball around the original.",
)
checks.close(
    pgd(
        toy,
        torch.tensor([[0.5, 0.0, 1.0]]),
        toy_label,
        0.2,
        0.04,
        0,
        0.1 * torch.tensor([[1.0, -1.0, 1.0]]),
    ),
    [[0.6, 0.0, 1.0]],
    "pgd(toy, …) without a step",
    "it begins at `images + start`, clipped to [0, 1].",
)
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
    float((said(model, moved) != hundred_labels).float().mean()) for moved in (one, many)
)
print(f"ε = 0.03: one step of ε fools {by_one:.0%}, twenty small ones {by_many:.0%}")
checks.expect(
    by_many > by_one,
    "Twenty small steps should fool more images than one: take the gradient anew at every point.",
)
# Your own function, one step at a time, from the image itself and from four random starts.
twenty, twenty_labels = hundred[:20], hundred_labels[:20]
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
checks.passed("pgd")

# %% [markdown]
# ### Task 6: find the errors (2 points)
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
pair = torch.tensor([[0.5, 0.5, 0.5], [0.4, 0.6, 0.5]])
goals = torch.tensor([1, 1])
moved = checks.numbers(targeted_pgd(toy, pair, goals, 1.0, 0.1, 1), (2, 3), "targeted_pgd(…)")
way = np.array([2.0, -3.0, 3.0]) / math.sqrt(22)  # from class 1 to class 0, of length 1
checks.expect(
    float((moved[0] - pair[0].numpy()) @ way) < 0,
    "After one step the first image is further from its target than before.",
)
checks.expect(
    abs(np.linalg.norm(moved[0] - pair[0].numpy()) - 0.1) < 1e-4,
    "Alone in a batch an image moves by `step`; in a batch of two it moves by less.",
)
moved = checks.numbers(targeted_pgd(toy, pair, goals, 0.15, 0.1, 3), (2, 3), "targeted_pgd(…)")
checks.expect(
    np.linalg.norm(moved - pair.numpy(), axis=1).max() < 0.1501,
    "After three steps of 0.1 an image is further than ε = 0.15 from its original.",
)
border = torch.tensor([[0.01, 0.99, 0.01]])
moved = checks.numbers(targeted_pgd(toy, border, goals[:1], 0.5, 0.1, 2), (1, 3), "targeted_pgd(…)")
checks.expect(moved.min() >= 0 and moved.max() <= 1, "Pixels have to stay in [0, 1].")
checks.passed("repair")

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
# not matter: the attack has **converged**, and twenty steps from one start will do below. Your figure of
# task 5 shows the same for the loss: it rises quickly, then hardly, and all starts end close to each
# other. Convergence is no proof that no other adversarial example exists. It says that *this* search
# finds no more; section 4 shows a network on which it finds next to nothing.
