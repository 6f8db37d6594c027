# %% [markdown] minutes=30
# This is more than a verdict: the mean map of the cluster shows what the group has in common, and
# where. Other methods that use the data name examples, but not what these have in common.
#
# ## Section: With the trigger: concept activation vectors
#
# **You learn** to ask a network about a concept that you can show. **Time:** {{ time }}.
#
# If you suspect a particular trigger, you can ask whether a class reacts to it. [Kim et al.
# 2018](https://arxiv.org/abs/1711.11279) train a linear classifier that tells activations of images
# *with* a concept from others. The normal of its boundary, of unit length, is the **concept
# activation vector** (CAV) $v$. The **sensitivity** of class $k$ at an example is the directional
# derivative of its logit along $v$, and the TCAV score is the share of a class's examples whose
# sensitivity is positive:
#
# $$S_k(x) = \nabla_h f_k(h(x)) \cdot v$$
#
# ### Task: a concept vector
#
# Write `concept_vector(concept, others, ridge)` with activations (N, F) and (M, F). Use ridge
# regression as the linear classifier: centre all rows by their common mean, give the concept's the
# value $y = +1$ and the others $y = -1$, and take
# $w = (X^\top X + \text{ridge} \cdot I)^{-1} X^\top y$. Return $w / \lVert w \rVert$. (To centre $y$,
# too, would change nothing: the columns of $X$ sum to zero.)


# %% nbgrader={"grade_id": "concept-vector", "solution": true}
# answer: concept-vector
def concept_vector(concept: Tensor, others: Tensor, ridge: float) -> Tensor:
    """Return (F,) of unit length: the direction in which the concept's activations lie."""
    ### BEGIN SOLUTION
    rows = torch.cat([concept, others])
    rows = rows - rows.mean(0)
    wanted = torch.cat([torch.ones(len(concept)), -torch.ones(len(others))])
    gram = rows.T @ rows + ridge * torch.eye(rows.shape[1])
    weights = torch.linalg.solve(gram, rows.T @ wanted)
    return weights / weights.norm()
    ### END SOLUTION


# %% nbgrader={"grade_id": "concept-vector-test", "grade": true, "points": 2}
with_concept = torch.tensor([[4.0, 0.0], [2.0, 2.0]])
without_it = torch.tensor([[0.0, 0.0], [0.0, 2.0], [-1.0, 1.0]])
along = checks.numbers(concept_vector(with_concept, without_it, 2.0), (2,), "concept_vector(…)")
checks.expect(abs(np.linalg.norm(along) - 1) < 1e-4, "The vector should be of unit length.")
checks.close(
    along,
    [0.948683, 0.316228],
    "concept_vector(…)",
    "work it out by hand: all five rows have the mean (1, 1), XᵀX is [[16, −2], [−2, 4]] before the "
    "ridge, here 2, is added to its diagonal, and Xᵀy is (8, 0).",
)
checks.passed("concept-vector", "unit length, and a small example with a large ridge,")

# %% [markdown]
# ### Task: sensitivity
#
# Write `sensitivities(head, activations, vector, target)`: `head` maps activations (N, F) to logits,
# `vector` is (F,). Return $S_k$ (N,) of all examples for class `target`.


# %% nbgrader={"grade_id": "sensitivity", "solution": true}
# answer: sensitivity
def sensitivities(head: nn.Module, activations: Tensor, vector: Tensor, target: int) -> Tensor:
    """Return (N,) directional derivatives of the target's logit along the vector."""
    ### BEGIN SOLUTION
    point = nn.Parameter(activations)
    (gradients,) = torch.autograd.grad(head(point)[:, target].sum(), point)
    return gradients @ vector.to(gradients)
    ### END SOLUTION


# %% nbgrader={"grade_id": "sensitivity-test", "grade": true, "points": 2}
toy_head = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False))
nn.init.eye_(toy_head[0].weight)
with torch.no_grad():
    toy_head[2].weight.copy_(torch.tensor([[1.0, 2.0], [-4.0, 5.0]]))
