# %% [markdown] minutes=40
# ## Section: Concepts that nobody has labelled
#
# **You learn** to find concepts by factorising activations, and to measure how much a class needs each of them. **Time:** {{ time }}.
#
# Probes, TCAV and dissection answer questions about concepts that somebody thought of. **CRAFT** (Fel et al.
# [2023](https://arxiv.org/abs/2211.10154)) finds its concepts by itself:
#
# 1. Cut patches out of the images of a class, and collect the activations of a layer after a ReLU: a matrix $V$ (patches × channels) of
#    non-negative numbers.
# 2. Factorise it, $V \approx W H$, with $W$ (patches × concepts) and $H$ (concepts × channels), both non-negative. A row of $H$ is a **concept**: a
#    direction in the layer. A row of $W$ says how much of each a patch holds. As nothing can be negative, parts are only added, never taken away.
# 3. Ask how much the class's output depends on each concept.
# 4. Show the patches that hold most of each. A *person* finds the name.
#
# For step 2, Lee and Seung ([2001](http://papers.nips.cc/paper/1861-algorithms-for-non-negative-matrix-factorization)) multiply each entry by a quotient.
# With $\odot$ and the fraction taken entry by entry,
#
# $$H \leftarrow H \odot \frac{W^\top V}{W^\top W H}, \qquad\text{then}\qquad W \leftarrow W \odot \frac{V H^\top}{W H H^\top} .$$
#
# What is positive stays positive, and they prove that $\lVert V - WH \rVert$ never grows. Where the factorisation is exact, both fractions are 1.
#
# ### Task: factorise
#
# Write `factorise(V, W, H, steps)`, which makes so many steps from the given start, each of which renews $H$ first and then $W$ *with the new* $H$. It
# returns $W$ and $H$, and leaves what it was given unchanged. All numbers are positive.


