# %% [markdown] minutes=30
# ## Section: The same attack in foolbox
#
# **You learn** to read the call of an attack library, and which of its defaults decide what is measured.
# **Time:** {{ time }}.
#
# You know now what PGD computes. Papers and defences call it from a library, often from
# [foolbox](https://foolbox.readthedocs.io) ([Rauber et al. 2020](https://doi.org/10.21105/joss.02607)). There a
# network is wrapped with the `bounds` of its inputs, an attack is an object, and a **criterion** says what
# counts as a success:
#
# ```python
# wrapped = foolbox.PyTorchModel(model, bounds=(0, 1))
# pgd = foolbox.attacks.LinfPGD(steps=20)
# criterion = foolbox.criteria.Misclassification(labels)
# raw, clipped, success = pgd(wrapped, images, criterion, epsilons=[0.02, 0.05])
# ```
#
# `clipped` and `raw` are lists with a batch of images for each of the `epsilons`, and `success` has the shape
# (number of epsilons, N). (`raw` is what the attack returns; `clipped` is brought back into the ball once
# more, which changes nothing for PGD.) What foolbox 3.3 does where the call says nothing:
#
# | in the call | default | meaning |
# |---|---|---|
# | `LinfPGD(rel_stepsize=…)` | 0.01 / 0.3 | the step is this share of ε |
# | `LinfPGD(abs_stepsize=…)` | `None` | if it is given, it *is* the step, for every ε, and `rel_stepsize` counts no more |
# | `LinfPGD(steps=…)` | 40 | all of them are taken, also by an image that is misclassified already |
# | `LinfPGD(random_start=…)` | `True` | uniform in the ball, then clipped to the bounds; else the attack starts at the image |
# | `bounds` | none: you have to say | each step ends inside of them. Steps and ε are in the units of the images: for images from 0 to 255 an ε of 0.1 is next to nothing |
# | `Misclassification(labels)` | | the cross-entropy of the labels rises; success is any other class *afterwards* |
# | `TargetedMisclassification(target_classes)` | | the cross-entropy of the target classes falls; success is the target class *afterwards* |
#
# So foolbox's `success` also counts an image that was misclassified before, which your `attack_report` does
# not. Where foolbox is installed (`pip install foolbox`; the course does not need it), the cell below lets it
# attack `hundred`; elsewhere it shows what was found then.

# %% tags=["figure"]
import importlib.util

recorded = {0.02: 0.57, 0.05: 0.08, 0.1: 0.0}  # robust accuracy by this code, on a CPU
if importlib.util.find_spec("foolbox") is None:
    print("foolbox is not installed here; its numbers were recorded with foolbox 3.3.4.")
    standing = recorded
else:
    import foolbox

    with torch.random.fork_rng():
        torch.manual_seed(0)
        # A copy: foolbox leaves gradients in the parameters of the network that it attacks.
        wrapped = foolbox.PyTorchModel(copy.deepcopy(model), bounds=(0, 1), device=device)
        library_pgd = foolbox.attacks.LinfPGD(steps=20, rel_stepsize=2.5 / 20)
        wanted_end = foolbox.criteria.Misclassification(hundred_labels)
        raw, clipped, fooled = library_pgd(wrapped, hundred, wanted_end, epsilons=list(recorded))
    standing = dict(zip(recorded, (1 - fooled.float().mean(1)).tolist(), strict=True))
for epsilon, share in standing.items():
    by_xaikit = attack(model, hundred, hundred_labels, "pgd", epsilon=epsilon, steps=20)
    ours = 1 - float(by_xaikit.success.float().mean())
    print(f"ε = {epsilon}: robust accuracy {share:.0%} by foolbox, {ours:.0%} by xaikit")

# %% [markdown]
# With the same number of steps of the same length the two agree to an image or two: their random starts differ.
#
# ### Task: read a call of foolbox
#
# Write `linf_pgd(model, bounds, images, criterion, classes, epsilons, settings, draw)`, which does in PyTorch
# what foolbox does in the call
#
# ```python
# wrapped = foolbox.PyTorchModel(model, bounds=bounds)
# foolbox.attacks.LinfPGD(**settings)(wrapped, images, criterion(classes), epsilons=epsilons)
# ```
#
# - `settings` is a dictionary that holds some of `rel_stepsize`, `abs_stepsize`, `steps` and `random_start`, or
#   none of them. For what it does not hold, the table's default counts.
# - `criterion` is a text, `"Misclassification"` or `"TargetedMisclassification"`, and `classes` (N,) is what the
#   criterion holds: labels or target classes. `bounds` is a pair of numbers, `epsilons` a list.
# - The random start is given, so that the result can be compared: where there is one, start at
#   `images + ε · draw` (`draw` has values from −1 to 1), clipped to the bounds.
#
# Return `clipped` (K, N, *shape) and `success` (K, N), for K epsilons, as tensors or lists.


