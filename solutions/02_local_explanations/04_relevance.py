# %% [markdown]
# ## 4 · Relevance, layer by layer
#
# **You learn** how layer-wise relevance propagation (LRP) distributes an output over the input, what
# its rules have in common, and where the rules matter more than the network. **Time:** one hour.
#
# [Bach et al. 2015](https://doi.org/10.1371/journal.pone.0130140) use no slope. They take the
# output as an amount of **relevance**, $R = f_c(x)$, and propagate it back layer by layer: a unit $j$
# distributes its $R_j$ over the units $i$ in front of it, in proportion to what these have contributed.
# ReLUs pass relevance on unchanged. The rules differ in what counts as a contribution. With
# activations $a_i$ (in the first layer the inputs $x_i$), weights $w_{ji}$, biases $b_j$, and
# $(\cdot)^+ = \max(0, \cdot)$, $(\cdot)^- = \min(0, \cdot)$:
#
# | rule | $R_i = \sum_j \dots$ | good for |
# |---|---|---|
# | LRP-ε | $\dfrac{a_i w_{ji}}{z_j + \varepsilon \operatorname{sign} z_j} R_j$ with $z_j = \sum_{i'} a_{i'} w_{ji'} + b_j$ and $\operatorname{sign} 0 = 1$ | signs; near the output |
# | LRP-z⁺ | $\dfrac{(a_i w_{ji})^+}{\sum_{i'} (a_{i'} w_{ji'})^+ + b_j^+} R_j$ | smooth maps in convolutions |
# | zᴮ, for pixels in $[0, 1]$ | $\dfrac{x_i w_{ji} - w_{ji}^-}{\sum_{i'} (x_{i'} w_{ji'} - w_{ji'}^-)} R_j$ | the first layer |
#
# In the first two rules the bias takes its share and keeps it, so that relevance is lost on the
# way; where there are no biases (and for ε → 0) it is **conserved**. On ReLU networks LRP-ε with
# ε → 0 is input × gradient ([Ancona et al. 2018](https://arxiv.org/abs/1711.06104)). **Deep
# Taylor** decomposition ([Montavon et al. 2017](https://arxiv.org/abs/1512.02479)) derives its
# rules from Taylor expansions of the units: z⁺ in the hidden layers and zᴮ in the first, both
# *without* biases, which it assumes not to be positive. For the whole story see [Montavon et al.
# 2019](https://doi.org/10.1007/978-3-030-28954-6_10).
#
# ### Task 9: relevance by hand (4 points)
#
# `network` is an `nn.Sequential` in which `nn.Linear` and `nn.ReLU` layers alternate; it begins and
# ends with a linear one and may have one linear layer only. Write `relevance(network, x, target,
# rule)` for a vector `x` with values in [0, 1]. The `rule` is
#
# - `"epsilon"`: LRP-ε in every layer, with ε = 10⁻⁶;
# - `"z_plus"`: LRP-z⁺ in every layer, biases as in the table;
# - `"deep_taylor"`: zᴮ in the *first* linear layer, z⁺ without biases in all others.
#
# Relevance starts as the target's logit, and as 0 at the other classes. Where a denominator is 0,
# nothing is passed on (there are such units: mind 0/0).


# %% nbgrader={"grade_id": "relevance", "solution": true}
# answer: relevance
def relevance(network: nn.Sequential, x: Tensor, target: int, rule: str) -> Tensor:
    """Return the relevance of the features of x, in x's shape (d,)."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        entering, value = [], x
        for layer in network:
            entering.append(value)
            value = layer(value)
        share = torch.zeros_like(value)
        share[target] = value[target]
        for place in reversed(range(len(network))):
            layer, a = network[place], entering[place]
            if isinstance(layer, nn.ReLU):
                continue
            contributions = layer.weight * a  # (outputs, inputs)
            if rule == "epsilon":
                z = contributions.sum(1) + layer.bias
                below = z + 1e-6 * torch.where(z >= 0, 1.0, -1.0)
            elif rule == "deep_taylor" and place == 0:
                contributions = contributions - layer.weight.clamp(max=0)
                below = contributions.sum(1)
            else:
                contributions = contributions.clamp(min=0)
                below = contributions.sum(1)
                if rule == "z_plus":
                    below = below + layer.bias.clamp(min=0)
            share = torch.where(below == 0, 0.0, share / below) @ contributions
        return share
    ### END SOLUTION


# %% nbgrader={"grade_id": "relevance-test", "grade": true, "points": 4}
single = nn.Sequential(nn.Linear(3, 1))
with torch.no_grad():
    single[0].weight.copy_(torch.tensor([[2.0, -1.0, 1.0]]))
    single[0].bias.fill_(1.0)
spot = torch.tensor([0.5, 0.5, 1.0])  # contributions 1, −½, 1 and the bias 1: the logit is 2.5
for rule, expected, hint in (
    ("epsilon", [1, -0.5, 1], "contributions and bias share the logit by their signed sizes."),
    ("z_plus", [2.5 / 3, 0, 2.5 / 3], "only what is positive takes a share, the bias among it."),
    ("deep_taylor", [1, 0.5, 1], "add to each contribution what a pixel of 1 could have cost."),
):
    checks.close(
        relevance(single, spot, 0, rule), expected, f"relevance(single, …, {rule!r})", hint, 1e-3
    )
last = nn.Sequential(model[-1])  # our network's own last layer, on what reaches it
with torch.no_grad():
    reaching = model[:-1](examples[:1])
for rule in ("epsilon", "z_plus"):
    checks.close(
        relevance(last, reaching[0], predicted, rule),
        explain(last, reaching, predicted, "lrp", rule=rule).attributions[0, 0].cpu(),
        f"relevance of our network's last features, {rule!r}",
        "it differs from `explain(…, method='lrp')`.",
        1e-3,
    )
torch.manual_seed(3)
small = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
point = torch.rand(4)
for rule, options in (
    ("epsilon", {"method": "lrp", "rule": "epsilon"}),
    ("z_plus", {"method": "lrp", "rule": "z_plus"}),
    ("deep_taylor", {"method": "deep_taylor"}),
):
    checks.close(
        relevance(small, point, 1, rule),
        explain(small, point[None], 1, **options).attributions[0, 0],
        f"relevance(small, …, {rule!r})",
        "through several layers it differs from `explain`. What a layer passes back is what the "
        "layer before it has to share.",
        1e-3,
    )
checks.passed("relevance")

# %% tags=["figure"]
rows = {
    "LRP-ε": {"method": "lrp", "rule": "epsilon"},
    "LRP-z⁺": {"method": "lrp", "rule": "z_plus"},
    "ε in linear layers,\nz⁺ in convolutions": {"method": "lrp", "rule": "composite"},
    "deep Taylor": {"method": "deep_taylor"},
}
figure, axes = plt.subplots(1, 5, figsize=(12, 2.7), layout="constrained")
axes[0].imshow(examples[1, 0].cpu(), cmap="gray", vmin=0, vmax=1)
axes[0].axis("off")
for axis, (title, chosen) in zip(axes[1:], rows.items(), strict=True):
    result = explain(model, examples[1:], targets[1:, 1], **chosen)
    show_map(axis, result.attributions[0, 0], title)
figure.suptitle(f"Relevance for “{classes[int(targets[1, 1])]}” by four rules")
plt.show()

# %% [markdown]
# One network, one image, four pictures: you choose the rule, and a smoother map is not a truer one.
# Our network has positive biases, because its batch normalisation was folded into the convolutions.
# So Deep Taylor's assumption does not hold here. Deep Taylor also needs an output that is positive.
