# %% [markdown]
# # 01 · Theory: what an explanation is, and how to compute one by hand
#
# {{ course.badge }}
#
# *{{ course.name }}*
#
# {{ course.terms }}
#
# A network in use has a million parameters and more, and nobody can check its heat map with pencil
# and paper. Here everything is small enough that you can.{{ if whole }} After this
# notebook you can
#
# - place an explanation method: local or global, intrinsic or post-hoc, model-agnostic or specific,
#   and say which purpose it serves and where it is weak;
# - compute by hand, on networks with a handful of weights, gradients, integrated gradients, Shapley
#   values (also for correlated features), layer-wise relevance propagation (LRP), LIME,
#   counterfactuals, a surrogate and knockoffs;
# - name the axioms (completeness, conservation, symmetry, implementation invariance) and show by a
#   three-line example which method violates which;
# - find the error in code that looks right.{{ end }}
#
# **Time**: {{ course.time }} alone, less in a group. **Computer**: everything runs on a CPU in seconds.
#
# **How to work.** Write only into the cells that begin with `# answer: …` and leave that first line
# as it is. Below each answer a cell checks its *form*, and properties that any right answer has;
# the marks come from hidden checks, which call your functions on inputs that you have not seen.
# Cells of your own may stand anywhere. No task needs an earlier answer, so a hard one can wait. When
# the hidden checks call your function, only the imports of the next given cell{{ if task.distillation }} (for task {{ task.distillation }} also
# the tree){{ end }}, your other functions and cells of your own are defined: not xaikit, nor what other given
# cells define.
# A cross ✗ is nothing to worry about; the sentence beside it says what to try.

# %%
# {{ course.install }}

# %% nbgrader={"grade_id": "given-imports"}
# Given: all that the tasks by hand need.
import itertools
import math

import numpy as np
import torch

# %%
# Given: figures and visible checks. The colours can be told apart by colour-blind readers.
import matplotlib.pyplot as plt
from xaikit import checks
from xaikit.checks import quiz as quizzes
from xaikit.progress import Bar

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#8C8C8C"
plt.rcParams.update({"figure.constrained_layout.use": True, "axes.grid": True, "grid.alpha": 0.3})
device = "cpu"  # paper-sized networks: a GPU would only be slower
torch.manual_seed(0)
print("Ready: torch", torch.__version__, "on the", device)
