# %% [markdown]
# # 05 · Counterfactuals: what would have to be different?
#
# {{ course.badge }}
#
# {{ course.terms }}
#
# The network says *shirt*. An attribution answers *because of these pixels*. A **counterfactual**
# answers another question: what is the smallest change after which it would say *dress*? Such an
# answer can be acted upon ("with 200 euros more income the loan would have been granted"), and it
# can be looked at: does the changed picture look like a dress, or only fool the network?
#
# {{ if whole }}
# **After it you can**
#
# 1. compute the counterfactual of a linear model in closed form, under two distances, also when
#    only some features may change;
# 2. write Wachter's method: its loss, the step that keeps most pixels exactly as they are, and the
#    search for its weight;
# 3. explain what prototypes and an actor that was trained by reinforcement learning add, and write
#    their core;
# 4. measure counterfactuals (validity, distance, sparsity, closeness to a class) and say what each
#    measure misses;
# 5. tell an adversarial example from a counterfactual, by measurement;
# 6. measure how diverse several counterfactuals are, and how stable one is.
#
# {{ end }}
# **Time:** {{ course.time }} for a group{{ if whole }}: for sections {{ section.nearest_point }} and {{ section.wachter }}
# {{ time.nearest_point..wachter }}, for {{ section.prototypes }} and {{ section.reinforcement }} {{ time.prototypes..reinforcement }}, for {{ section.measures }} to {{ section.several }}
# {{ time.measures..several }}{{ end }}. All cells together run in less than two minutes on a CPU.
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
from torch import Tensor, nn

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# %%
import matplotlib.pyplot as plt

from xaikit import attack, checks, counterfactual, load, load_pretrained
from xaikit.autoencoders import load_judges

print(f"Computing on the {device.type.upper()}.")