# %% nbgrader={"grade_id": "factorise", "solution": true}
# answer: factorise
def factorise(V: Tensor, W: Tensor, H: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Return W (n, K) and H (K, m) for V (n, m) after multiplicative updates."""
    ### BEGIN SOLUTION
    for _ in range(steps):
        H = H * (W.T @ V) / (W.T @ W @ H)
        W = W * (V @ H.T) / (W @ H @ H.T)
    return W, H
    ### END SOLUTION


# %% nbgrader={"grade_id": "factorise-test", "grade": true, "points": 2}
checks.function(factorise, "factorise")
small_matrix = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
start_left, start_right = torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0, 1.0]])
one_left, one_right = factorise(small_matrix, start_left, start_right, 1)
checks.expect(
    bool((start_left == 1).all() and (start_right == 1).all()),
    "The function changes the W or H that it was given: make new ones.",
)
checks.close(
    one_right,
    [[2.0, 3.0]],
    "H after one step",
    "WᵀV is (4, 6), and WᵀWH is (2, 2).",
)
checks.close(
    one_left,
    [[8 / 13], [18 / 13]],
    "W after one step",
    "VHᵀ with the *new* H is (8, 18), and WHHᵀ is (13, 13).",
)
exact_left = torch.tensor([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]])
exact_right = torch.tensor([[1.0, 0.5], [0.5, 2.0]])
for same, kept_factor, name in zip(
    factorise(exact_left @ exact_right, exact_left, exact_right, 3),
    (exact_left, exact_right),
    "WH",
    strict=True,
):
    checks.close(
        same,
        kept_factor.numpy(),
        f"{name} after three steps with two concepts",
        "V is exactly W H here: all fractions are 1, and nothing changes.",
    )
sixty_left, sixty_right = (
    torch.as_tensor(each) for each in factorise(small_matrix, start_left, start_right, 60)
)
checks.expect(
    float((small_matrix - sixty_left @ sixty_right).norm()) < 0.37,
    "After 60 steps W H should be nearly as close to V as one row and one column allow (0.366): are there as many steps as asked for?",
)
checks.passed("factorise", "one step, sixty, and three with two concepts,")

# %% [markdown]
# ### How much does the class need it?
#
# Once the activations are concepts, one can take a part of them away. Multiply the amount of concept $i$ by $m_i \in [0, 1]$, and let the rest of the network compute the class's
# output $f(m)$ from what is left. Draw the $m_i$ at random: the output varies. The **total Sobol index** of concept $i$ is the share of that variance that involves
# $m_i$, alone or together with others. It needs two random designs $A$ and $B$, each with $n$ rows $m$ and one column for each concept. Let $A^{(i)}$ be $A$, with column $i$
# taken from $B$. Then by Jansen's estimator
#
# $$S_i = \frac{\frac{1}{2n} \sum_{j=1}^{n} \left( f(A_j) - f(A^{(i)}_j) \right)^2}{\mathrm{Var}\, f} ,$$
#
# where the variance is taken over the $2n$ outputs at the rows of $A$ and of $B$, divided by $2n$. If $f$ is a sum of functions of one $m_i$ each, the indices add up to
# about 1; if concepts act together, to more.
#
# ### Task: total Sobol indices
#
# Write `total_sobol(network, first, other, target)`: `first` is $A$, `other` is $B$, and $f$ is the network's output for class `target`.


# %% nbgrader={"grade_id": "sobol", "solution": true}
# answer: sobol
def total_sobol(network: nn.Module, first: Tensor, other: Tensor, target: int) -> Tensor:
    """Return total Sobol indices (K,) for designs (n, K); the network maps (N, K) to (N, classes)."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        at_first, at_other = network(first)[:, target], network(other)[:, target]
        variance = torch.cat([at_first, at_other]).var(correction=0)
        found = []
        for i in range(first.shape[1]):
            mixed = first.clone()
            mixed[:, i] = other[:, i]
            found.append((at_first - network(mixed)[:, target]).square().mean() / 2)
    return torch.stack(found) / variance
    ### END SOLUTION


# %% nbgrader={"grade_id": "sobol-test", "grade": true, "points": 2}
checks.function(total_sobol, "total_sobol")
weighs_two = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
with torch.no_grad():
    weighs_two[0].bias.fill_(-1)
    weighs_two[0].weight.copy_(torch.tensor([[5.0, 0.0, 1.0], [1.0, 2.0, 0.0]]))
first_design = torch.tensor([[0.0, 0.0, 0.5], [1.0, 1.0, 0.5]])
other_design = torch.tensor([[1.0, 0.5, 0.25], [0.0, 0.0, 0.0]])
checks.close(
    total_sobol(weighs_two, first_design, other_design, 1),
    [4 / 11, 16 / 11, 0.0],
    "total_sobol(…)",
    "Class 1 computes the positive part of m₁ + 2 m₂ − 1: 0 and 2 at the rows of A, 1 and 0 at those of B, with a variance of 0.6875. With m₁ "
    "from B the outputs at A become 0 and 1; with m₂ from B, 0 and 0; m₃ changes nothing. Divide by 2n = 4, then by the variance.",
)
checks.expect(
    first_design.tolist() == [[0.0, 0.0, 0.5], [1.0, 1.0, 0.5]],
    "The function changes the design that it was given: mix a copy.",
)
checks.passed("sobol", "the three concepts of a small network")

# %% [markdown]
# ### The concepts of ankle boots
#
# `discover` does all four steps, with scikit-learn's factorisation. Layer 9 is the ReLU after the fourth convolution; the patches are half as large as the image.

# %% tags=["figure"]
from xaikit.concepts import discover

boot_images = training.images[training.labels == 9][:40]
discovered = discover(network, boot_images, layer="9", target=9, concepts=6)
print(discovered.explanation)
figure = plt.figure(figsize=(9.5, 4.6), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.9))
axis = left.subplots()
axis.barh(range(6), discovered.importance[discovered.order], color="#0072b2")
axis.set_yticks(range(6), [f"concept {k}" for k in discovered.order.tolist()], fontsize=9)
axis.invert_yaxis()
axis.set_xlabel("total Sobol index for ankle boot")
rows = right.subplots(3, 7)
for row, k in enumerate(discovered.order[:3].tolist()):
    strongest_images = discovered.maps[:, k].amax((1, 2)).topk(2).indices
    for column, patch in enumerate(discovered.patches[k, :5, 0]):
        rows[row, column].imshow(patch, cmap="gray", vmin=0, vmax=1)
    for column, place in enumerate(strongest_images.tolist(), start=5):
        heat = functional.interpolate(
            discovered.maps[place : place + 1, k : k + 1], (28, 28), mode="bilinear"
        )
        rows[row, column].imshow(boot_images[place, 0], cmap="gray", vmin=0, vmax=1)
        rows[row, column].imshow(heat[0, 0], cmap="inferno", alpha=0.6)
    for tile in rows[row]:
        tile.set_xticks([])
        tile.set_yticks([])
    rows[row, 0].set_ylabel(f"concept {k}", fontsize=9)
rows[0, 2].set_title("patches that hold most of it", fontsize=9.5)
rows[0, 5].set_title("where (bright)", fontsize=9.5)
plt.show()

# %% [markdown]
# Look at the patches and name the three concepts: where in a boot do they lie? The first is about the bend between shaft and foot, the second about the toe. The third one is
# black patches: the background is a part of what the layer computes, and this class hardly depends on it. Then be careful with the names.
#
# - The **number of concepts** is ours. With three or twelve, other ones come out; the factorisation is not unique, and depends on its start.
# - A concept is **one direction that saves squared error**, for patches of this class. It need not be one that a person has a word for, and a name found by looking at five
#   patches is a hypothesis, as a slice's description is.
# - The **importance** is measured on activations that were dimmed at random, which no image need ever cause. It is an estimate from 32 points, so an index may come out above 1.
#
# But it answers what TCAV cannot: which questions to ask. A found concept can then be tested like any other, on new images with a probe or a CAV of its own.
