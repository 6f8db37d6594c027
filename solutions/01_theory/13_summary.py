# %% [markdown]
# ## Summary
#
# | method | explains | needs | cost | adds up to | equal for equal functions? |
# |---|---|---|---|---|---|
# | gradient | local sensitivity | gradients | 1 forward + 1 backward | nothing in general | yes |
# | guided backpropagation | structure of the input, hardly the decision (Nie 2018) | gradients, ReLUs | 1 + 1 | nothing in general | no |
# | integrated gradients | contributions since the baseline | gradients, a baseline | steps × (1 + 1) | $f(x)-f(\bar x)$ | yes |
# | Shapley values | fair contributions | outputs; a baseline or data for what is absent | $2^d$ forward, or sampled | $v(N)-v(\emptyset)$ | yes, for the same baseline or data |
# | LRP-0, biases kept | contributions | layers | 1 + 1 | $f(x)$ less what biases absorb | yes: gradient × input |
# | z⁺, w² and zᴮ rules, LRP with biases ignored | contributions | layers | 1 + 1 | $f(x)$, if no denominator is 0 | no |
# | LIME | slopes of a local surrogate | outputs | samples × 1 forward | nothing in general | yes, for the same samples |
# | counterfactual | the nearest other decision | outputs, or gradients | an optimisation | – | yes, for the same search |
# | surrogate tree | the whole model, roughly | outputs, data | data × 1 forward, one fit | – (report the fidelity) | yes |
# | knockoffs | which features matter | data, their distribution | one training | – (bounds false discoveries) | – (explains data through a model) |
#
# **Remember.** A map is the answer to a precise question; know the question before you look at
# the map. Check a method where you know the answer, as you did here, before you trust it where you
# do not.
#
# ## Further reading
#
# - Purposes and evaluation: Doshi-Velez and Kim, *Towards a rigorous science of interpretable machine
#   learning* (2017); Lipton, *The mythos of model interpretability* (2018); Adadi and Berrada,
#   *Peeking inside the black-box* (2018); Samek et al., *Evaluating the visualization of what a deep
#   neural network has learned* (2017); Rudin, *Stop explaining black box machine learning models
#   for high stakes decisions* (2019).
# - Gradients: Baehrens et al., *How to explain individual classification decisions* (2010); Simonyan
#   et al., *Deep inside convolutional networks* (2014); Zeiler and Fergus, *Visualizing and
#   understanding convolutional networks* (2014); Springenberg et al., *Striving for simplicity*
#   (2015); Sundararajan et al., *Axiomatic attribution for deep networks* (2017); Adebayo et al.,
#   *Sanity checks for saliency maps* (2018); Nie et al., *A theoretical explanation for perplexing
#   behaviors of backpropagation-based visualizations* (2018).
# - Relevance: Bach et al., *On pixel-wise explanations for non-linear classifier decisions by
#   layer-wise relevance propagation* (2015); Montavon et al., *Explaining nonlinear classification
#   decisions with deep Taylor decomposition* (2017); Montavon et al., *Layer-wise relevance
#   propagation: an overview* (2019); Shrikumar et al., *Not just a black box* (2016); Ancona et al.,
#   *Towards better understanding of gradient-based attribution methods* (2018); Lapuschkin et al.,
#   *Unmasking Clever Hans predictors* (2019).
# - Shapley values and LIME: Shapley, *A value for n-person games* (1953); Lundberg and Lee, *A unified
#   approach to interpreting model predictions* (2017), with its errata; Janzing, Minorics and Blöbaum,
#   *Feature relevance quantification in explainable AI: a causal problem* (2020); Aas, Jullum and
#   Løland, *Explaining individual predictions when features are dependent* (2021); Chen et al., *True
#   to the model or true to the data?* (2020); Ribeiro et al., *"Why should I trust you?"* (2016).
# - Counterfactuals: Wachter et al., *Counterfactual explanations without opening the black box*
#   (2017); Ustun et al., *Actionable recourse in linear classification* (2019).
# - Surrogates: Craven and Shavlik, *Extracting tree-structured representations of trained networks*
#   (1996); Hinton et al., *Distilling the knowledge in a neural network* (2015); Caruana et al.,
#   *Intelligible models for healthcare* (2015).
# - Knockoffs: Barber and Candès, *Controlling the false discovery rate via knockoffs* (2015); Candès
#   et al., *Panning for gold* (2018); Lu et al., *DeepPINK* (2018).
# - Others in the map: Selvaraju et al., *Grad-CAM* (2017); Breiman, *Random forests* (2001); Erhan et
#   al., *Visualizing higher-layer features of a deep network* (2009); Manhaeve et al., *DeepProbLog*
#   (2018); Park et al., *Multimodal explanations* (2018); Hanawa et al., *Evaluation of
#   similarity-based explanations* (2021); Baur and Strassen, *The complexity of partial derivatives*
#   (1983); Griewank and Walther, *Evaluating derivatives* (2008).

# %% [markdown]
# ## Hand in
#
# Save the notebook, then run the cell below. It reads the saved file as grading does and says what
# grading will not find, leaves out or cannot run, with what to do. In a terminal `python -m xaikit
# check 01_theory.ipynb` does the same.
#
# `checks.rehearse("01_theory.ipynb")`, in a cell of your own, runs the saved file as grading will:
# from the top, in a fresh process. It takes about as long as *Run All*, and changes neither your
# file nor your kernel. What you hand in is the file `01_theory.ipynb` itself.

# %% tags=["hand-in"]
checks.upload("01_theory.ipynb")
