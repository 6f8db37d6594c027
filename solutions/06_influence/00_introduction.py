# %% [markdown]
# # 06 · Training-data influence: which examples made the network say this?
#
# {{ course.badge }}
#
# {{ course.terms }}
#
# The network says *shirt*. An attribution answers *because of these pixels*. This notebook asks another
# question: because of which *training examples*? Would the network say it, too, if one of them had been
# left out? The exact answer is to train again without it, once for each example. The methods of this
# notebook predict that answer at the price of a few gradients. How good are the predictions?
#
# {{ if whole }}
# **After it you can**
#
# 1. derive the influence function, and compute it and its exact counterpart on ridge regression;
# 2. multiply by a Hessian and by its inverse without ever storing it, and say what damping does;
# 3. write Grad-Dot, Grad-Cos and TracIn, and explain where a library's numbers differ from yours;
# 4. find mislabelled and poisoned training images, and say where the same method fails;
# 5. measure how well a score predicts retrained networks, and refute two popular shortcuts of
#    such evaluations by a counter-example.
#
# {{ end }}
# **Time:** {{ course.time }} for a group.{{ if whole }} The core path, sections {{ core.first }} to
# {{ core.last }}, takes {{ core.time }} and earns {{ core.share }}; each later section stands for
# itself.{{ end }} All cells together run in less than two minutes on a CPU.
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
import copy
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

# %%
import matplotlib.pyplot as plt

from xaikit import checks
