# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# A differently written right answer and a plausible mistake for every task of notebook 01. The two
# quizzes answer the variants that course.toml's [quiz] seed chooses.

# %% answer="taxonomy" kind="alternative"
# answer: taxonomy
local, overall, after = "Local", "Global", "post-hoc"
taxonomy = {
    name: [local, after, "agnostic" if name in {"LIME", "KernelSHAP"} else "specific"]
    for name in ("LIME", "KernelSHAP", "saliency map", "LRP")
}
taxonomy["shallow tree"] = [overall, "intrinsic", "specific"]
taxonomy["activation maximisation"] = [overall, after, "specific"]
for name in ("surrogate tree", "permutation importance"):
    taxonomy[name] = [overall, after, "agnostic "]

# %% answer="taxonomy" kind="wrong"
# answer: taxonomy
taxonomy = {
    "LIME": ("local", "post-hoc", "agnostic"),
    "KernelSHAP": ("global", "post-hoc", "agnostic"),  # SHAP is often plotted globally
    "saliency map": ("local", "post-hoc", "agnostic"),
    "LRP": ("local", "post-hoc", "specific"),
    "surrogate tree": ("global", "intrinsic", "specific"),  # a tree, yes, but of another model
    "shallow tree": ("global", "intrinsic", "specific"),
    "permutation importance": ("global", "post-hoc", "agnostic"),
    "activation maximisation": ("local", "post-hoc", "specific"),
}

# %% answer="quiz" kind="alternative"
# answer: quiz
yes = "A1 A2 A3 B1 B3 C2 C3 D2 D3 E1".split()
no = "A4 B2 B4 C1 C4 D1 D4 E2 E3 E4".split()
quiz = {**dict.fromkeys(yes, "yes"), **dict.fromkeys(no, "No ")}
quiz_arguments = {}

# %% answer="quiz" kind="wrong"
# answer: quiz
quiz = {group + number: "yes" for group in "ABCDE" for number in "1234"}
quiz_arguments = {"A1": "It sounds right."}


# %% answer="finite-differences" kind="alternative"
# answer: finite-differences
def finite_differences(model, x, target, h):
    result = []
    for i in range(x.shape[0]):
        pair = []
        for sign in (1, -1):
            moved = x.clone()
            moved[i] += sign * h
            pair.append(model(moved.unsqueeze(0))[0][target].item())
        result.append((pair[0] - pair[1]) / h / 2)
    return result


# %% answer="finite-differences" kind="wrong"
# answer: finite-differences
def finite_differences(model, x, target, h):
    here = model(x[None])[0, target]
    moved = x + h * torch.eye(len(x))
    return (model(moved)[:, target] - here) / h


# %% answer="input-gradient" kind="alternative"
# answer: input-gradient
def input_gradient(x, W1, b1, W2, b2, target):
    gradient = np.zeros(len(x))
    for j in range(len(b1)):
        if W1[j].dot(x) + b1[j] > 0:
            gradient += W2[target, j] * W1[j]
    return gradient


# %% answer="input-gradient" kind="wrong"
# answer: input-gradient
def input_gradient(x, W1, b1, W2, b2, target):
    return W1.T @ (np.maximum(W1 @ x + b1, 0) * W2[target])  # the activation, not its derivative


# %% answer="multiply-adds" kind="alternative"
# answer: multiply-adds
def multiply_adds(widths):
    once = 0
    for i in range(1, len(widths)):
        once += widths[i - 1] * widths[i]
    return [once, once * 2, once * widths[0] * 2]


# %% answer="multiply-adds" kind="wrong"
# answer: multiply-adds
def multiply_adds(widths):
    weights = sum(n * m for n, m in zip(widths, widths[1:]))
    return weights, weights**2, 2 * widths[0] * weights


# %% answer="repair-guided" kind="alternative"
# answer: repair-guided
def guided_backpropagation(x, W1, b1, W2, b2, W3, target):
    z1 = W1 @ x + b1
    z2 = W2 @ np.maximum(z1, 0) + b2
    signal = W3[target]
    for W, z in [(W2, z2), (W1, z1)]:
        signal = W.T @ (signal * (signal > 0) * (z > 0))
    return signal


