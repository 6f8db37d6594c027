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
