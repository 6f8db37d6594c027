# %% answer="accuracy" kind="alternative"
# answer: accuracy
predicted_class = logits.max(dim=1).indices.numpy()
accuracy = np.mean(predicted_class == labels.numpy())
recall = [np.mean(predicted_class[labels.numpy() == c] == c) for c in range(10)]
hardest = np.argmin(recall)


# %% answer="accuracy" kind="wrong"
# answer: accuracy
# of the images predicted as class c, how many are c: precision; and the error for the accuracy
predicted_class = logits.argmax(1)
accuracy = (predicted_class != labels).float().mean().item()
hardest = int(
    torch.stack([(labels[predicted_class == c] == c).float().mean() for c in range(10)]).argmin()
)


# %% answer="targets" kind="alternative"
# answer: targets
def targets_of_interest(logits, labels):
    top = torch.topk(logits, 2, dim=1).indices
    return torch.cat([labels[:, None], top, logits.argmin(1, keepdim=True)], dim=1)


# %% answer="targets" kind="wrong"
# answer: targets
def targets_of_interest(logits, labels):
    order = logits.abs().argsort(dim=1, descending=True)  # large negative logits look likely
    return torch.stack([labels, order[:, 0], order[:, 1], order[:, -1]], dim=1)
