# %% [markdown] minutes=80 core=true
# ## Section: Wachter's method
#
# **You learn** to find counterfactuals of any differentiable model. **Time:** {{ time }}.
#
# For a network there is no closed form. Wachter et al. minimise
#
# $$\mathcal L(x', \lambda) = \lambda\,\bigl(p_t(x') - y\bigr)^2 + d(x, x')$$
#
# over $x'$: $p_t$ is the probability of the desired class $t$, $y$ the probability that one wants it
# to have, $d$ the distance. Here $d$ is $L_1$.
#
# ### Task: the loss
#
# Write `wachter_loss(network, changed, x, target, wanted, weight)` for one input. `network` maps a
# batch to *logits*.


# %% nbgrader={"grade_id": "wachter-loss", "solution": true}
# answer: wachter-loss
def wachter_loss(
    network: nn.Module, changed: Tensor, x: Tensor, target: int, wanted: float, weight: float
) -> Tensor:
    """Return Wachter's loss (a number) of `changed` (D,), a candidate for x (D,).

    weight is λ, wanted is y, target is t.
    """
    ### BEGIN SOLUTION
    probability = network(changed[None]).softmax(dim=1).flatten()[target]
    return weight * (probability - wanted) ** 2 + (changed - x).abs().sum()
    ### END SOLUTION


# %% nbgrader={"grade_id": "wachter-loss-test", "grade": true, "points": 1}
checks.function(wachter_loss, "wachter_loss")
toy = nn.Linear(2, 3)  # the logits are the inputs times log 3, and log 12
with torch.no_grad():
    toy.weight.copy_(math.log(3) * torch.eye(3, 2))
    toy.bias.copy_(torch.tensor([0, 0, math.log(12)]))
here, there = torch.tensor([1.5, 0.0]), torch.tensor([1.0, 2.0])  # there p is 1/8, 3/8 and 1/2
for target, wanted, weight, loss, hint in (
    (0, 0.3, 0.0, 2.5, "With λ = 0 only the distance counts: the features moved by 0.5 and 2."),
    (0, 0.125, 8.0, 2.5, "The probability is as wanted, 1/8: only the distance counts."),
    (0, 0.625, 8.0, 4.5, "The probability is 1/8 instead of 5/8: λ multiplies what this costs."),
    (1, 0.125, 8.0, 3.0, "The probability is 3/8 instead of 1/8: more than wanted costs, too."),
):
    answer = wachter_loss(toy, there, here, target, wanted, weight)
    name = f"wachter_loss(…) with t = {target}, y = {wanted}, λ = {weight:g}"
    checks.close(answer, loss, name, hint)
checks.passed("wachter-loss", "both parts, a probability below the wish, and one above it")

# %% [markdown]
# ### A step that leaves most pixels unchanged
#
# Plain gradient descent on $|x_i - x_i'|$ never *stays* at zero: it jumps around it, and in the end
# every pixel has changed a little. The **proximal** step of ISTA (Daubechies, Defrise and De Mol 2004,
# [doi 10.1002/cpa.20042](https://doi.org/10.1002/cpa.20042); FISTA, Beck and Teboulle 2009, is its
# accelerated form) treats the two parts of the loss differently:
# first a gradient step on the smooth one alone, then the change $\delta = x' - x$ is *shrunk* towards
# zero, by the length of the step times the weight of the $L_1$ term, and is set to exactly zero if it is
# smaller than that:
#
# $$S_\tau(\delta) = \operatorname{sign}(\delta)\, \max(|\delta| - \tau,\, 0) .$$
#
# Last, the pixels are clipped to $[0, 1]$.
#
# ### Task: the proximal step
#
# Write `proximal_step(changed, x, slope, rate)`: one such step for $\mathcal L$ of length `rate`, where
# `slope` is the gradient of the *smooth part* at `changed`. (The $L_1$ term has weight 1.)


# %% nbgrader={"grade_id": "proximal", "solution": true}
# answer: proximal
def proximal_step(changed: Tensor, x: Tensor, slope: Tensor, rate: float) -> Tensor:
    """Return the next candidate, (D,) in [0, 1]; changed, x and slope are (D,)."""
    ### BEGIN SOLUTION
    change = changed - rate * slope - x
    shrunk = change.sign() * (change.abs() - rate).clamp(min=0)
    return (x + shrunk).clamp(0, 1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "proximal-test", "grade": true, "points": 2}