# %% answer="repair-guided" kind="wrong"
# answer: repair-guided
def guided_backpropagation(x, W1, b1, W2, b2, W3, target):
    z1 = W1 @ x + b1
    z2 = W2 @ np.maximum(z1, 0) + b2
    signal = W3[target]
    for W, z in [(W2, z2), (W1, z1)]:
        signal = W.T @ (signal * (z > 0))
    return signal


# %% answer="repair-cosine" kind="alternative"
# answer: repair-cosine
def cosine_distance(a, b):
    a, b = (torch.as_tensor(v).flatten().double() for v in (a, b))
    return 1.0 - torch.nn.functional.cosine_similarity(a, b, dim=0)


# %% answer="repair-cosine" kind="wrong"
# answer: repair-cosine
def cosine_distance(a, b):
    a, b = np.ravel(a), np.ravel(b)
    return 1 - abs(a @ b) / (np.linalg.norm(a) * np.linalg.norm(b))


# %% answer="ig-by-pencil" kind="alternative"
# answer: ig-by-pencil
t = (np.arange(10_000) + 0.5) / 10_000
ig = np.array([2 * ((3 * t) ** 2).mean(), 3 * (2 * (2 * t) * (3 * t)).mean()])
gradient_input = torch.tensor([2 * 9, 3 * 2 * 2 * 3])

# %% answer="ig-by-pencil" kind="wrong"
# answer: ig-by-pencil
ig = [9.0, 9.0]  # the difference, shared equally
gradient_input = [18.0, 36.0]


# %% answer="integrated-gradients" kind="alternative"
# answer: integrated-gradients
def integrated_gradients(model, x, baseline, target, steps):
    total = torch.zeros_like(x)
    for k in range(1, steps + 1):
        point = baseline + k / steps * (x - baseline)
        point.requires_grad_(True)
        model(point.reshape(1, -1))[0, target].backward()
        total += point.grad
    return ((x - baseline) * total / steps).numpy()


# %% answer="integrated-gradients" kind="wrong"
# answer: integrated-gradients
def integrated_gradients(model, x, baseline, target, steps):
    alphas = torch.linspace(0, 1, steps)[:, None]
    path = (baseline + alphas * (x - baseline)).requires_grad_()
    (gradients,) = torch.autograd.grad(model(path)[:, target].sum(), path)
    return x * gradients.mean(0)  # as if the baseline were 0


# %% answer="shapley-by-pencil" kind="alternative"
# answer: shapley-by-pencil
v = {"": 0, "A": 12, "B": 0, "C": 0, "AB": 30, "AC": 18, "BC": 18, "ABC": 60}
shares = np.zeros(3)
for order in itertools.permutations("ABC"):
    for k, player in enumerate(order):
        now, before = ("".join(sorted(order[:n])) for n in (k + 1, k))
        shares["ABC".index(player)] += (v[now] - v[before]) / 6

# %% answer="shapley-by-pencil" kind="wrong"
# answer: shapley-by-pencil
shares = [28.0, 16.0, 16.0]


# %% answer="repair-weight" kind="alternative"
# answer: repair-weight
def weight_of_coalition(size, players):
    return 1 / (players * math.comb(players - 1, size - 1))


# %% answer="repair-weight" kind="wrong"
# answer: repair-weight
def weight_of_coalition(size, players):
    # No exception any more, but one is still off.
    return (
        math.factorial(size - 1)
        * math.factorial(max(0, players - size - 1))
        / math.factorial(players)
    )


# %% answer="shapley" kind="alternative"
# answer: shapley
def shapley_values(worth, players):
    orders = list(itertools.permutations(range(players)))
    values = [0.0] * players
    for order in orders:
        there = 0
        for i in order:
            values[i] += float(worth[there | 1 << i] - worth[there]) / len(orders)
            there |= 1 << i
    return values


