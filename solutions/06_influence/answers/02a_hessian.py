# %% answer="hvp" kind="alternative"
# answer: hvp
def hessian_vector(network, inputs, labels, vector):
    tensors = tuple(network.parameters())
    logits = network(inputs)
    chosen = logits.log_softmax(1)[torch.arange(len(labels)), labels]
    first = torch.autograd.grad(-chosen.mean(), tensors, create_graph=True)
    start, along = 0, 0
    for slope in first:
        along = along + (slope.reshape(-1) * vector[start : start + slope.numel()]).sum()
        start += slope.numel()
    second = torch.autograd.grad(along, tensors)
    return torch.nn.utils.parameters_to_vector(second)


# %% answer="hvp" kind="wrong"
# answer: hvp
def hessian_vector(network, inputs, labels, vector):
    # the gradients' outer products in the Hessian's place
    total = torch.zeros_like(vector)
    for x, y in zip(inputs, labels):
        loss = functional.cross_entropy(network(x[None]), y[None])
        parts = torch.autograd.grad(loss, list(network.parameters()))
        g = torch.cat([part.flatten() for part in parts])
        total += g * (g @ vector)
    return total / len(inputs)


# %% answer="cg" kind="alternative"
# answer: cg
@torch.no_grad()
def conjugate_gradients(product, right, steps):
    # the next direction by its product with A; zero is asked of each number of the residual
    x, r = torch.zeros_like(right), right.clone()
    d = r.clone()
    for _ in range(steps):
        if (r == 0).all():
            break
        image = product(d)
        alpha = (r @ d) / (d @ image)
        x, r = x + alpha * d, r - alpha * image
        d = r - (r @ image) / (d @ image) * d
    return x


# %% answer="cg" kind="wrong"
# answer: cg
@torch.no_grad()
def conjugate_gradients(product, right, steps):
    # steepest descent: each step goes along the residual
    x = torch.zeros_like(right)
    for _ in range(steps):
        r = right - product(x)
        if r.norm() == 0:
            break
        x = x + (r @ r) / (r @ product(r)) * r
    return x


# %% answer="damped" kind="alternative"
# answer: damped
def damped_influence(features, labels, weight, asked, asked_labels, damping):
    def mean_loss(flat):
        return functional.cross_entropy(features @ flat.view_as(weight).T, labels)

    point = weight.flatten().clone()
    curvature = torch.autograd.functional.hessian(mean_loss, point)
    curvature.diagonal().add_(damping)

    def slopes(x, y):
        rows = []
        for example, label in zip(x, y):
            p = torch.softmax(weight @ example, dim=0)
            p[label] -= 1
            rows.append(torch.outer(p, example).flatten())
        return torch.stack(rows)

    return slopes(asked, asked_labels) @ torch.inverse(curvature) @ slopes(features, labels).T


# %% answer="damped" kind="wrong"
# answer: damped
def damped_influence(features, labels, weight, asked, asked_labels, damping):
    # damping is added to the inverse, not to the Hessian
    def slopes(x, y):
        p = (x @ weight.T).softmax(1) - functional.one_hot(y, len(weight))
        return (p[:, :, None] * x[:, None]).flatten(1)

    p = (features @ weight.T).softmax(1)
    spread = torch.diag_embed(p) - p[:, :, None] * p[:, None]
    h = torch.einsum("nab,nf,ng->afbg", spread, features, features) / len(features)
    h = h.reshape(weight.numel(), -1)
    inverse = torch.linalg.pinv(h) + damping * torch.eye(len(h)).double()
    return slopes(asked, asked_labels) @ inverse @ slopes(features, labels).T