checks.function(proximal_step, "proximal_step")
pixels = (  # changed, x, slope, the next value for the rate 0.1, and what to try
    (0.5, 0.5, 0.5, 0.5, "The step is shorter than the shrinkage: it keeps its value exactly."),
    (0.5, 0.5, -4.0, 0.8, "A step goes against the slope; then the change shrinks by the rate."),
    (0.5, 0.5, 4.0, 0.2, "A change downwards shrinks, too: towards x, so it gets brighter again."),
    (0.8, 0.5, 0.0, 0.7, "Without slope only the change to x shrinks, and the step starts at x'."),
    (0.3, 0.5, 1.0, 0.3, "The step starts at x', not at x; the change is measured from x."),
    (0.45, 0.5, 0.0, 0.5, "A change that is smaller than the shrinkage becomes exactly zero."),
    (0.9, 0.9, -90.0, 1.0, "Shrink first and clip to [0, 1] last."),
    (0.1, 0.1, 9.0, 0.0, "Shrink first and clip to [0, 1] last."),
)
three = [torch.tensor(column) for column in list(zip(*pixels, strict=True))[:3]]
stepped = checks.numbers(proximal_step(*three, 0.1), (8,), "proximal_step(…)")
for number, (value, (*_, wanted, hint)) in enumerate(zip(stepped, pixels, strict=True)):
    checks.close(value, wanted, f"proximal_step(…)[{number}]", hint)
checks.passed("proximal", "eight pixels: up, down, less than the shrinkage, and out of [0, 1]")

# %% [markdown]
# ### How large should λ be?
#
# If $\lambda$ is too small, the loss is smallest without any change; if it is very large, the distance has
# no influence. Wachter et al. raise it until the prediction is close enough to what is wanted. One
# can do better: once a $\lambda$ works, a smaller one may, too. So keep the largest $\lambda$ that
# failed and the smallest that worked, and try between them. As long as none has worked, multiply by
# ten.
#
# ### Task: the search
#
# Write `next_weight(low, high, weight, found)`. `low` is the largest $\lambda$ known to fail, `high`
# the smallest known to work, 0 as long as none has; `weight` has just been tried, and `found` says
# whether it worked. Return the new `low`, the new `high` and the next $\lambda$: ten times the last
# one while `high` is 0, else the mean of the two bounds.


# %% nbgrader={"grade_id": "search", "solution": true}
# answer: search
def next_weight(low: float, high: float, weight: float, found: bool) -> tuple[float, float, float]:
    """Return (low, high, weight) for the next round of the search."""
    ### BEGIN SOLUTION
    if found:
        high = weight
    else:
        low = weight
    return low, high, (low + high) / 2 if high else 10 * weight
    ### END SOLUTION


# %% nbgrader={"grade_id": "search-test", "grade": true, "points": 2}
checks.function(next_weight, "next_weight")
for state, wanted in (
    ((0.0, 0.0, 4.0, False), (4, 0, 40)),
    ((4.0, 0.0, 40.0, False), (40, 0, 400)),
    ((4.0, 0.0, 40.0, True), (4, 40, 22)),
    ((0.0, 0.0, 4.0, True), (0, 4, 2)),
    ((4.0, 40.0, 22.0, False), (22, 40, 31)),
    ((4.0, 40.0, 22.0, True), (4, 22, 13)),
):
    name = "next_weight({:g}, {:g}, {:g}, {})".format(*state)
    low, high, weight = checks.numbers(next_weight(*state), (3,), name)
    checks.close(low, wanted[0], f"low of {name}", "It is the largest λ that failed up to now.")
    checks.close(high, wanted[1], f"high of {name}", "It is the smallest λ that worked; 0 if none.")
    hint = "Is there a λ that worked, now that this one was tried? Then go between the bounds."
    checks.close(weight, wanted[2], f"the next weight of {name}", hint)
checks.passed("search", "bounds and next λ, with and without a λ that worked")

# %% [markdown]
# ### Task: which λ?
#
# The letter $\lambda$ does not mean the same everywhere: the library alibi minimises
# $(p_t(x') - y)^2 + \lambda\, d(x, x')$ instead. For each of the two losses, what does a *larger*
# $\lambda$ do? Answer with `"nearer"` (to the input, at the risk of missing the class) or `"surer"`
# (of the class, at a larger distance). And where does alibi's search go after a $\lambda$ that
# found nothing: `"up"` or `"down"`?

# %% nbgrader={"grade_id": "which-lambda", "solution": true}
# answer: which-lambda
which_lambda = {"wachter": None, "alibi": None, "alibi after a failure": None}
### BEGIN SOLUTION
which_lambda = {"wachter": "surer", "alibi": "nearer", "alibi after a failure": "down"}
### END SOLUTION

