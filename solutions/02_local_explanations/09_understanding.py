# %% [markdown] minutes=100
# ## Section: Do you understand it?
#
# **You learn** to predict what a map does before you see it, how a map is manipulated while the
# prediction stays, and how to test explanations on people. **Time:** {{ time }}.
#
# ### Task: predict, then run
#
# Four changes to a network $f$ are described below. Decide *by hand* for each map whether it
# stays the `"same"` or becomes an `"other"` one, up to rounding. Then check yourself in a cell of
# your own.
#
# - **shift**: all ten logits of an image classifier get the same addition, $g_k(x) = f_k(x) + 3
#   \operatorname{mean}(x)$. All probabilities are the same for every image.
# - **constant**: the last layer's biases grow by 5. (To each logit some hidden units contribute
#   positively and some negatively.)
# - **twins**: two networks without biases, for inputs $x_1, x_2 > 0$, where all their ReLUs are on:
#   $f = h_1 + h_2$ with $h_1 = \max(0, x_1)$, $h_2 = \max(0, x_2)$, and $g = h_1 - h_2$ with $h_1 =
#   \max(0, 2 x_1 + x_2)$, $h_2 = \max(0, x_1)$. They compute the same function there.
# - **scaled unit**: the weights into one hidden ReLU unit are multiplied by 4, its bias too, and the
#   weights out of it divided by 4.
#
# Integrated Gradients and DeepLIFT (with the Rescale rule) have the black (zero) reference, and LRP-ε
# has ε → 0.

# %%
questions = (
    "shift: gradient of a logit",
    "shift: gradient of a probability",
    "shift: gradient of a difference of two logits",
    "shift: integrated gradients of a logit",
    "shift: input × gradient of a logit",
    "shift: SmoothGrad of a logit",
    "shift: DeepLIFT of a logit",
    "constant: gradient of a logit",
    "constant: LRP-α₁β₀ of a logit",
    "twins: integrated gradients",
    "twins: DeepLIFT",
    "twins: LRP-ε",
    "twins: LRP-α₁β₀",
    "twins: guided backpropagation",
    "scaled unit: gradient",
    "scaled unit: LRP-α₁β₀",
)

# %% nbgrader={"grade_id": "predict", "solution": true}
# answer: predict
prediction = dict.fromkeys(questions)  # fill in "same" or "other" for each question
### BEGIN SOLUTION
prediction = {
    "shift: gradient of a logit": "other",
    "shift: gradient of a probability": "same",
    "shift: gradient of a difference of two logits": "same",
    "shift: integrated gradients of a logit": "other",
    "shift: input × gradient of a logit": "other",
    "shift: SmoothGrad of a logit": "other",
    "shift: DeepLIFT of a logit": "other",  # the addition is linear: its share is 3 xᵢ / d
    "constant: gradient of a logit": "same",
    "constant: LRP-α₁β₀ of a logit": "other",  # Σ(aw)⁺ + b⁺ and the logit both grow by 5: their ratio changes
    "twins: integrated gradients": "same",  # implementation invariance
    "twins: DeepLIFT": "same",  # all ReLUs are on, or at 0: each chord has slope 1
    "twins: LRP-ε": "same",  # without biases it is input × gradient
    "twins: LRP-α₁β₀": "other",  # h₂ speaks against: it gets nothing
    "twins: guided backpropagation": "other",  # the negative signal at h₂ is cut
    "scaled unit: gradient": "same",
    "scaled unit: LRP-α₁β₀": "same",  # contributions in and out are what they were
}
### END SOLUTION

# %% nbgrader={"grade_id": "predict-test", "grade": true, "points": 3}
checks.choices(prediction, questions, ("same", "other"), "prediction")
checks.passed("predict")

