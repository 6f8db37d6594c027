# %% [markdown]
# ## Section: Explore, and the original library
#
# The lecture used the library alibi. Where it is installed (Python 3.11, `pip install
# "xaikit[alibi]"`), `backend="alibi"` runs it on the same network; a single image takes it from half a
# minute to minutes, so this cell only asks whether it is there.
#
# A library that needs no TensorFlow is DiCE ([Mothilal, Sharma and Tan
# 2020](https://arxiv.org/abs/1905.07697), `pip install dice-ml`), which looks for several, different
# counterfactuals. It takes tables with named features, so it is not the one for 784 pixels.

# %% tags=["figure"]
there = (
    importlib.util.find_spec("alibi") is not None
    and importlib.util.find_spec("tensorflow") is not None
)
if there:
    print(
        'alibi is here: try counterfactual(model, shirt[None], dress, "prototype", backend="alibi").'
    )
else:
    print("alibi is not installed here. xaikit's own methods do not need it.")

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
