# %% [markdown]
# ## Section: A sanity check
#
# A map can look convincing and have nothing to do with what the network has learned. [Adebayo et al.
# (2018)](https://arxiv.org/abs/1810.03292) test that: draw the weights of the last layer anew, then
# also those of the layer before, and so on, until nothing learned is left. **A map that still
# resembles the first one does not explain the trained network.** The cell compares the maps'
# magnitudes by rank correlation: 1 means the same order of pixels, 0 means none in common.

# %% tags=["figure"]
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, style in (("gradient", "-o"), ("guided_backprop", "--s"), ("grad_cam", ":^")):
    layers, agreement = weight_randomisation(model, image, targets[:, :1], name, absolute=True)
    axis.plot(range(1, len(layers) + 1), agreement[:, 0, 0].cpu(), style, label=name, markersize=5)
axis.axhline(0, color="0.7", linewidth=0.8)
axis.set_title("Agreement with the map of the trained network", fontsize=11)
axis.set_xlabel("layers with random weights, counted from the last one", fontsize=10)
axis.set_ylabel("rank correlation", fontsize=10)
axis.legend(fontsize=10, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
display(figure)
plt.close(figure)
