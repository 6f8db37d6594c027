# %% [markdown]
# ## Section: Summary
#
# | method | what it says | needs | its control | beware |
# |---|---|---|---|---|
# | probe | the concept can be read off a layer | labelled images | a control task; random weights | it is there: nobody says that the network uses it |
# | CAV | the direction of a concept in a layer | some forty images, and others | its accuracy on examples left out | a background, a brightness: all in which the two sets differ |
# | TCAV | the class's output rises along it | a CAV, images of the class | random sets in the concept's place; Holm | runs that share images are not independent; a linear rest of the network |
# | maximisation | what excites a unit or class most | the network | images of the data beside it | without regularisers, it is noise |
# | dissection | which concept a unit detects | masks | permuted masks | concepts that cover much more or less than the unit marks |
# | slices | which images are wrong together | labels | the error rate of other groups | the worst of many groups looks bad by chance, too |
# | factorisation | concepts that nobody labelled | images of a class | the reconstruction's error | the parts have no names |
#
# A significant score says that the two sets of images differ in some respect, to which the class's output is sensitive. Whether this is
# the concept is decided by the control.
#
# **Read on**
#
# - G. Alain, Y. Bengio 2017, [Understanding intermediate layers using linear classifier
#   probes](https://arxiv.org/abs/1610.01644).
# - J. Hewitt, P. Liang 2019, [Designing and Interpreting Probes with Control
#   Tasks](https://arxiv.org/abs/1909.03368).
# - B. Kim, M. Wattenberg, J. Gilmer, C. Cai, J. Wexler, F. Viegas, R. Sayres 2018, [Interpretability Beyond Feature
#   Attribution: Quantitative Testing with Concept Activation Vectors](https://arxiv.org/abs/1711.11279).
# - D. Bau, B. Zhou, A. Khosla, A. Oliva, A. Torralba 2017, [Network Dissection: Quantifying Interpretability of Deep
#   Visual Representations](https://arxiv.org/abs/1704.05796).
# - C. Olah, A. Mordvintsev, L. Schubert 2017, [Feature Visualization](https://distill.pub/2017/feature-visualization/).
# - T. Fel and others 2023, [CRAFT: Concept Recursive Activation FacTorization for
#   Explainability](https://arxiv.org/abs/2211.10154).
# - J. Wenkmann, D. Garreau 2025, [On the Variability of Concept Activation Vectors](https://arxiv.org/abs/2509.24058).

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
