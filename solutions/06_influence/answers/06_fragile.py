# %% answer="least-damping" kind="alternative"
# answer: least-damping
def least_damping(eigenvalues, condition):
    ordered = np.sort(np.asarray(eigenvalues, dtype=float))
    span = ordered[-1] - ordered[0]
    # With δ the smallest eigenvalue becomes span / (condition − 1).
    return np.maximum(span / (condition - 1) - ordered[0], 0)


# %% answer="least-damping" kind="wrong"
# answer: least-damping
def least_damping(eigenvalues, condition):
    # positive definite, but as badly conditioned as can be
    return max(0.0, -eigenvalues.min().item() + 1e-6)