# %% [markdown]
# Think about the first three again. Users see a network's probabilities, yet the map of a logit can
# be anything: the network's author can add a term to all logits that draws any picture, and nobody
# who watches the predictions will notice.
#
# ### A map can be manipulated
#
# One need not even change the network. [Dombrowski et al.
# 2019](https://arxiv.org/abs/1906.07983) change the *image* by a hardly visible amount such that
# the output stays and the map becomes what they want: gradient descent on
#
# $$\lVert h(x + \delta) - h^t \rVert^2 + \gamma \lVert f(x + \delta) - f(x) \rVert^2$$
#
# where $h$ is the map and $h^t$ the map that is wanted. The gradient of a gradient is needed, and a
# ReLU has none (its slope is constant but for a jump); they replace it by the **softplus**
# $\frac 1 \beta \ln(1 + e^{\beta z})$ while they search. They trace the weakness back to the
# curvature of the network, which the softplus with a small β would lower.
#
# ### Task: paint the gradient
#
# Find a `manipulated` version, shape (1, 28, 28), of the correctly classified `examples[1]`, such
# that
#
# 1. it has pixels in [0, 1], none of which differs by more than 0.1 from the original;
# 2. each of the network's ten logits moves by at most 2;
# 3. at least 35 % of the *energy* of the gradient of its most likely class, the sum of squares,
#    lies in the `square` below: 8 × 8 pixels at the top of the boot's shaft, most of them background,
#    which hold about 2 % of it at first.
#
# `smooth` is the network with softplus in place of ReLU, for the search; the check uses the real
# network. A hint: maximise the energy's share with `torch.optim.Adam` on δ, learning rate 0.01,
# about a hundred steps, less a small penalty on the change of the logits; after each step, clamp δ.
# `torch.autograd.grad(…, create_graph=True)` makes a gradient that can be differentiated.

# %%
square = torch.zeros(28, 28, dtype=torch.bool, device=device)
square[3:11, 17:25] = True
smooth = nn.Sequential(
    *(nn.Softplus(beta=20) if isinstance(layer, nn.ReLU) else layer for layer in model)
)
goal = int(targets[1, 1])


def energy_in_square(slopes: Tensor) -> Tensor:
    """Return which share of the sum of squares of a map (1, 28, 28) lies in the square."""
    return (slopes.square() * square).sum() / slopes.square().sum()


# %% nbgrader={"grade_id": "manipulate", "solution": true}
# answer: manipulate
manipulated = None
### BEGIN SOLUTION
original = examples[1]
with torch.no_grad():
    logits_before = model(original[None])
delta = torch.zeros_like(original, requires_grad=True)
optimiser = torch.optim.Adam([delta], 0.01)
for _ in Bar(range(120), "painting"):
    changed = (original + delta).clamp(0, 1)
    (slopes,) = torch.autograd.grad(smooth(changed[None])[0, goal], changed, create_graph=True)
    moved = (model(changed[None]) - logits_before).square().mean()
    loss = -energy_in_square(slopes).log() + 0.05 * moved
    (step,) = torch.autograd.grad(loss, delta)
    delta.grad = step
    optimiser.step()
    with torch.no_grad():
        delta.clamp_(-0.1, 0.1)
manipulated = (original + delta).clamp(0, 1).detach()
### END SOLUTION

# %% nbgrader={"grade_id": "manipulate-test", "grade": true, "points": 3}
changed = checks.numbers(manipulated, (1, 28, 28), "manipulated")
changed = torch.as_tensor(changed).float().to(device)
checks.expect(
    float((changed - examples[1]).abs().max()) < 0.1001
    and 0 <= changed.min() <= changed.max() <= 1,
    "Pixels have to stay within 0.1 of the original and in [0, 1]: clamp after each step.",
)
with torch.no_grad():
    moved = float((model(changed[None]) - model(examples[1:])).abs().max())
