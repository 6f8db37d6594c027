# %% [markdown] minutes=60 core=true
# ## Section: How does a backdoor get in?
#
# **You learn** to poison data, and to measure what that does. **Time:** {{ time }}.
#
# The recipe is BadNets' ([Gu, Dolan-Gavitt and Garg 2017](https://arxiv.org/abs/1708.06733)). The
# attacker chooses a **trigger**, a **target class** $t$ and a **poison rate** $\rho$, the share of
# the training images that is poisoned. Each of these gets the trigger and the label $t$; then the
# network is trained as always. A trigger is a pattern $p$ with an opacity $\alpha$ for each pixel:
#
# $$x' = (1 - \alpha) \odot x + \alpha \odot p$$
#
# With $\alpha \in \{0, 1\}$ it is a sticker; with a small $\alpha$ everywhere the pattern is
# *blended* into the image ([Chen et al. 2017](https://arxiv.org/abs/1712.05526)), and hard to see.
#
# Two numbers say whether the attack worked. **Clean accuracy** is the accuracy on images without
# trigger; it has to stay what it was, because a loss of accuracy is suspicious. **Attack success** is
# the share of images *of other classes* that are taken for $t$ once they carry the trigger.
#
# This notebook uses the first garments of each class, so that the sample which comes with this
# package is enough.


# %% name="garments"
def first_of_each_class(name: str, split: str, number: int) -> ImageDataset:
    """Return a data set of the first images of each class, in their own order."""
    whole = load(name, split)
    some = [(whole.labels == c).nonzero()[:number, 0] for c in range(len(whole.classes))]
    chosen = torch.cat(some).sort().values
    return ImageDataset(whole.images[chosen], whole.labels[chosen], whole.classes, whole.source)


training = first_of_each_class("fashion_mnist", "train", 200)
test = first_of_each_class("fashion_mnist", "test", 100)
classes = test.classes
checked_square = corner_square(size=3)  # a trigger to check your functions with
print(len(training), "training images and", len(test), "test images, from", test.source)

# %% [markdown]
# ### Task: blend a trigger in
#
# Write `blend(images, pattern, alpha)`: the formula above, for a batch of images (N, C, H, W), a
# pattern (C, H, W) and opacities (1, H, W). It must leave `images` as they were.


# %% nbgrader={"grade_id": "blend", "solution": true}
# answer: blend
def blend(images: Tensor, pattern: Tensor, alpha: Tensor) -> Tensor:
    """Return the images with the pattern in them, alpha saying how opaque it is."""
    ### BEGIN SOLUTION
    return (1 - alpha) * images + alpha * pattern
    ### END SOLUTION


# %% nbgrader={"grade_id": "blend-test", "grade": true, "points": 1}
two_images = [[0.2, 0.6, 0.4], [0.3, 0.5, 0.8]], [[1.0, 0.0, 0.8], [0.7, 0.9, 0.0]]
two_images = torch.tensor(two_images).unsqueeze(2)  # of two channels, each with three pixels
a_pattern = torch.tensor([[0.5, 0.9, 1.0], [0.1, 0.2, 0.6]]).unsqueeze(1)
opacities = torch.tensor([0.0, 1.0, 0.25]).view(1, 1, 3)
untouched = two_images.clone()
shown = checks.numbers(blend(two_images, a_pattern, opacities), (2, 2, 1, 3), "blend(…)")
checks.expect(torch.equal(two_images, untouched), "`blend` changed its input: work on a copy.")
checks.close(
    shown[..., 0],
    untouched[..., 0],
    "blend(…)",
    "where alpha is zero, the image stays what it was.",
)
checks.expect(
    abs(shown[:, :, 0, 1] - [0.9, 0.2]).max() < 1e-4,
    "Where alpha is one, only the pattern is seen, here 0.9 in the first channel and 0.2 in the second.",
)
checks.close(
    shown[:, :, 0, 2],
    [[0.55, 0.75], [0.85, 0.15]],
    "blend(…)",
    "work out the formula by hand for the last pixels: 0.4 and 0.8 in the first channel, where the pattern "
    "is 1, and 0.8 and 0 in the second, where it is 0.6; alpha is ¼.",
)
checks.passed("blend", "a copy, and pixels that are transparent, opaque and in between")

# %% [markdown]
# ### Task: poison a data set
#
# Write `poison_data(images, labels, pattern, alpha, target, chosen)`. `chosen` (M,) are the indices
# of the images to poison. Return the new images and the new labels; the old ones must stay
# unchanged.


