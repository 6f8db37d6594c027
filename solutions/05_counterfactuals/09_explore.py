# %% [markdown]
# ## Section: Explore, and the original library
#
# The lecture used the library alibi, which needs Python 3.11 and older packages, so it has an environment
# of its own: `make alibi` builds it in the course's folder. There `backend="alibi"` runs it on the same
# network; a single image takes it from half a minute to minutes, so this cell only asks whether it is there.
#
# By alibi's own interface each of the three methods is a class. The two searches are graphs of TensorFlow 1,
# for which `tensorflow.compat.v1.disable_v2_behavior()` has to come first, for the whole process; so start a
# process of its own for them. `predict` takes an array of images and returns probabilities:
#
# ```python
# Counterfactual(predict, shape=(1, 1, 28, 28), target_class=3, feature_range=(0.0, 1.0)).explain(x).cf
# proto = CounterfactualProto(predict, (1, 784), use_kdtree=True, theta=10.0, feature_range=(0.0, 1.0))
# proto.fit(examples).explain(x.reshape(1, 784), target_class=[3]).cf
# rl = CounterfactualRL(predict, encoder, decoder, latent_dim=64, coeff_sparsity=7.5,
#                       coeff_consistency=0.0, backend="pytorch")
# rl.fit(examples).explain(x, np.array([3])).cf
# ```
#
# A search that finds nothing returns `None` as `.cf`; else `.cf["X"]` is the image.
#
# A library that needs no TensorFlow is DiCE ([Mothilal, Sharma and Tan
# 2020](https://arxiv.org/abs/1905.07697), `pip install dice-ml`), which looks for several, different
# counterfactuals. It takes tables with named features, so it is not the one for 784 pixels.

# %% tags=["figure"]
from xaikit.counterfactuals.alibi_task import missing as alibi_missing

if (why := alibi_missing()) is None:
    print(
        'alibi is here: try counterfactual(model, shirt[None], dress, "prototype", backend="alibi").'
    )
else:
    print(f"alibi cannot run here: {why}. xaikit's own methods do not need it.")

# %% [markdown]
# ### What alibi found
#
# The next figure needs no alibi. Its three methods were asked for the shirt{{ if section.wachter }} of section {{ section.wachter }}{{ end }}, with two
# targets, and their answers were recorded. Where alibi is, `python -m xaikit train alibi_fashion_mnist` asks them again,
# in about seven minutes; settings, seed and versions stand in `xaikit/assets/recorded/alibi_fashion_mnist.json`.
# xaikit's own methods answer now, in this cell.
#
# alibi's seconds are processor time: about what an idle machine takes. They hold the start of its process, and the
# training of its actor, once for both targets. xaikit's actor was trained before.

# %% tags=["figure"]
from xaikit.counterfactuals.alibi_record import recorded

record = recorded()
figure, axes = plt.subplots(3, 5, figsize=(8, 6), layout="constrained")
for line, (method, theirs) in zip(axes, record.results.items(), strict=True):
    line[0].imshow(theirs[0].inputs[0, 0], cmap="gray", vmin=0, vmax=1)
    line[0].set_ylabel(f"{record.card['methods'][method]['explainer']}\n{method}", fontsize=8)
    for place, each in enumerate(theirs):
        goal = int(each.targets)
        own = counterfactual(model, each.inputs.to(device), goal, method)
        pair = line[1 + 2 * place : 3 + 2 * place]
        for axis, who, result in zip(pair, ("alibi", "xaikit"), (each, own), strict=True):
            axis.set_title(f"{who}: {classes[goal]}", fontsize=8)
            seconds = round(result.seconds, 2 if result.seconds < 10 else None)
            if result.found.all():
                axis.imshow(result.counterfactuals[0, 0, 0].cpu(), cmap="gray", vmin=0, vmax=1)
                below = f"$L_1$ {float(result.distance_l1):.1f}, {seconds} s"
            else:
                axis.set_facecolor("0.7")
                axis.set_box_aspect(1)
                below = f"none, {seconds} s"
            axis.set_xlabel(below, fontsize=8.5)
for axis in axes.flat:
    axis.set_xticks([])
    axis.set_yticks([])
axes[0, 0].set_title("the shirt", fontsize=8, fontweight="bold")
figure.suptitle(
    "one shirt, two targets: alibi (recorded) beside xaikit; grey: none found", fontsize=10
)
plt.show()

# %% [markdown]
# alibi found all six, and its changes are larger than those of xaikit's method beside them. That does not say that
# alibi is worse: it knows the network by a predict function alone, so each gradient costs it 1,568 predictions (two a
# pixel). Its searches were given 60 and 50 iterations for each of two weights (by default 1,000 for each of ten), and
# its actor 5,000 training steps (by default 100,000) on 4,000 images. The network takes all twelve pictures for their
# targets. Would you?
#
# Digits are easier to judge by eye. MNIST is not part of xaikit; the cell uses it if it is on this
# machine or can be downloaded, and says so if not.

# %% tags=["figure"]
try:
    digits = load("mnist", split="test")
except (FileNotFoundError, OSError) as reason:
    print(f"MNIST is not here, so this figure is left out: {reason}")
else:
    some = digits.images[[0, 2, 3]].to(device)
    every = torch.arange(10, device=device).expand(3, 10)
    show_grid(
        counterfactual(load_pretrained("mnist", device=device), some, every, "prototype"),
        "prototype, on digits",
        digits.classes,
    )
