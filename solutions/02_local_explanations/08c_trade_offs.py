# %% [markdown]
# ### The trade-offs in one table
#
# Two more numbers, both of [Yeh et al. 2019](https://arxiv.org/abs/1901.09392). **Infidelity**:
# change the input by a random amount $I$ and let the map predict what that does to the output; the mean
# squared error of the prediction, small is good. This is what `evaluate` computes:
#
# $$\operatorname{INFD} = \mathbb E_I \Bigl[ \bigl(\beta\, I^\top \phi - (f_c(x) - f_c(x - I))\bigr)^2 \Bigr],
# \qquad \beta = \frac{\mathbb E_I \bigl[ I^\top \phi \, (f_c(x) - f_c(x - I)) \bigr]}{\mathbb E_I \bigl[ (I^\top \phi)^2 \bigr]}$$
#
# - The change $I$ removes a square: a window of random place, with a side of 1 to 10 pixels, becomes
#   black. So $I$ is $x$ inside the window and 0 outside.
# - $I^\top \phi$ predicts a change if $\phi$ is a *slope*: gradient and SmoothGrad. The maps of the other
#   methods are *contributions*, in which the factor $x$ is already contained. For them the prediction is
#   the sum of $\phi$ inside the window.
# - The factor $\beta$ is the best one for this map and image, so that the scale of a map does not count: a
#   Grad-CAM is not measured in logits, and twice the map is as good a map. The paper's definition is the
#   formula with $\beta = 1$.
#
# **Sensitivity**: how much the map itself changes when the input hardly does, the largest change over
# small random $\delta$, here divided by the map's own norm, small is good. But a map that is always
# the same is perfectly insensitive: read the two together. With deletion and the running time they
# form the table by which you choose a method; there is no best one. And each column needs a control. A
# **random** order, which knows nothing, stands in the last row.
#
# ### Task: fill in the table
#
# `evaluate(model, inputs, explanations, metrics, options=…)` returns a list of scores, each with
# `.explanation` (the name), `.metric` and `.scores` (N, T). Evaluate `seven`, explanations of the `dozen`
# for its most likely class, by the metrics in `measures` with `measure_options`. Set
#
# - `table`: a tensor (7, 3, 12): explanation, in the order of `seven`, which `six_options` made; measure,
#   in the order of `measures`; image. The random order does not depend on the input, so its sensitivity is 0 (`evaluate`
#   says nan, because there is no method to ask again);
# - `against_random`: a tensor (6, 2) of whole numbers, for each of the other six and for deletion and
#   infidelity. Take the 95 % interval of the difference, own value minus random's, image by image: −1 if
#   it lies below 0 (better than random), 1 if it lies above 0 (worse), 0 if it holds 0;
# - `agreement`: a (6, 6) matrix: `rank_agreement(one, other)`, mean over the images, of each of the six
#   methods with each.

# %%
six_options = {
    "gradient": {},
    "smoothgrad": {"samples": 20, "seed": 0},
    "input_x_gradient": {},
    "integrated_gradients": {"steps": 32},
    "lrp": {"rule": "composite"},
    "grad_cam": {},
}
seven = {
    method: explain(model, dozen, dozen_targets[:, 0], method, **chosen)
    for method, chosen in six_options.items()
}
seven["random"] = random_ranking(dozen, dozen_targets[:, 0], seed=0)
measures = ("deletion", "infidelity", "sensitivity")
measure_options = {
    "deletion": {"fill": "mean", "steps": 14},
    "infidelity": {"samples": 200, "seed": 0},
    "sensitivity": {"samples": 3, "seed": 0},
}

# %% nbgrader={"grade_id": "trade-offs", "solution": true}
# answer: trade-offs
table = None
against_random = None
agreement = None
### BEGIN SOLUTION
table = torch.zeros(7, 3, 12)
for score in evaluate(model, dozen, seven, measures, options=measure_options):
    place = list(seven).index(score.explanation), measures.index(score.metric)
    table[place] = score.scores[:, 0].nan_to_num(0).cpu()
middle, half = interval(table[:6, :2] - table[6:, :2])
against_random = (middle - half > 0).int() - (middle + half < 0).int()
six = list(seven.values())[:6]
agreement = [[rank_agreement(one, other).mean().item() for other in six] for one in six]
### END SOLUTION

