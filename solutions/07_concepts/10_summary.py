# %% [markdown]
# ## Section: Summary
#
# | method | score of example $j$ for $z$ | needs | beware |
# |---|---|---|---|
# | leave-one-out | the loss of $z$ without $j$, minus that with it | to retrain for each example | seeds change more than one example does |
# | influence function | $g_z^\top (H + \delta I)^{-1} g_j$ | a minimum, Hessian-vector products | damping, weight decay, depth |
# | TracIn | $\sum_t \eta_t\, g_z^{(t)} \cdot g_j^{(t)}$ | checkpoints | long gradients (outliers) lead every list |
# | Grad-Dot | $g_z \cdot g_j$ | one network | the same |
# | Grad-Cos | $\cos(g_z, g_j)$ | one network | a similarity: it ignores how much an example still teaches |
# | representer | last layer's residual of $j$ times the similarity of features | a last layer with weight decay | describes the last layer alone |
# | exemplar | minus the distance of the features | features | finds what looks alike to the network, not what taught it |
# | TRAK | gradients projected at random, then a linear model | several checkpoints | the number of random directions, damping |
#
# How good is a score? By the heuristics it should name the example itself and the same class: a right score may do neither, and a
# score that knows nothing may do both. Retraining on random subsets asks what we want to know; it costs many trainings, once.
# To find bad data, compare with the plain loss, and know what you are looking for: what contradicts the rest has a
# large self-influence, and what repeats itself has none.
#
# **Read on**
#
# - P. W. Koh, P. Liang 2017, [Understanding Black-box Predictions via Influence
#   Functions](https://arxiv.org/abs/1703.04730).
# - G. Pruthi, F. Liu, S. Kale, M. Sundararajan 2020, [Estimating Training Data Influence by Tracing Gradient
#   Descent](https://arxiv.org/abs/2002.08484).
# - K. Hanawa, S. Yokoi, S. Hara, K. Inui 2021, [Evaluation of Similarity-based
#   Explanations](https://arxiv.org/abs/2006.04528).
# - S. Basu, P. Pope, S. Feizi 2021, [Influence Functions in Deep Learning Are
#   Fragile](https://arxiv.org/abs/2006.14651).
# - S. M. Park, K. Georgiev, A. Ilyas, G. Leclerc, A. Madry 2023, [TRAK: Attributing Model Behavior at
#   Scale](https://arxiv.org/abs/2303.14186).
# - Z. Hammoudeh, D. Lowd 2024, [Training Data Influence Analysis and Estimation: A
#   Survey](https://arxiv.org/abs/2212.04612).

# %% [markdown]
# ## Hand in
#
# Save the notebook, then run the cell below. It reads the saved file as grading does and says what
# grading will not find, leaves out or cannot run, with what to do. In a terminal `python -m xaikit
# check 07_concepts.ipynb` does the same.
#
# `checks.rehearse("07_concepts.ipynb")`, in a cell of your own, runs the saved file as
# grading will: from the top, in a fresh process. It takes about as long as *Run All*, and changes
# neither your file nor your kernel. What you hand in is the file `07_concepts.ipynb` itself.

# %% tags=["hand-in"]
checks.upload("07_concepts.ipynb")
