# %% [markdown]
# ## Section: The photograph
#
# In Colab this cell shows a button that uploads a photograph of yours (JPEG or PNG). Elsewhere write
# its path into `path`. The cell turns it upright, as the camera noted, makes its shorter side as
# long as the network wants, and cuts out the middle. Two pictures of scikit-image follow, a cat and
# a person, so that there is one to explain if you upload none.

# %%
import sys

path = None  # for example "holiday.jpg"
if "google.colab" in sys.modules and path is None:
    from google.colab import files

    path = next(iter(files.upload()), None)


def prepared(picture: Image.Image) -> torch.Tensor:
    """Return a picture as the network takes it: (3, side, side) in [0, 1]."""
    upright = ImageOps.exif_transpose(picture).convert("RGB")
    scaled = resize(pil_to_tensor(upright), [side], antialias=True)
    return center_crop(scaled, [side]).float() / 255


own = [] if path is None else [prepared(Image.open(path))]
cat, person = (Image.fromarray(each) for each in (skimage.data.chelsea(), skimage.data.astronaut()))
images = torch.stack([*own, prepared(cat), prepared(person)]).to(device)
image = images[:1]  # the one that is explained: yours, else the cat

# %% [markdown]
# What does the network say? An explanation answers *why this class*, so you have to choose classes,
# the **targets**. Good ones are the most likely classes, because you want to know what tells them
# apart, and one that is out of the question, because a map that looks the same for it explains
# nothing. The cell takes the three most likely classes and the least likely one. (The small network
# has two classes, so it has two targets. It also takes the cat for a dog: then the maps show what led
# it astray.)

# %% tags=["figure"]
with torch.no_grad():
    every = model(images).softmax(1).cpu()
said = [f"{classes[int(p.argmax())]}\n{float(p.max()):.0%}" for p in every]
display(plots.image_row(images.cpu(), said))

# %%
with torch.no_grad():
    probabilities = model(image).softmax(1)[0]
order = probabilities.argsort(descending=True)
targets = torch.cat([order[:3], order[-1:]]).unique_consecutive()[None]  # (1 image, 4 targets)
for target in targets[0].tolist():
    print(f"{classes[target]}: {float(probabilities[target]):.2%}")
