# %% answer="heuristics" kind="alternative"
# answer: heuristics
def heuristics(among, scores, labels, training_labels, k):
    hits = [int(among[i].argmax()) == i for i in range(len(among))]
    agree = []
    for row, label in zip(scores, labels, strict=True):
        order = row.argsort(descending=True)[:k]
        agree.append(float((training_labels[order] == label).double().mean()))
    return np.mean(hits), np.mean(agree)


# %% answer="heuristics" kind="wrong"
# answer: heuristics
def heuristics(among, scores, labels, training_labels, k):
    # large in absolute value, so that opponents count as proponents
    itself = among.abs().argmax(dim=1) == torch.arange(len(among))
    top = scores.abs().topk(k, dim=1).indices
    same = training_labels[top] == labels[:, None]
    return itself.float().mean().item(), same.float().mean().item()


# %% answer="not-itself" kind="alternative"
# answer: not-itself
# Two examples pull the line to both sides of example 0; without one, the other one wins.
own_inputs = torch.tensor([1.0, 3.0, 3.0, 0.0])
own_targets = torch.tensor([2.0, 9.5, -2.0, 7.0])


# %% answer="not-itself" kind="wrong"
# answer: not-itself
# an outlier: nobody but itself holds the line near it
own_inputs, own_targets = np.array([9.0, 1.0, 1.0, 1.0]), np.array([-9.0, 1.0, 1.0, 1.0])


# %% answer="other-class" kind="alternative"
# answer: other-class
pair_inputs = torch.tensor([0.1, -0.05, 0.2, -2.0])
pair_labels = pair_inputs.sign()
asked_input = torch.tensor(1.0)


# %% answer="other-class" kind="wrong"
# answer: other-class
# an example of the other class on the wrong side: its label is a mistake, and it is an opponent
pair_inputs, pair_labels, asked_input = [1.0, -0.5, 2.0, 1.5], [-1, -1, 1, 1], 1.0
