# %% answer="wachter-loss" kind="alternative"
# answer: wachter-loss
def wachter_loss(network, changed, x, target, wanted, weight):
    logits = network(changed.unsqueeze(0)).squeeze(0)
    p = (logits[target] - torch.logsumexp(logits, 0)).exp()
    return weight * (p - wanted).pow(2) + torch.linalg.vector_norm(changed - x, ord=1)


# %% answer="wachter-loss" kind="wrong"
# answer: wachter-loss
def wachter_loss(network, changed, x, target, wanted, weight):
    # alibi's λ: at the distance
    p = network(changed[None]).softmax(dim=1)[0, target]
    return (p - wanted) ** 2 + weight * (changed - x).abs().sum()


# %% answer="proximal" kind="alternative"
# answer: proximal
def proximal_step(changed, x, slope, rate):
    stepped = changed - rate * slope
    return torch.maximum(torch.minimum(x, stepped + rate), stepped - rate).clamp(0, 1)


# %% answer="proximal" kind="wrong"
# answer: proximal
def proximal_step(changed, x, slope, rate):
    # shrinks the pixel's brightness instead of its change
    stepped = changed - rate * slope
    return (stepped.sign() * (stepped.abs() - rate).clamp(min=0)).clamp(0, 1)


# %% answer="search" kind="alternative"
# answer: search
def next_weight(low, high, weight, found):
    low, high = (low, weight) if found else (weight, high)
    if high == 0:
        return low, high, weight * 10
    return low, high, low + (high - low) / 2


# %% answer="search" kind="wrong"
# answer: search
def next_weight(low, high, weight, found):
    # alibi's way round: a failure lowers λ
    low, high = (weight, high) if found else (low, weight)
    return low, high, 10 * weight if high == 0 else (low + high) / 2


# %% answer="which-lambda" kind="alternative"
# answer: which-lambda
which_lambda = dict(wachter="surer", alibi="nearer")
which_lambda["alibi after a failure"] = "down"


# %% answer="which-lambda" kind="wrong"
# answer: which-lambda
which_lambda = {"wachter": "surer", "alibi": "surer", "alibi after a failure": "up"}


# %% answer="my-dress" kind="alternative"
# answer: my-dress
# Few pixels, the best ones, as strongly as they like: greedy instead of shrinking.
candidate = shirt.clone()
my_dress = None
allowed = torch.zeros_like(shirt, dtype=torch.bool)
for round_ in range(40):
    for _ in range(10):
        candidate.requires_grad_()
        p = model(candidate[None])[0].log_softmax(0)[dress]
        (slope,) = torch.autograd.grad(p, candidate)
        candidate = candidate.detach()
        room = torch.where(slope > 0, 1 - candidate, candidate)
        if _ == 0:
            worth = (slope.abs() * room).masked_fill(allowed, -1)
            best = worth.flatten().topk(4).indices
            allowed.view(-1)[best] = True
        candidate = torch.where(allowed, (candidate + 0.1 * slope.sign()).clamp(0, 1), candidate)
        with torch.no_grad():
            sure = float(model(candidate[None]).softmax(1)[0, dress])
        if sure >= 0.9:
            my_dress = candidate
            break
    if my_dress is not None:
        break


# %% answer="my-dress" kind="wrong"
# answer: my-dress
# no L1 term: it is a dress, but everything has changed
candidate = shirt.clone()
for _ in range(60):
    candidate.requires_grad_()
    (slope,) = torch.autograd.grad(model(candidate[None])[0].log_softmax(0)[dress], candidate)
    candidate = (candidate.detach() + 0.02 * slope.sign()).clamp(0, 1)
my_dress = candidate
