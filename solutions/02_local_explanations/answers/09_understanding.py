# %% answer="predict" kind="alternative"
# answer: predict
changed = {
    "shift: gradient of a logit",
    "shift: integrated gradients of a logit",
    "shift: input × gradient of a logit",
    "shift: SmoothGrad of a logit",
    "shift: DeepLIFT of a logit",
    "constant: LRP-α₁β₀ of a logit",
    "twins: LRP-α₁β₀",
    "twins: guided backpropagation",
}
prediction = {question: "other" if question in changed else "same" for question in questions}


# %% answer="predict" kind="wrong"
# answer: predict
# "same predictions, same maps; same function, other maps"
prediction = {q: "same" if q.startswith("shift") else "other" for q in questions}


# %% answer="manipulate" kind="alternative"
# answer: manipulate
start = examples[1:].clone()
with torch.no_grad():
    wanted = model(start)
best, most = start, 0.0
change = torch.zeros_like(start)
for k in range(200):
    change.requires_grad_()
    point = (start + change).clamp(0, 1)
    (slopes,) = torch.autograd.grad(smooth(point)[0, goal], point, create_graph=True)
    loss = 1 - energy_in_square(slopes[0]) + 0.02 * (model(point) - wanted).square().mean()
    (step,) = torch.autograd.grad(loss, change)
    rate = 0.02 if k < 100 else 0.005
    change = (change.detach() - rate * step / step.abs().max()).clamp(-0.1, 0.1)
    with torch.no_grad():
        point = (start + change).clamp(0, 1)
        moved = float((model(point) - wanted).abs().max())
    share = explain(model, point, goal, "gradient").attributions[0, 0]
    if moved < 1.9 and float(energy_in_square(share)) > most:
        best, most = point, float(energy_in_square(share))
manipulated = best[0]


# %% answer="manipulate" kind="wrong"
# answer: manipulate
# noise moves the map about, but not into the square
noise = torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(0)).to(device)
manipulated = (examples[1] + 0.05 * (2 * noise - 1)).clamp(0, 1)


# %% answer="trained-or-random" kind="alternative"
# answer: trained-or-random
def looks_trained(maps):
    # the sum of magnitudes of maps of norm 1: peaked maps have a small one
    return float(maps.abs().sum((1, 2)).mean()) < 20.2


# %% answer="trained-or-random" kind="wrong"
# answer: trained-or-random
def looks_trained(maps):
    # every map has norm 1, so this is always true
    return bool(maps.norm() > 1)


# %% [markdown] answer="simulation" kind="alternative"
# <!-- answer: simulation -->
# 1. I worked alone with number 4: I wrote down eight guesses for the images, then eight with the
#    maps, then looked. 4 of 8 without maps, 6 of 8 with maps.
# 2. Two cards more are little: by tossing coins for the five cards on which I changed my mind, two
#    more hits come about often. I had seen the images before, so a second look may have helped, and
#    I knew that half of them are mistakes.
# 3. It tells whether maps help *me* to foresee the network, which deletion never asks; it does not
#    tell whether the network uses what is red, which deletion and the sticker do ask.
