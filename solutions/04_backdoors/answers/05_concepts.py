# %% answer="concept-vector" kind="alternative"
# answer: concept-vector
def concept_vector(concept, others, ridge):
    rows = np.concatenate([concept.numpy(), others.numpy()]).astype(float)
    wanted = np.repeat([1.0, -1.0], [len(concept), len(others)])
    # the same by as many numbers as there are rows, instead of columns
    rows, wanted = rows - rows.mean(0), wanted - wanted.mean()
    weights = rows.T @ np.linalg.solve(rows @ rows.T + ridge * np.eye(len(rows)), wanted)
    return weights / np.linalg.norm(weights)


# %% answer="concept-vector" kind="wrong"
# answer: concept-vector
def concept_vector(concept, others, ridge):
    weights = concept.mean(0) - others.mean(0)  # without the covariance
    return weights / weights.norm()


# %% answer="sensitivity" kind="alternative"
# answer: sensitivity
def sensitivities(head, activations, vector, target):
    found = []
    for row in activations:
        step = torch.zeros((), requires_grad=True)
        logit = head((row + step * vector)[None])[0, target]
        found.append(torch.autograd.grad(logit, step)[0])
    return torch.stack(found)


# %% answer="sensitivity" kind="wrong"
# answer: sensitivity
def sensitivities(head, activations, vector, target):
    point = activations.detach().clone().requires_grad_()
    probability = head(point).softmax(1)[:, target]  # not the logit
    (gradients,) = torch.autograd.grad(probability.sum(), point)
    return gradients @ vector
