# %% [markdown]
# ## Section: Summary
#
# | method | asks | needs | verdict from | beware |
# |---|---|---|---|---|
# | Neural Cleanse | which class is reached by a small change? | model, clean images | the sizes of all classes, or of clean references | no verdict for two classes alone; large or blended triggers |
# | activation clustering | does a class fall into two clusters? | training data | silhouette and size | clean classes fall into clusters, too |
# | spectral signatures | does a class vary in a direction of its own? | training data | a cut along that direction | how many to remove is not known |
# | SpRAy | do a class's explanations form groups? | training data, LRP | a small cluster of maps | cost of a map for every image |
# | concept vector | does a class react to *this*? | the trigger | sensitivity against random splits | the trigger must be suspected first |
# | LIME, Integrated Gradients | where does *this image's* class come from? | a triggered image | none | explains, does not detect |
#
# Three rules: compare every verdict with clean reference networks; report false alarms together with
# hits, as numbers of numbers; and say what the defender was given.
#
# **Read on**
#
# - B. Wang et al. 2019, [Neural Cleanse](https://doi.org/10.1109/SP.2019.00031).
# - S. Lapuschkin et al. 2019, [Unmasking Clever Hans predictors and assessing what machines really
#   learn](https://doi.org/10.1038/s41467-019-08987-4): SpRAy finds artefacts that nobody planted.
# - J. Hayase et al. 2021, [SPECTRE](https://arxiv.org/abs/2104.11315): spectral signatures after
#   robust whitening.
# - S. Goldwasser et al. 2022, [Planting Undetectable Backdoors in Machine Learning
#   Models](https://arxiv.org/abs/2204.06974): under assumptions of cryptography, no efficient detector
#   finds some backdoors, in any model if it sees only outputs, and in networks of random features even if
#   it sees the weights.
# - A. Bogdanov, A. Rosen and N. Vafa 2026, [Statistically Undetectable Backdoors in Deep Neural
#   Networks](https://icml.cc/virtual/2026/poster/65521).
# - H. Wang et al. 2024, [MM-BD](https://arxiv.org/abs/2205.06900): the largest margin of each class,
#   without any data and for any kind of trigger; `detect(network, images, method="mm_bd")`.

# %% [markdown]
# ## Hand in
#
# Save the notebook, then run the cell below. It reads the saved file as grading does and says what
# grading will not find, leaves out or cannot run, with what to do. In a terminal `python -m xaikit
# check 04_backdoors.ipynb` does the same.
#
# `checks.rehearse("04_backdoors.ipynb")`, in a cell of your own, runs the saved file as grading
# will: from the top, in a fresh process. It takes about as long as *Run All*, and changes neither
# your file nor your kernel. What you hand in is the file `04_backdoors.ipynb` itself.

# %% tags=["hand-in"]
checks.upload("04_backdoors.ipynb")
