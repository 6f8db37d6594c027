# %% answer="mass" kind="alternative"
# answer: mass
def mass_inside(maps, mask):
    shares = []
    for values in maps:
        positive = torch.relu(values)
        whole = positive.sum().item()
        shares.append(positive[mask].sum().item() / whole if whole else 0.0)
    return shares


# %% answer="mass" kind="wrong"
# answer: mass
def mass_inside(maps, mask):
    size = maps.abs()  # evidence against counts as well
    return (size * mask).sum((1, 2)) / size.sum((1, 2))


# %% [markdown] answer="no-detection" kind="alternative"
# <!-- answer: no-detection -->
# 1. These maps need an image that wears the trigger. On clean images the backdoor does nothing, and
#    trying all triggers is what one wanted to avoid.
# 2. A clean network may rest on a corner as well, on a buckle or a heel; in the figure the clean
#    network's map also shows a little at the trigger, because it answers for the target class. Without
#    other networks to compare with and a threshold, nobody can say how often such a map is a false alarm.
# 3. After an alarm they show where the trigger sits, and whether it is gone after the repair. SpRAy
#    clusters the maps of all training images of a class: a small group apart is suspicious.
