# %% [markdown]
# ## Section: Summary
#
# | method | minimises | needs of the model | one more image costs | you choose | beware |
# |---|---|---|---|---|---|
# | closed form | the distance, exactly | to be linear | nothing | distance, free features | linear models only |
# | Wachter | $\lambda (p_t - y)^2 + d$ | gradients (as here) | a search | distance, $y$ | looks like an adversarial example |
# | prototypes | elastic net, autoencoder, prototype | gradients (as here) | a search | $\beta, \gamma, \theta, K$ | the class as the encoder represents it |
# | reinforcement | nothing: an actor was trained | predictions | one pass | the reward, $\alpha$ | blurred by the decoder; one actor a model |
#
# A counterfactual is a statement about the *model*, not about the world: it says what would change
# the prediction, not what would change the garment. And there are many for one input; showing one
# is a choice, which a small change of the input may change.
#
# **Read on**
#
# - S. Wachter, B. Mittelstadt, C. Russell 2017, [Counterfactual Explanations without Opening the Black
#   Box](https://arxiv.org/abs/1711.00399).
# - A. Van Looveren, J. Klaise 2019, [Interpretable Counterfactual Explanations Guided by
#   Prototypes](https://arxiv.org/abs/1907.02584).
# - R.-F. Samoilescu, A. Van Looveren, J. Klaise 2021, [Model-agnostic and Scalable Counterfactual
#   Explanations via Reinforcement Learning](https://arxiv.org/abs/2106.02597).
# - R. K. Mothilal, A. Sharma, C. Tan 2020, [Explaining Machine Learning Classifiers through Diverse
#   Counterfactual Explanations](https://arxiv.org/abs/1905.07697).
# - D. Slack, S. Hilgard, H. Lakkaraju, S. Singh 2021, [Counterfactual Explanations Can Be
#   Manipulated](https://arxiv.org/abs/2106.02666).
# - S. Verma et al. 2020, [Counterfactual Explanations and Algorithmic Recourses for Machine Learning: A
#   Review](https://arxiv.org/abs/2010.10596).
# - C. Molnar, [Interpretable Machine Learning](https://christophm.github.io/interpretable-ml-book/), the
#   chapter on counterfactual explanations.

# %% [markdown]
# ## Hand in
#
# Save the notebook, then run the cell below. It reads the saved file as grading does and says what
# grading will not find, leaves out or cannot run, with what to do. In a terminal `python -m xaikit
# check 05_counterfactuals.ipynb` does the same.
#
# `checks.rehearse("05_counterfactuals.ipynb")`, in a cell of your own, runs the saved file as
# grading will: from the top, in a fresh process. It takes about as long as *Run All*, and changes
# neither your file nor your kernel. What you hand in is the file `05_counterfactuals.ipynb` itself.

# %% tags=["hand-in"]
checks.upload("05_counterfactuals.ipynb")
