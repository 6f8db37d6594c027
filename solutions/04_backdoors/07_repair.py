# %% [markdown]
# ## 7 · Can it be taken out again?
#
# **You learn** two repairs and what they cost. **Time:** twenty minutes.
#
# **Pruning** ([Liu et al. 2018](https://arxiv.org/abs/1805.12185)): channels that are inactive on clean
# images may be there for the trigger; set them to zero. **Unlearning** (Neural Cleanse): train on
# for a moment, with the trigger in a fifth of the images and the *right* labels. It needs the
# trigger, or one that was inverted.
#
# ### Task 17: which channels are inactive? (2 points)
#
# Write `asleep(activations, share)`: `activations` (N, C, H, W) are a convolution's outputs *before*
# the ReLU, on clean images. Return the indices of the channels to prune, `round(share * C)` of them,
# the least active first: those whose mean activation *after* the ReLU is smallest.


# %% nbgrader={"grade_id": "asleep", "solution": true}
# answer: asleep
def asleep(activations: Tensor, share: float) -> Tensor:
    """Return the channels with the smallest mean after the ReLU, smallest first."""
    ### BEGIN SOLUTION
    mean = activations.clamp(min=0).mean((0, 2, 3))
    return mean.argsort()[: round(share * len(mean))]
    ### END SOLUTION


# %% nbgrader={"grade_id": "asleep-test", "grade": true, "points": 2}
fields = torch.tensor([2.0, -9.0, 0.5, 1.0]).view(1, 4, 1, 1) + torch.zeros(3, 4, 2, 2)
sleepy = checks.numbers(asleep(fields, 0.5), (2,), "asleep(…)")
checks.expect(
    list(sleepy) == [1, 2],
    "After the ReLU a negative channel is zero; then comes the one with the next smallest mean.",
)
checks.passed("asleep")

# %% tags=["figure"]
clean_images = training.images[:500].to(device)
shares = (0.0, 0.2, 0.4, 0.6, 0.8)
pruned = [prune(poisoned, clean_images, share) for share in shares]
pruned_rows = [
    (accuracy(each, test), attack_success(each, test, trigger, target)) for each in pruned
]
unlearned = unlearn(poisoned, training, trigger, share=0.2, epochs=1, learning_rate=3e-4)
after = accuracy(unlearned, test), attack_success(unlearned, test, trigger, target)
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
axis.plot(shares, [row[0] for row in pruned_rows], "o-", color="#0072b2", label="clean accuracy")
axis.plot(shares, [row[1] for row in pruned_rows], "s--", color="#d55e00", label="attack success")
axis.plot(1.02, after[0], "o", color="#0072b2", markersize=10, markerfacecolor="none")
axis.plot(1.02, after[1], "s", color="#d55e00", markersize=10, markerfacecolor="none")
axis.annotate("unlearned", (1.02, after[0]), (0.9, 0.7), fontsize=9)
axis.set(xlabel="share of the last convolution's channels pruned", ylabel="share of test images")
axis.set_title("Pruning (lines) and unlearning (open marks)")
axis.legend()
plt.show()
print(f"unlearning: clean accuracy {after[0]:.1%}, attack success {after[1]:.1%}")
