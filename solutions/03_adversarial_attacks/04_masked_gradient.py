# %% [markdown] minutes=75
# ## Section: A gradient that vanishes, and an attack without any
#
# **You learn** why "our defence withstands FGSM" is no evidence, and to attack by questions alone.
# **Time:** {{ time }}.
#
# For the cross-entropy of logits $f$ and probabilities $p = \operatorname{softmax}(f)$,
#
# $$\nabla_x J(x, y) = \sum_k \bigl(p_k - [k = y]\bigr) \, \nabla_x f_k(x).$$
#
# The bracket $[k = y]$ (Iverson's) is 1 if the statement inside is true, and 0 if it is false. Where the
# network is sure, $p_y = 1$ and all other $p_k = 0$: to the precision of the computer the gradient
# *vanishes*, and an attack that follows it does not move. That says nothing about the decision
# nearby. [Carlini and Wagner 2017](https://arxiv.org/abs/1608.04644) therefore attack the
# **margin** of the logits, $\max_{j \ne y} f_j(x) - f_y(x)$, whose gradient does not vanish there. A
# defence **masks** the gradient if it makes the gradient useless and leaves the decision boundary where
# it was; [Athalye, Carlini and Wagner
# 2018](https://arxiv.org/abs/1802.00420) examined those of one conference and circumvented most of them.
#
# Here is such a "defence", in one line:


# %% name="masked"
class Sure(nn.Module):
    """The network with all of its logits multiplied by a thousand."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, 10) of images (N, 1, 28, 28)."""
        return 1000 * self.network(x)


sure = Sure(model).eval()

# %% [markdown]
# ### Task: unmask it
#
# Which class is the largest does not depend on a factor, so `sure` says to every image what `model`
# says. Set
#
# - `apparent`: the robust accuracy of `sure` on `hundred` under `attack(sure, hundred,
#   hundred_labels, "pgd", epsilon=0.1, steps=20)`;
# - `unmasked`: 100 images, each within 0.1 of its original in `hundred` (maximum norm, pixels in
#   [0, 1]), at least 90 of which `sure` gets wrong. Any way of finding them is fair;
# - `suspicious`: for each observation in `observations`, `True` if it would have made you suspect a
#   masked gradient, `False` if it is what one expects where the attack works.

# %%
observations = (
    "a single step fools more images than many small steps",
    "random noise of the same size fools more images than the attack",
    "with ε = 1, any image allowed, the attack still fails on some images",
    "the robust accuracy falls to zero as ε grows",
    "images made for another network fool it more often than its own gradient does",
    "more steps and more restarts find a few more adversarial examples",
)

# %% nbgrader={"grade_id": "masking", "solution": true}
# answer: masking
apparent = None
unmasked = None
suspicious = dict.fromkeys(observations)  # fill in True or False
### BEGIN SOLUTION
result = attack(sure, hundred, hundred_labels, "pgd", epsilon=0.1, steps=20)
apparent = 1 - result.success.float().mean().item()

unmasked = hundred.clone()
own = nn.functional.one_hot(hundred_labels, 10).bool()
for _ in range(20):
    x = unmasked.detach().requires_grad_()
    logits = sure(x)
    margin = logits.masked_fill(own, -torch.inf).amax(1) - logits[own]
    (slope,) = torch.autograd.grad(margin.sum(), x)
    step = 0.02 * slope.sign() * (margin < 0).view(-1, 1, 1, 1)
    unmasked = (hundred + (unmasked + step - hundred).clamp(-0.1, 0.1)).clamp(0, 1)

suspicious = {
    "a single step fools more images than many small steps": True,
    "random noise of the same size fools more images than the attack": True,
    "with ε = 1, any image allowed, the attack still fails on some images": True,
    "the robust accuracy falls to zero as ε grows": False,
    "images made for another network fool it more often than its own gradient does": True,
    "more steps and more restarts find a few more adversarial examples": False,
}
### END SOLUTION