three_examples = torch.tensor([[1.0, 2.0], [1.0, -0.5], [-1.0, 2.0]])
for one_class, wanted in ((1, [1.6, -2.4, 4.0]), (0, [2.2, 0.6, 1.6])):
    checks.close(
        sensitivities(toy_head, three_examples, torch.tensor([0.6, 0.8]), one_class),
        wanted,
        f"sensitivities(…) of class {one_class}",
        "the head is a ReLU and then a matrix with the rows (1, 2) and (−4, 5). Which of an example's "
        "two coordinates pass the ReLU? Take the product of that gradient with the vector (0.6, 0.8).",
    )
checks.passed("sensitivity", "three examples and both classes of a small head")

# %% [markdown]
# ### Which class reacts to the square?
#
# The concept: garments with the trigger; the others: the same garments without it. The layer is the
# output of the third convolution, which the rest of the network still works on. At the *last*
# hidden layer every example would have the same sensitivity, because the head is linear, and the
# score could only be 0 or 1. As a control we take vectors from random splits of clean garments,
# because a class reacts to any vector a little; Kim et al. test with many of them whether a score
# is significant. The bars are means of the sensitivities over 100 garments of all classes, because
# a share of positive ones does not say how strongly a class reacts; the short blue lines are 95 %
# intervals (1.96 standard errors). The vector comes from logistic regression. The sensitivity is a
# derivative at a point, so it also matters at which images we take it: at clean ones, or at those
# with the trigger.

# %% tags=["figure"]
CUT = 7  # the layers up to and including the ReLU after the third convolution


def direction(network: nn.Sequential, with_concept: Tensor, without: Tensor) -> Tensor:
    """Return (F,) a concept activation vector of that layer, by logistic regression."""
    with torch.no_grad():
        groups = [
            network[:CUT](each.to(device)).flatten(1).cpu() for each in (with_concept, without)
        ]
    which = np.repeat([1, 0], [len(group) for group in groups])
    boundary = LogisticRegression(C=0.01, max_iter=300).fit(torch.cat(groups).numpy(), which)
    return torch.from_numpy(boundary.coef_[0] / np.linalg.norm(boundary.coef_)).float()


def logit_gradients(network: nn.Sequential, at: Tensor) -> Tensor:
    """Return (classes, N, F) the gradients of all logits by that layer, at some images."""
    point = network[:CUT](at.to(device)).detach().requires_grad_()
    logits = network[CUT:](point).sum(0)
    each = [torch.autograd.grad(logit, point, retain_graph=True)[0] for logit in logits]
    return torch.stack(each).flatten(2).cpu()


half, somewhere = test.images[1::10], test.images[::10]
draw = torch.Generator().manual_seed(0)
figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained", sharey=True)
for axis, (title, network, at) in zip(
    axes,
    (
        ("clean network, with trigger", reference, trigger(somewhere)),
        ("poisoned network, clean images", poisoned, somewhere),
        ("poisoned network, with trigger", poisoned, trigger(somewhere)),
    ),
    strict=True,
):
    gradients = logit_gradients(network, at)
    found = gradients @ direction(network, trigger(half), half)  # (classes, N)
    controls = []
    for _ in range(5):
        order = torch.randperm(len(half), generator=draw)
        control = direction(network, half[order[:50]], half[order[50:]])
        controls.append((gradients @ control).mean(1))
    axis.bar(
        range(10),
        found.mean(1),
        yerr=1.96 * found.std(1) / math.sqrt(len(at)),
        color="#d55e00",
        ecolor="#0072b2",
        edgecolor="black",
        label="trigger",
    )
    axis.errorbar(
        range(10),
        torch.zeros(10),
        yerr=torch.stack(controls).abs().amax(0),
        fmt="none",
        capsize=4,
        color="black",
        label="random splits, largest of 5",
    )
    axis.axhline(0, color="black", linewidth=0.8)
    axis.set_xticks(range(10), classes, rotation=45, ha="right", fontsize=8.5)
    axis.set_title(title, fontsize=10)
axes[0].set_ylabel("mean sensitivity of the logit")
axes[0].legend(fontsize=8.5, loc="upper left")
figure.suptitle("Which class's logit does the concept “white square in the corner” raise?")
plt.show()
