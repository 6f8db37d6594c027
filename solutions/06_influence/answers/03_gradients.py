# %% answer="grad-dot" kind="alternative"
# answer: grad-dot
def grad_dot(network, inputs, labels, training, training_labels):
    values = {name: p.detach() for name, p in network.named_parameters()}

    def loss(parameters, x, y):
        logits = torch.func.functional_call(network, parameters, (x.unsqueeze(0),))[0]
        return torch.logsumexp(logits, 0) - logits.gather(0, y.view(1))[0]

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    one, other = each(values, inputs, labels), each(values, training, training_labels)
    return sum(one[k].flatten(1) @ other[k].flatten(1).T for k in values)


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
