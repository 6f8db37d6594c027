# %% [markdown] minutes=60 core=true
# ## Section: Gradients
#
# **You learn** what a slope says, what it leaves out, and how it is smoothed, multiplied and masked. **Time:** {{ time }}.
#
# ### Vanilla gradient
#
# How does the logit $f_c$ of class $c$ react if a pixel gets a little brighter? By its partial
# derivative:
#
# $$\phi_i(x) = \frac{\partial f_c(x)}{\partial x_i}$$
#
# ([Simonyan, Vedaldi and Zisserman 2014](https://arxiv.org/abs/1312.6034), who then take absolute
# values; we keep the sign.) It costs one forward and one backward pass. It is the slope of the best
# *linear* approximation around $x$, and says nothing about what happens further away: for
# $f(x) = 1 - \max(0, 1 - x)$ at $x = 2$ the gradient is 0, although the input has raised the output
# from $f(0) = 0$ to 1. The function is *saturated* there.
#
# ### Input × gradient
#
# The gradient says how the logit would react to a change. It does not say how much of the logit
# *comes from* a pixel: a black pixel with a steep slope contributes nothing yet. [Shrikumar,
# Greenside, Shcherbina and Kundaje 2016](https://arxiv.org/abs/1605.01713) therefore multiply,
#
# $$\phi_i(x) = x_i \, \frac{\partial f_c(x)}{\partial x_i},$$
#
# which for a linear function is exactly what the feature adds to the output. Notice two things for
# later: the input is compared with black, although the formula does not say so, and every pixel that is exactly zero gets zero.
#
# ### Task: two maps from one slope
#
# Write `gradient_maps(model, image, target)` for one image of any shape. It returns two tensors of
# the image's shape: the gradient, and input × gradient. The model wants a batch: give it
# `image[None]`. The check also compares both with `explain`, xaikit's own implementation of all methods
# {{ if section.references }}
# (more on it in section {{ section.references }}), on our network.
# {{ else }}
# on our network.
# {{ end }}


# %% nbgrader={"grade_id": "gradient", "solution": true}
# answer: gradient
def gradient_maps(model: nn.Module, image: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Return the derivative of the target's logit by the image, and that times the image."""
    ### BEGIN SOLUTION
    point = image.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(point[None])[0, target], point)
    return slope, image * slope
    ### END SOLUTION


# %% nbgrader={"grade_id": "gradient-test", "grade": true, "points": 2}
toy = nn.Sequential(nn.Linear(3, 2))
with torch.no_grad():
    toy[0].weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [-4.0, 5.0, -6.0]]))
pair = gradient_maps(toy, torch.tensor([1.0, -2.0, 0.5]), 1)
checks.expect(
    hasattr(pair, "__len__") and len(pair) == 2,
    "`gradient_maps` should return two tensors: the gradient, and input × gradient.",
)
checks.close(
    pair[0],
    [-4, 5, -6],
    "the gradient of toy",
    "for a linear model the answer is row `target` of its weights, with sign. "
    "Differentiate the logit itself.",
)
checks.close(
    pair[1],
    [-4, -10, -3],
    "input × gradient of toy",
    "multiply each slope with its own input, signs included.",
)
pair = gradient_maps(model, examples[0], predicted)
for found, method in zip(pair, ("gradient", "input_x_gradient"), strict=True):
    checks.close(
        found,
        explain(model, examples[:1], predicted, method).attributions[0, 0].cpu(),
        f"{method} of our network",
        f"on our network it differs from `explain(…, method={method!r})`.",
    )
checks.passed("gradient", "a linear model and our network")

# %% tags=["figure"]
figure, axes = plt.subplots(1, 3, figsize=(8, 2.6), layout="constrained")
axes[0].imshow(examples[1, 0].cpu(), cmap="gray", vmin=0, vmax=1)
axes[0].axis("off")
for axis, method in zip(axes[1:], ("gradient", "input_x_gradient"), strict=True):
    slopes = explain(model, examples[1:], targets[1:, 1], method).attributions[0, 0]
    show_map(axis, slopes, method.replace("_x_", " × ").replace("_", " "))