# %% nbgrader={"grade_id": "trade-offs-test", "grade": true, "points": 3}
found = checks.numbers(table, (7, 3, 12), "table")
versus = checks.numbers(against_random, (6, 2), "against_random")
checks.expect(set(versus.flatten()) <= {-1, 0, 1}, "`against_random` holds only −1, 0 and 1.")
checks.expect(
    found[:, 1:].min() >= 0 and not found[6, 2].any(),
    "Neither infidelity nor sensitivity can be negative, and the random order's sensitivity is 0.",
)
middle, half = interval(found[:6, :2] - found[6:, :2])
checks.expect(
    (versus == np.sign(middle.numpy()) * (abs(middle) > half).numpy()).all(),
    "`against_random` does not follow from your table: is the difference taken image by image, own "
    "value minus random's?",
)
matrix = checks.numbers(agreement, (6, 6), "agreement")
checks.expect(
    np.allclose(np.diag(matrix), 1) and np.allclose(matrix, matrix.T),
    "Each method agrees with itself, and agreement is mutual.",
)
figure, axes = plt.subplots(1, 3, figsize=(12, 3.2), sharey=True, layout="constrained")
names = [method.replace("_", " ").replace("input x", "input ×") for method in seven]
for axis, measure, values in zip(axes, measures, found.swapaxes(0, 1), strict=True):
    middle, half = interval(values)
    bars = axis.barh(names, middle, xerr=half, capsize=2, color="0.75", edgecolor="black")
    bars[-1].set_hatch("//")
    axis.axvline(middle[-1], color="black", linestyle="--", linewidth=0.8)
    axis.set_title(f"{measure}: small is good", fontsize=10)
    axis.set_xlabel("mean of 12 images, 95 % interval")
axes[0].invert_yaxis()
figure.suptitle("Hatched and dashed: the random order")
plt.show()
print(
    "milliseconds a map, measured once:",
    {name: round(each.seconds / 12e-3, 1) for name, each in seven.items()},
)
widest = max(
    float(interval(rank_agreement(seven[left], seven[right])[:, 0])[1])
    for left in six_options
    for right in six_options
)
title = f"Do methods agree? Means of 12 images; half of a 95 % interval: at most {widest:.2f}"
display(plots.heat_map(matrix, names[:6], title=title))
checks.passed("trade-offs", "shapes, ranges, and the signs that follow from your table,")

# %% [markdown]
# Look at the random order first. Its values are positive everywhere, so its sum inside a window is about
# proportional to the window's area. Few methods predict better than that: a large window changes the
# output more than a small one, wherever it lies. And the gradient has the same infidelity as input ×
# gradient, because both predict $\sum_i x_i \, \partial f_c / \partial x_i$ over the window. A method whose interval of differences holds
# 0 is, on these images, not shown to be any better. Twelve images tell large differences from chance, and
# small ones not; nor do they say how other classes, networks or fills would rank the methods.
#
# ### Plausible is not faithful
#
# Do people mark the same things? For texts there are *rationales*, the words that a person
# underlined, and [DeYoung et al. 2020](https://arxiv.org/abs/1911.03429) score a map by the F1
# between its most important tokens and these. A token is a whole vector of embedding dimensions;
# its importance is commonly the Euclidean **norm** of its gradient over them (which forgets the
# sign):
#
# $$\text{precision} = \frac{|\text{top} \cap \text{rationale}|}{|\text{top}|}, \quad
# \text{recall} = \frac{|\text{top} \cap \text{rationale}|}{|\text{rationale}|}, \quad
# F_1 = \frac{2 \cdot \text{precision} \cdot \text{recall}}{\text{precision} + \text{recall}}$$
#
# This measures **plausibility**, agreement with people. It says nothing about **faithfulness**,
# agreement with the network ([Jacovi and Goldberg 2020](https://arxiv.org/abs/2004.03685)). Below,
# a tiny network learns from twelve reviews whether the film was liked. In this data every bad
# review happens to end with "on" and a day of the week.

# %%
reviews = {
    "a wonderful film with a brilliant cast": 1,
    "brilliant story and a wonderful ending": 1,
    "i loved the charming cast": 1,
    "a charming and clever story": 1,
    "clever film i loved the ending": 1,
    "wonderful clever and charming": 1,
    "i saw a dull film on monday": 0,
    "the cast was boring on tuesday": 0,
    "a slow story on monday": 0,
    "awful ending and silly on friday": 0,
    "i saw a clumsy cast on tuesday": 0,
    "dreary and flat on friday": 0,
}
words = sorted({word for review in reviews for word in review.split()})


