# %% [markdown] minutes=20
# ## Section: Choose, and say why
#
# ### Task: an explanation for the emergency department
#
# A hospital plans to use a model for triage. From 25 numbers and yes/no facts (age, pulse, oxygen
# saturation, pain, how the patient arrived, …) a gradient-boosted ensemble predicts whether a patient
# will need intensive care. The nurse sees the prediction and has thirty seconds. The hospital's
# ethics board wants to know, before it agrees, on what the model bases its decisions.
#
# Recommend one explanation method for the nurse and one for the board; they may differ, and
# replacing the model by one that explains itself is among your options. For each say which
# **purpose** it serves, where it stands on **fidelity, understandability, construction effort and
# efficiency**, and name one way in which it could **mislead** its reader, with what you would do
# about that. About half a page.

# %% [markdown] nbgrader={"grade_id": "triage", "solution": true, "grade": true, "points": 5}
# <!-- answer: triage -->
# *Your recommendation (about half a page):*
#
# ### BEGIN SOLUTION
# For the nurse: TreeSHAP, the five largest contributions as signed bars beside the prediction. It
# serves justification and calibrated trust: is the prediction driven by facts that make sense for
# this patient? Fidelity is high (exact Shapley values of the ensemble), it takes milliseconds and is
# specific to trees, so efficiency is no concern; construction needs a background sample and wording
# that was tried out with nurses; understandability is fair: bars yes, the notion of a Shapley value
# no. It could mislead by being read as causal ("lower the pulse and the risk falls"), and
# correlated features share their credit in ways that depend on the background. I would label it
# "what the model looked at" and test in a study whether nurses overrule wrong predictions more often
# with it than without.
#
# For the board: fit an additive model of the same 25 features first (a generalised additive model
# with one curve a feature). If it is as accurate within its confidence interval, deploy that one:
# intrinsic, global, perfect fidelity, and curves can be read by physicians; that takes more effort
# to build. If it is not, distil the ensemble into a tree of depth four and report its fidelity on new
# patients, overall and for each group. The purpose is trust, and improvement where a curve is
# absurd, as when asthma seems to protect because asthma patients were treated at once (Caruana
# 2015). A surrogate misleads where it disagrees with the model, so its fidelity belongs beside it.
# ### END SOLUTION
#
# === BEGIN MARK SCHEME ===
# 1 point: both methods exist, fit tabular data and a tree ensemble, and are placed rightly (local
# for the nurse, global or intrinsic for the board). Grad-CAM on a table earns nothing here.
# 1 point: a purpose for each that fits the reader (justify or trust for the nurse, trust, improve
# or discover for the board), not merely named but tied to what the reader does with it.
# 1.5 points: the four trade-offs for each, half a point off for each that is missing or wrong.
# 1 point: a way to mislead that is specific to the chosen method (correlated features, causal
# reading, unstable sampling, low fidelity, baseline), not "it could be wrong".
# 0.5 points: a counter-measure that addresses just that.
# Any defended choice earns full marks, such as anchors, counterfactuals, or a scoring rule.
# === END MARK SCHEME ===
