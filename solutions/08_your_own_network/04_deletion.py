# %% [markdown]
# ## Section: Deletion
#
# The grid shows six answers to one question, and looks do not tell which one is right. So measure:
# blur the pixels away in the order of a map, the most relevant first, and watch the probability of
# the most likely class. **The sooner it falls, the better the map has found the pixels that the
# network uses.** A random order tells what any order would do: a map that does not beat it has found
# nothing.

# %% tags=["figure"]
with_softmax = nn.Sequential(model, nn.Softmax(dim=1))  # its output is a probability
likely = {
    name: replace(each, attributions=each.attributions[:, :1], targets=each.targets[:, :1])
    for name, each in explanations.items()
}
torch.manual_seed(0)
gradient = likely["gradient"]
likely["random"] = replace(gradient, attributions=torch.rand_like(gradient.attributions))
falls = {
    name: deletion(with_softmax, image, each, fill="blurred", steps=16, chunk=32)
    for name, each in likely.items()
}
title = f"Deletion: does the network still see “{classes[int(targets[0, 0])]}”?"
display(plots.curves(falls, title, ylabel="probability of the target"))

# %% [markdown]
# One photograph is one observation: the order of the methods may change with the next one. Blurred
# pixels are also not the only way to delete. Try `fill="black"` and see whether the same method wins.