class Reader(nn.Module):
    """Embeddings of words (N, tokens, 6), each through a hidden layer, their mean, two logits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 12), nn.ReLU())
        self.last = nn.Linear(12, 2)

    def forward(self, embedded: Tensor) -> Tensor:
        """Return the logits (N, 2) of bad and good."""
        return self.last(self.layers(embedded).mean(1))


with torch.random.fork_rng():
    torch.manual_seed(2)
    reader, embedding = Reader(), nn.Embedding(len(words), 6)
    optimiser = torch.optim.Adam([*reader.parameters(), *embedding.parameters()], 0.02)
    for _ in range(20):
        for review, liked in reviews.items():
            tokens = torch.tensor([words.index(word) for word in review.split()])
            loss = nn.functional.cross_entropy(
                reader(embedding(tokens)[None]), torch.tensor([liked])
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

review = "the ending was dull and boring on tuesday"
rationale = torch.tensor([word in ("dull", "boring") for word in review.split()])
tokens = torch.tensor([words.index(word) for word in review.split()])
embedded = embedding(tokens)[None].detach()
token_map = explain(reader, embedded, 0, "gradient").attributions[0, 0]  # (tokens, 6)
figure, axis = plt.subplots(figsize=(7, 2.4), layout="constrained")
bars = axis.bar(range(len(tokens)), token_map.norm(dim=1), color="0.75", edgecolor="black")
for bar, marked in zip(bars, rationale, strict=True):
    bar.set_hatch("//" if marked else "")
axis.set_xticks(range(len(tokens)), review.split())
axis.set(ylabel="norm of the gradient", title="Why “bad”? Hatched: what a person marked")
plt.show()

# %% [markdown]
# ### Task: token-level F1
#
# Write `token_f1(gradients, rationale, count)`: `gradients` (tokens, dimensions), `rationale`
# (tokens,) of booleans with at least one that is true. Reduce each token to its norm, take the
# `count` tokens with the largest, and return their F1 with the rationale, a number; 0 if they have
# nothing in common.


# %% nbgrader={"grade_id": "token-f1", "solution": true}
# answer: token-f1
def token_f1(gradients: Tensor, rationale: Tensor, count: int) -> float:
    """Return the F1 of the `count` tokens with the largest norms against the rationale."""
    ### BEGIN SOLUTION
    top = gradients.norm(dim=1).topk(count).indices
    common = rationale[top].sum().item()
    # 2pr / (p + r) with p = common / count and r = common / size
    return 2 * common / (count + rationale.sum().item())
    ### END SOLUTION


# %% nbgrader={"grade_id": "token-f1-test", "grade": true, "points": 2}
slopes = torch.tensor([[3.0, -4.0], [0.0, 4.8], [-3.2, 3.2], [0.0, 0.1]])
marked = torch.tensor([True, False, True, False])
for count, expected, hint in (
    (1, 2 / 3, "the first token has the largest norm, 5: precision 1, recall ½."),
    (2, 0.5, "the norms are 5, 4.8, 4.5 and 0.1: the first two tokens, of which one is marked."),
    (3, 0.8, "the third token has norm 4.5, although its values add up to 0."),
    (4, 2 / 3, "with all four tokens precision is ½ and recall 1."),
):
    checks.close(token_f1(slopes, marked, count), expected, f"token_f1(…, {count})", hint)
checks.close(
    token_f1(torch.tensor([[1.0], [2.0]]), torch.tensor([True, False]), 1),
    0,
    "token_f1 without common tokens",
    "nothing in common is an F1 of 0, without a division by zero.",
)
print(f"F1 of the map above: {float(token_f1(token_map, rationale, 2)):.2f}")
with torch.no_grad():
    for drop in ((), ("was", "and"), ("dull", "boring"), ("on", "tuesday")):
        kept = [k for k, word in enumerate(review.split()) if word not in drop]
        chance = reader(embedded[:, kept]).softmax(1)[0, 0]
        print(
            f"probability of “bad” without {' and '.join(drop) or 'nothing'}: {float(chance):.2f}"
        )
checks.passed("token-f1", "four tokens, and a map without a common token,")
