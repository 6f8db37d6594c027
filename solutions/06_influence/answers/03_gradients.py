# %% answer="grad-dot" kind="alternative"
# answer: grad-dot
def grad_dot(network, inputs, labels, training, training_labels):
    def slope(x, y):
        logits = network(x.unsqueeze(0)).squeeze(0)
        loss = torch.logsumexp(logits, 0) - logits[y]
        return torch.autograd.grad(loss, tuple(network.parameters()))

    others = [slope(x, y) for x, y in zip(training, training_labels)]
    scores = torch.zeros(len(inputs), len(training))
    for m in range(len(inputs)):
        own = slope(inputs[m], labels[m])
        for n, other in enumerate(others):
            scores[m, n] = sum((a * b).sum() for a, b in zip(own, other))
    return scores


# %% answer="grad-dot" kind="wrong"
# answer: grad-dot
def grad_dot(network, inputs, labels, training, training_labels):
    # the weights alone, without the biases
    def rows(x, y):
        made = []
        for k in range(len(x)):
            network.zero_grad()
            functional.cross_entropy(network(x[k : k + 1]), y[k : k + 1]).backward()
            weights = [p.grad.flatten() for p in network.parameters() if p.ndim > 1]
            made.append(torch.cat(weights).clone())
        return torch.stack(made)

    return rows(inputs, labels) @ rows(training, training_labels).T


# %% answer="grad-cos" kind="alternative"
# answer: grad-cos
def grad_cos(asked, training):
    products = torch.einsum("mp,np->mn", asked, training)
    lengths = torch.outer(asked.square().sum(1).sqrt(), training.square().sum(1).sqrt())
    return torch.nan_to_num(products / lengths, nan=0.0)


# %% answer="grad-cos" kind="wrong"
# answer: grad-cos
def grad_cos(asked, training):
    # divided by the lengths of the training gradients alone
    lengths = training.norm(dim=1).clamp(min=1e-12)
    return asked @ training.T / lengths
