# %% [markdown] minutes=40
# ## Section: Activation maximisation: what would the unit like to see?
#
# **You learn** to climb a unit's output in the space of images, what a regulariser does to the result, and why
# the image is shown beside real ones. **Time:** {{ time }}.
#
# A unit computes a number $a(x)$ for every image $x$. **Activation maximisation** looks for an image that makes it as
# large as possible (Erhan, Bengio, Courville and Vincent [2009](https://www.researchgate.net/publication/265022827)). For a
# *linear* unit $a(x) = w^\top x + b$ the answer is known: among all images of length at most $r$ it is $r\, w / \lVert w \rVert$, the
# unit's own weights. Without a bound on the length there is none: twice the image, twice the output. For a deep network
# one climbs, step by step, along the gradient, and stays within the ball:
#
# $$x \leftarrow \Pi_r\!\left(x + \eta\, \frac{\nabla a(x)}{\lVert \nabla a(x) \rVert}\right),\qquad
# \Pi_r(x) = \begin{cases} x & \lVert x \rVert \le r \\ r\, x / \lVert x \rVert & \text{else} \end{cases}$$
#
# where $\lVert\cdot\rVert$ is the Euclidean length over all pixels of the image.
#
# ### Task: one step of ascent
#
# Write `ascent_step(network, image, target, rate, radius)`, which makes one such step for $a(x)$, the output of class `target`
# (the logit). Where the gradient is zero, there is no direction to go: return the image as it is. The function leaves
# `image` unchanged. All images that it gets lie within the ball.


# %% nbgrader={"grade_id": "ascent-step", "solution": true}
# answer: ascent-step
def ascent_step(
    network: nn.Module, image: Tensor, target: int, rate: float, radius: float
) -> Tensor:
    """Return the image (C, H, W) after one step; the network maps (N, C, H, W) to (N, classes)."""
    ### BEGIN SOLUTION
    start = image.clone().requires_grad_()
    (slope,) = torch.autograd.grad(network(start[None])[0, target], start)
    length = slope.norm()
    if length == 0:
        return image
    moved = image + rate * slope / length
    return moved * (radius / moved.norm()).clamp(max=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "ascent-step-test", "grade": true, "points": 2}
checks.function(ascent_step, "ascent_step")
two_units = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
with torch.no_grad():
    two_units[1].weight.copy_(torch.tensor([[0.0, 0.0, 0.0, 9.0], [6.0, 0.0, 8.0, 0.0]]))
    two_units[1].bias.zero_()
black = torch.zeros(2, 1, 2)
checks.close(
    ascent_step(two_units, black, 1, 0.5, 10.0),
    [[[0.3, 0.0]], [[0.4, 0.0]]],
    "ascent_step(…)",
    "The gradient of class 1 is (6, 0) and (8, 0) in the two channels, together of length 10; a step at the rate 0.5 is half a unit long.",
)
checks.expect(
    not black.any(), "The function changes the `image` that it was given: work on a copy."
)
checks.close(
    ascent_step(two_units, torch.tensor([[[3.0, 0.0]], [[4.0, 0.0]]]), 1, 5.0, 6.0),
    [[[3.6, 0.0]], [[4.8, 0.0]]],
    "ascent_step(…)",
    "The step leads from length 5 to length 10, out of the ball of radius 6: scale the whole image back to "
    "length 6.",
)
silent_unit = nn.Sequential(nn.Flatten(), nn.Linear(4, 1), nn.ReLU())
with torch.no_grad():
    silent_unit[1].weight.fill_(-1.0)
    silent_unit[1].bias.zero_()
checks.close(
    ascent_step(silent_unit, torch.ones(1, 2, 2), 0, 0.5, 10.0),
    np.ones((1, 2, 2)),
    "ascent_step(…)",
    "A unit behind a ReLU that is off has no gradient: the image stays.",
)
checks.passed("ascent-step", "a step within the ball, one out of it, and a unit that is off,")

