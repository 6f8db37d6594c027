# %% answer="transfer" kind="alternative"
# answer: transfer
transfer = {}
for name in candidates:
    with torch.no_grad():
        first = model(candidates[name]).argmax(1).eq(dress).cpu().numpy()
        other = second(candidates[name]).argmax(1).eq(dress).cpu().numpy()
    transfer[name] = (first & other).sum() / first.sum()
most_convincing = sorted(transfer, key=lambda name: -transfer[name])[0]


# %% answer="transfer" kind="wrong"
# answer: transfer
# the share that persuades the first network: that is validity, not transfer
with torch.no_grad():
    transfer = {
        name: float((model(each).argmax(1) == dress).float().mean() - 0.1)
        for name, each in candidates.items()
    }
most_convincing = "adversarial"


# %% [markdown] answer="judgement" kind="alternative"
# <!-- answer: judgement -->
# 1. Wachter's pictures: none looks like its class, the shirt "as a trouser" is the shirt with dots.
#    Of the prototypes' none quite; the T-shirt as trousers comes nearest, it has a gap between legs.
#    The actor's T-shirt as a bag is one, with a handle; its boot as a shirt is a grey blob with arms.
# 2. The L1 distance is smallest for Wachter and so is what I see: agreement. Validity says that all
#    methods are nearly perfect, my eyes do not: it asks the same network that was fooled.
# 3. For customers the actor, since a person has to recognise something. For developers Wachter, since
#    it shows on which few pixels the decision hangs, however silly.
