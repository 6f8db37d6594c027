# %% [markdown]
# ## Section: Summary
#
# | attack | may change | knows | cost an image | finds | beware |
# |---|---|---|---|---|---|
# | random signs | all pixels by ε | nothing | 1 forward | little: the control | – |
# | FGSM | all pixels by ε | gradient | 1 forward + 1 backward | the optimum of a linear model of two classes | one gradient for the whole step |
# | PGD | the ball, any norm | gradient | starts × steps × (forward + backward) | more, until more steps and starts change nothing | project around the original; a failure is no proof |
# | on the margin | the same | gradient of the logits | the same | also where the softmax is saturated | – |
# | transfer | the same | another network | that of the other network | less, without access | compare with noise of equal length on the same network |
# | queries (SimBA) | some pixels by ε | probabilities | hundreds of forwards | without any gradient | finds nothing where the probability is saturated |
# | patch | a small square, by anything | gradient | steps × places | much, visibly | the place matters |
# | universal patch | the same square of all images | gradient, other images | once for all | less per image, more in the world | judge it on unseen images |
#
# | question | measure | control |
# |---|---|---|
# | does the attack work? | success rate among images that were right, with its interval | noise of the same size |
# | does it transfer? | accuracy of the other network | noise of equal Euclidean length, image by image |
# | is the network robust? | robust accuracy against ε, down to zero | attack on the margin, transfer, queries, ε = 1 |
# | does the map change? | rank correlation, target fixed | a harmless patch |
# | does the map find the patch? | positive mass inside, target fixed | the area; a harmless patch |
# | is the defence worth it? | robust *and* clean accuracy | an attack that it was not trained on |
#
# **Read on**
#
# - N. Carlini et al. 2019, [On Evaluating Adversarial
#   Robustness](https://arxiv.org/abs/1902.06705): a check list for authors of a defence.
# - F. Croce and M. Hein 2020, [Reliable evaluation of adversarial robustness with an ensemble of diverse
#   parameter-free attacks](https://arxiv.org/abs/2003.01690): AutoAttack, the usual standard.
# - A. Ilyas et al. 2019, [Adversarial Examples Are Not Bugs, They Are
#   Features](https://arxiv.org/abs/1905.02175): why do they exist, and why do they transfer?
# - J. Cohen, E. Rosenfeld and Z. Kolter 2019, [Certified Adversarial Robustness via Randomized
#   Smoothing](https://arxiv.org/abs/1902.02918): a defence with a proof, in the Euclidean norm.
# - A. Subramanya, V. Pillai and H. Pirsiavash 2019, [Fooling Network Interpretation in Image
#   Classification](https://arxiv.org/abs/1812.02843): patches on which Grad-CAM is small.

# %% [markdown]
# ## Hand in
#
# Save the notebook, then run the cell below. It reads the saved file as grading does and says what
# grading will not find, leaves out or cannot run, with what to do. In a terminal `python -m xaikit
# check 03_adversarial_attacks.ipynb` does the same.
#
# `checks.rehearse("03_adversarial_attacks.ipynb")`, in a cell of your own, runs the saved file as
# grading will: from the top, in a fresh process. It takes about as long as *Run All*, and changes
# neither your file nor your kernel. What you hand in is the file `03_adversarial_attacks.ipynb`
# itself.

# %% tags=["hand-in"]
checks.upload("03_adversarial_attacks.ipynb")
