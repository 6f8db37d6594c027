# %% answer="eigengap" kind="alternative"
# answer: eigengap
def eigengap(weights, most):
    from scipy.linalg import eigh

    table = weights.numpy().astype(float)
    degrees = np.diag(table.sum(1))
    values = eigh(degrees - table, degrees, eigvals_only=True)[: most + 1]
    return values, 1 + int(np.argmax(values[1:] - values[:-1]))


# %% answer="eigengap" kind="wrong"
# answer: eigengap
def eigengap(weights, most):
    laplacian = torch.diag(weights.sum(1)) - weights  # not normalised
    values = torch.linalg.eigvalsh(laplacian)[: most + 1]
    return values, int(values.diff().argmax()) + 1
