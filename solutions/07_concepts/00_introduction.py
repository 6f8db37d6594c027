# %% [markdown]
# # 07 · Concepts and probing: what did the network learn?
#
# {{ course.badge }}
#
# {{ course.terms }}
#
# An attribution says which pixels made the network say *ankle boot* for one picture. This notebook asks about
# the network itself.{{ if section.probes }} Does a layer know what footwear is?{{ end }}{{ if section.tcav }} Does the class depend on a concept?{{ end }}{{ if section.maximisation }} Which
# image excites a unit most?{{ end }}{{ if section.slices }} What do the images have in common that the network gets wrong?{{ end }} Such answers are
# **global** explanations. Each of them comes with a control here, because each of these methods finds something in
# a network that has learned nothing.
#
# {{ if whole }}
# **After it you can**
#
# 1. train a probe, and tell what the network learned from what the probe learned;
# 2. find the direction of a concept in a layer, and derive the network's output along it;
# 3. test whether a class depends on a concept, correct for many tests, and name three reasons why a
#    significant score may mean nothing;
# 4. draw the image that excites a unit most, and say which regulariser does what;
# 5. measure which concept a unit detects, and compare with chance;
# 6. find and describe a group of images that the network gets wrong;
# 7. find concepts that nobody has labelled;
# 8. say which method to use when, from what you measured.
#
# {{ end }}
# **Time:** {{ course.time }} for a group.{{ if whole }} The core path, sections {{ core.first }} to
# {{ core.last }}, takes {{ core.time }} and earns {{ core.share }}; each later section stands for
# itself.{{ end }} All cells together run in {{ if whole }}about{{ else }}less than{{ end }} a minute on a CPU.
#
# **How it works.** Cells that begin with `# answer: …` are yours: replace `# YOUR CODE HERE` and
# keep the first line. The cell below each answer checks its form and says what to try. The marks
# come from further checks that run after you hand in; they call your functions on inputs that
# nobody has seen. {{ course.by_hand }} No task needs an earlier answer, so a
# hard one can wait. When the further checks call your function, only the imports of the next given
# cell, your other functions and cells of your own are defined: not xaikit, nor what other given
# cells define.

# %%
# {{ course.install }}

# %% nbgrader={"grade_id": "given-imports"}
# Given: all that your functions can use when the hidden checks call them.
import math

import numpy as np
import torch
from scipy.stats import t as student
from torch import Tensor, nn
from torch.nn import functional

# %%
import matplotlib.pyplot as plt

from xaikit import checks, load, load_pretrained
from xaikit.data import ImageDataset

# %% [markdown]
# All sections look at the same network, a convolutional classifier of FashionMNIST. They use the first garments of
# each class, so that the sample which comes with this package is enough.


# %% name="garments"
def first_of_each_class(split: str, number: int) -> ImageDataset:
    """Return the first images of each class, in their own order."""
    whole = load("fashion_mnist", split)
    some = [(whole.labels == c).nonzero()[:number, 0] for c in range(len(whole.classes))]
    chosen = torch.cat(some).sort().values
    return ImageDataset(whole.images[chosen], whole.labels[chosen], whole.classes, whole.source)


training = first_of_each_class("train", 200)  # 2,000 images
test = first_of_each_class("test", 100)  # 1,000 images
classes = test.classes
network = load_pretrained("fashion_mnist")
print(network)
