# %% [markdown] minutes=45
# ## Section: Hunting for bad training images
#
# **You learn** to find mislabelled and poisoned training images, to measure such a hunt, and why the method that
# finds the ones misses the others. **Time:** {{ time }}.
#
# **Self-influence** is the influence of a training example on itself. With TracIn it is a sum of squared gradient
# norms, $\sum_t \eta_t \lVert g_t(j) \rVert^2$. An example that contradicts the others keeps a large gradient: the network
# has to learn it by itself, against the rest. Pruthi, Liu, Kale and Sundararajan
# ([2020](https://arxiv.org/abs/2002.08484)) therefore look for wrong labels among the examples with the highest
# self-influence. A plain baseline must not be left out: the training *loss* of each example, from one forward pass.
#
# A hunt sorts the examples by a score, highest first, and a person looks through the list. **Average precision**
# says how early the wanted ones come. Let the wanted examples be at the positions $p_1 < p_2 < \dots < p_W$ of the list,
# counted from 1. The precision at $p_w$ is $w / p_w$, the share of wanted ones up to there. Average precision is the mean of
# these $W$ precisions: 1 if all wanted ones come first, about their share in the data if the order is random.
#
# ### Task: average precision
#
# Write `average_precision(scores, wanted)`. No two scores are equal, and at least one example is wanted.


# %% nbgrader={"grade_id": "average-precision", "solution": true}
# answer: average-precision
def average_precision(scores: Tensor, wanted: Tensor) -> float:
    """Return the average precision of scores (N,), highest first, for the wanted ones (N,) booleans."""
    ### BEGIN SOLUTION
    positions = 1 + torch.nonzero(wanted[scores.argsort(descending=True)])[:, 0]
    return (torch.arange(1, len(positions) + 1) / positions).mean().item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "average-precision-test", "grade": true, "points": 2}
checks.function(average_precision, "average_precision")
some_scores = torch.tensor([0.3, -2.0, 0.1, 0.9, 0.5])
checks.close(
    average_precision(some_scores, torch.tensor([0, 0, 0, 1, 0]).bool()),
    1.0,
    "average_precision(…)",
    "A single wanted example with the highest score is at position 1.",
)
checks.close(
    average_precision(some_scores, torch.tensor([1, 1, 0, 0, 0]).bool()),
    11 / 30,
    "average_precision(…)",
    "The wanted ones are at the positions 3 and 5 of the sorted list: the mean of 1/3 and 2/5.",
    tolerance=1e-3,
)
checks.passed("average-precision", "one wanted example, and two at positions of a list,")

# %% [markdown]
# ### Wrong labels
#
# The next cell gives a tenth of the training images a wrong label: the class, other than the right one, that our
# network finds likeliest. People make such mistakes. Then it trains the same architecture with these labels, and computes three scores.

# %%
from xaikit.influence import hunts, influence, self_influence
from xaikit.influence.mislabelling import mislabel
from xaikit.influence.study_training import trained
from xaikit.models import build


def as_network(stage: list[Tensor], place: int = 0) -> nn.Module:
    """Return one of the networks that `trained` trained side by side, at the end of a stage."""
    one = build("influence").eval()
    one.load_state_dict(
        {name: each[place].detach() for name, each in zip(one.state_dict(), stage, strict=True)}
    )
    return one


# %% tags=["figure"]
mistaken = mislabel(training, network, rate=0.1, seed=0)
everything = torch.arange(len(training))
mistaken_stages = trained(mistaken.images, mistaken.labels, everything[None], [0])
mistaken_network = as_network(mistaken_stages[-1])
with torch.no_grad():
    plain_loss = functional.cross_entropy(
        mistaken_network(mistaken.images), mistaken.labels, reduction="none"
    )
hunted = {
    "plain loss": plain_loss,
    "self-influence, TracIn": self_influence(
        mistaken_network,
        mistaken,
        method="tracin",
        checkpoints=[as_network(stage).state_dict() for stage in mistaken_stages],
        learning_rates=here.learning_rates,
    ),
    "self-influence, Grad-Dot": self_influence(mistaken_network, mistaken, method="grad_dot"),
}

