# %% [markdown]
# # 02 · Local explanations: which pixels, for which class, compared with what?
#
# {{ course.badge }}
#
# {{ course.terms }}
#
# A network looks at a picture of a shirt and says *coat*. Which pixels made it say so? A **local
# explanation** answers for one input and one class.{{ if whole }} In this notebook you build the methods that
# everybody uses, run them on a real network, and find out how much of what they show is the network
# and how much is the method.{{ end }}
#
# {{ if whole }}
# **After it you can**
#
# 1. write the common methods yourself: gradients, paths from a reference, relevance propagation,
#    Grad-CAM, LIME and KernelSHAP;
# 2. say for each what the input is compared with, what it costs and what its numbers add up to;
# 3. test a map: by deletion, against random weights, against a place that is known, against other
#    methods, and know the flaw of each test;
# 4. predict how a map changes when the question or the network changes, and argue from measurements
#    whether a map explains anything.
#
# {{ end }}
# {{ if whole }}
# **Time:** {{ course.time }} for a group, best in four sittings:
#
# | sections | what | time |
# |---|---|---|
# | {{ section.question }} to {{ section.perturbation }} | the methods by hand | {{ time.question..perturbation }} |
# | {{ section.captum }} and {{ section.shap_and_lime }} | the same methods in captum, shap and lime | {{ time.captum..shap_and_lime }} |
# | {{ section.comparison }} | all of them on one network, and what they say | {{ time.comparison }} |
# | {{ section.deletion_and_sanity }} and {{ section.understanding }} | can they be trusted? do you understand them? | {{ time.deletion_and_sanity..understanding }} |
# | {{ section.report }} | the page that you hand in | {{ time.report }} |
# {{ else }}
# **Time:** {{ course.time }} for a group.
# {{ end }}
#
# All cells together run in {{ if whole }}about{{ else }}less than{{ end }} two minutes on a CPU.
#
# **How it works.** Cells that begin with `# answer: …` are yours: replace `# YOUR CODE HERE` and
# keep the first line. The cell below each answer checks its form and says what to try. The marks
# come from further checks that run after you hand in; they call your functions on inputs that nobody
# has seen. {{ course.by_hand }} No task needs an earlier answer, so a hard
# one can wait. When the further checks call your function, only the imports of the next given cell,
# your other functions and cells of your own are defined: not xaikit, nor what other given cells define.
# {{ if section.captum and section.shap_and_lime }}
# (In sections {{ section.captum }} and {{ section.shap_and_lime }} captum, shap and lime are there, too.)
# {{ end }}
# {{ if section.captum and not section.shap_and_lime }}
# (In section {{ section.captum }} captum, shap and lime are there, too.)
# {{ end }}

# %%
# {{ course.install }}

# %% nbgrader={"grade_id": "given-imports"}
# Given: all that your functions can use when the hidden checks call them.
import copy
import math

import numpy as np
import torch
from torch import Tensor, nn

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %%
import matplotlib.pyplot as plt
from IPython.display import display
from sklearn.ensemble import RandomForestClassifier

from xaikit import Explanation, checks, explain, load, load_pretrained, plots, tree_shap
from xaikit.metrics import (
    deletion,
    evaluate,
    insertion,
    intensity_ranking,
    localisation,
    mosaics,
    plant_stickers,
    pointing_game,
    random_ranking,
    rank_agreement,
    weight_randomisation,
)
from xaikit.progress import Bar
from xaikit.widgets import explorer
