# %% [markdown] minutes=75 core=true
# ## Section: From a reference to the input
#
# **You learn** methods that compare the input with a reference, and what the reference decides. **Time:** {{ time }}.
#
# ### Integrated Gradients
#
# [Sundararajan, Taly and Yan 2017](https://arxiv.org/abs/1703.01365) ask a different question. Not
# "what would a change do?" but "what did the input do, compared with a **baseline** $x'$ in which
# the evidence is missing?" They take the straight line from $x'$ to $x$ and collect the gradients
# on the way:
#
# $$\phi_i(x) = (x_i - x'_i) \int_0^1 \frac{\partial f_c\bigl(x' + \alpha (x - x')\bigr)}{\partial x_i}\, d\alpha$$
#
# By the fundamental theorem of calculus the attributions add up to what there is to explain, which
# they call **completeness**:
#
# $$\sum_i \phi_i(x) = f_c(x) - f_c(x')$$
#
# Their axiom *sensitivity* follows: if input and baseline differ in one feature only and the outputs
# differ, then this feature has an attribution other than 0. (The factor $x_i - x'_i$ gives nothing to the
# other features, so this one gets the whole sum. The gradient fails on the saturated function above.)
# Their second axiom does not follow from completeness. *Implementation invariance* says that two networks that compute
# the same function get the same attributions. Integrated Gradients satisfy it for another reason: only
# gradients of the function enter, and these do not depend on how it is computed. The authors show that
# DeepLIFT and LRP can violate it{{ if section.understanding }}; section {{ section.understanding }} asks which rules of LRP do{{ end }}. A computer replaces the integral
# by a sum;
# the paper finds 20 to 300 steps enough to come within 5 % of completeness. The **midpoint rule** with
# $m$ steps is
#
# $$\int_0^1 g(\alpha)\, d\alpha \approx \frac{1}{m} \sum_{k=1}^{m} g\Bigl(\frac{k - 1/2}{m}\Bigr)$$
#
# ### Task: Integrated Gradients by hand
#
# Write `integrated_gradients(model, image, target, baseline, steps)` with the midpoint rule.


# %% nbgrader={"grade_id": "integrated-gradients", "solution": true}
# answer: integrated-gradients
def integrated_gradients(
    model: nn.Module, image: Tensor, target: int, baseline: Tensor, steps: int
) -> Tensor:
    """Return Integrated Gradients by the midpoint rule, in the image's shape.

    image and baseline have the same shape, without a batch dimension.
    """
    ### BEGIN SOLUTION
    alphas = (torch.arange(steps).to(image) + 0.5) / steps
    alphas = alphas.view(-1, *[1] * image.ndim)
    points = (baseline + alphas * (image - baseline)).requires_grad_()
    (slopes,) = torch.autograd.grad(model(points)[:, target].sum(), points)
    return (image - baseline) * slopes.mean(0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "integrated-gradients-test", "grade": true, "points": 3}
