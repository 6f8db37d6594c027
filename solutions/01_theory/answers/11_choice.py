# %% [markdown] answer="triage" kind="alternative"
# <!-- answer: triage -->
# Nurse: a counterfactual in one line ("with oxygen saturation above 94 % the prediction would have
# been: no intensive care"). Purpose: justify. It is understood at once and true of the model, takes
# a short search over 25 features, and needs a list of features that may change. It may mislead as a
# treatment goal, so the wording says "the model would have", and we show two different ones.
#
# Board: a scoring rule with ten integer weights in place of the ensemble. Purpose: trust. Fidelity
# is perfect because it is the model, everybody can read it, it costs no time, but it takes months
# to build and validate and perhaps some accuracy. It may mislead by looking more certain than it
# is: we report its calibration in each group of patients.