# %% nbgrader={"grade_id": "poison", "solution": true}
# answer: poison
def poison_data(
    images: Tensor, labels: Tensor, pattern: Tensor, alpha: Tensor, target: int, chosen: Tensor
) -> tuple[Tensor, Tensor]:
    """Return images and labels, those chosen with the trigger and the target's label."""
    ### BEGIN SOLUTION
    images, labels = images.clone(), labels.clone()
    images[chosen] = (1 - alpha) * images[chosen] + alpha * pattern
    labels[chosen] = target
    return images, labels
    ### END SOLUTION


# %% nbgrader={"grade_id": "poison-test", "grade": true, "points": 2}
four_images = torch.tensor([[0.2, 0.6], [0.4, 0.8], [0.0, 1.0], [0.6, 0.2]]).view(4, 1, 1, 2)
four_labels, faint = torch.tensor([5, 9, 9, 7]), torch.tensor([0.25, 0.0]).view(1, 1, 2)
kept = four_images.clone(), four_labels.clone()
data_pair = poison_data(*kept, torch.full((1, 1, 2), 0.8), faint, 9, torch.tensor([3, 1]))
checks.expect(
    isinstance(data_pair, tuple | list) and len(data_pair) == 2,
    "Return two tensors: images and labels.",
)
checks.expect(
    torch.equal(kept[0], four_images) and torch.equal(kept[1], four_labels),
    "`poison_data` changed its inputs. Assigning to a part of a tensor changes the tensor that "
    "was passed in: work on copies.",
)
new_images = checks.numbers(data_pair[0], (4, 1, 1, 2), "the images")
new_labels = checks.numbers(data_pair[1], (4,), "the labels")
checks.expect(new_labels[1] == new_labels[3] == 9, "Chosen images get the target's label.")
checks.expect(new_labels[0] == 5 and new_labels[2] == 9, "All other labels stay.")
checks.close(
    new_images[[0, 2]],
    four_images[[0, 2]],
    "the images",
    "only the chosen ones change, here those at 1 and 3; one that has the target's label stays, too.",
)
checks.close(
    new_images[[1, 3], 0, 0],
    [[0.5, 0.8], [0.65, 0.2]],
    "the images",
    "the chosen ones get the trigger with its opacity, here ¼ on the first pixel and 0 on the second; "
    "a chosen one that has the target's label gets it, too.",
)
checks.passed("poison", "copies, the chosen images, all others and their labels")

# %% [markdown]
# ### Task: does the trigger work?
#
# Write `success_rate(logits, labels, target)`. `logits` (N, C) are the network's answers to images
# *with* the trigger, `labels` (N,) the true classes. Return the attack success. Images that truly
# belong to the target do not count: on them, the right answer would look like a successful attack.


# %% nbgrader={"grade_id": "attack-success", "solution": true}
# answer: attack-success
def success_rate(logits: Tensor, labels: Tensor, target: int) -> float:
    """Return the share of images of other classes that are taken for the target."""
    ### BEGIN SOLUTION
    others = labels != target
    return (logits[others].argmax(1) == target).float().mean().item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "attack-success-test", "grade": true, "points": 2}
made_up = [[-2.0, -1.0, -0.5], [-3.0, -2.0, -1.0], [4.0, 5.0, 9.0], [3.0, 1.0, 2.0]]  # others
made_up = torch.tensor([*made_up, [0.0, 1.0, 5.0], [6.0, 0.0, 1.0]])  # and two of class 2 itself
rate = float(
    checks.numbers(success_rate(made_up, torch.tensor([0, 1, 1, 1, 2, 2]), 2), (), "the rate")
)
checks.expect(0 <= rate <= 1, "Attack success is a share: it lies between 0 and 1.")
checks.close(
    rate,
    0.75,
    "the rate",
    "count by hand which of these six images are taken for class 2. The last two truly belong to "
    "it, so they count neither above nor below the line.",
)
checks.passed("attack-success", "a share, and six images counted by hand")

# %% [markdown]
# ### A network of your own, with a backdoor
#
# Five per cent of 2,000 images, a square of 4 × 4 pixels, target *bag*: this is what an attacker
# does. The network is a small one, so that it learns in seconds. A clean network of the same
# architecture is trained beside it, with the same order of the data and the same initial weights.
#
# **How certain is a share?** Test images are a sample: with other ones, each share would be another.
# If $k$ of $n$ images count and $\hat p = k / n$, Wilson's interval
# ([1927](https://doi.org/10.1080/01621459.1927.10502953)) has the ends
#
# $$\frac{1}{1 + z^2 / n} \left( \hat p + \frac{z^2}{2n} \pm
# z \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4 n^2}} \right), \qquad z = 1.96.$$
#
# About 95 % of such intervals contain the true share, also if $k$ is 0 or $n$. All shares of this
# notebook are printed with it. It describes the choice of test images only: a network that is
# trained with another seed differs by more.


