# %% [markdown]
# ## 4 · A gradient that is not there
#
# **You learn** why "our defence withstands FGSM" is no evidence. **Time:** one hour.
#
# For the cross-entropy of logits $f$ and probabilities $p = \operatorname{softmax}(f)$,
#
# $$\nabla_x J(x, y) = \sum_k \bigl(p_k - [k = y]\bigr) \, \nabla_x f_k(x).$$
#
# Where the network is sure, $p_y = 1$ and all other $p_k = 0$: to the precision of the computer the
# gradient *vanishes*, and an attack that follows it does not move. That says nothing about the decision
# nearby. [Carlini and Wagner 2017](https://arxiv.org/abs/1608.04644) therefore attack the
# **margin** of the logits, $\max_{j \ne y} f_j(x) - f_y(x)$, whose gradient does not fade. Defences that
# break the gradient instead of moving the boundary **mask** it; [Athalye, Carlini and Wagner
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
# ### Task 8: unmask it (3 points)
#
# Which class is the largest does not depend on a factor, so `sure` says to every image what `model`
# says. Set
#
# - `apparent`: the robust accuracy of `sure` on `hundred` under `attack(sure, hundred,
#   hundred_labels, "pgd", epsilon=0.1, steps=20)`;
# - `unmasked`: 100 images, each within 0.1 of its original in `hundred` (maximum norm, pixels in
#   [0, 1]), at least 90 of which `sure` gets wrong. Any way of finding them is fair;
# - `suspicious`: for each observation in `observations`, `True` if it would have made you suspect a
#   masked gradient, `False` if it is what one expects of an honest evaluation.

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
fooled = int((said(sure, found) != hundred_labels).sum())
print(
    f"robust accuracy of `sure`: {float(apparent):.0%} by the library's PGD, {100 - fooled} % by yours"
)
checks.expect(
    fooled >= 90,
    "`unmasked` fools too few: follow the gradient of something that does not saturate, or ask which "
    "other network has the same decisions.",
)
checks.choices(suspicious, observations, (True, False), "suspicious")
checks.passed("masking")