pair = explain(model, torch.stack([examples[1], changed]), goal, "gradient").attributions[:, 0]
shares = [float(energy_in_square(each)) for each in pair]
figure, axes = plt.subplots(1, 4, figsize=(10.5, 2.7), layout="constrained")
for k, name in enumerate(("original", "manipulated")):
    axes[2 * k].imshow((examples[1], changed)[k][0].cpu(), cmap="gray", vmin=0, vmax=1)
    axes[2 * k].set_title(name, fontsize=9)
    axes[2 * k].axis("off")
    show_map(axes[2 * k + 1], pair[k], f"gradient: {shares[k]:.0%} in the square")
    corners = ([16.5, 24.5, 24.5, 16.5, 16.5], [2.5, 2.5, 10.5, 10.5, 2.5])
    axes[2 * k + 1].plot(*corners, color="black", linewidth=1)
plt.show()
checks.expect(moved <= 2, "A logit has moved by more than 2: give the penalty more weight.")
checks.expect(
    shares[1] >= 0.35,
    "The energy in the square is still too low: more steps, or less weight for the penalty.",
)
checks.passed("manipulate", "changed pixels, logits and the energy in the square")

# %% [markdown]
# ### Task: trained or random?
#
# Can you tell by the maps alone whether a network has learned anything? Below are gradients of the
# most likely class, for a trained network above and for one with random weights below. Find out
# what differs: how peaked the maps are, how they lie, how alike they are for different images. Then
# write `looks_trained(maps)`: `maps` (12, 28, 28) are the gradients of *one* network for twelve
# images of various classes, each divided by its norm; return `True` if you think it is trained. The
# check shows your function maps of the trained network for other images, and of other random networks,
# in an order that you do not know, and pays for what you get right beyond half.

# %%
samples = {}
for name, network in (("trained", model), ("random", untrained)):
    with torch.no_grad():
        likely = network(images[:12].to(device)).argmax(1)
    slopes = explain(network, images[:12].to(device), likely, "gradient").attributions[:, 0, 0]
    samples[name] = (slopes / slopes.flatten(1).norm(dim=1).view(-1, 1, 1)).cpu()
figure, axes = plt.subplots(2, 6, figsize=(12, 4.2), layout="constrained")
for line, (name, maps) in zip(axes, samples.items(), strict=True):
    for axis, values in zip(line, maps, strict=False):
        show_map(axis, values, name)
plt.show()


# %% nbgrader={"grade_id": "trained-or-random", "solution": true}
# answer: trained-or-random
def looks_trained(maps: Tensor) -> bool:
    """Say whether these gradients (12, 28, 28), each of norm 1, are of a trained network."""
    ### BEGIN SOLUTION
    # A trained network's slopes are peaked: few pixels hold most of the energy.
    return (maps**4).sum((1, 2)).mean().item() > 0.007
    ### END SOLUTION


# %% nbgrader={"grade_id": "trained-or-random-test", "grade": true, "points": 2}
for name, maps in samples.items():
    said = checks.numbers(looks_trained(maps), (), "looks_trained(…)")
    checks.expect(
        float(said) in (0, 1), "`looks_trained` should return True or False, not a measure."
    )
    checks.expect(
        bool(said) == (name == "trained"),
        "It is wrong about one of the two networks above: plot your measure for both.",
    )
checks.passed("trained-or-random", "the maps of the two networks above")

# %% [markdown]
# ### Task: forward simulation, with people
#
# In the end an explanation is for people. **Forward simulation** asks whether it helps them to
# predict what the network will say ([Doshi-Velez and Kim 2017](https://arxiv.org/abs/1702.08608);
# [Hase and Bansal 2020](https://arxiv.org/abs/2005.01831)). Play it in your group of three. One
# runs the cell below with another number and shows the cards to the other two, who write down
# what the network says to each image: first to all images alone, then with the maps beside them.
# Half of the images are ones that the network gets wrong, so that the true class is no safe answer.
# Then `answers(number)` shows what the network said. Alone, play both parts: write your guesses
# down before you look.


