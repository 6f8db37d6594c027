# %% [markdown] minutes=45
# ## Section: Learned by reinforcement
#
# **You learn** how an *actor* finds a counterfactual in one pass, and how it is trained without the
# model's gradient. **Time:** {{ time }}.
#
# Wachter's search and the prototypes start again for each image. Samoilescu, Van Looveren and Klaise
# ([2021](https://arxiv.org/abs/2106.02597)) train a network, the **actor** $\mu$, to do it: it takes
# the code $z = \mathrm{ENC}(x)$ and the class $t$, and returns a new code, from which a decoder makes
# the counterfactual. The model is asked for its prediction only, so it may be anything, a forest for
# example. But a reward that is 1 if the model says $t$ and 0 if not has no gradient. Therefore
# a second network, the **critic** $Q(z, t, a)$, learns to predict the reward of an action $a$, and the
# actor raises the critic's value (DDPG, [Lillicrap et al. 2016](https://arxiv.org/abs/1509.02971), here with
# episodes of a single step, so that nothing has to be discounted):
#
# $$L_{\text{critic}} = \operatorname{mean}\,\bigl(Q(z, t, a) - r\bigr)^2, \qquad
#   L_{\text{actor}} = -\operatorname{mean}\, Q\bigl(z, t, \mu(z, t)\bigr) + \alpha\,
#   \operatorname{mean}\, \lVert x - \mathrm{DEC}(\mu(z, t))\rVert_1 .$$
#
# The actions $a$ and rewards $r$ of the first loss come from a **replay buffer** of past tries, to
# which noise was added for exploration. (The paper has further terms, among them one that keeps the
# decoded counterfactual's code consistent with the actor's, and its actor is also told the model's
# present prediction.)
#
# ### Task: two losses
#
# Write `losses(value, predicted, targets, value_now, x, rebuilt, alpha)` for a batch: `value` are the
# critic's values of the stored actions, `predicted` the classes that the model gave to their
# counterfactuals, `value_now` the critic's values of the actor's present actions, and `rebuilt` the
# counterfactuals that these decode to. The $L_1$ norm of an item is the *sum* over its features.


# %% nbgrader={"grade_id": "ddpg", "solution": true}
# answer: ddpg
def losses(
    value: Tensor,
    predicted: Tensor,
    targets: Tensor,
    value_now: Tensor,
    x: Tensor,
    rebuilt: Tensor,
    alpha: float,
) -> tuple[Tensor, Tensor]:
    """Return the critic's and the actor's loss, two numbers.

    value, value_now: (B,) floats; predicted, targets: (B,) integers; x, rebuilt: (B, D) floats.
    """
    ### BEGIN SOLUTION
    reward = (predicted == targets).to(value.dtype)
    critic = (value - reward).square().mean()
    actor = -value_now.mean() + alpha * (x - rebuilt).abs().sum(dim=1).mean()
    return critic, actor
    ### END SOLUTION


# %% nbgrader={"grade_id": "ddpg-test", "grade": true, "points": 2}
checks.function(losses, "losses")
batch = (
    torch.tensor([1.5, 0.5, -1.0]),  # value
    torch.tensor([3, 5, 2]),  # predicted
    torch.tensor([3, 4, 2]),  # targets
    torch.tensor([3.0, 0.0, 0.0]),  # value_now
    torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]),  # x
    torch.tensor([[0.25, 1.0], [0.0, 0.25], [0.5, 0.5]]),  # rebuilt
)
critic, without_distance = checks.numbers(losses(*batch, 0.0), (2,), "losses(…)")
checks.close(
    critic,
    1.5,
    "the critic's loss",
    "The rewards are 1, 0 and 1 (1 if the target was reached, else 0), so the stored values are off "
    "by 0.5, 0.5 and 2: square, then mean.",
)
checks.close(
    without_distance,
    -1.0,
    "the actor's loss with alpha = 0",
    "It falls as the mean of `value_now` rises.",
)
actor = checks.numbers(losses(*batch, 4.0), (2,), "losses(…)")[1]
hint = "The distances are 0.25, 1.25 and 0: sum over features, mean over items, times alpha."
checks.close(actor, 1.0, "the actor's loss with alpha = 4", hint)
checks.passed("ddpg", "form and both losses of three items")

# %% [markdown]
# ### Task: what does each need?
#
# Say for each method what it needs of the *model* (`"gradient"` or `"predictions"`) as it was
# described above, and what it costs to explain *one more image* once everything is prepared:
# `"search"` (hundreds of passes) or `"one pass"`. Wachter's and the prototypes' losses are minimised by
# gradient descent here.

# %% nbgrader={"grade_id": "needs", "solution": true}
# answer: needs
needs = {"wachter": None, "prototype": None, "rl": None}
cost = {"wachter": None, "prototype": None, "rl": None}
### BEGIN SOLUTION
needs = {"wachter": "gradient", "prototype": "gradient", "rl": "predictions"}
cost = {"wachter": "search", "prototype": "search", "rl": "one pass"}
### END SOLUTION

# %% nbgrader={"grade_id": "needs-test", "grade": true, "points": 2}
methods = ("wachter", "prototype", "rl")
checks.choices(needs, methods, ("gradient", "predictions"), "needs")
checks.choices(cost, methods, ("search", "one pass"), "cost")
checks.passed("needs")