# %% [markdown]
# ### Regularisers
#
# What the ascent finds excites the unit, and often looks like noise: there are many directions that no photograph ever
# takes, and the gradient uses all of them. **Regularisers** prefer images that could be photographs (Mahendran and Vedaldi
# [2016](https://arxiv.org/abs/1512.02017); Olah, Mordvintsev and Schubert
# [2017](https://distill.pub/2017/feature-visualization/)):
#
# - the **ball**, or a penalty on the length, bounds the brightness;
# - **jitter** moves the image by a few random pixels before each step, so that no detail survives which works at one exact
#   place only;
# - **total variation** punishes differences of neighbouring pixels:
#
# $$TV(x) = \sum_{c,i,j} \lvert x_{c,i+1,j} - x_{c,i,j} \rvert + \sum_{c,i,j} \lvert x_{c,i,j+1} - x_{c,i,j} \rvert .$$
#
# The ascent then climbs $a(x) - \lambda\, TV(x)$, and needs the slope of $TV$ at every pixel. The slope of $\lvert t \rvert$ is the
# sign of $t$, and 0 where $t = 0$.
#
# ### Task: total variation and its slope
#
# Write `total_variation(images)`, which returns two things: $TV$ of each image, (N,), and its slope with respect to each pixel,
# (N, C, H, W), both by hand: `torch.autograd` and its relatives are not available here.