figure.suptitle(f"For “{classes[int(targets[1, 1])]}”: what would help, and what has helped")
plt.show()

# %% [markdown]
# ### SmoothGrad
#
# Networks of ReLUs are piecewise linear, so their gradient jumps from one piece to the next and its
# maps look like noise. [Smilkov et al. 2017](https://arxiv.org/abs/1706.03825) average it over
# noisy copies:
#
# $$\phi(x) = \frac{1}{n} \sum_{k=1}^{n} \nabla f_c(x + \varepsilon_k), \qquad \varepsilon_k \sim \mathcal{N}(0, \sigma^2)$$
#
# They find 10 to 20 % of the input's range a good $\sigma$, and little change beyond $n = 50$. It
# costs $n$ passes forward and backward. What is explained is no longer $f_c$ at $x$ but a blurred
# version of $f_c$.
#
# ### Task: SmoothGrad by hand
#
# So that the result can be compared, the noise is given: `noise` has shape (n, *image.shape). Write
# `smoothgrad(model, image, target, noise)`. One batch for all copies is fastest.


# %% nbgrader={"grade_id": "smoothgrad", "solution": true}
# answer: smoothgrad
def smoothgrad(model: nn.Module, image: Tensor, target: int, noise: Tensor) -> Tensor:
    """Return the mean gradient over the noisy copies `image + noise[k]`, in the image's shape."""
    ### BEGIN SOLUTION
    copies = (image + noise).requires_grad_()
    (slopes,) = torch.autograd.grad(model(copies)[:, target].sum(), copies)
    return slopes.mean(0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "smoothgrad-test", "grade": true, "points": 2}
least = int(targets[0, 3])
checks.close(
    smoothgrad(model, examples[0], least, torch.zeros(3, 1, 28, 28, device=device)),
    explain(model, examples[:1], least, "gradient").attributions[0, 0].cpu(),
    "smoothgrad(…) without noise",
    "with zero noise it should equal the gradient: take the mean over the copies, not their sum.",
)
bend = nn.Sequential(nn.Linear(1, 2), nn.ReLU())  # max(0, x − 1.1) and max(0, 2x − 1.1)
with torch.no_grad():
    bend[0].weight.copy_(torch.tensor([[1.0], [2.0]]))
    bend[0].bias.fill_(-1.1)
checks.close(
    smoothgrad(bend, torch.tensor([0.5]), 0, torch.tensor([[1.0], [-1.0], [0.2], [0.7]])),
    [0.5],
    "smoothgrad(bend, …)",
    "the copies are 1.5, −0.5, 0.7 and 1.2: max(0, x − 1.1) has slope 1 at two of them, and slope 0 at the others. "
    "Average the slopes of the copies, not the slope at the average, and leave the copies as they are.",
)
checks.passed("smoothgrad", "copies without noise and four copies around a bend")

# %% tags=["figure"]
levels = (0.0, 0.05, 0.15, 0.4)
figure, axes = plt.subplots(1, 5, figsize=(12, 2.5), layout="constrained")
axes[0].imshow(examples[0, 0].cpu(), cmap="gray", vmin=0, vmax=1)
axes[0].set_title(classes[example_labels[0]], fontsize=9)
axes[0].axis("off")
generator = torch.Generator().manual_seed(0)
for axis, level in zip(axes[1:], levels, strict=True):
    copies = examples[:1].cpu() + level * torch.randn(50, 1, 28, 28, generator=generator)
    slopes = explain(model, copies.to(device), predicted, "gradient").attributions
    show_map(axis, slopes.mean(0), f"mean gradient, noise {level:.0%}")