# %% answer="shapley" kind="wrong"
# answer: shapley
def shapley_values(worth, players):
    values = np.zeros(players)
    for i in range(players):
        gains = [worth[s | 1 << i] - worth[s] for s in range(2**players) if not s & 1 << i]
        values[i] = np.mean(gains)  # every coalition the same: that is the Banzhaf value
    return values


# %% answer="coalition-worths" kind="alternative"
# answer: coalition-worths
def coalition_worths(model, x, baseline, target):
    worths = []
    for coalition in range(1 << len(x)):
        mixed = baseline.clone()
        for i in range(len(x)):
            if coalition & (1 << i):
                mixed[i] = x[i]
        worths.append(model(mixed[None])[0, target])
    return worths


# %% answer="coalition-worths" kind="wrong"
# answer: coalition-worths
def coalition_worths(model, x, baseline, target):
    rows = [list(mask) for mask in itertools.product([0, 1], repeat=len(x))]  # highest bit first
    mask = torch.tensor(rows, dtype=x.dtype)
    return model(mask * x + (1 - mask) * baseline)[:, target]


# %% answer="lrp-epsilon" kind="alternative"
# answer: lrp-epsilon
def lrp_epsilon(x, W1, b1, W2, b2, target, epsilon, keep_bias):
    hidden = (W1 @ x + b1).clip(min=0)
    z = (W2[target] * hidden).sum() + (b2[target] if keep_bias else 0)
    z = z + epsilon if z >= 0 else z - epsilon
    R_hidden = W2[target] * hidden / z * (W2[target] @ hidden + b2[target])
    R = np.zeros(x.size)
    for j in range(hidden.size):
        z = W1[j] @ x + (b1[j] if keep_bias else 0)
        R += W1[j] * x * R_hidden[j] / (z + math.copysign(epsilon, z))
    return R


# %% answer="lrp-epsilon" kind="wrong"
# answer: lrp-epsilon
def lrp_epsilon(x, W1, b1, W2, b2, target, epsilon, keep_bias):
    if not keep_bias:  # taken out of the forward pass as well
        b1, b2 = np.zeros_like(b1), np.zeros_like(b2)
    hidden = np.maximum(W1 @ x + b1, 0)
    relevance = np.where(np.arange(len(b2)) == target, W2 @ hidden + b2, 0)
    for a, W, b in [(hidden, W2, b2), (x, W1, b1)]:
        z = W @ a + b
        relevance = a * (W.T @ (relevance / (z + epsilon * np.where(z >= 0, 1, -1))))
    return relevance


# %% answer="lrp-z-plus" kind="alternative"
# answer: lrp-z-plus
def lrp_z_plus(x, W1, b1, W2, b2, target):
    def back(a, W, R):
        result = np.zeros(len(a))
        for j in range(len(R)):
            v = a * W[j] * (W[j] > 0)
            if v.sum() != 0:
                result += v / v.sum() * R[j]
        return result

    h = np.maximum(W1 @ x + b1, 0)
    out = np.zeros(len(b2))
    out[target] = (W2 @ h + b2)[target]
    return back(x, W1, back(h, W2, out))


# %% answer="lrp-z-plus" kind="wrong"
# answer: lrp-z-plus
def lrp_z_plus(x, W1, b1, W2, b2, target):
    plus = [np.maximum(W, 0) for W in (W1, W2)]
    a = np.maximum(plus[0] @ x + b1, 0)  # negative weights cut off in the forward pass, too
    R = a * plus[1][target] / (plus[1][target] @ a) * (W2[target] @ a + b2[target])
    shares = plus[0] * x
    return (R / np.maximum(shares.sum(1), 1e-12)) @ shares


# %% answer="lrp-first-layer" kind="alternative"
# answer: lrp-first-layer
def first_layer(x, W, R, low, high, rule):
    relevance = np.zeros(len(x))
    for weights, to_share in zip(W, R):
        plus, minus = weights * (weights > 0), weights * (weights < 0)
        q = weights * weights if rule == "w2" else x * weights - low * plus - high * minus
        relevance += q / np.sum(q) * to_share
    return relevance


