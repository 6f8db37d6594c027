# %% [markdown] minutes=60
# ## Section: Adversarial example or counterfactual?
#
# **You learn** to tell two things apart that solve nearly the same optimisation problem. **Time:** {{ time }}.
#
# Both ask for a small change after which the model says another class. An **adversarial example** is
# meant to leave the image what it was for people; a **counterfactual** should show what would have to
# be different. One test is a second network, which was trained independently: does it say *dress*, too?
#
# {{ if notebook.adversarial_attacks.transfer }}In notebook {{ notebook.adversarial_attacks }} adversarial examples did transfer: the second network made more mistakes
# on them than on noise of equal length. But there any mistake counted.{{ else }}Adversarial examples do transfer: a second network often makes a mistake on them, too. But then
# any mistake counts.{{ end }} Here the second network has to name the *same class*, and adversarial examples
# rarely transfer together with their target (Liu, Chen, Liu and Song [2017](https://arxiv.org/abs/1611.02770)).
#
# A comparison needs two controls. A larger change may persuade more networks, in any direction: so
# each picture is compared with *noise of its own $L_2$ length*. And the four kinds of pictures below have
# different lengths: so they are compared once more after each image's change was scaled to the length 4.
#
# ### Task: a second network
#
# `sources` are {{ transfer_count }} correctly classified images of other classes, all with the target
# *dress*. `candidates[kind]` are the pictures of four kinds, `noisy[kind]` the sources with noise, image
# by image of the same $L_2$ length as the change in `candidates[kind]`, and `scaled[kind]` the pictures
# after their changes were scaled to the length 4. An image *persuades* a network that says *dress*. Set
#
# - `transfer`, a (4, 2) tensor or array, a row for each of the `kinds`: of the `candidates` that persuade
#   `model`, the share that persuades `second`, too; and the same for `scaled`;
# - `above_noise`, a dictionary with `"yes"` or `"no"` for each of the `kinds`: do the `candidates`
#   persuade `second` more often than their `noisy` images do, by more than chance? Say yes if the two
#   95 % intervals (Wilson's, over all {{ transfer_count }} images) have no point in common.