# %% nbgrader={"grade_id": "which-lambda-test", "grade": true, "points": 1}
checks.choices(
    which_lambda,
    ("wachter", "alibi", "alibi after a failure"),
    ("nearer", "surer", "up", "down"),
    "which_lambda",
)
checks.passed("which-lambda")

# %% [markdown]
# ### On a real network
#
# From here on the model is xaikit's FashionMNIST network{{ if notebook.local_explanations }}, that of notebook {{ notebook.local_explanations }}{{ end }}. We look at four test images, each
# the first of its class that the network gets right.

# %%
test = load("fashion_mnist", split="test")
train = load("fashion_mnist", split="train")
classes = test.classes
model = load_pretrained("fashion_mnist", device=device)
with torch.no_grad():
    predictions = model(test.images[:1000].to(device)).argmax(1).cpu()
right = predictions == test.labels[:1000]
names = ("T-shirt/top", "Trouser", "Shirt", "Ankle boot")
chosen = [int(torch.nonzero(right & (test.labels[:1000] == classes.index(n)))[0]) for n in names]
originals = test.images[chosen].to(device)  # (4, 1, 28, 28)
shirt, dress = originals[2], classes.index("Dress")

# %% [markdown]
# ### Task: make it a dress
#
# Set `my_dress` to a counterfactual of `shirt` for the class `dress`: an image (1, 28, 28) with pixels
# in $[0, 1]$ to which the network gives *dress* a probability of at least 0.9, at an $L_1$ distance of
# at most {{ dress_bound }} from `shirt`. Write Wachter's method: proximal steps (for the smooth part
# $\lambda (p_t - 1)^2$, or $-\lambda \log p_t$, whose slope does not vanish where the network is sure
# of another class). Begin with $\lambda = 10$ and search for it{{ if task.search }} as in task {{ task.search }}{{ else }} as described above{{ end }}; a few hundred steps suffice,
# with a rate of about 0.02, and shorter ones for a larger $\lambda$ (the rate divided by its root).
# Keep, of all points on the way with a probability of at least 0.9, the one nearest to `shirt`: at the
# last one the probability may be lower again.

# %% nbgrader={"grade_id": "my-dress", "solution": true}
# answer: my-dress
my_dress = None
### BEGIN SOLUTION
low, high, weight, best = 0.0, 0.0, 10.0, math.inf
for _ in range(8):  # search for λ
    candidate, found = shirt.clone(), False
    for step in range(200):
        candidate.requires_grad_()
        score = model(candidate[None])[0].log_softmax(0)[dress]
        (slope,) = torch.autograd.grad(-weight * score, candidate)
        candidate = candidate.detach()
        rate = 0.02 * (1 - step / 200)
        if score.exp() >= 0.91:
            found = True
            if (candidate - shirt).abs().sum() < best:
                best, my_dress = float((candidate - shirt).abs().sum()), candidate
        change = candidate - rate * slope / weight**0.5 - shirt
        change = change.sign() * (change.abs() - rate / weight**0.5).clamp(min=0)
        candidate = (shirt + change).clamp(0, 1)
    if found:
        high = weight
    else:
        low = weight
    weight = (low + high) / 2 if high else 10 * weight
### END SOLUTION

# %% nbgrader={"grade_id": "my-dress-test", "grade": true, "points": 3}
changed = torch.as_tensor(checks.numbers(my_dress, (1, 28, 28), "my_dress")).float().to(device)
checks.expect(
    changed.min() >= 0 and changed.max() <= 1, "Pixels have to stay between 0 and 1: clip."
)
with torch.no_grad():
    probability = float(model(changed[None]).softmax(1)[0, dress])
change = changed - shirt
figure, axes = plt.subplots(1, 3, figsize=(9, 2.9), layout="constrained")
for axis, picture, title in (
    (axes[0], shirt, "a shirt"),
    (axes[1], changed, f"dress: {probability:.0%}"),
):
    axis.imshow(picture[0].cpu(), cmap="gray", vmin=0, vmax=1)
    axis.set_title(title, fontsize=9)
drawn = axes[2].imshow(change[0].cpu(), cmap="RdBu_r", vmin=-1, vmax=1)
axes[2].set_title(f"change: L1 {float(change.abs().sum()):.1f}", fontsize=9)
figure.colorbar(drawn, ax=axes[2], shrink=0.8, label="darker ← → brighter")
for axis in axes:
    axis.axis("off")
plt.show()
checks.expect(probability >= 0.9, "The network is not sure enough yet: more steps, or a larger λ.")
checks.expect(
    float(change.abs().sum()) <= 25,
    "The change is too large: search for a smaller λ that still works, or shrink the step.",
)
checks.passed("my-dress", "pixels, the probability and the size of the change")
