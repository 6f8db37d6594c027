# %% [markdown]
# # 08 · Appendix: your own network, your own photograph
#
# {{ course.badge }}
#
# *{{ course.name }}*
#
# This notebook explains a network that the world uses, on a photograph that you took. **Nothing here is handed in, and nothing is
# marked:** change any cell and see what happens.
#
# **After it you can**
#
# 1. prepare a network of torchvision so that any method of xaikit takes it;
# 2. choose targets among 1,000 classes, and compare six methods on them;
# 3. measure which map finds the pixels that the network uses, and which map has nothing to do with
#    what the network has learned.
#
# **Time:** half an hour with a photograph of yours. All cells together run in seconds on a GPU, and
# in less than a minute on a CPU with the small network.
#
# **Where it runs.** Everything runs on a GPU where there is one: in Colab choose *Runtime → Change
# runtime type → T4 GPU* first. Without a connection, a small network of cats and dogs takes the
# place of the large one, and pictures that come with scikit-image take the place of your
# photograph. Every cell stays the same.

# %%
# {{ course.install }}

# %%
import os
from dataclasses import replace

import matplotlib.pyplot as plt
import skimage.data
import torch
from IPython.display import display
from PIL import Image, ImageOps
from torch import nn
from torchvision import models
from torchvision.transforms import Normalize
from torchvision.transforms.functional import center_crop, pil_to_tensor, resize

from xaikit import alternatives, explain, load_pretrained, plots
from xaikit.data import ImageDataset
from xaikit.metrics import deletion, weight_randomisation
from xaikit.widgets import explorer

alternatives.install()  # each figure says in words what it shows

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
print(f"Computing on the {device.type.upper()}.")
