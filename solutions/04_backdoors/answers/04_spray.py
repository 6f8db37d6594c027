# %% answer="eigengap" kind="alternative"
# answer: eigengap
def eigengap(weights, most):
    table = weights.numpy().astype(float)
    # one less the eigenvalues of the normalised weights, which fall
    scale = np.sqrt(table.sum(1))
    values = 1 - np.linalg.eigvalsh(table / scale[:, None] / scale)[::-1][: most + 1]
    return values, 1 + int(np.argmax(values[1:] - values[:-1]))


# %% answer="eigengap" kind="wrong"
# answer: eigengap
def eigengap(weights, most):
    laplacian = torch.diag(weights.sum(1)) - weights  # not normalised
    values = torch.linalg.eigvalsh(laplacian)[: most + 1]
    return values, int(values.diff().argmax()) + 1
