# %% answer="count" kind="alternative"
# answer: count
def attack_report(clean, attacked, labels, targets=None):
    y = labels.numpy()
    before, after = clean.numpy().argmax(1), attacked.numpy().argmax(1)
    right = before == y
    if targets is None:
        candidates, won = right, after != y
    else:
        candidates, won = right & (targets.numpy() != y), after == targets.numpy()
    return [np.mean(right), np.mean(right & (after == y)), np.mean(won[candidates])]


# %% answer="count" kind="wrong"
# answer: count
def attack_report(clean, attacked, labels, targets=None):
    # every image that is wrong afterwards counts as a success, of all images
    before, after = clean.argmax(1) == labels, attacked.argmax(1) == labels
    success = ~after if targets is None else attacked.argmax(1) == targets
    return tuple(each.float().mean().item() for each in (before, before & after, success))
