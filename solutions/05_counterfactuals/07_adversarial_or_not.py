# %% [markdown]
# ## 7 · Adversarial example or counterfactual?
#
# **You learn** to tell two things apart that solve nearly the same optimisation problem. **Time:** half
# an hour.
#
# Both ask for a small change after which the model says another class. An **adversarial example** is
# meant to leave the image what it was for people; a **counterfactual** should show what would have to
# be different. One test is a second network, which was trained independently: a picture that only
# exploits one network's weaknesses has little reason to persuade another.
#
# ### Task 16: ask somebody else (3 points)
#
# `sources` are {{ transfer_count }} correctly classified images of other classes, all with the target *dress*. Below
# are PGD's adversarial examples (notebook 03) and the counterfactuals of two methods. For each of the
# three, set `transfer` to the share of those images *that persuade the first network* (`model` says
# dress) which the network `second` takes for a dress, too. And set `most_convincing` to the name with
# the largest share.

# %%
second = load_pretrained("lecture", device=device)
usable = torch.nonzero(right & (test.labels[:1000] != dress))[:60, 0]
sources = test.images[usable].to(device)
candidates = {
    "adversarial": attack(
        model, sources, test.labels[usable].to(device), "pgd", targets=dress, epsilon=0.1
    ).adversarial,
    "wachter": counterfactual(model, sources, dress, "wachter").counterfactuals[:, 0],
    "prototype": counterfactual(model, sources, dress, "prototype").counterfactuals[:, 0],
}

# %% nbgrader={"grade_id": "transfer", "solution": true}
# answer: transfer
transfer = most_convincing = None
### BEGIN SOLUTION
transfer = {}
with torch.no_grad():
    for name, pictures in candidates.items():
        fooled = model(pictures).argmax(1) == dress
        transfer[name] = (second(pictures[fooled]).argmax(1) == dress).float().mean().item()
most_convincing = max(transfer, key=transfer.get)
### END SOLUTION

# %% nbgrader={"grade_id": "transfer-test", "grade": true, "points": 3}
checks.expect(
    isinstance(transfer, dict) and set(transfer) == set(candidates),
    "`transfer` should be a dictionary with an entry for each of the three kinds of image.",
)
for name in candidates:
    checks.expect(
        0 <= checks.numbers(transfer[name], (), f"transfer[{name!r}]") <= 1,
        "A share lies in [0, 1].",
    )
checks.expect(most_convincing in candidates, "`most_convincing` is one of the three names.")
figure, axes = plt.subplots(4, 6, figsize=(8, 5.6), layout="constrained")
for row, (name, pictures) in enumerate({"original": sources, **candidates}.items()):
    for column in range(6):
        axes[row, column].imshow(pictures[column, 0].cpu(), cmap="gray", vmin=0, vmax=1)
        axes[row, column].axis("off")
    title = name if name == "original" else f"{name}: {float(transfer[name]):.0%} persuade both"
    axes[row, 0].set_title(title, fontsize=9, loc="left")
plt.show()
checks.passed("transfer")

# %% [markdown] nbgrader={"grade_id": "judgement", "solution": true, "grade": true, "points": 4}
# <!-- answer: judgement -->
# **Would a person call it a dress?** (4 points, about ten sentences)
#
# 1. Look at the grids of section 6 and the pictures of task 16. For each method name one picture that
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
#    line, but keeps its sleeves; the boot as a dress is a boot in fog. The actor: the T-shirt as a bag
#    has a handle, as a dress it is waisted and long: both would pass; the boot as trousers is three
#    bright stripes, and has nothing of trousers but being upright.
# 2. Agreement: the pictures of Wachter's method have the smallest $L_1$ distance and look as if nothing
#    had happened; their IM1 is the largest, the actor's the smallest. Disagreement: validity is (nearly) perfect for pictures that
#    nobody would call a dress, because it asks the network that the picture was made for. It overlooks
#    whether the evidence means anything to anybody else; transfer to the second network is a better
#    hint, but two networks that were trained on the same images can share a weakness.
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
#   network or the pixels, IM1 an autoencoder's opinion, transfer a network of the same training data.
# - 1 point: a choice for customers and one for developers, with reasons that fit what the methods did
#   here (realistic against faithful to the network, speed, gradients needed). Either choice can be
#   defended.
#
# Judgements without any picture named: at most 2 points.
# === END MARK SCHEME ===
