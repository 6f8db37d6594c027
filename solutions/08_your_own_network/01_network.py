# %% [markdown]
# ## Section: The network
#
# A method needs a model that maps images in [0, 1] to one logit a class. Networks of ImageNet want
# images that were normalised before, so the cell puts the normalisation into the model, as its
# first layer. Then a map speaks of the pixels that you see, and a black pixel is 0.
#
# Nothing else has to be prepared: the methods take residual additions, batch normalisation and
# reused ReLUs as torchvision wrote them, and give the model back as it was. Put `models.densenet121`
# or `models.vgg16` in the place of `models.resnet18` and run all cells again. If a method cannot
# follow a layer of your network, it says so in one sentence instead of returning a wrong map.


# %%
def imagenet_network() -> nn.Module:
    """Return a network that was trained on ImageNet, with its normalisation inside."""
    network = models.resnet18(weights="DEFAULT")  # downloads 45 MB the first time
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return nn.Sequential(Normalize(mean, deviation), network)


try:
    if os.environ.get("XAIKIT_OFFLINE"):
        raise OSError("XAIKIT_OFFLINE is set")
    model, side = imagenet_network(), 224
    classes = models.ResNet18_Weights.DEFAULT.meta["categories"]  # the same for all of ImageNet
except OSError as reason:
    print(f"The large network cannot be downloaded, so the small one is taken: {reason}")
    model, side = load_pretrained("cats_and_dogs"), 96
    classes = ["cat", "dog"]
model = model.to(device).eval()
parameters = sum(each.numel() for each in model.parameters())
print(f"{parameters:,} parameters, {len(classes)} classes, images of {side} × {side} pixels.")