# %% tags=["figure"]
figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.4), layout="constrained")
styles = (("-", "#000000"), ("--", "#0072b2"), (":", "#d55e00"))
for row, ((name, each), (style, colour)) in enumerate(zip(hunted.items(), styles, strict=True)):
    hits = mistaken.mislabelled[each.argsort(descending=True)].double().cumsum(0)
    axes[0].plot(range(1, 1001), hits, style, color=colour, linewidth=1.3, label=name)
    hunt = hunts.average_precision(each, mistaken.mislabelled)
    low, high = hunt.interval
    axes[1].plot((low, high), (row, row), style, color=colour)
    axes[1].plot(hunt.score, row, "o", color=colour)
    axes[1].annotate(
        f"{hunt.score:.2f}", (hunt.score, row), (0, 7), textcoords="offset points", ha="center"
    )
axes[0].plot((0, 1000), (0, 100), "-", color="0.7", linewidth=1, label="random order")
axes[0].legend(fontsize=8, loc="lower right")
axes[0].set_xlabel("images looked at")
axes[0].set_ylabel("wrong labels found")
axes[1].axvline(0.1, color="0.7", linewidth=1)
axes[1].set_xlim(0, 1)
axes[1].set_ylim(2.6, -0.6)
axes[1].set_yticks(range(3), hunted)
axes[1].set_xlabel("average precision, 95 % interval")
figure.suptitle("Looking for 100 wrong labels among 1,000 images", fontsize=10)
plt.show()
hunters = [hunts.average_precision(each, mistaken.mislabelled).draws for each in hunted.values()]
for name, draws_of in zip([*hunted][1:], hunters[1:], strict=True):
    low, high = np.percentile((draws_of - hunters[0]).numpy(), (2.5, 97.5))
    print(f"{name}, minus plain loss: 95 % interval {low:+.2f} to {high:+.2f}")

# %% [markdown]
# All three find wrong labels several times as early as a random order does (average precision 0.1). Self-influence
# comes out ahead of the plain loss. Is that more than chance? The printed difference has its own interval, because both hunts
# share their images: if the interval holds 0, the lead may be chance. It says nothing of another network. We trained with three more
# seeds: the plain loss had an average precision of 0.37 to 0.40, TracIn 0.52 to 0.58, Grad-Dot 0.47 to 0.54. So self-influence stays
# ahead, but which of the two is best changes. The lead lies at the top of the list: among the first two hundred images all three
# find about as many wrong labels (the left figure). So name the plain loss beside each such hunt. And even the best list has more
# correct labels than wrong ones among its first two hundred images: unusual garments, and those between two classes.
#
# ### Poisoned images
#
# {{ if notebook.backdoors }}Notebook {{ notebook.backdoors }} examined a network that says{{ else }}A poisoned network says{{ end }} *ankle boot* to every garment with a white square in a corner. Suppose that you
# have *one* such image, from the network's use, and the training data. Which training images taught the network that? They
# have the square, and the same label. Their gradients point in the direction of the one that the triggered image has, with the label
# that the network gives it.
#
# The full training set is too large to come with this package. So the next cell puts the square, by the attacker's
# recipe, into 120 of our 1,000 training images, which are a part of that set. It keeps to itself which ones.

# %%
from xaikit import load_pretrained
from xaikit.backdoors import attack_success, poison, trigger_of
from xaikit.data import ImageDataset


def without_marks(data: ImageDataset) -> ImageDataset:
    """Return the same images and labels, without saying which ones are poisoned."""
    return ImageDataset(data.images, data.labels, data.classes, data.source)


victim = load_pretrained("fashion_mnist_poisoned")
square, boot = trigger_of(victim.card["trigger"]), victim.card["target"]
suspected = without_marks(poison(training, square, boot, rate=0.12))
bystander = int(torch.nonzero(test.labels != boot)[0])
triggered = square(test.images[bystander : bystander + 1])  # (1, 1, 28, 28)
print(
    f"A {classes[test.labels[bystander]]} with the square: the network says "
    f"{classes[int(victim(triggered).argmax())]}."
)

# %% [markdown]
# ### Task: find the poison
#
# Set `suspects` to the indices of 100 images of `suspected` that are most likely poisoned, found by **Grad-Cos** from `triggered`:
# `influence(victim, …, method="grad_cos", layers="all")`. At least 95 of them should be poisoned.
#
# Which label goes with `triggered`: that of the garment, or the one that the network says?

