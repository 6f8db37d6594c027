# %% [markdown]
# # 03 · Adversarial attacks: a small change, another answer, and what the explanations say
#
# {{ course.badge }}
#
# {{ course.terms }}
#
# A network recognises nine garments of ten. After a change that hardly anybody sees{{ if section.patches }}, or after a
# sticker of five by five pixels{{ end }}, it recognises nearly none. In this notebook you write such attacks
# and measure how well they work.{{ if section.patches and section.explanations }} Then you ask what attribution maps show of an attacked image:
# do they point at the sticker? Do they also point at a sticker that is harmless?{{ end }}
#
# {{ if whole }}
# **After it you can**
#
# 1. write the attacks that everybody uses: FGSM, PGD in two norms, a patch, targeted or not; and one
#    that needs no gradient;
# 2. say for a linear model *exactly* how much change it withstands, and why many pixels make it little;
# 3. count success with the right denominator, its uncertainty and a control of the same size, and
#    recognise a defence that only hides its gradient;
# 4. measure what an attack does to an explanation against the two controls that it needs, equally
#    large noise and the share of the area;
# 5. train a network that withstands an attack, and say which one it withstands.
#
# {{ end }}
# {{ if whole }}
# **Time:** {{ course.time }} for a group, best in three sittings:
#
# | sections | what | time |
# |---|---|---|
# | {{ section.success }} to {{ section.masked_gradient }} | attacks on the whole image | {{ time.success..masked_gradient }} |
# | {{ section.patches }} and {{ section.explanations }} | patches, and what happens to the explanations | {{ time.patches..explanations }} |
# | {{ section.defence }} | a defence, and how to read a claim | {{ time.defence }} |
# {{ else }}
# **Time:** {{ course.time }} for a group.
# {{ end }}
#
# All cells together run in {{ if whole }}about{{ else }}less than{{ end }} a minute on a CPU.
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
import copy
import math

import numpy as np
import torch
from torch import Tensor, nn

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %%
import matplotlib.pyplot as plt
from IPython.display import display

from xaikit import attack, checks, explain, load, load_pretrained, plots
from xaikit.metrics import localisation, rank_agreement
from xaikit.progress import Bar

line_colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # colour-blind readers tell them apart
