# %% [markdown] minutes=25 core=true
# ## Section: What do we explain?
#
# **You learn** to ask a well-defined question: which network, which image, which class. **Time:** {{ time }}.
#
# FashionMNIST ([Xiao, Rasul and Vollgraf 2017](https://arxiv.org/abs/1708.07747)) holds 28 × 28
# grey images of ten kinds of garment: 60,000 to train, 10,000 to test. The network is a small
# convolutional one that is already trained; its card says how. It returns **logits**
# $f_1(x), \dots, f_{10}(x)$, one number a class; a softmax would turn them into probabilities. We
# explain logits: a probability also falls when *another* class gains, and its gradient is close to 0
# where the network is sure.
#
# The accuracy on its card is that of all test images. The first 2,000 are enough here.

# %% name="network"
test = load("fashion_mnist", split="test")
images, labels, classes = test.images[:2000], test.labels[:2000], test.classes
model = load_pretrained("fashion_mnist", device=device)
print(model)
print({key: value for key, value in model.card.items() if key in ("data", "accuracy", "command")})

with torch.no_grad():
    batches = Bar(images.split(250), "predicting")
    logits = torch.cat([model(batch.to(device)).cpu() for batch in batches])

# %% [markdown]
# ### Task: how good is it?
#
# `logits` has one row per image. Set `accuracy` to the share of images whose largest logit is that
# of the true class, and `hardest` to the number (0 to 9) of the class whose own images are
# recognised least often.

# %% nbgrader={"grade_id": "accuracy", "solution": true}
# answer: accuracy
accuracy = None
hardest = None
### BEGIN SOLUTION
right = logits.argmax(1) == labels
accuracy = right.float().mean().item()
hardest = int(torch.stack([right[labels == c].float().mean() for c in range(10)]).argmin())
### END SOLUTION

# %% nbgrader={"grade_id": "accuracy-test", "grade": true, "points": 1}
checks.expect(
    0.7 < checks.numbers(accuracy, (), "accuracy") < 1,
    "A share lies between 0 and 1, and this network is good, but not perfect.",
)
checks.expect(
    float(checks.numbers(hardest, (), "hardest")) in range(10),
    "`hardest` is a class: a whole number from 0 to 9.",
)
print(f"accuracy {accuracy:.3f}, hardest class: {classes[int(hardest)]}")
checks.passed("accuracy", "the ranges of a share and a class")

# %% [markdown]
# ### Task: which classes do we ask about?
#
# One image has an explanation *per class*. Four are of interest: the **true** class, the **most
# likely**, the **second most likely** and the **least likely** one. Write
# `targets_of_interest(logits, labels)`, which returns them in this order as an integer tensor of
# shape (N, 4). For an image that is classified correctly the first two agree.


# %% nbgrader={"grade_id": "targets", "solution": true}
# answer: targets
def targets_of_interest(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the true, most, second most and least likely class of each image.

    logits: (N, C) floats. labels: (N,) integers. Returns (N, 4) integers.
    """
    ### BEGIN SOLUTION
    order = logits.argsort(descending=True)
    return torch.stack([labels, order[:, 0], order[:, 1], order[:, -1]], dim=1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "targets-test", "grade": true, "points": 2}
made_up = [
    [3.0, -1.0, 0.5, 2.0, 1.0],
    [-5.0, 0.0, -3.0, -4.0, -3.5],
    [0.0, 1.0, 4.0, 2.0, -1.0],
    [1.0, 2.0, 5.0, -3.0, 0.0],
]
four = checks.numbers(
    targets_of_interest(torch.tensor(made_up), torch.tensor([2, 1, 3, 3])),
    (4, 4),
    "targets_of_interest(…)",
)
for column, expected, hint in (
    (0, [2, 1, 3, 3], "Column 0 is the true class, that is, the label."),
    (1, [0, 1, 2, 2], "Column 1 is the class with the largest logit of a row, of either sign."),
    (
        2,
        [3, 2, 3, 1],
        "Column 2 is the class with the second largest logit, also if it is the label.",
    ),
    (
        3,
        [1, 0, 4, 3],
        "Column 3 is the class with the smallest logit of a row, also if it is the label.",
    ),
):
    checks.expect(list(four[:, column]) == expected, hint)
checks.passed("targets", "shape and four rows of logits")

# %% [markdown]
# ### The two examples
#
# From here on everybody looks at the same two images: the first that is misclassified, and the
# first that is classified correctly and has nothing to do with the confusion: its class is neither
# the true nor the predicted one of the other.

# %% name="examples"
predictions = logits.argmax(1)
first_wrong = int(torch.nonzero(predictions != labels)[0])
unrelated = (labels != labels[first_wrong]) & (labels != predictions[first_wrong])
first_right = int(torch.nonzero((predictions == labels) & unrelated)[0])

example_labels = labels[[first_wrong, first_right]]
examples = images[[first_wrong, first_right]].to(device)
order = logits[[first_wrong, first_right]].argsort(1, descending=True)
targets = torch.stack([example_labels, order[:, 0], order[:, 1], order[:, -1]], 1)  # (2, 4)
targets = targets.to(device)
roles = ("true", "most likely", "second most likely", "least likely")
predicted = int(targets[0, 1])  # what the network takes the misclassified image for


# %% [markdown]
# **Read the colours first.** In this notebook red speaks *for* a class and blue *against* it, which
# matplotlib calls `RdBu_r`; its `RdBu`, without the `_r`, is the same map inverted. The libraries
# do not agree. The image plots of shap paint red for and blue against, like ours. Captum's default
# for signed maps is green for and **red against**, and lime's masks, with `positive_only=False`,
# use the same. A red sleeve is an argument for *shirt* in one paper and against it in the next:
# look for the colour bar, and write one into your own figures.


# %%
def show_map(axis: plt.Axes, values: Tensor, title: str, limit: float | None = None) -> None:
    """Draw one attribution map: red speaks for the class, blue against it, white is zero."""
    values = values.detach().cpu().squeeze()
    limit = limit or float(values.abs().max()) or 1.0
    drawn = axis.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axis.set_title(title, fontsize=9)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.figure.colorbar(drawn, ax=axis, shrink=0.7)


# %% tags=["figure"]
figure, axes = plt.subplots(
    1, 4, figsize=(11, 2.8), width_ratios=(1, 1.6, 1, 1.6), layout="constrained"
)
for row, index in enumerate((first_wrong, first_right)):
    picture, bars = axes[2 * row], axes[2 * row + 1]
    picture.imshow(images[index, 0], cmap="gray", vmin=0, vmax=1)
    picture.set_title(f"{('misclassified', 'correct')[row]}: test image {index}", fontsize=9)
    picture.axis("off")
    hatches = ["//" if c == labels[index] else "" for c in range(10)]
    bars.barh(classes, logits[index], color="tab:gray", edgecolor="black", hatch=hatches)
    bars.axvline(0, color="black", linewidth=0.8)
    bars.invert_yaxis()
    bars.tick_params(labelsize=8.5)
    bars.set_title("logits (hatched: the true class)", fontsize=9)
plt.show()
for four in targets:
    named = zip(roles, four, strict=True)
    print(" · ".join(f"{role}: {classes[target]}" for role, target in named))