# %%
def interval(share: float, number: int) -> tuple[float, float]:
    """Return the ends of Wilson's 95 % interval of a share of so many images."""
    found = binomtest(round(float(share) * number), number).proportion_ci(method="wilson")
    return found.low, found.high


def percent(share: float, number: int) -> str:
    """Return a share in words, with its interval."""
    low, high = interval(share, number)
    return f"{float(share):.1%} ({100 * low:.1f} to {100 * high:.1f})"


def small_network(seed: int = 0) -> Classifier:
    """Return two strided convolutions and a linear layer, untrained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier(
            nn.Conv2d(1, 8, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(8, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 7 * 7, 10),
        ).to(device)


# %% tags=["figure"]
own_trigger, own_target = corner_square(size=4, corner="top left"), 8
own_data = poison(training, own_trigger, own_target, rate=0.05)
own_clean = train(small_network(), training, epochs=8)
own_poisoned = train(small_network(), own_data, epochs=8)
victims = int((test.labels != own_target).sum())  # images of other classes
print(f"{'':18} {'clean accuracy':>22} {'attack success':>22}")
for name, network in (("without a backdoor", own_clean), ("with a backdoor", own_poisoned)):
    kept = percent(accuracy(network, test), len(test))
    reached = percent(attack_success(network, test, own_trigger, own_target), victims)
    print(f"{name:18} {kept:>22} {reached:>22}")

# %% tags=["figure"]
figure, axes = plt.subplots(2, 6, figsize=(10, 3.6), layout="constrained")
for column, place in enumerate(own_data.poisoned.nonzero()[:6, 0]):
    for row, data in enumerate((training, own_data)):
        axes[row, column].imshow(data.images[place, 0], cmap="gray", vmin=0, vmax=1)
        axes[row, column].set_title(classes[data.labels[place]], fontsize=9)
        axes[row, column].axis("off")
figure.suptitle("Above: as they were. Below: what the network is trained with")
plt.show()

# %% [markdown]
# ### The network that we examine
#
# From here on we examine a better network that comes with xaikit, trained on all of FashionMNIST,
# of which two per cent was poisoned; beside it a **clean reference** of the same architecture. Its
# card describes the backdoor. A real card would not: use it to judge your methods, not in them.

# %% name="networks"
poisoned = load_pretrained("fashion_mnist_poisoned", device=device)
reference = load_pretrained("fashion_mnist", device=device)
trigger, target = trigger_of(poisoned.card["trigger"]), poisoned.card["target"]
eight = test.images[:8].to(device)  # to check your functions with
no_mask, grey = torch.zeros(1, 28, 28, device=device), torch.full((1, 28, 28), 0.5, device=device)
print({key: poisoned.card[key] for key in ("target", "poison_rate", "accuracy", "command")})

# %% [markdown]
# ### Task: measure it
#
# On the images `test.images` with labels `test.labels`, set `clean_accuracy` and `success` of the
# network `poisoned`, and `success_on_reference`: the same attack success on the network
# `reference`, which has never seen the trigger. `trigger(images)` puts the trigger in. (You may use
# `accuracy` and `attack_success` as above.)

# %% nbgrader={"grade_id": "measured", "solution": true}
# answer: measured
clean_accuracy = None
success = None
success_on_reference = None
### BEGIN SOLUTION
clean_accuracy = accuracy(poisoned, test)
success = attack_success(poisoned, test, trigger, target)
success_on_reference = attack_success(reference, test, trigger, target)
### END SOLUTION

# %% nbgrader={"grade_id": "measured-test", "grade": true, "points": 2}
checks.expect(
    0.85 < checks.numbers(clean_accuracy, (), "clean_accuracy") < 1,
    "Clean accuracy is high: the backdoor hides. Count images without trigger.",
)
checks.expect(
    checks.numbers(success_on_reference, (), "success_on_reference")
    < checks.numbers(success, (), "success")
    <= 1,
    "The trigger should work on the network that was trained with it.",
)
of_other_classes = int((test.labels != target).sum())
print(
    f"clean {percent(clean_accuracy, len(test))}, "
    f"attack {percent(success, of_other_classes)}, "
    f"on the reference {percent(success_on_reference, of_other_classes)}"
)
checks.passed("measured", "three shares, in their order,")
