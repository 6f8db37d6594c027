# %% [markdown]
# ## Section: Explore
#
# The explorer explains any of the photographs by any method, for any class, with the deletion curve
# beside the map. Its page on counterfactuals asks what would have to be different. (It is a widget:
# it answers only while this notebook is running.)

# %% tags=["figure"]
says = every.argmax(1)  # the network's own answers, because nobody has labelled your photograph
explorer(model, ImageDataset(images.cpu(), says, tuple(classes)))

# %% [markdown]
# ## Section: What to take away
#
# - Put the normalisation into the model, choose the targets before you look at a map, and compare
#   targets: a map that is the same for each class explains the image, not the decision.
# - Looks tell nothing. A deletion curve and a sanity check are a few lines each.
# - A method that refuses your network protects you: in a network that it cannot follow, a library
#   that returns a map all the same may be silently wrong{{ if notebook.local_explanations }} (notebook {{ notebook.local_explanations }}){{ end }}.