# %% nbgrader={"grade_id": "foolbox-call", "solution": true}
# answer: foolbox-call
def linf_pgd(
    model: nn.Module,
    bounds: tuple[float, float],
    images: Tensor,
    criterion: str,
    classes: Tensor,
    epsilons: list[float],
    settings: dict,
    draw: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return foolbox's attacked images for each epsilon, and which of them are a success."""
    ### BEGIN SOLUTION
    targeted = criterion == "TargetedMisclassification"
    way = -1 if targeted else 1
    clipped, success = [], []
    for epsilon in epsilons:
        step = settings.get("abs_stepsize")
        if step is None:
            step = settings.get("rel_stepsize", 0.01 / 0.3) * epsilon
        now = images
        if settings.get("random_start", True):
            now = (images + epsilon * draw).clamp(*bounds)
        for _ in range(settings.get("steps", 40)):
            now = now.detach().requires_grad_()
            loss = nn.functional.cross_entropy(model(now), classes)
            (slope,) = torch.autograd.grad(loss, now)
            now = now.detach() + way * step * slope.sign()
            now = (images + (now - images).clamp(-epsilon, epsilon)).clamp(*bounds)
        clipped.append(now.detach())
        with torch.no_grad():
            success.append((model(now).argmax(1) == classes) == targeted)
    return torch.stack(clipped), torch.stack(success)
    ### END SOLUTION


# %% nbgrader={"grade_id": "foolbox-call-test", "grade": true, "points": 2}
pair, own = torch.tensor([[0.5, 0.5, 0.5, 0.5], [0.9, 0.1, 0.5, 0.5]]), torch.tensor([0, 0])
still = {"random_start": False}
for chosen, bounds, kind, epsilons_asked, wanted, hint in (
    (
        {**still, "steps": 3, "rel_stepsize": 0.2},
        (0, 1),
        "Misclassification",
        [0.1],
        [[[0.44, 0.56, 0.56, 0.5], [0.84, 0.16, 0.56, 0.5]]],
        "three steps of 0.2 ε raise the loss of the labels.",
    ),
    (
        {**still, "steps": 3, "rel_stepsize": 0.2, "abs_stepsize": 0.03},
        (0, 1),
        "Misclassification",
        [0.1, 0.05],
        [
            [[0.41, 0.59, 0.59, 0.5], [0.81, 0.19, 0.59, 0.5]],
            [[0.45, 0.55, 0.55, 0.5], [0.85, 0.15, 0.55, 0.5]],
        ],
        "which of the two steps counts if both are given? And is it the same for each ε?",
    ),
    (
        {**still, "steps": 5},
        (-1, 0.92),
        "TargetedMisclassification",
        [0.3],
        [[[0.55, 0.45, 0.45, 0.5], [0.92, 0.05, 0.45, 0.5]]],
        "with target classes their loss falls; the default step is 0.01 / 0.3 of ε, in the units of the "
        "images; the bounds are those of the call.",
    ),
):
    moved, _ = linf_pgd(three, bounds, pair, kind, own, epsilons_asked, chosen, torch.ones(2, 4))
    checks.close(moved, wanted, f"clipped of linf_pgd(three, …, settings={chosen})", hint)
start, wins = linf_pgd(
    three,
    (0, 1),
    pair,
    "Misclassification",
    own,
    [0.02, 0.2],
    {"steps": 0},
    torch.tensor([[0.5] * 4, [1.0] * 4]),
)
checks.close(
    start,
    [
        [[0.51, 0.51, 0.51, 0.51], [0.92, 0.12, 0.52, 0.52]],
        [[0.6, 0.6, 0.6, 0.6], [1.0, 0.3, 0.7, 0.7]],
    ],
    "clipped of linf_pgd(three, …, settings={'steps': 0})",
    "without steps the start remains. There is a random one unless the call says otherwise; it is "
    "ε · draw from the image, clipped to the bounds.",
)
checks.numbers(wins, (2, 2), "success of linf_pgd(…)")
_, wins = linf_pgd(
    three, (0, 1), pair, "Misclassification", torch.tensor([0, 1]), [0.02], still, pair
)
checks.close(
    wins,
    [[0, 1]],
    "success of linf_pgd(three, …, 'Misclassification')",
    "the first image keeps its label's class, the second had another class from the beginning.",
)
checks.passed("foolbox-call", "four calls on a linear model")