# %% answer="lrp-first-layer" kind="wrong"
# answer: lrp-first-layer
def first_layer(x, W, R, low, high, rule):
    if rule == "w2":
        q = W**2
    else:  # bounds exchanged
        q = x * W - high * np.maximum(W, 0) - low * np.minimum(W, 0)
    return (R / q.sum(1)) @ q


# %% answer="relu-pair" kind="alternative"
# answer: relu-pair
f_biases_ignored = np.array([3, -1]) / 2
g_biases_ignored = np.array([2, -1])
biases_kept = (3, -1)
integrated = torch.tensor([3.0, -1.0]) * 0.5

# %% answer="relu-pair" kind="wrong"
# answer: relu-pair
f_biases_ignored = [1.5, -0.5]
g_biases_ignored = [1.5, -0.5]  # as if LRP were implementation-invariant
biases_kept = [3.0, -1.0]
integrated = [1.5, -0.5]


# %% answer="gradient-times-input" kind="alternative"
# answer: gradient-times-input
def gradient_times_input(model, x, target):
    scale = torch.ones_like(x, requires_grad=True)  # d f(s x) / d s at s = 1
    model((scale * x)[None])[0, target].backward()
    return scale.grad


# %% answer="gradient-times-input" kind="wrong"
# answer: gradient-times-input
def gradient_times_input(model, x, target):
    x = x.clone().requires_grad_()
    model(x[None]).sum().backward()  # of all outputs together
    return x.detach() * x.grad


# %% answer="least-squares" kind="alternative"
# answer: least-squares
def weighted_least_squares(samples, outputs, weights):
    from sklearn.linear_model import LinearRegression

    fitted = LinearRegression().fit(samples, outputs, sample_weight=weights)
    return np.append(fitted.intercept_, fitted.coef_)


# %% answer="least-squares" kind="wrong"
# answer: least-squares
def weighted_least_squares(samples, outputs, weights):
    rows = np.column_stack([np.ones(len(samples)), samples])
    return np.linalg.lstsq(weights[:, None] * rows, weights * outputs, rcond=None)[0]


# %% answer="lime-logistic" kind="alternative"
# answer: lime-logistic
def explain_regression(w, b, x, samples, sigma, scale):
    kernel = np.array([math.exp(-((z - x) @ (z - x)) / sigma**2) for z in samples])
    p = 1 / (1 + np.exp(-(samples @ w) - b))
    y = np.log(p / (1 - p)) if scale == "log-odds" else p
    mean_z, mean_y = kernel @ samples / kernel.sum(), kernel @ y / kernel.sum()
    centred = samples - mean_z
    return np.linalg.solve((kernel * centred.T) @ centred, (kernel * centred.T) @ (y - mean_y))


# %% answer="lime-logistic" kind="wrong"
# answer: lime-logistic
def explain_regression(w, b, x, samples, sigma, scale):
    return w  # a logistic regression explains itself, does it not?


# %% answer="linear-counterfactual" kind="alternative"
# answer: linear-counterfactual
def linear_counterfactual(x, w, b, margin):
    projection = x - (w @ x + b) / (w @ w) * w
    outward = (projection - x) / np.linalg.norm(projection - x)
    return projection + margin * outward


# %% answer="linear-counterfactual" kind="wrong"
# answer: linear-counterfactual
def linear_counterfactual(x, w, b, margin):
    # Right for inputs of the positive class only.
    return x - (w @ x + b) / (w @ w) * w - margin * w / np.linalg.norm(w)


# %% answer="repair-cross-entropy" kind="alternative"
# answer: repair-cross-entropy
def cross_entropy(teacher, student):
    return sum(-(q @ np.log(p)) for q, p in zip(teacher, student)) / len(teacher)


# %% answer="repair-cross-entropy" kind="wrong"
# answer: repair-cross-entropy
def cross_entropy(teacher, student):
    # The Kullback-Leibler divergence: the same minimum, another value.
    return (teacher * np.log(teacher / student)).sum(axis=1).mean()