figure.suptitle(
    f"SmoothGrad for “{classes[predicted]}”: red pixels would raise its logit, blue ones lower it"
)
plt.show()

# %% [markdown]
# With more noise in the copies, the map itself becomes less noisy and shapes appear. But at 40 % these
# shapes belong to the average of many noisy images rather than to this image.

# %% [markdown]
# ### Guided backpropagation
#
# On the way back through a ReLU, the gradient is stopped where the unit was *off* in the forward
# pass. The *deconvnet* of [Zeiler and Fergus 2014](https://arxiv.org/abs/1311.2901) stops it where
# the signal itself is *negative* instead. Guided backpropagation ([Springenberg et al.
# 2015](https://arxiv.org/abs/1412.6806)) does both: for a ReLU $y = \max(0, z)$ that receives the
# signal $R_y$ on the way back,
#
# $$R_z = \mathbb 1[z > 0] \cdot \mathbb 1[R_y > 0] \cdot R_y ,$$
#
# where $R_z$ is the signal that it passes on, and $\mathbb 1[\dots]$ is 1 if the condition holds and 0
# if not.
#
# Its maps have sharp lines and show what a person expects.{{ if section.deletion_and_sanity }} Section {{ section.deletion_and_sanity }} asks whether that comes from what
# the network has learned.{{ end }}
#
# ### Task: guided backpropagation by hand
#
# `network` is an `nn.Sequential` in which `nn.Linear` and `nn.ReLU` layers alternate; it begins and
# ends with a linear one. Write `guided_backprop(network, x, target)` for a vector `x`. Go forward
# and keep what enters each ReLU, then go back from the target's logit, whose own signal is 1.


# %% nbgrader={"grade_id": "guided-backprop", "solution": true}
# answer: guided-backprop
def guided_backprop(network: nn.Sequential, x: Tensor, target: int) -> Tensor:
    """Return guided backpropagation's map of the features of x, in x's shape (d,)."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        entering, value = [], x
        for layer in network:
            entering.append(value)
            value = layer(value)
        signal = torch.zeros_like(value)
        signal[target] = 1.0
        for place in reversed(range(len(network))):
            layer, before = network[place], entering[place]
            if isinstance(layer, nn.ReLU):
                signal = signal.clamp(min=0) * (before > 0)
            else:
                signal = signal @ layer.weight
        return signal
    ### END SOLUTION


# %% nbgrader={"grade_id": "guided-backprop-test", "grade": true, "points": 2}
signs = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 1, bias=False))
with torch.no_grad():
    signs[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -1.0], [1.0, 1.0]]))
    signs[2].weight.copy_(torch.tensor([[2.0, 5.0, -3.0]]))
checks.close(
    guided_backprop(signs, torch.tensor([1.0, 1.0]), 0),
    [2, 0],
    "guided_backprop(signs, (1, 1), 0)",
    "of the three hidden units the second is off in the forward pass, and the third has a negative "
    "signal on the way back: only the first may pass its signal on.",
)
at_zero = nn.Sequential(nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 1))
with torch.no_grad():
    at_zero[0].weight.fill_(1.0)
    at_zero[0].bias.fill_(-2.0)
    at_zero[2].weight.fill_(1.0)
checks.close(
    guided_backprop(at_zero, torch.tensor([1.0, 1.0]), 0),
    [0, 0],
    "guided_backprop(at_zero, (1, 1), 0)",
    "a unit with z = 0 is off: the formula asks for z > 0.",
)
torch.manual_seed(0)
small = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
point = torch.randn(4)
checks.close(
    guided_backprop(small, point, 2),
    explain(small, point[None], 2, "guided_backprop").attributions[0, 0],
    "guided_backprop(small, …)",
    "with two hidden layers it differs from `explain`. Both masks apply at every ReLU, also at the one "
    "after the first layer; what arrives at the input itself is not masked.",
)
checks.passed("guided-backprop", "both masks, z = 0, biases, and two hidden layers")