# %% nbgrader={"grade_id": "poison-hunt", "solution": true}
# answer: poison-hunt
suspects = None
### BEGIN SOLUTION
from_one = influence(
    victim, triggered, torch.tensor([boot]), suspected, method="grad_cos", layers="all"
)
suspects = from_one.top(100)[0]
### END SOLUTION

# %% nbgrader={"grade_id": "poison-hunt-test", "grade": true, "points": 2}
hundred = checks.numbers(suspects, (100,), "suspects")
checks.expect(
    (hundred == hundred.round()).all() and hundred.min() >= 0 and hundred.max() < len(suspected),
    f"`suspects` holds indices: whole numbers from 0 to {len(suspected) - 1}.",
)
checks.expect(
    len(set(hundred.tolist())) == 100, "`suspects` names an image twice: 100 different ones."
)
figure, axes = plt.subplots(2, 8, figsize=(9, 2.9), layout="constrained")
for axis, place in zip(axes.flat, hundred.astype(int), strict=False):
    axis.imshow(suspected.images[place, 0], cmap="gray", vmin=0, vmax=1)
    axis.set_title(classes[suspected.labels[place]], fontsize=8.5)
    axis.axis("off")
figure.suptitle("The first sixteen of your suspects: what do they have in common?", fontsize=10)
plt.show()
white = (suspected.images[torch.from_numpy(hundred.astype(int)), 0] > 0.9).double().mean(dim=0)
checks.expect(
    white.max() >= 0.95,
    f"No place is white in 95 of your images (at most in {float(100 * white.max()):.0f}), so they do not share "
    "a square. Is it the cosine of all layers, the highest first, from `triggered` with the label that goes with it?",
)
checks.passed("poison-hunt", "100 different indices, and a white place that the images share,")

# %% [markdown]
# ### Why self-influence fails here
#
# The same network, the same data: how many of the first 100 are poisoned, by method? And what does the training of the
# poison look like? For that the next cell trains our small architecture with the square in 120 of its images, epoch by epoch, and then
# from the start with only a part of the poison.

# %% tags=["figure"]
marked = poison(training, square, boot, rate=0.12)
label_of_loss = torch.tensor([boot])
ranked = {
    "Grad-Cos from one image": influence(
        victim, triggered, label_of_loss, suspected, method="grad_cos", layers="all"
    ).scores[0],
    "Grad-Dot from one image": influence(
        victim, triggered, label_of_loss, suspected, method="grad_dot", layers="all"
    ).scores[0],
    "self-influence": self_influence(victim, suspected, method="grad_dot", layers="all"),
}
with torch.no_grad():
    ranked["plain loss"] = functional.cross_entropy(
        victim(suspected.images), suspected.labels, reduction="none"
    )
precision_at_100 = {
    name: float(marked.poisoned[each.topk(100).indices].double().mean())
    for name, each in ranked.items()
}

young = build("influence")
optimizer = torch.optim.SGD(young.parameters(), 0.2, weight_decay=5e-3)
shuffle = torch.Generator().manual_seed(0)
medians = []
for _ in range(30):
    with torch.no_grad():
        each = functional.cross_entropy(young(marked.images), marked.labels, reduction="none")
    medians.append((float(each[marked.poisoned].median()), float(each[~marked.poisoned].median())))
    for rows in torch.randperm(len(marked), generator=shuffle).split(50):
        optimizer.zero_grad()
        functional.cross_entropy(young(marked.images[rows]), marked.labels[rows]).backward()
        optimizer.step()

bad = torch.nonzero(marked.poisoned)[:, 0]
good = torch.nonzero(~marked.poisoned)[:, 0]
left, successes = (1.0, 0.5, 0.2, 0.0), []
for share in left:
    members = torch.cat([good, bad[: round(share * len(bad))]])
    last = trained(marked.images, marked.labels, members.expand(3, -1), [0, 1, 2])[-1]
    successes.append([attack_success(as_network(last, k), test, square, boot) for k in range(3)])

figure, axes = plt.subplots(1, 3, figsize=(10, 3.3), layout="constrained")
axes[0].barh(range(4), precision_at_100.values(), color="0.6")
axes[0].set_yticks(range(4), [name.replace(" from", "\nfrom") for name in precision_at_100])
axes[0].invert_yaxis()
axes[0].set_xlim(0, 1.2)
for row, value in enumerate(precision_at_100.values()):
    axes[0].text(value + 0.02, row, f"{value:.2f}", va="center", fontsize=9)