class Power(nn.Module):
    """Two logits: x₁, and x₁² x₂ with the slopes 2 x₁ x₂ and x₁²."""

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (N, 2) to logits (N, 2)."""
        return torch.stack([x[:, 0], x[:, 0] ** 2 * x[:, 1]], 1)


saturated = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
with torch.no_grad():
    for layer in (saturated[0], saturated[2]):  # together: 1 - max(0, 1 - x)
        layer.weight.fill_(-1.0)
        layer.bias.fill_(1.0)
checks.close(
    integrated_gradients(saturated, torch.tensor([2.0]), 0, torch.tensor([0.0]), 10),
    [1.0],
    "integrated_gradients(saturated, …)",
    "the slope is 1 on the first half of the way from 0 to 2 and 0 on the second, so the integral is ½. "
    "Is it multiplied with the way?",
    1e-3,
)
for steps, expected in ((1, [0.0, 8.0]), (2, [1.0, 8.5])):
    checks.close(
        integrated_gradients(
            Power(), torch.tensor([3.0, 1.0]), 1, torch.tensor([1.0, -1.0]), steps
        ),
        expected,
        f"integrated_gradients(Power(), (3, 1), 1, (1, −1), {steps})",
        "one step has its middle at (2, 0), two have theirs at (1½, −½) and (2½, ½). Work out the "
        "slopes there: each feature's share is its own mean slope × its own way.",
        1e-3,
    )
white = torch.ones_like(examples[0])
total = integrated_gradients(model, examples[0], predicted, white, 300)
total = checks.numbers(total, (1, 28, 28), "integrated_gradients(model, …)").sum()
with torch.no_grad():
    rise = float((model(examples[:1]) - model(white[None]))[0, predicted])
checks.expect(
    abs(total - rise) < 0.05 * abs(rise) + 0.1,
    "On our network, from a white baseline, the attributions should add up to f(x) − f(baseline). "
    "Check where the path begins and ends.",
)
checks.passed("integrated-gradients", "one and two steps by hand, and the sum on our network")

# %% [markdown]
# From now on `explain(model, inputs, targets, method, **options)` does the work. It returns an
# `Explanation` whose `.attributions` have the shape (images, targets, 1, 28, 28). Its integral uses
# the Gauss-Legendre rule, which chooses places and weights of its steps more cleverly than the
# midpoint rule; the idea is the same. How many steps does it take until the numbers add up?

# %% tags=["figure"]
all_steps = (1, 2, 4, 8, 16, 64, 256)
deltas = [
    explain(model, examples[:1], predicted, "integrated_gradients", steps=steps).convergence_delta
    for steps in all_steps
]
figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.loglog(all_steps, [max(abs(float(delta)), 1e-6) for delta in deltas], "o-", color="black")
axis.set(
    xlabel="steps",
    ylabel="completeness gap (logits)",
    title="Integrated Gradients and completeness",
)
axis.grid(alpha=0.3)
plt.show()

# %% [markdown]
# Along the path the gradient of a ReLU network is a step function, so the gap need not shrink with
# every step that is added, but in the end it does. Few steps can be far off: look at the gap before
# you trust a map.
#
# ### What does the baseline hide?
#
# The factor $x_i - x'_i$ has a price: a pixel that *equals* the baseline gets no attribution, even if
# the network uses it ([Sturmfels, Lundberg and Lee
# 2020](https://distill.pub/2020/attribution-baselines/)). FashionMNIST's background is exactly
# black. Before you look: what do you expect for a black baseline, what for a white one?

# %% tags=["figure"]
figure, axes = plt.subplots(1, 4, figsize=(11, 2.5), layout="constrained")
axes[0].imshow(examples[1, 0].cpu(), cmap="gray", vmin=0, vmax=1)
axes[0].axis("off")
for axis, level in zip(axes[1:], ("black", "grey", "white"), strict=True):
    result = explain(
        model, examples[1:], targets[1:, 1], "integrated_gradients", steps=64, baseline=level
    )
    show_map(axis, result.attributions[0, 0], f"{level} baseline")
figure.suptitle(
    f"Integrated Gradients for “{classes[int(targets[1, 1])]}”: same network, same image"
)
plt.show()

# %% [markdown]
# ### Expected gradients
#
# Which baseline, then? [Erion et al. 2021](https://arxiv.org/abs/1906.10670) take none in
# particular: they average Integrated Gradients over references $x'$ from the training data, and
# draw the place on the path at random as well:
#
# $$\phi_i(x) = \mathbb E_{x' \sim D,\; \alpha \sim U(0, 1)} \left[ (x_i - x'_i)\,
# \frac{\partial f_c\bigl(x' + \alpha (x - x')\bigr)}{\partial x_i} \right]$$
#
# The attributions add up to $f_c(x) - \mathbb E\, f_c(x')$ in expectation. Every sample costs one
# gradient, so 200 references cost no more than 200 steps from one.
#
# ### Task: expected gradients by hand
#
# So that the result can be compared, the draws are given: `references` (n, *image.shape) and
# `alphas` (n,), which belong together. Write `expected_gradients(model, image, target, references,
# alphas)`.


# %% nbgrader={"grade_id": "expected-gradients", "solution": true}
# answer: expected-gradients
def expected_gradients(
    model: nn.Module, image: Tensor, target: int, references: Tensor, alphas: Tensor
) -> Tensor:
    """Return the mean over the draws of (image − reference) × gradient, in the image's shape."""
    ### BEGIN SOLUTION
    way = image - references
    places = alphas.view(-1, *[1] * image.ndim)
    points = (references + places * way).requires_grad_()
    (slopes,) = torch.autograd.grad(model(points)[:, target].sum(), points)
    return (way * slopes).mean(0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "expected-gradients-test", "grade": true, "points": 2}