# %% nbgrader={"grade_id": "masking-test", "grade": true, "points": 3}
checks.expect(
    0 <= checks.numbers(apparent, (), "apparent") <= 1, "`apparent` is a share: from 0 to 1."
)
found = torch.as_tensor(checks.numbers(unmasked, (100, 1, 28, 28), "unmasked")).to(hundred)
checks.expect(
    float((found - hundred).abs().max()) < 0.1001 and 0 <= found.min() <= found.max() <= 1,
    "`unmasked`: no pixel may be further than 0.1 from its original, or outside [0, 1].",
)
fooled = int((network_says(sure, found) != hundred_labels).sum())
print(
    f"robust accuracy of `sure`: {float(apparent):.0%} by the library's PGD, {100 - fooled} % by yours"
)
checks.expect(
    fooled >= 90,
    "`unmasked` fools too few: follow the gradient of something that does not saturate, or ask which "
    "other network has the same decisions.",
)
checks.choices(suspicious, observations, (True, False), "suspicious")
checks.passed("masking", "the distances, and what `sure` says to the images,")

# %% [markdown]
# ### An attack that needs no gradient
#
# A network behind a web service answers with probabilities; its weights stay secret. A **query attack**
# only asks. SimBA ([Guo et al. 2019](https://arxiv.org/abs/1905.07121)) goes through directions in a
# random order, here through the pixels. It tries a step one way, then the other way, and keeps the first
# one that lowers the probability of the true class. What it costs is counted in queries. (The Square
# Attack, [Andriushchenko et al. 2020](https://arxiv.org/abs/1912.00049), changes squares of pixels
# instead; it is the part of AutoAttack that needs no gradient.)
#
# ### Task: attack by queries
#
# Write `query_attack(model, images, labels, epsilon, order)` for inputs (N, *shape) in [0, 1]. `order`
# (K,) holds indices of features of a flattened image, each once: the order in which they are tried.
# `model` returns logits; what counts is the softmax probability of the label. Every image for itself:
#
# 1. Ask for the image as it is. This is its first query.
# 2. For each feature of `order`: if `model` already puts the image into another class than its label,
#    the image is done, and asks no more. Otherwise ask for the image with this feature raised by
#    `epsilon`, clipped to [0, 1]: one query. If the probability of the label falls by more than
#    $10^{-4}$ (less may be rounding), keep the change and go on to the next feature.
# 3. If it does not, ask for the image with the feature lowered by `epsilon`, clipped: one more query.
#    Keep this change if the probability falls by more than $10^{-4}$; otherwise the feature stays.
#
# Return the changed images (N, *shape) and the number of queries of each, (N,). Leave `images` itself
# as it is.


