# %% answer="factorise" kind="alternative"
# answer: factorise
def factorise(V, W, H, steps):
    V, W, H = (np.array(each, dtype=float) for each in (V, W, H))
    for _ in range(steps):
        H *= np.einsum("ik,ij->kj", W, V) / (W.T @ (W @ H) + 1e-12)
        W *= np.einsum("ij,kj->ik", V, H) / ((W @ H) @ H.T + 1e-12)
    return [W, H]


# %% answer="factorise" kind="wrong"
# answer: factorise
def factorise(V, W, H, steps):
    # both from the old factors
    for _ in range(steps):
        W, H = W * (V @ H.T) / (W @ H @ H.T), H * (W.T @ V) / (W.T @ W @ H)
    return W, H


# %% answer="sobol" kind="alternative"
# answer: sobol
def total_sobol(network, first, other, target):
    n, count = first.shape
    mixed = first.repeat(count, 1, 1)
    for i in range(count):
        mixed[i, :, i] = other[:, i]
    rows = torch.cat([first, other, mixed.reshape(-1, count)])
    with torch.no_grad():
        values = network(rows)[:, target].double().numpy()
    gaps = (values[:n] - values[2 * n :].reshape(count, n)) ** 2
    return gaps.sum(axis=1) / (2 * n * np.var(values[: 2 * n]))


# %% answer="sobol" kind="wrong"
# answer: sobol
def total_sobol(network, first, other, target):
    # compared with the outputs at B: what all the other concepts do together
    with torch.no_grad():
        at_other = network(other)[:, target]
        variance = torch.cat([network(first)[:, target], at_other]).var(correction=0)
        found = []
        for i in range(first.shape[1]):
            mixed = first.clone()
            mixed[:, i] = other[:, i]
            found.append((at_other - network(mixed)[:, target]).square().mean() / 2)
    return torch.stack(found) / variance
