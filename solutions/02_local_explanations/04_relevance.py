# %% [markdown] minutes=60
# ## Section: Relevance, layer by layer
#
# **You learn** how layer-wise relevance propagation (LRP) distributes an output over the input, what
# its rules have in common, and where the rules matter more than the network. **Time:** {{ time }}.
#
# [Bach et al. 2015](https://doi.org/10.1371/journal.pone.0130140) use no slope. They take the
# output as an amount of **relevance**, $R = f_c(x)$, and propagate it back layer by layer: a unit $j$
# distributes its $R_j$ over the units $i$ of the layer before, in proportion to what these have
# contributed to it. ReLUs pass relevance on unchanged. The rules differ in what counts as a
# contribution. With activations $a_i$ (in the first layer the inputs $x_i$), weights $w_{ji}$, biases
# $b_j$, and $(\cdot)^+ = \max(0, \cdot)$, $(\cdot)^- = \min(0, \cdot)$:
#
# | rule | $R_i = \sum_j \dots$ | good for |
# |---|---|---|
# | LRP-ε | $\dfrac{a_i w_{ji}}{z_j + \varepsilon \operatorname{sign} z_j} R_j$ with $z_j = \sum_{i'} a_{i'} w_{ji'} + b_j$ and $\operatorname{sign} 0 = 1$ | signs; near the output |
# | LRP-γ | $\dfrac{a_i (w_{ji} + \gamma w_{ji}^+)}{\sum_{i'} a_{i'} (w_{ji'} + \gamma w_{ji'}^+) + b_j + \gamma b_j^+} R_j$ | convolutions: positive contributions count more |
# | LRP-αβ, with $\alpha - \beta = 1$ | $\Bigl(\alpha \dfrac{(a_i w_{ji})^+}{\sum_{i'} (a_{i'} w_{ji'})^+ + b_j^+} - \beta \dfrac{(a_i w_{ji})^-}{\sum_{i'} (a_{i'} w_{ji'})^- + b_j^-}\Bigr) R_j$ | convolutions |
# | LRP-α₁β₀, that is $\alpha = 1$ and $\beta = 0$ | $\dfrac{(a_i w_{ji})^+}{\sum_{i'} (a_{i'} w_{ji'})^+ + b_j^+} R_j$ | smooth maps in convolutions |
# | z⁺ | the same without $b_j^+$ | deep Taylor decomposition |
# | zᴮ, for pixels in $[0, 1]$ | $\dfrac{x_i w_{ji} - w_{ji}^-}{\sum_{i'} (x_{i'} w_{ji'} - w_{ji'}^-)} R_j$ | the first layer |
#
# LRP-α₁β₀ and the z⁺ rule{{ if notebook.theory.relevance }}, which notebook {{ notebook.theory }} uses,{{ end }} are the same where no bias is positive. (xaikit
# names LRP-α₁β₀ `rule="z_plus"`.) In the rules with biases the bias has a share, too, of either sign,
# and keeps it. So what arrives at the pixels need not add up to $f_c(x)$. Where there are no biases, no
# denominator is 0, and ε → 0, relevance is **conserved**: each layer holds the same sum. On ReLU networks LRP-ε with ε → 0 is input × gradient ([Ancona et al.
# 2018](https://arxiv.org/abs/1711.06104)). **Deep Taylor** decomposition ([Montavon et al.
# 2017](https://arxiv.org/abs/1512.02479)) derives its rules from Taylor expansions of the units: z⁺ in
# the hidden layers and zᴮ in the first. It assumes that no bias is positive. Different layers may have
# different rules. Such a **composite** is what [Montavon et al.
# 2019](https://doi.org/10.1007/978-3-030-28954-6_10) recommend for deep networks: LRP-0, which is ε =
# 0, near the output, LRP-ε in the middle, LRP-γ in the layers near the input, and zᴮ for the pixels.
# `rule="composite"` is another common one ([Kohlbrenner et al.
# 2020](https://arxiv.org/abs/1910.09840)): LRP-ε in linear layers, LRP-α₁β₀ in convolutions.
#
# In both tasks below `network` is an `nn.Sequential` in which `nn.Linear` and `nn.ReLU` layers
# alternate; it begins and ends with a linear one and may have one linear layer only. The input is a
# vector `x` with values in [0, 1]. Relevance starts as the target's logit, of either sign, and as 0 at
# the other classes.
#
# ### Task: relevance with signs
#
# Write `lrp_epsilon(network, x, target, epsilon)`: LRP-ε in every layer. `epsilon` is above 0 and may
# be large. Mind the sign that it gets, also where $z_j$ is negative or 0.


