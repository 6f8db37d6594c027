# %% [markdown] minutes=20
# ## Section: Can it be removed?
#
# **You learn** two repairs and what they cost. **Time:** {{ time }}.
#
# **Pruning** ([Liu et al. 2018](https://arxiv.org/abs/1805.12185)): channels that are inactive on clean
# images may be there for the trigger; set them to zero. The paper prunes the last convolution, and
# then fine-tunes the network on clean data: an attacker who expects pruning can keep the backdoor in
# channels that clean images use. We do the first step. **Unlearning** (Neural Cleanse): train for one
# more epoch, with the trigger in a fifth of the images and the *right* labels. It needs the trigger, or
# one that was inverted.
#
# ### Task: which channels are inactive?
#
# Write `dormant(activations, share)`: `activations` (N, C, H, W) are a convolution's outputs *before*
# the ReLU, on clean images. Return the indices of the channels to prune, `round(share * C)` of them,
# the least active first: those whose mean activation *after* the ReLU is smallest.


# %% nbgrader={"grade_id": "dormant", "solution": true}
# answer: dormant
def dormant(activations: Tensor, share: float) -> Tensor:
    """Return the channels with the smallest mean after the ReLU, smallest first."""
    ### BEGIN SOLUTION
    mean = activations.relu().mean((0, 2, 3))
    return mean.argsort()[: round(share * len(mean))]
    ### END SOLUTION


# %% nbgrader={"grade_id": "dormant-test", "grade": true, "points": 2}
first_image = [[3.0, -9.0], [0.5, 0.5], [0.0, -1.0], [1.0, 1.0]]  # four channels of two places
second_image = [[0.0, 0.0], [0.5, 0.5], [0.4, 0.0], [1.0, 1.0]]
fields = torch.tensor([first_image, second_image]).unsqueeze(2)
for some_share, wanted in ((0.8, [2, 1, 0]), (0.4, [2, 1]), (0.3, [2])):
    least = checks.numbers(
        dormant(fields, some_share), (len(wanted),), f"dormant(…), {some_share} of four channels"
    )
    checks.expect(
        list(least) == wanted,
        "Each of the four channels has two places in two images. Work out the four means by hand, of what "
        "the ReLU leaves; the smallest comes first.",
    )
checks.passed("dormant", "the order of four channels, and shares that are rounded up and down,")

# %% tags=["figure"]
clean_images = training.images[:200].to(device)
shares = (0.0, 0.2, 0.4, 0.6, 0.8)
pruned = [prune(poisoned, clean_images, share) for share in shares]
pruned_rows = [
    (accuracy(each, test), attack_success(each, test, trigger, target)) for each in pruned
]
unlearned = unlearn(poisoned, training, trigger, share=0.2, epochs=1, learning_rate=3e-4)
after = accuracy(unlearned, test), attack_success(unlearned, test, trigger, target)
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
numbers_of_images = len(test), int((test.labels != target).sum())
for each, (label, style, colour) in enumerate(
    (("clean accuracy", "o-", "#0072b2"), ("attack success", "s--", "#d55e00"))
):
    ends = np.array([interval(row[each], numbers_of_images[each]) for row in pruned_rows]).T
    means = np.array([row[each] for row in pruned_rows])
    axis.errorbar(shares, means, abs(ends - means), fmt=style, color=colour, capsize=3, label=label)
    axis.plot(1.02, after[each], style[0], color=colour, markersize=10, markerfacecolor="none")
axis.axvline(0.91, color="grey", linewidth=0.8)  # on the right is no share of channels
axis.set_xticks([*shares, 1.02], [*(f"{share:.0%}" for share in shares), "unlearned"])
axis.set(
    xlabel="share of the last convolution's channels that is pruned", ylabel="share of test images"
)
axis.set_title("Pruning (lines, 95 % intervals) and unlearning (open marks)")
axis.legend()
plt.show()
told = [percent(share, number) for share, number in zip(after, numbers_of_images, strict=True)]
print(f"unlearning: clean accuracy {told[0]}, attack success {told[1]}")
