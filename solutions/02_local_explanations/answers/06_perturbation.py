# %% answer="lime" kind="alternative"
# answer: lime
def lime(masks, outputs, width, penalty):
    cosine = torch.nn.functional.cosine_similarity(masks, torch.ones_like(masks), dim=1)
    weights = torch.exp(-((1 - cosine) ** 2) / width**2)
    # centred by weighted means, which leaves the intercept out; the penalty as further rows
    share = (weights / weights.sum()).double()
    z, y = masks.double(), outputs.double()
    z, y = z - share @ z, y - share @ y
    root = weights.double().sqrt()
    size = z.shape[1]
    rows = torch.cat([root[:, None] * z, float(penalty) ** 0.5 * torch.eye(size).double()])
    wanted = torch.cat([root * y, torch.zeros(size).double()])
    return torch.linalg.lstsq(rows, wanted[:, None], driver="gelsd").solution[:, 0]


# %% answer="lime" kind="wrong"
# answer: lime
def lime(masks, outputs, width, penalty):
    # everybody counts alike
    z, y = masks.double(), outputs.double()
    z, y = z - z.mean(0), y - y.mean()
    gram = z.T @ z + penalty * torch.eye(z.shape[1], dtype=z.dtype)
    return torch.linalg.solve(gram, z.T @ y)


# %% answer="kernel-shap" kind="alternative"
# answer: kernel-shap
def kernel_shap(masks, outputs, empty, full):
    z, y = masks.numpy().astype(float), outputs.numpy().astype(float) - empty
    size = z.shape[1]
    root = np.sqrt([(size - 1) / (math.comb(size, int(n)) * n * (size - n)) for n in z.sum(1)])
    # two very heavy rows in place of the constraint would do, too; a multiplier is exact
    a = root[:, None] * z
    left = np.block([[a.T @ a, np.ones((size, 1))], [np.ones((1, size)), np.zeros((1, 1))]])
    right = np.concatenate([a.T @ (root * y), [full - empty]])
    return np.linalg.solve(left, right)[:-1]


# %% answer="kernel-shap" kind="wrong"
# answer: kernel-shap
def kernel_shap(masks, outputs, empty, full):
    # all masks count alike
    z, y = masks.double(), outputs.double() - empty
    total = full - empty
    columns, rest = z[:, :-1] - z[:, -1:], y - total * z[:, -1]
    others = torch.linalg.solve(columns.T @ columns, columns.T @ rest)
    return torch.cat([others, (total - others.sum()).view(1)])


# %% answer="tree-shap" kind="alternative"
# answer: tree-shap
by_path, by_background = np.zeros((2, 4, 49)), np.zeros((2, 4, 49))
base_by_path, base_by_background = np.zeros((2, 4)), np.zeros((2, 4))
for n in range(2):
    for t in range(4):
        c = int(targets[n, t])
        p = forest.predict_proba(rows[n : n + 1])[0, c]
        by_path[n, t] = tree_shap(forest, rows[n : n + 1], c).attributions[0, 0]
        found = tree_shap(forest, rows[n : n + 1], c, background=forest_background)
        by_background[n, t] = found.attributions[0, 0]
        base_by_path[n, t] = p - by_path[n, t].sum()
        base_by_background[n, t] = p - by_background[n, t].sum()


# %% answer="tree-shap" kind="wrong"
# answer: tree-shap
# the two versions exchanged
wanted = targets.cpu()
by_background = tree_shap(forest, rows, wanted).attributions
by_path = tree_shap(forest, rows, wanted, background=forest_background).attributions
probability = torch.as_tensor(forest.predict_proba(rows)).gather(1, wanted)
base_by_path = probability - by_path.sum(2)
base_by_background = probability - by_background.sum(2)


# %% answer="exemplars" kind="alternative"
# answer: exemplars
def nearest_per_class(query, features, labels, classes):
    distance = torch.cdist(query[None], features)[0]
    result = []
    for c in range(classes):
        members = torch.nonzero(labels == c)[:, 0]
        result.append(int(members[distance[members].argmin()]))
    return result


# %% answer="exemplars" kind="wrong"
# answer: exemplars
def nearest_per_class(query, features, labels, classes):
    # the largest inner product favours large features
    likeness = features @ query
    return torch.stack(
        [torch.where(labels == c, likeness, -torch.inf).argmax() for c in range(classes)]
    )