# %% nbgrader={"grade_id": "relevance-epsilon", "solution": true}
# answer: relevance-epsilon
def lrp_epsilon(network: nn.Sequential, x: Tensor, target: int, epsilon: float) -> Tensor:
    """Return the relevance of the features of x by LRP-ε, in x's shape (d,)."""
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
            if isinstance(layer, nn.Linear):
                z = layer(a)
                damped = z + torch.where(z >= 0, epsilon, -epsilon)
                share = a * ((share / damped) @ layer.weight)
        return share
    ### END SOLUTION


# %% nbgrader={"grade_id": "relevance-epsilon-test", "grade": true, "points": 3}
single = nn.Sequential(nn.Linear(3, 1))
with torch.no_grad():
    single[0].weight.copy_(torch.tensor([[2.0, -1.0, 1.0]]))
    single[0].bias.fill_(-1.0)
spot = torch.tensor([0.5, 0.5, 1.0])  # contributions 1, −½, 1 and the bias −1: the logit is ½
for epsilon, expected in ((1e-6, [1, -0.5, 1]), (0.5, [0.5, -0.25, 0.5])):
    checks.close(
        lrp_epsilon(single, spot, 0, epsilon),
        expected,
        f"lrp_epsilon(single, …, {epsilon})",
        "contributions and bias share the logit by their signed sizes, and ε takes its share of it.",
        1e-3,
    )
with torch.no_grad():
    single[0].bias.fill_(-2.0)  # now the logit is −½
checks.close(
    lrp_epsilon(single, spot, 0, 0.5),
    [0.5, -0.25, 0.5],
    "lrp_epsilon(single, …, 0.5) with a negative logit",
    "ε takes the sign of z, so that it always makes the denominator larger in magnitude.",
    1e-3,
)
idle = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
with torch.no_grad():
    idle[0].weight.copy_(torch.tensor([[1.0, -1.0], [1.0, 1.0]]))
    idle[2].weight.copy_(torch.tensor([[2.0, 3.0]]))
    for layer in (idle[0], idle[2]):
        layer.bias.zero_()
checks.close(
    lrp_epsilon(idle, torch.tensor([0.5, 0.5]), 0, 1e-6),
    [1.5, 1.5],
    "lrp_epsilon(idle, …)",
    "one hidden unit has z = 0, where the sign counts as 1: there ε alone is the denominator.",
    1e-3,
)
last = nn.Sequential(model[-1])  # our network's own last layer, on what reaches it
with torch.no_grad():
    reaching = model[:-1](examples[:1])
torch.manual_seed(4)
small = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
with torch.no_grad():
    for layer in small[::2]:
        layer.weight.mul_(3.0)
point = torch.rand(4)
for network, x, target, name in (
    (last, reaching[0], predicted, "our network's last features"),
    (small, point, 1, "small"),
):
    checks.close(
        lrp_epsilon(network, x, target, 1e-6),
        explain(network, x[None], target, "lrp", rule="epsilon").attributions[0, 0].cpu(),
        f"lrp_epsilon of {name}",
        "it differs from `explain(…, method='lrp')`. What a layer passes back is what the layer before "
        "it has to share.",
        1e-3,
    )
checks.passed("relevance-epsilon", "both signs of z, z = 0, two sizes of ε and several layers")

# %% [markdown]
# ### Task: relevance of what speaks for the class
#
# Write `relevance(network, x, target, rule)`. The `rule` is
#
# - `"alpha1_beta0"`: LRP-α₁β₀ in every layer;
# - `"deep_taylor"`: zᴮ in the *first* linear layer, z⁺ in all others.
#
# Where a denominator is 0, nothing is passed on, also if the unit has relevance: mind 0/0 and R/0.


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
            parts = layer.weight * a  # (outputs, inputs)
            if rule == "deep_taylor" and place == 0:
                parts = parts - layer.weight.clamp(max=0)
            else:
                parts = parts.clamp(min=0)
            below = parts.sum(1)
            if rule == "alpha1_beta0":
                below = below + layer.bias.clamp(min=0)
            share = torch.where(below == 0, 0.0, share / below) @ parts
        return share
    ### END SOLUTION