# %% answer="distillation" kind="alternative"
# answer: distillation
def distil(model, train, train_labels, test, test_labels, depth):
    def predict(inputs):
        return model(inputs).max(dim=1).indices.numpy()

    tree = DecisionTreeClassifier(max_depth=depth, random_state=0)
    tree.fit(train, predict(train))
    return [tree.score(test, predict(test)), tree.score(test, test_labels)]


# %% answer="distillation" kind="wrong"
# answer: distillation
def distil(model, train, train_labels, test, test_labels, depth):
    tree = DecisionTreeClassifier(max_depth=depth, random_state=0).fit(train, train_labels)
    with torch.no_grad():
        taught = model(test).argmax(1)
    return tree.score(test, taught), tree.score(test, test_labels)


# %% answer="knockoff-statistic" kind="alternative"
# answer: knockoff-statistic
def knockoff_statistics(z, z_knockoff, matrices):
    u = np.linalg.multi_dot([*matrices[::-1], np.eye(len(z))]).ravel()
    return (z * u - z_knockoff * u) * (z * u + z_knockoff * u)


# %% answer="knockoff-statistic" kind="wrong"
# answer: knockoff-statistic
def knockoff_statistics(z, z_knockoff, matrices):
    u = np.linalg.multi_dot([*matrices[::-1], np.eye(len(z))]).ravel()
    return np.abs(z * u) - np.abs(z_knockoff * u)  # a fair race, but not DeepPINK's statistic


# %% answer="knockoff-selection" kind="alternative"
# answer: knockoff-selection
def select_features(statistics, q, c):
    thresholds = sorted(abs(w) for w in statistics if w != 0)
    ratios = [(c + np.sum(statistics <= -t)) / max(1, np.sum(statistics >= t)) for t in thresholds]
    passing = [t for t, ratio in zip(thresholds, ratios) if ratio <= q]
    return [bool(passing) and bool(w >= passing[0]) for w in statistics]


# %% answer="knockoff-selection" kind="wrong"
# answer: knockoff-selection
def select_features(statistics, q, c):
    for t in np.sort(np.abs(statistics))[::-1]:  # the largest passing threshold
        selected = statistics >= t
        if t > 0 and (c + (statistics <= -t).sum()) / max(1, selected.sum()) <= q:
            return selected
    return np.zeros(len(statistics), dtype=bool)


# %% answer="quiz-more" kind="alternative"
# answer: quiz-more
yes = "F3 F4 G2 G4".split()
no = "F1 F2 G1 G3".split()
quiz_more = {**dict.fromkeys(yes, "yes"), **dict.fromkeys(no, "No ")}
quiz_more_arguments = {}

# %% answer="quiz-more" kind="wrong"
# answer: quiz-more
quiz_more = {group + number: "no" for group in "FG" for number in "1234"}
quiz_more_arguments = {}

# %% [markdown] answer="adversarial-or-counterfactual" kind="alternative"
# <!-- answer: adversarial-or-counterfactual -->
# An attack wants a wrong output for an input that people still see as the old class, so its
# change should be invisible. A counterfactual tells a person what would have to be different, so
# its change should be visible, sparse and possible in the world, and the new class may be correct.
# For tabular loan data, "be five years younger" is close, but nobody can act on it: fine for an
# attack, useless as advice.

# %% [markdown] answer="triage" kind="alternative"
# <!-- answer: triage -->
# Nurse: a counterfactual in one line ("with oxygen saturation above 94 % the prediction would have
# been: no intensive care"). Purpose: justify. It is understood at once and true of the model, takes
# a short search over 25 features, and needs a list of features that may change. It may mislead as a
# treatment goal, so the wording says "the model would have", and we show two different ones.
#
# Board: a scoring rule with ten integer weights in place of the ensemble. Purpose: trust. Fidelity
# is perfect because it is the model, everybody can read it, it costs no time, but it takes months
# to build and validate and perhaps some accuracy. It may mislead by looking more certain than it
# is: we report its calibration in each group of patients.