# %% nbgrader={"grade_id": "query", "solution": true}
# answer: query
def query_attack(
    model: nn.Module, images: Tensor, labels: Tensor, epsilon: float, order: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the images after the changes that lowered the label's probability, and the queries."""
    ### BEGIN SOLUTION
    rows, now, queries = torch.arange(len(images)), images.clone(), torch.ones_like(labels)
    with torch.no_grad():
        known = model(now).softmax(1)
        for feature in order.tolist():
            going = known.argmax(1) == labels
            for way in (epsilon, -epsilon):
                tried = now.flatten(1).clone()
                tried[:, feature] = (tried[:, feature] + way).clamp(0, 1)
                asked = model(tried.view_as(now)).softmax(1)
                queries = queries + going
                fallen = known[rows, labels] - asked[rows, labels]
                better = going & (fallen > 1e-4)
                now[better], known[better] = tried.view_as(now)[better], asked[better]
                going = going & ~better
    return now, queries
    ### END SOLUTION


# %% nbgrader={"grade_id": "query-test", "grade": true, "points": 3}
trio = torch.tensor([[0.1, 0.2, 0.9, 0.5], [0.45, 0.0, 1.0, 0.5], [0.9, 0.1, 0.1, 0.5]])
kept = trio.clone()
both = query_attack(three, trio, torch.tensor([2, 2, 2]), 0.1, torch.tensor([0, 3, 2, 1]))
checks.expect(
    isinstance(both, tuple | list) and len(both) == 2, "Return two things: the images, the queries."
)
found, asked = both
checks.close(
    found,
    [[0.2, 0.3, 0.8, 0.5], [0.55, 0.0, 1.0, 0.5], [0.9, 0.1, 0.1, 0.5]],
    "query_attack(three, …)",
    "the probability of class 2 also falls where another logit rises. Feature 3 makes no difference, and "
    "stays. The second image is of class 0 after one change, the third from the beginning.",
)
checks.close(
    asked,
    [7, 2, 1],
    "the queries of query_attack(three, …)",
    "one for the image as it is; then one for each way that was asked for, none once an image is done.",
)
checks.expect(torch.equal(trio, kept), "`images` has changed: work on a copy.")
found, asked = query_attack(three, trio[1:2], torch.tensor([2]), 0.1, torch.tensor([2, 0]))
checks.close(
    found,
    [[0.45, 0.0, 0.9, 0.5]],
    "query_attack with another order",
    "features are tried in the order that `order` has. Here the first of them is enough.",
)
border = torch.tensor([[1.0, 1.0, 0.9], [0.0, 0.05, 0.0]])
found, asked = query_attack(toy, border, torch.tensor([0, 1]), 0.1, torch.tensor([1]))
checks.close(
    found,
    [[1.0, 1.0, 0.9], [0.0, 0.0, 0.0]],
    "query_attack at the border",
    "feature 1 can neither rise above 1 nor fall below 0: clip to [0, 1] before you ask.",
)
faint = copy.deepcopy(toy)
with torch.no_grad():  # a probability of ½ falls by 8 · 10⁻⁵, and its logarithm by 1.5 · 10⁻⁴
    faint[0].weight[:, 1] *= 1e-3
    faint[0].weight[0, 2] = -1.8
found, asked = query_attack(faint, middle, torch.tensor([0]), 0.1, torch.tensor([1]))
checks.close(
    found,
    middle,
    "query_attack where a feature makes nearly no difference",
    "a fall of the probability by less than 10⁻⁴ does not count: of the probability, not of its logarithm.",
)
order = torch.randperm(784, generator=torch.Generator().manual_seed(4))[:250].to(device)
found, asked = query_attack(model, images[:20], labels[:20], 0.2, order)
found = torch.as_tensor(checks.numbers(found, (20, 1, 28, 28), "query_attack(model, …)")).to(images)
asked = checks.numbers(asked, (20,), "the queries of query_attack(model, …)")
fooled = (network_says(model, found) != labels[:20]).cpu().numpy()
low, high = wilson(fooled.mean(), 20)
print(f"{fooled.sum()} of 20 images are misclassified (95 % interval {low:.0%} to {high:.0%})")
if fooled.any():
    print(
        f"queries of these: median {np.median(asked[fooled]):.0f}, most {asked[fooled].max():.0f}"
    )
display(plots.image_row(found[:6].cpu(), [classes[int(c)] for c in network_says(model, found[:6])]))
checks.passed("query", "changes, queries and borders of linear models")

# %% [markdown]
# With 250 pixels and ε = 0.2, 12 of the 20 images are misclassified, after 116 queries in the median. That
# is no gradient and no weight, but a hundred questions in place of a few passes. It is also another threat
# model than the ball of this ε: few pixels change, most of them once by ε.
#
# A query attack follows the probability in place of the gradient, so a saturated softmax stops it as well:
# on `sure` the probability of the label is 1 to the precision of the computer, no change lowers it, and
# nothing is found. Here, too, one would ask for the margin of the logits, if the service tells them.