class Power(nn.Module):
    """Two logits: x₁, and x₁² x₂ with the slopes 2 x₁ x₂ and x₁²."""

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (N, 2) to logits (N, 2)."""
        return torch.stack([x[:, 0], x[:, 0] ** 2 * x[:, 1]], 1)


checks.close(
    expected_gradients(
        Power(),
        torch.tensor([3.0, 1.0]),
        1,
        torch.tensor([[1.0, -1.0], [5.0, 3.0]]),
        torch.tensor([0.25, 0.5]),
    ),
    [-17.5, -13.75],
    "expected_gradients(Power(), (3, 1), 1, …)",
    "the two draws lie at (1½, −½) and (4, 2). The first contributes (−3, 4½), the second (−32, −32): "
    "each draw multiplies its own way with the slopes at its own place.",
    1e-3,
)
middles = (torch.arange(100, device=device) + 0.5) / 100
black = torch.zeros(100, 1, 28, 28, device=device)
total = expected_gradients(model, examples[0], predicted, black, middles)
total = checks.numbers(total, (1, 28, 28), "expected_gradients(model, …)").sum()
with torch.no_grad():
    rise = float((model(examples[:1]) - model(black[:1]))[0, predicted])
checks.expect(
    abs(total - rise) < 0.1 * abs(rise) + 0.2,
    "With black references and evenly spaced places it is Integrated Gradients, and should add up "
    "to f(x) − f(black). Does α = 0 lie at the reference and α = 1 at the image?",
)
checks.passed("expected-gradients", "two draws by hand and the sum on our network")

# %% [markdown]
# ### DeepLIFT
#
# [Shrikumar, Greenside and Kundaje 2017](https://arxiv.org/abs/1704.02685) also compare with a
# reference $x'$, but need no points in between. Every unit has a value for the input and one for the
# reference. Write $\Delta$ for the difference of the two. The **multiplier** of a unit is its
# contribution to the target's $\Delta$, divided by its own $\Delta$; multipliers obey a chain rule like
# derivatives. For a linear layer they are its weights. For a ReLU $y = \max(0, z)$ the **Rescale
# rule** takes the slope of the *chord* in place of the tangent:
#
# $$m = \frac{\Delta y}{\Delta z} = \frac{\max(0, z) - \max(0, z')}{z - z'}, \qquad
# \phi_i = (x_i - x'_i) \sum_j w_{ji}\, m_j\, v_{cj}$$
#
# for a network $f_c(x) = v_c \cdot \max(0, Wx + b) + d_c$. As each chord connects the two values
# exactly, completeness holds after two forward passes and one backward pass. For $z = z'$ the
# fraction is 0/0; there the derivative of the ReLU at $z$ takes its place, which is 1 for $z > 0$
# and 0 for $z \le 0$ (the sum does not depend on that choice, the shares do).
#
# ### DeepSHAP
#
# One reference is arbitrary. [Lundberg and Lee 2017](https://arxiv.org/abs/1705.07874) define SHAP
# values, in which a missing feature is averaged over the data, and sketch Deep SHAP, which
# approximates them with DeepLIFT's multipliers. Today's implementations ([Chen, Lundberg and Lee
# 2019](https://arxiv.org/abs/1911.11888)) compute DeepLIFT against each of $B$ background samples
# and average:
#
# $$\phi(x) = \frac{1}{B} \sum_{b=1}^{B} \phi^{\text{DeepLIFT}}(x; x'_b), \qquad
# \sum_i \phi_i(x) = f_c(x) - \frac{1}{B} \sum_{b=1}^{B} f_c(x'_b)$$
#
# So the base value is the *expected output* over the backgrounds, which is not the output for the
# mean background: for that the network would have to be linear. It costs $B$ times as much as
# DeepLIFT, and with a single background it *is* DeepLIFT.
#
# ### Task: DeepLIFT and DeepSHAP by hand
#
# `network` is an `nn.Sequential` of a linear layer, a ReLU and a linear layer. Write
# `deep_shap(network, x, backgrounds, target)` for a vector `x` (d,) and `backgrounds` (B, d), with
# DeepLIFT's Rescale rule for each background. Mind the units with $z = z'$.


# %% nbgrader={"grade_id": "deep-shap", "solution": true}
# answer: deep-shap
def deep_shap(network: nn.Sequential, x: Tensor, backgrounds: Tensor, target: int) -> Tensor:
    """Return the mean of DeepLIFT's contributions over the backgrounds, shape (d,)."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        first, _, second = network
        z, z_backgrounds = first(x), first(backgrounds)
        change = z - z_backgrounds
        chords = (z.relu() - z_backgrounds.relu()) / change  # nan for 0/0
        multipliers = torch.where(change == 0, (z > 0).to(z.dtype), chords)
        slopes = (second.weight[target] * multipliers) @ first.weight
        return ((x - backgrounds) * slopes).mean(0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "deep-shap-test", "grade": true, "points": 3}