# %% nbgrader={"grade_id": "total-variation", "solution": true}
# answer: total-variation
def total_variation(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the total variation (N,) of images (N, C, H, W), and its slopes (N, C, H, W)."""
    ### BEGIN SOLUTION
    down = images[:, :, 1:] - images[:, :, :-1]
    across = images[..., 1:] - images[..., :-1]
    values = down.abs().sum((1, 2, 3)) + across.abs().sum((1, 2, 3))
    slopes = torch.zeros_like(images)
    slopes[:, :, 1:] += down.sign()
    slopes[:, :, :-1] -= down.sign()
    slopes[..., 1:] += across.sign()
    slopes[..., :-1] -= across.sign()
    return values, slopes
    ### END SOLUTION


# %% nbgrader={"grade_id": "total-variation-test", "grade": true, "points": 2}
checks.function(total_variation, "total_variation")
checks.without(total_variation, *checks.AUTOGRAD)
first_channel = torch.tensor([[0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 4.0, 4.0], [0.0, 2.0, 4.0, 4.0]])
second_channel = torch.zeros(3, 4)
second_channel[0, 0] = 3
two_images = torch.stack([torch.stack([first_channel, second_channel]), torch.full((2, 3, 4), 2.0)])
of_two = total_variation(two_images)
checks.expect(
    isinstance(of_two, tuple | list) and len(of_two) == 2,
    "`total_variation(…)` should return two things: the values and the slopes.",
)
checks.close(
    of_two[0],
    [24.0, 0.0],
    "the values",
    "In the first image's first channel the pixels differ by 0, 1, 3, 3, 0, 2, 0, 0 from those below, and by 1, 0, 0, 0, "
    "4, 0, 2, 2, 0 from those on the right; in its second channel one pixel differs by 3 from two others. The second image has "
    "one colour.",
)
checks.close(
    of_two[1],
    [
        [
            [[-1, 2, -1, -1], [0, -3, 2, 1], [-1, 1, 1, 0]],
            [[2, -1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 0]],
        ],
        np.zeros((2, 3, 4)).tolist(),
    ],
    "the slopes",
    "A pixel collects, from each of its two to four neighbours, 1 if it is brighter, −1 if it is darker, "
    "and 0 if they are equal.",
)
checks.passed("total-variation", "two small images of two channels")

# %% [markdown]
# ### With regularisers and without
#
# `maximise` of the library climbs for several classes at once. The next cell asks for three of them in a ball of radius 8, with no
# regulariser, with jitter, and with jitter and total variation. Then it asks for all ten classes with the **prior** that the library uses by itself: an image is
# the mean of the training images plus a sum of their principal components, not farther from the mean than garments are, and stays in $[0, 1]$. On the
# right are the nine *training images* that excite the class most.

# %% tags=["figure"]
from xaikit.concepts import maximise

three_classes = (1, 7, 9)  # trouser, sneaker, ankle boot
in_ball = {"radius": 8.0, "jitter": 0, "blur": 0.0, "total_variation": 0.0, "l2": 0.0}
in_ball |= {"steps": 96, "data": training.images[:10]}
ways = {
    "ball only": in_ball,
    "ball, jitter": {**in_ball, "jitter": 2},
    "ball, jitter, TV": {**in_ball, "jitter": 2, "total_variation": 0.4},
}
climbed = {name: maximise(network, three_classes, **options) for name, options in ways.items()}
all_ten = maximise(network, range(10), data=training)

# %% tags=["figure"]
figure, axes = plt.subplots(3, 5, figsize=(9.5, 6.2), layout="constrained")
for row, target in enumerate(three_classes):
    for column, (name, record) in enumerate(climbed.items()):
        picture = record.images[row, 0]
        shown = axes[row, column].imshow(
            picture / picture.abs().max(), cmap="RdBu_r", vmin=-1, vmax=1
        )
        axes[row, column].set_title(
            f"{name}\noutput {float(record.activation[row]):.0f}", fontsize=9
        )
    picture = all_ten.images[target, 0]
    axes[row, 3].imshow(picture, cmap="gray", vmin=0, vmax=float(picture.max()))
    axes[row, 3].set_title(
        f"jitter, prior\noutput {float(all_ten.activation[target]):.0f}", fontsize=9
    )
    nine = all_ten.nearest[target, :, 0].view(3, 3, 28, 28)
    axes[row, 4].imshow(nine.permute(0, 2, 1, 3).reshape(84, 84), cmap="gray", vmin=0, vmax=1)
    best_real = all_ten.nearest_activation[target]
    axes[row, 4].set_title(
        f"{classes[target]}\noutput {float(best_real[-1]):.0f} to {float(best_real[0]):.0f}",
        fontsize=9,
    )
    for axis in axes[row]:
        axis.axis("off")
figure.colorbar(
    shown,
    ax=axes[:, :3],
    location="bottom",
    fraction=0.04,
    label="pixel, as a share of the image's largest; 0: black, blue: darker than black",
).ax.tick_params(labelsize=9)
plt.show()

# %% [markdown]
# In the ball the output is about two to fifteen times that of any garment, and hardly a garment is to be seen: blue pixels are
# *darker than black*, which no image has. Jitter and total variation make the images calmer, and hardly clearer. The prior makes them garments,
# at least in part, and they excite the class about as much as the best photographs, or more.
#
# But who made the garment? The mean and the components come from photographs of garments, so a sleeve or a sole costs the ascent nothing. The *prior* says what an image may look like; the
# *network* only says which of these images it prefers. What an image by ascent shows is what the unit and the regularisers agree on, and the choice of the
# regularisers is ours.
#
# The nine photographs have the opposite fault. All of them are trousers, and whether the unit reacts to the two legs, the
# vertical edges or the brightness remains open. Borowski et al. ([2021](https://arxiv.org/abs/2010.12606)) asked people which
# of two images excites a unit more, where chance is 50 %. With maximised images beside them they were right in 82 % of the cases, with
# the photographs that excite the unit most in 92 %.
#
# Here are all ten classes. Would a person call them boots and trousers? Cover the titles first.

# %% tags=["figure"]
figure, axes = plt.subplots(2, 5, figsize=(9, 4.2), layout="constrained")
for axis, picture, name in zip(axes.flat, all_ten.images[:, 0], classes, strict=True):
    axis.imshow(picture, cmap="gray", vmin=0, vmax=float(picture.max()))
    axis.set_title(name, fontsize=9.5)
    axis.axis("off")
figure.suptitle("Images made by ascent, each stretched to its own brightest pixel", fontsize=10)
plt.show()

# %% [markdown]
# How many of the ten can somebody name who has not seen the titles? Ask a person: that is the only measurement that counts here. Then look for what a
# picture lacks. A boot without a heel on one side and a toe on the other, for instance, would suggest that the class hardly depends on which way the boot points. That
# is a hypothesis, which one can test on photographs.