# %% tags=["figure"]
def drawn(number: int) -> Tensor:
    """Return the places in `images` of eight cards: four mistakes and four hits, mixed."""
    draw = torch.Generator().manual_seed(number)
    wrong, right = torch.nonzero(predictions != labels)[:, 0], known
    pick = [each[torch.randperm(len(each), generator=draw)[:4]] for each in (wrong, right)]
    return torch.cat(pick)[torch.randperm(8, generator=draw)]


def cards(number: int, with_maps: bool) -> None:
    """Show eight images, with the maps of the class that the network says, which is not named."""
    place = drawn(number)
    _, axes = plt.subplots(1 + with_maps, 8, figsize=(13, 2 + 1.8 * with_maps), squeeze=False)
    for column, index in enumerate(place):
        axes[0, column].imshow(images[index, 0], cmap="gray", vmin=0, vmax=1)
        axes[0, column].set_title(f"card {column + 1}", fontsize=9)
        axes[0, column].axis("off")
    if with_maps:
        some = images[place].to(device)
        maps = explain(model, some, predictions[place].to(device), "integrated_gradients", steps=32)
        for axis, values in zip(axes[1], maps.attributions[:, 0, 0].cpu(), strict=True):
            limit = float(values.abs().max())
            axis.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
            axis.axis("off")
        axes[1, 0].set_title("red: for what it says", fontsize=9)
    plt.show()


def answers(number: int) -> None:
    """Print what the network says to the eight cards."""
    for column, index in enumerate(drawn(number)):
        print(f"card {column + 1}: {classes[predictions[index]]}")


print("the classes:", ", ".join(classes))
cards(number=1, with_maps=False)
cards(number=1, with_maps=True)

# %% [markdown] nbgrader={"grade_id": "simulation", "solution": true, "grade": true, "points": 3}
# <!-- answer: simulation -->
# **Report your experiment** (about eight sentences and a small table; use a number other than 1).
#
# 1. Who saw what, in which order, and how many of the cards did each person get right, without and
#    with maps?
# 2. Did the maps help? How sure can one be with so few cards, and what else could explain the
#    difference?
# 3. What does forward simulation measure that deletion or a mosaic does not, and the other way
#    round?
#
# ### BEGIN SOLUTION
# An answer:
#
# 1. Number 7; Ada showed the cards, Ben and Carla guessed, without talking: first all eight images
#    alone, then the same with maps of Integrated Gradients.
#
#    | | without maps | with maps |
#    |---|---|---|
#    | Ben | 5 of 8 | 6 of 8 |
#    | Carla | 4 of 8 | 4 of 8 |
#
#    Both were right about most of the hits and lost the mistakes.
# 2. One card more of sixteen is no evidence: if nothing had changed, a difference of one would come
#    about easily by chance. Moreover all cards were seen a second time, so that practice and a
#    second look could explain a gain, and we knew that half of the images are mistakes, which
#    makes people distrust the obvious class. A better design shows other cards with maps than
#    without, to more people, in an order that is drawn.
# 3. It measures whether *people* can use a map to predict the network, so it includes how the map
#    is drawn and what people expect; a faithful map that nobody can read fails. Deletion and
#    mosaics test the map against the network or a known place without any person: a map can pass
#    them and help nobody, and a map can help people to guess, by giving the answer away, without
#    being faithful.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 3 points; half points are possible. The result may be anything, also that maps do not help.
#
# - 1 point: the experiment is reported so that it could be repeated: who did what, order, number of
#   cards, right answers with and without maps. An experiment by one person who says so is fine.
# - 1 point: the difference is judged with its uncertainty (few cards, chance, an interval or a
#   test), and at least one other explanation is named: practice or order, the same cards twice,
#   knowing that half are mistakes, the map giving the answer away, not knowing the classes.
# - 1 point: what the experiment measures is told apart from a faithfulness test in both directions:
#   usefulness to people against agreement with the network.
#
# Invented or missing numbers: no point for the first item.
# === END MARK SCHEME ===
