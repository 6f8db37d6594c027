# %% answer="relevance-epsilon" kind="alternative"
# answer: relevance-epsilon
def lrp_epsilon(network, x, target, epsilon):
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    entering = [x.detach().numpy().astype(float)]
    for layer in linear:
        w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        entering.append(np.maximum(w @ entering[-1] + b, 0))
    w, b = linear[-1].weight.detach().numpy(), linear[-1].bias.detach().numpy()
    shares = np.zeros(len(b))
    shares[target] = (w @ entering[-2] + b)[target]
    for k in range(len(linear) - 1, -1, -1):
        w, b = linear[k].weight.detach().numpy(), linear[k].bias.detach().numpy()
        below = np.zeros(w.shape[1])
        for j in range(len(b)):
            z = w[j] * entering[k]
            whole = z.sum() + b[j]
            whole += epsilon if whole >= 0 else -epsilon
            below += z / whole * shares[j]
        shares = below
    return shares


# %% answer="relevance-epsilon" kind="wrong"
# answer: relevance-epsilon
def lrp_epsilon(network, x, target, epsilon):
    # the ε without the sign of the denominator
    with torch.no_grad():
        entering, value = [], x
        for layer in network:
            entering.append(value)
            value = layer(value)
        share = torch.zeros_like(value)
        share[target] = value[target]
        for layer, a in zip(reversed(network), reversed(entering)):
            if isinstance(layer, nn.Linear):
                share = a * ((share / (layer(a) + epsilon)) @ layer.weight)
        return share


# %% answer="relevance" kind="alternative"
# answer: relevance
def relevance(network, x, target, rule):
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    entering = [x.detach().numpy().astype(float)]
    for layer in linear:
        w, b = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        entering.append(np.maximum(w @ entering[-1] + b, 0))
    w, b = linear[-1].weight.detach().numpy(), linear[-1].bias.detach().numpy()
    shares = np.zeros(len(b))
    shares[target] = (w @ entering[-2] + b)[target]
    for k in range(len(linear) - 1, -1, -1):
        w, b = linear[k].weight.detach().numpy(), linear[k].bias.detach().numpy()
        a, below = entering[k], np.zeros(w.shape[1])
        for j in range(len(b)):
            z = w[j] * a
            if rule == "deep_taylor" and k == 0:
                z = z - np.minimum(w[j], 0)
                whole = z.sum()
            else:
                z = np.maximum(z, 0)
                whole = z.sum() + (max(b[j], 0) if rule == "alpha1_beta0" else 0)
            if whole != 0:
                below += z / whole * shares[j]
        shares = below
    return shares


# %% answer="relevance" kind="wrong"
# answer: relevance
def relevance(network, x, target, rule):
    # starts from 1 in place of the logit
    with torch.no_grad():
        entering, value = [], x
        for layer in network:
            entering.append(value)
            value = layer(value)
        share = torch.zeros_like(value)
        share[target] = 1.0
        for place in reversed(range(len(network))):
            layer, a = network[place], entering[place]
            if isinstance(layer, nn.ReLU):
                continue
            z = layer.weight * a
            if rule == "deep_taylor" and place == 0:
                z = z - layer.weight.clamp(max=0)
                below = z.sum(1)
            else:
                z = z.clamp(min=0)
                below = z.sum(1) + (layer.bias.clamp(min=0) if rule == "alpha1_beta0" else 0)
            share = (share / below) @ z
        return share