torch.manual_seed(1)
small = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
point, several = torch.randn(4), torch.randn(5, 4)
for count in (1, 5):
    contributions = deep_shap(small, point, several[:count], 2)
    contributions = checks.numbers(contributions, (4,), "deep_shap(small, …)")
    with torch.no_grad():
        rise = float((small(point) - small(several[:count]).mean(0))[2])
    checks.expect(
        abs(contributions.sum() - rise) < 1e-4,
        f"With {count} background(s) the values should add up to f(x) minus the mean of the "
        "backgrounds' outputs. Does each ReLU pass on its chord? Average at the very end.",
    )
    checks.close(
        contributions,
        explain(small, point[None], 2, "deep_shap", background=several[:count]).attributions[0, 0],
        "deep_shap(small, …)",
        "the sum is right, but the shares differ from `explain`. Follow the multipliers back "
        "through the weights, for each background its own.",
    )
still = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
with torch.no_grad():
    still[0].weight.copy_(torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0], [0.0, 1.0]]))
    still[0].bias.copy_(torch.tensor([-2.5, 2.5, -3.0, 0.0]))
    still[2].weight.copy_(torch.tensor([[3.0, 2.0, 4.0, 1.0]]))
checks.close(
    deep_shap(still, torch.tensor([2.0, 1.0]), torch.tensor([[1.0, 2.0]]), 0),
    [3, -4],
    "deep_shap(still, (2, 1), (1, 2), 0)",
    "the first three hidden units have z = z′. The first, with z = ½, passes its signal on like the "
    "derivative of the ReLU; the second, with z = −½, and the third, with z = 0, pass none.",
    1e-3,
)
checks.close(
    deep_shap(small, point, point[None], 0),
    np.zeros(4),
    "deep_shap(small, x, x, 0)",
    "an input that equals the reference has nothing to explain: all zeros, without nan.",
)
checks.passed("deep-shap", "sums, shares, one and five backgrounds, and units with z = z′")

# %% [markdown]
# On our network two training images of each class serve as background{{ if section.comparison }} from now on{{ end }}. The figure below
# takes one of them, five and all twenty. With one, the map shows the reference as much as the input.
# DeepLIFT's black reference is not neutral either: the network predicts a class for a black image, too{{ if task.rankings }},
# and task {{ task.rankings }} asks which{{ end }}.

# %%
train = load("fashion_mnist", split="train")
train_images, train_labels = train.images[:3000], train.labels[:3000]
background = torch.cat([train.images[train.labels == c][:2] for c in range(10)]).to(device)
del train  # it is large

figure, axes = plt.subplots(1, 4, figsize=(11, 2.6), layout="constrained")
show_map(
    axes[0],
    explain(model, examples[1:], targets[1:, 1], "deeplift").attributions[0, 0],
    "DeepLIFT, black reference",
)
for axis, count in zip(axes[1:], (1, 5, 20), strict=True):
    some = background[:: 20 // count]
    result = explain(model, examples[1:], targets[1:, 1], "deep_shap", background=some)
    show_map(
        axis, result.attributions[0, 0], f"DeepSHAP, {count} background image{'s' * (count > 1)}"
    )
figure.suptitle(f"For “{classes[int(targets[1, 1])]}”: what one reference adds, many average out")
plt.show()
