# %% answer="dormant" kind="alternative"
# answer: dormant
def dormant(activations, share):
    active = torch.relu(activations).transpose(0, 1).flatten(1).mean(1)
    return torch.topk(active, round(share * len(active)), largest=False).indices


# %% answer="dormant" kind="wrong"
# answer: dormant
def dormant(activations, share):
    mean = activations.mean((0, 2, 3))  # before the ReLU
    return mean.argsort()[: round(share * len(mean))]
