# %% [markdown] minutes=30
# ## Section: Would you delete data because of this?
#
# **You learn** to turn scores into a decision that you can defend. **Time:** {{ time }}.
#
# ### Task: would you delete data because of this?
#
# The answer is text: put it in place of YOUR ANSWER HERE and keep the first line of the cell. A
# person marks it, for the argument and not for its length.

# %% [markdown] nbgrader={"grade_id": "delete", "solution": true, "grade": true, "points": 4}
# <!-- answer: delete -->
# **Would you delete it?** ({{ points.delete }}, about ten sentences)
#
# A company trains a network on photographs that customers uploaded. It asks you for three decisions. Say for each what you would do
# with the images that influence scores point at (delete, show to a person, change nothing), by which score, and what you would
# measure before and after. Name at least one number or figure of *this notebook* in each (section {{ section.hunts }} has many).
#
# 1. Some labels seem to be wrong. May a program delete the ten per cent with the highest self-influence?
# 2. A customer found one image with a sticker to which the network gives an absurd answer. May a program delete the training images with
#    the highest scores for that image?
# 3. The network wrongly refused a customer. Her lawyer wants the name of the training image "that was responsible". What
#    do you answer?{{ if section.fragile and section.lds }} Think of section {{ section.fragile }} and of the scores of section {{ section.lds }}.{{ end }}
#
# ### BEGIN SOLUTION
# An answer:
#
# 1. No. Self-influence finds wrong labels several times as early as a random order, but its average precision is about 0.4 to 0.5, so
#    most of the first images are correctly labelled and only unusual: rare garments, and the border between shirts and
#    T-shirts. To delete them would take away what the network needs most, and more from rare groups. A person looks through the list from
#    the top and corrects labels; the plain loss finds about as many among the first two hundred and is cheaper, so it is the baseline. I would
#    measure the accuracy on a test set with checked labels before and after, per class, and against a control where as many random images
#    are corrected or removed.
# 2. Show a sample to a person, then remove them: here nearly all of the first 100 by Grad-Cos were poisoned, and a person can see the
#    square that they share. Self-influence would not have found them: the poison is redundant, so its loss is almost zero after a few epochs.
#    After the removal I train again and measure attack success, which has to fall to the level of a clean network, and clean accuracy.
#    A part of the poison is enough for the attack, so a list that is cut off too early does not help.
# 3. There is no such image. Leaving out a single one changes the output less than another seed does; the estimates depend on
#    damping and weight decay (rank correlations from about 0.1 to 0.7 with retraining), and the best method's LDS, 0.70, is far below 1. Proponents are
#    groups that pull together, and other methods name others. I would show several proponents and opponents, with the method and its LDS, and
#    as evidence retrain without the group, several seeds each, beside random groups. Nothing is deleted because of one score.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 4 points; half points are possible.
#
# - 1 point: wrong labels are not deleted unseen: the precision is too low (a number of the notebook), and unusual correct images would go; a
#   person looks or corrects. The plain loss is named as the baseline, or a control.
# - 1 point: the poison: a score from the triggered image, because self-influence (or the loss) misses it, *with the reason* (redundant, learned
#   early, gradient nearly zero); a person or a retraining confirms it by attack success.
# - 1 point: the single image: the answer denies that one image is responsible, or limits the claim, with a reason from the notebook (seeds, damping,
#   weight decay, LDS far from 1, methods that disagree).
# - 1 point: what is measured before and after in each case, with a control (random removal, several seeds, accuracy by class), and numbers or
#   figures of this notebook are named.
#
# "Delete" can be defended in the second case, and in the first one for a share that a person has looked at. Opinions without any
# figure of this notebook: at most 2 points.
# === END MARK SCHEME ===
