# %% [markdown]
# ## Section: Six methods
#
# {{ if notebook.local_explanations }}You know these methods from notebook {{ notebook.local_explanations }}.{{ else }}These methods give each pixel a number.{{ end }} Two follow the gradient (of which guided backpropagation
# changes the backward pass), integrated gradients averages it on the way from black to the image,
# Grad-CAM weighs the maps of a late layer, and the last two propagate relevance back through the
# layers. Each call explains all targets at once.
#
# A row is a method, a column a target. Red pixels speak for the target, blue ones against it
# (Grad-CAM and guided backpropagation throw parts of the negative evidence away).
# Before you read one map closely, look along a row: **which methods give another map for another
# class?**

# %% tags=["figure"]
names = ("gradient", "guided_backprop", "integrated_gradients", "grad_cam", "deep_taylor", "lrp")
options = {"integrated_gradients": {"steps": 20}, "lrp": {"rule": "composite"}}
explanations = {
    name: explain(model, image, targets, name, chunk=32, **options.get(name, {})) for name in names
}
display(plots.attribution_grid(list(explanations.values()), image, classes))