# %%
def at_length(change: Tensor, length: Tensor) -> Tensor:
    """Return the sources changed in these directions, so that each change has its length (N,)."""
    pictures = sources
    for _ in range(10):  # clipping shortens a change, so it is scaled again
        change = change * (length / change.flatten(1).norm(dim=1))[:, None, None, None]
        pictures = (sources + change).clamp(0, 1)
        change = pictures - sources
    return pictures


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share{{ if notebook.backdoors }} (notebook {{ notebook.backdoors }}){{ end }}."""
    share, z = hits / count, 1.96
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return tuple((middle + sign * reach) / (1 + z * z / count) for sign in (-1, 1))


second = load_pretrained("lecture", device=device)
usable = torch.nonzero(right & (test.labels[:1000] != dress))[:60, 0]
sources, labels = test.images[usable].to(device), test.labels[usable].to(device)
kinds = ("adversarial", "wachter", "prototype", "rl")
candidates = {
    "adversarial": attack(model, sources, labels, "pgd", targets=dress, epsilon=0.1).adversarial
} | {kind: counterfactual(model, sources, dress, kind).counterfactuals[:, 0] for kind in kinds[1:]}
noise = torch.randn(sources.shape, generator=torch.Generator().manual_seed(0)).to(device)
noisy, scaled = {}, {}
for kind, pictures in candidates.items():
    length = (pictures - sources).flatten(1).norm(dim=1)
    noisy[kind] = at_length(noise, length)
    scaled[kind] = at_length(pictures - sources, torch.full_like(length, 4.0))
    print(f"{kind:12} mean length {length.mean():.1f}")

# %% nbgrader={"grade_id": "transfer", "solution": true}
# answer: transfer
transfer = above_noise = None
### BEGIN SOLUTION
transfer, above_noise = torch.zeros(4, 2), {}
with torch.no_grad():
    for row, kind in enumerate(kinds):
        for column, pictures in enumerate((candidates[kind], scaled[kind])):
            fooled = model(pictures).argmax(1) == dress
            transfer[row, column] = (second(pictures[fooled]).argmax(1) == dress).float().mean()
        hits, control = (
            int((second(pictures).argmax(1) == dress).sum())
            for pictures in (candidates[kind], noisy[kind])
        )
        apart = wilson(hits, len(sources))[0] > wilson(control, len(sources))[1]
        above_noise[kind] = "yes" if apart else "no"
### END SOLUTION

# %% nbgrader={"grade_id": "transfer-test", "grade": true, "points": 3}
shares = checks.numbers(transfer, (4, 2), "transfer")
checks.expect(0 <= shares.min() <= shares.max() <= 1, "A share lies in [0, 1].")
checks.choices(above_noise, kinds, ("yes", "no"), "above_noise")
figure, axes = plt.subplots(5, 6, figsize=(8, 7), layout="constrained")
for row, (name, pictures) in enumerate({"original": sources, **candidates}.items()):
    for column in range(6):
        axes[row, column].imshow(pictures[column, 0].cpu(), cmap="gray", vmin=0, vmax=1)
        axes[row, column].axis("off")
    title = name if name == "original" else f"{name}: {shares[row - 1, 0]:.0%} persuade both"
    axes[row, 0].set_title(title, fontsize=9, loc="left")
plt.show()

figure, axes = plt.subplots(1, 2, figsize=(8, 2.4), layout="constrained", sharey=True)
for column, (axis, title) in enumerate(zip(axes, ("as they are", "at length 4"), strict=True)):
    for row, kind in enumerate(kinds):
        with torch.no_grad():
            pictures = (candidates, scaled)[column][kind]
            asked = int((model(pictures).argmax(1) == dress).sum())
        share = shares[row, column]
        axis.plot(wilson(share * asked, asked), (row, row), "k-", linewidth=1)
        axis.plot(share, row, "ko")
        axis.annotate(f"of {asked}", (1.0, row), va="center", ha="right", fontsize=8)
    axis.set_title(f"{title}: share that persuades both", fontsize=9)
    axis.set_xlim(-0.03, 1.03)
    axis.set_ylim(3.5, -0.5)
axes[0].set_yticks(range(4), kinds)
figure.suptitle("of those that persuade the first network; lines: 95 % intervals", fontsize=9)
plt.show()
checks.passed("transfer", "shares from 0 to 1, and a word for each kind,")

# %% [markdown]
# ### What this says, and what not
#
# As they are, the actor's pictures persuade the second network most often (37 of 60, 95 % interval 49 to
# 73 %), those with prototypes less often (10 of 60, 9 to 28 %), Wachter's and the adversarial ones never
# (0 of 60, at most 6 %). Noise of the same lengths persuades it at most once in 60 images: the length alone
# does not do it.
#
# At the length 4 fewer pictures persuade the first network. Of those that do, about 10 of 16 from the actor
# (39 to 82 %), 13 of 39 with prototypes (21 to 49 %), 5 of 43 of Wachter's (5 to 25 %) and 0 of 23
# adversarial ones (at most 14 %) persuade the second. So the direction matters: the actor and the prototypes
# differ from the adversarial examples by more than chance. But a part of the actor's lead comes from its
# longer changes (6.9 against 3.8): at equal length it differs from the prototypes no more than chance allows
# (Fisher's exact test: p = 0.07), and so do Wachter's pictures from the adversarial ones (p = 0.15).
#
# (One might object that PGD stops as soon as the network says *dress*, with a probability of about 0.65,
# whereas the others go on to 0.95. An attack that goes on until the probability is nearly 1, inside $L_2$
# balls as large as the prototypes' changes, persuades the second network with none of the 60 images.)
#
# All this is about one pair of networks, trained on the same kind of images, and one target. (The numbers are
# those with all of FashionMNIST. The sample that comes with xaikit leads to other prototypes: 11 of 60, and 15
# of 37 at the length 4. The conclusions are the same.)

# %% [markdown] nbgrader={"grade_id": "judgement", "solution": true, "grade": true, "points": 4}
# <!-- answer: judgement -->
# **Would a person call it a dress?** ({{ points.judgement }}, about ten sentences)
#
# 1. Look at the grids of section {{ section.comparison }}{{ if task.transfer }} and the pictures of task {{ task.transfer }}{{ end }}. For each method name one picture that
#    you would call its class, or say that there is none, and one that you would not, with what is
#    missing.
# 2. Do the numbers (validity, $L_1$, IM1, transfer) agree with your eyes? Name one agreement and one
#    disagreement, and what the number overlooks.
# 3. A fashion shop wants to explain to customers why the program sorted a shirt among the shirts, and
#    its developers want to know what their network relies on. Which method would you give to whom,
#    and why?
#
# ### BEGIN SOLUTION
# An answer:
#
# 1. Wachter: none of them; the T-shirt "as trousers" is the T-shirt with some bright and dark dots.
#    Prototypes: the T-shirt as trousers shows a dark gap where two legs would part, the best of its
#    line, but keeps its sleeves; the boot as a dress is a blurred boot. The actor: the T-shirt as a bag
#    has a handle, as a dress it is waisted and long: both would pass; the boot as trousers is three
#    bright stripes, and has nothing of trousers but being upright.
# 2. Agreement: the pictures of Wachter's method have the smallest $L_1$ distance and look as if nothing
#    had happened; their IM1 is the largest, the actor's the smallest. Disagreement: validity is
#    (nearly) perfect for pictures that nobody would call a dress, because it asks the network that the
#    picture was made for. It overlooks whether the evidence means anything to anybody else; transfer to
#    the second network is a better test, but it depends on how long the changes are, and two networks
#    that were trained on the same images can share a weakness.
# 3. Customers: the actor, because they have to *see* the difference, at once, and a larger change does
#    no harm. Developers: Wachter's method, because
#    its few changed pixels show what the network really reacts to, also if that makes no sense; a
#    realistic picture would hide the weakness.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 4 points; half points are possible.
#
# - 1 point: for every method a picture is named (input and desired class) and judged by what can be
#   seen in it (sleeves, legs, waist, sole, …), not by a number. "There is none" is fine with a reason.
# - 1 point: one agreement of a number with the eye, and one disagreement.
# - 1 point: what the number overlooks, for the disagreement: validity and distance ask only the attacked
#   network or the pixels, IM1 an autoencoder, transfer a network of the same training data.
# - 1 point: a choice for customers and one for developers, with reasons that fit what the methods did
#   here (realistic against faithful to the network, speed, gradients needed). Either choice can be
#   defended.
#
# Judgements without any picture named: at most 2 points.
# === END MARK SCHEME ===