# %% nbgrader={"grade_id": "relevance-test", "grade": true, "points": 3}
single = nn.Sequential(nn.Linear(3, 2))
with torch.no_grad():
    single[0].weight.copy_(torch.tensor([[2.0, -1.0, 1.0], [1.0, 1.0, 1.0]]))
    single[0].bias.copy_(torch.tensor([1.0, -4.0]))
spot = torch.tensor([0.5, 0.5, 1.0])  # logits: 1 − ½ + 1 + 1 = 2.5 and ½ + ½ + 1 − 4 = −2
for target, rule, expected, hint in (
    (0, "alpha1_beta0", [2.5 / 3, 0, 2.5 / 3], "what is positive takes a share, also a bias."),
    (0, "deep_taylor", [1, 0.5, 1], "add to each contribution what a pixel of 1 could have cost."),
    (1, "alpha1_beta0", [-0.5, -0.5, -1], "a negative bias takes nothing from a logit of −2."),
    (1, "deep_taylor", [-0.5, -0.5, -1], "a logit of −2 is distributed as it is, without biases."),
):
    checks.close(
        relevance(single, spot, target, rule),
        expected,
        f"relevance(single, …, {target}, {rule!r})",
        hint,
        1e-3,
    )
lifted = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
with torch.no_grad():
    for place, weight, bias in (
        (0, [[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]),
        (2, [[-1.0, 0.0], [1.0, 1.0]], [3.0, 0.0]),
        (4, [[1.0, 1.0]], [0.0]),
    ):
        lifted[place].weight.copy_(torch.tensor(weight))
        lifted[place].bias.copy_(torch.tensor(bias))
for rule in ("alpha1_beta0", "deep_taylor"):
    checks.close(
        relevance(lifted, torch.tensor([1.0, 0.5]), 0, rule),
        [1, 0.5],
        f"relevance(lifted, …, {rule!r})",
        "the first unit of the second layer is on by its bias alone: nothing speaks for it in the "
        "layer before, so it passes nothing on, without nan.",
        1e-3,
    )
torch.manual_seed(4)
small = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
with torch.no_grad():
    for layer in small[::2]:
        layer.weight.mul_(3.0)
point = torch.rand(4)
for rule, options in (
    ("alpha1_beta0", {"method": "lrp", "rule": "z_plus"}),
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
checks.passed(
    "relevance", "both rules with logits and biases of both signs, in one layer and several,"
)

# %% tags=["figure"]
rows = {
    "LRP-ε": {"rule": "epsilon"},
    "LRP-γ, γ = ¼": {"rule": "gamma", "gamma": 0.25},
    "LRP-αβ, α = 2, β = 1": {"rule": "alpha_beta", "alpha": 2.0},
    "LRP-α₁β₀": {"rule": "z_plus"},
    "composite: ε in linear\nlayers, α₁β₀ in convolutions": {"rule": "composite"},
    "deep Taylor": {"method": "deep_taylor"},
}
figure, axes = plt.subplots(2, 4, figsize=(11, 5), layout="constrained")
axes = axes.flatten()
axes[0].imshow(examples[1, 0].cpu(), cmap="gray", vmin=0, vmax=1)
for axis in (axes[0], axes[-1]):
    axis.axis("off")
for axis, (title, chosen) in zip(axes[1:-1], rows.items(), strict=True):
    chosen = {"method": "lrp", **chosen}
    result = explain(model, examples[1:], targets[1:, 1], **chosen)
    show_map(axis, result.attributions[0, 0], title)
figure.suptitle(f"Relevance for “{classes[int(targets[1, 1])]}” by six choices of rules")
plt.show()

# %% [markdown]
# One network, one image, six pictures: you choose the rule, and a smoother map is not a truer one.
# Our network has positive biases, because its batch normalisation was folded into the convolutions.
# So Deep Taylor's assumption does not hold here. Deep Taylor also needs an output that is positive.