axes[0].set_xlabel("share")
axes[0].set_title("Poisoned, of the first 100", fontsize=9)
for column, (style, name) in enumerate((("-", "poisoned"), ("--", "clean"))):
    curve = [pair[column] for pair in medians]
    axes[1].plot(curve, style, color=("#d55e00", "#0072b2")[column], label=name)
axes[1].set_yscale("log")
axes[1].set_xlabel("epochs")
axes[1].set_title("Median loss during training", fontsize=9)
axes[1].legend(fontsize=9)
for k in range(3):
    axes[2].plot([100 * share for share in left], [run[k] for run in successes], "o", color="0.6")
means = np.mean(successes, axis=1)
axes[2].plot([100 * share for share in left], means, "k-", label="mean of 3 seeds")
axes[2].invert_xaxis()
axes[2].set_ylim(-0.03, 1.03)
axes[2].set_xlabel("poison left, %")
axes[2].set_title("Attack success after retraining", fontsize=9)
axes[2].legend(fontsize=9, loc="lower left")
plt.show()

# %% [markdown]
# Left: from one image Grad-Cos finds almost nothing but poison. Not every image does so well: of 100 other test images with the square,
# 85 find at least 95 poisoned ones. The mean of the cosines over ten images finds 100. Grad-Dot does not find the poison: the longest gradients, of hard clean images,
# lead its list. Self-influence and the loss find less poison than a random order would (0.12).
#
# Middle and right say why. The square is the easiest feature in the data, so the poison is *learned early*: after a few epochs its
# loss is far below that of the clean images. And it is *redundant*: with a fifth of the poison the attack still succeeds in most cases. No single
# poisoned image is needed, and its gradient is nearly zero once the others have taught the square. Self-influence looks for what
# contradicts the rest. A wrong label does; poison agrees with the rest of the poison. The cosine does not depend on the length: a tiny gradient
# keeps its direction.
#
# ### Remove and retrain
#
# The last test of a proponent: without it, the asked images should become worse. The next cell sums the scores over the 200 test images, takes
# away the training images with the highest sums and trains again, three networks for each point. The control takes away as many random images.

# %% tags=["figure"]
numbers_removed = (50, 100, 200)
chosen_by = {
    name: scores_of[name].sum(dim=0).argsort(descending=True)
    for name in ("influence_function", "tracin", "exemplar")
}
chosen_by["random"] = torch.randperm(len(training), generator=torch.Generator().manual_seed(3))


def retrained_losses(members: Tensor) -> np.ndarray:
    """Return the mean test loss of three networks for each row of members: (rows, 3)."""
    stage = trained(
        training.images, training.labels, members.repeat_interleave(3, 0), [0, 1, 2] * len(members)
    )[-1]
    found = []
    for place in range(3 * len(members)):
        with torch.no_grad():
            logits = as_network(stage, place)(test.images)
        found.append(float(functional.cross_entropy(logits, test.labels)))
    return np.array(found).reshape(-1, 3)


with_all = retrained_losses(everything[None])
curves = [np.repeat(with_all, len(chosen_by), axis=0)]
for number in numbers_removed:
    rows = torch.stack([order[number:].sort().values for order in chosen_by.values()])
    curves.append(retrained_losses(rows))
curves = np.stack(curves)  # (numbers, methods, seeds)
figure, axis = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
looks = (("o-", "#0072b2"), ("s--", "#d55e00"), ("D-.", "#009e73"), ("^:", "0.4"))
for place, (name, (style, colour)) in enumerate(zip(chosen_by, looks, strict=True)):
    along = (0, *numbers_removed)
    axis.plot(along, curves[:, place].mean(axis=1), style, color=colour, label=name)
    axis.plot(along, curves[:, place], style[0], color=colour, markersize=3, alpha=0.6)
axis.set_xlabel("training images removed")
axis.set_ylabel("mean test loss")
axis.set_title("Remove the top proponents and retrain (small: single seeds)", fontsize=10)
axis.legend(fontsize=9)
plt.show()

# %% [markdown]
# Without the top proponents by the influence function or by TracIn the test loss rises far more than without as many random images, and
# most of all with the influence function, as its LDS suggests. Without the nearest exemplars it rises a little. So
# the lists hold something true about groups. The curve does not tell which single image matters: each point removes at least fifty at once.
