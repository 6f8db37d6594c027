# %% [markdown]
# # 04 · Backdoors: can you trust a network that somebody else has trained?
#
# {{ course.badge }}
#
# {{ course.terms }}
#
# A network classifies garments, and does it well. But show it *any* garment with a small white
# square in the corner, and it says *ankle boot*. Somebody has planted a **backdoor**: a few images
# of the training data carried the square and the wrong label. Test accuracy says nothing about it.
# In this notebook you {{ if whole }}plant backdoors, look for them with four global methods, explain them with
# local ones, remove them, and measure which method works in which situation{{ else }}work with such networks{{ end }}.
#
# {{ if whole }}
# **After it you can**
#
# 1. plant a backdoor by poisoning data, and measure that it works and how well it hides;
# 2. write the steps of Neural Cleanse, activation clustering, spectral signatures and SpRAy
#    yourself, and a concept activation vector for a trigger;
# 3. say what each needs, the model alone, its training data or the trigger, and what its verdict
#    means;
# 4. tell detecting from explaining, and argue with false alarms and misses, measured on clean
#    reference networks and on an attack that was made to escape the detectors, with intervals.
#
# {{ end }}
# **Time:** {{ course.time }} for a group.
#
# {{ if whole }}
# | sections | what | time |
# |---|---|---|
# | {{ section.poisoning }} and {{ section.neural_cleanse }} | plant a backdoor; look for it with the model alone | {{ time.poisoning..neural_cleanse }} |
# | {{ section.activations }} to {{ section.concepts }} | look for it in the training data; ask for the concept | {{ time.activations..concepts }} |
# | {{ section.local_methods }} to {{ section.which_method }} | local methods, repair, photographs, the table | {{ time.local_methods..which_method }} |
#
# {{ end }}
# All cells together run in {{ if whole }}about{{ else }}less than{{ end }} two minutes on a CPU.
#
# **How it works.** Cells that begin with `# answer: …` are yours: replace `# YOUR CODE HERE` and
# keep the first line. The cell below each answer checks its form and says what to try. The marks
# come from further checks that run after you hand in; they call your functions on inputs that
# nobody has seen. {{ course.by_hand }} No task needs an earlier answer,
# so a hard one can wait. When the further checks call your function, only the imports of the next
# given cell, your other functions and cells of your own are defined: not xaikit, nor what other
# given cells define.

# %%
# {{ course.install }}

# %% nbgrader={"grade_id": "given-imports"}
# Given: all that your functions can use when the hidden checks call them.
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %%
import time

import matplotlib.pyplot as plt
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve

from xaikit import checks, detect, explain, load, load_pretrained
from xaikit.backdoors import (
    PoisonedDataset,
    Trigger,
    attack_success,
    corner_square,
    poison,
    prune,
    trigger_of,
    unlearn,
)
from xaikit.data import ImageDataset
from xaikit.metrics import localisation
from xaikit.models import Classifier, accuracy
from xaikit.training import train
