# %% answer="transfer" kind="alternative"
# answer: transfer
with torch.no_grad():
    asked = {
        (which, kind): [
            net(pictures[kind]).argmax(1).eq(dress).cpu().numpy() for net in (model, second)
        ]
        for which, pictures in (("own", candidates), ("four", scaled), ("noise", noisy))
        for kind in kinds
    }
transfer = [
    [(asked[w, k][0] & asked[w, k][1]).sum() / asked[w, k][0].sum() for w in ("own", "four")]
    for k in kinds
]
above_noise = {}
for k in kinds:
    ends = [wilson(int(asked[w, k][1].sum()), len(sources)) for w in ("own", "noise")]
    above_noise[k] = "no" if ends[0][0] <= ends[1][1] else "yes"


# %% answer="transfer" kind="wrong"
# answer: transfer
# of all images, also those that no longer persuade the first network; any difference counts
transfer, above_noise = torch.zeros(4, 2), {}
with torch.no_grad():
    for k, kind in enumerate(kinds):
        for j, pictures in enumerate((candidates[kind], scaled[kind])):
            transfer[k, j] = (second(pictures).argmax(1) == dress).float().mean()
        above_noise[kind] = "yes"


# %% [markdown] answer="judgement" kind="alternative"
# <!-- answer: judgement -->
# 1. Wachter's pictures: none looks like its class, the shirt "as a trouser" is the shirt with dots.
#    Of the prototypes' none quite; the T-shirt as trousers comes nearest, it has a gap between legs.
#    The actor's T-shirt as a bag is one, with a handle; its boot as a shirt is a grey shape with sleeves.
# 2. The L1 distance is smallest for Wachter and so is what I see: agreement. Validity says that all
#    methods are nearly perfect, my eyes do not: it asks the same network that was fooled.
# 3. For customers the actor, since a person has to recognise something. For developers Wachter, since
#    it shows on which few pixels the decision hangs, however silly.
