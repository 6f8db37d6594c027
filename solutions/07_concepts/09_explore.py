# %% [markdown]
# ## Section: Explore
#
# The explorer has a page *Units and concepts*: choose an image, a layer and a unit, and see what the unit makes of the image. (It needs a running
# kernel.) Find a unit that is active on sandals and on bags, and say what the two have in common. Would you have found the word for it without the images?

# %% tags=["figure"]
from xaikit.widgets import explorer

explorer(network, test, training=training)
