# %% answer="asleep" kind="alternative"
# answer: asleep
def asleep(activations, share):
    awake = torch.relu(activations).transpose(0, 1).flatten(1).mean(1)
    return torch.topk(awake, round(share * len(awake)), largest=False).indices


# %% answer="asleep" kind="wrong"
# answer: asleep
def asleep(activations, share):
    mean = activations.mean((0, 2, 3))  # before the ReLU
    return mean.argsort()[: round(share * len(mean))]
