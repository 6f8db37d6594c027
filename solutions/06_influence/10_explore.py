# %% [markdown]
# ## Section: Explore
#
# The explorer has a page *Training data*: choose an image, a method and a class, and see the proponents and opponents. (It
# needs a running kernel.) Look for an image that the network gets wrong: which training images does it owe that to, and do the methods agree?

# %% tags=["figure"]
from xaikit.widgets import explorer

explorer(network, test, training=training)
