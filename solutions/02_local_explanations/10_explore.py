# %% [markdown]
# ## Section: Explore
#
# Any image by any method: move the sliders. (The page computes in the background and does not
# belong to the marks.)

# %% tags=["figure"]
explorer(model, test)

# %% [markdown]
# Everything above runs on digits as well. MNIST is not part of xaikit; the cell uses it if it is on
# this machine or can be downloaded, and says so if not. Digits are bright strokes on exactly
# black ground, too: which of your results would you expect to hold?

# %% tags=["figure"]
try:
    digits = load("mnist", split="test")
except (FileNotFoundError, OSError) as reason:
    print(f"No digits here, which changes no mark: {reason}")
else:
    digit_model = load_pretrained("mnist", device=device)
    two = digits.images[:2].to(device)
    with torch.no_grad():
        likely = digit_model(two).topk(2, dim=1).indices
    few = [explain(digit_model, two, likely, m) for m in ("gradient", "deeplift", "deep_taylor")]
    roles_of_digits = ("most likely", "second most likely")
    display(plots.attribution_grid(few, two, classes=digits.classes, roles=roles_of_digits))
